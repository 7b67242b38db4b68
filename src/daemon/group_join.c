/* group.join and group.list: what has to look into the network first. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/channels.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/group_search.h"
#include "daemon/group_wait.h"
#include "daemon/groups_private.h"
#include "daemon/methods_group.h"
#include "daemon/session.h"
#include "people/invite.h"

#define JOIN_WAIT_S   30
#define SEARCH_WAIT_S 10

/* ---- applying ---- */

/* Who was removed or is leaving begins anew, and so does an applicant who has an invite now. */
static struct membership *still_good(struct daemon *daemon, const struct public_key *key,
                                     const struct invite *invite)
{
    struct membership *membership = groups_find(daemon->groups, key);
    if (membership == NULL)
        return NULL;
    enum group_standing standing = group_standing(membership->group);
    if (standing == GROUP_MEMBER || standing == GROUP_OWNER ||
        (standing == GROUP_APPLYING && invite == NULL))
        return membership;
    membership_forget(membership);
    return NULL;
}

static void apply(struct daemon *daemon, struct call *call, const struct public_key *key,
                  const struct invite *invite, const char *name)
{
    bool again = groups_find(daemon->groups, key) != NULL;
    struct membership *membership = still_good(daemon, key, invite);
    if (membership == NULL) {
        uint64_t after_unix_s = again ? (uint64_t)time(NULL) : 0;
        struct group_config config = groups_config(daemon->groups);
        struct group *group =
            group_apply(&config, key, invite != NULL ? invite->token : NULL, name,
                        call_text(call, "note", ""), after_unix_s, daemon_now_ms(daemon));
        keys_wipe(&config, sizeof config);
        membership = group != NULL ? membership_new(daemon->groups, group) : NULL;
    }
    if (membership == NULL) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    struct public_key wanted = *key;
    group_wait_start(membership, call, WAIT_JOINED, call_ms(call, "wait", JOIN_WAIT_S));
    if (invite != NULL) { /* where the owner is, there is a node, too */
        node_bootstrap(daemon->node, invite->addresses, invite->address_count);
        channels_join(daemon->channels, membership, invite);
    }
    membership_drain(membership);
    /* Being a member already is an answer, too. */
    if ((membership = groups_find(daemon->groups, &wanted)) != NULL &&
        group_standing(membership->group) != GROUP_APPLYING) {
        struct group_event event = {.type = GROUP_EVENT_JOINED};
        group_wait_on_event(membership, &event);
    }
}

static void join_by_invite(struct daemon *daemon, struct call *call, const char *text)
{
    struct invite invite;
    enum status status = invite_parse(text, &invite);
    if (status == STATUS_OK)
        apply(daemon, call, &invite.group, &invite, "");
    else
        call_fail(call, "bad_invite", 12, NULL,
                  status == STATUS_MISMATCH
                      ? "the invite is mistyped or cut: its last characters do not fit the rest"
                      : "\"%.40s\" is no invite",
                  text);
}

/* ---- by name ---- */

struct group_call {
    struct daemon *daemon;
    struct call *call;
    struct group_search *search;
    char *name;
};

static void free_group_call(struct group_call *waiting)
{
    if (waiting->search != NULL)
        group_search_cancel(waiting->search);
    free(waiting->name);
    free(waiting);
}

static void on_cancel(void *user)
{
    free_group_call(user);
}

static void fail_ambiguous(struct call *call, const char *name, const struct found_group found[],
                           size_t count)
{
    struct pack *pack =
        call_fail_begin(call, "ambiguous", 8, "join one of them by name#first digits of its key",
                        "several groups have this name");
    (void)name;
    pack_begin_array(pack, "candidates");
    for (size_t i = 0; i < count; i++) {
        pack_begin_map(pack, NULL);
        pack_text(pack, "name", found[i].body.name);
        pack_hex(pack, "key", bytes_of(found[i].body.group, PUBLIC_BYTES));
        pack_text(pack, "about", found[i].body.about);
        pack_end(pack);
    }
    pack_end(pack);
    call_finish(call);
}

static struct public_key key_of(const struct found_group *found)
{
    struct public_key key;
    memcpy(key.bytes, found->body.group, sizeof key.bytes);
    return key;
}

static void on_found_by_name(void *user, const struct group_search_end *end)
{
    struct group_call *waiting = user;
    const struct found_group *found = NULL;
    size_t matches = 0;
    waiting->search = NULL;
    for (size_t i = 0; i < end->count; i++) {
        struct public_key key = key_of(&end->found[i]);
        if (!groups_text_fits(waiting->name, end->found[i].body.name, &key))
            continue;
        found = &end->found[i];
        matches++;
    }
    if (matches == 1) {
        struct public_key key = key_of(found);
        apply(waiting->daemon, waiting->call, &key, NULL, found->body.name);
    } else if (matches > 1) {
        fail_ambiguous(waiting->call, waiting->name, end->found, end->count);
    } else if (end->answered == 0) {
        call_fail(waiting->call, "no_nodes", 6, "kadpeer join HOST:PORT",
                  "no node answered when asked for the group \"%s\"", waiting->name);
    } else {
        call_fail(waiting->call, "no_group", 3,
                  "an unlisted group is joined by an invite from its owner",
                  "%u node%s answered, none knows a group \"%s\"", end->answered,
                  end->answered == 1 ? "" : "s", waiting->name);
    }
    free_group_call(waiting);
}

static const struct group_search_callbacks by_name = {NULL, on_found_by_name};

/* "study#7f3a": the name is what is looked up. */
static char *name_alone(const char *text)
{
    const char *mark = strrchr(text, '#');
    return mark != NULL && mark != text ? strndup(text, (size_t)(mark - text)) : strdup(text);
}

static void join_by_name(struct daemon *daemon, struct call *call, const char *text)
{
    struct group_call *waiting = calloc(1, sizeof *waiting);
    char *name = name_alone(text);
    if (waiting != NULL) {
        waiting->daemon = daemon;
        waiting->call = call;
        waiting->name = strdup(text);
    }
    if (waiting == NULL || name == NULL || waiting->name == NULL) {
        free(name);
        if (waiting != NULL)
            free_group_call(waiting);
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    waiting->search = group_search_start(daemon, name, SEARCH_WAIT_S * 1000, &by_name, waiting);
    free(name);
    if (waiting->search == NULL) {
        call_fail(call, "bad_name", 12, NULL, "\"%s\" is no name", text);
        free_group_call(waiting);
        return;
    }
    call_on_cancel(call, on_cancel, waiting);
}

static bool read_key(const char *text, struct public_key *out)
{
    if (strlen(text) != 2 * PUBLIC_BYTES)
        return false;
    for (size_t i = 0; i < PUBLIC_BYTES; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], 0}, *rest;
        out->bytes[i] = (uint8_t)strtoul(pair, &rest, 16);
        if (rest != pair + 2)
            return false;
    }
    return public_key_is_valid(out);
}

void group_method_join(struct daemon *daemon, struct call *call)
{
    const char *invite = call_text(call, "invite", NULL), *group = call_text(call, "group", NULL);
    struct public_key key;
    if (!session_need_user(daemon->session, call))
        return;
    if (invite != NULL)
        join_by_invite(daemon, call, invite);
    else if (group == NULL)
        call_fail(call, "usage", 2, NULL, "which group?");
    else if (read_key(group, &key))
        apply(daemon, call, &key, NULL, "");
    else
        join_by_name(daemon, call, group);
}

/* ---- group.list ---- */

static size_t tell_own(struct daemon *daemon, struct call *call)
{
    const struct membership *membership;
    size_t count = 0;
    for (membership = groups_first(daemon->groups); membership != NULL;
         membership = membership->next) {
        membership_pack(membership, call_notify(call, "group"), "group");
        call_notify_end(call);
        count++;
    }
    return count;
}

struct list_call {
    struct daemon *daemon;
    struct call *call;
    struct group_search *search;
    size_t told;
};

static void free_list_call(void *user)
{
    struct list_call *listing = user;
    if (listing->search != NULL)
        group_search_cancel(listing->search);
    free(listing);
}

static void on_listed(void *user, const struct found_group *found)
{
    struct list_call *listing = user;
    struct public_key key = key_of(found);
    if (groups_find(listing->daemon->groups, &key) != NULL)
        return;
    struct pack *pack = call_notify(listing->call, "group");
    pack_begin_map(pack, "group");
    pack_text(pack, "name", found->body.name);
    pack_hex(pack, "key", bytes_of(key.bytes, PUBLIC_BYTES));
    pack_text(pack, "about", found->body.about);
    pack_text(pack, "standing", "none");
    pack_bool(pack, "listed", true);
    pack_end(pack);
    call_notify_end(listing->call);
    listing->told++;
}

static void end_list(struct call *call, size_t groups, unsigned asked, unsigned answered)
{
    struct pack *pack = call_result(call);
    pack_u64(pack, "groups", groups);
    pack_u64(pack, "asked", asked);
    pack_u64(pack, "answered", answered);
    call_finish(call);
}

static void on_list_end(void *user, const struct group_search_end *end)
{
    struct list_call *listing = user;
    listing->search = NULL;
    end_list(listing->call, listing->told, end->asked, end->answered);
    free_list_call(listing);
}

static const struct group_search_callbacks listed = {on_listed, on_list_end};

void group_method_list(struct daemon *daemon, struct call *call)
{
    size_t own = tell_own(daemon, call);
    if (call_bool(call, "own", false)) {
        end_list(call, own, 0, 0);
        return;
    }
    struct list_call *listing = calloc(1, sizeof *listing);
    if (listing != NULL) {
        *listing = (struct list_call){.daemon = daemon, .call = call, .told = own};
        listing->search = group_search_start(daemon, NULL, call_ms(call, "wait", SEARCH_WAIT_S),
                                             &listed, listing);
    }
    if (listing == NULL || listing->search == NULL) {
        free(listing);
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    call_on_cancel(call, free_list_call, listing);
}
