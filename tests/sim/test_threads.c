/* A network that several threads run: what happens is the same for any number of them. */
#include "support/unit.h"

#include "sim/churn.h"
#include "sim/latency.h"
#include "sim/net_parts.h"
#include "sim/net_private.h"
#include "sim/samples.h"

#define NODES  300
#define MINUTE (60 * 1000ull)

struct story {
    uint64_t trace, delivered, datagrams, bytes, up_ms, latency_ms;
    size_t found, up, crewed; /* no padding: they are compared */
};

static struct net *new_net(uint64_t seed, unsigned threads)
{
    struct net_config config = {
        .seed = seed, .family = ENDPOINT_IPV4, .large = true, .threads = threads};
    struct net *net = net_new(&config);
    net_add_internet(net);
    net_add_loss(net, 0.02);
    net_add_duplicates(net, 0.01, 300);
    net_add_reordering(net, 0.02, 100);
    return net;
}

/* All ask at once. */
static void look_up(struct net *net, const struct sample *sample, struct story *story)
{
    for (size_t i = 0; i < NODES; i++)
        if (net_is_up(net, i))
            net_get(net, i, &sample->key, sample->kind, sample_value(sample));
    net_run_for(net, MINUTE / 2);
    for (size_t i = 0; i < story->up; i++) {
        story->found += net_outcome(net, i)->found;
        story->latency_ms += net_outcome(net, i)->found_ms - net_outcome(net, i)->started_ms;
    }
    net_forget_outcomes(net);
}

static struct story told_by(uint64_t seed, unsigned threads)
{
    struct story story = {0};
    struct net *net = new_net(seed, threads);
    net_grow(net, NODES);
    net_run_for(net, MINUTE);
    net_churn_by(net, 10, &churn_harsh, false);
    net_run_for(net, 5 * MINUTE);
    net_churn_ends(net);
    struct sample sample = sample_peer(1);
    net_publish(net, 3, &sample);
    net_run_for(net, 10 * 1000);
    story.up = net_up(net);
    look_up(net, &sample, &story);
    struct net_traffic traffic = net_traffic(net);
    story.trace = net_trace(net);
    story.delivered = net_delivered(net);
    story.datagrams = traffic.datagrams;
    story.bytes = traffic.bytes;
    story.up_ms = traffic.up_ms;
    story.crewed = net->crew != NULL;
    net_free(net);
    return story;
}

static void all_happens_the_same_with_any_number_of_threads(void **state)
{
    (void)state;
    uint64_t seed = test_seed(1);
    struct story one = told_by(seed, 1);
    assert_int_equal(one.crewed, 0);
    assert_true(one.up > NODES / 4);
    assert_true(one.found * 100 >= one.up * 98);
    for (unsigned threads = 2; threads <= 5; threads += 3) {
        struct story several = told_by(seed, threads);
        assert_int_equal(several.crewed, 1);
        several.crewed = 0;
        assert_memory_equal(&several, &one, sizeof one);
    }
}

static void another_seed_is_another_story(void **state)
{
    (void)state;
    uint64_t seed = test_seed(2);
    assert_int_not_equal(told_by(seed, 2).trace, told_by(seed + 1, 2).trace);
}

/* What is awaited is seen when its window ends, the clock of all is the same then. */
static void an_outcome_is_awaited(void **state)
{
    (void)state;
    struct net *net = new_net(test_seed(3), 2);
    net_grow(net, 50);
    struct sample sample = sample_peer(1);
    net_publish(net, 3, &sample);
    net_run_for(net, MINUTE);
    uint64_t began_ms = net_now_ms(net);
    size_t outcome = net_get(net, 40, &sample.key, sample.kind, sample_value(&sample));
    assert_true(net_run_until_done(net, outcome, MINUTE));
    assert_true(net_outcome(net, outcome)->found);
    assert_true(net_now_ms(net) < began_ms + MINUTE);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(net_now_at(net, i), net_now_ms(net));
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_happens_the_same_with_any_number_of_threads),
        cmocka_unit_test(another_seed_is_another_story),
        cmocka_unit_test(an_outcome_is_awaited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
