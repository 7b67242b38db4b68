/* Sources, as limits count them, and short tags for them  [protocol.md section 1].
 *
 * A public IPv4 address or IPv6 /64 is one source, and its /24 or /48 a network. Local sources are
 * told apart by port and belong to no network, unless limit_local. A tag is a keyed hash: nobody
 * can choose addresses that share one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/endpoint.h"

enum source_scope { SOURCE_ADDRESS, SOURCE_NETWORK };

struct source_rules {
    uint8_t secret[16];
    bool limit_local;
};

/* The source is counted in this scope at all. */
bool source_counts(const struct source_rules *rules, const struct endpoint *from,
                   enum source_scope scope);

/* Never 0. Different in each scope. */
uint32_t source_tag(const struct source_rules *rules, const struct endpoint *from,
                    enum source_scope scope);

/* How many leading bytes of its address make the source; 0: it is told apart by port. */
size_t source_prefix_bytes(const struct source_rules *rules, const struct endpoint *from,
                           enum source_scope scope);

/* Of one network; where they are told apart by port, one and the same. False for ENDPOINT_NONE. */
bool source_same_network(const struct source_rules *rules, const struct endpoint *a,
                         const struct endpoint *b);
