#include "daemon/seeding.h"

#include <time.h>

#include "base/log.h"
#include "daemon/item.h"
#include "daemon/item_step.h"

double seeding_ratio(const struct item *item)
{
    if (item->row.origin != ORIGIN_FETCH)
        return 0;
    return item->options.has_ratio ? item->options.ratio
                                   : config_ratio(item->engine->daemon->config, "transfer.ratio");
}

/* Sent, and not in the catalog yet. */
static uint64_t unsaved_bytes(const struct item *item)
{
    struct transfer_stats stats;
    if (item->transfer == NULL)
        return 0;
    transfer_stats(item->transfer, engine_now(item->engine), &stats);
    return stats.bytes_up - item->saved_up;
}

static bool was_sent_enough(const struct item *item)
{
    double ratio = seeding_ratio(item);
    uint64_t sent = item->row.uploaded + unsaved_bytes(item);
    return ratio > 0 && item->row.size > 0 && (double)sent >= ratio * (double)item->row.size;
}

/* Somebody is being served: nothing less than his word that he has it says that it has arrived, for
 * what is with the system is lost when the connection is closed. */
static bool is_serving(const struct item *item)
{
    struct transfer_peer_stats peers[PEERS_AT_ONCE_MAX];
    if (item->transfer == NULL)
        return false;
    size_t count =
        transfer_peers(item->transfer, engine_now(item->engine), peers, PEERS_AT_ONCE_MAX);
    for (size_t i = 0; i < count; i++)
        if (!peers[i].seed && peers[i].they_want && !peers[i].we_choke)
            return true;
    return false;
}

/* Who is at his last blocks gets them: a ratio of 1 is one whole copy, not one short of its end. */
static uint64_t stop(struct item *item)
{
    uint64_t now_ms = engine_now(item->engine);
    if (item->enough_since_ms == 0)
        item->enough_since_ms = now_ms;
    if (is_serving(item) && now_ms < item->enough_since_ms + SEEDING_GRACE_MS)
        return item->enough_since_ms + SEEDING_GRACE_MS;
    log_info("engine", "transfer %lld (%s) was shared enough", (long long)item->row.id,
             item->row.name);
    item->enough_since_ms = 0;
    item_set_wish(item, WISH_STOP);
    return UINT64_MAX;
}

/* Of sharing, as transfer.seed_time says; INT64_MAX: as long as you like. */
static int64_t seconds_left(const struct item *item)
{
    int64_t seed_s = config_number(item->engine->daemon->config, "transfer.seed_time");
    return seed_s > 0 ? item->row.completed_unix_s + seed_s - (int64_t)time(NULL) : INT64_MAX;
}

static bool may_be_enough(const struct item *item)
{
    return item->row.origin == ORIGIN_FETCH && item->row.complete;
}

bool seeding_was_enough(const struct item *item)
{
    return may_be_enough(item) && (was_sent_enough(item) || seconds_left(item) <= 0);
}

/* What is killed again and again must not begin to count anew each time. */
static void save_traffic(struct item *item)
{
    uint64_t unsaved = unsaved_bytes(item);
    if (unsaved >= TRAFFIC_SAVE_BYTES && unsaved >= item->row.size / TRAFFIC_SAVE_PART &&
        seeding_ratio(item) > 0)
        item_save_traffic(item);
}

uint64_t seeding_turn(struct item *item)
{
    if (!may_be_enough(item) || item->row.wish != WISH_RUN)
        return UINT64_MAX;
    save_traffic(item);
    int64_t left_s = seconds_left(item);
    if (was_sent_enough(item) || left_s <= 0)
        return stop(item);
    item->enough_since_ms = 0;
    return left_s < INT64_MAX ? engine_now(item->engine) + (uint64_t)left_s * 1000 : UINT64_MAX;
}
