/* Items, parts and drops, and the bodies of users' and groups' entries: their bytes. */
#include "support/unit.h"

#include "kadpeer/records.h"
#include "support/vectors.h"

#define EXPIRY 1800000000u

static const uint8_t signer[ED25519_SEED_BYTES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                   1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static struct id run_id(uint8_t first)
{
    struct id id;
    for (unsigned i = 0; i < ID_BYTES; i++)
        id.bytes[i] = (uint8_t)(first + i);
    return id;
}

static void assert_key(const char *name, struct id key)
{
    assert_vector(name, bytes_of(key.bytes, ID_BYTES));
}

static void keys_have_their_golden_bytes(void **state)
{
    (void)state;
    uint8_t public_key[ED25519_PUBLIC_BYTES];
    assert_int_equal(ed25519_public_of(signer, public_key), STATUS_OK);
    assert_key("key_item", key_of_item(public_key, bytes_of_string("h")));
    assert_key("key_part", key_of_part(bytes_of_string("the bytes of a part")));
    assert_key("key_user_name", key_of_user_name("gr\xc3\xbc\xc3\x9f"
                                                 "e"));
    assert_key("key_group_name", key_of_group_name("gr\xc3\xbc\xc3\x9f"
                                                   "e"));
    assert_key("key_group_part", key_of_group_part(7));
    assert_key("key_group_list", key_of_group_list(7));
}

static void item_has_its_golden_bytes_and_verifies(void **state)
{
    (void)state;
    struct buffer out;
    struct item_record record;
    buffer_init(&out);
    assert_int_equal(item_record_make(signer, bytes_of_string("h"), 5, EXPIRY,
                                      bytes_of_string("the body of an item"), &out),
                     STATUS_OK);
    assert_vector("record_item", buffer_bytes(&out));
    assert_true(item_record_decode(buffer_bytes(&out), &record));
    assert_int_equal(record.seq, 5);
    assert_int_equal(record.expiry_unix_s, EXPIRY);
    assert_int_equal(record.salt_len, 1);
    assert_true(bytes_equal(record.body, bytes_of_string("the body of an item")));
    struct id key = key_of_item(record.public_key, bytes_of_string("h"));
    assert_true(item_record_verify(&record, &key));

    buffer_clear(&out);
    assert_int_equal(item_record_make(signer, (struct bytes){0}, (uint64_t)1 << 40, EXPIRY,
                                      (struct bytes){0}, &out),
                     STATUS_OK);
    assert_vector("record_item_withdrawn", buffer_bytes(&out));
    assert_true(item_record_decode(buffer_bytes(&out), &record));
    assert_int_equal(record.body.len, 0);
    key = key_of_item(record.public_key, (struct bytes){0});
    assert_true(item_record_verify(&record, &key));
    buffer_dispose(&out);
}

static void an_item_with_any_bit_turned_is_refused(void **state)
{
    (void)state;
    struct vector vector = vector_load("record_item");
    struct vector key_bytes = vector_load("key_item");
    struct item_record record;
    struct id key;
    memcpy(key.bytes, key_bytes.data, ID_BYTES);
    for (size_t bit = 0; bit < 8 * vector.len; bit++) {
        vector.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(item_record_decode(vector_bytes(&vector), &record) &&
                     item_record_verify(&record, &key));
        vector.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(item_record_decode(vector_bytes(&vector), &record));
    assert_true(item_record_verify(&record, &key));
    key.bytes[0] ^= 1;
    assert_false(item_record_verify(&record, &key)); /* a good one of another slot */
}

/* libcrypto would say that the identity signed it. */
static void an_item_by_the_identity_is_refused(void **state)
{
    (void)state;
    struct item_record record = {.public_key = {1}, .seq = 1, .signature = {1}};
    struct id key = key_of_item(record.public_key, (struct bytes){0});
    assert_true(ed25519_verify(record.public_key, bytes_of_string("any"), record.signature));
    assert_false(item_record_verify(&record, &key));
}

static void long_salts_and_bodies_are_neither_made_nor_read(void **state)
{
    (void)state;
    static const uint8_t bytes[ITEM_BODY_MAX + 1];
    struct buffer out;
    struct item_record item;
    buffer_init(&out);
    assert_int_equal(
        item_record_make(signer, bytes_of(bytes, ITEM_SALT_MAX + 1), 1, 1, (struct bytes){0}, &out),
        STATUS_TOO_BIG);
    assert_int_equal(
        item_record_make(signer, (struct bytes){0}, 1, 1, bytes_of(bytes, sizeof bytes), &out),
        STATUS_TOO_BIG);
    assert_int_equal(out.len, 0);
    assert_int_equal(item_record_make(signer, bytes_of(bytes, ITEM_SALT_MAX), UINT64_MAX,
                                      UINT64_MAX, bytes_of(bytes, ITEM_BODY_MAX), &out),
                     STATUS_OK);
    assert_in_range(out.len, ITEM_BODY_MAX, ITEM_VALUE_MAX);
    assert_true(item_record_decode(buffer_bytes(&out), &item));

    struct drop_record drop = {.expiry_unix_s = UINT64_MAX, .body = bytes_of(bytes, DROP_BODY_MAX)};
    buffer_clear(&out);
    drop_record_encode(&drop, &out);
    assert_true(drop_record_decode(buffer_bytes(&out), &drop));
    drop.body.len++;
    buffer_clear(&out);
    drop_record_encode(&drop, &out);
    assert_false(drop_record_decode(buffer_bytes(&out), &drop));
    buffer_dispose(&out);
}

/* What two of one seq are told apart by is the same at every node. */
static void of_two_items_of_one_seq_the_smaller_digest_stays(void **state)
{
    (void)state;
    static const char *const bodies[] = {"one", "another", "a third"};
    struct buffer values[3];
    struct item_record items[3];
    for (size_t i = 0; i < 3; i++) {
        buffer_init(&values[i]);
        item_record_make(signer, bytes_of_string("h"), 5, EXPIRY, bytes_of_string(bodies[i]),
                         &values[i]);
        assert_true(item_record_decode(buffer_bytes(&values[i]), &items[i]));
    }
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            uint8_t a[SHA256_BYTES], b[SHA256_BYTES];
            item_record_digest(&items[i], a);
            item_record_digest(&items[j], b);
            int order = memcmp(a, b, SHA256_BYTES);
            assert_int_equal(item_record_compare(&items[i], &items[j]) < 0, order < 0);
            assert_int_equal(item_record_compare(&items[i], &items[j]) == 0, i == j);
        }
    }
    for (size_t i = 0; i < 3; i++)
        buffer_dispose(&values[i]);
}

static void drop_has_its_golden_bytes_and_work(void **state)
{
    (void)state;
    struct drop_record record = {.mailbox = run_id(0xa0),
                                 .expiry_unix_s = EXPIRY,
                                 .body = bytes_of_string("the body of a drop")};
    struct buffer out;
    uint64_t nonce = 0;
    buffer_init(&out);
    while (!drop_record_find_nonce(&record, DROP_WORK_BITS, &nonce, 1000))
        assert_true(nonce < (uint64_t)1 << 30); /* in steps, each going on where one ended */
    drop_record_encode(&record, &out);
    assert_vector("record_drop", buffer_bytes(&out));
    struct drop_record read;
    assert_true(drop_record_decode(buffer_bytes(&out), &read));
    assert_true(id_equal(&read.mailbox, &record.mailbox));
    assert_true(drop_record_work(&read) >= DROP_WORK_BITS);
    assert_int_equal(drop_record_work(&read), drop_record_work(&record));
    buffer_dispose(&out);
}

static void a_drop_with_any_bit_turned_has_no_work(void **state)
{
    (void)state;
    struct vector vector = vector_load("record_drop");
    struct drop_record record;
    for (size_t bit = 0; bit < 8 * vector.len; bit++) {
        vector.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(drop_record_decode(vector_bytes(&vector), &record) &&
                     drop_record_work(&record) >= DROP_WORK_BITS);
        vector.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void users_and_groups_bodies_have_their_golden_bytes(void **state)
{
    (void)state;
    struct buffer out;
    struct user_entry_body user, user_read;
    struct group_entry_body group = {.name = "Gr\xc3\xbc\xc3\x9f"
                                             "e",
                                     .about = "about it"},
                            group_read;
    ed25519_public_of(signer, user.user);
    ed25519_public_of(signer, group.group);
    buffer_init(&out);
    user_entry_body_encode(&user, &out);
    assert_vector("body_user", buffer_bytes(&out));
    assert_true(user_entry_body_decode(buffer_bytes(&out), &user_read));
    assert_memory_equal(user_read.user, user.user, sizeof user.user);
    assert_false(group_entry_body_decode(buffer_bytes(&out), &group_read));

    buffer_clear(&out);
    group_entry_body_encode(&group, &out);
    assert_vector("body_group", buffer_bytes(&out));
    assert_true(group_entry_body_decode(buffer_bytes(&out), &group_read));
    assert_string_equal(group_read.name, group.name);
    assert_string_equal(group_read.about, group.about);

    memset(group.name, 'n', sizeof group.name - 1); /* as long as one may be */
    memset(group.about, 'a', sizeof group.about - 1);
    buffer_clear(&out);
    group_entry_body_encode(&group, &out);
    assert_true(out.len <= ENTRY_BODY_MAX);
    assert_true(group_entry_body_decode(buffer_bytes(&out), &group_read));
    assert_string_equal(group_read.about, group.about);
    buffer_dispose(&out);
}

static void a_group_without_a_name_is_refused(void **state)
{
    (void)state;
    struct group_entry_body group = {.about = "about it"};
    struct buffer out;
    buffer_init(&out);
    group_entry_body_encode(&group, &out);
    assert_false(group_entry_body_decode(buffer_bytes(&out), &group));
    buffer_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_their_golden_bytes),
        cmocka_unit_test(item_has_its_golden_bytes_and_verifies),
        cmocka_unit_test(an_item_with_any_bit_turned_is_refused),
        cmocka_unit_test(an_item_by_the_identity_is_refused),
        cmocka_unit_test(long_salts_and_bodies_are_neither_made_nor_read),
        cmocka_unit_test(of_two_items_of_one_seq_the_smaller_digest_stays),
        cmocka_unit_test(drop_has_its_golden_bytes_and_work),
        cmocka_unit_test(a_drop_with_any_bit_turned_has_no_work),
        cmocka_unit_test(users_and_groups_bodies_have_their_golden_bytes),
        cmocka_unit_test(a_group_without_a_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
