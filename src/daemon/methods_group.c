/* group.* of docs/control.md. */
#include "daemon/methods_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content/names.h"
#include "daemon/channels.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/group_engine.h"
#include "daemon/group_wait.h"
#include "daemon/groups_private.h"
#include "daemon/item_facts.h"
#include "daemon/session.h"

#define STAND_WAIT_S    10
#define INVITE_EXPIRE_S (7 * 24 * 3600)
#define REQUESTS_MAX    256 /* shown of one group */

static const char *text_of(struct call *call, const char *key)
{
    const char *text = call_text(call, key, NULL);
    if (text == NULL)
        call_fail(call, "usage", 2, NULL, "%s is missing", key);
    return text;
}

static struct membership *target(struct daemon *daemon, struct call *call)
{
    const char *text = text_of(call, "group");
    return text != NULL ? groups_target(daemon->groups, call, text) : NULL;
}

static struct membership *owned(struct daemon *daemon, struct call *call)
{
    struct membership *membership = target(daemon, call);
    if (membership == NULL || group_standing(membership->group) == GROUP_OWNER)
        return membership;
    call_fail(call, "not_the_owner", 11, NULL, "only the owner of %s can do that",
              group_name(membership->group));
    return NULL;
}

/* ---- group.create ---- */

static bool read_options(struct call *call, struct group_options *out)
{
    const char *name = text_of(call, "name"), *about = call_text(call, "about", "");
    if (name == NULL)
        return false;
    size_t len = strlen(name);
    if (!names_is_safe_part(name, len) || len > GROUP_NAME_MAX || strchr(name, '#') != NULL ||
        name[0] == ' ' || name[len - 1] == ' ') {
        call_fail(call, "bad_name", 12, NULL,
                  "\"%s\" cannot be the name of a group: 1 to %d bytes without '/', '#' and "
                  "control characters, no blank at either end",
                  name, GROUP_NAME_MAX);
        return false;
    }
    if (strlen(about) > GROUP_ABOUT_MAX || !names_is_utf8(about, strlen(about))) {
        call_fail(call, "usage", 2, NULL, "what the group is about has at most %d bytes",
                  GROUP_ABOUT_MAX);
        return false;
    }
    *out = (struct group_options){
        .listed = !call_bool(call, "unlisted", false),
        .history = call_bool(call, "history", false),
        .policy = call_bool(call, "invite_only", false) ? JOIN_INVITE_ONLY : JOIN_ON_REQUEST,
        .expires_s = (uint32_t)(call_ms(call, "expires", 0) / 1000),
    };
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(out->about, sizeof out->about, "%s", about);
    return true;
}

static bool is_ours(struct daemon *daemon, const char *name)
{
    const struct membership *membership = groups_first(daemon->groups);
    for (; membership != NULL; membership = membership->next)
        if (strcmp(group_name(membership->group), name) == 0)
            return true;
    return false;
}

static void create(struct daemon *daemon, struct call *call)
{
    struct group_options options;
    if (!session_need_user(daemon->session, call) || !read_options(call, &options))
        return;
    if (is_ours(daemon, options.name)) {
        call_fail(call, "group_exists", 8, NULL, "you have a group \"%s\" already", options.name);
        return;
    }
    struct group_config config = groups_config(daemon->groups);
    struct group *group = group_create(&config, &options, daemon_now_ms(daemon));
    keys_wipe(&config, sizeof config);
    struct membership *membership = group != NULL ? membership_new(daemon->groups, group) : NULL;
    if (membership == NULL) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    group_wait_start(membership, call, WAIT_READY, call_ms(call, "wait", STAND_WAIT_S));
    membership_drain(membership);
}

/* ---- group.show ---- */

static void pack_member(const struct membership *membership, const struct member *member,
                        struct pack *pack)
{
    const struct public_key *own = &group_own_keys(membership->group)->public_key;
    bool me = public_key_equal(&member->key, own);
    pack_begin_map(pack, NULL);
    pack_text(pack, "name", member->name);
    pack_hex(pack, "key", bytes_of(member->user.bytes, PUBLIC_BYTES));
    pack_hex(pack, "pseudonym", bytes_of(member->key.bytes, PUBLIC_BYTES));
    pack_text(pack, "role", member->role == ROLE_OWNER ? "owner" : "member");
    pack_u64(pack, "since_epoch", member->since_epoch);
    pack_bool(pack, "me", me);
    pack_bool(pack, "online",
              me || channels_is_online(membership->groups->daemon->channels,
                                       group_key(membership->group), &member->key));
    pack_end(pack);
}

static void show(struct daemon *daemon, struct call *call)
{
    struct membership *membership = target(daemon, call);
    if (membership == NULL)
        return;
    const struct roster *roster = group_roster(membership->group);
    struct pack *pack = call_result(call);
    membership_pack(membership, pack, "group");
    pack_begin_array(pack, "members");
    for (size_t i = 0; roster != NULL && i < roster->member_count; i++)
        pack_member(membership, &roster->members[i], pack);
    pack_end(pack);
    call_finish(call);
}

/* ---- people: by name, name#hex or hex, among members or applicants ---- */

struct person {
    struct public_key user;
    char name[USER_NAME_MAX + 1];
};

static void fail_persons(struct call *call, const struct person persons[], size_t count,
                         const char *text)
{
    char message[USER_NAME_MAX + 128];
    snprintf(message, sizeof message, "\"%.*s\" is the name of several", USER_NAME_MAX, text);
    struct pack *pack =
        call_fail_begin(call, "ambiguous", 8, "add # and the first digits of the key", message);
    pack_begin_array(pack, "candidates");
    for (size_t i = 0; i < count; i++) {
        if (!groups_text_fits(text, persons[i].name, &persons[i].user))
            continue;
        pack_begin_map(pack, NULL);
        pack_text(pack, "name", persons[i].name);
        pack_hex(pack, "key", bytes_of(persons[i].user.bytes, PUBLIC_BYTES));
        pack_end(pack);
    }
    pack_end(pack);
    call_finish(call);
}

/* NULL: the call has been failed with `code`. */
static const struct person *find_person(struct call *call, const struct person persons[],
                                        size_t count, const char *code, const char *what)
{
    const char *text = text_of(call, "user");
    const struct person *found = NULL;
    size_t matches = 0;
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (groups_text_fits(text, persons[i].name, &persons[i].user)) {
            found = &persons[i];
            matches++;
        }
    if (matches == 1)
        return found;
    if (matches > 1)
        fail_persons(call, persons, count, text);
    else
        call_fail(call, code, 3, NULL, "%s \"%s\"", what, text);
    return NULL;
}

static const struct person *find_member(struct membership *membership, struct call *call,
                                        struct person persons[GROUP_MEMBERS_MAX])
{
    const struct roster *roster = group_roster(membership->group);
    size_t count = 0;
    for (size_t i = 0; roster != NULL && i < roster->member_count && i < GROUP_MEMBERS_MAX; i++) {
        persons[count].user = roster->members[i].user;
        snprintf(persons[count++].name, sizeof persons[0].name, "%s", roster->members[i].name);
    }
    return find_person(call, persons, count, "no_member", "the group has no member");
}

/* ---- requests ---- */

static void pack_requests(const struct membership *membership, struct pack *pack)
{
    struct group_request *requests = calloc(REQUESTS_MAX, sizeof *requests);
    char fingerprint[FINGERPRINT_SIZE];
    size_t count = requests != NULL ? group_requests(membership->group, requests, REQUESTS_MAX) : 0;
    for (size_t i = 0; i < count && i < REQUESTS_MAX; i++) {
        public_key_fingerprint(&requests[i].user, fingerprint);
        pack_begin_map(pack, NULL);
        pack_text(pack, "group", group_name(membership->group));
        pack_text(pack, "name", requests[i].name);
        pack_hex(pack, "key", bytes_of(requests[i].user.bytes, PUBLIC_BYTES));
        pack_text(pack, "fingerprint", fingerprint);
        pack_text(pack, "note", requests[i].note);
        pack_time(pack, "time", (int64_t)requests[i].time_unix_s);
        pack_end(pack);
    }
    free(requests);
}

static void requests(struct daemon *daemon, struct call *call)
{
    struct membership *membership = NULL;
    if (!session_need_user(daemon->session, call))
        return;
    bool all = call_text(call, "group", NULL) == NULL;
    if (!all && (membership = owned(daemon, call)) == NULL)
        return;
    struct pack *pack = call_result(call);
    pack_begin_array(pack, "requests");
    if (!all)
        pack_requests(membership, pack);
    for (membership = all ? groups_first(daemon->groups) : NULL; membership != NULL;
         membership = membership->next)
        if (group_standing(membership->group) == GROUP_OWNER)
            pack_requests(membership, pack);
    pack_end(pack);
    call_finish(call);
}

typedef enum status decision(struct group *group, const struct public_key *user, uint64_t now_ms);

static void pack_person(struct pack *pack, const struct person *person)
{
    char fingerprint[FINGERPRINT_SIZE];
    public_key_fingerprint(&person->user, fingerprint);
    pack_begin_map(pack, NULL);
    pack_text(pack, "name", person->name);
    pack_hex(pack, "key", bytes_of(person->user.bytes, PUBLIC_BYTES));
    pack_text(pack, "fingerprint", fingerprint);
    pack_end(pack);
}

static void decide_on(struct membership *membership, struct call *call,
                      const struct person persons[], size_t count, decision *decide)
{
    uint64_t now_ms = daemon_now_ms(membership->groups->daemon);
    enum status status = STATUS_OK;
    size_t done = 0;
    while (done < count && status == STATUS_OK) {
        status = decide(membership->group, &persons[done].user, now_ms);
        done += status == STATUS_OK;
    }
    if (status != STATUS_OK) {
        call_fail(call, status == STATUS_FULL ? "group_full" : status_name(status),
                  status == STATUS_FULL ? 8 : 1, NULL, "%s: %s", persons[done].name,
                  status == STATUS_FULL ? "the group has as many members as it can"
                                        : status_text(status));
    } else {
        struct pack *pack = call_result(call);
        pack_begin_array(pack, "users");
        for (size_t i = 0; i < count; i++)
            pack_person(pack, &persons[i]);
        pack_end(pack);
        group_wait_saved(membership, call);
        return;
    }
    membership_drain(membership);
}

static void decide_requests(struct daemon *daemon, struct call *call, decision *decide)
{
    struct membership *membership = owned(daemon, call);
    struct group_request *waiting = calloc(REQUESTS_MAX, sizeof *waiting);
    struct person *persons = calloc(REQUESTS_MAX, sizeof *persons);
    if (membership != NULL && (waiting == NULL || persons == NULL)) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
    } else if (membership != NULL) {
        size_t count = group_requests(membership->group, waiting, REQUESTS_MAX);
        count = count < REQUESTS_MAX ? count : REQUESTS_MAX;
        for (size_t i = 0; i < count; i++) {
            persons[i].user = waiting[i].user;
            snprintf(persons[i].name, sizeof persons[i].name, "%s", waiting[i].name);
        }
        const struct person *one = NULL;
        bool all = call_bool(call, "all", false);
        if (!all)
            one = find_person(call, persons, count, "no_request", "no request is waiting from");
        if (all || one != NULL)
            decide_on(membership, call, all ? persons : one, all ? count : 1, decide);
    }
    free(waiting);
    free(persons);
}

static void accept_requests(struct daemon *daemon, struct call *call)
{
    decide_requests(daemon, call, group_accept);
}

static void reject_requests(struct daemon *daemon, struct call *call)
{
    decide_requests(daemon, call, group_reject);
}

/* ---- members ---- */

static void remove_member(struct daemon *daemon, struct call *call)
{
    struct membership *membership = owned(daemon, call);
    struct person *persons = calloc(GROUP_MEMBERS_MAX, sizeof *persons);
    const struct person *person = NULL;
    if (membership != NULL && persons != NULL)
        person = find_member(membership, call, persons);
    if (person != NULL) {
        enum status status = group_remove(membership->group, &person->user, daemon_now_ms(daemon));
        if (status == STATUS_OK) {
            group_wait_start(membership, call, WAIT_EPOCH, call_ms(call, "wait", STAND_WAIT_S));
            membership_drain(membership);
        } else {
            call_fail(call, status_name(status), 8, NULL, "%s cannot be removed: %s", person->name,
                      status == STATUS_CONFLICT ? "an owner leaves by handing over"
                                                : status_text(status));
        }
    }
    free(persons);
}

static void rotate(struct daemon *daemon, struct call *call)
{
    struct membership *membership = owned(daemon, call);
    if (membership == NULL)
        return;
    enum status status = group_rotate(membership->group, daemon_now_ms(daemon));
    if (status != STATUS_OK) {
        call_fail(call, status_name(status), 1, NULL, "%s", status_text(status));
        return;
    }
    group_wait_start(membership, call, WAIT_EPOCH, call_ms(call, "wait", STAND_WAIT_S));
    membership_drain(membership);
}

static bool hand_over(struct membership *membership, struct call *call)
{
    const char *text = call_text(call, "transfer", NULL);
    const struct roster *roster = group_roster(membership->group);
    enum status status = STATUS_NOT_FOUND;
    for (size_t i = 0; text != NULL && roster != NULL && i < roster->member_count; i++) {
        const struct member *member = &roster->members[i];
        if (!groups_text_fits(text, member->name, &member->user))
            continue;
        status = group_transfer(membership->group, &member->user,
                                daemon_now_ms(membership->groups->daemon));
        break;
    }
    if (status != STATUS_OK)
        call_fail(call, "no_member", 3, NULL, "%s has no member \"%s\" to hand it to",
                  group_name(membership->group), text);
    return status == STATUS_OK;
}

static void leave(struct daemon *daemon, struct call *call)
{
    struct membership *membership = target(daemon, call);
    if (membership == NULL)
        return;
    if (call_text(call, "transfer", NULL) != NULL && !hand_over(membership, call))
        return;
    enum status status = group_leave(membership->group, daemon_now_ms(daemon));
    if (status == STATUS_OK) {
        membership_pack(membership, call_result(call), "group");
        group_wait_saved(membership, call);
        return;
    }
    if (status == STATUS_CONFLICT)
        call_fail(call, "owner_leaves", 8, "kadpeer group leave GROUP --transfer USER",
                  "you own %s, and others are in it", group_name(membership->group));
    else
        call_fail(call, status_name(status), 1, NULL, "%s", status_text(status));
    membership_drain(membership);
}

/* ---- invites ---- */

static void invite(struct daemon *daemon, struct call *call)
{
    struct membership *membership = owned(daemon, call);
    struct endpoint own[INVITE_ADDRESSES_MAX];
    int64_t uses = call_number(call, "uses", 1);
    uint64_t expires_s = call_ms(call, "expires", INVITE_EXPIRE_S) / 1000;
    struct buffer text;
    if (membership == NULL)
        return;
    if (uses < 1 || uses > GROUP_MEMBERS_MAX || expires_s == 0) {
        call_fail(call, "usage", 2, NULL, "an invite is good for 1 to %d uses, and some time",
                  GROUP_MEMBERS_MAX);
        return;
    }
    size_t count = node_own_endpoints(daemon->node, own, INVITE_ADDRESSES_MAX);
    buffer_init(&text);
    enum status status = group_invite(membership->group, (uint32_t)uses, (uint32_t)expires_s, own,
                                      count < INVITE_ADDRESSES_MAX ? count : INVITE_ADDRESSES_MAX,
                                      daemon_now_ms(daemon), &text);
    if (status == STATUS_OK && !text.failed) {
        struct pack *pack = call_result(call);
        membership_pack(membership, pack, "group");
        pack_text(pack, "invite", (const char *)text.data);
        pack_i64(pack, "uses", uses);
        pack_u64(pack, "expires", expires_s);
        group_wait_saved(membership, call);
    } else {
        call_fail(call, status_name(status), 8, NULL, "no invite: %s",
                  status == STATUS_FULL ? "too many are open" : status_text(status));
    }
    if (text.data != NULL)
        keys_wipe(text.data, text.len);
    buffer_dispose(&text);
}

/* ---- files ---- */

static void pack_file(const struct membership *membership, const struct group_file *file,
                      struct pack *pack)
{
    struct engine *engine = membership->groups->daemon->engine;
    const struct shelf_entry *entry = file->entry;
    char hex[ID_HEX_SIZE];
    id_to_hex(&entry->infohash, hex);
    const struct item *item = group_engine_named(engine, group_key(membership->group), hex);
    pack_begin_map(pack, NULL);
    pack_text(pack, "path", entry->path);
    pack_u64(pack, "size", entry->size);
    pack_id(pack, "hash", &entry->infohash);
    if (id_is_zero(&entry->sha1))
        pack_nil(pack, "sha1");
    else
        pack_id(pack, "sha1", &entry->sha1);
    pack_hex(pack, "sha256", bytes_of(entry->sha256, sizeof entry->sha256));
    pack_text(pack, "owner", file->owner->name);
    pack_u64(pack, "holders", file->shelves);
    pack_bool(pack, "mine", item != NULL && item->row.complete);
    pack_text(pack, "state", item != NULL ? item_state_name(item_state(item)) : NULL);
    pack_end(pack);
}

static void files(struct daemon *daemon, struct call *call)
{
    const char *text = text_of(call, "group");
    struct membership *membership = text != NULL ? groups_member(daemon->groups, call, text) : NULL;
    if (membership == NULL)
        return;
    size_t count;
    struct group_file *listed = group_files(membership->group, &count);
    if (listed == NULL) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    struct pack *pack = call_result(call);
    pack_begin_array(pack, "files");
    for (size_t i = 0; i < count; i++)
        pack_file(membership, &listed[i], pack);
    pack_end(pack);
    call_finish(call);
    free(listed);
    group_refresh(membership->group, daemon_now_ms(daemon));
    membership_drain(membership);
}

const struct control_method methods_group[] = {
    {"group.create", create},
    {"group.list", group_method_list},
    {"group.show", show},
    {"group.join", group_method_join},
    {"group.leave", leave},
    {"group.requests", requests},
    {"group.accept", accept_requests},
    {"group.reject", reject_requests},
    {"group.remove", remove_member},
    {"group.rotate", rotate},
    {"group.invite", invite},
    {"group.files", files},
    {NULL, NULL},
};
