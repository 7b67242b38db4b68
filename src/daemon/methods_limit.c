/* limit of docs/control.md. */
#include <utlist.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/engine_limits.h"
#include "daemon/item.h"
#include "daemon/transfer_target.h"

static void pack_item(struct pack *pack, const struct item *item)
{
    pack_i64(pack, "id", item->row.id);
    pack_id(pack, "hash", &item->row.infohash);
    pack_text(pack, "name", item->row.name);
    item_limits_pack(&item->options.limits, pack);
}

/* Of all together, by the schedule. */
static void pack_in_force(struct pack *pack, const struct engine_limits *limits)
{
    pack_begin_map(pack, "in_force");
    item_limits_pack(&limits->in_force, pack);
    pack_end(pack);
}

static void answer_one(const struct item *item, struct call *call)
{
    struct pack *pack = call_result(call);
    pack_item(pack, item);
    pack_begin_map(pack, "all");
    item_limits_pack(&item->engine->limits.all, pack);
    pack_end(pack);
    pack_in_force(pack, &item->engine->limits);
    pack_bool(pack, "limit_lan", item->engine->limits.local);
    call_finish(call);
}

static void answer_all(const struct engine *engine, struct call *call)
{
    struct pack *pack = call_result(call);
    const struct item *item;
    item_limits_pack(&engine->limits.all, pack);
    pack_in_force(pack, &engine->limits);
    pack_bool(pack, "limit_lan", engine->limits.local);
    pack_begin_array(pack, "transfers");
    DL_FOREACH(engine->items, item)
    {
        if (item->removing || !item_limits_any(&item->options.limits))
            continue;
        pack_begin_map(pack, NULL);
        pack_item(pack, item);
        pack_end(pack);
    }
    pack_end(pack);
    call_finish(call);
}

static void limit(struct daemon *daemon, struct call *call)
{
    struct engine *engine = daemon->engine;
    struct item *item = NULL;
    if (daemon->stopping) {
        call_fail(call, "stopping", 5, NULL, "the daemon is stopping");
        return;
    }
    if (call_param(call, "id") != NULL && (item = transfer_target(engine, call)) == NULL)
        return;
    bool said_local = call_param(call, "limit_lan") != NULL;
    if (item != NULL && said_local) {
        call_fail(call, "usage", 2, NULL,
                  "peers on the local network are limited for all transfers, or for none");
        return;
    }
    bool local = call_bool(call, "limit_lan", engine->limits.local);
    struct item_limits limits = item != NULL ? item->options.limits : engine->limits.all, said;
    if (!item_limits_read(&said, call))
        return;
    enum status status = STATUS_OK;
    if (item_limits_change(&limits, &said) || said_local)
        status = item != NULL ? engine_limits_set_item(item, &limits)
                              : engine_limits_set(engine, &limits, local);
    if (status != STATUS_OK)
        call_fail_unsaved(call, NULL, status);
    else if (item != NULL)
        answer_one(item, call);
    else
        answer_all(engine, call);
}

const struct control_method methods_limit[] = {
    {"limit", limit},
    {NULL, NULL},
};
