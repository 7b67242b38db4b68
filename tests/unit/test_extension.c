#include "support/unit.h"

#include <string.h>

#include "content/metainfo.h"
#include "swarm/allowed_fast.h"
#include "swarm/extension.h"
#include "swarm/params.h"
#include "swarm/pex.h"

static enum status read_text(const char *text, struct extension_peer *peer)
{
    return extension_read_handshake(bytes_of_string(text), peer);
}

/* ---- handshake ---- */

static void our_handshake_is_sorted_bencode(void **state)
{
    (void)state;
    struct extension_offer offer = {.pex = true,
                                    .metadata_size = 31235,
                                    .port = 6881,
                                    .requests = 512,
                                    .client = "kadpeer/0.1.0",
                                    .remote = {.addr = {1, 2, 3, 4}, .port = 9, .family = 4}};
    struct buffer out;
    buffer_init(&out);
    extension_write_handshake(&offer, &out);
    const char *expected = "d1:md11:lt_donthavei3e11:ut_metadatai1e6:ut_pexi2ee"
                           "13:metadata_sizei31235e1:pi6881e4:reqqi512e"
                           "1:v13:kadpeer/0.1.06:yourip4:\1\2\3\4e";
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data, expected, out.len);
    buffer_dispose(&out);
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    struct extension_offer offer = {.requests = 512, .client = "k"};
    struct buffer out;
    buffer_init(&out);
    extension_write_handshake(&offer, &out);
    const char *expected = "d1:md11:lt_donthavei3e11:ut_metadatai1e6:ut_pexi0ee4:reqqi512e1:v1:ke";
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data, expected, out.len);
    buffer_dispose(&out);
}

/* The openings of real clients (interop-notes section 3). */
static void real_clients_are_understood(void **state)
{
    (void)state;
    struct extension_peer aria = {0}, lt = {0};
    assert_int_equal(read_text("d1:md11:ut_metadatai9e6:ut_pexi8ee13:metadata_sizei500e"
                               "1:pi6999e1:v12:aria2/1.36.0e",
                               &aria),
                     STATUS_OK);
    assert_int_equal(aria.metadata_id, 9);
    assert_int_equal(aria.pex_id, 8);
    assert_int_equal(aria.metadata_size, 500);
    assert_int_equal(aria.port, 6999);
    assert_int_equal(aria.requests, 0);
    assert_string_equal(aria.client, "aria2/1.36.0");
    assert_int_equal(read_text("d12:complete_agoi-1e1:md11:lt_donthavei7e10:share_modei8e"
                               "11:upload_onlyi3e12:ut_holepunchi4e11:ut_metadatai2e6:ut_pexi1ee"
                               "13:metadata_sizei9e4:reqqi2000e11:upload_onlyi1e"
                               "1:v18:libtorrent/2.0.8.06:yourip4:\x7f\1\1\1e",
                               &lt),
                     STATUS_OK);
    assert_int_equal(lt.dont_have_id, 7);
    assert_int_equal(lt.requests, 2000);
}

static void a_later_handshake_changes_only_what_it_names(void **state)
{
    (void)state;
    struct extension_peer peer = {0};
    read_text("d1:md11:ut_metadatai3e6:ut_pexi1ee4:reqqi100e1:v1:xe", &peer);
    read_text("d1:md6:ut_pexi0ee13:metadata_sizei77ee", &peer);
    assert_int_equal(peer.metadata_id, 3);
    assert_int_equal(peer.pex_id, 0);
    assert_int_equal(peer.requests, 100);
    assert_int_equal(peer.metadata_size, 77);
    assert_string_equal(peer.client, "x");
}

static void absurd_values_are_ignored(void **state)
{
    (void)state;
    struct extension_peer peer = {0};
    assert_int_equal(read_text("d1:md11:ut_metadatai300e6:ut_pexi-1ee13:metadata_sizei99999999999e"
                               "1:pi70000e4:reqqi-5e1:v3:a\x1b\xff"
                               "e",
                               &peer),
                     STATUS_REFUSED);
    assert_int_equal(peer.metadata_id, 0);
    assert_int_equal(peer.pex_id, 0);
    assert_int_equal(peer.metadata_size, 0);
    assert_int_equal(peer.port, 0);
    assert_int_equal(peer.requests, 0);
    assert_string_equal(peer.client, "a??");
    assert_int_equal(read_text("d1:m", &peer), STATUS_MALFORMED);
    assert_int_equal(read_text("le", &peer), STATUS_MALFORMED);
    assert_int_equal(read_text("", &peer), STATUS_MALFORMED);
}

/* ---- metadata messages ---- */

static void metadata_messages_are_those_of_the_specification(void **state)
{
    (void)state;
    struct metadata_message message;
    const char *text = "d8:msg_typei1e5:piecei2e10:total_sizei34256eexxee";
    assert_int_equal(extension_read_metadata(bytes_of_string(text), &message), STATUS_OK);
    assert_int_equal(message.type, METADATA_DATA);
    assert_int_equal(message.part, 2);
    assert_int_equal(message.total_size, 34256);
    assert_true(bytes_equal(message.data, bytes_of_string("xxee")));
    struct buffer out;
    buffer_init(&out);
    extension_write_metadata(&(struct metadata_message){.type = METADATA_REQUEST, .part = 0}, &out);
    assert_true(bytes_equal(buffer_bytes(&out), bytes_of_string("d8:msg_typei0e5:piecei0ee")));
    buffer_dispose(&out);
}

static void bad_metadata_messages_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "d",
                                      "d8:msg_typei0ee",
                                      "d5:piecei0ee",
                                      "d8:msg_typei0e5:piecei-1ee",
                                      "d8:msg_typei0e5:piecei99999ee",
                                      "d8:msg_typei1e5:piecei0e10:total_sizei-1ee",
                                      "d8:msg_type1:05:piecei0ee"};
    struct metadata_message message;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(extension_read_metadata(bytes_of_string(bad[i]), &message),
                         STATUS_MALFORMED);
}

/* ---- exchange ---- */

static struct pex_contact contact(unsigned i, uint8_t flags)
{
    return (struct pex_contact){.endpoint = {.addr = {203, 0, (uint8_t)(i >> 8), (uint8_t)i},
                                             .port = 6881,
                                             .family = ENDPOINT_IPV4},
                                .flags = flags};
}

static size_t tell(struct pex_memory *memory, const struct pex_contact contacts[], size_t count,
                   struct buffer *out, struct pex_contact read[], size_t cap)
{
    size_t got = 0, refused;
    buffer_clear(out);
    if (pex_write(memory, contacts, count, out))
        assert_int_equal(pex_read(buffer_bytes(out), read, cap, &got, &refused), STATUS_OK);
    return got;
}

static void only_changes_are_told(void **state)
{
    (void)state;
    struct pex_memory memory = {0};
    struct buffer out;
    struct pex_contact read[300], now[3] = {contact(1, PEX_SEED), contact(2, 0), contact(3, 0)};
    struct endpoint six = {.addr = {0x20, 1, [15] = 9}, .port = 5, .family = ENDPOINT_IPV6};
    now[2].endpoint = six;
    buffer_init(&out);
    assert_int_equal(tell(&memory, now, 2, &out, read, 300), 2);
    assert_int_equal(read[0].flags, PEX_SEED);
    assert_int_equal(tell(&memory, now, 2, &out, read, 300), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(tell(&memory, now, 3, &out, read, 300), 1);
    assert_true(endpoint_equal(&read[0].endpoint, &six));
    assert_int_equal(tell(&memory, now + 1, 2, &out, read, 300), 0);
    const char dropped[] = "d7:dropped6:\xcb\0\0\1\x1a\xe1"
                           "e";
    assert_true(bytes_equal(buffer_bytes(&out), bytes_of(dropped, sizeof dropped - 1)));
    pex_memory_dispose(&memory);
    buffer_dispose(&out);
}

static void a_message_holds_fifty_at_most_but_the_first(void **state)
{
    (void)state;
    struct pex_memory memory = {0};
    struct buffer out;
    struct pex_contact read[300], now[300];
    for (unsigned i = 0; i < 300; i++)
        now[i] = contact(i + 1, 0);
    buffer_init(&out);
    assert_int_equal(tell(&memory, now, 300, &out, read, 300), 200);
    assert_int_equal(tell(&memory, now, 300, &out, read, 300), 50);
    assert_int_equal(tell(&memory, now, 300, &out, read, 300), 50);
    assert_int_equal(tell(&memory, now, 300, &out, read, 300), 0);
    pex_memory_dispose(&memory);
    buffer_dispose(&out);
}

static void addresses_of_no_use_are_left_out(void **state)
{
    (void)state;
    struct pex_contact read[10];
    size_t count, refused;
    /* port 0, twice one public address, multicast, twice loopback with two ports */
    const char text[] = "d5:added36:\1\2\3\4\0\0"
                        "\5\6\7\10\0\1"
                        "\5\6\7\10\0\2"
                        "\xe0\0\0\1\0\1"
                        "\x7f\0\0\1\0\1"
                        "\x7f\0\0\1\0\2"
                        "7:added.f1:\2"
                        "e";
    assert_int_equal(pex_read(bytes_of(text, sizeof text - 1), read, 10, &count, &refused),
                     STATUS_OK);
    assert_int_equal(count, 3);
    assert_int_equal(refused, 3);
    assert_int_equal(read[0].endpoint.port, 1);
    assert_int_equal(pex_read(bytes_of(text, sizeof text - 1), read, 2, &count, &refused),
                     STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(pex_read(bytes_of("i1e", 3), read, 10, &count, &refused), STATUS_MALFORMED);
    assert_int_equal(pex_read(bytes_of("d5:added3:abce", 14), read, 10, &count, &refused),
                     STATUS_OK);
    assert_int_equal(count, 0);
}

/* ---- allowed fast ---- */

/* The numbers of [BEP 6]. */
static void the_allowed_fast_set_is_that_of_the_specification(void **state)
{
    (void)state;
    static const uint32_t expected[9] = {1059, 431, 808, 1217, 287, 376, 1188, 353, 508};
    struct endpoint peer = {.addr = {80, 4, 4, 200}, .port = 1, .family = ENDPOINT_IPV4};
    struct id infohash;
    memset(infohash.bytes, 0xaa, ID_BYTES);
    uint32_t set[9];
    assert_int_equal(allowed_fast_set(&peer, &infohash, 1313, set, 9), 9);
    assert_memory_equal(set, expected, sizeof expected);
    assert_int_equal(allowed_fast_set(&peer, &infohash, 3, set, 9), 3);
    assert_int_equal(allowed_fast_set(&peer, &infohash, 0, set, 9), 0);
    peer.family = ENDPOINT_IPV6;
    assert_int_equal(allowed_fast_set(&peer, &infohash, 1313, set, 9), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_handshake_is_sorted_bencode),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(real_clients_are_understood),
        cmocka_unit_test(a_later_handshake_changes_only_what_it_names),
        cmocka_unit_test(absurd_values_are_ignored),
        cmocka_unit_test(metadata_messages_are_those_of_the_specification),
        cmocka_unit_test(bad_metadata_messages_are_refused),
        cmocka_unit_test(only_changes_are_told),
        cmocka_unit_test(a_message_holds_fifty_at_most_but_the_first),
        cmocka_unit_test(addresses_of_no_use_are_left_out),
        cmocka_unit_test(the_allowed_fast_set_is_that_of_the_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
