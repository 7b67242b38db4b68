#include "support/unit.h"

#include <string.h>

#include "support/link.h"

enum { KIB = 1024, MIB = 1024 * KIB, SECOND = 1000, MINUTE = 60 * SECOND };

static struct world *small_world(uint32_t piece_length, uint64_t length)
{
    return world_new(content_make(piece_length, length, false, 1), test_seed(7));
}

static const struct node_config a_seed = {.seed = true}, a_leecher = {0},
                                a_stranger = {.without_metadata = true};

static void one_seed_fills_one_leecher(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 3000 * KIB + 17);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    world_dial(world, leecher, seed, NULL);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_has_content(world, leecher));
    struct transfer_stats stats = world_stats(world, leecher);
    assert_int_equal(stats.bytes_have, 3000 * KIB + 17);
    assert_int_equal(stats.bytes_down, 3000 * KIB + 17);
    assert_int_equal(stats.bytes_wasted, 0);
    assert_int_equal(world_stats(world, seed).bytes_up, 3000 * KIB + 17);
    world_free(world);
}

static void it_needs_neither_fast_nor_extensions(void **state)
{
    (void)state;
    struct world *world = small_world(32 * KIB, 700 * KIB + 1);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    struct link_config plain = {.without_fast = true, .without_extension = true};
    world_dial(world, leecher, seed, &plain);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_has_content(world, leecher));
    world_free(world);
}

static void three_seeds_share_the_work(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 12 * MIB);
    unsigned leecher = world_add(world, &a_leecher), seeds[3];
    for (int i = 0; i < 3; i++) {
        seeds[i] = world_add(world, &a_seed);
        world_node(world, seeds[i])->up_bps = MIB;
        world_dial(world, leecher, seeds[i], NULL);
    }
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_has_content(world, leecher));
    /* 12 MiB at 3 x 1 MiB/s is 4 s. */
    assert_true(world_node(world, leecher)->complete_ms - 1000000 < 5000);
    for (int i = 0; i < 3; i++)
        assert_in_range(world_stats(world, seeds[i]).bytes_up, 3 * MIB, 5 * MIB);
    assert_true(world_stats(world, leecher).bytes_wasted < 256 * KIB);
    world_free(world);
}

static void leechers_serve_each_other_what_they_have(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 6 * MIB);
    for (int i = 0; i < 3; i++) {
        unsigned leecher = world_add(world, &a_leecher);
        world_node(world, leecher)->up_bps = 4 * MIB;
    }
    unsigned seed = world_add(world, &a_seed);
    world_node(world, seed)->up_bps = MIB;
    for (unsigned i = 0; i < 3; i++) {
        world_dial(world, i, seed, NULL);
        for (unsigned j = 0; j < i; j++)
            world_dial(world, i, j, NULL);
    }
    assert_true(world_run_until_complete(world, 3, 2 * MINUTE));
    for (unsigned i = 0; i < 3; i++)
        assert_true(world_has_content(world, i));
    /* Rarest first: the seed gives hardly more than one copy. */
    assert_true(world_stats(world, seed).bytes_up < 9 * MIB);
    world_free(world);
}

static void halves_make_a_whole(void **state)
{
    (void)state;
    struct world *world = small_world(16 * KIB, 16 * 10 * KIB);
    struct node_config left = {.has = "1111100000"}, right = {.has = "0000011111"};
    unsigned a = world_add(world, &left), b = world_add(world, &right);
    world_dial(world, a, b, NULL);
    assert_true(world_run_until_complete(world, 2, MINUTE));
    assert_true(world_has_content(world, a) && world_has_content(world, b));
    world_free(world);
}

static void ten_leechers_and_one_seed(void **state)
{
    (void)state;
    struct world *world = small_world(32 * KIB, 2 * MIB);
    struct node_config few_slots = {.upload_slots = 3};
    for (int i = 0; i < 10; i++)
        world_node(world, world_add(world, &few_slots))->up_bps = MIB;
    unsigned seed = world_add(world, &a_seed);
    world_node(world, seed)->up_bps = MIB;
    for (unsigned i = 0; i < 10; i++) {
        world_dial(world, i, seed, NULL);
        world_dial(world, i, (i + 1) % 10, NULL);
        world_dial(world, i, (i + 3) % 10, NULL);
    }
    assert_true(world_run_until_complete(world, 10, 3 * MINUTE));
    for (unsigned i = 0; i < 10; i++)
        assert_true(world_has_content(world, i));
    world_free(world);
}

/* No schedule ends before the larger of F / u_s and N F / (u_s + sum u_i) (Kumar and Ross 2006).
 * What a seed sends must be what nobody else can send yet, or all the others wait for it. */
static void a_swarm_comes_near_its_bound(void **state)
{
    (void)state;
    enum { LEECHERS = 8, LENGTH = 16 * MIB };
    struct world *world = small_world(128 * KIB, LENGTH);
    for (int i = 0; i < LEECHERS; i++)
        world_node(world, world_add(world, &a_leecher))->up_bps = MIB;
    unsigned seed = world_add(world, &a_seed);
    world_node(world, seed)->up_bps = MIB;
    for (unsigned i = 0; i < LEECHERS; i++) {
        world_dial(world, i, seed, NULL);
        for (unsigned j = 0; j < i; j++)
            world_dial(world, i, j, NULL);
    }
    assert_true(world_run_until_complete(world, LEECHERS, MINUTE));
    uint64_t bound_ms = LENGTH / MIB * SECOND; /* here the seed's rate is what counts */
    assert_true(world_now_ms(world) - 1000000 < bound_ms * 115 / 100);
    assert_true(world_stats(world, seed).bytes_up < LENGTH / 100 * 115);
    world_free(world);
}

static void metadata_comes_from_peers(void **state)
{
    (void)state;
    struct world *world = world_new(content_make(16 * KIB, 20 * MIB, false, 1), test_seed(7));
    unsigned stranger = world_add(world, &a_stranger);
    unsigned seed = world_add(world, &a_seed), other = world_add(world, &a_seed);
    world_dial(world, stranger, seed, NULL); /* 1,280 hashes are two parts */
    world_dial(world, other, stranger, NULL);
    world_step(world);
    assert_int_equal(world_stats(world, stranger).metadata_total, 2);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_has_content(world, stranger));
    world_free(world);
}

static void metadata_goes_on_from_stranger_to_stranger(void **state)
{
    (void)state;
    struct world *world = small_world(16 * KIB, 300 * KIB);
    unsigned first = world_add(world, &a_stranger), second = world_add(world, &a_stranger);
    unsigned seed = world_add(world, &a_seed);
    world_dial(world, first, second, NULL);
    world_run(world, SECOND);
    assert_int_equal(world_stats(world, first).metadata_total, 0);
    world_dial(world, second, seed, NULL);
    assert_true(world_run_until_complete(world, 2, MINUTE));
    assert_true(world_has_content(world, first));
    world_free(world);
}

static void a_liar_is_found_among_the_honest(void **state)
{
    (void)state;
    struct world *world = small_world(256 * KIB, 6 * MIB);
    unsigned leecher = world_add(world, &a_leecher), seeds[4];
    for (int i = 0; i < 4; i++) {
        seeds[i] = world_add(world, &a_seed);
        world_node(world, seeds[i])->up_bps = 500 * KIB;
        world_dial(world, leecher, seeds[i], NULL);
    }
    world_node(world, seeds[2])->lies_in_100 = 30;
    assert_true(world_run_until_complete(world, 1, 2 * MINUTE));
    assert_true(world_has_content(world, leecher));
    assert_true(world_stats(world, leecher).pieces_bad > 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(world_node(world, leecher)->banned[seeds[i]], i == 2);
    world_free(world);
}

static void several_liars_are_all_found(void **state)
{
    (void)state;
    struct world *world = small_world(128 * KIB, 8 * MIB);
    unsigned leecher = world_add(world, &a_leecher), seeds[8];
    for (int i = 0; i < 8; i++) {
        seeds[i] = world_add(world, &a_seed);
        world_node(world, seeds[i])->up_bps = 200 * KIB;
        world_node(world, seeds[i])->lies_in_100 = i < 3 ? 20 : 0;
        world_dial(world, leecher, seeds[i], NULL);
    }
    assert_true(world_run_until_complete(world, 1, 3 * MINUTE));
    assert_true(world_has_content(world, leecher));
    for (int i = 0; i < 8; i++)
        assert_int_equal(world_node(world, leecher)->banned[seeds[i]], i < 3);
    world_free(world);
}

static void a_lone_liar_is_banned_at_once(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 2 * MIB);
    unsigned leecher = world_add(world, &a_leecher), liar = world_add(world, &a_seed);
    world_node(world, liar)->lies_in_100 = 100;
    unsigned link = world_dial(world, leecher, liar, NULL);
    world_run(world, 5 * SECOND);
    assert_true(world_node(world, leecher)->banned[liar]);
    assert_int_equal(world_node(world, leecher)->last_close, CLOSE_BANNED);
    assert_false(world_is_up(world, link));
    assert_int_equal(world_stats(world, leecher).pieces_have, 0);
    world_free(world);
}

static void it_stalls_without_a_seed_and_goes_on_with_the_next(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 4 * MIB);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    world_node(world, seed)->up_bps = MIB;
    world_dial(world, leecher, seed, NULL);
    world_run(world, 2 * SECOND);
    world_kill(world, seed);
    world_run(world, MINUTE);
    struct transfer_stats stats = world_stats(world, leecher);
    assert_true(stats.pieces_have > 0 && stats.pieces_wanted_missing > 0);
    assert_int_equal(stats.pieces_unavailable, stats.pieces_wanted_missing);
    unsigned next = world_add(world, &a_seed);
    world_dial(world, leecher, next, NULL);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_has_content(world, leecher));
    /* What had come of unfinished pieces was not lost. */
    assert_int_equal(world_stats(world, leecher).bytes_wasted, 0);
    world_free(world);
}

/* Three holders of one piece each fill the memory with pieces nobody else has, and die. */
static void dead_pieces_make_room_in_memory(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 20 * 64 * KIB);
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
    world_free(world);
}

/* Of a single piece every peer gives a part: only the comparison can tell who lied. */
static void a_liar_is_found_even_in_one_piece(void **state)
{
    (void)state;
    struct world *world = small_world(4 * MIB, 4 * MIB);
    unsigned leecher = world_add(world, &a_leecher), seeds[4];
    for (int i = 0; i < 4; i++) {
        seeds[i] = world_add(world, &a_seed);
        world_node(world, seeds[i])->up_bps = 500 * KIB;
        world_node(world, seeds[i])->lies_in_100 = i == 1 ? 100 : 0;
        world_dial(world, leecher, seeds[i], NULL);
    }
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_has_content(world, leecher));
    assert_in_range(world_stats(world, leecher).pieces_bad, 1, 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(world_node(world, leecher)->banned[seeds[i]], i == 1);
    world_free(world);
}

static void a_slow_peer_owes_a_second_of_its_rate(void **state)
{
    (void)state;
    struct world *world = small_world(256 * KIB, 32 * MIB);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    world_node(world, seed)->up_bps = 20 * 16 * KIB;
    world_dial(world, leecher, seed, NULL);
    world_run(world, 20 * SECOND);
    struct transfer_peer_stats stats;
    transfer_peers(world_node(world, leecher)->transfer, world_now_ms(world), &stats, 1);
    assert_in_range(stats.requests_out, 10, 25);
    world_free(world);
}

static void a_silent_peer_keeps_nothing_from_the_others(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 4 * MIB);
    unsigned leecher = world_add(world, &a_leecher), silent = world_add(world, &a_seed);
    unsigned seed = world_add(world, &a_seed);
    world_node(world, silent)->up_bps = 2000; /* bytes per second: one block in 8 s */
    world_node(world, seed)->up_bps = MIB;
    world_dial(world, leecher, silent, NULL);
    world_run(world, 300);
    world_dial(world, leecher, seed, NULL);
    assert_true(world_run_until_complete(world, 1, 12 * SECOND));
    assert_true(world_has_content(world, leecher));
    world_free(world);
}

static void the_memory_cap_is_kept(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 8 * MIB);
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
    world_free(world);
}

static void little_memory_is_shared_fairly(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 12 * MIB);
    struct node_config tight = {.memory_bytes = 12 * 64 * KIB};
    unsigned leecher = world_add(world, &tight), seeds[3];
    for (int i = 0; i < 3; i++) {
        seeds[i] = world_add(world, &a_seed);
        world_node(world, seeds[i])->up_bps = MIB;
        world_dial(world, leecher, seeds[i], NULL);
    }
    assert_true(world_run_until_complete(world, 1, MINUTE));
    for (int i = 0; i < 3; i++)
        assert_in_range(world_stats(world, seeds[i]).bytes_up, 3 * MIB, 5 * MIB);
    assert_true(world_node(world, leecher)->complete_ms - 1000000 < 5000);
    world_free(world);
}

static void however_small_the_memory_it_ends(void **state)
{
    (void)state;
    struct world *world = small_world(256 * KIB, 4 * MIB);
    struct node_config tight = {.memory_bytes = 1};
    unsigned leecher = world_add(world, &tight);
    for (int i = 0; i < 3; i++)
        world_dial(world, leecher, world_add(world, &a_seed), NULL);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    world_free(world);
}

static void a_pause_asks_for_nothing_and_loses_nothing(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 4 * MIB);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    world_node(world, seed)->up_bps = MIB;
    world_dial(world, leecher, seed, NULL);
    world_run(world, SECOND);
    transfer_set_active(world_node(world, leecher)->transfer, false, true, world_now_ms(world));
    world_run(world, 2 * SECOND); /* what was on its way arrives */
    uint64_t before = world_stats(world, leecher).bytes_down;
    assert_true(before > 0);
    world_run(world, MINUTE);
    assert_int_equal(world_stats(world, leecher).bytes_down, before);
    transfer_set_active(world_node(world, leecher)->transfer, true, true, world_now_ms(world));
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_has_content(world, leecher));
    world_free(world);
}

static void nobody_is_served_when_serving_is_off(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 2 * MIB);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    world_node(world, seed)->up_bps = 256 * KIB;
    world_dial(world, leecher, seed, NULL);
    world_run(world, SECOND);
    transfer_set_active(world_node(world, seed)->transfer, true, false, world_now_ms(world));
    world_run(world, 10 * SECOND);
    uint64_t before = world_stats(world, leecher).bytes_down;
    world_run(world, 20 * SECOND);
    assert_int_equal(world_stats(world, leecher).bytes_down, before);
    transfer_set_active(world_node(world, seed)->transfer, true, true, world_now_ms(world));
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_has_content(world, leecher));
    world_free(world);
}

static void choking_in_mid_transfer_loses_nothing(void **state)
{
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        struct world *world = small_world(128 * KIB, 8 * MIB);
        struct link_config config = {.without_fast = !fast, .delay_ms = 30};
        unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
        world_node(world, seed)->up_bps = MIB;
        world_dial(world, leecher, seed, &config);
        for (int i = 0; i < 6; i++) {
            world_run(world, 3 * SECOND);
            bool serve = i % 2 != 0;
            transfer_set_active(world_node(world, seed)->transfer, true, serve,
                                world_now_ms(world));
        }
        assert_true(world_run_until_complete(world, 1, MINUTE));
        assert_true(world_has_content(world, leecher));
        assert_int_equal(world_stats(world, leecher).bytes_wasted, 0);
        world_free(world);
    }
}

static void only_what_is_wanted_is_fetched(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 16 * 64 * KIB);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    uint8_t wanted[2] = {0xc0, 0x01};
    struct transfer *transfer = world_node(world, leecher)->transfer;
    transfer_want(transfer, wanted, world_now_ms(world));
    world_dial(world, leecher, seed, NULL);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_memory_equal(transfer_have(transfer), wanted, 2);
    assert_int_equal(world_stats(world, leecher).pieces_wanted_missing, 0);
    world_free(world);
}

static void what_is_not_wanted_any_more_is_called_off(void **state)
{
    (void)state;
    struct world *world = small_world(256 * KIB, 16 * 256 * KIB);
    unsigned leecher = world_add(world, &a_leecher), seed = world_add(world, &a_seed);
    world_node(world, seed)->up_bps = MIB;
    struct link_config far = {.delay_ms = 50};
    world_dial(world, leecher, seed, &far);
    world_run(world, 700);
    uint8_t wanted[2] = {0x00, 0x03};
    transfer_want(world_node(world, leecher)->transfer, wanted, world_now_ms(world));
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_stats(world, leecher).pieces_have <= 4);
    transfer_want(world_node(world, leecher)->transfer, NULL, world_now_ms(world));
    world_node(world, leecher)->complete = false;
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_has_content(world, leecher));
    world_free(world);
}

static void in_order_when_asked_to(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 64 * 64 * KIB);
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
    world_free(world);
}

static void two_connections_that_cross_become_one(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) { /* peer ids differ each time */
        struct world *world = world_new(content_make(64 * KIB, MIB, false, 1), (uint64_t)i);
        unsigned a = world_add(world, &a_seed), b = world_add(world, &a_leecher), links[2];
        struct link_config far = {.delay_ms = 40};
        world_cross(world, a, b, &far, links);
        world_run(world, 200);
        assert_int_equal(world_is_up(world, links[0]) + world_is_up(world, links[1]), 1);
        assert_int_equal(world_node(world, a)->last_close, CLOSE_DUPLICATE);
        world_run(world, 5 * SECOND);
        assert_true(world_node(world, b)->complete);
        world_free(world);
    }
}

static void a_second_connection_later_is_refused(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 8 * MIB);
    unsigned a = world_add(world, &a_seed), b = world_add(world, &a_leecher);
    world_node(world, a)->up_bps = 128 * KIB;
    unsigned first = world_dial(world, a, b, NULL);
    world_run(world, 40 * SECOND);
    unsigned second = world_dial(world, b, a, NULL);
    world_run(world, SECOND);
    assert_true(world_is_up(world, first));
    assert_false(world_is_up(world, second));
    world_free(world);
}

static void ourselves_are_hung_up_on(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, MIB);
    unsigned a = world_add(world, &a_leecher);
    world_dial(world, a, a, NULL);
    world_run(world, SECOND);
    assert_int_equal(world_node(world, a)->last_close, CLOSE_SELF);
    assert_int_equal(world_stats(world, a).peers, 0);
    world_free(world);
}

static void seeds_part_after_a_moment(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, MIB);
    unsigned a = world_add(world, &a_seed), b = world_add(world, &a_seed);
    unsigned link = world_dial(world, a, b, NULL);
    world_run(world, SECOND);
    assert_true(world_is_up(world, link));
    world_run(world, 30 * SECOND);
    assert_false(world_is_up(world, link));
    assert_true(world_node(world, a)->last_close == CLOSE_BOTH_SEEDS ||
                world_node(world, b)->last_close == CLOSE_BOTH_SEEDS);
    world_free(world);
}

static void peers_are_introduced_to_each_other(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 16 * MIB);
    unsigned hub = world_add(world, &a_seed), a = world_add(world, &a_leecher);
    unsigned b = world_add(world, &a_leecher);
    world_node(world, hub)->up_bps = MIB;
    world_dial(world, a, hub, NULL);
    world_dial(world, b, hub, NULL);
    world_run(world, 8 * SECOND);
    assert_int_equal(world_node(world, hub)->listens, 2);
    assert_int_equal(world_node(world, a)->found, 1);
    assert_int_equal(world_node(world, b)->found, 1);
    world_free(world);
}

static void private_torrents_introduce_nobody(void **state)
{
    (void)state;
    struct world *world = world_new(content_make(64 * KIB, 16 * MIB, true, 1), test_seed(7));
    unsigned hub = world_add(world, &a_seed), a = world_add(world, &a_leecher);
    unsigned b = world_add(world, &a_stranger);
    world_node(world, hub)->up_bps = 64 * KIB;
    world_dial(world, a, hub, NULL);
    world_dial(world, b, hub, NULL);
    world_run(world, 3 * MINUTE);
    assert_int_equal(world_node(world, a)->found + world_node(world, b)->found, 0);
    world_free(world);
}

static void idle_connections_are_kept_alive_and_dead_ones_dropped(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, MIB);
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
    world_free(world);
}

static void a_lost_piece_is_told_and_fetched_again(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, MIB);
    unsigned a = world_add(world, &a_leecher), b = world_add(world, &a_seed);
    world_dial(world, a, b, NULL);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    world_step(world);
    transfer_set_active(world_node(world, b)->transfer, true, false, world_now_ms(world));
    assert_int_equal(world_stats(world, b).seeds, 1);
    transfer_piece_lost(world_node(world, a)->transfer, 5, world_now_ms(world));
    assert_int_equal(world_stats(world, a).pieces_wanted_missing, 1);
    world_run(world, SECOND);
    assert_int_equal(world_stats(world, b).seeds, 0); /* it was told */
    transfer_set_active(world_node(world, b)->transfer, true, true, world_now_ms(world));
    world_run(world, 5 * SECOND);
    assert_int_equal(world_stats(world, a).pieces_wanted_missing, 0);
    world_free(world);
}

static void a_failed_write_is_asked_for_again(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, MIB);
    unsigned a = world_add(world, &a_leecher), b = world_add(world, &a_seed);
    world_node(world, a)->write_fails = 3;
    world_dial(world, a, b, NULL);
    assert_true(world_run_until_complete(world, 1, MINUTE));
    assert_true(world_has_content(world, a));
    assert_int_equal(world_stats(world, a).pieces_bad, 0);
    world_free(world);
}

static void records_name_the_holder_that_is_missing(void **state)
{
    (void)state;
    struct world *world = small_world(64 * KIB, 10 * 64 * KIB);
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
    world_free(world);
}

/* Peers come, go, choke, lie and stall at random: it ends, whole, and is valid at every step. */
static void churn_ends_well(void **state)
{
    (void)state;
    uint64_t seed = test_seed(11);
    for (uint64_t round = 0; round < 6; round++) {
        struct world *world =
            world_new(content_make(64 * KIB, 3 * MIB + 5, false, round), seed + round);
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
            transfer_set_active(world_node(world, i)->transfer, true, true, world_now_ms(world));
        for (unsigned i = 0; i < 4; i++) {
            unsigned link = world_dial(world, i, 4, NULL);
            (void)link;
        }
        assert_true(world_run_until_complete(world, 4, 5 * MINUTE));
        for (unsigned i = 0; i < 4; i++)
            assert_true(world_has_content(world, i));
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_fills_one_leecher),
        cmocka_unit_test(it_needs_neither_fast_nor_extensions),
        cmocka_unit_test(three_seeds_share_the_work),
        cmocka_unit_test(leechers_serve_each_other_what_they_have),
        cmocka_unit_test(halves_make_a_whole),
        cmocka_unit_test(ten_leechers_and_one_seed),
        cmocka_unit_test(a_swarm_comes_near_its_bound),
        cmocka_unit_test(metadata_comes_from_peers),
        cmocka_unit_test(metadata_goes_on_from_stranger_to_stranger),
        cmocka_unit_test(a_liar_is_found_among_the_honest),
        cmocka_unit_test(several_liars_are_all_found),
        cmocka_unit_test(a_lone_liar_is_banned_at_once),
        cmocka_unit_test(a_liar_is_found_even_in_one_piece),
        cmocka_unit_test(a_slow_peer_owes_a_second_of_its_rate),
        cmocka_unit_test(it_stalls_without_a_seed_and_goes_on_with_the_next),
        cmocka_unit_test(dead_pieces_make_room_in_memory),
        cmocka_unit_test(a_silent_peer_keeps_nothing_from_the_others),
        cmocka_unit_test(the_memory_cap_is_kept),
        cmocka_unit_test(little_memory_is_shared_fairly),
        cmocka_unit_test(however_small_the_memory_it_ends),
        cmocka_unit_test(a_pause_asks_for_nothing_and_loses_nothing),
        cmocka_unit_test(nobody_is_served_when_serving_is_off),
        cmocka_unit_test(choking_in_mid_transfer_loses_nothing),
        cmocka_unit_test(only_what_is_wanted_is_fetched),
        cmocka_unit_test(what_is_not_wanted_any_more_is_called_off),
        cmocka_unit_test(in_order_when_asked_to),
        cmocka_unit_test(two_connections_that_cross_become_one),
        cmocka_unit_test(a_second_connection_later_is_refused),
        cmocka_unit_test(ourselves_are_hung_up_on),
        cmocka_unit_test(seeds_part_after_a_moment),
        cmocka_unit_test(peers_are_introduced_to_each_other),
        cmocka_unit_test(private_torrents_introduce_nobody),
        cmocka_unit_test(idle_connections_are_kept_alive_and_dead_ones_dropped),
        cmocka_unit_test(a_lost_piece_is_told_and_fetched_again),
        cmocka_unit_test(a_failed_write_is_asked_for_again),
        cmocka_unit_test(records_name_the_holder_that_is_missing),
        cmocka_unit_test(churn_ends_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
