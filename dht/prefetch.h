/* A hint to the processor, for who drives more nodes than a cache holds: what is needed soon comes
 * while something else is done. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PREFETCH_LINE 64

static inline void prefetch(const void *data, size_t len)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < len; i += PREFETCH_LINE)
        __builtin_prefetch(at + i);
}
