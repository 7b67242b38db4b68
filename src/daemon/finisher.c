#include "daemon/finisher.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "content/hasher.h"
#include "daemon/item.h"
#include "io/work.h"

struct finisher {
    struct work work;
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

/* Of a folder, one of its files must have the SHA-1. */
static void compare(struct finisher *finisher, struct hasher_files *files)
{
    const struct id *sums = hasher_files_sums(files);
    uint32_t count = storage_metainfo(finisher->item->storage)->file_count;
    uint8_t sha256[SHA256_BYTES];
    finisher->found = sums[0];
    finisher->sha1_differs = finisher->with_sha1 && !any_is(finisher, sums, count);
    if (!finisher->with_sha256)
        return;
    hasher_files_sha256(files, sha256);
    finisher->sha256_differs =
        memcmp(sha256, finisher->sha256, sizeof sha256) != 0 ||
        (!id_is_zero(&finisher->file_sha1) && !id_equal(&sums[0], &finisher->file_sha1));
}

static void check_digests(struct finisher *finisher)
{
    struct hasher_files *files = hasher_files_new(finisher->item->storage);
    bool done = false;
    finisher->status = STATUS_OK;
    if (files == NULL || (finisher->with_sha256 && !hasher_files_want_sha256(files)))
        finisher->status = STATUS_NO_MEMORY;
    while (finisher->status == STATUS_OK && !done && !finisher->cancelled)
        finisher->status = hasher_files_step(files, VERIFY_BYTES, &done, &finisher->error);
    if (finisher->cancelled)
        finisher->status = STATUS_CANCELLED;
    if (finisher->status == STATUS_OK)
        compare(finisher, files);
    hasher_files_free(files);
}

static void run_finish(void *user)
{
    struct finisher *finisher = user;
    struct storage *storage = finisher->item->storage;
    if (finisher->with_sha1 || finisher->with_sha256)
        check_digests(finisher);
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
    char text[STORAGE_ERROR_SIZE];
    storage_error_text(finisher->status, &finisher->error, text);
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
            item_set_trouble(item, TROUBLE_CONFLICT, STATUS_CONFLICT, "%s cannot be replaced",
                             item->row.target);
        break;
    case STATUS_NO_SPACE:
        item->space_needed = 0;
        item->space_free = 0;
        item->placed = false;
        item_set_trouble(item, TROUBLE_NO_SPACE, STATUS_NO_SPACE, "no space");
        break;
    default:
        item->placed = false;
        item_set_trouble(item, TROUBLE_DISK, finisher->status, "cannot finish %s", text);
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
    free(finisher->stats);
    free(finisher);
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
    work_start(&finisher->work, item->engine->daemon->loop, run_finish, finish_done, finisher);
}

void finisher_cancel(struct item *item)
{
    if (item->finisher == NULL)
        return;
    item->finisher->cancelled = true;
    work_cancel(&item->finisher->work);
}
