#include "swarm/wire.h"

#include <string.h>

enum {
    LENGTH_BYTES = 4,
    HEAD_BYTES = 5, /* length and type */
    ANY_LENGTH = -1,
    NO_SUCH_TYPE = -2,
};

const char wire_no_memory[] = "out of memory";

void wire_init(struct wire *wire, bool fast)
{
    wire->start = wire->end = 0;
    buffer_init(&wire->large);
    wire->large_len = 0;
    wire->skip_len = 0;
    wire->in_payload = false;
    wire->payload_bytes = 0;
    wire->ahead_count = wire->ahead_at = 0;
    wire->ahead_most = WIRE_AHEAD_MAX;
    wire->ahead_bytes = 0;
    wire->ahead_due = false;
    buffer_init(&wire->spilled);
    wire->spilled_at = 0;
    wire->fast = fast;
    wire->error = NULL;
}

void wire_dispose(struct wire *wire)
{
    buffer_dispose(&wire->large);
    buffer_dispose(&wire->spilled);
}

static size_t unread(const struct wire *wire)
{
    return wire->end - wire->start;
}

/* Bytes still missing, at least, before payload of a PIECE can follow. */
static size_t missing_before_payload(const struct wire *wire)
{
    size_t have = unread(wire);
    const uint8_t *p = wire->small + wire->start;
    if (have < HEAD_BYTES)
        return WIRE_PIECE_HEAD_BYTES - have;
    if (p[LENGTH_BYTES] == WIRE_PIECE)
        return WIRE_PIECE_HEAD_BYTES - have;
    return LENGTH_BYTES + read_u32(p) + WIRE_PIECE_HEAD_BYTES - have;
}

static void small_space(struct wire *wire, size_t want, uint8_t **space, size_t *len)
{
    if (wire->start > 0) {
        memmove(wire->small, wire->small + wire->start, unread(wire));
        wire->end -= wire->start;
        wire->start = 0;
    }
    size_t room = sizeof wire->small - wire->end;
    *space = wire->small + wire->end;
    *len = want < room ? want : room;
}

void wire_space(struct wire *wire, bool payload_next, uint8_t **space, size_t *len)
{
    wire->ahead_count = 0;
    if (wire->in_payload) {
        uint32_t left = wire->payload_len - wire->payload_got;
        if (wire->payload == NULL) {
            small_space(wire, left, space, len);
            return;
        }
        *space = wire->payload + wire->payload_got;
        *len = left;
    } else if (wire->large_len > 0) {
        size_t left = wire->large_len - wire->large.len;
        size_t chunk = wire->large.len < WIRE_SMALL_BYTES ? WIRE_SMALL_BYTES : wire->large.len;
        *len = left < chunk ? left : chunk;
        if (!buffer_reserve(&wire->large, *len)) {
            small_space(wire, left, space, len);
            return;
        }
        *space = wire->large.data + wire->large.len;
    } else if (wire->skip_len > 0) {
        small_space(wire, wire->skip_len, space, len);
    } else {
        size_t want = payload_next ? missing_before_payload(wire) : sizeof wire->small;
        small_space(wire, want, space, len);
    }
}

void wire_received(struct wire *wire, size_t len)
{
    if (wire->in_payload && wire->payload != NULL) {
        uint32_t left = wire->payload_len - wire->payload_got;
        uint32_t got = len < left ? (uint32_t)len : left;
        wire->payload_got += got;
        wire->payload_bytes += got;
        wire->ahead_bytes = len - got;
        wire->ahead_at = 0;
    } else if (wire->large_len > 0 && !wire->large.failed) {
        wire->large.len += len;
    } else {
        wire->end += len;
    }
}

static enum wire_event fail(struct wire *wire, const char *error)
{
    wire->error = error;
    return WIRE_ERROR;
}

/* Takes what `small` holds of the payload under way. */
static enum wire_event next_in_payload(struct wire *wire)
{
    uint32_t left = wire->payload_len - wire->payload_got;
    uint32_t take = unread(wire) < left ? (uint32_t)unread(wire) : left;
    if (take > 0 && wire->payload != NULL)
        memcpy(wire->payload + wire->payload_got, wire->small + wire->start, take);
    wire->start += take;
    wire->payload_got += take;
    wire->payload_bytes += take;
    if (wire->payload_got < wire->payload_len)
        return WIRE_MORE;
    wire->in_payload = false;
    return WIRE_PIECE_END;
}

static void read_body(uint8_t type, struct bytes body, struct wire_message *out)
{
    *out = (struct wire_message){.type = (enum wire_type)type, .body = body};
    if (type == WIRE_EXTENDED) {
        out->extended_id = body.data[0];
        out->body = bytes_of(body.data + 1, body.len - 1);
    } else if (type != WIRE_BITFIELD && body.len >= 4) {
        out->piece = read_u32(body.data);
        if (body.len >= 12) {
            out->begin = read_u32(body.data + 4);
            out->length = read_u32(body.data + 8);
        }
    }
}

static enum wire_event next_in_large(struct wire *wire, struct wire_message *out)
{
    size_t left = wire->large_len - wire->large.len;
    size_t take = unread(wire) < left ? unread(wire) : left;
    buffer_add(&wire->large, wire->small + wire->start, take);
    wire->start += take;
    if (wire->large.failed)
        return fail(wire, wire_no_memory);
    if (wire->large.len < wire->large_len)
        return WIRE_MORE;
    read_body(wire->large_type, buffer_bytes(&wire->large), out);
    wire->large_len = 0;
    return WIRE_MESSAGE;
}

static void skip(struct wire *wire)
{
    uint32_t take = unread(wire) < wire->skip_len ? (uint32_t)unread(wire) : wire->skip_len;
    wire->start += take;
    wire->skip_len -= take;
}

/* A message that has been used must not keep its memory for long. */
static void release_large(struct wire *wire)
{
    if (wire->large.cap > 2 * METADATA_PART_BYTES)
        buffer_dispose(&wire->large);
}

static int body_length(uint8_t type)
{
    switch (type) {
    case WIRE_CHOKE:
    case WIRE_UNCHOKE:
    case WIRE_INTERESTED:
    case WIRE_NOT_INTERESTED:
    case WIRE_HAVE_ALL:
    case WIRE_HAVE_NONE:
        return 0;
    case WIRE_PORT:
        return 2;
    case WIRE_HAVE:
    case WIRE_SUGGEST:
    case WIRE_ALLOWED_FAST:
        return 4;
    case WIRE_REQUEST:
    case WIRE_CANCEL:
    case WIRE_REJECT:
        return 12;
    case WIRE_BITFIELD:
    case WIRE_PIECE:
    case WIRE_EXTENDED:
        return ANY_LENGTH;
    default:
        return NO_SUCH_TYPE;
    }
}

/* Why a head cannot be right; NULL: it can. */
static const char *head_error(const struct wire *wire, uint8_t type, uint32_t body_len)
{
    int expected = body_length(type);
    if (expected >= 0 && (uint32_t)expected != body_len)
        return "message of a wrong length";
    if (type >= WIRE_SUGGEST && type <= WIRE_ALLOWED_FAST && !wire->fast)
        return "fast message without the fast extension";
    if (type == WIRE_PIECE && (body_len <= 8 || body_len > 8 + REQUEST_BYTES_MAX))
        return "block of a wrong length";
    if (type == WIRE_BITFIELD && body_len > PIECES_MAX / 8)
        return "bitfield of a wrong length";
    if (type == WIRE_EXTENDED && body_len == 0)
        return "extended message without an id";
    return NULL;
}

static enum wire_event begin_piece(struct wire *wire, uint32_t body_len, struct wire_message *out)
{
    if (unread(wire) < WIRE_PIECE_HEAD_BYTES)
        return WIRE_MORE;
    const uint8_t *p = wire->small + wire->start;
    *out = (struct wire_message){.type = WIRE_PIECE,
                                 .piece = read_u32(p + HEAD_BYTES),
                                 .begin = read_u32(p + HEAD_BYTES + 4),
                                 .length = body_len - 8};
    wire->start += WIRE_PIECE_HEAD_BYTES;
    wire->in_payload = true;
    wire->payload = NULL;
    wire->payload_len = out->length;
    wire->payload_got = 0;
    return WIRE_PIECE_BEGIN;
}

static void begin_long(struct wire *wire, uint8_t type, uint32_t body_len)
{
    wire->start += HEAD_BYTES;
    bool wanted =
        type == WIRE_BITFIELD || (type == WIRE_EXTENDED && body_len <= EXTENDED_BYTES_MAX);
    if (wanted) {
        buffer_clear(&wire->large);
        wire->large_len = body_len;
        wire->large_type = type;
    } else {
        wire->skip_len = body_len;
        wire->skip_is_extended = type == WIRE_EXTENDED;
    }
}

/* The message at the start of `small`, `begun` when a long one was entered instead. */
static enum wire_event next_head(struct wire *wire, struct wire_message *out, bool *begun)
{
    const uint8_t *p = wire->small + wire->start;
    if (unread(wire) < LENGTH_BYTES)
        return WIRE_MORE;
    uint32_t length = read_u32(p);
    if (length > MESSAGE_BYTES_MAX)
        return fail(wire, "message over 1 MiB");
    if (length == 0) {
        wire->start += LENGTH_BYTES;
        *out = (struct wire_message){.type = WIRE_KEEP_ALIVE};
        return WIRE_MESSAGE;
    }
    if (unread(wire) < HEAD_BYTES)
        return WIRE_MORE;
    uint8_t type = p[LENGTH_BYTES];
    const char *error = head_error(wire, type, length - 1);
    if (error != NULL)
        return fail(wire, error);
    if (type == WIRE_PIECE)
        return begin_piece(wire, length - 1, out);
    *begun = LENGTH_BYTES + length + WIRE_PIECE_HEAD_BYTES > sizeof wire->small ||
             (body_length(type) == NO_SUCH_TYPE && length > 1);
    if (*begun) {
        begin_long(wire, type, length - 1);
        return WIRE_MORE;
    }
    if (unread(wire) < LENGTH_BYTES + length)
        return WIRE_MORE;
    wire->start += LENGTH_BYTES + length;
    read_body(type, bytes_of(p + HEAD_BYTES, length - 1), out);
    return WIRE_MESSAGE;
}

static enum wire_event next(struct wire *wire, struct wire_message *out)
{
    if (wire->error != NULL)
        return WIRE_ERROR;
    for (;;) {
        bool begun = false;
        if (wire->in_payload)
            return next_in_payload(wire);
        if (wire->large_len > 0)
            return next_in_large(wire, out);
        release_large(wire);
        if (wire->skip_len > 0) {
            skip(wire);
            if (wire->skip_len > 0)
                return WIRE_MORE;
            return wire->skip_is_extended ? WIRE_SKIPPED : WIRE_IGNORED;
        }
        enum wire_event event = next_head(wire, out, &begun);
        if (!begun)
            return event;
    }
}

bool wire_is_within(const struct wire *wire)
{
    return wire->in_payload || wire->large_len > 0 || wire->skip_len > 0 || unread(wire) > 0;
}

/* ---- blocks that are expected ---- */

bool wire_expect(struct wire *wire, uint32_t piece, uint32_t begin, uint32_t length,
                 uint8_t *payload)
{
    if (!wire->in_payload || wire->payload == NULL || wire->ahead_count >= wire->ahead_most)
        return false;
    struct wire_ahead *ahead = &wire->ahead[wire->ahead_count++];
    wire_piece_head(ahead->expected, piece, begin, length);
    ahead->payload = payload;
    ahead->len = length;
    return true;
}

size_t wire_spaces(struct wire *wire, struct space first, struct space out[WIRE_SPACES_MAX])
{
    size_t count = 0;
    out[count++] = first;
    for (uint32_t i = 0; i < wire->ahead_count; i++) {
        struct wire_ahead *ahead = &wire->ahead[i];
        out[count++] = (struct space){ahead->head, sizeof ahead->head};
        out[count++] = (struct space){ahead->payload, ahead->len};
    }
    return count;
}

static size_t spill_run(struct wire *wire, const uint8_t *data, size_t len)
{
    size_t take = len < wire->ahead_bytes ? len : wire->ahead_bytes;
    buffer_add(&wire->spilled, data, take);
    wire->ahead_bytes -= take;
    return take;
}

/* Something else came than was expected: what lies in wrong places is read again, in order. */
static void spill(struct wire *wire)
{
    wire->ahead_most = 1;
    while (wire->ahead_bytes > 0) {
        const struct wire_ahead *ahead = &wire->ahead[wire->ahead_at++];
        spill_run(wire, ahead->head, sizeof ahead->head);
        spill_run(wire, ahead->payload, ahead->len);
    }
    if (wire->spilled.failed)
        wire->error = wire_no_memory;
}

static void read_spilled(struct wire *wire)
{
    uint8_t *space;
    size_t room, left = wire->spilled.len - wire->spilled_at;
    wire_space(wire, true, &space, &room);
    size_t len = left < room ? left : room;
    memcpy(space, wire->spilled.data + wire->spilled_at, len);
    wire->spilled_at += len;
    if (len == left) {
        buffer_dispose(&wire->spilled);
        wire->spilled_at = 0;
    }
    wire_received(wire, len);
}

static void read_ahead(struct wire *wire)
{
    const struct wire_ahead *ahead = &wire->ahead[wire->ahead_at];
    size_t len = wire->ahead_bytes < sizeof ahead->head ? wire->ahead_bytes : sizeof ahead->head;
    bool right =
        len == sizeof ahead->head && memcmp(ahead->head, ahead->expected, sizeof ahead->head) == 0;
    if (!right && wire->ahead_bytes > len) {
        spill(wire);
        return;
    }
    wire->start = 0;
    wire->end = len;
    memcpy(wire->small, ahead->head, len);
    wire->ahead_bytes -= len;
    wire->ahead_due = right;
}

/* Takes more of what the last read gave. False: that is used up. */
static bool go_on(struct wire *wire)
{
    if (wire->ahead_due)
        wire_steer(wire, wire->payload);
    else if (wire->spilled.len > 0)
        read_spilled(wire);
    else if (wire->ahead_bytes > 0)
        read_ahead(wire);
    else
        return false;
    return true;
}

enum wire_event wire_next(struct wire *wire, struct wire_message *out)
{
    for (;;) {
        enum wire_event event = next(wire, out);
        if (event != WIRE_MORE || !go_on(wire))
            return event;
    }
}

/* The payload that came with an expected head. */
static void take_ahead(struct wire *wire)
{
    const struct wire_ahead *ahead = &wire->ahead[wire->ahead_at++];
    uint32_t len = wire->ahead_bytes < ahead->len ? (uint32_t)wire->ahead_bytes : ahead->len;
    if (wire->payload != NULL && wire->payload != ahead->payload)
        memcpy(wire->payload, ahead->payload, len);
    wire->payload_got = len;
    wire->payload_bytes += len;
    wire->ahead_bytes -= len;
    wire->ahead_due = false;
    if (wire->ahead_most < WIRE_AHEAD_MAX)
        wire->ahead_most++;
}

void wire_steer(struct wire *wire, uint8_t *payload)
{
    wire->payload = payload;
    if (wire->ahead_due)
        take_ahead(wire);
}
