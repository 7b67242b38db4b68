#include "support/lookups.h"

#include "dht/params.h"
#include "kadpeer/rng.h"

static void asks_the_nearest_first(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(4, 1, "dbace");
    assert_string_equal(asked(&lookup), "ab"); /* twice alpha until somebody answers */
    answer_naming(&lookup, 'a', "A");
    assert_string_equal(asked(&lookup), "");
    answer_naming(&lookup, 'b', "B");
    assert_string_equal(asked(&lookup), "AB"); /* nobody nearer than A: all of them */
    lookup_dispose(&lookup);
}

static void nearer_news_is_asked_before_older(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(4, 1, "mn");
    assert_string_equal(asked(&lookup), "mn");
    answer_naming(&lookup, 'm', "bc");
    answer_naming(&lookup, 'n', "a");
    assert_string_equal(asked(&lookup), "a");
    lookup_dispose(&lookup);
}

static void asks_all_of_the_nearest_once_nobody_nearer_turns_up(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(6, 2, "abcdefgh");
    assert_string_equal(asked(&lookup), "abcd");
    answer(&lookup, "ab");
    assert_string_equal(asked(&lookup), "ef"); /* six is k: g and h are not needed */
    lookup_dispose(&lookup);
}

static void late_node_gives_its_turn_to_another(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(3, 1, "abcd");
    assert_string_equal(asked(&lookup), "ab");
    struct id a = id_of('a');
    lookup_late(&lookup, &a);
    assert_string_equal(asked(&lookup), "c");
    answer(&lookup, "bc");
    assert_string_equal(asked(&lookup), "d"); /* stands in for the late one */
    assert_false(lookup_done(&lookup));
    answer(&lookup, "d");
    assert_true(lookup_done(&lookup));
    answer(&lookup, "a"); /* in time to be among the nearest */
    uint16_t result[3];
    assert_int_equal(lookup_result(&lookup, result, 3), 3);
    assert_int_equal(lookup.nodes[result[0]].id.bytes[0], 'a');
    lookup_dispose(&lookup);
}

static void late_node_is_waited_for_while_nobody_stands_in(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(3, 2, "ab");
    assert_string_equal(asked(&lookup), "ab");
    struct id a = id_of('a');
    lookup_late(&lookup, &a);
    answer(&lookup, "b");
    assert_false(lookup_done(&lookup));
    lookup_failed(&lookup, &a);
    assert_true(lookup_done(&lookup));
    lookup_dispose(&lookup);
}

static void node_under_another_name_goes_to_its_place(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(3, 2, "abc");
    assert_string_equal(asked(&lookup), "abc");
    struct id a = id_of('a'), b = id_of('b'), x = id_of('x');
    assert_true(lookup_renamed(&lookup, &a, &x));
    lookup_answered(&lookup, &x);
    assert_false(lookup_renamed(&lookup, &b, &x)); /* two who say they are one */
    answer(&lookup, "c");
    assert_true(lookup_done(&lookup));
    uint16_t result[3];
    assert_int_equal(lookup_result(&lookup, result, 3), 2);
    assert_int_equal(lookup.nodes[result[1]].id.bytes[0], 'x');
    assert_true(lookup_valid(&lookup));
    lookup_dispose(&lookup);
}

static void failed_node_makes_room_among_the_nearest(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(2, 4, "abc");
    assert_string_equal(asked(&lookup), "ab");
    struct id a = id_of('a');
    lookup_failed(&lookup, &a);
    assert_string_equal(asked(&lookup), "c");
    assert_false(add(&lookup, 'a')); /* not asked again when somebody names it */
    answer(&lookup, "bc");
    assert_true(lookup_done(&lookup));
    uint16_t result[4];
    assert_int_equal(lookup_result(&lookup, result, 4), 2);
    assert_int_equal(lookup.nodes[result[0]].id.bytes[0], 'b');
    lookup_dispose(&lookup);
}

static void nobody_farther_is_waited_for(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(2, 2, "xyz");
    assert_string_equal(asked(&lookup), "xy");
    answer_naming(&lookup, 'x', "ab");
    assert_string_equal(asked(&lookup), "a");
    answer(&lookup, "a");
    assert_string_equal(asked(&lookup), "b");
    answer(&lookup, "b");
    assert_true(lookup_done(&lookup)); /* y is under way */
    lookup_dispose(&lookup);
}

static void lookup_without_anybody_is_done(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(2, 2, "a");
    assert_false(lookup_done(&lookup));
    assert_string_equal(asked(&lookup), "a");
    struct id a = id_of('a');
    lookup_failed(&lookup, &a);
    assert_true(lookup_done(&lookup));
    lookup_dispose(&lookup);
}

static void answers_nobody_waits_for_change_nothing(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(2, 2, "ab");
    answer(&lookup, "az");
    assert_int_equal(lookup.answered, 0);
    assert_string_equal(asked(&lookup), "ab");
    answer(&lookup, "a");
    answer(&lookup, "a");
    assert_int_equal(lookup.answered, 1);
    assert_true(lookup_valid(&lookup));
    lookup_dispose(&lookup);
}

static void ids_that_do_not_fit_wait_while_enough_fit(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(2, 4, "xy");
    struct endpoint public = {.family = ENDPOINT_IPV4, .addr = {192, 0, 2, 1}, .port = 1};
    struct id liar = id_of('a');
    assert_true(lookup_add(&lookup, &liar, &public, 0));
    assert_string_equal(asked(&lookup), "xy");
    answer(&lookup, "xy");
    assert_true(lookup_done(&lookup));

    struct lookup small = lookup_with(2, 4, "x");
    assert_true(lookup_add(&small, &liar, &public, 0));
    assert_string_equal(asked(&small), "xa"); /* fewer than k fit: it counts */
    lookup_dispose(&small);
    lookup_dispose(&lookup);
}

static bool add_at(struct lookup *lookup, uint8_t n, uint8_t address)
{
    struct id id = id_of(n);
    struct endpoint endpoint = {
        .family = ENDPOINT_IPV4, .addr = {192, 0, 2, address}, .port = (uint16_t)(1000 + n)};
    return lookup_add(lookup, &id, &endpoint, 0);
}

static void of_one_public_address_only_the_first_counts(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(3, 4, "");
    for (const char *n = "abcd"; *n != 0; n++) /* none of them fits */
        assert_true(add_at(&lookup, (uint8_t)*n, 1));
    assert_true(add_at(&lookup, 'x', 2));
    assert_true(add_at(&lookup, 'y', 3));
    assert_string_equal(asked(&lookup), "axy");
    struct id silent = id_of('a');
    lookup_failed(&lookup, &silent);
    assert_string_equal(asked(&lookup), "b"); /* the next of that address stands in */
    answer(&lookup, "bxy");
    assert_true(lookup_done(&lookup));
    uint16_t result[4];
    assert_int_equal(lookup_result(&lookup, result, 4), 3);
    assert_int_equal(lookup.nodes[result[0]].id.bytes[0], 'b');
    assert_int_equal(lookup.nodes[result[1]].id.bytes[0], 'x');
    lookup_dispose(&lookup);

    struct lookup_config forced = {.k = 2, .alpha = 2, .start = 4, .paths = 1, .limit_local = true};
    struct lookup local = lookup_with(2, 2, "a");
    struct lookup strict = lookup_of(forced, "a");
    struct id other = id_of('b');
    struct endpoint same = endpoint_of('a');
    same.port++;
    assert_true(lookup_add(&local, &other, &same, 0));
    assert_true(lookup_add(&strict, &other, &same, 0));
    assert_string_equal(asked(&local), "ab"); /* local addresses are exempt */
    assert_string_equal(asked(&strict), "a");
    lookup_dispose(&local);
    lookup_dispose(&strict);
}

static void full_list_gives_up_the_farthest(void **state)
{
    (void)state;
    struct lookup lookup;
    struct id target = id_of(0);
    lookup_init(&lookup, &target,
                &(struct lookup_config){.k = 20, .alpha = 4, .start = 8, .paths = 1});
    for (unsigned n = 250; n > 250 - LOOKUP_NODES_MAX; n--)
        assert_true(add(&lookup, (uint8_t)n));
    assert_false(add(&lookup, 251));
    assert_true(add(&lookup, 1));
    assert_int_equal(lookup.count, LOOKUP_NODES_MAX);
    assert_int_equal(lookup.nodes[0].id.bytes[0], 1);
    assert_int_equal(lookup.nodes[LOOKUP_NODES_MAX - 1].id.bytes[0], 249);
    assert_true(lookup_valid(&lookup));
    lookup_dispose(&lookup);
}

static void eager_lookup_follows_nearer_news_at_once(void **state)
{
    (void)state;
    struct lookup_config config = {.k = 4, .alpha = 2, .start = 4, .paths = 1, .eager = true};
    struct lookup lookup = lookup_of(config, "mnop");
    assert_string_equal(asked(&lookup), "mnop");
    answer_naming(&lookup, 'm', "abcd"); /* three are under way, none of them near any more */
    assert_string_equal(asked(&lookup), "ab");
    lookup_dispose(&lookup);
}

static void quick_node_makes_up_for_some_bits(void **state)
{
    (void)state;
    struct lookup_config config = {.k = 3, .alpha = 1, .start = 1, .paths = 1};
    struct lookup lookup = lookup_of(config, "");
    const struct {
        uint8_t id, cost_ms;
    } nodes[] = {{0x02, 150}, {0x04, 40}, {0x40, 30}}; /* 6, 5 and 1 bits with the target */
    for (size_t i = 0; i < 3; i++) {
        struct id id = id_of(nodes[i].id);
        struct endpoint endpoint = endpoint_of(nodes[i].id);
        assert_true(lookup_add(&lookup, &id, &endpoint, nodes[i].cost_ms));
    }
    assert_string_equal(asked(&lookup), "\x04");
    lookup_dispose(&lookup);
}

static void patient_lookup_waits_for_who_is_late_and_near(void **state)
{
    (void)state;
    struct lookup_config config = {.k = 2, .alpha = 2, .start = 3, .paths = 1, .patient = true};
    struct lookup lookup = lookup_of(config, "abcd");
    assert_string_equal(asked(&lookup), "ab");
    struct id a = id_of('a');
    lookup_late(&lookup, &a);
    assert_string_equal(asked(&lookup), "c");
    answer(&lookup, "bc");
    assert_false(lookup_done(&lookup)); /* a is nearer than both */
    lookup_failed(&lookup, &a);
    assert_true(lookup_done(&lookup));
    lookup_dispose(&lookup);
}

static void liar_leads_one_path_astray(void **state)
{
    (void)state;
    struct lookup_config config = {.k = 4, .alpha = 1, .start = 1, .paths = 2};
    struct lookup lookup = lookup_of(config, "xy");
    assert_string_equal(asked(&lookup), "xy");
    answer_naming(&lookup, 'x', "\x01\x02\x03\x04\x05"); /* nearer than anybody true */
    answer_naming(&lookup, 'y', "ab");
    assert_string_equal(asked(&lookup), "\x01"
                                        "a"); /* though five nearer ones are known */
    answer_naming(&lookup, '\x01', "\x06\x07");
    answer_naming(&lookup, 'a', "b");
    assert_string_equal(asked(&lookup), "\x02"
                                        "b"
                                        "\x03\x04"); /* nobody else: the nearest of all */
    answer(&lookup, "\x02");
    assert_false(lookup_done(&lookup));
    answer(&lookup, "b");
    answer(&lookup, "\x03\x04");
    assert_true(lookup_done(&lookup));
    lookup_dispose(&lookup);
}

static void paths_share_what_both_heard_of(void **state)
{
    (void)state;
    struct lookup_config config = {.k = 2, .alpha = 1, .start = 1, .paths = 2};
    struct lookup lookup = lookup_of(config, "xy");
    assert_string_equal(asked(&lookup), "xy");
    answer_naming(&lookup, 'x', "ab");
    answer_naming(&lookup, 'y', "ab");
    assert_string_equal(asked(&lookup), "ab"); /* each once: the nearest for the first path */
    answer(&lookup, "ab");
    assert_true(lookup_done(&lookup));
    assert_int_equal(lookup.asked, 4);
    lookup_dispose(&lookup);
}

/* Nodes that are nearer than those named by letters, and of which each of the liars tells. */
static void flood(struct lookup *lookup, unsigned count, const char *liars)
{
    for (unsigned n = 0; n < count; n++) {
        struct id id = {.bytes = {0x40, (uint8_t)(n >> 8), (uint8_t)n, 1}};
        struct endpoint endpoint = {.family = ENDPOINT_IPV4, .addr = {10, 1}, .port = 1};
        write_u16(endpoint.addr + 2, (uint16_t)n);
        for (const char *liar = liars; *liar != 0; liar++) {
            struct id by = id_of((uint8_t)*liar);
            lookup_hear(lookup, &by, &id, &endpoint, 0);
            assert_true(lookup_valid(lookup));
        }
    }
}

static void assert_knows(const struct lookup *lookup, const char *nodes)
{
    for (; *nodes != 0; nodes++) {
        struct id id = id_of((uint8_t)*nodes);
        assert_non_null(lookup_find(lookup, &id));
    }
}

/* One path is told of more nodes, all nearer, than the list holds. */
static void flood_of_nodes_leaves_other_paths_theirs(void **state)
{
    (void)state;
    struct lookup_config config = {.k = 4, .alpha = 1, .start = 1, .paths = 2};
    struct lookup lookup = lookup_of(config, "xy");
    assert_string_equal(asked(&lookup), "xy");
    answer_naming(&lookup, 'y', "abcd");
    flood(&lookup, 2 * LOOKUP_NODES_MAX, "x");
    assert_int_equal(lookup.count, LOOKUP_NODES_MAX);
    assert_knows(&lookup, "abcdy");
    lookup_dispose(&lookup);
}

/* Two paths are told of the same ones, each other's liar among them: neither has any for itself. */
static void liars_who_agree_leave_other_paths_theirs(void **state)
{
    (void)state;
    struct lookup_config config = {.k = 6, .alpha = 1, .start = 1, .paths = 3};
    struct lookup lookup = lookup_of(config, "12y");
    assert_string_equal(asked(&lookup), "12y");
    answer_naming(&lookup, 'y', "abcd");
    answer_naming(&lookup, '1', "2");
    answer_naming(&lookup, '2', "1");
    flood(&lookup, 2 * LOOKUP_NODES_MAX, "12");
    assert_int_equal(lookup.count, LOOKUP_NODES_MAX);
    assert_knows(&lookup, "12abcdy");
    lookup_dispose(&lookup);
}

static void endless_naming_of_nearer_nodes_ends(void **state)
{
    (void)state;
    struct lookup_config config = {.k = 4, .alpha = 2, .start = 2, .paths = 1};
    struct lookup lookup = lookup_of(config, "x");
    uint16_t distance = UINT16_MAX / 2;
    for (const struct lookup_node *node; (node = lookup_next(&lookup)) != NULL; distance--) {
        struct id by = node->id, id = {0};
        struct endpoint endpoint = {.family = ENDPOINT_IPV4, .addr = {10, 1}, .port = 1};
        write_u16(id.bytes, distance);
        write_u16(endpoint.addr + 2, distance);
        assert_true(lookup_hear(&lookup, &by, &id, &endpoint, 0));
        lookup_answered(&lookup, &by);
    }
    assert_true(lookup_done(&lookup));
    assert_int_equal(lookup.asked, LOOKUP_ASKED_MAX);
    assert_true(lookup_valid(&lookup));
    lookup_dispose(&lookup);
}

/* ---- a whole network of silent and answering nodes, each knowing some of the others ---- */

#define NODES 400

struct world {
    struct id ids[NODES];
    bool dead[NODES];
    struct rng rng;
};

/* What node `who` would answer: the 8 nearest of a random half that it happens to know, among
 * them its own neighbours. */
static void tell(struct world *world, struct lookup *lookup, const struct id *who)
{
    for (int told = 0; told < 8; told++) {
        size_t best = rng_below(&world->rng, NODES);
        for (int draw = 0; draw < 60; draw++) {
            size_t other = rng_below(&world->rng, NODES);
            if (id_distance_compare(&lookup->target, &world->ids[other], &world->ids[best]) < 0)
                best = other;
        }
        struct endpoint endpoint = {.family = ENDPOINT_IPV4, .addr = {10}, .port = 1};
        write_u16(endpoint.addr + 2, (uint16_t)best);
        lookup_hear(lookup, who, &world->ids[best], &endpoint, 0);
    }
}

static size_t world_index(const struct lookup_node *node)
{
    return read_u16(node->endpoint.addr + 2);
}

static void run_lookup(struct world *world, struct lookup *lookup)
{
    size_t waiting[NODES], count = 0;
    for (unsigned steps = 0; !lookup_done(lookup); steps++) {
        assert_true(steps < 5 * NODES);
        for (const struct lookup_node *node; (node = lookup_next(lookup)) != NULL;)
            waiting[count++] = world_index(node);
        assert_true(count > 0);
        size_t at = rng_below(&world->rng, count);
        const struct id *id = &world->ids[waiting[at]];
        struct lookup_node *node = lookup_find(lookup, id);
        if (node == NULL) {
            assert_int_equal(lookup->count, LOOKUP_NODES_MAX); /* given up for nearer ones */
        } else if (!world->dead[waiting[at]]) {
            tell(world, lookup, id);
            lookup_answered(lookup, id);
        } else if (node->state == LOOKUP_ASKED) {
            lookup_late(lookup, id);
            continue;
        } else {
            lookup_failed(lookup, id);
        }
        waiting[at] = waiting[--count];
        assert_true(lookup_valid(lookup));
    }
}

static void every_lookup_ends_with_its_nearest_answered(void **state)
{
    (void)state;
    struct world world;
    rng_init_seed(&world.rng, test_seed(7));
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < NODES; i++) {
            rng_fill(&world.rng, world.ids[i].bytes, ID_BYTES);
            world.dead[i] = rng_below(&world.rng, 10) < 3;
        }
        struct lookup lookup;
        struct id target;
        rng_fill(&world.rng, target.bytes, ID_BYTES);
        struct lookup_config config = {.k = DHT_K,
                                       .alpha = 4,
                                       .start = 8,
                                       .paths = (uint8_t)(1 + round % LOOKUP_PATHS_MAX),
                                       .eager = round / 8 % 2 == 1,
                                       .patient = round / 16 % 2 == 1};
        lookup_init(&lookup, &target, &config);
        for (uint16_t i = 0; i < 10; i++) {
            struct endpoint endpoint = {.family = ENDPOINT_IPV4, .addr = {10}, .port = 1};
            write_u16(endpoint.addr + 2, i);
            lookup_add(&lookup, &world.ids[i], &endpoint, 0);
        }
        run_lookup(&world, &lookup);
        uint16_t result[DHT_K];
        size_t found = lookup_result(&lookup, result, DHT_K);
        size_t n = 0; /* nobody nearer was left out but the silent */
        for (size_t i = 0; i < lookup.count && n < found; i++)
            if (lookup.nodes[i].state != LOOKUP_FAILED && lookup.nodes[i].state != LOOKUP_LATE)
                assert_int_equal(result[n++], i);
        for (size_t i = 0; i < lookup.count && found < DHT_K; i++)
            assert_in_range(lookup.nodes[i].state, LOOKUP_ANSWERED, LOOKUP_FAILED);
        lookup_dispose(&lookup);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_the_nearest_first),
        cmocka_unit_test(nearer_news_is_asked_before_older),
        cmocka_unit_test(asks_all_of_the_nearest_once_nobody_nearer_turns_up),
        cmocka_unit_test(late_node_gives_its_turn_to_another),
        cmocka_unit_test(late_node_is_waited_for_while_nobody_stands_in),
        cmocka_unit_test(node_under_another_name_goes_to_its_place),
        cmocka_unit_test(failed_node_makes_room_among_the_nearest),
        cmocka_unit_test(nobody_farther_is_waited_for),
        cmocka_unit_test(lookup_without_anybody_is_done),
        cmocka_unit_test(answers_nobody_waits_for_change_nothing),
        cmocka_unit_test(ids_that_do_not_fit_wait_while_enough_fit),
        cmocka_unit_test(of_one_public_address_only_the_first_counts),
        cmocka_unit_test(full_list_gives_up_the_farthest),
        cmocka_unit_test(eager_lookup_follows_nearer_news_at_once),
        cmocka_unit_test(quick_node_makes_up_for_some_bits),
        cmocka_unit_test(patient_lookup_waits_for_who_is_late_and_near),
        cmocka_unit_test(liar_leads_one_path_astray),
        cmocka_unit_test(paths_share_what_both_heard_of),
        cmocka_unit_test(flood_of_nodes_leaves_other_paths_theirs),
        cmocka_unit_test(liars_who_agree_leave_other_paths_theirs),
        cmocka_unit_test(endless_naming_of_nearer_nodes_ends),
        cmocka_unit_test(every_lookup_ends_with_its_nearest_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
