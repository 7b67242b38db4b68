/* SHA-1 of several byte runs side by side, for when there are several pieces to hash: one run alone
 * leaves most of a CPU idle, each step waits for the one before it [FIPS 180-4, 6.1.2].
 *
 * Each digest is a lane. Up to 16 share the 32-bit parts of wide registers (AVX-512, or 8 with
 * AVX2), or up to 4 take turns at the CPU's own SHA instructions; one that is left alone is
 * libcrypto's. What the CPU can do is asked at run time; what is best for how many lanes was
 * measured (`tools/bench hash`). Nothing is allocated. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/id.h"

#define SHA1_LANES       16u
#define SHA1_BLOCK_BYTES 64u

/* ---- all at once ---- */

/* out[i] is the SHA-1 of runs[i]; any number of them, of any lengths. */
void sha1_of_each(const struct bytes runs[], size_t count, struct id out[]);

/* ---- bit by bit ---- */

struct sha1_lane {
    uint32_t h[5];
    uint64_t len;                   /* bytes taken so far */
    uint8_t rest[SHA1_BLOCK_BYTES]; /* the last len % 64 of them */
};

/* Not shared between threads. */
struct sha1_lanes {
    unsigned kernels;
    struct sha1_lane lane[SHA1_LANES];
};

void sha1_lanes_init(struct sha1_lanes *lanes);
/* Lane i goes on with parts[i], i < count; empty ones cost nothing. Parts as long as each other,
 * and of whole blocks, are the fastest. */
void sha1_lanes_update(struct sha1_lanes *lanes, const struct bytes parts[], size_t count);
/* The digests of the first `count` lanes, which start anew. */
void sha1_lanes_finish(struct sha1_lanes *lanes, size_t count, struct id out[]);

/* ---- what there is to compute with ---- */

enum sha1_kernels {
    SHA1_KERNEL_NI = 1,     /* the SHA instructions */
    SHA1_KERNEL_AVX2 = 2,   /* 8 lanes */
    SHA1_KERNEL_AVX512 = 4, /* 16 lanes */
};

/* Of this CPU. 0: libcrypto alone. */
unsigned sha1_lanes_kernels(void);
/* As many lanes as are worth filling: more are no faster. 1: side by side gains nothing. */
size_t sha1_lanes_wanted(void);
/* For tests and measurements: a part of what the CPU has, from sha1_lanes_init on. */
void sha1_lanes_limit(struct sha1_lanes *lanes, unsigned kernels);
