#include "support/stage.h"

#include <string.h>

/* What a transfer asks of foreign clients, and what it makes of what they send (interop-notes). */

/* ---- how much ---- */

static void no_more_is_asked_than_the_peer_takes(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    stage_open_up(peer, "d4:reqqi2ee");
    assert_int_equal(foreign_counts(peer, "request"), 2);
}

/* Answers all it is asked for, `rounds` times; returns the longest queue of requests it saw. */
static unsigned answer(struct stage *stage, struct foreign *peer, int rounds)
{
    unsigned longest = 0;
    while (rounds-- > 0) {
        char *lines = strdup(foreign_hears(peer));
        uint32_t owed = stage_knows(stage, peer).requests_out;
        longest = owed > longest ? owed : longest;
        for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            unsigned piece, begin, length;
            if (sscanf(line, "request %u %u %u", &piece, &begin, &length) == 3)
                foreign_give(peer, piece, begin, length);
        }
        free(lines);
        stage->now_ms += 10;
    }
    return longest;
}

static unsigned longest_queue(struct stage *stage, bool ours, const char *extension)
{
    stage_begin_big(stage);
    struct foreign *peer = stage_meet_as(stage, true, ours);
    stage_open_up(peer, extension);
    return answer(stage, peer, 60);
}

static void clients_of_others_never_owe_512_blocks(void **state)
{
    assert_in_range(longest_queue(*state, false, "d4:reqqi2000ee"), 400, 511);
}

static void without_reqq_it_is_250(void **state)
{
    assert_in_range(longest_queue(*state, false, "de"), 200, 250);
}

static void between_ours_it_may_be_more(void **state)
{
    assert_in_range(longest_queue(*state, true, "d4:reqqi2000ee"), 700, 2000);
}

static void what_is_allowed_fast_is_asked_for_while_choked(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    foreign_say(peer, WIRE_HAVE_ALL);
    foreign_hears(peer);
    foreign_say_piece(peer, WIRE_ALLOWED_FAST, 6);
    assert_string_equal(foreign_hears(peer),
                        "request 6 0 16384\nrequest 6 16384 16384\nrequest 6 32768 16384\n"
                        "request 6 49152 16384\n");
    for (uint32_t i = 0; i < 4; i++)
        foreign_say_block(peer, WIRE_REJECT, 6, i * BLOCK, BLOCK);
    assert_string_equal(foreign_hears(peer), ""); /* allowed, refused: not asked again */
}

static void give_all_that_is_asked(struct foreign *peer)
{
    char *lines = strdup(foreign_hears(peer));
    for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned piece, begin, length;
        if (sscanf(line, "request %u %u %u", &piece, &begin, &length) == 3)
            foreign_give(peer, piece, begin, length);
    }
    free(lines);
}

static struct foreign *meet_holder_of_first(struct stage *stage, bool unchokes)
{
    struct foreign *peer = stage_meet(stage);
    foreign_say_extended(peer, 0, "d4:reqqi2ee");
    foreign_say_bits(peer, first_bit, 2);
    if (unchokes)
        foreign_say(peer, WIRE_UNCHOKE);
    else
        foreign_say_piece(peer, WIRE_ALLOWED_FAST, 0);
    return peer;
}

/* Piece 0 came from two and was wrong; now `a` gives one block of it, and will give no more. */
static struct foreign *leave_a_suspect_piece_half_done(struct stage *stage)
{
    stage_begin(stage, NOTHING);
    struct foreign *a = meet_holder_of_first(stage, false);
    struct foreign *b = meet_holder_of_first(stage, true);
    give_all_that_is_asked(a);
    give_all_that_is_asked(b);
    stage_leave(stage, b);
    transfer_piece_checked(stage->transfer, 0, STATUS_MISMATCH, stage->now_ms);
    assert_string_equal(foreign_hears(a), "request 0 0 16384\nrequest 0 16384 16384\n");
    foreign_say_block(a, WIRE_REJECT, 0, BLOCK, BLOCK);
    foreign_give(a, 0, 0, BLOCK);
    assert_string_equal(foreign_hears(a), "");
    return a;
}

static void a_piece_one_alone_was_to_give_is_open_when_he_gives_no_more(void **state)
{
    struct stage *stage = *state;
    leave_a_suspect_piece_half_done(stage);
    assert_int_equal(foreign_counts(meet_holder_of_first(stage, true), "request 0 "), 2);
}

static void a_piece_one_alone_was_to_give_is_open_when_he_leaves(void **state)
{
    struct stage *stage = *state;
    struct foreign *a = leave_a_suspect_piece_half_done(stage);
    foreign_say_piece(a, WIRE_ALLOWED_FAST, 0);
    stage_leave(stage, a);
    assert_int_equal(foreign_counts(meet_holder_of_first(stage, true), "request 0 "), 2);
}

/* The slot it gave us is for others then, and must not stay empty until a round. */
static void who_is_complete_says_so_at_once(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, ALL_BUT_FIRST);
    struct foreign *peer = stage_meet_seed(stage, true);
    foreign_hears(peer);
    stage_give_piece(peer, 0); /* which is found to be right */
    assert_non_null(strstr(foreign_hears(peer), "not-interested\n"));
}

/* Without the fast extension an unchoke begins anew; with it, what was owed may never be answered.
 */
static void after_an_unchoke_the_queue_is_filled_anew(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        stage_begin(stage, NOTHING);
        struct foreign *peer = stage_meet_seed(stage, fast);
        assert_int_equal(foreign_counts(peer, "request"), 4);
        foreign_say(peer, WIRE_CHOKE);
        foreign_say(peer, WIRE_UNCHOKE);
        assert_int_equal(foreign_counts(peer, "request"), 4);
    }
}

static void advice_decides_among_equally_rare_pieces(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, "1000000000");
    struct foreign *b = stage_meet(stage);
    foreign_say_bits(b, (uint8_t[2]){0x01, 0x00}, 2); /* piece 7 is not so rare */
    struct foreign *a = stage_meet(stage);
    foreign_say(a, WIRE_HAVE_ALL);
    foreign_say_piece(a, WIRE_SUGGEST, 7);
    foreign_say_piece(a, WIRE_SUGGEST, 5);
    foreign_hears(a);
    foreign_say(a, WIRE_UNCHOKE);
    assert_int_equal(foreign_counts(a, "request 5"), 4);
    foreign_say_piece(a, WIRE_SUGGEST, PIECES);
    assert_true(foreign_is_closed(a));
}

/* ---- what others are asked for ---- */

static void a_rejected_request_goes_to_another_and_the_peer_rests(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *a = stage_meet_seed(stage, true);
    foreign_hears(a);
    assert_int_equal(stage_knows(stage, a).requests_out, 4);
    struct foreign *b = stage_meet_seed(stage, true);
    foreign_hears(b);
    /* Whatever piece it is, all four blocks are of one. */
    for (uint32_t piece = 0; piece < PIECES; piece++)
        for (uint32_t i = 0; i < 4; i++)
            foreign_say_block(a, WIRE_REJECT, piece, i * BLOCK, BLOCK);
    assert_int_equal(foreign_counts(a, "request"), 0);
    assert_int_equal(stage_knows(stage, a).requests_out, 0);
    stage_pass(stage, 3000);
    assert_true(foreign_counts(a, "request") > 0); /* after a rest it is asked again */
    assert_false(a->closed);
}

static void after_a_choke_others_are_asked(void **state)
{
    struct stage *stage = *state;
    for (int fast = 0; fast < 2; fast++) {
        stage_begin(stage, ALL_BUT_FIRST);
        struct foreign *a = stage_meet_seed(stage, fast);
        assert_int_equal(foreign_counts(a, "request"), 4);
        struct foreign *b = stage_meet_seed(stage, fast);
        assert_int_equal(foreign_counts(b, "request"), 0);
        foreign_say(a, WIRE_CHOKE);
        assert_int_equal(foreign_counts(b, "request"), 4);
        assert_int_equal(foreign_counts(a, "request"), 0);
        for (uint32_t i = 1; fast && i < 4; i++)
            foreign_say_block(a, WIRE_REJECT, 0, i * BLOCK, BLOCK);
        foreign_give(a, 0, 0, BLOCK); /* it crossed the choke: welcome */
        assert_int_equal(foreign_counts(b, "cancel 0 0"), 1);
        assert_int_equal(stage_stats(stage).bytes_wasted, 0);
    }
}

static void a_snubbing_peer_loses_its_blocks_but_may_bring_them(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, ALL_BUT_FIRST);
    struct foreign *a = stage_meet_seed(stage, true);
    foreign_hears(a);
    stage_pass(stage, SNUBBED_MS + 1100);
    assert_true(stage_knows(stage, a).snubbed);
    struct foreign *b = stage_meet_seed(stage, true);
    assert_int_equal(foreign_counts(b, "request"), 4);
    foreign_give(a, 0, BLOCK, BLOCK);
    assert_false(stage_knows(stage, a).snubbed);
    assert_int_equal(foreign_counts(b, "cancel 0 16384"), 1);
}

/* Whoever wakes up brings what he owes: nobody else need be asked for it. */
static void what_a_woken_peer_owes_counts_again(void **state)
{
    struct stage *stage = *state;
    stage_begin_big(stage);
    struct foreign *a = stage_meet(stage);
    stage_open_up(a, "d4:reqqi100ee");
    answer(stage, a, 10);
    char *owed = strdup(foreign_hears(a));
    assert_in_range(stage_knows(stage, a).requests_out, 50, 100);
    stage_pass(stage, SNUBBED_MS + 1100);
    unsigned piece, begin, length;
    assert_int_equal(sscanf(owed, "request %u %u %u", &piece, &begin, &length), 3);
    foreign_give(a, piece, begin, length);
    struct foreign *b = stage_meet(stage);
    foreign_say(b, WIRE_HAVE_ALL);
    foreign_say(b, WIRE_UNCHOKE);
    char *asked = strdup(foreign_hears(b));
    unsigned lines = 0;
    for (char *line = strtok(asked, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strncmp(line, "request", 7) == 0) {
            assert_null(strstr(owed, line));
            lines++;
        }
    assert_true(lines > 0);
    free(asked);
    free(owed);
}

static void what_a_peer_has_no_more_is_asked_of_another(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, ALL_BUT_FIRST);
    struct foreign *a = stage_meet_seed(stage, true);
    struct foreign *b = stage_meet_seed(stage, true);
    assert_int_equal(foreign_counts(b, "request"), 0);
    foreign_say(a, WIRE_HAVE_NONE);
    assert_int_equal(foreign_counts(b, "request"), 4);
}

static void at_the_end_the_last_blocks_are_asked_of_two(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, "0011111111");
    struct foreign *slow = stage_meet_seed(stage, true);
    assert_int_equal(foreign_counts(slow, "request"), 4);
    stage_pass(stage, 5000);
    struct foreign *quick = stage_meet_seed(stage, true);
    assert_int_equal(foreign_counts(quick, "request"), 4); /* the other piece */
    for (uint32_t i = 0; i < 4; i++) {
        foreign_give(quick, 0, i * BLOCK, BLOCK);
        foreign_give(quick, 1, i * BLOCK, BLOCK);
    }
    /* Now what `slow` owes is asked of `quick` too, and called off when it has come. */
    assert_true(foreign_counts(quick, "request") > 0);
    for (uint32_t i = 0; i < 4; i++) {
        foreign_give(quick, 0, i * BLOCK, BLOCK);
        foreign_give(quick, 1, i * BLOCK, BLOCK);
        foreign_hears(quick);
    }
    assert_true(foreign_counts(slow, "cancel") > 0);
    assert_int_equal(stage_stats(stage).pieces_have, PIECES);
}

/* ---- what comes ---- */

static void unasked_blocks_are_dropped_until_they_are_too_many(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, NOTHING);
    struct foreign *peer = stage_meet(stage);
    foreign_say(peer, WIRE_HAVE_ALL);
    for (int i = 0; i < STRIKES_MAX; i++)
        foreign_give(peer, 3, 0, BLOCK);
    assert_false(foreign_is_closed(peer));
    assert_int_equal(stage_stats(stage).bytes_wasted, STRIKES_MAX * BLOCK);
    foreign_give(peer, 3, 0, BLOCK);
    assert_true(foreign_is_closed(peer));
}

static void a_block_beyond_its_bounds_ends_the_connection(void **state)
{
    struct stage *stage = *state;
    static const struct {
        uint32_t piece, begin, length;
    } bad[] = {
        {PIECES, 0, BLOCK}, {0, PIECE, 1}, {0, PIECE - BLOCK, BLOCK + 1}, {0, 0xffffffff, 2}};
    stage_begin(stage, NOTHING);
    for (size_t i = 0; i < 4; i++) {
        struct foreign *peer = stage_meet(stage);
        foreign_give(peer, bad[i].piece, bad[i].begin, bad[i].length);
        assert_true(foreign_is_closed(peer));
    }
    struct foreign *peer = stage_meet(stage);
    foreign_say_bits(peer, first_bit, 2);
    foreign_say(peer, WIRE_UNCHOKE);
    foreign_give(peer, 0, 0, BLOCK - 1); /* asked for, but not like this */
    assert_true(foreign_is_closed(peer));
}

static void a_block_that_crossed_our_cancel_is_no_offence(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, ALL_BUT_FIRST);
    struct foreign *peer = stage_meet_seed(stage, true);
    foreign_hears(peer);
    transfer_set_active(stage->transfer, false, true, stage->now_ms);
    assert_int_equal(foreign_counts(peer, "cancel"), 4);
    foreign_give(peer, 0, 0, BLOCK);
    assert_int_equal(stage_knows(stage, peer).strikes, 0);
    transfer_set_active(stage->transfer, true, true, stage->now_ms);
    assert_int_equal(foreign_counts(peer, "request"), 3); /* and it is not lost */
}

static void send_run(struct foreign *peer, uint8_t byte, size_t len)
{
    while (len-- > 0)
        buffer_add_byte(&peer->out, byte);
    foreign_send(peer);
}

/* Two send the same block at the same time: the first to be whole counts, the other harms nothing.
 */
static void two_may_send_one_block_at_once(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, ALL_BUT_FIRST);
    struct foreign *a = stage_meet_seed(stage, true);
    foreign_hears(a);
    stage_pass(stage, 5000);
    struct foreign *b = stage_meet_seed(stage, true);
    assert_true(foreign_counts(b, "request 0 49152") == 1);
    wire_put_piece_head(&a->out, 0, 49152, BLOCK);
    send_run(a, 0xee, 5000);
    wire_put_piece_head(&b->out, 0, 49152, BLOCK);
    send_run(b, 3, 8000);
    send_run(a, 0xee, 2000); /* over what b has sent already */
    send_run(b, 3, BLOCK - 8000);
    send_run(a, 0xee, BLOCK - 7000);
    assert_int_equal(stage_stats(stage).bytes_wasted, BLOCK);
    for (uint32_t i = 0; i < 3; i++)
        foreign_give(a, 0, i * BLOCK, BLOCK);
    struct transfer_action action;
    bool checked = false;
    while (transfer_next_action(stage->transfer, &action))
        if (action.type == ACTION_CHECK) {
            checked = true;
            for (uint32_t i = 0; i < BLOCK; i++)
                assert_int_equal(action.data.data[49152 + i], 3);
            transfer_piece_checked(stage->transfer, 0, STATUS_OK, stage->now_ms);
        }
    assert_true(checked);
}

static void a_new_piece_is_told_to_all(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, ALL_BUT_FIRST);
    struct foreign *a = stage_meet(stage);
    struct foreign *b = stage_meet_as(stage, false, false);
    foreign_hears(b);
    stage_open_up(a, "de");
    stage_give_piece(a, 0);
    foreign_hears(a);
    assert_string_equal(foreign_hears(b), "have 0\n");
}

/* A bit for each peer to whom something is to be sent now; all that is to be checked is right. */
static unsigned who_is_spoken_to(struct stage *stage)
{
    struct transfer_action action;
    unsigned bits = 0;
    while (transfer_next_action(stage->transfer, &action)) {
        if (action.type == ACTION_CHECK)
            transfer_piece_checked(stage->transfer, action.piece, STATUS_OK, stage->now_ms);
        for (unsigned i = 0; i < stage->peer_count; i++)
            if (action.type == ACTION_OUTPUT && action.peer == stage->peers[i]->peer)
                bits |= 1u << i;
    }
    return bits;
}

static void who_has_a_new_piece_hears_of_it_at_the_next_beat(void **state)
{
    struct stage *stage = *state;
    stage_begin(stage, "0011111111");
    struct foreign *giver = stage_meet_seed(stage, true);
    struct foreign *seed = stage_meet(stage), *leecher = stage_meet(stage);
    foreign_say(seed, WIRE_HAVE_ALL);
    foreign_hears(seed);
    foreign_hears(leecher);
    uint32_t piece = foreign_counts(giver, "request 0") > 0 ? 0 : 1;
    stage_give_piece(giver, piece);
    assert_int_equal(who_is_spoken_to(stage) & 6, 4);
    assert_int_equal(foreign_counts(leecher, "have"), 1);
    stage_pass(stage, TICK_BUSY_MS);
    assert_int_equal(who_is_spoken_to(stage) & 6, 2);
    assert_int_equal(foreign_counts(seed, "have"), 1);
    stage_give_piece(giver, 1 - piece); /* the last one */
    assert_int_equal(who_is_spoken_to(stage) & 6, 6);
    assert_int_equal(foreign_counts(seed, "have"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stage_test(no_more_is_asked_than_the_peer_takes),
        stage_test(clients_of_others_never_owe_512_blocks),
        stage_test(without_reqq_it_is_250),
        stage_test(between_ours_it_may_be_more),
        stage_test(what_is_allowed_fast_is_asked_for_while_choked),
        stage_test(who_is_complete_says_so_at_once),
        stage_test(a_piece_one_alone_was_to_give_is_open_when_he_gives_no_more),
        stage_test(a_piece_one_alone_was_to_give_is_open_when_he_leaves),
        stage_test(after_an_unchoke_the_queue_is_filled_anew),
        stage_test(advice_decides_among_equally_rare_pieces),
        stage_test(a_rejected_request_goes_to_another_and_the_peer_rests),
        stage_test(after_a_choke_others_are_asked),
        stage_test(a_snubbing_peer_loses_its_blocks_but_may_bring_them),
        stage_test(what_a_woken_peer_owes_counts_again),
        stage_test(what_a_peer_has_no_more_is_asked_of_another),
        stage_test(at_the_end_the_last_blocks_are_asked_of_two),
        stage_test(unasked_blocks_are_dropped_until_they_are_too_many),
        stage_test(a_block_beyond_its_bounds_ends_the_connection),
        stage_test(a_block_that_crossed_our_cancel_is_no_offence),
        stage_test(two_may_send_one_block_at_once),
        stage_test(a_new_piece_is_told_to_all),
        stage_test(who_has_a_new_piece_hears_of_it_at_the_next_beat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
