/* Lookups whose nodes have letters for names. */
#pragma once

#include "dht/lookup.h"
#include "support/unit.h"

/* The target is 00…; node n has the id n…, and so is at distance n. */
static inline struct id id_of(uint8_t n)
{
    return (struct id){.bytes = {n}};
}

static inline struct endpoint endpoint_of(uint8_t n)
{
    return (struct endpoint){.family = ENDPOINT_IPV4, .addr = {10, 0, 0, n}, .port = 1000};
}

static inline bool add(struct lookup *lookup, uint8_t n)
{
    struct id id = id_of(n);
    struct endpoint endpoint = endpoint_of(n);
    return lookup_add(lookup, &id, &endpoint, 0);
}

static inline struct lookup lookup_of(struct lookup_config config, const char *nodes)
{
    struct lookup lookup;
    struct id target = id_of(0);
    lookup_init(&lookup, &target, &config);
    for (const char *n = nodes; *n != 0; n++)
        assert_true(add(&lookup, (uint8_t)*n));
    return lookup;
}

static inline struct lookup lookup_with(uint8_t k, uint8_t alpha, const char *nodes)
{
    struct lookup_config config = {.k = k, .alpha = alpha, .start = 2 * alpha, .paths = 1};
    return lookup_of(config, nodes);
}

/* All it would ask now, as a string of the ids' first bytes. */
static inline const char *asked(struct lookup *lookup)
{
    static char text[64];
    size_t len = 0;
    for (const struct lookup_node *node; (node = lookup_next(lookup)) != NULL;)
        text[len++] = (char)node->id.bytes[0];
    text[len] = 0;
    assert_true(lookup_valid(lookup));
    return text;
}

static inline void answer(struct lookup *lookup, const char *nodes)
{
    for (const char *n = nodes; *n != 0; n++) {
        struct id id = id_of((uint8_t)*n);
        lookup_answered(lookup, &id);
    }
}

static inline void answer_naming(struct lookup *lookup, char who, const char *named)
{
    struct id by = id_of((uint8_t)who);
    for (const char *n = named; *n != 0; n++) {
        struct id id = id_of((uint8_t)*n);
        struct endpoint endpoint = endpoint_of((uint8_t)*n);
        lookup_hear(lookup, &by, &id, &endpoint, 0);
    }
    lookup_answered(lookup, &by);
}
