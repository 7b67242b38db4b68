#include "support/unit.h"

#include "support/link.h"

enum { KIB = 1024 };

static struct world *small_world(uint32_t piece_length, uint64_t length)
{
    return world_new(content_make(piece_length, length, false, 1), test_seed(7));
}

static const struct node_config a_seed = {.seed = true}, a_leecher = {0};

static void one_seed_fills_one_leecher(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 3000 * KIB + 17);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    world_dial(world, leecher, seed, NULL);
    assert_true(world_run_until_complete(world, 1, 60000));
    assert_true(world_has_content(world, leecher));
    struct transfer_stats stats = world_stats(world, leecher);
    assert_int_equal(stats.bytes_have, 3000 * KIB + 17);
    assert_int_equal(stats.bytes_down, 3000 * KIB + 17);
    assert_int_equal(stats.bytes_wasted, 0);
    assert_int_equal(world_stats(world, seed).bytes_up, 3000 * KIB + 17);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_fills_one_leecher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
