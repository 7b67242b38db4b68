#include "support/stage.h"

#include <string.h>

/* Who has not proved good yet, beside somebody who has. */

enum { NO_PIECE = PIECES };

/* What it is asked for, block by block; returns how many, and of which piece, NO_PIECE: of several
 * or none. */
static unsigned asked(struct foreign *peer, uint32_t *of)
{
    unsigned count = 0, piece, begin, length;
    char *lines = strdup(foreign_hears(peer));
    *of = NO_PIECE;
    for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (sscanf(line, "request %u %u %u", &piece, &begin, &length) != 3)
            continue;
        *of = count == 0 || piece == *of ? piece : NO_PIECE;
        count++;
    }
    free(lines);
    return count;
}

static void give_all_that_is_asked(struct foreign *peer)
{
    unsigned piece, begin, length;
    char *lines = strdup(foreign_hears(peer));
    for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (sscanf(line, "request %u %u %u", &piece, &begin, &length) == 3)
            foreign_give(peer, piece, begin, length);
    free(lines);
}

static struct foreign *meet_asked_for(struct stage *stage, const char *extension)
{
    struct foreign *peer = stage_meet(stage);
    stage_open_up(peer, extension);
    return peer;
}

/* It takes one piece at a time, and has given one that was right; `next`: what it is asked for. */
static struct foreign *meet_proven(struct stage *stage, uint32_t *next)
{
    uint32_t first;
    struct foreign *peer = meet_asked_for(stage, "d4:reqqi4ee");
    assert_int_equal(asked(peer, &first), 4);
    stage_give_piece(peer, first);
    assert_int_equal(asked(peer, next), 4);
    return peer;
}

static void a_newcomer_gets_a_piece_of_its_own_and_no_more_before_it_is_judged(void **state)
{
    struct stage *stage = *state;
    uint32_t theirs, its;
    stage_begin(stage, NOTHING);
    meet_proven(stage, &theirs);
    struct foreign *newcomer = meet_asked_for(stage, "d4:reqqi100ee");
    assert_int_equal(asked(newcomer, &its), 4);
    assert_int_not_equal(its, NO_PIECE);
    assert_int_not_equal(its, theirs);
    stage_give_piece(newcomer, its);
    stage_pass(stage, 2000);
    assert_int_equal(stage_knows(stage, newcomer).requests_out, 0);
    foreign_hears(newcomer); /* that it was right */
    assert_true(stage_knows(stage, newcomer).requests_out > 4);
}

static void a_newcomer_that_lies_spoils_nothing_but_its_own_piece(void **state)
{
    struct stage *stage = *state;
    uint32_t theirs, its;
    stage_begin(stage, NOTHING);
    struct foreign *proven = meet_proven(stage, &theirs);
    struct foreign *liar = meet_asked_for(stage, "d4:reqqi100ee");
    asked(liar, &its);
    stage_give_piece(liar, its);
    transfer_piece_checked(stage->transfer, its, STATUS_MISMATCH, stage->now_ms);
    assert_true(foreign_is_closed(liar));
    assert_int_equal(liar->reason, CLOSE_BANNED);
    assert_int_equal(stage_stats(stage).bytes_wasted, PIECE);
    assert_int_equal(stage_knows(stage, proven).bad_pieces, 0);
    assert_int_equal(stage_stats(stage).pieces_bad, 1);
}

/* As soon as it is worth it, and not at the next beat of the clock. */
static void what_a_newcomer_keeps_silent_about_is_fetched_from_others_at_the_end(void **state)
{
    struct stage *stage = *state;
    uint32_t theirs, its;
    stage_begin(stage, "0001111111");
    struct foreign *proven = meet_proven(stage, &theirs);
    struct foreign *silent = meet_asked_for(stage, "d4:reqqi100ee");
    assert_int_equal(asked(silent, &its), 4);
    stage_give_piece(proven, theirs);
    for (uint64_t begun_ms = stage->now_ms; stage_stats(stage).pieces_have < PIECES;) {
        stage->now_ms = transfer_deadline(stage->transfer);
        assert_in_range(stage->now_ms, begun_ms, begun_ms + 900);
        transfer_on_time(stage->transfer, stage->now_ms);
        give_all_that_is_asked(proven);
    }
    assert_int_equal(foreign_counts(silent, "cancel"), 4);
}

static void a_piece_is_open_again_when_its_newcomer_leaves(void **state)
{
    struct stage *stage = *state;
    uint32_t theirs, its, next;
    stage_begin(stage, "0001111111");
    struct foreign *proven = meet_proven(stage, &theirs);
    struct foreign *newcomer = meet_asked_for(stage, "d4:reqqi100ee");
    asked(newcomer, &its);
    foreign_give(newcomer, its, 0, BLOCK);
    stage_leave(stage, newcomer);
    stage_give_piece(proven, theirs);
    assert_int_equal(asked(proven, &next), 3);
    assert_int_equal(next, its);
}

static void in_order_the_next_piece_does_not_hang_on_a_newcomer(void **state)
{
    struct stage *stage = *state;
    uint32_t theirs, its;
    stage_begin(stage, NOTHING);
    struct foreign *proven = meet_proven(stage, &theirs);
    transfer_set_sequential(stage->transfer, true);
    stage_give_piece(proven, theirs);
    assert_int_equal(asked(proven, &theirs), 4);
    for (uint32_t i = 0; i < 4; i++)
        foreign_say_block(proven, WIRE_REJECT, theirs, i * BLOCK, BLOCK);
    foreign_hears(proven);
    struct foreign *newcomer = meet_asked_for(stage, "d4:reqqi2ee");
    assert_int_equal(asked(newcomer, &its), 2);
    stage_pass(stage, 2000); /* it takes requests again */
    char rest[32];
    snprintf(rest, sizeof rest, "request %u ", its);
    assert_int_equal(foreign_counts(proven, rest), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stage_test(a_newcomer_gets_a_piece_of_its_own_and_no_more_before_it_is_judged),
        stage_test(a_newcomer_that_lies_spoils_nothing_but_its_own_piece),
        stage_test(what_a_newcomer_keeps_silent_about_is_fetched_from_others_at_the_end),
        stage_test(a_piece_is_open_again_when_its_newcomer_leaves),
        stage_test(in_order_the_next_piece_does_not_hang_on_a_newcomer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
