#include "content/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* One code point at `at`. Returns its length in bytes; 0: invalid UTF-8. */
static size_t next_rune(const char *text, size_t len, size_t at, int32_t *rune)
{
    utf8proc_ssize_t got =
        utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(len - at), rune);
    return got > 0 ? (size_t)got : 0;
}

static bool is_space(int32_t rune)
{
    utf8proc_category_t category = utf8proc_category(rune);
    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP || (rune >= '\t' && rune <= '\r') || rune == 0x85;
}

/* In place: a space is never longer than what it stands for. */
static void squeeze_spaces(char *text)
{
    size_t len = strlen(text), kept = 0;
    bool pending = false;
    int32_t rune;
    for (size_t at = 0, size; at < len; at += size) {
        size = next_rune(text, len, at, &rune);
        if (size == 0)
            break;
        if (is_space(rune)) {
            pending = kept > 0;
            continue;
        }
        if (pending)
            text[kept++] = ' ';
        pending = false;
        memmove(text + kept, text + at, size);
        kept += size;
    }
    text[kept] = 0;
}

static char *fold(const char *name)
{
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)name, 0, &folded,
                                        UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE |
                                            UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
    return len < 0 ? NULL : (char *)folded;
}

enum status names_normalize(const char *name, char **out)
{
    char *normal = fold(name);
    if (normal == NULL)
        return STATUS_MALFORMED;
    squeeze_spaces(normal);
    if (normal[0] == 0) {
        free(normal);
        return STATUS_MALFORMED;
    }
    *out = normal;
    return STATUS_OK;
}

static bool is_word_rune(int32_t rune, bool inside)
{
    switch (utf8proc_category(rune)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return inside;
    default:
        return false;
    }
}

static void add_word(struct names_words *words, const char *text, size_t len)
{
    if (len < 2 || len > NAMES_WORD_BYTES_MAX || words->count == NAMES_WORDS_MAX)
        return;
    for (size_t i = 0; i < words->count; i++)
        if (strlen(words->words[i]) == len && memcmp(words->words[i], text, len) == 0)
            return;
    memcpy(words->words[words->count], text, len);
    words->words[words->count++][len] = 0;
}

void names_split_words(const char *normal_name, struct names_words *out)
{
    size_t len = strlen(normal_name), start = 0;
    bool inside = false;
    out->count = 0;
    for (size_t at = 0, size; at < len; at += size) {
        int32_t rune;
        size = next_rune(normal_name, len, at, &rune);
        bool part = size > 0 && is_word_rune(rune, inside);
        size = size > 0 ? size : 1;
        if (part && !inside)
            start = at;
        if (!part && inside)
            add_word(out, normal_name + start, at - start);
        inside = part;
    }
    if (inside)
        add_word(out, normal_name + start, len - start);
}

bool names_is_utf8(const char *text, size_t len)
{
    int32_t rune;
    for (size_t at = 0, size; at < len; at += size) {
        size = next_rune(text, len, at, &rune);
        if (size == 0)
            return false;
    }
    return true;
}

size_t names_escape(const char *text, size_t len, char *out, size_t cap)
{
    static const char digits[] = "0123456789abcdef";
    bool escape = !names_is_utf8(text, len);
    size_t done = 0;
    for (size_t at = 0, size; at < len; at += size) {
        int32_t rune;
        size = next_rune(text, len, at, &rune);
        bool coded = size == 0 || (escape && text[at] == '%');
        size_t needed = coded ? NAMES_ESCAPE_BYTES : size;
        if (needed > cap - done)
            return 0;
        if (coded) {
            unsigned char byte = (unsigned char)text[at];
            const char code[NAMES_ESCAPE_BYTES] = {'%', digits[byte >> 4], digits[byte & 15]};
            memcpy(out + done, code, sizeof code);
            size = 1;
        } else {
            memcpy(out + done, text + at, size);
        }
        done += needed;
    }
    return done;
}

bool names_is_safe_part(const char *part, size_t len)
{
    if (len == 0 || len > NAMES_PART_BYTES_MAX || (len == 1 && part[0] == '.') ||
        (len == 2 && part[0] == '.' && part[1] == '.'))
        return false;
    for (size_t at = 0, size; at < len; at += size) {
        int32_t rune;
        size = next_rune(part, len, at, &rune);
        if (size == 0 || rune == '/' || utf8proc_category(rune) == UTF8PROC_CATEGORY_CC)
            return false;
    }
    return true;
}

/* Marks, embeddings, overrides and isolates: they reorder what stands around them. */
static bool is_bidi_control(int32_t rune)
{
    return rune == 0x61c || rune == 0x200e || rune == 0x200f ||
           (rune >= 0x202a && rune <= 0x202e) || (rune >= 0x2066 && rune <= 0x2069);
}

char *names_printable(const char *text, size_t len)
{
    char *out = malloc(len + 1);
    if (out == NULL)
        return NULL;
    size_t kept = 0;
    for (size_t at = 0, size; at < len; at += size) {
        int32_t rune;
        size = next_rune(text, len, at, &rune);
        if (size == 0 || rune == 0x2028 || rune == 0x2029 ||
            utf8proc_category(rune) == UTF8PROC_CATEGORY_CC) {
            out[kept++] = '?';
            size = size > 0 ? size : 1;
        } else if (!is_bidi_control(rune)) {
            memcpy(out + kept, text + at, size);
            kept += size;
        }
    }
    out[kept] = 0;
    return out;
}
