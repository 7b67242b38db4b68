/* What sha1_lanes.c and its kernels, a file for each kind of instructions, have in common. */
#pragma once

#include "base/sha1_lanes.h"

/* Column i is the state of lane i. */
struct sha1_columns {
    _Alignas(64) uint32_t h[5][SHA1_LANES];
};

/* Each takes `blocks` blocks of data[i] into column i, for as many lanes as it has: none of the
 * pointers may be NULL. Only to be called where the CPU has the instructions. */
typedef void sha1_kernel(struct sha1_columns *columns, const uint8_t *const data[], size_t blocks);

sha1_kernel sha1_ni_2, sha1_ni_3, sha1_ni_4, sha1_avx2_8, sha1_avx512_16;
