#include "daemon/piece_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "content/names.h"
#include "content/piece_check.h"
#include "daemon/item.h"
#include "io/work.h"

struct piece_job {
    struct work work; /* of the first of those that are checked together */
    struct item *item;
    struct piece_job *next; /* item->waiting_checks, those checked together, or item->checked */
    uint32_t piece;
    struct bytes data;
    enum status status;
    uint64_t free_bytes; /* STATUS_NO_SPACE: what is left */
    struct storage_error error;
};

/* ---- in the pool ---- */

static void run_checks(void *user)
{
    struct piece_check checks[PIECE_CHECKS_MAX];
    struct piece_job *first = user, *job;
    size_t count = 0;
    for (job = first; job != NULL; job = job->next, count++)
        checks[count] = (struct piece_check){.piece = job->piece, .data = job->data};
    piece_checks_run(first->item->storage, checks, count);
    count = 0;
    for (job = first; job != NULL; job = job->next, count++) {
        job->status = checks[count].status;
        job->free_bytes = checks[count].free_bytes;
        job->error = checks[count].error;
    }
}

/* ---- back on the loop ---- */

static void checks_done(void *user, bool cancelled);

/* The first that wait, as many as are worth checking together. */
static struct piece_job *take_waiting(struct item *item)
{
    struct piece_job *first = item->waiting_checks, *last = first;
    for (size_t count = 1; last->next != NULL && count < piece_checks_wanted(); count++)
        last = last->next;
    item->waiting_checks = last->next;
    if (last->next == NULL)
        item->waiting_last = NULL;
    last->next = NULL;
    return first;
}

/* Nothing waits for company: only what had to wait anyway is checked together. */
static void start_waiting(struct item *item)
{
    while (item->waiting_checks != NULL && item->running_checks < CHECKS_AT_A_TIME) {
        struct piece_job *first = take_waiting(item);
        item->running_checks++;
        work_start(&first->work, item->engine->daemon->loop, run_checks, checks_done, first);
    }
}

static void checks_done(void *user, bool cancelled)
{
    struct piece_job *jobs = user, *job;
    struct item *item = jobs->item;
    if (item->checked == NULL)
        item->checked_since_ms = engine_now(item->engine);
    while ((job = jobs) != NULL) {
        jobs = job->next;
        if (cancelled)
            job->status = STATUS_CANCELLED;
        job->next = item->checked;
        item->checked = job;
        item->checked_bytes += job->data.len;
    }
    item->running_checks--;
    start_waiting(item);
    item_mark(item);
}

void piece_jobs_check(struct item *item, uint32_t piece, struct bytes data)
{
    struct piece_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        transfer_piece_checked(item->transfer, piece, STATUS_NO_MEMORY, engine_now(item->engine));
        return;
    }
    job->item = item;
    job->piece = piece;
    job->data = data;
    item->jobs++;
    item->checks++;
    engine_job_begins(item->engine);
    if (item->waiting_last != NULL)
        item->waiting_last->next = job;
    else
        item->waiting_checks = job;
    item->waiting_last = job;
    start_waiting(item);
}

/* It was there before, and could not be told until the piece was here. */
static void tell_other_content(struct item *item, const struct storage_error *error)
{
    char *path = names_printable(error->path, strlen(error->path));
    item_set_trouble(item, TROUBLE_CONFLICT, STATUS_CONFLICT,
                     "%.300s was there before and has other content", path != NULL ? path : "?");
    free(path);
}

static void on_unwritten(struct item *item, const struct piece_job *job)
{
    if (item->trouble != TROUBLE_NONE || job->status == STATUS_CANCELLED)
        return;
    if (job->status == STATUS_NO_SPACE) {
        item->space_needed = item->missing_bytes;
        item->space_free = job->free_bytes;
        item_set_trouble(item, TROUBLE_NO_SPACE, STATUS_NO_SPACE, "no space");
        return;
    }
    if (job->status == STATUS_CHANGED) {
        item_partial_changed(item, &job->error);
        return;
    }
    if (job->status == STATUS_CONFLICT && job->error.error == 0) {
        tell_other_content(item, &job->error);
        return;
    }
    item_cannot(item, "write", job->status, &job->error);
}

static void tell_piece(struct item *item, uint32_t piece)
{
    struct pack *event = daemon_event(item->engine->daemon, "piece");
    if (event == NULL)
        return;
    pack_i64(event, "id", item->row.id);
    pack_u64(event, "piece", piece);
    pack_u64(event, "have", item->have_count);
    pack_u64(event, "total", item->metainfo->piece_count);
    daemon_event_end(item->engine->daemon);
}

static void note_written(struct item *item, uint32_t piece)
{
    if (item->unsynced_bytes == 0)
        item->unsynced_since_ms = engine_now(item->engine);
    item->all_verified = false;
    item->unsynced_bytes += metainfo_piece_size(item->metainfo, piece);
}

/* The catalog has it before anybody hears; what it could not take is on disk, and verified anew
 * when it can. */
static void record(struct item *item, struct piece_job *jobs)
{
    bool any = false;
    for (const struct piece_job *job = jobs; job != NULL; job = job->next) {
        if (job->status != STATUS_OK)
            continue;
        item_add_piece(item, job->piece);
        note_written(item, job->piece);
        any = true;
    }
    if (!any || item_save_have(item))
        return;
    for (struct piece_job *job = jobs; job != NULL; job = job->next) {
        if (job->status != STATUS_OK)
            continue;
        item_doubt_piece(item, job->piece);
        job->status = STATUS_CANCELLED;
    }
}

uint64_t piece_jobs_settle_due(const struct item *item)
{
    if (item->checked == NULL)
        return UINT64_MAX;
    bool at_once = item->running_checks == 0 || item->checked_bytes >= SETTLE_BYTES ||
                   item->checked->status != STATUS_OK;
    return at_once ? 0 : item->checked_since_ms + SETTLE_MS;
}

void piece_jobs_settle(struct item *item)
{
    struct piece_job *jobs = item->checked, *job;
    if (piece_jobs_settle_due(item) > engine_now(item->engine))
        return;
    item->checked = NULL;
    item->checked_bytes = 0;
    record(item, jobs);
    while ((job = jobs) != NULL) {
        jobs = job->next;
        if (job->status == STATUS_OK)
            tell_piece(item, job->piece);
        else if (job->status != STATUS_MISMATCH)
            on_unwritten(item, job);
        transfer_piece_checked(item->transfer, job->piece, job->status, engine_now(item->engine));
        item->jobs--;
        item->checks--;
        engine_job_ends(item->engine);
        free(job);
    }
}

/* ---- syncing ---- */

struct sync_job {
    struct work work;
    struct item *item;
    enum status status;
    struct storage_error error;
    uint8_t have[]; /* verified and written when it began */
};

static void run_sync(void *user)
{
    struct sync_job *job = user;
    job->status = storage_sync(job->item->storage, &job->error);
}

static void sync_done(void *user, bool cancelled)
{
    struct sync_job *job = user;
    struct item *item = job->item;
    struct engine *engine = item->engine;
    if (!cancelled && job->status == STATUS_OK && !item->sync_failed)
        item_set_synced(item, job->have);
    else if (!cancelled && job->status == STATUS_CHANGED)
        item_partial_changed(item, &job->error);
    else if (!cancelled && job->status != STATUS_OK)
        item_sync_failed(item, job->status, &job->error);
    item->syncing = false;
    item->jobs--;
    item_mark(item);
    engine_job_ends(engine);
    free(job);
}

uint64_t piece_jobs_sync_due(const struct item *item)
{
    if (item->unsynced_bytes == 0 || item->syncing)
        return UINT64_MAX;
    return item->unsynced_bytes >= SYNC_BYTES ? 0 : item->unsynced_since_ms + SYNC_MS;
}

void piece_jobs_sync(struct item *item, bool now)
{
    uint64_t due_ms = piece_jobs_sync_due(item);
    if (due_ms == UINT64_MAX || (!now && due_ms > engine_now(item->engine)))
        return;
    size_t len = item_bitfield_bytes(item);
    struct sync_job *job = calloc(1, sizeof *job + len);
    if (job == NULL) { /* in a while again */
        item->unsynced_since_ms = engine_now(item->engine);
        item->unsynced_bytes = 1;
        return;
    }
    job->item = item;
    memcpy(job->have, item->have, len);
    item->unsynced_bytes = 0;
    item->syncing = true;
    item->jobs++;
    engine_job_begins(item->engine);
    work_start(&job->work, item->engine->daemon->loop, run_sync, sync_done, job);
}
