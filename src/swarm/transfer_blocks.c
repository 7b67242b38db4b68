#include <stdlib.h>
#include <string.h>

#include "swarm/transfer_private.h"

/* What comes in, until it is verified. A block goes straight into its place in the piece; when
 * another peer is already filling that place, it goes aside, and whoever is whole first counts. */

/* ---- one block ---- */

static const char *check_bounds(const struct transfer *transfer, const struct wire_message *message)
{
    if (transfer->metainfo == NULL || message->piece >= transfer->have.count)
        return "block of a piece that does not exist";
    uint32_t size = transfer_piece_size(transfer, message->piece);
    if (message->begin >= size || message->length > size - message->begin)
        return "block beyond the end of its piece";
    return NULL;
}

static bool is_being_filled(const struct transfer *transfer, const struct peer *receiver,
                            const struct piece *piece, uint32_t block)
{
    if (piece->blocks[block].asked + piece->blocks[block].stale < 2)
        return false;
    FOR_EACH_PEER (transfer, i, peer)
        if (peer != receiver && peer->receiving == piece && peer->receiving_block == block &&
            !peer->receiving_aside)
            return true;
    return false;
}

static uint8_t *place_of(struct transfer *transfer, struct peer *peer, struct piece *piece,
                         uint32_t block)
{
    peer->receiving_aside = is_being_filled(transfer, peer, piece, block);
    if (!peer->receiving_aside)
        return pieces_place(&transfer->pieces, piece, block);
    if (peer->aside == NULL)
        peer->aside = malloc(BLOCK_BYTES);
    return peer->aside;
}

/* A block that nobody waits for. It may have crossed our CANCEL or the peer's CHOKE: if it is still
 * missing, it is welcome. */
static bool is_late(struct transfer *transfer, struct peer *peer, struct piece *piece,
                    const struct wire_message *message)
{
    uint32_t block = message->begin / BLOCK_BYTES;
    if (!peer_forget_cancelled(peer, message->piece, block)) {
        offences_strike(transfer, peer, OFFENCE_UNASKED_BLOCK,
                        "too many blocks that were not asked for");
        return false;
    }
    return piece != NULL && message->begin % BLOCK_BYTES == 0 &&
           piece->blocks[block].state != BLOCK_RECEIVED &&
           requests_list_released(peer, piece, block);
}

const char *blocks_begin(struct transfer *transfer, struct peer *peer,
                         const struct wire_message *message)
{
    const char *error = check_bounds(transfer, message);
    if (error != NULL)
        return error;
    struct piece *piece = pieces_find(&transfer->pieces, message->piece);
    uint32_t block = message->begin / BLOCK_BYTES;
    bool asked = piece != NULL && message->begin % BLOCK_BYTES == 0 &&
                 request_queue_find(&peer->requests, piece, block) < peer->requests.count;
    if (!asked && !is_late(transfer, peer, piece, message)) {
        peer->receiving = NULL;
        wire_steer(&peer->wire, NULL);
        return NULL;
    }
    if (message->length != piece_block_size(piece, block))
        return "block of another length than asked for";
    uint8_t *place = place_of(transfer, peer, piece, block);
    if (place == NULL) { /* no memory: as if it had not been asked for */
        peer->receiving = NULL;
        wire_steer(&peer->wire, NULL);
        requests_remove(transfer, peer, request_queue_find(&peer->requests, piece, block));
        return NULL;
    }
    peer->receiving = piece;
    peer->receiving_block = block;
    wire_steer(&peer->wire, place);
    return NULL;
}

void blocks_expect(struct transfer *transfer, struct peer *peer)
{
    if (peer->receiving == NULL)
        return;
    uint32_t i = request_queue_find(&peer->requests, peer->receiving, peer->receiving_block) + 1;
    for (; i < peer->requests.count; i++) {
        const struct request *request = request_queue_at(&peer->requests, i);
        const struct block *block = &request->piece->blocks[request->block];
        if (block->state != BLOCK_ASKED || block->asked + block->stale != 1)
            return; /* another peer may be filling it */
        uint8_t *place = pieces_place(&transfer->pieces, request->piece, request->block);
        if (place == NULL ||
            !wire_expect(&peer->wire, request->piece->index, request->block * BLOCK_BYTES,
                         piece_block_size(request->piece, request->block), place))
            return;
    }
}

/* Whoever else owes the block that has come need not send it. */
static void call_off_others(struct transfer *transfer, struct piece *piece, uint32_t block)
{
    FOR_EACH_PEER (transfer, i, peer) {
        if (piece->blocks[block].asked + piece->blocks[block].stale == 0)
            return;
        uint32_t at = request_queue_find(&peer->requests, piece, block);
        if (at < peer->requests.count)
            requests_cancel(transfer, peer, at);
    }
}

static void piece_is_whole(struct transfer *transfer, struct piece *piece)
{
    piece->checking = true;
    actions_push(transfer, (struct transfer_action){.type = ACTION_CHECK,
                                                    .piece = piece->index,
                                                    .data = bytes_of(piece->data, piece->size)});
}

void blocks_end(struct transfer *transfer, struct peer *peer, uint32_t len)
{
    struct piece *piece = peer->receiving;
    uint32_t block = peer->receiving_block;
    if (piece == NULL) {
        transfer->bytes_wasted += len;
        return;
    }
    peer->receiving = NULL;
    if (peer->receiving_aside)
        memcpy(piece->data + (size_t)block * BLOCK_BYTES, peer->aside, len);
    pieces_receive(&transfer->pieces, piece, block, peer->handle);
    requests_remove(transfer, peer, request_queue_find(&peer->requests, piece, block));
    request_queue_answered(&peer->requests);
    call_off_others(transfer, piece, block);
    peer->progress_ms = transfer->now_ms;
    peer->progress_bytes = 0;
    offences_pay(peer);
    peer->pause_ms = 0;
    if (peer->snubbed) {
        peer->snubbed = false;
        requests_revive(transfer, peer);
    }
    if (piece->received_count == piece->block_count)
        piece_is_whole(transfer, piece);
}

/* ---- one piece ---- */

void blocks_abandon(struct transfer *transfer, struct piece *piece)
{
    uint32_t index = piece->index;
    for (uint32_t i = 0; i < piece->block_count; i++)
        if (piece->blocks[i].state == BLOCK_RECEIVED)
            transfer->bytes_wasted += piece_block_size(piece, i);
    requests_drop_piece(transfer, piece);
    pieces_end(&transfer->pieces, piece);
    requests_set_candidate(transfer, index);
    transfer->refill_due = true;
}

void blocks_complete(struct transfer *transfer)
{
    if (transfer->needed.set > 0)
        return;
    pieces_trim(&transfer->pieces);
    holdings_drop_interest(transfer); /* their slots are for others now */
    peers_say_what_waits(transfer);   /* seeds have no use for each other */
    actions_push(transfer, (struct transfer_action){.type = ACTION_COMPLETE});
}

/* Who has the piece itself hears of it with whatever is said next, or at the next beat: two hundred
 * seeds need no packet each for every piece. */
static void tell_have(struct transfer *transfer, uint32_t index)
{
    FOR_EACH_PEER (transfer, i, peer) {
        wire_put_piece_number(&peer->out, WIRE_HAVE, index);
        if (!peer_has(peer, index) || peer->out.len >= HAVES_WAIT_BYTES)
            actions_output(transfer, peer);
    }
}

/* Those that gave it are on trial no longer. */
static void prove_givers(struct transfer *transfer, const struct piece *piece)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < piece->block_count; i++) {
        if (piece->blocks[i].giver == last)
            continue;
        last = piece->blocks[i].giver;
        struct peer *giver = peers_find(transfer, last);
        if (giver == NULL || giver->closing || giver->proven)
            continue;
        giver->proven = true;
        transfer->proven_count++;
        transfer->refill_due = true;
    }
}

static void piece_is_right(struct transfer *transfer, struct piece *piece)
{
    uint32_t index = piece->index, liars[PEER_SLOTS];
    size_t count = judge_verdict(transfer->judge, piece, liars, PEER_SLOTS);
    prove_givers(transfer, piece);
    pieces_end(&transfer->pieces, piece);
    bitfield_set(&transfer->have, index);
    if (bitfield_clear(&transfer->needed, index))
        holdings_piece_changed(transfer, index);
    requests_set_candidate(transfer, index);
    tell_have(transfer, index);
    for (size_t i = 0; i < count; i++)
        peers_ban(transfer, liars[i]);
    blocks_complete(transfer);
}

static void piece_is_wrong(struct transfer *transfer, struct piece *piece)
{
    uint32_t givers[PEER_SLOTS], only_giver = judge_only_giver(piece);
    size_t count = judge_givers(piece, givers, PEER_SLOTS);
    transfer->pieces_bad++;
    for (size_t i = 0; i < count; i++) {
        struct peer *giver = peers_find(transfer, givers[i]);
        if (giver != NULL)
            giver->bad_pieces++;
    }
    if (only_giver == 0)
        judge_suspect(transfer->judge, piece);
    blocks_abandon(transfer, piece);
    if (only_giver != 0)
        peers_ban(transfer, only_giver);
}

void transfer_piece_checked(struct transfer *transfer, uint32_t index, enum status result,
                            uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    struct piece *piece = pieces_find(&transfer->pieces, index);
    if (piece == NULL || !piece->checking)
        return;
    piece->checking = false;
    if (result == STATUS_OK)
        piece_is_right(transfer, piece);
    else if (result == STATUS_MISMATCH)
        piece_is_wrong(transfer, piece);
    else
        blocks_abandon(transfer, piece);
    transfer->refill_due = transfer->refill_due || transfer->starving;
    transfer_settle(transfer);
}

void transfer_piece_lost(struct transfer *transfer, uint32_t piece, uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    if (transfer->metainfo == NULL || piece >= transfer->have.count ||
        !bitfield_clear(&transfer->have, piece))
        return;
    FOR_EACH_PEER (transfer, i, peer)
        extension_dont_have(transfer, peer, piece);
    serve_piece_lost(transfer, piece);
    if (bitfield_has(&transfer->wanted, piece) && bitfield_set(&transfer->needed, piece)) {
        holdings_piece_changed(transfer, piece);
        requests_set_candidate(transfer, piece);
        transfer->refill_due = true;
    }
    transfer_settle(transfer);
}
