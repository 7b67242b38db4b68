#include "support/unit.h"

#include <string.h>

#include "cli/json.h"

static void check_msgpack(const char *data, size_t len, const char *want)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, data, len, NULL), MSGPACK_UNPACK_SUCCESS);
    json_t *value = json_from_msgpack(&unpacked.data);
    char *text = NULL;
    size_t text_len;
    FILE *out = open_memstream(&text, &text_len);
    json_write_line(out, value);
    fclose(out);
    assert_string_equal(text, want);
    free(text);
    json_decref(value);
    msgpack_unpacked_destroy(&unpacked);
}

#define CHECK(bytes, want) check_msgpack(bytes, sizeof(bytes) - 1, want "\n")

static void integers_stay_integers(void **state)
{
    (void)state;
    CHECK("\x93\x05\xff\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", "[5,-1,9223372036854775807]");
    CHECK("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "1.84467440737096e19");
}

static void decimals_are_short_and_never_not_a_number(void **state)
{
    (void)state;
    CHECK("\xcb\x3f\xf4\xcc\xcc\xcc\xcc\xcc\xcd", "1.3");
    CHECK("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null");
    CHECK("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", "null");
}

static void keys_keep_their_order(void **state)
{
    (void)state;
    CHECK("\x83\xa1z\x01\xa1"
          "a\x02\xa1m\xc0",
          "{\"z\":1,\"a\":2,\"m\":null}");
}

static void bytes_become_hexadecimal(void **state)
{
    (void)state;
    CHECK("\xc4\x03\x00\xab\xff", "\"00abff\"");
    CHECK("\xc4\x00", "\"\"");
}

static void text_that_is_not_utf8_is_made_so(void **state)
{
    (void)state;
    CHECK("\xa3"
          "a\xff"
          "b",
          "\"a?b\"");
    CHECK("\xa3"
          "a\x00"
          "b",
          "\"a?b\"");
    CHECK("\xa2\xc3\xbc", "\"\xc3\xbc\"");
}

static void keys_that_are_no_text_are_left_out(void **state)
{
    (void)state;
    CHECK("\x82\x01\x02\xa1"
          "a\x03",
          "{\"a\":3}");
}

static void values_are_read_by_path_with_a_default(void **state)
{
    (void)state;
    json_t *object = json_loads("{\"a\":{\"b\":{\"c\":5}},\"n\":null,\"t\":\"x\",\"d\":1.5,"
                                "\"y\":true,\"l\":[1],\"h\":\"00ff\"}",
                                0, NULL);
    assert_int_equal(json_whole(object, "a.b.c", -1), 5);
    assert_int_equal(json_whole(object, "a.x.c", -1), -1);
    assert_int_equal(json_whole(object, "n", -1), -1);
    assert_int_equal(json_whole(object, "t", -1), -1);
    assert_int_equal(json_whole(object, "t.u", -1), -1);
    assert_true(json_decimal(object, "d", 0) == 1.5);
    assert_int_equal(json_whole(object, "d", 0), 1);
    assert_string_equal(json_text(object, "t", "?"), "x");
    assert_string_equal(json_text(NULL, "t", "?"), "?");
    assert_true(json_yes(object, "y", false));
    assert_false(json_yes(object, "d", false));
    assert_null(json_list(object, "a"));
    assert_int_equal(json_array_size(json_list(object, "l")), 1);
    struct buffer bytes;
    buffer_init(&bytes);
    assert_true(json_bytes(object, "h", &bytes));
    assert_memory_equal(bytes.data, "\x00\xff", 2);
    assert_false(json_bytes(object, "t", &bytes));
    buffer_dispose(&bytes);
    json_decref(object);
}

static void the_envelope_comes_first_and_adds_nothing_else(void **state)
{
    (void)state;
    json_t *fields = json_loads("{\"v\":9,\"id\":4}", 0, NULL);
    json_t *whole = json_envelope("done", true, fields);
    char *text = json_dumps(whole, JSON_COMPACT);
    assert_string_equal(text, "{\"v\":1,\"event\":\"done\",\"ok\":true,\"id\":4}");
    free(text);
    json_decref(whole);
    whole = json_event("progress", fields);
    text = json_dumps(whole, JSON_COMPACT);
    assert_string_equal(text, "{\"v\":1,\"event\":\"progress\",\"id\":4}");
    free(text);
    json_decref(whole);
    json_decref(fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_stay_integers),
        cmocka_unit_test(decimals_are_short_and_never_not_a_number),
        cmocka_unit_test(keys_keep_their_order),
        cmocka_unit_test(bytes_become_hexadecimal),
        cmocka_unit_test(text_that_is_not_utf8_is_made_so),
        cmocka_unit_test(keys_that_are_no_text_are_left_out),
        cmocka_unit_test(values_are_read_by_path_with_a_default),
        cmocka_unit_test(the_envelope_comes_first_and_adds_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
