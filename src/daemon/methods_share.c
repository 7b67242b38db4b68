/* share.* of docs/control.md. */
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/first_peer.h"
#include "daemon/group_engine.h"
#include "daemon/groups.h"
#include "daemon/item.h"
#include "daemon/remover.h"
#include "daemon/share_job.h"
#include "daemon/transfer_target.h"

static bool is_stopping(struct daemon *daemon, struct call *call)
{
    if (daemon->stopping)
        call_fail(call, "stopping", 5, NULL, "the daemon is stopping");
    return daemon->stopping;
}

static void add(struct daemon *daemon, struct call *call)
{
    if (!is_stopping(daemon, call))
        share_job_start(daemon->engine, call);
}

/* By `id`, or by `file` in `group`. NULL: the call has been failed. */
static struct item *share_target(struct daemon *daemon, struct call *call)
{
    const char *group = call_text(call, "group", NULL), *file = call_text(call, "file", "");
    if (group == NULL)
        return transfer_target(daemon->engine, call);
    struct membership *membership = groups_target(daemon->groups, call, group);
    if (membership == NULL)
        return NULL;
    struct item *item = group_engine_named(daemon->engine, group_key(membership->group), file);
    if (item == NULL)
        call_fail(call, "no_file", 3, NULL, "\"%s\" is not shared from here in %s", file,
                  group_name(membership->group));
    return item;
}

static void remove_share(struct daemon *daemon, struct call *call)
{
    struct item *item = is_stopping(daemon, call) ? NULL : share_target(daemon, call);
    if (item == NULL)
        return;
    if (item->removing)
        call_fail(call, "busy", 1, NULL, "%s is being removed already", item->row.name);
    else if (!item->row.complete)
        call_fail(call, "not_shared", 3, "kadpeer rm gives up a download",
                  "%s is being fetched, not shared", item->row.name);
    else
        remover_start(item, false, call);
}

/* Until a first peer has fetched all of it. */
static void wait_for_peer(struct daemon *daemon, struct call *call)
{
    struct item *item = is_stopping(daemon, call) ? NULL : share_target(daemon, call);
    if (item == NULL)
        return;
    if (item->removing)
        call_fail(call, "busy", 1, NULL, "%s is being removed", item->row.name);
    else if (!item->row.complete && item->reshare == NULL)
        call_fail(call, "not_shared", 3, NULL, "%s is being fetched, not shared", item->row.name);
    else
        first_peer_start(item, call, call_ms(call, "within", 0));
}

const struct control_method methods_share[] = {
    {"share.add", add},
    {"share.remove", remove_share},
    {"share.wait", wait_for_peer},
    {NULL, NULL},
};
