#include "support/unit.h"

#include "kadpeer/rng.h"
#include "swarm/params.h"
#include "swarm/upload_slots.h"

enum { WORTH_BPS = 100000, ROUND_S = CHOKER_ROUND_MS / 1000, FEW = SLOTS_PIECES_MANY - 1 };

static struct upload_slots slots_of(void)
{
    struct upload_slots slots;
    upload_slots_init(&slots, WORTH_BPS);
    return slots;
}

/* Rounds on a link of `link_bps` whose peers take `peer_bps` each. Returns the sum of the slots. */
static size_t play(struct upload_slots *slots, unsigned rounds, uint64_t link_bps,
                   uint64_t peer_bps)
{
    size_t sum = 0;
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t bps = slots->count * peer_bps;
        upload_slots_round(slots, (bps < link_bps ? bps : link_bps) * ROUND_S, true);
        sum += slots->count;
    }
    return sum;
}

static void a_slow_link_serves_few(void **state)
{
    (void)state;
    struct upload_slots slots = slots_of();
    for (unsigned i = 0; i < 60; i++)
        assert_false(upload_slots_grow(&slots, SLOTS_USUAL * WORTH_BPS));
    assert_true(play(&slots, 100, 2 * WORTH_BPS, WORTH_BPS) < 100 * SLOTS_USUAL + 20);
}

static void a_fast_link_serves_many_within_seconds(void **state)
{
    (void)state;
    struct upload_slots slots = slots_of();
    for (unsigned i = 1; i < SLOTS_GROW_SECONDS; i++)
        assert_false(upload_slots_grow(&slots, 1000 * WORTH_BPS));
    assert_true(upload_slots_grow(&slots, 1000 * WORTH_BPS));
    assert_int_equal(slots.count, SLOTS_MAX);
    assert_int_equal(play(&slots, 100, 1000 * WORTH_BPS, 50 * WORTH_BPS), 100 * SLOTS_MAX);
}

static void what_buffers_take_at_first_is_no_rate(void **state)
{
    (void)state;
    struct upload_slots slots = slots_of();
    for (unsigned i = 0; i < 100; i++)
        assert_false(upload_slots_grow(&slots, i % SLOTS_GROW_SECONDS > 0 ? 1000 * WORTH_BPS : 0));
}

static void more_are_served_when_each_takes_little(void **state)
{
    (void)state;
    struct upload_slots slots = slots_of();
    play(&slots, 30, 1000 * WORTH_BPS, WORTH_BPS / 4);
    assert_true(slots.count >= SLOTS_MAX - 1);
}

static void a_link_that_was_fast_goes_back_to_few(void **state)
{
    (void)state;
    struct upload_slots slots = slots_of();
    for (unsigned i = 0; i < SLOTS_GROW_SECONDS; i++)
        upload_slots_grow(&slots, 1000 * WORTH_BPS);
    assert_int_equal(slots.count, SLOTS_MAX);
    play(&slots, 40, 2 * WORTH_BPS, WORTH_BPS);
    assert_true(slots.count <= SLOTS_USUAL + 1);
}

static void few_large_pieces_are_given_to_fewer_at_a_time(void **state)
{
    (void)state;
    struct upload_slots slots = slots_of();
    uint32_t usual = (uint32_t)((uint64_t)WORTH_BPS * SLOTS_PIECE_MS / 1000 / SLOTS_USUAL);
    upload_slots_learn(&slots, usual, FEW);
    assert_int_equal(slots.count, SLOTS_USUAL);
    upload_slots_learn(&slots, usual + usual / 4, FEW);
    assert_int_equal(slots.count, SLOTS_USUAL - 2);
    upload_slots_learn(&slots, 64 * usual, SLOTS_PIECES_MANY);
    assert_int_equal(slots.count, SLOTS_USUAL);
    upload_slots_learn(&slots, 64 * usual, FEW);
    assert_int_equal(slots.count, SLOTS_MIN);
    for (unsigned i = 0; i < 60; i++)
        assert_false(upload_slots_grow(&slots, SLOTS_MIN * WORTH_BPS));
    assert_true(play(&slots, 100, 2 * WORTH_BPS, WORTH_BPS) < 100 * SLOTS_MIN + 20);
    for (unsigned i = 0; i < SLOTS_GROW_SECONDS; i++)
        upload_slots_grow(&slots, 1000 * WORTH_BPS);
    assert_int_equal(slots.count, SLOTS_MAX);
}

static void nothing_is_tried_while_nobody_waits(void **state)
{
    (void)state;
    struct upload_slots slots = slots_of();
    for (unsigned i = 0; i < 100; i++)
        upload_slots_round(&slots, i % 7, false);
    assert_int_equal(slots.count, SLOTS_USUAL);
}

static void bounds_hold_whatever_goes_out(void **state)
{
    (void)state;
    struct upload_slots slots = slots_of();
    struct rng rng;
    rng_init_seed(&rng, test_seed(1));
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t bytes = rng_below(&rng, UINT64_C(1) << rng_below(&rng, 63));
        upload_slots_grow(&slots, rng_below(&rng, 20 * WORTH_BPS));
        upload_slots_round(&slots, bytes, rng_below(&rng, 4) > 0);
        assert_in_range(slots.count, SLOTS_USUAL, SLOTS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_link_serves_few),
        cmocka_unit_test(a_fast_link_serves_many_within_seconds),
        cmocka_unit_test(what_buffers_take_at_first_is_no_rate),
        cmocka_unit_test(more_are_served_when_each_takes_little),
        cmocka_unit_test(a_link_that_was_fast_goes_back_to_few),
        cmocka_unit_test(few_large_pieces_are_given_to_fewer_at_a_time),
        cmocka_unit_test(nothing_is_tried_while_nobody_waits),
        cmocka_unit_test(bounds_hold_whatever_goes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
