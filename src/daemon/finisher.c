#include "daemon/finisher.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "content/hasher.h"
#include "daemon/item.h"
#include "io/work.h"

/* One of the digests of the whole; the two are taken at a time, each on a thread. */
struct digest {
    struct work work;
    struct finisher *finisher;
    struct hasher_files *files; /* NULL: not wanted, or no memory */
    enum status status;
    struct storage_error error;
};

struct finisher {
    struct work work;
    struct digest sha1_pass, sha256_pass;
    unsigned passes; /* under way */
    struct item *item;
    bool force;
    bool with_sha1; /* the whole file's SHA-1 must be `sha1` */
    struct id sha1, found;
    bool with_sha256; /* and the SHA-256 of all of it, this: a group's file */
    uint8_t sha256[SHA256_BYTES];
    struct id file_sha1; /* of it, where its group's list has one; else zero */
    atomic_bool cancelled;
    enum status status;
    bool sha1_differs, sha256_differs, deleted;
    struct storage_error error;
    struct storage_stat *stats;
};

/* ---- in the pool ---- */

static bool any_is(const struct finisher *finisher, const struct id *sums, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (id_equal(&sums[i], &finisher->sha1))
            return true;
    return false;
}

static void run_digest(void *user)
{
    struct digest *digest = user;
    bool done = false;
    while (digest->status == STATUS_OK && !done && !digest->finisher->cancelled)
        digest->status = hasher_files_step(digest->files, DIGEST_BYTES, &done, &digest->error);
}

/* Of a folder, one of its files must have the SHA-1. */
static void compare_sha1(struct finisher *finisher)
{
    const struct id *sums = hasher_files_sums(finisher->sha1_pass.files);
    uint32_t count = storage_metainfo(finisher->item->storage)->file_count;
    finisher->found = sums[0];
    finisher->sha1_differs = finisher->with_sha1 && !any_is(finisher, sums, count);
    if (finisher->with_sha256 && !id_is_zero(&finisher->file_sha1))
        finisher->sha256_differs |= !id_equal(&sums[0], &finisher->file_sha1);
}

static void compare_sha256(struct finisher *finisher)
{
    uint8_t sha256[SHA256_BYTES];
    hasher_files_sha256(finisher->sha256_pass.files, sha256);
    finisher->sha256_differs |= memcmp(sha256, finisher->sha256, sizeof sha256) != 0;
}

static void compare(struct finisher *finisher)
{
    if (finisher->status == STATUS_OK && finisher->sha1_pass.files != NULL)
        compare_sha1(finisher);
    if (finisher->status == STATUS_OK && finisher->sha256_pass.files != NULL)
        compare_sha256(finisher);
}

static void run_finish(void *user)
{
    struct finisher *finisher = user;
    struct storage *storage = finisher->item->storage;
    compare(finisher);
    /* With force it may have begun as the file that was there. */
    if (finisher->sha1_differs && !finisher->force)
        finisher->deleted = storage_delete(storage, &finisher->error) == STATUS_OK;
    if (finisher->status != STATUS_OK || finisher->sha1_differs || finisher->sha256_differs)
        return;
    finisher->status = storage_finish(storage, finisher->force, &finisher->error);
    if (finisher->status == STATUS_OK)
        finisher->status = storage_stat_files(storage, finisher->stats, &finisher->error);
    if (finisher->status == STATUS_OK) /* a change since then is one */
        storage_as_left(storage, finisher->stats);
}

/* ---- back on the loop ---- */

static void on_mismatch(struct finisher *finisher)
{
    char wanted[ID_HEX_SIZE], found[ID_HEX_SIZE];
    id_to_hex(&finisher->sha1, wanted);
    id_to_hex(&finisher->found, found);
    if (finisher->deleted) {
        log_warn("engine", "transfer %lld: what was fetched has the SHA-1 %s, not %s",
                 (long long)finisher->item->row.id, found, wanted);
        if (item_rejects(finisher->item))
            return;
        item_set_have(finisher->item, NULL); /* it is gone */
        item_save_have(finisher->item);
    }
    item_set_trouble(finisher->item, TROUBLE_MISMATCH, STATUS_MISMATCH,
                     "what was fetched has the SHA-1 %s, not %s: whoever published it was wrong",
                     found, wanted);
}

static void on_other_content(struct finisher *finisher)
{
    item_set_trouble(finisher->item, TROUBLE_MISMATCH, STATUS_MISMATCH,
                     "what was fetched has not the digests that its group's list names: who put it "
                     "there was wrong");
}

static void on_failed(struct finisher *finisher)
{
    struct item *item = finisher->item;
    switch (finisher->status) {
    case STATUS_CANCELLED:
        break;
    case STATUS_CHANGED:
        item_partial_changed(item, &finisher->error);
        break;
    case STATUS_NOT_FOUND: /* all of it is gone */
        item_partial_changed(item, NULL);
        break;
    case STATUS_EXISTS: /* came there meanwhile; it may be the same file */
        item->placed = false;
        item->look_at_final = !item->row.force;
        if (item->row.force)
            item_set_trouble(item, TROUBLE_CONFLICT, STATUS_CONFLICT,
                             "%s cannot be replaced: a folder is there where a file is wanted, or "
                             "a file or link where a folder is",
                             item->row.target);
        break;
    case STATUS_NO_SPACE:
        item->sync_failed = true;
        item->space_needed = 0;
        item->space_free = 0;
        item->placed = false;
        item_set_trouble(item, TROUBLE_NO_SPACE, STATUS_NO_SPACE, "no space");
        break;
    default:
        item->sync_failed = item->sync_failed || finisher->status == STATUS_IO;
        item->placed = false;
        item_cannot(item, "finish", finisher->status, &finisher->error);
    }
}

static void finish_done(void *user, bool cancelled)
{
    struct finisher *finisher = user;
    struct item *item = finisher->item;
    item->finisher = NULL;
    item->jobs--;
    if (cancelled)
        finisher->status = STATUS_CANCELLED;
    if (item->removing && finisher->status != STATUS_OK) {
        /* nobody wants to know */
    } else if (finisher->sha1_differs) {
        on_mismatch(finisher);
    } else if (finisher->sha256_differs) {
        on_other_content(finisher);
    } else if (finisher->status != STATUS_OK) {
        on_failed(finisher);
    } else {
        item_complete(item, finisher->stats);
        finisher->stats = NULL;
    }
    item_mark(item);
    engine_job_ends(item->engine);
    hasher_files_free(finisher->sha1_pass.files);
    hasher_files_free(finisher->sha256_pass.files);
    free(finisher->stats);
    free(finisher);
}

/* Both digests are there, or one of them is not to be had. */
static void end_digests(struct finisher *finisher)
{
    uv_loop_t *loop = finisher->item->engine->daemon->loop;
    if (finisher->cancelled)
        finish_done(finisher, true);
    else
        work_start(&finisher->work, loop, run_finish, finish_done, finisher);
}

static void digest_done(void *user, bool cancelled)
{
    struct digest *digest = user;
    struct finisher *finisher = digest->finisher;
    (void)cancelled; /* then the finisher is, too */
    if (digest->status != STATUS_OK && finisher->status == STATUS_OK) {
        finisher->status = digest->status;
        finisher->error = digest->error;
    }
    if (--finisher->passes == 0)
        end_digests(finisher);
}

static void start_digest(struct finisher *finisher, struct digest *digest,
                         struct hasher_files *files)
{
    digest->finisher = finisher;
    digest->files = files;
    if (files == NULL)
        digest->status = STATUS_NO_MEMORY;
    finisher->passes++;
    work_start(&digest->work, finisher->item->engine->daemon->loop, run_digest, digest_done,
               digest);
}

static void start_digests(struct finisher *finisher)
{
    struct storage *storage = finisher->item->storage;
    bool of_file = finisher->with_sha256 && !id_is_zero(&finisher->file_sha1);
    if (finisher->with_sha1 || of_file)
        start_digest(finisher, &finisher->sha1_pass, hasher_files_new(storage));
    if (finisher->with_sha256)
        start_digest(finisher, &finisher->sha256_pass, hasher_all_new(storage));
    if (finisher->passes == 0)
        end_digests(finisher);
}

void finisher_start(struct item *item)
{
    struct finisher *finisher = calloc(1, sizeof *finisher);
    if (finisher != NULL)
        finisher->stats = calloc(item->metainfo->file_count, sizeof *finisher->stats);
    if (finisher == NULL || finisher->stats == NULL) {
        free(finisher);
        item_set_trouble(item, TROUBLE_DISK, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    finisher->item = item;
    finisher->force = item->row.force;
    finisher->with_sha1 = item->row.has_expected_sha1;
    finisher->sha1 = item->row.expected_sha1;
    finisher->with_sha256 = item->row.has_sha256;
    memcpy(finisher->sha256, item->row.sha256, sizeof finisher->sha256);
    if (item->row.has_file_sha1)
        finisher->file_sha1 = item->row.file_sha1;
    item->finisher = finisher;
    item->jobs++;
    engine_job_begins(item->engine);
    start_digests(finisher);
}

void finisher_cancel(struct item *item)
{
    struct finisher *finisher = item->finisher;
    if (finisher == NULL)
        return;
    finisher->cancelled = true;
    if (finisher->passes == 0) { /* else they end soon, and the rest is cancelled then */
        work_cancel(&finisher->work);
        return;
    }
    if (finisher->sha1_pass.finisher != NULL)
        work_cancel(&finisher->sha1_pass.work);
    if (finisher->sha256_pass.finisher != NULL)
        work_cancel(&finisher->sha256_pass.work);
}
