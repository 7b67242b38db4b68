/* The records of a new HEAD: what of the old ones stays, what is new. All of it is made before any
 * of it is published, and saved, so that a crash at any point goes on where it was.
 *
 * Key pages are signed for as long as items may live, since an epoch may outlast several HEADs; a
 * page that would end before HEAD does is signed anew. */
#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

/* Times that end together would link two groups of one owner: some minutes less. It never falls,
 * or an older HEAD would outlive a newer one. */
uint64_t plan_expiry(struct group *group, uint64_t life_s, uint64_t not_before)
{
    uint64_t minutes = rng_below(&group->rng, EXPIRY_RANDOM_MIN);
    uint64_t expiry = group_unix_s(group) + life_s - minutes * 60;
    return expiry > not_before ? expiry : not_before;
}

/* ---- the roster ---- */

static bool add_member(struct roster *roster, const struct member *member, uint32_t epoch)
{
    if (roster->member_count >= GROUP_MEMBERS_MAX)
        return true; /* it stays outside */
    struct member *members = realloc(roster->members, (roster->member_count + 1) * sizeof *members);
    if (members == NULL)
        return false;
    roster->members = members;
    members[roster->member_count] = *member;
    members[roster->member_count++].since_epoch = epoch;
    return true;
}

static void remove_member(struct roster *roster, const struct public_key *key)
{
    const struct member *member = roster_find(roster, key);
    if (member == NULL)
        return;
    size_t at = (size_t)(member - roster->members);
    roster->member_count--;
    memmove(&roster->members[at], &roster->members[at + 1],
            (roster->member_count - at) * sizeof *roster->members);
}

static void set_role(struct roster *roster, const struct public_key *key, enum member_role role)
{
    for (size_t i = 0; i < roster->member_count; i++)
        if (public_key_equal(&roster->members[i].key, key))
            roster->members[i].role = role;
}

static bool apply_changes(struct group *group, struct writing *writing)
{
    struct roster *roster = &writing->roster;
    for (size_t i = 0; i < group->pending.count; i++) {
        struct change change = group->pending.items[i];
        change.epoch = writing->epoch;
        if (change.type == CHANGE_REMOVE)
            remove_member(roster, &change.member.key);
        else if (!add_member(roster, &change.member, writing->epoch))
            return false;
        if (!changes_add(&writing->changes, &change, PENDING_MAX))
            return false;
    }
    return true;
}

/* Secrets of the epochs before, newest run of them. */
static bool add_history(struct group *group, struct roster *roster)
{
    uint32_t count = roster->epoch - 1 < OLD_EPOCHS_MAX ? roster->epoch - 1 : OLD_EPOCHS_MAX;
    uint32_t known = 0;
    while (known < count && secrets_find(group, roster->epoch - 1 - known) != NULL)
        known++;
    free(roster->old_secrets);
    roster->old_secrets = NULL;
    roster->old_count = 0;
    if (known == 0)
        return true;
    roster->old_secrets = malloc(known * sizeof *roster->old_secrets);
    if (roster->old_secrets == NULL)
        return false;
    roster->old_count = known;
    for (uint32_t i = 0; i < known; i++) {
        const struct epoch_secret *old = secrets_find(group, roster->epoch - known + i);
        memcpy(roster->old_secrets[i], old->secret, ROOT_BYTES);
    }
    return true;
}

static bool make_roster(struct group *group, const struct plan *plan)
{
    struct writing *writing = &group->writing;
    struct roster *roster = &writing->roster;
    if (roster_copy(&group->roster, roster) != STATUS_OK)
        return false;
    roster->epoch = writing->epoch;
    if (!plan->new_roster && !plan->new_epoch)
        return true;
    roster->time_unix_s = group_unix_s(group);
    if (!apply_changes(group, writing))
        return false;
    if (plan->hands_over && roster_find(roster, &group->handover_to) != NULL) {
        set_role(roster, &group->own.public_key, ROLE_MEMBER);
        set_role(roster, &group->handover_to, ROLE_OWNER);
        writing->hands_over = true;
    }
    return !roster->history || add_history(group, roster);
}

/* ---- records ---- */

static struct held_record *put_fresh(struct writing *writing, enum record_kind kind,
                                     const struct buffer *value)
{
    struct held_record *record =
        value->failed ? NULL : held_put(&writing->records, kind, buffer_bytes(value));
    if (record != NULL)
        record->fresh = true;
    return record;
}

static bool put_page(struct group *group, const struct keypage *page, uint16_t number, uint64_t seq,
                     uint64_t not_before)
{
    uint8_t salt[KEYPAGE_SALT_BYTES];
    struct buffer body, value;
    buffer_init(&body);
    buffer_init(&value);
    keypage_salt(group->writing.epoch, group->writing.mark, number, salt);
    keypage_encode(page, &body);
    bool ok = !body.failed &&
              item_record_make(group->pairs.seed, bytes_of(salt, sizeof salt), seq,
                               plan_expiry(group, ITEM_LIFE_MAX_S, not_before), buffer_bytes(&body),
                               &value) == STATUS_OK &&
              put_fresh(&group->writing, KIND_ITEM, &value) != NULL;
    buffer_dispose(&body);
    buffer_dispose(&value);
    return ok;
}

static bool add_box(struct group *group, struct keypage *page, const struct member *member)
{
    uint8_t ephemeral[X25519_BYTES];
    group_fill_random(group, ephemeral, sizeof ephemeral);
    bool ok =
        keypage_box_make(&group->pairs, &member->key, member->box_public, group->writing.epoch,
                         group->writing.secret, ephemeral, &page->boxes[page->count]) == STATUS_OK;
    keys_wipe(ephemeral, sizeof ephemeral);
    page->count += ok;
    return ok;
}

static bool make_all_pages(struct group *group)
{
    const struct roster *roster = &group->writing.roster;
    uint16_t number = 0;
    for (size_t i = 0; i < roster->member_count; number++) {
        struct keypage page = {0};
        while (page.count < KEYPAGE_BOXES && i < roster->member_count)
            if (!add_box(group, &page, &roster->members[i++]))
                return false;
        if (!put_page(group, &page, number, 1, 0))
            return false;
    }
    return true;
}

/* The pages of this epoch as they are, those about to end signed anew. */
static bool keep_pages(struct group *group, uint64_t head_expiry)
{
    for (uint16_t number = 0; number < group->body.keypages; number++) {
        struct id key = page_key(group, number);
        const struct held_record *held = held_find(&group->held, &key);
        struct item_record item;
        struct keypage page;
        if (held == NULL || !item_record_decode(held_value(held), &item) ||
            !keypage_decode(item.body, &page))
            return false;
        bool ends_early = item.expiry_unix_s + PAGE_SLACK_S < head_expiry;
        bool ok = ends_early ? put_page(group, &page, number, item.seq + 1, item.expiry_unix_s)
                             : held_copy(&group->writing.records, held);
        if (!ok)
            return false;
    }
    return true;
}

/* Of the epoch that goes on. */
static bool read_page(const struct group *group, uint16_t number, struct keypage *page,
                      struct item_record *item)
{
    struct id key = page_key(group, number);
    const struct held_record *record = held_find(&group->writing.records, &key);
    return record != NULL && item_record_decode(held_value(record), item) &&
           keypage_decode(item->body, page);
}

/* Boxes of those who came, on the last page and further ones. */
static bool append_boxes(struct group *group, uint16_t *pages)
{
    const struct writing *writing = &group->writing;
    for (size_t i = 0; i < writing->changes.count; i++) {
        const struct change *change = &writing->changes.items[i];
        struct keypage page = {0};
        struct item_record item = {0};
        if (change->type != CHANGE_ADD ||
            roster_find(&writing->roster, &change->member.key) == NULL)
            continue;
        bool found = *pages > 0 && read_page(group, (uint16_t)(*pages - 1), &page, &item);
        if (!found || page.count == KEYPAGE_BOXES) {
            page = (struct keypage){0};
            item = (struct item_record){0};
            ++*pages;
        }
        if (*pages > GROUP_KEYPAGES_MAX || !add_box(group, &page, &change->member) ||
            !put_page(group, &page, (uint16_t)(*pages - 1), item.seq + 1, item.expiry_unix_s))
            return false;
    }
    return true;
}

/* ---- parts ---- */

static bool put_parts(struct writing *writing, struct bytes all, struct id keys[], size_t *count)
{
    for (*count = 0; all.len > 0; ++*count) {
        size_t len = all.len < PART_BYTES_MAX ? all.len : PART_BYTES_MAX;
        struct held_record *part =
            *count < ROSTER_PARTS_MAX
                ? held_put(&writing->records, KIND_PART, bytes_of(all.data, len))
                : NULL;
        if (part == NULL)
            return false;
        part->fresh = true;
        keys[*count] = part->key;
        all = bytes_of(all.data + len, all.len - len);
    }
    return true;
}

static bool name_parts(struct writing *writing, const struct id keys[], size_t count,
                       struct head_body *body)
{
    struct id index[ROSTER_PARTS_MAX];
    size_t index_count = 0;
    body->index = count > HEAD_PARTS_MAX;
    if (body->index)
        for (size_t at = 0; at < count; at += INDEX_PARTS_MAX) {
            size_t some = count - at < INDEX_PARTS_MAX ? count - at : INDEX_PARTS_MAX;
            struct held_record *part =
                held_put(&writing->records, KIND_PART, bytes_of(&keys[at], some * sizeof *keys));
            if (part == NULL)
                return false;
            part->fresh = true;
            index[index_count++] = part->key;
        }
    body->part_count = (uint8_t)(body->index ? index_count : count);
    memcpy(body->parts, body->index ? index : keys, body->part_count * sizeof *keys);
    return true;
}

static bool seal_roster(struct group *group, struct head_body *body)
{
    struct writing *writing = &group->writing;
    struct id keys[ROSTER_PARTS_MAX];
    struct epoch_keys epoch;
    struct buffer sealed;
    size_t count;
    buffer_init(&sealed);
    bool ok =
        epoch_keys_derive(&group->key, writing->epoch, writing->secret, &epoch) == STATUS_OK &&
        roster_seal(&writing->roster, &group->key, &epoch, &group->rng, &sealed) == STATUS_OK &&
        put_parts(writing, buffer_bytes(&sealed), keys, &count) &&
        name_parts(writing, keys, count, body);
    struct bytes all = buffer_bytes(&sealed);
    sha256_of_parts(&all, 1, body->roster_sha256);
    body->roster_len = (uint32_t)sealed.len;
    keys_wipe(&epoch, sizeof epoch);
    buffer_dispose(&sealed);
    return ok;
}

static bool keep_parts(struct group *group)
{
    for (size_t i = 0; i < group->held.count; i++)
        if (group->held.items[i].kind == KIND_PART &&
            !held_copy(&group->writing.records, &group->held.items[i]))
            return false;
    return true;
}

/* ---- HEAD, and all together ---- */

static bool put_head(struct group *group, const struct head_body *body, uint64_t expiry)
{
    struct buffer encoded, value;
    buffer_init(&encoded);
    buffer_init(&value);
    if (body != NULL)
        head_body_encode(body, &encoded);
    bool ok =
        !encoded.failed &&
        item_record_make(group->pairs.seed, bytes_of_string(ITEM_SALT_HEAD), group->writing.seq,
                         expiry, buffer_bytes(&encoded), &value) == STATUS_OK &&
        put_fresh(&group->writing, KIND_ITEM, &value) != NULL;
    buffer_dispose(&encoded);
    buffer_dispose(&value);
    return ok;
}

/* It stays empty once the group was taken over. */
static const struct held_record *cleared_handover(const struct group *group)
{
    struct id key = handover_key(group);
    struct item_record item;
    const struct held_record *held = held_find(&group->held, &key);
    bool cleared =
        held != NULL && item_record_decode(held_value(held), &item) && item.body.len == 0;
    return cleared ? held : NULL;
}

static bool put_handover(struct group *group)
{
    struct buffer value;
    const struct held_record *cleared = cleared_handover(group);
    if (cleared != NULL && !group->writing.hands_over)
        return held_copy(&group->writing.records, cleared);
    buffer_init(&value);
    const struct member *to = roster_find(&group->writing.roster, &group->handover_to);
    bool ok = true;
    if (group->writing.hands_over)
        ok = handover_record(group, to, &value);
    else if (group->handover_seq > 0)
        ok = handover_clear_record(group, &value);
    if (ok && value.len > 0)
        ok = put_fresh(&group->writing, KIND_ITEM, &value) != NULL;
    buffer_dispose(&value);
    return ok;
}

static bool may_keep_pages(const struct group *group)
{
    for (uint16_t number = 0; number < group->body.keypages; number++) {
        struct id key = page_key(group, number);
        if (held_find(&group->held, &key) == NULL)
            return false;
    }
    return group->body.keypages > 0;
}

static bool set_mark(const struct group *group, struct writing *writing)
{
    struct epoch_keys keys;
    if (epoch_keys_derive(&group->key, writing->epoch, writing->secret, &keys) != STATUS_OK)
        return false;
    epoch_mark(&keys, writing->mark);
    keys_wipe(&keys, sizeof keys);
    return true;
}

/* True: it is a new one. */
static bool choose_epoch(struct group *group, const struct plan *plan)
{
    struct writing *writing = &group->writing;
    const struct epoch_secret *secret = secrets_find(group, group->roster.epoch);
    bool fresh = plan->new_epoch || secret == NULL || !secret_is_of_head(group, secret->secret) ||
                 !may_keep_pages(group);
    if (fresh) {
        uint32_t newest =
            group->body.epoch > group->roster.epoch ? group->body.epoch : group->roster.epoch;
        writing->epoch = group->head.len > 0 ? newest + 1 : 1;
        group_fill_random(group, writing->secret, ROOT_BYTES);
    } else {
        writing->epoch = group->roster.epoch;
        memcpy(writing->secret, secret->secret, ROOT_BYTES);
    }
    return fresh;
}

static bool make_records(struct group *group, const struct plan *plan, uint64_t expiry)
{
    struct writing *writing = &group->writing;
    struct head_body body = group->body;
    body.epoch = writing->epoch;
    body.policy = group->policy;
    memcpy(body.mark, writing->mark, sizeof body.mark);
    memcpy(body.box_public, group->pairs.box_public, sizeof body.box_public);
    if (plan->new_epoch) {
        if (!make_all_pages(group))
            return false;
        body.keypages =
            (uint16_t)((writing->roster.member_count + KEYPAGE_BOXES - 1) / KEYPAGE_BOXES);
    } else if (!keep_pages(group, expiry) || !append_boxes(group, &body.keypages)) {
        return false;
    }
    bool same_roster = !plan->new_epoch && !plan->new_roster;
    if (same_roster ? !keep_parts(group) : !seal_roster(group, &body))
        return false;
    return put_handover(group) && put_head(group, &body, expiry);
}

bool plan_make(struct group *group, const struct plan *wanted)
{
    struct writing *writing = &group->writing;
    struct plan plan = *wanted;
    writing->seq = 1 + (group->seq_seen > group->head_seq ? group->seq_seen : group->head_seq);
    uint64_t expiry = plan_expiry(group, group->expires_s, group->expiry_seen_unix_s);
    writing->withdraws = plan.withdraws;
    plan.new_epoch = choose_epoch(group, &plan);
    if (plan.withdraws)
        return put_head(group, NULL, expiry);
    return set_mark(group, writing) && make_roster(group, &plan) &&
           make_records(group, &plan, expiry);
}
