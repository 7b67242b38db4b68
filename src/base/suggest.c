#include "base/suggest.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 64 /* bytes; keys and verbs are shorter */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

/* A third of the letters may be wrong, one in short words. */
struct suggestion suggestion_for(const char *word)
{
    return (struct suggestion){.word = word, .distance = strlen(word) / 3 + 2};
}

void suggestion_try(struct suggestion *suggestion, const char *candidate)
{
    size_t distance = suggest_distance(suggestion->word, candidate);
    if (distance < suggestion->distance && distance < strlen(candidate)) {
        suggestion->best = candidate;
        suggestion->distance = distance;
    }
}
