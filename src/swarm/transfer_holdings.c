#include "swarm/transfer_private.h"

/* Before the number of pieces is known, what peers say is kept as they say it: HAVE_ALL as a flag,
 * BITFIELD and HAVE in a bitfield that grows. holdings_settle checks it when the number is known.
 * From then on a peer with everything counts in transfer.seeds, any other in the picker, piece by
 * piece. */

/* Having it is worth telling only of who took some of it here, or after as much was sent as it is:
 * others had it before, or say so. */
static void tell_all(struct transfer *transfer, struct peer *peer)
{
    bool fetched = peer->bytes_up > 0 || transfer->bytes_up >= transfer->metainfo->total_length;
    if (peer->told_all || !fetched)
        return;
    peer->told_all = true;
    actions_push(transfer, (struct transfer_action){.type = ACTION_HAS_ALL,
                                                    .peer = peer->handle,
                                                    .endpoint = peer->remote});
}

static void count(struct transfer *transfer, struct peer *peer)
{
    peer->counted = true;
    if (bitfield_is_full(&peer->has)) {
        peer->seed = true;
        transfer->seeds++;
        tell_all(transfer, peer);
        return;
    }
    for (uint32_t i = bitfield_next(&peer->has, 0); i < peer->has.count;
         i = bitfield_next(&peer->has, i + 1))
        picker_add_holder(transfer->picker, i);
}

static void uncount(struct transfer *transfer, struct peer *peer)
{
    if (!peer->counted)
        return;
    peer->counted = false;
    if (peer->seed) {
        peer->seed = false;
        transfer->seeds--;
        return;
    }
    for (uint32_t i = bitfield_next(&peer->has, 0); i < peer->has.count;
         i = bitfield_next(&peer->has, i + 1))
        picker_remove_holder(transfer->picker, i);
}

void holdings_show_interest(struct transfer *transfer, struct peer *peer)
{
    if (peer->we_want || peer->useful == 0 || !transfer->fetch)
        return;
    peer->we_want = true;
    peer->wanted_ms = transfer->now_ms;
    wire_put(&peer->out, WIRE_INTERESTED);
    actions_output(transfer, peer);
}

void holdings_drop_interest(struct transfer *transfer)
{
    FOR_EACH_PEER (transfer, i, peer) {
        if (!peer->we_want || (peer->useful > 0 && transfer->fetch))
            continue;
        peer->we_want = false;
        wire_put(&peer->out, WIRE_NOT_INTERESTED);
        actions_output(transfer, peer);
    }
}

static void changed(struct transfer *transfer, struct peer *peer)
{
    peer->useful = bitfield_count_both(&peer->has, &transfer->needed);
    peer->vain_generation = 0;
    holdings_show_interest(transfer, peer);
}

/* ---- HAVE ---- */

static const char *have_early(struct transfer *transfer, struct peer *peer, uint32_t piece)
{
    if (piece >= PIECES_MAX)
        return "piece that cannot exist";
    uint32_t room = (piece / 1024 + 1) * 1024;
    room = room < PIECES_MAX ? room : PIECES_MAX;
    if (peer->has.count <= piece && !bitfield_resize(&peer->has, room))
        return wire_no_memory;
    if (!bitfield_set(&peer->has, piece))
        offences_chatter(transfer, peer);
    return NULL;
}

const char *holdings_have(struct transfer *transfer, struct peer *peer, uint32_t piece)
{
    if (transfer->metainfo == NULL)
        return have_early(transfer, peer, piece);
    if (piece >= peer->has.count)
        return "piece that does not exist";
    if (peer->seed || !bitfield_set(&peer->has, piece)) {
        offences_chatter(transfer, peer);
        return NULL;
    }
    picker_add_holder(transfer->picker, piece);
    if (bitfield_is_full(&peer->has)) {
        uncount(transfer, peer);
        count(transfer, peer);
        if (!peer->we_choke)
            serve_admit(transfer); /* it needs its slot no more */
    }
    if (bitfield_has(&transfer->needed, piece)) {
        peer->useful++;
        peer->vain_generation = 0;
        holdings_show_interest(transfer, peer);
    }
    return NULL;
}

/* ---- whole bitfields ---- */

/* The more pieces, the more work it makes. */
static void charge_whole(struct transfer *transfer, struct peer *peer)
{
    offences_charge(transfer, peer, CHATTER_MS + transfer->have.count / CHATTER_PIECES);
}

static const char *bitfield_early(struct peer *peer, struct bytes bits)
{
    if (!bitfield_resize(&peer->has, (uint32_t)bits.len * 8))
        return wire_no_memory;
    bitfield_load(&peer->has, bits);
    peer->early_bytes = (uint32_t)bits.len;
    peer->has_all = false;
    return NULL;
}

const char *holdings_bitfield(struct transfer *transfer, struct peer *peer, struct bytes bits)
{
    charge_whole(transfer, peer);
    if (transfer->metainfo == NULL)
        return bitfield_early(peer, bits);
    struct bitfield fresh = {0};
    if (!bitfield_resize(&fresh, transfer->have.count))
        return wire_no_memory;
    if (bitfield_load(&fresh, bits) != STATUS_OK) {
        bitfield_dispose(&fresh);
        return "bitfield of a wrong length or with spare bits set";
    }
    uncount(transfer, peer);
    bitfield_dispose(&peer->has);
    peer->has = fresh;
    count(transfer, peer);
    changed(transfer, peer);
    requests_release_lost(transfer, peer);
    return NULL;
}

const char *holdings_all(struct transfer *transfer, struct peer *peer, bool all)
{
    charge_whole(transfer, peer);
    if (transfer->metainfo == NULL) {
        bitfield_dispose(&peer->has);
        peer->early_bytes = 0;
        peer->has_all = all;
        return NULL;
    }
    uncount(transfer, peer);
    if (all)
        bitfield_set_all(&peer->has);
    else
        bitfield_clear_all(&peer->has);
    count(transfer, peer);
    changed(transfer, peer);
    requests_release_lost(transfer, peer);
    return NULL;
}

void holdings_lost(struct transfer *transfer, struct peer *peer, uint32_t piece)
{
    offences_charge(transfer, peer, CHATTER_MS);
    if (transfer->metainfo == NULL) {
        if (piece < peer->has.count)
            bitfield_clear(&peer->has, piece);
        return;
    }
    if (!bitfield_has(&peer->has, piece)) {
        offences_count(transfer, OFFENCE_CHATTER);
        return;
    }
    if (peer->seed) {
        offences_charge(transfer, peer, transfer->have.count / CHATTER_PIECES);
        uncount(transfer, peer);
        bitfield_clear(&peer->has, piece);
        count(transfer, peer);
    } else {
        bitfield_clear(&peer->has, piece);
        picker_remove_holder(transfer->picker, piece);
    }
    if (bitfield_has(&transfer->needed, piece))
        peer->useful--;
    requests_release_lost(transfer, peer);
}

const char *holdings_settle(struct transfer *transfer, struct peer *peer)
{
    uint32_t count_of_pieces = transfer->have.count;
    if (peer->early_bytes != 0 && peer->early_bytes != bitfield_bytes(count_of_pieces))
        return "bitfield of a wrong length";
    if (bitfield_next(&peer->has, count_of_pieces) < peer->has.count)
        return "piece that does not exist";
    if (!bitfield_resize(&peer->has, count_of_pieces))
        return wire_no_memory;
    if (peer->has_all)
        bitfield_set_all(&peer->has);
    count(transfer, peer);
    changed(transfer, peer);
    return NULL;
}

void holdings_leave(struct transfer *transfer, struct peer *peer)
{
    uncount(transfer, peer);
    bitfield_dispose(&peer->has);
    peer->useful = 0;
}

/* ---- what we need ---- */

void holdings_recount(struct transfer *transfer)
{
    FOR_EACH_PEER (transfer, i, peer)
        changed(transfer, peer);
}

void holdings_piece_changed(struct transfer *transfer, uint32_t piece)
{
    bool needed = bitfield_has(&transfer->needed, piece);
    FOR_EACH_PEER (transfer, i, peer) {
        if (!peer_has(peer, piece))
            continue;
        if (needed) {
            peer->useful++;
            peer->vain_generation = 0;
            holdings_show_interest(transfer, peer);
        } else {
            peer->useful--;
        }
    }
}
