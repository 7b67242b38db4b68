/* Whether ids near a key are too dense, judged in honest networks of all sizes and in crowded ones.
 * The distances of the nearest of N honest nodes are drawn as what they are: the smallest of N
 * shares of the space. */
#include "support/unit.h"

#include <math.h>

#include "dht/density.h"
#include "kadpeer/rng.h"

#define TRIALS 10000

static const unsigned sizes[] = {20, 21, 25, 40, 100, 1000, 10000, 100000};
#define SIZES (sizeof sizes / sizeof sizes[0])

/* The distances of the nearest of `nodes`, nearest first. */
static void draw_nearest(struct rng *rng, unsigned nodes, double out[], size_t count)
{
    double at = 0;
    for (unsigned i = 0; i < count; i++) { /* the next of those beyond `at` */
        assert_true(i < nodes);
        at += (1 - at) * (1 - pow(1 - rng_unit(rng), 1.0 / (nodes - i)));
        out[i] = at;
    }
}

static void no_estimate_is_beyond_belief(void **state)
{
    (void)state;
    assert_true(density_size(DHT_K, 1e-28) == DENSITY_SIZE_MAX);
    assert_true(density_size(DHT_K, 5e-324) == DENSITY_SIZE_MAX);
}

static double draw_share(struct rng *rng, unsigned nodes)
{
    double nearest[DHT_K];
    draw_nearest(rng, nodes, nearest, DHT_K);
    return nearest[DHT_K - 1];
}

/* What a node makes of the size, with as many lookups behind it. */
static double estimate(struct rng *rng, unsigned nodes, unsigned lookups)
{
    struct density density = {0};
    for (unsigned i = 0; i < lookups; i++)
        density_note(&density, DHT_K, draw_share(rng, nodes));
    return density_median(&density, density_size(DHT_K, draw_share(rng, nodes)));
}

static void estimates_are_near_the_true_size(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(1));
    for (size_t i = 0; i < SIZES; i++) {
        double sum = 0, off = 0;
        for (unsigned trial = 0; trial < 2000; trial++) {
            double size = estimate(&rng, sizes[i], DENSITY_SAMPLES);
            sum += size / sizes[i] / 2000;
            off += fabs(size / sizes[i] - 1) / 2000;
        }
        print_message("# %u nodes: %.3f of them, off by %.3f\n", sizes[i], sum, off);
        assert_true(sum > 0.9 && sum < 1.1);
        assert_true(off < 0.12);
    }
}

static void honest_keys_are_not_taken_for_crowded(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(2));
    for (size_t i = 0; i < SIZES; i++)
        for (unsigned lookups = 0; lookups <= DENSITY_SAMPLES; lookups += DENSITY_SAMPLES) {
            unsigned wrong = 0;
            for (unsigned trial = 0; trial < TRIALS; trial++)
                wrong += density_is_crowded(estimate(&rng, sizes[i], lookups), DHT_K,
                                            draw_share(&rng, sizes[i]));
            print_message("# %u nodes, %u lookups: %u of %u wrong\n", sizes[i], lookups, wrong,
                          TRIALS);
            assert_true(wrong <= 2);
        }
}

/* All of k hostile ids lie nearer than the nearest honest one, spread as far as that allows. */
static void hidden_keys_are_found_out(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(3));
    for (size_t i = 0; i < SIZES; i++) {
        unsigned missed = 0;
        for (unsigned trial = 0; trial < TRIALS; trial++) {
            double nearest;
            draw_nearest(&rng, sizes[i], &nearest, 1);
            missed +=
                !density_is_crowded(estimate(&rng, sizes[i], DENSITY_SAMPLES), DHT_K, nearest);
        }
        print_message("# %u nodes: %u of %u missed\n", sizes[i], missed, TRIALS);
        assert_true(missed <= TRIALS / 50);
    }
}

static void what_is_wide_enough_has_honest_nodes_in_it(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(4));
    for (size_t i = 0; i < SIZES; i++) {
        unsigned honest_sum = 0, none = 0;
        for (unsigned trial = 0; trial < TRIALS; trial++) {
            double nearest[DHT_K], nodes = estimate(&rng, sizes[i], DENSITY_SAMPLES);
            draw_nearest(&rng, sizes[i], nearest, DHT_K);
            unsigned honest = 0;
            while (honest < DHT_K && !density_is_wide_enough(nodes, nearest[honest]))
                honest++;
            honest_sum += honest;
            none += honest == 0;
        }
        assert_true(honest_sum > TRIALS * DENSITY_HONEST / 2);
        assert_true(none <= TRIALS / 1000);
    }
}

static void a_crowd_around_one_key_does_not_move_the_median(void **state)
{
    (void)state;
    struct density density = {0};
    for (unsigned i = 0; i < DENSITY_SAMPLES / 2; i++)
        density_note(&density, DHT_K, 19.0 / 999);
    for (unsigned i = 0; i < DENSITY_SAMPLES / 2; i++)
        density_note(&density, DHT_K, 1e-9);
    assert_true(density_median(&density, 1000) < 1001);
    density_note(&density, DHT_K - 1, 1e-9); /* a small network, or a refresh: it tells nothing */
    assert_true(density_median(&density, 1000) < 1001);
}

static void too_few_tell_nothing(void **state)
{
    (void)state;
    struct density density = {0};
    density_note(&density, DHT_K - 1, 0.5);
    density_note(&density, 0, 0);
    assert_int_equal(density.count, 0);
    assert_true(density_median(&density, 7) == 7);
    assert_false(density_is_crowded(1000, DHT_K - 1, 1e-9));
    assert_true(density_size(1, 0.5) == 0);
    assert_true(density_size(DHT_K, 0) == 0);
}

static void shares_are_distances(void **state)
{
    (void)state;
    struct id key = {{0}}, id = {{0x80}};
    assert_true(density_share(&key, &key) == 0);
    assert_true(density_share(&key, &id) == 0.5);
    key.bytes[0] = 0xc0;
    assert_true(density_share(&key, &id) == 0.25);
    key = id;
    id.bytes[2] = 1;
    assert_true(density_share(&key, &id) == 1.0 / (1 << 24));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_estimate_is_beyond_belief),
        cmocka_unit_test(estimates_are_near_the_true_size),
        cmocka_unit_test(honest_keys_are_not_taken_for_crowded),
        cmocka_unit_test(hidden_keys_are_found_out),
        cmocka_unit_test(what_is_wide_enough_has_honest_nodes_in_it),
        cmocka_unit_test(a_crowd_around_one_key_does_not_move_the_median),
        cmocka_unit_test(too_few_tell_nothing),
        cmocka_unit_test(shares_are_distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
