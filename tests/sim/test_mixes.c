/* Random mixes of faults: KADPEER_MIXES of them (200), from one seed on. A mix that breaks
 * something is named with its seed; KADPEER_TEST_SEED=SEED KADPEER_MIXES=1 runs it alone. */
#include "support/unit.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sim/mix.h"

#define MIXES 200

static char description[1024]; /* of the mix under way */

/* An assertion within the node or the network. */
static void on_abort(int number)
{
    ssize_t written = write(STDERR_FILENO, description, strlen(description));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

static size_t count(void)
{
    const char *text = getenv("KADPEER_MIXES");
    return text != NULL ? (size_t)strtoull(text, NULL, 0) : MIXES;
}

static void describe(const struct mix *mix)
{
    char drawn[900];
    mix_describe(mix, drawn, sizeof drawn);
    snprintf(description, sizeof description, "# seed %llu: %s\n", (unsigned long long)mix->seed,
             drawn);
}

static bool run_one(uint64_t seed, struct mix_figures *figures)
{
    struct mix mix;
    char why[400];
    mix_draw(&mix, seed);
    describe(&mix);
    bool holds = mix_run(&mix, figures, why, sizeof why);
    if (!holds)
        print_message("%s#   %s\n", description, why);
    return holds;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void add(struct mix_figures *sum, const struct mix_figures *figures)
{
    sum->datagrams += figures->datagrams;
    sum->lookups += figures->lookups;
    sum->published += figures->published;
    sum->checked += figures->checked;
    sum->longest_lookup_ms = larger(sum->longest_lookup_ms, figures->longest_lookup_ms);
    sum->longest_publishing_ms = larger(sum->longest_publishing_ms, figures->longest_publishing_ms);
}

static void whatever_befalls_a_network_it_holds_and_heals(void **state)
{
    (void)state;
    uint64_t first = test_seed(1);
    struct mix_figures sum = {0};
    size_t broken = 0;
    for (size_t i = 0; i < count(); i++) {
        struct mix_figures figures;
        broken += !run_one(first + i, &figures);
        add(&sum, &figures);
    }
    print_message("# %zu mixes, %zu broken: %llu datagrams, %zu lookups (the longest %llu ms), "
                  "%zu records (published within %llu ms), %zu looked for at the end\n",
                  count(), broken, (unsigned long long)sum.datagrams, sum.lookups,
                  (unsigned long long)sum.longest_lookup_ms, sum.published,
                  (unsigned long long)sum.longest_publishing_ms, sum.checked);
    assert_int_equal(broken, 0);
}

static void a_seed_says_all_that_happens(void **state)
{
    (void)state;
    uint64_t first = test_seed(1);
    for (uint64_t seed = first; seed < first + 3; seed++) {
        struct mix_figures once, again;
        assert_true(run_one(seed, &once));
        assert_true(run_one(seed, &again));
        assert_true(once.trace == again.trace);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_befalls_a_network_it_holds_and_heals),
        cmocka_unit_test(a_seed_says_all_that_happens),
    };
    signal(SIGABRT, on_abort);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
