#include "swarm/peer.h"

#include <stdlib.h>
#include <string.h>

struct peer *peer_new(uint32_t handle, const struct endpoint *remote, const struct endpoint *listen,
                      const struct handshake *theirs, bool incoming, uint64_t now_ms)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return NULL;
    peer->handle = handle;
    peer->remote = *remote;
    if (listen != NULL)
        peer->listen = *listen;
    peer->theirs = *theirs;
    peer->incoming = incoming;
    peer->ours = memcmp(theirs->peer_id, "-KP", 3) == 0;
    peer->fast = theirs->fast;
    peer->joined_ms = peer->received_ms = peer->sent_ms = peer->wanted_ms = now_ms;
    peer->progress_ms = peer->steady_ms = peer->charged_ms = now_ms;
    peer->we_choke = peer->they_choke = true;
    peer->working_on = peer->asked_piece = UINT32_MAX;
    wire_init(&peer->wire, peer->fast);
    request_queue_init(&peer->requests);
    rate_init(&peer->down, now_ms);
    rate_init(&peer->up, now_ms);
    return peer;
}

void peer_free(struct peer *peer)
{
    limited_leave(&peer->down_limit);
    limited_leave(&peer->up_limit);
    wire_dispose(&peer->wire);
    buffer_dispose(&peer->out);
    buffer_dispose(&peer->lent);
    bitfield_dispose(&peer->has);
    request_queue_dispose(&peer->requests);
    upload_queue_dispose(&peer->uploads);
    pex_memory_dispose(&peer->pex);
    free(peer->aside);
    free(peer);
}

static bool is_among(const uint32_t pieces[], uint32_t count, uint32_t piece)
{
    for (uint32_t i = 0; i < count; i++)
        if (pieces[i] == piece)
            return true;
    return false;
}

bool peer_allows(const struct peer *peer, uint32_t piece)
{
    return is_among(peer->allowed, peer->allowed_count, piece);
}

void peer_forget_allowed(struct peer *peer, uint32_t piece)
{
    for (uint32_t i = 0; i < peer->allowed_count; i++)
        if (peer->allowed[i] == piece)
            peer->allowed[i] = peer->allowed[--peer->allowed_count];
}

bool peer_is_granted(const struct peer *peer, uint32_t piece)
{
    return is_among(peer->granted, peer->granted_count, piece);
}

bool peer_wastes_slot(const struct peer *peer, uint64_t now_ms)
{
    uint64_t since_ms = peer->asked_ms > peer->turn_ms ? peer->asked_ms : peer->turn_ms;
    return peer->they_want && !peer->we_choke && peer->uploads.count == 0 &&
           now_ms - since_ms >= IDLE_SLOT_MS;
}

void peer_remember_cancelled(struct peer *peer, uint32_t piece, uint32_t block)
{
    peer->cancelled[peer->cancelled_count++ % CANCELLED_KEPT] = (struct peer_block){piece, block};
}

bool peer_forget_cancelled(struct peer *peer, uint32_t piece, uint32_t block)
{
    uint32_t kept = peer->cancelled_count;
    kept = kept < CANCELLED_KEPT ? kept : CANCELLED_KEPT;
    for (uint32_t i = 0; i < kept; i++) {
        if (peer->cancelled[i].piece != piece || peer->cancelled[i].block != block)
            continue;
        peer->cancelled[i] = (struct peer_block){UINT32_MAX, UINT32_MAX};
        return true;
    }
    return false;
}

void peer_client(const struct peer *peer, char out[48])
{
    if (peer->extension.client[0] != '\0') {
        memcpy(out, peer->extension.client, 48);
        return;
    }
    for (size_t i = 0; i < 8; i++) {
        uint8_t c = peer->theirs.peer_id[i];
        out[i] = c >= ' ' && c <= '~' ? (char)c : '?';
    }
    out[8] = '\0';
}
