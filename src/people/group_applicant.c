/* What we put into the group's mailbox: the request of an applicant, or the notice of a leaver. It
 * is made anew every three days until HEAD tells that it was read. Who was refused by most nodes
 * works for two more bits. An applicant looks for HEAD after 1, 2, 4 … 16 s, for five minutes, then
 * like a member. */
#include <string.h>

#include "people/group_private.h"

uint64_t applicant_gap_ms(struct group *group)
{
    if (group->now_ms - group->apply_started_ms > APPLY_FAST_MS)
        return jittered(group, HEAD_POLL_MS, 20);
    uint64_t gap_ms = group->apply_gap_ms;
    group->apply_gap_ms = gap_ms * 2 < APPLY_GAP_MAX_MS ? gap_ms * 2 : APPLY_GAP_MAX_MS;
    return gap_ms;
}

/* ---- making a drop ---- */

/* The owner looks for an invite only while it is good for somebody. So who gets no answer by its
 * mailbox uses the group's, where others are that have none, and the two in turn from then on. */
static struct id mailbox(const struct group *group)
{
    struct id by_invite = mailbox_of_invite(&group->key, group->token);
    return group->post == POST_JOIN && group->has_token && !id_equal(&group->drop_key, &by_invite)
               ? by_invite
               : mailbox_of_group(&group->key);
}

static uint64_t post_lasts_ms(const struct group *group)
{
    bool fast = group->now_ms - group->apply_started_ms < APPLY_FAST_MS;
    return group->post == POST_JOIN && group->has_token && fast ? APPLY_FAST_MS
                                                                : POST_RENEW_S * 1000;
}

/* The owner takes what is newer than the last change alone, in whole seconds. */
static uint64_t request_unix_s(const struct group *group, uint64_t now_ms)
{
    uint64_t now_unix_s = (group->unix_base_ms + now_ms) / 1000;
    return now_unix_s > group->applied_unix_s ? now_unix_s : group->applied_unix_s;
}

static enum status make_box(struct group *group, struct buffer *out)
{
    uint8_t ephemeral[X25519_BYTES];
    group_fill_random(group, ephemeral, sizeof ephemeral);
    enum status status =
        group->post == POST_JOIN
            ? join_request_make(group->user_root, &group->key, group->body.box_public,
                                group->user_name, group->note,
                                group->has_token ? group->token : NULL,
                                request_unix_s(group, group->now_ms), ephemeral, out)
            : leave_notice_make(&group->own, &group->key, group->body.box_public,
                                group_unix_s(group), ephemeral, out);
    keys_wipe(ephemeral, sizeof ephemeral);
    return status;
}

static void ask_for_work(struct group *group)
{
    if (++group->last_handle == 0)
        group->last_handle = 1;
    group->work = group->last_handle;
    group_actions_push(
        group,
        (struct group_action){.type = GROUP_WORK, .handle = group->work, .bits = group->drop_bits},
        buffer_bytes(&group->drop));
}

static void withdraw_drop(struct group *group)
{
    if (!group->drop_published)
        return;
    group->drop_published = false;
    group_actions_push(
        group,
        (struct group_action){.type = GROUP_WITHDRAW, .key = group->drop_key, .kind = KIND_DROP},
        buffer_bytes(&group->drop));
}

static void make_drop(struct group *group)
{
    struct buffer boxed;
    buffer_init(&boxed);
    group_timer_set(group, TIMER_POST, post_lasts_ms(group));
    if (make_box(group, &boxed) == STATUS_OK && !boxed.failed) {
        withdraw_drop(group);
        group->drop_key = mailbox(group);
        struct drop_record drop = {.mailbox = group->drop_key,
                                   .expiry_unix_s =
                                       group_unix_s(group) + DROP_LIFETIME_S -
                                       60 * (1 + rng_below(&group->rng, EXPIRY_RANDOM_MIN)),
                                   .body = buffer_bytes(&boxed)};
        buffer_clear(&group->drop);
        drop_record_encode(&drop, &group->drop);
        group->drop_bits = DROP_WORK_BITS;
        ask_for_work(group);
    }
    buffer_dispose(&boxed);
}

/* ---- its life ---- */

void post_begin(struct group *group, enum post_kind kind)
{
    group->post = kind;
    post_go_on(group);
}

/* The group's mailbox key stands in HEAD. */
void post_go_on(struct group *group)
{
    bool made = group->work != 0 || group->drop_published;
    if (group->post != POST_NOTHING && !made && group->head.len > 0 && !group->head_is_empty)
        make_drop(group);
}

void post_stop(struct group *group)
{
    withdraw_drop(group);
    buffer_clear(&group->drop);
    group->post = POST_NOTHING;
    group->work = 0;
    timer_stop(group, TIMER_POST);
}

void post_due(struct group *group)
{
    if (group->post == POST_NOTHING)
        return;
    if (group->work != 0)
        ask_for_work(group);
    else
        make_drop(group);
}

void group_on_worked(struct group *group, uint32_t work, bool done, struct bytes drop,
                     uint64_t now_ms)
{
    struct drop_record record;
    group_begin(group, now_ms);
    if (group->post == POST_NOTHING || work == 0 || work != group->work)
        return;
    if (!done || !drop_record_decode(drop, &record)) {
        group_timer_set(group, TIMER_POST, RETRY_FIRST_MS);
        return;
    }
    struct buffer worked;
    buffer_init(&worked);
    buffer_add(&worked, drop.data, drop.len);
    buffer_dispose(&group->drop);
    group->drop = worked;
    group->work = 0;
    group->drop_published = true;
    group_actions_push(
        group,
        (struct group_action){.type = GROUP_PUBLISH, .key = record.mailbox, .kind = KIND_DROP},
        drop);
}

void post_published(struct group *group, const struct id *key, uint32_t stored, uint32_t asked)
{
    uint32_t could = asked < DHT_K ? asked : DHT_K;
    if (!group->drop_published || !id_equal(key, &group->drop_key) || group->work != 0)
        return;
    if (stored * 4 >= could || group->drop_bits + POST_BITS_STEP > DROP_WORK_MAX)
        return;
    group->drop_bits += POST_BITS_STEP;
    ask_for_work(group);
}

/* ---- by another way ---- */

enum status group_join_plain(const struct group *group, uint64_t now_ms, struct buffer *out)
{
    struct join_request request;
    if (group->standing != GROUP_APPLYING || group->gone)
        return STATUS_REFUSED;
    enum status status = join_request_sign(group->user_root, &group->key, group->user_name,
                                           group->note, group->has_token ? group->token : NULL,
                                           request_unix_s(group, now_ms), &request);
    if (status == STATUS_OK)
        join_request_encode(&request, out);
    keys_wipe(&request, sizeof request);
    return status != STATUS_OK ? status : out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* ---- leaving ---- */

static void leave_as_member(struct group *group)
{
    reading_stop(group);
    shelf_withdraw(group);
    group->leave_epoch = group->body.epoch;
    group->leave_after = false;
    group_forget_keys(group);
    group->standing = GROUP_LEAVING;
    timers_begin(group);
    actions_save(group);
    post_begin(group, POST_LEAVE);
}

void leave_if_asked(struct group *group)
{
    if (group->leave_after && group->standing == GROUP_MEMBER)
        leave_as_member(group);
}

static enum status leave_as_owner(struct group *group)
{
    bool hands_over = group->handover_due || group->writing.hands_over;
    if (hands_over)
        group->leave_after = true;
    else if (group->roster.member_count > 1)
        return STATUS_CONFLICT;
    else
        group->withdraw_due = true;
    actions_save(group);
    owner_soon(group);
    return STATUS_OK;
}

enum status group_leave(struct group *group, uint64_t now_ms)
{
    group_begin(group, now_ms);
    if (group->standing == GROUP_OWNER)
        return leave_as_owner(group);
    if (group->standing == GROUP_MEMBER)
        leave_as_member(group);
    else if (group->standing != GROUP_LEAVING)
        group_set_gone(group);
    return STATUS_OK;
}
