/* Items in the store: which of two stays, until when, and what it costs to try others. */
#include "support/store_fixture.h"

#include <string.h>

#include "kadpeer/msgpack_writer.h"
#include "support/vectors.h"

/* After START_MS: a day before the golden records end. */
#define VECTOR_VALID_MS (1000ull * (1800000000 - START_UNIX - 86400))

static const uint8_t seed_of_signer[ED25519_SEED_BYTES] = {7};

static struct id item_key(void)
{
    uint8_t public_key[ED25519_PUBLIC_BYTES];
    assert_int_equal(ed25519_public_of(seed_of_signer, public_key), STATUS_OK);
    return key_of_item(public_key, bytes_of_string("salt"));
}

static struct bytes make_item(struct buffer *out, uint64_t seq, uint64_t expiry_unix_s,
                              const char *body)
{
    buffer_init(out);
    assert_int_equal(item_record_make(seed_of_signer, bytes_of_string("salt"), seq, expiry_unix_s,
                                      bytes_of_string(body), out),
                     STATUS_OK);
    return buffer_bytes(out);
}

static enum message_code put_item(struct record_store *store, uint32_t host, uint64_t seq,
                                  uint64_t expiry_unix_s, const char *body, uint64_t now_ms)
{
    struct buffer value;
    struct endpoint from = public_host(host);
    make_item(&value, seq, expiry_unix_s, body);
    enum message_code code =
        put_at(store, item_key(), KIND_ITEM, &from, buffer_bytes(&value), now_ms);
    buffer_dispose(&value);
    return code;
}

static uint64_t seq_held(const struct record_store *store, uint64_t now_ms)
{
    struct message_value out[MESSAGE_VALUES_MAX];
    struct item_record record;
    struct record_sample sample = get_at(store, item_key(), KIND_ITEM, out, now_ms);
    assert_true(sample.total <= 1);
    if (sample.total == 0)
        return 0;
    assert_true(item_record_decode(out[0].value, &record));
    return record.seq;
}

static void the_newest_item_stays(void **state)
{
    struct record_store *store = *state;
    uint64_t x = START_UNIX + 1000;
    assert_int_equal(put_item(store, 1, 5, x, "five", START_MS), CODE_OK);
    assert_int_equal(put_item(store, 2, 4, x, "four", START_MS), CODE_OLDER);
    assert_int_equal(seq_held(store, START_MS), 5);
    assert_int_equal(put_item(store, 3, 9, x, "nine", START_MS), CODE_OK);
    assert_int_equal(seq_held(store, START_MS), 9);
    assert_int_equal(put_item(store, 1, 5, x, "five", START_MS), CODE_OLDER);
    assert_int_equal(record_store_stats(store)->older, 2);
    assert_int_equal(record_store_stats(store)->records, 1);
}

static void an_item_stands_under_its_own_key_alone(void **state)
{
    struct record_store *store = *state;
    struct buffer value;
    struct endpoint from = public_host(1);
    make_item(&value, 1, START_UNIX + 1000, "body");
    assert_int_equal(put_at(store, id_of(1), KIND_ITEM, &from, buffer_bytes(&value), START_MS),
                     CODE_MALFORMED);
    assert_int_equal(record_store_stats(store)->checked, 0);
    assert_int_equal(put_at(store, item_key(), KIND_ITEM, &from, buffer_bytes(&value), START_MS),
                     CODE_OK);
    buffer_dispose(&value);
}

static void an_item_ends_within_ninety_days_and_when_it_says(void **state)
{
    struct record_store *store = *state;
    uint64_t most = START_UNIX + ITEM_LIFETIME_S;
    assert_int_equal(put_item(store, 1, 1, START_UNIX, "", START_MS), CODE_MALFORMED);
    assert_int_equal(put_item(store, 1, 1, most + 3601, "", START_MS), CODE_MALFORMED);
    assert_int_equal(record_store_stats(store)->checked, 0);
    assert_int_equal(put_item(store, 1, 1, START_UNIX + 60, "a", START_MS), CODE_OK);
    assert_int_equal(seq_held(store, START_MS + 59000), 1);
    assert_int_equal(seq_held(store, START_MS + 60000), 0);
    assert_int_equal(put_item(store, 1, 2, most, "b", START_MS), CODE_OK);
    assert_int_equal(seq_held(store, START_MS + 1000ull * ITEM_LIFETIME_S - 1000), 2);
    assert_int_equal(seq_held(store, START_MS + 1000ull * ITEM_LIFETIME_S), 0);
}

static void an_expiry_never_falls_as_the_seq_rises(void **state)
{
    struct record_store *store = *state;
    uint64_t x = START_UNIX + 1000;
    assert_int_equal(put_item(store, 1, 1, x, "first", START_MS), CODE_OK);
    assert_int_equal(put_item(store, 1, 2, x - 1, "sooner", START_MS), CODE_MALFORMED);
    assert_int_equal(seq_held(store, START_MS), 1);
    assert_int_equal(put_item(store, 1, 2, x, "second", START_MS), CODE_OK);
}

static void a_withdrawn_item_keeps_older_ones_out_until_it_ends(void **state)
{
    struct record_store *store = *state;
    uint64_t x = START_UNIX + 1000;
    assert_int_equal(put_item(store, 1, 1, x, "there", START_MS), CODE_OK);
    assert_int_equal(put_item(store, 1, 2, x, "", START_MS), CODE_OK);
    assert_int_equal(put_item(store, 2, 1, x, "there", START_MS + 5000), CODE_OLDER);
    assert_int_equal(seq_held(store, START_MS + 999000), 2);
    assert_int_equal(seq_held(store, START_MS + 1000000), 0);
}

static void the_same_item_again_renews_it_unverified(void **state)
{
    struct record_store *store = *state;
    uint64_t x = START_UNIX + 1000;
    for (uint32_t host = 1; host < 1000; host++)
        assert_int_equal(put_item(store, host, 1, x, "same", START_MS), CODE_OK);
    assert_int_equal(record_store_stats(store)->checked, 1);
}

/* Two devices of one owner wrote at once: whoever hears of both, in whatever order, keeps one. */
static void of_two_items_of_one_seq_all_stores_keep_the_same(void **state)
{
    struct record_store *store = *state, *other = record_store_new(&plain);
    struct message_value one[MESSAGE_VALUES_MAX], two[MESSAGE_VALUES_MAX];
    static const char *const bodies[] = {"a", "b", "c", "d", "e"};
    uint64_t x = START_UNIX + 1000;
    for (size_t i = 0; i < 5; i++) {
        put_item(store, 1, 3, x, bodies[i], START_MS);
        put_item(other, 1, 3, x, bodies[4 - i], START_MS);
    }
    assert_int_equal(get_at(store, item_key(), KIND_ITEM, one, START_MS).total, 1);
    assert_int_equal(get_at(other, item_key(), KIND_ITEM, two, START_MS).total, 1);
    assert_true(bytes_equal(one[0].value, two[0].value));
    record_store_free(other);
}

/* None of them takes the place of the good one, and none is kept where there is none. */
static void an_item_with_any_bit_turned_is_refused(void **state)
{
    struct record_store *store = *state;
    struct vector vector = vector_load("record_item"), key_bytes = vector_load("key_item");
    struct id key;
    uint64_t now_ms = START_MS + VECTOR_VALID_MS;
    memcpy(key.bytes, key_bytes.data, ID_BYTES);
    for (int held = 0; held < 2; held++) {
        for (size_t bit = 0; bit < 8 * vector.len; bit++, now_ms += 1000) {
            struct endpoint from = public_host((uint32_t)bit * 256);
            vector.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(
                put_at(store, key, KIND_ITEM, &from, vector_bytes(&vector), now_ms), CODE_OK);
            vector.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(record_store_stats(store)->records, held);
        }
        struct endpoint from = public_host(9);
        assert_int_equal(put_at(store, key, KIND_ITEM, &from, vector_bytes(&vector), now_ms),
                         CODE_OK);
    }
    assert_true(holds(store, key, KIND_ITEM, vector_bytes(&vector), now_ms));
    assert_int_equal(record_store_stats(store)->unchecked, 0);
}

/* libcrypto alone would let it pass. */
static void an_item_signed_by_the_identity_is_refused(void **state)
{
    struct record_store *store = *state;
    struct vector vector = vector_load("record_item_withdrawn");
    struct endpoint from = public_host(1);
    struct item_record record;
    assert_true(item_record_decode(vector_bytes(&vector), &record));
    for (size_t i = 0; i + ED25519_PUBLIC_BYTES <= vector.len; i++)
        if (memcmp(vector.data + i, record.public_key, ED25519_PUBLIC_BYTES) == 0)
            memset(vector.data + i, 0, ED25519_PUBLIC_BYTES), vector.data[i] = 1;
    memset(vector.data + vector.len - ED25519_SIGNATURE_BYTES, 0, ED25519_SIGNATURE_BYTES);
    vector.data[vector.len - ED25519_SIGNATURE_BYTES] = 1;
    assert_true(item_record_decode(vector_bytes(&vector), &record));
    struct id key = key_of_item(record.public_key, (struct bytes){0});
    assert_int_equal(
        put_at(store, key, KIND_ITEM, &from, vector_bytes(&vector), START_MS + VECTOR_VALID_MS),
        CODE_BAD_SIGNATURE);
}

/* ---- checks under a flood ---- */

/* Well-formed, under its own key, and signed by nobody. */
static enum message_code put_forged(struct record_store *store, const struct item_record *like,
                                    uint32_t number, uint32_t host, uint64_t now_ms)
{
    struct item_record forged = *like;
    struct endpoint from = public_host(host * 256);
    uint8_t room[256];
    struct msgpack_writer writer;
    write_u32(forged.salt, number);
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 6);
    msgpack_write_string(&writer, "k");
    msgpack_write_bin(&writer, bytes_of(forged.public_key, ED25519_PUBLIC_BYTES));
    msgpack_write_string(&writer, "s");
    msgpack_write_bin(&writer, bytes_of(forged.salt, 4));
    msgpack_write_string(&writer, "q");
    msgpack_write_uint(&writer, 1);
    msgpack_write_string(&writer, "x");
    msgpack_write_uint(&writer, START_UNIX + DAY_MS / 1000);
    msgpack_write_string(&writer, "b");
    msgpack_write_bin(&writer, bytes_of(NULL, 0));
    msgpack_write_string(&writer, "g");
    msgpack_write_bin(&writer, bytes_of(forged.signature, ED25519_SIGNATURE_BYTES));
    struct id key = key_of_item(forged.public_key, bytes_of(forged.salt, 4));
    struct record_put put = {.key = key,
                             .kind = KIND_ITEM,
                             .value = bytes_of(room, writer.len),
                             .source = &from,
                             .lifetime_cap_s = NO_CAP};
    return record_store_put(store, &put, now_ms, START_UNIX + (now_ms - START_MS) / 1000);
}

static enum message_code put_honest(struct record_store *store, uint32_t number, uint64_t now_ms)
{
    uint8_t seed[ED25519_SEED_BYTES] = {9}, public_key[ED25519_PUBLIC_BYTES];
    struct endpoint from = public_host((1000 + number % 50) * 256);
    struct buffer value;
    write_u32(seed + 1, number);
    ed25519_public_of(seed, public_key);
    buffer_init(&value);
    item_record_make(seed, (struct bytes){0}, 1, START_UNIX + 1000, bytes_of_string("honest"),
                     &value);
    struct record_put put = {.key = key_of_item(public_key, (struct bytes){0}),
                             .kind = KIND_ITEM,
                             .value = buffer_bytes(&value),
                             .source = &from,
                             .lifetime_cap_s = NO_CAP};
    enum message_code code = record_store_put(store, &put, now_ms, START_UNIX);
    buffer_dispose(&value);
    return code;
}

static void under_ten_thousand_forged_puts_a_second_honest_ones_are_kept(void **state)
{
    struct record_store *store = *state;
    struct vector vector = vector_load("record_item");
    struct item_record like;
    unsigned kept = 0, asked = 0, refused = 0;
    uint32_t forged = 0;
    assert_true(item_record_decode(vector_bytes(&vector), &like));
    like.signature[40] ^= 1;
    for (uint64_t now_ms = START_MS; now_ms < START_MS + 10000; now_ms++) {
        for (int i = 0; i < 10; i++, forged++) {
            enum message_code code = put_forged(store, &like, forged, forged % 100, now_ms);
            assert_true(code == CODE_BAD_SIGNATURE || code == CODE_QUOTA);
            refused += code == CODE_QUOTA;
        }
        if (now_ms % 20 == 0)
            kept += put_honest(store, asked++, now_ms) == CODE_OK;
    }
    print_message("# %u of %u honest puts kept, %u signatures verified\n", kept, asked,
                  (unsigned)record_store_stats(store)->checked);
    assert_true(kept * 100 >= asked * 99);
    assert_true(record_store_stats(store)->checked < asked + 1000);
    assert_int_equal(record_store_stats(store)->unchecked, refused);
    assert_true(record_store_valid(store));
}

/* What was kept out by a quota need not be verified when it comes again. */
static void what_verified_once_is_not_verified_again(void **state)
{
    struct record_store *store = *state;
    struct buffer value;
    struct endpoint from = public_host(1);
    make_item(&value, 1, START_UNIX + 60, "short");
    assert_int_equal(put_at(store, item_key(), KIND_ITEM, &from, buffer_bytes(&value), START_MS),
                     CODE_OK);
    put_item(store, 1, 2, START_UNIX + 60, "", START_MS);
    record_store_expire(store, START_MS + 90000);
    struct record_put put = {.key = item_key(),
                             .kind = KIND_ITEM,
                             .value = buffer_bytes(&value),
                             .source = &from,
                             .lifetime_cap_s = NO_CAP};
    assert_int_equal(record_store_put(store, &put, START_MS + 90000, START_UNIX), CODE_OK);
    assert_int_equal(record_store_stats(store)->checked, 2);
    buffer_dispose(&value);
}

static void an_item_survives_a_restart(void **state)
{
    struct record_store *store = *state, *after = record_store_new(&plain);
    put_item(store, 1, 3, START_UNIX + 1000, "item", START_MS);
    assert_int_equal(restore(after, store, START_MS), 1);
    assert_int_equal(seq_held(after, START_MS), 3);
    assert_int_equal(seq_held(after, START_MS + 1000000), 0);
    record_store_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(the_newest_item_stays),
        store_test(an_item_stands_under_its_own_key_alone),
        store_test(an_item_ends_within_ninety_days_and_when_it_says),
        store_test(an_expiry_never_falls_as_the_seq_rises),
        store_test(a_withdrawn_item_keeps_older_ones_out_until_it_ends),
        store_test(the_same_item_again_renews_it_unverified),
        store_test(of_two_items_of_one_seq_all_stores_keep_the_same),
        store_test(an_item_with_any_bit_turned_is_refused),
        store_test(an_item_signed_by_the_identity_is_refused),
        store_test(under_ten_thousand_forged_puts_a_second_honest_ones_are_kept),
        store_test(what_verified_once_is_not_verified_again),
        store_test(an_item_survives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
