/* Write tokens that other nodes gave us. Who shows one needs no padding (see protocol.md,
 * amplification). Small, and never more than a help: the oldest makes room. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dht/params.h"
#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"

struct token_cache {
    struct cached_token {
        uint32_t node; /* hash of its endpoint: a clash costs one wrong token */
        uint32_t got_s;
        uint8_t token[TOKEN_BYTES];
    } * tokens;
    uint8_t count, next;
};

void token_cache_init(struct token_cache *cache);
void token_cache_dispose(struct token_cache *cache);
void token_cache_add(struct token_cache *cache, const struct endpoint *node, struct bytes token,
                     uint64_t now_ms);
/* Empty: none. Borrowed until the next call that is not const. */
struct bytes token_cache_find(const struct token_cache *cache, const struct endpoint *node,
                              uint64_t now_ms);
void token_cache_trim(struct token_cache *cache, uint64_t now_ms); /* once all are too old */
