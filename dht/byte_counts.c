#include "dht/byte_counts.h"

#include <assert.h>
#include <stdlib.h>

enum { CAP_MIN = 8 };

void byte_counts_dispose(struct byte_counts *counts)
{
    free(counts->slots);
    *counts = (struct byte_counts){0};
}

/* The slot of the tag, or the empty one where it belongs. Tags are hashes: they need no other. */
static size_t slot_of(const struct byte_counts *counts, uint32_t tag)
{
    size_t at = tag & (counts->cap - 1);
    while (counts->slots[at].tag != 0 && counts->slots[at].tag != tag)
        at = (at + 1) & (counts->cap - 1);
    return at;
}

uint32_t byte_counts_of(const struct byte_counts *counts, uint32_t tag)
{
    return counts->cap == 0 || tag == 0 ? 0 : counts->slots[slot_of(counts, tag)].bytes;
}

static bool resize(struct byte_counts *counts, size_t cap)
{
    struct byte_counts resized = {calloc(cap, sizeof *resized.slots), cap, counts->used};
    if (resized.slots == NULL)
        return false;
    for (size_t i = 0; i < counts->cap; i++)
        if (counts->slots[i].tag != 0)
            resized.slots[slot_of(&resized, counts->slots[i].tag)] = counts->slots[i];
    free(counts->slots);
    *counts = resized;
    return true;
}

bool byte_counts_add(struct byte_counts *counts, uint32_t tag, uint32_t bytes)
{
    if (tag == 0 || bytes == 0)
        return true;
    if (counts->used + 1 > counts->cap / 4 * 3 &&
        !resize(counts, counts->cap == 0 ? CAP_MIN : 2 * counts->cap))
        return false;
    struct byte_count *slot = &counts->slots[slot_of(counts, tag)];
    counts->used += slot->tag == 0;
    slot->tag = tag;
    slot->bytes += bytes;
    return true;
}

/* Moves counts that probing would no longer reach back over the gap at `gap`. */
static void close_gap(struct byte_counts *counts, size_t gap)
{
    size_t mask = counts->cap - 1, at = gap;
    counts->slots[gap] = (struct byte_count){0};
    while (counts->slots[at = (at + 1) & mask].tag != 0) {
        size_t home = counts->slots[at].tag & mask;
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        counts->slots[gap] = counts->slots[at];
        counts->slots[at] = (struct byte_count){0};
        gap = at;
    }
}

void byte_counts_take(struct byte_counts *counts, uint32_t tag, uint32_t bytes)
{
    if (tag == 0 || bytes == 0)
        return;
    size_t at = slot_of(counts, tag);
    assert(counts->slots[at].bytes >= bytes);
    counts->slots[at].bytes -= bytes;
    if (counts->slots[at].bytes > 0)
        return;
    counts->used--;
    close_gap(counts, at);
    if (counts->cap > CAP_MIN && counts->used < counts->cap / 8)
        resize(counts, counts->cap / 4 < CAP_MIN ? CAP_MIN : counts->cap / 4);
}

size_t byte_counts_memory(const struct byte_counts *counts)
{
    return counts->cap * sizeof *counts->slots;
}

uint64_t byte_counts_sum(const struct byte_counts *counts)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < counts->cap; i++)
        sum += counts->slots[i].bytes;
    return sum;
}
