#include "support/dht_fixture.h"

#include <string.h>

#include "dht/codec_msgpack.h"
#include "dht/token.h"

static void asker_is_a_contact_only_once_it_answered(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct message ping = query_of(METHOD_PING, 0x80);
    hear(f, &ping, public_address(1));
    said_query(f, METHOD_PING); /* first our question, then our answer */
    struct message question = f->message;
    assert_int_equal(stats_of(f).contacts, 0);
    assert_true(said(f));
    assert_int_equal(f->message.type, MESSAGE_RESPONSE);
    assert_true(endpoint_equal(&f->message.seen_address, &f->to));
    said_nothing(f);
    f->message = question;
    answer_it(f, 0x80);
    assert_int_equal(stats_of(f).contacts, 1);
    free_node(f);
}

static void forged_query_changes_no_contact(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct message ping = query_of(METHOD_PING, 0x80);
    hear(f, &ping, public_address(2));
    drop_output(f);
    struct dht_contact contact;
    struct endpoint known = public_address(1);
    assert_int_equal(dht_contacts(f->dht, &contact, 1), 1);
    assert_true(endpoint_equal(&contact.endpoint, &known));
    free_node(f);
}

static void unproven_asker_gets_three_times_its_bytes(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    for (uint8_t i = 0; i < DHT_K; i++)
        add_contact(f, (uint8_t)(0x80 + i), public_address(i));
    struct message find = query_of(METHOD_FIND, 0x20);
    uint8_t bytes[DHT_DATAGRAM_MAX];
    size_t asked = codec_msgpack.encode(&find, bytes, sizeof bytes).len;
    hear(f, &find, public_address(200));
    size_t sent = 0, nodes = 0;
    while (said(f)) { /* the ping to it counts too */
        sent += f->len;
        nodes += f->message.node_count;
    }
    assert_true(sent <= 3 * asked);

    find.pad_to = MESSAGE_PAD_TO;
    hear(f, &find, public_address(201));
    for (nodes = 0; said(f);)
        nodes += f->message.node_count;
    assert_int_equal(nodes, DHT_K);

    /* With a token of ours no padding is needed. */
    struct endpoint asker = public_address(202);
    find.pad_to = 0;
    find.token_len = TOKEN_BYTES;
    token_make((uint8_t[16]){0}, &asker, f->now_ms, find.token);
    hear(f, &find, asker);
    for (nodes = 0; said(f);)
        nodes += f->message.node_count;
    assert_int_equal(nodes, DHT_K);
    free_node(f);
}

/* What is refused needs no more than six bytes, and the refusal has more than thrice as many. */
static void more_than_three_times_a_query_is_counted_and_not_sent(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint from = public_address(1);
    const uint8_t query[] = {0x94, 0, 1, 0xa1, 'x', 0x90}; /* 0, number, method, no arguments */
    dht_on_datagram(f->dht, &from, bytes_of(query, sizeof query), f->now_ms);
    said_nothing(f);
    assert_int_equal(stats_of(f).unproven, 1);

    const uint8_t longer[] = {0x94, 0, 1, 0xa7, 'x', 'x', 'x', 'x', 'x', 'x', 'x', 0x90};
    dht_on_datagram(f->dht, &from, bytes_of(longer, sizeof longer), f->now_ms);
    assert_true(said(f));
    assert_int_equal(f->message.type, MESSAGE_ERROR);
    assert_true(f->len <= 3 * sizeof longer);
    assert_int_equal(stats_of(f).unproven, 1);
    free_node(f);
}

static void a_silent_asker_gets_no_more_than_that_as_time_goes_on(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct message ping = query_of(METHOD_PING, 0x20);
    uint8_t bytes[DHT_DATAGRAM_MAX];
    size_t asked = codec_msgpack.encode(&ping, bytes, sizeof bytes).len, sent = 0;
    hear(f, &ping, public_address(200));
    for (unsigned s = 0; s < 20; s++, pass(f, 500))
        while (said(f))
            sent += f->len;
    assert_in_range(sent, asked, 3 * asked);
    free_node(f);
}

static void who_answered_us_needs_no_padding(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    for (uint8_t i = 0; i < DHT_K; i++)
        add_contact(f, (uint8_t)(0x80 + i), public_address(i));
    drop_output(f);
    struct message find = query_of(METHOD_FIND, 0x80);
    hear(f, &find, public_address(0));
    assert_true(said(f));
    assert_int_equal(f->message.node_count, DHT_K - 1); /* all but itself */
    free_node(f);
}

static void put_needs_a_token_and_says_what_became_of_it(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){.read_only = false});
    struct endpoint from = public_address(1);
    struct buffer buffer;
    struct message put = query_of(METHOD_PUT, 0x80);
    put.record_count = 2;
    put.records[0] =
        (struct message_record){.key = id_of(5), .kind = KIND_PEER, .value = peer_value(&buffer)};
    put.records[1] =
        (struct message_record){.key = id_of(6), .kind = KIND_PEER, .value = bytes_of("x", 1)};
    put.token_len = TOKEN_BYTES;
    hear(f, &put, from);
    drop_output(f);
    assert_int_equal(f->message.codes[0], CODE_BAD_TOKEN);
    assert_int_equal(stats_of(f).stored_records, 0);
    assert_int_equal(stats_of(f).bad_tokens, 1);

    token_make((uint8_t[16]){0}, &from, f->now_ms, put.token);
    hear(f, &put, from);
    drop_output(f);
    assert_int_equal(f->message.code_count, 2);
    assert_int_equal(f->message.codes[0], CODE_OK);
    assert_int_equal(f->message.codes[1], CODE_MALFORMED);

    struct message get = query_of(METHOD_GET, 0x81);
    get.target = id_of(5);
    get.pad_to = MESSAGE_PAD_TO;
    hear(f, &get, public_address(2));
    drop_output(f);
    assert_int_equal(f->message.value_count, 1);
    assert_true(endpoint_equal(&f->message.values[0].from, &from));
    assert_int_equal(f->message.token_len, TOKEN_BYTES);
    buffer_dispose(&buffer);
    free_node(f);
}

static void own_records_answer_first(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct id key = id_of(5);
    struct buffer buffer;
    assert_int_equal(dht_publish(f->dht, &key, KIND_PEER, peer_value(&buffer), f->now_ms),
                     STATUS_OK);
    struct message get = query_of(METHOD_GET, 0x81);
    get.target = key;
    get.pad_to = MESSAGE_PAD_TO;
    hear(f, &get, public_address(2));
    drop_output(f);
    assert_int_equal(f->message.value_count, 1);
    assert_int_equal(f->message.values[0].from.family, ENDPOINT_NONE);
    assert_int_equal(f->message.total, 1);

    dht_withdraw(f->dht, &key, KIND_PEER, (struct bytes){0}, f->now_ms);
    hear(f, &get, public_address(2));
    drop_output(f);
    assert_int_equal(f->message.value_count, 0);
    buffer_dispose(&buffer);
    free_node(f);
}

static void other_networks_and_floods_are_dropped(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){.network_id = 3});
    struct message ping = query_of(METHOD_PING, 0x80);
    hear(f, &ping, public_address(1));
    said_nothing(f);
    assert_int_equal(stats_of(f).other_network, 1);
    ping.network_id = 3;
    for (int i = 0; i < 2 * THROTTLE_ADDRESS_BURST; i++)
        hear(f, &ping, public_address(1));
    assert_in_range(stats_of(f).limited, THROTTLE_ADDRESS_BURST - 10, THROTTLE_ADDRESS_BURST);
    free_node(f);
}

static void read_only_node_answers_nobody(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){.read_only = true});
    struct message ping = query_of(METHOD_PING, 0x80);
    hear(f, &ping, public_address(1));
    said_nothing(f);
    assert_int_equal(stats_of(f).not_served, 1);
    add_contact(f, 0x80, public_address(1)); /* but it asks, and says that it is one */
    struct id target = id_of(1);
    dht_find(f->dht, &target, f->now_ms);
    said_query(f, METHOD_FIND);
    assert_true(f->message.read_only);
    free_node(f);
}

static void read_only_asker_is_not_asked_back(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct message ping = query_of(METHOD_PING, 0x80);
    ping.read_only = true;
    hear(f, &ping, public_address(1));
    assert_true(said(f));
    assert_int_equal(f->message.type, MESSAGE_RESPONSE);
    said_nothing(f);
    free_node(f);
}

static void local_contacts_are_not_named_to_the_world(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, local_address(1));
    add_contact(f, 0x81, public_address(1));
    struct message find = query_of(METHOD_FIND, 0x20);
    find.read_only = true;
    find.pad_to = MESSAGE_PAD_TO;
    hear(f, &find, public_address(2));
    assert_true(said(f));
    assert_int_equal(f->message.node_count, 1);
    hear(f, &find, local_address(2));
    assert_true(said(f));
    assert_int_equal(f->message.node_count, 2);
    free_node(f);
}

static void nodes_that_share_what_waits_say_the_same_as_others(void **state)
{
    (void)state;
    struct dht_outbox *outbox = dht_outbox_new();
    struct fixture *own = new_node(&(struct dht_config){0});
    struct fixture *first = new_node(&(struct dht_config){.outbox = outbox});
    struct fixture *second = new_node(&(struct dht_config){.outbox = outbox});
    struct fixture *all[] = {own, first, second};
    for (size_t i = 0; i < 3; i++) {
        for (unsigned others = 3; others > 0; others--)
            dht_expect(all[i]->dht, others); /* nothing comes of it */
        struct endpoint asked = public_address((uint8_t)(i + 1));
        dht_bootstrap(all[i]->dht, &asked, 1, all[i]->now_ms);
        said_query(all[i], METHOD_PING);
        assert_true(endpoint_equal(&all[i]->to, &asked));
        assert_int_equal(all[i]->len, own->len);
        assert_memory_equal(all[i]->bytes, own->bytes, own->len);
        said_nothing(all[i]);
    }
    free_node(first);
    answer_it(second, 0x80);
    assert_int_equal(stats_of(second).contacts, 1);
    said_query(second, METHOD_FIND);
    free_node(second);
    free_node(own);
    dht_outbox_free(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asker_is_a_contact_only_once_it_answered),
        cmocka_unit_test(forged_query_changes_no_contact),
        cmocka_unit_test(unproven_asker_gets_three_times_its_bytes),
        cmocka_unit_test(more_than_three_times_a_query_is_counted_and_not_sent),
        cmocka_unit_test(a_silent_asker_gets_no_more_than_that_as_time_goes_on),
        cmocka_unit_test(who_answered_us_needs_no_padding),
        cmocka_unit_test(put_needs_a_token_and_says_what_became_of_it),
        cmocka_unit_test(own_records_answer_first),
        cmocka_unit_test(other_networks_and_floods_are_dropped),
        cmocka_unit_test(read_only_node_answers_nobody),
        cmocka_unit_test(read_only_asker_is_not_asked_back),
        cmocka_unit_test(local_contacts_are_not_named_to_the_world),
        cmocka_unit_test(nodes_that_share_what_waits_say_the_same_as_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
