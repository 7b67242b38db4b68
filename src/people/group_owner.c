/* What the owner decides on, and when a new HEAD has to be written: changes of members are
 * gathered while one is being written, and go together into the next. HEAD is signed anew every
 * day, the epoch is changed every thirty. After a load nothing is written before HEAD was looked
 * for: the state may be an old one, put back, and another device may have gone on. */
#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

/* ---- lists of changes ---- */

bool changes_add(struct change_list *list, const struct change *change, size_t max)
{
    if (list->count == max)
        changes_remove(list, 0);
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 4 : list->cap * 2;
        struct change *items = realloc(list->items, cap * sizeof *items);
        if (items == NULL)
            return false;
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = *change;
    return true;
}

void changes_remove(struct change_list *list, size_t index)
{
    list->count--;
    memmove(&list->items[index], &list->items[index + 1],
            (list->count - index) * sizeof list->items[0]);
}

void changes_dispose(struct change_list *list)
{
    free(list->items);
    *list = (struct change_list){0};
}

bool changes_has(const struct change_list *list, enum change_type type,
                 const struct public_key *member)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].type == type && public_key_equal(&list->items[i].member.key, member))
            return true;
    return false;
}

/* ---- decisions ---- */

static size_t count_of(const struct change_list *list, enum change_type type)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += list->items[i].type == type;
    return count;
}

bool owner_is_full(const struct group *group)
{
    size_t coming = count_of(&group->pending, CHANGE_ADD);
    if (group->writing.step != WRITE_NOTHING)
        coming += count_of(&group->writing.changes, CHANGE_ADD);
    return group->roster.member_count + coming >= GROUP_MEMBERS_MAX;
}

static void member_of_request(const struct join_request *request, struct member *out)
{
    *out = (struct member){.key = request->member, .user = request->user, .role = ROLE_MEMBER};
    memcpy(out->box_public, request->box_public, sizeof out->box_public);
    memcpy(out->join_signature, request->join_signature, sizeof out->join_signature);
    memcpy(out->name, request->name, sizeof out->name);
}

bool owner_add(struct group *group, const struct join_request *request)
{
    struct change change = {.type = CHANGE_ADD};
    member_of_request(request, &change.member);
    if (!changes_add(&group->pending, &change, PENDING_MAX))
        return false;
    times_set(group, &request->member, request->time_unix_s);
    actions_save(group);
    owner_soon(group);
    return true;
}

bool owner_remove_member(struct group *group, const struct member *member, uint64_t time_unix_s)
{
    struct change change = {.type = CHANGE_REMOVE, .member = *member};
    if (changes_has(&group->pending, CHANGE_REMOVE, &member->key))
        return true;
    if (!changes_add(&group->pending, &change, PENDING_MAX))
        return false;
    times_set(group, &member->key, time_unix_s);
    invites_void(group, &member->key);
    actions_save(group);
    owner_soon(group);
    return true;
}

enum status group_remove(struct group *group, const struct public_key *user, uint64_t now_ms)
{
    group_begin(group, now_ms);
    if (group->standing != GROUP_OWNER)
        return STATUS_REFUSED;
    const struct member *member = roster_find_user(&group->roster, user);
    if (member == NULL)
        return STATUS_NOT_FOUND;
    if (public_key_equal(&member->key, &group->own.public_key))
        return STATUS_CONFLICT;
    uint64_t unix_s = group_unix_s(group);
    return owner_remove_member(group, member, unix_s) ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status group_rotate(struct group *group, uint64_t now_ms)
{
    group_begin(group, now_ms);
    if (group->standing != GROUP_OWNER)
        return STATUS_REFUSED;
    group->rotate_due = true;
    actions_save(group);
    owner_soon(group);
    return STATUS_OK;
}

/* ---- when to write ---- */

void owner_soon(struct group *group)
{
    group_timer_set(group, TIMER_OWNER, 0);
}

void owner_set_timer(struct group *group)
{
    uint64_t renew_unix_s = group->head_written_unix_s + HEAD_RENEW_S;
    uint64_t rotate_unix_s = group->epoch_begun_unix_s + ROTATE_S;
    timer_set_unix(group, TIMER_OWNER, renew_unix_s < rotate_unix_s ? renew_unix_s : rotate_unix_s);
}

/* Changes that have come to nothing meanwhile: another device did the same. */
static void drop_vain_changes(struct group *group)
{
    for (size_t i = group->pending.count; i-- > 0;) {
        const struct change *change = &group->pending.items[i];
        bool is_in = roster_find(&group->roster, &change->member.key) != NULL;
        if (is_in == (change->type == CHANGE_ADD))
            changes_remove(&group->pending, i);
    }
}

void owner_work(struct group *group)
{
    bool busy = group->writing.step != WRITE_NOTHING || group->reading.stage != READ_NOTHING ||
                !group->head_looked_for;
    if (group->standing != GROUP_OWNER || group->gone || busy)
        return;
    drop_vain_changes(group);
    struct plan plan = {
        .new_epoch = group->rotate_due || count_of(&group->pending, CHANGE_REMOVE) > 0,
        .new_roster = group->pending.count > 0 || group->handover_due,
        .hands_over = group->handover_due,
        .withdraws = group->withdraw_due,
    };
    if (plan.new_epoch || plan.new_roster || plan.withdraws || group->renew_due)
        writing_begin(group, &plan);
    else
        owner_set_timer(group);
}

void owner_due(struct group *group)
{
    uint64_t now_unix_s = group_unix_s(group);
    times_forget_old(group);
    invites_expire(group);
    if (now_unix_s >= group->head_written_unix_s + HEAD_RENEW_S)
        group->renew_due = true;
    if (now_unix_s >= group->epoch_begun_unix_s + ROTATE_S)
        group->rotate_due = true;
    owner_work(group);
}

/* ---- two devices ---- */

/* An addition is done again in the same epoch only: in a newer one, the other device may have
 * removed that member knowing of it. */
void owner_redo(struct group *group)
{
    for (size_t i = 0; i < group->journal.count; i++) {
        struct change change = group->journal.items[i];
        const struct member *member = roster_find(&group->roster, &change.member.key);
        bool lost_add = change.type == CHANGE_ADD && member == NULL &&
                        group->roster.epoch == change.epoch &&
                        !changes_has(&group->pending, CHANGE_REMOVE, &change.member.key);
        bool lost_remove =
            change.type == CHANGE_REMOVE && member != NULL && member->since_epoch < change.epoch;
        if ((lost_add || lost_remove) &&
            !changes_has(&group->pending, change.type, &change.member.key))
            changes_add(&group->pending, &change, PENDING_MAX);
    }
    if (group->pending.count > 0 || group->renew_due)
        owner_soon(group);
}
