/* "Did you mean": the nearest of a set of known words. */
#pragma once

#include <stddef.h>

/* Edits (a letter put in, left out, changed, or two neighbours swapped) from one to the other;
 * words over 64 bytes count as far from everything. O(a x b). */
size_t suggest_distance(const char *a, const char *b);

/* Tried one candidate after the other: the best so far is kept.
 *     struct suggestion nearest = suggestion_for("statsu");
 *     for (…) suggestion_try(&nearest, name);
 *     nearest.best                                          NULL: none is near */
struct suggestion {
    const char *word;
    const char *best;
    size_t distance; /* candidates must be nearer than this */
};
struct suggestion suggestion_for(const char *word);
void suggestion_try(struct suggestion *suggestion, const char *candidate);
