#include "daemon/discard.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/item.h"
#include "daemon/reshare.h"
#include "io/work.h"

struct discard {
    struct work work;
    struct item *item;
    struct storage_stat *stats;
    struct storage_stat *kept; /* what is shared instead; NULL: it has another name for sure */
    bool is_kept;
    enum status status;
    struct storage_error error;
};

/* ---- in the pool ---- */

/* Somebody may share the very files that we were fetching to. */
static bool is_kept(const struct discard *discard, uint32_t file_count)
{
    for (uint32_t i = 0; i < file_count && discard->kept != NULL; i++)
        if (discard->stats[i].exists && discard->stats[i].inode != 0 &&
            discard->stats[i].inode == discard->kept[i].inode)
            return true;
    return false;
}

static void run_discard(void *user)
{
    struct discard *discard = user;
    struct storage *storage = discard->item->storage;
    discard->status = storage_stat_files(storage, discard->stats, &discard->error);
    discard->is_kept = is_kept(discard, storage_metainfo(storage)->file_count);
    if (discard->status == STATUS_OK && !discard->is_kept && storage_is_partial(storage))
        discard->status = storage_delete(storage, &discard->error);
}

/* ---- back on the loop ---- */

static void free_discard(struct discard *discard)
{
    free(discard->kept);
    free(discard->stats);
    free(discard);
}

static void discard_done(void *user, bool cancelled)
{
    struct discard *discard = user;
    struct item *item = discard->item;
    char text[STORAGE_ERROR_SIZE];
    item->discard = NULL;
    item->jobs--;
    if (!cancelled) {
        item->options.prepared = false; /* whatever is still there is not ours any more */
        if (discard->status == STATUS_OK && !discard->is_kept)
            item_set_have(item, NULL);
        item_save(item);
    }
    if (!cancelled && discard->status != STATUS_OK) {
        storage_error_text(discard->status, &discard->error, text);
        log_warn("engine", "transfer %lld: cannot delete what was fetched of it: %s",
                 (long long)item->row.id, text);
    }
    item_mark(item);
    engine_job_ends(item->engine);
    free_discard(discard);
}

static struct storage_stat *copy_stats(const struct storage_stat *stats, uint32_t count)
{
    struct storage_stat *copy = malloc(count * sizeof *copy);
    if (copy != NULL)
        memcpy(copy, stats, count * sizeof *copy);
    return copy;
}

bool discard_start(struct item *item)
{
    if (item->row.complete || !item->options.prepared || item->storage == NULL)
        return false;
    uint32_t count = item->metainfo->file_count;
    struct discard *discard = calloc(1, sizeof *discard);
    if (discard == NULL)
        return false;
    discard->stats = calloc(count, sizeof *discard->stats);
    if (item->reshare != NULL)
        discard->kept = copy_stats(item->reshare->stats, count);
    if (discard->stats == NULL || (item->reshare != NULL && discard->kept == NULL)) {
        free_discard(discard);
        return false;
    }
    discard->item = item;
    item->discard = discard;
    item->jobs++;
    engine_job_begins(item->engine);
    work_start(&discard->work, item->engine->daemon->loop, run_discard, discard_done, discard);
    return true;
}
