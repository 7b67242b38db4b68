#include "daemon/group_wait.h"

#include <stdlib.h>

#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/groups_private.h"

#define SAY_FIRST_MS 3000  /* nothing is waited for in silence … */
#define SAY_EVERY_MS 10000 /* … nor said all the time */
#define SAVE_WAIT_MS 10000 /* for the disk */

struct group_wait {
    struct group_wait *prev, *next; /* groups->waits */
    struct groups *groups;
    struct public_key group;
    struct call *call;
    enum group_wait_for what;
    struct timer *timer;
    uint64_t since_ms, deadline_ms;
};

static void free_wait(struct group_wait *wait)
{
    DL_DELETE(wait->groups->waits, wait);
    timer_free(wait->timer);
    free(wait);
}

static void on_cancel(void *user)
{
    free_wait(user);
}

static void finish(struct group_wait *wait, bool good)
{
    struct membership *membership = groups_find(wait->groups, &wait->group);
    if (wait->what == WAIT_SAVED && good) {
        call_finish(wait->call);
    } else if (wait->what == WAIT_SAVED) {
        call_fail(wait->call, "disk", 9, "it is done, and tried again until it is on disk",
                  "the keystore cannot be written");
    } else if (membership == NULL) {
        call_fail(wait->call, "no_group", 3, NULL, "the group is gone");
    } else {
        struct pack *pack = call_result(wait->call);
        struct group_facts facts;
        group_facts(membership->group, &facts);
        membership_pack(membership, pack, "group");
        if (wait->what != WAIT_JOINED)
            pack_bool(pack, "stored", good);
        if (wait->what == WAIT_EPOCH)
            pack_u64(pack, "epoch", facts.epoch);
        call_finish(wait->call);
    }
    free_wait(wait);
}

static const char *const texts[] = {
    [WAIT_READY] = "waiting until the group's records stand in the network",
    [WAIT_JOINED] = "the request is sent; waiting for the group's owner",
    [WAIT_EPOCH] = "waiting until the new keys stand in the network",
    [WAIT_SAVED] = "waiting for the disk",
};

static void on_timer(void *user)
{
    struct group_wait *wait = user;
    uint64_t now_ms = daemon_now_ms(wait->groups->daemon);
    if (now_ms >= wait->deadline_ms) {
        finish(wait, false);
        return;
    }
    struct pack *pack = call_notify(wait->call, "waiting");
    pack_format(pack, "text", "%s (%us)", texts[wait->what],
                (unsigned)((now_ms - wait->since_ms) / 1000));
    call_notify_end(wait->call);
    uint64_t next_ms = now_ms + SAY_EVERY_MS;
    timer_set(wait->timer, next_ms < wait->deadline_ms ? next_ms : wait->deadline_ms);
}

static bool is_so(const struct membership *membership, enum group_wait_for what,
                  enum group_event_type type)
{
    switch (what) {
    case WAIT_READY:
        return type == GROUP_EVENT_READY;
    case WAIT_JOINED:
        return type == GROUP_EVENT_JOINED || group_standing(membership->group) == GROUP_MEMBER;
    case WAIT_EPOCH:
        return type == GROUP_EVENT_EPOCH || type == GROUP_EVENT_LEFT;
    case WAIT_SAVED:
        return false;
    }
    return false;
}

void group_wait_on_event(struct membership *membership, const struct group_event *event)
{
    struct group_wait *wait, *next;
    const struct public_key *group = group_key(membership->group);
    DL_FOREACH_SAFE(membership->groups->waits, wait, next)
    if (public_key_equal(&wait->group, group) && is_so(membership, wait->what, event->type))
        finish(wait, true);
}

void group_wait_on_saved(struct membership *membership)
{
    struct group_wait *wait, *next;
    const struct public_key *group = group_key(membership->group);
    DL_FOREACH_SAFE(membership->groups->waits, wait, next)
    if (wait->what == WAIT_SAVED && public_key_equal(&wait->group, group))
        finish(wait, true);
}

void group_wait_on_gone(struct membership *membership)
{
    struct group_wait *wait, *next;
    const struct public_key *group = group_key(membership->group);
    DL_FOREACH_SAFE(membership->groups->waits, wait, next)
    if (public_key_equal(&wait->group, group))
        finish(wait, wait->what == WAIT_SAVED);
}

void group_wait_free_all(struct groups *groups)
{
    while (groups->waits != NULL) {
        struct group_wait *wait = groups->waits;
        call_fail(wait->call, "not_logged_in", 11, "kadpeer login NAME", "the user logged out");
        free_wait(wait);
    }
}

void group_wait_start(struct membership *membership, struct call *call, enum group_wait_for what,
                      uint64_t ms)
{
    struct groups *groups = membership->groups;
    struct group_wait *wait = calloc(1, sizeof *wait);
    if (wait != NULL)
        wait->timer = timer_new(groups->daemon->loop, on_timer, wait);
    if (wait == NULL || wait->timer == NULL) {
        free(wait);
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    wait->groups = groups;
    wait->group = *group_key(membership->group);
    wait->call = call;
    wait->what = what;
    uint64_t now_ms = daemon_now_ms(groups->daemon);
    wait->since_ms = now_ms;
    wait->deadline_ms = now_ms + ms;
    DL_APPEND(groups->waits, wait);
    call_on_cancel(call, on_cancel, wait);
    timer_set(wait->timer, ms < SAY_FIRST_MS ? wait->deadline_ms : now_ms + SAY_FIRST_MS);
}

void group_wait_saved(struct membership *membership, struct call *call)
{
    struct groups *groups = membership->groups;
    struct public_key group = *group_key(membership->group);
    membership_drain(membership);
    membership = groups_find(groups, &group);
    if (membership != NULL && membership->own->unsaved)
        group_wait_start(membership, call, WAIT_SAVED, SAVE_WAIT_MS);
    else
        call_finish(call);
}
