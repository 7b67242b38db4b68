/* Two transfers that exchange a small file while memory runs out. */
#include "support/unit.h"

#include <string.h>

#include "support/link.h"
#include "sweep.h"

enum { KIB = 1024, SECOND = 1000 };

static const struct node_config seed_node = {.seed = true};

static void finish_exchange(struct world *world, unsigned nodes)
{
    sweep_cure();
    for (unsigned tries = 0; tries < 8; tries++) {
        if (world_run_until_complete(world, nodes, 130 * SECOND))
            break;
        for (unsigned other = 1; other < 3; other++)
            world_dial(world, 0, other, NULL);
    }
    for (unsigned i = 0; i < nodes; i++) {
        assert_true(world_node(world, i)->complete);
        assert_true(world_has_content(world, i));
        assert_int_equal(world_node(world, i)->bad_checks, 0);
    }
}

struct exchange {
    bool without_metadata;
    unsigned lies_in_100;
    uint32_t piece_length;
};

/* One that fetches from two seeds. */
static void exchange(void *user)
{
    const struct exchange *how = user;
    struct world *world =
        world_new(content_make(how->piece_length, 5 * 48 * KIB + 777, false, 1), 1);
    world_add(world, &(struct node_config){.without_metadata = how->without_metadata});
    world_add(world, &seed_node);
    world_add(world, &seed_node);
    sweep_begin();
    world_dial(world, 0, 1, NULL);
    world_dial(world, 0, 2, NULL);
    world_run_until_complete(world, 1, 20 * SECOND);
    finish_exchange(world, 1);
    world_free(world);
}

static void every_allocation_of_a_transfer_may_fail(void **state)
{
    struct exchange how = {.piece_length = 48 * KIB};
    struct sweep once = {.error = 12};
    (void)state;
    assert_true(sweep(&once, exchange, &how) > 0);
}

static void memory_may_run_out_at_any_moment_of_a_transfer(void **state)
{
    struct exchange how = {.piece_length = 48 * KIB};
    struct sweep forever = {.error = 12, .mode = SWEEP_FOREVER};
    (void)state;
    assert_true(sweep(&forever, exchange, &how) > 0);
}

static void every_allocation_of_a_transfer_without_metadata_may_fail(void **state)
{
    struct exchange how = {.piece_length = 16 * KIB, .without_metadata = true};
    struct sweep once = {.error = 12}, forever = {.error = 12, .mode = SWEEP_FOREVER};
    (void)state;
    assert_true(sweep(&once, exchange, &how) > 0);
    assert_true(sweep(&forever, exchange, &how) > 0);
}

/* ---- and alone ---- */

static void make_transfer(void *user)
{
    struct content *content = user;
    struct transfer_config config = {.infohash = content->metainfo->infohash};
    rng_init_seed(&config.rng, 1);
    sweep_begin();
    struct transfer *transfer = transfer_new(&config, content->metainfo, NULL, 0);
    if (!sweep_cure())
        assert_non_null(transfer);
    transfer_free(transfer);
}

static void transfer_is_made_whole_or_not_at_all(void **state)
{
    struct content content = content_make(16 * KIB, 777 * KIB, false, 1);
    struct sweep once = {.error = 12};
    (void)state;
    assert_true(sweep(&once, make_transfer, &content) > 0);
    content_dispose(&content);
}

/* ---- actions: what is lost is waited for in vain, which a swarm makes good by dialling anew ----
 */

enum { CROWD = 40 };

static uint32_t join(struct transfer *transfer, unsigned number)
{
    struct endpoint remote = {.addr = {198, 51, 100, (uint8_t)number},
                              .port = (uint16_t)(6000 + number),
                              .family = ENDPOINT_IPV4};
    struct handshake theirs = {.extension = true, .fast = true};
    memcpy(theirs.peer_id, "-XX0001-............", 20);
    theirs.peer_id[19] = (uint8_t)number;
    return transfer_add_peer(transfer, &remote, &remote, &theirs, true, 0);
}

/* Nobody takes the actions while a crowd comes: each that is let in has something to be sent, or is
 * to be closed again. */
static void crowd_comes(void *user)
{
    struct content *content = user;
    struct transfer_config config = {.infohash = content->metainfo->infohash};
    struct transfer_action action;
    uint32_t handles[CROWD];
    bool told[CROWD] = {false};
    rng_init_seed(&config.rng, 1);
    struct transfer *transfer = transfer_new(&config, content->metainfo, NULL, 0);
    assert_non_null(transfer);
    sweep_begin();
    for (unsigned i = 0; i < CROWD; i++)
        handles[i] = join(transfer, i);
    sweep_cure();
    assert_true(transfer_valid(transfer));
    while (transfer_next_action(transfer, &action))
        for (unsigned i = 0; i < CROWD; i++)
            told[i] = told[i] || (action.peer == handles[i] &&
                                  (action.type == ACTION_OUTPUT || action.type == ACTION_CLOSE));
    for (unsigned i = 0; i < CROWD; i++)
        if (handles[i] != 0 && !told[i])
            fail_msg("nothing is told of peer %u", i);
    transfer_free(transfer);
}

static void nothing_that_was_to_be_told_is_lost_for_want_of_memory(void **state)
{
    struct content content = content_make(16 * KIB, 777 * KIB, false, 1);
    struct sweep once = {.error = 12}, forever = {.error = 12, .mode = SWEEP_FOREVER};
    (void)state;
    assert_true(sweep(&once, crowd_comes, &content) > 0);
    assert_true(sweep(&forever, crowd_comes, &content) > 0);
    content_dispose(&content);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(transfer_is_made_whole_or_not_at_all, sweep_tell),
        cmocka_unit_test_teardown(nothing_that_was_to_be_told_is_lost_for_want_of_memory,
                                  sweep_tell),
        cmocka_unit_test_teardown(every_allocation_of_a_transfer_may_fail, sweep_tell),
        cmocka_unit_test_teardown(memory_may_run_out_at_any_moment_of_a_transfer, sweep_tell),
        cmocka_unit_test_teardown(every_allocation_of_a_transfer_without_metadata_may_fail,
                                  sweep_tell),
    };
    (void)argc;
    sweep_load(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
