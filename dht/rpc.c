#include "dht/rpc.h"

#include <stdlib.h>
#include <string.h>

#include "dht/prefetch.h"

#define FIRST_SLOTS 8

void rpc_init(struct rpc *rpc, bool fixed)
{
    *rpc = (struct rpc){.due_ms = UINT64_MAX, .fixed = fixed};
}

void rpc_dispose(struct rpc *rpc)
{
    free(rpc->slots);
    rpc->slots = NULL;
    rpc->cap = rpc->count = rpc->silent = rpc->scan = 0;
    rpc->due_ms = UINT64_MAX;
}

void rpc_trim(struct rpc *rpc)
{
    if (rpc->count == 0)
        rpc_dispose(rpc);
}

/* What a burst needed is given back with the last of it; a few are kept for the next one. */
static void shrink(struct rpc *rpc)
{
    if (rpc->count == 0 && rpc->cap > FIRST_SLOTS)
        rpc_dispose(rpc);
}

/* ---- slots ---- */

static uint32_t slot_of(const struct rpc *rpc, uint32_t txid)
{
    uint32_t at = txid & (rpc->cap - 1);
    while (rpc->slots[at].txid != 0 && rpc->slots[at].txid != txid)
        at = (at + 1) & (rpc->cap - 1);
    return at;
}

static bool grow(struct rpc *rpc)
{
    if ((rpc->count + 1) * 4 <= rpc->cap * 3)
        return true;
    struct rpc old = *rpc;
    uint32_t cap = rpc->cap > 0 ? rpc->cap * 2 : FIRST_SLOTS;
    struct rpc_query *slots = calloc(cap, sizeof *slots);
    if (slots == NULL)
        return false;
    rpc->slots = slots;
    rpc->cap = cap;
    rpc->scan = 0;
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.slots[i].txid != 0)
            rpc->slots[slot_of(rpc, old.slots[i].txid)] = old.slots[i];
    free(old.slots);
    return true;
}

/* Linear probing without tombstones: what was pushed past the hole moves back into it. */
static void take_out(struct rpc *rpc, uint32_t hole)
{
    uint32_t mask = rpc->cap - 1;
    for (uint32_t at = (hole + 1) & mask; rpc->slots[at].txid != 0; at = (at + 1) & mask) {
        uint32_t home = rpc->slots[at].txid & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        rpc->slots[hole] = rpc->slots[at];
        hole = at;
    }
    rpc->slots[hole].txid = 0;
    rpc->count--;
}

/* ---- times ---- */

static uint32_t within(uint32_t value, uint32_t least, uint32_t most)
{
    return value < least ? least : value < most ? value : most;
}

/* After this an answer of anybody is late. */
static uint32_t slow_ms(const struct rpc *rpc)
{
    if (rpc->fixed)
        return RPC_LATE_FIXED_MS;
    if (rpc->mean_us == 0)
        return RPC_LATE_FIRST_MS;
    return within(rpc->slow_us / 1000, RPC_LATE_MIN_MS, RPC_LATE_MAX_MS);
}

static uint32_t late_after_ms(const struct rpc *rpc, uint32_t usual_ms)
{
    uint32_t slow = slow_ms(rpc);
    if (usual_ms == 0 || rpc->fixed)
        return slow;
    return within(usual_ms + usual_ms / 2 + RPC_LATE_SLACK_MS, RPC_LATE_MIN_MS, slow);
}

static uint32_t silent_after_ms(const struct rpc *rpc, uint32_t usual_ms)
{
    uint32_t slow = slow_ms(rpc);
    return within(2 * (usual_ms > slow ? usual_ms : slow), RPC_SILENT_MIN_MS, 2 * RPC_LATE_MAX_MS);
}

uint32_t rpc_usual_ms(const struct rpc *rpc)
{
    return rpc->mean_us > 0 ? rpc->mean_us / 1000 : RPC_LATE_FIRST_MS / 4;
}

/* The percentile goes up by 19 steps where one of twenty is above it, and down by one where
 * nineteen are not. */
static void measure_slow(struct rpc *rpc, uint32_t trip_us)
{
    uint32_t step_us = rpc->slow_us / RPC_SLOW_STEPS;
    if (trip_us > rpc->slow_us)
        rpc->slow_us += 19 * step_us;
    else
        rpc->slow_us -= step_us;
}

/* RFC 6298's mean, with its gain of 1/8. A late one may have been asked twice, and no telling which
 * it answers: late it is in either case. */
static void measure(struct rpc *rpc, uint64_t trip_ms, bool late)
{
    uint32_t trip_us = (uint32_t)(trip_ms < 10000 ? trip_ms : 10000) * 1000 + 500;
    if (rpc->mean_us > 0)
        measure_slow(rpc, trip_us);
    else if (!late)
        rpc->slow_us = 3 * trip_us;
    if (!late)
        rpc->mean_us += rpc->mean_us > 0 ? trip_us / 8 - rpc->mean_us / 8 : trip_us;
}

/* ---- queries ---- */

const struct rpc_query *rpc_add(struct rpc *rpc, const struct rpc_query *query, struct rng *rng,
                                uint64_t now_ms)
{
    if (rpc_waiting(rpc) >= RPC_PENDING_MAX || !grow(rpc))
        return NULL;
    uint32_t txid, at;
    do {
        txid = rng_u32(rng);
        at = slot_of(rpc, txid);
    } while (txid == 0 || rpc->slots[at].txid == txid);
    struct rpc_query *added = &rpc->slots[at];
    *added = *query;
    added->txid = txid;
    added->late = added->silent = false;
    added->sent_ms = now_ms;
    added->due_ms = now_ms + late_after_ms(rpc, query->usual_ms);
    if (added->due_ms < rpc->due_ms)
        rpc->due_ms = added->due_ms;
    rpc->count++;
    return added;
}

bool rpc_take(struct rpc *rpc, uint32_t txid, const struct endpoint *from, uint64_t now_ms,
              struct rpc_query *out)
{
    if (rpc->count == 0 || txid == 0)
        return false;
    uint32_t at = slot_of(rpc, txid);
    if (rpc->slots[at].txid != txid || !endpoint_equal(&rpc->slots[at].to, from))
        return false;
    *out = rpc->slots[at];
    measure(rpc, now_ms - out->sent_ms, out->late);
    rpc->silent -= out->silent;
    take_out(rpc, at);
    shrink(rpc);
    return true;
}

static bool is_due(const struct rpc_query *query, uint64_t now_ms)
{
    return query->txid != 0 && query->due_ms <= now_ms;
}

static void forget(struct rpc *rpc, uint32_t at)
{
    rpc->silent -= rpc->slots[at].silent;
    take_out(rpc, at);
}

static enum rpc_due fall_silent(struct rpc *rpc, uint32_t at, uint64_t now_ms)
{
    struct rpc_query *query = &rpc->slots[at];
    query->due_ms = query->sent_ms + RPC_FORGOTTEN_MS;
    query->silent = true;
    rpc->silent++;
    if (query->due_ms <= now_ms || rpc->silent > RPC_PENDING_MAX)
        forget(rpc, at);
    return RPC_SILENT;
}

static enum rpc_due fall_due(struct rpc *rpc, uint32_t at, uint64_t now_ms, struct rpc_query *out)
{
    struct rpc_query *query = &rpc->slots[at];
    *out = *query;
    if (query->late)
        return fall_silent(rpc, at, now_ms);
    out->late = query->late = true;
    query->due_ms = query->sent_ms + silent_after_ms(rpc, query->usual_ms);
    if (query->due_ms <= now_ms)
        query->due_ms = now_ms + 1; /* we were not woken in time: late still comes first */
    return RPC_LATE;
}

enum rpc_due rpc_next_due(struct rpc *rpc, uint64_t now_ms, struct rpc_query *out)
{
    if (rpc->count == 0)
        rpc->due_ms = UINT64_MAX;
    if (now_ms < rpc->due_ms)
        return RPC_NOTHING_DUE;
    for (; rpc->scan < rpc->cap; rpc->scan++) {
        const struct rpc_query *query = &rpc->slots[rpc->scan];
        while (query->silent && is_due(query, now_ms))
            forget(rpc, rpc->scan); /* another may move there */
        if (is_due(query, now_ms))
            return fall_due(rpc, rpc->scan, now_ms, out);
    }
    /* Once round: those that wrapped in the taking out are found by the next call. */
    rpc->scan = 0;
    rpc->due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < rpc->cap; i++)
        if (rpc->slots[i].txid != 0 && rpc->slots[i].due_ms < rpc->due_ms)
            rpc->due_ms = rpc->slots[i].due_ms;
    shrink(rpc);
    return rpc->due_ms <= now_ms ? rpc_next_due(rpc, now_ms, out) : RPC_NOTHING_DUE;
}

uint64_t rpc_deadline(const struct rpc *rpc)
{
    return rpc->count > 0 ? rpc->due_ms : UINT64_MAX;
}

void rpc_disown(struct rpc *rpc, uint32_t operation)
{
    for (uint32_t i = 0; i < rpc->cap; i++)
        if (rpc->slots[i].txid != 0 && rpc->slots[i].purpose == RPC_PING_HAND &&
            rpc->slots[i].operation == operation)
            rpc->slots[i].operation = 0;
}

uint32_t rpc_waiting(const struct rpc *rpc)
{
    return rpc->count - rpc->silent;
}

bool rpc_is_asking(const struct rpc *rpc, const struct endpoint *endpoint)
{
    for (uint32_t i = 0, seen = 0; seen < rpc->count; i++) {
        const struct rpc_query *query = &rpc->slots[i];
        if (query->txid != 0 && !query->silent && endpoint_equal(&query->to, endpoint))
            return true;
        seen += query->txid != 0;
    }
    return false;
}

const struct rpc_query *rpc_next_of(const struct rpc *rpc, enum rpc_purpose purpose, uint32_t *at)
{
    for (; rpc->count > 0 && *at < rpc->cap;) {
        const struct rpc_query *query = &rpc->slots[(*at)++];
        if (query->txid != 0 && !query->silent && query->purpose == purpose)
            return query;
    }
    return NULL;
}

size_t rpc_count_of(const struct rpc *rpc, enum rpc_purpose purpose)
{
    size_t count = 0;
    for (uint32_t at = 0; rpc_next_of(rpc, purpose, &at) != NULL;)
        count++;
    return count;
}

void rpc_expect(const struct rpc *rpc)
{
    if (rpc->cap <= FIRST_SLOTS)
        prefetch(rpc->slots, rpc->cap * sizeof *rpc->slots);
}

bool rpc_valid(const struct rpc *rpc)
{
    uint32_t count = 0, silent = 0;
    for (uint32_t i = 0; i < rpc->cap; i++) {
        const struct rpc_query *query = &rpc->slots[i];
        if (query->txid == 0)
            continue;
        count++;
        silent += query->silent;
        if (slot_of(rpc, query->txid) != i || query->due_ms < rpc->due_ms)
            return false;
    }
    return count == rpc->count && silent == rpc->silent && silent <= RPC_PENDING_MAX &&
           count - silent <= RPC_PENDING_MAX;
}
