#include "support/unit.h"

#include <string.h>

#include "content/bencode.h"
#include "content/params.h"
#include "kadpeer/rng.h"

static enum status parse(const char *text, struct bencode *out)
{
    return bencode_parse(bytes_of_string(text), out, NULL);
}

static void integers_have_one_form(void **state)
{
    (void)state;
    struct bencode value;
    const struct {
        const char *text;
        int64_t value;
    } good[] = {{"i0e", 0},
                {"i42e", 42},
                {"i-1e", -1},
                {"i9223372036854775807e", INT64_MAX},
                {"i-9223372036854775808e", INT64_MIN}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(parse(good[i].text, &value), STATUS_OK);
        assert_int_equal(value.type, BENCODE_INTEGER);
        assert_true(value.integer == good[i].value);
    }
    const char *bad[] = {"i-0e",
                         "i00e",
                         "i03e",
                         "i-03e",
                         "ie",
                         "i-e",
                         "i1",
                         "i",
                         "i 1e",
                         "i+1e",
                         "i1.e",
                         "i9223372036854775808e",
                         "i--1e",
                         "i-9223372036854775809e",
                         "i99999999999999999999999999e"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(bad[i], &value), STATUS_MALFORMED);
}

static void strings_stay_inside_the_data(void **state)
{
    (void)state;
    struct bencode value;
    assert_int_equal(parse("4:spam", &value), STATUS_OK);
    assert_true(bytes_equal(value.string, bytes_of_string("spam")));
    assert_int_equal(parse("0:", &value), STATUS_OK);
    assert_int_equal(value.string.len, 0);
    const char *bad[] = {"5:spam",
                         "04:spam",
                         "4spam",
                         "4:spamx",
                         ":",
                         "-1:a",
                         "4",
                         "4:",
                         "18446744073709551616:a",
                         "18446744073709551615:a",
                         "4294967295:",
                         "00:"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(bad[i], &value), STATUS_MALFORMED);
}

static void containers_close_and_keys_are_strings(void **state)
{
    (void)state;
    struct bencode value;
    const char *good[] = {"le", "de", "lli1eee", "d1:ade1:blee", "d1:b0:1:a0:e"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(parse(good[i], &value), STATUS_OK);
    const char *bad[] = {"",       "e",       "l",   "d",           "li1e", "di1ei2ee", "d1:ae",
                         "dlelee", "d1:a1:b", "lee", "d1:a1:b1:ce", "x",    "i1ei2e"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(bad[i], &value), STATUS_MALFORMED);
}

static void a_value_tells_where_it_ends(void **state)
{
    (void)state;
    const char *text = "d8:msg_typei1e5:piecei0eeRAW ee BYTES";
    struct bencode value;
    struct bytes rest;
    int64_t type = 0;
    assert_int_equal(bencode_parse(bytes_of_string(text), &value, &rest), STATUS_OK);
    assert_true(bencode_find_integer(&value, "msg_type", &type));
    assert_int_equal(type, 1);
    assert_true(bytes_equal(rest, bytes_of_string("RAW ee BYTES")));
    assert_int_equal(value.raw.len, strlen(text) - rest.len);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * (BENCODE_DEPTH_MAX + 1)];
    struct bencode value;
    memset(text, 'l', BENCODE_DEPTH_MAX + 1);
    memset(text + BENCODE_DEPTH_MAX + 1, 'e', BENCODE_DEPTH_MAX + 1);
    assert_int_equal(bencode_parse(bytes_of(text, sizeof text), &value, NULL), STATUS_TOO_BIG);
    assert_int_equal(bencode_parse(bytes_of(text + 1, sizeof text - 2), &value, NULL), STATUS_OK);
}

static void find_looks_by_key_and_type(void **state)
{
    (void)state;
    struct bencode dict, out;
    struct bytes string;
    int64_t integer;
    assert_int_equal(parse("d1:zi1e1:a3:one1:a3:two1:ll1:xee", &dict), STATUS_OK);
    assert_true(bencode_find_string(&dict, "a", &string));
    assert_true(bytes_equal(string, bytes_of_string("one")));
    assert_false(bencode_find_integer(&dict, "a", &integer));
    assert_false(bencode_find(&dict, "none", &out));
    assert_false(bencode_find_container(&dict, "l", BENCODE_DICT, &out));
    assert_true(bencode_find_container(&dict, "l", BENCODE_LIST, &out));
    assert_false(bencode_find(&out, "x", &out));
}

static void walking_gives_each_member_once(void **state)
{
    (void)state;
    struct bencode list, value;
    struct bytes key;
    assert_int_equal(parse("li1eli5eei3ee", &list), STATUS_OK);
    struct bencode_cursor cursor = bencode_first(&list);
    assert_true(bencode_next(&cursor, &key, &value));
    assert_int_equal(value.integer, 1);
    assert_int_equal(key.len, 0);
    assert_true(bencode_next(&cursor, NULL, &value));
    assert_int_equal(value.type, BENCODE_LIST);
    assert_true(bytes_equal(value.raw, bytes_of_string("li5ee")));
    assert_true(bencode_next(&cursor, NULL, &value));
    assert_int_equal(value.integer, 3);
    assert_false(bencode_next(&cursor, NULL, &value));
    cursor = bencode_first(&value);
    assert_false(bencode_next(&cursor, NULL, &value));
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    bencode_begin_dict(&out);
    bencode_put_text(&out, "int");
    bencode_put_integer(&out, INT64_MIN);
    bencode_put_text(&out, "list");
    bencode_begin_list(&out);
    bencode_put_string(&out, bytes_of("a\0b", 3));
    bencode_end(&out);
    bencode_end(&out);
    assert_false(out.failed);
    const char wanted[] = "d3:inti-9223372036854775808e4:listl3:a\0bee";
    assert_int_equal(out.len, sizeof wanted - 1);
    assert_memory_equal(out.data, wanted, out.len);
    struct bencode value;
    assert_int_equal(bencode_parse(buffer_bytes(&out), &value, NULL), STATUS_OK);
    buffer_dispose(&out);
}

static void put_random(struct rng *rng, struct buffer *out, unsigned depth)
{
    uint64_t kind = rng_below(rng, depth < 6 ? 4 : 2);
    if (kind == 0)
        bencode_put_integer(out, (int64_t)rng_u64(rng));
    if (kind == 1)
        bencode_put_string(out, bytes_of("i12e:le", rng_below(rng, 8)));
    if (kind < 2)
        return;
    kind == 2 ? bencode_begin_list(out) : bencode_begin_dict(out);
    for (uint64_t n = rng_below(rng, 4); n > 0; n--) {
        if (kind == 3)
            bencode_put_text(out, "key");
        put_random(rng, out, depth + 1);
    }
    bencode_end(out);
}

/* Any proper prefix of a value is malformed, and never read past: the copy ends where it ends. */
static void every_prefix_is_refused(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(7));
    for (int round = 0; round < 200; round++) {
        struct buffer out;
        buffer_init(&out);
        put_random(&rng, &out, 0);
        struct bencode value;
        assert_int_equal(bencode_parse(buffer_bytes(&out), &value, NULL), STATUS_OK);
        for (size_t len = 0; len < out.len; len++) {
            uint8_t *copy = malloc(len == 0 ? 1 : len);
            assert_non_null(copy);
            memcpy(copy, out.data, len);
            assert_int_equal(bencode_parse(bytes_of(copy, len), &value, NULL), STATUS_MALFORMED);
            free(copy);
        }
        buffer_dispose(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_have_one_form),
        cmocka_unit_test(strings_stay_inside_the_data),
        cmocka_unit_test(containers_close_and_keys_are_strings),
        cmocka_unit_test(a_value_tells_where_it_ends),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(find_looks_by_key_and_type),
        cmocka_unit_test(walking_gives_each_member_once),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_prefix_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
