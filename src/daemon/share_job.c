#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/file_sha1.h"
#include "daemon/group_engine.h"
#include "daemon/groups.h"
#include "daemon/info_store.h"
#include "daemon/item_facts.h"
#include "daemon/link.h"
#include "daemon/share_private.h"
#include "daemon/transfer_map.h"

/* ---- the end ---- */

static void free_job(struct share_job *job)
{
    DL_DELETE(job->engine->share_jobs, job);
    file_sha1_wake(job->engine);
    for (size_t i = 0; i < SHARE_DIGESTS; i++)
        hasher_files_free(job->digests[i].files);
    for (size_t i = 0; i < VERIFY_JOBS; i++)
        hasher_free(job->slices[i].hasher);
    storage_free(job->storage);
    metainfo_free(job->layout);
    metainfo_free(job->metainfo);
    tree_free(job->tree);
    timer_free(job->timer);
    for (size_t i = 0; i < job->exclude_count; i++)
        free(job->exclude[i]);
    free(job->stats);
    free(job->hashes);
    free(job->path);
    free(job->name);
    free(job);
}

static int exit_of(enum status status)
{
    switch (status) {
    case STATUS_NOT_FOUND:
    case STATUS_PERMISSION:
    case STATUS_IO:
    case STATUS_NO_SPACE:
        return 9;
    case STATUS_REFUSED:
    case STATUS_TOO_BIG:
    case STATUS_MALFORMED:
        return 12;
    case STATUS_CONFLICT:
    case STATUS_EXISTS:
        return 8;
    default:
        return 1;
    }
}

static void fail(struct share_job *job)
{
    if (job->call != NULL && job->engine->stopping)
        call_fail(job->call, "stopping", 5, NULL, "the daemon is stopping");
    else if (job->call != NULL)
        call_fail(job->call, status_name(job->status), exit_of(job->status), NULL, "%s",
                  job->error[0] != 0 ? job->error : status_text(job->status));
    free_job(job);
}

static void describe_skipped(const struct tree *tree, struct buffer *out)
{
    buffer_init(out);
    if (tree->skipped_links > 0)
        buffer_add_format(out, "%u symbolic link%s", tree->skipped_links,
                          tree->skipped_links == 1 ? "" : "s");
    if (tree->skipped_special > 0)
        buffer_add_format(out, "%s%u special file%s", out->len > 0 ? " and " : "",
                          tree->skipped_special, tree->skipped_special == 1 ? "" : "s");
    if (out->len > 0)
        buffer_add_string(out, " left out");
    buffer_add_byte(out, 0);
}

static void pack_sha1(struct pack *pack, const struct share_job *job, const struct item *item)
{
    const struct id *sha1 = share_sha1(job);
    if (sha1 == NULL && item->row.has_file_sha1)
        sha1 = &item->row.file_sha1;
    if (sha1 != NULL)
        pack_id(pack, "sha1", sha1);
    else
        pack_nil(pack, "sha1");
}

static void finish(struct share_job *job)
{
    struct item *item = engine_find_id(job->engine, job->id);
    struct buffer link, note;
    if (item == NULL || job->call == NULL) {
        job->status = STATUS_NOT_FOUND;
        fail(job);
        return;
    }
    buffer_init(&link);
    if (!item_is_grouped(item))
        link_of_item(item, &link);
    describe_skipped(job->tree, &note);
    struct pack *pack = call_result(job->call);
    transfer_map_pack(pack, "transfer", item);
    pack_text(pack, "link", link.failed ? NULL : (const char *)link.data);
    pack_u64(pack, "announced", job->announced);
    pack_bool(pack, "listed", !job->unlisted && job->announce && !job->is_private);
    pack_sha1(pack, job, item);
    pack_text(pack, "note", note.failed || note.data[0] == 0 ? NULL : (const char *)note.data);
    call_finish(job->call);
    buffer_dispose(&link);
    buffer_dispose(&note);
    free_job(job);
}

static void on_cancel(void *user)
{
    struct share_job *job = user;
    job->call = NULL;
    job->cancelled = true;
    if (job->id != 0) /* it is shared; nobody wants to hear the rest */
        free_job(job);
}

static void on_timer(void *user)
{
    finish(user);
}

/* ---- stage 1: the walk ---- */

/* False: no memory. */
static bool make_digests(struct share_job *job)
{
    bool at_once =
        job->has_group || job->wants_sha1 || job->layout->total_length <= SHA1_AT_ONCE_BYTES;
    bool wanted[SHARE_DIGESTS] = {
        [SHARE_SHA1] = job->tree->single_file && at_once, [SHARE_SHA256] = job->has_group};
    for (size_t i = 0; i < SHARE_DIGESTS; i++) {
        struct share_digest *digest = &job->digests[i];
        *digest = (struct share_digest){.job = job, .done = !wanted[i]};
        if (wanted[i])
            digest->files =
                i == SHARE_SHA1 ? hasher_files_new(job->storage) : hasher_all_new(job->storage);
        if (wanted[i] && digest->files == NULL)
            return false;
    }
    return true;
}

static void run_scan(void *user)
{
    struct share_job *job = user;
    job->status = tree_scan(job->path, (const char *const *)job->exclude, job->exclude_count,
                            &job->tree, job->error);
    if (job->status != STATUS_OK)
        return;
    const char *name = job->name != NULL ? job->name : job->tree->name;
    if (job->piece_length == 0)
        job->piece_length = metainfo_default_piece_length(job->tree->total_length);
    job->status = tree_check_torrent(job->tree, name, job->piece_length, job->error);
    if (job->status != STATUS_OK)
        return;
    job->error[0] = 0; /* what comes now has reasons of its own */
    job->layout = tree_layout(job->tree, name, job->piece_length);
    job->status = job->layout != NULL ? storage_new(job->layout, job->tree->dir, job->tree->target,
                                                    false, job->engine->cache, &job->storage)
                                      : STATUS_NO_MEMORY;
    if (job->status != STATUS_OK)
        return;
    job->hashes = calloc(job->layout->piece_count + 1, sizeof *job->hashes);
    for (size_t i = 0; i < VERIFY_JOBS; i++) {
        job->slices[i] =
            (struct share_slice){.job = job, .hasher = hasher_new(job->storage), .ended = true};
        if (job->slices[i].hasher == NULL)
            job->status = STATUS_NO_MEMORY;
    }
    if (job->hashes == NULL || !make_digests(job))
        job->status = STATUS_NO_MEMORY;
}

/* ---- stage 3: the info dictionary ---- */

static void run_build(void *user)
{
    struct share_job *job = user;
    struct bytes hashes =
        bytes_of(job->hashes, (size_t)job->layout->piece_count * sizeof *job->hashes);
    struct buffer info;
    char why[METAINFO_ERROR_SIZE];
    buffer_init(&info);
    job->status = tree_check_unchanged(job->tree, job->storage, job->error);
    if (job->status == STATUS_OK)
        job->status = tree_build_info(job->tree, job->layout->name, job->piece_length, hashes,
                                      job->is_private, &info);
    if (job->status == STATUS_OK)
        job->status = info.failed ? STATUS_NO_MEMORY
                                  : metainfo_parse_info(buffer_bytes(&info), &job->metainfo, why);
    if (job->status == STATUS_OK)
        info_store(job->engine->daemon, &job->metainfo->infohash, buffer_bytes(&info));
    buffer_dispose(&info);
    job->stats = calloc(job->layout->file_count, sizeof *job->stats);
    if (job->status == STATUS_OK && job->stats == NULL)
        job->status = STATUS_NO_MEMORY;
    if (job->status == STATUS_OK)
        job->status = storage_stat_files(job->storage, job->stats, NULL);
}

/* ---- from stage to stage ---- */

static void start(struct share_job *job, struct work *work, void (*run)(void *),
                  void (*done)(void *, bool), void *user)
{
    job->running++;
    engine_job_begins(job->engine);
    work_start(work, job->engine->daemon->loop, run, done, user);
}

/* True: it goes on; else it is over and gone, or will be. */
static bool ended_well(struct share_job *job, bool cancelled)
{
    struct engine *engine = job->engine;
    if (cancelled || job->cancelled)
        job->status = STATUS_CANCELLED;
    job->running--;
    bool good = job->status == STATUS_OK;
    if (!good && job->running == 0)
        fail(job);
    engine_job_ends(engine);
    return good;
}

static void wait_for_announcement(struct share_job *job)
{
    job->timer = timer_new(job->engine->daemon->loop, on_timer, job);
    if (job->timer == NULL || job->call == NULL) {
        finish(job);
        return;
    }
    const struct item *item = engine_find_id(job->engine, job->id);
    bool announces = job->announce && !job->is_private;
    if (announces && item != NULL && job->announced == 0) /* it may have been shared before */
        job->announced = publisher_peer_nodes(item->publisher);
    bool waits = announces && job->announced == 0;
    timer_set(job->timer, engine_now(job->engine) + (waits ? job->wait_ms : 0));
}

static void build_done(void *user, bool cancelled)
{
    struct share_job *job = user;
    if (!ended_well(job, cancelled))
        return;
    job->status = share_add(job);
    if (job->status != STATUS_OK && job->status != STATUS_BUSY && job->status != STATUS_CONFLICT)
        snprintf(job->error, sizeof job->error, "cannot write the database: %s",
                 status_text(job->status));
    if (job->status != STATUS_OK) {
        fail(job);
        return;
    }
    file_sha1_wake(job->engine);
    wait_for_announcement(job);
}

/* ---- stage 2: the hashes ---- */

static void tell_progress(struct share_job *job)
{
    uint64_t now_ms = engine_now(job->engine);
    if (job->call == NULL || now_ms < job->told_ms + PROGRESS_EVERY_MS)
        return;
    job->told_ms = now_ms;
    uint64_t size = job->layout->total_length, spent_ms = now_ms - job->started_ms;
    uint64_t rate = spent_ms > 0 ? job->done_bytes * 1000 / spent_ms : 0;
    struct pack *pack = call_notify(job->call, "progress");
    pack_u64(pack, "done", job->done_bytes);
    pack_u64(pack, "size", size);
    pack_u64(pack, "rate", rate);
    uint32_t file = job->done_bytes < size ? metainfo_file_at(job->layout, job->done_bytes)
                                           : job->layout->file_count - 1;
    pack_text(pack, "file", job->layout->files[file].path);
    if (rate > 0)
        pack_u64(pack, "eta", (size - job->done_bytes) / rate);
    else
        pack_nil(pack, "eta");
    call_notify_end(job->call);
}

/* What can't be read any more may have been cut or taken away: that is what to say then. */
static enum status explain(const struct share_job *job, enum status status,
                           const struct storage_error *error, char out[TREE_ERROR_SIZE])
{
    if (tree_check_unchanged(job->tree, job->storage, out) == STATUS_CONFLICT)
        return STATUS_CONFLICT;
    storage_error_text(status, error, out);
    return status;
}

static void note_results(struct share_slice *slice)
{
    const struct hasher_result *results;
    size_t count = hasher_results(slice->hasher, &results);
    for (size_t i = 0; i < count && slice->status == STATUS_OK; i++) {
        slice->status = results[i].status;
        slice->job->hashes[results[i].piece] = results[i].hash;
        if (slice->status != STATUS_OK)
            slice->status = explain(slice->job, slice->status, results[i].error, slice->error);
    }
}

static void run_slice(void *user)
{
    struct share_slice *slice = user;
    slice->status = STATUS_OK;
    slice->done_bytes = 0;
    while (slice->done_bytes < VERIFY_BYTES && slice->status == STATUS_OK &&
           !slice->job->cancelled && !slice->ended) {
        uint64_t left = VERIFY_BYTES - slice->done_bytes;
        slice->ended = !hasher_step(slice->hasher, left, &slice->done_bytes);
        if (!slice->ended)
            note_results(slice);
    }
    hasher_rest(slice->hasher); /* others may be before us in the queue */
}

static void slice_done(void *user, bool cancelled);
static void digest_done(void *user, bool cancelled);

/* Goes on with the slice, or with another one. */
static bool start_slice(struct share_slice *slice)
{
    struct share_job *job = slice->job;
    if (slice->ended) {
        uint32_t first = job->next_piece;
        job->next_piece += hasher_portion(job->layout, first, VERIFY_JOBS);
        slice->ended = first == job->next_piece;
        hasher_begin(slice->hasher, first, job->next_piece, NULL);
    }
    if (slice->ended)
        return false;
    start(job, &slice->work, run_slice, slice_done, slice);
    return true;
}

static void run_digest(void *user)
{
    struct share_digest *digest = user;
    struct storage_error error;
    digest->status = hasher_files_step(digest->files, DIGEST_BYTES, &digest->done, &error);
    if (digest->status != STATUS_OK)
        digest->status = explain(digest->job, digest->status, &error, digest->error);
}

static void build_when_hashed(struct share_job *job)
{
    if (job->running == 0)
        start(job, &job->work, run_build, build_done, job);
}

static void note_failure(struct share_job *job, enum status status, const char *error)
{
    if (status == STATUS_OK || job->status != STATUS_OK)
        return;
    job->status = status;
    snprintf(job->error, sizeof job->error, "%s", error);
}

static void digest_done(void *user, bool cancelled)
{
    struct share_digest *digest = user;
    struct share_job *job = digest->job;
    note_failure(job, digest->status, digest->error);
    if (!ended_well(job, cancelled))
        return;
    if (!digest->done)
        start(job, &digest->work, run_digest, digest_done, digest);
    else
        build_when_hashed(job);
}

static void slice_done(void *user, bool cancelled)
{
    struct share_slice *slice = user;
    struct share_job *job = slice->job;
    note_failure(job, slice->status, slice->error);
    if (!ended_well(job, cancelled))
        return;
    job->done_bytes += slice->done_bytes;
    tell_progress(job);
    if (!start_slice(slice))
        build_when_hashed(job);
}

static void scan_done(void *user, bool cancelled)
{
    struct share_job *job = user;
    if (!ended_well(job, cancelled))
        return;
    for (size_t i = 0; i < VERIFY_JOBS; i++)
        start_slice(&job->slices[i]);
    for (size_t i = 0; i < SHARE_DIGESTS; i++)
        if (!job->digests[i].done)
            start(job, &job->digests[i].work, run_digest, digest_done, &job->digests[i]);
    build_when_hashed(job);
}

/* ---- the beginning ---- */

static bool is_piece_length(int64_t bytes)
{
    return bytes >= METAINFO_PIECE_LENGTH_MIN && bytes <= METAINFO_PIECE_LENGTH_MAX &&
           (bytes & (bytes - 1)) == 0;
}

static bool read_group(struct share_job *job, struct call *call)
{
    const char *text = call_text(call, "group", NULL);
    if (text == NULL)
        return true;
    struct membership *membership = groups_member(job->engine->daemon->groups, call, text);
    if (membership == NULL)
        return false;
    job->has_group = job->unlisted = true;
    job->group = *group_key(membership->group);
    return true;
}

static bool read_params(struct share_job *job, struct call *call)
{
    const char *exclude[SHARE_EXCLUDES_MAX], *path = call_text(call, "path", NULL);
    const char *name = call_text(call, "name", NULL);
    int64_t piece_length = call_number(call, "piece_size", 0);
    if (path == NULL || path[0] != '/') {
        call_fail(call, "usage", 2, NULL, "share needs the whole path of a file or folder");
        return false;
    }
    if (piece_length != 0 && !is_piece_length(piece_length)) {
        call_fail(call, "usage", 2, NULL,
                  "a piece is a power of two from 16 KiB to 64 MiB, %lld bytes is none",
                  (long long)piece_length);
        return false;
    }
    job->path = strdup(path);
    job->name = name != NULL && name[0] != 0 ? strdup(name) : NULL;
    size_t count = call_texts(call, "exclude", exclude, SHARE_EXCLUDES_MAX);
    for (size_t i = 0; i < count && i < SHARE_EXCLUDES_MAX; i++)
        if ((job->exclude[job->exclude_count] = strdup(exclude[i])) != NULL)
            job->exclude_count++;
    job->piece_length = (uint32_t)piece_length;
    job->unlisted = call_bool(call, "unlisted", false);
    job->announce = call_bool(call, "announce", true);
    job->is_private = call_bool(call, "private", false);
    job->wants_sha1 = call_bool(call, "sha1", false);
    job->wait_ms = call_ms(call, "wait_announce", 3);
    return read_group(job, call);
}

void share_job_start(struct engine *engine, struct call *call)
{
    struct share_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    job->engine = engine;
    job->call = call;
    DL_APPEND(engine->share_jobs, job);
    if (!read_params(job, call)) {
        free_job(job);
        return;
    }
    if (job->path == NULL) {
        job->status = STATUS_NO_MEMORY;
        fail(job);
        return;
    }
    job->started_ms = job->told_ms = engine_now(engine);
    call_on_cancel(call, on_cancel, job);
    start(job, &job->work, run_scan, scan_done, job);
}

bool share_jobs_hash(const struct engine *engine)
{
    const struct share_job *job;
    DL_FOREACH(engine->share_jobs, job)
    if (job->id == 0)
        return true;
    return false;
}

void share_jobs_cancel(struct engine *engine)
{
    struct share_job *job, *next;
    DL_FOREACH_SAFE(engine->share_jobs, job, next)
    {
        job->cancelled = true;
        if (job->id != 0)
            finish(job);
    }
}

void share_jobs_note(struct engine *engine, const struct id *key, enum record_kind kind,
                     uint32_t nodes)
{
    struct share_job *job, *next;
    DL_FOREACH_SAFE(engine->share_jobs, job, next)
    {
        if (job->id == 0 || job->call == NULL || kind != KIND_PEER ||
            !id_equal(&job->discovery, key))
            continue;
        job->announced = nodes > job->announced ? nodes : job->announced;
        struct pack *pack = call_notify(job->call, "announced");
        pack_u64(pack, "nodes", job->announced);
        call_notify_end(job->call);
        if (job->timer != NULL)
            timer_set(job->timer, engine_now(engine));
    }
}
