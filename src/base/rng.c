#include "kadpeer/rng.h"

#include <string.h>

#include "kadpeer/siphash.h"

void rng_init(struct rng *rng, const uint8_t key[16])
{
    memcpy(rng->key, key, sizeof rng->key);
    rng->counter = 0;
}

void rng_init_seed(struct rng *rng, uint64_t seed)
{
    uint8_t key[16] = {0};
    write_u64(key, seed);
    rng_init(rng, key);
}

uint64_t rng_u64(struct rng *rng)
{
    uint8_t counter[8];
    write_u64(counter, rng->counter++);
    return siphash(rng->key, bytes_of(counter, sizeof counter));
}

uint32_t rng_u32(struct rng *rng)
{
    return (uint32_t)(rng_u64(rng) >> 32);
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    if (bound == 0)
        return 0;
    uint64_t first_even =
        -bound % bound; /* 2^64 mod bound: values below it would be one too many */
    for (;;) {
        uint64_t value = rng_u64(rng);
        if (value >= first_even)
            return value % bound;
    }
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

void rng_fill(struct rng *rng, void *out, size_t len)
{
    uint8_t *p = out;
    while (len > 0) {
        uint64_t value = rng_u64(rng);
        size_t take = len < sizeof value ? len : sizeof value;
        memcpy(p, &value, take);
        p += take;
        len -= take;
    }
}
