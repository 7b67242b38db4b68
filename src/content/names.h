/* Names as people type them and as keys want them: docs/protocol.md section 2. Unicode by utf8proc.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kadpeer/status.h"

#define NAMES_PART_BYTES_MAX 255 /* NAME_MAX of Linux file systems */
#define NAMES_WORDS_MAX      16
#define NAMES_WORD_BYTES_MAX 40

/* NFKC, case folded, white space runs to one space, ends trimmed. Allocates *out; free() it.
 * STATUS_MALFORMED: not UTF-8, or nothing left. */
enum status names_normalize(const char *name, char **out);

struct names_words {
    char words[NAMES_WORDS_MAX][NAMES_WORD_BYTES_MAX + 1];
    size_t count;
};

/* The words of a normal name: split where neither letter nor digit (combining marks stay with their
 * letter), 2 to 40 bytes, at most 16, no repeats. */
void names_split_words(const char *normal_name, struct names_words *out);

/* One path part that is safe to create: not empty, ".", "..", without '/', NUL, control characters;
 * valid UTF-8; at most 255 bytes. */
bool names_is_safe_part(const char *part, size_t len);

/* A name that is not UTF-8 as one that is, different for each: nobody has said its encoding, so '%'
 * and each byte that belongs to no letter become "%xx". UTF-8 stays as it is. Returns the length,
 * without a NUL; 0: `cap` is too little. */
size_t names_escape(const char *text, size_t len, char *out, size_t cap);
#define NAMES_ESCAPE_BYTES 3 /* at most, for each byte */

bool names_is_utf8(const char *text, size_t len);

/* Makes any text safe to show on a terminal: control characters and invalid bytes become '?',
 * bidirectional overrides are dropped. Allocates; NULL: no memory. */
char *names_printable(const char *text, size_t len);
