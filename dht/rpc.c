#include "dht/rpc.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 8

void rpc_init(struct rpc *rpc)
{
    *rpc = (struct rpc){.due_ms = UINT64_MAX};
}

void rpc_dispose(struct rpc *rpc)
{
    free(rpc->slots);
    rpc->slots = NULL;
    rpc->cap = rpc->count = rpc->scan = 0;
    rpc->due_ms = UINT64_MAX;
}

void rpc_trim(struct rpc *rpc)
{
    if (rpc->count == 0)
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

static uint32_t late_after_ms(const struct rpc *rpc)
{
    if (rpc->mean_us == 0)
        return RPC_LATE_FIRST_MS;
    uint32_t usual_ms = (rpc->mean_us + 4 * rpc->deviation_us) / 1000;
    if (usual_ms < RPC_LATE_MIN_MS)
        return RPC_LATE_MIN_MS;
    return usual_ms < RPC_LATE_MAX_MS ? usual_ms : RPC_LATE_MAX_MS;
}

/* RFC 6298 section 2, with its gains of 1/8 and 1/4. */
static void measure(struct rpc *rpc, uint64_t trip_ms)
{
    uint32_t trip_us = (uint32_t)(trip_ms < 10000 ? trip_ms : 10000) * 1000 + 500;
    if (rpc->mean_us == 0) {
        rpc->mean_us = trip_us;
        rpc->deviation_us = trip_us / 2;
        return;
    }
    uint32_t off = trip_us > rpc->mean_us ? trip_us - rpc->mean_us : rpc->mean_us - trip_us;
    rpc->deviation_us += off / 4 - rpc->deviation_us / 4;
    rpc->mean_us += trip_us / 8 - rpc->mean_us / 8;
}

/* ---- queries ---- */

const struct rpc_query *rpc_add(struct rpc *rpc, const struct rpc_query *query, struct rng *rng,
                                uint64_t now_ms)
{
    if (rpc->count >= RPC_PENDING_MAX || !grow(rpc))
        return NULL;
    uint32_t txid, at;
    do {
        txid = rng_u32(rng);
        at = slot_of(rpc, txid);
    } while (txid == 0 || rpc->slots[at].txid == txid);
    struct rpc_query *added = &rpc->slots[at];
    *added = *query;
    added->txid = txid;
    added->late = false;
    added->sent_ms = now_ms;
    added->due_ms = now_ms + late_after_ms(rpc);
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
    if (!out->late) /* a late one may have been asked twice: no telling which it answers */
        measure(rpc, now_ms - out->sent_ms);
    take_out(rpc, at);
    return true;
}

static enum rpc_due fall_due(struct rpc *rpc, uint32_t at, uint64_t now_ms, struct rpc_query *out)
{
    struct rpc_query *query = &rpc->slots[at];
    if (query->late) {
        *out = *query;
        take_out(rpc, at);
        return RPC_SILENT;
    }
    query->late = true;
    query->due_ms += query->due_ms - query->sent_ms;
    if (query->due_ms <= now_ms)
        query->due_ms = now_ms + 1; /* we were not woken in time: late still comes first */
    *out = *query;
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
        if (query->txid != 0 && query->due_ms <= now_ms)
            return fall_due(rpc, rpc->scan, now_ms, out);
    }
    /* Once round: those that wrapped in the taking out are found by the next call. */
    rpc->scan = 0;
    rpc->due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < rpc->cap; i++)
        if (rpc->slots[i].txid != 0 && rpc->slots[i].due_ms < rpc->due_ms)
            rpc->due_ms = rpc->slots[i].due_ms;
    return rpc->due_ms <= now_ms ? rpc_next_due(rpc, now_ms, out) : RPC_NOTHING_DUE;
}

uint64_t rpc_deadline(const struct rpc *rpc)
{
    return rpc->count > 0 ? rpc->due_ms : UINT64_MAX;
}

bool rpc_is_asking(const struct rpc *rpc, const struct endpoint *endpoint)
{
    for (uint32_t i = 0; i < rpc->cap; i++)
        if (rpc->slots[i].txid != 0 && endpoint_equal(&rpc->slots[i].to, endpoint))
            return true;
    return false;
}

size_t rpc_count_of(const struct rpc *rpc, enum rpc_purpose purpose)
{
    size_t count = 0;
    for (uint32_t i = 0; i < rpc->cap; i++)
        count += rpc->slots[i].txid != 0 && rpc->slots[i].purpose == purpose;
    return count;
}

bool rpc_valid(const struct rpc *rpc)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rpc->cap; i++) {
        const struct rpc_query *query = &rpc->slots[i];
        if (query->txid == 0)
            continue;
        count++;
        if (slot_of(rpc, query->txid) != i || query->due_ms < rpc->due_ms)
            return false;
    }
    return count == rpc->count && count <= RPC_PENDING_MAX;
}
