#include "support/swarm.h"

#include "swarm/limiter.h"
#include "swarm/params.h"

/* How fast content moves between transfers that are limited. The nodes of this world have local
 * addresses. */

static void limit(struct world *world, unsigned node, uint64_t down_bps, uint64_t up_bps)
{
    struct transfer_limits limits = {.down_bps = down_bps, .up_bps = up_bps, .local = true};
    transfer_set_limits(world_node(world, node)->transfer, &limits, world_now_ms(world));
}

/* Nodes of one daemon: transfers that share what it may move in all. */
static void limit_all(struct world *world, struct limiter *down, struct limiter *up,
                      const unsigned nodes[], size_t count)
{
    struct transfer_limits limits = {.all_down = down, .all_up = up, .local = true};
    for (size_t i = 0; i < count; i++)
        transfer_set_limits(world_node(world, nodes[i])->transfer, &limits, world_now_ms(world));
}

static struct limiter limiter_at(struct world *world, uint64_t rate_bps)
{
    struct limiter limiter;
    limiter_init(&limiter, NULL, world_now_ms(world));
    limiter_set_rate(&limiter, rate_bps, world_now_ms(world));
    return limiter;
}

static uint64_t down_of(struct world *world, unsigned node)
{
    return world_stats(world, node).bytes_down;
}

static uint64_t up_of(struct world *world, unsigned node)
{
    return world_stats(world, node).bytes_up;
}

static void assert_within_5_in_100(uint64_t bytes, uint64_t expected)
{
    assert_in_range(bytes, expected * 95 / 100, expected * 105 / 100);
}

static void a_download_keeps_to_its_limit(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 24 * MIB);
    unsigned seeds[3], leecher = swarm_star(world, &a_leecher, 3, 0, seeds);
    limit(world, leecher, MIB, 0);
    world_run(world, 10 * SECOND);
    assert_within_5_in_100(down_of(world, leecher), 10 * MIB);
    uint64_t fewest = 10 * MIB * 9 / 10 / 3;
    for (int i = 0; i < 3; i++)
        assert_true(up_of(world, seeds[i]) >= fewest);
    world_run(world, 10 * SECOND);
    assert_within_5_in_100(down_of(world, leecher), 20 * MIB);
    swarm_assert_fetched(world, 1, 10 * SECOND);
    assert_int_equal(world_stats(world, leecher).bytes_wasted, 0);
}

static void an_upload_keeps_to_its_limit(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 12 * MIB);
    for (int i = 0; i < 3; i++)
        world_add(world, &a_leecher);
    unsigned seed = world_add(world, &a_seed);
    limit(world, seed, 0, MIB);
    for (unsigned i = 0; i < 3; i++)
        world_dial(world, i, seed, NULL);
    world_run(world, 10 * SECOND);
    assert_within_5_in_100(up_of(world, seed), 10 * MIB);
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(down_of(world, i), 3 * MIB, 4 * MIB);
    swarm_assert_fetched(world, 3, MINUTE);
}

static void what_all_download_keeps_to_the_limit_of_all(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 24 * MIB);
    unsigned seeds[6], ours[2] = {swarm_star(world, &a_leecher, 1, 0, seeds),
                                  swarm_star(world, &a_leecher, 5, 0, seeds)};
    static struct limiter all;
    all = limiter_at(world, 2 * MIB);
    limit_all(world, &all, NULL, ours, 2);
    world_run(world, 10 * SECOND);
    for (int i = 0; i < 2; i++)
        assert_within_5_in_100(down_of(world, ours[i]), 10 * MIB);
    swarm_tear_down(state);
    assert_null(all.below);
}

static void what_all_upload_keeps_to_the_limit_of_all(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 12 * MIB);
    unsigned ours[2], others[4];
    for (int i = 0; i < 4; i++)
        others[i] = world_add(world, &a_leecher);
    for (int i = 0; i < 2; i++)
        ours[i] = world_add(world, &a_seed);
    static struct limiter all;
    all = limiter_at(world, MIB);
    limit_all(world, NULL, &all, ours, 2);
    world_dial(world, others[0], ours[0], NULL);
    for (int i = 1; i < 4; i++)
        world_dial(world, others[i], ours[1], NULL);
    world_run(world, 10 * SECOND);
    for (int i = 0; i < 2; i++)
        assert_within_5_in_100(up_of(world, ours[i]), 5 * MIB);
    swarm_tear_down(state);
}

static void the_limit_of_a_transfer_lies_under_that_of_all(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 24 * MIB);
    unsigned seeds[4], ours[2] = {swarm_star(world, &a_leecher, 2, 0, seeds),
                                  swarm_star(world, &a_leecher, 2, 0, seeds)};
    static struct limiter all;
    all = limiter_at(world, MIB);
    limit_all(world, &all, NULL, ours, 2);
    struct transfer_limits slow = {.down_bps = 256 * KIB, .all_down = &all, .local = true};
    transfer_set_limits(world_node(world, ours[0])->transfer, &slow, world_now_ms(world));
    world_run(world, 10 * SECOND);
    assert_within_5_in_100(down_of(world, ours[0]), 2560 * KIB);
    assert_within_5_in_100(down_of(world, ours[1]), 7680 * KIB);
    slow.down_bps = 100 * MIB; /* more than all may have */
    transfer_set_limits(world_node(world, ours[0])->transfer, &slow, world_now_ms(world));
    uint64_t before = down_of(world, ours[0]) + down_of(world, ours[1]);
    world_run(world, 10 * SECOND);
    assert_within_5_in_100(down_of(world, ours[0]) + down_of(world, ours[1]) - before, 10 * MIB);
    swarm_tear_down(state);
}

static void a_change_takes_effect_within_a_second(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 24 * MIB);
    unsigned seeds[2], leecher = swarm_star(world, &a_leecher, 2, 4 * MIB, seeds);
    limit(world, leecher, 8 * KIB, 0);
    world_run(world, 5 * SECOND);
    limit(world, leecher, MIB, 0);
    uint64_t before = down_of(world, leecher);
    world_run(world, 3 * SECOND);
    assert_in_range(down_of(world, leecher) - before, 2 * MIB, 13 * MIB / 4);
    limit(world, leecher, 16 * KIB, 0);
    before = down_of(world, leecher);
    world_run(world, 10 * SECOND);
    assert_in_range(down_of(world, leecher) - before, 150 * KIB, 180 * KIB);
    limit(world, leecher, 0, 0);
    swarm_assert_fetched(world, 1, 10 * SECOND);
}

static void a_change_of_an_upload_takes_effect_within_a_second(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 24 * MIB);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    limit(world, seed, 0, 8 * KIB);
    world_dial(world, leecher, seed, NULL);
    world_run(world, 5 * SECOND);
    limit(world, seed, 0, 2 * MIB);
    uint64_t before = up_of(world, seed);
    world_run(world, 3 * SECOND);
    assert_in_range(up_of(world, seed) - before, 4 * MIB, 13 * MIB / 2);
    limit(world, seed, 0, 0);
    swarm_assert_fetched(world, 1, 5 * SECOND);
}

/* 14 s go by between two reads from a peer, minutes between two blocks, by our own doing. */
static void whom_we_hold_back_is_neither_snubbed_nor_left(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 4 * MIB);
    unsigned seeds[14], leecher = swarm_star(world, &a_leecher, 14, 0, seeds);
    limit(world, leecher, KIB, 0);
    world_run(world, 10 * SECOND);
    for (int i = 0; i < 30; i++) {
        struct transfer_peer_stats peers[16];
        world_run(world, 10 * SECOND);
        size_t count =
            transfer_peers(world_node(world, leecher)->transfer, world_now_ms(world), peers, 16);
        assert_int_equal(count, 14);
        for (size_t p = 0; p < count; p++)
            assert_false(peers[p].snubbed);
    }
    assert_within_5_in_100(down_of(world, leecher), 310 * KIB);
    assert_int_equal(world_stats(world, leecher).bytes_wasted, 0);
    limit(world, leecher, 0, 0);
    swarm_assert_fetched(world, 1, 10 * SECOND);
}

static void a_slow_upload_serves_few_but_those_often_enough(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 4 * MIB);
    for (int i = 0; i < 10; i++)
        world_add(world, &a_leecher);
    unsigned seed = world_add(world, &a_seed);
    limit(world, seed, 0, 8 * KIB);
    for (unsigned i = 0; i < 10; i++)
        world_dial(world, i, seed, NULL);
    world_run(world, 30 * SECOND);
    assert_int_equal(world_stats(world, seed).unchoked_by_us, 2);
    world_run(world, 70 * SECOND);
    assert_within_5_in_100(up_of(world, seed), 800 * KIB);
    limit(world, seed, 0, 0);
    swarm_assert_fetched(world, 10, MINUTE);
}

static void local_peers_are_not_limited_unless_it_is_said(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 12 * MIB);
    unsigned seeds[2], leecher = swarm_star(world, &a_leecher, 2, 0, seeds);
    static struct limiter all;
    all = limiter_at(world, 8 * KIB);
    struct transfer_limits limits = {.down_bps = 8 * KIB, .up_bps = 8 * KIB, .all_down = &all};
    transfer_set_limits(world_node(world, leecher)->transfer, &limits, world_now_ms(world));
    swarm_assert_fetched(world, 1, SECOND);
    swarm_tear_down(state);
}

/* Everybody limited, in both directions, for a whole swarm. */
static void a_limited_swarm_completes(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 4 * MIB);
    unsigned nodes = 5;
    swarm_mesh(world, nodes, 0, 0);
    for (unsigned i = 0; i <= nodes; i++)
        limit(world, i, 512 * KIB, 256 * KIB);
    for (unsigned i = 0; i <= nodes; i++)
        world_node(world, i)->check_later = i % 2 == 0;
    swarm_assert_fetched(world, nodes, 5 * MINUTE);
}

static void who_leaves_while_held_leaves_nothing_behind(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 24 * MIB);
    unsigned seeds[3], leecher = swarm_star(world, &a_leecher, 3, 0, seeds);
    static struct limiter down, up;
    down = up = limiter_at(world, MIB);
    limit_all(world, &down, &up, &leecher, 1);
    limit_all(world, &down, &up, &seeds[2], 1);
    world_run(world, 2 * SECOND);
    world_kill(world, seeds[0]);
    uint64_t before = down_of(world, leecher);
    world_run(world, 10 * SECOND);
    assert_within_5_in_100(down_of(world, leecher) - before, 10 * MIB);
    world_kill(world, seeds[1]);
    world_kill(world, seeds[2]);
    assert_null(down.below);
    assert_null(up.below);
    swarm_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        swarm_test(a_download_keeps_to_its_limit),
        swarm_test(an_upload_keeps_to_its_limit),
        swarm_test(what_all_download_keeps_to_the_limit_of_all),
        swarm_test(what_all_upload_keeps_to_the_limit_of_all),
        swarm_test(the_limit_of_a_transfer_lies_under_that_of_all),
        swarm_test(a_change_takes_effect_within_a_second),
        swarm_test(a_change_of_an_upload_takes_effect_within_a_second),
        swarm_test(whom_we_hold_back_is_neither_snubbed_nor_left),
        swarm_test(a_slow_upload_serves_few_but_those_often_enough),
        swarm_test(local_peers_are_not_limited_unless_it_is_said),
        swarm_test(a_limited_swarm_completes),
        swarm_test(who_leaves_while_held_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
