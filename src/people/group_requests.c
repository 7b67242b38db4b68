/* Who wants in, who wants out, as the owner sees it. A request with a token of an open invite is
 * accepted at once; others wait for a person. Nothing old is taken: neither what is older than
 * drops live and are renewed, nor what is older than that member's last change. */
#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

/* ---- times of last changes ---- */

uint64_t times_of(const struct group *group, const struct public_key *member)
{
    for (size_t i = 0; i < group->time_count; i++)
        if (public_key_equal(&group->times[i].member, member))
            return group->times[i].unix_s;
    return group->times_floor_unix_s;
}

static void times_remove(struct group *group, size_t index)
{
    group->time_count--;
    memmove(&group->times[index], &group->times[index + 1],
            (group->time_count - index) * sizeof group->times[0]);
}

void times_set(struct group *group, const struct public_key *member, uint64_t unix_s)
{
    for (size_t i = 0; i < group->time_count; i++)
        if (public_key_equal(&group->times[i].member, member)) {
            if (group->times[i].unix_s > unix_s)
                unix_s = group->times[i].unix_s;
            times_remove(group, i);
            break;
        }
    if (group->times == NULL)
        group->times = calloc(CHANGES_MAX, sizeof *group->times);
    if (group->times == NULL)
        return;
    if (group->time_count == CHANGES_MAX) {
        if (group->times[0].unix_s > group->times_floor_unix_s)
            group->times_floor_unix_s = group->times[0].unix_s;
        times_remove(group, 0);
    }
    group->times[group->time_count++] = (struct change_time){*member, unix_s};
}

static bool is_timely(const struct group *group, uint64_t unix_s)
{
    uint64_t now_unix_s = group_unix_s(group);
    return unix_s + REQUEST_AGE_S >= now_unix_s && unix_s <= now_unix_s + CLOCKS_DIFFER_S;
}

/* What is too old to be taken needs no remembering. */
void times_forget_old(struct group *group)
{
    for (size_t i = group->time_count; i-- > 0;)
        if (group->times[i].unix_s + REQUEST_AGE_S + CLOCKS_DIFFER_S < group_unix_s(group))
            times_remove(group, i);
}

/* ---- requests ---- */

void group_requests_remove(struct group *group, size_t index)
{
    group->request_count--;
    memmove(&group->requests[index], &group->requests[index + 1],
            (group->request_count - index) * sizeof group->requests[0]);
}

static struct join_request *find_user(struct group *group, const struct public_key *user,
                                      size_t *index)
{
    for (size_t i = 0; i < group->request_count; i++)
        if (public_key_equal(&group->requests[i].user, user)) {
            *index = i;
            return &group->requests[i];
        }
    return NULL;
}

static bool is_member(const struct group *group, const struct join_request *request)
{
    const struct change_list *writing = &group->writing.changes;
    return roster_find(&group->roster, &request->member) != NULL ||
           roster_find_user(&group->roster, &request->user) != NULL ||
           changes_has(&group->pending, CHANGE_ADD, &request->member) ||
           changes_has(writing, CHANGE_ADD, &request->member);
}

/* One who is being removed is as good as gone. */
static bool is_leaving(const struct group *group, const struct join_request *request)
{
    return changes_has(&group->pending, CHANGE_REMOVE, &request->member) ||
           changes_has(&group->writing.changes, CHANGE_REMOVE, &request->member);
}

static bool is_rejected(const struct group *group, const struct public_key *user)
{
    for (size_t i = 0; i < group->rejected_count; i++)
        if (public_key_equal(&group->rejected[i].user, user))
            return true;
    return false;
}

static void tell(struct group *group, const struct join_request *request)
{
    struct group_event event = {
        .type = GROUP_EVENT_REQUEST, .member = request->member, .user = request->user};
    memcpy(event.name, request->name, sizeof event.name);
    memcpy(event.note, request->note, sizeof event.note);
    events_push(group, event);
}

static enum status keep(struct group *group, const struct join_request *request)
{
    size_t at;
    struct join_request *before = find_user(group, &request->user, &at);
    if (before != NULL) {
        if (before->time_unix_s < request->time_unix_s) {
            *before = *request;
            actions_save(group);
        }
        return STATUS_OK;
    }
    if (group->requests == NULL)
        group->requests = calloc(REQUESTS_MAX, sizeof *group->requests);
    if (group->requests == NULL)
        return STATUS_NO_MEMORY;
    if (group->request_count == REQUESTS_MAX)
        group_requests_remove(group, 0);
    group->requests[group->request_count++] = *request;
    tell(group, request);
    actions_save(group);
    return STATUS_OK;
}

static enum status accept_by_token(struct group *group, const struct join_request *request,
                                   struct open_invite *invite)
{
    size_t at;
    if (owner_is_full(group))
        return STATUS_FULL;
    if (!owner_add(group, request))
        return STATUS_NO_MEMORY;
    invites_use(group, invite, &request->member);
    if (find_user(group, &request->user, &at) != NULL)
        group_requests_remove(group, at);
    return STATUS_OK;
}

enum status requests_offer(struct group *group, const struct join_request *request)
{
    if (group->standing != GROUP_OWNER || !is_timely(group, request->time_unix_s))
        return STATUS_REFUSED;
    if (is_member(group, request) && !is_leaving(group, request))
        return STATUS_EXISTS;
    if (request->time_unix_s <= times_of(group, &request->member))
        return STATUS_REFUSED;
    if (is_leaving(group, request))
        return STATUS_BUSY; /* it will come again with the next look into the mailbox */
    struct open_invite *invite = request->has_token ? invites_find(group, request->token) : NULL;
    if (invite != NULL)
        return accept_by_token(group, request, invite);
    if (group->policy == JOIN_INVITE_ONLY || is_rejected(group, &request->user))
        return STATUS_REFUSED;
    return keep(group, request);
}

enum status group_on_join(struct group *group, struct bytes plain, uint64_t now_ms)
{
    struct join_request request;
    group_begin(group, now_ms);
    if (group->standing != GROUP_OWNER)
        return STATUS_REFUSED;
    enum status status = join_request_decode(plain, &group->key, &request);
    if (status == STATUS_OK)
        status = requests_offer(group, &request);
    group_settle(group);
    return status;
}

void requests_leave(struct group *group, const struct leave_notice *notice)
{
    const struct member *member = roster_find(&group->roster, &notice->member);
    if (member == NULL || !is_timely(group, notice->time_unix_s) ||
        notice->time_unix_s <= times_of(group, &notice->member) ||
        public_key_equal(&notice->member, &group->own.public_key))
        return;
    owner_remove_member(group, member, notice->time_unix_s);
}

/* ---- what a person says ---- */

enum status group_accept(struct group *group, const struct public_key *user, uint64_t now_ms)
{
    size_t at;
    group_begin(group, now_ms);
    if (group->standing != GROUP_OWNER)
        return STATUS_REFUSED;
    const struct join_request *request = find_user(group, user, &at);
    if (request == NULL)
        return roster_find_user(&group->roster, user) != NULL ? STATUS_EXISTS : STATUS_NOT_FOUND;
    if (owner_is_full(group))
        return STATUS_FULL;
    if (!is_member(group, request) && !owner_add(group, request))
        return STATUS_NO_MEMORY;
    group_requests_remove(group, at);
    return STATUS_OK;
}

static void remember_rejected(struct group *group, const struct public_key *user)
{
    if (group->rejected == NULL)
        group->rejected = calloc(REJECTED_MAX, sizeof *group->rejected);
    if (group->rejected == NULL)
        return;
    if (group->rejected_count == REJECTED_MAX)
        memmove(&group->rejected[0], &group->rejected[1],
                --group->rejected_count * sizeof group->rejected[0]);
    group->rejected[group->rejected_count++] = (struct rejected){*user};
}

enum status group_reject(struct group *group, const struct public_key *user, uint64_t now_ms)
{
    size_t at;
    group_begin(group, now_ms);
    if (group->standing != GROUP_OWNER)
        return STATUS_REFUSED;
    if (find_user(group, user, &at) == NULL)
        return STATUS_NOT_FOUND;
    group_requests_remove(group, at);
    remember_rejected(group, user);
    actions_save(group);
    return STATUS_OK;
}

size_t group_requests(const struct group *group, struct group_request out[], size_t cap)
{
    for (size_t i = 0; i < group->request_count && i < cap; i++) {
        const struct join_request *request = &group->requests[i];
        out[i] = (struct group_request){
            .user = request->user, .member = request->member, .time_unix_s = request->time_unix_s};
        memcpy(out[i].name, request->name, sizeof out[i].name);
        memcpy(out[i].note, request->note, sizeof out[i].note);
    }
    return group->request_count;
}
