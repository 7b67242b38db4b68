#include "support/stage.h"

#include <string.h>

/* What foreign clients get of what they ask for, and which of them. */

/* ---- requests ---- */

static void requests_are_answered_in_order(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, EVERYTHING);
    struct foreign *peer = stage_meet_interested(stage, true);
    wire_put_block(&peer->out, WIRE_REQUEST, 3, 0, BLOCK);
    wire_put_block(&peer->out, WIRE_REQUEST, 1, 100, 7);
    wire_put_block(&peer->out, WIRE_REQUEST, 1, 0, 65536); /* bigger ones are served too */
    foreign_send(peer);
    assert_string_equal(foreign_hears(peer), "block 3 0 16384\nblock 1 100 7\nblock 1 0 65536\n");
}

static void a_choked_peer_is_rejected_or_ignored(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        stage_begin(stage, EVERYTHING);
        struct foreign *peer = stage_meet_as(stage, fast, false);
        foreign_hears(peer);
        foreign_say_block(peer, WIRE_REQUEST, 3, 0, BLOCK);
        assert_string_equal(foreign_hears(peer), fast ? "reject 3 0 16384\n" : "");
        for (int i = 0; i < CHOKED_REQUESTS_MAX; i++)
            foreign_say_block(peer, WIRE_REQUEST, 3, 0, BLOCK);
        assert_true(foreign_is_closed(peer));
    }
}

static void what_we_lack_is_rejected_and_what_cannot_be_is_an_error(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, "1000000000");
    struct foreign *peer = stage_meet_interested(stage, true);
    foreign_say_block(peer, WIRE_REQUEST, 1, 0, BLOCK);
    assert_string_equal(foreign_hears(peer), "reject 1 0 16384\n");
    static const struct {
        uint32_t piece, begin, length;
    } bad[] = {{PIECES, 0, 1}, {0, PIECE, 1}, {0, 0, PIECE + 1}, {0, 0, 0}, {0, 5, 0xffffffff}};
    for (size_t i = 0; i < 5; i++) {
        peer = stage_meet(stage);
        foreign_say(peer, WIRE_INTERESTED);
        foreign_say_block(peer, WIRE_REQUEST, bad[i].piece, bad[i].begin, bad[i].length);
        assert_true(foreign_is_closed(peer));
    }
}

/* ---- limits ---- */

static void limit_uploads(struct stage *stage, uint64_t up_bps)
{
    struct transfer_limits limits = {.up_bps = up_bps, .local = true};
    transfer_set_limits(stage->transfer, &limits, stage->now_ms);
}

static void a_limit_holds_back_blocks_alone(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, "1100000000");
    struct foreign *peer = stage_meet_interested(stage, true);
    limit_uploads(stage, 8192);
    for (int i = 0; i < 4; i++)
        wire_put_block(&peer->out, WIRE_REQUEST, 1, (uint32_t)i * BLOCK, BLOCK);
    foreign_send(peer);
    assert_string_equal(foreign_hears(peer), "");
    stage_pass(stage, 1900);
    assert_string_equal(foreign_hears(peer), "");
    stage_pass(stage, 200);
    assert_string_equal(foreign_hears(peer), "block 1 0 16384\n");
    foreign_say_block(peer, WIRE_CANCEL, 1, 2 * BLOCK, BLOCK);
    assert_string_equal(foreign_hears(peer), "reject 1 32768 16384\n");
    transfer_set_active(stage->transfer, true, false, stage->now_ms);
    assert_string_equal(foreign_hears(peer), "choke\nreject 1 16384 16384\nreject 1 49152 16384\n");
}

static void an_end_of_the_limit_lets_go_what_waits(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, EVERYTHING);
    struct foreign *peer = stage_meet_interested(stage, true);
    limit_uploads(stage, 1024);
    foreign_say_block(peer, WIRE_REQUEST, 3, 0, BLOCK);
    assert_string_equal(foreign_hears(peer), "");
    limit_uploads(stage, 0);
    assert_string_equal(foreign_hears(peer), "block 3 0 16384\n");
}

static unsigned count_lines(const char *lines, const char *prefix)
{
    unsigned count = 0;
    for (; *lines != '\0'; lines = strchr(lines, '\n') + 1)
        count += strncmp(lines, prefix, strlen(prefix)) == 0;
    return count;
}

static void the_queue_is_bounded_both_ways(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        stage_begin(stage, EVERYTHING);
        struct foreign *peer = stage_meet_interested(stage, fast);
        for (int i = 0; i < REQUESTS_TAKEN + 1; i++)
            foreign_say_block(peer, WIRE_REQUEST, 0, 0, BLOCK);
        /* About 1 MiB goes out, the rest waits for the owner's queue to empty. */
        char *lines = strdup(foreign_hears(peer));
        assert_int_equal(strstr(lines, "reject") != NULL, fast);
        assert_int_equal(peer->closed, !fast);
        unsigned blocks = count_lines(lines, "block"), more;
        free(lines);
        assert_in_range(blocks, fast ? 64 : 0, fast ? 72 : 0);
        transfer_set_backlog(stage->transfer, peer->peer, 0, stage->now_ms);
        while ((more = foreign_counts(peer, "block")) > 0) {
            assert_true(more <= 64 + 8);
            blocks += more;
            transfer_set_backlog(stage->transfer, peer->peer, 0, stage->now_ms);
        }
        assert_int_equal(blocks, fast ? REQUESTS_TAKEN : 0);
    }
}

static void a_cancelled_block_is_not_sent(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        stage_begin(stage, EVERYTHING);
        struct foreign *peer = stage_meet_interested(stage, fast);
        wire_put_block(&peer->out, WIRE_REQUEST, 0, 0, BLOCK);
        wire_put_block(&peer->out, WIRE_REQUEST, 1, 0, BLOCK);
        wire_put_block(&peer->out, WIRE_CANCEL, 0, 0, BLOCK);
        wire_put_block(&peer->out, WIRE_CANCEL, 5, 0, BLOCK); /* never asked for */
        foreign_send(peer);
        assert_string_equal(foreign_hears(peer),
                            fast ? "reject 0 0 16384\nblock 1 0 16384\n" : "block 1 0 16384\n");
    }
}

static void a_choke_answers_everything_with_fast(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        stage_begin(stage, EVERYTHING);
        struct foreign *peer = stage_meet_interested(stage, fast);
        wire_put_block(&peer->out, WIRE_REQUEST, 0, 0, BLOCK);
        wire_put_block(&peer->out, WIRE_REQUEST, 1, 0, BLOCK);
        foreign_send(peer);
        transfer_set_active(stage->transfer, true, false, stage->now_ms);
        assert_string_equal(foreign_hears(peer),
                            fast ? "choke\nreject 0 0 16384\nreject 1 0 16384\n" : "choke\n");
    }
}

/* ---- whom ---- */

/* Its slot is for others, and what waits for it does not wait for ever. */
static void a_peer_that_reads_nothing_loses_its_slot_and_then_its_connection(void **state)
{
    struct stage *stage = *state;
    stage_begin_with_slots(stage, EVERYTHING, 2);
    struct foreign *deaf = stage_meet(stage);
    struct foreign *slow = stage_meet(stage);
    struct foreign *other = stage_meet(stage);
    foreign_say(deaf, WIRE_INTERESTED);
    foreign_say(slow, WIRE_INTERESTED);
    foreign_say(other, WIRE_INTERESTED);
    foreign_hears(deaf);
    foreign_hears(other);
    for (size_t left = 60; left > 0 && !deaf->closed; left--) {
        transfer_set_backlog(stage->transfer, deaf->peer, 100000, stage->now_ms);
        transfer_set_backlog(stage->transfer, slow->peer, 1000 + left, stage->now_ms);
        stage_pass(stage, 1000);
        if (left == 40)
            assert_int_equal(foreign_counts(other, "unchoke"), 1);
        foreign_hears(deaf);
    }
    foreign_hears(slow);
    assert_true(deaf->closed);
    assert_false(slow->closed);
    assert_int_equal(transfer_useless_peer(stage->transfer, stage->now_ms), 0);
}

static void ask_for_some(struct stage *stage, struct foreign *peer)
{
    foreign_say_block(peer, WIRE_REQUEST, 0, 0, BLOCK);
    transfer_set_backlog(stage->transfer, peer->peer, 0, stage->now_ms);
}

/* All want the first piece there is; those who say so first have one of their own. */
static void who_has_one_piece_gives_it_to_those_who_have_none(void **state)
{
    struct stage *stage = *state;
    stage_begin_with_slots(stage, "1000000000", 2);
    struct foreign *peers[6];
    for (unsigned i = 0; i < 6; i++) {
        peers[i] = stage_meet(stage);
        if (i < 4)
            foreign_say_piece(peers[i], WIRE_HAVE, 1);
    }
    for (unsigned i = 0; i < 6; i++)
        foreign_say(peers[i], WIRE_INTERESTED);
    stage_pass(stage, SPREADING_WAIT_MS);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(foreign_counts(peers[i], "unchoke"), i >= 4);
}

/* Of what it gets nobody else has any: it is of use to none but itself. */
static void a_seed_serves_first_who_passes_on(void **state)
{
    struct stage *stage = *state;
    stage_begin_with_slots(stage, EVERYTHING, 2);
    struct foreign *a = stage_meet(stage), *b = stage_meet(stage), *c = stage_meet(stage);
    foreign_say(a, WIRE_INTERESTED);
    foreign_say(b, WIRE_INTERESTED);
    foreign_say(c, WIRE_INTERESTED);
    foreign_hears(a);
    for (uint32_t piece = 0; piece < HOARD_PIECES + 1; piece++) {
        foreign_say_block(a, WIRE_REQUEST, piece, 0, BLOCK);
        transfer_set_backlog(stage->transfer, a->peer, 0, stage->now_ms);
        foreign_say_piece(a, WIRE_HAVE, piece);
    }
    for (int second = 0; second * 1000 <= CHOKER_ROUND_MS; second++) {
        ask_for_some(stage, a);
        ask_for_some(stage, b);
        stage_pass(stage, 1000);
    }
    assert_int_equal(foreign_counts(a, "choke"), 1);
    assert_int_equal(foreign_counts(b, "choke"), 0);
    assert_int_equal(foreign_counts(c, "unchoke"), 1);
}

static void a_seed_with_one_slot_serves_one_after_the_other(void **state)
{
    struct stage *stage = *state;
    stage_begin_with_slots(stage, EVERYTHING, 1);
    struct foreign *a = stage_meet(stage);
    struct foreign *b = stage_meet(stage);
    foreign_say(a, WIRE_INTERESTED);
    foreign_say(b, WIRE_INTERESTED);
    assert_int_equal(foreign_counts(a, "unchoke"), 1);
    bool serves_a = true;
    unsigned served_a = 0, turn_s = 0, turns = 0;
    for (int second = 0; second < 400; second++, turn_s++) {
        stage_pass(stage, 1000);
        wire_put_keep_alive(&a->out);
        wire_put_keep_alive(&b->out);
        foreign_send(a);
        foreign_send(b);
        ask_for_some(stage, serves_a ? a : b);
        served_a += serves_a;
        unsigned out = foreign_counts(serves_a ? a : b, "choke");
        assert_int_equal(foreign_counts(serves_a ? b : a, "unchoke"), out);
        if (out == 0)
            continue;
        assert_in_range(turn_s, SEED_TURN_MS / 1000 - 1, SEED_TURN_MS / 1000 + 12);
        serves_a = !serves_a;
        turn_s = 0;
        turns++;
    }
    assert_true(turns >= 9);
    assert_in_range(served_a, 150, 250);
}

/* With all slots taken a newcomer is granted five pieces, the same for its whole network. */
static void a_choked_newcomer_gets_a_start(void **state)
{
    struct stage *stage = *state;
    stage_begin_with_slots(stage, EVERYTHING, 1);
    stage_meet_interested(stage, true);
    struct foreign *b = stage_meet(stage);
    char *lines = strdup(foreign_hears(b));
    unsigned piece;
    const char *grant = strstr(lines, "allowed-fast ");
    assert_non_null(grant);
    assert_int_equal(sscanf(grant, "allowed-fast %u", &piece), 1);
    free(lines);
    foreign_say(b, WIRE_INTERESTED);
    foreign_say_block(b, WIRE_REQUEST, piece, 0, BLOCK);
    assert_int_equal(foreign_counts(b, "block"), 1);
    foreign_say(b, WIRE_HAVE_ALL); /* no newcomer at all */
    foreign_say_block(b, WIRE_REQUEST, piece, 0, BLOCK);
    assert_int_equal(foreign_counts(b, "reject"), 1);
}

/* Some clients take ten seconds to say that they want no more. */
static void who_has_everything_needs_no_slot(void **state)
{
    struct stage *stage = *state;
    stage_begin_with_slots(stage, EVERYTHING, 1);
    struct foreign *a = stage_meet(stage), *b = stage_meet(stage);
    foreign_say(a, WIRE_INTERESTED);
    foreign_say(b, WIRE_INTERESTED);
    foreign_hears(a);
    assert_int_equal(foreign_counts(b, "unchoke"), 0);
    for (uint32_t piece = 0; piece < PIECES; piece++)
        foreign_say_piece(a, WIRE_HAVE, piece);
    assert_int_equal(foreign_counts(b, "unchoke"), 1);
}

/* What is split among a crowd is a whole piece for nobody. */
static void of_a_crowd_of_newcomers_a_few_get_a_start(void **state)
{
    struct stage *stage = *state;
    stage_begin_with_slots(stage, EVERYTHING, 1);
    struct foreign *peers[2 * ALLOWED_FAST_PEERS];
    stage_meet_interested(stage, true);
    for (unsigned i = 0; i < 2 * ALLOWED_FAST_PEERS; i++) {
        peers[i] = stage_meet(stage);
        unsigned granted = foreign_counts(peers[i], "allowed-fast ");
        assert_int_equal(granted > 0, i < ALLOWED_FAST_PEERS);
    }
    foreign_say(peers[1], WIRE_HAVE_ALL); /* no newcomer any more: there is room for another */
    assert_int_not_equal(foreign_counts(stage_meet(stage), "allowed-fast "), 0);
    assert_int_equal(foreign_counts(stage_meet(stage), "allowed-fast "), 0);
}

/* Left alone both might fetch the same piece from us, and the second copy would be for nothing. */
static void a_seed_suggests_different_pieces_to_those_it_serves(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, EVERYTHING);
    struct foreign *a = stage_meet(stage);
    struct foreign *b = stage_meet(stage);
    foreign_say(a, WIRE_INTERESTED);
    assert_int_equal(foreign_counts(a, "suggest"), 0); /* alone it needs no advice */
    foreign_say(b, WIRE_INTERESTED);
    char *to_b = strdup(foreign_hears(b));
    unsigned seen[PIECES] = {0}, piece;
    for (int i = 0; i < 4; i++) {
        const char *line = strstr(to_b, "suggest ");
        assert_non_null(line);
        assert_int_equal(sscanf(line, "suggest %u", &piece), 1);
        assert_int_equal(seen[piece]++, 0);
        foreign_say_block(b, WIRE_REQUEST, piece, 0, BLOCK);
        free(to_b);
        to_b = strdup(foreign_hears(b));
        for (unsigned other = 0; other < PIECES; other++) {
            foreign_say_block(a, WIRE_REQUEST, other, 0, BLOCK); /* it takes no advice */
            transfer_set_backlog(stage->transfer, a->peer, 0, stage->now_ms);
            foreign_hears(a);
        }
    }
    free(to_b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stage_test(requests_are_answered_in_order),
        stage_test(a_choked_peer_is_rejected_or_ignored),
        stage_test(a_limit_holds_back_blocks_alone),
        stage_test(an_end_of_the_limit_lets_go_what_waits),
        stage_test(what_we_lack_is_rejected_and_what_cannot_be_is_an_error),
        stage_test(the_queue_is_bounded_both_ways),
        stage_test(a_cancelled_block_is_not_sent),
        stage_test(a_choke_answers_everything_with_fast),
        stage_test(a_peer_that_reads_nothing_loses_its_slot_and_then_its_connection),
        stage_test(who_has_one_piece_gives_it_to_those_who_have_none),
        stage_test(a_seed_serves_first_who_passes_on),
        stage_test(a_seed_with_one_slot_serves_one_after_the_other),
        stage_test(a_choked_newcomer_gets_a_start),
        stage_test(who_has_everything_needs_no_slot),
        stage_test(of_a_crowd_of_newcomers_a_few_get_a_start),
        stage_test(a_seed_suggests_different_pieces_to_those_it_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
