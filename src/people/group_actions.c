/* What is to be done and what has happened: two rings, drained by the caller. What follows a
 * GROUP_SAVE waits until it is on disk; one that was not given out yet covers all that changes
 * until then, so there is never more than one of them waiting. */
#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

static struct queued_action *action_at(const struct group *group, size_t i)
{
    return &group->actions[(group->action_head + i) & (group->action_cap - 1)];
}

static bool grow_actions(struct group *group)
{
    size_t cap = group->action_cap == 0 ? 16 : group->action_cap * 2;
    struct queued_action *actions = malloc(cap * sizeof *actions);
    if (actions == NULL)
        return false;
    for (size_t i = 0; i < group->action_count; i++)
        actions[i] = *action_at(group, i);
    free(group->actions);
    group->actions = actions;
    group->action_cap = cap;
    group->action_head = 0;
    return true;
}

void group_actions_push(struct group *group, struct group_action action, struct bytes value)
{
    uint8_t *copy = NULL;
    if (group->action_count == group->action_cap && !grow_actions(group))
        return;
    if (value.len > 0) {
        copy = malloc(value.len);
        if (copy == NULL)
            return;
        memcpy(copy, value.data, value.len);
    }
    action.value = bytes_of(copy, value.len);
    *action_at(group, group->action_count++) = (struct queued_action){action, copy};
}

void actions_save(struct group *group)
{
    for (size_t i = 0; i < group->action_count; i++)
        if (action_at(group, i)->action.type == GROUP_SAVE)
            return;
    group_actions_push(group, (struct group_action){.type = GROUP_SAVE}, (struct bytes){0});
}

void actions_publish(struct group *group, const struct held_record *record)
{
    group_actions_push(
        group,
        (struct group_action){.type = GROUP_PUBLISH, .key = record->key, .kind = record->kind},
        held_value(record));
}

void actions_withdraw(struct group *group, const struct held_record *record)
{
    group_actions_push(
        group,
        (struct group_action){.type = GROUP_WITHDRAW, .key = record->key, .kind = record->kind},
        held_value(record));
}

bool group_next_action(struct group *group, struct group_action *out)
{
    free(group->given);
    group->given = NULL;
    if (group->saving || group->action_count == 0)
        return false;
    struct queued_action *first = action_at(group, 0);
    *out = first->action;
    group->given = first->value;
    group->action_head = (group->action_head + 1) & (group->action_cap - 1);
    group->action_count--;
    group->saving = out->type == GROUP_SAVE;
    return true;
}

void group_on_saved(struct group *group, uint64_t now_ms)
{
    group_begin(group, now_ms);
    group->saving = false;
}

/* ---- events ---- */

static struct group_event *event_at(const struct group *group, size_t i)
{
    return &group->events[(group->event_head + i) & (group->event_cap - 1)];
}

static bool grow_events(struct group *group)
{
    size_t cap = group->event_cap == 0 ? 16 : group->event_cap * 2;
    struct group_event *events = malloc(cap * sizeof *events);
    if (events == NULL)
        return false;
    for (size_t i = 0; i < group->event_count; i++)
        events[i] = *event_at(group, i);
    free(group->events);
    group->events = events;
    group->event_cap = cap;
    group->event_head = 0;
    return true;
}

void events_push(struct group *group, struct group_event event)
{
    if (group->event_count < group->event_cap || grow_events(group))
        *event_at(group, group->event_count++) = event;
}

void events_tell(struct group *group, enum group_event_type type)
{
    for (size_t i = 0; i < group->event_count; i++)
        if (event_at(group, i)->type == type)
            return; /* nobody heard of the first one yet */
    events_push(group, (struct group_event){.type = type});
}

bool group_next_event(struct group *group, struct group_event *out)
{
    if (group->event_count == 0)
        return false;
    *out = *event_at(group, 0);
    group->event_head = (group->event_head + 1) & (group->event_cap - 1);
    group->event_count--;
    return true;
}

void actions_dispose(struct group *group)
{
    for (size_t i = 0; i < group->action_count; i++)
        free(action_at(group, i)->value);
    free(group->actions);
    free(group->given);
    free(group->events);
}
