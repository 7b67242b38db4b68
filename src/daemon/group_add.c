#include "daemon/group_add.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/group_engine.h"
#include "daemon/groups.h"
#include "io/timer.h"

#define LOOK_EVERY_MS 100
#define LOOK_FOR_MS   10000 /* lookups take a second or two; a list blob comes from a member */

struct group_add {
    struct add_request *request;
    struct call *call;
    struct timer *timer;
    char *group, *name;
    uint64_t deadline_ms;
};

static void free_adding(struct group_add *adding)
{
    timer_free(adding->timer);
    add_request_free(adding->request);
    free(adding->group);
    free(adding->name);
    free(adding);
}

static void on_cancel(void *user)
{
    free_adding(user);
}

static void add_listed(struct add_request *request, struct call *call,
                       struct membership *membership, const char *name)
{
    struct shelf_entry entry;
    if (!group_engine_listed(membership, call, name, &entry))
        return;
    request->infohash = entry.infohash;
    request->size = entry.size;
    snprintf(request->name, sizeof request->name, "%s", entry.path);
    request->has_group = true;
    request->group = *group_key(membership->group);
    memcpy(request->sha256, entry.sha256, sizeof request->sha256);
    request->has_sha1 = !id_is_zero(&entry.sha1);
    request->sha1 = entry.sha1;
    add_request_do(request, call);
}

static void look_again(void *user)
{
    struct group_add *adding = user;
    struct daemon *daemon = adding->request->engine->daemon;
    uint64_t now_ms = daemon_now_ms(daemon);
    struct membership *membership = groups_member(daemon->groups, adding->call, adding->group);
    if (membership != NULL && !group_engine_lists(membership, adding->name) &&
        group_is_looking(membership->group) && now_ms < adding->deadline_ms) {
        timer_set(adding->timer, now_ms + LOOK_EVERY_MS);
        return;
    }
    if (membership != NULL)
        add_listed(adding->request, adding->call, membership, adding->name);
    free_adding(adding);
}

static void wait_for_shelves(struct add_request *request, struct call *call,
                             struct membership *membership, const char *group, const char *name)
{
    struct daemon *daemon = request->engine->daemon;
    uint64_t now_ms = daemon_now_ms(daemon);
    struct group_add *adding = calloc(1, sizeof *adding);
    if (adding == NULL) {
        add_request_free(request);
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    *adding = (struct group_add){
        .request = request,
        .call = call,
        .timer = timer_new(daemon->loop, look_again, adding),
        .group = strdup(group),
        .name = strdup(name),
        .deadline_ms = now_ms + LOOK_FOR_MS,
    };
    if (adding->timer == NULL || adding->group == NULL || adding->name == NULL) {
        free_adding(adding);
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    call_on_cancel(call, on_cancel, adding);
    timer_set(adding->timer, now_ms + LOOK_EVERY_MS);
    group_refresh(membership->group, now_ms);
    membership_drain(membership);
}

void group_add_start(struct add_request *request, struct call *call, const char *group,
                     const char *name)
{
    struct membership *membership = groups_member(request->engine->daemon->groups, call, group);
    if (membership != NULL && !group_engine_lists(membership, name)) {
        wait_for_shelves(request, call, membership, group, name);
        return;
    }
    if (membership != NULL)
        add_listed(request, call, membership, name);
    add_request_free(request);
}
