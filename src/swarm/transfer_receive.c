#include <assert.h>

#include "swarm/transfer_private.h"

/* One connection's bytes become messages, messages become calls. */

static void on_choke(struct transfer *transfer, struct peer *peer)
{
    if (peer->they_choke) {
        offences_chatter(transfer, peer);
        return;
    }
    offences_charge(transfer, peer, CHATTER_TURN_MS);
    peer->they_choke = true;
    /* With the fast extension each request is still answered; without, they are gone. Either way
     * others may be asked now. */
    if (peer->fast)
        requests_release_all(transfer, peer);
    else
        requests_drop_all(transfer, peer);
}

static void on_unchoke(struct transfer *transfer, struct peer *peer)
{
    if (!peer->they_choke) {
        offences_chatter(transfer, peer);
        return;
    }
    requests_forget_released(transfer, peer);
    peer->they_choke = false;
    peer->snubbed = false;
    peer->vain_generation = 0;
}

static void on_interest(struct transfer *transfer, struct peer *peer, bool interested)
{
    if (peer->they_want == interested) {
        offences_chatter(transfer, peer);
        return;
    }
    offences_charge(transfer, peer, CHATTER_INTEREST_MS);
    peer->they_want = interested;
    peer->wanted_ms = transfer->now_ms;
    serve_admit(transfer);
}

static const char *on_allowed_fast(struct transfer *transfer, struct peer *peer, uint32_t piece)
{
    if (transfer->metainfo != NULL && piece >= transfer->have.count)
        return "piece that does not exist";
    if (peer->allowed_count == ALLOWED_FAST_MAX || peer_allows(peer, piece)) {
        offences_chatter(transfer, peer);
        return NULL;
    }
    peer->allowed[peer->allowed_count++] = piece;
    peer->vain_generation = 0;
    return NULL;
}

/* NULL, or how it broke the protocol. */
static const char *on_message(struct transfer *transfer, struct peer *peer,
                              const struct wire_message *message)
{
    switch (message->type) {
    case WIRE_CHOKE:
        on_choke(transfer, peer);
        return NULL;
    case WIRE_UNCHOKE:
        on_unchoke(transfer, peer);
        return NULL;
    case WIRE_INTERESTED:
    case WIRE_NOT_INTERESTED:
        on_interest(transfer, peer, message->type == WIRE_INTERESTED);
        return NULL;
    case WIRE_HAVE:
        return holdings_have(transfer, peer, message->piece);
    case WIRE_BITFIELD:
        return holdings_bitfield(transfer, peer, message->body);
    case WIRE_HAVE_ALL:
    case WIRE_HAVE_NONE:
        return holdings_all(transfer, peer, message->type == WIRE_HAVE_ALL);
    case WIRE_REQUEST:
        return serve_request(transfer, peer, message);
    case WIRE_CANCEL:
        serve_cancel(transfer, peer, message);
        return NULL;
    case WIRE_REJECT:
        requests_rejected(transfer, peer, message->piece, message->begin);
        return NULL;
    case WIRE_SUGGEST:
        return suggest_receive(transfer, peer, message->piece);
    case WIRE_ALLOWED_FAST:
        return on_allowed_fast(transfer, peer, message->piece);
    case WIRE_EXTENDED:
        extension_message(transfer, peer, message->extended_id, message->body);
        return NULL;
    case WIRE_KEEP_ALIVE: /* said for want of anything else to say, or it is talk */
        offences_charge(transfer, peer, CHATTER_MS);
        if (peer->owed_ms > CHATTER_MS)
            offences_count(transfer, OFFENCE_CHATTER);
        return NULL;
    default: /* PORT, unknown ones */
        offences_chatter(transfer, peer);
        return NULL;
    }
}

static void count_payload(struct transfer *transfer, struct peer *peer, uint64_t before)
{
    uint64_t bytes = peer->wire.payload_bytes - before;
    if (bytes == 0)
        return;
    peer->bytes_down += bytes;
    transfer->bytes_down += bytes;
    rate_add(&peer->down, bytes, transfer->now_ms);
    rate_add(&transfer->down, bytes, transfer->now_ms);
    if (peer->down_limit.limiter != NULL)
        limited_spend(&peer->down_limit, bytes);
    peer->progress_bytes += (uint32_t)bytes;
    if (peer->progress_bytes >= STEADY_BYTES) {
        peer->progress_bytes = 0;
        peer->progress_ms = transfer->now_ms;
    }
}

/* Some of a message came, perhaps the end of it: a byte now and then is no way to send one. */
static void note_steady(struct transfer *transfer, struct peer *peer, size_t bytes)
{
    peer->steady_bytes += (uint32_t)bytes;
    if (peer->steady_bytes >= STEADY_BYTES || !wire_is_within(&peer->wire)) {
        peer->steady_bytes = 0;
        peer->steady_ms = transfer->now_ms;
    }
}

/* Takes one event from the wire. False: there is none, or it was the last. */
static bool take_event(struct transfer *transfer, struct peer *peer)
{
    struct wire_message message;
    const char *error = NULL;
    switch (wire_next(&peer->wire, &message)) {
    case WIRE_MORE:
        return false;
    case WIRE_MESSAGE:
        error = on_message(transfer, peer, &message);
        break;
    case WIRE_PIECE_BEGIN:
        error = blocks_begin(transfer, peer, &message);
        break;
    case WIRE_PIECE_END:
        blocks_end(transfer, peer, peer->wire.payload_len);
        break;
    case WIRE_SKIPPED:
        offences_strike(transfer, peer, OFFENCE_EXTENDED,
                        "too many extended messages that are too long");
        break;
    case WIRE_IGNORED:
        offences_chatter(transfer, peer);
        break;
    case WIRE_ERROR:
        error = peer->wire.error;
        break;
    }
    if (error == NULL && peer->owed_ms > CHATTER_MAX_MS)
        error = "talks without end and moves nothing";
    if (error != NULL)
        peers_close_for(transfer, peer, error);
    return !peer->closing;
}

void transfer_receive_space(struct transfer *transfer, uint32_t handle, uint8_t **space,
                            size_t *len)
{
    struct peer *peer = peers_find(transfer, handle);
    if (peer == NULL) {
        *space = NULL;
        *len = 0;
        return;
    }
    if (peer->closing) { /* nobody looks at it */
        *space = peer->wire.small;
        *len = sizeof peer->wire.small;
        return;
    }
    wire_space(&peer->wire, peer->requests.count > 0, space, len);
    if (peer->down_limit.limiter != NULL && peer->wire.in_payload)
        *len = limits_receive(transfer, peer, *len);
}

size_t transfer_receive_spaces(struct transfer *transfer, uint32_t handle,
                               struct space out[TRANSFER_SPACES_MAX])
{
    static_assert(WIRE_SPACES_MAX == TRANSFER_SPACES_MAX, "one is the other");
    struct peer *peer = peers_find(transfer, handle);
    struct space first;
    transfer_receive_space(transfer, handle, &first.data, &first.len);
    if (peer == NULL)
        return 0;
    if (peer->closing || peer->down_limit.limiter != NULL) {
        out[0] = first;
        return first.len > 0;
    }
    blocks_expect(transfer, peer);
    return wire_spaces(&peer->wire, first, out);
}

enum status transfer_received(struct transfer *transfer, uint32_t handle, size_t len,
                              uint64_t now_ms)
{
    struct peer *peer = peers_find(transfer, handle);
    transfer->now_ms = now_ms;
    if (peer == NULL || peer->closing)
        return STATUS_CLOSED;
    uint64_t payload_before = peer->wire.payload_bytes;
    peer->received_ms = now_ms;
    wire_received(&peer->wire, len);
    while (take_event(transfer, peer))
        ;
    count_payload(transfer, peer, payload_before);
    note_steady(transfer, peer, len);
    if (peer->out.len > OUT_BYTES_MAX)
        peers_close(transfer, peer, CLOSE_TIMEOUT, "does not read what it is sent");
    requests_fill(transfer, peer);
    transfer_settle(transfer);
    return peer->closing ? STATUS_MALFORMED : STATUS_OK;
}
