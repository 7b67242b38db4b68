#include "daemon/verify_call.h"

#include <stdlib.h>

#include <utlist.h>

#include "daemon/control.h"
#include "daemon/item.h"
#include "daemon/verifier.h"

struct verify_call {
    struct verify_call *prev, *next; /* item->verify_calls */
    struct item *item;
    struct call *call;
    uint64_t told_ms;
};

static void forget(struct verify_call *waiting)
{
    DL_DELETE(waiting->item->verify_calls, waiting);
    free(waiting);
}

static void on_cancel(void *user)
{
    forget(user);
}

void verify_call_start(struct item *item, struct call *call)
{
    struct verify_call *waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    waiting->item = item;
    waiting->call = call;
    DL_APPEND(item->verify_calls, waiting);
    call_on_cancel(call, on_cancel, waiting);
    item_verify(item);
}

static void tell(struct verify_call *waiting, uint64_t done, uint64_t total)
{
    struct pack *pack = call_notify(waiting->call, "progress");
    pack_i64(pack, "id", waiting->item->row.id);
    pack_u64(pack, "done", done);
    pack_u64(pack, "size", total);
    call_notify_end(waiting->call);
}

void verify_calls_fail(struct item *item)
{
    struct verify_call *waiting, *next;
    DL_FOREACH_SAFE(item->verify_calls, waiting, next)
    {
        call_fail(waiting->call, status_name(item->trouble_status), 9, NULL, "%s",
                  item->trouble_text);
        forget(waiting);
    }
}

void verify_calls_turn(struct item *item)
{
    struct verify_call *waiting;
    uint64_t now_ms = engine_now(item->engine), done, total;
    if (item->verify_calls == NULL)
        return;
    if (item->to_verify == NULL && item->verifier == NULL && !item->verify_all &&
        item->trouble != TROUBLE_NONE) {
        verify_calls_fail(item);
        return;
    }
    if (item->verifier == NULL)
        return;
    verifier_progress(item->verifier, &done, &total);
    DL_FOREACH(item->verify_calls, waiting)
    {
        if (now_ms < waiting->told_ms + PROGRESS_EVERY_MS)
            continue;
        waiting->told_ms = now_ms;
        tell(waiting, done, total);
    }
}

uint64_t verify_calls_due(const struct item *item)
{
    return item->verify_calls != NULL ? engine_now(item->engine) + PROGRESS_EVERY_MS : UINT64_MAX;
}

void verify_calls_finish(struct item *item, const struct verified *verified)
{
    struct verify_call *waiting, *next;
    DL_FOREACH_SAFE(item->verify_calls, waiting, next)
    {
        struct pack *pack = call_result(waiting->call);
        pack_i64(pack, "id", item->row.id);
        pack_id(pack, "hash", &item->row.infohash);
        pack_begin_map(pack, "pieces");
        pack_u64(pack, "good", verified->good_count);
        pack_u64(pack, "bad", verified->bad_count);
        pack_u64(pack, "missing", verified->missing_count);
        pack_end(pack);
        call_finish(waiting->call);
        forget(waiting);
    }
}

void verify_calls_end(struct item *item)
{
    struct verify_call *waiting, *next;
    DL_FOREACH_SAFE(item->verify_calls, waiting, next)
    {
        call_fail(waiting->call, "removed", 3, NULL, "%s was removed", item->row.name);
        forget(waiting);
    }
}
