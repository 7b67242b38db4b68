/* What stands around the info dictionary of a .torrent. */
#include "support/unit.h"

#include <string.h>

#include "content/metainfo.h"
#include "content/torrent_edit.h"

#define INFO                                                                                       \
    "d6:lengthi5e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaa7:unknownle7:"      \
    "privatei1ee"

static void assert_edited(const char *around, const struct torrent_edit *edit, const char *wanted)
{
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(torrent_edit_apply(bytes_of_string(around), bytes_of_string(INFO), edit, &out),
                     STATUS_OK);
    buffer_add_byte(&out, 0);
    assert_string_equal((const char *)out.data, wanted);
    buffer_dispose(&out);
}

static void what_is_not_edited_stays_as_it_came(void **state)
{
    (void)state;
    static const char around[] = "d8:announce4:udp:13:announce-listll4:udp:4:ws::el5:http:ee"
                                 "7:comment2:hi10:created by2:me13:creation datei7e"
                                 "4:info" INFO "8:url-listl3:abce1:xd1:yi-1eee";
    assert_edited(around, &(struct torrent_edit){.author = "us"}, around);
}

static void trackers_are_added_behind_in_tiers_of_their_own(void **state)
{
    (void)state;
    const char *more[] = {"a", "b", "a"};
    struct torrent_edit edit = {.add = more, .add_count = 3};
    assert_edited("", &edit, "d8:announce1:a13:announce-listll1:ael1:bee4:info" INFO "e");
    edit.add_count = 1;
    assert_edited("", &edit, "d8:announce1:a4:info" INFO "e");
    assert_edited("d8:announce1:ze", &edit,
                  "d8:announce1:z13:announce-listll1:zel1:aee4:info" INFO "e");
    /* one that is there already moves to the end; tiers count, not the address beside them */
    assert_edited("d8:announce1:y13:announce-listll1:a1:zel1:aeee", &edit,
                  "d8:announce1:z13:announce-listll1:zel1:aee4:info" INFO "e");
}

static void trackers_are_taken_out(void **state)
{
    (void)state;
    static const char around[] = "d8:announce1:a13:announce-listll1:a1:bel1:ceee";
    const char *gone[] = {"a", "c"}, *more[] = {"n"};
    struct torrent_edit edit = {.remove = gone, .remove_count = 1};
    assert_edited(around, &edit, "d8:announce1:b13:announce-listll1:bel1:cee4:info" INFO "e");
    edit.remove_count = 2;
    assert_edited(around, &edit, "d8:announce1:b4:info" INFO "e");
    assert_edited(around, &(struct torrent_edit){.remove_all = true}, "d4:info" INFO "e");
    assert_edited(around, &(struct torrent_edit){.remove_all = true, .add = more, .add_count = 1},
                  "d8:announce1:n4:info" INFO "e");
    /* what is no list of lists of addresses goes with the rest */
    assert_edited("d8:announcei1e13:announce-listl1:alee1:xlee", &edit, "d4:info" INFO "1:xlee");
}

static void comment_author_and_peers_are_set(void **state)
{
    (void)state;
    struct endpoint node;
    assert_true(endpoint_parse("192.0.2.1:7", &node));
    struct torrent_edit edit = {.comment = "new", .author = "us", .nodes = &node, .node_count = 1};
    assert_edited("d7:comment3:old13:kadpeer-peersl3:x:1ee", &edit,
                  "d7:comment3:new10:created by2:us4:info" INFO
                  "13:kadpeer-peersl11:192.0.2.1:7ee");
    assert_edited("d7:comment3:old10:created by2:mee", &(struct torrent_edit){.comment = ""},
                  "d10:created by2:me4:info" INFO "e");
}

static void only_a_dictionary_is_edited(void **state)
{
    (void)state;
    static const char *const bad[] = {"le", "i1e", "d1:ae", "xde", "4:info"};
    struct buffer out;
    buffer_init(&out);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(torrent_edit_around(bytes_of_string(bad[i]), &out), STATUS_MALFORMED);
        assert_int_equal(torrent_edit_apply(bytes_of_string(bad[i]), bytes_of_string(INFO),
                                            &(struct torrent_edit){0}, &out),
                         STATUS_MALFORMED);
    }
    assert_int_equal(out.len, 0);
    buffer_dispose(&out);
}

static void of_more_keys_than_it_takes_none_is_dropped(void **state)
{
    (void)state;
    const char *more[] = {"a", "b"};
    struct endpoint node;
    assert_true(endpoint_parse("192.0.2.1:7", &node));
    struct torrent_edit edit = {.add = more,
                                .add_count = 2,
                                .comment = "new",
                                .author = "us",
                                .nodes = &node,
                                .node_count = 1};
    struct buffer in, out;
    buffer_init(&in);
    buffer_init(&out);
    buffer_add_string(&in, "d");
    for (unsigned i = 0; i < TORRENT_KEYS_MAX; i++)
        buffer_add_format(&in, "4:%04ui%ue", i, i);
    size_t all = in.len;
    buffer_add_string(&in, "4:info" INFO "e");
    struct bytes info = bytes_of_string(INFO);
    assert_int_equal(torrent_edit_apply(buffer_bytes(&in), info, &edit, &out), STATUS_OK);
    assert_true(out.len > all && memcmp(out.data, in.data, all) == 0);
    in.len = all;
    buffer_add_string(&in, "4:9999i1ee");
    buffer_clear(&out);
    assert_int_equal(torrent_edit_apply(buffer_bytes(&in), info, &edit, &out), STATUS_TOO_BIG);
    assert_int_equal(out.len, 0);
    buffer_dispose(&in);
    buffer_dispose(&out);
}

static void without_an_info_dictionary_the_surroundings_alone_are_written(void **state)
{
    (void)state;
    const char *more[] = {"b", "a"};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(torrent_edit_apply(bytes_of(NULL, 0), bytes_of(NULL, 0),
                                        &(struct torrent_edit){.add = more, .add_count = 2}, &out),
                     STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&out),
                            bytes_of_string("d8:announce1:b13:announce-listll1:bel1:aeee")));
    buffer_dispose(&out);
}

static void what_is_kept_is_in_order_without_repeats_and_without_info(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(
        torrent_edit_around(bytes_of_string("d1:zi1e4:info" INFO "2:aai2e1:ai3e1:zi4ee"), &out),
        STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&out), bytes_of_string("d1:ai3e2:aai2e1:zi1ee")));
    buffer_dispose(&out);
}

static void what_is_too_long_to_be_kept_is_left_out_key_by_key(void **state)
{
    (void)state;
    struct buffer in, out;
    buffer_init(&in);
    buffer_init(&out);
    buffer_add_string(&in, "d1:ai1e1:b");
    buffer_add_format(&in, "%u:", TORRENT_AROUND_MAX);
    for (unsigned i = 0; i < TORRENT_AROUND_MAX; i++)
        buffer_add_byte(&in, 'x');
    for (char key = 'c'; key <= 'e'; key++) { /* two of these three fit */
        buffer_add_format(&in, "1:%c%u:", key, TORRENT_AROUND_MAX / 5 * 2);
        for (unsigned i = 0; i < TORRENT_AROUND_MAX / 5 * 2; i++)
            buffer_add_byte(&in, 'y');
    }
    buffer_add_string(&in, "1:fi2ee");
    assert_false(in.failed);
    assert_int_equal(torrent_edit_around(buffer_bytes(&in), &out), STATUS_OK);
    assert_in_range(out.len, TORRENT_AROUND_MAX / 5 * 4, TORRENT_AROUND_MAX);
    buffer_add_byte(&out, 0);
    assert_memory_equal(out.data, "d1:ai1e1:c", 10);
    assert_string_equal((const char *)out.data + out.len - 8, "1:fi2ee");
    buffer_clear(&out);
    buffer_clear(&in);
    buffer_add_string(&in, "d");
    for (unsigned i = 0; i < 5000; i++)
        buffer_add_format(&in, "4:%04ui%ue", i, i);
    buffer_add_string(&in, "e");
    assert_int_equal(torrent_edit_around(buffer_bytes(&in), &out), STATUS_OK);
    assert_true(out.len < 5000);
    buffer_dispose(&in);
    buffer_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_edited_stays_as_it_came),
        cmocka_unit_test(trackers_are_added_behind_in_tiers_of_their_own),
        cmocka_unit_test(trackers_are_taken_out),
        cmocka_unit_test(comment_author_and_peers_are_set),
        cmocka_unit_test(only_a_dictionary_is_edited),
        cmocka_unit_test(of_more_keys_than_it_takes_none_is_dropped),
        cmocka_unit_test(without_an_info_dictionary_the_surroundings_alone_are_written),
        cmocka_unit_test(what_is_kept_is_in_order_without_repeats_and_without_info),
        cmocka_unit_test(what_is_too_long_to_be_kept_is_left_out_key_by_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
