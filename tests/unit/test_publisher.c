/* Which records stand for which transfer. The node is played here: it notes what it is told. */
#include "daemon/publisher.h"

#include <string.h>

#include "content/names.h"
#include "daemon/engine_params.h"
#include "daemon/node.h"
#include "daemon/signing.h"
#include "kadpeer/records.h"
#include "support/unit.h"

#define RECORDS_MAX 64

struct told {
    struct id key;
    enum record_kind kind;
    bool withdrawn;
    uint8_t value[DHT_VALUE_MAX];
    size_t len;
};

/* The last word about each key and kind. */
struct node {
    struct told told[RECORDS_MAX];
    size_t count, calls;
    uint32_t stored; /* nodes, in every last round */
    bool refuses;
};

static struct told *told_of(struct node *node, const struct id *key, enum record_kind kind)
{
    for (size_t i = 0; i < node->count; i++)
        if (node->told[i].kind == kind && id_equal(&node->told[i].key, key))
            return &node->told[i];
    return NULL;
}

static void note(struct node *node, const struct id *key, enum record_kind kind, struct bytes value,
                 bool withdrawn)
{
    struct told *told = told_of(node, key, kind);
    if (told == NULL) {
        assert_true(node->count < RECORDS_MAX);
        told = &node->told[node->count++];
    }
    assert_true(value.len <= sizeof told->value);
    *told = (struct told){.key = *key, .kind = kind, .withdrawn = withdrawn, .len = value.len};
    if (value.len > 0)
        memcpy(told->value, value.data, value.len);
    node->calls++;
}

enum status node_publish(struct node *node, const struct id *key, enum record_kind kind,
                         struct bytes value)
{
    if (node->refuses) {
        node->calls++;
        return STATUS_FULL;
    }
    note(node, key, kind, value, false);
    return STATUS_OK;
}

void node_withdraw(struct node *node, const struct id *key, enum record_kind kind,
                   struct bytes last)
{
    note(node, key, kind, last, true);
}

uint32_t node_published(const struct node *node, const struct id *key, enum record_kind kind,
                        uint64_t *at_ms)
{
    (void)key;
    (void)kind;
    *at_ms = 1000;
    return node->stored;
}

static size_t count_published(const struct node *node, enum record_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < node->count; i++)
        count += node->told[i].kind == kind && !node->told[i].withdrawn;
    return count;
}

/* ---- one transfer of 3,000 pieces ---- */

struct fixture {
    struct node node;
    struct publisher *publisher;
    struct publisher_facts facts;
    uint8_t have[375];
    uint8_t seed[ED25519_SEED_BYTES];
    struct id sha1;
    int64_t withdrawn_unix_s;
    uint64_t signing_ms;
    uint64_t now_ms;
    int64_t now_unix_s;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->publisher = publisher_new(&f->node);
    memset(f->seed, 7, sizeof f->seed);
    memset(f->sha1.bytes, 0x5a, sizeof f->sha1.bytes);
    f->facts = (struct publisher_facts){
        .running = true,
        .announce = true,
        .infohash = {{1, 2, 3}},
        .name = "My Holiday Notes.pdf",
        .size = 1000,
        .file_count = 1,
        .piece_count = 3000,
        .have = f->have,
        .tcp_port = 4711,
        .seed_key = f->seed,
        .withdrawn_unix_s = &f->withdrawn_unix_s,
        .signing_ms = &f->signing_ms,
    };
    f->now_ms = 1000000;
    f->now_unix_s = 1800000000;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    publisher_free(f->publisher);
    free(f);
    return 0;
}

static void update(struct fixture *f)
{
    publisher_update(f->publisher, &f->facts, f->now_ms, f->now_unix_s);
}

static void pass(struct fixture *f, uint64_t ms)
{
    f->now_ms += ms;
    f->now_unix_s += (int64_t)(ms / 1000);
}

static void share(struct fixture *f)
{
    f->facts.seed = f->facts.named = true;
    memset(f->have, 0xff, sizeof f->have);
    f->facts.have_count = 3000;
    f->facts.file_sha1 = &f->sha1;
}

static void have_piece(struct fixture *f, uint32_t piece)
{
    f->have[piece / 8] |= (uint8_t)(0x80 >> piece % 8);
    f->facts.have_count++;
}

static struct entry_record entry_at(struct fixture *f, struct id key)
{
    struct entry_record entry;
    struct told *told = told_of(&f->node, &key, KIND_ENTRY);
    assert_non_null(told);
    assert_true(entry_record_decode(bytes_of(told->value, told->len), &entry));
    assert_true(entry_record_verify(&entry, &key));
    return entry;
}

static struct id word(const char *text)
{
    return key_of_word(text);
}

/* ---- tests ---- */

static void a_listed_share_is_found_by_name_words_and_sha1(void **state)
{
    struct fixture *f = *state;
    share(f);
    update(f);
    assert_int_equal(count_published(&f->node, KIND_PEER), 1);
    assert_int_equal(count_published(&f->node, KIND_AVAILABILITY), 0);
    struct entry_record entry = entry_at(f, key_of_name("my holiday notes.pdf"));
    struct entry_body body;
    assert_true(entry_body_decode(entry.body, &body));
    assert_string_equal(body.name, "My Holiday Notes.pdf");
    assert_true(id_equal(&body.infohash, &f->facts.infohash));
    assert_int_equal(entry.expiry_unix_s, f->now_unix_s + ENTRY_LIFE_S);
    entry_at(f, word("holiday"));
    entry_at(f, word("pdf"));
    entry = entry_at(f, key_of_file_sha1(&f->sha1));
    assert_true(entry_body_decode(entry.body, &body));
    assert_string_equal(body.name, "");
    assert_int_equal(body.size, 1000);
    assert_int_equal(count_published(&f->node, KIND_ENTRY),
                     6); /* my holiday notes pdf, name, sha1 */
}

static void the_peer_record_says_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct peer_record record;
    share(f);
    update(f);
    struct told *told = told_of(&f->node, &f->facts.infohash, KIND_PEER);
    assert_true(peer_record_decode(bytes_of(told->value, told->len), &record));
    assert_int_equal(record.tcp_port, 4711);
    assert_true(record.seed);
    assert_int_equal(record.pieces_held, 3000);
}

static void who_merely_fetched_publishes_no_name(void **state)
{
    struct fixture *f = *state;
    share(f);
    f->facts.named = false;
    update(f);
    assert_int_equal(count_published(&f->node, KIND_PEER), 1);
    assert_int_equal(count_published(&f->node, KIND_ENTRY), 0);
}

static void private_and_quiet_ones_are_not_announced_at_all(void **state)
{
    struct fixture *f = *state;
    share(f);
    f->facts.announce = false;
    update(f);
    assert_int_equal(f->node.calls, 0);
}

static void a_download_tells_its_pieces_segment_by_segment(void **state)
{
    struct fixture *f = *state;
    update(f);
    assert_int_equal(count_published(&f->node, KIND_PEER), 1);
    assert_int_equal(count_published(&f->node, KIND_AVAILABILITY), 0); /* nothing yet */
    have_piece(f, 3);
    have_piece(f, 2999);
    update(f);
    assert_int_equal(count_published(&f->node, KIND_AVAILABILITY), 2);
    struct id last = key_of_availability(&f->facts.infohash, 2);
    struct told *told = told_of(&f->node, &last, KIND_AVAILABILITY);
    struct availability_record record;
    assert_true(availability_record_decode(bytes_of(told->value, told->len), &record));
    assert_int_equal(record.tcp_port, 4711);
    uint32_t bit = 2999 - 2048;
    assert_int_equal(record.bitfield.len, bit / 8 + 1);
    assert_int_equal(record.bitfield.data[bit / 8], 0x80 >> bit % 8);
}

static void progress_is_told_at_most_every_30_seconds(void **state)
{
    struct fixture *f = *state;
    have_piece(f, 0);
    update(f);
    size_t calls = f->node.calls;
    for (uint32_t i = 1; i < 20; i++) {
        pass(f, 1000);
        have_piece(f, i);
        update(f);
    }
    assert_int_equal(f->node.calls, calls);
    assert_int_equal(publisher_due(f->publisher), 1000000 + AVAILABILITY_EVERY_MS);
    pass(f, 11000);
    update(f);
    assert_int_equal(f->node.calls, calls + 1);
    pass(f, 60000);
    update(f);
    assert_int_equal(f->node.calls, calls + 1); /* nothing new */
}

static void completion_takes_back_availability_and_says_seed(void **state)
{
    struct fixture *f = *state;
    have_piece(f, 0);
    update(f);
    f->facts.seed = true;
    memset(f->have, 0xff, sizeof f->have);
    f->facts.have_count = 3000;
    update(f);
    struct id first = key_of_availability(&f->facts.infohash, 0);
    struct told *told = told_of(&f->node, &first, KIND_AVAILABILITY);
    struct availability_record record;
    assert_true(told->withdrawn);
    assert_true(availability_record_decode(bytes_of(told->value, told->len), &record));
    assert_int_equal(record.bitfield.len, 0); /* "gone" */
    struct peer_record peer;
    told = told_of(&f->node, &f->facts.infohash, KIND_PEER);
    assert_true(peer_record_decode(bytes_of(told->value, told->len), &peer));
    assert_true(peer.seed);
}

static void unsharing_takes_everything_back(void **state)
{
    struct fixture *f = *state;
    share(f);
    update(f);
    f->facts.running = f->facts.named = false;
    pass(f, 5000);
    update(f);
    assert_int_equal(count_published(&f->node, KIND_PEER), 0);
    assert_int_equal(count_published(&f->node, KIND_ENTRY), 0);
    struct entry_record entry = entry_at(f, key_of_name("my holiday notes.pdf"));
    assert_int_equal(entry.seq, f->now_unix_s);
    assert_int_equal(entry.expiry_unix_s, f->now_unix_s + ENTRY_WITHDRAWN_LIFE_S);
}

static void what_is_shared_again_at_once_has_a_higher_number(void **state)
{
    struct fixture *f = *state;
    share(f);
    update(f);
    f->facts.running = f->facts.named = false;
    update(f);
    uint64_t withdrawn = entry_at(f, word("holiday")).seq;
    publisher_free(f->publisher);
    f->publisher = publisher_new(&f->node);
    share(f);
    f->facts.running = true;
    pass(f, SIGN_GAP_MS); /* in the same second */
    update(f);
    assert_true(entry_at(f, word("holiday")).seq > withdrawn);
}

static void a_daemon_that_stops_leaves_its_names(void **state)
{
    struct fixture *f = *state;
    share(f);
    update(f);
    f->facts.running = false;
    f->facts.leaving = true;
    update(f);
    assert_int_equal(count_published(&f->node, KIND_ENTRY), 6);
}

static void names_are_signed_anew_daily(void **state)
{
    struct fixture *f = *state;
    share(f);
    update(f);
    uint64_t first = entry_at(f, word("notes")).seq;
    size_t calls = f->node.calls;
    assert_int_equal(publisher_due(f->publisher), f->now_ms + SIGN_EVERY_S * 1000);
    pass(f, SIGN_EVERY_S * 1000 - 1);
    update(f);
    assert_int_equal(f->node.calls, calls);
    pass(f, 1);
    update(f);
    assert_true(entry_at(f, word("notes")).seq > first);
    assert_int_equal(f->node.calls, calls + 6);
}

/* As after a sleep: the loop's clock stood still. */
static void names_are_signed_anew_when_the_wall_clock_says_a_day_is_over(void **state)
{
    struct fixture *f = *state;
    share(f);
    update(f);
    size_t calls = f->node.calls;
    pass(f, SIGN_GAP_MS);
    f->now_unix_s += (int64_t)SIGN_EVERY_S - 1;
    update(f);
    assert_int_equal(f->node.calls, calls);
    f->now_unix_s += 400 * 24 * 3600;
    update(f);
    assert_int_equal(f->node.calls, calls + 6);
    assert_int_equal(entry_at(f, word("notes")).expiry_unix_s, f->now_unix_s + ENTRY_LIFE_S);
}

/* Nodes refuse what ends too far in the future, and a lower number than one they have. */
static void names_signed_when_the_clock_was_ahead_end_as_soon_as_others(void **state)
{
    struct fixture *f = *state;
    share(f);
    update(f);
    uint64_t first = entry_at(f, word("notes")).seq;
    pass(f, SIGN_GAP_MS);
    f->now_unix_s -= 400 * 24 * 3600;
    update(f);
    assert_int_equal(entry_at(f, word("notes")).seq, first + 1);
    assert_int_equal(entry_at(f, word("notes")).expiry_unix_s, f->now_unix_s + ENTRY_LIFE_S);
    pass(f, SIGN_GAP_MS);
    size_t calls = f->node.calls;
    update(f);
    assert_int_equal(f->node.calls, calls); /* once is enough */
}

static void a_sha1_that_comes_to_be_known_later_is_published_alone(void **state)
{
    struct fixture *f = *state;
    share(f);
    f->facts.file_sha1 = NULL;
    update(f);
    assert_int_equal(count_published(&f->node, KIND_ENTRY), 5);
    uint64_t due_ms = publisher_due(f->publisher), first = entry_at(f, word("notes")).seq;
    f->node.calls = 0;
    pass(f, 60000);
    f->facts.file_sha1 = &f->sha1;
    update(f);
    update(f);
    assert_int_equal(f->node.calls, 1);
    assert_true(entry_at(f, key_of_file_sha1(&f->sha1)).seq > first);
    assert_int_equal(publisher_due(f->publisher), due_ms);
    f->node.calls = 0;
    f->now_ms = due_ms;
    f->now_unix_s += (int64_t)SIGN_EVERY_S;
    update(f);
    assert_int_equal(f->node.calls, 6); /* from then on with the others */
    f->facts.running = f->facts.named = false;
    update(f);
    assert_int_equal(count_published(&f->node, KIND_ENTRY), 0);
}

static void a_sha1_that_comes_to_be_known_when_names_are_due_is_one_of_them(void **state)
{
    struct fixture *f = *state;
    share(f);
    f->facts.file_sha1 = NULL;
    update(f);
    f->node.calls = 0;
    pass(f, SIGN_EVERY_S * 1000);
    f->facts.file_sha1 = &f->sha1;
    update(f);
    assert_int_equal(f->node.calls, 6);
}

static void a_changed_infohash_moves_its_records(void **state)
{
    struct fixture *f = *state;
    update(f);
    struct id old = f->facts.infohash;
    f->facts.infohash.bytes[0] = 0xee;
    update(f);
    assert_true(told_of(&f->node, &old, KIND_PEER)->withdrawn);
    assert_false(told_of(&f->node, &f->facts.infohash, KIND_PEER)->withdrawn);
}

static void a_refusal_of_our_own_node_is_tried_again_later(void **state)
{
    struct fixture *f = *state;
    f->node.refuses = true;
    update(f);
    update(f);
    assert_int_equal(f->node.calls, 1);
    f->node.refuses = false;
    pass(f, PUBLISH_AGAIN_MS);
    assert_true(publisher_due(f->publisher) <= f->now_ms);
    update(f);
    assert_int_equal(count_published(&f->node, KIND_PEER), 1);
}

static void what_is_published_is_listed(void **state)
{
    struct fixture *f = *state;
    struct publisher_record records[8];
    update(f);
    assert_int_equal(publisher_records(f->publisher, records, 8), 1);
    assert_int_equal(records[0].kind, KIND_PEER);
    assert_true(id_equal(&records[0].key, &f->facts.infohash));
}

static void names_of_many_transfers_are_signed_one_after_the_other(void **state)
{
    struct fixture *f = *state;
    struct publisher *others[10];
    share(f);
    update(f);
    size_t each = count_published(&f->node, KIND_ENTRY); /* at once: nobody else signs now */
    assert_true(each > 0);
    f->node.calls = 0;
    for (size_t i = 0; i < 10; i++) {
        f->facts.infohash.bytes[19] = (uint8_t)(i + 1);
        others[i] = publisher_new(&f->node);
        publisher_update(others[i], &f->facts, f->now_ms, f->now_unix_s);
        assert_int_equal(publisher_due(others[i]), f->now_ms + (i + 1) * SIGN_GAP_MS);
    }
    assert_int_equal(f->node.calls, 10); /* peer records alone */
    for (size_t i = 0; i < 10; i++) {
        f->facts.infohash.bytes[19] = (uint8_t)(i + 1);
        f->node.calls = 0;
        publisher_update(others[i], &f->facts, publisher_due(others[i]), f->now_unix_s);
        assert_int_equal(f->node.calls, each);
        publisher_free(others[i]);
    }
}

static void how_many_have_the_peer_record_is_known_while_it_is_published(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(publisher_peer_nodes(f->publisher), 0);
    f->node.stored = 12;
    update(f);
    assert_int_equal(publisher_peer_nodes(f->publisher), 12);
    f->facts.running = false;
    update(f);
    assert_int_equal(publisher_peer_nodes(f->publisher), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_listed_share_is_found_by_name_words_and_sha1),
        TEST(the_peer_record_says_what_is_there),
        TEST(who_merely_fetched_publishes_no_name),
        TEST(private_and_quiet_ones_are_not_announced_at_all),
        TEST(a_download_tells_its_pieces_segment_by_segment),
        TEST(progress_is_told_at_most_every_30_seconds),
        TEST(completion_takes_back_availability_and_says_seed),
        TEST(unsharing_takes_everything_back),
        TEST(what_is_shared_again_at_once_has_a_higher_number),
        TEST(a_daemon_that_stops_leaves_its_names),
        TEST(names_are_signed_anew_daily),
        TEST(a_changed_infohash_moves_its_records),
        TEST(names_are_signed_anew_when_the_wall_clock_says_a_day_is_over),
        TEST(names_signed_when_the_clock_was_ahead_end_as_soon_as_others),
        TEST(a_sha1_that_comes_to_be_known_later_is_published_alone),
        TEST(a_sha1_that_comes_to_be_known_when_names_are_due_is_one_of_them),
        TEST(a_refusal_of_our_own_node_is_tried_again_later),
        TEST(what_is_published_is_listed),
        TEST(names_of_many_transfers_are_signed_one_after_the_other),
        TEST(how_many_have_the_peer_record_is_known_while_it_is_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
