/* Hostile nodes do what they are said to do, to somebody who asks each of them by hand; and a
 * network that has some still stands. */
#include "support/unit.h"

#include <string.h>

#include "dht/codec_msgpack.h"
#include "dht/node_id.h"
#include "sim/net_parts.h"
#include "sim/rogue.h"
#include "sim/samples.h"

#define NODES  60
#define MINUTE (60 * 1000ull)

/* An honest actor, who asks and keeps the last answer. */
struct asker {
    struct net *net;
    struct rogues *rogues;
    struct net_actor actor;
    size_t node;
    size_t answers;
    uint64_t answered_ms;
    struct message answer; /* without its values, which were borrowed */
};

static void on_answer(void *state, size_t node, const struct endpoint *from, struct bytes data)
{
    struct asker *asker = state;
    struct message message;
    (void)node, (void)from;
    if (codec_msgpack_decode(data, &message) != DECODE_OK || message.type != MESSAGE_RESPONSE)
        return; /* a ping to somebody who asked */
    asker->answer = message;
    asker->answers++;
    asker->answered_ms = net_now_ms(asker->net);
}

static void set_up(struct asker *asker, uint64_t seed)
{
    struct net_config config = {.seed = seed, .family = ENDPOINT_IPV4, .addresses = NET_PUBLIC};
    *asker = (struct asker){.net = net_new(&config)};
    struct latency *latency = net_add_internet(asker->net);
    for (size_t i = 0; i < NODES; i++) {
        net_add_node(asker->net, NULL);
        net_start(asker->net, i, i > 0 ? 0 : NET_NONE);
        net_run_for(asker->net, 100);
    }
    net_run_for(asker->net, MINUTE);
    asker->rogues = rogues_new(asker->net, latency);
    asker->node = net_add_node(asker->net, NULL);
    asker->actor = (struct net_actor){.state = asker, .on_datagram = on_answer};
    net_act(asker->net, asker->node, &asker->actor);
}

static void tear_down(struct asker *asker)
{
    rogues_free(asker->rogues);
    net_free(asker->net);
}

/* Gives whether it was answered, and sets asker->answer. */
static bool ask(struct asker *asker, size_t node, enum message_method method,
                const struct id *target)
{
    struct message query;
    uint8_t bytes[DHT_DATAGRAM_MAX];
    struct endpoint to = net_endpoint(asker->net, node);
    size_t before = asker->answers;
    message_init(&query, MESSAGE_QUERY);
    message_set_txid(&query, 7);
    rng_fill(net_rng(asker->net), query.id.bytes, ID_BYTES);
    query.method = method;
    query.target = *target;
    query.pad_to = MESSAGE_PAD_TO;
    if (method == METHOD_GET)
        query.kind = KIND_PEER;
    struct message_fit fit = codec_msgpack_encode(&query, bytes, sizeof bytes);
    net_send(asker->net, asker->node, NULL, &to, bytes_of(bytes, fit.len));
    net_run_for(asker->net, 5000);
    return asker->answers > before;
}

static struct id any_id(struct asker *asker)
{
    struct id id;
    rng_fill(net_rng(asker->net), id.bytes, ID_BYTES);
    return id;
}

static void silent_ones_answer_pings_alone(void **state)
{
    (void)state;
    struct asker asker;
    set_up(&asker, test_seed(1));
    struct id target = any_id(&asker), id = net_id(asker.net, 9);
    rogues_turn(asker.rogues, 9, ROGUE_SILENT);
    assert_true(ask(&asker, 9, METHOD_PING, &target));
    assert_true(id_equal(&asker.answer.id, &id));
    assert_false(ask(&asker, 9, METHOD_FIND, &target));
    assert_false(ask(&asker, 9, METHOD_GET, &target));
    tear_down(&asker);
}

static void colluding_ones_name_each_other(void **state)
{
    (void)state;
    struct asker asker;
    set_up(&asker, test_seed(2));
    struct id target = any_id(&asker);
    for (size_t i = 0; i < 30; i++)
        rogues_turn(asker.rogues, 10 + i, ROGUE_COLLUDING);
    assert_true(ask(&asker, 12, METHOD_GET, &target));
    assert_int_equal(asker.answer.node_count, DHT_K);
    assert_true(asker.answer.token_len > 0);
    assert_int_equal(asker.answer.value_count, 0);
    for (size_t i = 0; i < DHT_K; i++) {
        size_t node = net_node_at(asker.net, &asker.answer.nodes[i].endpoint);
        assert_true(rogues_has(asker.rogues, node));
        assert_true(i == 0 || id_distance_compare(&target, &asker.answer.nodes[i - 1].id,
                                                  &asker.answer.nodes[i].id) < 0);
    }
    tear_down(&asker);
}

static void dead_addresses_lie_near_and_fit_and_are_nobodys(void **state)
{
    (void)state;
    struct asker asker;
    set_up(&asker, test_seed(3));
    struct id target = any_id(&asker);
    rogues_turn(asker.rogues, 9, ROGUE_DEAD);
    assert_true(ask(&asker, 9, METHOD_FIND, &target));
    assert_int_equal(asker.answer.node_count, DHT_K);
    for (size_t i = 0; i < DHT_K; i++) {
        const struct message_node *node = &asker.answer.nodes[i];
        assert_int_equal(net_node_at(asker.net, &node->endpoint), NET_NONE);
        assert_true(node_id_fits(&node->id, &node->endpoint));
        assert_true(id_common_bits(&node->id, &target) >= 8); /* honest ones: 6 or less */
    }
    tear_down(&asker);
}

static void slow_ones_are_honest(void **state)
{
    (void)state;
    struct asker asker;
    set_up(&asker, test_seed(4));
    struct id target = any_id(&asker);
    uint64_t asked_ms = net_now_ms(asker.net), quick_ms;
    assert_true(ask(&asker, 9, METHOD_FIND, &target));
    quick_ms = asker.answered_ms - asked_ms;
    rogues_turn(asker.rogues, 9, ROGUE_SLOW);
    asked_ms = net_now_ms(asker.net);
    assert_true(ask(&asker, 9, METHOD_FIND, &target));
    assert_int_equal(asker.answer.node_count, DHT_K);
    assert_true(asker.answered_ms - asked_ms > 3 * quick_ms / 2); /* jitter aside thrice */
    tear_down(&asker);
}

static void forging_ones_have_another_id_each_time(void **state)
{
    (void)state;
    struct asker asker;
    set_up(&asker, test_seed(5));
    struct id target = any_id(&asker), first;
    rogues_turn(asker.rogues, 9, ROGUE_FORGING);
    assert_true(ask(&asker, 9, METHOD_FIND, &target));
    first = asker.answer.id;
    assert_true(ask(&asker, 9, METHOD_FIND, &target));
    assert_false(id_equal(&first, &asker.answer.id));
    assert_true(id_common_bits(&first, &target) >= 8);
    tear_down(&asker);
}

static void besiegers_are_nearer_to_the_key_than_anybody(void **state)
{
    (void)state;
    struct asker asker;
    size_t nearest[1];
    set_up(&asker, test_seed(6));
    struct id key = any_id(&asker);
    net_nearest(asker.net, &key, nearest, 1);
    struct id honest = net_id(asker.net, nearest[0]);
    for (size_t i = 0; i < DHT_K; i++) {
        size_t node = rogues_add_near(asker.rogues, &key, ROGUE_COLLUDING);
        struct id id = net_id(asker.net, node);
        struct endpoint endpoint = net_endpoint(asker.net, node);
        assert_true(node_id_fits(&id, &endpoint));
        assert_true(id_distance_compare(&key, &id, &honest) < 0);
        rogues_greet(asker.rogues, node, nearest[0]);
    }
    net_run_for(asker.net, 10000);
    assert_true(ask(&asker, nearest[0], METHOD_FIND, &key));
    size_t named = 0;
    for (size_t i = 0; i < asker.answer.node_count; i++)
        named += rogues_has(asker.rogues, net_node_at(asker.net, &asker.answer.nodes[i].endpoint));
    assert_true(named >= 5); /* who is greeted asks back, and knows them then */
    tear_down(&asker);
}

static void floods_fill_stores_and_are_counted(void **state)
{
    (void)state;
    struct asker asker;
    struct dht_stats stats;
    set_up(&asker, test_seed(7));
    struct endpoint endpoint = {.addr = {110, 1, 1, 1}, .port = 6881, .family = ENDPOINT_IPV4};
    size_t flooder = rogues_add_at(asker.rogues, &endpoint, ROGUE_COLLUDING);
    for (int i = 0; i < 10; i++) {
        rogues_flood(asker.rogues, flooder, 20, NULL);
        net_run_for(asker.net, 1000);
    }
    dht_stats(net_dht(asker.net, 20), &stats);
    assert_true(rogues_flooded(asker.rogues) >= 100);
    assert_true(rogues_kept(asker.rogues) <= rogues_flooded(asker.rogues));
    assert_int_equal(stats.stored_records, rogues_kept(asker.rogues));
    assert_true(stats.stored_records > 0);
    tear_down(&asker);
}

static void a_network_with_a_tenth_of_them_finds_its_records(void **state)
{
    (void)state;
    struct asker asker;
    size_t found = 0;
    set_up(&asker, test_seed(8));
    for (uint32_t i = 0; i < 20; i++) {
        struct sample sample = sample_peer(i);
        dht_publish(net_dht(asker.net, i), &sample.key, sample.kind, sample_value(&sample),
                    net_now_ms(asker.net));
        net_touched(asker.net, i);
    }
    net_run_for(asker.net, MINUTE);
    for (size_t i = 0; i < NODES / 10; i++)
        rogues_turn(asker.rogues, 30 + i, (enum rogue_kind)(i % ROGUE_MIRROR));
    for (uint32_t i = 0; i < 20; i++) {
        struct sample sample = sample_peer(i);
        size_t outcome = net_get(asker.net, 50, &sample.key, sample.kind, sample_value(&sample));
        assert_true(net_run_until_done(asker.net, outcome, MINUTE));
        found += net_outcome(asker.net, outcome)->found;
    }
    assert_int_equal(found, 20);
    assert_true(rogues_asked(asker.rogues) > 0);
    tear_down(&asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_ones_answer_pings_alone),
        cmocka_unit_test(colluding_ones_name_each_other),
        cmocka_unit_test(dead_addresses_lie_near_and_fit_and_are_nobodys),
        cmocka_unit_test(slow_ones_are_honest),
        cmocka_unit_test(forging_ones_have_another_id_each_time),
        cmocka_unit_test(besiegers_are_nearer_to_the_key_than_anybody),
        cmocka_unit_test(floods_fill_stores_and_are_counted),
        cmocka_unit_test(a_network_with_a_tenth_of_them_finds_its_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
