#include <string.h>

#include "swarm/transfer_private.h"

/* Connections come and go. A handle is slot + generation * 256: one that is gone is never taken for
 * another. */

enum { CROSSING_MS = 30000, SILENT_LONG_MS = 120000 };

struct peer *peers_find(const struct transfer *transfer, uint32_t handle)
{
    uint32_t slot = handle & 0xff;
    struct peer *peer = slot < PEER_SLOTS ? transfer->by_slot[slot] : NULL;
    return peer != NULL && peer->handle == handle ? peer : NULL;
}

/* ---- leaving ---- */

/* A verdict may come when its peer is gone. */
static const struct endpoint *address_of(const struct peer *peer)
{
    return peer->listen.family != ENDPOINT_NONE ? &peer->listen : &peer->remote;
}

static void remember(struct transfer *transfer, const struct peer *peer)
{
    transfer->past[transfer->past_count++ % PAST_PEERS_MAX] =
        (struct past_peer){peer->handle, *address_of(peer)};
}

/* Takes it out of everything but the table: what it owed is free for others, what it had does not
 * count any more. */
static void end_dealings(struct transfer *transfer, struct peer *peer)
{
    bool gave_metadata =
        transfer->metadata != NULL && metadata_is_from(transfer->metadata, peer->handle);
    if (peer->bytes_down > 0 || gave_metadata)
        remember(transfer, peer);
    requests_drop_all(transfer, peer);
    suggest_end(transfer, peer);
    holdings_leave(transfer, peer);
    upload_queue_dispose(&peer->uploads);
    limited_leave(&peer->down_limit);
    limited_leave(&peer->up_limit);
    if (peer->listen.family != ENDPOINT_NONE)
        availability_set_connected(transfer->availability, &peer->listen, false);
    if (transfer->metadata != NULL)
        metadata_leave(transfer->metadata, peer->handle);
    peer->closing = true;
    transfer->live_count--;
    transfer->proven_count -= peer->proven;
    if (!peer->we_choke)
        serve_admit(transfer);
    extension_ask_metadata(transfer);
}

void peers_close(struct transfer *transfer, struct peer *peer, enum transfer_close_reason reason,
                 const char *text)
{
    if (peer->closing)
        return;
    end_dealings(transfer, peer);
    actions_push(transfer,
                 (struct transfer_action){
                     .type = ACTION_CLOSE, .peer = peer->handle, .reason = reason, .text = text});
}

void peers_close_for(struct transfer *transfer, struct peer *peer, const char *error)
{
    bool ours = error == wire_no_memory;
    peers_close(transfer, peer, ours ? CLOSE_NO_MEMORY : CLOSE_PROTOCOL, error);
}

void transfer_remove_peer(struct transfer *transfer, uint32_t handle, uint64_t now_ms)
{
    struct peer *peer = peers_find(transfer, handle);
    transfer->now_ms = now_ms;
    if (peer == NULL)
        return;
    if (!peer->closing)
        end_dealings(transfer, peer);
    transfer->by_slot[handle & 0xff] = NULL;
    for (size_t i = 0; i < transfer->peer_count; i++)
        if (transfer->peers[i] == peer)
            transfer->peers[i] = transfer->peers[--transfer->peer_count];
    peer_free(peer);
    if (transfer->peer_count == 0)
        pieces_trim(&transfer->pieces);
    transfer_settle(transfer);
}

/* ---- judging ---- */

static const struct endpoint *past_address(const struct transfer *transfer, uint32_t handle)
{
    for (size_t i = 0; i < PAST_PEERS_MAX; i++)
        if (transfer->past[i].handle == handle)
            return &transfer->past[i].endpoint;
    return NULL;
}

void peers_ban(struct transfer *transfer, uint32_t handle)
{
    struct peer *peer = peers_find(transfer, handle);
    const struct endpoint *address =
        peer != NULL ? address_of(peer) : past_address(transfer, handle);
    if (address == NULL)
        return;
    actions_push(transfer, (struct transfer_action){
                               .type = ACTION_BAN, .peer = handle, .endpoint = *address});
    if (peer != NULL)
        peers_close(transfer, peer, CLOSE_BANNED, "gave wrong data");
}

/* ---- greeting ---- */

void peers_tell_have(struct transfer *transfer, struct peer *peer)
{
    const struct bitfield *have = &transfer->have;
    bool all = transfer->metainfo != NULL && bitfield_is_full(have);
    if (peer->fast && (have->set == 0 || all))
        wire_put(&peer->out, all ? WIRE_HAVE_ALL : WIRE_HAVE_NONE);
    else if (have->set > 0)
        wire_put_bitfield(&peer->out, bytes_of(have->bits, bitfield_bytes(have->count)));
    actions_output(transfer, peer);
}

void peers_say_what_waits(struct transfer *transfer)
{
    FOR_EACH_PEER (transfer, i, peer)
        if (peer->out.len > 0 || peer->out.failed)
            actions_output(transfer, peer);
}

void peers_greet(struct transfer *transfer, struct peer *peer)
{
    if (peer->theirs.extension)
        extension_greet(transfer, peer);
    peers_tell_have(transfer, peer);
    serve_grant_fast(transfer, peer);
}

/* ---- coming ---- */

/* A peer id is no secret: from another address it is another peer, or whoever repeats an honest
 * one's id could have that one hung up on. One peer may have an IPv4 and an IPv6 address. */
static bool may_be_same_host(const struct endpoint *a, const struct endpoint *b)
{
    return a->family != b->family || endpoint_same_address(a, b);
}

static struct peer *same_peer_id(const struct transfer *transfer, const struct peer *newcomer)
{
    FOR_EACH_PEER (transfer, i, peer)
        if (peer != newcomer && may_be_same_host(&peer->remote, &newcomer->remote) &&
            memcmp(peer->theirs.peer_id, newcomer->theirs.peer_id, sizeof peer->theirs.peer_id) ==
                0)
            return peer;
    return NULL;
}

/* Which of two connections to one peer is to end; both ends must find the same [interop 1.6]. Of
 * two that crossed, the one dialled by the smaller peer id stays. Otherwise the older one does,
 * unless it has been silent for so long that it must be dead. */
static struct peer *loser_of(const struct transfer *transfer, struct peer *older,
                             struct peer *newer)
{
    if (transfer->now_ms - older->received_ms >= SILENT_LONG_MS)
        return older;
    if (older->incoming == newer->incoming || transfer->now_ms - older->joined_ms >= CROSSING_MS)
        return newer;
    bool we_dial =
        memcmp(transfer->config.peer_id, newer->theirs.peer_id, sizeof newer->theirs.peer_id) < 0;
    return newer->incoming == we_dial ? newer : older;
}

static bool is_useless(const struct peer *peer, uint64_t now_ms)
{
    uint64_t pause_ms = peer->wanted_ms == peer->joined_ms ? USELESS_NEVER_MS : USELESS_MS;
    if (peer->useful > 0)
        return false;
    if (peer->they_want)
        return peer_wastes_slot(peer, now_ms);
    return now_ms - peer->wanted_ms >= pause_ms;
}

/* Nobody asks anything of the other for long; closed to make room for a newcomer. */
static struct peer *most_useless(const struct transfer *transfer, uint64_t now_ms)
{
    struct peer *useless = NULL;
    FOR_EACH_PEER (transfer, i, peer)
        if (is_useless(peer, now_ms) && (useless == NULL || peer->wanted_ms < useless->wanted_ms))
            useless = peer;
    return useless;
}

uint32_t transfer_useless_peer(const struct transfer *transfer, uint64_t now_ms)
{
    const struct peer *useless = most_useless(transfer, now_ms);
    return useless != NULL ? useless->handle : 0;
}

static bool make_room(struct transfer *transfer)
{
    if (transfer->peer_count == PEER_SLOTS)
        return false;
    if (transfer->live_count < PEERS_MAX)
        return true;
    struct peer *useless = most_useless(transfer, transfer->now_ms);
    if (useless != NULL)
        peers_close(transfer, useless, CLOSE_IDLE, "connections are full");
    return useless != NULL;
}

static uint32_t new_handle(struct transfer *transfer)
{
    uint32_t slot = 0;
    while (transfer->by_slot[slot] != NULL)
        slot++;
    transfer->next_generation = transfer->next_generation % 0xffffff + 1;
    return transfer->next_generation << 8 | slot;
}

/* False: no memory. */
static bool enter(struct transfer *transfer, struct peer *peer)
{
    if (!actions_reserve(transfer))
        return false;
    if (transfer->metainfo != NULL && holdings_settle(transfer, peer) != NULL)
        return false;
    transfer->by_slot[peer->handle & 0xff] = peer;
    transfer->peers[transfer->peer_count++] = peer;
    transfer->live_count++;
    if (peer->listen.family != ENDPOINT_NONE)
        availability_set_connected(transfer->availability, &peer->listen, true);
    return true;
}

uint32_t transfer_add_peer(struct transfer *transfer, const struct endpoint *remote,
                           const struct endpoint *listen, const struct handshake *theirs,
                           bool incoming, uint64_t now_ms)
{
    transfer->now_ms = now_ms;
    if (!make_room(transfer))
        return 0;
    uint32_t handle = new_handle(transfer);
    struct peer *peer = peer_new(handle, remote, listen, theirs, incoming, now_ms);
    if (peer == NULL)
        return 0;
    if (!enter(transfer, peer)) {
        peer_free(peer);
        return 0;
    }
    limits_enter(transfer, peer);
    struct peer *other = same_peer_id(transfer, peer);
    if (memcmp(theirs->peer_id, transfer->config.peer_id, sizeof theirs->peer_id) == 0)
        peers_close(transfer, peer, CLOSE_SELF, "is ourselves");
    else if (other != NULL)
        peers_close(transfer, loser_of(transfer, other, peer), CLOSE_DUPLICATE,
                    "is connected already");
    if (!peer->closing)
        peers_greet(transfer, peer);
    transfer_settle(transfer);
    return handle;
}
