#include "swarm/transfer_private.h"

/* What goes through extended messages: their handshake, metadata, peer exchange, don't-have. */

static bool is_private(const struct transfer *transfer)
{
    return transfer->metainfo != NULL && transfer->metainfo->is_private;
}

/* ---- handshake ---- */

void extension_greet(struct transfer *transfer, struct peer *peer)
{
    const struct metainfo *metainfo = transfer->metainfo;
    struct extension_offer offer = {
        .pex = !is_private(transfer),
        .metadata_size = metainfo != NULL ? (uint32_t)metainfo->info_len : 0,
        .port = transfer->config.listen_port,
        .requests = peer->ours ? REQUESTS_OURS_MAX : REQUESTS_TAKEN,
        .client = transfer->config.client,
        .remote = peer->remote,
    };
    struct buffer body;
    buffer_init(&body);
    extension_write_handshake(&offer, &body);
    if (!body.failed)
        wire_put_extended(&peer->out, EXTENSION_HANDSHAKE, buffer_bytes(&body), (struct bytes){0});
    peer->out.failed = peer->out.failed || body.failed;
    buffer_dispose(&body);
    actions_output(transfer, peer);
}

static void learn_listen(struct transfer *transfer, struct peer *peer)
{
    if (!peer->incoming || peer->extension.port == 0)
        return;
    struct endpoint listen = peer->remote;
    listen.port = peer->extension.port;
    if (endpoint_equal(&listen, &peer->listen) || !endpoint_is_usable(&listen))
        return;
    if (peer->listen.family != ENDPOINT_NONE)
        availability_set_connected(transfer->availability, &peer->listen, false);
    peer->listen = listen;
    availability_set_connected(transfer->availability, &listen, true);
    actions_push(transfer, (struct transfer_action){
                               .type = ACTION_LISTENS, .peer = peer->handle, .endpoint = listen});
}

static void offer_metadata(struct transfer *transfer, struct peer *peer)
{
    if (transfer->metadata == NULL)
        return;
    uint32_t size = peer->extension.metadata_id != 0 ? peer->extension.metadata_size : 0;
    metadata_offer(transfer->metadata, peer->handle, size, transfer->now_ms);
    extension_ask_metadata(transfer);
}

static void on_handshake(struct transfer *transfer, struct peer *peer, struct bytes body)
{
    bool first = !peer->extension.known;
    enum status status = extension_read_handshake(body, &peer->extension);
    if (status == STATUS_REFUSED)
        offences_strike(transfer, peer, OFFENCE_EXTENDED, "too many absurd extended handshakes");
    if (peer->closing)
        return;
    if (status != STATUS_OK && status != STATUS_REFUSED) {
        offences_strike(transfer, peer, OFFENCE_EXTENDED, "too many malformed extended messages");
        return;
    }
    if (first)
        peer->pex_due_ms = transfer->now_ms + PEX_FIRST_MS;
    else
        offences_charge(transfer, peer, CHATTER_TURN_MS);
    learn_listen(transfer, peer);
    offer_metadata(transfer, peer);
}

/* ---- metadata ---- */

static void send_metadata(struct transfer *transfer, struct peer *peer,
                          const struct metadata_message *message)
{
    struct buffer head;
    buffer_init(&head);
    extension_write_metadata(message, &head);
    if (!head.failed)
        wire_put_extended(&peer->out, peer->extension.metadata_id, buffer_bytes(&head),
                          message->data);
    peer->out.failed = peer->out.failed || head.failed;
    buffer_dispose(&head);
    actions_output(transfer, peer);
}

static void ask_metadata_of(struct transfer *transfer, struct peer *peer)
{
    struct metadata_message message = {.type = METADATA_REQUEST};
    while (peer->extension.metadata_id != 0 &&
           metadata_next_request(transfer->metadata, peer->handle, transfer->now_ms, &message.part))
        send_metadata(transfer, peer, &message);
}

void extension_ask_metadata(struct transfer *transfer)
{
    if (transfer->metadata == NULL || !transfer->fetch)
        return;
    FOR_EACH_PEER (transfer, i, peer)
        ask_metadata_of(transfer, peer);
}

/* Every part may be had twice; what is beyond, or more than fits the way out, is rejected. */
static void serve_metadata(struct transfer *transfer, struct peer *peer, uint32_t part)
{
    const struct metainfo *metainfo = transfer->metainfo;
    size_t len = metainfo != NULL ? metainfo->info_len : 0, begin = (size_t)part << 14;
    size_t parts = (len + METADATA_PART_BYTES - 1) / METADATA_PART_BYTES;
    struct metadata_message answer = {.type = METADATA_REJECT, .part = part};
    if (part < parts && peer->metadata_served < 2 * parts + METADATA_AHEAD &&
        peer->out.len + peer->backlog_bytes < METADATA_OUT_BYTES + BACKLOG_BYTES) {
        size_t left = len - begin;
        answer.type = METADATA_DATA;
        answer.total_size = (uint32_t)len;
        answer.data = bytes_of(metainfo->info + begin,
                               left < METADATA_PART_BYTES ? left : METADATA_PART_BYTES);
        peer->metadata_served++;
    } else {
        offences_count(transfer, OFFENCE_PART);
        offences_charge(transfer, peer, CHATTER_MS);
    }
    send_metadata(transfer, peer, &answer);
}

static void take_metadata(struct transfer *transfer, struct peer *peer,
                          const struct metadata_message *message)
{
    enum metadata_result result = metadata_receive(transfer->metadata, peer->handle, message->part,
                                                   message->data, transfer->now_ms);
    if (result == METADATA_WHOLE) {
        actions_push(transfer,
                     (struct transfer_action){.type = ACTION_METADATA,
                                              .data = metadata_bytes(transfer->metadata)});
        return;
    }
    if (result == METADATA_UNASKED)
        offences_strike(transfer, peer, OFFENCE_METADATA,
                        "too much metadata that was not asked for");
    extension_ask_metadata(transfer);
}

void transfer_metadata_checked(struct transfer *transfer, enum status result, uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    if (transfer->metadata == NULL)
        return;
    uint32_t liar = metadata_checked(transfer->metadata, result);
    if (result == STATUS_MISMATCH)
        offences_count(transfer, OFFENCE_METADATA);
    if (liar != 0)
        peers_ban(transfer, liar);
    extension_ask_metadata(transfer);
    transfer_settle(transfer);
}

static void on_metadata(struct transfer *transfer, struct peer *peer, struct bytes body)
{
    struct metadata_message message;
    if (extension_read_metadata(body, &message) != STATUS_OK) {
        offences_strike(transfer, peer, OFFENCE_EXTENDED, "too many malformed extended messages");
        return;
    }
    if (message.type == METADATA_REQUEST && peer->extension.metadata_id != 0) {
        serve_metadata(transfer, peer, message.part);
    } else if (message.type == METADATA_DATA && transfer->metadata != NULL) {
        take_metadata(transfer, peer, &message);
    } else if (message.type == METADATA_REJECT && transfer->metadata != NULL) {
        offences_count(transfer, OFFENCE_REJECT);
        offences_charge(transfer, peer, CHATTER_MS);
        metadata_reject(transfer->metadata, peer->handle, message.part, transfer->now_ms);
        extension_ask_metadata(transfer);
    } else { /* asked without an id to answer to, or about what we have */
        offences_chatter(transfer, peer);
    }
}

/* ---- exchange ---- */

static size_t collect_contacts(const struct transfer *transfer, const struct peer *but,
                               struct pex_contact contacts[])
{
    size_t count = 0;
    FOR_EACH_PEER (transfer, i, peer) {
        bool repeated = endpoint_equal(&peer->listen, &but->listen);
        for (size_t j = 0; j < count && !repeated; j++)
            repeated = endpoint_equal(&contacts[j].endpoint, &peer->listen);
        if (peer != but && peer->listen.family != ENDPOINT_NONE && !repeated)
            contacts[count++] =
                (struct pex_contact){peer->listen, (uint8_t)((peer->seed ? PEX_SEED : 0) |
                                                             (peer->incoming ? 0 : PEX_REACHABLE))};
    }
    return count;
}

void extension_exchange(struct transfer *transfer, struct peer *peer)
{
    if (peer->extension.pex_id == 0 || is_private(transfer) || transfer->now_ms < peer->pex_due_ms)
        return;
    struct pex_contact contacts[PEER_SLOTS];
    size_t count = collect_contacts(transfer, peer, contacts);
    struct buffer body;
    buffer_init(&body);
    peer->pex_due_ms = transfer->now_ms + TICK_IDLE_MS;
    if (pex_write(&peer->pex, contacts, count, &body)) {
        wire_put_extended(&peer->out, peer->extension.pex_id, buffer_bytes(&body),
                          (struct bytes){0});
        peer->pex_due_ms = transfer->now_ms + PEX_PERIOD_MS;
        actions_output(transfer, peer);
    }
    buffer_dispose(&body);
}

static void on_exchange(struct transfer *transfer, struct peer *peer, struct bytes body)
{
    bool first = peer->pex_received_ms == 0;
    if (is_private(transfer)) {
        offences_chatter(transfer, peer);
        return;
    }
    if (!first && transfer->now_ms - peer->pex_received_ms < PEX_PERIOD_MIN_MS) {
        offences_strike(transfer, peer, OFFENCE_EXCHANGE, "too frequent peer exchange");
        return;
    }
    struct pex_contact contacts[PEX_FIRST_ADDED_MAX];
    size_t count, refused;
    if (pex_read(body, contacts, first ? PEX_FIRST_ADDED_MAX : PEX_ADDED_MAX * 2, &count,
                 &refused) != STATUS_OK) {
        offences_strike(transfer, peer, OFFENCE_EXTENDED, "too many malformed extended messages");
        return;
    }
    peer->pex_received_ms = transfer->now_ms > 0 ? transfer->now_ms : 1;
    for (size_t i = 0; i < refused; i++)
        offences_count(transfer, OFFENCE_ADDRESS);
    for (size_t i = 0; i < count; i++)
        actions_push(transfer, (struct transfer_action){.type = ACTION_FOUND,
                                                        .peer = peer->handle,
                                                        .endpoint = contacts[i].endpoint});
}

/* ---- don't have ---- */

void extension_dont_have(struct transfer *transfer, struct peer *peer, uint32_t piece)
{
    if (peer->extension.dont_have_id == 0)
        return;
    uint8_t body[4];
    write_u32(body, piece);
    wire_put_extended(&peer->out, peer->extension.dont_have_id, bytes_of(body, sizeof body),
                      (struct bytes){0});
    actions_output(transfer, peer);
}

void extension_message(struct transfer *transfer, struct peer *peer, uint8_t id, struct bytes body)
{
    switch (id) {
    case EXTENSION_HANDSHAKE:
        on_handshake(transfer, peer, body);
        break;
    case EXTENSION_METADATA:
        on_metadata(transfer, peer, body);
        break;
    case EXTENSION_PEX:
        on_exchange(transfer, peer, body);
        break;
    case EXTENSION_DONT_HAVE:
        if (body.len == 4)
            holdings_lost(transfer, peer, read_u32(body.data));
        else
            offences_strike(transfer, peer, OFFENCE_EXTENDED,
                            "too many malformed extended messages");
        break;
    default:
        offences_strike(transfer, peer, OFFENCE_EXTENDED,
                        "too many extended messages of an unknown kind");
    }
}
