#include "dht/byte_sketch.h"

#include <assert.h>
#include <stdlib.h>

enum { ROWS = 4 };

bool byte_sketch_init(struct byte_sketch *sketch, uint32_t width)
{
    *sketch = (struct byte_sketch){.cells = calloc(ROWS * (size_t)width, sizeof *sketch->cells),
                                   .width = width};
    if (sketch->cells == NULL)
        sketch->width = 0;
    return sketch->cells != NULL;
}

void byte_sketch_dispose(struct byte_sketch *sketch)
{
    free(sketch->cells);
    *sketch = (struct byte_sketch){0};
}

/* Its cell of a row. Two hashes make as many as there are rows (Kirsch, Mitzenmacher 2006). */
static uint32_t *cell_of(const struct byte_sketch *sketch, uint32_t tag, uint32_t row)
{
    uint32_t other = (uint32_t)(tag * 0x9e3779b97f4a7c15u >> 32); /* 2^64 / golden ratio */
    uint32_t at = (tag + row * (other | 1)) & (sketch->width - 1);
    return &sketch->cells[row * sketch->width + at];
}

void byte_sketch_add(struct byte_sketch *sketch, uint32_t tag, uint32_t bytes)
{
    if (sketch->cells == NULL || tag == 0)
        return;
    for (uint32_t row = 0; row < ROWS; row++)
        *cell_of(sketch, tag, row) += bytes;
}

void byte_sketch_take(struct byte_sketch *sketch, uint32_t tag, uint32_t bytes)
{
    if (sketch->cells == NULL || tag == 0)
        return;
    assert(byte_sketch_of(sketch, tag) >= bytes);
    for (uint32_t row = 0; row < ROWS; row++)
        *cell_of(sketch, tag, row) -= bytes;
}

uint32_t byte_sketch_of(const struct byte_sketch *sketch, uint32_t tag)
{
    if (sketch->cells == NULL || tag == 0)
        return 0;
    uint32_t least = UINT32_MAX;
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t cell = *cell_of(sketch, tag, row);
        least = cell < least ? cell : least;
    }
    return least;
}

size_t byte_sketch_memory(const struct byte_sketch *sketch)
{
    return ROWS * (size_t)sketch->width * sizeof *sketch->cells;
}

uint64_t byte_sketch_sum(const struct byte_sketch *sketch)
{
    uint64_t sums[ROWS] = {0};
    for (size_t i = 0; i < ROWS * (size_t)sketch->width; i++)
        sums[i / sketch->width] += sketch->cells[i];
    for (size_t row = 1; row < ROWS; row++)
        if (sums[row] != sums[0])
            return UINT64_MAX;
    return sums[0];
}
