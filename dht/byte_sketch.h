/* About how many bytes each source holds, by tag, in memory that does not grow with the sources: a
 * count-min sketch (Cormode, Muthukrishnan 2005) of four rows.
 *
 * Never too little; too much where in every row another tag has the same cell, which nobody can
 * bring about, for tags are keyed hashes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_sketch {
    uint32_t *cells; /* a row after the other; NULL: nothing is counted */
    uint32_t width;  /* of a row; a power of two */
};

bool byte_sketch_init(struct byte_sketch *sketch, uint32_t width); /* false: no memory */
void byte_sketch_dispose(struct byte_sketch *sketch);              /* all zeroes is fine */

/* Tag 0 is nobody: nothing is counted. */
void byte_sketch_add(struct byte_sketch *sketch, uint32_t tag, uint32_t bytes);
void byte_sketch_take(struct byte_sketch *sketch, uint32_t tag, uint32_t bytes); /* once added */
uint32_t byte_sketch_of(const struct byte_sketch *sketch, uint32_t tag);

size_t byte_sketch_memory(const struct byte_sketch *sketch);
uint64_t
byte_sketch_sum(const struct byte_sketch *sketch); /* of all tags; UINT64_MAX: rows differ */
