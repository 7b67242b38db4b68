#include "support/stage.h"

/* What a foreign client hears first, what its bitfields say, and when it has to go. */

static void it_opens_with_extensions_and_then_what_it_has(void **state)
{
    struct stage *stage = *state;
    static const struct {
        const char *have;
        bool fast;
        const char *expected;
    } cases[] = {
        {"", true, "extended 0\nhave-none\n"},
        {"", false, "extended 0\n"},
        {"1010000000", true, "extended 0\nbitfield 2\n"},
        {"1010000000", false, "extended 0\nbitfield 2\n"},
        {"1111111111", true, "extended 0\nhave-all\n"},
        {"1111111111", false, "extended 0\nbitfield 2\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stage_begin(stage, cases[i].have);
        struct foreign *peer = stage_meet_as(stage, cases[i].fast, false);
        assert_string_equal(foreign_hears(peer), cases[i].expected);
    }
}

static void it_is_interested_at_once_and_asks_when_unchoked(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    foreign_hears(peer);
    foreign_say_bits(peer, first_bit, 2);
    assert_string_equal(foreign_hears(peer), "interested\n");
    foreign_say(peer, WIRE_UNCHOKE);
    assert_string_equal(foreign_hears(peer),
                        "request 0 0 16384\nrequest 0 16384 16384\nrequest 0 32768 16384\n"
                        "request 0 49152 16384\n");
    stage_give_piece(peer, 0);
    assert_string_equal(foreign_hears(peer), "have 0\n");
    stage_pass(stage, 10100);
    assert_string_equal(foreign_hears(peer), "not-interested\n");
}

static void an_interested_peer_is_unchoked_at_once(void **state)
{
    struct stage *stage = *state;
    stage_begin_with_slots(stage, EVERYTHING, 1);
    struct foreign *a = stage_meet(stage);
    foreign_hears(a);
    foreign_say(a, WIRE_INTERESTED);
    assert_string_equal(foreign_hears(a), "unchoke\n");
    struct foreign *b = stage_meet(stage);
    foreign_hears(b);
    foreign_say(b, WIRE_INTERESTED);
    assert_int_equal(foreign_counts(b, "unchoke"), 0);
    stage_leave(stage, a); /* its slot is free: no waiting for the next round */
    assert_string_equal(foreign_hears(b), "unchoke\n");
}

/* ---- what they have ---- */

static void a_later_bitfield_replaces_the_first(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    foreign_say_bits(peer, first_bit, 2);
    foreign_say_piece(peer, WIRE_HAVE, 5);
    foreign_say_bits(peer, (uint8_t[2]){0x03, 0x40}, 2);
    assert_int_equal(stage_knows(stage, peer).pieces, 3);
    foreign_say(peer, WIRE_HAVE_ALL);
    assert_true(stage_knows(stage, peer).seed);
    foreign_say(peer, WIRE_HAVE_NONE);
    for (uint32_t i = 0; i < PIECES; i++)
        foreign_say_piece(peer, WIRE_HAVE, i);
    assert_true(stage_knows(stage, peer).seed);
    assert_false(peer->closed);
}

static void wrong_bitfields_end_the_connection(void **state)
{
    struct stage *stage = *state;
    static const struct {
        const char *bits;
        size_t len;
    } cases[] = {{"\xff", 1}, {"\xff\xc0\0", 3}, {"\xff\xe0", 2}};
    stage_begin(stage, NOTHING);
    for (size_t i = 0; i < 3; i++) {
        struct foreign *peer = stage_meet(stage);
        foreign_say_bits(peer, cases[i].bits, cases[i].len);
        assert_true(foreign_is_closed(peer));
        assert_int_equal(peer->reason, CLOSE_PROTOCOL);
    }
    struct foreign *peer = stage_meet(stage);
    foreign_say_piece(peer, WIRE_HAVE, PIECES);
    assert_true(foreign_is_closed(peer));
}

static void what_came_before_the_metadata_counts_after_it(void **state)
{
    struct stage *stage = *state;
    struct foreign *peers[6];
    stage_begin_hash_only(stage);
    for (unsigned i = 0; i < 6; i++) {
        peers[i] = stage_meet(stage);
        assert_string_equal(foreign_hears(peers[i]), "extended 0\nhave-none\n");
    }
    foreign_say(peers[0], WIRE_HAVE_ALL);
    foreign_say_bits(peers[1], first_bit, 2);
    foreign_say_piece(peers[1], WIRE_HAVE, 3);
    foreign_say_piece(peers[2], WIRE_HAVE, 9);
    foreign_say_piece(peers[3], WIRE_HAVE, 10); /* there is none */
    foreign_say_bits(peers[4], all_bits, 1);    /* too short */
    foreign_say_bits(peers[5], "\xff\xff", 2);  /* spare bits */
    transfer_set_metainfo(stage->transfer, &stage->metainfo, NULL, stage->now_ms);
    struct transfer_peer_stats stats[6];
    assert_int_equal(transfer_peers(stage->transfer, stage->now_ms, stats, 6), 3);
    uint16_t holders[PIECES];
    assert_int_equal(transfer_piece_holders(stage->transfer, holders, PIECES), PIECES);
    static const uint16_t expected[PIECES] = {2, 1, 1, 2, 1, 1, 1, 1, 1, 2};
    assert_memory_equal(holders, expected, sizeof expected);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(foreign_counts(peers[i], "interested"), 1);
}

static void dont_have_takes_a_piece_back(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    foreign_say(peer, WIRE_HAVE_ALL);
    wire_put_extended(&peer->out, 3, bytes_of("\0\0\0\4", 4), (struct bytes){0});
    foreign_send(peer);
    assert_false(stage_knows(stage, peer).seed);
    assert_int_equal(stage_knows(stage, peer).pieces, 9);
}

/* ---- parting ---- */

static void nothing_is_heard_after_a_close(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    foreign_say_piece(peer, WIRE_HAVE, 4000000000u);
    assert_true(foreign_is_closed(peer));
    assert_string_equal(peer->text, "piece that does not exist");
    uint8_t *space;
    size_t room;
    transfer_receive_space(stage->transfer, peer->peer, &space, &room);
    assert_true(room > 0);
    assert_int_equal(transfer_received(stage->transfer, peer->peer, 1, stage->now_ms),
                     STATUS_CLOSED);
    uint32_t gone = peer->peer;
    stage_leave(stage, peer);
    assert_int_equal(transfer_received(stage->transfer, gone, 1, stage->now_ms), STATUS_CLOSED);
    struct transfer_output out;
    assert_false(transfer_next_output(stage->transfer, gone, &out));
}

static void whom_nobody_wants_anything_of_can_be_done_without(void **state)
{
    struct stage *stage = *state;
    stage_begin_with_slots(stage, "1010000000", 2);
    struct foreign *wants = stage_meet(stage);
    struct foreign *wanted = stage_meet(stage);
    stage_pass(stage, 1000);
    struct foreign *idle = stage_meet(stage);
    foreign_say(wants, WIRE_INTERESTED);
    foreign_say_bits(wanted, all_bits, 2);
    stage_pass(stage, USELESS_NEVER_MS - 1000);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), 0);
    stage_pass(stage, 1000);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), idle->peer);
    foreign_say(wants, WIRE_NOT_INTERESTED); /* for the moment */
    stage_leave(stage, idle);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), 0);
    stage_pass(stage, USELESS_MS + 1000);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), wants->peer);
}

static void a_useless_peer_makes_way_when_all_places_are_taken(void **state)
{
    struct stage *stage = *state;
    struct foreign *peers[PEERS_MAX];
    stage_begin(stage, EVERYTHING);
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        peers[i] = stage_meet(stage);
        if (i != 77)
            foreign_say(peers[i], WIRE_INTERESTED);
    }
    struct handshake theirs = {.peer_id = "-XX0001-one more...."};
    struct endpoint remote = {.addr = {9, 9, 9, 9}, .port = 9, .family = ENDPOINT_IPV4};
    assert_int_equal(
        transfer_add_peer(stage->transfer, &remote, &remote, &theirs, true, stage->now_ms), 0);
    stage_pass(stage, USELESS_MS + 10000);
    stage_meet(stage);
    assert_true(foreign_is_closed(peers[77]));
    assert_int_equal(peers[77]->reason, CLOSE_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stage_test(it_opens_with_extensions_and_then_what_it_has),
        stage_test(it_is_interested_at_once_and_asks_when_unchoked),
        stage_test(an_interested_peer_is_unchoked_at_once),
        stage_test(a_later_bitfield_replaces_the_first),
        stage_test(wrong_bitfields_end_the_connection),
        stage_test(what_came_before_the_metadata_counts_after_it),
        stage_test(dont_have_takes_a_piece_back),
        stage_test(nothing_is_heard_after_a_close),
        stage_test(whom_nobody_wants_anything_of_can_be_done_without),
        stage_test(a_useless_peer_makes_way_when_all_places_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
