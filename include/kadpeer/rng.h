/* Random numbers from a seed: SipHash over a counter. Who sees some of the output can't tell the
 * rest; the same seed gives the same run in a simulation. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint8_t key[16];
    uint64_t counter;
};

void rng_init(struct rng *rng, const uint8_t key[16]);
void rng_init_seed(struct rng *rng, uint64_t seed); /* tests and simulations */
uint32_t rng_u32(struct rng *rng);
uint64_t rng_u64(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* 0 … bound-1, unbiased; bound 0 gives 0 */
double rng_unit(struct rng *rng);                    /* [0, 1) */
void rng_fill(struct rng *rng, void *out, size_t len);
