#include "support/swarm.h"

/* What the owner of a transfer asks of it: to rest, to fetch this and not that, to fetch again. */

/* ---- resting ---- */

static void a_pause_asks_for_nothing_and_loses_nothing(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 4 * MIB);
    unsigned seed, leecher = swarm_star(world, &a_leecher, 1, MIB, &seed);
    world_run(world, SECOND);
    swarm_set_active(world, leecher, false, true);
    world_run(world, 2 * SECOND); /* what was on its way arrives */
    uint64_t before = world_stats(world, leecher).bytes_down;
    assert_true(before > 0);
    world_run(world, MINUTE);
    assert_int_equal(world_stats(world, leecher).bytes_down, before);
    swarm_set_active(world, leecher, true, true);
    swarm_assert_fetched(world, 1, MINUTE);
}

static void nobody_is_served_when_serving_is_off(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 2 * MIB);
    unsigned seed, leecher = swarm_star(world, &a_leecher, 1, 256 * KIB, &seed);
    world_run(world, SECOND);
    swarm_set_active(world, seed, true, false);
    world_run(world, 10 * SECOND);
    uint64_t before = world_stats(world, leecher).bytes_down;
    world_run(world, 20 * SECOND);
    assert_int_equal(world_stats(world, leecher).bytes_down, before);
    swarm_set_active(world, seed, true, true);
    swarm_assert_fetched(world, 1, MINUTE);
}

static void choking_in_mid_transfer_loses_nothing(void **state)
{
    for (int fast = 0; fast < 2; fast++) {
        struct world *world = swarm_begin(state, 128 * KIB, 8 * MIB);
        struct link_config config = {.without_fast = !fast, .delay_ms = 30};
        unsigned leecher = world_add(world, &a_leecher), seed = swarm_add(world, &a_seed, MIB);
        world_dial(world, leecher, seed, &config);
        for (int i = 0; i < 6; i++) {
            world_run(world, 3 * SECOND);
            swarm_set_active(world, seed, true, i % 2 != 0);
        }
        swarm_assert_fetched(world, 1, MINUTE);
        assert_int_equal(world_stats(world, leecher).bytes_wasted, 0);
    }
}

/* ---- some of it ---- */

static void only_what_is_wanted_is_fetched(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 16 * 64 * KIB);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    uint8_t wanted[2] = {0xc0, 0x01};
    struct transfer *transfer = world_node(world, leecher)->transfer;
    transfer_want(transfer, wanted, world_now_ms(world));
    world_dial(world, leecher, seed, NULL);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_memory_equal(transfer_have(transfer), wanted, 2);
    assert_int_equal(world_stats(world, leecher).pieces_wanted_missing, 0);
}

static void what_is_not_wanted_any_more_is_called_off(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 16 * 256 * KIB);
    unsigned leecher = world_add(world, &a_leecher), seed = swarm_add(world, &a_seed, MIB);
    struct link_config far = {.delay_ms = 50};
    world_dial(world, leecher, seed, &far);
    world_run(world, 700);
    uint8_t wanted[2] = {0x00, 0x03};
    transfer_want(world_node(world, leecher)->transfer, wanted, world_now_ms(world));
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_stats(world, leecher).pieces_have <= 4);
    transfer_want(world_node(world, leecher)->transfer, NULL, world_now_ms(world));
    world_node(world, leecher)->complete = false;
    swarm_assert_fetched(world, 1, MINUTE);
}

static void in_order_when_asked_to(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 64 * 64 * KIB);
    struct node_config tight = {.memory_bytes = 4 * 64 * KIB};
    unsigned leecher = world_add(world, &tight), seed = world_add(world, &a_seed);
    struct transfer *transfer = world_node(world, leecher)->transfer;
    transfer_set_sequential(transfer, true);
    world_node(world, seed)->up_bps = MIB;
    world_dial(world, leecher, seed, NULL);
    while (!world_node(world, leecher)->complete) {
        world_step(world);
        uint32_t have = world_stats(world, leecher).pieces_have;
        const uint8_t *bits = transfer_have(transfer);
        uint32_t first = 0;
        while (first < 64 && (bits[first / 8] >> (7 - first % 8) & 1) != 0)
            first++;
        assert_true(have - first <= 4);
    }
}

/* ---- pieces the disk does not have ---- */

static void a_lost_piece_is_told_and_fetched_again(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, MIB);
    unsigned a = world_add(world, &a_leecher), b = world_add(world, &a_seed);
    world_dial(world, a, b, NULL);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    world_step(world);
    swarm_set_active(world, b, true, false);
    assert_int_equal(world_stats(world, b).seeds, 1);
    transfer_piece_lost(world_node(world, a)->transfer, 5, world_now_ms(world));
    assert_int_equal(world_stats(world, a).pieces_wanted_missing, 1);
    world_run(world, SECOND);
    assert_int_equal(world_stats(world, b).seeds, 0); /* it was told */
    swarm_set_active(world, b, true, true);
    world_run(world, 5 * SECOND);
    assert_int_equal(world_stats(world, a).pieces_wanted_missing, 0);
}

static void a_failed_write_is_asked_for_again(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, MIB);
    unsigned a = world_add(world, &a_leecher), b = world_add(world, &a_seed);
    world_node(world, a)->write_fails = 3;
    world_dial(world, a, b, NULL);
    swarm_assert_fetched(world, 1, MINUTE);
    assert_int_equal(world_stats(world, a).pieces_bad, 0);
}

/* ---- holders nobody is connected to ---- */

static void records_name_the_holder_that_is_missing(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 10 * 64 * KIB);
    struct node_config some = {.has = "1111111100"};
    unsigned a = world_add(world, &a_leecher), b = world_add(world, &some);
    struct transfer *transfer = world_node(world, a)->transfer;
    struct endpoint holder = {.addr = {192, 0, 2, 1}, .port = 1, .family = ENDPOINT_IPV4}, out;
    uint8_t bits[2] = {0xff, 0xc0}, common[1] = {0xff};
    assert_false(transfer_wanted_holder(transfer, &out));
    transfer_set_availability(transfer, &holder, 0, bytes_of(bits, 2), world_now_ms(world));
    assert_true(transfer_wanted_holder(transfer, &out) && endpoint_equal(&out, &holder));
    world_dial(world, a, b, NULL);
    world_run(world, 5 * SECOND);
    assert_int_equal(world_stats(world, a).pieces_have, 8);
    assert_true(transfer_wanted_holder(transfer, &out) && endpoint_equal(&out, &holder));
    bits[1] = 0;
    transfer_set_availability(transfer, &holder, 8, bytes_of(bits + 1, 1), world_now_ms(world));
    assert_false(transfer_wanted_holder(transfer, &out)); /* it lost just those */
    transfer_set_availability(transfer, &holder, 8, bytes_of(common, 1), world_now_ms(world));
    assert_true(transfer_wanted_holder(transfer, &out));
    struct endpoint second = {.addr = {192, 0, 2, 2}, .port = 1, .family = ENDPOINT_IPV4}, other;
    transfer_set_availability(transfer, &second, 8, bytes_of(common, 1), world_now_ms(world));
    assert_true(transfer_wanted_holder(transfer, &out) && transfer_wanted_holder(transfer, &other));
    assert_false(endpoint_equal(&out, &other)); /* each in turn: one may be dead */
    world_run(world, 31 * MINUTE);
    assert_false(transfer_wanted_holder(transfer, &out)); /* the records are out of date */
    assert_true(transfer_valid(transfer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        swarm_test(a_pause_asks_for_nothing_and_loses_nothing),
        swarm_test(nobody_is_served_when_serving_is_off),
        swarm_test(choking_in_mid_transfer_loses_nothing),
        swarm_test(only_what_is_wanted_is_fetched),
        swarm_test(what_is_not_wanted_any_more_is_called_off),
        swarm_test(in_order_when_asked_to),
        swarm_test(a_lost_piece_is_told_and_fetched_again),
        swarm_test(a_failed_write_is_asked_for_again),
        swarm_test(records_name_the_holder_that_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
