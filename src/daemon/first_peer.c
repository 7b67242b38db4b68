#include "daemon/first_peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "daemon/control.h"
#include "daemon/item.h"

struct first_peer_call {
    struct first_peer_call *prev, *next; /* item->first_peer_calls */
    struct item *item;
    struct call *call;
    uint64_t started_ms, told_ms; /* told_ms 0: not yet */
    uint32_t peers, furthest;     /* told last */
};

static void forget(struct first_peer_call *waiting)
{
    DL_DELETE(waiting->item->first_peer_calls, waiting);
    free(waiting);
}

static void on_cancel(void *user)
{
    forget(user);
}

static double elapsed_s(const struct first_peer_call *waiting)
{
    return (double)(engine_now(waiting->item->engine) - waiting->started_ms) / 1000;
}

static void finish(struct first_peer_call *waiting, const struct endpoint *peer)
{
    const struct item *item = waiting->item;
    struct pack *pack = call_result(waiting->call);
    pack_i64(pack, "id", item->row.id);
    pack_id(pack, "hash", &item->row.infohash);
    pack_endpoint(pack, "peer", peer);
    pack_double(pack, "seconds", elapsed_s(waiting));
    call_finish(waiting->call);
    forget(waiting);
}

void first_peer_start(struct item *item, struct call *call, uint64_t within_ms)
{
    struct first_peer_call *waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    waiting->item = item;
    waiting->call = call;
    waiting->started_ms = engine_now(item->engine);
    DL_APPEND(item->first_peer_calls, waiting);
    if (item->had_all.family != 0 && waiting->started_ms <= item->had_all_ms + within_ms) {
        finish(waiting, &item->had_all);
        return;
    }
    call_on_cancel(call, on_cancel, waiting);
    item_mark(item);
}

void first_peer_found(struct item *item, const struct endpoint *peer)
{
    struct first_peer_call *waiting, *next;
    item->had_all = *peer;
    item->had_all_ms = engine_now(item->engine);
    DL_FOREACH_SAFE(item->first_peer_calls, waiting, next)
    finish(waiting, peer);
}

/* ---- what is told on the way ---- */

/* Pieces of the peer that has the most. */
static uint32_t count_furthest(const struct item *item)
{
    struct transfer_peer_stats peers[PEERS_AT_ONCE_MAX];
    uint32_t most = 0;
    if (item->transfer == NULL)
        return 0;
    size_t count =
        transfer_peers(item->transfer, engine_now(item->engine), peers, PEERS_AT_ONCE_MAX);
    for (size_t i = 0; i < count; i++)
        if (!peers[i].seed && peers[i].pieces > most)
            most = peers[i].pieces;
    return most;
}

static uint32_t piece_count(const struct item *item)
{
    return item->metainfo != NULL ? item->metainfo->piece_count : 0;
}

static void describe(const struct item *item, uint32_t peers, uint32_t furthest, char *out,
                     size_t size)
{
    if (item->row.wish != WISH_RUN)
        snprintf(out, size, "it is paused");
    else if (peers == 0)
        snprintf(out, size, "nobody is connected");
    else
        snprintf(out, size,
                 "%" PRIu32 " peer%s connected, the furthest has %" PRIu32 " of %" PRIu32 " pieces",
                 peers, peers == 1 ? "" : "s", furthest, piece_count(item));
}

static void tell(struct first_peer_call *waiting, const struct transfer_stats *stats,
                 uint32_t furthest)
{
    const struct item *item = waiting->item;
    char text[ITEM_REASON_SIZE];
    describe(item, stats->peers, furthest, text, sizeof text);
    struct pack *pack = call_notify(waiting->call, "waiting");
    pack_i64(pack, "id", item->row.id);
    pack_u64(pack, "peers", stats->peers);
    pack_u64(pack, "rate_up", stats->rate_up_bps);
    pack_begin_map(pack, "furthest");
    pack_u64(pack, "have", furthest);
    pack_u64(pack, "total", piece_count(item));
    pack_end(pack);
    pack_double(pack, "elapsed", elapsed_s(waiting));
    pack_text(pack, "text", text);
    call_notify_end(waiting->call);
    waiting->told_ms = engine_now(item->engine);
    waiting->peers = stats->peers;
    waiting->furthest = furthest;
}

static void fail_all(struct item *item)
{
    struct first_peer_call *waiting, *next;
    DL_FOREACH_SAFE(item->first_peer_calls, waiting, next)
    {
        call_fail(waiting->call, status_name(item->trouble_status),
                  item->trouble == TROUBLE_CHANGED ? 10 : 9, NULL, "%s", item->trouble_text);
        forget(waiting);
    }
}

void first_peer_turn(struct item *item)
{
    struct first_peer_call *waiting;
    struct transfer_stats stats = {.peers = 0};
    uint64_t now_ms = engine_now(item->engine);
    if (item->first_peer_calls == NULL)
        return;
    if (item->trouble != TROUBLE_NONE) {
        fail_all(item);
        return;
    }
    if (item->transfer != NULL)
        transfer_stats(item->transfer, now_ms, &stats);
    uint32_t furthest = count_furthest(item);
    DL_FOREACH(item->first_peer_calls, waiting)
    {
        bool changed = waiting->peers != stats.peers || waiting->furthest != furthest;
        uint64_t pause_ms = changed ? PROGRESS_EVERY_MS : WAITING_EVERY_MS;
        if (waiting->told_ms == 0 || now_ms >= waiting->told_ms + pause_ms)
            tell(waiting, &stats, furthest);
    }
}

uint64_t first_peer_due(const struct item *item)
{
    return item->first_peer_calls != NULL ? engine_now(item->engine) + PROGRESS_EVERY_MS
                                          : UINT64_MAX;
}

void first_peer_end(struct item *item)
{
    struct first_peer_call *waiting, *next;
    DL_FOREACH_SAFE(item->first_peer_calls, waiting, next)
    {
        call_fail(waiting->call, "removed", 3, NULL, "%s is shared no longer", item->row.name);
        forget(waiting);
    }
}
