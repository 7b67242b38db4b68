/* What other nodes are known to have got wrong, one test for each. */
#include "support/dht_fixture.h"

#include <string.h>

#include "dht/codec_msgpack.h"
#include "kadpeer/bytes.h"

static void assert_contact(const struct fixture *f, uint8_t id, struct endpoint at)
{
    struct dht_contact contacts[4];
    struct id expected = id_of(id);
    assert_int_equal(dht_contacts(f->dht, contacts, 4), 1);
    assert_true(id_equal(&contacts[0].id, &expected));
    assert_true(endpoint_equal(&contacts[0].endpoint, &at));
}

/* All that the node asks of one endpoint is answered from there under `id`. */
static void answer_all_as(struct fixture *f, uint8_t id, struct endpoint at)
{
    while (said(f))
        if (f->message.type == MESSAGE_QUERY && endpoint_equal(&f->to, &at))
            answer_it(f, id);
}

/* jech/dht wrote the sender of any query over the address it knew. */
static void a_query_does_not_move_a_known_node(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint known = public_address(1), thief = public_address(2);
    add_contact(f, 0x80, known);
    for (int method = METHOD_PING; method <= METHOD_PUT; method++) {
        struct message query = query_of((enum message_method)method, 0x80);
        hear(f, &query, thief);
        answer_all_as(f, 0x80, thief);
        assert_contact(f, 0x80, known);
    }
    free_node(f);
}

/* Nor does an answer, while the node answers where we know it. */
static void an_answer_does_not_move_a_node_that_answers(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint known = public_address(1), thief = public_address(2);
    add_contact(f, 0x80, known);
    dht_bootstrap(f->dht, &thief, 1, f->now_ms);
    answer_all_as(f, 0x80, thief);
    assert_contact(f, 0x80, known);
    assert_int_equal(stats_of(f).impostors, 1);
    free_node(f);
}

static bool names(struct fixture *f, uint8_t n)
{
    struct message find = query_of(METHOD_FIND, 0x20);
    find.read_only = true; /* or it would be asked back */
    find.pad_to = MESSAGE_PAD_TO;
    drop_output(f);
    hear(f, &find, public_address(200));
    assert_true(said(f));
    struct id id = id_of(n);
    for (size_t i = 0; i < f->message.node_count; i++)
        if (id_equal(&f->message.nodes[i].id, &id))
            return true;
    return false;
}

static void only_nodes_that_answered_are_handed_on(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint heard_of = public_address(11);
    add_contact(f, 0x80, public_address(1));
    struct id target = id_of(0x33);
    dht_find(f->dht, &target, f->now_ms);
    said_query(f, METHOD_FIND);
    struct message answer = answer_of(f, 0x80);
    answer.has_nodes = true;
    answer.nodes[answer.node_count++] =
        (struct message_node){.id = id_of(0x33), .endpoint = heard_of};
    hear(f, &answer, f->to);
    said_query(f, METHOD_FIND); /* it is asked, and did not answer yet */
    struct message question = f->message;
    assert_false(names(f, 0x33));
    assert_true(names(f, 0x80));
    f->message = question;
    f->to = heard_of;
    answer_it(f, 0x33);
    assert_true(names(f, 0x33));

    dht_find(f->dht, &target, f->now_ms); /* and now nobody answers any more */
    pass(f, 3000);
    assert_false(names(f, 0x33));
    free_node(f);
}

/* The `i`-th of some nodes, each nearer to 33… than the one before. */
static struct message_node nearer_node(size_t i)
{
    return (struct message_node){.id = id_of((uint8_t)(0x33 ^ (60 - i))),
                                 .endpoint = public_address((uint8_t)(100 + i))};
}

/* The answer to the find in f->message, with 2k nodes and some more, which no encoder of ours would
 * write: they are put in behind. */
static void hear_surplus(struct fixture *f, size_t surplus)
{
    static const uint8_t head[] = {
        'n', 'o', 'd', 'e', 's', 0xc5, MESSAGE_NODES_MAX * 26 / 256, MESSAGE_NODES_MAX * 26 % 256};
    uint8_t bytes[DHT_DATAGRAM_MAX];
    struct message answer = answer_of(f, 0x80);
    answer.has_nodes = true;
    for (size_t i = 0; i < MESSAGE_NODES_MAX; i++)
        answer.nodes[answer.node_count++] = nearer_node(i);
    size_t len = codec_msgpack.encode(&answer, bytes, sizeof bytes).len;
    uint8_t *at = memmem(bytes, len, head, sizeof head);
    assert_non_null(at);
    write_u16(at + 6, (uint16_t)((MESSAGE_NODES_MAX + surplus) * 26));
    at += sizeof head + MESSAGE_NODES_MAX * 26;
    memmove(at + surplus * 26, at, (size_t)(bytes + len - at));
    for (size_t i = 0; i < surplus; i++, at += 26) {
        struct message_node node = nearer_node(MESSAGE_NODES_MAX + i);
        memcpy(at, node.id.bytes, ID_BYTES);
        endpoint_to_compact(&node.endpoint, at + ID_BYTES);
    }
    dht_on_datagram(f->dht, &f->to, bytes_of(bytes, len + surplus * 26), f->now_ms);
}

static void at_most_two_k_nodes_are_taken_from_one_answer(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct id target = id_of(0x33);
    dht_find(f->dht, &target, f->now_ms);
    said_query(f, METHOD_FIND);
    hear_surplus(f, 3);
    assert_int_equal(stats_of(f).surplus_nodes, 3);
    unsigned asked = 0;
    while (said(f)) { /* the nearest first; the three would be nearer still */
        asked++;
        assert_in_range(f->to.addr[1], 100, 100 + MESSAGE_NODES_MAX - 1);
    }
    assert_true(asked > 0);
    free_node(f);
}

static void a_node_that_changes_its_id_is_dropped(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct id target = id_of(1);
    dht_find(f->dht, &target, f->now_ms);
    said_query(f, METHOD_FIND);
    answer_it(f, 0x81);
    assert_contact(f, 0x81, public_address(1)); /* proven, as anybody new would be */
    assert_int_equal(stats_of(f).renamed, 1);
    assert_false(names(f, 0x80));
    free_node(f);
}

static void flood(struct fixture *f, struct endpoint from)
{
    struct message ping = query_of(METHOD_PING, 0x80);
    ping.read_only = true;
    for (int i = 0; i < 2 * THROTTLE_ADDRESS_BURST; i++)
        hear(f, &ping, from);
    drop_output(f);
}

/* OpenDHT's limiter dropped what it was waiting for, and asked again. */
static void an_answer_we_wait_for_passes_every_limit(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint loud = public_address(1);
    flood(f, loud);
    uint64_t limited = stats_of(f).limited;
    assert_true(limited > 0);
    dht_bootstrap(f->dht, &loud, 1, f->now_ms);
    said_query(f, METHOD_PING);
    answer_it(f, 0x80);
    assert_contact(f, 0x80, loud);
    assert_int_equal(stats_of(f).limited, limited);
    free_node(f);
}

/* One client can send thousands of queries a second: aria2 does. */
static void one_loud_client_does_not_hurt_the_others(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct message ping = query_of(METHOD_PING, 0x81);
    ping.read_only = true;
    for (uint8_t quiet = 2; quiet < 50; quiet++) {
        flood(f, public_address(1));
        hear(f, &ping, public_address(quiet));
        assert_true(said(f));
        assert_int_equal(f->message.type, MESSAGE_RESPONSE);
        struct endpoint to = public_address(quiet);
        assert_true(endpoint_equal(&f->to, &to));
        pass(f, 1000);
    }
    free_node(f);
}

/* Every query of a flood is either answered or counted as dropped. */
static void what_is_dropped_is_counted(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct message ping = query_of(METHOD_PING, 0x81);
    ping.read_only = true;
    uint64_t answered = 0;
    for (unsigned i = 0; i < 5000; i++) {
        hear(f, &ping, public_address((uint8_t)(i % 7)));
        while (said(f))
            answered++;
        if (i % 100 == 0)
            pass(f, 50);
    }
    struct dht_stats stats = stats_of(f);
    assert_int_equal(stats.datagrams_in, 5000);
    assert_int_equal(answered + stats.limited + stats.queue_dropped + stats.unproven, 5000);
    assert_true(stats.limited > 0);
    free_node(f);
}

static bool asks(struct fixture *f, struct endpoint whom)
{
    bool asked = false;
    while (said(f))
        asked |= f->message.type == MESSAGE_QUERY && endpoint_equal(&f->to, &whom);
    return asked;
}

/* The nodes of many who come and go push each other out, and not the one that was configured. */
static void a_configured_endpoint_is_asked_for_ever(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint configured = public_address(250);
    dht_bootstrap(f->dht, &configured, 1, f->now_ms);
    for (uint8_t n = 1; n <= JOIN_CANDIDATES_MAX + 16; n++) {
        struct message ping = query_of(METHOD_PING, n);
        drop_output(f);
        hear(f, &ping, public_address(n));
        answer_all_as(f, n, public_address(n));
        pass(f, 60 * 1000); /* for ever silent */
    }
    pass(f, 60 * 1000);
    assert_int_equal(stats_of(f).contacts, 0);
    drop_output(f);
    pass(f, 2 * JOIN_RETRY_MAX_MS);
    assert_true(asks(f, configured));
    free_node(f);
}

/* While the lookup waits for another, who was given up for silent answers and names a node. */
static void a_late_answer_is_heard_by_its_lookup(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint slow = public_address(2), named[2] = {public_address(3), public_address(4)};
    struct message answers[2] = {0};
    struct id target = id_of(0x33);
    add_contact(f, 0x80, public_address(1));
    add_contact(f, 0x81, slow);
    drop_output(f);
    dht_find(f->dht, &target, f->now_ms);
    for (size_t i = 0; i < 2; i++) {
        said_query(f, METHOD_FIND);
        bool is_slow = endpoint_equal(&f->to, &slow);
        answers[is_slow] = answer_of(f, is_slow ? 0x81 : 0x80);
    }
    for (size_t i = 0; i < 2; i++) {
        answers[i].has_nodes = true;
        answers[i].nodes[answers[i].node_count++] =
            (struct message_node){id_of((uint8_t)(0x30 + i)), named[i]};
    }
    pass(f, RPC_SILENT_MIN_MS - 50);
    hear(f, &answers[0], public_address(1));
    assert_true(asks(f, named[0])); /* who never answers */
    pass(f, 100);
    assert_false(asks(f, named[1]));
    hear(f, &answers[1], slow);
    assert_true(asks(f, named[1]));
    pass(f, 2 * RPC_FORGOTTEN_MS);
    const struct dht_event *found = next_event(f, DHT_EVENT_FOUND);
    assert_non_null(found);
    assert_int_equal(found->node_count, 2);
    free_node(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_does_not_move_a_known_node),
        cmocka_unit_test(an_answer_does_not_move_a_node_that_answers),
        cmocka_unit_test(only_nodes_that_answered_are_handed_on),
        cmocka_unit_test(at_most_two_k_nodes_are_taken_from_one_answer),
        cmocka_unit_test(a_node_that_changes_its_id_is_dropped),
        cmocka_unit_test(an_answer_we_wait_for_passes_every_limit),
        cmocka_unit_test(one_loud_client_does_not_hurt_the_others),
        cmocka_unit_test(what_is_dropped_is_counted),
        cmocka_unit_test(a_configured_endpoint_is_asked_for_ever),
        cmocka_unit_test(a_late_answer_is_heard_by_its_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
