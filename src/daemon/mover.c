#include "daemon/mover.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "content/storage_move.h"
#include "daemon/control.h"
#include "daemon/item_facts.h"
#include "io/work.h"

struct move_call {
    struct item *item;
    struct call *call;
    uint64_t told_ms;
};

enum stage { STAGE_MOVE, STAGE_COPY, STAGE_SETTLE, STAGE_ABANDON };

struct mover {
    struct work work;
    struct item *item;
    struct storage *from, *to;
    struct storage_copy *copy;
    enum stage stage;
    bool copied, left_over; /* `error` tells of what */
    enum storage_move how;
    enum status status; /* why it is given up, or OK */
    struct storage_error error;
    uint64_t reserve, needed, free_bytes;
    _Atomic uint64_t done_bytes, total_bytes; /* read while a job runs */
    struct storage_stat *stats;               /* of the copies */
};

/* ---- in the pool ---- */

static enum status find_room(struct mover *mover)
{
    enum status status = storage_used_space(mover->from, &mover->needed, &mover->error);
    if (status == STATUS_OK)
        status = storage_free_space(mover->to, &mover->free_bytes, &mover->error);
    bool room = mover->free_bytes >= mover->needed + mover->reserve;
    return status != STATUS_OK || room ? status : STATUS_NO_SPACE;
}

static enum status copy_more(struct mover *mover)
{
    uint64_t done, total;
    if (mover->copy == NULL)
        mover->copy = storage_copy_new(mover->from, mover->to);
    if (mover->copy == NULL)
        return STATUS_NO_MEMORY;
    enum status status = storage_copy_step(mover->copy, &mover->copied, &mover->error);
    storage_copy_progress(mover->copy, &done, &total);
    mover->done_bytes = done;
    mover->total_bytes = total;
    if (status == STATUS_OK && mover->copied)
        status = storage_copy_stat(mover->copy, mover->stats, &mover->error);
    return status;
}

static void run(void *user)
{
    struct mover *mover = user;
    switch (mover->stage) {
    case STAGE_MOVE:
        mover->status = storage_sync(mover->from, &mover->error); /* who moved it knows no marks */
        if (mover->status == STATUS_OK || mover->status == STATUS_NOT_FOUND)
            mover->status = storage_move(mover->from, mover->to, &mover->how, &mover->error);
        if (mover->status == STATUS_OK && mover->how == STORAGE_CROSSES)
            mover->status = find_room(mover);
        break;
    case STAGE_COPY:
        mover->status = copy_more(mover);
        break;
    case STAGE_SETTLE:
        mover->status =
            storage_move_settle(mover->from, mover->to, &mover->left_over, &mover->error);
        break;
    case STAGE_ABANDON:
        storage_copy_abandon(mover->to);
        break;
    }
}

/* ---- who waits ---- */

static void on_cancel(void *user)
{
    struct move_call *waiting = user;
    waiting->item->move_call = NULL;
    free(waiting);
}

static void forget_call(struct item *item)
{
    free(item->move_call);
    item->move_call = NULL;
}

/* `left`: what was to be deleted and is still there, and why; NULL: nothing. */
static void answer(struct item *item, const char *left)
{
    if (item->move_call == NULL)
        return;
    struct pack *pack = call_result(item->move_call->call);
    char *path = item->storage != NULL ? storage_path(item->storage) : NULL;
    pack_i64(pack, "id", item->row.id);
    pack_id(pack, "hash", &item->row.infohash);
    pack_text(pack, "name", item->row.name);
    pack_text(pack, "path", path != NULL ? path : item->row.dir);
    pack_text(pack, "left", left);
    free(path);
    call_finish(item->move_call->call);
    forget_call(item);
}

static void refuse(const struct mover *mover, const char *dir)
{
    struct item *item = mover->item;
    char text[STORAGE_ERROR_SIZE], needed[32], available[32];
    storage_error_text(mover->status, &mover->error, text);
    if (mover->status == STATUS_NO_SPACE && mover->needed > 0) {
        item_format_size(mover->needed, needed, sizeof needed);
        item_format_size(mover->free_bytes, available, sizeof available);
        snprintf(text, sizeof text, "%s needed, %s free", needed, available);
    }
    log_warn("engine", "transfer %lld (%s) cannot be moved to %s: %s", (long long)item->row.id,
             item->row.name, dir, text);
    if (item->move_call == NULL)
        return;
    if (mover->status == STATUS_EXISTS)
        call_fail(item->move_call->call, "conflict", 8, NULL, "cannot move to %s: %s exists there",
                  dir, item->row.target);
    else
        call_fail(item->move_call->call, status_name(mover->status), 9, NULL,
                  "cannot move to %s: %s", dir, text);
    forget_call(item);
}

/* ---- back on the loop ---- */

static void forget_word(char **word)
{
    free(*word);
    *word = NULL;
}

static void free_mover(struct mover *mover)
{
    storage_copy_free(mover->copy);
    if (mover->from != mover->item->storage)
        storage_free(mover->from);
    if (mover->to != mover->item->storage)
        storage_free(mover->to);
    free(mover->stats);
    free(mover);
}

/* It is over, one way or the other. */
static void end(struct mover *mover)
{
    struct item *item = mover->item;
    item->mover = NULL;
    item->jobs--;
    item->placed = false; /* a look tells whether it is as it was */
    free_mover(mover);
    peer_list_forget_failures(item->peers, engine_now(item->engine)); /* we closed them */
    item_mark(item);
    engine_job_ends(item->engine);
}

static void done(void *user, bool cancelled);

static void go_on(struct mover *mover, enum stage stage)
{
    mover->stage = stage;
    work_start(&mover->work, mover->item->engine->daemon->loop, run, done, mover);
}

static void use_new_place(struct item *item, struct mover *mover)
{
    free(item->row.dir);
    item->row.dir = item->options.move_to;
    item->options.move_to = NULL;
    mover->from = item->storage;
    item->storage = mover->to;
}

/* The copies are as right as what they were copied from. */
static void take_looks(struct item *item, struct mover *mover)
{
    struct storage_stat *seen = item->expected;
    if (seen == NULL)
        return;
    for (uint32_t i = 0; i < item->metainfo->file_count; i++) {
        const struct storage_stat *now = &mover->stats[i];
        if (seen[i].exists != now->exists || seen[i].size != now->size ||
            seen[i].mtime_ns != now->mtime_ns)
            return; /* they were changed before: a look will find them so */
    }
    free(seen);
    item->expected = mover->stats;
    mover->stats = NULL;
    item_save_files(item);
}

static void on_copied(struct mover *mover)
{
    struct item *item = mover->item;
    struct catalog *catalog = item->engine->daemon->catalog;
    item->options.moved_from = strdup(item->row.dir);
    if (item->options.moved_from == NULL) {
        mover->status = STATUS_NO_MEMORY;
        go_on(mover, STAGE_ABANDON);
        return;
    }
    use_new_place(item, mover);
    bool together = catalog_begin(catalog) == STATUS_OK;
    item_save(item);
    take_looks(item, mover);
    if (together)
        catalog_end(catalog, true);
    go_on(mover, STAGE_SETTLE);
}

/* Of several files the first. NULL: no memory. */
static char *describe_left(const struct mover *mover)
{
    char reason[STORAGE_ERROR_SIZE], *text = NULL;
    storage_error_text(STATUS_IO, &mover->error, reason);
    int len = asprintf(&text, "%s/%s", mover->item->options.moved_from, reason);
    return len < 0 ? NULL : text;
}

/* Our rename was its last change: the next look learns when that was. */
static void forget_ctime(struct item *item)
{
    if (item->expected == NULL || !item->metainfo->single_file)
        return;
    item->expected[0].ctime_ns = 0;
    item_save_files(item);
}

static void arrive(struct mover *mover)
{
    struct item *item = mover->item;
    char *left = mover->left_over ? describe_left(mover) : NULL;
    forget_ctime(item);
    forget_word(&item->options.moved_from);
    item_save(item);
    log_info("engine", "transfer %lld (%s) is in %s now", (long long)item->row.id, item->row.name,
             item->row.dir);
    if (mover->left_over)
        log_warn("engine", "transfer %lld (%s): the old copy could not be deleted: %s",
                 (long long)item->row.id, item->row.name, left != NULL ? left : "?");
    answer(item, left);
    free(left);
    end(mover);
}

static void give_up(struct mover *mover)
{
    struct item *item = mover->item;
    refuse(mover, item->options.move_to);
    forget_word(&item->options.move_to);
    item_save(item);
    end(mover);
}

static void on_moved(struct mover *mover)
{
    struct item *item = mover->item;
    bool nothing_there = mover->status == STATUS_NOT_FOUND && !item->row.complete &&
                         !item->options.prepared; /* so there is nothing to move */
    if (mover->status != STATUS_OK && !nothing_there) {
        give_up(mover);
    } else if (mover->how == STORAGE_CROSSES) {
        go_on(mover, STAGE_COPY);
    } else {
        use_new_place(item, mover);
        arrive(mover);
    }
}

/* The copy cannot get its name (something has it by now), so nothing was deleted: the old place
 * counts again. */
static void on_unsettled(struct mover *mover)
{
    struct item *item = mover->item;
    refuse(mover, item->row.dir);
    free(item->row.dir);
    item->row.dir = item->options.moved_from;
    item->options.moved_from = NULL;
    item->storage = mover->from;
    free(item->expected); /* as the copies looked */
    item->expected = NULL;
    item_save(item);
    go_on(mover, STAGE_ABANDON);
}

static void on_settled(struct mover *mover)
{
    if (mover->status != STATUS_OK) {
        on_unsettled(mover);
        return;
    }
    arrive(mover);
}

static void done(void *user, bool cancelled)
{
    struct mover *mover = user;
    struct item *item = mover->item;
    bool stops = item->removing || item->engine->stopping;
    (void)cancelled; /* nobody does that */
    item_mark(item);
    if (mover->stage == STAGE_MOVE) {
        on_moved(mover);
    } else if (mover->stage == STAGE_COPY && mover->status == STATUS_OK && !stops) {
        if (mover->copied)
            on_copied(mover);
        else
            go_on(mover, STAGE_COPY);
    } else if (mover->stage == STAGE_COPY && item->engine->stopping) {
        end(mover); /* the next run begins it anew */
    } else if (mover->stage == STAGE_COPY) {
        go_on(mover, STAGE_ABANDON);
    } else if (mover->stage == STAGE_SETTLE) {
        on_settled(mover);
    } else if (item->options.move_to != NULL && mover->status != STATUS_OK) {
        give_up(mover);
    } else {
        end(mover);
    }
}

/* ---- the beginning ---- */

bool mover_is_due(const struct item *item)
{
    return item->options.move_to != NULL || item->options.moved_from != NULL;
}

/* Nothing of it is on disk, or it is not known what it is. */
static void move_nothing(struct item *item)
{
    free(item->row.dir);
    item->row.dir = item->options.move_to;
    item->options.move_to = NULL;
    forget_word(&item->options.moved_from);
    item_save(item);
    answer(item, NULL);
}

static enum status make(struct mover *mover, const char *dir, struct storage **out)
{
    struct item *item = mover->item;
    return storage_new(item->metainfo, dir, item->row.target, !item->row.complete,
                       item->engine->cache, out);
}

/* Plans that were made for the old place. */
static void forget_plans(struct item *item)
{
    if (item->probe != NULL || item->leftover) {
        free(item->to_verify);
        item->to_verify = NULL;
    }
    storage_free(item->probe);
    item->probe = NULL;
    free(item->reopen_have);
    item->reopen_have = NULL;
    item->leftover = item->final_is_other = item->placed = false;
}

void mover_start(struct item *item)
{
    struct engine *engine = item->engine;
    bool settles = item->options.moved_from != NULL;
    if (item->metainfo == NULL || item->storage == NULL) {
        move_nothing(item);
        return;
    }
    struct mover *mover = calloc(1, sizeof *mover);
    if (mover != NULL)
        mover->stats = calloc(item->metainfo->file_count, sizeof *mover->stats);
    if (mover == NULL || mover->stats == NULL) {
        free(mover);
        return; /* tried again at the item's next turn */
    }
    forget_plans(item);
    mover->item = item;
    mover->reserve = engine->reserve_bytes;
    mover->from = mover->to = item->storage;
    mover->status = settles ? make(mover, item->options.moved_from, &mover->from)
                            : make(mover, item->options.move_to, &mover->to);
    item->mover = mover;
    item->jobs++;
    engine_job_begins(engine);
    if (mover->status == STATUS_OK && !settles)
        item_leave_out(item, mover->to);
    if (mover->status == STATUS_OK)
        go_on(mover, settles ? STAGE_SETTLE : STAGE_MOVE);
    else if (settles)
        end(mover);
    else
        give_up(mover);
}

void mover_ask(struct item *item, struct call *call, const char *dir)
{
    struct move_call *waiting = calloc(1, sizeof *waiting);
    char *to = strdup(dir);
    if (waiting == NULL || to == NULL) {
        free(waiting);
        free(to);
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    waiting->item = item;
    waiting->call = call;
    item->move_call = waiting;
    call_on_cancel(call, on_cancel, waiting);
    item->options.move_to = to;
    if (item_save(item) == STATUS_OK) {
        item_mark(item);
        return;
    }
    forget_word(&item->options.move_to);
    call_fail(call, "io", 9, NULL, "cannot write the database");
    forget_call(item);
}

/* ---- on the way ---- */

void mover_turn(struct item *item)
{
    struct move_call *waiting = item->move_call;
    uint64_t now_ms = engine_now(item->engine);
    if (waiting == NULL || item->mover == NULL || now_ms < waiting->told_ms + PROGRESS_EVERY_MS ||
        item->mover->total_bytes == 0)
        return;
    waiting->told_ms = now_ms;
    struct pack *pack = call_notify(waiting->call, "progress");
    pack_i64(pack, "id", item->row.id);
    pack_u64(pack, "done", item->mover->done_bytes);
    pack_u64(pack, "size", item->mover->total_bytes);
    call_notify_end(waiting->call);
}

uint64_t mover_due(const struct item *item)
{
    bool tells = item->move_call != NULL && item->mover != NULL;
    bool waits = mover_is_due(item) && item->mover == NULL; /* for memory, say */
    return tells || waits ? engine_now(item->engine) + PROGRESS_EVERY_MS : UINT64_MAX;
}

void mover_end(struct item *item)
{
    if (item->move_call == NULL)
        return;
    call_fail(item->move_call->call, "removed", 3, NULL, "%s was removed", item->row.name);
    forget_call(item);
}

void mover_describe(const struct item *item, char *out, size_t size)
{
    uint64_t total = item->mover != NULL ? item->mover->total_bytes : 0;
    uint64_t done_bytes = item->mover != NULL ? item->mover->done_bytes : 0;
    const char *to = item->options.move_to != NULL ? item->options.move_to : item->row.dir;
    if (total > 0)
        snprintf(out, size, "moving to %.300s: %u%%", to,
                 (unsigned)((double)done_bytes * 100 / (double)total));
    else
        snprintf(out, size, "moving to %.300s", to);
}
