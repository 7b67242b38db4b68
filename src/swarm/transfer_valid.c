#include <utlist.h>

#include "swarm/transfer_private.h"

/* Every invariant that a bug has broken or could break silently. For tests: O(pieces x peers). */

static bool sets_fit(const struct transfer *transfer)
{
    if (!bitfield_valid(&transfer->have) || !bitfield_valid(&transfer->wanted) ||
        !bitfield_valid(&transfer->needed))
        return false;
    for (uint32_t i = 0; i < transfer->have.count; i++) {
        bool needed = bitfield_has(&transfer->wanted, i) && !bitfield_has(&transfer->have, i);
        bool begun = pieces_find(&transfer->pieces, i) != NULL;
        if (needed != bitfield_has(&transfer->needed, i) ||
            picker_is_candidate(transfer->picker, i) != (needed && !begun))
            return false;
    }
    return true;
}

static bool holders_fit(const struct transfer *transfer)
{
    for (uint32_t i = 0; i < transfer->have.count; i++) {
        uint32_t connected = 0;
        FOR_EACH_PEER (transfer, p, peer)
            connected += !peer->seed && bitfield_has(&peer->has, i);
        if (picker_holders(transfer->picker, i) < connected)
            return false;
    }
    return true;
}

static bool request_fits(const struct transfer *transfer, const struct request *request)
{
    const struct piece *piece = request->piece;
    if (pieces_find(&transfer->pieces, piece->index) != piece ||
        request->block >= piece->block_count)
        return false;
    const struct block *block = &piece->blocks[request->block];
    return block->state != BLOCK_RECEIVED && (request->released ? block->stale : block->asked) > 0;
}

static bool requests_fit(const struct transfer *transfer, const struct peer *peer)
{
    uint32_t released = 0;
    bool receiving_is_listed = peer->receiving == NULL;
    for (uint32_t i = 0; i < peer->requests.count; i++) {
        const struct request *request = request_queue_at(&peer->requests, i);
        if (!request_fits(transfer, request))
            return false;
        released += request->released;
        receiving_is_listed = receiving_is_listed || (peer->receiving == request->piece &&
                                                      peer->receiving_block == request->block);
    }
    return released == peer->requests.released && receiving_is_listed;
}

static bool peer_fits(const struct transfer *transfer, const struct peer *peer)
{
    if (transfer->metainfo == NULL)
        return peer->requests.count == 0 && !peer->seed;
    return bitfield_valid(&peer->has) && peer->has.count == transfer->have.count &&
           peer->seed == bitfield_is_full(&peer->has) &&
           peer->useful == bitfield_count_both(&peer->has, &transfer->needed) &&
           requests_fit(transfer, peer);
}

/* Who is held will be told: he waits for a limit, or has been given something by it. */
static bool limits_fit(const struct transfer *transfer)
{
    size_t granted = 0, waiting = 0, listed = 0;
    const struct limited *limited;
    FOR_EACH_PEER (transfer, i, peer) {
        if (peer->held && !peer->down_limit.waits && !peer->down_limit.granted)
            return false;
        granted += peer->down_limit.granted;
        waiting += peer->down_limit.waits;
    }
    DL_FOREACH(transfer->down_limiter.waiting, limited)
    listed++;
    return granted == transfer->down_limiter.granted && waiting == listed;
}

static bool promises_fit(const struct transfer *transfer)
{
    size_t promised = 0, listed = 0;
    for (uint32_t i = 0; i < transfer->have.count; i++)
        promised += transfer->promised[i];
    FOR_EACH_PEER (transfer, i, peer)
        listed += peer->promise_count;
    return promised == listed;
}

static bool owed_fits(const struct transfer *transfer)
{
    uint64_t owed = 0, listed = 0;
    struct piece *piece, *next;
    HASH_ITER(hh, transfer->pieces.by_index, piece, next)
    owed += piece->asked_total + piece->stale_total;
    FOR_EACH_PEER (transfer, i, peer)
        listed += peer->requests.count;
    return owed == listed;
}

bool transfer_valid(const struct transfer *transfer)
{
    size_t live = 0, seeds = 0, proven = 0;
    FOR_EACH_PEER (transfer, i, peer) {
        if (!peer_fits(transfer, peer) || peers_find(transfer, peer->handle) != peer)
            return false;
        live++;
        seeds += peer->seed;
        proven += peer->proven;
    }
    if (live != transfer->live_count || seeds != transfer->seeds || live > PEERS_MAX ||
        proven != transfer->proven_count)
        return false;
    if (!limits_fit(transfer) || !actions_valid(transfer))
        return false;
    if (transfer->metainfo == NULL)
        return true;
    return sets_fit(transfer) && holders_fit(transfer) && owed_fits(transfer) &&
           promises_fit(transfer) && picker_valid(transfer->picker) &&
           pieces_valid(&transfer->pieces);
}
