/* What group_save wrote, and what goes on from there. */
#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

#define STATE_SECTION_MAX (4u << 20) /* bytes; 512 members' lists of changes take 100 KB */

/* ---- sections ---- */

static bool load_basics(struct group *group, struct state_reader *in)
{
    state_read_fixed(in, &(struct public_key){{0}}, PUBLIC_BYTES); /* read before */
    uint8_t standing = state_read_u8(in);
    group->standing = (enum group_standing)standing;
    group->gone = state_read_u8(in) != 0;
    state_read_text(in, group->name, sizeof group->name);
    state_read_text(in, group->about, sizeof group->about);
    state_read_text(in, group->note, sizeof group->note);
    group->has_token = state_read_u8(in) != 0;
    state_read_fixed(in, group->token, INVITE_TOKEN_BYTES);
    group->created_unix_s = state_read_u64(in);
    group->applied_unix_s = state_read_u64(in);
    group->leave_epoch = state_read_u32(in);
    group->settled_seq = state_read_u64(in);
    state_read_fixed(in, group->settled_sha256, SHA256_BYTES);
    group->epoch_begun_unix_s = state_read_u64(in);
    group->shelf_seq = state_read_u64(in);
    group->shelf_expiry_unix_s = state_read_u64(in);
    group->shelf_slot = state_read_u8(in);
    group->fork_told_seq = state_read_u64(in);
    return !in->failed && standing <= GROUP_LEAVING && group->shelf_slot < SHELF_SLOTS;
}

static bool load_owner(struct group *group, struct state_reader *in)
{
    uint8_t root[ROOT_BYTES];
    state_read_fixed(in, root, sizeof root);
    group->listed = state_read_u8(in) != 0;
    group->history = state_read_u8(in) != 0;
    group->policy = state_read_u8(in) != 0 ? JOIN_ON_REQUEST : JOIN_INVITE_ONLY;
    group->expires_s = state_read_u32(in);
    group->head_written_unix_s = state_read_u64(in);
    group->ready_told = state_read_u8(in) != 0;
    group->rotate_due = state_read_u8(in) != 0;
    group->renew_due = state_read_u8(in) != 0;
    group->withdraw_due = state_read_u8(in) != 0;
    group->leave_after = state_read_u8(in) != 0;
    group->handover_due = state_read_u8(in) != 0;
    state_read_fixed(in, group->handover_to.bytes, PUBLIC_BYTES);
    group->handover_epoch = state_read_u32(in);
    group->handover_seq = state_read_u64(in);
    group->handover_expiry_unix_s = state_read_u64(in);
    group->times_floor_unix_s = state_read_u64(in);
    bool ok = !in->failed && group_set_root(group, root);
    keys_wipe(root, sizeof root);
    return ok;
}

static bool load_secrets(struct group *group, struct state_reader *in)
{
    const size_t max = sizeof group->secrets / sizeof group->secrets[0];
    while (in->at < in->end && !in->failed) {
        if (group->secret_count == max)
            return false;
        struct epoch_secret *secret = &group->secrets[group->secret_count++];
        secret->epoch = state_read_u32(in);
        state_read_fixed(in, secret->secret, ROOT_BYTES);
        secret->ended_unix_s = state_read_u64(in);
    }
    return !in->failed;
}

static bool load_held(struct held *held, struct state_reader *in)
{
    while (in->at < in->end && !in->failed) {
        enum record_kind kind = (enum record_kind)state_read_u8(in);
        bool fresh = state_read_u8(in) != 0;
        struct bytes value = state_read_run(in, DHT_VALUE_MAX);
        struct held_record *record = in->failed ? NULL : held_put(held, kind, value);
        if (record == NULL)
            return false;
        record->fresh = fresh;
    }
    return !in->failed;
}

static bool load_changes(struct change_list *list, struct state_reader *in)
{
    while (in->at < in->end && !in->failed) {
        struct change change = {0};
        change.type = state_read_u8(in) == CHANGE_ADD ? CHANGE_ADD : CHANGE_REMOVE;
        change.epoch = state_read_u32(in);
        state_read_fixed(in, change.member.key.bytes, PUBLIC_BYTES);
        state_read_fixed(in, change.member.box_public, X25519_BYTES);
        state_read_fixed(in, change.member.user.bytes, PUBLIC_BYTES);
        state_read_fixed(in, change.member.join_signature, ED25519_SIGNATURE_BYTES);
        change.member.role = state_read_u8(in) == ROLE_OWNER ? ROLE_OWNER : ROLE_MEMBER;
        change.member.since_epoch = state_read_u32(in);
        state_read_text(in, change.member.name, sizeof change.member.name);
        if (in->failed || !changes_add(list, &change, PENDING_MAX))
            return false;
    }
    return !in->failed;
}

static bool load_roster(const struct group *group, struct bytes plain, struct roster *out)
{
    size_t dropped;
    return roster_decode(plain, &group->key, out, &dropped) == STATUS_OK;
}

static struct state_reader reader_of(struct bytes bytes)
{
    return (struct state_reader){.at = bytes.data, .end = bytes.data + bytes.len};
}

static bool load_writing(struct group *group, struct state_reader *in)
{
    struct writing *writing = &group->writing;
    uint8_t step = state_read_u8(in);
    writing->seq = state_read_u64(in);
    writing->epoch = state_read_u32(in);
    state_read_fixed(in, writing->secret, ROOT_BYTES);
    writing->withdraws = state_read_u8(in) != 0;
    writing->hands_over = state_read_u8(in) != 0;
    struct bytes roster = state_read_run(in, STATE_SECTION_MAX);
    struct state_reader records = reader_of(state_read_run(in, STATE_SECTION_MAX));
    struct state_reader changes = reader_of(state_read_run(in, STATE_SECTION_MAX));
    if (in->failed || step > WRITE_HEAD || !load_held(&writing->records, &records) ||
        !load_changes(&writing->changes, &changes))
        return false;
    writing->step = (enum write_step)step;
    bool has_roster = writing->step != WRITE_HEAD && !writing->withdraws;
    return !has_roster || load_roster(group, roster, &writing->roster);
}

static bool load_requests(struct group *group, struct state_reader *in)
{
    group->requests = calloc(REQUESTS_MAX, sizeof *group->requests);
    while (in->at < in->end && !in->failed) {
        struct bytes plain = state_read_run(in, STATE_SECTION_MAX);
        if (group->requests == NULL || group->request_count == REQUESTS_MAX || in->failed)
            return false;
        if (join_request_decode(plain, &group->key, &group->requests[group->request_count]) ==
            STATUS_OK)
            group->request_count++;
    }
    return !in->failed;
}

static bool load_rejected(struct group *group, struct state_reader *in)
{
    group->rejected = calloc(REJECTED_MAX, sizeof *group->rejected);
    while (in->at < in->end && !in->failed) {
        if (group->rejected == NULL || group->rejected_count == REJECTED_MAX)
            return false;
        state_read_fixed(in, group->rejected[group->rejected_count++].user.bytes, PUBLIC_BYTES);
    }
    return !in->failed;
}

static bool load_used_by(struct open_invite *invite, struct bytes run)
{
    invite->used_count = run.len / PUBLIC_BYTES;
    if (invite->used_count == 0)
        return true;
    invite->used_by = calloc(invite->used_count, sizeof *invite->used_by);
    if (invite->used_by == NULL)
        return false;
    memcpy(invite->used_by, run.data, invite->used_count * PUBLIC_BYTES);
    return true;
}

static bool load_invites(struct group *group, struct state_reader *in)
{
    group->invites = calloc(INVITES_MAX, sizeof *group->invites);
    while (in->at < in->end && !in->failed) {
        if (group->invites == NULL || group->invite_count == INVITES_MAX)
            return false;
        struct open_invite *invite = &group->invites[group->invite_count++];
        state_read_fixed(in, invite->token, INVITE_TOKEN_BYTES);
        invite->uses_left = state_read_u32(in);
        invite->made_unix_s = state_read_u64(in);
        invite->expiry_unix_s = state_read_u64(in);
        if (!load_used_by(invite, state_read_run(in, INVITE_USES_MAX * PUBLIC_BYTES)))
            return false;
    }
    return !in->failed;
}

static bool load_times(struct group *group, struct state_reader *in)
{
    group->times = calloc(CHANGES_MAX, sizeof *group->times);
    while (in->at < in->end && !in->failed) {
        if (group->times == NULL || group->time_count == CHANGES_MAX)
            return false;
        struct change_time *time = &group->times[group->time_count++];
        state_read_fixed(in, time->member.bytes, PUBLIC_BYTES);
        time->unix_s = state_read_u64(in);
    }
    return !in->failed;
}

static bool load_section(struct group *group, uint8_t section, struct bytes content)
{
    struct state_reader in = reader_of(content);
    switch (section) {
    case STATE_BASICS:
        return load_basics(group, &in);
    case STATE_OWNER:
        return load_owner(group, &in);
    case STATE_HEAD:
        return content.len == 0 || head_load(group, content);
    case STATE_ROSTER:
        group->has_roster =
            load_roster(group, state_read_run(&in, STATE_SECTION_MAX), &group->roster);
        return group->has_roster;
    case STATE_SECRETS:
        return load_secrets(group, &in);
    case STATE_HELD:
        return load_held(&group->held, &in);
    case STATE_WRITING:
        return load_writing(group, &in);
    case STATE_PENDING:
        return load_changes(&group->pending, &in);
    case STATE_JOURNAL:
        return load_changes(&group->journal, &in);
    case STATE_REQUESTS:
        return load_requests(group, &in);
    case STATE_REJECTED:
        return load_rejected(group, &in);
    case STATE_INVITES:
        return load_invites(group, &in);
    case STATE_TIMES:
        return load_times(group, &in);
    default:
        return true;
    }
}

/* ---- the whole ---- */

/* The first section begins with the group's key. */
static bool read_key(struct state_reader in, struct public_key *out)
{
    bool is_basics = state_read_u8(&in) == STATE_BASICS;
    struct bytes basics = state_read_run(&in, STATE_SECTION_MAX);
    if (in.failed || !is_basics || basics.len < PUBLIC_BYTES)
        return false;
    memcpy(out->bytes, basics.data, PUBLIC_BYTES);
    return true;
}

static bool load_all(struct group *group, struct state_reader in)
{
    while (in.at < in.end) {
        uint8_t section = state_read_u8(&in);
        struct bytes content = state_read_run(&in, STATE_SECTION_MAX);
        if (in.failed || !load_section(group, section, content))
            return false;
    }
    return true;
}

/* What the world may have missed, and what was under way. */
static void go_on(struct group *group)
{
    if (group_is_in(group))
        shelves_match_roster(group);
    timers_begin(group);
    if (group->has_root)
        for (size_t i = 0; i < group->held.count; i++)
            actions_publish(group, &group->held.items[i]);
    if (group->standing == GROUP_OWNER)
        writing_resume(group);
    if (group->standing == GROUP_APPLYING)
        post_begin(group, POST_JOIN);
    if (group->standing == GROUP_LEAVING && !group->gone)
        post_begin(group, POST_LEAVE);
    shelf_begin(group);
    if (group->gone)
        events_tell(group, GROUP_EVENT_GONE);
    if (group->settled_seq != group->head_seq && !group->head_is_empty &&
        group->standing != GROUP_REMOVED && !group->gone)
        reading_begin(group);
    else if (group_is_in(group) && group->has_roster)
        handover_check(group);
}

struct group *group_load(const struct group_config *config, struct bytes state, uint64_t now_ms)
{
    struct public_key key;
    struct state_reader in = reader_of(state);
    char magic[sizeof STATE_MAGIC - 1];
    state_read_fixed(&in, magic, sizeof magic);
    uint8_t version = state_read_u8(&in);
    if (in.failed || memcmp(magic, STATE_MAGIC, sizeof magic) != 0 || version != STATE_VERSION ||
        !read_key(in, &key))
        return NULL;
    struct group *group = group_new(config, &key, now_ms);
    if (group == NULL)
        return NULL;
    bool ok = load_all(group, in) && (group->standing != GROUP_OWNER || group->has_root) &&
              (!group_is_in(group) || group->has_roster);
    if (!ok) {
        group_free(group);
        return NULL;
    }
    go_on(group);
    group_settle(group);
    return group;
}
