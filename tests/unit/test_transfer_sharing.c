#include "support/swarm.h"

/* Transfers that join into swarms: what is there comes to all, and how soon. */

static void one_seed_fills_one_leecher(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 3000 * KIB + 17);
    unsigned seed, leecher = swarm_star(world, &a_leecher, 1, 0, &seed);
    swarm_assert_fetched(world, 1, MINUTE);
    struct transfer_stats stats = world_stats(world, leecher);
    assert_int_equal(stats.bytes_have, 3000 * KIB + 17);
    assert_int_equal(stats.bytes_down, 3000 * KIB + 17);
    assert_int_equal(stats.bytes_wasted, 0);
    assert_int_equal(world_stats(world, seed).bytes_up, 3000 * KIB + 17);
}

static void who_has_fetched_all_is_told_once(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 2 * MIB);
    unsigned seed = world_add(world, &a_seed), leecher = world_add(world, &a_leecher);
    unsigned other = world_add(world, &a_seed); /* had it before */
    world_dial(world, seed, other, NULL);
    world_run(world, SECOND);
    assert_int_equal(world_node(world, seed)->finished_peers, 0);
    world_dial(world, seed, leecher, NULL);
    world_run(world, 60 * SECOND);
    assert_true(world_node(world, leecher)->complete);
    assert_int_equal(world_node(world, seed)->finished_peers, 1);
    assert_int_equal(world_node(world, other)->finished_peers, 0);
}

static void it_needs_neither_fast_nor_extensions(void **state)
{
    struct world *world = swarm_begin(state, 32 * KIB, 700 * KIB + 1);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    struct link_config plain = {.without_fast = true, .without_extension = true};
    world_dial(world, leecher, seed, &plain);
    swarm_assert_fetched(world, 1, MINUTE);
}

static void three_seeds_share_the_work(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 12 * MIB);
    unsigned seeds[3], leecher = swarm_star(world, &a_leecher, 3, MIB, seeds);
    swarm_assert_fetched(world, 1, MINUTE);
    /* 12 MiB at 3 x 1 MiB/s is 4 s. */
    assert_true(world_node(world, leecher)->complete_ms - WORLD_BEGIN_MS < 5000);
    for (int i = 0; i < 3; i++)
        assert_in_range(world_stats(world, seeds[i]).bytes_up, 3 * MIB, 5 * MIB);
    assert_true(world_stats(world, leecher).bytes_wasted < 256 * KIB);
}

static void leechers_serve_each_other_what_they_have(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 6 * MIB);
    unsigned seed = swarm_mesh(world, 3, 4 * MIB, MIB);
    swarm_assert_fetched(world, 3, 2 * MINUTE);
    /* Rarest first: the seed gives hardly more than one copy. */
    assert_true(world_stats(world, seed).bytes_up < 9 * MIB);
}

static void halves_make_a_whole(void **state)
{
    struct world *world = swarm_begin(state, 16 * KIB, 16 * 10 * KIB);
    struct node_config left = {.has = "1111100000"}, right = {.has = "0000011111"};
    unsigned a = world_add(world, &left), b = world_add(world, &right);
    world_dial(world, a, b, NULL);
    swarm_assert_fetched(world, 2, MINUTE);
}

static void ten_leechers_and_one_seed(void **state)
{
    struct world *world = swarm_begin(state, 32 * KIB, 2 * MIB);
    struct node_config few_slots = {.upload_slots = 3};
    for (int i = 0; i < 10; i++)
        swarm_add(world, &few_slots, MIB);
    unsigned seed = swarm_add(world, &a_seed, MIB);
    for (unsigned i = 0; i < 10; i++) {
        world_dial(world, i, seed, NULL);
        world_dial(world, i, (i + 1) % 10, NULL);
        world_dial(world, i, (i + 3) % 10, NULL);
    }
    swarm_assert_fetched(world, 10, 3 * MINUTE);
}

/* No schedule ends before the larger of F / u_s and N F / (u_s + sum u_i) (Kumar and Ross 2006).
 * What a seed sends must be what nobody else can send yet, or all the others wait for it. */
static void a_swarm_comes_near_its_bound(void **state)
{
    enum { LEECHERS = 8, LENGTH = 16 * MIB };
    struct world *world = swarm_begin(state, 128 * KIB, LENGTH);
    unsigned seed = swarm_mesh(world, LEECHERS, MIB, MIB);
    assert_true(world_run_until_complete(world, LEECHERS, MINUTE));
    uint64_t bound_ms = LENGTH / MIB * SECOND; /* here the seed's rate is what counts */
    assert_true(world_now_ms(world) - WORLD_BEGIN_MS < bound_ms * 115 / 100);
    assert_true(world_stats(world, seed).bytes_up < LENGTH / 100 * 115);
}

/* ---- metadata ---- */

static void metadata_comes_from_peers(void **state)
{
    struct world *world = swarm_begin(state, 16 * KIB, 20 * MIB);
    unsigned stranger = world_add(world, &a_stranger);
    unsigned seed = world_add(world, &a_seed), other = world_add(world, &a_seed);
    world_dial(world, stranger, seed, NULL); /* 1,280 hashes are two parts */
    world_dial(world, other, stranger, NULL);
    world_step(world);
    assert_int_equal(world_stats(world, stranger).metadata_total, 2);
    swarm_assert_fetched(world, 1, MINUTE);
}

static void metadata_goes_on_from_stranger_to_stranger(void **state)
{
    struct world *world = swarm_begin(state, 16 * KIB, 300 * KIB);
    unsigned first = world_add(world, &a_stranger), second = world_add(world, &a_stranger);
    unsigned seed = world_add(world, &a_seed);
    world_dial(world, first, second, NULL);
    world_run(world, SECOND);
    assert_int_equal(world_stats(world, first).metadata_total, 0);
    world_dial(world, second, seed, NULL);
    swarm_assert_fetched(world, 2, MINUTE);
}

/* ---- seeds that fail ---- */

static void it_stalls_without_a_seed_and_goes_on_with_the_next(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 4 * MIB);
    unsigned seed, leecher = swarm_star(world, &a_leecher, 1, MIB, &seed);
    world_run(world, 2 * SECOND);
    world_kill(world, seed);
    world_run(world, MINUTE);
    struct transfer_stats stats = world_stats(world, leecher);
    assert_true(stats.pieces_have > 0 && stats.pieces_wanted_missing > 0);
    assert_int_equal(stats.pieces_unavailable, stats.pieces_wanted_missing);
    unsigned next = world_add(world, &a_seed);
    world_dial(world, leecher, next, NULL);
    swarm_assert_fetched(world, 1, MINUTE);
    /* What had come of unfinished pieces was not lost. */
    assert_int_equal(world_stats(world, leecher).bytes_wasted, 0);
}

static void a_silent_peer_keeps_nothing_from_the_others(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 4 * MIB);
    unsigned leecher = world_add(world, &a_leecher), silent = world_add(world, &a_seed);
    unsigned seed = world_add(world, &a_seed);
    world_node(world, silent)->up_bps = 2000; /* bytes per second: one block in 8 s */
    world_node(world, seed)->up_bps = MIB;
    world_dial(world, leecher, silent, NULL);
    world_run(world, 300);
    world_dial(world, leecher, seed, NULL);
    swarm_assert_fetched(world, 1, 12 * SECOND);
}

static void a_slow_peer_owes_a_second_of_its_rate(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 32 * MIB);
    unsigned seed, leecher = swarm_star(world, &a_leecher, 1, 20 * 16 * KIB, &seed);
    world_run(world, 20 * SECOND);
    struct transfer_peer_stats stats;
    transfer_peers(world_node(world, leecher)->transfer, world_now_ms(world), &stats, 1);
    assert_in_range(stats.requests_out, 10, 25);
}

/* ---- all at once ---- */

/* Peers come, go, choke, lie and stall at random: it ends, whole, and is valid at every step. */
static void churn_ends_well(void **state)
{
    uint64_t seed = test_seed(11);
    for (uint64_t round = 0; round < 6; round++) {
        struct content content = content_make(64 * KIB, 3 * MIB + 5, false, round);
        struct world *world = swarm_begin_with(state, content, seed + round);
        struct rng rng;
        rng_init_seed(&rng, seed * 31 + round);
        struct node_config tight = {.memory_bytes = 8 * 64 * KIB, .upload_slots = 2};
        unsigned links[WORLD_LINKS_MAX], link_count = 0;
        for (unsigned i = 0; i < 5; i++) {
            world_add(world, i == 4 ? &a_seed : i == 3 ? &a_stranger : &tight);
            world_node(world, i)->up_bps = 100 * KIB + rng_below(&rng, 900 * KIB);
            world_node(world, i)->check_later = rng_below(&rng, 2) == 0;
        }
        for (int i = 0; i < 55; i++) {
            struct link_config config = {.delay_ms = rng_below(&rng, 60),
                                         .without_fast = rng_below(&rng, 2) == 0};
            unsigned from = (unsigned)rng_below(&rng, 5), to = (unsigned)rng_below(&rng, 5);
            links[link_count++] = world_dial(world, from, to, &config);
            world_run(world, rng_below(&rng, 400));
            if (rng_below(&rng, 3) == 0)
                world_cut(world, links[rng_below(&rng, link_count)]);
            transfer_set_active(world_node(world, from)->transfer, rng_below(&rng, 4) > 0,
                                rng_below(&rng, 4) > 0, world_now_ms(world));
        }
        for (unsigned i = 0; i < 5; i++)
            swarm_set_active(world, i, true, true);
        for (unsigned i = 0; i < 4; i++)
            world_dial(world, i, 4, NULL);
        swarm_assert_fetched(world, 4, 5 * MINUTE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        swarm_test(one_seed_fills_one_leecher),
        swarm_test(who_has_fetched_all_is_told_once),
        swarm_test(it_needs_neither_fast_nor_extensions),
        swarm_test(three_seeds_share_the_work),
        swarm_test(leechers_serve_each_other_what_they_have),
        swarm_test(halves_make_a_whole),
        swarm_test(ten_leechers_and_one_seed),
        swarm_test(a_swarm_comes_near_its_bound),
        swarm_test(metadata_comes_from_peers),
        swarm_test(metadata_goes_on_from_stranger_to_stranger),
        swarm_test(it_stalls_without_a_seed_and_goes_on_with_the_next),
        swarm_test(a_silent_peer_keeps_nothing_from_the_others),
        swarm_test(a_slow_peer_owes_a_second_of_its_rate),
        swarm_test(churn_ends_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
