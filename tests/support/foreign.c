#include "support/foreign.h"

#include "support/unit.h"

#include <string.h>

void foreign_connect(struct foreign *foreign, struct transfer *transfer, uint64_t *now_ms,
                     unsigned number, bool fast, bool ours)
{
    struct endpoint remote = {.addr = {198, 51, 100, (uint8_t)number},
                              .port = (uint16_t)(6000 + number),
                              .family = ENDPOINT_IPV4};
    struct handshake theirs = {.extension = true, .fast = fast};
    memcpy(theirs.peer_id, ours ? "-KP0100-............" : "-XX0001-............", 20);
    theirs.peer_id[19] = (uint8_t)number;
    *foreign = (struct foreign){.transfer = transfer, .now_ms = now_ms, .fast = fast};
    wire_init(&foreign->wire, true);
    foreign->peer = transfer_add_peer(transfer, &remote, &remote, &theirs, false, *now_ms);
    assert_int_not_equal(foreign->peer, 0);
}

void foreign_dispose(struct foreign *foreign)
{
    transfer_remove_peer(foreign->transfer, foreign->peer, *foreign->now_ms);
    assert_true(transfer_valid(foreign->transfer));
    wire_dispose(&foreign->wire);
    buffer_dispose(&foreign->lines);
    buffer_dispose(&foreign->out);
}

/* ---- saying ---- */

void foreign_send(struct foreign *foreign)
{
    size_t done = 0;
    bool payload = foreign->out.len >= 16384; /* foreign_hears looks after those */
    while (done < foreign->out.len) {
        uint8_t *space;
        size_t room;
        transfer_receive_space(foreign->transfer, foreign->peer, &space, &room);
        assert_true(room > 0);
        size_t len = foreign->out.len - done < room ? foreign->out.len - done : room;
        memcpy(space, foreign->out.data + done, len);
        done += len;
        transfer_received(foreign->transfer, foreign->peer, len, *foreign->now_ms);
        assert_true(payload || transfer_valid(foreign->transfer));
    }
    buffer_clear(&foreign->out);
}

void foreign_say(struct foreign *foreign, enum wire_type type)
{
    wire_put(&foreign->out, type);
    foreign_send(foreign);
}

void foreign_say_piece(struct foreign *foreign, enum wire_type type, uint32_t piece)
{
    wire_put_piece_number(&foreign->out, type, piece);
    foreign_send(foreign);
}

void foreign_say_block(struct foreign *foreign, enum wire_type type, uint32_t piece, uint32_t begin,
                       uint32_t length)
{
    wire_put_block(&foreign->out, type, piece, begin, length);
    foreign_send(foreign);
}

void foreign_say_bits(struct foreign *foreign, const void *bits, size_t len)
{
    wire_put_bitfield(&foreign->out, bytes_of(bits, len));
    foreign_send(foreign);
}

void foreign_say_extended(struct foreign *foreign, uint8_t id, const char *body)
{
    wire_put_extended(&foreign->out, id, bytes_of_string(body), (struct bytes){0});
    foreign_send(foreign);
}

void foreign_give(struct foreign *foreign, uint32_t piece, uint32_t begin, uint32_t length)
{
    wire_put_piece_head(&foreign->out, piece, begin, length);
    for (uint32_t i = 0; i < length; i++)
        buffer_add_byte(&foreign->out, (uint8_t)(piece + begin / 16384));
    foreign_send(foreign);
}

/* ---- hearing ---- */

static void write_line(struct foreign *foreign, const struct wire_message *m)
{
    static const char *const names[] = {
        [WIRE_CHOKE] = "choke",
        [WIRE_UNCHOKE] = "unchoke",
        [WIRE_INTERESTED] = "interested",
        [WIRE_NOT_INTERESTED] = "not-interested",
        [WIRE_HAVE] = "have",
        [WIRE_BITFIELD] = "bitfield",
        [WIRE_REQUEST] = "request",
        [WIRE_CANCEL] = "cancel",
        [WIRE_HAVE_ALL] = "have-all",
        [WIRE_HAVE_NONE] = "have-none",
        [WIRE_REJECT] = "reject",
        [WIRE_ALLOWED_FAST] = "allowed-fast",
        [WIRE_SUGGEST] = "suggest",
        [WIRE_EXTENDED] = "extended",
    };
    const char *name = m->type == WIRE_KEEP_ALIVE ? "keep-alive" : names[m->type];
    switch (m->type) {
    case WIRE_HAVE:
    case WIRE_ALLOWED_FAST:
    case WIRE_SUGGEST:
        buffer_add_format(&foreign->lines, "%s %u\n", name, m->piece);
        break;
    case WIRE_REQUEST:
    case WIRE_CANCEL:
    case WIRE_REJECT:
        buffer_add_format(&foreign->lines, "%s %u %u %u\n", name, m->piece, m->begin, m->length);
        break;
    case WIRE_BITFIELD:
        buffer_add_format(&foreign->lines, "%s %zu\n", name, m->body.len);
        break;
    case WIRE_EXTENDED:
        buffer_add_format(&foreign->lines, "%s %u\n", name, m->extended_id);
        assert_true(m->body.len <= sizeof foreign->extended);
        memcpy(foreign->extended, m->body.data, m->body.len);
        foreign->last_extended = bytes_of(foreign->extended, m->body.len);
        break;
    default:
        buffer_add_format(&foreign->lines, "%s\n", name);
    }
    assert_true(foreign->fast || m->type < WIRE_SUGGEST || m->type > WIRE_ALLOWED_FAST);
}

static void hear(struct foreign *foreign, struct bytes bytes)
{
    struct wire_message message;
    while (bytes.len > 0) {
        uint8_t *space;
        size_t room;
        wire_space(&foreign->wire, false, &space, &room);
        size_t len = bytes.len < room ? bytes.len : room;
        memcpy(space, bytes.data, len);
        wire_received(&foreign->wire, len);
        bytes = bytes_of(bytes.data + len, bytes.len - len);
        for (enum wire_event event; (event = wire_next(&foreign->wire, &message)) != WIRE_MORE;) {
            assert_int_not_equal(event, WIRE_ERROR);
            if (event == WIRE_MESSAGE)
                write_line(foreign, &message);
            else if (event == WIRE_PIECE_BEGIN)
                wire_steer(&foreign->wire, NULL);
        }
    }
}

static void take_actions(struct foreign *foreign)
{
    struct transfer_action action;
    while (transfer_next_action(foreign->transfer, &action)) {
        if (action.type == ACTION_CLOSE && action.peer == foreign->peer) {
            foreign->closed = true;
            foreign->reason = action.reason;
            foreign->text = action.text;
        } else if (action.type == ACTION_CHECK) {
            transfer_piece_checked(foreign->transfer, action.piece, STATUS_OK, *foreign->now_ms);
        } else if (action.type == ACTION_FOUND) {
            buffer_add_format(&foreign->lines, "(found)\n");
        }
    }
}

const char *foreign_hears(struct foreign *foreign)
{
    struct transfer_output out;
    buffer_clear(&foreign->lines);
    take_actions(foreign);
    while (transfer_next_output(foreign->transfer, foreign->peer, &out)) {
        if (out.bytes.len > 0) {
            hear(foreign, out.bytes);
            continue;
        }
        static const uint8_t zeros[128 << 10];
        buffer_add_format(&foreign->lines, "block %u %u %u\n", out.piece, out.begin, out.length);
        hear(foreign, bytes_of(zeros, out.length));
    }
    buffer_add_byte(&foreign->lines, '\0');
    assert_true(transfer_valid(foreign->transfer));
    return (const char *)foreign->lines.data;
}

unsigned foreign_counts(struct foreign *foreign, const char *prefix)
{
    unsigned count = 0;
    for (const char *line = foreign_hears(foreign); *line != '\0';) {
        count += strncmp(line, prefix, strlen(prefix)) == 0;
        line = strchr(line, '\n') + 1;
    }
    return count;
}

bool foreign_is_closed(struct foreign *foreign)
{
    foreign_hears(foreign);
    return foreign->closed;
}
