/* The owner's mailboxes. Anybody who finds the work may put a drop there, so no more than some
 * boxes are opened of one look, and none twice. The invited ones are looked into every 5 s in the
 * first hour of an invite, when its guest is likely to be waiting, then every minute: a lookup
 * costs about 25 messages. */
#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

static uint64_t hash_of(struct bytes boxed)
{
    uint8_t digest[SHA256_BYTES];
    sha256_of_parts(&boxed, 1, digest);
    return read_u64(digest);
}

static bool was_seen(const struct group *group, uint64_t hash)
{
    for (size_t i = 0; i < group->mail_seen_count; i++)
        if (group->mail_seen[i] == hash)
            return true;
    return false;
}

static void see(struct group *group, uint64_t hash)
{
    if (group->mail_seen == NULL)
        group->mail_seen = calloc(MAIL_SEEN_MAX, sizeof *group->mail_seen);
    if (group->mail_seen == NULL)
        return;
    group->mail_seen[group->mail_seen_next] = hash;
    group->mail_seen_next = (group->mail_seen_next + 1) % MAIL_SEEN_MAX;
    if (group->mail_seen_count < MAIL_SEEN_MAX)
        group->mail_seen_count++;
}

/* True: it needs no second look. */
static bool open_box(struct group *group, struct bytes boxed)
{
    struct join_request request;
    struct leave_notice notice;
    enum status status = join_request_open(boxed, &group->pairs, &request);
    if (status == STATUS_OK) {
        status = requests_offer(group, &request);
        return status != STATUS_BUSY && status != STATUS_FULL && status != STATUS_NO_MEMORY;
    }
    if (leave_notice_open(boxed, &group->pairs, &notice) == STATUS_OK)
        requests_leave(group, &notice);
    else
        group->mail_refused++;
    return true;
}

void mail_value(struct group *group, struct looking *looking, struct bytes value)
{
    struct drop_record drop;
    if (group->standing != GROUP_OWNER || !drop_record_decode(value, &drop) ||
        !id_equal(&drop.mailbox, &looking->key) || drop.expiry_unix_s <= group_unix_s(group))
        return;
    uint64_t hash = hash_of(drop.body);
    if (was_seen(group, hash) || looking->opened >= MAIL_OPEN_MAX ||
        drop_record_work(&drop) < DROP_WORK_BITS)
        return;
    looking->opened++;
    if (open_box(group, drop.body))
        see(group, hash);
}

/* ---- when ---- */

void mail_ask(struct group *group)
{
    if (group->standing != GROUP_OWNER)
        return;
    bool quiet = group->policy == JOIN_INVITE_ONLY;
    group_timer_set(group, TIMER_MAIL,
                    jittered(group, quiet ? MAIL_POLL_QUIET_MS : MAIL_POLL_MS, 20));
    struct id mailbox = mailbox_of_group(&group->key);
    if (!looking_for(group, LOOK_MAIL))
        looking_begin(group, LOOK_MAIL, &mailbox, KIND_DROP, 0);
}

static bool any_is_fresh(const struct group *group)
{
    for (size_t i = 0; i < group->invite_count; i++)
        if (group->invites[i].made_unix_s + INVITE_FRESH_S > group_unix_s(group))
            return true;
    return false;
}

void mail_set_timers(struct group *group)
{
    if (group->invite_count == 0 || group->standing != GROUP_OWNER)
        timer_stop(group, TIMER_INVITES);
    else
        group_timer_set(group, TIMER_INVITES,
                        any_is_fresh(group) ? INVITE_POLL_MS : INVITE_POLL_SLOW_MS);
}

void mail_ask_invites(struct group *group)
{
    if (group->standing != GROUP_OWNER)
        return;
    invites_expire(group);
    for (size_t i = 0; i < group->invite_count; i++) {
        struct id mailbox = mailbox_of_invite(&group->key, group->invites[i].token);
        if (looking_find(group, LOOK_INVITE, &mailbox) == NULL)
            looking_begin(group, LOOK_INVITE, &mailbox, KIND_DROP, 0);
    }
    mail_set_timers(group);
}
