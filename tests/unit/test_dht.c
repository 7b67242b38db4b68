#include "support/dht_fixture.h"

#include <string.h>

#include "kadpeer/ed25519.h"
#include "kadpeer/records.h"

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
    assert_int_equal(stats_of(f).false_nodes, 2);
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

static void contact_that_answers_some_of_much_is_kept(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    for (unsigned i = 0; i < 200; i++) { /* one of ten, for 20 s */
        for (uint8_t n = 0; n < 10; n++) {
            struct id target = id_of((uint8_t)(i + n));
            dht_find(f->dht, &target, f->now_ms);
            if (said(f) && n == 0)
                answer_it(f, 0x80);
        }
        drop_output(f);
        pass(f, 100);
        assert_int_equal(stats_of(f).contacts, 1);
    }
    pass(f, 60 * 1000); /* then nothing any more */
    assert_int_equal(stats_of(f).contacts, 0);
    free_node(f);
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
    for (int seconds = 0; seconds < 100; seconds++) { /* all of one node, at the pace it takes */
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

static void cancelled_ping_tells_nothing(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint to = public_address(1);
    uint32_t first = dht_ping(f->dht, &to, f->now_ms), second = dht_ping(f->dht, &to, f->now_ms);
    dht_cancel(f->dht, first);
    pass(f, 5000);
    const struct dht_event *event = next_event(f, DHT_EVENT_PING);
    assert_non_null(event);
    assert_int_equal(event->operation, second);
    assert_null(next_event(f, DHT_EVENT_PING));
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
    struct endpoint moved = public_address(7); /* behind a NAT that gave it another port */
    moved.port++;
    const struct message_value values[] = {
        {.value = bytes_of("junk", 4), .with_from = true, .from = public_address(7)},
        {.value = good, .with_from = true, .from = local_address(7)},
        {.value = good, .with_from = true, .from = public_address(7)},
        {.value = good, .with_from = true, .from = public_address(7)}, /* twice the same */
        {.value = good, .with_from = true, .from = moved},
        {.value = good, .with_from = true}, /* itself */
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
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
    assert_int_equal(stats_of(f).false_values, 2);
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

/* One of twenty is silent. Returns how many were given the record without waiting for that one. */
static unsigned stored_while_one_is_silent(uint8_t without)
{
    struct fixture *f = new_node(&(struct dht_config){.without = without});
    for (uint8_t i = 0; i < DHT_K; i++)
        add_contact(f, (uint8_t)(0x80 + i), local_address(i));
    struct id key = id_of(0x80);
    struct buffer buffer;
    unsigned puts = 0;
    dht_publish(f->dht, &key, KIND_PEER, peer_value(&buffer), f->now_ms);
    while (said(f)) {
        struct message answer = answer_of(f, (uint8_t)(0x80 + (f->to.port - 1000)));
        if (f->message.method == METHOD_PUT) {
            puts++;
            answer.codes[answer.code_count++] = CODE_OK;
        }
        answer.has_values = answer.has_nodes = f->message.method == METHOD_GET;
        answer.token_len = f->message.method == METHOD_GET ? TOKEN_BYTES : 0;
        if (f->to.port != 1000 + 7)
            hear(f, &answer, f->to);
    }
    buffer_dispose(&buffer);
    free_node(f);
    return puts;
}

static void record_is_stored_before_the_walk_ends(void **state)
{
    (void)state;
    assert_int_equal(stored_while_one_is_silent(0), DHT_K - 1);
    assert_int_equal(stored_while_one_is_silent(DHT_EARLY_STORING), 0);
}

static void refused_put_is_said(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    for (uint8_t i = 0; i < 20; i++)
        add_contact(f, (uint8_t)(0x80 + 6 * i), local_address(i));
    next_event(f, DHT_EVENT_PUBLISHED);
    struct id key = id_of(0x80); /* they are all nearer than we */
    struct buffer buffer;
    dht_publish(f->dht, &key, KIND_PEER, peer_value(&buffer), f->now_ms);
    while (said(f)) {
        struct message answer = answer_of(f, (uint8_t)(0x80 + 6 * (f->to.port - 1000)));
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

/* Plays the one other node, which wants nothing of `unwanted`; how often it was offered that. */
static size_t put_all_but(struct fixture *f, const struct id *unwanted)
{
    size_t offered = 0;
    while (said(f)) {
        struct message answer = answer_of(f, 0x80);
        answer.has_nodes = f->message.method == METHOD_FIND;
        if (f->message.method == METHOD_GET) {
            answer.has_values = true;
            answer.token_len = TOKEN_BYTES;
        }
        for (size_t i = 0; f->message.method == METHOD_PUT && i < f->message.record_count; i++) {
            bool no = id_equal(&f->message.records[i].key, unwanted);
            answer.codes[answer.code_count++] = no ? CODE_QUOTA : CODE_OK;
            offered += no;
        }
        hear(f, &answer, f->to);
    }
    return offered;
}

static void what_nobody_wants_is_not_offered_with_every_other_record(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x80, public_address(1));
    struct id unwanted = id_of(5);
    struct buffer buffer;
    struct bytes value = peer_value(&buffer);
    dht_publish(f->dht, &unwanted, KIND_PEER, value, f->now_ms);
    assert_int_equal(put_all_but(f, &unwanted), 1);
    size_t offered = 0;
    for (uint8_t i = 0; i < 100; i++) { /* for ten seconds, one after the other */
        struct id key = id_of((uint8_t)(6 + i));
        dht_publish(f->dht, &key, KIND_PEER, value, f->now_ms);
        offered += put_all_but(f, &unwanted);
        pass(f, 100);
    }
    assert_int_equal(offered, 0);
    for (int steps = 0; steps < 60 * 60 * 5; steps++) { /* an hour */
        pass(f, 200);
        offered += put_all_but(f, &unwanted);
    }
    assert_in_range(offered, 3, 7); /* after 0.5, 1, 2 … minutes, 25 at most */
    assert_int_equal(stats_of(f).published, 101);
    buffer_dispose(&buffer);
    free_node(f);
}

static enum status publish_entry(struct fixture *f, uint8_t signer, uint8_t infohash, uint64_t seq)
{
    const uint64_t now_s = 1700000001;
    struct entry_body content = {.infohash = id_of(infohash), .name = "n", .size = 1, .files = 1};
    struct id key = id_of(5);
    uint8_t seed[ED25519_SEED_BYTES] = {signer};
    struct buffer body, value;
    buffer_init(&body);
    buffer_init(&value);
    entry_body_encode(&content, &body);
    assert_int_equal(entry_record_make(&key, seed, seq, now_s + 3600, buffer_bytes(&body), &value),
                     STATUS_OK);
    enum status status = dht_publish(f->dht, &key, KIND_ENTRY, buffer_bytes(&value), f->now_ms);
    buffer_dispose(&body);
    buffer_dispose(&value);
    return status;
}

static void no_more_is_published_under_a_word_than_nodes_keep_of_one_signer(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    for (uint8_t infohash = 1; infohash <= 8; infohash++)
        assert_int_equal(publish_entry(f, 1, infohash, 1), STATUS_OK);
    assert_int_equal(publish_entry(f, 1, 9, 1), STATUS_FULL);
    assert_int_equal(publish_entry(f, 1, 8, 2), STATUS_OK); /* instead of the one there was */
    assert_int_equal(publish_entry(f, 2, 9, 1), STATUS_OK);
    assert_int_equal(stats_of(f).published, 9);
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
    assert_int_equal(dht_get(f->dht, &key, (enum record_kind)(KIND_DROP + 1), f->now_ms), 0);
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
        cmocka_unit_test(queries_are_padded_until_there_is_a_token),
        cmocka_unit_test(answers_count_only_from_whom_was_asked),
        cmocka_unit_test(contact_under_another_id_is_dropped),
        cmocka_unit_test(one_answer_names_so_many_and_no_local_ones),
        cmocka_unit_test(silent_contact_is_asked_again_and_dropped),
        cmocka_unit_test(contact_that_answers_some_of_much_is_kept),
        cmocka_unit_test(bootstrap_is_asked_with_growing_pauses_for_ever),
        cmocka_unit_test(contact_that_came_by_itself_is_remembered_when_lost),
        cmocka_unit_test(ping_by_hand_tells_its_end),
        cmocka_unit_test(operations_are_bounded_and_each_ends_once),
        cmocka_unit_test(cancelled_get_tells_nothing),
        cmocka_unit_test(cancelled_ping_tells_nothing),
        cmocka_unit_test(liars_values_are_not_told),
        cmocka_unit_test(more_values_than_fit_are_paged),
        cmocka_unit_test(record_is_put_with_the_token_and_renewed),
        cmocka_unit_test(record_is_stored_before_the_walk_ends),
        cmocka_unit_test(refused_put_is_said),
        cmocka_unit_test(what_nobody_wants_is_not_offered_with_every_other_record),
        cmocka_unit_test(no_more_is_published_under_a_word_than_nodes_keep_of_one_signer),
        cmocka_unit_test(what_cannot_be_published_is_refused_at_once),
        cmocka_unit_test(id_follows_three_votes_for_a_public_address),
        cmocka_unit_test(queues_are_bounded_and_drops_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
