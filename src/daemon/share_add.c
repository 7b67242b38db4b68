/* A hashed path becomes a transfer: a new one, or the one with that infohash, renewed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "daemon/reshare.h"
#include "daemon/share_private.h"

const struct id *share_sha1(const struct share_job *job)
{
    const struct hasher_files *files = job->digests[SHARE_SHA1].files;
    return files != NULL ? hasher_files_sums(files) : NULL;
}

static bool fill_row(const struct share_job *job, struct catalog_transfer *row)
{
    const struct metainfo *metainfo = job->metainfo;
    size_t have_len = (metainfo->piece_count + 7u) / 8;
    uint8_t *info = malloc(metainfo->info_len), *have = malloc(have_len + 1);
    *row = (struct catalog_transfer){
        .infohash = metainfo->infohash,
        .origin = ORIGIN_SHARE,
        .wish = WISH_RUN,
        .name = strdup(metainfo->name),
        .dir = strdup(job->tree->dir),
        .target = strdup(job->tree->target),
        .peers = strdup(""),
        .options = strdup(job->announce ? "" : "quiet"),
        .complete = true,
        .unlisted = job->unlisted,
        .has_file_sha1 = share_sha1(job) != NULL,
        .has_group = job->has_group,
        .has_sha256 = job->has_group,
        .size = metainfo->total_length,
        .added_unix_s = (int64_t)time(NULL),
        .completed_unix_s = (int64_t)time(NULL),
        .info = bytes_of(info, metainfo->info_len),
        .have = bytes_of(have, have_len),
    };
    if (row->has_file_sha1)
        row->file_sha1 = *share_sha1(job);
    if (job->has_group) {
        memcpy(row->group, job->group.bytes, sizeof row->group);
        hasher_files_sha256(job->digests[SHARE_SHA256].files, row->sha256);
    }
    if (info == NULL || have == NULL || row->name == NULL || row->dir == NULL ||
        row->target == NULL || row->peers == NULL || row->options == NULL)
        return false;
    memcpy(info, metainfo->info, metainfo->info_len);
    memset(have, 0xff, have_len);
    return true;
}

static void free_row(struct catalog_transfer *row)
{
    free(row->name);
    free(row->dir);
    free(row->target);
    free(row->peers);
    free(row->options);
    free((void *)(uintptr_t)row->info.data);
    free((void *)(uintptr_t)row->have.data);
}

static void tell_added(const struct item *item)
{
    struct pack *event = daemon_event(item->engine->daemon, "added");
    if (event == NULL)
        return;
    pack_i64(event, "id", item->row.id);
    pack_id(event, "hash", &item->row.infohash);
    pack_text(event, "name", item->row.name);
    daemon_event_end(item->engine->daemon);
}

static enum status add_new(struct share_job *job)
{
    struct engine *engine = job->engine;
    struct catalog_transfer row;
    enum status status = fill_row(job, &row) ? catalog_add_transfer(engine->daemon->catalog, &row)
                                             : STATUS_NO_MEMORY;
    struct item *item = status == STATUS_OK ? item_new(engine, &row) : NULL;
    if (item == NULL) {
        if (status == STATUS_OK) /* or it would be in the way of the next try */
            catalog_remove_transfer(engine->daemon->catalog, row.id);
        free_row(&row);
        return status != STATUS_OK ? status : STATUS_NO_MEMORY;
    }
    item_enter(item);
    item_complete(item, job->stats);
    job->stats = NULL;
    job->id = item->row.id;
    tell_added(item);
    log_info("engine", "transfer %lld (%s) is shared from %s", (long long)job->id, item->row.name,
             item->row.dir);
    return STATUS_OK;
}

/* One transfer is for everybody, or for one group. */
static bool is_for_others(struct share_job *job, const struct item *item)
{
    bool same = item->row.has_group == job->has_group &&
                memcmp(item->row.group, job->group.bytes, sizeof item->row.group) == 0;
    if (same)
        return false;
    snprintf(job->error, sizeof job->error,
             item->row.has_group ? "%s is shared in a group already (transfer %lld)"
                                 : "%s is shared with everybody already (transfer %lld)",
             item->row.name, (long long)item->row.id);
    return true;
}

static enum status renew(struct share_job *job, struct item *item)
{
    if (item->removing)
        return STATUS_BUSY;
    if (is_for_others(job, item))
        return STATUS_CONFLICT;
    struct reshare *reshare = calloc(1, sizeof *reshare);
    if (reshare == NULL)
        return STATUS_NO_MEMORY;
    reshare->dir = strdup(job->tree->dir);
    reshare->target = strdup(job->tree->target);
    reshare->stats = job->stats;
    reshare->metainfo = job->metainfo;
    reshare->unlisted = job->unlisted;
    reshare->quiet = !job->announce;
    reshare->has_file_sha1 = share_sha1(job) != NULL;
    if (reshare->has_file_sha1)
        reshare->file_sha1 = *share_sha1(job);
    job->stats = NULL;
    job->metainfo = NULL;
    job->id = item->row.id;
    if (reshare->dir == NULL || reshare->target == NULL) {
        reshare_free(reshare);
        return STATUS_NO_MEMORY;
    }
    reshare_free(item->reshare);
    item->reshare = reshare;
    item_mark(item);
    return STATUS_OK;
}

enum status share_add(struct share_job *job)
{
    struct item *item = engine_find(job->engine, &job->metainfo->infohash);
    enum status status = item != NULL ? renew(job, item) : add_new(job);
    if (status == STATUS_OK && (item = engine_find_id(job->engine, job->id)) != NULL)
        job->discovery = item->discovery;
    return status;
}
