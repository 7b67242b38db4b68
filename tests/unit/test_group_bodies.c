/* USER, HEAD and KEYPAGE: what a group shows to everybody. */
#include "support/people.h"

#include "kadpeer/msgpack_writer.h"
#include "kadpeer/records.h"
#include "kadpeer/sha1.h"
#include "people/head.h"
#include "people/keypage.h"
#include "people/user_body.h"
#include "support/vectors.h"

/* ---- USER ---- */

static struct user_body sample_user(void)
{
    struct user_body body = {.name = "mira"};
    memset(body.box_public, 0xa1, sizeof body.box_public);
    return body;
}

static void a_user_body_comes_back_and_is_its_vector(void **state)
{
    (void)state;
    struct user_body body = sample_user(), back;
    struct buffer out;
    buffer_init(&out);
    user_body_encode(&body, &out);
    assert_vector("group_user", buffer_bytes(&out));
    assert_true(user_body_decode(buffer_bytes(&out), &back));
    assert_string_equal(back.name, "mira");
    assert_memory_equal(back.box_public, body.box_public, sizeof body.box_public);
    buffer_dispose(&out);
}

static bool user_name_is_taken(const char *name, size_t len)
{
    uint8_t room[256], key[X25519_BYTES] = {0};
    struct msgpack_writer writer;
    struct user_body body;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 3);
    msgpack_write_string(&writer, "v");
    msgpack_write_uint(&writer, 1);
    msgpack_write_string(&writer, "n");
    msgpack_write_str(&writer, bytes_of(name, len));
    msgpack_write_string(&writer, "x");
    msgpack_write_bin(&writer, bytes_of(key, sizeof key));
    return user_body_decode(bytes_of(room, writer.len), &body);
}

static void names_are_short_printable_text(void **state)
{
    (void)state;
    static const char long_name[] = "abcdefghijklmnopqrstuvwxyz0123456";
    assert_true(user_name_is_taken("Grüße", strlen("Grüße")));
    assert_true(user_name_is_taken(long_name, USER_NAME_MAX));
    assert_false(user_name_is_taken(long_name, USER_NAME_MAX + 1));
    assert_false(user_name_is_taken("", 0));
    assert_false(user_name_is_taken("a\0b", 3));
    assert_false(user_name_is_taken("a\nb", 3));
    assert_false(user_name_is_taken("\x1b[2J", 4));
    assert_false(user_name_is_taken("\xff", 1));
}

/* Every prefix, every longer form, and the map with one byte more. */
static void no_other_bytes_are_a_user_body(void **state)
{
    (void)state;
    struct vector vector = vector_load("group_user");
    struct user_body body;
    for (size_t len = 0; len < vector.len; len++)
        assert_false(user_body_decode(bytes_of(vector.data, len), &body));
    vector.data[vector.len] = 0;
    assert_false(user_body_decode(bytes_of(vector.data, vector.len + 1), &body));
    assert_false(user_body_decode((struct bytes){0}, &body));
    vector.data[0] = 0x84; /* a fourth pair is promised */
    assert_false(user_body_decode(vector_bytes(&vector), &body));
    vector.data[0] = 0x83;
    vector.data[2] = 'n'; /* a key twice, and one missing */
    assert_false(user_body_decode(vector_bytes(&vector), &body));
    vector.data[2] = 'v';
    vector.data[3] = 2; /* a version of which nothing is known */
    assert_false(user_body_decode(vector_bytes(&vector), &body));
}

/* ---- HEAD ---- */

static struct head_body sample_head(uint32_t roster_len)
{
    struct head_body body = {
        .epoch = 3, .roster_len = roster_len, .keypages = 2, .policy = JOIN_ON_REQUEST};
    memset(body.roster_sha256, 0xb1, sizeof body.roster_sha256);
    memset(body.box_public, 0xc1, sizeof body.box_public);
    body.index = head_roster_parts(roster_len) > HEAD_PARTS_MAX;
    body.part_count = (uint8_t)head_keys_needed(roster_len);
    for (size_t i = 0; i < body.part_count; i++)
        memset(body.parts[i].bytes, (int)i + 1, ID_BYTES);
    return body;
}

static size_t head_size(const struct head_body *body)
{
    struct head_body back;
    struct buffer out;
    buffer_init(&out);
    head_body_encode(body, &out);
    size_t len = out.len;
    assert_true(head_body_decode(buffer_bytes(&out), &back));
    assert_memory_equal(&back, body, sizeof back);
    buffer_dispose(&out);
    return len;
}

static void a_head_comes_back_and_is_its_vector(void **state)
{
    (void)state;
    struct head_body body = sample_head(1001), back;
    struct people people;
    struct buffer out;
    buffer_init(&out);
    people_init(&people, 0xee);
    epoch_mark(&people.epoch, body.mark);
    head_body_encode(&body, &out);
    assert_vector("group_head", buffer_bytes(&out));
    assert_true(head_body_decode(buffer_bytes(&out), &back));
    assert_int_equal(back.epoch, 3);
    assert_int_equal(back.part_count, 2);
    assert_int_equal(back.parts[1].bytes[0], 2);
    assert_int_equal(back.policy, JOIN_ON_REQUEST);
    buffer_dispose(&out);
}

static void a_head_stays_within_740_bytes(void **state)
{
    (void)state;
    struct head_body body = sample_head(HEAD_PARTS_MAX * PART_BYTES_MAX);
    body.epoch = UINT32_MAX;
    body.keypages = GROUP_KEYPAGES_MAX;
    assert_int_equal(body.part_count, HEAD_PARTS_MAX);
    assert_in_range(head_size(&body), 600, 740);
}

static void a_long_roster_has_an_index(void **state)
{
    (void)state;
    struct head_body body = sample_head(HEAD_PARTS_MAX * PART_BYTES_MAX + 1);
    assert_true(body.index);
    assert_int_equal(body.part_count, 1);
    head_size(&body);
    body = sample_head(ROSTER_PARTS_MAX * PART_BYTES_MAX);
    assert_int_equal(body.part_count, 4);
    head_size(&body);
}

/* The body with one bin, number or bool of it replaced by what an encoder would not write. */
static void heads_that_contradict_themselves_are_refused(void **state)
{
    (void)state;
    struct vector vector = vector_load("group_head");
    struct head_body body;
    assert_true(head_body_decode(vector_bytes(&vector), &body));
    static const struct {
        const char *key;
        uint8_t was, now;
    } changes[] = {
        {"e", 3, 0},       /* epochs begin with 1 */
        {"i", 0xc2, 0xc3}, /* an index of two parts */
        {"j", 1, 2},       /* no such policy */
        {"k", 2, 0},       /* no key page */
        {"k", 2, 65},      /* too many */
        {"v", 1, 0},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const uint8_t find[] = {0xa1, (uint8_t)changes[i].key[0], changes[i].was};
        uint8_t *at = memmem(vector.data, vector.len, find, sizeof find);
        assert_non_null(at);
        at[2] = changes[i].now;
        assert_false(head_body_decode(vector_bytes(&vector), &body));
        at[2] = changes[i].was;
    }
    static const uint8_t length[] = {0xa1, 'l', 0xcd, 0x03, 0xe9};
    uint8_t *at = memmem(vector.data, vector.len, length, sizeof length);
    assert_non_null(at);
    write_u16(at + 3, 800); /* one part would do */
    assert_false(head_body_decode(vector_bytes(&vector), &body));
    write_u16(at + 3, 1601); /* two do not */
    assert_false(head_body_decode(vector_bytes(&vector), &body));
}

/* ---- KEYPAGE ---- */

static void a_key_page_is_its_vector(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct person person = person_of(&people, 1);
    struct keypage page = {.count = 1}, back;
    struct buffer out;
    uint8_t ephemeral[X25519_BYTES], salt[KEYPAGE_SALT_BYTES];
    memset(ephemeral, 0x77, sizeof ephemeral);
    assert_int_equal(keypage_box_make(&people.group, &person.member.public_key,
                                      person.member.box_public, 3, people.epoch.secret, ephemeral,
                                      &page.boxes[0]),
                     STATUS_OK);
    buffer_init(&out);
    keypage_encode(&page, &out);
    assert_vector("group_keypage", buffer_bytes(&out));
    assert_true(keypage_decode(buffer_bytes(&out), &back));
    assert_memory_equal(&back, &page, sizeof page);
    keypage_salt(0x01020304, (const uint8_t *)"\7\10\11\12\13\14\15\16", 0x0506, salt);
    assert_memory_equal(salt, "k\1\2\3\4\5\6\7\10\11\12\13\14\15\16", KEYPAGE_SALT_BYTES);
    buffer_dispose(&out);
}

static struct keypage full_page(struct people *people)
{
    struct keypage page = {.count = KEYPAGE_BOXES};
    uint8_t ephemeral[X25519_BYTES];
    for (unsigned i = 0; i < KEYPAGE_BOXES; i++) {
        struct person person = person_of(people, i + 1);
        assert_int_equal(keypage_box_make(&people->group, &person.member.public_key,
                                          person.member.box_public, 3, people->epoch.secret,
                                          ephemeral_of(people, ephemeral), &page.boxes[i]),
                         STATUS_OK);
    }
    return page;
}

static enum status find_as(const struct keypage *page, const struct people *people,
                           const struct person *person, uint32_t epoch, uint8_t secret[ROOT_BYTES])
{
    return keypage_find(page, &people->group.public_key, people->group.box_public, &person->member,
                        epoch, secret);
}

static void each_member_finds_the_secret_and_nobody_else_does(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct keypage page = full_page(&people);
    struct buffer out;
    buffer_init(&out);
    keypage_encode(&page, &out);
    assert_int_equal(out.len, 705);
    for (unsigned i = 0; i <= KEYPAGE_BOXES; i++) {
        struct person person = person_of(&people, i + 1);
        uint8_t secret[ROOT_BYTES] = {0};
        enum status status = find_as(&page, &people, &person, 3, secret);
        assert_int_equal(status, i < KEYPAGE_BOXES ? STATUS_OK : STATUS_NOT_FOUND);
        if (status == STATUS_OK)
            assert_memory_equal(secret, people.epoch.secret, ROOT_BYTES);
        assert_int_equal(find_as(&page, &people, &person, 4, secret), STATUS_NOT_FOUND);
    }
    buffer_dispose(&out);
}

static void every_changed_bit_of_a_box_is_noticed(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct person person = person_of(&people, 1);
    struct keypage page = full_page(&people);
    uint8_t secret[ROOT_BYTES];
    for (size_t bit = 0; bit < 8 * sizeof page.boxes[0].boxed; bit++) {
        page.boxes[0].boxed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum status status = find_as(&page, &people, &person, 3, secret);
        assert_int_equal(status, STATUS_MISMATCH);
        page.boxes[0].boxed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * KEYPAGE_TAG_BYTES; bit++) {
        page.boxes[0].tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(find_as(&page, &people, &person, 3, secret), STATUS_NOT_FOUND);
        page.boxes[0].tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(find_as(&page, &people, &person, 3, secret), STATUS_OK);
}

/* A box is of one member, epoch and group, even under the right tag. */
static void a_box_of_somebody_else_under_ones_own_tag_does_not_open(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct person person = person_of(&people, 1);
    struct keypage page = full_page(&people);
    uint8_t secret[ROOT_BYTES];
    memcpy(page.boxes[0].boxed, page.boxes[1].boxed, sizeof page.boxes[0].boxed);
    assert_int_equal(find_as(&page, &people, &person, 3, secret), STATUS_MISMATCH);
}

/* Nothing can be boxed to a key of small order, and nothing found with one. */
static void mailbox_keys_that_are_none_are_refused(void **state)
{
    (void)state;
    static const uint8_t none[X25519_BYTES], ephemeral[X25519_BYTES] = {7};
    struct people people;
    people_init(&people, 0xee);
    struct person person = person_of(&people, 1);
    struct keypage page = full_page(&people);
    uint8_t secret[ROOT_BYTES];
    assert_int_equal(keypage_box_make(&people.group, &person.member.public_key, none, 3,
                                      people.epoch.secret, ephemeral, &page.boxes[0]),
                     STATUS_REFUSED);
    assert_int_equal(keypage_find(&page, &people.group.public_key, none, &person.member, 3, secret),
                     STATUS_REFUSED);
}

static void key_pages_of_other_sizes_or_versions_are_refused(void **state)
{
    (void)state;
    uint8_t body[1 + 9 * 88] = {1};
    struct keypage page;
    for (size_t len = 0; len <= sizeof body; len++) {
        bool right = len > 1 && (len - 1) % 88 == 0 && len <= 705;
        assert_int_equal(keypage_decode(bytes_of(body, len), &page), right);
    }
    for (unsigned version = 0; version < 256; version++) {
        body[0] = (uint8_t)version;
        assert_int_equal(keypage_decode(bytes_of(body, 705), &page), version == 1);
    }
}

/* ---- in a record ---- */

static void a_changed_bit_of_a_signed_body_is_refused(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct head_body body = sample_head(1001);
    struct buffer encoded, value;
    struct item_record record;
    struct bytes salt = bytes_of_string(ITEM_SALT_HEAD);
    struct id key = key_of_item(people.group.public_key.bytes, salt);
    buffer_init(&encoded);
    buffer_init(&value);
    head_body_encode(&body, &encoded);
    assert_int_equal(
        item_record_make(people.group.seed, salt, 7, 1800000000, buffer_bytes(&encoded), &value),
        STATUS_OK);
    assert_true(item_record_decode(buffer_bytes(&value), &record) &&
                item_record_verify(&record, &key));
    for (size_t bit = 0; bit < 8 * value.len; bit++) {
        value.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(item_record_decode(buffer_bytes(&value), &record) &&
                     item_record_verify(&record, &key));
        value.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    buffer_dispose(&encoded);
    buffer_dispose(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_body_comes_back_and_is_its_vector),
        cmocka_unit_test(names_are_short_printable_text),
        cmocka_unit_test(no_other_bytes_are_a_user_body),
        cmocka_unit_test(a_head_comes_back_and_is_its_vector),
        cmocka_unit_test(a_head_stays_within_740_bytes),
        cmocka_unit_test(a_long_roster_has_an_index),
        cmocka_unit_test(heads_that_contradict_themselves_are_refused),
        cmocka_unit_test(a_key_page_is_its_vector),
        cmocka_unit_test(each_member_finds_the_secret_and_nobody_else_does),
        cmocka_unit_test(every_changed_bit_of_a_box_is_noticed),
        cmocka_unit_test(a_box_of_somebody_else_under_ones_own_tag_does_not_open),
        cmocka_unit_test(mailbox_keys_that_are_none_are_refused),
        cmocka_unit_test(key_pages_of_other_sizes_or_versions_are_refused),
        cmocka_unit_test(a_changed_bit_of_a_signed_body_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
