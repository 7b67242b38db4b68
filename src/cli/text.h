/* Numbers, times and strangers' words as people read them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_SIZE 32 /* bytes any number below needs, with the final zero */

/* "812 B", "9.5 KiB", "256 KiB", "1.9 MiB". Negative, as for unknown: "-". */
const char *text_bytes(char out[TEXT_SIZE], double bytes);
/* The same without ".0": for sizes of pieces, "16 MiB". */
const char *text_piece_length(char out[TEXT_SIZE], double bytes);
/* "0.8/1.9 MiB": both in the unit of the second. */
const char *text_part(char out[TEXT_SIZE], double part, double whole);
const char *text_rate(char out[TEXT_SIZE], double bytes_per_second); /* "-" when 0 or less */
/* "1s", "5m11s", "2h03m", "3d04h"; negative: "-". */
const char *text_duration(char out[TEXT_SIZE], double seconds);
const char *text_elapsed(char out[TEXT_SIZE], double seconds); /* "1.3s" below a minute */
/* Whole percent, 100 only when all is there; `whole` 0 or less: "-". */
const char *text_percent(char out[TEXT_SIZE], double part, double whole);
const char *text_short_hash(char out[TEXT_SIZE], const char *hex); /* "5f0c...9e21" */
/* "1 node", "2 nodes". */
const char *text_count(char out[TEXT_SIZE], int64_t count, const char *one, const char *many);

/* Cells a terminal needs for it: wide characters two, combining marks none. */
size_t text_width(const char *text);
/* Cut to `cells` with "..." at the end where it was longer. Allocates. */
char *text_fit(const char *text, size_t cells);
/* Safe on a terminal (names_printable). Allocates; never NULL: without memory the program ends. */
char *text_printable(const char *text);

#define TEXT_QUOTED_SIZE 1100
/* As one word of a shell, and of ours: in single quotes where it needs any; cut where it is too
 * long. */
const char *text_quoted(char out[TEXT_QUOTED_SIZE], const char *text);

/* The last part of a path. */
const char *text_basename(const char *path);
