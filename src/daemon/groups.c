#include "daemon/groups.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "daemon/channels.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/engine.h"
#include "daemon/group_engine.h"
#include "daemon/groups_private.h"
#include "daemon/session.h"

#define EXIT_NOT_FOUND 3
#define EXIT_CONFLICT  8
#define EXIT_REFUSED   11
#define KEY_PREFIX_MIN 6 /* digits that name a group by its key alone */
#define CANDIDATES_MAX 16

struct groups *groups_new(struct daemon *daemon)
{
    struct groups *groups = calloc(1, sizeof *groups);
    if (groups != NULL)
        groups->daemon = daemon;
    return groups;
}

void groups_free(struct groups *groups)
{
    if (groups == NULL)
        return;
    groups_on_logout(groups);
    free(groups);
}

/* ---- with the user ---- */

static void load(struct groups *groups, const struct keystore_group *kept)
{
    struct daemon *daemon = groups->daemon;
    struct group_config config = groups_config(groups);
    struct group *group =
        group_load(&config, bytes_of(kept->state, kept->state_len), daemon_now_ms(daemon));
    keys_wipe(&config, sizeof config);
    struct membership *membership = group != NULL ? membership_new(groups, group) : NULL;
    if (membership == NULL) {
        log_error("groups", "a group of the keystore cannot be read");
        return;
    }
    group_engine_fill_shelf(daemon->engine, membership);
    group_engine_keys_changed(daemon->engine, group_key(group));
    channels_on_keys(daemon->channels, membership);
    membership_drain(membership);
}

void groups_on_login(struct groups *groups)
{
    const struct keystore *keystore = session_keystore(groups->daemon->session);
    for (size_t i = 0; i < keystore->group_count;) {
        size_t before = keystore->group_count;
        load(groups, &keystore->groups[i]);
        i += keystore->group_count == before; /* one that is over is forgotten */
    }
}

void groups_on_logout(struct groups *groups)
{
    group_wait_free_all(groups);
    while (groups->memberships != NULL)
        membership_free(groups->memberships);
}

void groups_on_network(struct groups *groups)
{
    struct membership *membership, *next;
    DL_FOREACH_SAFE(groups->memberships, membership, next)
    {
        group_refresh(membership->group, daemon_now_ms(groups->daemon));
        membership_drain(membership);
    }
    channels_on_network(groups->daemon->channels);
}

void groups_on_clock(struct groups *groups)
{
    struct membership *membership, *next;
    DL_FOREACH_SAFE(groups->memberships, membership, next)
    membership_on_clock(membership);
    channels_on_network(groups->daemon->channels); /* what is published by the day */
}

void groups_on_published(struct groups *groups, const struct dht_event *event)
{
    struct membership *membership, *next;
    DL_FOREACH_SAFE(groups->memberships, membership, next)
    membership_on_published(membership, event);
}

/* ---- which one ---- */

struct membership *groups_find(const struct groups *groups, const struct public_key *key)
{
    struct membership *membership;
    if (groups == NULL)
        return NULL;
    DL_FOREACH(groups->memberships, membership)
    if (public_key_equal(group_key(membership->group), key))
        return membership;
    return NULL;
}

struct membership *groups_first(const struct groups *groups)
{
    return groups != NULL ? groups->memberships : NULL;
}

static bool key_begins(const struct public_key *key, const char *digits)
{
    char hex[2 * PUBLIC_BYTES + 1];
    for (size_t i = 0; i < PUBLIC_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", key->bytes[i]);
    return strncasecmp(hex, digits, strlen(digits)) == 0;
}

/* "study", "study#7f3a", or at least 6 digits of the key. */
bool groups_text_fits(const char *text, const char *name, const struct public_key *key)
{
    const char *mark = strrchr(text, '#');
    size_t name_len = strlen(name);
    if (strcmp(text, name) == 0)
        return true;
    if (mark != NULL && (size_t)(mark - text) == name_len && mark[1] != 0 &&
        strncmp(text, name, name_len) == 0 && key_begins(key, mark + 1))
        return true;
    size_t len = strlen(text);
    return len >= KEY_PREFIX_MIN && strspn(text, "0123456789abcdefABCDEF") == len &&
           key_begins(key, text);
}

static void fail_ambiguous(struct call *call, struct membership *const found[], size_t count,
                           const char *text)
{
    char message[GROUP_NAME_MAX + 128];
    snprintf(message, sizeof message, "\"%.*s\" is %zu of your groups", GROUP_NAME_MAX, text,
             count);
    struct pack *pack = call_fail_begin(call, "ambiguous", EXIT_CONFLICT,
                                        "add # and the first digits of its key", message);
    pack_begin_array(pack, "candidates");
    for (size_t i = 0; i < count && i < CANDIDATES_MAX; i++) {
        pack_begin_map(pack, NULL);
        pack_text(pack, "name", group_name(found[i]->group));
        pack_hex(pack, "key", bytes_of(group_key(found[i]->group)->bytes, PUBLIC_BYTES));
        pack_end(pack);
    }
    pack_end(pack);
    call_finish(call);
}

struct membership *groups_target(struct groups *groups, struct call *call, const char *text)
{
    struct membership *found[CANDIDATES_MAX], *membership;
    size_t count = 0;
    if (session_keystore(groups->daemon->session) == NULL) {
        call_fail(call, "not_logged_in", EXIT_REFUSED, "kadpeer login NAME",
                  "group %s: nobody is logged in", text);
        return NULL;
    }
    DL_FOREACH(groups->memberships, membership)
    if (groups_text_fits(text, group_name(membership->group), group_key(membership->group)) &&
        count < CANDIDATES_MAX)
        found[count++] = membership;
    if (count == 1)
        return found[0];
    if (count > 1)
        fail_ambiguous(call, found, count, text);
    else
        call_fail(call, "no_group", EXIT_NOT_FOUND, "kadpeer group ls shows the groups there are",
                  "%s is in no group \"%s\"", session_keystore(groups->daemon->session)->name,
                  text);
    return NULL;
}

static void describe_age(uint64_t since_unix_s, char *out, size_t size)
{
    uint64_t now_s = (uint64_t)time(NULL), age_s = now_s > since_unix_s ? now_s - since_unix_s : 0;
    if (age_s < 120)
        snprintf(out, size, "%" PRIu64 "s", age_s);
    else if (age_s < 7200)
        snprintf(out, size, "%" PRIu64 "m", age_s / 60);
    else
        snprintf(out, size, "%" PRIu64 "h", age_s / 3600);
}

struct membership *groups_member(struct groups *groups, struct call *call, const char *text)
{
    struct membership *membership = groups_target(groups, call, text);
    if (membership == NULL)
        return NULL;
    enum group_standing standing = group_standing(membership->group);
    if (standing == GROUP_MEMBER || standing == GROUP_OWNER)
        return membership;
    const char *user = session_keystore(groups->daemon->session)->name;
    struct group_facts facts;
    char age[32];
    group_facts(membership->group, &facts);
    describe_age(facts.applied_unix_s, age, sizeof age);
    if (standing == GROUP_APPLYING)
        call_fail(call, "not_a_member", EXIT_REFUSED, NULL,
                  "group %s: %s is not a member; request sent %s ago, not accepted yet", text, user,
                  age);
    else
        call_fail(call, "not_a_member", EXIT_REFUSED, NULL, "group %s: %s is not a member any more",
                  text, user);
    return NULL;
}

/* ---- as a map ---- */

static const char *const standings[] = {
    [GROUP_APPLYING] = "applying", [GROUP_MEMBER] = "member",   [GROUP_OWNER] = "owner",
    [GROUP_REMOVED] = "removed",   [GROUP_LEAVING] = "leaving",
};

static size_t count_online(const struct membership *membership)
{
    const struct roster *roster = group_roster(membership->group);
    const struct channels *channels = membership->groups->daemon->channels;
    size_t count = 0;
    for (size_t i = 0; roster != NULL && i < roster->member_count; i++)
        count +=
            channels_is_online(channels, group_key(membership->group), &roster->members[i].key);
    return count;
}

static void pack_count(struct pack *pack, const char *key, bool known, uint64_t value)
{
    if (known)
        pack_u64(pack, key, value);
    else
        pack_nil(pack, key);
}

void membership_pack(const struct membership *membership, struct pack *pack, const char *key)
{
    const struct group *group = membership->group;
    struct group_facts facts;
    group_facts(group, &facts);
    bool inside = group_standing(group) == GROUP_MEMBER || group_standing(group) == GROUP_OWNER;
    const char *name = group_name(group);
    pack_begin_map(pack, key);
    pack_text(pack, "name", name[0] != 0 ? name : NULL);
    pack_hex(pack, "key", bytes_of(group_key(group)->bytes, PUBLIC_BYTES));
    pack_text(pack, "about", group_about(group));
    pack_text(pack, "standing", standings[group_standing(group)]);
    pack_count(pack, "members", inside, facts.members);
    pack_count(pack, "requests", group_standing(group) == GROUP_OWNER, facts.requests);
    pack_count(pack, "files", inside, facts.files);
    pack_count(pack, "epoch", facts.epoch > 0, facts.epoch);
    pack_bool(pack, "listed", facts.listed);
    pack_text(pack, "policy", facts.policy == JOIN_ON_REQUEST ? "request" : "invite");
    pack_bool(pack, "history", facts.history);
    pack_u64(pack, "seq", facts.head_seq);
    pack_time(pack, "expires", (int64_t)facts.head_expiry_unix_s);
    pack_bool(pack, "stale", facts.head_is_stale);
    pack_time(pack, "created", (int64_t)facts.created_unix_s);
    pack_time(pack, "applied", (int64_t)facts.applied_unix_s);
    pack_count(pack, "online", inside, count_online(membership));
    pack_end(pack);
}
