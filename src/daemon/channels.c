/* Who is let in, and what is open. */
#include "daemon/channels.h"

#include <stdlib.h>
#include <time.h>

#include "daemon/channels_private.h"
#include "daemon/daemon.h"
#include "daemon/group_engine.h"
#include "io/tcp.h"

uint64_t channels_now(const struct channels *channels)
{
    return daemon_now_ms(channels->daemon);
}

uint64_t channels_unix_s(void)
{
    return (uint64_t)time(NULL);
}

/* ---- make and free ---- */

struct channels *channels_new(struct daemon *daemon)
{
    struct channels *channels = calloc(1, sizeof *channels);
    if (channels == NULL)
        return NULL;
    channels->daemon = daemon;
    channels->nonces = nonce_cache_new();
    if (channels->nonces == NULL) {
        free(channels);
        return NULL;
    }
    return channels;
}

void channels_free(struct channels *channels)
{
    if (channels == NULL)
        return;
    channel_blob_forget(channels, NULL);
    while (channels->sessions != NULL)
        channel_session_close(channels->sessions, STATUS_CANCELLED);
    presence_free_all(channels);
    nonce_cache_free(channels->nonces);
    free(channels);
}

/* ---- accepting ---- */

static bool is_stranger(const struct channel_session *session)
{
    return session->incoming && !session->is_member;
}

static bool has_room_for(struct channels *channels, const struct endpoint *remote)
{
    const struct channel_session *session;
    size_t strangers = 0, same = 0;
    DL_FOREACH(channels->sessions, session)
    {
        strangers += is_stranger(session);
        same += is_stranger(session) && endpoint_same_address(&session->remote, remote);
    }
    if (strangers >= CHANNELS_STRANGERS) {
        channels->refused_full++;
        return false;
    }
    bool crowded = same >= CHANNELS_PER_ADDRESS && !endpoint_is_local(remote);
    channels->refused_address += crowded;
    return !crowded;
}

void channels_accept(struct channels *channels, struct tcp *tcp, struct bytes received)
{
    struct endpoint remote = tcp_remote(tcp);
    bool nobody = groups_first(channels->daemon->groups) == NULL;
    struct channel_session *session = NULL;
    if (!nobody && has_room_for(channels, &remote))
        session = channel_session_new(channels, SESSION_INCOMING);
    if (session == NULL)
        tcp_close(tcp);
    else
        channel_session_accept(session, tcp, received);
}

/* ---- dialling ---- */

struct channel_dial *channels_dial_transfer(struct channels *channels,
                                            struct membership *membership,
                                            const struct endpoint *to, const struct id *blinded,
                                            const struct channel_dialled *callbacks, void *user)
{
    struct channel_dial *dial = malloc(sizeof *dial);
    struct channel_session *session =
        dial != NULL ? channel_session_new(channels, SESSION_TRANSFER) : NULL;
    if (session == NULL) {
        free(dial);
        return NULL;
    }
    *dial = (struct channel_dial){.session = session, .callbacks = callbacks, .user = user};
    session->blinded = *blinded;
    if (!channel_session_dial(session, membership, 0, to)) {
        free(dial);
        return NULL;
    }
    session->dial = dial;
    return dial;
}

void channels_cancel(struct channel_dial *dial)
{
    struct channel_session *session = dial->session;
    session->dial = NULL;
    free(dial);
    channel_session_close(session, STATUS_CANCELLED);
}

void channels_join(struct channels *channels, struct membership *membership,
                   const struct invite *invite)
{
    for (size_t i = 0; i < invite->address_count; i++) {
        struct channel_session *session = channel_session_new(channels, SESSION_JOIN);
        if (session == NULL)
            return;
        memcpy(session->token, invite->token, sizeof session->token);
        channel_session_dial(session, membership, 0, &invite->addresses[i]);
    }
}

/* ---- news ---- */

void channels_on_keys(struct channels *channels, struct membership *membership)
{
    presence_on_keys(channels, membership);
}

void channels_on_head(struct channels *channels, struct membership *membership)
{
    struct channel_session *session;
    const struct public_key *group = group_key(membership->group);
    DL_FOREACH(channels->sessions, session)
    if (session->open && public_key_equal(&session->group, group) &&
        session->purpose != SESSION_TRANSFER)
        channel_session_send_head(session);
    presence_spread(channels, membership);
}

void channels_want_blob(struct channels *channels, struct membership *membership,
                        const uint8_t sha256[SHA256_BYTES], uint32_t len)
{
    channel_blob_start(channels, membership, sha256, len);
}

/* Closing one tells who waits for it, and that may close others: from the front each time. */
void channels_drop(struct channels *channels, const struct public_key *group,
                   const struct public_key *member)
{
    struct channel_session *session = channels->sessions;
    while (session != NULL) {
        bool meant = public_key_equal(&session->group, group) &&
                     (member == NULL || public_key_equal(&session->peer, member));
        if (!meant) {
            session = session->next;
            continue;
        }
        channel_session_close(session, STATUS_REFUSED);
        session = channels->sessions;
    }
    if (member == NULL) {
        channel_blob_forget(channels, group);
        presence_forget(channels, group);
    }
    group_engine_drop_member(channels->daemon->engine, group, member);
}

bool channels_is_online(const struct channels *channels, const struct public_key *group,
                        const struct public_key *member)
{
    return presence_is_online(channels, group, member);
}
