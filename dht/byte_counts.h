/* Bytes held per source or signer, by tag: exact counts in 8 to 32 bytes a tag. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_count {
    uint32_t tag;   /* 0: empty */
    uint32_t bytes; /* never 0 in use */
};

struct byte_counts {
    struct byte_count *slots; /* open addressing; NULL: empty */
    size_t cap, used;         /* cap: a power of two, or 0 */
};

void byte_counts_dispose(struct byte_counts *counts); /* all zeroes is the start */
uint32_t byte_counts_of(const struct byte_counts *counts, uint32_t tag);

/* False: no memory, nothing has changed. Tag 0 is nobody: true, and not counted. */
bool byte_counts_add(struct byte_counts *counts, uint32_t tag, uint32_t bytes);
void byte_counts_take(struct byte_counts *counts, uint32_t tag,
                      uint32_t bytes); /* what was added */

size_t byte_counts_memory(const struct byte_counts *counts);
uint64_t byte_counts_sum(const struct byte_counts *counts); /* of all tags; O(cap) */
