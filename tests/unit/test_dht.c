#include "support/unit.h"

#include <string.h>

#include "dht/codec_msgpack.h"
#include "dht/params.h"
#include "dht/token.h"
#include "kadpeer/dht.h"
#include "kadpeer/records.h"

/* One node, and the test in the place of all others: it writes what they say and reads what the
 * node says to them. */
struct fixture {
    struct dht *dht;
    uint64_t now_ms;
    struct endpoint to; /* of the latest datagram read */
    uint8_t bytes[DHT_DATAGRAM_MAX];
    size_t len;
    struct message message;
};

static struct fixture *new_node(const struct dht_config *changes)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct dht_config config = *changes;
    config.family = ENDPOINT_IPV4;
    config.unix_base_ms = 1700000000000;
    config.id = (struct id){.bytes = {0x10}};
    rng_init_seed(&config.rng, 1);
    f->now_ms = 1000;
    f->dht = dht_new(&config, f->now_ms);
    assert_non_null(f->dht);
    return f;
}

static void free_node(struct fixture *f)
{
    assert_true(dht_valid(f->dht));
    dht_free(f->dht);
    free(f);
}

static struct endpoint public_address(uint8_t n)
{
    return (struct endpoint){.family = ENDPOINT_IPV4, .addr = {99, n, 0, 1}, .port = 1000};
}

static struct endpoint local_address(uint8_t n)
{
    return (struct endpoint){
        .family = ENDPOINT_IPV4, .addr = {127, 0, 0, 1}, .port = (uint16_t)(1000 + n)};
}

static struct id id_of(uint8_t n)
{
    return (struct id){.bytes = {n}};
}

static void hear(struct fixture *f, const struct message *message, struct endpoint from)
{
    uint8_t bytes[DHT_DATAGRAM_MAX];
    struct message_fit fit = codec_msgpack.encode(message, bytes, sizeof bytes);
    assert_true(fit.len > 0);
    dht_on_datagram(f->dht, &from, bytes_of(bytes, fit.len), f->now_ms);
}

/* The next datagram the node sends, into f->message; false: none. */
static bool said(struct fixture *f)
{
    struct bytes data;
    if (!dht_next_datagram(f->dht, &f->to, &data))
        return false;
    memcpy(f->bytes, data.data, data.len);
    f->len = data.len;
    assert_int_equal(codec_msgpack.decode(bytes_of(f->bytes, f->len), &f->message), DECODE_OK);
    return true;
}

static void said_query(struct fixture *f, enum message_method method)
{
    assert_true(said(f));
    assert_int_equal(f->message.type, MESSAGE_QUERY);
    assert_int_equal(f->message.method, method);
}

static void said_nothing(struct fixture *f)
{
    assert_false(said(f));
}

static struct message query_of(enum message_method method, uint8_t sender)
{
    struct message query;
    message_init(&query, MESSAGE_QUERY);
    message_set_txid(&query, 77);
    query.method = method;
    query.id = id_of(sender);
    query.target = id_of(0x55);
    query.kind = KIND_PEER;
    return query;
}

/* An answer to the query in f->message. */
static struct message answer_of(const struct fixture *f, uint8_t sender)
{
    struct message answer;
    message_init(&answer, MESSAGE_RESPONSE);
    memcpy(answer.txid, f->message.txid, f->message.txid_len);
    answer.txid_len = f->message.txid_len;
    answer.id = id_of(sender);
    return answer;
}

/* Answers the query in f->message from where it went, as `sender` with nothing to say. */
static void answer_it(struct fixture *f, uint8_t sender)
{
    struct message answer = answer_of(f, sender);
    answer.has_nodes = true;
    hear(f, &answer, f->to);
}

static void pass(struct fixture *f, uint64_t ms)
{
    uint64_t end_ms = f->now_ms + ms;
    for (uint64_t due_ms; (due_ms = dht_deadline(f->dht)) <= end_ms;) {
        f->now_ms = due_ms > f->now_ms ? due_ms : f->now_ms;
        dht_on_time(f->dht, f->now_ms);
        assert_true(dht_deadline(f->dht) > f->now_ms);
    }
    f->now_ms = end_ms;
}

static void drop_output(struct fixture *f)
{
    while (said(f))
        ;
}

static struct dht_stats stats_of(const struct fixture *f)
{
    struct dht_stats stats;
    dht_stats(f->dht, &stats);
    return stats;
}

/* Makes `n` a contact: by a ping of the node, answered. The walk to its own id is answered too. */
static void add_contact(struct fixture *f, uint8_t n, struct endpoint at)
{
    drop_output(f);
    size_t before = stats_of(f).contacts;
    dht_bootstrap(f->dht, &at, 1, f->now_ms);
    while (said(f))
        if (endpoint_equal(&f->to, &at))
            answer_it(f, n);
    assert_int_equal(stats_of(f).contacts, before + 1);
}

static const struct dht_event *next_event(struct fixture *f, enum dht_event_type type)
{
    static struct dht_event event;
    while (dht_next_event(f->dht, &event))
        if (event.type == type)
            return &event;
    return NULL;
}

/* ---- answering ---- */

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

static struct bytes peer_value(struct buffer *buffer)
{
    buffer_init(buffer);
    peer_record_encode(&(struct peer_record){.tcp_port = 4000, .seed = true}, buffer);
    return buffer_bytes(buffer);
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

/* ---- asking ---- */

static void queries_are_padded_until_there_is_a_token(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct id key = id_of(0x33);
    dht_get(f->dht, &key, KIND_PEER, f->now_ms);
    said_query(f, METHOD_GET);
    assert_int_equal(f->len, MESSAGE_PAD_TO);
    struct message answer = answer_of(f, 0x80);
    answer.has_values = answer.has_nodes = true;
    answer.token_len = TOKEN_BYTES;
    memcpy(answer.token, "abcdefgh", TOKEN_BYTES);
    hear(f, &answer, f->to);
    dht_find(f->dht, &key, f->now_ms);
    said_query(f, METHOD_FIND);
    assert_true(f->len < MESSAGE_PAD_TO);
    assert_memory_equal(f->message.token, "abcdefgh", TOKEN_BYTES);
    free_node(f);
}

static void answers_count_only_from_whom_was_asked(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint asked = public_address(1);
    dht_bootstrap(f->dht, &asked, 1, f->now_ms);
    said_query(f, METHOD_PING);
    struct message answer = answer_of(f, 0x80);
    hear(f, &answer, public_address(2));
    assert_int_equal(stats_of(f).contacts, 0);
    assert_int_equal(stats_of(f).unknown_answers, 1);
    hear(f, &answer, asked);
    assert_int_equal(stats_of(f).contacts, 1);
    hear(f, &answer, asked);
    assert_int_equal(stats_of(f).unknown_answers, 2);
    free_node(f);
}

static void contact_under_another_id_is_dropped(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct id target = id_of(1);
    dht_find(f->dht, &target, f->now_ms);
    said_query(f, METHOD_FIND);
    answer_it(f, 0x81);
    struct dht_contact contacts[4];
    assert_int_equal(dht_contacts(f->dht, contacts, 4), 1);
    assert_int_equal(contacts[0].id.bytes[0], 0x81);
    free_node(f);
}

static void one_answer_names_so_many_and_no_local_ones(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    next_event(f, DHT_EVENT_PUBLISHED); /* none: drains */
    struct id target = id_of(0x33);
    dht_find(f->dht, &target, f->now_ms);
    said_query(f, METHOD_FIND);
    struct message answer = answer_of(f, 0x80);
    answer.has_nodes = true;
    answer.nodes[answer.node_count++] =
        (struct message_node){.id = id_of(0x33), .endpoint = local_address(1)};
    answer.nodes[answer.node_count++] =
        (struct message_node){.id = id_of(0x10), .endpoint = public_address(9)}; /* ourselves */
    struct endpoint dead = public_address(10);
    dead.port = 0;
    answer.nodes[answer.node_count++] = (struct message_node){.id = id_of(0x34), .endpoint = dead};
    answer.nodes[answer.node_count++] =
        (struct message_node){.id = id_of(0x35), .endpoint = public_address(11)};
    hear(f, &answer, f->to);
    said_query(f, METHOD_FIND);
    struct endpoint only = public_address(11);
    assert_true(endpoint_equal(&f->to, &only));
    said_nothing(f);
    free_node(f);
}

static void silent_contact_is_asked_again_and_dropped(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct id target = id_of(1);
    dht_find(f->dht, &target, f->now_ms);
    pass(f, 3000);
    const struct dht_event *found = next_event(f, DHT_EVENT_FOUND);
    assert_non_null(found);
    assert_int_equal(found->status, STATUS_UNREACHABLE);
    assert_int_equal(stats_of(f).answering, 0);
    pass(f, 60 * 1000);
    assert_int_equal(stats_of(f).contacts, 0);
    assert_non_null(next_event(f, DHT_EVENT_ALONE));
    drop_output(f);
    for (unsigned ms = 0; ms < 2 * JOIN_RETRY_MAX_MS && !said(f); ms += 100)
        pass(f, 100);
    assert_int_equal(f->message.method, METHOD_PING); /* asked from time to time, for ever */
    answer_it(f, 0x80);
    assert_int_equal(stats_of(f).contacts, 1);
    free_node(f);
}

static unsigned pings_within(struct fixture *f, uint64_t ms, const struct endpoint *to)
{
    unsigned pings = 0;
    for (uint64_t end_ms = f->now_ms + ms; f->now_ms < end_ms;) {
        pass(f, 100);
        while (said(f))
            pings += endpoint_equal(&f->to, to) && f->message.method == METHOD_PING;
    }
    return pings;
}

static void bootstrap_is_asked_with_growing_pauses_for_ever(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint to = public_address(1);
    dht_bootstrap(f->dht, &to, 1, f->now_ms);
    unsigned first = pings_within(f, 10000, &to), second = pings_within(f, 10000, &to);
    assert_in_range(first, 5, 10); /* each twice */
    assert_true(second < first);
    pings_within(f, 3600000, &to);
    assert_in_range(pings_within(f, 600000, &to), 14, 28);
    free_node(f);
}

static void contact_that_came_by_itself_is_remembered_when_lost(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct message ping = query_of(METHOD_PING, 0x80);
    struct endpoint from = public_address(1);
    hear(f, &ping, from);
    said_query(f, METHOD_PING);
    answer_it(f, 0x80);
    assert_int_equal(stats_of(f).contacts, 1);
    pings_within(f, 120000, &from);
    assert_int_equal(stats_of(f).contacts, 0);
    assert_true(pings_within(f, 120000, &from) > 0);
    free_node(f);
}

static void ping_by_hand_tells_its_end(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint to = public_address(1);
    uint32_t first = dht_ping(f->dht, &to, f->now_ms);
    said_query(f, METHOD_PING);
    f->now_ms += 40;
    answer_it(f, 0x80);
    const struct dht_event *event = next_event(f, DHT_EVENT_PING);
    assert_non_null(event);
    assert_int_equal(event->operation, first);
    assert_int_equal(event->status, STATUS_OK);
    assert_int_equal(event->rtt_ms, 40);
    assert_int_equal(event->id.bytes[0], 0x80);

    uint32_t second = dht_ping(f->dht, &to, f->now_ms);
    pass(f, 3000);
    event = next_event(f, DHT_EVENT_PING);
    assert_non_null(event);
    assert_int_equal(event->operation, second);
    assert_int_equal(event->status, STATUS_TIMED_OUT);
    free_node(f);
}

static void operations_are_bounded_and_each_ends_once(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    size_t started = 0;
    for (unsigned i = 0; i < 2000; i++) {
        struct id target = {{(uint8_t)i, (uint8_t)(i >> 8)}};
        started += dht_find(f->dht, &target, f->now_ms) != 0;
    }
    assert_int_equal(started, WALKS_RUNNING_MAX + WALKS_WAITING_MAX);
    size_t ended = 0;
    for (int seconds = 0; seconds < 60; seconds++) {
        while (said(f))
            answer_it(f, 0x80);
        while (next_event(f, DHT_EVENT_FOUND) != NULL)
            ended++;
        pass(f, 1000);
    }
    assert_int_equal(ended, started);
    assert_int_equal(stats_of(f).operations, 0);
    free_node(f);
}

static void cancelled_get_tells_nothing(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct id key = id_of(5);
    uint32_t operation = dht_get(f->dht, &key, KIND_PEER, f->now_ms);
    said_query(f, METHOD_GET);
    dht_cancel(f->dht, operation);
    dht_cancel(f->dht, operation);
    answer_it(f, 0x80);
    pass(f, 5000);
    assert_null(next_event(f, DHT_EVENT_GET_DONE));
    free_node(f);
}

static void liars_values_are_not_told(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct id key = id_of(5);
    struct buffer buffer;
    struct bytes good = peer_value(&buffer);
    dht_get(f->dht, &key, KIND_PEER, f->now_ms);
    said_query(f, METHOD_GET);
    struct message answer = answer_of(f, 0x80);
    answer.has_values = answer.has_nodes = true;
    answer.total = 9;
    const struct message_value values[] = {
        {.value = bytes_of("junk", 4), .with_from = true, .from = public_address(7)},
        {.value = good, .with_from = true, .from = local_address(7)},
        {.value = good, .with_from = true, .from = public_address(7)},
        {.value = good, .with_from = true, .from = public_address(7)}, /* twice the same */
        {.value = good, .with_from = true},                            /* itself */
    };
    for (size_t i = 0; i < 5; i++)
        answer.values[answer.value_count++] = values[i];
    hear(f, &answer, f->to);
    const struct dht_event *event = next_event(f, DHT_EVENT_VALUE);
    assert_non_null(event);
    assert_int_equal(event->endpoint.addr[1], 7);
    assert_int_equal(event->endpoint.port, 4000);
    assert_true(bytes_equal(event->value, good));
    event = next_event(f, DHT_EVENT_VALUE);
    assert_non_null(event);
    assert_int_equal(event->endpoint.addr[1], 1);
    event = next_event(f, DHT_EVENT_GET_DONE);
    assert_non_null(event);
    assert_int_equal(event->values, 2);
    assert_int_equal(event->held, 9);
    buffer_dispose(&buffer);
    free_node(f);
}

static void more_values_than_fit_are_paged(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct id key = id_of(5);
    struct buffer buffer;
    struct bytes value = peer_value(&buffer);
    dht_get(f->dht, &key, KIND_PEER, f->now_ms);
    unsigned pages = 0;
    for (; said(f); pages++) {
        assert_int_equal(f->message.method, METHOD_GET);
        assert_int_equal(f->message.has_cursor, pages > 0);
        struct message answer = answer_of(f, 0x80);
        answer.has_values = answer.has_nodes = true;
        answer.has_cursor = true;
        answer.total = 1000;
        for (uint64_t i = 0; i < 30; i++)
            answer.values[answer.value_count++] =
                (struct message_value){.value = value,
                                       .with_from = true,
                                       .from = public_address((uint8_t)(pages * 30 + i)),
                                       .order = pages * 30 + i + 1};
        hear(f, &answer, f->to);
    }
    assert_int_equal(pages, 1 + GET_NODE_PAGES);
    const struct dht_event *done = next_event(f, DHT_EVENT_GET_DONE);
    assert_non_null(done);
    assert_int_equal(done->values, 30 * (1 + GET_NODE_PAGES));
    buffer_dispose(&buffer);
    free_node(f);
}

static void record_is_put_with_the_token_and_renewed(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct id key = id_of(5);
    struct buffer buffer;
    struct bytes value = peer_value(&buffer);
    dht_publish(f->dht, &key, KIND_PEER, value, f->now_ms);
    size_t puts = 0, rounds = 0;
    for (int steps = 0; steps < 60 * 60 * 5; steps++) { /* an hour */
        pass(f, 200);
        while (said(f)) {
            struct message answer = answer_of(f, 0x80);
            answer.has_nodes = f->message.method == METHOD_FIND;
            if (f->message.method == METHOD_GET) {
                assert_int_equal(f->message.kind, 0); /* values are not wanted */
                answer.has_values = true;
                answer.token_len = TOKEN_BYTES;
            } else if (f->message.method == METHOD_PUT) {
                assert_int_equal(f->message.record_count, 1);
                assert_true(bytes_equal(f->message.records[0].value, value));
                answer.codes[answer.code_count++] = CODE_OK;
                puts++;
            }
            hear(f, &answer, f->to);
        }
        for (const struct dht_event *event; (event = next_event(f, DHT_EVENT_PUBLISHED)) != NULL;
             rounds++) {
            assert_int_equal(event->status, STATUS_OK);
            assert_int_equal(event->values, 2); /* and we ourselves */
        }
    }
    assert_in_range(puts, 3, 4); /* now, and each 25 minutes, more or less */
    assert_int_equal(rounds, puts);
    buffer_dispose(&buffer);
    free_node(f);
}

static void refused_put_is_said(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    for (uint8_t i = 0; i < 20; i++)
        add_contact(f, (uint8_t)(0x80 + i), local_address(i));
    next_event(f, DHT_EVENT_PUBLISHED);
    struct id key = id_of(0x80); /* they are all nearer than we */
    struct buffer buffer;
    dht_publish(f->dht, &key, KIND_PEER, peer_value(&buffer), f->now_ms);
    while (said(f)) {
        struct message answer = answer_of(f, (uint8_t)(0x80 + f->to.port - 1000));
        answer.has_nodes = f->message.method != METHOD_PUT;
        if (f->message.method == METHOD_GET) {
            answer.has_values = true;
            answer.token_len = TOKEN_BYTES;
        } else if (f->message.method == METHOD_PUT) {
            answer.codes[answer.code_count++] = CODE_QUOTA;
        }
        hear(f, &answer, f->to);
    }
    const struct dht_event *published = next_event(f, DHT_EVENT_PUBLISHED);
    assert_non_null(published);
    assert_int_equal(published->status, STATUS_REFUSED);
    assert_int_equal(published->refused, 20);
    assert_int_equal(published->values, 0);
    buffer_dispose(&buffer);
    free_node(f);
}

static void what_cannot_be_published_is_refused_at_once(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct id key = id_of(5);
    assert_int_equal(dht_publish(f->dht, &key, KIND_PEER, bytes_of("junk", 4), f->now_ms),
                     STATUS_MALFORMED);
    assert_int_equal(dht_publish(f->dht, &key, KIND_DROP, bytes_of("junk", 4), f->now_ms),
                     STATUS_MALFORMED);
    assert_int_equal(dht_get(f->dht, &key, KIND_DROP, f->now_ms), 0);
    assert_int_equal(stats_of(f).published, 0);
    free_node(f);
}

static void id_follows_three_votes_for_a_public_address(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct id before = stats_of(f).id;
    struct endpoint ours = {.family = ENDPOINT_IPV4, .addr = {124, 31, 75, 21}, .port = 5};
    for (uint8_t i = 1; i <= 3; i++) {
        assert_true(id_equal(&before, &(struct id){.bytes = {0x10}}));
        struct endpoint to = public_address(i);
        dht_ping(f->dht, &to, f->now_ms);
        while (said(f) && f->message.method != METHOD_PING)
            ;
        struct message answer = answer_of(f, (uint8_t)(0x80 + i));
        answer.seen_address = ours;
        before = stats_of(f).id;
        hear(f, &answer, to);
    }
    struct dht_stats stats = stats_of(f);
    assert_false(id_equal(&stats.id, &before));
    assert_true(endpoint_equal(&stats.external, &ours));
    assert_int_equal(stats.contacts, 3);
    free_node(f);
}

static void queues_are_bounded_and_drops_counted(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct message ping = query_of(METHOD_PING, 0x80);
    ping.read_only = true;
    for (unsigned i = 0; i < 20000; i++) {
        struct endpoint from = local_address(0);
        from.port = (uint16_t)(i + 1);
        hear(f, &ping, from); /* nobody takes the answers away */
    }
    assert_true(stats_of(f).queue_dropped > 0);
    size_t waiting = 0;
    while (said(f))
        waiting += f->len;
    assert_true(waiting < DATAGRAM_QUEUE_BYTES);
    free_node(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asker_is_a_contact_only_once_it_answered),
        cmocka_unit_test(forged_query_changes_no_contact),
        cmocka_unit_test(unproven_asker_gets_three_times_its_bytes),
        cmocka_unit_test(who_answered_us_needs_no_padding),
        cmocka_unit_test(put_needs_a_token_and_says_what_became_of_it),
        cmocka_unit_test(own_records_answer_first),
        cmocka_unit_test(other_networks_and_floods_are_dropped),
        cmocka_unit_test(read_only_node_answers_nobody),
        cmocka_unit_test(read_only_asker_is_not_asked_back),
        cmocka_unit_test(local_contacts_are_not_named_to_the_world),
        cmocka_unit_test(queries_are_padded_until_there_is_a_token),
        cmocka_unit_test(answers_count_only_from_whom_was_asked),
        cmocka_unit_test(contact_under_another_id_is_dropped),
        cmocka_unit_test(one_answer_names_so_many_and_no_local_ones),
        cmocka_unit_test(silent_contact_is_asked_again_and_dropped),
        cmocka_unit_test(bootstrap_is_asked_with_growing_pauses_for_ever),
        cmocka_unit_test(contact_that_came_by_itself_is_remembered_when_lost),
        cmocka_unit_test(ping_by_hand_tells_its_end),
        cmocka_unit_test(operations_are_bounded_and_each_ends_once),
        cmocka_unit_test(cancelled_get_tells_nothing),
        cmocka_unit_test(liars_values_are_not_told),
        cmocka_unit_test(more_values_than_fit_are_paged),
        cmocka_unit_test(record_is_put_with_the_token_and_renewed),
        cmocka_unit_test(refused_put_is_said),
        cmocka_unit_test(what_cannot_be_published_is_refused_at_once),
        cmocka_unit_test(id_follows_three_votes_for_a_public_address),
        cmocka_unit_test(queues_are_bounded_and_drops_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
