#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "content/magnet.h"
#include "content/params.h"

#define HEX    "5f0c00112233445566778899aabbccddeeff9e21"
#define BASE32 "L4GAAEJCGNCFKZTXRCM2VO6M3XXP7HRB"

static struct magnet parsed(const char *text)
{
    struct magnet magnet;
    char error[MAGNET_ERROR_SIZE] = "";
    if (magnet_parse(text, &magnet, error) != STATUS_OK)
        fail_msg("%s: %s", text, error);
    char hex[ID_HEX_SIZE];
    id_to_hex(&magnet.infohash, hex);
    assert_string_equal(hex, HEX);
    return magnet;
}

static void assert_refused(const char *text, const char *wanted)
{
    struct magnet magnet;
    char error[MAGNET_ERROR_SIZE] = "";
    assert_int_equal(magnet_parse(text, &magnet, error), STATUS_MALFORMED);
    assert_string_equal(error, wanted);
}

static void a_whole_link_is_read(void **state)
{
    (void)state;
    struct magnet m = parsed("magnet:?xt=urn:btih:" HEX "&dn=notes.pdf&xl=1992294"
                             "&x.pe=192.0.2.10:61881&x.pe=[2001:db8::1]:80&x.pe=host.example:1");
    assert_string_equal(m.name, "notes.pdf");
    assert_int_equal(m.length, 1992294);
    assert_int_equal(m.peer_count, 3);
    assert_string_equal(m.peers[0].host, "192.0.2.10");
    assert_int_equal(m.peers[0].port, 61881);
    assert_string_equal(m.peers[1].host, "2001:db8::1");
    assert_int_equal(m.peers[1].port, 80);
    assert_string_equal(m.peers[2].host, "host.example");
    assert_false(m.bare);
}

static void spellings_differ_and_mean_the_same(void **state)
{
    (void)state;
    parsed("MAGNET:?xt=URN:BTIH:" HEX);
    parsed("magnet:?xt=urn:btih:5F0C00112233445566778899AABBCCDDEEFF9E21");
    parsed("magnet:?xt=urn:btih:" BASE32);
    parsed("magnet:?xt=urn:btih:l4gaaejcgncfkztxrcm2vo6m3xxp7hrb");
    parsed("magnet:?xt=urn%3Abtih%3a" HEX);
    parsed("magnet:?dn=x&xt=urn:btmh:1220aa&xt.1=urn:btih:" HEX);
    parsed(" magnet:?xt=urn:btih:" HEX "\n");
    parsed("magnet:?&&xt=urn:btih:" HEX "&&tr=http%3A%2F%2Fx&novalue&=&x=");
    parsed(HEX);
    parsed(BASE32);
    struct magnet m = parsed("magnet:?xt=urn:btih:" HEX "&amp;dn=a+b%20c%26d%zz%");
    assert_string_equal(m.name, "a b c&d%zz%");
}

static void of_repeated_keys_the_first_counts(void **state)
{
    (void)state;
    struct magnet m = parsed("magnet:?xt=urn:btih:" HEX "&dn=one&dn=two"
                             "&xt=urn:btih:0000000000000000000000000000000000000000");
    assert_string_equal(m.name, "one");
}

static void a_link_cut_at_the_ampersand_is_bare(void **state)
{
    (void)state;
    assert_true(parsed("magnet:?xt=urn:btih:" HEX).bare);
    assert_false(parsed("magnet:?xt=urn:btih:" HEX "&tr=x").bare);
    assert_false(parsed(HEX).bare);
}

static void malformed_peers_are_passed_over(void **state)
{
    (void)state;
    struct magnet m = parsed("magnet:?xt=urn:btih:" HEX
                             "&x.pe=nohost&x.pe=:80&x.pe=a:0&x.pe=a:65536&x.pe=a:b&x.pe=[::1]80"
                             "&x.pe=[::1:80&x.pe=2001:db8::1:80&x.pe=[abcd]:80&x.pe=a%20b:80"
                             "&x.pe=a%00b:1a&x.pe=[]:80&x.pe=&x.pe=a:+8&x.pe=ok:65535");
    assert_int_equal(m.peer_count, 1);
    assert_string_equal(m.peers[0].host, "ok");
    char many[4000] = "magnet:?xt=urn:btih:" HEX;
    for (int i = 0; i < 40; i++)
        strcat(many, "&x.pe=192.0.2.1:1");
    assert_int_equal(parsed(many).peer_count, MAGNET_PEERS_MAX);
}

static void long_and_odd_values_are_bounded(void **state)
{
    (void)state;
    static char text[8000] = "magnet:?xt=urn:btih:" HEX "&dn=";
    memset(text + strlen(text), 'n', 5000);
    assert_int_equal(strlen(parsed(text).name), MAGNET_NAME_MAX);
    assert_int_equal(parsed("magnet:?xt=urn:btih:" HEX "&xl=-1").length, 0);
    assert_int_equal(parsed("magnet:?xt=urn:btih:" HEX "&xl=99999999999999999999").length, 0);
    assert_string_equal(parsed("magnet:?xt=urn:btih:" HEX "&dn=a%00b").name, "ab");
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_refused("5f0c12", "a hash has 40 hexadecimal digits (or 32 of base32), this has 6");
    assert_refused("magnet:?xt=urn:btih:5f0c12",
                   "a hash has 40 hexadecimal digits (or 32 of base32), this has 6");
    assert_refused("magnet:?xt=urn:btih:" HEX "0",
                   "a hash has 40 hexadecimal digits (or 32 of base32), this has 41");
    assert_refused("magnet:?xt=urn:btih:zz0c00112233445566778899aabbccddeeff9e21",
                   "a hash has 40 hexadecimal digits (or 32 of base32), this has other characters");
    assert_refused("magnet:?xt=urn:btih:1111111111111111111111111111111",
                   "a hash has 40 hexadecimal digits (or 32 of base32), this has 31");
    assert_refused("magnet:?dn=x", "the link has no xt=urn:btih: with the hash of its content");
    assert_refused("magnet:xt=urn:btih:" HEX, "a magnet link begins with magnet:?xt=urn:btih:");
    assert_refused("https://example.org/x.torrent",
                   "web addresses are not fetched, only magnet links and .torrent files");
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    const char *text = "magnet:?xt=urn:btih:" HEX "&dn=a%20%26%2Bb%C3%BC%25.pdf&xl=7"
                       "&x.pe=192.0.2.10:61881&x.pe=[2001:db8::1]:80";
    struct magnet m = parsed(text);
    assert_string_equal(m.name, "a &+b\u00fc%.pdf");
    struct buffer out;
    buffer_init(&out);
    magnet_format(&m, &out);
    assert_true(bytes_equal(buffer_bytes(&out), bytes_of_string(text)));
    buffer_dispose(&out);
}

static void trackers_are_written_for_others(void **state)
{
    (void)state;
    struct magnet m = parsed("magnet:?xt=urn:btih:" HEX "&tr=udp%3A%2F%2Fx%3A1");
    assert_int_equal(m.tracker_count, 0); /* nobody asks them here; see magnet_trackers */
    assert_true(m.names_trackers && !parsed("magnet:?xt=urn:btih:" HEX "&dn=tr").names_trackers);
    char *trackers[] = {(char[]){"http://192.0.2.1/announce?a=1&b=2"}, (char[]){"udp://x:1"}};
    m.trackers = trackers;
    m.tracker_count = 2;
    struct buffer out;
    buffer_init(&out);
    magnet_format(&m, &out);
    assert_true(bytes_equal(
        buffer_bytes(&out),
        bytes_of_string(
            "magnet:?xt=urn:btih:" HEX
            "&tr=http%3A%2F%2F192.0.2.1%2Fannounce%3Fa%3D1%26b%3D2&tr=udp%3A%2F%2Fx%3A1")));
    buffer_dispose(&out);
}

static void trackers_of_a_link_are_kept_for_others(void **state)
{
    (void)state;
    char *trackers[3];
    size_t count;
    struct buffer link;
    buffer_init(&link);
    buffer_add_string(&link, "magnet:?tr=http%3A%2F%2Fx%2Fa%3Fb%3D1&xt=urn:btih:" HEX "&tr=&tr=");
    for (unsigned i = 0; i < TORRENT_TEXT_MAX + 1; i++)
        buffer_add_byte(&link, 'x');
    buffer_add_string(&link, "&tr.1=udp://y:1&trx=z&tr=ws://z&tr=one+too+many");
    buffer_add_byte(&link, 0);
    assert_int_equal(magnet_trackers((const char *)link.data, trackers, 3, &count), STATUS_OK);
    assert_int_equal(count, 3);
    assert_string_equal(trackers[0], "http://x/a?b=1");
    assert_string_equal(trackers[1], "udp://y:1");
    assert_string_equal(trackers[2], "ws://z");
    while (count > 0)
        free(trackers[--count]);
    assert_int_equal(magnet_trackers(HEX, trackers, 3, &count), STATUS_OK);
    assert_int_equal(count, 0);
    buffer_dispose(&link);
}

static void arguments_of_get_are_told_apart(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool is_file;
        enum link_type type;
    } cases[] = {
        {"magnet:?xt=urn:btih:" HEX, false, LINK_MAGNET},
        {"Magnet:?xt=urn:btih:" HEX, false, LINK_MAGNET},
        {BASE32, false, LINK_MAGNET},
        {"magnet:?xt=urn:btih:12", false, LINK_BAD},
        {"http://example.org/a.torrent", false, LINK_BAD},
        {HEX, false, LINK_HASH},
        {"1234567890123456789012345678901234567890", false, LINK_HASH},
        {HEX "00", false, LINK_BAD},
        {"7", false, LINK_ID},
        {"0000", false, LINK_ID},
        {"1234567890123456789", false, LINK_PREFIX},
        {"5f0c12", false, LINK_PREFIX},
        {"beef", false, LINK_NAME},
        {"notes.pdf", false, LINK_NAME},
        {"", false, LINK_NAME},
        {"x.torrent", false, LINK_TORRENT},
        {"X.TORRENT", false, LINK_TORRENT},
        {"5f0c12", true, LINK_TORRENT},
        {"7", true, LINK_TORRENT},
    };
    const char *rest;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(link_classify(cases[i].text, cases[i].is_file, &rest), cases[i].type);
        assert_ptr_equal(rest, cases[i].text);
    }
    assert_int_equal(link_classify("name:7", true, &rest), LINK_NAME);
    assert_string_equal(rest, "7");
    assert_int_equal(link_classify("name:" HEX, false, &rest), LINK_NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_link_is_read),
        cmocka_unit_test(spellings_differ_and_mean_the_same),
        cmocka_unit_test(of_repeated_keys_the_first_counts),
        cmocka_unit_test(a_link_cut_at_the_ampersand_is_bare),
        cmocka_unit_test(malformed_peers_are_passed_over),
        cmocka_unit_test(long_and_odd_values_are_bounded),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(trackers_are_written_for_others),
        cmocka_unit_test(trackers_of_a_link_are_kept_for_others),
        cmocka_unit_test(arguments_of_get_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
