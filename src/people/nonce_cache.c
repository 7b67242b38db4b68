#include <stdlib.h>

#include "people/channel_auth.h"

/* A ring, newest last. Only nonces of identities that fit get here, so who fills it knows a
 * group's keys or has copied that many ClientHellos within minutes. */
enum {
    NONCE_BYTES = 16,
    NONCE_CACHE_MAX = 4096, /* 8 calls of each of 512 members */
    NONCE_LIFE_S = 4 * 60,  /* an identity fits three minutes, by clocks that stand still */
};

struct nonce_cache {
    size_t next, count;
    struct seen {
        uint8_t nonce[NONCE_BYTES];
        uint64_t time_unix_s;
    } seen[NONCE_CACHE_MAX];
};

struct nonce_cache *nonce_cache_new(void)
{
    return calloc(1, sizeof(struct nonce_cache));
}

void nonce_cache_free(struct nonce_cache *cache)
{
    free(cache);
}

static const struct seen *newest(const struct nonce_cache *cache, size_t age)
{
    return &cache->seen[(cache->next + NONCE_CACHE_MAX - 1 - age) % NONCE_CACHE_MAX];
}

static const struct seen *oldest(const struct nonce_cache *cache)
{
    return newest(cache, cache->count - 1);
}

/* Those whose identity fits no more. A clock that was set back only keeps them longer. */
static void forget_old(struct nonce_cache *cache, uint64_t now_unix_s)
{
    while (cache->count > 0 && now_unix_s > oldest(cache)->time_unix_s + NONCE_LIFE_S)
        cache->count--;
}

bool nonce_cache_add(struct nonce_cache *cache, const uint8_t nonce[16], uint64_t now_unix_s)
{
    forget_old(cache, now_unix_s);
    for (size_t age = 0; age < cache->count; age++)
        if (memcmp(newest(cache, age)->nonce, nonce, NONCE_BYTES) == 0)
            return false;
    struct seen *place = &cache->seen[cache->next];
    memcpy(place->nonce, nonce, NONCE_BYTES);
    place->time_unix_s = now_unix_s;
    cache->next = (cache->next + 1) % NONCE_CACHE_MAX;
    if (cache->count < NONCE_CACHE_MAX)
        cache->count++;
    return true;
}
