#include "support/unit.h"

#include "kadpeer/msgpack_reader.h"
#include "kadpeer/msgpack_writer.h"

/* As a number, str, bin, array or map, whichever it is. */
static bool reads(struct msgpack_reader reader)
{
    uint64_t number;
    uint32_t count;
    struct bytes run;
    return msgpack_read_uint(&reader, UINT64_MAX, &number) || msgpack_read_str(&reader, &run) ||
           msgpack_read_bin(&reader, &run) || msgpack_read_array(&reader, &count) ||
           msgpack_read_map(&reader, &count);
}

static void what_is_written_is_in_its_shortest_form(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, 31, 32, 127, 128, 255, 256, 65535, 65536};
    static uint8_t room[65536 + 5];
    static const char text[65536];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int type = 0; type < 5; type++) {
            struct msgpack_writer writer;
            struct bytes run = bytes_of(text, sizes[i]);
            msgpack_writer_init(&writer, room, sizeof room);
            if (type == 0)
                msgpack_write_uint(&writer, sizes[i] * sizes[i]);
            else if (type == 1)
                msgpack_write_str(&writer, run);
            else if (type == 2)
                msgpack_write_bin(&writer, run);
            else if (type == 3)
                msgpack_write_array(&writer, sizes[i]);
            else
                msgpack_write_map(&writer, sizes[i]);
            assert_false(writer.failed);
            assert_true(reads(msgpack_reader_shortest(bytes_of(room, writer.len))));
        }
}

static void longer_forms_are_refused_where_the_shortest_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        uint8_t data[9];
        size_t len;
    } longer[] = {
        {{0xcc, 0x7f}, 2}, /* numbers */
        {{0xcd, 0, 0xff}, 3},
        {{0xce, 0, 0, 0xff, 0xff}, 5},
        {{0xcf, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 9},
        {{0xd9, 1, 'a'}, 3}, /* strings */
        {{0xda, 0, 1, 'a'}, 4},
        {{0xdb, 0, 0, 0, 1, 'a'}, 6},
        {{0xc5, 0, 1, 'a'}, 4}, /* bytes */
        {{0xc6, 0, 0, 0, 1, 'a'}, 6},
        {{0xdc, 0, 15}, 3}, /* arrays and maps */
        {{0xdd, 0, 0, 0xff, 0xff}, 5},
        {{0xde, 0, 15}, 3},
        {{0xdf, 0, 0, 0xff, 0xff}, 5},
    };
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) {
        struct bytes data = bytes_of(longer[i].data, longer[i].len);
        assert_true(reads(msgpack_reader(data)));
        assert_false(reads(msgpack_reader_shortest(data)));
    }
}

static void depth_items_and_lengths_are_bounded(void **state)
{
    (void)state;
    uint8_t deep[10];
    memset(deep, 0x91, sizeof deep);
    deep[8] = 0xc0;
    assert_true(msgpack_bounded(bytes_of(deep, 9)));
    deep[8] = 0x91;
    deep[9] = 0xc0;
    assert_false(msgpack_bounded(bytes_of(deep, 10)));

    uint8_t wide[3 + MSGPACK_ITEMS_MAX] = {0xdc, (MSGPACK_ITEMS_MAX - 1) >> 8,
                                           (MSGPACK_ITEMS_MAX - 1) & 0xff};
    assert_true(msgpack_bounded(bytes_of(wide, 3 + MSGPACK_ITEMS_MAX - 1)));
    write_u16(wide + 1, MSGPACK_ITEMS_MAX);
    assert_false(msgpack_bounded(bytes_of(wide, 3 + MSGPACK_ITEMS_MAX)));

    static const uint8_t huge_array[] = {0xdd, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t huge_map[] = {0xdf, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t huge_bin[] = {0xc6, 0xff, 0xff, 0xff, 0xff, 0};
    static const uint8_t unused[] = {0xc1};
    assert_false(msgpack_bounded(bytes_of(huge_array, sizeof huge_array)));
    assert_false(msgpack_bounded(bytes_of(huge_map, sizeof huge_map)));
    assert_false(msgpack_bounded(bytes_of(huge_bin, sizeof huge_bin)));
    assert_false(msgpack_bounded(bytes_of(unused, sizeof unused)));
    assert_false(msgpack_bounded((struct bytes){0}));
}

static void every_form_of_messagepack_is_skipped(void **state)
{
    (void)state;
    static const uint8_t forms[][24] = {
        {3, 0xc7, 0x00, 0x05},
        {5, 0xc7, 0x02, 0x05, 1, 2},
        {5, 0xc8, 0, 1, 5, 1},
        {7, 0xc9, 0, 0, 0, 1, 5, 1},
        {5, 0xca, 1, 2, 3, 4},
        {9, 0xcb, 1},
        {2, 0xd0, 0xff},
        {3, 0xd1, 0xff},
        {5, 0xd2, 0xff},
        {9, 0xd3, 0xff},
        {3, 0xd4, 5, 1},
        {4, 0xd5, 5, 1},
        {6, 0xd6, 5, 1},
        {10, 0xd7, 5},
        {18, 0xd8, 5},
        {3, 0xd9, 1, 'x'},
        {4, 0xda, 0, 1, 'x'},
        {6, 0xdb, 0, 0, 0, 1, 'x'},
        {1, 0xe0},
        {1, 0xc0},
        {1, 0xc2},
        {4, 0xde, 0, 0, 0xff},
        {2, 0xcc, 9},
        {5, 0xce, 9},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t len = forms[i][0] - (forms[i][1] == 0xde); /* the last byte of that is not its own */
        struct msgpack_reader reader = msgpack_reader(bytes_of(forms[i] + 1, len));
        assert_true(msgpack_skip(&reader));
        assert_true(msgpack_at_end(&reader));
        assert_false(msgpack_bounded(bytes_of(forms[i] + 1, len - 1)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_items_and_lengths_are_bounded),
        cmocka_unit_test(what_is_written_is_in_its_shortest_form),
        cmocka_unit_test(longer_forms_are_refused_where_the_shortest_is_asked_for),
        cmocka_unit_test(every_form_of_messagepack_is_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
