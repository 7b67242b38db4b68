#include "daemon/link.h"

#include "content/magnet.h"
#include "daemon/item_options.h"
#include "support/unit.h"

static const struct id hash = {{0x5f, 0x0c}};

static void nothing_known_but_the_hash(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    link_format(&hash, NULL, 0, NULL, 0, &out);
    assert_string_equal((const char *)out.data,
                        "magnet:?xt=urn:btih:5f0c000000000000000000000000000000000000");
    buffer_dispose(&out);
}

static void name_size_and_addresses_come_back_by_parsing(void **state)
{
    (void)state;
    struct endpoint endpoints[2];
    struct buffer out;
    struct magnet magnet;
    char error[MAGNET_ERROR_SIZE];
    assert_true(endpoint_parse("192.0.2.10:61881", &endpoints[0]));
    assert_true(endpoint_parse("[2001:db8::7]:6001", &endpoints[1]));
    buffer_init(&out);
    link_format(&hash, "a & b=\xc3\xbc.pdf", 1992294, endpoints, 2, &out);
    assert_int_equal(magnet_parse((const char *)out.data, &magnet, error), STATUS_OK);
    assert_true(id_equal(&magnet.infohash, &hash));
    assert_string_equal(magnet.name, "a & b=\xc3\xbc.pdf");
    assert_int_equal(magnet.length, 1992294);
    assert_int_equal(magnet.peer_count, 2);
    assert_string_equal(magnet.peers[0].host, "192.0.2.10");
    assert_int_equal(magnet.peers[0].port, 61881);
    assert_string_equal(magnet.peers[1].host, "2001:db8::7");
    assert_int_equal(magnet.peers[1].port, 6001);
    buffer_dispose(&out);
}

/* ---- the options of a transfer, as the catalog keeps them ---- */

static void options_come_back_from_their_text(void **state)
{
    (void)state;
    struct item_options options = {.sequential = true, .prepared = true}, read;
    uint32_t files[] = {7, 3, 7, 100000};
    struct buffer text;
    buffer_init(&text);
    assert_true(item_options_select(&options, files, 4));
    item_options_format(&options, &text);
    assert_string_equal((const char *)text.data, "sequential prepared select=3,7,100000");
    item_options_parse(&read, (const char *)text.data);
    assert_true(read.sequential && read.prepared && !read.quiet && !read.sha1_too);
    assert_int_equal(read.selected_count, 3);
    assert_int_equal(read.selected[2], 100000);
    item_options_dispose(&options);
    item_options_dispose(&read);
    buffer_dispose(&text);
}

static void words_of_a_later_version_are_passed_over(void **state)
{
    (void)state;
    struct item_options options;
    item_options_parse(&options, "quietly  quiet limit=5 select=");
    assert_true(options.quiet);
    assert_false(options.sequential);
    assert_int_equal(options.selected_count, 0);
    item_options_dispose(&options);
    item_options_parse(&options, NULL);
    assert_false(options.quiet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_known_but_the_hash),
        cmocka_unit_test(name_size_and_addresses_come_back_by_parsing),
        cmocka_unit_test(options_come_back_from_their_text),
        cmocka_unit_test(words_of_a_later_version_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
