#include "support/swarm.h"

/* Pieces in memory: the cap holds, and what it leaves room for goes on. */

static void the_memory_cap_is_kept(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 8 * MIB);
    struct node_config tight = {.memory_bytes = 512 * KIB};
    unsigned leecher = world_add(world, &tight);
    world_node(world, leecher)->check_later = true;
    for (int i = 0; i < 3; i++)
        world_dial(world, leecher, world_add(world, &a_seed), NULL);
    for (int i = 0; i < 28 && !world_node(world, leecher)->complete; i++) {
        world_step(world);
        assert_true(world_stats(world, leecher).memory_bytes <= 512 * KIB);
    }
    assert_true(world_has_content(world, leecher));
    assert_int_equal(world_stats(world, leecher).memory_bytes, 0);
}

static void little_memory_is_shared_fairly(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 12 * MIB);
    struct node_config tight = {.memory_bytes = 12 * 64 * KIB};
    unsigned seeds[3], leecher = swarm_star(world, &tight, 3, MIB, seeds);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    for (int i = 0; i < 3; i++)
        assert_in_range(world_stats(world, seeds[i]).bytes_up, 3 * MIB, 5 * MIB);
    assert_true(world_node(world, leecher)->complete_ms - WORLD_BEGIN_MS < 5000);
}

static void however_small_the_memory_it_ends(void **state)
{
    struct world *world = swarm_begin(state, 256 * KIB, 4 * MIB);
    struct node_config tight = {.memory_bytes = 1};
    unsigned leecher = world_add(world, &tight);
    for (int i = 0; i < 3; i++)
        world_dial(world, leecher, world_add(world, &a_seed), NULL);
    assert_true(world_run_until_complete(world, 1, MINUTE));
}

/* Three holders of one piece each fill the memory with pieces nobody else has, and die. */
static void dead_pieces_make_room_in_memory(void **state)
{
    struct world *world = swarm_begin(state, 64 * KIB, 20 * 64 * KIB);
    struct node_config tight = {.memory_bytes = 3 * 64 * KIB};
    struct node_config few[3] = {{.has = "1"}, {.has = "01"}, {.has = "001"}};
    struct node_config rest = {.has = "00011111111111111111"};
    unsigned leecher = world_add(world, &tight), dead[3];
    for (int i = 0; i < 3; i++) {
        dead[i] = world_add(world, &few[i]);
        world_node(world, dead[i])->up_bps = 20 * KIB;
        world_dial(world, leecher, dead[i], NULL);
    }
    world_run(world, SECOND);
    assert_int_equal(world_stats(world, leecher).pieces_in_flight, 3);
    for (int i = 0; i < 3; i++)
        world_kill(world, dead[i]);
    world_dial(world, leecher, world_add(world, &rest), NULL);
    world_run(world, 10 * SECOND);
    assert_int_equal(world_stats(world, leecher).pieces_have, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        swarm_test(the_memory_cap_is_kept),
        swarm_test(little_memory_is_shared_fairly),
        swarm_test(however_small_the_memory_it_ends),
        swarm_test(dead_pieces_make_room_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
