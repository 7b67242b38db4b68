#include "support/unit.h"

#include <string.h>

#include "swarm/picker.h"

struct swarm {
    struct picker *picker;
    struct rng rng;
    uint32_t count;
};

/* "31102": piece 0 has three holders, … Every piece is a candidate. */
static struct swarm swarm_of(const char *holders, uint64_t seed)
{
    static struct rng rngs[64];
    static unsigned used;
    struct rng *rng = &rngs[used++ % 64];
    rng_init_seed(rng, seed);
    struct swarm swarm = {.count = (uint32_t)strlen(holders)};
    swarm.picker = picker_new(swarm.count, rng);
    for (uint32_t i = 0; i < swarm.count; i++)
        for (int n = holders[i] - '0'; n > 0; n--)
            picker_add_holder(swarm.picker, i);
    for (uint32_t i = 0; i < swarm.count; i++)
        picker_set_candidate(swarm.picker, i, true);
    assert_true(picker_valid(swarm.picker));
    return swarm;
}

static struct bitfield field_of(const char *bits)
{
    struct bitfield field = {0};
    bitfield_resize(&field, (uint32_t)strlen(bits));
    for (uint32_t i = 0; i < field.count; i++)
        if (bits[i] == '1')
            bitfield_set(&field, i);
    return field;
}

/* The piece for a peer that has `has`, -1 for none. */
static int pick(const struct swarm *swarm, const char *has, enum picker_order order)
{
    struct bitfield field = field_of(has);
    uint32_t piece;
    bool found = picker_next(swarm->picker, &field, order, &piece);
    bitfield_dispose(&field);
    return found ? (int)piece : -1;
}

static void the_rarest_comes_first(void **state)
{
    (void)state;
    struct swarm swarm = swarm_of("31524", 1);
    assert_int_equal(pick(&swarm, "11111", PICK_RAREST), 1);
    assert_int_equal(pick(&swarm, "10111", PICK_RAREST), 3);
    assert_int_equal(pick(&swarm, "10100", PICK_RAREST), 0);
    assert_int_equal(pick(&swarm, "00100", PICK_RAREST), 2);
    assert_int_equal(pick(&swarm, "00000", PICK_RAREST), -1);
    picker_free(swarm.picker);
}

static void what_is_begun_or_had_is_not_picked(void **state)
{
    (void)state;
    struct swarm swarm = swarm_of("31524", 1);
    picker_set_candidate(swarm.picker, 1, false);
    assert_int_equal(pick(&swarm, "11111", PICK_RAREST), 3);
    picker_set_candidate(swarm.picker, 1, true);
    assert_int_equal(pick(&swarm, "11111", PICK_RAREST), 1);
    for (uint32_t i = 0; i < 5; i++)
        picker_set_candidate(swarm.picker, i, false);
    assert_int_equal(picker_candidates(swarm.picker), 0);
    assert_int_equal(pick(&swarm, "11111", PICK_RAREST), -1);
    assert_int_equal(pick(&swarm, "11111", PICK_RANDOM), -1);
    assert_int_equal(pick(&swarm, "11111", PICK_SEQUENTIAL), -1);
    picker_free(swarm.picker);
}

static void in_sequence_the_lowest_comes_first(void **state)
{
    (void)state;
    struct swarm swarm = swarm_of("31524", 1);
    assert_int_equal(pick(&swarm, "11111", PICK_SEQUENTIAL), 0);
    assert_int_equal(pick(&swarm, "00101", PICK_SEQUENTIAL), 2);
    picker_set_candidate(swarm.picker, 0, false);
    assert_int_equal(pick(&swarm, "11111", PICK_SEQUENTIAL), 1);
    picker_free(swarm.picker);
}

/* Two downloads that see the same swarm do not all begin with the same piece. */
static void ties_fall_differently_in_each_download(void **state)
{
    (void)state;
    unsigned times[10] = {0};
    uint64_t seed = test_seed(1);
    for (uint64_t i = 0; i < 1000; i++) {
        struct swarm swarm = swarm_of("2222222222", seed * 1000 + i);
        times[pick(&swarm, "1111111111", PICK_RAREST)]++;
        picker_free(swarm.picker);
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(times[i], 50, 160);
}

static void the_first_piece_is_any(void **state)
{
    (void)state;
    struct swarm swarm = swarm_of("1999999999", test_seed(2));
    unsigned times[10] = {0};
    for (int i = 0; i < 1000; i++)
        times[pick(&swarm, "1111111111", PICK_RANDOM)]++;
    for (int i = 0; i < 10; i++)
        assert_in_range(times[i], 50, 160);
    picker_free(swarm.picker);
}

static void it_agrees_with_a_search_through_all(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(9));
    enum { PIECES = 40 };
    struct picker *picker = picker_new(PIECES, &rng);
    unsigned holders[PIECES] = {0};
    bool candidate[PIECES] = {0};
    struct bitfield has = {0};
    bitfield_resize(&has, PIECES);
    for (int step = 0; step < 20000; step++) {
        uint32_t piece = (uint32_t)rng_below(&rng, PIECES), picked;
        switch (rng_below(&rng, 4)) {
        case 0:
            picker_add_holder(picker, piece);
            holders[piece]++;
            break;
        case 1:
            picker_remove_holder(picker, piece);
            holders[piece] -= holders[piece] > 0;
            break;
        case 2:
            candidate[piece] = !candidate[piece];
            picker_set_candidate(picker, piece, candidate[piece]);
            break;
        default:
            if (!bitfield_set(&has, piece))
                bitfield_clear(&has, piece);
        }
        unsigned rarest = UINT32_MAX;
        for (uint32_t i = 0; i < PIECES; i++)
            if (candidate[i] && bitfield_has(&has, i) && holders[i] < rarest)
                rarest = holders[i];
        bool found = picker_next(picker, &has, PICK_RAREST, &picked);
        assert_int_equal(found, rarest != UINT32_MAX);
        if (found) {
            assert_int_equal(holders[picked], rarest);
            assert_true(candidate[picked] && bitfield_has(&has, picked));
        }
        if (step % 50 == 0)
            assert_true(picker_valid(picker));
    }
    bitfield_dispose(&has);
    picker_free(picker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rarest_comes_first),
        cmocka_unit_test(what_is_begun_or_had_is_not_picked),
        cmocka_unit_test(in_sequence_the_lowest_comes_first),
        cmocka_unit_test(ties_fall_differently_in_each_download),
        cmocka_unit_test(the_first_piece_is_any),
        cmocka_unit_test(it_agrees_with_a_search_through_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
