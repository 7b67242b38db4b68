/* Giving a group away. Its root goes, boxed to the new owner, into an item of the group with salt
 * "t": signed by the group, so nobody can flood it; re-put like all that signs itself; where to
 * look is told by the roster, which names the new owner. Nobody polls anything for it.
 *
 *   body   u8 1 || u8 listed || u32 expires_s || BOX of the root; empty once taken over
 *
 * The former owner keeps the root, and the records in the table, until the new one has written an
 * epoch of his own; then he wipes it. That he did cannot be proved: see docs/security.md. */
#include <string.h>

#include "people/group_private.h"

#define HANDOVER_SALT    "t"
#define HANDOVER_VERSION 1
#define HANDOVER_HEADER  6

struct id handover_key(const struct group *group)
{
    return key_of_item(group->key.bytes, bytes_of_string(HANDOVER_SALT));
}

/* ---- the old owner ---- */

static bool make_item(struct group *group, const struct buffer *body, struct buffer *out)
{
    uint64_t expiry = plan_expiry(group, ITEM_LIFE_MAX_S, group->handover_expiry_unix_s);
    group->handover_expiry_unix_s = expiry;
    return !body->failed &&
           item_record_make(group->pairs.seed, bytes_of_string(HANDOVER_SALT),
                            ++group->handover_seq, expiry, buffer_bytes(body), out) == STATUS_OK;
}

bool handover_record(struct group *group, const struct member *to, struct buffer *out)
{
    uint8_t ephemeral[X25519_BYTES], header[HANDOVER_HEADER] = {HANDOVER_VERSION, group->listed};
    struct buffer body;
    buffer_init(&body);
    write_u32(header + 2, group->expires_s);
    buffer_add(&body, header, sizeof header);
    group_fill_random(group, ephemeral, sizeof ephemeral);
    bool ok = handover_make(group->root, &group->key, to, ephemeral, &body) == STATUS_OK &&
              make_item(group, &body, out);
    keys_wipe(ephemeral, sizeof ephemeral);
    buffer_dispose(&body);
    return ok;
}

bool handover_clear_record(struct group *group, struct buffer *out)
{
    struct buffer nothing;
    buffer_init(&nothing);
    return make_item(group, &nothing, out);
}

enum status group_transfer(struct group *group, const struct public_key *user, uint64_t now_ms)
{
    group_begin(group, now_ms);
    if (group->standing != GROUP_OWNER)
        return STATUS_REFUSED;
    const struct member *to = roster_find_user(&group->roster, user);
    if (to == NULL || public_key_equal(&to->key, &group->own.public_key))
        return STATUS_NOT_FOUND;
    group->handover_due = true;
    group->handover_to = to->key;
    actions_save(group);
    owner_soon(group);
    return STATUS_OK;
}

/* ---- the new one ---- */

void handover_ask(struct group *group)
{
    struct id key = handover_key(group);
    group->reading.stage = READ_HANDOVER;
    if (!looking_for(group, LOOK_HANDOVER))
        looking_begin(group, LOOK_HANDOVER, &key, KIND_ITEM, 0);
}

static bool open_item(struct group *group, struct bytes value, uint8_t root[ROOT_BYTES])
{
    struct item_record item;
    if (!item_record_decode(value, &item) || item.body.len <= HANDOVER_HEADER ||
        item.body.data[0] != HANDOVER_VERSION)
        return false;
    struct bytes boxed =
        bytes_of(item.body.data + HANDOVER_HEADER, item.body.len - HANDOVER_HEADER);
    if (handover_open(boxed, &group->key, &group->own, root) != STATUS_OK)
        return false;
    group->handover_seq = item.seq;
    group->handover_expiry_unix_s = item.expiry_unix_s;
    group->listed = item.body.data[1] != 0;
    group->expires_s = read_u32(item.body.data + 2);
    return true;
}

static void become_owner(struct group *group)
{
    group->standing = GROUP_OWNER;
    group->rotate_due = true;
    group->ready_told = group->head_looked_for = true;
    /* The former owner's notice that he leaves may be of the same second. */
    group->times_floor_unix_s = group->roster.time_unix_s - 1;
    for (size_t i = 0; i < group->held.count; i++)
        actions_publish(group, &group->held.items[i]);
    timers_begin(group);
    actions_save(group);
    owner_soon(group);
    events_tell(group, GROUP_EVENT_OWNER);
}

void handover_done(struct group *group, struct looking *looking)
{
    uint8_t root[ROOT_BYTES];
    if (group->reading.stage != READ_HANDOVER)
        return;
    bool ok = open_item(group, looking_best(looking), root) && group_set_root(group, root);
    keys_wipe(root, sizeof root);
    if (!ok) {
        reading_again(group);
        return;
    }
    reading_stop(group);
    become_owner(group);
}

/* ---- who is the owner now? ---- */

static void become_member(struct group *group)
{
    writing_stop(group);
    group->standing = GROUP_MEMBER;
    if (group->handover_epoch == 0) /* another device of ours gave it away */
        group->handover_epoch = group->roster.epoch;
    timers_begin(group);
    actions_save(group);
    events_tell(group, GROUP_EVENT_OWNER);
}

void handover_check(struct group *group)
{
    const struct member *own = roster_find(&group->roster, &group->own.public_key);
    if (own == NULL)
        return;
    if (own->role == ROLE_OWNER && !group->has_root)
        handover_ask(group);
    else if (own->role == ROLE_OWNER && group->standing != GROUP_OWNER)
        become_owner(group);
    else if (own->role != ROLE_OWNER && group->standing == GROUP_OWNER)
        become_member(group);
    if (own->role != ROLE_OWNER && group->has_root && group->roster.epoch > group->handover_epoch)
        group_forget_root(group);
    leave_if_asked(group);
}
