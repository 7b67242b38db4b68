/* What channels.c (who is let in), channel_session.c (one session) and presence.c (who is about)
 * share. */
#pragma once

#include <utlist.h>

#include "daemon/channels.h"
#include "daemon/groups.h"
#include "io/timer.h"
#include "people/channel.h"
#include "people/channel_auth.h"

/* ---- limits and paces [groups-design 4] ---- */

#define CHANNEL_HANDSHAKE_MS 10000 /* TLS, and again for AUTH */
#define CHANNEL_IDLE_MS      120000
#define CHANNELS_STRANGERS   64 /* incoming ones that have not shown who they are, in all … */
#define CHANNELS_PER_ADDRESS 8  /* … and of one public address */
#define CHANNELS_PER_MEMBER  32 /* incoming ones, the oldest makes way */
#define CHANNELS_MAX         256
#define CHANNEL_PATIENCE_MS  2000   /* for a stranger, when others want in */
#define CHANNEL_MISSES_MAX   8      /* lists asked for in a session that nobody here has */
#define PRESENCE_EVERY_MS    600000 /* members are looked for, HEADs compared: +- 20 % */
#define PRESENCE_FIRST_MS    30000 /* while none is known; else again after that, twice that, … */
#define PRESENCE_LOOKS_SOON  5     /* … until it is as often as above */
#define PRESENCE_MEMBERS_MAX 64    /* remembered of one group */
#define NEWS_FANOUT          4     /* dialled at a turn, and told of a new HEAD */
#define MEMBER_ONLINE_MS     900000 /* seen since: online */

enum session_purpose {
    SESSION_INCOMING,
    SESSION_NEWS,     /* to compare HEADs, and ask for what is missing */
    SESSION_TRANSFER, /* of a channel_dial */
    SESSION_JOIN,
    SESSION_BLOB,
};

struct channel_session {
    struct channel_session *prev, *next; /* channels->sessions */
    struct channels *channels;
    enum session_purpose purpose;
    struct tcp *tcp;
    struct timer *timer; /* the deadline of what is waited for now */
    struct endpoint remote;
    uint64_t since_ms;
    bool incoming, open, closing;
    unsigned inside; /* calls that will still look at it: not freed before they have ended */
    struct public_key group; /* once a key was found; of dialled ones from the beginning */
    enum channel_footing footing;
    uint32_t epoch;
    unsigned age;            /* of the epoch, when it was dialled */
    struct channel *channel; /* once open */
    struct public_key peer;  /* authenticated, and … */
    bool is_member;          /* … in the roster */
    bool said_head, began;   /* began: who dialled has said what it is for */
    unsigned misses;         /* of CHANNEL_MISSES_MAX */
    struct buffer out;       /* being written */

    struct channel_dial *dial; /* SESSION_TRANSFER */
    struct id blinded;
    uint8_t token[INVITE_TOKEN_BYTES]; /* SESSION_JOIN */
    uint8_t sha256[SHA256_BYTES];      /* SESSION_BLOB: what is fetched */
    uint32_t blob_len;
    struct buffer blob;
};

struct channel_dial {
    struct channel_session *session;
    const struct channel_dialled *callbacks;
    void *user;
};

struct blob_search;
struct kept_blob;
struct presence;

struct channels {
    struct daemon *daemon;
    struct channel_session *sessions; /* utlist */
    size_t session_count;
    struct nonce_cache *nonces;
    struct presence *presences; /* utlist: one for each group */
    struct blob_search *blobs;  /* utlist */
    struct kept_blob *kept;     /* utlist, the last used one first */
    size_t kept_bytes;
    uint64_t refused_full, refused_address, refused_identity, broke_protocol; /* sessions */
};

uint64_t channels_now(const struct channels *channels);
uint64_t channels_unix_s(void);

/* Of that member's incoming sessions, one too many is closed: the oldest. */
void channels_bound_member(struct channels *channels, const struct channel_session *newest);

/* ---- channel_session.c ---- */

/* NULL: no memory, or too many. It stands in the list, without a connection. */
struct channel_session *channel_session_new(struct channels *channels,
                                            enum session_purpose purpose);
/* Dials under the epoch of that age (0: the newest). False: it is gone. */
bool channel_session_dial(struct channel_session *session, struct membership *membership,
                          unsigned age, const struct endpoint *to);
void channel_session_accept(struct channel_session *session, struct tcp *tcp,
                            struct bytes received); /* taken */
/* Where there is one. */
void channel_session_send_head(struct channel_session *session);
void channel_session_flush(struct channel_session *session);
/* At once; who waits for it is told why. */
void channel_session_close(struct channel_session *session, enum status why);

/* ---- presence.c ---- */

void presence_on_keys(struct channels *channels, struct membership *membership);
void presence_forget(struct channels *channels, const struct public_key *group);
void presence_free_all(struct channels *channels);
/* That member was met; `listen` (NULL: not known) is where it can be dialled. */
void presence_met(struct channels *channels, const struct public_key *group,
                  const struct public_key *member, const struct endpoint *listen);
/* Up to `cap` addresses where members were seen: that of `first` (NULL: nobody's), then others in
 * random order. */
size_t presence_addresses(struct channels *channels, const struct public_key *group,
                          const struct public_key *first, struct endpoint out[], size_t cap);
bool presence_is_looking(const struct channels *channels, const struct public_key *group);
/* Dials a few members: news for them, and for us. */
void presence_spread(struct channels *channels, struct membership *membership);
bool presence_is_online(const struct channels *channels, const struct public_key *group,
                        const struct public_key *member);

/* ---- channel_blob.c ---- */

void channel_blob_start(struct channels *channels, struct membership *membership,
                        const struct public_key *owner, const uint8_t sha256[SHA256_BYTES],
                        uint32_t len);
/* Members were looked for: who waits for one asks those who were found. */
void channel_blob_go_on(struct channels *channels, const struct public_key *group);
/* One of ours, or one that was fetched and is still kept. */
bool channel_blob_find(struct channels *channels, struct membership *membership,
                       const uint8_t sha256[SHA256_BYTES], struct bytes *out);
/* A session that was to bring it has ended: `got` or not. */
void channel_blob_ended(struct channels *channels, const struct public_key *group,
                        const uint8_t sha256[SHA256_BYTES], struct bytes got);
void channel_blob_forget(struct channels *channels, const struct public_key *group); /* NULL: all */
