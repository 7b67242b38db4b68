#include "daemon/remover.h"

#include <stdlib.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/first_peer.h"
#include "daemon/follow.h"
#include "daemon/group_engine.h"
#include "daemon/info_store.h"
#include "daemon/item.h"
#include "daemon/item_step.h"
#include "daemon/mover.h"
#include "daemon/reader.h"
#include "daemon/verify_call.h"
#include "io/work.h"

struct remover {
    struct work work;
    struct item *item;
    struct call *call; /* NULL: nobody waits */
    bool with_data, deleted;
    char *path; /* what was deleted */
    enum status status;
    struct storage_error error;
    enum status kept; /* of the catalog without it */
};

static void on_cancel(void *user)
{
    struct remover *remover = user;
    remover->call = NULL;
}

static void tell_removed(const struct item *item)
{
    struct pack *event = daemon_event(item->engine->daemon, "removed");
    if (event == NULL)
        return;
    pack_i64(event, "id", item->row.id);
    pack_id(event, "hash", &item->row.infohash);
    pack_text(event, "name", item->row.name);
    daemon_event_end(item->engine->daemon);
}

static void answer(struct remover *remover)
{
    const struct item *item = remover->item;
    char text[STORAGE_ERROR_SIZE];
    if (remover->call == NULL)
        return;
    if (remover->status != STATUS_OK) {
        storage_error_text(remover->status, &remover->error, text);
        call_fail(remover->call, status_name(remover->status), 9, NULL,
                  "%s was removed, but not all of its files: %s", item->row.name, text);
        return;
    }
    if (remover->kept != STATUS_OK) {
        call_fail(remover->call, status_name(remover->kept), 9, NULL,
                  "%s is listed again when the daemon starts: cannot write the database: %s",
                  item->row.name, status_text(remover->kept));
        return;
    }
    struct pack *pack = call_result(remover->call);
    pack_i64(pack, "id", item->row.id);
    pack_id(pack, "hash", &item->row.infohash);
    pack_text(pack, "name", item->row.name);
    pack_begin_array(pack, "deleted");
    if (remover->path != NULL)
        pack_text(pack, NULL, remover->path);
    pack_end(pack);
    call_finish(remover->call);
}

static void finish(struct remover *remover)
{
    struct item *item = remover->item;
    remover->kept = catalog_remove_transfer(item->engine->daemon->catalog, item->row.id);
    if (remover->kept != STATUS_OK)
        log_error("engine", "transfer %lld: cannot write the database: %s", (long long)item->row.id,
                  status_text(remover->kept));
    info_drop(item->engine, &item->row.infohash, item->row.info.len);
    answer(remover);
    tell_removed(item);
    free(remover->path);
    free(remover);
    item_leave(item);
    item_free(item);
}

static void run_delete(void *user)
{
    struct remover *remover = user;
    remover->status = storage_delete(remover->item->storage, &remover->error);
}

static void delete_done(void *user, bool cancelled)
{
    struct remover *remover = user;
    struct item *item = remover->item;
    (void)cancelled;
    remover->deleted = true;
    item->jobs--;
    item_mark(item);
    engine_job_ends(item->engine);
}

void remover_go_on(struct item *item)
{
    struct remover *remover = item->remover;
    if (item->transfer != NULL)
        return;
    if (!remover->with_data || remover->deleted || item->storage == NULL) {
        finish(remover);
        return;
    }
    remover->path = storage_path(item->storage);
    item->jobs++;
    engine_job_begins(item->engine);
    work_start(&remover->work, item->engine->daemon->loop, run_delete, delete_done, remover);
}

/* On disk before anything ends, so that what was taken back is never offered again. With its data
 * it goes on without: the deleting may be what makes room. False: the call has been failed. */
static bool keep_it_stopped(struct item *item, bool with_data, struct call *call)
{
    enum status status = item_keep_wish(item, item->row.complete ? WISH_STOP : WISH_PAUSE);
    if (status == STATUS_OK || with_data)
        return true;
    call_fail_unsaved(call, item->row.name, status);
    return false;
}

void remover_start(struct item *item, bool with_data, struct call *call)
{
    struct remover *remover = calloc(1, sizeof *remover);
    if (remover == NULL) {
        if (call != NULL)
            call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    if (call != NULL && !keep_it_stopped(item, with_data, call)) {
        free(remover);
        return;
    }
    remover->item = item;
    remover->call = call;
    remover->with_data = with_data;
    if (call != NULL)
        call_on_cancel(call, on_cancel, remover);
    item->remover = remover;
    item->removing = true;
    group_engine_on_removed(item);
    followers_end(item);
    verify_calls_end(item);
    mover_end(item);
    readers_end(item);
    first_peer_end(item);
    item_publish(item); /* withdraws */
    finder_turn(&item->finder);
    item_mark(item);
}
