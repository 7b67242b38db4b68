/* A roster is taken over, one that was read or one that we wrote. */
#include <string.h>

#include "people/group_private.h"

/* ---- who came, who went ---- */

void tell_of_member(struct group *group, enum group_event_type type, const struct member *member)
{
    struct group_event event = {.type = type, .member = member->key, .user = member->user};
    memcpy(event.name, member->name, sizeof event.name);
    events_push(group, event);
}

static void drop_absent(struct group *group, const struct roster *now, bool tell)
{
    for (size_t i = 0; i < group->roster.member_count; i++) {
        const struct member *member = &group->roster.members[i];
        if (roster_find(now, &member->key) != NULL)
            continue;
        group_actions_push(group,
                           (struct group_action){.type = GROUP_DROP_PEER, .member = member->key},
                           (struct bytes){0});
        if (tell)
            tell_of_member(group, GROUP_EVENT_LEFT, member);
    }
}

static void tell_new(struct group *group, const struct roster *now)
{
    for (size_t i = 0; i < now->member_count; i++)
        if (roster_find(&group->roster, &now->members[i].key) == NULL)
            tell_of_member(group, GROUP_EVENT_ACCEPTED, &now->members[i]);
}

/* ---- records ---- */

/* Who has the group's root keeps its records in the table. */
static void publish_changes(struct group *group, const struct held *now)
{
    for (size_t i = 0; i < group->held.count; i++)
        if (held_find(now, &group->held.items[i].key) == NULL)
            actions_withdraw(group, &group->held.items[i]);
    for (size_t i = 0; i < now->count; i++) {
        const struct held_record *before = held_find(&group->held, &now->items[i].key);
        bool same = before != NULL && bytes_equal(held_value(before), held_value(&now->items[i]));
        if (!same && !now->items[i].fresh)
            actions_publish(group, &now->items[i]);
    }
}

static void take_secrets(struct group *group, const struct roster *roster,
                         const uint8_t secret[ROOT_BYTES])
{
    for (uint32_t i = 0; i < roster->old_count; i++) {
        uint32_t epoch = roster->epoch - roster->old_count + i;
        if (secrets_find(group, epoch) == NULL)
            secrets_add(group, epoch, roster->old_secrets[i], 1);
    }
    secrets_add(group, roster->epoch, secret, 0);
}

static void take_names(struct group *group, const struct roster *roster)
{
    memcpy(group->name, roster->name, sizeof group->name);
    memcpy(group->about, roster->about, sizeof group->about);
    group->history = roster->history;
    group->policy = group->body.policy;
}

/* Another one of the same number is a new one, too: what we sealed cannot be read under it. */
static bool is_new_epoch(const struct group *group, uint32_t epoch,
                         const uint8_t secret[ROOT_BYTES])
{
    return !group->has_roster || group->live_count == 0 || group->live[0].epoch != epoch ||
           memcmp(group->live[0].secret, secret, ROOT_BYTES) != 0;
}

void roster_adopt(struct group *group, struct roster *roster, struct held *held,
                  const uint8_t secret[ROOT_BYTES], bool tell)
{
    bool had = group->has_roster;
    bool new_epoch = is_new_epoch(group, roster->epoch, secret);
    if (group->has_root)
        publish_changes(group, held);
    if (had) {
        drop_absent(group, roster, tell);
        if (tell)
            tell_new(group, roster);
        roster_dispose(&group->roster);
    }
    take_secrets(group, roster, secret);
    take_names(group, roster);
    group->roster = *roster;
    group->has_roster = true;
    *roster = (struct roster){0};
    held_dispose(&group->held);
    group->held = *held;
    *held = (struct held){0};
    group->settled_seq = group->head_seq;
    group->head_written_unix_s = group_unix_s(group); /* by another device of ours perhaps */
    memcpy(group->settled_sha256, group->body.roster_sha256, SHA256_BYTES);
    epochs_due(group);
    if (new_epoch) {
        group->epoch_begun_unix_s = group->roster.time_unix_s;
        events_tell(group, GROUP_EVENT_EPOCH);
        shelf_touch(group);
    }
    events_tell(group, GROUP_EVENT_ROSTER);
    shelves_match_roster(group);
    actions_save(group);
}

/* ---- one that was read ---- */

/* HEAD, its pages as far as we know them, its parts. */
static bool gather(struct group *group, struct held *out)
{
    const struct held *from[] = {&group->held, &group->reading.came};
    if (held_put(out, KIND_ITEM, buffer_bytes(&group->head)) == NULL)
        return false;
    for (uint16_t page = 0; page < group->body.keypages; page++) {
        struct id key = page_key(group, page);
        for (size_t f = 0; f < 2; f++) {
            const struct held_record *record = held_find(from[f], &key);
            if (record != NULL && !held_copy(out, record))
                return false;
        }
    }
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < from[f]->count; i++) {
            const struct held_record *record = &from[f]->items[i];
            bool of_head = false;
            for (size_t k = 0; k < group->body.part_count; k++)
                of_head |= id_equal(&group->body.parts[k], &record->key);
            for (size_t k = 0; k < group->reading.key_count; k++)
                of_head |= id_equal(&group->reading.keys[k], &record->key);
            if (of_head && !held_copy(out, record))
                return false;
        }
    return true;
}

static void joined(struct group *group)
{
    group->standing = GROUP_MEMBER;
    post_stop(group);
    events_tell(group, GROUP_EVENT_JOINED);
    timers_begin(group);
    group->timers[TIMER_HEAD] = group->now_ms + jittered(group, HEAD_POLL_MS, 20);
}

void roster_read(struct group *group, struct roster *roster)
{
    struct held held = {0};
    uint8_t secret[ROOT_BYTES];
    if (roster_find(roster, &group->own.public_key) == NULL || !gather(group, &held)) {
        held_dispose(&held);
        roster_dispose(roster);
        group->reading.stage = READ_NOTHING;
        return;
    }
    memcpy(secret, group->reading.secret, ROOT_BYTES);
    reading_stop(group);
    bool first = group->standing == GROUP_APPLYING;
    roster_adopt(group, roster, &held, secret, !first);
    keys_wipe(secret, sizeof secret);
    if (first)
        joined(group);
    handover_check(group);
    if (group->standing == GROUP_OWNER)
        owner_redo(group);
}

/* ---- in no more ---- */

void standing_set_removed(struct group *group)
{
    reading_stop(group);
    group_forget_keys(group);
    group->standing = GROUP_REMOVED;
    timers_stop(group);
    events_tell(group, GROUP_EVENT_REMOVED);
    actions_save(group);
}

void group_set_gone(struct group *group)
{
    bool was_in = group_is_in(group);
    reading_stop(group);
    post_stop(group);
    group_forget_root(group);
    group_forget_keys(group);
    if (was_in || group->standing == GROUP_APPLYING)
        group->standing = GROUP_REMOVED;
    group->gone = true;
    timers_stop(group);
    events_tell(group, GROUP_EVENT_GONE);
    actions_save(group);
}
