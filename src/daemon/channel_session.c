/* One TLS session of a group: from the first byte to the switch to BitTorrent, or to its end.
 *
 * Dialled: connect, TLS under an epoch's key, AUTH and HEAD both ways, then what it is for. Refused
 * under the newest epoch, a session for news is tried again under the one before, to bring HEAD to
 * a member that has not heard of it. Incoming: the identity tells the group and the epoch. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/channels_private.h"
#include "daemon/daemon.h"
#include "daemon/engine.h"
#include "daemon/group_engine.h"
#include "daemon/peer_connection.h"
#include "io/tcp.h"
#include "io/tls.h"

static const struct tcp_owner owner;

static struct membership *membership_of(const struct channel_session *session)
{
    return groups_find(session->channels->daemon->groups, &session->group);
}

static void wait_for(struct channel_session *session, uint64_t ms)
{
    timer_set(session->timer, channels_now(session->channels) + ms);
}

/* ---- the end ---- */

static void free_if_left(struct channel_session *session)
{
    if (session->inside > 0 || !session->closing)
        return;
    channel_free(session->channel);
    buffer_dispose(&session->out);
    buffer_dispose(&session->blob);
    free(session);
}

/* Out of the list, and freed once nobody is inside of it. */
static void leave(struct channel_session *session)
{
    session->closing = true;
    DL_DELETE(session->channels->sessions, session);
    session->channels->session_count--;
    tcp_close(session->tcp);
    session->tcp = NULL;
    timer_free(session->timer);
    session->timer = NULL;
    free_if_left(session);
}

static void tell_dialler(struct channel_session *session, enum status why)
{
    struct channel_dial *dial = session->dial;
    if (dial == NULL)
        return;
    session->dial = NULL;
    dial->callbacks->failed(dial->user, why);
    free(dial);
}

void channel_session_close(struct channel_session *session, enum status why)
{
    if (session->closing)
        return;
    session->inside++;
    enum session_purpose purpose = session->purpose;
    session->purpose = SESSION_NEWS;
    tell_dialler(session, why);
    struct channels *channels = session->channels;
    leave(session);
    if (purpose == SESSION_BLOB)
        channel_blob_ended(channels, &session->group, session->sha256, bytes_of(NULL, 0));
    session->inside--;
    free_if_left(session);
}

static bool is_broken(const struct channel_session *session)
{
    return session->channel != NULL && channel_is_broken(session->channel);
}

static void on_timer(void *user)
{
    channel_session_close(user, is_broken(user) ? STATUS_NO_MEMORY : STATUS_TIMED_OUT);
}

/* ---- out ---- */

/* The other side would wait for what could not be said; closed in a moment, for whoever has said it
 * may be walking the list. */
void channel_session_flush(struct channel_session *session)
{
    if (is_broken(session)) {
        wait_for(session, 0);
        return;
    }
    if (session->channel == NULL || tcp_is_writing(session->tcp) ||
        channel_waiting(session->channel) == 0)
        return;
    channel_take_out(session->channel, &session->out);
    struct bytes run = buffer_bytes(&session->out);
    tcp_write(session->tcp, &run, 1);
}

static void on_sent(void *user)
{
    channel_session_flush(user);
}

void channel_session_send_head(struct channel_session *session)
{
    struct membership *membership = membership_of(session);
    struct bytes head =
        membership != NULL ? group_head_value(membership->group) : bytes_of(NULL, 0);
    if (session->channel == NULL || head.len == 0)
        return;
    session->said_head = true;
    channel_send_head(session->channel, head);
    channel_session_flush(session);
}

/* ---- what it is for, once the other side is known ---- */

static void say_join(struct channel_session *session, struct group *group)
{
    struct buffer request;
    buffer_init(&request);
    if (group_join_plain(group, channels_now(session->channels), &request) == STATUS_OK)
        channel_send_join(session->channel, buffer_bytes(&request));
    buffer_dispose(&request);
}

static void begin_purpose(struct channel_session *session)
{
    session->began = true;
    if (session->purpose == SESSION_TRANSFER)
        channel_send_transfer(session->channel, &session->blinded);
    else if (session->purpose == SESSION_BLOB)
        channel_want_blob(session->channel, session->sha256, 0);
    wait_for(session, CHANNEL_IDLE_MS);
}

/* ---- in: frames ---- */

static enum status on_auth(struct channel_session *session, struct membership *membership,
                           const struct channel_event *event)
{
    const struct roster *roster = group_roster(membership->group);
    if (session->footing == CHANNEL_LATE)
        return STATUS_OK;
    session->peer = event->peer;
    session->is_member = roster != NULL && roster_find(roster, &event->peer) != NULL;
    if (session->is_member) {
        presence_met(session->channels, &session->group, &session->peer,
                     session->incoming ? NULL : &session->remote);
        channels_bound_member(session->channels, session);
    }
    if (!session->incoming)
        begin_purpose(session);
    return STATUS_OK;
}

/* Dialled for something that only a member of the same epoch gives, and not known to be one yet. */
static bool awaits_auth(const struct channel_session *session)
{
    return !session->incoming && !session->began &&
           (session->purpose == SESSION_TRANSFER || session->purpose == SESSION_BLOB);
}

/* Whoever knows of a newer epoch than ours says HEAD and nothing else: what we came for is to be
 * had under the new keys. */
static enum status on_head(struct channel_session *session, struct membership *membership,
                           const struct channel_event *event)
{
    group_on_head(membership->group, event->value, channels_now(session->channels));
    membership_drain(membership);
    if (!awaits_auth(session) || (membership = membership_of(session)) == NULL)
        return STATUS_OK;
    return group_head_epoch(membership->group) > session->epoch ? STATUS_CLOSED : STATUS_OK;
}

static void on_parts_wanted(struct channel_session *session, struct membership *membership,
                            const struct channel_event *event)
{
    struct bytes part;
    for (size_t i = 0; i < event->key_count; i++)
        if (group_find_part(membership->group, &event->keys[i], &part))
            channel_send_part(session->channel, part);
}

static enum status on_blob_wanted(struct channel_session *session, struct membership *membership,
                                  const struct channel_event *event)
{
    struct bytes blob = bytes_of(NULL, 0);
    if (channel_blob_find(session->channels, membership, event->sha256, &blob) &&
        event->at < blob.len) {
        size_t left = blob.len - event->at;
        size_t len = left < CHANNEL_BLOB_BYTES ? left : CHANNEL_BLOB_BYTES;
        channel_send_blob(session->channel, event->sha256, bytes_of(blob.data + event->at, len),
                          event->at, (uint32_t)blob.len);
        return STATUS_OK;
    }
    channel_send_blob(session->channel, event->sha256, bytes_of(NULL, 0), 0, 0);
    return ++session->misses <= CHANNEL_MISSES_MAX ? STATUS_OK : STATUS_REFUSED;
}

/* The whole of it, or none: then another member is asked. */
static enum status on_blob(struct channel_session *session, const struct channel_event *event)
{
    if (session->purpose != SESSION_BLOB ||
        memcmp(event->sha256, session->sha256, SHA256_BYTES) != 0)
        return STATUS_REFUSED;
    if (event->total != session->blob_len || event->at != session->blob.len ||
        event->value.len == 0)
        return STATUS_NOT_FOUND;
    buffer_add(&session->blob, event->value.data, event->value.len);
    if (session->blob.failed)
        return STATUS_NO_MEMORY;
    if (session->blob.len < session->blob_len) {
        channel_want_blob(session->channel, session->sha256, (uint32_t)session->blob.len);
        return STATUS_OK;
    }
    session->purpose = SESSION_NEWS;
    channel_blob_ended(session->channels, &session->group, session->sha256,
                       buffer_bytes(&session->blob));
    return STATUS_CLOSED;
}

static void on_join(struct channel_session *session, struct membership *membership,
                    const struct channel_event *event)
{
    group_on_join(membership->group, event->value, channels_now(session->channels));
    membership_drain(membership);
}

/* The connection goes to the transfer, and the session ends without it. */
static void hand_over(struct channel_session *session)
{
    struct tcp *tcp = session->tcp;
    struct channel_dial *dial = session->dial;
    struct public_key peer = session->peer;
    session->tcp = NULL;
    session->dial = NULL;
    leave(session);
    dial->callbacks->ready(dial->user, tcp, &peer);
    free(dial);
}

static enum status on_transfer(struct channel_session *session, const struct channel_event *event)
{
    struct engine *engine = session->channels->daemon->engine;
    if (!session->is_member)
        return STATUS_REFUSED;
    if (!session->incoming) {
        if (session->dial == NULL || !id_equal(&event->key, &session->blinded))
            return STATUS_REFUSED;
        hand_over(session);
        return STATUS_OK;
    }
    struct item *item = group_engine_find(engine, &session->group, &event->key);
    if (item == NULL)
        return STATUS_NOT_FOUND;
    session->blinded = event->key;
    session->purpose = SESSION_TRANSFER; /* handed over once the answer is written */
    channel_send_transfer(session->channel, &event->key);
    return STATUS_OK;
}

/* Other than OK: it is to be closed. */
static enum status on_event(struct channel_session *session, const struct channel_event *event)
{
    struct membership *membership = membership_of(session);
    if (membership == NULL)
        return STATUS_CLOSED;
    switch (event->type) {
    case FRAME_AUTH:
        return on_auth(session, membership, event);
    case FRAME_HEAD:
        return on_head(session, membership, event);
    case FRAME_PARTS_WANTED:
        on_parts_wanted(session, membership, event);
        return STATUS_OK;
    case FRAME_PART:
        group_on_part(membership->group, event->value, channels_now(session->channels));
        membership_drain(membership);
        return STATUS_OK;
    case FRAME_BLOB_WANTED:
        if (!session->is_member)
            return STATUS_REFUSED;
        return on_blob_wanted(session, membership, event);
    case FRAME_BLOB:
        return on_blob(session, event);
    case FRAME_JOIN:
        on_join(session, membership, event);
        return STATUS_OK;
    case FRAME_TRANSFER:
        return on_transfer(session, event);
    }
    return STATUS_MALFORMED;
}

/* ---- in: bytes ---- */

static void give_space(void *user, uint8_t **space, size_t *len)
{
    struct channel_session *session = user;
    channel_space(session->channel, space, len);
}

static void give_to_transfer(struct channel_session *session)
{
    struct channels *channels = session->channels;
    struct item *item =
        group_engine_find(channels->daemon->engine, &session->group, &session->blinded);
    struct tcp *tcp = session->tcp;
    struct public_key peer = session->peer;
    struct id blinded = session->blinded;
    if (item == NULL) {
        channel_session_close(session, STATUS_NOT_FOUND);
        return;
    }
    session->tcp = NULL;
    leave(session);
    peer_connection_accept_member(item, tcp, &blinded, &peer);
}

/* What a drained group does (a member removed, our own leaving) may close this very session. */
static void take_event(struct channel_session *session, enum status status)
{
    struct channel_event event;
    if (status == STATUS_OK && channel_next_event(session->channel, &event)) {
        if (!awaits_auth(session)) /* it must come in the time it was given */
            wait_for(session, CHANNEL_IDLE_MS);
        status = on_event(session, &event);
    }
    if (session->closing)
        return;
    if (status != STATUS_OK) {
        session->channels->broke_protocol += status == STATUS_MALFORMED || status == STATUS_REFUSED;
        channel_session_close(session, status);
        return;
    }
    channel_session_flush(session);
    if (session->incoming && session->purpose == SESSION_TRANSFER)
        tcp_pause(session->tcp, true); /* what follows is not ours to read */
}

static void on_received(void *user, size_t len)
{
    struct channel_session *session = user;
    session->inside++;
    take_event(session, channel_received(session->channel, len));
    session->inside--;
    free_if_left(session);
}

/* ---- TLS is open ---- */

static bool make_channel(struct channel_session *session, const struct group *group)
{
    uint8_t context[CHANNEL_CONTEXT_BYTES];
    struct channel_config config = {
        .role = session->incoming ? CHANNEL_SERVER : CHANNEL_CLIENT,
        .footing = session->footing,
        .member = group_own_keys(group),
    };
    channel_context(&session->group, session->epoch, context);
    if (tls_export(tcp_tls(session->tcp), CHANNEL_EXPORT_LABEL, bytes_of(context, sizeof context),
                   config.exported) == STATUS_OK)
        session->channel = channel_new(&config);
    return session->channel != NULL;
}

static void on_open(struct channel_session *session)
{
    struct membership *membership = membership_of(session);
    if (membership == NULL || !make_channel(session, membership->group)) {
        channel_session_close(session, STATUS_CLOSED);
        return;
    }
    session->open = true;
    wait_for(session, CHANNEL_HANDSHAKE_MS);
    channel_session_send_head(session);
    if (session->purpose == SESSION_JOIN)
        say_join(session, membership->group);
    channel_session_flush(session);
}

/* ---- dialling ---- */

/* The key of an epoch, or of an invite, for the one who dials. */
static struct tls *client_tls(struct channel_session *session, struct membership *membership)
{
    uint8_t identity[PSK_IDENTITY_BYTES], psk[32], pskid[32];
    struct rng *rng = &session->channels->daemon->rng;
    if (session->purpose == SESSION_JOIN) {
        if (invite_psk(session->token, &session->group, psk) != STATUS_OK ||
            invite_pskid(session->token, &session->group, pskid) != STATUS_OK)
            return NULL;
    } else {
        const struct epoch_keys *keys = group_epoch(membership->group, session->age);
        if (keys == NULL)
            return NULL;
        session->epoch = keys->epoch;
        memcpy(psk, keys->key[USE_PSK], sizeof psk);
        memcpy(pskid, keys->key[USE_PSKID], sizeof pskid);
    }
    psk_identity_make(pskid, channels_unix_s(), rng, identity);
    struct tls *tls = tls_client_new(bytes_of(identity, sizeof identity), psk);
    keys_wipe(psk, sizeof psk);
    keys_wipe(pskid, sizeof pskid);
    return tls;
}

/* Called twice: when TCP is there, and when TLS is. */
static void on_connected(void *user)
{
    struct channel_session *session = user;
    struct membership *membership = membership_of(session);
    if (tcp_tls(session->tcp) != NULL) {
        on_open(session);
        return;
    }
    struct tls *tls = membership != NULL ? client_tls(session, membership) : NULL;
    if (tls == NULL || tcp_take_tls(session->tcp, tls, bytes_of(NULL, 0)) != STATUS_OK) {
        channel_session_close(session, STATUS_CLOSED);
        return;
    }
    wait_for(session, CHANNEL_HANDSHAKE_MS);
}

/* Refused, it may be, by one who has not heard of our epoch yet: that one is brought the news. */
static bool try_older_epoch(struct channel_session *session)
{
    struct membership *membership = membership_of(session);
    if (session->open || session->purpose != SESSION_NEWS || session->age > 0 ||
        membership == NULL || group_epoch(membership->group, 1) == NULL ||
        tcp_tls(session->tcp) == NULL)
        return false;
    struct channel_session *again = channel_session_new(session->channels, SESSION_NEWS);
    if (again != NULL)
        channel_session_dial(again, membership, 1, &session->remote);
    return again != NULL;
}

static void on_failed(void *user, enum status why)
{
    struct channel_session *session = user;
    if (!session->incoming)
        try_older_epoch(session);
    else
        session->channels->refused_identity += session->channel == NULL;
    channel_session_close(session, why);
}

static void on_sent_all(void *user)
{
    struct channel_session *session = user;
    bool switched =
        session->incoming && session->purpose == SESSION_TRANSFER && !is_broken(session);
    if (switched && channel_waiting(session->channel) == 0)
        give_to_transfer(session);
    else
        on_sent(session);
}

static const struct tcp_owner owner = {
    .connected = on_connected,
    .space = give_space,
    .received = on_received,
    .sent = on_sent_all,
    .failed = on_failed,
};

bool channel_session_dial(struct channel_session *session, struct membership *membership,
                          unsigned age, const struct endpoint *to)
{
    struct daemon *daemon = session->channels->daemon;
    session->group = *group_key(membership->group);
    session->footing = session->purpose == SESSION_JOIN ? CHANNEL_NEWCOMER
                       : age > 0                        ? CHANNEL_LATE
                                                        : CHANNEL_MEMBERS;
    session->age = age;
    session->remote = *to;
    session->tcp = tcp_connect(daemon->loop, to, daemon_dial_from(daemon, to), CHANNEL_HANDSHAKE_MS,
                               &owner, session);
    if (session->tcp == NULL) {
        channel_session_close(session, STATUS_NO_MEMORY);
        return false;
    }
    return true;
}

/* ---- accepting ---- */

static bool try_epochs(struct channel_session *session, const struct membership *membership,
                       struct bytes identity, uint8_t psk[TLS_PSK_BYTES])
{
    const struct epoch_keys *keys;
    for (unsigned age = 0; (keys = group_epoch(membership->group, age)) != NULL; age++) {
        if (!psk_identity_fits(identity, keys->key[USE_PSKID], channels_unix_s()))
            continue;
        session->group = *group_key(membership->group);
        session->footing = age == 0 ? CHANNEL_MEMBERS : CHANNEL_LATE;
        session->epoch = keys->epoch;
        memcpy(psk, keys->key[USE_PSK], TLS_PSK_BYTES);
        return true;
    }
    return false;
}

static bool try_invites(struct channel_session *session, const struct membership *membership,
                        struct bytes identity, uint8_t psk[TLS_PSK_BYTES])
{
    const uint8_t *token;
    const struct public_key *group = group_key(membership->group);
    for (size_t i = 0; (token = group_open_token(membership->group, i)) != NULL; i++) {
        uint8_t pskid[32];
        bool fits = invite_pskid(token, group, pskid) == STATUS_OK &&
                    psk_identity_fits(identity, pskid, channels_unix_s()) &&
                    invite_psk(token, group, psk) == STATUS_OK;
        keys_wipe(pskid, sizeof pskid);
        if (!fits)
            continue;
        session->group = *group;
        session->footing = CHANNEL_NEWCOMER;
        session->epoch = 0;
        return true;
    }
    return false;
}

static bool find_psk(void *user, struct bytes identity, uint8_t psk[TLS_PSK_BYTES])
{
    struct channel_session *session = user;
    struct channels *channels = session->channels;
    struct membership *membership = groups_first(channels->daemon->groups);
    bool found = false;
    for (; membership != NULL && !found; membership = membership->next)
        found = try_epochs(session, membership, identity, psk) ||
                try_invites(session, membership, identity, psk);
    /* A copied hello finds nobody at home. */
    if (found && !nonce_cache_add(channels->nonces, identity.data, channels_unix_s()))
        found = false;
    return found;
}

void channel_session_accept(struct channel_session *session, struct tcp *tcp, struct bytes received)
{
    session->incoming = true;
    session->tcp = tcp;
    session->remote = tcp_remote(tcp);
    wait_for(session, CHANNEL_HANDSHAKE_MS);
    struct tls *tls = tls_server_new(find_psk, session);
    tcp_set_owner(tcp, &owner, session);
    if (tls == NULL || tcp_take_tls(tcp, tls, received) != STATUS_OK)
        channel_session_close(session, STATUS_NO_MEMORY);
}

struct channel_session *channel_session_new(struct channels *channels, enum session_purpose purpose)
{
    if (channels->session_count >= CHANNELS_MAX)
        return NULL;
    struct channel_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return NULL;
    session->timer = timer_new(channels->daemon->loop, on_timer, session);
    if (session->timer == NULL) {
        free(session);
        return NULL;
    }
    session->channels = channels;
    session->purpose = purpose;
    session->since_ms = channels_now(channels);
    buffer_init(&session->out);
    buffer_init(&session->blob);
    DL_APPEND(channels->sessions, session);
    channels->session_count++;
    return session;
}
