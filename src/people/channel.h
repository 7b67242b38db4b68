/* What two say to each other inside a group's TLS session, before the BitTorrent messages
 * [groups-design 4; docs/protocol.md section 6]. Sans I/O: bytes go in as they come, frames and
 * events come out.
 *
 * A frame is u32 length || u8 type || a msgpack map. What may be said depends on the footing on
 * which the session stands, and on whether the other side has shown who it is. Whatever else comes
 * breaks the channel: a stranger gets no second word. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/status.h"
#include "people/channel_auth.h"
#include "people/keys.h"

#define CHANNEL_FRAME_MAX  (64 * 1024)  /* bytes of a map */
#define CHANNEL_KEYS_MAX   64           /* parts in one frame */
#define CHANNEL_BLOB_BYTES (48 * 1024)  /* of a list blob, in one frame */
#define CHANNEL_OUT_MAX    (256 * 1024) /* while more waits to be sent, requests are refused */
#define CHANNEL_REQUESTS_MAX                                                                       \
    1000                    /* of parts and blobs in one session; the largest lists need less */
#define CHANNEL_NEWS_MAX 64 /* HEAD and JOIN frames in one session */

enum channel_footing {
    CHANNEL_MEMBERS,  /* the newest epoch we know: AUTH, then everything. HEAD also before: who
                         knows of a newer epoch brings nothing else */
    CHANNEL_LATE,     /* an older epoch: HEAD alone; an AUTH that comes is of no use */
    CHANNEL_NEWCOMER, /* the key of an invite: JOIN and HEAD */
};

enum channel_frame {
    FRAME_AUTH = 1,
    FRAME_HEAD = 2,
    FRAME_PARTS_WANTED = 3,
    FRAME_PART = 4,
    FRAME_BLOB_WANTED = 5,
    FRAME_BLOB = 6,
    FRAME_JOIN = 7,
    FRAME_TRANSFER = 8,
};

struct channel_config {
    enum channel_role role; /* ours */
    enum channel_footing footing;
    const struct key_pairs *member;         /* ours; copied. CHANNEL_MEMBERS alone */
    uint8_t exported[CHANNEL_EXPORT_BYTES]; /* of the TLS session */
};

struct channel;

struct channel *channel_new(const struct channel_config *config); /* NULL: no memory */
void channel_free(struct channel *channel);                       /* NULL is allowed */

/* ---- in ---- */

/* Where the next bytes go, and how many at most: never more than the frame under way. After
 * FRAME_TRANSFER has come, none: what follows is BitTorrent's. */
void channel_space(struct channel *channel, uint8_t **space, size_t *len);
/* MALFORMED, REFUSED (not allowed on this footing, or before AUTH; too many requests), TOO_BIG,
 * NO_MEMORY: close it. */
enum status channel_received(struct channel *channel, size_t len);

/* ---- out: what came ---- */

struct channel_event {
    enum channel_frame type;
    struct public_key peer; /* AUTH: who it is; verified, the roster is yours to ask */
    struct bytes value;     /* HEAD: an item record; PART; BLOB: bytes from `at` on; JOIN: a
                               request, unboxed. Borrowed until the next channel_received */
    const struct id *keys;  /* PARTS_WANTED */
    size_t key_count;
    struct id key;                /* TRANSFER: the blinded key */
    uint8_t sha256[SHA256_BYTES]; /* BLOB_WANTED, BLOB */
    uint32_t at, total;           /* BLOB_WANTED: from there on; BLOB; total 0: not there */
};

/* At most one after each channel_received. */
bool channel_next_event(struct channel *channel, struct channel_event *out);

/* ---- out: what is to be said ---- */

/* By CHANNEL_MEMBERS, AUTH goes out by itself, first. */
void channel_send_head(struct channel *channel, struct bytes item);
void channel_want_parts(struct channel *channel, const struct id keys[], size_t count);
void channel_send_part(struct channel *channel, struct bytes part);
void channel_want_blob(struct channel *channel, const uint8_t sha256[SHA256_BYTES], uint32_t at);
/* `bytes`: at most CHANNEL_BLOB_BYTES of it; total 0: we don't have it. */
void channel_send_blob(struct channel *channel, const uint8_t sha256[SHA256_BYTES],
                       struct bytes bytes, uint32_t at, uint32_t total);
void channel_send_join(struct channel *channel, struct bytes request);
/* A client asks for the switch, the server agrees with the same key, and both speak BitTorrent. */
void channel_send_transfer(struct channel *channel, const struct id *key);

bool channel_is_authenticated(const struct channel *channel); /* the other side's AUTH has come */
size_t channel_waiting(const struct channel *channel);        /* bytes to be sent */
/* All of them, in place of what `out` held; its memory is used again. Not of a broken one. */
void channel_take_out(struct channel *channel, struct buffer *out);
/* Something that was to be said was not, for want of memory: close it. */
bool channel_is_broken(const struct channel *channel);
