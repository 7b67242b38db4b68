#include "daemon/pack.h"

#include <math.h>
#include <string.h>

#include <msgpack.h>

#include "support/unit.h"

/* What msgpack-c makes of a finished pack. */
struct read {
    msgpack_unpacked unpacked;
};

static struct read read_pack(const struct pack *pack)
{
    struct read read;
    size_t at = 0;
    assert_int_equal(pack->depth, 0);
    assert_false(pack->out.failed);
    msgpack_unpacked_init(&read.unpacked);
    assert_int_equal(
        msgpack_unpack_next(&read.unpacked, (const char *)pack->out.data, pack->out.len, &at),
        MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(at, pack->out.len);
    return read;
}

static const msgpack_object *field(const msgpack_object *map, const char *key)
{
    assert_int_equal(map->type, MSGPACK_OBJECT_MAP);
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_str *name = &map->via.map.ptr[i].key.via.str;
        if (name->size == strlen(key) && memcmp(name->ptr, key, name->size) == 0)
            return &map->via.map.ptr[i].val;
    }
    fail_msg("no field %s", key);
    return NULL;
}

static void assert_text(const msgpack_object *object, const char *text)
{
    assert_int_equal(object->type, MSGPACK_OBJECT_STR);
    assert_int_equal(object->via.str.size, strlen(text));
    assert_memory_equal(object->via.str.ptr, text, strlen(text));
}

static void fields_need_not_be_counted_first(void **state)
{
    (void)state;
    struct pack pack;
    pack_init(&pack);
    pack_begin_map(&pack, NULL);
    pack_u64(&pack, "big", UINT64_MAX);
    pack_begin_array(&pack, "list");
    for (unsigned i = 0; i < 70000; i++)
        pack_u64(&pack, NULL, i);
    pack_end(&pack);
    pack_begin_map(&pack, "empty");
    pack_end(&pack);
    pack_i64(&pack, "less", -5);
    pack_end(&pack);
    struct read read = read_pack(&pack);
    const msgpack_object *map = &read.unpacked.data;
    assert_int_equal(map->via.map.size, 4);
    assert_true(field(map, "big")->via.u64 == UINT64_MAX);
    assert_int_equal(field(map, "list")->via.array.size, 70000);
    assert_int_equal(field(map, "list")->via.array.ptr[69999].via.u64, 69999);
    assert_int_equal(field(map, "empty")->via.map.size, 0);
    assert_int_equal(field(map, "less")->via.i64, -5);
    msgpack_unpacked_destroy(&read.unpacked);
    pack_dispose(&pack);
}

static void unknown_values_are_nil(void **state)
{
    (void)state;
    struct pack pack;
    struct endpoint none = {.family = ENDPOINT_NONE};
    pack_init(&pack);
    pack_begin_array(&pack, NULL);
    pack_nil(&pack, NULL);
    pack_text(&pack, NULL, NULL);
    pack_double(&pack, NULL, NAN);
    pack_double(&pack, NULL, INFINITY);
    pack_time(&pack, NULL, 0);
    pack_endpoint(&pack, NULL, &none);
    pack_end(&pack);
    struct read read = read_pack(&pack);
    assert_int_equal(read.unpacked.data.via.array.size, 6);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(read.unpacked.data.via.array.ptr[i].type, MSGPACK_OBJECT_NIL);
    msgpack_unpacked_destroy(&read.unpacked);
    pack_dispose(&pack);
}

static void ids_times_and_addresses_are_texts(void **state)
{
    (void)state;
    struct pack pack;
    struct id id = {.bytes = {0xab, 0x01}};
    struct endpoint endpoint;
    assert_true(endpoint_parse("[2001:db8::1]:80", &endpoint));
    pack_init(&pack);
    pack_begin_map(&pack, NULL);
    pack_id(&pack, "id", &id);
    pack_time(&pack, "time", 1767607331);
    pack_endpoint(&pack, "address", &endpoint);
    pack_format(&pack, "text", "%d of %d", 3, 4);
    pack_bool(&pack, "yes", true);
    pack_bin(&pack, "bytes", "\0\1", 2);
    pack_end(&pack);
    struct read read = read_pack(&pack);
    const msgpack_object *map = &read.unpacked.data;
    assert_text(field(map, "id"), "ab01000000000000000000000000000000000000");
    assert_text(field(map, "time"), "2026-01-05T10:02:11Z");
    assert_text(field(map, "address"), "[2001:db8::1]:80");
    assert_text(field(map, "text"), "3 of 4");
    assert_true(field(map, "yes")->via.boolean);
    assert_int_equal(field(map, "bytes")->type, MSGPACK_OBJECT_BIN);
    msgpack_unpacked_destroy(&read.unpacked);
    pack_dispose(&pack);
}

static void a_text_of_strange_bytes_becomes_utf8(void **state)
{
    (void)state;
    struct pack pack;
    pack_init(&pack);
    pack_begin_map(&pack, NULL);
    pack_text(&pack, "good", "h\xc3\xa9 \xf0\x9f\x90\x99");
    pack_text(&pack, "bad",
              "\xff"
              "a\xc3"
              "b\xe2\x82"
              "\xc3\xa9\x80");
    pack_end(&pack);
    struct read read = read_pack(&pack);
    assert_text(field(&read.unpacked.data, "good"), "h\xc3\xa9 \xf0\x9f\x90\x99");
    assert_text(field(&read.unpacked.data, "bad"), "?a?b??\xc3\xa9?");
    msgpack_unpacked_destroy(&read.unpacked);
    pack_dispose(&pack);
}

static void fields_of_one_map_go_into_another(void **state)
{
    (void)state;
    struct pack from, into;
    pack_init(&from);
    pack_begin_map(&from, NULL);
    pack_text(&from, "what", "ready");
    pack_u64(&from, "port", 7);
    pack_end(&from);
    pack_init(&into);
    pack_begin_map(&into, NULL);
    pack_u64(&into, "msgid", 1);
    pack_fields(&into, buffer_bytes(&from.out));
    pack_end(&into);
    struct read read = read_pack(&into);
    assert_int_equal(read.unpacked.data.via.map.size, 3);
    assert_text(field(&read.unpacked.data, "what"), "ready");
    assert_int_equal(field(&read.unpacked.data, "port")->via.u64, 7);
    msgpack_unpacked_destroy(&read.unpacked);
    pack_dispose(&from);
    pack_dispose(&into);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_need_not_be_counted_first),
        cmocka_unit_test(unknown_values_are_nil),
        cmocka_unit_test(ids_times_and_addresses_are_texts),
        cmocka_unit_test(a_text_of_strange_bytes_becomes_utf8),
        cmocka_unit_test(fields_of_one_map_go_into_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
