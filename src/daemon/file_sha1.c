#include "daemon/file_sha1.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "content/hasher.h"
#include "daemon/item.h"
#include "daemon/mover.h"
#include "daemon/share_job.h"
#include "io/work.h"

struct file_sha1 {
    struct file_sha1 *prev, *next; /* engine->file_sha1s */
    struct item *item;
    struct storage *storage; /* of its own: that of the item may be made anew meanwhile */
    struct hasher_files *files;
    struct storage_stat before, after; /* the file when its pieces were right, and at the end */
    struct work work;
    bool running, done;
    enum status status;
    struct storage_error error;
};

/* ---- make and free ---- */

void file_sha1_free(struct item *item)
{
    struct file_sha1 *job = item->sha1_job;
    struct engine *engine = item->engine;
    if (job == NULL)
        return;
    item->sha1_job = NULL;
    DL_DELETE(engine->file_sha1s, job);
    hasher_files_free(job->files);
    storage_free(job->storage);
    free(job);
    file_sha1_wake(engine);
}

static void make(struct item *item)
{
    struct file_sha1 *job = calloc(1, sizeof *job);
    if (job == NULL)
        return;
    job->item = item;
    job->before = item->expected[0];
    if (item_make_storage(item, false, &job->storage) == STATUS_OK)
        job->files = hasher_files_new(job->storage);
    if (job->files == NULL) {
        storage_free(job->storage);
        free(job);
        return;
    }
    item->sha1_job = job;
    DL_APPEND(item->engine->file_sha1s, job);
}

/* ---- in the pool ---- */

static void run(void *user)
{
    struct file_sha1 *job = user;
    job->status = hasher_files_step(job->files, DIGEST_BYTES, &job->done, &job->error);
    if (job->status == STATUS_OK && job->done)
        job->status = storage_stat_files(job->storage, &job->after, &job->error);
}

/* ---- on the loop ---- */

static bool is_wanted(const struct item *item)
{
    bool lacks = item->row.origin == ORIGIN_SHARE && !item->row.has_group && item->row.complete &&
                 !item->row.has_file_sha1 && item->metainfo != NULL && item->metainfo->single_file;
    return lacks && item->expected != NULL && item->placed && item->trouble == TROUBLE_NONE &&
           item->to_verify == NULL && item->row.wish == WISH_RUN && item->reshare == NULL &&
           !item->removing && !item->engine->stopping && !mover_is_due(item) &&
           engine_now(item->engine) >= item->sha1_again_ms;
}

static bool is_same(const struct storage_stat *a, const struct storage_stat *b)
{
    return a->exists && storage_stat_same(a, b);
}

static void tell(const struct item *item)
{
    struct pack *event = daemon_event(item->engine->daemon, "sha1");
    if (event == NULL)
        return;
    pack_i64(event, "id", item->row.id);
    pack_id(event, "hash", &item->row.infohash);
    pack_id(event, "sha1", &item->row.file_sha1);
    daemon_event_end(item->engine->daemon);
}

/* In the catalog before it is shown or published. */
static enum status note(struct item *item, const struct id *sha1)
{
    item->row.file_sha1 = *sha1;
    item->row.has_file_sha1 = true;
    enum status status = item_save(item);
    item->row.has_file_sha1 = status == STATUS_OK;
    if (status == STATUS_OK)
        tell(item);
    return status;
}

/* The patrol of shared files says what is wrong, if something is. */
static void give_up(struct item *item)
{
    item->sha1_again_ms = engine_now(item->engine) + FILES_PATROL_MS;
    item->recheck_ms = engine_now(item->engine);
    log_info("engine", "transfer %lld (%s): its SHA-1 is taken again in a while",
             (long long)item->row.id, item->row.name);
}

static void finish(struct file_sha1 *job)
{
    struct item *item = job->item;
    bool is_right = is_same(&job->before, &job->after);
    if (!is_right || note(item, hasher_files_sums(job->files)) != STATUS_OK)
        give_up(item);
    file_sha1_free(item);
}

static void step_done(void *user, bool cancelled)
{
    struct file_sha1 *job = user;
    struct item *item = job->item;
    job->running = false;
    item->jobs--;
    if (cancelled || !is_wanted(item)) {
        file_sha1_free(item);
    } else if (job->status != STATUS_OK) {
        give_up(item);
        file_sha1_free(item);
    } else if (job->done) {
        finish(job);
    }
    item_mark(item); /* which goes on with it */
    engine_job_ends(item->engine);
}

static void go_on(struct file_sha1 *job)
{
    struct engine *engine = job->item->engine;
    if (job->running || engine->file_sha1s != job || share_jobs_hash(engine))
        return;
    job->running = true;
    job->item->jobs++;
    engine_job_begins(engine);
    work_start(&job->work, engine->daemon->loop, run, step_done, job);
}

void file_sha1_turn(struct item *item)
{
    if (is_wanted(item) && item->sha1_job == NULL)
        make(item);
    else if (item->sha1_job != NULL && !item->sha1_job->running && !is_wanted(item))
        file_sha1_free(item);
    if (item->sha1_job != NULL)
        go_on(item->sha1_job);
}

void file_sha1_cancel(struct item *item)
{
    if (item->sha1_job != NULL && item->sha1_job->running)
        work_cancel(&item->sha1_job->work);
}

void file_sha1_wake(struct engine *engine)
{
    if (engine->file_sha1s != NULL && !engine->stopping)
        item_mark(engine->file_sha1s->item);
}
