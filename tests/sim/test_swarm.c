/* Small swarms of real transfers on links of given rates, against what no schedule can beat. */
#include "support/unit.h"

#include "sim/swarm_report.h"
#include "sim/swarm_scenario.h"

enum { MIB = 1 << 20 };

static struct scenario scenario_of(enum swarm_scenario kind, unsigned peers, uint64_t mib)
{
    struct scenario scenario = scenario_default(kind);
    scenario.peers = peers;
    scenario.total_length = mib * MIB;
    scenario.seed = test_seed(1);
    scenario.check = true;
    return scenario;
}

static struct scenario_outcome run(const struct scenario *scenario)
{
    struct scenario_outcome outcome = scenario_run(scenario, NULL);
    print_message("# %s, %s: first %.1f, last %.1f s, bound %.1f s; uplinks %.3f, copies %.2f "
                  "%.2f, wasted %.4f\n",
                  scenario_names[scenario->kind], swarm_order_names[scenario->order],
                  outcome.first_s, outcome.last_s, outcome.bound_s, outcome.uplinks_used,
                  outcome.copies_at_out, outcome.copies_at_first, outcome.wasted);
    assert_int_equal(outcome.result.complete, outcome.result.fetchers);
    assert_int_equal(outcome.result.honest_bans, 0);
    assert_int_equal(outcome.result.closed[CLOSE_PROTOCOL], 0);
    return outcome;
}

/* One that must hold for the simulator to say anything: a link carries its rate. */
static void one_fetches_at_the_rate_of_the_link(void **state)
{
    (void)state;
    struct scenario scenario = scenario_of(SCENARIO_CLEAN, 1, 32);
    struct scenario_outcome outcome = run(&scenario);
    assert_true(outcome.last_s > outcome.bound_s); /* nothing goes faster than links allow */
    assert_true(outcome.last_s < 1.1 * outcome.bound_s);
    scenario_outcome_dispose(&outcome);

    scenario.seed_up_bit_s = 4 * scenario.down_bit_s;
    outcome = run(&scenario);
    assert_true(outcome.last_s > outcome.bound_s);
    assert_true(outcome.last_s < 1.25 * outcome.bound_s);
    scenario_outcome_dispose(&outcome);
}

static void the_same_seed_gives_the_same_trace(void **state)
{
    (void)state;
    struct scenario scenario = scenario_of(SCENARIO_POLLUTERS, 12, 4);
    struct scenario_outcome first = run(&scenario), second = run(&scenario);
    scenario.seed++;
    struct scenario_outcome other = run(&scenario);
    assert_true(first.result.trace == second.result.trace);
    assert_true(first.result.trace != other.result.trace);
    scenario_outcome_dispose(&first);
    scenario_outcome_dispose(&second);
    scenario_outcome_dispose(&other);
}

static void the_last_is_done_close_to_the_bound(void **state)
{
    (void)state;
    struct scenario scenario = scenario_of(SCENARIO_CLEAN, 30, 96);
    struct scenario_outcome outcome = run(&scenario);
    assert_true(outcome.last_s > outcome.bound_s);
    assert_true(outcome.last_s < 1.25 * outcome.bound_s);
    assert_true(outcome.uplinks_used > 0.95);
    assert_true(outcome.copies_at_out < 1.2);
    scenario_outcome_dispose(&outcome);
}

/* Where the seed is the bottleneck, what it sends twice is lost to all. */
static void a_slow_seed_sends_little_twice(void **state)
{
    (void)state;
    struct scenario scenario = scenario_of(SCENARIO_SLOW_SEED, 30, 96);
    struct scenario_outcome outcome = run(&scenario);
    assert_true(outcome.last_s < 1.25 * outcome.bound_s);
    assert_true(outcome.copies_at_out < 1.2);
    assert_true(outcome.copies_at_first < 1.2);
    scenario_outcome_dispose(&outcome);
}

/* Of so large pieces no more than twenty are begun at a time: what is begun from others must not
 * keep a peer from what only the seed has. And until the first are whole nobody has any to give on:
 * who serves many at a time keeps all waiting. */
static void large_pieces_leave_the_seed_only_a_little_twice(void **state)
{
    (void)state;
    struct scenario scenario = scenario_of(SCENARIO_CLEAN, 60, 128);
    scenario.piece_length = 2 * MIB;
    scenario.scale = 4;
    struct scenario_outcome outcome = run(&scenario);
    assert_true(outcome.last_s > outcome.bound_pieces_s);
    assert_true(outcome.last_s < 1.3 * outcome.bound_pieces_s);
    assert_true(outcome.uplinks_used > 0.83);
    assert_true(outcome.copies_at_out < 1.2);
    scenario_outcome_dispose(&outcome);
}

/* What is to be had, and what comes of it. */
static void a_bound_and_a_count_of_copies_are_as_on_paper(void **state)
{
    (void)state;
    struct scenario scenario = scenario_default(SCENARIO_CLEAN);
    scenario.peers = 10;
    assert_in_range((int)(10 * scenario_bound_s(&scenario)), 7158, 7159);       /* 716 s */
    assert_in_range((int)(1000 * scenario_even_copies(&scenario)), 1665, 1667); /* 2 * 10 / 12 */
    scenario.peers = 1;
    scenario.total_length = scenario.piece_length = MIB;
    /* the seed takes 0.42 s, in which the one peer can give nothing */
    assert_true(scenario_bound_pieces_s(&scenario) > scenario_bound_s(&scenario) - 1e-9);
    scenario.peers = 2;
    /* the second has it at (p + p u / (u_s + u)) / (u_s + u) at the best, not before */
    assert_true(scenario_bound_pieces_s(&scenario) > scenario_bound_s(&scenario));
}

static void the_seed_may_leave_once_all_is_elsewhere(void **state)
{
    (void)state;
    struct scenario scenario = scenario_of(SCENARIO_SEED_LEAVES, 30, 48);
    struct scenario_outcome outcome = run(&scenario);
    assert_true(outcome.copies_at_out < 1.2);
    assert_true(outcome.last_s < 1.4 * outcome.bound_s);
    scenario_outcome_dispose(&outcome);
}

/* Three in ten send wrong blocks, or nothing at all. */
static void polluters_and_liars_cost_little(void **state)
{
    (void)state;
    struct scenario scenario = scenario_of(SCENARIO_CLEAN, 30, 48);
    struct scenario_outcome clean = run(&scenario);
    scenario.kind = SCENARIO_POLLUTERS;
    struct scenario_outcome polluted = run(&scenario);
    assert_true(polluted.last_s < 1.5 * clean.last_s);
    assert_int_equal(polluted.bad_peers, 12);
    assert_int_equal(polluted.bad_banned, 12);
    scenario.kind = SCENARIO_LIARS;
    struct scenario_outcome lied = run(&scenario);
    assert_true(lied.last_s < 1.5 * clean.last_s);
    scenario_outcome_dispose(&clean);
    scenario_outcome_dispose(&polluted);
    scenario_outcome_dispose(&lied);
}

static void free_riders_wait_for_those_who_give(void **state)
{
    (void)state;
    struct scenario scenario = scenario_of(SCENARIO_FREE_RIDERS, 40, 48);
    struct scenario_outcome outcome = run(&scenario);
    assert_true(outcome.median_free_rider_s > 1.1 * outcome.median_s);
    assert_true(outcome.median_s < outcome.bound_s); /* which is of the last */
    scenario_outcome_dispose(&outcome);
}

static void crowds_and_late_ones_are_served(void **state)
{
    (void)state;
    static const enum swarm_scenario kinds[] = {SCENARIO_FLASH, SCENARIO_ARRIVALS, SCENARIO_MIXED};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct scenario scenario = scenario_of(kinds[i], 30, 16);
        struct scenario_outcome outcome = run(&scenario);
        scenario_outcome_dispose(&outcome);
    }
}

static void rarest_first_beats_the_other_orders(void **state)
{
    (void)state;
    double last_s[SWARM_ORDERS], copies[SWARM_ORDERS];
    for (int order = 0; order < SWARM_ORDERS; order++) {
        struct scenario scenario = scenario_of(SCENARIO_SLOW_SEED, 30, 32);
        scenario.order = (enum swarm_order)order;
        struct scenario_outcome outcome = run(&scenario);
        last_s[order] = outcome.last_s;
        copies[order] = outcome.copies_at_out;
        scenario_outcome_dispose(&outcome);
    }
    assert_true(last_s[SWARM_RAREST] < last_s[SWARM_RANDOM]);
    assert_true(last_s[SWARM_RAREST] < last_s[SWARM_SEQUENTIAL]);
    assert_true(copies[SWARM_RAREST] < copies[SWARM_RANDOM]);
}

int main(void)
{
    const struct CMUnitTest small[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_trace),
    };
    const struct CMUnitTest all[] = {
        cmocka_unit_test(one_fetches_at_the_rate_of_the_link),
        cmocka_unit_test(the_same_seed_gives_the_same_trace),
        cmocka_unit_test(the_last_is_done_close_to_the_bound),
        cmocka_unit_test(a_slow_seed_sends_little_twice),
        cmocka_unit_test(large_pieces_leave_the_seed_only_a_little_twice),
        cmocka_unit_test(a_bound_and_a_count_of_copies_are_as_on_paper),
        cmocka_unit_test(the_seed_may_leave_once_all_is_elsewhere),
        cmocka_unit_test(polluters_and_liars_cost_little),
        cmocka_unit_test(free_riders_wait_for_those_who_give),
        cmocka_unit_test(crowds_and_late_ones_are_served),
        cmocka_unit_test(rarest_first_beats_the_other_orders),
    };
    if (getenv("KADPEER_SWARM_SMALL") != NULL)
        return cmocka_run_group_tests(small, NULL, NULL);
    return cmocka_run_group_tests(all, NULL, NULL);
}
