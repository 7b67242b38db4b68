#include "support/stage.h"

#include <stdio.h>
#include <string.h>

#include "swarm/extension.h"

/* Peers that want nothing but to be a burden: each is counted, and in the end hung up on. */

/* ---- chatter ---- */

static void send_raw(struct foreign *peer, const char *hex)
{
    for (; *hex != '\0'; hex += 2) {
        unsigned byte;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        buffer_add_byte(&peer->out, (uint8_t)byte);
    }
    foreign_send(peer);
}

/* Messages that change nothing when they come for the second time, or ever. */
static const struct {
    const char *name, *hex;
} idle[] = {
    {"keep-alive", "00000000"},
    {"choke", "0000000100"},
    {"not interested", "0000000103"},
    {"have", "000000050400000000"},
    {"cancel", "0000000d08000000000000000000004000"},
    {"port", "00000003091ae1"},
    {"suggest", "000000050d00000000"},
    {"reject", "0000000d10000000000000000000004000"},
    {"allowed fast", "000000051100000000"},
    {"a type nobody knows", "0000000163"},
    {"a long one of a type nobody knows", "000000056300000000"},
};
enum { IDLE_KINDS = sizeof idle / sizeof idle[0] };

static void who_only_talks_is_hung_up_on(void **state)
{
    struct stage *stage = *state;
    for (int i = 0; i < IDLE_KINDS; i++) {
        stage_begin(stage, NOTHING);
        struct foreign *peer = stage_meet(stage);
        unsigned sent = 0;
        while (!peer->closed && sent < 10000) {
            send_raw(peer, idle[i].hex);
            sent++;
            foreign_hears(peer);
        }
        if (!peer->closed || sent < CHATTER_MAX_MS / CHATTER_MS)
            fail_msg("%s: %u times", idle[i].name, sent);
        assert_int_equal(peer->reason, CLOSE_PROTOCOL);
        assert_true(stage->offences[OFFENCE_CHATTER] > 2900 || idle[i].hex[9] == 'd');
    }
}

static void talk_at_an_honest_pace_is_never_too_much(void **state)
{
    struct stage *stage = *state;
    for (int i = 0; i < IDLE_KINDS; i++) {
        stage_begin(stage, NOTHING);
        struct foreign *peer = stage_meet(stage);
        for (int tenth = 0; tenth < 3000; tenth++) { /* 40 a second, five minutes long */
            for (int n = 0; n < 4; n++)
                send_raw(peer, idle[i].hex);
            stage_pass(stage, 100);
        }
        if (foreign_is_closed(peer))
            fail_msg("%s: %s", idle[i].name, peer->text);
    }
}

static void blocks_pay_for_talk(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, EVERYTHING);
    struct foreign *peer = stage_meet_interested(stage, true);
    for (int i = 0; i < 20000; i++) {
        foreign_say_block(peer, WIRE_REQUEST, 1, 0, BLOCK);
        assert_int_equal(foreign_counts(peer, "block"), 1);
        transfer_set_backlog(stage->transfer, peer->peer, 0, stage->now_ms);
        foreign_say_block(peer, WIRE_CANCEL, 1, 0, BLOCK);
    }
    assert_false(foreign_is_closed(peer));
    assert_int_equal(stage->offences[OFFENCE_CHATTER], 20000);
}

/* ---- changing one's mind ---- */

/* Says both, again and again, until it is closed; returns how many times. */
static unsigned flap(struct foreign *peer, void (*one)(struct foreign *),
                     void (*other)(struct foreign *))
{
    unsigned times = 0;
    while (!peer->closed && times < 100000) {
        one(peer);
        other(peer);
        times++;
        foreign_hears(peer);
    }
    assert_true(peer->closed);
    assert_int_equal(peer->reason, CLOSE_PROTOCOL);
    return times;
}

static void say_choke(struct foreign *peer)
{
    foreign_say(peer, WIRE_CHOKE);
}

static void say_unchoke(struct foreign *peer)
{
    foreign_say(peer, WIRE_UNCHOKE);
}

static void say_interested(struct foreign *peer)
{
    foreign_say(peer, WIRE_INTERESTED);
}

static void say_not_interested(struct foreign *peer)
{
    foreign_say(peer, WIRE_NOT_INTERESTED);
}

static void say_all(struct foreign *peer)
{
    foreign_say(peer, WIRE_HAVE_ALL);
}

static void say_none(struct foreign *peer)
{
    foreign_say(peer, WIRE_HAVE_NONE);
}

static void say_all_bits(struct foreign *peer)
{
    foreign_say_bits(peer, all_bits, sizeof all_bits);
}

static void say_first_bit(struct foreign *peer)
{
    foreign_say_bits(peer, first_bit, sizeof first_bit);
}

static void say_dont_have(struct foreign *peer)
{
    wire_put_extended(&peer->out, EXTENSION_DONT_HAVE, bytes_of("\0\0\0\5", 4), (struct bytes){0});
    foreign_send(peer);
}

static void say_have(struct foreign *peer)
{
    foreign_say_piece(peer, WIRE_HAVE, 5);
}

static void say_hello(struct foreign *peer)
{
    foreign_say_extended(peer, 0, "d1:md11:ut_metadatai9eee");
}

static void who_keeps_changing_its_mind_is_hung_up_on(void **state)
{
    struct stage *stage = *state;
    static const struct {
        void (*one)(struct foreign *), (*other)(struct foreign *);
        unsigned at_least;
    } pairs[] = {
        {say_unchoke, say_choke, 100},
        {say_interested, say_not_interested, 5000},
        {say_all, say_none, 1000},
        {say_all_bits, say_first_bit, 1000},
        {say_have, say_dont_have, 1000},
        {say_hello, say_hello, 50},
        {say_dont_have, say_dont_have, 1000},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        stage_begin(stage, NOTHING);
        struct foreign *honest = stage_meet_seed(stage, true);
        struct foreign *peer = stage_meet(stage);
        unsigned times = flap(peer, pairs[i].one, pairs[i].other);
        assert_in_range(times, pairs[i].at_least, 30000);
        assert_false(foreign_is_closed(honest));
    }
}

static void a_seed_that_takes_pieces_back_counts_rightly(void **state)
{
    struct stage *stage = *state;
    uint16_t holders[PIECES];
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet_seed(stage, true);
    say_dont_have(peer);
    say_dont_have(peer);
    transfer_piece_holders(stage->transfer, holders, PIECES);
    for (int i = 0; i < PIECES; i++)
        assert_int_equal(holders[i], i != 5);
    say_have(peer);
    transfer_piece_holders(stage->transfer, holders, PIECES);
    assert_int_equal(holders[5], 1);
    assert_true(stage_knows(stage, peer).seed);
}

/* ---- drop by drop ---- */

/* One byte a second until it is closed; returns the seconds, at most `most`. */
static unsigned drip(struct stage *stage, struct foreign *peer, struct bytes bytes, unsigned most)
{
    unsigned seconds = 0;
    while (!foreign_is_closed(peer) && seconds < most) {
        buffer_add_byte(&peer->out, bytes.data[seconds % bytes.len]);
        foreign_send(peer);
        stage_pass(stage, 1000);
        seconds++;
    }
    return seconds;
}

static void a_message_that_drips_is_not_waited_for_for_ever(void **state)
{
    struct stage *stage = *state;
    static const char *const heads[] = {
        "\0\0\x40\x09\x07\0\0\0\0\0\0\0\0", /* a block */
        "\0\0\x20\0\x05",                   /* a bitfield */
        "\0\0\x20\0\x14\0d",                /* an extended handshake */
        "\0\0\x20\0\x63",                   /* what nobody knows */
    };
    static const uint8_t lens[] = {13, 5, 7, 5}, zeros[4096];
    for (size_t i = 0; i < sizeof lens; i++) {
        stage_begin(stage, NOTHING);
        struct foreign *peer = stage_meet(stage);
        buffer_add(&peer->out, heads[i], lens[i]);
        foreign_send(peer);
        assert_in_range(drip(stage, peer, bytes_of(zeros, sizeof zeros), 1000),
                        UNFINISHED_MS / 1000 - 1, UNFINISHED_MS / 1000 + 12);
        assert_int_equal(peer->reason, CLOSE_TIMEOUT);
    }
}

static void whole_messages_may_come_byte_by_byte(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    assert_int_equal(drip(stage, peer, bytes_of("\0\0\0\0", 4), 1000), 1000);
}

/* The piece is under suspicion, so one peer alone is asked for it: who only drips loses it. */
static void a_dripping_peer_keeps_no_piece_from_the_others(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, ALL_BUT_FIRST);
    struct foreign *one = stage_meet_seed(stage, false), *two = stage_meet_seed(stage, false);
    struct transfer_action action;
    foreign_give(one, 0, 0, BLOCK);
    foreign_give(one, 0, BLOCK, BLOCK);
    stage_pass(stage, SNUBBED_MS + 2000); /* the rest is asked of the other */
    foreign_give(two, 0, 2 * BLOCK, BLOCK);
    foreign_give(two, 0, 3 * BLOCK, BLOCK);
    bool judged = false;
    while (transfer_next_action(stage->transfer, &action))
        if (action.type == ACTION_CHECK) {
            transfer_piece_checked(stage->transfer, 0, STATUS_MISMATCH, stage->now_ms);
            judged = true;
        }
    assert_true(judged);
    bool one_is_asked = stage_knows(stage, one).requests_out > 0;
    struct foreign *asked = one_is_asked ? one : two, *other = one_is_asked ? two : one;
    assert_true(stage_knows(stage, asked).requests_out > 0);
    assert_int_equal(stage_knows(stage, other).requests_out, 0);
    buffer_add(&asked->out, "\0\0\x40\x09\x07\0\0\0\0\0\0\0\0", 13);
    foreign_send(asked);
    drip(stage, asked, bytes_of("\0", 1), 2 * SNUBBED_MS / 1000);
    assert_true(stage_knows(stage, asked).snubbed);
    assert_true(stage_knows(stage, other).requests_out > 0);
    stage_give_piece(other, 0);
    foreign_hears(other);
    assert_int_equal(stage_stats(stage).pieces_have, PIECES);
}

static void requests_are_not_waited_for_for_ever(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet_seed(stage, true);
    assert_true(stage_knows(stage, peer).requests_out > 0);
    for (unsigned second = 0; second < UNANSWERED_MS / 1000 - 1; second++) {
        send_raw(peer, "00000000");
        stage_pass(stage, 1000);
    }
    assert_false(foreign_is_closed(peer));
    stage_pass(stage, 3000);
    assert_true(foreign_is_closed(peer));
    assert_int_equal(peer->reason, CLOSE_TIMEOUT);
    assert_string_equal(peer->text, "does not answer requests");
}

/* ---- too much ---- */

static void what_waits_for_a_peer_has_a_bound(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, EVERYTHING);
    struct foreign *peer = stage_meet_interested(stage, true);
    transfer_set_backlog(stage->transfer, peer->peer, BACKLOG_FATAL_BYTES, stage->now_ms);
    assert_false(foreign_is_closed(peer));
    transfer_set_backlog(stage->transfer, peer->peer, BACKLOG_FATAL_BYTES + 1, stage->now_ms);
    assert_true(foreign_is_closed(peer));
    assert_int_equal(peer->reason, CLOSE_TIMEOUT);
}

/* Its requests are answered, and the answers stay where they are: its socket takes none of them. */
static void answers_that_are_not_read_have_a_bound(void **state)
{
    static const char request[] = "d8:msg_typei0e5:piecei1900ee"; /* there is no such part */
    struct stage *stage = *state;
    struct transfer_action action;
    unsigned asked = 0;
    stage_begin(stage, EVERYTHING);
    struct foreign *peer = stage_meet(stage);
    foreign_say_extended(peer, 0, "d1:md11:ut_metadatai9eee");
    while (!peer->closed && asked < 3 * OUT_BYTES_MAX / sizeof request) {
        for (unsigned i = 0; i < 20; i++, asked++)
            wire_put_extended(&peer->out, EXTENSION_METADATA, bytes_of_string(request),
                              (struct bytes){0});
        foreign_send(peer);
        while (transfer_next_action(stage->transfer, &action)) {
            if (action.type != ACTION_CLOSE)
                continue;
            peer->closed = true;
            peer->reason = action.reason;
            peer->text = action.text;
        }
        if (!peer->closed)
            stage_pass(stage, 1000);
    }
    assert_true(peer->closed);
    assert_int_equal(peer->reason, CLOSE_TIMEOUT);
    assert_string_equal(peer->text, "does not read what it is sent");
    assert_in_range((uint64_t)asked * sizeof request, OUT_BYTES_MAX / 2, 2 * OUT_BYTES_MAX);
}

static void addresses_that_peers_tell_have_a_bound(void **state)
{
    struct stage *stage = *state;
    struct transfer_action action;
    unsigned found = 0;
    stage_begin(stage, NOTHING);
    for (unsigned p = 0; p < 2 * ACTIONS_FOUND_MAX / PEX_FIRST_ADDED_MAX; p++) {
        struct foreign *peer = stage_meet(stage);
        struct buffer body;
        buffer_init(&body);
        buffer_add_format(&body, "d5:added%u:", 6 * PEX_FIRST_ADDED_MAX);
        for (unsigned i = 0; i < PEX_FIRST_ADDED_MAX; i++) {
            const uint8_t address[6] = {203, 0, (uint8_t)p, (uint8_t)i, 1, 1};
            buffer_add(&body, address, sizeof address);
        }
        buffer_add_byte(&body, 'e');
        wire_put_extended(&peer->out, EXTENSION_PEX, buffer_bytes(&body), (struct bytes){0});
        foreign_send(peer);
        buffer_dispose(&body);
    }
    while (transfer_next_action(stage->transfer, &action))
        found += action.type == ACTION_FOUND;
    assert_int_equal(found, ACTIONS_FOUND_MAX);
}

/* ---- under another's name ---- */

/* Dialled by somebody at 203.0.113.`host` who gives the peer id of `whom`. */
static uint32_t dial_as(struct stage *stage, uint8_t host, unsigned whom)
{
    struct endpoint remote = {.addr = {203, 0, 113, host}, .port = 9, .family = ENDPOINT_IPV4};
    struct endpoint unknown = {.family = ENDPOINT_NONE};
    struct handshake theirs = {.extension = true, .fast = true};
    memcpy(theirs.peer_id, "-XX0001-............", 20);
    theirs.peer_id[19] = (uint8_t)whom;
    return transfer_add_peer(stage->transfer, &remote, &unknown, &theirs, true, stage->now_ms);
}

static void nobody_is_hung_up_on_because_of_who_repeats_its_peer_id(void **state)
{
    struct stage *stage = *state;
    struct transfer_action action;
    stage_begin(stage, NOTHING);
    struct foreign *honest = stage_meet_seed(stage, true);
    uint32_t first = dial_as(stage, 1, 1), second = dial_as(stage, 1, 1);
    while (transfer_next_action(stage->transfer, &action)) {
        if (action.type == ACTION_CLOSE) {
            assert_int_equal(action.reason, CLOSE_DUPLICATE);
            assert_int_equal(action.peer, second);
        }
    }
    assert_false(foreign_is_closed(honest));
    assert_int_equal(stage_stats(stage).peers, 2);
    transfer_remove_peer(stage->transfer, first, stage->now_ms);
    transfer_remove_peer(stage->transfer, second, stage->now_ms);
}

/* ---- what else is counted ---- */

static void what_is_refused_is_counted_by_kind(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, ALL_BUT_FIRST);
    struct foreign *peer = stage_meet(stage);
    foreign_say_extended(peer, 0, "d1:md11:ut_metadatai9eee");
    foreign_say_block(peer, WIRE_REQUEST, 1, 0, BLOCK); /* choked */
    foreign_say(peer, WIRE_INTERESTED);
    foreign_say_block(peer, WIRE_REQUEST, 0, 0, BLOCK);     /* not held */
    foreign_say_block(peer, WIRE_REQUEST, 1, 0, 4 * BLOCK); /* fine */
    assert_int_equal(stage->offences[OFFENCE_REQUEST], 2);
    foreign_say_extended(peer, 1, "d8:msg_typei0e5:piecei77ee");
    assert_int_equal(stage->offences[OFFENCE_PART], 1);
    foreign_give(peer, 3, 0, BLOCK);
    assert_int_equal(stage->offences[OFFENCE_UNASKED_BLOCK], 1);
    foreign_say_extended(peer, 2,
                         "d5:added12:\1\2\3\4\5\6\xe0\1\1\1\1\1"
                         "e");
    assert_int_equal(stage->offences[OFFENCE_ADDRESS], 1);
    foreign_say_extended(peer, 2, "d5:added6:\1\2\3\4\5\6e");
    assert_int_equal(stage->offences[OFFENCE_EXCHANGE], 1);
    foreign_say_extended(peer, 77, "de");
    foreign_say_extended(peer, 0, "i1e");
    assert_int_equal(stage->offences[OFFENCE_EXTENDED], 2);
    assert_int_equal(stage_knows(stage, peer).strikes, 4);
    for (int i = 0; i < TRANSFER_OFFENCES; i++)
        assert_non_null(transfer_offence_name((enum transfer_offence)i));
    assert_false(foreign_is_closed(peer));
}

static void who_holds_a_slot_and_asks_for_nothing_makes_way(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, EVERYTHING);
    struct foreign *idler = stage_meet_interested(stage, true);
    struct foreign *worker = stage_meet_interested(stage, true);
    assert_false(stage_knows(stage, idler).we_choke);
    for (unsigned i = 0; i < (IDLE_SLOT_MS + USELESS_MS) / 1000 + 20; i++) {
        foreign_say_block(worker, WIRE_REQUEST, 1, 0, BLOCK);
        foreign_hears(worker);
        stage_pass(stage, 1000);
        if (i < IDLE_SLOT_MS / 1000 - 1)
            assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), 0);
    }
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), idler->peer);
    foreign_say_block(idler, WIRE_REQUEST, 1, 0, BLOCK);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stage_test(who_only_talks_is_hung_up_on),
        stage_test(talk_at_an_honest_pace_is_never_too_much),
        stage_test(blocks_pay_for_talk),
        stage_test(who_keeps_changing_its_mind_is_hung_up_on),
        stage_test(a_seed_that_takes_pieces_back_counts_rightly),
        stage_test(a_message_that_drips_is_not_waited_for_for_ever),
        stage_test(whole_messages_may_come_byte_by_byte),
        stage_test(a_dripping_peer_keeps_no_piece_from_the_others),
        stage_test(requests_are_not_waited_for_for_ever),
        stage_test(what_waits_for_a_peer_has_a_bound),
        stage_test(answers_that_are_not_read_have_a_bound),
        stage_test(addresses_that_peers_tell_have_a_bound),
        stage_test(nobody_is_hung_up_on_because_of_who_repeats_its_peer_id),
        stage_test(what_is_refused_is_counted_by_kind),
        stage_test(who_holds_a_slot_and_asks_for_nothing_makes_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
