#include "support/unit.h"

#include "dht/lookup.h"
#include "dht/params.h"
#include "kadpeer/rng.h"

/* The target is 00…; node n has the id n…, and so is at distance n. */
static struct id id_of(uint8_t n)
{
    return (struct id){.bytes = {n}};
}

static struct endpoint endpoint_of(uint8_t n)
{
    return (struct endpoint){.family = ENDPOINT_IPV4, .addr = {10, 0, 0, n}, .port = 1000};
}

static bool add(struct lookup *lookup, uint8_t n)
{
    struct id id = id_of(n);
    struct endpoint endpoint = endpoint_of(n);
    return lookup_add(lookup, &id, &endpoint, 0);
}

static struct lookup lookup_with(uint8_t k, uint8_t alpha, const char *nodes)
{
    struct lookup lookup;
    struct id target = id_of(0);
    lookup_init(&lookup, &target, k, alpha);
    for (const char *n = nodes; *n != 0; n++)
        assert_true(add(&lookup, (uint8_t)*n));
    return lookup;
}

/* All it would ask now, as a string of the ids' first bytes. */
static const char *asked(struct lookup *lookup)
{
    static char text[64];
    size_t len = 0;
    for (const struct lookup_node *node; (node = lookup_next(lookup)) != NULL;)
        text[len++] = (char)node->id.bytes[0];
    text[len] = 0;
    assert_true(lookup_valid(lookup));
    return text;
}

static void answer(struct lookup *lookup, const char *nodes, bool improved)
{
    for (const char *n = nodes; *n != 0; n++) {
        struct id id = id_of((uint8_t)*n);
        lookup_answered(lookup, &id, improved);
    }
}

static void asks_the_nearest_first(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(4, 1, "dbace");
    assert_string_equal(asked(&lookup), "ab"); /* twice alpha until somebody answers */
    answer(&lookup, "a", true);
    assert_string_equal(asked(&lookup), "");
    answer(&lookup, "b", true);
    assert_string_equal(asked(&lookup), "c");
    lookup_dispose(&lookup);
}

static void nearer_news_is_asked_before_older(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(4, 1, "mn");
    assert_string_equal(asked(&lookup), "mn");
    add(&lookup, 'a');
    add(&lookup, 'b');
    answer(&lookup, "m", true);
    answer(&lookup, "n", true);
    assert_string_equal(asked(&lookup), "a");
    lookup_dispose(&lookup);
}

static void asks_all_of_the_nearest_once_nobody_nearer_turns_up(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(6, 2, "abcdefgh");
    assert_string_equal(asked(&lookup), "abcd");
    answer(&lookup, "ab", false);
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
    answer(&lookup, "bc", false);
    assert_string_equal(asked(&lookup), "d"); /* stands in for the late one */
    assert_false(lookup_done(&lookup));
    answer(&lookup, "d", false);
    assert_true(lookup_done(&lookup));
    answer(&lookup, "a", false); /* in time to be among the nearest */
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
    answer(&lookup, "b", false);
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
    lookup_answered(&lookup, &x, false);
    assert_false(lookup_renamed(&lookup, &b, &x)); /* two who say they are one */
    answer(&lookup, "c", false);
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
    answer(&lookup, "bc", false);
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
    add(&lookup, 'a');
    add(&lookup, 'b');
    answer(&lookup, "x", true);
    assert_string_equal(asked(&lookup), "a");
    answer(&lookup, "a", true);
    assert_string_equal(asked(&lookup), "b");
    answer(&lookup, "b", true);
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
    answer(&lookup, "az", false);
    assert_int_equal(lookup.answered, 0);
    assert_string_equal(asked(&lookup), "ab");
    answer(&lookup, "a", false);
    answer(&lookup, "a", false);
    assert_int_equal(lookup.answered, 1);
    assert_true(lookup_valid(&lookup));
    lookup_dispose(&lookup);
}

static void one_endpoint_is_asked_once(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(2, 2, "a");
    struct id other = id_of('b');
    struct endpoint same = endpoint_of('a');
    assert_false(lookup_add(&lookup, &other, &same, 0));
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
    answer(&lookup, "xy", false);
    assert_true(lookup_done(&lookup));

    struct lookup small = lookup_with(2, 4, "x");
    assert_true(lookup_add(&small, &liar, &public, 0));
    assert_string_equal(asked(&small), "xa"); /* fewer than k fit: it counts */
    lookup_dispose(&small);
    lookup_dispose(&lookup);
}

static void full_list_gives_up_the_farthest(void **state)
{
    (void)state;
    struct lookup lookup;
    struct id target = id_of(0);
    lookup_init(&lookup, &target, 20, 4);
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

/* ---- a whole network of silent and answering nodes, each knowing some of the others ---- */

#define NODES 400

struct world {
    struct id ids[NODES];
    bool dead[NODES];
    struct rng rng;
};

/* What node `who` would answer: the 8 nearest of a random half that it happens to know, among
 * them its own neighbours. */
static bool tell(struct world *world, struct lookup *lookup, unsigned hops)
{
    struct id before = lookup->nodes[0].id;
    for (int told = 0; told < 8; told++) {
        size_t best = rng_below(&world->rng, NODES);
        for (int draw = 0; draw < 60; draw++) {
            size_t other = rng_below(&world->rng, NODES);
            if (id_distance_compare(&lookup->target, &world->ids[other], &world->ids[best]) < 0)
                best = other;
        }
        struct endpoint endpoint = {.family = ENDPOINT_IPV4, .addr = {10}, .port = 1};
        write_u16(endpoint.addr + 2, (uint16_t)best);
        lookup_add(lookup, &world->ids[best], &endpoint, hops);
    }
    return !id_equal(&before, &lookup->nodes[0].id);
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
        assert_non_null(node);
        if (!world->dead[waiting[at]]) {
            bool improved = tell(world, lookup, node->hops + 1u);
            lookup_answered(lookup, id, improved);
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
        lookup_init(&lookup, &target, DHT_K, 4);
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
        cmocka_unit_test(one_endpoint_is_asked_once),
        cmocka_unit_test(ids_that_do_not_fit_wait_while_enough_fit),
        cmocka_unit_test(full_list_gives_up_the_farthest),
        cmocka_unit_test(every_lookup_ends_with_its_nearest_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
