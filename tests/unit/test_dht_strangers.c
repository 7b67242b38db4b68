/* What strangers could make a node do: work, send, take another id, give away a name. */
#include "support/dht_fixture.h"

#include <string.h>

#include "dht/node_id.h"
#include "kadpeer/bytes.h"
#include "kadpeer/records.h"

/* ---- records handed on ---- */

static void keep_parts(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t value[8];
        write_u64(value, i);
        struct id key = key_of_part(bytes_of(value, sizeof value));
        assert_int_equal(dht_restore_record(f->dht, &key, KIND_PART, bytes_of(value, sizeof value),
                                            UINT32_MAX, f->now_ms),
                         STATUS_OK);
    }
}

/* Time in which two nodes answer what they are asked: 90…, at public_address(1), and `id`. How
 * often was that one asked for a token, so that records can be put there? */
static size_t live(struct fixture *f, uint64_t ms, struct endpoint at, struct id id)
{
    size_t asked = 0;
    for (uint64_t end_ms = f->now_ms + ms; f->now_ms < end_ms; pass(f, 5))
        while (said(f)) {
            if (f->message.type != MESSAGE_QUERY)
                continue;
            struct message answer = answer_of(f, 0x90);
            answer.has_nodes = true;
            if (endpoint_equal(&f->to, &at)) {
                answer.id = id;
                asked += f->message.method == METHOD_GET;
            }
            hear(f, &answer, f->to);
        }
    return asked;
}

/* A node asks us under an id of its own that `number` is a part of. */
static size_t tokens_asked(struct fixture *f, struct endpoint from, uint32_t number, uint64_t ms)
{
    struct message ping = query_of(METHOD_PING, 0x18);
    write_u32(ping.id.bytes + 10, number);
    hear(f, &ping, from);
    return live(f, ms, from, ping.id);
}

static struct fixture *new_keeper(size_t records)
{
    struct fixture *f = new_node(&(struct dht_config){0});
    add_contact(f, 0x90, public_address(1));
    live(f, 10 * 1000, public_address(1), id_of(0x90));
    assert_non_null(next_event(f, DHT_EVENT_JOINED));
    keep_parts(f, records);
    return f;
}

static void a_node_of_many_ids_is_given_records_once_an_hour(void **state)
{
    (void)state;
    struct fixture *f = new_keeper(3);
    size_t asked = 0;
    for (uint32_t i = 0; i < 50; i++)
        asked += tokens_asked(f, public_address(2), i, 50);
    assert_int_equal(asked, 1);
    assert_int_equal(tokens_asked(f, public_address(3), 1000, 50), 1); /* another one */
    live(f, HANDOVER_AGAIN_MS, public_address(1), id_of(0x90));
    assert_int_equal(tokens_asked(f, public_address(2), 2000, 50), 1);
    free_node(f);
}

static void records_are_looked_through_some_at_a_time(void **state)
{
    (void)state;
    struct fixture *f = new_keeper(3 * HANDOVER_STEP);
    assert_int_equal(tokens_asked(f, public_address(2), 1, HANDOVER_STEP_MS - 1), 0);
    assert_int_equal(tokens_asked(f, public_address(2), 1, 4 * HANDOVER_STEP_MS), 1);
    free_node(f);
}

/* ---- our address and id ---- */

static const struct endpoint ours = {.family = ENDPOINT_IPV4, .addr = {124, 31, 75, 21}, .port = 5};
static const struct endpoint other = {
    .family = ENDPOINT_IPV4, .addr = {21, 75, 31, 124}, .port = 5};

static void claim(struct fixture *f, uint8_t sender, const struct endpoint *address)
{
    struct message answer = answer_of(f, sender);
    answer.has_nodes = true;
    answer.seen_address = *address;
    hear(f, &answer, f->to);
}

/* We ask nodes first to last, and each says that we are at `address`. */
static void vote(struct fixture *f, uint8_t first, uint8_t last, const struct endpoint *address)
{
    for (uint8_t i = first; i <= last; i++) {
        struct endpoint to = public_address(i);
        drop_output(f);
        dht_ping(f->dht, &to, f->now_ms);
        while (said(f))
            if (f->message.type == MESSAGE_QUERY && endpoint_equal(&f->to, &to))
                claim(f, (uint8_t)(0x80 + i), address);
    }
}

static void our_id_changes_at_most_once_an_hour(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    vote(f, 1, 3, &ours);
    struct id first = stats_of(f).id;
    assert_true(node_id_fits(&first, &ours)); /* at the start at once */
    for (uint64_t end_ms = f->now_ms + ID_KEPT_MS - 60 * 1000; f->now_ms < end_ms;
         pass(f, 5 * 60 * 1000)) {
        vote(f, 1, 7, &other);
        struct dht_stats stats = stats_of(f);
        assert_true(endpoint_equal(&stats.external, &other));
        assert_true(id_equal(&stats.id, &first));
    }
    pass(f, 60 * 1000);
    vote(f, 8, 8, &other);
    struct id second = stats_of(f).id;
    assert_true(node_id_fits(&second, &other));
    free_node(f);
}

static void who_is_asked_only_for_asking_us_has_no_vote(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    vote(f, 1, 3, &ours);
    struct id before = stats_of(f).id;
    pass(f, 2 * ID_KEPT_MS);
    drop_output(f);
    for (uint8_t i = 0; i < VOTES_MAX; i++) {
        struct message ping = query_of(METHOD_PING, (uint8_t)(0xa0 + i));
        struct endpoint from = public_address((uint8_t)(100 + i));
        hear(f, &ping, from);
        while (said(f))
            if (f->message.type == MESSAGE_QUERY && endpoint_equal(&f->to, &from))
                claim(f, (uint8_t)(0xa0 + i), f->message.method == METHOD_PING ? &other : &ours);
    }
    struct dht_stats stats = stats_of(f);
    assert_true(endpoint_equal(&stats.external, &ours));
    assert_true(id_equal(&stats.id, &before));
    free_node(f);
}

/* ---- names ---- */

/* Everything asked of `at` is answered as `sender`, and nothing else is. */
static void answer_from(struct fixture *f, struct endpoint at, uint8_t sender, uint64_t ms)
{
    for (uint64_t end_ms = f->now_ms + ms; f->now_ms < end_ms; pass(f, 50))
        while (said(f))
            if (f->message.type == MESSAGE_QUERY && endpoint_equal(&f->to, &at))
                answer_it(f, sender);
}

static bool is_at(const struct fixture *f, uint8_t id, struct endpoint at)
{
    struct dht_contact contacts[8];
    struct id wanted = id_of(id);
    size_t count = dht_contacts(f->dht, contacts, 8);
    for (size_t i = 0; i < count; i++)
        if (id_equal(&contacts[i].id, &wanted))
            return endpoint_equal(&contacts[i].endpoint, &at);
    return false;
}

static void a_lost_datagram_does_not_give_a_name_away(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint known = public_address(1), thief = public_address(2);
    add_contact(f, 0x80, known);
    add_contact(f, 0x90, thief);
    struct id target = id_of(0x80);
    dht_find(f->dht, &target, f->now_ms);
    answer_from(f, thief, 0x90, 2500); /* the query to the other is lost */
    assert_int_equal(stats_of(f).answering, 1);
    dht_ping(f->dht, &thief, f->now_ms);
    answer_from(f, thief, 0x80, 50);
    assert_true(is_at(f, 0x80, known));
    answer_from(f, known, 0x80, 10 * 1000); /* it was asked at once, and is there */
    assert_true(is_at(f, 0x80, known));
    assert_int_equal(stats_of(f).impostors, 1);
    free_node(f);
}

static void a_contact_that_answers_with_errors_is_dropped(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct endpoint bad = public_address(1);
    add_contact(f, 0x80, bad);
    add_contact(f, 0x90, public_address(2));
    struct id target = id_of(0x80);
    dht_find(f->dht, &target, f->now_ms);
    for (uint64_t end_ms = f->now_ms + 60 * 1000; f->now_ms < end_ms; pass(f, 50))
        while (said(f)) {
            struct message error;
            message_init(&error, MESSAGE_ERROR);
            memcpy(error.txid, f->message.txid, f->message.txid_len);
            error.txid_len = f->message.txid_len;
            error.error_code = 203;
            error.error_text = bytes_of_string("no");
            if (endpoint_equal(&f->to, &bad))
                hear(f, &error, bad);
            else
                answer_it(f, 0x90);
        }
    assert_int_equal(stats_of(f).contacts, 1);
    assert_true(stats_of(f).errors > 0);
    free_node(f);
}

/* ---- those who ask us ---- */

static void twelve_who_ask_at_once_all_become_contacts(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    for (uint8_t i = 0; i < 12; i++) {
        struct message ping = query_of(METHOD_PING, (uint8_t)(0x80 + i));
        hear(f, &ping, public_address(i));
    }
    while (said(f))
        if (f->message.type == MESSAGE_QUERY)
            answer_it(f, (uint8_t)(0x80 + f->to.addr[1]));
    assert_int_equal(stats_of(f).contacts, 12);
    assert_int_equal(stats_of(f).unasked, 0);
    free_node(f);
}

/* Three hundred forged queries a second, and one that is not. */
static void a_flood_does_not_keep_newcomers_out(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct rng rng;
    rng_init_seed(&rng, test_seed(1));
    add_contact(f, 0x90, public_address(1));
    size_t pinged = 0, seconds = 30;
    for (size_t ms = 0; ms < seconds * 1000; ms += 10, pass(f, 10)) {
        for (size_t i = 0; i < 3 + (ms % 1000 == 0); i++) {
            struct message ping = query_of(METHOD_PING, 0);
            struct endpoint from = {.family = ENDPOINT_IPV4, .port = 1000};
            rng_fill(&rng, ping.id.bytes, ID_BYTES);
            rng_fill(&rng, from.addr, 4);
            from.addr[0] = i == 3 ? 120 : 80;
            if (i == 3)
                from.addr[1] = (uint8_t)(ms / 1000);
            hear(f, &ping, from);
        }
        while (said(f))
            pinged += f->message.type == MESSAGE_QUERY && f->to.addr[0] == 120;
    }
    print_message("# %zu of %zu were pinged\n", pinged, seconds);
    assert_true(pinged >= seconds / 2);
    assert_true(stats_of(f).unasked > 0);
    free_node(f);
}

/* One of a network at a time: its others are asked when they ask again. */
static void one_network_has_one_ping_at_a_time(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    size_t pings = 0;
    for (uint8_t i = 0; i < 20; i++) {
        struct message ping = query_of(METHOD_PING, (uint8_t)(0x80 + i));
        struct endpoint from = public_address(1);
        from.addr[3] = i;
        hear(f, &ping, from);
    }
    while (said(f))
        pings += f->message.type == MESSAGE_QUERY;
    assert_int_equal(pings, 1);
    assert_int_equal(stats_of(f).unasked, 19);
    free_node(f);
}

/* ---- the size of the network ---- */

static void ids_beside_ours_do_not_make_the_network_large(void **state)
{
    (void)state;
    struct fixture *f = new_node(&(struct dht_config){0});
    struct rng rng;
    rng_init_seed(&rng, 1);
    for (unsigned i = 0; i < 100 + 2 * DHT_K; i++) {
        struct endpoint at = local_address((uint8_t)i);
        struct id id = stats_of(f).id;
        if (i < 100)
            rng_fill(&rng, id.bytes, ID_BYTES);
        else
            id.bytes[ID_BYTES - 1] ^= (uint8_t)(i - 99);
        dht_bootstrap(f->dht, &at, 1, f->now_ms);
        while (said(f)) {
            struct message answer = answer_of(f, 0);
            answer.id = id;
            answer.has_nodes = true;
            if (endpoint_equal(&f->to, &at))
                hear(f, &answer, at);
        }
        if (i == 99)
            assert_in_range(stats_of(f).network_size, 50, 200);
    }
    print_message("# about %llu nodes\n", (unsigned long long)stats_of(f).network_size);
    assert_in_range(stats_of(f).network_size, 50, 300);
    free_node(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_of_many_ids_is_given_records_once_an_hour),
        cmocka_unit_test(records_are_looked_through_some_at_a_time),
        cmocka_unit_test(our_id_changes_at_most_once_an_hour),
        cmocka_unit_test(who_is_asked_only_for_asking_us_has_no_vote),
        cmocka_unit_test(a_lost_datagram_does_not_give_a_name_away),
        cmocka_unit_test(a_contact_that_answers_with_errors_is_dropped),
        cmocka_unit_test(twelve_who_ask_at_once_all_become_contacts),
        cmocka_unit_test(a_flood_does_not_keep_newcomers_out),
        cmocka_unit_test(one_network_has_one_ping_at_a_time),
        cmocka_unit_test(ids_beside_ours_do_not_make_the_network_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
