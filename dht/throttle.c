#include "dht/throttle.h"

#include <stdlib.h>

#include "dht/params.h"
#include "dht/prefetch.h"
#include "dht/source.h"
#include "dht/source_table.h"

/* A bucket of tokens as one number, the time at which it will be full again: a query moves that on
 * by the time one token takes, and is refused where it would be further off than a whole burst
 * (the "generic cell rate algorithm", ITU-T I.371). Time is in ticks of ten milliseconds. */
enum {
    TICK_MS = 10,
    ADDRESS_COST = 1000 / TICK_MS / THROTTLE_ADDRESS_PER_S, /* ticks that one token takes */
    NETWORK_COST = 1000 / TICK_MS / THROTTLE_NETWORK_PER_S,
    ADDRESS_HORIZON = ADDRESS_COST * THROTTLE_ADDRESS_BURST,
    NETWORK_HORIZON = NETWORK_COST * THROTTLE_NETWORK_BURST,
    PROOF_HORIZON = PROOF_LIFETIME_MS / TICK_MS,
};
_Static_assert(ADDRESS_COST *TICK_MS *THROTTLE_ADDRESS_PER_S == 1000, "whole ticks a token");
_Static_assert(NETWORK_COST *TICK_MS *THROTTLE_NETWORK_PER_S == 1000, "whole ticks a token");

struct throttle {
    struct source_rules rules;
    struct source_table addresses, networks, proven;
    uint64_t dropped;
};

static uint32_t ticks(uint64_t now_ms)
{
    return (uint32_t)(now_ms / TICK_MS);
}

struct throttle *throttle_new(const uint8_t secret[16], bool limit_local)
{
    struct throttle *throttle = calloc(1, sizeof *throttle);
    if (throttle == NULL)
        return NULL;
    memcpy(throttle->rules.secret, secret, sizeof throttle->rules.secret);
    throttle->rules.limit_local = limit_local;
    source_table_init(&throttle->addresses, THROTTLE_TABLE_MAX, ADDRESS_HORIZON);
    source_table_init(&throttle->networks, THROTTLE_TABLE_MAX, NETWORK_HORIZON);
    source_table_init(&throttle->proven, PROOF_TABLE_MAX, PROOF_HORIZON);
    return throttle;
}

void throttle_free(struct throttle *throttle)
{
    if (throttle == NULL)
        return;
    source_table_dispose(&throttle->addresses);
    source_table_dispose(&throttle->networks);
    source_table_dispose(&throttle->proven);
    free(throttle);
}

bool throttle_query(struct throttle *throttle, const struct endpoint *from, uint64_t now_ms)
{
    uint32_t now = ticks(now_ms);
    bool has_network = source_counts(&throttle->rules, from, SOURCE_NETWORK);
    uint32_t address = source_tag(&throttle->rules, from, SOURCE_ADDRESS);
    uint32_t network = source_tag(&throttle->rules, from, SOURCE_NETWORK);
    uint32_t address_left = source_table_left(&throttle->addresses, address, now) + ADDRESS_COST;
    uint32_t network_left = source_table_left(&throttle->networks, network, now) + NETWORK_COST;
    if (address_left > ADDRESS_HORIZON || (has_network && network_left > NETWORK_HORIZON)) {
        throttle->dropped++;
        return false;
    }
    source_table_set(&throttle->addresses, address, address_left, now);
    if (has_network)
        source_table_set(&throttle->networks, network, network_left, now);
    return true;
}

uint64_t throttle_dropped(const struct throttle *throttle)
{
    return throttle->dropped;
}

/* Proof is of an address, ports aside, local or not: who forges it gets no answer sent to it. */
static uint32_t proof_tag(const struct throttle *throttle, const struct endpoint *from)
{
    struct source_rules rules = throttle->rules;
    rules.limit_local = true;
    return source_tag(&rules, from, SOURCE_ADDRESS);
}

void throttle_prove(struct throttle *throttle, const struct endpoint *from, uint64_t now_ms)
{
    source_table_set(&throttle->proven, proof_tag(throttle, from), PROOF_HORIZON, ticks(now_ms));
}

bool throttle_proven(const struct throttle *throttle, const struct endpoint *from, uint64_t now_ms)
{
    return source_table_left(&throttle->proven, proof_tag(throttle, from), ticks(now_ms)) > 0;
}

size_t throttle_reply_max(const struct throttle *throttle, const struct endpoint *from,
                          size_t asked_bytes, uint64_t now_ms)
{
    if (asked_bytes >= DHT_DATAGRAM_MAX / MESSAGE_REPLY_FACTOR ||
        throttle_proven(throttle, from, now_ms))
        return DHT_DATAGRAM_MAX;
    return asked_bytes * MESSAGE_REPLY_FACTOR;
}

void throttle_expect(const struct throttle *throttle, bool again)
{
    if (again) {
        source_table_expect(&throttle->addresses);
        source_table_expect(&throttle->networks);
        source_table_expect(&throttle->proven);
    } else {
        prefetch(throttle, sizeof *throttle);
    }
}

void throttle_trim(struct throttle *throttle, uint64_t now_ms)
{
    source_table_trim(&throttle->addresses, ticks(now_ms));
    source_table_trim(&throttle->networks, ticks(now_ms));
    source_table_trim(&throttle->proven, ticks(now_ms));
}

size_t throttle_bytes(const struct throttle *throttle)
{
    size_t slots = throttle->addresses.cap + throttle->networks.cap + throttle->proven.cap;
    return sizeof *throttle + slots * sizeof(struct source_slot);
}

bool throttle_valid(const struct throttle *throttle)
{
    return source_table_valid(&throttle->addresses) && source_table_valid(&throttle->networks) &&
           source_table_valid(&throttle->proven);
}
