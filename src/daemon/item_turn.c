/* One turn of an item: what its transfer wants done, what it should be doing, who is to hear of it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utlist.h>

#include "base/log.h"
#include "daemon/file_sha1.h"
#include "daemon/first_peer.h"
#include "daemon/follow.h"
#include "daemon/item_facts.h"
#include "daemon/item_step.h"
#include "daemon/metadata_job.h"
#include "daemon/mover.h"
#include "daemon/node.h"
#include "daemon/peer_connection.h"
#include "daemon/piece_jobs.h"
#include "daemon/reader.h"
#include "daemon/remover.h"
#include "daemon/seeding.h"
#include "daemon/verify_call.h"
#include "io/tcp.h"

/* ---- what the transfer wants ---- */

struct peer_connection *item_connection(struct item *item, uint32_t peer)
{
    struct peer_connection *connection;
    HASH_FIND(hh, item->by_peer, &peer, sizeof peer, connection);
    return connection;
}

static void act(struct item *item, const struct transfer_action *action)
{
    struct peer_connection *connection = item_connection(item, action->peer);
    uint64_t now_ms = engine_now(item->engine);
    switch (action->type) {
    case ACTION_OUTPUT:
        if (connection != NULL)
            connection->has_output = true;
        break;
    case ACTION_READ:
        if (connection != NULL)
            tcp_pause(connection->tcp, false);
        break;
    case ACTION_CLOSE:
        if (connection != NULL)
            peer_connection_end(connection, action->reason, action->text);
        break;
    case ACTION_CHECK:
        piece_jobs_check(item, action->piece, action->data);
        break;
    case ACTION_METADATA:
        metadata_job_start(item, action->data);
        break;
    case ACTION_FOUND:
        if (!node_is_self(item->engine->daemon->node, &action->endpoint))
            peer_list_add(item->peers, &action->endpoint, PEER_FROM_EXCHANGE, now_ms);
        break;
    case ACTION_LISTENS:
        if (connection != NULL)
            peer_connection_listens(connection, &action->endpoint);
        break;
    case ACTION_BAN:
        peer_list_ended(item->peers, &action->endpoint, PEER_BANNED, now_ms);
        break;
    case ACTION_HAS_ALL:
        first_peer_found(item, &action->endpoint);
        break;
    case ACTION_COMPLETE:
        break; /* item_step sees that nothing is missing */
    }
}

static void pump(struct item *item)
{
    struct transfer_action action;
    while (item->transfer != NULL && transfer_next_action(item->transfer, &action))
        act(item, &action);
}

static void flush(struct item *item)
{
    struct peer_connection *connection, *next;
    DL_FOREACH_SAFE(item->connections, connection, next)
    peer_connection_flush(connection);
}

/* ---- what others are told ---- */

static struct publisher_facts facts_of(struct item *item)
{
    const uint8_t *seed_key = NULL;
    struct publisher_facts facts = {
        .running = item_is_running(item) && item->trouble != TROUBLE_METADATA,
        .announce = !item_is_private(item) && !item->options.quiet && !item->options.metadata_only,
        .named = item->row.origin == ORIGIN_SHARE && !item->row.unlisted && item->row.complete &&
                 !item->row.has_group,
        .seed = item->metainfo != NULL && item->missing == 0,
        .infohash = item->discovery,
        .name = item->row.name,
        .size = item->row.size,
        .file_sha1 = item->row.has_file_sha1 ? &item->row.file_sha1 : NULL,
        .have = item->have,
        .have_count = item->have_count,
        .tcp_port = item->engine->daemon->port,
        .leaving = item->engine->stopping,
        .withdrawn_unix_s = &item->engine->withdrawn_unix_s,
        .signing_ms = &item->engine->signing_ms,
    };
    if (item->metainfo != NULL) {
        facts.file_count = item->metainfo->file_count;
        facts.piece_count = item->metainfo->piece_count;
    }
    if (facts.named)
        seed_key = engine_publisher_seed(item->engine);
    facts.seed_key = seed_key;
    return facts;
}

static uint64_t mark_of(const struct publisher_facts *facts)
{
    uint64_t mark = (uint64_t)facts->have_count << 7 | (uint64_t)(facts->file_sha1 != NULL) << 6 |
                    (uint64_t)facts->leaving << 5 | (uint64_t)(facts->piece_count > 0) << 4 |
                    (uint64_t)facts->running << 3 | (uint64_t)facts->announce << 2 |
                    (uint64_t)facts->named << 1 | (uint64_t)facts->seed;
    return (mark ^ read_u64(facts->infohash.bytes)) | (uint64_t)1 << 63;
}

void item_publish(struct item *item)
{
    struct publisher_facts facts = facts_of(item);
    uint64_t now_ms = engine_now(item->engine), mark = mark_of(&facts);
    if (mark == item->published_mark && now_ms < publisher_due(item->publisher))
        return;
    item->published_mark = mark;
    publisher_update(item->publisher, &facts, now_ms, (int64_t)time(NULL));
}

/* ---- the turn ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void set_timer(struct item *item, uint64_t seeding_ends_ms)
{
    uint64_t due_ms = earlier(finder_due(&item->finder), publisher_due(item->publisher));
    if (item->transfer != NULL) {
        due_ms = earlier(due_ms, transfer_deadline(item->transfer));
        due_ms = earlier(due_ms, item->connections != NULL ? item->traffic_due_ms : UINT64_MAX);
    }
    if (item->has_slot && engine_has_queued(item->engine))
        due_ms = earlier(due_ms, item->moved_ms + STALLED_MS);
    due_ms = earlier(due_ms, piece_jobs_sync_due(item));
    due_ms = earlier(due_ms, piece_jobs_settle_due(item));
    due_ms = earlier(due_ms, item_rest_due(item));
    due_ms = earlier(due_ms, item->row.wish == WISH_RUN ? item->recheck_ms : UINT64_MAX);
    due_ms = earlier(due_ms, followers_due(item));
    due_ms = earlier(due_ms, first_peer_due(item));
    due_ms = earlier(due_ms, verify_calls_due(item));
    due_ms = earlier(due_ms, mover_due(item));
    due_ms = earlier(due_ms, readers_due(item));
    timer_set(item->timer, earlier(due_ms, seeding_ends_ms));
}

void item_turn(struct item *item)
{
    uint64_t now_ms = engine_now(item->engine);
    piece_jobs_settle(item);
    if (item->transfer != NULL && transfer_deadline(item->transfer) <= now_ms)
        transfer_on_time(item->transfer, now_ms);
    pump(item);
    item_step(item);
    pump(item); /* starting and stopping has its actions, too */
    flush(item);
    piece_jobs_sync(item, false);
    file_sha1_turn(item);
    if (item->removing && item_is_idle(item)) {
        remover_go_on(item);
        return;
    }
    if (item->transfer != NULL && item->traffic_due_ms <= now_ms) {
        item->traffic_due_ms = now_ms + TRAFFIC_SAVE_MS;
        item_save_traffic(item);
        item_save_peers(item);
    }
    finder_turn(&item->finder);
    item_publish(item);
    uint64_t seeding_ends_ms = seeding_turn(item);
    verify_calls_turn(item);
    mover_turn(item);
    readers_turn(item);
    first_peer_turn(item);
    followers_turn(item);
    set_timer(item, seeding_ends_ms);
}
