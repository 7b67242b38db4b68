#include "io/tls.h"

#include "kadpeer/rng.h"
#include "support/tcp_pair.h"
#include "support/tls_sessions.h"
#include "support/unit.h"

/* ---- two sessions with nothing between them ---- */

static const uint8_t key[TLS_PSK_BYTES] = "a key that both of them share..";
static const struct bytes me = {(const uint8_t *)"me", 2};

struct door {
    uint8_t key[TLS_PSK_BYTES];
    unsigned asked;
};

static bool find(void *user, struct bytes identity, uint8_t psk[TLS_PSK_BYTES])
{
    struct door *door = user;
    door->asked++;
    memcpy(psk, door->key, TLS_PSK_BYTES);
    return bytes_equal(identity, me);
}

struct sessions {
    struct tls_sessions pair;
    struct door door;
};

static void begin(struct sessions *s, struct bytes identity, const uint8_t psk[TLS_PSK_BYTES])
{
    s->door = (struct door){0};
    memcpy(s->door.key, key, sizeof key);
    tls_sessions_begin(&s->pair, identity, psk, find, &s->door);
}

static void end(struct sessions *s)
{
    tls_sessions_end(&s->pair);
}

static void who_shares_the_key_is_let_in(void **state)
{
    (void)state;
    struct sessions s;
    enum status client, server;
    begin(&s, me, key);
    tls_sessions_shake_hands(&s.pair, &client, &server);
    assert_true(tls_is_open(s.pair.client) && tls_is_open(s.pair.server));
    uint8_t a[32], b[32], other[32];
    struct bytes context = bytes_of("here", 4);
    assert_int_equal(tls_export(s.pair.client, "label", context, a), STATUS_OK);
    assert_int_equal(tls_export(s.pair.server, "label", context, b), STATUS_OK);
    assert_int_equal(tls_export(s.pair.server, "label", bytes_of("hers", 4), other), STATUS_OK);
    assert_memory_equal(a, b, 32);
    assert_memory_not_equal(a, other, 32);
    end(&s);
}

static void expect_closed_door(struct sessions *s)
{
    enum status client, server;
    tls_sessions_shake_hands(&s->pair, &client, &server);
    assert_int_equal(server, STATUS_REFUSED);
    assert_false(tls_is_open(s->pair.server));
    assert_false(tls_is_open(s->pair.client));
    assert_int_equal(s->pair.wire[1].len, 0); /* not even an alert */
    uint8_t material[32];
    assert_int_not_equal(tls_export(s->pair.server, "label", bytes_of("", 0), material), STATUS_OK);
    end(s);
}

static void a_wrong_key_and_a_stranger_are_answered_with_silence(void **state)
{
    (void)state;
    struct sessions s;
    uint8_t wrong[TLS_PSK_BYTES];
    memcpy(wrong, key, sizeof wrong);
    wrong[31] ^= 1;
    begin(&s, me, wrong);
    expect_closed_door(&s);
    begin(&s, bytes_of("you", 3), key);
    expect_closed_door(&s);
}

/* With its key share turned into one of another group, others would be asked for a second hello. */
static void any_changed_byte_of_a_strangers_first_message_is_answered_with_silence(void **state)
{
    (void)state;
    struct sessions s;
    begin(&s, bytes_of("you", 3), key);
    assert_int_equal(tls_sessions_step(s.pair.client, &s.pair.wire[1], &s.pair.wire[0]),
                     STATUS_BUSY);
    for (size_t i = 0; i < s.pair.wire[0].len; i++) {
        struct buffer answer;
        buffer_init(&answer);
        s.pair.wire[0].data[i] ^= 0x80;
        struct tls *tls = tls_server_new(find, &s.door);
        enum status server = tls_sessions_step(tls, &s.pair.wire[0], &answer);
        assert_true(server == STATUS_REFUSED || server == STATUS_BUSY);
        assert_int_equal(answer.len, 0);
        s.pair.wire[0].data[i] ^= 0x80;
        tls_free(tls);
        buffer_dispose(&answer);
    }
    end(&s);
}

static void any_changed_byte_of_the_first_message_is_refused(void **state)
{
    (void)state;
    struct sessions s;
    enum status client, server;
    begin(&s, me, key);
    client = tls_sessions_step(s.pair.client, &s.pair.wire[1], &s.pair.wire[0]);
    assert_int_equal(client, STATUS_BUSY);
    struct bytes hello = buffer_bytes(&s.pair.wire[0]);
    for (size_t i = 0; i < hello.len; i++) {
        struct buffer changed, answer;
        buffer_init(&changed);
        buffer_init(&answer);
        buffer_add(&changed, hello.data, hello.len);
        changed.data[i] ^= 0x80;
        struct tls *tls = tls_server_new(find, &s.door);
        server = tls_sessions_step(tls, &changed, &answer);
        assert_false(tls_is_open(tls));
        assert_true(server == STATUS_REFUSED || server == STATUS_BUSY);
        assert_true(server == STATUS_BUSY || answer.len == 0);
        tls_free(tls);
        buffer_dispose(&changed);
        buffer_dispose(&answer);
    }
    end(&s);
}

static void a_changed_record_ends_the_session(void **state)
{
    (void)state;
    struct sessions s;
    enum status client, server;
    begin(&s, me, key);
    tls_sessions_shake_hands(&s.pair, &client, &server);
    assert_int_equal(tls_write(s.pair.client, bytes_of("have", 4)), STATUS_OK);
    tls_take_out(s.pair.client, &s.pair.wire[0]);
    s.pair.wire[0].data[s.pair.wire[0].len - 1] ^= 1;
    assert_int_equal(tls_sessions_step(s.pair.server, &s.pair.wire[0], &s.pair.wire[1]),
                     STATUS_MALFORMED);
    assert_int_equal(s.pair.wire[1].len, 0);
    end(&s);
}

static void nothing_is_written_before_the_doors_are_open(void **state)
{
    (void)state;
    struct sessions s;
    begin(&s, me, key);
    assert_int_equal(tls_write(s.pair.client, bytes_of("have", 4)), STATUS_REFUSED);
    assert_int_equal(tls_waiting(s.pair.client), 0);
    end(&s);
}

/* ---- over TCP ---- */

static void take_tls(struct tcp_pair *pair, struct door *door, const uint8_t psk[TLS_PSK_BYTES])
{
    tcp_pair_dial(pair);
    pair->near.connected = pair->far.connected = 0;
    memcpy(door->key, key, sizeof key);
    assert_int_equal(tcp_take_tls(pair->near.tcp, tls_client_new(me, psk), bytes_of("", 0)),
                     STATUS_OK);
    assert_int_equal(tcp_take_tls(pair->far.tcp, tls_server_new(find, door), bytes_of("", 0)),
                     STATUS_OK);
    assert_int_equal(pair->near.connected, 0);
}

static void open_both(struct tcp_pair *pair, struct door *door)
{
    take_tls(pair, door, key);
    while (!pair->near.connected || !pair->far.connected)
        uv_run(&pair->loop, UV_RUN_ONCE);
}

static void runs_of_all_sizes_arrive_in_order(void **state)
{
    struct tcp_pair *pair = *state;
    struct door door = {.asked = 0};
    open_both(pair, &door);
    struct rng rng;
    rng_init_seed(&rng, test_seed(7));
    static uint8_t block[900000];
    rng_fill(&rng, block, sizeof block);
    struct bytes runs[TCP_RUNS_MAX];
    for (size_t at = 0; at < sizeof block;) {
        size_t count = 0, before = at;
        while (count < TCP_RUNS_MAX && at < sizeof block) {
            size_t most = rng_below(&rng, 3) == 0 ? 60000 : 40, left = sizeof block - at;
            size_t len = 1 + (size_t)rng_below(&rng, most);
            runs[count] = bytes_of(block + at, len < left ? len : left);
            at += runs[count++].len;
        }
        unsigned sent = pair->near.sent;
        tcp_write(pair->near.tcp, runs, count);
        assert_true(tcp_is_writing(pair->near.tcp));
        while (pair->near.sent == sent || pair->far.got < at)
            uv_run(&pair->loop, UV_RUN_ONCE);
        assert_memory_equal(pair->in + before, block + before, at - before);
        assert_int_equal(tcp_backlog(pair->near.tcp), 0);
        assert_false(tcp_is_writing(pair->near.tcp));
    }
}

static void a_paused_end_gets_the_rest_when_it_goes_on(void **state)
{
    struct tcp_pair *pair = *state;
    struct door door = {.asked = 0};
    open_both(pair, &door);
    static uint8_t block[200000];
    struct bytes run = bytes_of(block, sizeof block);
    tcp_pause(pair->far.tcp, true);
    tcp_write(pair->near.tcp, &run, 1);
    for (int i = 0; i < 50; i++)
        uv_run(&pair->loop, UV_RUN_NOWAIT);
    assert_int_equal(pair->far.got, 0);
    tcp_pause(pair->far.tcp, false);
    assert_int_equal(pair->far.got, 0);
    while (pair->far.got < sizeof block)
        uv_run(&pair->loop, UV_RUN_ONCE);
}

static void an_end_without_room_reads_on_when_it_has_some(void **state)
{
    struct tcp_pair *pair = *state;
    struct door door = {.asked = 0};
    open_both(pair, &door);
    static uint8_t block[200000];
    struct bytes run = bytes_of(block, sizeof block);
    size_t space_len = pair->far.space_len;
    pair->far.space_len = 3;
    tcp_write(pair->near.tcp, &run, 1);
    while (pair->far.got < 3)
        uv_run(&pair->loop, UV_RUN_ONCE);
    for (int i = 0; i < 50; i++)
        uv_run(&pair->loop, UV_RUN_NOWAIT);
    assert_int_equal(pair->far.got, 3);
    pair->far.space_len = 70000;
    tcp_pause(pair->far.tcp, false);
    while (pair->far.got < 70000)
        uv_run(&pair->loop, UV_RUN_ONCE);
    pair->far.space_len = space_len;
    tcp_pause(pair->far.tcp, false);
    while (pair->far.got < sizeof block)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_int_equal(pair->far.failed, 0);
}

static void with_a_wrong_key_both_ends_fail(void **state)
{
    struct tcp_pair *pair = *state;
    struct door door = {.asked = 0};
    uint8_t wrong[TLS_PSK_BYTES] = {1};
    take_tls(pair, &door, wrong);
    while (!pair->near.failed || !pair->far.failed)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_int_equal(pair->far.why, STATUS_REFUSED);
    assert_int_equal(pair->near.why, STATUS_CLOSED); /* the door was shut, that is all */
    assert_int_equal(pair->near.connected + pair->far.connected, 0);
}

static void who_hears_of_the_end_is_told_once(void **state)
{
    struct tcp_pair *pair = *state;
    struct door door = {.asked = 0};
    open_both(pair, &door);
    tcp_close(pair->near.tcp);
    pair->near.tcp = NULL;
    while (!pair->far.failed)
        uv_run(&pair->loop, UV_RUN_ONCE);
    assert_int_equal(pair->far.failed, 1);
    assert_int_equal(pair->near.failed, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tcp_pair_set_up, tcp_pair_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_shares_the_key_is_let_in),
        cmocka_unit_test(a_wrong_key_and_a_stranger_are_answered_with_silence),
        cmocka_unit_test(any_changed_byte_of_the_first_message_is_refused),
        cmocka_unit_test(any_changed_byte_of_a_strangers_first_message_is_answered_with_silence),
        cmocka_unit_test(a_changed_record_ends_the_session),
        cmocka_unit_test(nothing_is_written_before_the_doors_are_open),
        TEST(runs_of_all_sizes_arrive_in_order),
        TEST(a_paused_end_gets_the_rest_when_it_goes_on),
        TEST(an_end_without_room_reads_on_when_it_has_some),
        TEST(with_a_wrong_key_both_ends_fail),
        TEST(who_hears_of_the_end_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
