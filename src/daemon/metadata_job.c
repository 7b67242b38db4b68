#include "daemon/metadata_job.h"

#include <stdlib.h>

#include "daemon/info_store.h"
#include "daemon/item.h"
#include "daemon/item_step.h"
#include "io/work.h"
#include "kadpeer/sha1.h"

struct metadata_job {
    struct work work;
    struct item *item;
    struct id infohash; /* what the transfer asked for */
    struct bytes info;
    enum status checked;       /* OK: its SHA-1 is right, … */
    enum status read;          /* … and then whether it could be read */
    struct metainfo *metainfo; /* if so */
    char error[METAINFO_ERROR_SIZE];
};

/* ---- in the pool ---- */

static void run(void *user)
{
    struct metadata_job *job = user;
    struct id found = sha1_of(job->info);
    job->checked = id_equal(&found, &job->infohash) ? STATUS_OK : STATUS_MISMATCH;
    if (job->checked == STATUS_OK)
        job->read = metainfo_parse_info(job->info, &job->metainfo, job->error);
    if (job->metainfo != NULL)
        info_store(job->item->engine->daemon, &job->infohash, job->info);
}

/* ---- back on the loop ---- */

static void tell_metadata(struct item *item)
{
    struct pack *event = daemon_event(item->engine->daemon, "metadata");
    if (event == NULL)
        return;
    pack_i64(event, "id", item->row.id);
    pack_id(event, "hash", &item->row.infohash);
    pack_text(event, "name", item->row.name);
    pack_u64(event, "size", item->row.size);
    daemon_event_end(item->engine->daemon);
}

static void take(struct item *item, struct metadata_job *job)
{
    if (job->read == STATUS_NO_MEMORY) {
        item_set_trouble(item, TROUBLE_DISK, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    if (job->read != STATUS_OK) {
        item_set_trouble(item, TROUBLE_METADATA, STATUS_MALFORMED,
                         "what this hash names is not fit to be fetched: %s", job->error);
        return;
    }
    struct metainfo *metainfo = job->metainfo;
    job->metainfo = NULL;
    if (item_set_metainfo(item, metainfo) != STATUS_OK)
        return;
    item_save(item);
    tell_metadata(item);
}

static void settle(struct item *item, struct metadata_job *job)
{
    bool is_ours = id_equal(&job->infohash, &item->row.infohash);
    transfer_metadata_checked(item->transfer, job->checked, engine_now(item->engine));
    if (!is_ours) /* the item became another meanwhile: its transfer is not the one it needs */
        item_halt(item);
    else if (job->checked == STATUS_OK && item->metainfo == NULL && !item->removing)
        take(item, job);
}

static void done(void *user, bool cancelled)
{
    struct metadata_job *job = user;
    struct item *item = job->item;
    struct engine *engine = item->engine;
    if (cancelled)
        job->checked = STATUS_CANCELLED;
    item->metadata_job = NULL;
    item->jobs--;
    item->checks--;
    settle(item, job);
    item_mark(item);
    engine_job_ends(engine);
    metainfo_free(job->metainfo);
    free(job);
}

void metadata_job_start(struct item *item, struct bytes info)
{
    struct metadata_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        transfer_metadata_checked(item->transfer, STATUS_NO_MEMORY, engine_now(item->engine));
        return;
    }
    job->item = item;
    job->infohash = item->row.infohash;
    job->info = info;
    item->metadata_job = job;
    item->jobs++;
    item->checks++;
    engine_job_begins(item->engine);
    work_start(&job->work, item->engine->daemon->loop, run, done, job);
}
