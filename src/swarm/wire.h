/* Messages of the peer protocol [BEP 3, 6, 10]: framing of what comes in, writing of what goes out.
 *
 *   u32 length | u8 type | body             length counts type and body; 0 is a keep-alive
 *   4 HAVE, 13 SUGGEST, 17 ALLOWED_FAST     u32 piece
 *   6 REQUEST, 8 CANCEL, 16 REJECT          u32 piece | u32 begin | u32 length
 *   7 PIECE                                 u32 piece | u32 begin | payload
 *   5 BITFIELD                              bits        (bitfield.h)
 *  20 EXTENDED                              u8 id | body (extension.h)
 *
 * Reading: ask wire_space where to put bytes, tell wire_received how many came, take events from
 * wire_next until WIRE_MORE. Of a PIECE the head comes first; wire_steer then says where its
 * payload is to go, and from there on wire_space points right into it: payloads are not copied.
 * Where the blocks that are likely to follow would go, wire_expect may tell before a read: one read
 * then fills many places. What came there and was something else is taken from there and read
 * again. Bytes may come in any split. Types nobody knows are skipped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "swarm/params.h"

enum wire_type {
    WIRE_CHOKE = 0,
    WIRE_UNCHOKE = 1,
    WIRE_INTERESTED = 2,
    WIRE_NOT_INTERESTED = 3,
    WIRE_HAVE = 4,
    WIRE_BITFIELD = 5,
    WIRE_REQUEST = 6,
    WIRE_PIECE = 7,
    WIRE_CANCEL = 8,
    WIRE_PORT = 9,
    WIRE_SUGGEST = 13,
    WIRE_HAVE_ALL = 14,
    WIRE_HAVE_NONE = 15,
    WIRE_REJECT = 16,
    WIRE_ALLOWED_FAST = 17,
    WIRE_EXTENDED = 20,
    WIRE_KEEP_ALIVE = 256, /* no type of the protocol */
};

#define WIRE_PIECE_HEAD_BYTES 13
#define WIRE_SPACES_MAX       (1 + 2 * WIRE_AHEAD_MAX)

struct wire_message {
    enum wire_type type;
    uint32_t piece, begin, length; /* length of a PIECE: of its payload */
    uint8_t extended_id;
    struct bytes body; /* BITFIELD, EXTENDED; borrowed until the next call */
};

enum wire_event {
    WIRE_MORE,        /* nothing whole: more bytes are needed */
    WIRE_MESSAGE,     /* any message but PIECE */
    WIRE_PIECE_BEGIN, /* its head; call wire_steer before anything else */
    WIRE_PIECE_END,   /* all its payload is where it was steered to */
    WIRE_SKIPPED,     /* an extended message beyond EXTENDED_BYTES_MAX has been left out */
    WIRE_IGNORED,     /* a message of a type nobody knows has been left out */
    WIRE_ERROR,       /* broke the protocol: wire->error; nothing comes after it */
};

extern const char wire_no_memory[];

/* A block that is likely to follow the one under way. */
struct wire_ahead {
    uint8_t expected[WIRE_PIECE_HEAD_BYTES];
    uint8_t head[WIRE_PIECE_HEAD_BYTES]; /* what came */
    uint8_t *payload;
    uint32_t len;
};

struct wire {
    uint8_t small[WIRE_SMALL_BYTES]; /* [start, end) is unread */
    size_t start, end;
    struct buffer large; /* a message that does not fit `small`, growing as it comes */
    uint32_t large_len;  /* of its body; 0: none under way */
    uint8_t large_type;
    uint32_t skip_len; /* bytes to leave out */
    bool skip_is_extended;
    bool in_payload;
    uint32_t payload_len, payload_got;
    uint8_t *payload;       /* NULL: thrown away */
    uint64_t payload_bytes; /* of all PIECEs so far */
    struct wire_ahead ahead[WIRE_AHEAD_MAX];
    uint32_t ahead_count, ahead_at;
    uint32_t ahead_most;   /* expected at a time: less when others came */
    size_t ahead_bytes;    /* of the last read, in `ahead`, unread */
    bool ahead_due;        /* the head at ahead_at was right, its payload is yet to be taken */
    struct buffer spilled; /* taken out of `ahead`, unread from spilled_at on */
    size_t spilled_at;
    bool fast;         /* both ends set the bit */
    const char *error; /* static storage; wire_no_memory: not its fault */
};

void wire_init(struct wire *wire, bool fast);
void wire_dispose(struct wire *wire);

/* With `payload_next` (a PIECE is expected) no more is offered than may precede its payload. */
void wire_space(struct wire *wire, bool payload_next, uint8_t **space, size_t *len);
/* To be called after wire_space, in the order of the blocks. False: no more of them. The places
 * must be free until the next read has been used up. */
bool wire_expect(struct wire *wire, uint32_t piece, uint32_t begin, uint32_t length,
                 uint8_t *payload);
/* What is to be filled, in order: the space of wire_space, then heads and places of the blocks
 * expected. Returns their number. */
size_t wire_spaces(struct wire *wire, struct space first, struct space out[WIRE_SPACES_MAX]);
void wire_received(struct wire *wire, size_t len);
enum wire_event wire_next(struct wire *wire, struct wire_message *out);
/* Some of a message is here, the rest is not. */
bool wire_is_within(const struct wire *wire);

/* `payload` has room for message.length bytes; NULL: throw away. May be called again in
 * mid-payload; what has come so far is then the caller's to move. */
void wire_steer(struct wire *wire, uint8_t *payload);

/* ---- writing ---- */

void wire_put_keep_alive(struct buffer *out);
void wire_put(struct buffer *out, enum wire_type type); /* those without a body */
void wire_put_piece_number(struct buffer *out, enum wire_type type, uint32_t piece);
void wire_put_block(struct buffer *out, enum wire_type type, uint32_t piece, uint32_t begin,
                    uint32_t length);
void wire_piece_head(uint8_t head[WIRE_PIECE_HEAD_BYTES], uint32_t piece, uint32_t begin,
                     uint32_t length);
void wire_put_piece_head(struct buffer *out, uint32_t piece, uint32_t begin, uint32_t length);
void wire_put_bitfield(struct buffer *out, struct bytes bits);
void wire_put_extended(struct buffer *out, uint8_t id, struct bytes head, struct bytes body);
