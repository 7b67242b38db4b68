/* transfer.* of docs/control.md: what changes transfers, and the table of all of them. */
#include "daemon/methods_transfer.h"

#include <string.h>

#include <utlist.h>

#include "base/paths.h"
#include "daemon/daemon.h"
#include "daemon/follow.h"
#include "daemon/item.h"
#include "daemon/item_facts.h"
#include "daemon/mover.h"
#include "daemon/reader.h"
#include "daemon/remover.h"
#include "daemon/seeding.h"
#include "daemon/transfer_target.h"
#include "daemon/verify_call.h"

/* NULL: the call has been failed. */
static struct item *target_of(struct daemon *daemon, struct call *call)
{
    if (daemon->stopping) {
        call_fail(call, "stopping", 5, NULL, "the daemon is stopping");
        return NULL;
    }
    struct item *item = transfer_target(daemon->engine, call);
    if (item != NULL && item->removing) {
        call_fail(call, "busy", 1, NULL, "%s is being removed", item->row.name);
        return NULL;
    }
    return item;
}

static void follow(struct daemon *daemon, struct call *call)
{
    uint64_t wait_ms = call_ms(call, "wait", 0);
    struct item *item = daemon->stopping ? NULL : transfer_target_merged(daemon->engine, call);
    if (item == NULL)
        item = target_of(daemon, call);
    if (item != NULL)
        follow_start(item, call, wait_ms);
}

/* What was to end when it was complete, or was shared enough: nobody meant it by "all". */
static bool ended_on_purpose(const struct item *item)
{
    return item->row.complete && item->row.wish == WISH_STOP;
}

/* OK: it is, and stays so over a restart. BUSY: it was already, or there is nothing to change. */
static enum status pause_one(struct item *item)
{
    if (item->row.wish != WISH_RUN)
        return STATUS_BUSY;
    enum status status = item_keep_wish(item, WISH_PAUSE);
    if (status == STATUS_OK)
        item_set_wish(item, WISH_PAUSE);
    return status;
}

static enum status resume_one(struct item *item)
{
    if (item->row.wish == WISH_RUN && item->trouble == TROUBLE_NONE) {
        peer_list_forget_failures(item->peers, engine_now(item->engine));
        finder_again(&item->finder);
        item_mark(item);
        return STATUS_BUSY;
    }
    if (item->trouble == TROUBLE_NONE && !item->options.reselects && seeding_was_enough(item)) {
        if (item->row.wish == WISH_PAUSE) /* it would end at once */
            item_set_wish(item, WISH_STOP);
        return STATUS_BUSY;
    }
    enum status status = item_keep_wish(item, WISH_RUN);
    if (status != STATUS_OK)
        return status;
    item_begin_again(item);
    item->options.one_file = false;
    item_set_wish(item, WISH_RUN);
    item_save(item);
    return STATUS_OK;
}

/* `one`, or all of them with NULL. The first that cannot be kept ends it and is told in `failed`.
 */
static enum status change(struct engine *engine, const struct item *one, bool resume,
                          struct pack *changed, const struct item **failed)
{
    struct item *item;
    DL_FOREACH(engine->items, item)
    {
        if (item->removing || (one != NULL && item != one) ||
            (one == NULL && resume && ended_on_purpose(item)))
            continue;
        enum status status = resume ? resume_one(item) : pause_one(item);
        *failed = item;
        if (status == STATUS_OK)
            pack_i64(changed, NULL, item->row.id);
        else if (status != STATUS_BUSY)
            return status;
    }
    return STATUS_OK;
}

static void pause_or_resume(struct daemon *daemon, struct call *call, bool resume)
{
    bool all = call_bool(call, "all", false);
    struct item *one = all ? NULL : target_of(daemon, call);
    const struct item *failed = one;
    struct pack changed;
    if (!all && one == NULL)
        return;
    pack_init(&changed);
    pack_begin_map(&changed, NULL);
    pack_begin_array(&changed, "changed");
    enum status status = change(daemon->engine, one, resume, &changed, &failed);
    pack_end(&changed);
    pack_text(&changed, "state", one != NULL ? item_state_name(item_state(one)) : NULL);
    pack_end(&changed);
    if (status != STATUS_OK) {
        call_fail_unsaved(call, failed != NULL ? failed->row.name : "transfers", status);
    } else if (changed.out.failed) {
        call_fail(call, "no_memory", 1, "kadpeer ls",
                  "it was done, but there is no memory to tell which transfers were %s",
                  resume ? "resumed" : "paused");
    } else {
        pack_fields(call_result(call), buffer_bytes(&changed.out));
        call_finish(call);
    }
    pack_dispose(&changed);
}

static void pause_transfers(struct daemon *daemon, struct call *call)
{
    pause_or_resume(daemon, call, false);
}

static void resume_transfers(struct daemon *daemon, struct call *call)
{
    pause_or_resume(daemon, call, true);
}

static void verify(struct daemon *daemon, struct call *call)
{
    struct item *item = target_of(daemon, call);
    if (item == NULL)
        return;
    if (item->metainfo == NULL)
        call_fail(call, "not_known", 3, NULL, "%s: its pieces are not known yet", item->row.name);
    else if (item->storage == NULL)
        call_fail(call, "disk", 9, NULL, "%s", item->trouble_text);
    else
        verify_call_start(item, call);
}

static void read_file(struct daemon *daemon, struct call *call)
{
    int64_t file = call_number(call, "file", -1), offset = call_number(call, "offset", 0);
    struct item *item = daemon->stopping ? NULL : transfer_target_merged(daemon->engine, call);
    if (item == NULL)
        item = target_of(daemon, call);
    if (item == NULL)
        return;
    if (offset < 0 || file >= METAINFO_FILES_MAX)
        call_fail(call, "usage", 2, NULL, "there is no such place to read from");
    else
        reader_start(item, call, file < 0 ? READER_FILE_ONLY : (uint32_t)file, (uint64_t)offset);
}

static void move(struct daemon *daemon, struct call *call)
{
    const char *dir = call_text(call, "dir", NULL);
    struct item *item = target_of(daemon, call);
    if (item == NULL)
        return;
    if (dir == NULL || dir[0] != '/' || strlen(dir) >= PATHS_SIZE)
        call_fail(call, "usage", 2, NULL, "the folder to move to must be a whole path");
    else if (mover_is_due(item))
        call_fail(call, "busy", 1, NULL, "%s is being moved already", item->row.name);
    else
        mover_ask(item, call, dir);
}

static void remove_transfer(struct daemon *daemon, struct call *call)
{
    struct item *item = target_of(daemon, call);
    if (item != NULL)
        remover_start(item, call_bool(call, "data", false), call);
}

const struct control_method methods_transfer[] = {
    {"transfer.add", transfer_add},
    {"transfer.metadata", transfer_metadata},
    {"transfer.follow", follow},
    {"transfer.list", transfer_list},
    {"transfer.info", transfer_info},
    {"transfer.files", transfer_files},
    {"transfer.peers", transfer_peers_view},
    {"transfer.pieces", transfer_pieces_view},
    {"transfer.torrent", transfer_torrent},
    {"transfer.pause", pause_transfers},
    {"transfer.resume", resume_transfers},
    {"transfer.verify", verify},
    {"transfer.read", read_file},
    {"transfer.move", move},
    {"transfer.remove", remove_transfer},
    {NULL, NULL},
};
