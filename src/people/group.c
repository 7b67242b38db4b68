/* A group is made, applied to, ended; and what can be asked of it. */
#include "people/group.h"

#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

/* ---- small things that all share ---- */

uint64_t group_unix_s(const struct group *group)
{
    return (group->unix_base_ms + group->now_ms) / 1000;
}

bool group_is_in(const struct group *group)
{
    return group->standing == GROUP_MEMBER || group->standing == GROUP_OWNER;
}

void group_fill_random(struct group *group, void *out, size_t len)
{
    rng_fill(&group->rng, out, len);
}

void group_begin(struct group *group, uint64_t now_ms)
{
    if (now_ms > group->now_ms)
        group->now_ms = now_ms;
}

/* What waited for something else to end goes on. */
void group_settle(struct group *group)
{
    if (group->standing == GROUP_OWNER && group->timers[TIMER_OWNER] == UINT64_MAX)
        owner_work(group);
}

/* ---- making ---- */

struct group *group_new(const struct group_config *config, const struct public_key *key,
                        uint64_t now_ms)
{
    struct group *group = calloc(1, sizeof *group);
    struct key_pairs user;
    if (group == NULL)
        return NULL;
    group->rng = config->rng;
    memcpy(group->user_root, config->user_root, ROOT_BYTES);
    memcpy(group->user_name, config->user_name, sizeof group->user_name);
    group->unix_base_ms = config->unix_base_ms;
    group->now_ms = now_ms;
    group->key = *key;
    group->head_key = key_of_item(key->bytes, bytes_of_string(ITEM_SALT_HEAD));
    group->expires_s = (uint32_t)HEAD_LIFE_DEFAULT_S;
    timers_stop(group);
    bool ok = keys_of_user(config->user_root, &user) == STATUS_OK &&
              keys_of_member(config->user_root, key, &group->own) == STATUS_OK;
    group->user = user.public_key;
    keys_wipe(&user, sizeof user);
    if (!ok) {
        group_free(group);
        return NULL;
    }
    return group;
}

/* False: it is another group's. */
bool group_set_root(struct group *group, const uint8_t root[ROOT_BYTES])
{
    if (keys_of_group(root, &group->pairs) != STATUS_OK ||
        !public_key_equal(&group->pairs.public_key, &group->key)) {
        keys_wipe(&group->pairs, sizeof group->pairs);
        return false;
    }
    memcpy(group->root, root, ROOT_BYTES);
    group->has_root = true;
    return true;
}

static uint32_t life_of(const struct group_options *options)
{
    if (options->expires_s == 0)
        return (uint32_t)HEAD_LIFE_DEFAULT_S;
    if (options->expires_s < HEAD_LIFE_MIN_S)
        return (uint32_t)HEAD_LIFE_MIN_S;
    return options->expires_s < ITEM_LIFE_MAX_S ? options->expires_s : (uint32_t)ITEM_LIFE_MAX_S;
}

static bool begin_roster(struct group *group, const struct group_options *options)
{
    struct key_pairs user;
    struct roster *roster = &group->roster;
    roster->members = calloc(1, sizeof *roster->members);
    if (roster->members == NULL || keys_of_user(group->user_root, &user) != STATUS_OK)
        return false;
    memcpy(roster->name, options->name, sizeof roster->name);
    memcpy(roster->about, options->about, sizeof roster->about);
    roster->epoch = 1;
    roster->time_unix_s = group_unix_s(group);
    roster->history = options->history;
    struct member *owner = &roster->members[roster->member_count++];
    *owner = (struct member){
        .key = group->own.public_key, .user = group->user, .role = ROLE_OWNER, .since_epoch = 1};
    memcpy(owner->box_public, group->own.box_public, X25519_BYTES);
    memcpy(owner->name, group->user_name, sizeof owner->name);
    enum status status = join_sign(user.seed, &group->key, &group->own, owner->join_signature);
    keys_wipe(&user, sizeof user);
    group->has_roster = status == STATUS_OK;
    return group->has_roster;
}

static bool begin_as_owner(struct group *group, const uint8_t root[ROOT_BYTES],
                           const struct group_options *options)
{
    struct plan plan = {.new_epoch = true, .new_roster = true};
    if (!group_set_root(group, root) || !begin_roster(group, options))
        return false;
    group->standing = GROUP_OWNER;
    memcpy(group->name, options->name, sizeof group->name);
    memcpy(group->about, options->about, sizeof group->about);
    group->listed = options->listed;
    group->history = options->history;
    group->policy = options->policy;
    group->expires_s = life_of(options);
    group->created_unix_s = group->epoch_begun_unix_s = group->head_written_unix_s =
        group_unix_s(group);
    group->head_looked_for = true;
    timers_begin(group);
    writing_begin(group, &plan);
    return group->writing.step != WRITE_NOTHING;
}

struct group *group_create(const struct group_config *config, const struct group_options *options,
                           uint64_t now_ms)
{
    uint8_t root[ROOT_BYTES];
    struct key_pairs pairs;
    struct group_config forward = *config;
    rng_fill(&forward.rng, root, sizeof root);
    if (keys_of_group(root, &pairs) != STATUS_OK)
        return NULL;
    struct group *group = group_new(&forward, &pairs.public_key, now_ms);
    if (group != NULL && !begin_as_owner(group, root, options)) {
        group_free(group);
        group = NULL;
    }
    keys_wipe(root, sizeof root);
    keys_wipe(&pairs, sizeof pairs);
    keys_wipe(&forward, sizeof forward);
    return group;
}

struct group *group_apply(const struct group_config *config, const struct public_key *key,
                          const uint8_t *token, const char *name, const char *note,
                          uint64_t after_unix_s, uint64_t now_ms)
{
    struct group *group = public_key_is_valid(key) ? group_new(config, key, now_ms) : NULL;
    if (group == NULL)
        return NULL;
    group->standing = GROUP_APPLYING;
    group->applied_unix_s = group_unix_s(group);
    if (group->applied_unix_s <= after_unix_s)
        group->applied_unix_s = after_unix_s + 1;
    group->has_token = token != NULL;
    if (token != NULL)
        memcpy(group->token, token, INVITE_TOKEN_BYTES);
    if (name != NULL)
        strncpy(group->name, name, sizeof group->name - 1);
    if (note != NULL)
        strncpy(group->note, note, sizeof group->note - 1);
    timers_begin(group);
    post_begin(group, POST_JOIN);
    actions_save(group);
    return group;
}

/* ---- ending ---- */

void group_forget_root(struct group *group)
{
    if (!group->has_root)
        return;
    writing_stop(group);
    for (size_t i = 0; i < group->held.count; i++)
        actions_withdraw(group, &group->held.items[i]);
    keys_wipe(group->root, sizeof group->root);
    keys_wipe(&group->pairs, sizeof group->pairs);
    group->has_root = false;
    group->handover_epoch = 0;
    actions_save(group);
}

void group_forget_keys(struct group *group)
{
    bool had_keys = group->live_count > 0;
    looking_cancel(group, LOOK_SHELF);
    looking_cancel(group, LOOK_UPKEEP);
    group->sweep_under_way = 0;
    keys_wipe(group->secrets, sizeof group->secrets);
    keys_wipe(group->live, sizeof group->live);
    group->secret_count = group->live_count = 0;
    if (group->has_roster)
        roster_dispose(&group->roster);
    group->roster = (struct roster){0};
    group->has_roster = false;
    shelves_dispose(group);
    shelf_dispose_own(group);
    if (!group->has_root)
        held_dispose(&group->held);
    if (had_keys)
        group_actions_push(group, (struct group_action){.type = GROUP_KEYS}, (struct bytes){0});
}

void group_free(struct group *group)
{
    if (group == NULL)
        return;
    looking_dispose(group);
    held_dispose(&group->reading.came);
    writing_dispose(&group->writing);
    changes_dispose(&group->pending);
    changes_dispose(&group->journal);
    if (group->has_roster)
        roster_dispose(&group->roster);
    else
        free(group->roster.members);
    held_dispose(&group->held);
    shelves_dispose(group);
    shelf_dispose_own(group);
    invites_dispose(group);
    actions_dispose(group);
    buffer_dispose(&group->head);
    buffer_dispose(&group->drop);
    free(group->requests);
    free(group->rejected);
    free(group->times);
    free(group->mail_seen);
    keys_wipe(group, sizeof *group);
    free(group);
}

/* ---- questions ---- */

const struct public_key *group_key(const struct group *group)
{
    return &group->key;
}

enum group_standing group_standing(const struct group *group)
{
    return group->standing;
}

const char *group_name(const struct group *group)
{
    return group->name;
}

const char *group_about(const struct group *group)
{
    return group->about;
}

const struct roster *group_roster(const struct group *group)
{
    return group->has_roster ? &group->roster : NULL;
}

const struct key_pairs *group_own_keys(const struct group *group)
{
    return &group->own;
}

static size_t count_open_invites(const struct group *group)
{
    size_t count = 0;
    while (group_open_token(group, count) != NULL)
        count++;
    return count;
}

void group_facts(const struct group *group, struct group_facts *out)
{
    size_t files;
    free(group_files(group, &files));
    *out = (struct group_facts){
        .epoch = group->live_count > 0 ? group->live[0].epoch : 0,
        .head_seq = group->head_seq,
        .head_expiry_unix_s = group->head_expiry_unix_s,
        .head_is_stale = group->head.len > 0 && group_unix_s(group) >= group->head_expiry_unix_s,
        .listed = group->listed,
        .history = group->history,
        .policy = group->head.len > 0 ? group->body.policy : group->policy,
        .applied_unix_s = group->applied_unix_s,
        .created_unix_s = group->created_unix_s,
        .members = group->has_roster ? group->roster.member_count : 0,
        .requests = group->request_count,
        .files = files,
        .invites = count_open_invites(group),
    };
}

const struct epoch_keys *group_epoch(const struct group *group, unsigned age)
{
    return age < group->live_count ? &group->live[age] : NULL;
}

struct bytes group_head_value(const struct group *group)
{
    return buffer_bytes(&group->head);
}

bool group_find_part(const struct group *group, const struct id *key, struct bytes *out)
{
    const struct held_record *record = held_find(&group->held, key);
    if (record == NULL || record->kind != KIND_PART)
        return false;
    *out = held_value(record);
    return true;
}

enum status group_listing(const struct group *group, const struct id *key, uint64_t now_ms,
                          struct buffer *out)
{
    struct group_entry_body body = {0};
    struct buffer encoded;
    uint64_t now_unix_s = (group->unix_base_ms + now_ms) / 1000;
    if (group->standing != GROUP_OWNER || !group->listed || group->gone)
        return STATUS_REFUSED;
    memcpy(body.group, group->key.bytes, sizeof body.group);
    memcpy(body.name, group->name, sizeof body.name);
    memcpy(body.about, group->about, sizeof body.about);
    buffer_init(&encoded);
    group_entry_body_encode(&body, &encoded);
    enum status status = encoded.failed ? STATUS_NO_MEMORY
                                        : entry_record_make(key, group->pairs.seed, now_unix_s,
                                                            now_unix_s + LISTING_LIFE_S,
                                                            buffer_bytes(&encoded), out);
    buffer_dispose(&encoded);
    return status;
}

/* ---- for tests ---- */

static bool secrets_are_valid(const struct group *group)
{
    for (size_t i = 1; i < group->secret_count; i++)
        if (group->secrets[i - 1].epoch >= group->secrets[i].epoch ||
            group->secrets[i - 1].ended_unix_s == 0)
            return false;
    return group->live_count <= EPOCHS_LIVE_MAX && (!group->has_roster || group->live_count == 0 ||
                                                    group->live[0].epoch == group->roster.epoch);
}

static bool writing_is_valid(const struct group *group)
{
    const struct writing *writing = &group->writing;
    if (writing->step == WRITE_NOTHING)
        return writing->records.count == 0 && writing->changes.count == 0;
    bool adopted = writing->step == WRITE_HEAD;
    return group->has_root &&
           (adopted ? writing->seq == group->head_seq : writing->seq > group->head_seq);
}

bool group_valid(const struct group *group)
{
    bool counts = group->request_count <= REQUESTS_MAX && group->rejected_count <= REJECTED_MAX &&
                  group->invite_count <= INVITES_MAX && group->time_count <= CHANGES_MAX &&
                  group->shelf.count <= SHELF_ENTRIES_MAX;
    bool standing = (group->standing != GROUP_OWNER || group->has_root) &&
                    (!group_is_in(group) || group->has_roster) &&
                    (group_is_in(group) || group->live_count == 0);
    bool heads = group->settled_seq <= group->head_seq &&
                 (!group->has_roster || group->head.len == 0 || group->head_is_empty ||
                  group->roster.epoch <= group->body.epoch);
    return counts && standing && heads && secrets_are_valid(group) && writing_is_valid(group);
}
