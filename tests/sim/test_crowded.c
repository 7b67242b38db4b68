/* Keys hidden behind hostile ids: for each, twenty nodes whose ids lie nearer to it than any honest
 * one, fit their addresses, and are in all tables around it. They answer at once, take every record
 * and keep none, hold nothing, and name nobody but each other. What is published under such keys is
 * found all the same. */
#include "support/unit.h"

#include <string.h>

#include "dht/codec_msgpack.h"
#include "dht/node_id.h"
#include "dht/params.h"
#include "sim/grown_net.h"
#include "sim/samples.h"

#define NODES      400
#define KEYS       20
#define GANG       DHT_K
#define NEAR_BITS  12 /* shared with the key: of 400 nodes the nearest shares some 8 */
#define VISITS     40 /* honest nodes around the key that each of them makes itself known to */
#define READERS    5
#define MINUTE     (60 * 1000ull)
#define TOKEN_SIZE 8

struct gang {
    struct net *net;
    struct net_actor actor;
    struct sample sample; /* what they hide */
    size_t members[GANG];
    size_t puts; /* that they took and threw away */
};

/* ---- what they do ---- */

static void send_message(struct gang *gang, size_t node, const struct endpoint *to,
                         const struct message *message)
{
    uint8_t bytes[DHT_DATAGRAM_MAX];
    struct message_fit fit = codec_msgpack.encode(message, bytes, sizeof bytes);
    net_send(gang->net, node, NULL, to, bytes_of(bytes, fit.len));
}

static void name_each_other(const struct gang *gang, struct message *answer)
{
    answer->has_nodes = true;
    for (size_t i = 0; i < GANG; i++)
        answer->nodes[answer->node_count++] =
            (struct message_node){.id = net_id(gang->net, gang->members[i]),
                                  .endpoint = net_endpoint(gang->net, gang->members[i])};
}

static void on_datagram(void *state, size_t node, const struct endpoint *from, struct bytes data)
{
    struct gang *gang = state;
    struct message query, answer;
    if (codec_msgpack.decode(data, &query) != DECODE_OK || query.type != MESSAGE_QUERY)
        return;
    message_init(&answer, MESSAGE_RESPONSE);
    memcpy(answer.txid, query.txid, query.txid_len);
    answer.txid_len = query.txid_len;
    answer.id = net_id(gang->net, node);
    answer.seen_address = *from;
    if (query.method == METHOD_FIND || query.method == METHOD_GET)
        name_each_other(gang, &answer);
    if (query.method == METHOD_GET) {
        answer.has_values = true;
        answer.token_len = TOKEN_SIZE;
        memset(answer.token, 1, TOKEN_SIZE);
    }
    if (query.method == METHOD_PUT)
        answer.code_count = query.record_count; /* all kept, it says */
    for (size_t i = 0; i < answer.code_count; i++)
        answer.codes[i] = CODE_OK;
    gang->puts += answer.code_count;
    send_message(gang, node, from, &answer);
}

/* Whom it asks pings it, and has it in the table from then on. */
static void make_itself_known(struct gang *gang, size_t node)
{
    size_t near[VISITS];
    size_t count = net_nearest(gang->net, &gang->sample.key, near, VISITS);
    for (size_t i = 0; i < count; i++) {
        struct endpoint to = net_endpoint(gang->net, near[i]);
        struct message find;
        message_init(&find, MESSAGE_QUERY);
        message_set_txid(&find, 1);
        find.method = METHOD_FIND;
        find.id = net_id(gang->net, node);
        find.target = gang->sample.key;
        find.pad_to = MESSAGE_PAD_TO;
        send_message(gang, node, &to, &find);
    }
}

/* An address whose fitting ids lie near the key: hired for that. */
static size_t add_member(struct gang *gang)
{
    struct rng *rng = net_rng(gang->net);
    struct net_node_options options = {.endpoint = {.family = ENDPOINT_IPV4, .port = 61881}};
    struct id id;
    do {
        rng_fill(rng, options.endpoint.addr, 4);
        options.endpoint.addr[0] = (uint8_t)(100 + rng_below(rng, 20));
        id = node_id_of_address(&options.endpoint, rng);
    } while (id_common_bits(&id, &gang->sample.key) < NEAR_BITS ||
             endpoint_is_local(&options.endpoint) ||
             net_node_at(gang->net, &options.endpoint) != NET_NONE);
    size_t node = net_add_node(gang->net, &options);
    net_set_id(gang->net, node, &id);
    net_act(gang->net, node, &gang->actor);
    return node;
}

static void surround(struct gang *gang, struct net *net, uint32_t number)
{
    *gang = (struct gang){.net = net, .actor = {.state = gang, .on_datagram = on_datagram}};
    gang->sample =
        number % 2 == 0 ? sample_peer(number) : sample_entry(number, net_unix_s(net) + 6 * 86400);
    for (size_t i = 0; i < GANG; i++)
        gang->members[i] = add_member(gang);
    for (size_t i = 0; i < GANG; i++)
        make_itself_known(gang, gang->members[i]);
    net_run_for(net, 10000);
}

/* ---- the others ---- */

static uint64_t crowded_keys(struct net *net)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < NODES; i++)
        sum += net_stats(net, i).crowded_keys;
    return sum;
}

/* Of the k nearest that a plain lookup finds. */
static size_t hostile_among_the_nearest(struct gang *gang)
{
    size_t outcome = net_find(gang->net, net_random_up(gang->net, 0), &gang->sample.key),
           hostile = 0;
    assert_true(net_run_until_done(gang->net, outcome, MINUTE));
    const struct net_outcome *found = net_outcome(gang->net, outcome);
    for (size_t i = 0; i < found->event.node_count; i++)
        for (size_t j = 0; j < GANG; j++) {
            struct id id = net_id(gang->net, gang->members[j]);
            hostile += id_equal(&found->nodes[i], &id);
        }
    return hostile;
}

static size_t publish(struct gang *gang)
{
    size_t owner = net_random_up(gang->net, 0);
    assert_int_equal(dht_publish(net_dht(gang->net, owner), &gang->sample.key, gang->sample.kind,
                                 sample_value(&gang->sample), net_now_ms(gang->net)),
                     STATUS_OK);
    net_touched(gang->net, owner);
    net_run_for(gang->net, 20000);
    return owner;
}

/* How many of some others find it. */
static size_t read(struct gang *gang, size_t owner)
{
    size_t found = 0;
    for (size_t i = 0; i < READERS; i++) {
        size_t reader;
        do
            reader = net_random_up(gang->net, 0);
        while (reader == owner);
        size_t outcome = net_get(gang->net, reader, &gang->sample.key, gang->sample.kind,
                                 sample_value(&gang->sample));
        assert_true(net_run_until_done(gang->net, outcome, MINUTE));
        found += net_outcome(gang->net, outcome)->found;
    }
    return found;
}

static void what_twenty_nearest_hostile_ids_hide_is_found(void **state)
{
    (void)state;
    struct net *net = grown_net(test_seed(1), NODES, 0.01);
    struct gang *gangs = calloc(KEYS, sizeof *gangs);
    size_t found = 0, hostile = 0, puts = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        surround(&gangs[i], net, i);
        hostile += hostile_among_the_nearest(&gangs[i]);
        size_t owner = publish(&gangs[i]);
        found += read(&gangs[i], owner);
        puts += gangs[i].puts;
    }
    print_message("# %zu of the %d nearest are hostile and took %zu records; %zu of %d found\n",
                  hostile, KEYS * DHT_K, puts, found, KEYS * READERS);
    assert_true(hostile * 100 >= KEYS * DHT_K * 95); /* the keys are hidden indeed */
    assert_true(puts >= KEYS * DHT_K * 90 / 100);
    assert_true(found * 100 >= KEYS * READERS * 95);
    assert_true(crowded_keys(net) >= KEYS);
    net_free(net);
    free(gangs);
}

/* Honest nodes beside the key keep what they are given as long as others would, and take what is
 * brought again. */
static void what_they_hide_is_found_after_renewals(void **state)
{
    (void)state;
    struct net *net = grown_net(test_seed(3), NODES, 0.01);
    struct gang *gangs = calloc(KEYS, sizeof *gangs);
    size_t owners[KEYS], found = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        surround(&gangs[i], net, 2 * i); /* peers */
        owners[i] = publish(&gangs[i]);
    }
    for (unsigned visits = 0; visits < 3;
         visits++) { /* two renewals; the first are past their end */
        net_run_for(net, 20 * MINUTE);
        for (size_t i = 0; i < KEYS * GANG; i++)
            make_itself_known(&gangs[i / GANG], gangs[i / GANG].members[i % GANG]);
    }
    for (size_t i = 0; i < KEYS; i++)
        found += read(&gangs[i], owners[i]);
    print_message("# %zu of %d found\n", found, KEYS * READERS);
    assert_true(found * 100 >= KEYS * READERS * 95);
    net_free(net);
    free(gangs);
}

static void honest_networks_have_no_crowded_keys(void **state)
{
    (void)state;
    struct net *net = grown_net(test_seed(2), NODES, 0.01);
    for (uint32_t i = 0; i < 300; i++) {
        struct sample sample = sample_peer(i);
        size_t outcome =
            net_get(net, net_random_up(net, 0), &sample.key, sample.kind, sample_value(&sample));
        assert_true(net_run_until_done(net, outcome, MINUTE));
    }
    print_message("# %u lookups were widened\n", (unsigned)crowded_keys(net));
    assert_true(crowded_keys(net) <= 1);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_twenty_nearest_hostile_ids_hide_is_found),
        cmocka_unit_test(what_they_hide_is_found_after_renewals),
        cmocka_unit_test(honest_networks_have_no_crowded_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
