#include "support/unit.h"

#include "dht/record_kinds.h"
#include "kadpeer/msgpack_writer.h"
#include "kadpeer/records.h"
#include "support/vectors.h"

#define NOW 1799990000u /* before the expiry of the golden entry */

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
    struct id infohash = run_id(0xa0);
    assert_key("key_availability", key_of_availability(&infohash, 258));
    assert_key("key_name", key_of_name("gr\xc3\xbc\xc3\x9f"
                                       "e.txt"));
    assert_key("key_word", key_of_word("gr\xc3\xbc\xc3\x9f"
                                       "e"));
    assert_key("key_file_sha1", key_of_file_sha1(&infohash));
}

static void peer_has_its_golden_bytes(void **state)
{
    (void)state;
    struct buffer out;
    struct peer_record record = {.tcp_port = 6881, .seed = true, .pieces_held = 2048}, read;
    buffer_init(&out);
    peer_record_encode(&record, &out);
    assert_vector("record_peer", buffer_bytes(&out));
    assert_true(peer_record_decode(buffer_bytes(&out), &read));
    assert_int_equal(read.tcp_port, 6881);
    assert_true(read.seed);
    assert_int_equal(read.pieces_held, 2048);
    buffer_dispose(&out);
}

static void availability_has_its_golden_bytes(void **state)
{
    (void)state;
    static const uint8_t bits[] = {0xff, 0x80};
    struct buffer out;
    struct availability_record record = {.bitfield = bytes_of(bits, 2)}, read;
    buffer_init(&out);
    availability_record_encode(&record, &out);
    assert_vector("record_availability", buffer_bytes(&out));
    assert_true(availability_record_decode(buffer_bytes(&out), &read));
    assert_true(bytes_equal(read.bitfield, record.bitfield));

    buffer_clear(&out);
    record.bitfield = (struct bytes){0};
    availability_record_encode(&record, &out);
    assert_vector("record_availability_gone", buffer_bytes(&out));
    assert_true(availability_record_decode(buffer_bytes(&out), &read));
    assert_int_equal(read.bitfield.len, 0);
    buffer_dispose(&out);
}

static struct entry_body named_body(void)
{
    return (struct entry_body){.infohash = run_id(0xa0),
                               .name = "Gr\xc3\xbc\xc3\x9f"
                                       "e.txt",
                               .size = (uint64_t)1 << 33,
                               .files = 3};
}

static void bodies_have_their_golden_bytes(void **state)
{
    (void)state;
    struct buffer out;
    struct entry_body body = named_body(), read;
    buffer_init(&out);
    entry_body_encode(&body, &out);
    assert_vector("body_named", buffer_bytes(&out));
    assert_true(entry_body_decode(buffer_bytes(&out), &read));
    assert_string_equal(read.name, body.name);
    assert_int_equal(read.size, body.size);
    assert_int_equal(read.files, 3);
    assert_true(id_equal(&read.infohash, &body.infohash));

    buffer_clear(&out);
    body = (struct entry_body){.infohash = run_id(0xa0), .size = 70000};
    entry_body_encode(&body, &out);
    assert_vector("body_file_sha1", buffer_bytes(&out));
    assert_true(entry_body_decode(buffer_bytes(&out), &read));
    assert_string_equal(read.name, "");
    assert_int_equal(read.files, 0);
    buffer_dispose(&out);
}

static void make_entry(struct buffer *out, const struct id *key)
{
    uint8_t seed[ED25519_SEED_BYTES];
    struct buffer body;
    struct entry_body named = named_body();
    memset(seed, 1, sizeof seed);
    buffer_init(&body);
    entry_body_encode(&named, &body);
    assert_int_equal(entry_record_make(key, seed, 5, 1800000000, buffer_bytes(&body), out),
                     STATUS_OK);
    buffer_dispose(&body);
}

static void entry_has_its_golden_bytes_and_verifies(void **state)
{
    (void)state;
    struct buffer out;
    struct entry_record record;
    struct id key = key_of_name("gr\xc3\xbc\xc3\x9f"
                                "e.txt");
    buffer_init(&out);
    make_entry(&out, &key);
    assert_vector("record_entry", buffer_bytes(&out));
    assert_true(entry_record_decode(buffer_bytes(&out), &record));
    assert_int_equal(record.seq, 5);
    assert_int_equal(record.expiry_unix_s, 1800000000);
    assert_true(entry_record_verify(&record, &key));
    buffer_dispose(&out);
}

static void a_signature_covers_every_field_and_the_key(void **state)
{
    (void)state;
    struct vector vector = vector_load("record_entry");
    struct id key = key_of_name("gr\xc3\xbc\xc3\x9f"
                                "e.txt"),
              other = key;
    struct entry_record record;
    for (size_t i = 0; i < vector.len; i++) {
        vector.data[i] ^= 1;
        bool good = entry_record_decode(vector_bytes(&vector), &record) &&
                    entry_record_verify(&record, &key);
        assert_false(good);
        vector.data[i] ^= 1;
    }
    other.bytes[19] ^= 1;
    assert_true(entry_record_decode(vector_bytes(&vector), &record));
    assert_true(entry_record_verify(&record, &key));
    assert_false(entry_record_verify(&record, &other));
    assert_int_equal(record_check(KIND_ENTRY, &key, vector_bytes(&vector), NOW), CODE_OK);
    assert_int_equal(record_check(KIND_ENTRY, &other, vector_bytes(&vector), NOW),
                     CODE_BAD_SIGNATURE);
}

static void a_body_too_long_is_not_signed(void **state)
{
    (void)state;
    static const uint8_t seed[ED25519_SEED_BYTES], body[ENTRY_BODY_MAX + 1];
    struct id key = run_id(1);
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(entry_record_make(&key, seed, 1, 1, bytes_of(body, sizeof body), &out),
                     STATUS_TOO_BIG);
    assert_int_equal(out.len, 0);
    buffer_dispose(&out);
}

/* Decodes a map of pairs "letter type": u number, b bin of 1, t true, s string "x". */
static bool decodes(const char *pairs, unsigned kind)
{
    uint8_t room[256];
    struct msgpack_writer writer;
    struct record_facts facts;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, strlen(pairs) / 2);
    for (; *pairs != 0; pairs += 2) {
        msgpack_write_str(&writer, bytes_of(pairs, 1));
        if (pairs[1] == 'u')
            msgpack_write_uint(&writer, 7);
        else if (pairs[1] == 'b')
            msgpack_write_bin(&writer, bytes_of_string("x"));
        else if (pairs[1] == 't')
            msgpack_write_bool(&writer, true);
        else
            msgpack_write_string(&writer, "x");
    }
    return record_rules(kind)->inspect(bytes_of(room, writer.len), &facts);
}

static void values_with_other_keys_or_types_are_refused(void **state)
{
    (void)state;
    assert_true(decodes("pusthu", KIND_PEER));
    assert_true(decodes("hustpu", KIND_PEER)); /* in any order */
    assert_false(decodes("pust", KIND_PEER));
    assert_false(decodes("pusthuxu", KIND_PEER));
    assert_false(decodes("pustpu", KIND_PEER));
    assert_false(decodes("pustxu", KIND_PEER));
    assert_false(decodes("pbsthu", KIND_PEER));
    assert_false(decodes("pusuhu", KIND_PEER));
    assert_false(decodes("", KIND_PEER));
    assert_true(decodes("pubb", KIND_AVAILABILITY));
    assert_false(decodes("pubs", KIND_AVAILABILITY));
    assert_false(decodes("pubu", KIND_AVAILABILITY));
    assert_false(decodes("bb", KIND_AVAILABILITY));
}

static void numbers_out_of_range_and_long_bitfields_are_refused(void **state)
{
    (void)state;
    static const uint8_t big_port[] = {0x83, 0xa1, 'p', 0xce, 0,    1,   0,
                                       0,    0xa1, 's', 0xc3, 0xa1, 'h', 1};
    static const uint8_t trailing[] = {0x83, 0xa1, 'p', 1, 0xa1, 's', 0xc3, 0xa1, 'h', 1, 0xc0};
    static const uint8_t bits[AVAILABILITY_BITFIELD_MAX + 1];
    struct peer_record peer;
    struct availability_record record = {.bitfield = bytes_of(bits, sizeof bits)}, read;
    struct buffer out;
    assert_false(peer_record_decode(bytes_of(big_port, sizeof big_port), &peer));
    assert_false(peer_record_decode(bytes_of(trailing, sizeof trailing), &peer));
    assert_true(peer_record_decode(bytes_of(trailing, sizeof trailing - 1), &peer));
    buffer_init(&out);
    availability_record_encode(&record, &out);
    assert_false(availability_record_decode(buffer_bytes(&out), &read));
    buffer_dispose(&out);
}

static bool name_is_taken(const char *name)
{
    struct buffer out;
    struct entry_body body = {0}, read;
    memcpy(body.name, name, strlen(name) + 1);
    body.files = 1;
    buffer_init(&out);
    entry_body_encode(&body, &out);
    bool taken = entry_body_decode(buffer_bytes(&out), &read) && strcmp(read.name, name) == 0;
    buffer_dispose(&out);
    return taken;
}

static void names_are_utf8(void **state)
{
    (void)state;
    assert_true(name_is_taken("a"));
    assert_true(name_is_taken("\xe2\x82\xac \xf0\x9f\x98\x80"));
    assert_false(name_is_taken("\xff"));
    assert_false(name_is_taken("\xc3"));             /* cut off */
    assert_false(name_is_taken("\xc0\xaf"));         /* longer than it need be */
    assert_false(name_is_taken("\xe0\x80\xaf"));     /* the same */
    assert_false(name_is_taken("\xed\xa0\x80"));     /* half of a pair */
    assert_false(name_is_taken("\xf4\x90\x80\x80")); /* past the last code point */
    assert_false(name_is_taken("\x80"));
    static const uint8_t zero_in_name[] = {0x84, 0xa1, 'h', 0xc4, 20, 0,    0,   0, 0,    0,   0, 0,
                                           0,    0,    0,   0,    0,  0,    0,   0, 0,    0,   0, 0,
                                           0,    0xa1, 'n', 0xa1, 0,  0xa1, 'z', 1, 0xa1, 'f', 1};
    struct entry_body body;
    assert_false(entry_body_decode(bytes_of(zero_in_name, sizeof zero_in_name), &body));
}

static void entry_of_body(const struct msgpack_writer *body, uint8_t seed_byte, struct id key,
                          struct buffer *out)
{
    uint8_t seed[ED25519_SEED_BYTES];
    memset(seed, seed_byte, sizeof seed);
    assert_int_equal(
        entry_record_make(&key, seed, 1, NOW + 1000, bytes_of(body->out, body->len), out),
        STATUS_OK);
}

static void a_users_entry_is_signed_by_the_user(void **state)
{
    (void)state;
    uint8_t seed[ED25519_SEED_BYTES], public_key[ED25519_PUBLIC_BYTES], room[256];
    struct msgpack_writer body;
    struct buffer out;
    struct id key = run_id(3);
    memset(seed, 1, sizeof seed);
    assert_int_equal(ed25519_public_of(seed, public_key), STATUS_OK);
    msgpack_writer_init(&body, room, sizeof room);
    msgpack_write_map(&body, 1);
    msgpack_write_string(&body, "u");
    msgpack_write_bin(&body, bytes_of(public_key, sizeof public_key));
    buffer_init(&out);
    entry_of_body(&body, 1, key, &out);
    assert_int_equal(record_check(KIND_ENTRY, &key, buffer_bytes(&out), NOW), CODE_OK);
    buffer_clear(&out);
    entry_of_body(&body, 2, key, &out); /* somebody else's */
    assert_int_equal(record_check(KIND_ENTRY, &key, buffer_bytes(&out), NOW), CODE_MALFORMED);

    msgpack_writer_init(&body, room, sizeof room);
    msgpack_write_map(&body, 3);
    msgpack_write_string(&body, "g");
    msgpack_write_bin(&body, bytes_of(public_key, sizeof public_key));
    msgpack_write_string(&body, "n");
    msgpack_write_string(&body, "a group");
    msgpack_write_string(&body, "a");
    msgpack_write_string(&body, "");
    buffer_clear(&out);
    entry_of_body(&body, 1, key, &out);
    assert_int_equal(record_check(KIND_ENTRY, &key, buffer_bytes(&out), NOW), CODE_OK);
    buffer_dispose(&out);
}

static void unknown_kinds_are_refused(void **state)
{
    (void)state;
    struct vector peer = vector_load("record_peer");
    struct id key = run_id(1);
    for (unsigned kind = 0; kind < 300; kind++) {
        bool ours = kind >= KIND_PEER && kind <= KIND_DROP;
        assert_true((record_rules(kind) != NULL) == ours);
    }
    assert_int_equal(record_check(KIND_DROP + 1, &key, vector_bytes(&peer), NOW), CODE_MALFORMED);
    assert_int_equal(record_check(KIND_PEER, &key, vector_bytes(&peer), NOW), CODE_OK);
}

static void size_and_expiry_are_checked_before_the_signature(void **state)
{
    (void)state;
    static const uint8_t big[701];
    struct vector entry = vector_load("record_entry");
    struct id wrong_key = run_id(1);
    struct bytes value = vector_bytes(&entry);
    assert_int_equal(record_check(KIND_ENTRY, &wrong_key, bytes_of(big, sizeof big), NOW),
                     CODE_TOO_BIG);
    assert_int_equal(record_check(KIND_ENTRY, &wrong_key, value, 1800000000), CODE_MALFORMED);
    assert_int_equal(record_check(KIND_ENTRY, &wrong_key, value, 1800000000 - 8 * 86400 - 1),
                     CODE_MALFORMED);
    assert_int_equal(record_check(KIND_ENTRY, &wrong_key, value, 1800000000 - 8 * 86400),
                     CODE_BAD_SIGNATURE);
}

static void the_largest_values_are_within_their_kinds_bound(void **state)
{
    (void)state;
    static const uint8_t seed[ED25519_SEED_BYTES], bits[AVAILABILITY_BITFIELD_MAX];
    static const uint8_t body[ENTRY_BODY_MAX];
    struct peer_record peer = {.tcp_port = UINT16_MAX, .pieces_held = UINT32_MAX};
    struct availability_record availability = {.tcp_port = UINT16_MAX,
                                               .bitfield = bytes_of(bits, sizeof bits)};
    struct id key = run_id(1);
    struct buffer out;
    buffer_init(&out);
    peer_record_encode(&peer, &out);
    assert_true(out.len <= record_rules(KIND_PEER)->value_max_bytes);
    buffer_clear(&out);
    availability_record_encode(&availability, &out);
    assert_true(out.len <= record_rules(KIND_AVAILABILITY)->value_max_bytes);
    buffer_clear(&out);
    entry_record_make(&key, seed, UINT64_MAX, UINT64_MAX, bytes_of(body, sizeof body), &out);
    assert_in_range(out.len, ENTRY_BODY_MAX, record_rules(KIND_ENTRY)->value_max_bytes);
    buffer_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_their_golden_bytes),
        cmocka_unit_test(peer_has_its_golden_bytes),
        cmocka_unit_test(availability_has_its_golden_bytes),
        cmocka_unit_test(bodies_have_their_golden_bytes),
        cmocka_unit_test(entry_has_its_golden_bytes_and_verifies),
        cmocka_unit_test(a_signature_covers_every_field_and_the_key),
        cmocka_unit_test(a_body_too_long_is_not_signed),
        cmocka_unit_test(values_with_other_keys_or_types_are_refused),
        cmocka_unit_test(numbers_out_of_range_and_long_bitfields_are_refused),
        cmocka_unit_test(names_are_utf8),
        cmocka_unit_test(a_users_entry_is_signed_by_the_user),
        cmocka_unit_test(unknown_kinds_are_refused),
        cmocka_unit_test(size_and_expiry_are_checked_before_the_signature),
        cmocka_unit_test(the_largest_values_are_within_their_kinds_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
