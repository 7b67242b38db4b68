#include "support/swarm.h"

const struct node_config a_seed = {.seed = true}, a_leecher = {0},
                         a_stranger = {.without_metadata = true};

struct world *swarm_begin_with(void **state, struct content content, uint64_t seed)
{
    swarm_tear_down(state);
    *state = world_new(content, seed);
    return *state;
}

struct world *swarm_begin(void **state, uint32_t piece_length, uint64_t total_length)
{
    return swarm_begin_with(state, content_make(piece_length, total_length, false, 1),
                            test_seed(7));
}

int swarm_tear_down(void **state)
{
    if (*state != NULL)
        world_free(*state);
    *state = NULL;
    return 0;
}

unsigned swarm_add(struct world *world, const struct node_config *config, uint64_t up_bps)
{
    unsigned node = world_add(world, config);
    world_node(world, node)->up_bps = up_bps;
    return node;
}

unsigned swarm_star(struct world *world, const struct node_config *centre, size_t count,
                    uint64_t up_bps, unsigned seeds[])
{
    unsigned node = world_add(world, centre);
    for (size_t i = 0; i < count; i++) {
        seeds[i] = swarm_add(world, &a_seed, up_bps);
        world_dial(world, node, seeds[i], NULL);
    }
    return node;
}

unsigned swarm_mesh(struct world *world, unsigned count, uint64_t up_bps, uint64_t seed_up_bps)
{
    for (unsigned i = 0; i < count; i++)
        swarm_add(world, &a_leecher, up_bps);
    unsigned seed = swarm_add(world, &a_seed, seed_up_bps);
    for (unsigned i = 0; i < count; i++) {
        world_dial(world, i, seed, NULL);
        for (unsigned j = 0; j < i; j++)
            world_dial(world, i, j, NULL);
    }
    return seed;
}

void swarm_set_active(struct world *world, unsigned node, bool fetch, bool serve)
{
    transfer_set_active(world_node(world, node)->transfer, fetch, serve, world_now_ms(world));
}

void swarm_assert_fetched(struct world *world, unsigned nodes, uint64_t ms)
{
    assert_true(world_run_until_complete(world, nodes, ms));
    for (unsigned i = 0; i < nodes; i++)
        assert_true(world_has_content(world, i));
}
