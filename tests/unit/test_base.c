#include "support/unit.h"

#include <string.h>

#include "base/log.h"
#include "kadpeer/buffer.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "kadpeer/rng.h"
#include "kadpeer/sha1.h"
#include "kadpeer/sha256.h"
#include "kadpeer/siphash.h"
#include "kadpeer/utf8.h"

static struct id id_of_byte(uint8_t first)
{
    return (struct id){.bytes = {first}};
}

static void distance_orders_by_xor_not_by_value(void **state)
{
    (void)state;
    struct id target = id_of_byte(0x80), near = id_of_byte(0xa0), far = id_of_byte(0x7f);
    assert_true(id_distance_compare(&target, &near, &far) < 0);
    assert_true(id_distance_compare(&target, &far, &near) > 0);
    assert_int_equal(id_distance_compare(&target, &near, &near), 0);
}

static void common_bits_count_from_the_top(void **state)
{
    (void)state;
    struct id a = id_of_byte(0xf0), b = id_of_byte(0xf8);
    assert_int_equal(id_common_bits(&a, &b), 4);
    assert_int_equal(id_common_bits(&a, &a), ID_BITS);
    b = a;
    b.bytes[19] = 1;
    assert_int_equal(id_common_bits(&a, &b), 159);
}

static void hex_takes_exactly_forty_digits(void **state)
{
    (void)state;
    struct id id;
    char text[ID_HEX_SIZE];
    const char *good = "00112233445566778899aAbBcCdDeEfF01234567";
    assert_true(id_from_hex(good, 40, &id));
    id_to_hex(&id, text);
    assert_string_equal(text, "00112233445566778899aabbccddeeff01234567");
    assert_false(id_from_hex(good, 39, &id));
    assert_false(id_from_hex("00112233445566778899aabbccddeeff0123456g", 40, &id));
}

static void endpoints_survive_text_and_compact_form(void **state)
{
    (void)state;
    const char *texts[] = {"192.0.2.1:80", "[2001:db8::1]:61881", "127.0.0.1:65535"};
    for (size_t i = 0; i < 3; i++) {
        struct endpoint endpoint, again;
        uint8_t compact[ENDPOINT_COMPACT_MAX];
        char text[ENDPOINT_TEXT_SIZE];
        assert_true(endpoint_parse(texts[i], &endpoint));
        endpoint_format(&endpoint, text);
        assert_string_equal(text, texts[i]);
        size_t len = endpoint_to_compact(&endpoint, compact);
        assert_true(endpoint_from_compact(bytes_of(compact, len), &again));
        assert_true(endpoint_equal(&endpoint, &again));
    }
}

static void endpoint_parse_refuses_what_is_no_address_and_port(void **state)
{
    (void)state;
    const char *bad[] = {
        "",       "1.2.3.4",     "1.2.3.4:0",   "1.2.3.4:65536", "1.2.3:80",    "[::1]",  "[::1]80",
        "::1:80", "1.2.3.4:80x", "1.2.3.4: 80", "host.name:80",  "1.2.3.4:+80", "[::1:80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct endpoint endpoint;
        if (endpoint_parse(bad[i], &endpoint))
            fail_msg("taken: \"%s\"", bad[i]);
    }
}

static void local_and_unusable_addresses_are_told_apart(void **state)
{
    (void)state;
    struct {
        const char *text;
        bool local, usable;
    } cases[] = {
        {"127.1.2.3:1", true, true},          {"10.0.0.1:1", true, true},
        {"172.31.0.1:1", true, true},         {"172.32.0.1:1", false, true},
        {"192.168.9.9:1", true, true},        {"169.254.1.1:1", true, true},
        {"[fe80::1]:1", true, true},          {"[fd00::1]:1", true, true},
        {"[2001:db8::1]:1", false, true},     {"0.0.0.0:1", false, false},
        {"224.0.0.1:1", false, false},        {"255.255.255.255:1", false, false},
        {"[ff02::1]:1", false, false},        {"[::]:1", false, false},
        {"[::ffff:1.2.3.4]:1", false, false}, {"192.0.2.1:1", false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct endpoint endpoint;
        assert_true(endpoint_parse(cases[i].text, &endpoint));
        if (endpoint_is_local(&endpoint) != cases[i].local ||
            endpoint_is_usable(&endpoint) != cases[i].usable)
            fail_msg("%s", cases[i].text);
    }
}

static void siphash_gives_its_authors_vector(void **state)
{
    (void)state;
    uint8_t key[16], data[15];
    for (uint8_t i = 0; i < 16; i++)
        key[i] = i;
    for (uint8_t i = 0; i < 15; i++)
        data[i] = i;
    assert_true(siphash(key, bytes_of(data, 15)) == 0xa129ca6149be45e5ULL);
}

static void same_seed_gives_same_numbers_below_the_bound(void **state)
{
    (void)state;
    struct rng a, b, c;
    rng_init_seed(&a, 7);
    rng_init_seed(&b, 7);
    rng_init_seed(&c, 8);
    unsigned same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = rng_below(&a, 10);
        assert_true(x < 10);
        assert_int_equal(x, rng_below(&b, 10));
        same += x == rng_below(&c, 10);
    }
    assert_true(same < 200);
    double unit = rng_unit(&a);
    assert_true(unit >= 0 && unit < 1);
}

static void sha1_is_the_same_in_one_run_and_in_parts(void **state)
{
    (void)state;
    char hex[ID_HEX_SIZE];
    struct id whole = sha1_of(bytes_of_string("abc"));
    id_to_hex(&whole, hex);
    assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
    struct sha1 *sha1 = sha1_new();
    for (int round = 0; round < 2; round++) {
        sha1_update(sha1, bytes_of_string("a"));
        sha1_update(sha1, bytes_of_string("bc"));
        struct id parts = sha1_finish(sha1);
        assert_true(id_equal(&whole, &parts));
    }
    sha1_free(sha1);
}

/* "abc" [FIPS 180-4]: ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad */
static const uint8_t sha256_of_abc[SHA256_BYTES] = {
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};

static void sha256_takes_many_endings_of_one_beginning(void **state)
{
    (void)state;
    uint8_t digest[SHA256_BYTES];
    struct bytes parts[] = {bytes_of_string("a"), bytes_of_string("bc")};
    sha256_of_parts(parts, 2, digest);
    assert_memory_equal(digest, sha256_of_abc, SHA256_BYTES);
    struct sha256 *sha256 = sha256_new();
    sha256_update(sha256, parts[0]);
    sha256_with(sha256, bytes_of_string("other"), digest);
    assert_memory_not_equal(digest, sha256_of_abc, SHA256_BYTES);
    sha256_with(sha256, parts[1], digest);
    assert_memory_equal(digest, sha256_of_abc, SHA256_BYTES);
    sha256_free(sha256);
}

static void buffer_grows_and_drops_from_the_front(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    for (int i = 0; i < 100; i++)
        buffer_add_format(&buffer, "%02d", i);
    assert_int_equal(buffer.len, 200);
    buffer_drop_front(&buffer, 196);
    assert_memory_equal(buffer.data, "9899", 4);
    assert_false(buffer_reserve(&buffer, SIZE_MAX - 1));
    assert_true(buffer.failed);
    buffer_dispose(&buffer);
}

static void text_is_utf8_and_printable_text_moves_no_cursor(void **state)
{
    (void)state;
    static const char *printable[] = {"", "a", "Grüße", "日本", "𝄞", "~ a-b.c", "\xc2\xa0"};
    static const char *text_only[] = {"\n", "a\x1b[2J", "\x7f", "\xc2\x80", "\xc2\x9f"};
    static const char *neither[] = {"\xff",
                                    "\x80",
                                    "a\xc3",
                                    "\xc0\x80",
                                    "\xc1\xbf",
                                    "\xe0\x9f\x80",
                                    "\xed\xa0\x80",
                                    "\xe2\x82",
                                    "\xf0\x8f\x80\x80",
                                    "\xf4\x90\x80\x80",
                                    "\xf5\x80\x80\x80"};
    for (size_t i = 0; i < sizeof printable / sizeof *printable; i++) {
        assert_true(utf8_is_text(bytes_of_string(printable[i])));
        assert_true(utf8_is_printable(bytes_of_string(printable[i])));
    }
    for (size_t i = 0; i < sizeof text_only / sizeof *text_only; i++) {
        assert_true(utf8_is_text(bytes_of_string(text_only[i])));
        assert_false(utf8_is_printable(bytes_of_string(text_only[i])));
    }
    for (size_t i = 0; i < sizeof neither / sizeof *neither; i++) {
        assert_false(utf8_is_text(bytes_of_string(neither[i])));
        assert_false(utf8_is_printable(bytes_of_string(neither[i])));
    }
    assert_false(utf8_is_text(bytes_of("a\0b", 3)));
    assert_false(utf8_is_printable(bytes_of("\0", 1)));
}

static void log_levels_are_per_subsystem(void **state)
{
    (void)state;
    assert_true(log_set_levels("warn,dht=debug"));
    assert_true(log_enabled("dht", LOG_DEBUG));
    assert_false(log_enabled("engine", LOG_INFO));
    assert_false(log_set_levels("loud"));
    assert_false(log_set_levels("info,dht=loud"));
    assert_false(log_enabled("engine", LOG_INFO));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_orders_by_xor_not_by_value),
        cmocka_unit_test(common_bits_count_from_the_top),
        cmocka_unit_test(hex_takes_exactly_forty_digits),
        cmocka_unit_test(endpoints_survive_text_and_compact_form),
        cmocka_unit_test(endpoint_parse_refuses_what_is_no_address_and_port),
        cmocka_unit_test(local_and_unusable_addresses_are_told_apart),
        cmocka_unit_test(siphash_gives_its_authors_vector),
        cmocka_unit_test(same_seed_gives_same_numbers_below_the_bound),
        cmocka_unit_test(sha1_is_the_same_in_one_run_and_in_parts),
        cmocka_unit_test(sha256_takes_many_endings_of_one_beginning),
        cmocka_unit_test(buffer_grows_and_drops_from_the_front),
        cmocka_unit_test(text_is_utf8_and_printable_text_moves_no_cursor),
        cmocka_unit_test(log_levels_are_per_subsystem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
