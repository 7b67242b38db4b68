#include "daemon/place.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "daemon/item_facts.h"
#include "daemon/reselect.h"
#include "daemon/verify_call.h"
#include "io/work.h"

enum outcome {
    PLACE_FAILED,
    PLACE_COMPLETE, /* `stats` tell how its files look */
    PLACE_FINAL,    /* something has the final name; `stats` */
    PLACE_LEFTOVER, /* something has the partial name, and we did not make it; `stats` */
    PLACE_NO_SPACE,
    PLACE_READY, /* the partial file is there, and we made it; `stats` */
};

struct place {
    struct work work;
    struct item *item;
    /* in */
    struct storage *storage;
    struct storage *probe; /* the final name; to be reopened where `reopen` */
    bool complete, prepared, ignore_final, look_at_final, reopen, has_pieces, changed, distrust,
        sync_failed;
    bool reselects; /* what was left out may be wanted now */
    uint64_t needed, reserve;
    /* out */
    enum outcome outcome;
    enum status status;
    bool partial_was_there, reopened;
    uint64_t free_bytes;
    struct storage_error error;
    struct storage_stat *stats; /* file_count of them */
    bool *otherwise;            /* likewise: partial files that are not as we left them */
};

/* ---- in the pool ---- */

static enum outcome look_complete(struct place *place)
{
    place->status = storage_stat_files(place->storage, place->stats, &place->error);
    return place->status == STATUS_OK ? PLACE_COMPLETE : PLACE_FAILED;
}

static enum outcome look_at_final(struct place *place)
{
    place->status = storage_stat_files(place->probe, place->stats, &place->error);
    return place->status == STATUS_OK ? PLACE_FINAL : PLACE_FAILED;
}

static enum outcome look_at_leftover(struct place *place)
{
    place->status = storage_stat_files(place->storage, place->stats, &place->error);
    return place->status == STATUS_OK ? PLACE_LEFTOVER : PLACE_FAILED;
}

static enum outcome prepare(struct place *place)
{
    struct storage *storage = place->reopened ? place->probe : place->storage;
    place->status = storage_free_space(storage, &place->free_bytes, &place->error);
    if (place->status != STATUS_OK)
        return PLACE_FAILED;
    bool tight = place->needed > 0 && place->free_bytes < place->needed + place->reserve;
    if (tight && !place->changed) /* else it is looked at first, then again */
        return PLACE_NO_SPACE;
    if (place->distrust)
        storage_distrust_stamps(storage);
    place->status = storage_prepare(storage, &place->error);
    if (place->status == STATUS_OK && place->reselects)
        place->status = storage_take_in(storage, &place->error);
    if (place->status == STATUS_OK && place->sync_failed)
        place->status = storage_drop_cached(storage, &place->error);
    if (place->status == STATUS_OK)
        place->status = storage_look_anew(storage, place->stats, place->otherwise, &place->error);
    if (place->status == STATUS_NO_SPACE)
        return PLACE_NO_SPACE;
    return place->status == STATUS_OK ? PLACE_READY : PLACE_FAILED;
}

static enum outcome look_partial(struct place *place)
{
    struct storage_presence presence;
    place->status = storage_look(place->storage, &presence, &place->error);
    if (place->status != STATUS_OK)
        return PLACE_FAILED;
    bool resumes = presence.partial && place->prepared;
    place->partial_was_there = presence.partial;
    if (place->reopen && presence.final && !presence.partial) {
        place->status = storage_reopen(place->probe, &place->error);
        if (place->status != STATUS_OK)
            return PLACE_FAILED;
        presence.partial = place->reopened = true;
    } else if (presence.final && !place->ignore_final &&
               (place->look_at_final || !(resumes && place->has_pieces))) {
        return look_at_final(place);
    }
    place->partial_was_there = presence.partial;
    if (presence.partial && !place->prepared && !place->reopened)
        return look_at_leftover(place);
    return prepare(place);
}

static void run_place(void *user)
{
    struct place *place = user;
    place->outcome = place->complete ? look_complete(place) : look_partial(place);
}

/* ---- complete ones ---- */

static bool are_same(const struct item *item, const struct storage_stat *a,
                     const struct storage_stat *b)
{
    if (a == NULL || b == NULL)
        return false;
    for (uint32_t i = 0; i < item->metainfo->file_count; i++)
        if (!storage_stat_same(&a[i], &b[i]))
            return false;
    return true;
}

/* Does any piece that we have lie in it? */
static bool is_held(const struct item *item, uint32_t file)
{
    const struct metainfo_file *f = &item->metainfo->files[file];
    if (f->length == 0 || !item_options_selects(&item->options, file))
        return item->expected == NULL ? f->length == 0 : item->expected[file].exists;
    uint32_t first = (uint32_t)(f->offset / item->metainfo->piece_length);
    uint32_t last = (uint32_t)((f->offset + f->length - 1) / item->metainfo->piece_length);
    for (uint32_t piece = first; piece <= last; piece++)
        if (item_wants(item, piece) && (item->have[piece / 8] >> (7 - piece % 8) & 1) != 0)
            return true;
    return false;
}

static uint32_t count_missing(const struct item *item, const struct storage_stat *stats,
                              const char **first)
{
    uint32_t missing = 0;
    for (uint32_t i = 0; i < item->metainfo->file_count; i++) {
        if (stats[i].exists || !is_held(item, i))
            continue;
        if (missing++ == 0)
            *first = item->metainfo->files[i].path;
    }
    return missing;
}

static void take_stats(struct storage_stat **into, struct place *place)
{
    free(*into);
    *into = place->stats;
    place->stats = NULL;
}

static void verify_everything(struct item *item)
{
    free(item->to_verify);
    size_t len = item_bitfield_bytes(item);
    item->to_verify = malloc(len > 0 ? len : 1);
    if (item->to_verify != NULL)
        memset(item->to_verify, 0xff, len);
}

/* Rows of older databases, and what we renamed ourselves, have none. */
static void learn_ctimes(struct item *item, struct place *place)
{
    bool learns = false;
    for (uint32_t i = 0; i < item->metainfo->file_count; i++)
        learns = learns || (item->expected[i].ctime_ns == 0 && place->stats[i].ctime_ns != 0);
    if (!learns)
        return;
    take_stats(&item->expected, place);
    item_save_files(item);
}

/* All shares at the same moment, so that an idle daemon wakes once; large ones less often. */
static uint64_t next_patrol(const struct item *item)
{
    uint64_t pause_ms = FILES_PATROL_MS + (uint64_t)item->metainfo->file_count;
    uint64_t at_ms = engine_now(item->engine) + pause_ms;
    return at_ms - at_ms % FILES_PATROL_MS + FILES_PATROL_MS;
}

static void on_complete_look(struct item *item, struct place *place)
{
    const char *first = NULL;
    uint32_t missing = count_missing(item, place->stats, &first);
    if (missing > 0) {
        item->verify_all = false;
        if (item->metainfo->single_file)
            item_set_trouble(item, TROUBLE_MISSING_FILES, STATUS_NOT_FOUND,
                             "%s/%s is not there any more", item->row.dir, item->row.target);
        else
            item_set_trouble(item, TROUBLE_MISSING_FILES, STATUS_NOT_FOUND,
                             "%" PRIu32 " of %" PRIu32 " files are not there any more: %s%s",
                             missing, item->metainfo->file_count, first, missing > 1 ? ", …" : "");
        return;
    }
    bool verify_all = item->verify_all;
    item->verify_all = false;
    if (!verify_all && are_same(item, place->stats, item->expected)) {
        learn_ctimes(item, place);
        item_clear_trouble(item);
        item->recheck_ms = next_patrol(item);
        item->placed = true;
        return;
    }
    if (!verify_all && item->trouble == TROUBLE_CHANGED &&
        are_same(item, place->stats, item->seen)) {
        item->recheck_ms = engine_now(item->engine) + FILES_RECHECK_MS;
        return; /* verified already, as it is now */
    }
    take_stats(&item->seen, place);
    item_clear_trouble(item);
    item->placed = true;
    verify_everything(item);
}

/* ---- downloads ---- */

/* Another look follows, and finds out anew. */
static void forget_want(struct item *item)
{
    if (item_trouble_passes(item))
        item_clear_trouble(item);
}

static void on_final(struct item *item, struct place *place)
{
    forget_want(item);
    item->look_at_final = false;
    item->final_is_alone = !place->partial_was_there;
    take_stats(&item->seen, place);
    item->probe = place->probe;
    place->probe = NULL;
    item->placed = true;
    verify_everything(item);
}

static uint64_t total_size(const struct item *item, const struct storage_stat *stats)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < item->metainfo->file_count; i++)
        size += stats[i].exists && !item->metainfo->files[i].padding ? stats[i].size : 0;
    return size;
}

static void on_leftover(struct item *item, struct place *place)
{
    forget_want(item);
    if (total_size(item, place->stats) == 0) {
        item->options.prepared = true;
        item_save(item);
        return; /* looked at again, now as ours */
    }
    item->leftover = true;
    item->placed = true;
    verify_everything(item);
}

/* Are the files long enough for the pieces that are said to be in them? */
static bool can_hold(const struct item *item, const struct storage_stat *stats)
{
    const struct metainfo *metainfo = item->metainfo;
    for (uint32_t piece = 0; piece < metainfo->piece_count; piece++) {
        if ((item->have[piece / 8] >> (7 - piece % 8) & 1) == 0)
            continue;
        uint64_t at = (uint64_t)piece * metainfo->piece_length;
        uint64_t end = at + metainfo_piece_size(metainfo, piece);
        for (uint32_t file = metainfo_file_at(metainfo, at);
             file < metainfo->file_count && metainfo->files[file].offset < end; file++) {
            const struct metainfo_file *f = &metainfo->files[file];
            uint64_t file_end = f->offset + f->length < end ? f->length : end - f->offset;
            bool on_disk = !f->padding && item_options_selects(&item->options, file);
            if (on_disk && f->length > 0 && stats[file].size < file_end)
                return false;
        }
    }
    return true;
}

/* What was written after the last sync that we know of may not be on disk. */
static bool verify_unsynced(struct item *item)
{
    size_t len = item_bitfield_bytes(item);
    const struct bytes synced = item->row.synced;
    if (item->to_verify == NULL)
        item->to_verify = calloc(1, len + 1);
    for (size_t i = 0; i < len && item->to_verify != NULL; i++)
        item->to_verify[i] |= item->have[i] & (uint8_t) ~(i < synced.len ? synced.data[i] : 0);
    return item->to_verify != NULL;
}

static void verify_after_crash(struct item *item)
{
    if (item->have_count == 0 || item->row.boot_id == NULL ||
        strcmp(item->row.boot_id, item->engine->boot_id) == 0 || !verify_unsynced(item))
        return;
    log_info("engine",
             "transfer %lld: the machine was restarted: pieces not known to be on disk "
             "are verified",
             (long long)item->row.id);
}

/* The boot id counts from the first piece written on. */
static void note_boot(struct item *item)
{
    if (item->row.boot_id != NULL && item->row.boot_id[0] != 0)
        return;
    char *boot_id = strdup(item->engine->boot_id);
    if (boot_id == NULL)
        return;
    free(item->row.boot_id);
    item->row.boot_id = boot_id;
    catalog_set_synced(item->engine->daemon->catalog, item->row.id, bytes_of(NULL, 0), boot_id);
}

/* False: no memory. */
static bool take_reopened(struct item *item, struct place *place)
{
    if (place->reopened) {
        storage_free(item->storage);
        item->storage = place->probe;
        place->probe = NULL;
        if (!item_spare(item, item->storage))
            return false;
        if (item->reopen_have != NULL)
            item_set_have(item, item->reopen_have);
        item_save_have(item);
    }
    free(item->reopen_have);
    item->reopen_have = NULL;
    return true;
}

/* Of the pieces we have, those in files that are not as we left them. False: there is none. */
static bool verify_changed(struct item *item, const struct place *place)
{
    size_t len = item_bitfield_bytes(item);
    uint8_t *to_verify = calloc(1, len + 1);
    bool any = false;
    for (uint32_t i = 0; i < item->metainfo->file_count && to_verify != NULL; i++) {
        if (!place->otherwise[i] || item->metainfo->files[i].length == 0)
            continue;
        any = true;
        item_mark_pieces(item, i, to_verify);
    }
    if (!any) {
        free(to_verify);
        return false;
    }
    for (size_t i = 0; i < len; i++)
        to_verify[i] =
            (to_verify[i] & item->have[i]) | (item->to_verify != NULL ? item->to_verify[i] : 0);
    free(item->to_verify);
    item->to_verify = to_verify;
    item->mends = true;
    return true;
}

/* Back at the partial name because more is wanted: it must be as it was when it was complete. */
static bool was_right(const struct item *item, const struct place *place)
{
    return !place->reselects || !place->reopened || are_same(item, place->stats, item->finished);
}

static void begin_anew(struct item *item)
{
    log_warn("engine", "transfer %lld: its partial file is gone, so it begins anew",
             (long long)item->row.id);
    item_set_have(item, NULL);
    item_save_have(item);
    item_forget_synced(item);
    item->changed = item->transfer != NULL; /* which believes that it has pieces */
}

static void on_ready(struct item *item, struct place *place)
{
    bool alarm = item->changed;
    item->changed = false;
    if (place->reopen && !take_reopened(item, place)) {
        item_set_trouble(item, TROUBLE_DISK, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    bool has_pieces = item->have_count > 0;
    if (has_pieces && !place->partial_was_there) {
        begin_anew(item);
    } else if (has_pieces && verify_changed(item, place)) {
        if (!alarm)
            item_tell_changed(item, NULL);
    } else if (has_pieces && (!can_hold(item, place->stats) || !was_right(item, place))) {
        verify_everything(item);
    } else if (has_pieces && alarm) {
        item_false_alarm(item);
    } else if (item->unsynced_bytes == 0 && !item->syncing) {
        verify_after_crash(item);
    }
    if (item->sync_failed && !(has_pieces && verify_unsynced(item)))
        item->sync_failed = has_pieces;
    if (!item->options.prepared) {
        item->options.prepared = true;
        item_save(item);
    }
    note_boot(item);
    forget_want(item);
    item->placed = !item->changed;
    if (place->reselects)
        reselect_done(item);
}

static void on_no_space(struct item *item, const struct place *place)
{
    item->space_needed = place->needed;
    item->space_free = place->free_bytes > place->reserve ? place->free_bytes - place->reserve : 0;
    item_set_trouble(item, TROUBLE_NO_SPACE, STATUS_NO_SPACE, "no space");
}

static void on_failed(struct item *item, const struct place *place)
{
    item->verify_all = false;
    char text[STORAGE_ERROR_SIZE];
    storage_error_text(place->status, &place->error, text);
    enum item_trouble trouble = place->status == STATUS_CONFLICT ? TROUBLE_CONFLICT : TROUBLE_DISK;
    item_set_trouble(item, trouble, place->status, "cannot use %s: %s", item->row.dir, text);
    verify_calls_fail(item);
}

/* ---- there and back ---- */

static void take_up(struct item *item, struct place *place)
{
    switch (place->outcome) {
    case PLACE_COMPLETE:
        on_complete_look(item, place);
        break;
    case PLACE_FINAL:
        on_final(item, place);
        break;
    case PLACE_LEFTOVER:
        on_leftover(item, place);
        break;
    case PLACE_READY:
        on_ready(item, place);
        break;
    case PLACE_NO_SPACE:
        on_no_space(item, place);
        break;
    case PLACE_FAILED:
        on_failed(item, place);
        break;
    }
}

static void free_place(struct place *place)
{
    storage_free(place->probe);
    free(place->otherwise);
    free(place->stats);
    free(place);
}

static void place_done(void *user, bool cancelled)
{
    struct place *place = user;
    struct item *item = place->item;
    item->place = NULL;
    item->jobs--;
    /* Changed meanwhile (shared anew from elsewhere, say): what was seen means nothing. */
    bool stale = place->storage != item->storage || place->complete != item->row.complete;
    if (!cancelled && !stale && !item->removing)
        take_up(item, place);
    else if (item->look == LOOK_UNDER_WAY)
        item->look = LOOK_ASKED;
    item_mark(item);
    engine_job_ends(item->engine);
    free_place(place);
}

/* False: no memory. */
static bool give_probe(struct item *item, struct place *place)
{
    if (place->complete)
        return true;
    if (item->reopen_have != NULL && item->probe != NULL) {
        place->reopen = true;
        place->probe = item->probe;
        item->probe = NULL;
        return true;
    }
    place->reopen = item->reselecting && item->options.prepared;
    return item_make_storage(item, false, &place->probe) == STATUS_OK;
}

/* Another download that writes to the same partial file. NULL: none. */
static const struct item *rival_of(const struct item *item)
{
    const struct item *other;
    if (item->row.complete)
        return NULL;
    DL_FOREACH(item->engine->items, other)
    if (other != item && !other->row.complete && !other->removing && other->options.prepared &&
        strcmp(other->row.dir, item->row.dir) == 0 &&
        strcmp(other->row.target, item->row.target) == 0)
        return other;
    return NULL;
}

/* What is there already, or will be when it has the partial name again, needs no room. */
static uint64_t needed_bytes(const struct item *item)
{
    uint64_t bytes = item->missing_bytes;
    for (uint32_t i = 0; i < item->metainfo->piece_count && item->reopen_have != NULL; i++)
        if (item_wants(item, i) && (item->reopen_have[i / 8] >> (7 - i % 8) & 1) != 0 &&
            (item->have[i / 8] >> (7 - i % 8) & 1) == 0)
            bytes -= metainfo_piece_size(item->metainfo, i);
    return bytes;
}

/* --force: nothing is spared any more. */
static void stop_sparing(struct item *item)
{
    if (!item->row.force || item->options.spared_count == 0)
        return;
    item_options_spare(&item->options, NULL, 0);
    storage_spare(item->storage, NULL);
    item_save(item);
}

void place_start(struct item *item)
{
    struct engine *engine = item->engine;
    const struct item *rival = rival_of(item);
    if (rival != NULL) {
        item_set_trouble(item, TROUBLE_CONFLICT, STATUS_CONFLICT,
                         "transfer %lld, another file, is fetched to %s/%s already",
                         (long long)rival->row.id, item->row.dir, item->row.target);
        return;
    }
    if (item->storage == NULL && item_open_storage(item, !item->row.complete) != STATUS_OK)
        return;
    stop_sparing(item);
    struct place *place = calloc(1, sizeof *place);
    if (place != NULL) {
        place->stats = calloc(item->metainfo->file_count, sizeof *place->stats);
        place->otherwise = calloc(item->metainfo->file_count, sizeof *place->otherwise);
    }
    if (place == NULL || place->stats == NULL || place->otherwise == NULL) {
        if (place != NULL)
            free_place(place);
        item_set_trouble(item, TROUBLE_DISK, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    place->item = item;
    place->storage = item->storage;
    place->complete = item->row.complete;
    place->prepared = item->options.prepared;
    place->ignore_final = item->final_is_other;
    place->look_at_final = item->look_at_final;
    place->has_pieces = item->have_count > 0;
    place->changed = item->changed;
    place->sync_failed = item->sync_failed;
    place->distrust = item->false_alarms >= FALSE_ALARMS_MAX;
    place->reselects = item->reselecting;
    place->needed = needed_bytes(item);
    place->reserve = engine->reserve_bytes;
    if (!give_probe(item, place)) {
        free_place(place);
        item_set_trouble(item, TROUBLE_DISK, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    item->place = place;
    item->jobs++;
    engine_job_begins(engine);
    work_start(&place->work, engine->daemon->loop, run_place, place_done, place);
}
