#include "daemon/item.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "daemon/file_sha1.h"
#include "daemon/group_engine.h"
#include "daemon/item_facts.h"
#include "daemon/item_peers.h"
#include "daemon/reshare.h"

/* ---- make and free ---- */

static void free_row(struct catalog_transfer *row)
{
    free(row->name);
    free(row->dir);
    free(row->target);
    free(row->peers);
    free(row->options);
    free(row->boot_id);
    free((void *)(uintptr_t)row->synced.data);
}

static void free_own_info(struct item *item)
{
    if (item->metainfo == NULL)
        free((void *)(uintptr_t)item->row.info.data);
}

static char *copy_text(char **into, const char *text)
{
    char *copy = strdup(text);
    if (copy != NULL) {
        free(*into);
        *into = copy;
    }
    return copy;
}

static bool fill_row(struct item *item, const struct metainfo *metainfo)
{
    item->row.size = metainfo->total_length;
    return copy_text(&item->row.name, metainfo->name) != NULL &&
           (item->row.target[0] != 0 || copy_text(&item->row.target, metainfo->name) != NULL);
}

/* The row's info dictionary is a view of the metainfo's from now on: it may have 30 MiB. False: no
 * memory for the pieces. */
static bool take_metainfo(struct item *item, struct metainfo *metainfo)
{
    uint8_t *have = calloc(1, (metainfo->piece_count + 7u) / 8 + 1);
    if (have == NULL)
        return false;
    free_own_info(item);
    item->have = have;
    item->metainfo = metainfo;
    item->row.info = bytes_of(metainfo->info, metainfo->info_len);
    return true;
}

/* The catalog's `have` becomes ours, or is dropped where it does not fit. */
static void take_have(struct item *item)
{
    uint8_t *have = (uint8_t *)(uintptr_t)item->row.have.data;
    size_t len = item->row.have.len;
    item->row.have = bytes_of(NULL, 0);
    if (item->metainfo != NULL)
        item_set_have(item, len > 0 && len == item_bitfield_bytes(item) ? have : NULL);
    free(have);
}

/* False: no memory. */
static bool load_metainfo(struct item *item)
{
    char error[METAINFO_ERROR_SIZE];
    struct metainfo *metainfo;
    if (item->row.info.len == 0)
        return true;
    enum status status = metainfo_parse_info(item->row.info, &metainfo, error);
    if (status == STATUS_NO_MEMORY)
        return false;
    if (status != STATUS_OK) {
        item_set_trouble(item, TROUBLE_METADATA, STATUS_MALFORMED, "its metadata is broken: %s",
                         error);
        return true;
    }
    /* The last run may have ended between the info dictionary and the row. */
    if ((item->row.target[0] == 0 && !fill_row(item, metainfo)) || !take_metainfo(item, metainfo)) {
        metainfo_free(metainfo);
        return false;
    }
    item_apply_selection(item);
    return true;
}

static void on_timer(void *user)
{
    item_mark(user);
}

struct item *item_new(struct engine *engine, struct catalog_transfer *row)
{
    struct item *item = calloc(1, sizeof *item);
    if (item == NULL)
        return NULL;
    item->engine = engine;
    item->recheck_ms = UINT64_MAX;
    item->peers = peer_list_new();
    item->timer = timer_new(engine->daemon->loop, on_timer, item);
    item->publisher = publisher_new(engine->daemon->node);
    if (item->peers == NULL || item->timer == NULL || item->publisher == NULL) {
        peer_list_free(item->peers);
        timer_free(item->timer);
        publisher_free(item->publisher);
        free(item);
        return NULL;
    }
    item->row = *row;
    *row = (struct catalog_transfer){.id = item->row.id};
    item_options_parse(&item->options, item->row.options);
    item_find_discovery(item);
    finder_init(&item->finder, item);
    bool loaded = load_metainfo(item);
    if (item->metainfo == NULL)
        item->row.complete = false; /* the row is broken: what it is has to be learnt anew */
    take_have(item);
    if (!loaded) {
        item_free(item);
        return NULL;
    }
    item_peers_load(item);
    if (item->metainfo != NULL)
        item_open_storage(item, !item->row.complete);
    return item;
}

void item_free(struct item *item)
{
    if (item == NULL)
        return;
    file_sha1_free(item);
    uploads_forget(item); /* another one may come to lie at this address */
    finder_dispose(&item->finder);
    reshare_free(item->reshare);
    publisher_free(item->publisher);
    transfer_free(item->transfer);
    storage_free(item->storage);
    storage_free(item->probe);
    free_own_info(item);
    metainfo_free(item->metainfo);
    peer_list_free(item->peers);
    timer_free(item->timer);
    item_options_dispose(&item->options);
    free_row(&item->row);
    free(item->have);
    free(item->wanted);
    free(item->expected);
    free(item->seen);
    free(item->finished);
    free(item->to_verify);
    free(item->reopen_have);
    free(item->adopt_have);
    free(item);
}

bool item_is_idle(const struct item *item)
{
    return item->jobs == 0;
}

static void tell_unsaved(const struct item *item, enum status status)
{
    if (status != STATUS_OK)
        log_error("engine", "transfer %lld: cannot write the database: %s", (long long)item->row.id,
                  status_text(status));
}

/* ---- metainfo and storage ---- */

enum status item_set_metainfo(struct item *item, struct metainfo *metainfo)
{
    if (!fill_row(item, metainfo) || !take_metainfo(item, metainfo)) {
        metainfo_free(metainfo);
        item_set_trouble(item, TROUBLE_DISK, STATUS_NO_MEMORY, "out of memory");
        return STATUS_NO_MEMORY;
    }
    tell_unsaved(
        item, catalog_set_info(item->engine->daemon->catalog, &item->row.infohash, item->row.info));
    item_apply_selection(item);
    item_set_have(item, NULL);
    return item_open_storage(item, true);
}

void item_leave_out(struct item *item, struct storage *storage)
{
    uint32_t count = item->metainfo->file_count;
    uint8_t *left_out = NULL;
    if (item->options.selected_count > 0 && (left_out = malloc(count)) != NULL)
        for (uint32_t i = 0; i < count; i++)
            left_out[i] = !item_options_selects(&item->options, i);
    storage_leave_out(storage, left_out);
}

bool item_spare(struct item *item, struct storage *storage)
{
    uint8_t *spared = NULL;
    if (item->options.spared_count > 0 && (spared = calloc(item->metainfo->file_count, 1)) == NULL)
        return false;
    for (size_t i = 0; i < item->options.spared_count; i++)
        if (item->options.spared[i] < item->metainfo->file_count)
            spared[item->options.spared[i]] = 1;
    storage_spare(storage, spared);
    return true;
}

enum status item_make_storage(struct item *item, bool partial, struct storage **out)
{
    enum status status = storage_new(item->metainfo, item->row.dir, item->row.target, partial,
                                     item->engine->cache, out);
    if (status != STATUS_OK)
        return status;
    item_leave_out(item, *out);
    if (item_spare(item, *out))
        return STATUS_OK;
    storage_free(*out);
    return STATUS_NO_MEMORY;
}

enum status item_open_storage(struct item *item, bool partial)
{
    struct storage *storage;
    enum status status = item_make_storage(item, partial, &storage);
    if (status == STATUS_NO_MEMORY) {
        item_set_trouble(item, TROUBLE_DISK, status, "out of memory");
        return status;
    }
    if (status != STATUS_OK) {
        item_set_trouble(item, TROUBLE_DISK, status, "cannot use the name %s in %s",
                         item->row.target, item->row.dir);
        return status;
    }
    storage_free(item->storage);
    item->storage = storage;
    return STATUS_OK;
}

/* ---- saving ---- */

enum status item_save(struct item *item)
{
    struct buffer options;
    buffer_init(&options);
    item_options_format(&item->options, &options);
    if (options.failed) {
        buffer_dispose(&options);
        return STATUS_NO_MEMORY;
    }
    free(item->row.options);
    item->row.options = (char *)buffer_take(&options);
    enum status status = catalog_update_transfer(item->engine->daemon->catalog, &item->row);
    tell_unsaved(item, status);
    return status;
}

bool item_save_have(struct item *item)
{
    enum status status =
        catalog_set_have(item->engine->daemon->catalog, item->row.id, item->row.have);
    tell_unsaved(item, status);
    if (status != STATUS_OK)
        item_set_trouble(item, TROUBLE_DISK, status, "cannot write the database: %s",
                         status_text(status));
    return status == STATUS_OK;
}

/* ---- wishes and trouble ---- */

enum status item_keep_wish(struct item *item, enum catalog_wish wish)
{
    if (item->row.wish == wish)
        return STATUS_OK;
    enum status status = catalog_set_wish(item->engine->daemon->catalog, item->row.id, wish);
    tell_unsaved(item, status);
    if (status == STATUS_OK)
        item->row.wish = wish;
    return status;
}

void item_set_wish(struct item *item, enum catalog_wish wish)
{
    item_keep_wish(item, wish);
    item->row.wish = wish;
    if (wish == WISH_RUN) {
        item_clear_trouble(item);
        if (item->metainfo != NULL && item->options.choice != NULL)
            item_apply_selection(item);
        item->placed = false;
        item->final_is_other = false;
        peer_list_forget_failures(item->peers, engine_now(item->engine));
        finder_again(&item->finder);
    }
    item_mark(item);
}

static void tell_trouble(struct item *item)
{
    struct pack *event = daemon_event(item->engine->daemon, "error");
    if (event == NULL)
        return;
    pack_i64(event, "id", item->row.id);
    pack_id(event, "hash", &item->row.infohash);
    pack_text(event, "reason", item->trouble_text);
    daemon_event_end(item->engine->daemon);
}

void item_set_trouble(struct item *item, enum item_trouble trouble, enum status status,
                      const char *format, ...)
{
    uint64_t now_ms = engine_now(item->engine);
    bool is_new = item->trouble != trouble;
    va_list args;
    va_start(args, format);
    vsnprintf(item->trouble_text, sizeof item->trouble_text, format, args);
    va_end(args);
    item->trouble = trouble;
    item->trouble_status = status;
    item->recheck_ms = UINT64_MAX;
    if (item_trouble_passes(item))
        item->recheck_ms = now_ms + SPACE_RECHECK_MS;
    if (trouble == TROUBLE_NO_SPACE) {
        item_describe_no_space(item, item->trouble_text, sizeof item->trouble_text);
    } else if (trouble == TROUBLE_MISSING_FILES || trouble == TROUBLE_CHANGED) {
        item->recheck_ms = now_ms + FILES_RECHECK_MS;
    }
    if (is_new) {
        log_warn("engine", "transfer %lld (%s): %s", (long long)item->row.id, item->row.name,
                 item->trouble_text);
        tell_trouble(item);
    }
    item_mark(item);
}

void item_cannot(struct item *item, const char *what, enum status status,
                 const struct storage_error *error)
{
    char text[STORAGE_ERROR_SIZE];
    bool of_all = error->path[0] == 0;
    storage_error_text(status, error, text);
    item_set_trouble(item, TROUBLE_DISK, status, "cannot %s %.200s%s%s", what,
                     of_all ? item->row.name : "", of_all ? ": " : "", text);
}

bool item_trouble_passes(const struct item *item)
{
    bool short_of_something = item->trouble_status == STATUS_BUSY ||
                              item->trouble_status == STATUS_NO_MEMORY ||
                              item->trouble_status == STATUS_NO_SPACE;
    return item->trouble == TROUBLE_NO_SPACE ||
           (item->trouble == TROUBLE_DISK && short_of_something);
}

void item_clear_trouble(struct item *item)
{
    if (item->trouble == TROUBLE_NONE)
        return;
    item->trouble = TROUBLE_NONE;
    item->trouble_text[0] = 0;
    item->recheck_ms = UINT64_MAX;
    item_mark(item);
}

/* ---- completion ---- */

static bool save_files(struct item *item, const struct storage_stat stats[])
{
    uint32_t count = item->metainfo->file_count;
    struct catalog_file *files = malloc(count * sizeof *files);
    if (files == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        files[i] = (struct catalog_file){.index = i,
                                         .mtime_ns = stats[i].mtime_ns,
                                         .ctime_ns = stats[i].ctime_ns,
                                         .size = stats[i].size,
                                         .inode = stats[i].inode};
    enum status status =
        catalog_set_files(item->engine->daemon->catalog, item->row.id, files, count);
    free(files);
    return status == STATUS_OK;
}

void item_save_files(struct item *item)
{
    save_files(item, item->expected);
}

void item_save_left(struct item *item)
{
    if (item->metainfo == NULL || item->row.complete || !item->options.prepared ||
        item->storage == NULL || !storage_is_partial(item->storage) || item->changed)
        return;
    struct storage_stat *left = calloc(item->metainfo->file_count, sizeof *left);
    if (left == NULL)
        return;
    storage_as_left(item->storage, left);
    item->options.left = save_files(item, left);
    free(left);
    if (item->options.left)
        item_save(item);
}

static void tell_done(struct item *item)
{
    struct pack *event = daemon_event(item->engine->daemon, "done");
    if (event == NULL)
        return;
    char *path = storage_path(item->storage);
    pack_i64(event, "id", item->row.id);
    pack_id(event, "hash", &item->row.infohash);
    pack_text(event, "path", path);
    daemon_event_end(item->engine->daemon);
    free(path);
}

void item_complete(struct item *item, struct storage_stat *stats)
{
    struct catalog *catalog = item->engine->daemon->catalog;
    bool was_complete = item->row.complete;
    free(item->expected);
    item->expected = stats;
    item->row.complete = true;
    item->row.force = false; /* it was said of what was there then */
    item_options_spare(&item->options, NULL, 0);
    item->changed = item->mends = false;
    item->unsynced_bytes = 0;
    if (!was_complete)
        item->row.completed_unix_s = (int64_t)time(NULL);
    if (!was_complete && item->row.no_seed)
        item->row.wish = WISH_STOP;
    bool together = catalog_begin(catalog) == STATUS_OK;
    item_save(item);
    item_save_files(item);
    if (together)
        catalog_end(catalog, true);
    item->placed = true;
    item_clear_trouble(item);
    item->recheck_ms = engine_now(item->engine) + FILES_PATROL_MS;
    if (!was_complete) {
        log_info("engine", "transfer %lld (%s) is complete", (long long)item->row.id,
                 item->row.name);
        tell_done(item);
    }
    group_engine_on_complete(item);
    item_mark(item);
}
