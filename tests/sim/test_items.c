/* What users and groups keep in the table: items, parts and drops among hundreds of nodes, with
 * loss and churn, and with nodes that missed the news. */
#include "support/unit.h"

#include <string.h>

#include "sim/grown_net.h"
#include "sim/samples.h"

#define NODES   500
#define ITEMS   50
#define PARTS   50
#define DROPS   20
#define RECORDS (ITEMS + PARTS + DROPS)
#define MINUTE  (60 * 1000ull)
#define HOUR    (60 * MINUTE)
#define DAY     (24 * HOUR)

static struct dht_event get(struct net *net, size_t node, const struct sample *sample, bool *found)
{
    size_t outcome = net_get(net, node, &sample->key, sample->kind, sample_value(sample));
    assert_true(net_run_until_done(net, outcome, MINUTE));
    *found = net_outcome(net, outcome)->found;
    return net_outcome(net, outcome)->event;
}

/* ---- all of them ---- */

static struct sample samples[RECORDS];

static void publish_all(struct net *net, size_t first_owner, size_t owners)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint64_t expiry_unix_s = net_unix_s(net) + 6 * 86400;
        samples[i] = i < ITEMS           ? sample_item(i, 1, expiry_unix_s)
                     : i < ITEMS + PARTS ? sample_part(i)
                                         : sample_drop(i, expiry_unix_s);
        net_publish(net, first_owner + i % owners, &samples[i]);
    }
}

/* By random nodes; those whose asker goes down meanwhile do not count. */
static void assert_found(struct net *net, unsigned percent)
{
    size_t outcomes[RECORDS], found = 0, runs = 0;
    uint64_t holding = 0, nearest = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        outcomes[i] = net_get(net, net_random_up(net, 1), &samples[i].key, samples[i].kind,
                              sample_value(&samples[i]));
        net_run_for(net, 200);
    }
    net_run_for(net, 10000);
    for (size_t i = 0; i < RECORDS; i++) {
        const struct net_outcome *outcome = net_outcome(net, outcomes[i]);
        runs += outcome->done;
        found += outcome->done && outcome->found;
        holding += outcome->done ? outcome->event.holding : 0;
        nearest += outcome->done ? outcome->event.nearest : 0;
    }
    print_message("# found %zu of %zu, at %.1f of %.1f nodes\n", found, runs,
                  (double)holding / (double)runs, (double)nearest / (double)runs);
    assert_true(runs >= RECORDS * 9 / 10);
    assert_true(found * 100 >= runs * percent);
}

static void all_are_found_although_datagrams_are_lost(void **state)
{
    (void)state;
    struct net *net = grown_net(test_seed(1), NODES, 0.1);
    publish_all(net, 0, NODES);
    net_run_for(net, MINUTE);
    assert_found(net, 100);
    net_free(net);
}

static void all_outlive_two_hours_of_churn(void **state)
{
    (void)state;
    struct net *net = grown_net(test_seed(2), NODES, 0.02);
    publish_all(net, 1, 49); /* owners stay; the others come and go */
    net_churn(net, 50, HOUR, 20 * MINUTE, true);
    for (int hour = 0; hour < 2; hour++) {
        net_run_for(net, HOUR);
        assert_found(net, 99);
    }
    net_free(net);
}

/* Whoever keeps them hands them on. */
static void all_outlive_those_who_put_them(void **state)
{
    (void)state;
    struct net *net = grown_net(test_seed(3), 150, 0.01);
    publish_all(net, 1, 9);
    net_run_for(net, 10 * MINUTE);
    for (size_t i = 1; i < 10; i++)
        net_stop(net, i);
    net_churn(net, 10, HOUR, HOUR / 2, false);
    net_run_for(net, 6 * HOUR);
    assert_found(net, 98);
    net_free(net);
}

/* Handed on again and again it still is a week old at the end of the week. */
static void a_part_that_nobody_wants_ends(void **state)
{
    (void)state;
    struct net *net = grown_net(test_seed(4), 40, 0.01);
    struct sample part = sample_part(1);
    bool found;
    net_publish(net, 1, &part);
    net_run_for(net, 10 * MINUTE);
    net_stop(net, 1);
    net_churn(net, 2, 10 * HOUR, HOUR, false);
    net_run_for(net, 6 * DAY);
    size_t held = 0;
    for (size_t i = 0; i < 40; i++) {
        struct dht_stats stats;
        if (!net_is_up(net, i))
            continue;
        dht_stats(net_dht(net, i), &stats);
        held += stats.stored_records;
    }
    assert_true(held >= 10);
    net_run_for(net, DAY + HOUR);
    struct dht_event done = get(net, 0, &part, &found);
    assert_false(found);
    assert_int_equal(done.status, STATUS_NOT_FOUND);
    net_free(net);
}

/* ---- nodes that missed the news ---- */

/* Nothing reaches those in it. */
struct cut_off {
    size_t nodes[DHT_K];
    size_t count;
};

static bool pass_unless_cut_off(void *state, struct net_packet *packet)
{
    const struct cut_off *cut = state;
    for (size_t i = 0; i < cut->count; i++)
        if (packet->to == cut->nodes[i])
            return false;
    return true;
}

static void publish_past(struct net *net, struct cut_off *cut, size_t count, size_t node,
                         const struct sample *sample)
{
    size_t nearest[DHT_K];
    net_nearest(net, &sample->key, nearest, DHT_K);
    for (size_t i = 0; cut->count < count; i++)
        if (nearest[i] != node && i % 3 != 2)
            cut->nodes[cut->count++] = nearest[i];
    net_publish(net, node, sample);
    net_run_for(net, 10000);
    net_stop(net, node); /* it will not put it again */
    cut->count = 0;
    net_run_for(net, MINUTE); /* till all know them for alive again */
}

static uint64_t repaired_by(struct net *net, size_t node)
{
    struct dht_stats stats;
    dht_stats(net_dht(net, node), &stats);
    return stats.repaired;
}

static void the_newest_item_wins_over_a_third_that_serve_an_old_one(void **state)
{
    (void)state;
    uint64_t seed = test_seed(5);
    uint64_t mended = 0;
    for (uint32_t round = 0; round < 10; round++) {
        struct net *net = grown_net(seed + round, 120, 0.01);
        struct cut_off cut = {.count = 0};
        net_add_part(net, &(struct net_part){.state = &cut, .pass = pass_unless_cut_off});
        struct sample old = sample_item(round, 1, net_unix_s(net) + 86400);
        struct sample new = sample_item(round, 2, net_unix_s(net) + 86400);
        bool found;
        net_publish(net, 1, &old);
        net_run_for(net, 10000);
        net_stop(net, 1);
        publish_past(net, &cut, DHT_K * 3 / 10, 2, &new);

        struct dht_event first = get(net, 50, &new, &found);
        assert_true(found);
        assert_true(first.holding < first.nearest);
        net_run_for(net, 5000);
        mended += repaired_by(net, 50);
        struct dht_event second = get(net, 60, &new, &found);
        assert_true(found);
        print_message("# %u of %u have it, then %u of %u\n", first.holding, first.nearest,
                      second.holding, second.nearest);
        assert_true(second.holding > first.holding);
        assert_int_equal(second.values, 1); /* nobody brings the old one */
        net_free(net);
    }
    assert_true(mended >= 30);
}

static size_t another_than(const size_t nodes[], size_t count, size_t from)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i] == from)
            return another_than(nodes, count, from + 1);
    return from;
}

/* The same part, with most of those who should have it cut off when it was put. */
static void what_fewer_than_half_hold_is_put_anew_by_whoever_reads_it(void **state)
{
    (void)state;
    struct net *net = grown_net(test_seed(6), 120, 0.01);
    struct cut_off cut = {.count = 0};
    net_add_part(net, &(struct net_part){.state = &cut, .pass = pass_unless_cut_off});
    struct sample part = sample_part(1);
    size_t nearest[DHT_K];
    bool found;
    net_nearest(net, &part.key, nearest, DHT_K);
    for (size_t i = 0; i < 14; i++)
        cut.nodes[cut.count++] = nearest[i];
    size_t owner = another_than(nearest, DHT_K, 1);
    size_t reader = another_than(nearest, DHT_K, owner + 1);
    net_publish(net, owner, &part);
    net_run_for(net, 10000);
    net_stop(net, owner);
    cut.count = 0;
    net_run_for(net, MINUTE);
    struct dht_event first = get(net, reader, &part, &found);
    assert_true(found);
    assert_true(2 * first.holding < first.nearest);
    net_run_for(net, 5000);
    struct dht_event second = get(net, reader, &part, &found);
    print_message("# %u of %u have it, then %u of %u\n", first.holding, first.nearest,
                  second.holding, second.nearest);
    assert_true(second.holding * 10 >= second.nearest * 9);
    net_free(net);
}

static void drops_of_several_senders_meet_in_a_mailbox(void **state)
{
    (void)state;
    struct net *net = grown_net(test_seed(7), 100, 0.02);
    struct sample drops[10];
    uint64_t expiry_unix_s = net_unix_s(net) + 86400;
    for (uint32_t i = 0; i < 10; i++) {
        drops[i] = sample_drop_into(7, i, expiry_unix_s);
        net_publish(net, 1 + i, &drops[i]);
    }
    net_run_for(net, MINUTE);
    for (uint32_t i = 0; i < 10; i++)
        net_stop(net, 1 + i);
    for (uint32_t i = 0; i < 10; i++) {
        bool found;
        struct dht_event done = get(net, 50, &drops[i], &found);
        assert_true(found);
        assert_int_equal(done.values, 10);
    }
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_found_although_datagrams_are_lost),
        cmocka_unit_test(all_outlive_two_hours_of_churn),
        cmocka_unit_test(all_outlive_those_who_put_them),
        cmocka_unit_test(a_part_that_nobody_wants_ends),
        cmocka_unit_test(the_newest_item_wins_over_a_third_that_serve_an_old_one),
        cmocka_unit_test(what_fewer_than_half_hold_is_put_anew_by_whoever_reads_it),
        cmocka_unit_test(drops_of_several_senders_meet_in_a_mailbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
