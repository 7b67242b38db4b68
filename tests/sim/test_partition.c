/* Half of a busy network is cut off for an hour, long enough for all to forget those on the other
 * side; minutes after the cut is mended it is one network again. So are two that begin apart, and
 * an island of a few nodes with the rest. */
#include "support/unit.h"

#include "sim/grown_net.h"
#include "sim/samples.h"

#define NODES    120
#define RECORDS  60
#define MINUTE   (60 * 1000ull)
#define APART_MS (NODES / 2 * 100 + 2000ull) /* two seconds after the second half begins */

static size_t other_side_of(const struct partition *partition, size_t node)
{
    size_t other = node;
    while (partition_side(partition, other) == partition_side(partition, node))
        other = (other + 1) % NODES;
    return other;
}

/* How many contacts there are across the cut. */
static size_t contacts_across(struct net *net, const struct partition *partition)
{
    struct dht_contact contacts[512];
    size_t across = 0;
    for (size_t node = 0; node < NODES; node++) {
        size_t count = dht_contacts(net_dht(net, node), contacts, 512);
        for (size_t i = 0; i < count; i++)
            across += partition_side(partition, net_node_at(net, &contacts[i].endpoint)) !=
                      partition_side(partition, node);
    }
    return across;
}

/* Every node looks something up each minute. */
static void be_busy(struct net *net, unsigned minutes)
{
    for (unsigned i = 0; i < minutes * NODES; i++) {
        struct id target;
        rng_fill(net_rng(net), target.bytes, sizeof target.bytes);
        net_find(net, i % NODES, &target);
        net_run_for(net, MINUTE / NODES);
    }
    net_run_for(net, MINUTE);
    net_forget_outcomes(net);
}

static size_t found_across(struct net *net, const struct partition *partition,
                           const struct sample samples[], size_t first, size_t count)
{
    size_t outcomes[2 * RECORDS], found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sample *sample = &samples[first + i];
        size_t reader = other_side_of(partition, (first + i) % NODES);
        outcomes[i] = net_get(net, reader, &sample->key, sample->kind, sample_value(sample));
        net_run_for(net, 200);
    }
    net_run_for(net, 20000);
    for (size_t i = 0; i < count; i++)
        found += net_outcome(net, outcomes[i])->found;
    net_forget_outcomes(net);
    return found;
}

static void a_network_that_fell_apart_is_one_again(void **state)
{
    (void)state;
    struct net *net = grown_net(test_seed(31), NODES, 0.01);
    struct partition *partition = net_add_partition(net, 0.5);
    struct sample samples[2 * RECORDS];
    for (uint32_t i = 0; i < RECORDS; i++) {
        samples[i] = sample_part(i);
        net_publish(net, i % NODES, &samples[i]);
    }
    net_run_for(net, 5 * MINUTE);
    partition_close(partition, true);
    be_busy(net, 60);
    for (uint32_t i = RECORDS; i < 2 * RECORDS; i++) { /* while they are apart */
        samples[i] = sample_part(i);
        net_publish(net, i % NODES, &samples[i]);
    }
    net_run_for(net, 5 * MINUTE);
    size_t apart = contacts_across(net, partition);
    assert_int_equal(found_across(net, partition, samples, RECORDS, RECORDS), 0);
    partition_close(partition, false);
    be_busy(net, 14);
    size_t found = found_across(net, partition, samples, 0, 2 * RECORDS);
    print_message("# %zu contacts across, then %zu; %zu of %u found\n", apart,
                  contacts_across(net, partition), found, 2 * RECORDS);
    assert_true(apart < NODES); /* fewer than one each */
    assert_true(found * 100 >= 2 * RECORDS * 99);
    net_free(net);
}

/* What goes between the first half and the second is lost for a while. */
static bool halves_apart(void *state, struct net_packet *packet)
{
    const struct net *net = *(struct net **)state;
    return net_now_ms(net) >= APART_MS || (packet->from < NODES / 2) == (packet->to < NODES / 2);
}

/* Its bootstrap node does not answer it at first, while others join by it: they all get to the
 * others in the end. */
static void who_joins_by_a_node_that_is_not_in_yet_is_in_with_it(void **state)
{
    (void)state;
    struct net_config config = {.seed = test_seed(32), .family = ENDPOINT_IPV4};
    struct net *net = net_new(&config);
    struct sample samples[RECORDS];
    size_t outcomes[RECORDS], found = 0;
    net_add_delay(net, 10, 100);
    net_add_part(net, &(struct net_part){.state = &net, .pass = halves_apart});
    for (size_t i = 0; i < NODES; i++) {
        net_add_node(net, NULL);
        net_start(net, i, i == 0 ? NET_NONE : i <= NODES / 2 ? 0 : NODES / 2);
        net_run_for(net, 100);
    }
    net_run_for(net, 5 * MINUTE);
    for (uint32_t i = 0; i < RECORDS; i++) {
        samples[i] = sample_part(i);
        net_publish(net, i % NODES, &samples[i]);
    }
    net_run_for(net, MINUTE);
    for (size_t i = 0; i < RECORDS; i++)
        outcomes[i] = net_get(net, (i + NODES / 2) % NODES, &samples[i].key, samples[i].kind,
                              sample_value(&samples[i]));
    net_run_for(net, MINUTE);
    for (size_t i = 0; i < RECORDS; i++)
        found += net_outcome(net, outcomes[i])->found;
    assert_int_equal(found, RECORDS);
    net_free(net);
}

/* ---- islands ---- */

#define MAIN   40 /* nodes of the network; those after it are the island */
#define ISLAND 7

/* All of the island have as many contacts as there are to have of the network. */
static void assert_no_island(struct net *net)
{
    for (size_t node = MAIN; node < MAIN + ISLAND; node++)
        assert_true(net_stats(net, node).contacts >= DHT_K);
    struct sample samples[ISLAND];
    size_t outcomes[ISLAND];
    for (uint32_t i = 0; i < ISLAND; i++) {
        samples[i] = sample_part(i);
        net_publish(net, MAIN + i, &samples[i]);
    }
    net_run_for(net, MINUTE);
    for (size_t i = 0; i < ISLAND; i++)
        outcomes[i] = net_get(net, i, &samples[i].key, samples[i].kind, sample_value(&samples[i]));
    net_run_for(net, MINUTE);
    for (size_t i = 0; i < ISLAND; i++)
        assert_true(net_outcome(net, outcomes[i])->found);
}

static bool is_between(const struct net_packet *packet)
{
    return (packet->from < MAIN) != (packet->to < MAIN);
}

static bool far_from_the_island(void *state, struct net_packet *packet)
{
    (void)state;
    packet->delay_ms += is_between(packet) ? 150 : 0;
    return true;
}

/* Neighbours a few milliseconds away come to it before its bootstrap node, three hundred away, has
 * answered: by their measure that one is silent for ever. */
static void quick_neighbours_do_not_hide_a_slow_network(void **state)
{
    (void)state;
    struct net_config config = {.seed = test_seed(33), .family = ENDPOINT_IPV4};
    struct net *net = net_new(&config);
    net_add_delay(net, 1, 5);
    net_add_part(net, &(struct net_part){.pass = far_from_the_island});
    net_grow(net, MAIN);
    net_run_for(net, MINUTE);
    for (size_t i = 0; i < ISLAND; i++) {
        net_start(net, net_add_node(net, NULL), i == 0 ? 0 : MAIN);
        net_run_for(net, 20);
    }
    net_run_for(net, MINUTE);
    assert_true(net_stats(net, MAIN).contacts >= DHT_K);
    net_run_for(net, 20 * MINUTE);
    assert_no_island(net);
    net_free(net);
}

static bool cut_off_the_island(void *state, struct net_packet *packet)
{
    return !*(bool *)state || !is_between(packet);
}

/* It knows another endpoint beside its bootstrap node's, and only that one answers. */
static void who_reached_but_a_few_asks_the_others_again(void **state)
{
    (void)state;
    struct net_config config = {.seed = test_seed(34), .family = ENDPOINT_IPV4};
    struct net *net = net_new(&config);
    bool apart = true;
    net_add_delay(net, 10, 100);
    net_add_part(net, &(struct net_part){.state = &apart, .pass = cut_off_the_island});
    net_grow(net, MAIN);
    for (size_t i = 0; i < ISLAND; i++) {
        net_start(net, net_add_node(net, NULL), i == 0 ? NET_NONE : MAIN);
        net_run_for(net, 100);
    }
    struct endpoint bootstrap = net_endpoint(net, 0);
    dht_bootstrap(net_dht(net, MAIN + 1), &bootstrap, 1, net_now_ms(net));
    net_touched(net, MAIN + 1);
    net_run_for(net, MINUTE);
    assert_int_equal(net_stats(net, MAIN + 1).contacts, ISLAND - 1);
    apart = false;
    net_run_for(net, 60 * MINUTE);
    assert_no_island(net);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_that_fell_apart_is_one_again),
        cmocka_unit_test(who_joins_by_a_node_that_is_not_in_yet_is_in_with_it),
        cmocka_unit_test(quick_neighbours_do_not_hide_a_slow_network),
        cmocka_unit_test(who_reached_but_a_few_asks_the_others_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
