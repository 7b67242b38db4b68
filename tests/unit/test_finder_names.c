#include "daemon/finder_names.h"

#include <string.h>
#include <time.h>

#include "daemon/daemon.h"
#include "daemon/found_name.h"
#include "daemon/node.h"
#include "io/udp.h"
#include "support/unit.h"

/* A node that holds the records, and a daemon with a node that searches: real sockets on
 * 127.0.0.1. */
struct fixture {
    uv_loop_t loop;
    struct rng rng;
    struct node *holder;
    struct endpoint holder_address, own_address;
    struct daemon daemon; /* the searching one */
    unsigned joined, published;
    /* what the search told */
    struct name_match told[16];
    size_t told_count;
    struct name_match best[16];
    size_t best_count;
    struct name_search_end end;
    unsigned ended;
    struct name_search *search;
    bool cancel_at_first;
};

static void on_node_event(void *user, uint8_t family, const struct dht_event *event)
{
    struct fixture *f = user;
    (void)family;
    f->joined += event->type == DHT_EVENT_JOINED;
    f->published += event->type == DHT_EVENT_PUBLISHED;
    uv_stop(&f->loop);
}

static struct node *make_node(struct fixture *f, struct endpoint *address)
{
    struct udp *udp;
    struct endpoint at;
    struct node_setup setup = {
        .loop = &f->loop, .rng = &f->rng, .on_event = on_node_event, .user = f};
    struct node *node = node_new(&setup);
    assert_true(endpoint_parse("127.0.0.1:1", &at));
    at.port = 0;
    assert_int_equal(udp_open(&f->loop, &at, &udp, address), STATUS_OK);
    assert_int_equal(node_take_socket(node, udp, address), STATUS_OK);
    assert_int_equal(node_start(node), STATUS_OK);
    return node;
}

static void wait_for(struct fixture *f, const unsigned *counter, unsigned least)
{
    while (*counter < least)
        uv_run(&f->loop, UV_RUN_DEFAULT);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    rng_init_seed(&f->rng, 5);
    f->daemon.loop = &f->loop;
    f->holder = make_node(f, &f->holder_address);
    f->daemon.node = make_node(f, &f->own_address);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    node_free(f->holder);
    node_free(f->daemon.node);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

static void join(struct fixture *f)
{
    node_bootstrap(f->daemon.node, &f->holder_address, 1);
    wait_for(f, &f->joined, 2);
}

/* ---- what is published ---- */

static struct id id_of(uint8_t byte)
{
    struct id id;
    memset(id.bytes, byte, sizeof id.bytes);
    return id;
}

static struct entry_body body_of(uint8_t byte, const char *name, uint64_t size)
{
    struct entry_body body = {.infohash = id_of(byte), .size = size, .files = 1};
    snprintf(body.name, sizeof body.name, "%s", name);
    return body;
}

/* As one signer, under one key; `age_s` ago. */
static void publish(struct fixture *f, struct id key, uint8_t signer, const struct entry_body *body,
                    int64_t age_s)
{
    struct buffer bytes, value;
    uint8_t seed[ED25519_SEED_BYTES] = {signer};
    unsigned before = f->published;
    uint64_t now_s = (uint64_t)time(NULL);
    buffer_init(&bytes);
    buffer_init(&value);
    entry_body_encode(body, &bytes);
    assert_int_equal(entry_record_make(&key, seed, now_s - (uint64_t)age_s, now_s + 3600,
                                       buffer_bytes(&bytes), &value),
                     STATUS_OK);
    /* One node keeps one entry per signer and subject: others publish through the other node. */
    assert_int_equal(node_publish(f->holder, &key, KIND_ENTRY, buffer_bytes(&value)), STATUS_OK);
    wait_for(f, &f->published, before + 1);
    buffer_dispose(&bytes);
    buffer_dispose(&value);
}

static void publish_peer(struct fixture *f, struct id infohash, uint16_t port)
{
    struct peer_record record = {.tcp_port = port, .seed = true};
    struct buffer value;
    unsigned before = f->published;
    buffer_init(&value);
    peer_record_encode(&record, &value);
    assert_int_equal(node_publish(f->holder, &infohash, KIND_PEER, buffer_bytes(&value)),
                     STATUS_OK);
    wait_for(f, &f->published, before + 1);
    buffer_dispose(&value);
}

/* ---- searching ---- */

static void on_match(void *user, const struct name_match *match)
{
    struct fixture *f = user;
    assert_true(f->told_count < 16);
    f->told[f->told_count++] = *match;
    if (f->cancel_at_first) {
        name_search_cancel(f->search);
        f->ended = 1;
        uv_stop(&f->loop);
    }
}

static void on_end(void *user, const struct name_search_end *end, const struct name_match *best,
                   size_t count)
{
    struct fixture *f = user;
    f->end = *end;
    f->best_count = count;
    for (size_t i = 0; i < count && i < 16; i++)
        f->best[i] = best[i];
    f->ended++;
    uv_stop(&f->loop);
}

static void run_search(struct fixture *f, struct name_query query)
{
    query.wait_ms = query.wait_ms > 0 ? query.wait_ms : 20000;
    f->told_count = f->best_count = 0;
    f->ended = 0;
    f->search = name_search_start(&f->daemon, &query, on_match, on_end, f);
    assert_non_null(f->search);
    assert_int_equal(f->told_count + f->ended, 0);
    wait_for(f, &f->ended, 1);
}

static void search_words(struct fixture *f, const char *first, const char *second)
{
    const char *words[] = {first, second};
    run_search(f, (struct name_query){
                      .words = words, .word_count = second != NULL ? 2 : 1, .count_peers = true});
}

/* ---- tests ---- */

static void an_exact_name_is_found_however_it_is_spelled(void **state)
{
    struct fixture *f = *state;
    struct entry_body body = body_of(1, "My  Notes.PDF", 5);
    join(f);
    publish(f, key_of_name("my notes.pdf"), 1, &body, 60);
    publish_peer(f, body.infohash, 4000);
    run_search(f, (struct name_query){.exact_name = " my notes.pdf", .count_peers = true});
    assert_int_equal(f->end.status, STATUS_OK);
    assert_int_equal(f->end.answered, 1);
    assert_int_equal(f->best_count, 1);
    assert_true(id_equal(&f->best[0].infohash, &body.infohash));
    assert_string_equal(f->best[0].name, "My  Notes.PDF");
    assert_int_equal(f->best[0].size, 5);
    assert_int_equal(f->best[0].publishers, 1);
    assert_true(f->best[0].counted);
    assert_int_equal(f->best[0].peers, 1);
    assert_int_equal(f->best[0].networks, 1);
    assert_true(llabs(time(NULL) - 60 - f->best[0].first_seen_unix_s) <= 5);
    assert_int_equal(f->told_count, 1);
}

static void several_words_find_names_that_have_them_all(void **state)
{
    struct fixture *f = *state;
    struct entry_body both = body_of(1, "red boat", 5), one = body_of(2, "red house", 5);
    join(f);
    publish(f, key_of_word("red"), 1, &both, 0);
    publish(f, key_of_word("boat"), 1, &both, 0);
    publish(f, key_of_word("red"), 1, &one, 0);
    search_words(f, "BOAT", "red");
    assert_int_equal(f->best_count, 1);
    assert_true(id_equal(&f->best[0].infohash, &both.infohash));
    assert_int_equal(f->best[0].publishers, 1); /* one key, under two words */
    search_words(f, "red", NULL);
    assert_int_equal(f->best_count, 2);
    search_words(f, "red", "car");
    assert_int_equal(f->best_count, 0);
    assert_int_equal(f->end.status, STATUS_NOT_FOUND);
}

static void publishers_of_one_infohash_are_merged(void **state)
{
    struct fixture *f = *state;
    struct entry_body mine = body_of(1, "a song", 5), other = body_of(1, "A Song", 5);
    join(f);
    publish(f, key_of_word("song"), 1, &mine, 500);
    publish(f, key_of_word("song"), 2, &other, 1000);
    search_words(f, "song", NULL);
    assert_int_equal(f->best_count, 1);
    assert_int_equal(f->best[0].publishers, 2);
    assert_true(llabs(time(NULL) - 1000 - f->best[0].first_seen_unix_s) <= 5);
}

/* Ten publishers and no peer are worth less than one peer. */
static void live_peers_rank_above_publishers(void **state)
{
    struct fixture *f = *state;
    struct entry_body forged = body_of(1, "film", 5), real = body_of(2, "film", 5);
    join(f);
    for (uint8_t signer = 10; signer < 15; signer++)
        publish(f, key_of_word("film"), signer, &forged, 0);
    publish(f, key_of_word("film"), 1, &real, 0);
    publish_peer(f, real.infohash, 4000);
    search_words(f, "film", NULL);
    assert_int_equal(f->best_count, 2);
    assert_true(id_equal(&f->best[0].infohash, &real.infohash));
    assert_int_equal(f->best[1].publishers, 5);
    assert_int_equal(f->best[1].networks, 0);
}

static void size_extension_and_limit_are_kept(void **state)
{
    struct fixture *f = *state;
    static const char *const word = "thing";
    struct entry_body small = body_of(1, "thing.pdf", 10), big = body_of(2, "thing.PDF", 1000),
                      other = body_of(3, "thing.txt", 1000);
    join(f);
    publish(f, key_of_word("thing"), 1, &small, 0);
    publish(f, key_of_word("thing"), 1, &big, 0);
    publish(f, key_of_word("thing"), 1, &other, 0);
    run_search(f, (struct name_query){
                      .words = &word, .word_count = 1, .min_size = 100, .extension = "pdf"});
    assert_int_equal(f->best_count, 1);
    assert_true(id_equal(&f->best[0].infohash, &big.infohash));
    assert_false(f->best[0].counted); /* was not asked for */
    run_search(f, (struct name_query){.words = &word, .word_count = 1, .limit = 2});
    assert_int_equal(f->told_count, 2);
    assert_int_equal(f->best_count, 2);
}

static void a_file_is_found_by_its_sha1(void **state)
{
    struct fixture *f = *state;
    struct id sha1 = id_of(0x77);
    struct entry_body body = {.infohash = id_of(4), .size = 12};
    join(f);
    publish(f, key_of_file_sha1(&sha1), 1, &body, 0);
    run_search(f, (struct name_query){.file_sha1 = &sha1});
    assert_int_equal(f->best_count, 1);
    assert_true(id_equal(&f->best[0].infohash, &body.infohash));
    assert_int_equal(f->best[0].size, 12);
}

static void a_search_waits_for_joining(void **state)
{
    struct fixture *f = *state;
    static const char *const word = "late";
    struct entry_body body = body_of(1, "late", 5);
    struct name_query query = {.words = &word, .word_count = 1, .wait_ms = 60000};
    struct endpoint silent = f->holder_address;
    publish(f, key_of_word("late"), 1, &body, 0); /* the holder keeps it itself */
    silent.addr[3] = 77;
    node_bootstrap(f->daemon.node, &silent, 1); /* somebody who never answers */
    f->search = name_search_start(&f->daemon, &query, on_match, on_end, f);
    for (unsigned i = 0; i < 3; i++)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->ended, 0);
    node_bootstrap(f->daemon.node, &f->holder_address, 1);
    wait_for(f, &f->ended, 1);
    assert_int_equal(f->end.status, STATUS_OK);
    assert_int_equal(f->best_count, 1);
}

static void a_node_that_cannot_join_says_so_at_once(void **state)
{
    struct fixture *f = *state;
    search_words(f, "anything", NULL);
    assert_int_equal(f->end.status, STATUS_UNREACHABLE);
    assert_int_equal(f->end.answered, 0);
}

static void what_is_no_word_is_malformed(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"", "  ", "!?", "x", "\xff\xfe"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        search_words(f, bad[i], NULL);
        assert_int_equal(f->end.status, STATUS_MALFORMED);
    }
    run_search(f, (struct name_query){.exact_name = " "});
    assert_int_equal(f->end.status, STATUS_MALFORMED);
}

static void a_search_ends_at_its_time(void **state)
{
    struct fixture *f = *state;
    struct endpoint silent = f->holder_address;
    static const char *const word = "nothing";
    silent.addr[3] = 77;
    node_bootstrap(f->daemon.node, &silent, 1);
    run_search(f, (struct name_query){.words = &word, .word_count = 1, .wait_ms = 300});
    assert_int_equal(f->end.status, STATUS_UNREACHABLE);
}

static void a_search_can_be_cancelled_from_its_own_call(void **state)
{
    struct fixture *f = *state;
    struct entry_body body = body_of(1, "gone", 5);
    join(f);
    publish(f, key_of_word("gone"), 1, &body, 0);
    f->cancel_at_first = true;
    search_words(f, "gone", NULL);
    assert_int_equal(f->told_count, 1);
    assert_int_equal(f->best_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- counting ---- */

static void count_peers(const char *const peers[], unsigned nodes, unsigned networks)
{
    struct entry_body body = body_of(1, "notes.pdf", 5);
    struct found_name *found = found_name_new(&body, NULL, 0);
    for (size_t i = 0; peers[i] != NULL; i++) {
        struct endpoint peer;
        assert_true(endpoint_parse(peers[i], &peer));
        found_name_add_peer(found, &peer);
    }
    found_name_count(found);
    assert_int_equal(found->match.peers, nodes);
    assert_int_equal(found->match.networks, networks);
    found_name_free(found);
}

static void a_peer_of_both_families_counts_once(void **state)
{
    (void)state;
    const char *const one[] = {"198.51.100.7:61881", "[2001:db8:1::7]:61881", NULL};
    count_peers(one, 1, 1);
    const char *const other_ports[] = {"198.51.100.7:61881", "[2001:db8:1::7]:61882", NULL};
    count_peers(other_ports, 2, 2);
    const char *const three[] = {"198.51.100.7:1", "[2001:db8:1::7]:1", "198.51.100.8:1",
                                 "203.0.113.1:1",  "[2001:db8:2::1]:2", NULL};
    count_peers(three, 4, 4);
    const char *const none[] = {NULL};
    count_peers(none, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exact_name_is_found_however_it_is_spelled),
        TEST(several_words_find_names_that_have_them_all),
        TEST(publishers_of_one_infohash_are_merged),
        TEST(live_peers_rank_above_publishers),
        TEST(size_extension_and_limit_are_kept),
        TEST(a_file_is_found_by_its_sha1),
        TEST(a_search_waits_for_joining),
        TEST(a_node_that_cannot_join_says_so_at_once),
        TEST(what_is_no_word_is_malformed),
        TEST(a_search_ends_at_its_time),
        TEST(a_search_can_be_cancelled_from_its_own_call),
        TEST(a_peer_of_both_families_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
