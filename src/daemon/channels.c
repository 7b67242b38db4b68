/* Who is let in, and what is open. */
#include "daemon/channels.h"

#include <stdlib.h>
#include <string.h>
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

/* Of IPv6 the first half: what one subscriber has at least. */
static bool is_same_network(const struct endpoint *a, const struct endpoint *b)
{
    bool whole = a->family != ENDPOINT_IPV6 || endpoint_is_local(a);
    return a->family == b->family && memcmp(a->addr, b->addr, whole ? sizeof a->addr : 8) == 0;
}

static size_t count_strangers(const struct channels *channels, const struct endpoint *network)
{
    const struct channel_session *session;
    size_t count = 0;
    DL_FOREACH(channels->sessions, session)
    count +=
        is_stranger(session) && (network == NULL || is_same_network(&session->remote, network));
    return count;
}

/* The one that has waited longest, of the network that has most of them. */
static struct channel_session *most_useless(struct channels *channels, size_t *most)
{
    struct channel_session *session, *found = NULL;
    *most = 0;
    DL_FOREACH(channels->sessions, session)
    {
        size_t count = is_stranger(session) ? count_strangers(channels, &session->remote) : 0;
        if (count <= *most)
            continue;
        *most = count;
        found = session;
    }
    return found;
}

/* Who fills the room with connections that never finish must not keep others out: theirs make way,
 * and for one of their own network only those that had time enough. */
static bool make_room(struct channels *channels, const struct endpoint *remote, size_t same)
{
    size_t most;
    struct channel_session *useless = most_useless(channels, &most);
    bool patient = useless != NULL && same >= most &&
                   channels_now(channels) < useless->since_ms + CHANNEL_PATIENCE_MS;
    if (useless == NULL || patient || (same >= most && !is_same_network(&useless->remote, remote)))
        return false;
    channel_session_close(useless, STATUS_BUSY);
    return true;
}

static bool has_room_for(struct channels *channels, const struct endpoint *remote)
{
    size_t same = count_strangers(channels, remote);
    bool crowded = same >= CHANNELS_PER_ADDRESS && !endpoint_is_local(remote);
    bool full = !crowded && count_strangers(channels, NULL) >= CHANNELS_STRANGERS &&
                !make_room(channels, remote, same);
    channels->refused_address += crowded;
    channels->refused_full += full;
    return !crowded && !full;
}

void channels_bound_member(struct channels *channels, const struct channel_session *newest)
{
    struct channel_session *session, *oldest = NULL;
    size_t count = 0;
    DL_FOREACH(channels->sessions, session)
    {
        if (!session->incoming || !session->is_member ||
            !public_key_equal(&session->group, &newest->group) ||
            !public_key_equal(&session->peer, &newest->peer))
            continue;
        if (oldest == NULL)
            oldest = session;
        count++;
    }
    if (count > CHANNELS_PER_MEMBER && oldest != newest)
        channel_session_close(oldest, STATUS_BUSY);
}

void channels_accept(struct channels *channels, struct tcp *tcp, struct bytes received)
{
    struct endpoint remote = tcp_remote(tcp);
    bool nobody = groups_first(channels->daemon->groups) == NULL;
    struct channel_session *session = NULL;
    channels->refused_identity += nobody;
    if (!nobody && has_room_for(channels, &remote))
        session = channel_session_new(channels, SESSION_INCOMING);
    if (session == NULL)
        tcp_close(tcp);
    else
        channel_session_accept(session, tcp, received);
}

uint64_t channels_refused(const struct channels *channels)
{
    return channels->refused_full + channels->refused_address + channels->refused_identity +
           channels->broke_protocol;
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
                        const struct public_key *owner, const uint8_t sha256[SHA256_BYTES],
                        uint32_t len)
{
    channel_blob_start(channels, membership, owner, sha256, len);
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
