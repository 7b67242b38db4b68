/* Who has very much to ask of few: a publisher of thousands of records, hundreds of gets at once.
 */
#include "support/unit.h"

#include "sim/net_parts.h"
#include "sim/samples.h"

#define NODES   6
#define RECORDS 8000
#define GETS    300 /* more than run at a time */

static struct net *joined_net(void)
{
    struct net_config config = {
        .seed = test_seed(1), .family = ENDPOINT_IPV4, .addresses = NET_PUBLIC};
    struct net *net = net_new(&config);
    net_add_delay(net, 1, 5);
    for (size_t i = 0; i < NODES; i++) {
        net_add_node(net, NULL);
        net_start(net, i, i > 0 ? 0 : NET_NONE);
    }
    net_run_for(net, 10000);
    return net;
}

static uint64_t limited(struct net *net)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < NODES; i++)
        sum += net_stats(net, i).limited;
    return sum;
}

static void a_busy_publisher_is_not_dropped(void **state)
{
    (void)state;
    struct net *net = joined_net();
    struct sample *samples = calloc(RECORDS, sizeof *samples);
    for (unsigned i = 0; i < RECORDS; i++) {
        samples[i] = sample_peer(i + 1);
        assert_int_equal(dht_publish(net_dht(net, 0), &samples[i].key, samples[i].kind,
                                     sample_value(&samples[i]), net_now_ms(net)),
                         STATUS_OK);
    }
    net_touched(net, 0);
    net_run_for(net, 120000);
    for (unsigned i = 0; i < RECORDS; i++) {
        uint32_t nodes;
        uint64_t at_ms;
        assert_true(
            dht_published(net_dht(net, 0), &samples[i].key, samples[i].kind, &nodes, &at_ms));
        assert_int_equal(nodes, NODES);
    }
    assert_true(net_stats(net, 0).paced > 0);
    assert_int_equal(net_stats(net, 0).timeouts, 0);
    assert_int_equal(limited(net), 0);
    net_free(net);
    free(samples);
}

static void hundreds_of_gets_at_once_all_find(void **state)
{
    (void)state;
    struct net *net = joined_net();
    struct sample sample = sample_peer(1);
    dht_publish(net_dht(net, 1), &sample.key, sample.kind, sample_value(&sample), net_now_ms(net));
    net_touched(net, 1);
    net_run_for(net, 5000);
    size_t first = 0;
    for (unsigned i = 0; i < GETS; i++) {
        size_t outcome = net_get(net, 0, &sample.key, sample.kind, sample_value(&sample));
        first = i == 0 ? outcome : first;
    }
    net_run_for(net, 60000);
    for (unsigned i = 0; i < GETS; i++) {
        assert_true(net_outcome(net, first + i)->done);
        assert_true(net_outcome(net, first + i)->found);
    }
    assert_true(net_stats(net, 0).paced > 0);
    assert_int_equal(limited(net), 0);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_publisher_is_not_dropped),
        cmocka_unit_test(hundreds_of_gets_at_once_all_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
