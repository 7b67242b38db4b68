/* Items in the engine's lists: entering, leaving, becoming another. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <utlist.h>

#include "base/log.h"
#include "daemon/follow.h"
#include "daemon/group_engine.h"
#include "daemon/info_store.h"
#include "daemon/item_facts.h"
#include "daemon/item_step.h"
#include "daemon/reader.h"
#include "daemon/remover.h"
#include "daemon/selection.h"

/* A new one has the highest number: ten thousand of them are not walked past. */
static void list_in_order(struct item *item)
{
    struct engine *engine = item->engine;
    struct item *before = engine->items != NULL ? engine->items->prev : NULL; /* the last one */
    while (before != NULL && before->row.id > item->row.id)
        before = before != engine->items ? before->prev : NULL;
    DL_APPEND_ELEM(engine->items, before, item);
}

/* Without memory for that it is found all the same, see engine_find. */
static void list_by_hash(struct item *item)
{
    struct engine *engine = item->engine;
    HASH_ADD(hh, engine->by_hash, row.infohash, sizeof item->row.infohash, item);
    engine->unlisted += item->hh.tbl == NULL;
}

static void list_by_id(struct item *item)
{
    struct engine *engine = item->engine;
    HASH_ADD(hh_id, engine->by_id, row.id, sizeof item->row.id, item);
    engine->unnumbered += item->hh_id.tbl == NULL;
}

static void unlist_hash(struct item *item)
{
    if (item->hh.tbl != NULL)
        HASH_DEL(item->engine->by_hash, item);
    else
        item->engine->unlisted--;
}

void item_unlist(struct item *item)
{
    unlist_hash(item);
    if (item->hh_id.tbl != NULL)
        HASH_DELETE(hh_id, item->engine->by_id, item);
    else
        item->engine->unnumbered--;
}

void item_enter(struct item *item)
{
    list_in_order(item);
    list_by_hash(item);
    list_by_id(item);
    item_mark(item);
}

void item_leave(struct item *item)
{
    struct engine *engine = item->engine;
    DL_DELETE(engine->items, item);
    item_unlist(item);
    if (!item->is_dirty)
        return;
    struct item **at = &engine->dirty, *last = NULL;
    while (*at != item) {
        last = *at;
        at = &last->next_dirty;
    }
    *at = item->next_dirty;
    if (engine->dirty_last == item)
        engine->dirty_last = last;
}

void item_mark(struct item *item)
{
    struct engine *engine = item->engine;
    if (item->is_dirty)
        return;
    item->is_dirty = true;
    item->next_dirty = NULL;
    if (engine->dirty_last != NULL)
        engine->dirty_last->next_dirty = item;
    else
        engine->dirty = item;
    engine->dirty_last = item;
}

static void swap_texts(char **a, char **b)
{
    char *kept = *a;
    *a = *b;
    *b = kept;
}

/* `other` was there for its metadata alone; it is what `item` was to fetch. */
static void take_over(struct item *item, struct item *other)
{
    swap_texts(&item->row.dir, &other->row.dir);
    if (item->row.target[0] != 0)
        swap_texts(&item->row.target, &other->row.target);
    other->options.metadata_only = false;
    other->options.has_ratio = item->options.has_ratio;
    other->options.ratio = item->options.ratio;
    other->options.limits = item->options.limits;
    item_options_take_selection(&other->options, &item->options);
    engine_limits_apply(other);
    other->row.no_seed = item->row.no_seed;
    other->row.force = item->row.force;
    other->row.expected_sha1 = item->row.infohash;
    other->row.has_expected_sha1 = true;
    if (other->metainfo != NULL) {
        item_apply_selection(other);
        item_open_storage(other, true);
    }
    item_save(other);
}

/* What is here is fetched as it was asked for then. */
static bool selects_blindly(const struct item *item, const struct item *other)
{
    return item->options.choice != NULL && other->metainfo != NULL &&
           selection_is_blind(other->metainfo);
}

/* The file with this SHA-1 is a transfer already: as if that had been asked for. */
static void merge(struct item *item, struct item *other)
{
    log_info("engine", "transfer %lld is transfer %lld", (long long)item->row.id,
             (long long)other->row.id);
    if (other->options.metadata_only && !item->options.metadata_only)
        take_over(item, other);
    if (other->row.wish == WISH_PAUSE && !item->options.metadata_only)
        item_set_wish(other, WISH_RUN);
    followers_move(item, other);
    readers_move(item, other);
    merges_add(&item->engine->merges, item->row.id, other->row.id);
    remover_start(item, false, NULL);
}

void item_becomes(struct item *item, const struct id *infohash)
{
    struct engine *engine = item->engine;
    struct item *other = engine_find(engine, infohash);
    if (other != NULL && !other->removing && selects_blindly(item, other)) {
        item_set_trouble(item, TROUBLE_SELECTION, STATUS_REFUSED,
                         "cannot select \"%.100s\" of transfer %lld, %.100s: %s",
                         item->options.choice, (long long)other->row.id, other->row.name,
                         SELECTION_BLIND);
        return;
    }
    if (other != NULL && !other->removing) {
        merge(item, other);
        return;
    }
    if (catalog_set_infohash(engine->daemon->catalog, item->row.id, infohash) != STATUS_OK)
        return;
    item_halt(item);
    unlist_hash(item);
    item->row.expected_sha1 = item->row.infohash;
    item->row.has_expected_sha1 = true;
    item->row.infohash = *infohash;
    item_find_discovery(item);
    item->options.sha1_too = false;
    list_by_hash(item);
    item_save(item);
    finder_again(&item->finder);
}

/* ---- back again ---- */

static void forget_content(struct item *item)
{
    storage_free(item->storage);
    storage_free(item->probe);
    metainfo_free(item->metainfo);
    free(item->have);
    free(item->wanted);
    free(item->seen);
    free(item->finished);
    free(item->to_verify);
    free(item->reopen_have);
    free(item->adopt_have);
    item->adopt_have = NULL;
    item->storage = item->probe = NULL;
    item->metainfo = NULL;
    item->have = item->wanted = item->to_verify = item->reopen_have = NULL;
    item->seen = item->finished = NULL;
    item->options.reselects = item->reselecting = false;
    item->have_count = item->missing = 0;
    item->missing_bytes = item->unsynced_bytes = 0;
    item->placed = item->final_is_other = item->look_at_final = item->leftover = false;
    item->changed = item->mends = item->all_verified = item->sync_failed = false;
    item->options.prepared = false;
}

/* What it had of the content: views of what is gone. */
static void forget_row(struct item *item)
{
    struct catalog_transfer *row = &item->row;
    free((void *)(uintptr_t)row->synced.data);
    row->info = row->have = row->synced = bytes_of(NULL, 0);
    row->size = 0;
    catalog_set_synced(item->engine->daemon->catalog, row->id, row->synced, row->boot_id);
    item_save_have(item);
}

/* Names that came with the content go with it. */
static bool forget_names(struct item *item)
{
    char hex[ID_HEX_SIZE];
    id_to_hex(&item->row.expected_sha1, hex);
    bool own = strcmp(item->row.target, item->metainfo->name) == 0;
    char *name = strdup(hex), *target = strdup(own ? "" : item->row.target);
    if (name == NULL || target == NULL) {
        free(name);
        free(target);
        return false;
    }
    free(item->row.name);
    free(item->row.target);
    item->row.name = name;
    item->row.target = target;
    return true;
}

static void search_anew(struct item *item)
{
    struct peer_list *fresh = peer_list_new();
    finder_dispose(&item->finder);
    finder_init(&item->finder, item);
    if (fresh == NULL)
        return;
    peer_list_free(item->peers);
    item->peers = fresh;
    item_save_peers(item);
}

bool item_rejects(struct item *item)
{
    struct engine *engine = item->engine;
    const struct id sha1 = item->row.expected_sha1;
    item_halt(item);
    if (item->transfer != NULL || !item_is_idle(item) || engine_find(engine, &sha1) != NULL ||
        !item_options_reject(&item->options, &item->row.infohash) || !forget_names(item) ||
        catalog_set_infohash(engine->daemon->catalog, item->row.id, &sha1) != STATUS_OK)
        return false;
    info_drop(engine, &item->row.infohash, item->row.info.len);
    unlist_hash(item);
    item->row.infohash = sha1;
    item_find_discovery(item);
    item->row.has_expected_sha1 = false;
    item->options.sha1_too = true;
    list_by_hash(item);
    forget_content(item);
    forget_row(item);
    search_anew(item);
    item_save(item);
    item_mark(item);
    return true;
}

/* ---- partial files that somebody else changes ---- */

void item_tell_changed(const struct item *item, const struct storage_error *error)
{
    char reason[ITEM_REASON_SIZE];
    item_describe_change(item, error != NULL ? error->path : NULL, reason, sizeof reason);
    log_warn("engine", "transfer %lld (%s): %s", (long long)item->row.id, item->row.name, reason);
    struct pack *event = daemon_event(item->engine->daemon, "changed");
    if (event == NULL)
        return;
    pack_i64(event, "id", item->row.id);
    pack_id(event, "hash", &item->row.infohash);
    pack_text(event, "reason", reason);
    daemon_event_end(item->engine->daemon);
}

void item_partial_changed(struct item *item, const struct storage_error *error)
{
    if (item->changed || item->row.complete || item->removing)
        return;
    item->changed = true;
    item->placed = false;
    item_tell_changed(item, error);
    item_mark(item);
}

void item_false_alarm(struct item *item)
{
    if (++item->false_alarms == FALSE_ALARMS_MAX)
        log_warn("engine",
                 "transfer %lld (%s): its files look changed and are right, again and again: from "
                 "now on sizes alone are compared, and all is verified at the end",
                 (long long)item->row.id, item->row.name);
}

void item_forget_synced(struct item *item)
{
    char *boot_id = strdup(item->engine->boot_id);
    if (boot_id == NULL)
        return;
    free(item->row.boot_id);
    item->row.boot_id = boot_id;
    free((void *)(uintptr_t)item->row.synced.data);
    item->row.synced = bytes_of(NULL, 0);
    catalog_set_synced(item->engine->daemon->catalog, item->row.id, bytes_of(NULL, 0), boot_id);
}

void item_set_synced(struct item *item, const uint8_t *have)
{
    size_t len = item_bitfield_bytes(item);
    struct engine *engine = item->engine;
    uint8_t *synced = malloc(len + 1);
    catalog_set_synced(engine->daemon->catalog, item->row.id, bytes_of(have, len), engine->boot_id);
    if (synced != NULL)
        memcpy(synced, have, len);
    free((void *)(uintptr_t)item->row.synced.data);
    item->row.synced = bytes_of(synced, synced != NULL ? len : 0);
}

void item_sync_failed(struct item *item, enum status status, const struct storage_error *error)
{
    item->sync_failed = true;
    item->placed = false;
    if (status == STATUS_NO_SPACE) {
        item->space_needed = item->missing_bytes;
        item->space_free = 0;
        item_set_trouble(item, TROUBLE_NO_SPACE, status, "no space");
        return;
    }
    item_cannot(item, "sync", status, error);
}

void item_verify(struct item *item)
{
    size_t len = item_bitfield_bytes(item);
    if (item->row.complete) { /* how its files look is noted first */
        item->verify_all = true;
        item->placed = false;
        item_mark(item);
        return;
    }
    uint8_t *all = malloc(len + 1);
    if (all == NULL)
        return;
    memset(all, 0xff, len);
    free(item->to_verify);
    item->to_verify = all;
    item_mark(item);
}

void item_begin_again(struct item *item)
{
    bool lost = item->trouble == TROUBLE_MISSING_FILES ||
                (item->trouble == TROUBLE_CHANGED && item->row.force);
    if (!lost || item->row.origin != ORIGIN_FETCH || !item_is_idle(item))
        return;
    item->row.complete = false;
    item->row.completed_unix_s = 0;
    item->options.prepared = false;
    item_set_have(item, NULL);
    item_open_storage(item, true);
    item_save(item);
}
