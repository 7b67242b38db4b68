#include "swarm/allowed_fast.h"
#include "swarm/transfer_private.h"

/* What they ask of us: choking, the queues of blocks, and the order in which bytes go out.
 *
 * Protocol bytes go first; blocks follow one by one, as long as the owner's queue is short, so that
 * a CHOKE or CANCEL still finds them here. */

static void reject(struct transfer *transfer, struct peer *peer, uint32_t piece, uint32_t begin,
                   uint32_t length)
{
    if (!peer->fast)
        return;
    wire_put_block(&peer->out, WIRE_REJECT, piece, begin, length);
    actions_output(transfer, peer);
}

/* ---- choking ---- */

static bool keeps_when_choked(const struct peer *peer, const struct upload *upload)
{
    return peer->fast && peer_is_granted(peer, upload->piece);
}

/* CHOKE goes first, so that the peer does not ask again for what is rejected next [BEP 6]. */
static void choke(struct transfer *transfer, struct peer *peer)
{
    if (peer->we_choke)
        return;
    peer->we_choke = true;
    peer->choked_requests = 0;
    suggest_end(transfer, peer);
    wire_put(&peer->out, WIRE_CHOKE);
    for (uint32_t i = 0; i < peer->uploads.count;) {
        struct upload upload = *upload_queue_at(&peer->uploads, i);
        if (keeps_when_choked(peer, &upload)) {
            i++;
            continue;
        }
        upload_queue_remove(&peer->uploads, i);
        reject(transfer, peer, upload.piece, upload.begin, upload.length);
    }
    actions_output(transfer, peer);
}

static void unchoke(struct transfer *transfer, struct peer *peer)
{
    if (!peer->we_choke)
        return;
    peer->we_choke = false;
    peer->turn_ms = transfer->now_ms;
    wire_put(&peer->out, WIRE_UNCHOKE);
    actions_output(transfer, peer);
    suggest_ahead(transfer, peer);
}

/* It does not read what it is sent: it would keep a slot from others for nothing. */
static bool is_stuck(const struct transfer *transfer, const struct peer *peer)
{
    return peer->told_backlog > 0 && transfer->now_ms - peer->taken_ms >= UNREAD_MS;
}

/* Who has everything may take some seconds to say that it wants no more. */
static bool wants_some(const struct transfer *transfer, const struct peer *peer)
{
    return peer->they_want && !peer->seed && !is_stuck(transfer, peer);
}

struct ballot {
    struct peer *peers[PEER_SLOTS];
    struct choker_peer values[PEER_SLOTS];
    bool unchoke[PEER_SLOTS];
    size_t count;
};

static void collect(const struct transfer *transfer, struct ballot *ballot)
{
    ballot->count = 0;
    FOR_EACH_PEER (transfer, i, peer) {
        ballot->peers[ballot->count] = peer;
        ballot->values[ballot->count++] =
            (struct choker_peer){.peer = peer->handle,
                                 .rate_bps = rate_bps(&peer->down, transfer->now_ms),
                                 .pieces = peer->has.set,
                                 .interested = wants_some(transfer, peer),
                                 .unchoked = !peer->we_choke,
                                 .hoard = suggest_hoard(transfer, peer),
                                 .joined_ms = peer->joined_ms,
                                 .turn_ms = peer->turn_ms};
    }
}

static void apply(struct transfer *transfer, const struct ballot *ballot)
{
    for (size_t i = 0; i < ballot->count; i++)
        if (!ballot->unchoke[i])
            choke(transfer, ballot->peers[i]);
    for (size_t i = 0; i < ballot->count; i++)
        if (ballot->unchoke[i])
            unchoke(transfer, ballot->peers[i]);
}

/* Whether somebody interested has no slot. */
static bool somebody_waits(const struct ballot *ballot)
{
    for (size_t i = 0; i < ballot->count; i++)
        if (ballot->values[i].interested && !ballot->values[i].unchoked)
            return true;
    return false;
}

static bool is_spreading(const struct transfer *transfer)
{
    return transfer->needed.set > 0 && transfer->have.set <= SPREADING_PIECES;
}

static void prepare(struct transfer *transfer)
{
    transfer->choker.seeding = transfer->needed.set == 0;
    transfer->choker.spreading = is_spreading(transfer);
    transfer->choker.slots = limits_slots(transfer);
}

void serve_round(struct transfer *transfer)
{
    if (!transfer->serve || transfer->metainfo == NULL)
        return;
    struct ballot ballot;
    collect(transfer, &ballot);
    upload_slots_round(&transfer->slots, transfer->bytes_up - transfer->round_bytes_up,
                       somebody_waits(&ballot));
    transfer->round_bytes_up = transfer->bytes_up;
    prepare(transfer);
    choker_round(&transfer->choker, ballot.values, ballot.count, &transfer->rng, transfer->now_ms,
                 ballot.unchoke);
    apply(transfer, &ballot);
}

/* Peers change their minds often, and most of the time nothing follows from it. */
static bool somebody_can_be_let_in(const struct transfer *transfer)
{
    size_t taken = 0, waiting = 0;
    FOR_EACH_PEER (transfer, i, peer) {
        bool wants = wants_some(transfer, peer);
        taken += wants && !peer->we_choke;
        waiting += wants && peer->we_choke;
    }
    return waiting > 0 && taken < transfer->choker.slots;
}

static void admit(struct transfer *transfer)
{
    if (!transfer->serve || transfer->metainfo == NULL)
        return;
    struct ballot ballot;
    prepare(transfer);
    if (!somebody_can_be_let_in(transfer))
        return;
    collect(transfer, &ballot);
    choker_admit(&transfer->choker, ballot.values, ballot.count, ballot.unchoke);
    apply(transfer, &ballot);
}

/* All want a first piece at the same moment, and say so one after the other: who has least is known
 * a little later. Those who come first, first would be the same few everywhere, and the others
 * would have nothing for long. */
void serve_admit(struct transfer *transfer)
{
    if (!is_spreading(transfer) || transfer->live_count <= transfer->choker.slots)
        admit(transfer);
    else if (transfer->spread_ms == 0)
        transfer->spread_ms = transfer->now_ms + SPREADING_WAIT_MS;
}

void serve_spread(struct transfer *transfer)
{
    transfer->spread_ms = 0;
    admit(transfer);
}

void serve_more(struct transfer *transfer)
{
    if (upload_slots_grow(&transfer->slots, rate_recent_bps(&transfer->up, transfer->now_ms)))
        serve_admit(transfer);
}

void serve_nobody(struct transfer *transfer)
{
    FOR_EACH_PEER (transfer, i, peer) {
        peer->granted_count = 0;
        choke(transfer, peer);
    }
}

static bool uses_grant(const struct peer *peer)
{
    return peer->granted_count > 0 && peer->we_choke && peer->has.set <= ALLOWED_FAST_COUNT;
}

static size_t count_grants_in_use(const struct transfer *transfer)
{
    size_t count = 0;
    FOR_EACH_PEER (transfer, i, peer)
        count += uses_grant(peer);
    return count;
}

/* A choked newcomer gets a few pieces all the same [BEP 6]. With a free slot it needs none. When a
 * crowd comes at once, only the first few do: what is shared among all gives nobody a whole piece
 * for long, and nobody has anything to give on. */
void serve_grant_fast(struct transfer *transfer, struct peer *peer)
{
    if (!peer->fast || !transfer->serve || peer->granted_count > 0 ||
        transfer->live_count <= transfer->choker.slots ||
        count_grants_in_use(transfer) >= ALLOWED_FAST_PEERS)
        return;
    peer->granted_count =
        (uint32_t)allowed_fast_set(&peer->remote, &transfer->config.infohash, transfer->have.count,
                                   peer->granted, ALLOWED_FAST_COUNT);
    for (uint32_t i = 0; i < peer->granted_count; i++)
        wire_put_piece_number(&peer->out, WIRE_ALLOWED_FAST, peer->granted[i]);
    actions_output(transfer, peer);
}

/* ---- requests ---- */

static uint32_t most_requests(const struct peer *peer)
{
    return peer->ours ? REQUESTS_OURS_MAX : REQUESTS_TAKEN;
}

/* A newcomer's grant ends when it is none any more [BEP 6]. */
static bool may_have(const struct peer *peer, uint32_t piece)
{
    return !peer->we_choke || (peer_is_granted(peer, piece) && uses_grant(peer));
}

const char *serve_request(struct transfer *transfer, struct peer *peer,
                          const struct wire_message *message)
{
    uint32_t piece = message->piece, begin = message->begin, length = message->length;
    if (transfer->metainfo != NULL) {
        uint32_t size = piece < transfer->have.count ? transfer_piece_size(transfer, piece) : 0;
        if (length == 0 || begin >= size || length > size - begin)
            return "request beyond the bounds of a piece";
    }
    bool refused =
        length > REQUEST_BYTES_MAX || !transfer->serve || !bitfield_has(&transfer->have, piece);
    if (!refused && !may_have(peer, piece)) {
        if (++peer->choked_requests > CHOKED_REQUESTS_MAX)
            return "goes on asking while choked";
        refused = true;
    }
    peer->asked_ms = transfer->now_ms;
    if (!refused && peer->uploads.count >= most_requests(peer)) {
        if (!peer->fast)
            return "more requests at a time than we take";
        refused = true;
    }
    if (refused) {
        offences_count(transfer, OFFENCE_REQUEST);
        offences_charge(transfer, peer, CHATTER_MS);
        reject(transfer, peer, piece, begin, length);
    } else if (upload_queue_push(&peer->uploads, (struct upload){piece, begin, length})) {
        actions_output(transfer, peer);
        suggest_after_request(transfer, peer, piece);
    } else if (peer->fast) {
        reject(transfer, peer, piece, begin, length);
    } else {
        return wire_no_memory;
    }
    return NULL;
}

void serve_cancel(struct transfer *transfer, struct peer *peer, const struct wire_message *message)
{
    struct upload upload = {message->piece, message->begin, message->length};
    uint32_t i = upload_queue_find(&peer->uploads, upload);
    if (i == peer->uploads.count) {
        offences_chatter(transfer, peer);
        return;
    }
    upload_queue_remove(&peer->uploads, i);
    reject(transfer, peer, upload.piece, upload.begin, upload.length);
}

void serve_piece_lost(struct transfer *transfer, uint32_t piece)
{
    FOR_EACH_PEER (transfer, p, peer) {
        for (uint32_t i = peer->uploads.count; i-- > 0;) {
            struct upload upload = *upload_queue_at(&peer->uploads, i);
            if (upload.piece != piece)
                continue;
            upload_queue_remove(&peer->uploads, i);
            reject(transfer, peer, upload.piece, upload.begin, upload.length);
        }
    }
}

/* ---- what goes out ---- */

static size_t most_backlog(const struct transfer *transfer, const struct peer *peer)
{
    uint64_t most = BACKLOG_BYTES + rate_recent_bps(&peer->up, transfer->now_ms) / 100;
    return most < BACKLOG_MAX_BYTES ? (size_t)most : BACKLOG_MAX_BYTES;
}

static void give_block(struct transfer *transfer, struct peer *peer, struct transfer_output *out)
{
    struct upload upload = peer->block_due;
    peer->block_due.length = 0;
    *out = (struct transfer_output){
        .piece = upload.piece, .begin = upload.begin, .length = upload.length};
    peer->backlog_bytes += upload.length;
    peer->bytes_up += upload.length;
    transfer->bytes_up += upload.length;
    offences_pay(peer);
    rate_add(&peer->up, upload.length, transfer->now_ms);
    rate_add(&transfer->up, upload.length, transfer->now_ms);
}

/* Puts the head of the next block behind the protocol bytes that go out first. */
static void head_block(struct transfer *transfer, struct peer *peer)
{
    struct upload upload;
    if (peer->closing || peer->uploads.count == 0 ||
        peer->backlog_bytes >= most_backlog(transfer, peer))
        return;
    if (peer->up_limit.limiter != NULL &&
        !limits_send(transfer, peer, upload_queue_at(&peer->uploads, 0)->length))
        return;
    upload_queue_pop(&peer->uploads, &upload);
    wire_put_piece_head(&peer->out, upload.piece, upload.begin, upload.length);
    peer->block_due = upload;
}

bool transfer_next_output(struct transfer *transfer, uint32_t handle, struct transfer_output *out)
{
    struct peer *peer = peers_find(transfer, handle);
    if (peer == NULL)
        return false;
    if (peer->block_due.length > 0) {
        give_block(transfer, peer, out);
        return true;
    }
    head_block(transfer, peer);
    if (peer->out.failed) { /* it would not hear all that it was to hear */
        peers_close(transfer, peer, CLOSE_NO_MEMORY, wire_no_memory);
        return false;
    }
    if (peer->out.len == 0)
        return false;
    struct buffer given = peer->out;
    peer->out = peer->lent;
    peer->lent = given;
    buffer_clear(&peer->out);
    peer->backlog_bytes += given.len;
    peer->sent_ms = transfer->now_ms;
    *out = (struct transfer_output){.bytes = buffer_bytes(&peer->lent)};
    return true;
}

void transfer_set_backlog(struct transfer *transfer, uint32_t handle, size_t bytes, uint64_t now_ms)
{
    struct peer *peer = peers_find(transfer, handle);
    transfer->now_ms = now_ms;
    if (peer == NULL || peer->closing)
        return;
    if (bytes < peer->told_backlog || peer->told_backlog == 0)
        peer->taken_ms = now_ms;
    peer->told_backlog = peer->backlog_bytes = bytes;
    if (bytes > BACKLOG_FATAL_BYTES)
        peers_close(transfer, peer, CLOSE_TIMEOUT, "does not read what it is sent");
    else if (peer->uploads.count > 0 && bytes < most_backlog(transfer, peer))
        actions_output(transfer, peer);
    transfer_settle(transfer);
}
