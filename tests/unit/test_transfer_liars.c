#include "support/swarm.h"

/* Peers that send what is wrong. */

static void a_liar_is_found_among_the_honest(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 6 * MIB);
    unsigned seeds[4], leecher = swarm_star(world, &a_leecher, 4, 500 * KIB, seeds);
    world_node(world, seeds[2])->lies_in_100 = 30;
    swarm_assert_fetched(world, 1, 2 * MINUTE);
    assert_true(world_stats(world, leecher).pieces_bad > 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(world_node(world, leecher)->banned[seeds[i]], i == 2);
}

static void several_liars_are_all_found(void **state)
{
    struct world *world = swarm_begin(state, 128 * KIB, 8 * MIB);
    unsigned seeds[8], leecher = swarm_star(world, &a_leecher, 8, 200 * KIB, seeds);
    for (int i = 0; i < 8; i++)
        world_node(world, seeds[i])->lies_in_100 = i < 3 ? 20 : 0;
    swarm_assert_fetched(world, 1, 3 * MINUTE);
    for (int i = 0; i < 8; i++)
        assert_int_equal(world_node(world, leecher)->banned[seeds[i]], i < 3);
}

static void a_lone_liar_is_banned_at_once(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 2 * MIB);
    unsigned leecher = world_add(world, &a_leecher), liar = world_add(world, &a_seed);
    world_node(world, liar)->lies_in_100 = 100;
    unsigned link = world_dial(world, leecher, liar, NULL);
    world_run(world, 5 * SECOND);
    assert_true(world_node(world, leecher)->banned[liar]);
    assert_int_equal(world_node(world, leecher)->last_close, CLOSE_BANNED);
    assert_false(world_is_up(world, link));
    assert_int_equal(world_stats(world, leecher).pieces_have, 0);
}

/* Of a single piece every peer gives a part: only the comparison can tell who lied. */
static void a_liar_is_found_even_in_one_piece(void **state)
{
    struct world *world = swarm_begin(state, 4 * MIB, 4 * MIB);
    unsigned seeds[4], leecher = swarm_star(world, &a_leecher, 4, 500 * KIB, seeds);
    for (int i = 0; i < 4; i++)
        world_node(world, seeds[i])->lies_in_100 = i == 1 ? 100 : 0;
    swarm_assert_fetched(world, 1, MINUTE);
    assert_in_range(world_stats(world, leecher).pieces_bad, 1, 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(world_node(world, leecher)->banned[seeds[i]], i == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        swarm_test(a_liar_is_found_among_the_honest),
        swarm_test(several_liars_are_all_found),
        swarm_test(a_lone_liar_is_banned_at_once),
        swarm_test(a_liar_is_found_even_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
