#include "support/unit.h"

#include "swarm/budget.h"
#include "swarm/params.h"
#include "swarm/pieces.h"

enum { PIECE = 4 << 20, LIMIT = 56 << 20, ALONE = 40 << 20 };

/* As many pieces as it gets, of those with numbers from 0. */
static uint32_t fill(struct pieces *pieces)
{
    uint32_t first = pieces_count(pieces);
    while (pieces_begin(pieces, pieces_count(pieces), PIECE) != NULL) {
    }
    assert_true(pieces_valid(pieces));
    return pieces_count(pieces) - first;
}

static void end_last(struct pieces *pieces)
{
    pieces_end(pieces, pieces_find(pieces, pieces_count(pieces) - 1));
    assert_true(pieces_valid(pieces));
}

static void one_alone_has_what_it_is_allowed(void **state)
{
    (void)state;
    struct budget budget;
    struct pieces pieces;
    budget_init(&budget, LIMIT);
    pieces_init(&pieces, PIECE, ALONE, &budget);
    assert_int_equal(fill(&pieces), ALONE / PIECE);
    pieces_dispose(&pieces);
    assert_int_equal(budget.used, 0);
    assert_int_equal(budget.users, 0);
}

/* `count` that always want more, the first having been alone: whoever ends a piece begins others if
 * it may. */
static void share_among(size_t count)
{
    struct budget budget;
    struct pieces each[16];
    budget_init(&budget, LIMIT);
    for (size_t i = 0; i < count; i++) {
        pieces_init(&each[i], PIECE, ALONE, &budget);
        assert_true(fill(&each[i]) > 0);
    }
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < count; i++) {
            end_last(&each[i]);
            fill(&each[i]);
        }
    assert_true(budget.used <= LIMIT);
    for (size_t i = 0; i < count; i++)
        assert_true(pieces_count(&each[i]) >= LIMIT / (count + 1) / PIECE);
    for (size_t i = 0; i < count; i++)
        pieces_dispose(&each[i]);
    assert_int_equal(budget.used, 0);
    assert_int_equal(budget.users, 0);
}

static void several_stay_within_the_limit_and_each_has_its_part(void **state)
{
    (void)state;
    for (size_t count = 2; count <= LIMIT / PIECE; count++)
        share_among(count);
}

static void one_piece_each_is_never_refused(void **state)
{
    (void)state;
    struct budget budget;
    struct pieces huge[3], small;
    budget_init(&budget, PIECE);
    for (size_t i = 0; i < 3; i++) {
        pieces_init(&huge[i], PIECE, ALONE, &budget);
        assert_int_equal(fill(&huge[i]), 1);
    }
    pieces_init(&small, BUDGET_FLOOR_BYTES / 4, ALONE, &budget);
    for (uint32_t i = 0; i < 4; i++)
        assert_non_null(pieces_begin(&small, i, BUDGET_FLOOR_BYTES / 4));
    assert_null(pieces_begin(&small, 4, BUDGET_FLOOR_BYTES / 4));
    for (size_t i = 0; i < 3; i++)
        pieces_dispose(&huge[i]);
    pieces_dispose(&small);
}

static void spare_buffers_go_back_when_others_are_short_and_they_hear_of_it(void **state)
{
    (void)state;
    struct budget budget;
    struct pieces one, two;
    budget_init(&budget, 4 * PIECE);
    pieces_init(&one, PIECE, ALONE, &budget);
    pieces_init(&two, PIECE, ALONE, &budget);
    for (uint32_t i = 0; i < 3; i++)
        assert_non_null(pieces_place(&one, pieces_begin(&one, i, PIECE), 0));
    end_last(&one);
    assert_int_equal(budget.used, 3 * PIECE); /* kept: nobody needs it */
    assert_int_equal(fill(&two), 1);
    assert_false(budget.news);
    end_last(&one);
    assert_true(budget.news);
    assert_int_equal(fill(&two), 1);
    assert_true(budget.used <= budget.limit);
    pieces_dispose(&one);
    pieces_dispose(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_alone_has_what_it_is_allowed),
        cmocka_unit_test(several_stay_within_the_limit_and_each_has_its_part),
        cmocka_unit_test(one_piece_each_is_never_refused),
        cmocka_unit_test(spare_buffers_go_back_when_others_are_short_and_they_hear_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
