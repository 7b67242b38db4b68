/* The state of one group as bytes: "kpgroup", u8 version, sections. Secrets are in it: it belongs
 * into a keystore. Our own shelf's entries are not: the caller has them. */
#include "people/group_private.h"

static size_t section_begin(struct buffer *out, enum state_section section)
{
    state_u8(out, (uint8_t)section);
    state_u32(out, 0);
    return out->len;
}

static void section_end(struct buffer *out, size_t begin)
{
    if (!out->failed)
        write_u32(out->data + begin - 4, (uint32_t)(out->len - begin));
}

static void save_basics(const struct group *group, struct buffer *out)
{
    size_t at = section_begin(out, STATE_BASICS);
    buffer_add(out, group->key.bytes, PUBLIC_BYTES);
    state_u8(out, (uint8_t)group->standing);
    state_u8(out, group->gone);
    state_text(out, group->name);
    state_text(out, group->about);
    state_text(out, group->note);
    state_u8(out, group->has_token);
    buffer_add(out, group->token, INVITE_TOKEN_BYTES);
    state_u64(out, group->created_unix_s);
    state_u64(out, group->applied_unix_s);
    state_u32(out, group->leave_epoch);
    state_u64(out, group->settled_seq);
    buffer_add(out, group->settled_sha256, SHA256_BYTES);
    state_u64(out, group->epoch_begun_unix_s);
    state_u64(out, group->shelf_seq);
    state_u64(out, group->shelf_expiry_unix_s);
    state_u8(out, group->shelf_slot);
    state_u64(out, group->fork_told_seq);
    section_end(out, at);
}

static void save_owner(const struct group *group, struct buffer *out)
{
    size_t at = section_begin(out, STATE_OWNER);
    buffer_add(out, group->root, ROOT_BYTES);
    state_u8(out, group->listed);
    state_u8(out, group->history);
    state_u8(out, (uint8_t)group->policy);
    state_u32(out, group->expires_s);
    state_u64(out, group->head_written_unix_s);
    state_u8(out, group->ready_told);
    state_u8(out, group->rotate_due);
    state_u8(out, group->renew_due);
    state_u8(out, group->withdraw_due);
    state_u8(out, group->leave_after);
    state_u8(out, group->handover_due);
    buffer_add(out, group->handover_to.bytes, PUBLIC_BYTES);
    state_u32(out, group->handover_epoch);
    state_u64(out, group->handover_seq);
    state_u64(out, group->handover_expiry_unix_s);
    state_u64(out, group->times_floor_unix_s);
    section_end(out, at);
}

static void save_roster(const struct roster *roster, struct buffer *out)
{
    struct buffer plain;
    buffer_init(&plain);
    roster_encode(roster, &plain);
    out->failed |= plain.failed;
    state_run(out, buffer_bytes(&plain));
    keys_wipe(plain.data, plain.len);
    buffer_dispose(&plain);
}

static void save_secrets(const struct group *group, struct buffer *out)
{
    size_t at = section_begin(out, STATE_SECRETS);
    for (size_t i = 0; i < group->secret_count; i++) {
        state_u32(out, group->secrets[i].epoch);
        buffer_add(out, group->secrets[i].secret, ROOT_BYTES);
        state_u64(out, group->secrets[i].ended_unix_s);
    }
    section_end(out, at);
}

static void save_held(const struct held *held, struct buffer *out)
{
    for (size_t i = 0; i < held->count; i++) {
        state_u8(out, (uint8_t)held->items[i].kind);
        state_u8(out, held->items[i].fresh);
        state_run(out, held_value(&held->items[i]));
    }
}

static void save_changes(const struct change_list *list, struct buffer *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct change *change = &list->items[i];
        const struct member *member = &change->member;
        state_u8(out, (uint8_t)change->type);
        state_u32(out, change->epoch);
        buffer_add(out, member->key.bytes, PUBLIC_BYTES);
        buffer_add(out, member->box_public, X25519_BYTES);
        buffer_add(out, member->user.bytes, PUBLIC_BYTES);
        buffer_add(out, member->join_signature, ED25519_SIGNATURE_BYTES);
        state_u8(out, (uint8_t)member->role);
        state_u32(out, member->since_epoch);
        state_text(out, member->name);
    }
}

static void save_change_section(const struct change_list *list, enum state_section section,
                                struct buffer *out)
{
    size_t at = section_begin(out, section);
    save_changes(list, out);
    section_end(out, at);
}

static void save_writing(const struct writing *writing, struct buffer *out)
{
    size_t at = section_begin(out, STATE_WRITING);
    struct buffer records, changes;
    buffer_init(&records);
    buffer_init(&changes);
    state_u8(out, (uint8_t)writing->step);
    state_u64(out, writing->seq);
    state_u32(out, writing->epoch);
    buffer_add(out, writing->secret, ROOT_BYTES);
    state_u8(out, writing->withdraws);
    state_u8(out, writing->hands_over);
    save_roster(&writing->roster, out);
    save_held(&writing->records, &records);
    save_changes(&writing->changes, &changes);
    state_run(out, buffer_bytes(&records));
    state_run(out, buffer_bytes(&changes));
    out->failed |= records.failed || changes.failed;
    buffer_dispose(&records);
    buffer_dispose(&changes);
    section_end(out, at);
}

static void save_requests(const struct group *group, struct buffer *out)
{
    size_t at = section_begin(out, STATE_REQUESTS);
    struct buffer plain;
    buffer_init(&plain);
    for (size_t i = 0; i < group->request_count; i++) {
        buffer_clear(&plain);
        join_request_encode(&group->requests[i], &plain);
        out->failed |= plain.failed;
        state_run(out, buffer_bytes(&plain));
    }
    buffer_dispose(&plain);
    section_end(out, at);
}

static void save_invites(const struct group *group, struct buffer *out)
{
    size_t at = section_begin(out, STATE_INVITES);
    for (size_t i = 0; i < group->invite_count; i++) {
        const struct open_invite *invite = &group->invites[i];
        buffer_add(out, invite->token, INVITE_TOKEN_BYTES);
        state_u32(out, invite->uses_left);
        state_u64(out, invite->made_unix_s);
        state_u64(out, invite->expiry_unix_s);
        state_run(out, bytes_of(invite->used_by, invite->used_count * PUBLIC_BYTES));
    }
    section_end(out, at);
}

static void save_people(const struct group *group, struct buffer *out)
{
    size_t at = section_begin(out, STATE_REJECTED);
    for (size_t i = 0; i < group->rejected_count; i++)
        buffer_add(out, group->rejected[i].user.bytes, PUBLIC_BYTES);
    section_end(out, at);
    at = section_begin(out, STATE_TIMES);
    for (size_t i = 0; i < group->time_count; i++) {
        buffer_add(out, group->times[i].member.bytes, PUBLIC_BYTES);
        state_u64(out, group->times[i].unix_s);
    }
    section_end(out, at);
}

static void save_records(const struct group *group, struct buffer *out)
{
    size_t at = section_begin(out, STATE_HEAD);
    buffer_add(out, group->head.data, group->head.len);
    section_end(out, at);
    at = section_begin(out, STATE_HELD);
    save_held(&group->held, out);
    section_end(out, at);
}

void group_save(const struct group *group, struct buffer *out)
{
    buffer_add_string(out, STATE_MAGIC);
    state_u8(out, STATE_VERSION);
    save_basics(group, out);
    if (group->has_root)
        save_owner(group, out);
    save_secrets(group, out);
    save_records(group, out);
    if (group->has_roster) {
        size_t at = section_begin(out, STATE_ROSTER);
        save_roster(&group->roster, out);
        section_end(out, at);
    }
    if (group->writing.step != WRITE_NOTHING)
        save_writing(&group->writing, out);
    save_change_section(&group->pending, STATE_PENDING, out);
    save_change_section(&group->journal, STATE_JOURNAL, out);
    save_requests(group, out);
    save_invites(group, out);
    save_people(group, out);
}
