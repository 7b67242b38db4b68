#include "support/unit.h"

#include <string.h>

#include "dht/params.h"
#include "dht/published.h"
#include "kadpeer/dht.h"
#include "kadpeer/records.h"
#include "kadpeer/rng.h"

static struct id id_of(uint8_t n)
{
    return (struct id){.bytes = {n}};
}

static struct published_record *put_peer(struct published *published, uint8_t key, uint32_t held)
{
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(&(struct peer_record){.pieces_held = held}, &value);
    struct id id = id_of(key);
    struct published_record *record =
        published_put(published, &id, KIND_PEER, buffer_bytes(&value));
    buffer_dispose(&value);
    assert_true(published_valid(published));
    return record;
}

static struct published_record *put_entry(struct published *published, uint8_t key,
                                          uint8_t infohash, uint64_t seq)
{
    struct buffer body, value;
    buffer_init(&body);
    buffer_init(&value);
    struct entry_body content = {.infohash = id_of(infohash), .name = "n", .size = 1, .files = 1};
    entry_body_encode(&content, &body);
    struct id id = id_of(key);
    uint8_t seed[ED25519_SEED_BYTES] = {1};
    assert_int_equal(entry_record_make(&id, seed, seq, 2000, buffer_bytes(&body), &value),
                     STATUS_OK);
    struct published_record *record =
        published_put(published, &id, KIND_ENTRY, buffer_bytes(&value));
    buffer_dispose(&body);
    buffer_dispose(&value);
    return record;
}

static void same_key_and_kind_is_replaced(void **state)
{
    (void)state;
    struct published published;
    published_init(&published);
    struct published_record *first = put_peer(&published, 1, 10);
    assert_ptr_equal(put_peer(&published, 1, 11), first);
    assert_true(first->changed);
    assert_int_equal(published.count, 1);
    struct peer_record record;
    assert_true(peer_record_decode(published_value(first), &record));
    assert_int_equal(record.pieces_held, 11);
    published_dispose(&published);
}

static void entries_of_different_subjects_lie_side_by_side(void **state)
{
    (void)state;
    struct published published;
    published_init(&published);
    put_peer(&published, 1, 1);
    struct published_record *one = put_entry(&published, 1, 7, 1);
    struct published_record *two = put_entry(&published, 1, 8, 1);
    assert_ptr_not_equal(one, two);
    assert_ptr_equal(put_entry(&published, 1, 7, 2), one);
    assert_int_equal(published.count, 3);

    struct id key = id_of(1);
    size_t at = published_position(&published, &key, KIND_ENTRY);
    assert_true(published_is_of(&published, at, &key, KIND_ENTRY));
    assert_true(published_is_of(&published, at + 1, &key, KIND_ENTRY));
    assert_false(published_is_of(&published, at + 2, &key, KIND_ENTRY));
    assert_false(published_is_of(&published, at - 1, &key, KIND_ENTRY));
    published_dispose(&published);
}

static void what_is_due_first_comes_first(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(1));
    struct published published;
    published_init(&published);
    assert_null(published_first_due(&published));
    for (int step = 0; step < 3000; step++) {
        uint8_t key = (uint8_t)rng_below(&rng, 200);
        struct id id = id_of(key);
        size_t at = published_position(&published, &id, KIND_PEER);
        if (rng_below(&rng, 3) == 0 && published_is_of(&published, at, &id, KIND_PEER))
            published_remove(&published, published.sorted[at]);
        else
            published_set_due(&published, put_peer(&published, key, 1), rng_below(&rng, 1000));
        assert_true(published_valid(&published));
        uint64_t least_ms = UINT64_MAX;
        for (size_t i = 0; i < published.count; i++)
            if (published.sorted[i]->due_ms < least_ms)
                least_ms = published.sorted[i]->due_ms;
        if (published.count > 0)
            assert_int_equal(published_first_due(&published)->due_ms, least_ms);
    }
    published_dispose(&published);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_key_and_kind_is_replaced),
        cmocka_unit_test(entries_of_different_subjects_lie_side_by_side),
        cmocka_unit_test(what_is_due_first_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
