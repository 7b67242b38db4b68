#include "daemon/node.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/catalog.h"
#include "io/udp.h"
#include "kadpeer/records.h"
#include "support/unit.h"

/* Nodes on one loop that talk over real sockets of 127.0.0.1. */
#define NODES_MAX 4

struct peer {
    struct node *node;
    struct endpoint address;
    struct rng rng;
    uv_loop_t *loop;
    unsigned joined, alone, published;
};

struct fixture {
    uv_loop_t loop;
    struct peer peers[NODES_MAX];
};

/* What the events of one question came to. */
struct answer {
    struct fixture *fixture;
    unsigned values, done;
    struct bytes last;
    uint8_t value[DHT_VALUE_MAX];
    struct endpoint from;
    struct dht_event end;
    struct dht_contact nodes[8];
    uint32_t cancel; /* from inside the first event */
    struct node *node;
};

static void on_node_event(void *user, uint8_t family, const struct dht_event *event)
{
    struct peer *peer = user;
    assert_int_equal(family, peer->address.family);
    peer->joined += event->type == DHT_EVENT_JOINED;
    peer->alone += event->type == DHT_EVENT_ALONE;
    peer->published += event->type == DHT_EVENT_PUBLISHED && event->values > 0;
    uv_stop(peer->loop); /* else the loop waits for the next input, though this came by a timer */
}

static void on_event(void *user, const struct dht_event *event)
{
    struct answer *answer = user;
    uv_stop(&answer->fixture->loop);
    if (answer->cancel != 0)
        node_cancel(answer->node, answer->cancel);
    if (event->type == DHT_EVENT_VALUE) {
        answer->values++;
        memcpy(answer->value, event->value.data, event->value.len);
        answer->last = bytes_of(answer->value, event->value.len);
        answer->from = event->endpoint;
        return;
    }
    answer->done++;
    answer->end = *event;
    for (size_t i = 0; i < event->node_count && i < 8; i++)
        answer->nodes[i] = event->nodes[i];
}

static struct endpoint any_port(const char *address)
{
    char text[ENDPOINT_TEXT_SIZE];
    struct endpoint endpoint;
    snprintf(text, sizeof text, "%s:1", address);
    assert_true(endpoint_parse(text, &endpoint));
    endpoint.port = 0;
    return endpoint;
}

static struct peer *start(struct fixture *f, size_t i, struct catalog *catalog, const char *address)
{
    struct peer *peer = &f->peers[i];
    struct udp *udp;
    struct endpoint at = any_port(address);
    peer->loop = &f->loop;
    rng_init_seed(&peer->rng, 100 + i);
    struct node_setup setup = {.loop = &f->loop,
                               .catalog = catalog,
                               .rng = &peer->rng,
                               .on_event = on_node_event,
                               .user = peer};
    peer->node = node_new(&setup);
    assert_int_equal(udp_open(&f->loop, &at, &udp, &peer->address), STATUS_OK);
    assert_int_equal(node_take_socket(peer->node, udp, &peer->address), STATUS_OK);
    assert_int_equal(node_start(peer->node), STATUS_OK);
    return peer;
}

static void stop(struct peer *peer)
{
    node_free(peer->node);
    peer->node = NULL;
}

static void wait_for(struct fixture *f, const unsigned *counter)
{
    while (*counter == 0)
        uv_run(&f->loop, UV_RUN_DEFAULT);
}

/* `count` nodes that have all joined by the first one. */
static void start_joined(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        start(f, i, NULL, "127.0.0.1");
    for (size_t i = 1; i < count; i++) {
        node_bootstrap(f->peers[i].node, &f->peers[0].address, 1);
        wait_for(f, &f->peers[i].joined);
    }
    wait_for(f, &f->peers[0].joined);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < NODES_MAX; i++)
        node_free(f->peers[i].node);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

static struct id key_of(uint8_t byte)
{
    struct id id;
    memset(id.bytes, byte, sizeof id.bytes);
    return id;
}

static struct bytes peer_value(struct buffer *buffer, uint16_t port)
{
    struct peer_record record = {.tcp_port = port, .seed = true, .pieces_held = 7};
    buffer_init(buffer);
    peer_record_encode(&record, buffer);
    return buffer_bytes(buffer);
}

/* ---- tests ---- */

static void what_one_publishes_the_other_gets(void **state)
{
    struct fixture *f = *state;
    struct buffer value;
    struct id key = key_of(0x5a);
    struct answer answer = {.fixture = f};
    start_joined(f, 2);
    assert_int_equal(node_publish(f->peers[0].node, &key, KIND_PEER, peer_value(&value, 4242)),
                     STATUS_OK);
    wait_for(f, &f->peers[0].published);
    assert_int_not_equal(node_get(f->peers[1].node, &key, KIND_PEER, on_event, &answer), 0);
    assert_int_equal(answer.done, 0); /* never from inside the call */
    wait_for(f, &answer.done);
    assert_int_equal(answer.values, 1);
    assert_true(bytes_equal(answer.last, buffer_bytes(&value)));
    assert_int_equal(answer.from.port, 4242);
    assert_true(endpoint_same_address(&answer.from, &f->peers[0].address));
    assert_int_equal(answer.end.type, DHT_EVENT_GET_DONE);
    assert_int_equal(answer.end.status, STATUS_OK);
    assert_int_equal(answer.end.values, 1);
    buffer_dispose(&value);
}

static void a_get_of_what_nobody_has_says_who_was_asked(void **state)
{
    struct fixture *f = *state;
    struct id key = key_of(1);
    struct answer answer = {.fixture = f};
    start_joined(f, 3);
    node_get(f->peers[2].node, &key, KIND_PEER, on_event, &answer);
    wait_for(f, &answer.done);
    assert_int_equal(answer.values, 0);
    assert_int_equal(answer.end.status, STATUS_NOT_FOUND);
    assert_int_equal(answer.end.answered, 2);
}

static void a_lone_node_is_told_that_nobody_answered(void **state)
{
    struct fixture *f = *state;
    struct id key = key_of(1);
    struct answer answer = {.fixture = f};
    start(f, 0, NULL, "127.0.0.1");
    assert_false(node_joined(f->peers[0].node));
    assert_false(node_may_join(f->peers[0].node));
    node_get(f->peers[0].node, &key, KIND_PEER, on_event, &answer);
    wait_for(f, &answer.done);
    assert_int_equal(answer.end.status, STATUS_UNREACHABLE);
    assert_int_equal(answer.end.asked, 0);
}

static void a_cancelled_question_says_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct buffer value;
    struct id key = key_of(2);
    struct answer cancelled = {.fixture = f}, inside = {.fixture = f}, last = {.fixture = f};
    start_joined(f, 2);
    node_publish(f->peers[0].node, &key, KIND_PEER, peer_value(&value, 1));
    wait_for(f, &f->peers[0].published);
    uint32_t handle = node_get(f->peers[1].node, &key, KIND_PEER, on_event, &cancelled);
    node_cancel(f->peers[1].node, handle);
    node_cancel(f->peers[1].node, handle);
    inside.node = f->peers[1].node;
    inside.cancel = node_get(f->peers[1].node, &key, KIND_PEER, on_event, &inside);
    node_get(f->peers[1].node, &key, KIND_PEER, on_event, &last);
    wait_for(f, &last.done);
    assert_int_equal(cancelled.values + cancelled.done, 0);
    assert_int_equal(inside.values, 1);
    assert_int_equal(inside.done, 0);
    buffer_dispose(&value);
}

static void a_ping_gives_id_and_round_trip_or_times_out(void **state)
{
    struct fixture *f = *state;
    struct answer answer = {.fixture = f}, silent = {.fixture = f};
    struct dht_stats stats;
    struct udp *udp;
    struct endpoint nobody, at;
    start_joined(f, 2);
    at = any_port("127.0.0.1");
    assert_int_equal(udp_open(&f->loop, &at, &udp, &nobody), STATUS_OK); /* bound, never read */
    node_ping(f->peers[0].node, &f->peers[1].address, on_event, &answer);
    node_ping(f->peers[0].node, &nobody, on_event, &silent);
    wait_for(f, &answer.done);
    assert_int_equal(answer.end.status, STATUS_OK);
    assert_true(node_stats(f->peers[1].node, ENDPOINT_IPV4, &stats));
    assert_true(id_equal(&answer.end.id, &stats.id));
    wait_for(f, &silent.done);
    assert_int_equal(silent.end.status, STATUS_TIMED_OUT);
    udp_close(udp);
}

static void a_find_brings_the_nodes_nearest_first(void **state)
{
    struct fixture *f = *state;
    struct id target = key_of(9);
    struct answer answer = {.fixture = f};
    start_joined(f, 4);
    node_find(f->peers[3].node, &target, on_event, &answer);
    wait_for(f, &answer.done);
    assert_int_equal(answer.end.type, DHT_EVENT_FOUND);
    assert_true(answer.end.node_count >= 3);
    for (size_t i = 1; i < answer.end.node_count; i++)
        assert_true(id_distance_compare(&target, &answer.nodes[i - 1].id, &answer.nodes[i].id) < 0);
}

static void our_own_address_is_no_node_to_join_by(void **state)
{
    struct fixture *f = *state;
    struct peer *peer = start(f, 0, NULL, "127.0.0.1");
    struct endpoint other = peer->address;
    other.port ^= 1;
    assert_true(node_is_self(peer->node, &peer->address));
    assert_false(node_is_self(peer->node, &other));
    node_bootstrap(peer->node, &peer->address, 1);
    assert_false(node_may_join(peer->node));
    node_bootstrap(peer->node, &other, 1);
    assert_true(node_may_join(peer->node));
}

static void an_address_to_give_is_one_that_others_reach(void **state)
{
    struct fixture *f = *state;
    struct endpoint own[8];
    start(f, 0, NULL, "127.0.0.1");
    struct peer *peer = start(f, 1, NULL, "0.0.0.0");
    node_bootstrap(peer->node, &f->peers[0].address, 1);
    wait_for(f, &peer->joined);
    size_t count = node_own_endpoints(peer->node, own, 8);
    assert_true(count >= 1); /* this machine's, or 127.0.0.1, which the other sees */
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(own[i].port, peer->address.port);
        assert_true(count == 1 || !endpoint_is_loopback(&own[i]));
    }
    assert_int_equal(node_own_endpoints(f->peers[0].node, own, 8), 1); /* bound to that alone */
    assert_true(endpoint_equal(&own[0], &f->peers[0].address));
}

static void an_answer_leaves_by_the_address_that_was_asked(void **state)
{
    struct fixture *f = *state;
    struct answer answer = {.fixture = f};
    struct udp *udp;
    struct endpoint at, second;
    start(f, 0, NULL, "127.0.0.1");
    start(f, 1, NULL, "127.0.0.1");
    at = any_port("127.0.0.2");
    stop(&f->peers[0]);
    struct node_setup setup = {.loop = &f->loop, .rng = &f->peers[0].rng};
    f->peers[0].node = node_new(&setup);
    at = any_port("127.0.0.1");
    assert_int_equal(udp_open(&f->loop, &at, &udp, &second), STATUS_OK);
    assert_int_equal(node_take_socket(f->peers[0].node, udp, &second), STATUS_OK);
    at = any_port("127.0.0.2");
    at.port = second.port;
    assert_int_equal(udp_open(&f->loop, &at, &udp, &second), STATUS_OK);
    assert_int_equal(node_take_socket(f->peers[0].node, udp, &second), STATUS_OK);
    assert_int_equal(node_start(f->peers[0].node), STATUS_OK);
    node_ping(f->peers[1].node, &second, on_event, &answer);
    wait_for(f, &answer.done);
    assert_int_equal(answer.end.status, STATUS_OK);
}

static void the_next_run_has_the_id_and_finds_the_others_again(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/kadpeer-node-XXXXXX", error[CATALOG_ERROR_SIZE], file[64];
    struct catalog *catalog;
    struct dht_stats before, after;
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof file, "%s/db", path);
    assert_int_equal(catalog_open(file, &catalog, error), STATUS_OK);
    start(f, 0, NULL, "127.0.0.1");
    struct peer *peer = start(f, 1, catalog, "127.0.0.1");
    node_bootstrap(peer->node, &f->peers[0].address, 1);
    wait_for(f, &peer->joined);
    node_stats(peer->node, ENDPOINT_IPV4, &before);
    stop(peer);
    *peer = (struct peer){.node = NULL};
    start(f, 1, catalog, "127.0.0.1");
    assert_int_equal(node_saved_count(peer->node), 1);
    assert_true(node_may_join(peer->node));
    node_stats(peer->node, ENDPOINT_IPV4, &after);
    assert_true(id_equal(&before.id, &after.id));
    wait_for(f, &peer->joined);
    stop(peer);
    catalog_close(catalog);
    unlink(file);
    rmdir(path);
}

/* A value that proves itself, to be found by somebody else's restarted node. */
struct held {
    struct id key;
    enum record_kind kind;
    struct buffer value;
};

static void make_held(struct held held[3])
{
    static const char text[] = "what a part says";
    uint8_t seed[ED25519_SEED_BYTES] = {1}, public_key[ED25519_PUBLIC_BYTES];
    uint64_t expiry_unix_s = (uint64_t)time(NULL) + 3600;
    struct entry_body entry = {.infohash = key_of(7), .name = "a name", .size = 1, .files = 1};
    struct buffer body;
    for (int i = 0; i < 3; i++)
        buffer_init(&held[i].value);
    held[0].kind = KIND_ENTRY;
    held[0].key = key_of_name("a name");
    buffer_init(&body);
    entry_body_encode(&entry, &body);
    assert_int_equal(entry_record_make(&held[0].key, seed, 1, expiry_unix_s, buffer_bytes(&body),
                                       &held[0].value),
                     STATUS_OK);
    buffer_dispose(&body);
    held[1].kind = KIND_ITEM;
    ed25519_public_of(seed, public_key);
    held[1].key = key_of_item(public_key, bytes_of_string("salt"));
    assert_int_equal(item_record_make(seed, bytes_of_string("salt"), 1, expiry_unix_s,
                                      bytes_of_string(text), &held[1].value),
                     STATUS_OK);
    held[2].kind = KIND_PART;
    held[2].key = key_of_part(bytes_of_string(text));
    buffer_add_string(&held[2].value, text);
}

/* Records are kept by whoever stores them, over its restart too. */
static void held_records_outlive_a_restart(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/kadpeer-node-XXXXXX", error[CATALOG_ERROR_SIZE], file[64];
    struct catalog *catalog;
    struct held held[3];
    make_held(held);
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof file, "%s/db", path);
    assert_int_equal(catalog_open(file, &catalog, error), STATUS_OK);
    start(f, 0, NULL, "127.0.0.1");
    struct peer *peer = start(f, 1, catalog, "127.0.0.1");
    node_bootstrap(peer->node, &f->peers[0].address, 1);
    wait_for(f, &peer->joined);
    for (int i = 0; i < 3; i++) {
        f->peers[0].published = 0;
        assert_int_equal(node_publish(f->peers[0].node, &held[i].key, held[i].kind,
                                      buffer_bytes(&held[i].value)),
                         STATUS_OK);
        wait_for(f, &f->peers[0].published);
    }
    stop(&f->peers[0]);
    stop(peer);
    start(f, 1, catalog, "127.0.0.1");
    for (int i = 0; i < 3; i++) {
        struct answer answer = {.fixture = f};
        node_get(peer->node, &held[i].key, held[i].kind, on_event, &answer);
        wait_for(f, &answer.done);
        assert_int_equal(answer.values, 1);
        assert_true(bytes_equal(answer.last, buffer_bytes(&held[i].value)));
        buffer_dispose(&held[i].value);
    }
    stop(peer);
    catalog_close(catalog);
    unlink(file);
    rmdir(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_one_publishes_the_other_gets),
        TEST(a_get_of_what_nobody_has_says_who_was_asked),
        TEST(a_lone_node_is_told_that_nobody_answered),
        TEST(a_cancelled_question_says_nothing_more),
        TEST(a_ping_gives_id_and_round_trip_or_times_out),
        TEST(a_find_brings_the_nodes_nearest_first),
        TEST(our_own_address_is_no_node_to_join_by),
        TEST(an_address_to_give_is_one_that_others_reach),
        TEST(an_answer_leaves_by_the_address_that_was_asked),
        TEST(the_next_run_has_the_id_and_finds_the_others_again),
        TEST(held_records_outlive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
