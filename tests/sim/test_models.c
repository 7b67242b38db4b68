/* The models that nets are stacked of: each gives what it was fitted to, and the same bits with
 * every compiler and on every machine. */
#include "support/unit.h"

#include <math.h>
#include <string.h>

#include "sim/churn.h"
#include "sim/event_wheel.h"
#include "sim/latency.h"
#include "sim/net_parts.h"
#include "sim/sim_math.h"

#define SESSIONS 100000
#define HOUR_S   3600.0

/* ---- arithmetic ---- */

static void logarithms_and_powers_are_those_of_libm(void **state)
{
    (void)state;
    for (double x = 1e-9; x < 1e9; x *= 1.37) {
        assert_true(fabs(sim_ln(x) - log(x)) < 1e-13 * (1 + fabs(log(x))));
        assert_true(fabs(sim_pow(x, 0.61) / pow(x, 0.61) - 1) < 1e-12);
    }
    for (double x = -50; x < 50; x += 0.37)
        assert_true(fabs(sim_exp(x) / exp(x) - 1) < 1e-12);
    for (double x = 1; x < 20; x += 0.13)
        assert_true(fabs(sim_gamma(x) / tgamma(x) - 1) < 1e-10);
}

/* ---- events ---- */

struct waiting {
    struct event event;
    uint64_t order;
};

static void events_come_by_time_then_by_sequence(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(1));
    struct event_wheel *wheel = event_wheel_new();
    enum { MANY = 5000 };
    static struct waiting all[MANY];
    uint64_t now_ms = 0, sequence = 0, last_at = 0, last_order = 0;
    for (size_t i = 0; i < MANY; i++)
        all[i].event.at_ms = EVENT_NEVER;
    for (int round = 0; round < 200000; round++) {
        struct waiting *one = &all[rng_below(&rng, MANY)];
        if (one->event.at_ms != EVENT_NEVER)
            event_wheel_remove(wheel, &one->event);
        one->order = ++sequence;
        uint64_t far_ms = 1ull << rng_below(&rng, 30);
        event_wheel_add(wheel, &one->event, now_ms + rng_below(&rng, far_ms));
        if (round % 2 == 0)
            continue;
        uint64_t until_ms = now_ms + rng_below(&rng, 1000), due_ms = EVENT_NEVER, order = 0;
        for (size_t i = 0; round % 100 == 1 && i < MANY; i++)
            if (all[i].event.at_ms < due_ms ||
                (all[i].event.at_ms == due_ms && due_ms != EVENT_NEVER && all[i].order < order)) {
                due_ms = all[i].event.at_ms;
                order = all[i].order;
            }
        struct waiting *next = (struct waiting *)(void *)event_wheel_take(wheel, until_ms);
        if (round % 100 == 1) {
            assert_true((next == NULL) == (due_ms > until_ms));
            assert_true(next == NULL || (next->order == order && wheel->now_ms == due_ms));
        }
        now_ms = next != NULL ? wheel->now_ms : until_ms;
        if (next == NULL)
            continue;
        assert_true(now_ms > last_at || (now_ms == last_at && next->order > last_order));
        last_at = now_ms;
        last_order = next->order;
    }
    event_wheel_free(wheel);
}

/* ---- churn ---- */

static double share_over(const double lengths[], size_t count, double least, double of_over)
{
    size_t over = 0, of = 0;
    for (size_t i = 0; i < count; i++) {
        of += lengths[i] > of_over;
        over += lengths[i] > of_over && lengths[i] > least;
    }
    return (double)over / (double)of;
}

static void assert_near(double is, double wanted, double within)
{
    if (fabs(is - wanted) > within)
        fail_msg("%g is not within %g of %g", is, within, wanted);
}

static double lengths[SESSIONS];

static void sessions_are_as_long_as_those_that_were_crawled(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(2));
    for (size_t i = 0; i < SESSIONS; i++)
        lengths[i] = (double)churn_next_ms(&churn_default, true, &rng) / 1000;
    assert_near(1 - share_over(lengths, SESSIONS, 8 * HOUR_S, 0), 0.850, 0.01);
    assert_near(share_over(lengths, SESSIONS, 24 * HOUR_S, 0), 0.024, 0.01);
    assert_near(share_over(lengths, SESSIONS, HOUR_S, 0), 0.590, 0.01);
    assert_near(share_over(lengths, SESSIONS, 2 * HOUR_S, HOUR_S), 0.755, 0.01);
    assert_near(share_over(lengths, SESSIONS, 5 * HOUR_S, 4 * HOUR_S), 0.833, 0.01);
    assert_near(share_over(lengths, SESSIONS, 9 * HOUR_S, 8 * HOUR_S), 0.867, 0.01);
}

/* Few of 100,000 are that long: as many as before, of those that are up in the steady state. */
static void who_was_up_for_days_stays(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(3));
    size_t count = 0;
    for (size_t drawn = 0; drawn < 20 * SESSIONS && count < SESSIONS; drawn++) {
        double length = weibull_draw_s(&churn_default.on, &rng);
        if (length > 24 * HOUR_S)
            lengths[count++] = length;
    }
    assert_near(share_over(lengths, count, 25 * HOUR_S, 24 * HOUR_S), 0.910, 0.01);
    assert_near(share_over(lengths, count, 49 * HOUR_S, 48 * HOUR_S), 0.930, 0.01);
}

static void harsh_sessions_have_a_mean_of_a_thousand_seconds(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(4));
    double sum = 0;
    for (size_t i = 0; i < SESSIONS; i++)
        sum += lengths[i] = (double)churn_next_ms(&churn_harsh, true, &rng) / 1000;
    assert_near(sum / SESSIONS, 1000, 30);
    assert_near(share_over(lengths, SESSIONS, 500, 0), exp(-1), 0.01);
    assert_near(churn_share_up(&churn_harsh), 0.5, 1e-9);
}

/* As many are up after any time as at first, when the first sessions are drawn as those under way;
 * if they were drawn as new ones, a tenth would be missing soon. */
static double share_up_after(double after_s, struct rng *rng)
{
    size_t up_count = 0;
    enum { NODES = 40000 };
    for (size_t i = 0; i < NODES; i++) {
        bool up = rng_unit(rng) < churn_share_up(&churn_default);
        double now_s = (double)churn_left_ms(&churn_default, up, rng) / 1000;
        while (now_s < after_s) {
            up = !up;
            now_s += (double)churn_next_ms(&churn_default, up, rng) / 1000;
        }
        up_count += up;
    }
    return (double)up_count / NODES;
}

static void churn_begins_in_its_steady_state(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(5));
    double share = churn_share_up(&churn_default);
    print_message("# %.2f %% are up\n", 100 * share);
    for (double after_s = 0; after_s <= 48 * HOUR_S; after_s += 6 * HOUR_S)
        assert_near(share_up_after(after_s, &rng), share, 0.008);
}

/* ---- ways ---- */

static struct net *empty_net(uint64_t seed)
{
    struct net_config config = {.seed = seed, .family = ENDPOINT_IPV4, .addresses = NET_PUBLIC};
    return net_new(&config);
}

static int compare_double(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void round_trips_have_a_median_of_a_tenth_of_a_second(void **state)
{
    (void)state;
    struct net *net = empty_net(test_seed(6));
    struct latency *latency = net_add_internet(net);
    for (size_t i = 0; i < SESSIONS; i++)
        lengths[i] = latency_round_trip_ms(latency, rng_below(net_rng(net), 10000),
                                           rng_below(net_rng(net), 10000));
    qsort(lengths, SESSIONS, sizeof lengths[0], compare_double);
    print_message("# round trips: 1 %% %.0f, 10 %% %.0f, median %.0f, 90 %% %.0f, 99 %% %.0f ms\n",
                  lengths[SESSIONS / 100], lengths[SESSIONS / 10], lengths[SESSIONS / 2],
                  lengths[SESSIONS * 9 / 10], lengths[SESSIONS * 99 / 100]);
    assert_near(lengths[SESSIONS / 2], 100, 10);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithms_and_powers_are_those_of_libm),
        cmocka_unit_test(events_come_by_time_then_by_sequence),
        cmocka_unit_test(sessions_are_as_long_as_those_that_were_crawled),
        cmocka_unit_test(who_was_up_for_days_stays),
        cmocka_unit_test(harsh_sessions_have_a_mean_of_a_thousand_seconds),
        cmocka_unit_test(churn_begins_in_its_steady_state),
        cmocka_unit_test(round_trips_have_a_median_of_a_tenth_of_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
