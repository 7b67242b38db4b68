#include "dht/token_cache.h"

#include <stdlib.h>
#include <string.h>

#include "kadpeer/siphash.h"

void token_cache_init(struct token_cache *cache)
{
    *cache = (struct token_cache){0};
}

void token_cache_dispose(struct token_cache *cache)
{
    free(cache->tokens);
    token_cache_init(cache);
}

static uint32_t node_hash(const struct endpoint *node)
{
    static const uint8_t key[16];
    uint8_t compact[ENDPOINT_COMPACT_MAX];
    return (uint32_t)siphash(key, bytes_of(compact, endpoint_to_compact(node, compact)));
}

static struct cached_token *find(const struct token_cache *cache, uint32_t node)
{
    for (size_t i = 0; i < cache->count; i++)
        if (cache->tokens[i].node == node)
            return &cache->tokens[i];
    return NULL;
}

static struct cached_token *make_room(struct token_cache *cache)
{
    if (cache->tokens == NULL)
        cache->tokens = malloc(TOKEN_CACHE_MAX * sizeof *cache->tokens);
    if (cache->tokens == NULL)
        return NULL;
    if (cache->count < TOKEN_CACHE_MAX)
        return &cache->tokens[cache->count++];
    struct cached_token *oldest = &cache->tokens[cache->next];
    cache->next = (uint8_t)((cache->next + 1) % TOKEN_CACHE_MAX);
    return oldest;
}

void token_cache_add(struct token_cache *cache, const struct endpoint *node, struct bytes token,
                     uint64_t now_ms)
{
    if (token.len != TOKEN_BYTES)
        return;
    uint32_t hash = node_hash(node);
    struct cached_token *place = find(cache, hash);
    if (place == NULL)
        place = make_room(cache);
    if (place == NULL)
        return;
    *place = (struct cached_token){.node = hash, .got_s = (uint32_t)(now_ms / 1000)};
    memcpy(place->token, token.data, TOKEN_BYTES);
}

static bool is_old(const struct cached_token *token, uint64_t now_ms)
{
    return now_ms / 1000 >= token->got_s + TOKEN_CACHE_AGE_MS / 1000;
}

struct bytes token_cache_find(const struct token_cache *cache, const struct endpoint *node,
                              uint64_t now_ms)
{
    const struct cached_token *token = find(cache, node_hash(node));
    if (token == NULL || is_old(token, now_ms))
        return (struct bytes){0};
    return bytes_of(token->token, TOKEN_BYTES);
}

void token_cache_trim(struct token_cache *cache, uint64_t now_ms)
{
    for (size_t i = 0; i < cache->count; i++)
        if (!is_old(&cache->tokens[i], now_ms))
            return;
    token_cache_dispose(cache);
}
