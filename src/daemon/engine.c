#include "daemon/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "daemon/channels.h"
#include "daemon/engine_private.h"
#include "daemon/file_sha1.h"
#include "daemon/finisher.h"
#include "daemon/item_facts.h"
#include "daemon/item_peers.h"
#include "daemon/item_step.h"
#include "daemon/peer_connection.h"
#include "daemon/piece_jobs.h"
#include "daemon/share_job.h"
#include "daemon/verifier.h"

#define TURN_ROUNDS 4 /* an item may mark another, and that one the first */

uint64_t engine_now(const struct engine *engine)
{
    return daemon_now_ms(engine->daemon);
}

struct item *engine_find(const struct engine *engine, const struct id *infohash)
{
    struct item *item;
    HASH_FIND(hh, engine->by_hash, infohash, sizeof *infohash, item);
    if (item != NULL || engine->unlisted == 0)
        return item;
    DL_FOREACH(engine->items, item)
    if (id_equal(&item->row.infohash, infohash))
        return item;
    return NULL;
}

struct item *engine_find_id(const struct engine *engine, int64_t id)
{
    struct item *item;
    HASH_FIND(hh_id, engine->by_id, &id, sizeof id, item);
    if (item != NULL || engine->unnumbered == 0)
        return item;
    DL_FOREACH(engine->items, item)
    if (item->row.id == id)
        return item;
    return NULL;
}

/* ---- jobs ---- */

static void stop_if_done(struct engine *engine);

void engine_job_begins(struct engine *engine)
{
    engine->jobs++;
}

void engine_job_ends(struct engine *engine)
{
    engine->jobs--;
    stop_if_done(engine);
}

/* ---- the turn ---- */

static void wake_waiting_uploads(struct engine *engine)
{
    struct item *item;
    if (!engine->uploads.somebody_waits)
        return;
    engine->uploads.somebody_waits = false;
    if (!uploads_have_room(&engine->uploads))
        return;
    DL_FOREACH(engine->items, item)
    if (item->connections != NULL || item->readers != NULL)
        item_mark(item);
}

static void tell_memory_came(struct engine *engine)
{
    struct item *item;
    if (!engine->memory.news)
        return;
    engine->memory.news = false;
    DL_FOREACH(engine->items, item)
    if (item->has_slot && item->transfer != NULL) {
        transfer_memory_came(item->transfer, engine_now(engine));
        item_mark(item);
    }
}

static void on_turn(void *user)
{
    struct engine *engine = user;
    for (int round = 0; round < TURN_ROUNDS && engine->dirty != NULL; round++) {
        struct item *last = engine->dirty_last, *item = NULL;
        while (item != last) {
            item = engine->dirty;
            engine->dirty = item->next_dirty;
            if (engine->dirty == NULL)
                engine->dirty_last = NULL;
            item->is_dirty = false;
            bool is_last = item == last;
            item_turn(item); /* may free it */
            if (is_last)
                break;
        }
    }
    wake_waiting_uploads(engine);
    tell_memory_came(engine);
    uint64_t due_ms = uploads_trim(engine);
    timer_set(engine->timer, engine->dirty != NULL ? engine_now(engine) : due_ms);
}

static void on_timer(void *user)
{
    (void)user; /* what is due is done in the turn that follows */
}

/* ---- slots ---- */

void engine_wake_queued(struct engine *engine)
{
    struct item *item;
    DL_FOREACH(engine->items, item)
    if (item->waits_for_slot)
        item_mark(item);
}

bool engine_has_queued(const struct engine *engine)
{
    const struct item *item;
    DL_FOREACH(engine->items, item)
    if (item->waits_for_slot && !item_is_alone(item))
        return true;
    return false;
}

void engine_wake_alone(struct engine *engine)
{
    struct item *item;
    DL_FOREACH(engine->items, item)
    if (item->has_slot && item_is_alone(item))
        item_mark(item);
}

/* ---- the publisher's key ---- */

#define SEED_NAME "publisher_seed"

static bool load_seed(struct engine *engine)
{
    uint8_t *data;
    size_t len;
    if (catalog_get(engine->daemon->catalog, SEED_NAME, &data, &len) != STATUS_OK)
        return false;
    bool good = len == ED25519_SEED_BYTES;
    if (good)
        memcpy(engine->publisher_seed, data, ED25519_SEED_BYTES);
    free(data);
    return good;
}

static bool make_seed(struct engine *engine)
{
    rng_fill(&engine->daemon->rng, engine->publisher_seed, ED25519_SEED_BYTES);
    return catalog_set(engine->daemon->catalog, SEED_NAME,
                       bytes_of(engine->publisher_seed, ED25519_SEED_BYTES)) == STATUS_OK;
}

const uint8_t *engine_publisher_seed(struct engine *engine)
{
    if (!engine->has_publisher_seed)
        engine->has_publisher_seed = load_seed(engine) || make_seed(engine);
    return engine->has_publisher_seed ? engine->publisher_seed : NULL;
}

/* ---- make and free ---- */

static void read_boot_id(struct engine *engine)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    snprintf(engine->boot_id, sizeof engine->boot_id, "unknown");
    if (file == NULL)
        return;
    if (fscanf(file, "%39s", engine->boot_id) != 1)
        snprintf(engine->boot_id, sizeof engine->boot_id, "unknown");
    fclose(file);
}

static void read_limits(struct engine *engine)
{
    const struct config *config = engine->daemon->config;
    engine->half_open_max = (size_t)config_number(config, "network.max_half_open");
    engine->downloading_max = (size_t)config_number(config, "transfer.active");
    engine->limit_local = config_bool(config, "network.limit_local");
    budget_init(&engine->memory, (size_t)config_number(config, "transfer.memory"));
    engine->reserve_bytes = (uint64_t)config_number(config, "transfer.reserve");
}

struct engine *engine_new(struct daemon *daemon)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->daemon = daemon;
    engine->cache = storage_cache_new();
    engine->turn = turn_new(daemon->loop, on_turn, engine);
    engine->timer = timer_new(daemon->loop, on_timer, engine);
    if (engine->cache == NULL || engine->turn == NULL || engine->timer == NULL) {
        engine_free(engine);
        return NULL;
    }
    read_boot_id(engine);
    read_limits(engine);
    engine_limits_start(engine);
    if (engine->limits.timer == NULL) {
        engine_free(engine);
        return NULL;
    }
    return engine;
}

/* With jobs still in the pool (the deadline of engine_stop has passed) their memory must stay. */
void engine_free(struct engine *engine)
{
    struct item *item, *next;
    if (engine == NULL || engine->jobs > 0)
        return;
    item_peers_cancel(engine);
    DL_FOREACH_SAFE(engine->items, item, next)
    {
        item_unlist(item);
        DL_DELETE(engine->items, item);
        item_free(item);
    }
    if (engine->turn != NULL)
        turn_free(engine->turn);
    timer_free(engine->timer);
    timer_free(engine->stop_timer);
    engine_limits_dispose(engine);
    uploads_dispose(&engine->uploads);
    storage_cache_free(engine->cache);
    free(engine);
}

/* ---- start ---- */

/* NULL: not known. */
static struct storage_stat *load_files(const struct item *item)
{
    struct catalog_file *files;
    struct storage_stat *stats = NULL;
    size_t count;
    if (catalog_load_files(item->engine->daemon->catalog, item->row.id, &files, &count) !=
        STATUS_OK)
        return NULL;
    if (count == item->metainfo->file_count)
        stats = calloc(count, sizeof *stats);
    for (size_t i = 0; i < count && stats != NULL; i++) {
        const struct catalog_file *file = &files[i];
        if (file->index >= item->metainfo->file_count)
            continue;
        stats[file->index] = (struct storage_stat){
            .exists = file->inode != 0 || file->mtime_ns != 0 ||
                      item->metainfo->files[file->index].padding,
            .size = file->size,
            .mtime_ns = file->mtime_ns,
            .ctime_ns = file->ctime_ns,
            .inode = file->inode,
        };
    }
    free(files);
    return stats;
}

/* From now on we write to them: it counts once, lest a crash make it lie. */
static void take_left(struct item *item)
{
    struct storage_stat *left = load_files(item);
    for (uint32_t i = 0; i < item->metainfo->file_count && left != NULL; i++)
        left[i].exists = left[i].exists && !item->metainfo->files[i].padding;
    if (left != NULL && item->storage != NULL)
        storage_set_left(item->storage, left);
    free(left);
    item->options.left = false;
    item_save(item);
}

static void load_looks(struct item *item)
{
    if (item->metainfo == NULL)
        return;
    if (item->row.complete)
        item->expected = load_files(item);
    else if (item->options.left)
        take_left(item);
}

enum status engine_start(struct engine *engine)
{
    struct catalog_transfer *rows;
    size_t count;
    enum status status = catalog_load_transfers(engine->daemon->catalog, &rows, &count);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        struct item *item = item_new(engine, &rows[i]);
        if (item == NULL) {
            status = STATUS_NO_MEMORY;
            break;
        }
        load_looks(item);
        item_enter(item);
    }
    catalog_free_transfers(rows, count);
    return status;
}

/* ---- stop ---- */

static void stop_if_done(struct engine *engine)
{
    if (!engine->stopping || engine->jobs > 0 || engine->stopped == NULL)
        return;
    timer_set(engine->stop_timer, engine_now(engine)); /* from the loop, not from inside */
}

static void save_left(struct engine *engine)
{
    struct item *item;
    DL_FOREACH(engine->items, item)
    item_save_left(item);
}

static void on_stopped(void *user)
{
    struct engine *engine = user;
    void (*stopped)(void *user) = engine->stopped;
    if (stopped == NULL)
        return;
    if (engine->jobs > 0 && engine_now(engine) < engine->stop_deadline_ms) { /* a new one */
        timer_set(engine->stop_timer, engine->stop_deadline_ms);
        return;
    }
    engine->stopped = NULL;
    if (engine->jobs > 0)
        log_warn("engine", "stopped with %u jobs unfinished", engine->jobs);
    else
        save_left(engine);
    stopped(engine->stopped_user);
}

static void stop_item(struct item *item)
{
    verifier_cancel(item);
    finisher_cancel(item);
    file_sha1_cancel(item);
    item_save_peers(item);
    item_publish(item); /* withdraws: it does not run any more */
    finder_turn(&item->finder);
    piece_jobs_sync(item, true);
    item_halt(item);
    item_mark(item);
}

void engine_stop(struct engine *engine, uint64_t deadline_ms, void (*done)(void *user), void *user)
{
    struct item *item;
    struct peer_connection *connection, *next;
    engine->stopping = true;
    engine->stopped = done;
    engine->stopped_user = user;
    engine->stop_timer = timer_new(engine->daemon->loop, on_stopped, engine);
    if (engine->stop_timer == NULL) {
        on_stopped(engine);
        return;
    }
    engine->stop_deadline_ms = engine_now(engine) + deadline_ms;
    timer_set(engine->stop_timer, engine->stop_deadline_ms);
    share_jobs_cancel(engine);
    DL_FOREACH(engine->items, item)
    stop_item(item);
    DL_FOREACH_SAFE2(engine->connections, connection, next, next_all)
    peer_connection_close(connection, PEER_LOST, "the daemon stops");
    stop_if_done(engine);
}

bool engine_is_idle(const struct engine *engine)
{
    return engine->jobs == 0;
}

/* ---- from outside ---- */

void engine_take_incoming(struct engine *engine, struct tcp *connection)
{
    if (connection != NULL)
        peer_connection_accept(engine, connection);
    else
        engine->refusals.no_memory++;
}

void engine_on_network(struct engine *engine)
{
    struct item *item;
    DL_FOREACH(engine->items, item)
    if (item_is_fetching(item))
        finder_again(&item->finder);
}

void engine_on_clock(struct engine *engine)
{
    struct item *item;
    DL_FOREACH(engine->items, item)
    {
        item->published_mark = 0; /* else it looks at nothing before it is due */
        item_mark(item);
    }
}

void engine_on_published(struct engine *engine, const struct dht_event *event)
{
    uint32_t nodes = event->status == STATUS_OK ? event->values : 0;
    share_jobs_note(engine, &event->id, event->kind, nodes);
}

void engine_pack_status(struct engine *engine, struct pack *pack)
{
    size_t counts[ITEM_STATES] = {0};
    uint64_t down = 0, up = 0;
    struct item *item;
    DL_FOREACH(engine->items, item)
    {
        struct transfer_stats stats;
        counts[item_state(item)]++;
        if (item->transfer == NULL)
            continue;
        transfer_stats(item->transfer, engine_now(engine), &stats);
        down += stats.rate_down_bps;
        up += stats.rate_up_bps;
    }
    pack_begin_map(pack, "transfers");
    for (int state = 0; state < ITEM_STATES; state++)
        pack_u64(pack, item_state_name((enum item_state)state), counts[state]);
    pack_end(pack);
    pack_u64(pack, "rate_down", down);
    pack_u64(pack, "rate_up", up);
    pack_u64(pack, "connections", engine->connection_count);
    pack_u64(pack, "piece_memory", engine->memory.used);
    pack_u64(pack, "piece_memory_most", engine->memory.most_used);
    engine_pack_refused(engine, pack);
}

void engine_pack_refused(const struct engine *engine, struct pack *pack)
{
    const struct refusals *refusals = &engine->refusals;
    pack_begin_map(pack, "refused");
    pack_u64(pack, "full", refusals->full);
    pack_u64(pack, "same_address", refusals->same_address);
    pack_u64(pack, "unknown_hash", refusals->unknown_hash);
    pack_u64(pack, "no_handshake", refusals->no_handshake);
    pack_u64(pack, "handshake_timeout", refusals->handshake_timeout);
    pack_u64(pack, "left_early", refusals->left_early);
    pack_u64(pack, "banned", refusals->banned);
    pack_u64(pack, "no_memory", refusals->no_memory);
    pack_u64(pack, "channels", channels_refused(engine->daemon->channels));
    pack_u64(pack, "ourselves", refusals->closed[CLOSE_SELF]);
    pack_u64(pack, "connected_twice", refusals->closed[CLOSE_DUPLICATE]);
    pack_u64(pack, "silent", refusals->closed[CLOSE_TIMEOUT]);
    pack_u64(pack, "protocol", refusals->closed[CLOSE_PROTOCOL]);
    pack_u64(pack, "wrong_data", refusals->closed[CLOSE_BANNED]);
    for (int i = 0; i < TRANSFER_OFFENCES; i++)
        pack_u64(pack, transfer_offence_name((enum transfer_offence)i), refusals->offences[i]);
    pack_end(pack);
}
