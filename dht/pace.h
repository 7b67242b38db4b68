/* Our own queries, kept below what others take of one source  [protocol.md section 1, limits].
 *
 * Each node we ask has a bucket of tokens here, a little smaller and slower than the one that it
 * keeps of us, so that what is dropped there is not ours. A query that finds no token is held until
 * its own has come: they leave in the order in which they were asked for. Held are only queries of
 * bursts that no node would have taken; the rest never see this. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/rpc.h"
#include "dht/source_table.h"

struct pace {
    uint8_t secret[16]; /* nobody can choose addresses that share a bucket */
    struct source_table buckets;
    struct held_query {
        struct rpc_query query;
        uint64_t at_ms;
    } * held; /* the first to leave is the last; NULL until there is one */
    uint32_t count, cap;
};

void pace_init(struct pace *pace, const uint8_t secret[16]);
void pace_dispose(struct pace *pace);
void pace_trim(struct pace *pace, uint64_t now_ms); /* gives back what nobody uses any more */

/* Takes the next token of this node: when it is there, now or later. UINT64_MAX: not within
 * `wait_ms` (at most PACE_HOLD_MAX_MS), and none is taken. */
uint64_t pace_take(struct pace *pace, const struct endpoint *to, uint64_t now_ms, uint64_t wait_ms);

bool pace_hold(struct pace *pace, const struct rpc_query *query, uint64_t at_ms); /* false: full */
bool pace_next(struct pace *pace, uint64_t now_ms, struct rpc_query *out); /* one that may leave */
void pace_disown(struct pace *pace, uint32_t operation);                   /* as rpc_disown */
uint64_t pace_deadline(const struct pace *pace); /* UINT64_MAX: none is held */

bool pace_valid(const struct pace *pace); /* all invariants hold; for tests */
