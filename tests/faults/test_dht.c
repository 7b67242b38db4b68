/* A small network of nodes while memory runs out: they lose a walk or a record by it, never their
 * wits. */
#include "support/unit.h"

#include <errno.h>

#include "kadpeer/records.h"
#include "sim/net_parts.h"
#include "sim/samples.h"
#include "sweep.h"

enum { NODES = 6, SECOND = 1000 };

static void publish(struct net *net, size_t node, const struct sample *sample)
{
    dht_publish(net_dht(net, node), &sample->key, sample->kind, sample_value(sample),
                net_now_ms(net));
    net_touched(net, node);
}

static void start(struct net *net, size_t node)
{
    net_add_node(net, NULL);
    net_start(net, node, node > 0 ? 0 : NET_NONE);
}

/* One joins, one publishes, one asks, one leaves; then all of it again, and it works. */
static void life(void *user)
{
    struct net_config config = {.seed = 1, .family = ENDPOINT_IPV4, .addresses = NET_LAN};
    struct net *net = net_new(&config);
    (void)user;
    net_add_delay(net, 1, 5);
    for (size_t i = 0; i < NODES; i++)
        start(net, i);
    net_run_for(net, 10 * SECOND);
    struct sample peer = sample_peer(1), entry = sample_entry(1, net_unix_s(net) + 86400);
    sweep_begin();
    publish(net, 1, &peer);
    publish(net, 2, &entry);
    net_get(net, 3, &entry.key, entry.kind, sample_value(&entry));
    struct endpoint known = net_endpoint(net, 2);
    dht_bootstrap(net_dht(net, 4), &known, 1, net_now_ms(net));
    net_touched(net, 4);
    net_run_for(net, 20 * SECOND);
    sweep_cure();

    publish(net, 1, &peer);
    publish(net, 2, &entry);
    net_run_for(net, 120 * SECOND);
    start(net, NODES);
    net_run_for(net, 20 * SECOND);
    for (size_t i = 0; i <= NODES; i += NODES) {
        size_t one = net_get(net, i, &peer.key, peer.kind, sample_value(&peer));
        size_t other = net_get(net, i, &entry.key, entry.kind, sample_value(&entry));
        assert_true(net_run_until_done(net, one, 30 * SECOND));
        assert_true(net_run_until_done(net, other, 30 * SECOND));
        assert_true(net_outcome(net, one)->found);
        assert_true(net_outcome(net, other)->found);
    }
    net_free(net);
}

static void every_allocation_of_a_small_network_may_fail(void **state)
{
    struct sweep once = {.error = ENOMEM};
    (void)state;
    assert_true(sweep(&once, life, NULL) > 0);
}

static void memory_may_run_out_in_a_small_network(void **state)
{
    struct sweep forever = {.error = ENOMEM, .mode = SWEEP_FOREVER};
    (void)state;
    assert_true(sweep(&forever, life, NULL) > 0);
}

/* ---- and alone ---- */

static void make_node(void *user)
{
    struct dht_config config = {.family = ENDPOINT_IPV4};
    (void)user;
    rng_init_seed(&config.rng, 1);
    sweep_begin();
    struct dht *dht = dht_new(&config, 1000);
    if (!sweep_cure())
        assert_non_null(dht);
    dht_free(dht);
}

static void node_is_made_whole_or_not_at_all(void **state)
{
    struct sweep once = {.error = ENOMEM};
    (void)state;
    assert_true(sweep(&once, make_node, NULL) > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(node_is_made_whole_or_not_at_all, sweep_tell),
        cmocka_unit_test_teardown(every_allocation_of_a_small_network_may_fail, sweep_tell),
        cmocka_unit_test_teardown(memory_may_run_out_in_a_small_network, sweep_tell),
    };
    (void)argc;
    sweep_load(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
