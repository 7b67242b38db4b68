#include "support/swarm.h"

/* Connections of a transfer: which are kept, and whom they introduce. */

/* ---- which are kept ---- */

static void two_connections_that_cross_become_one(void **state)
{
    for (int i = 0; i < 8; i++) { /* peer ids differ each time */
        struct world *world =
            swarm_begin_with(state, content_make(64 * KIB, MIB, false, 1), (uint64_t)i);
        unsigned a = world_add(world, &a_seed), b = world_add(world, &a_leecher), links[2];
        struct link_config far = {.delay_ms = 40};
        world_cross(world, a, b, &far, links);
        world_run(world, 200);
        assert_int_equal(world_is_up(world, links[0]) + world_is_up(world, links[1]), 1);
        assert_int_equal(world_node(world, a)->last_close, CLOSE_DUPLICATE);
        world_run(world, 5 * SECOND);
        assert_true(world_node(world, b)->complete);
    }
}

static void a_second_connection_later_is_refused(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 8 * MIB);
    unsigned a = world_add(world, &a_seed), b = world_add(world, &a_leecher);
    world_node(world, a)->up_bps = 128 * KIB;
    unsigned first = world_dial(world, a, b, NULL);
    world_run(world, 40 * SECOND);
    unsigned second = world_dial(world, b, a, NULL);
    world_run(world, SECOND);
    assert_true(world_is_up(world, first));
    assert_false(world_is_up(world, second));
}

static void ourselves_are_hung_up_on(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, MIB);
    unsigned a = world_add(world, &a_leecher);
    world_dial(world, a, a, NULL);
    world_run(world, SECOND);
    assert_int_equal(world_node(world, a)->last_close, CLOSE_SELF);
    assert_int_equal(world_stats(world, a).peers, 0);
}

static void seeds_part_after_a_moment(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, MIB);
    unsigned a = world_add(world, &a_seed), b = world_add(world, &a_seed);
    unsigned link = world_dial(world, a, b, NULL);
    world_run(world, SECOND);
    assert_true(world_is_up(world, link));
    world_run(world, 30 * SECOND);
    assert_false(world_is_up(world, link));
    assert_true(world_node(world, a)->last_close == CLOSE_BOTH_SEEDS ||
                world_node(world, b)->last_close == CLOSE_BOTH_SEEDS);
}

static void idle_connections_are_kept_alive_and_dead_ones_dropped(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, MIB);
    struct node_config half = {.has = "1"};
    unsigned a = world_add(world, &half), b = world_add(world, &half);
    unsigned link = world_dial(world, a, b, NULL);
    world_run(world, 15 * MINUTE);
    assert_true(world_is_up(world, link));
    struct link_config endless = {.delay_ms = 1000 * MINUTE};
    unsigned c = world_add(world, &half), dead = world_dial(world, a, c, &endless);
    world_run(world, 190 * SECOND);
    assert_true(world_is_up(world, dead));
    world_run(world, 30 * SECOND);
    assert_false(world_is_up(world, dead));
    assert_int_equal(world_node(world, a)->last_close, CLOSE_TIMEOUT);
}

/* ---- introductions ---- */

static void peers_are_introduced_to_each_other(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 16 * MIB);
    unsigned hub = world_add(world, &a_seed), a = world_add(world, &a_leecher);
    unsigned b = world_add(world, &a_leecher);
    world_node(world, hub)->up_bps = MIB;
    world_dial(world, a, hub, NULL);
    world_dial(world, b, hub, NULL);
    world_run(world, 8 * SECOND);
    assert_int_equal(world_node(world, hub)->listens, 2);
    assert_int_equal(world_node(world, a)->found, 1);
    assert_int_equal(world_node(world, b)->found, 1);
}

static void private_torrents_introduce_nobody(void **state)
{
    struct world *world =
        swarm_begin_with(state, content_make(64 * KIB, 16 * MIB, true, 1), test_seed(7));
    unsigned hub = world_add(world, &a_seed), a = world_add(world, &a_leecher);
    unsigned b = world_add(world, &a_stranger);
    world_node(world, hub)->up_bps = 64 * KIB;
    world_dial(world, a, hub, NULL);
    world_dial(world, b, hub, NULL);
    world_run(world, 3 * MINUTE);
    assert_int_equal(world_node(world, a)->found + world_node(world, b)->found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        swarm_test(two_connections_that_cross_become_one),
        swarm_test(a_second_connection_later_is_refused),
        swarm_test(ourselves_are_hung_up_on),
        swarm_test(seeds_part_after_a_moment),
        swarm_test(idle_connections_are_kept_alive_and_dead_ones_dropped),
        swarm_test(peers_are_introduced_to_each_other),
        swarm_test(private_torrents_introduce_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
