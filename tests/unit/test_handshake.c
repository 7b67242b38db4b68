#include "support/unit.h"

#include <string.h>

#include "swarm/handshake.h"

/* The bytes of [BEP 3] with the extension and fast bits set. */
static void encodes_what_the_specification_draws(void **state)
{
    (void)state;
    struct handshake ours = {.extension = true, .fast = true};
    memset(ours.infohash.bytes, 0xab, ID_BYTES);
    memset(ours.peer_id, 'p', 20);
    uint8_t out[HANDSHAKE_BYTES], expected[HANDSHAKE_BYTES];
    memcpy(expected,
           "\x13"
           "BitTorrent protocol"
           "\0\0\0\0\0\x10\0\x04",
           28);
    memset(expected + 28, 0xab, 20);
    memset(expected + 48, 'p', 20);
    handshake_encode(&ours, out);
    assert_memory_equal(out, expected, HANDSHAKE_BYTES);
}

static void each_bit_survives_the_way(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 8; bits++) {
        struct handshake ours = {
            .extension = bits & 1, .fast = bits & 2, .dht = bits & 4, .infohash = {{1, 2, 3}}};
        memcpy(ours.peer_id, "-XX0001-abcdefghijkl", 20);
        uint8_t wire[HANDSHAKE_BYTES];
        handshake_encode(&ours, wire);
        struct handshake theirs;
        assert_int_equal(handshake_decode(bytes_of(wire, sizeof wire), &theirs), STATUS_OK);
        assert_int_equal(theirs.extension, ours.extension);
        assert_int_equal(theirs.fast, ours.fast);
        assert_int_equal(theirs.dht, ours.dht);
        assert_true(id_equal(&theirs.infohash, &ours.infohash));
        assert_memory_equal(theirs.peer_id, ours.peer_id, 20);
    }
}

static void every_beginning_is_waited_for(void **state)
{
    (void)state;
    struct handshake ours = {0}, theirs;
    uint8_t wire[HANDSHAKE_BYTES];
    handshake_encode(&ours, wire);
    for (size_t len = 0; len < HANDSHAKE_BYTES; len++)
        assert_int_equal(handshake_decode(bytes_of(wire, len), &theirs), STATUS_BUSY);
}

/* aria2 and Transmission open encrypted and come back in plain text only when we close at once. */
static void first_foreign_byte_is_refused(void **state)
{
    (void)state;
    struct handshake ours = {0}, theirs;
    uint8_t wire[HANDSHAKE_BYTES];
    for (size_t bad = 0; bad < 20; bad++) {
        handshake_encode(&ours, wire);
        wire[bad] ^= 0x20;
        assert_int_equal(handshake_decode(bytes_of(wire, bad + 1), &theirs), STATUS_MALFORMED);
        assert_int_equal(handshake_decode(bytes_of(wire, sizeof wire), &theirs), STATUS_MALFORMED);
    }
}

static void peer_id_names_us_and_the_version(void **state)
{
    (void)state;
    uint8_t random[12], id[20];
    memset(random, 7, sizeof random);
    handshake_make_peer_id(random, id);
    assert_memory_equal(id, "-KP0100-", 8);
    assert_memory_equal(id + 8, random, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_what_the_specification_draws),
        cmocka_unit_test(each_bit_survives_the_way),
        cmocka_unit_test(every_beginning_is_waited_for),
        cmocka_unit_test(first_foreign_byte_is_refused),
        cmocka_unit_test(peer_id_names_us_and_the_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
