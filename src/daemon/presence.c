/* Which members are about: our own presence under the day's blinded key of the newest epoch, those
 * of others under that and yesterday's, and a few of them dialled for news  [groups-design 3, 5].
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/channels_private.h"
#include "daemon/daemon.h"
#include "daemon/node.h"
#include "kadpeer/records.h"
#include "people/group_params.h"

struct seen_member {
    struct public_key key;  /* zero: only the address is known */
    struct endpoint listen; /* family 0: not known */
    uint64_t seen_ms;
};

/* Members who have not heard of the newest epoch are about under the keys of theirs. */
struct old_lookup {
    struct presence *presence;
    uint32_t handle; /* 0: none */
    unsigned age;    /* of the epoch */
    unsigned dialled;
};

struct presence {
    struct presence *prev, *next; /* channels->presences */
    struct channels *channels;
    struct public_key group;
    struct timer *timer;
    unsigned looks; /* since the keys were new, or the network was */
    bool published;
    struct id key; /* what is published */
    uint32_t lookups[2];
    struct old_lookup old[EPOCHS_LIVE_MAX - 1];
    size_t count;
    struct seen_member members[PRESENCE_MEMBERS_MAX];
};

static struct presence *find(const struct channels *channels, const struct public_key *group)
{
    struct presence *presence;
    DL_FOREACH(channels->presences, presence)
    if (public_key_equal(&presence->group, group))
        return presence;
    return NULL;
}

static struct node *node_of(const struct presence *presence)
{
    return presence->channels->daemon->node;
}

/* ---- who was seen ---- */

static struct seen_member *find_seen(struct presence *presence, const struct public_key *member,
                                     const struct endpoint *listen)
{
    for (size_t i = 0; i < presence->count; i++) {
        struct seen_member *seen = &presence->members[i];
        if (member != NULL && public_key_equal(&seen->key, member))
            return seen;
        if (listen != NULL && endpoint_equal(&seen->listen, listen))
            return seen;
    }
    return NULL;
}

static struct seen_member *oldest(struct presence *presence)
{
    struct seen_member *found = &presence->members[0];
    for (size_t i = 1; i < presence->count; i++)
        if (presence->members[i].seen_ms < found->seen_ms)
            found = &presence->members[i];
    return found;
}

static void note(struct presence *presence, const struct public_key *member,
                 const struct endpoint *listen)
{
    struct seen_member *seen = find_seen(presence, member, listen);
    if (seen == NULL && presence->count < PRESENCE_MEMBERS_MAX)
        seen = &presence->members[presence->count++];
    else if (seen == NULL)
        seen = oldest(presence);
    else if (member == NULL) { /* an address we knew, and no news of who it is */
        return;
    }
    struct seen_member was = *seen;
    *seen = (struct seen_member){.seen_ms = channels_now(presence->channels)};
    if (member != NULL)
        seen->key = *member;
    if (listen != NULL)
        seen->listen = *listen;
    else if (member != NULL && public_key_equal(&was.key, member))
        seen->listen = was.listen;
}

void presence_met(struct channels *channels, const struct public_key *group,
                  const struct public_key *member, const struct endpoint *listen)
{
    struct presence *presence = find(channels, group);
    if (presence != NULL)
        note(presence, member, listen);
}

bool presence_is_online(const struct channels *channels, const struct public_key *group,
                        const struct public_key *member)
{
    struct presence *presence = find(channels, group);
    const struct seen_member *seen = presence != NULL ? find_seen(presence, member, NULL) : NULL;
    return seen != NULL && channels_now(channels) - seen->seen_ms < MEMBER_ONLINE_MS;
}

size_t presence_addresses(struct channels *channels, const struct public_key *group,
                          const struct public_key *first, struct endpoint out[], size_t cap)
{
    struct presence *presence = find(channels, group);
    size_t count = 0;
    if (presence == NULL || presence->count == 0)
        return 0;
    const struct seen_member *owner = first != NULL ? find_seen(presence, first, NULL) : NULL;
    if (owner != NULL && owner->listen.family != ENDPOINT_NONE)
        out[count++] = owner->listen;
    size_t begin = (size_t)rng_below(&channels->daemon->rng, presence->count);
    for (size_t i = 0; i < presence->count && count < cap; i++) {
        const struct seen_member *seen = &presence->members[(begin + i) % presence->count];
        if (seen != owner && seen->listen.family != ENDPOINT_NONE)
            out[count++] = seen->listen;
    }
    return count;
}

/* ---- dialling for news ---- */

static bool is_connected(const struct channels *channels, const struct public_key *group,
                         const struct endpoint *to)
{
    const struct channel_session *session;
    DL_FOREACH(channels->sessions, session)
    if (public_key_equal(&session->group, group) && endpoint_equal(&session->remote, to))
        return true;
    return false;
}

void presence_spread(struct channels *channels, struct membership *membership)
{
    struct endpoint addresses[PRESENCE_MEMBERS_MAX];
    const struct public_key *group = group_key(membership->group);
    size_t count = presence_addresses(channels, group, NULL, addresses, PRESENCE_MEMBERS_MAX);
    for (size_t i = 0, dialled = 0; i < count && dialled < NEWS_FANOUT; i++) {
        if (is_connected(channels, group, &addresses[i]) ||
            node_is_self(channels->daemon->node, &addresses[i]))
            continue;
        struct channel_session *session = channel_session_new(channels, SESSION_NEWS);
        if (session == NULL)
            return;
        channel_session_dial(session, membership, 0, &addresses[i]);
        dialled++;
    }
}

/* ---- looking for members ---- */

static bool is_looking(const struct presence *presence)
{
    return presence->lookups[0] != 0 || presence->lookups[1] != 0;
}

/* Soon again at first, then ever later: a datagram may be lost, and a member who was not found the
 * first time would not hear of a new epoch until it asks for HEAD itself. */
static void set_next(struct presence *presence)
{
    struct rng *rng = &presence->channels->daemon->rng;
    uint64_t pause_ms = PRESENCE_FIRST_MS;
    if (presence->count > 0)
        pause_ms <<= presence->looks < PRESENCE_LOOKS_SOON ? presence->looks : PRESENCE_LOOKS_SOON;
    pause_ms = pause_ms < PRESENCE_EVERY_MS ? pause_ms : PRESENCE_EVERY_MS;
    presence->looks++;
    pause_ms += rng_below(rng, pause_ms * 2 / 5) - pause_ms / 5;
    timer_set(presence->timer, channels_now(presence->channels) + pause_ms);
}

static void on_found(struct presence *presence, unsigned which, const struct dht_event *event)
{
    struct peer_record record;
    if (event->type == DHT_EVENT_VALUE) {
        if (peer_record_decode(event->value, &record) && event->endpoint.port != 0 &&
            !node_is_self(node_of(presence), &event->endpoint))
            note(presence, NULL, &event->endpoint);
        return;
    }
    presence->lookups[which] = 0;
    if (is_looking(presence))
        return;
    struct channels *channels = presence->channels;
    struct public_key group = presence->group;
    struct membership *membership = groups_find(channels->daemon->groups, &group);
    set_next(presence);
    if (membership == NULL)
        return;
    presence_spread(channels, membership);
    channel_blob_go_on(channels, &group);
}

static void on_today(void *user, const struct dht_event *event)
{
    on_found(user, 0, event);
}

static void on_yesterday(void *user, const struct dht_event *event)
{
    on_found(user, 1, event);
}

bool presence_is_looking(const struct channels *channels, const struct public_key *group)
{
    const struct presence *presence = find(channels, group);
    return presence != NULL && is_looking(presence);
}

static void on_latecomer(void *user, const struct dht_event *event)
{
    struct old_lookup *lookup = user;
    struct channels *channels = lookup->presence->channels;
    struct membership *membership = groups_find(channels->daemon->groups, &lookup->presence->group);
    struct peer_record record;
    if (event->type != DHT_EVENT_VALUE) {
        lookup->handle = 0;
        return;
    }
    if (membership == NULL || lookup->dialled >= NEWS_FANOUT ||
        !peer_record_decode(event->value, &record) || event->endpoint.port == 0 ||
        node_is_self(channels->daemon->node, &event->endpoint))
        return;
    struct channel_session *session = channel_session_new(channels, SESSION_NEWS);
    if (session == NULL)
        return;
    lookup->dialled++;
    channel_session_dial(session, membership, lookup->age, &event->endpoint);
}

static void stop_looking_for_latecomers(struct presence *presence)
{
    for (size_t i = 0; i < EPOCHS_LIVE_MAX - 1; i++) {
        if (presence->old[i].handle != 0)
            node_cancel(node_of(presence), presence->old[i].handle);
        presence->old[i].handle = 0;
    }
}

/* We may have been away, or have died, when the epoch was new: then nobody was told by us. */
static void look_for_latecomers(struct presence *presence, const struct membership *membership)
{
    uint32_t day = (uint32_t)(channels_unix_s() / DAY_S);
    const struct epoch_keys *keys;
    stop_looking_for_latecomers(presence);
    for (unsigned age = 1;
         age < EPOCHS_LIVE_MAX && (keys = group_epoch(membership->group, age)) != NULL; age++) {
        struct id key = epoch_presence_key(keys, day);
        struct old_lookup *lookup = &presence->old[age - 1];
        *lookup = (struct old_lookup){.presence = presence, .age = age};
        lookup->handle = node_get(node_of(presence), &key, KIND_PEER, on_latecomer, lookup);
    }
}

static void stop_looking(struct presence *presence)
{
    for (unsigned i = 0; i < 2; i++) {
        if (presence->lookups[i] != 0)
            node_cancel(node_of(presence), presence->lookups[i]);
        presence->lookups[i] = 0;
    }
}

static void look(struct presence *presence, const struct epoch_keys *keys)
{
    uint32_t day = (uint32_t)(channels_unix_s() / DAY_S);
    struct id today = epoch_presence_key(keys, day), yesterday = epoch_presence_key(keys, day - 1);
    stop_looking(presence);
    presence->lookups[0] = node_get(node_of(presence), &today, KIND_PEER, on_today, presence);
    presence->lookups[1] =
        node_get(node_of(presence), &yesterday, KIND_PEER, on_yesterday, presence);
    if (!is_looking(presence))
        set_next(presence);
}

/* ---- our own ---- */

static void withdraw(struct presence *presence)
{
    if (presence->published)
        node_withdraw(node_of(presence), &presence->key, KIND_PEER, bytes_of(NULL, 0));
    presence->published = false;
}

static void publish(struct presence *presence, const struct epoch_keys *keys)
{
    struct id key = epoch_presence_key(keys, (uint32_t)(channels_unix_s() / DAY_S));
    struct peer_record record = {.tcp_port = presence->channels->daemon->port};
    if (presence->published && id_equal(&key, &presence->key))
        return;
    withdraw(presence);
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(&record, &value);
    presence->key = key;
    presence->published = !value.failed && node_publish(node_of(presence), &key, KIND_PEER,
                                                        buffer_bytes(&value)) == STATUS_OK;
    buffer_dispose(&value);
}

/* ---- all of it ---- */

static void go_on(struct presence *presence)
{
    struct membership *membership =
        groups_find(presence->channels->daemon->groups, &presence->group);
    const struct epoch_keys *keys = membership != NULL ? group_epoch(membership->group, 0) : NULL;
    if (keys == NULL) {
        withdraw(presence);
        stop_looking(presence);
        stop_looking_for_latecomers(presence);
        return;
    }
    publish(presence, keys);
    look(presence, keys);
    look_for_latecomers(presence, membership);
}

static void on_timer(void *user)
{
    go_on(user);
}

static struct presence *add(struct channels *channels, const struct public_key *group)
{
    struct presence *presence = calloc(1, sizeof *presence);
    if (presence == NULL)
        return NULL;
    presence->timer = timer_new(channels->daemon->loop, on_timer, presence);
    if (presence->timer == NULL) {
        free(presence);
        return NULL;
    }
    presence->channels = channels;
    presence->group = *group;
    DL_APPEND(channels->presences, presence);
    return presence;
}

void presence_on_keys(struct channels *channels, struct membership *membership)
{
    const struct public_key *group = group_key(membership->group);
    struct presence *presence = find(channels, group);
    if (presence == NULL)
        presence = add(channels, group);
    if (presence == NULL)
        return;
    presence->looks = 0;
    go_on(presence);
}

void channels_on_network(struct channels *channels)
{
    struct presence *presence;
    DL_FOREACH(channels->presences, presence)
    {
        presence->looks = 0;
        go_on(presence);
    }
}

static void drop(struct presence *presence)
{
    withdraw(presence);
    stop_looking(presence);
    stop_looking_for_latecomers(presence);
    timer_free(presence->timer);
    DL_DELETE(presence->channels->presences, presence);
    free(presence);
}

void presence_forget(struct channels *channels, const struct public_key *group)
{
    struct presence *presence = find(channels, group);
    if (presence != NULL)
        drop(presence);
}

void presence_free_all(struct channels *channels)
{
    while (channels->presences != NULL)
        drop(channels->presences);
}
