#include "swarm/transfer_private.h"

/* Every request leaves its list here or by its block coming (transfer_blocks.c). One that was
 * "released" is still owed, but nobody waits for it. */

static bool goes_on(const struct peer *peer, const struct piece *piece)
{
    return peer_has(peer, piece->index) && (!peer->they_choke || peer_allows(peer, piece->index));
}

/* The block may have become free for others; a piece fetched from one peer alone is open to another
 * once that one owes nothing, or nothing and will give no more. */
static void loosen(struct transfer *transfer, const struct peer *peer, struct piece *piece,
                   uint32_t block)
{
    bool is_free = piece->blocks[block].state == BLOCK_FREE;
    bool is_left = piece->asked_total == 0 && piece->only_peer != 0 && !goes_on(peer, piece);
    if (!is_free && !is_left)
        return;
    if (piece->asked_total == 0)
        piece->only_peer = 0;
    transfer->refill_due = true;
}

/* Pieces that were to come from this peer alone, and of which it owes nothing at the moment, are
 * open to others: it has left, chokes us, or lacks them. */
static void unbind(struct transfer *transfer, const struct peer *peer)
{
    if (transfer->metainfo == NULL)
        return;
    for (struct piece *piece = transfer->pieces.open; piece != NULL; piece = piece->next) {
        if (piece->only_peer != peer->handle || piece->asked_total > 0)
            continue;
        piece->only_peer = 0;
        transfer->refill_due = true;
    }
}

/* Nobody waits for request `i` any more; it stays on the list. */
static void release(struct transfer *transfer, struct peer *peer, uint32_t i)
{
    struct request *request = request_queue_at(&peer->requests, i);
    if (request->released)
        return;
    request_queue_release(&peer->requests, i);
    pieces_put_back(&transfer->pieces, request->piece, request->block, true);
    loosen(transfer, peer, request->piece, request->block);
}

void requests_remove(struct transfer *transfer, struct peer *peer, uint32_t i)
{
    struct request request = *request_queue_at(&peer->requests, i);
    request_queue_remove(&peer->requests, i);
    if (request.released) {
        pieces_forget_stale(request.piece, request.block);
    } else {
        pieces_put_back(&transfer->pieces, request.piece, request.block, false);
        loosen(transfer, peer, request.piece, request.block);
    }
    if (peer->receiving == request.piece && peer->receiving_block == request.block) {
        peer->receiving = NULL;
        wire_steer(&peer->wire, NULL);
    }
}

void requests_cancel(struct transfer *transfer, struct peer *peer, uint32_t i)
{
    struct request request = *request_queue_at(&peer->requests, i);
    bool coming = peer->receiving == request.piece && peer->receiving_block == request.block;
    if (!coming) {
        wire_put_block(&peer->out, WIRE_CANCEL, request.piece->index, request.block * BLOCK_BYTES,
                       piece_block_size(request.piece, request.block));
        peer_remember_cancelled(peer, request.piece->index, request.block);
        actions_output(transfer, peer);
    }
    requests_remove(transfer, peer, i);
}

void requests_cancel_all(struct transfer *transfer, struct peer *peer)
{
    while (peer->requests.count > 0)
        requests_cancel(transfer, peer, peer->requests.count - 1);
}

void requests_drop_all(struct transfer *transfer, struct peer *peer)
{
    while (peer->requests.count > 0) {
        uint32_t last = peer->requests.count - 1;
        const struct request *request = request_queue_at(&peer->requests, last);
        peer_remember_cancelled(peer, request->piece->index, request->block);
        requests_remove(transfer, peer, last);
    }
    unbind(transfer, peer);
}

void requests_release_all(struct transfer *transfer, struct peer *peer)
{
    for (uint32_t i = 0; i < peer->requests.count; i++)
        release(transfer, peer, i);
    unbind(transfer, peer);
}

void requests_release_lost(struct transfer *transfer, struct peer *peer)
{
    for (uint32_t i = 0; i < peer->requests.count; i++)
        if (!peer_has(peer, request_queue_at(&peer->requests, i)->piece->index))
            release(transfer, peer, i);
    unbind(transfer, peer);
}

void requests_revive(struct transfer *transfer, struct peer *peer)
{
    for (uint32_t i = 0; i < peer->requests.count && peer->requests.released > 0; i++) {
        struct request *request = request_queue_at(&peer->requests, i);
        struct piece *piece = request->piece;
        if (!request->released || piece->blocks[request->block].state != BLOCK_FREE ||
            piece->one_at_a_time)
            continue;
        pieces_take_block(&transfer->pieces, piece, request->block);
        pieces_forget_stale(piece, request->block);
        request_queue_revive(&peer->requests, i);
    }
}

void requests_forget_released(struct transfer *transfer, struct peer *peer)
{
    for (uint32_t i = peer->requests.count; i-- > 0 && peer->requests.released > 0;) {
        const struct request *request = request_queue_at(&peer->requests, i);
        if (!request->released)
            continue;
        peer_remember_cancelled(peer, request->piece->index, request->block);
        requests_remove(transfer, peer, i);
    }
}

bool requests_list_released(struct peer *peer, struct piece *piece, uint32_t block)
{
    if (!request_queue_push(&peer->requests, piece, block))
        return false;
    request_queue_release(&peer->requests, peer->requests.count - 1);
    pieces_add_stale(piece, block);
    return true;
}

static void drop_from(struct transfer *transfer, struct peer *peer, const struct piece *piece)
{
    for (uint32_t i = peer->requests.count; i-- > 0;)
        if (request_queue_at(&peer->requests, i)->piece == piece)
            requests_cancel(transfer, peer, i);
}

void requests_drop_piece(struct transfer *transfer, struct piece *piece)
{
    if (piece->asked_total + piece->stale_total == 0)
        return;
    FOR_EACH_PEER (transfer, i, peer)
        drop_from(transfer, peer, piece);
}

void requests_rejected(struct transfer *transfer, struct peer *peer, uint32_t index, uint32_t begin)
{
    struct piece *piece = pieces_find(&transfer->pieces, index);
    uint32_t i = piece == NULL || begin % BLOCK_BYTES != 0
                     ? peer->requests.count
                     : request_queue_find(&peer->requests, piece, begin / BLOCK_BYTES);
    if (i == peer->requests.count) {
        if (!peer_forget_cancelled(peer, index, begin / BLOCK_BYTES)) /* the answer to our CANCEL */
            offences_chatter(transfer, peer);
        return;
    }
    bool waited_for = !request_queue_at(&peer->requests, i)->released;
    if (peer->they_choke)
        peer_forget_allowed(peer, index);
    requests_remove(transfer, peer, i);
    if (peer->they_choke || !waited_for)
        return;
    /* It refuses although it does not choke: too much for it, or it has not got the piece. */
    offences_count(transfer, OFFENCE_REJECT);
    uint64_t pause_ms = peer->pause_ms == 0 ? REJECT_PAUSE_MS : peer->pause_ms * 2;
    if (transfer->now_ms >= peer->paused_until_ms) {
        peer->pause_ms = pause_ms < REJECT_PAUSE_MAX_MS ? pause_ms : REJECT_PAUSE_MAX_MS;
        peer->paused_until_ms = transfer->now_ms + peer->pause_ms;
        request_queue_halve(&peer->requests);
    }
}
