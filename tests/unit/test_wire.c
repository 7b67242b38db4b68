#include "support/unit.h"

#include <string.h>

#include "kadpeer/rng.h"
#include "swarm/wire.h"

/* A line of text per event, so that two ways of reading can be compared. */
struct reading {
    struct wire wire;
    struct buffer lines;
    uint8_t payload[REQUEST_BYTES_MAX];
    bool steer;
};

static uint32_t checksum(struct bytes data)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < data.len; i++)
        sum = (sum ^ data.data[i]) * 16777619u;
    return sum;
}

static void start(struct reading *reading, bool fast, bool steer)
{
    wire_init(&reading->wire, fast);
    buffer_init(&reading->lines);
    reading->steer = steer;
}

static void finish(struct reading *reading)
{
    wire_dispose(&reading->wire);
    buffer_dispose(&reading->lines);
}

static void take_events(struct reading *reading)
{
    struct wire_message m;
    for (;;) {
        switch (wire_next(&reading->wire, &m)) {
        case WIRE_MORE:
            return;
        case WIRE_MESSAGE:
            buffer_add_format(&reading->lines, "%d %u %u %u %u %zu %08x\n", (int)m.type, m.piece,
                              m.begin, m.length, m.extended_id, m.body.len, checksum(m.body));
            break;
        case WIRE_PIECE_BEGIN:
            buffer_add_format(&reading->lines, "block %u %u %u\n", m.piece, m.begin, m.length);
            wire_steer(&reading->wire, reading->steer ? reading->payload : NULL);
            break;
        case WIRE_PIECE_END:
            buffer_add_format(&reading->lines, "end %08x\n",
                              reading->steer
                                  ? checksum(bytes_of(reading->payload, reading->wire.payload_len))
                                  : 0);
            break;
        case WIRE_SKIPPED:
            buffer_add_string(&reading->lines, "skipped\n");
            break;
        case WIRE_IGNORED:
            buffer_add_string(&reading->lines, "ignored\n");
            break;
        case WIRE_ERROR:
            buffer_add_format(&reading->lines, "error %s\n", reading->wire.error);
            return;
        }
    }
}

/* Feeds `stream`, at most `split` bytes at a time; `rng` makes them random. */
static void feed(struct reading *reading, struct bytes stream, size_t split, struct rng *rng)
{
    while (stream.len > 0 && reading->wire.error == NULL) {
        uint8_t *space;
        size_t room;
        bool payload_next = rng != NULL && rng_below(rng, 2) == 0;
        wire_space(&reading->wire, payload_next, &space, &room);
        assert_true(room > 0);
        size_t most = rng != NULL ? 1 + rng_below(rng, split) : split;
        size_t len = room < most ? room : most;
        len = len < stream.len ? len : stream.len;
        memcpy(space, stream.data, len);
        wire_received(&reading->wire, len);
        stream = bytes_of(stream.data + len, stream.len - len);
        take_events(reading);
    }
}

static void put_bytes(struct buffer *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buffer_add_byte(out, (uint8_t)(i * 7 + i / 256));
}

/* One of everything, big and small. */
static void put_everything(struct buffer *out)
{
    struct buffer big;
    buffer_init(&big);
    put_bytes(&big, 20000);
    wire_put_keep_alive(out);
    wire_put(out, WIRE_INTERESTED);
    wire_put_bitfield(out, bytes_of(big.data, 10));
    wire_put_piece_number(out, WIRE_HAVE, 77);
    wire_put_block(out, WIRE_REQUEST, 1, 2, 3);
    wire_put_piece_head(out, 5, 16384, 16384);
    buffer_add(out, big.data, 16384);
    wire_put_piece_head(out, 5, 32768, 1);
    buffer_add_byte(out, 42);
    wire_put_bitfield(out, bytes_of(big.data, 20000));
    wire_put_extended(out, 3, bytes_of("head", 4), bytes_of(big.data, 16384));
    wire_put_extended(out, 0, bytes_of("d", 1), bytes_of("e", 1));
    buffer_add(out,
               "\0\0\0\x04\x63"
               "abc",
               8);                        /* a type nobody knows */
    buffer_add(out, "\0\0\x20\0\x64", 5); /* and a long one */
    put_bytes(out, 0x1fff);
    wire_put(out, WIRE_HAVE_ALL);
    wire_put_block(out, WIRE_REJECT, 9, 8, 7);
    wire_put_piece_number(out, WIRE_SUGGEST, 4);
    wire_put_piece_number(out, WIRE_ALLOWED_FAST, 6);
    wire_put_piece_head(out, 1, 0, 16384);
    buffer_add(out, big.data + 100, 16384);
    wire_put(out, WIRE_CHOKE);
    wire_put_keep_alive(out);
    buffer_dispose(&big);
}

static void every_split_gives_the_same_messages(void **state)
{
    (void)state;
    static struct reading whole, split;
    struct buffer stream;
    struct rng rng;
    rng_init_seed(&rng, test_seed(5));
    buffer_init(&stream);
    put_everything(&stream);
    start(&whole, true, true);
    feed(&whole, buffer_bytes(&stream), SIZE_MAX, NULL);
    assert_null(whole.wire.error);
    assert_int_equal(whole.wire.payload_bytes, 16384 + 1 + 16384);
    for (size_t most = 1; most < 40000; most = most * 3 / 2 + 1) {
        start(&split, true, true);
        feed(&split, buffer_bytes(&stream), most, NULL);
        assert_true(bytes_equal(buffer_bytes(&whole.lines), buffer_bytes(&split.lines)));
        finish(&split);
        start(&split, true, true);
        feed(&split, buffer_bytes(&stream), most, &rng);
        assert_true(bytes_equal(buffer_bytes(&whole.lines), buffer_bytes(&split.lines)));
        finish(&split);
    }
    finish(&whole);
    buffer_dispose(&stream);
}

/* ---- blocks that are expected ---- */

enum { PLACES = 32, BLOCKS = 300 };

/* Blocks in order but for some that are left out, other messages between some of them. */
static void put_blocks(struct buffer *out, struct rng *rng, uint32_t disorder)
{
    for (uint32_t block = 0; block < BLOCKS; block++) {
        if (rng_below(rng, 100) < disorder)
            continue;
        if (rng_below(rng, 100) < disorder)
            wire_put_piece_number(out, WIRE_HAVE, block);
        uint32_t len = block % 7 == 6 ? 1 + rng_below(rng, BLOCK_BYTES) : BLOCK_BYTES;
        wire_put_piece_head(out, block / 7, block % 7 * BLOCK_BYTES, len);
        for (uint32_t i = 0; i < len; i++)
            buffer_add_byte(out, (uint8_t)(i * 31 + block));
    }
}

struct expecting {
    struct reading reading;
    uint8_t places[PLACES][BLOCK_BYTES];
    uint8_t aside[BLOCK_BYTES];
    const uint8_t *steered;
    uint32_t block; /* that came last */
    uint32_t reads;
};

static void take_blocks(struct expecting *expecting, struct rng *rng)
{
    struct reading *reading = &expecting->reading;
    struct wire_message m;
    enum wire_event event;
    while ((event = wire_next(&reading->wire, &m)) != WIRE_MORE) {
        if (event == WIRE_PIECE_BEGIN) {
            expecting->block = m.piece * 7 + m.begin / BLOCK_BYTES;
            uint8_t *place = rng_below(rng, 20) == 0 ? expecting->aside
                                                     : expecting->places[expecting->block % PLACES];
            expecting->steered = place;
            wire_steer(&reading->wire, place);
            buffer_add_format(&reading->lines, "block %u %u\n", expecting->block, m.length);
        } else if (event == WIRE_PIECE_END) {
            buffer_add_format(&reading->lines, "end %08x\n",
                              checksum(bytes_of(expecting->steered, reading->wire.payload_len)));
        } else {
            assert_int_equal(event, WIRE_MESSAGE);
            buffer_add_format(&reading->lines, "have %u\n", m.piece);
        }
    }
}

static struct bytes fill(const struct space spaces[], size_t count, struct bytes stream,
                         size_t *filled)
{
    *filled = 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = spaces[i].len < stream.len ? spaces[i].len : stream.len;
        memcpy(spaces[i].data, stream.data, len);
        stream = bytes_of(stream.data + len, stream.len - len);
        *filled += len;
    }
    return stream;
}

/* Reads it all, with (most > 0) or without expectations. */
static void read_blocks(struct expecting *expecting, struct bytes stream, uint32_t most,
                        struct rng *rng)
{
    struct reading *reading = &expecting->reading;
    start(reading, true, true);
    expecting->reads = 0;
    while (stream.len > 0) {
        struct space first, spaces[WIRE_SPACES_MAX];
        wire_space(&reading->wire, true, &first.data, &first.len);
        for (uint32_t i = 1; i <= most; i++) {
            uint32_t block = expecting->block + i;
            if (!wire_expect(&reading->wire, block / 7, block % 7 * BLOCK_BYTES, BLOCK_BYTES,
                             expecting->places[block % PLACES]))
                break;
        }
        size_t filled, count = wire_spaces(&reading->wire, first, spaces);
        size_t len = rng_below(rng, 2) == 0 ? 1 + rng_below(rng, 300000) : stream.len;
        len = len < stream.len ? len : stream.len;
        fill(spaces, count, bytes_of(stream.data, len), &filled);
        stream = bytes_of(stream.data + filled, stream.len - filled);
        wire_received(&reading->wire, filled);
        expecting->reads++;
        take_blocks(expecting, rng);
    }
}

static void what_was_expected_and_what_was_not_come_the_same(void **state)
{
    (void)state;
    static struct expecting plain, ahead;
    struct rng rng;
    rng_init_seed(&rng, test_seed(11));
    for (uint32_t disorder = 0; disorder < 100; disorder = disorder * 3 + 1) {
        struct buffer stream;
        buffer_init(&stream);
        put_blocks(&stream, &rng, disorder);
        read_blocks(&plain, buffer_bytes(&stream), 0, &rng);
        read_blocks(&ahead, buffer_bytes(&stream), 1 + rng_below(&rng, PLACES), &rng);
        assert_true(
            bytes_equal(buffer_bytes(&plain.reading.lines), buffer_bytes(&ahead.reading.lines)));
        assert_int_equal(plain.reading.wire.payload_bytes, ahead.reading.wire.payload_bytes);
        finish(&plain.reading);
        finish(&ahead.reading);
        buffer_dispose(&stream);
    }
}

static void many_blocks_come_in_one_read(void **state)
{
    (void)state;
    static struct expecting expecting;
    struct buffer stream;
    struct rng rng;
    rng_init_seed(&rng, test_seed(12));
    buffer_init(&stream);
    for (uint32_t block = 0; block < 16 * WIRE_AHEAD_MAX; block++) {
        wire_put_piece_head(&stream, block / 7, block % 7 * BLOCK_BYTES, BLOCK_BYTES);
        for (uint32_t i = 0; i < BLOCK_BYTES; i++)
            buffer_add_byte(&stream, 1);
    }
    start(&expecting.reading, true, true);
    read_blocks(&expecting, buffer_bytes(&stream), WIRE_AHEAD_MAX, &rng);
    assert_in_range(expecting.reads, 1, 80); /* half of them are cut short; else 512 */
    finish(&expecting.reading);
    buffer_dispose(&stream);
}

static void payload_nobody_wants_goes_nowhere(void **state)
{
    (void)state;
    static struct reading reading;
    struct buffer stream;
    buffer_init(&stream);
    put_everything(&stream);
    start(&reading, true, false);
    memset(reading.payload, 0x55, sizeof reading.payload);
    feed(&reading, buffer_bytes(&stream), 5000, NULL);
    assert_null(reading.wire.error);
    for (size_t i = 0; i < sizeof reading.payload; i++)
        assert_int_equal(reading.payload[i], 0x55);
    finish(&reading);
    buffer_dispose(&stream);
}

/* With requests out, the space offered ends where the payload may begin. */
static void payload_is_never_read_into_the_small_buffer(void **state)
{
    (void)state;
    static struct wire wire;
    struct wire_message message;
    uint8_t *space, target[16384];
    size_t room;
    uint8_t head[WIRE_PIECE_HEAD_BYTES];
    struct buffer out;
    buffer_init(&out);
    wire_put_piece_head(&out, 1, 0, 16384);
    memcpy(head, out.data, sizeof head);
    wire_init(&wire, true);
    wire_space(&wire, true, &space, &room);
    assert_int_equal(room, WIRE_PIECE_HEAD_BYTES);
    memcpy(space, head, 6);
    wire_received(&wire, 6);
    assert_int_equal(wire_next(&wire, &message), WIRE_MORE);
    wire_space(&wire, true, &space, &room);
    assert_int_equal(room, WIRE_PIECE_HEAD_BYTES - 6);
    memcpy(space, head + 6, 7);
    wire_received(&wire, 7);
    assert_int_equal(wire_next(&wire, &message), WIRE_PIECE_BEGIN);
    wire_steer(&wire, target);
    wire_space(&wire, true, &space, &room);
    assert_ptr_equal(space, target);
    assert_int_equal(room, 16384);
    wire_received(&wire, 1000);
    assert_int_equal(wire_next(&wire, &message), WIRE_MORE);
    wire_space(&wire, true, &space, &room);
    assert_ptr_equal(space, target + 1000);
    wire_dispose(&wire);
    buffer_dispose(&out);
}

static void what_breaks_the_framing_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *error;
    } cases[] = {
        {"\0\x10\0\x01", 4, "message over 1 MiB"},
        {"\xff\xff\xff\xff", 4, "message over 1 MiB"},
        {"\0\0\0\2\0x", 6, "message of a wrong length"},
        {"\0\0\0\4\4abc", 8, "message of a wrong length"},
        {"\0\0\0\x0c\6", 5, "message of a wrong length"},
        {"\0\0\0\x09\7", 5, "block of a wrong length"},
        {"\0\2\0\x0a\7", 5, "block of a wrong length"},
        {"\0\x03\0\x02\5", 5, "bitfield of a wrong length"},
        {"\0\0\0\1\x14", 5, "extended message without an id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct reading reading;
        start(&reading, true, false);
        feed(&reading, bytes_of(cases[i].bytes, cases[i].len), SIZE_MAX, NULL);
        assert_non_null(reading.wire.error);
        assert_string_equal(reading.wire.error, cases[i].error);
        finish(&reading);
    }
}

static void fast_messages_need_the_fast_bit(void **state)
{
    (void)state;
    for (int type = WIRE_SUGGEST; type <= WIRE_ALLOWED_FAST; type++)
        for (int fast = 0; fast < 2; fast++) {
            static struct reading reading;
            struct buffer stream;
            buffer_init(&stream);
            if (type == WIRE_REJECT)
                wire_put_block(&stream, WIRE_REJECT, 1, 0, 16384);
            else if (type == WIRE_HAVE_ALL || type == WIRE_HAVE_NONE)
                wire_put(&stream, (enum wire_type)type);
            else
                wire_put_piece_number(&stream, (enum wire_type)type, 1);
            start(&reading, fast != 0, false);
            feed(&reading, buffer_bytes(&stream), SIZE_MAX, NULL);
            assert_int_equal(reading.wire.error == NULL, fast);
            finish(&reading);
            buffer_dispose(&stream);
        }
}

static void an_extended_message_too_long_is_left_out(void **state)
{
    (void)state;
    static struct reading reading;
    struct buffer stream;
    buffer_init(&stream);
    uint8_t head[6] = {0, 0, 0, 0, WIRE_EXTENDED, 1};
    write_u32(head, EXTENDED_BYTES_MAX + 2);
    buffer_add(&stream, head, 6);
    put_bytes(&stream, EXTENDED_BYTES_MAX);
    wire_put(&stream, WIRE_UNCHOKE);
    start(&reading, true, false);
    feed(&reading, buffer_bytes(&stream), 3000, NULL);
    buffer_add_byte(&reading.lines, 0);
    assert_string_equal((char *)reading.lines.data, "skipped\n1 0 0 0 0 0 811c9dc5\n");
    assert_int_equal(reading.wire.large.cap, 0);
    finish(&reading);
    buffer_dispose(&stream);
}

/* A length is a promise: memory grows with what has come, not with what was promised. */
static void a_promised_length_costs_no_memory(void **state)
{
    (void)state;
    static struct reading reading;
    uint8_t head[5] = {0, 0x02, 0, 0, WIRE_BITFIELD};
    start(&reading, true, false);
    feed(&reading, bytes_of(head, 5), SIZE_MAX, NULL);
    uint8_t *space;
    size_t room;
    wire_space(&reading.wire, false, &space, &room);
    assert_true(room <= WIRE_SMALL_BYTES);
    assert_true(reading.wire.large.cap <= WIRE_SMALL_BYTES);
    finish(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_gives_the_same_messages),
        cmocka_unit_test(what_was_expected_and_what_was_not_come_the_same),
        cmocka_unit_test(many_blocks_come_in_one_read),
        cmocka_unit_test(payload_nobody_wants_goes_nowhere),
        cmocka_unit_test(payload_is_never_read_into_the_small_buffer),
        cmocka_unit_test(what_breaks_the_framing_is_an_error),
        cmocka_unit_test(fast_messages_need_the_fast_bit),
        cmocka_unit_test(an_extended_message_too_long_is_left_out),
        cmocka_unit_test(a_promised_length_costs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
