/* Drives one group: does what its procedures ask for, tells what has happened. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "content/names.h"
#include "daemon/channels.h"
#include "daemon/daemon.h"
#include "daemon/engine_private.h"
#include "daemon/group_engine.h"
#include "daemon/groups_private.h"
#include "daemon/session.h"
#include "daemon/signing.h"
#include "io/work.h"
#include "kadpeer/records.h"

static struct daemon *daemon_of(const struct membership *membership)
{
    return membership->groups->daemon;
}

static uint64_t now_of(const struct membership *membership)
{
    return daemon_now_ms(daemon_of(membership));
}

/* ---- looking up ---- */

static void end_lookup(struct group_lookup *lookup)
{
    DL_DELETE(lookup->membership->own->lookups, lookup);
    free(lookup);
}

static void on_lookup(void *user, const struct dht_event *event)
{
    struct group_lookup *lookup = user;
    struct membership *membership = lookup->membership;
    uint32_t handle = lookup->handle;
    if (event->type == DHT_EVENT_VALUE) {
        group_on_value(membership->group, handle, event->value, now_of(membership));
    } else {
        end_lookup(lookup);
        group_on_lookup_done(membership->group, handle, event->status, event->nearest,
                             event->holding, now_of(membership));
    }
    membership_drain(membership);
}

static void look_up(struct membership *membership, const struct group_action *action)
{
    struct group_lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup != NULL) {
        lookup->membership = membership;
        lookup->handle = action->handle;
        lookup->node_handle =
            node_get(daemon_of(membership)->node, &action->key, action->kind, on_lookup, lookup);
    }
    if (lookup != NULL && lookup->node_handle != 0) {
        DL_APPEND(membership->own->lookups, lookup);
        return;
    }
    free(lookup);
    group_on_lookup_done(membership->group, action->handle, STATUS_BUSY, 0, 0, now_of(membership));
}

static void cancel_lookup(struct membership *membership, uint32_t handle)
{
    struct group_lookup *lookup, *next;
    DL_FOREACH_SAFE(membership->own->lookups, lookup, next)
    {
        if (lookup->handle != handle)
            continue;
        node_cancel(daemon_of(membership)->node, lookup->node_handle);
        end_lookup(lookup);
    }
}

/* ---- keeping records in the table ---- */

static struct kept_record *find_kept(const struct membership *membership, const struct id *key,
                                     enum record_kind kind, struct bytes value)
{
    struct kept_record *kept;
    struct drop_record a, b;
    DL_FOREACH(membership->own->kept, kept)
    {
        if (kept->kind != kind || !id_equal(&kept->key, key))
            continue;
        if (kind != KIND_DROP || !drop_record_decode(value, &a) ||
            !drop_record_decode(bytes_of(kept->value, kept->len), &b) ||
            bytes_equal(a.body, b.body))
            return kept;
    }
    return NULL;
}

static void let_go(struct membership *membership, struct kept_record *kept)
{
    struct bytes value = bytes_of(NULL, 0);
    if (kept->kind == KIND_DROP) /* of several in one mailbox */
        value = bytes_of(kept->value, kept->len);
    node_withdraw(daemon_of(membership)->node, &kept->key, kept->kind, value);
    DL_DELETE(membership->own->kept, kept);
    free(kept->value);
    free(kept);
}

static void remember(struct membership *membership, const struct group_action *action)
{
    struct kept_record *kept = find_kept(membership, &action->key, action->kind, action->value);
    uint8_t *value = malloc(action->value.len + 1);
    if (kept == NULL && (kept = calloc(1, sizeof *kept)) != NULL)
        DL_APPEND(membership->own->kept, kept);
    if (kept == NULL || value == NULL) {
        free(value);
        return;
    }
    memcpy(value, action->value.data, action->value.len);
    free(kept->value);
    kept->key = action->key;
    kept->kind = action->kind;
    kept->value = value;
    kept->len = action->value.len;
}

static void publish(struct membership *membership, const struct group_action *action)
{
    enum status status =
        node_publish(daemon_of(membership)->node, &action->key, action->kind, action->value);
    if (status == STATUS_OK)
        remember(membership, action);
    else
        log_warn("groups", "a record of kind %d is not published: %s", (int)action->kind,
                 status_text(status));
}

static void withdraw(struct membership *membership, const struct group_action *action)
{
    struct kept_record *kept = find_kept(membership, &action->key, action->kind, action->value);
    if (kept != NULL)
        let_go(membership, kept);
}

void membership_on_published(struct membership *membership, const struct dht_event *event)
{
    const struct kept_record *kept;
    DL_FOREACH(membership->own->kept, kept)
    {
        if (kept->kind != event->kind || !id_equal(&kept->key, &event->id))
            continue;
        group_on_published(membership->group, &event->id, event->kind, event->values, event->asked,
                           now_of(membership));
        membership_drain(membership);
        return;
    }
}

/* ---- saving ---- */

static void save(struct membership *membership);

/* The membership may be gone when the disk is done, or be another one of the same group: the user
 * left and came back. */
struct saving {
    struct groups *groups;
    struct public_key group;
    uint64_t serial;
};

static struct membership *find_same(const struct groups *groups, const struct public_key *group,
                                    uint64_t serial)
{
    struct membership *membership = groups_find(groups, group);
    return membership != NULL && membership->own->serial == serial ? membership : NULL;
}

static void on_saved(void *user, enum status status)
{
    struct saving *saving = user;
    struct membership *membership = find_same(saving->groups, &saving->group, saving->serial);
    free(saving);
    if (membership == NULL)
        return;
    membership->own->saving = false;
    if (status == STATUS_OK) {
        membership->own->unsaved = false;
        struct groups *groups = membership->groups;
        struct public_key group = *group_key(membership->group);
        group_on_saved(membership->group, now_of(membership));
        membership_drain(membership);
        membership = groups_find(groups, &group);
        if (membership != NULL && !membership->own->unsaved)
            group_wait_on_saved(membership);
    } else if (status != STATUS_CANCELLED) {
        log_error("groups", "cannot write the keystore: %s", status_text(status));
        timer_set(membership->own->save_timer, now_of(membership) + SAVE_AGAIN_MS);
    }
}

static void on_save_timer(void *user)
{
    save(user);
}

static bool start_saving(struct membership *membership, struct bytes state)
{
    struct saving *saving = malloc(sizeof *saving);
    if (saving == NULL)
        return false;
    *saving =
        (struct saving){membership->groups, *group_key(membership->group), membership->own->serial};
    membership->own->saving = true;
    session_save_group(daemon_of(membership)->session, &saving->group, state, on_saved, saving);
    return true;
}

static void save(struct membership *membership)
{
    struct buffer state;
    if (membership->own->saving)
        return;
    membership->own->unsaved = true;
    buffer_init(&state);
    group_save(membership->group, &state);
    if (state.failed || !start_saving(membership, buffer_bytes(&state)))
        timer_set(membership->own->save_timer, now_of(membership) + SAVE_AGAIN_MS);
    if (state.data != NULL)
        keys_wipe(state.data, state.len);
    buffer_dispose(&state);
}

/* ---- work for a mailbox ---- */

struct group_work {
    struct work work;
    struct engine *engine;
    struct public_key group;
    uint64_t serial;
    uint32_t handle;
    unsigned bits;
    uint64_t nonce;
    uint8_t value[DHT_VALUE_MAX];
    size_t len;
    struct drop_record drop;
    bool found;
};

static void run_work(void *user)
{
    struct group_work *job = user;
    while (!job->found && !job->engine->stopping)
        job->found = drop_record_find_nonce(&job->drop, job->bits, &job->nonce, WORK_TRIES);
}

static void work_done(void *user, bool cancelled)
{
    struct group_work *job = user;
    struct engine *engine = job->engine;
    struct membership *membership = find_same(engine->daemon->groups, &job->group, job->serial);
    struct buffer value;
    buffer_init(&value);
    drop_record_encode(&job->drop, &value);
    if (membership != NULL) {
        bool good = job->found && !cancelled && !value.failed;
        group_on_worked(membership->group, job->handle, good, buffer_bytes(&value),
                        now_of(membership));
        membership_drain(membership);
    }
    buffer_dispose(&value);
    engine_job_ends(engine);
    free(job);
}

static void start_work(struct membership *membership, const struct group_action *action)
{
    struct daemon *daemon = daemon_of(membership);
    struct group_work *job = calloc(1, sizeof *job);
    if (job == NULL || action->value.len > sizeof job->value || daemon->stopping) {
        free(job);
        return;
    }
    job->engine = daemon->engine;
    job->group = *group_key(membership->group);
    job->serial = membership->own->serial;
    job->handle = action->handle;
    job->bits = action->bits;
    memcpy(job->value, action->value.data, action->value.len);
    if (!drop_record_decode(bytes_of(job->value, action->value.len), &job->drop)) {
        free(job);
        return;
    }
    rng_fill(&daemon->rng, &job->nonce, sizeof job->nonce);
    engine_job_begins(daemon->engine);
    work_start(&job->work, daemon->loop, run_work, work_done, job);
}

/* ---- listed groups: entries under the name and in the list of all ---- */

static void list_under(struct membership *membership, const struct id *key)
{
    struct buffer entry;
    buffer_init(&entry);
    if (group_listing(membership->group, key, now_of(membership), &entry) == STATUS_OK &&
        !entry.failed) {
        struct group_action action = {
            .key = *key, .kind = KIND_ENTRY, .value = buffer_bytes(&entry)};
        publish(membership, &action);
    }
    buffer_dispose(&entry);
}

static void list(struct membership *membership)
{
    struct group_facts facts;
    group_facts(membership->group, &facts);
    if (!facts.listed || facts.epoch == 0 || group_standing(membership->group) != GROUP_OWNER)
        return;
    char *normal = NULL;
    uint8_t first = group_key(membership->group)->bytes[0];
    struct id key = key_of_group_part(first >> 4);
    list_under(membership, &key);
    key = key_of_group_list(first);
    list_under(membership, &key);
    if (names_normalize(group_name(membership->group), &normal) == STATUS_OK) {
        key = key_of_group_name(normal);
        list_under(membership, &key);
    }
    free(normal);
    membership->own->listed_unix_s = (uint64_t)time(NULL);
    timer_set(membership->own->list_timer, now_of(membership) + SIGN_EVERY_S * 1000);
}

/* Wall clock at 0 of the loop's. */
static uint64_t unix_base_ms(const struct daemon *daemon)
{
    return (uint64_t)time(NULL) * 1000 - daemon_now_ms(daemon);
}

void membership_on_clock(struct membership *membership)
{
    group_set_unix_base(membership->group, unix_base_ms(daemon_of(membership)));
    if (membership->own->listed_unix_s != 0 &&
        signing_is_due(membership->own->listed_unix_s, (uint64_t)time(NULL)))
        list(membership);
    membership_drain(membership);
}

static void on_list_timer(void *user)
{
    list(user);
}

/* ---- what has happened ---- */

static void tell(struct membership *membership, const char *what, const struct group_event *event,
                 const char *text)
{
    struct pack *pack = daemon_event(daemon_of(membership), what);
    if (pack == NULL)
        return;
    pack_text(pack, "group", group_name(membership->group));
    pack_hex(pack, "group_key", bytes_of(group_key(membership->group)->bytes, PUBLIC_BYTES));
    if (event != NULL) {
        pack_text(pack, "name", event->name);
        pack_hex(pack, "key", bytes_of(event->user.bytes, PUBLIC_BYTES));
        pack_text(pack, "note", event->note);
        pack_bool(pack, "left", event->type == GROUP_EVENT_LEFT);
    }
    if (text != NULL)
        pack_text(pack, "text", text);
    daemon_event_end(daemon_of(membership));
}

static void tell_epoch(struct membership *membership)
{
    struct group_facts facts;
    group_facts(membership->group, &facts);
    struct pack *pack = daemon_event(daemon_of(membership), "group_epoch");
    if (pack == NULL)
        return;
    pack_text(pack, "group", group_name(membership->group));
    pack_u64(pack, "epoch", facts.epoch);
    daemon_event_end(daemon_of(membership));
}

static void warn(struct membership *membership, const char *text)
{
    log_warn("groups", "%s: %s", group_name(membership->group), text);
    tell(membership, "group_warning", NULL, text);
}

static void on_event(struct membership *membership, const struct group_event *event)
{
    switch (event->type) {
    case GROUP_EVENT_READY:
        list(membership);
        break;
    case GROUP_EVENT_REQUEST:
        tell(membership, "group_request", event, NULL);
        break;
    case GROUP_EVENT_JOINED:
        tell(membership, "group_joined", NULL, NULL);
        break;
    case GROUP_EVENT_ACCEPTED:
    case GROUP_EVENT_LEFT:
        tell(membership, "group_member", event, NULL);
        break;
    case GROUP_EVENT_REMOVED:
        tell(membership, "group_removed", NULL, NULL);
        break;
    case GROUP_EVENT_EPOCH:
        tell_epoch(membership);
        break;
    case GROUP_EVENT_ROSTER:
    case GROUP_EVENT_FILES:
        tell(membership, "group_files", NULL, NULL);
        break;
    case GROUP_EVENT_OWNER:
        list(membership);
        tell(membership, "group_owner", NULL, NULL);
        break;
    case GROUP_EVENT_FORK:
        warn(membership, "two records of one number: two devices of its owner, or a stolen key");
        break;
    case GROUP_EVENT_STALE:
        warn(membership, "its owner has been away too long: who is a member can't change now");
        break;
    case GROUP_EVENT_GONE:
        membership->own->gone = true;
        break;
    }
    group_wait_on_event(membership, event);
}

/* ---- what is to be done ---- */

static void act(struct membership *membership, const struct group_action *action)
{
    struct daemon *daemon = daemon_of(membership);
    switch (action->type) {
    case GROUP_LOOKUP:
        look_up(membership, action);
        break;
    case GROUP_CANCEL:
        cancel_lookup(membership, action->handle);
        break;
    case GROUP_PUBLISH:
        publish(membership, action);
        break;
    case GROUP_WITHDRAW:
        withdraw(membership, action);
        break;
    case GROUP_SAVE:
        save(membership);
        break;
    case GROUP_WORK:
        start_work(membership, action);
        break;
    case GROUP_BLOB:
        channels_want_blob(daemon->channels, membership, &action->member, action->sha256,
                           action->len);
        break;
    case GROUP_KEYS:
        group_engine_keys_changed(daemon->engine, group_key(membership->group));
        channels_on_keys(daemon->channels, membership);
        break;
    case GROUP_DROP_PEER:
        channels_drop(daemon->channels, group_key(membership->group), &action->member);
        break;
    }
}

static void tell_head(struct membership *membership)
{
    uint64_t changes = group_head_changes(membership->group);
    if (changes == membership->own->told_heads)
        return;
    membership->own->told_heads = changes;
    channels_on_head(daemon_of(membership)->channels, membership);
}

void membership_forget(struct membership *membership)
{
    struct daemon *daemon = daemon_of(membership);
    struct public_key key = *group_key(membership->group);
    group_wait_on_gone(membership);
    membership_free(membership);
    session_forget_group(daemon->session, &key);
}

void membership_drain(struct membership *membership)
{
    struct membership_private *own = membership->own;
    struct group_action action;
    struct group_event event;
    own->again = true;
    if (own->draining)
        return;
    own->draining = true;
    while (own->again) {
        own->again = false;
        while (group_next_action(membership->group, &action))
            act(membership, &action);
        /* What has happened is told once it is on disk, and what follows from it is done. */
        while (!own->unsaved && group_next_event(membership->group, &event))
            on_event(membership, &event);
        tell_head(membership);
    }
    own->draining = false;
    if (own->gone)
        membership_forget(membership);
    else
        timer_set(own->timer, group_deadline(membership->group));
}

static void on_timer(void *user)
{
    struct membership *membership = user;
    group_on_time(membership->group, now_of(membership));
    membership_drain(membership);
}

/* ---- make and free ---- */

struct group_config groups_config(const struct groups *groups)
{
    struct daemon *daemon = groups->daemon;
    const struct keystore *keystore = session_keystore(daemon->session);
    struct group_config config = {.unix_base_ms = unix_base_ms(daemon)};
    uint8_t key[16];
    rng_fill(&daemon->rng, key, sizeof key);
    rng_init(&config.rng, key);
    memcpy(config.user_root, keystore->root, sizeof config.user_root);
    memcpy(config.user_name, keystore->name, sizeof config.user_name);
    return config;
}

static bool make_timers(struct membership *membership)
{
    struct membership_private *own = membership->own;
    uv_loop_t *loop = daemon_of(membership)->loop;
    own->timer = timer_new(loop, on_timer, membership);
    own->list_timer = timer_new(loop, on_list_timer, membership);
    own->save_timer = timer_new(loop, on_save_timer, membership);
    return own->timer != NULL && own->list_timer != NULL && own->save_timer != NULL;
}

static void free_parts(struct membership *membership)
{
    if (membership->own != NULL) {
        timer_free(membership->own->timer);
        timer_free(membership->own->list_timer);
        timer_free(membership->own->save_timer);
    }
    group_free(membership->group);
    free(membership->own);
    free(membership);
}

struct membership *membership_new(struct groups *groups, struct group *group)
{
    struct membership *membership = calloc(1, sizeof *membership);
    if (membership == NULL) {
        group_free(group);
        return NULL;
    }
    membership->groups = groups;
    membership->group = group;
    membership->own = calloc(1, sizeof *membership->own);
    if (membership->own == NULL || !make_timers(membership)) {
        free_parts(membership);
        return NULL;
    }
    membership->own->serial = ++groups->last_serial;
    DL_APPEND(groups->memberships, membership);
    return membership;
}

void membership_free(struct membership *membership)
{
    struct daemon *daemon = daemon_of(membership);
    struct public_key key = *group_key(membership->group);
    while (membership->own->lookups != NULL)
        cancel_lookup(membership, membership->own->lookups->handle);
    while (membership->own->kept != NULL)
        let_go(membership, membership->own->kept);
    DL_DELETE(membership->groups->memberships, membership);
    channels_drop(daemon->channels, &key, NULL);
    group_engine_keys_changed(daemon->engine, &key);
    free_parts(membership);
}
