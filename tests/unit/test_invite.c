#include "support/people.h"

#include <ctype.h>

#include "people/invite.h"
#include "support/vectors.h"

static struct invite sample(void)
{
    struct people people;
    people_init(&people, 0xee);
    struct invite invite = {.group = people.group.public_key, .address_count = 2};
    memset(invite.token, 0x99, sizeof invite.token);
    assert_true(endpoint_parse("192.0.2.1:6881", &invite.addresses[0]));
    assert_true(endpoint_parse("[2001:db8::1]:6882", &invite.addresses[1]));
    return invite;
}

/* The text of `invite`; valid until the next call. */
static char *text_of(const struct invite *invite)
{
    static char text[512];
    struct buffer out;
    buffer_init(&out);
    invite_format(invite, &out);
    assert_in_range(out.len, 1, 206);
    assert_int_equal(out.data[out.len - 1], 0);
    memcpy(text, out.data, out.len);
    buffer_dispose(&out);
    return text;
}

static void assert_parses_as(const char *text, const struct invite *want)
{
    struct invite got;
    assert_int_equal(invite_parse(text, &got), STATUS_OK);
    assert_true(public_key_equal(&got.group, &want->group));
    assert_memory_equal(got.token, want->token, sizeof got.token);
    assert_int_equal(got.address_count, want->address_count);
    for (size_t i = 0; i < got.address_count; i++)
        assert_true(endpoint_equal(&got.addresses[i], &want->addresses[i]));
}

static void an_invite_is_its_vector_and_comes_back(void **state)
{
    (void)state;
    struct invite invite = sample();
    const char *text = text_of(&invite);
    assert_vector("invite_text", bytes_of_string(text));
    assert_parses_as(text, &invite);
}

static void none_to_four_addresses_travel_in_their_order(void **state)
{
    (void)state;
    struct invite invite = sample();
    endpoint_parse("[2001:db8::3]:1", &invite.addresses[2]);
    endpoint_parse("[2001:db8::4]:65535", &invite.addresses[3]);
    for (size_t count = 0; count <= INVITE_ADDRESSES_MAX; count++) {
        invite.address_count = count;
        assert_parses_as(text_of(&invite), &invite);
    }
    invite.addresses[0] = invite.addresses[1];
    assert_int_equal(strlen(text_of(&invite)), 205);
    assert_parses_as(text_of(&invite), &invite);
}

static void case_spaces_dashes_and_line_ends_are_overlooked(void **state)
{
    (void)state;
    struct invite invite = sample();
    const char *text = text_of(&invite);
    char spread[1024] = " \n", *at = spread + 2;
    for (size_t i = 0; text[i] != 0; i++) {
        *at++ = (char)(i % 3 == 0 ? toupper(text[i]) : text[i]);
        if (i % 4 == 3)
            *at++ = "- \r\n\t"[i / 4 % 5];
    }
    assert_parses_as(spread, &invite);
}

/* Any other letter in any place. */
static void one_mistyped_character_is_refused(void **state)
{
    (void)state;
    static const char typed[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    struct invite invite = sample(), got;
    char *text = text_of(&invite);
    for (size_t i = 0; text[i] != 0; i++) {
        char was = text[i];
        for (const char *c = typed; *c != 0; c++) {
            text[i] = *c;
            assert_int_equal(invite_parse(text, &got), *c == was ? STATUS_OK : STATUS_MISMATCH);
        }
        text[i] = '?';
        assert_int_equal(invite_parse(text, &got), STATUS_MALFORMED);
        text[i] = was;
    }
}

static void letters_left_out_doubled_or_swapped_are_refused(void **state)
{
    (void)state;
    struct invite invite = sample(), got;
    const char *text = text_of(&invite);
    size_t len = strlen(text);
    char changed[1024];
    for (size_t i = 0; i < len; i++) {
        snprintf(changed, sizeof changed, "%.*s%s", (int)i, text, text + i + 1);
        assert_int_equal(invite_parse(changed, &got), STATUS_MISMATCH);
        snprintf(changed, sizeof changed, "%.*s%c%s", (int)i, text, text[i], text + i);
        assert_int_equal(invite_parse(changed, &got), STATUS_MISMATCH);
        if (i + 1 < len && text[i] != text[i + 1]) {
            strcpy(changed, text);
            changed[i] = text[i + 1];
            changed[i + 1] = text[i];
            assert_int_equal(invite_parse(changed, &got), STATUS_MISMATCH);
        }
    }
}

static void a_cut_invite_is_told_from_what_is_none(void **state)
{
    (void)state;
    struct invite invite = sample(), got;
    char *text = text_of(&invite);
    for (size_t len = strlen(text) - 1; len > 0; len--) {
        text[len] = 0;
        assert_int_equal(invite_parse(text, &got), len >= 53 ? STATUS_MISMATCH : STATUS_MALFORMED);
    }
    char endless[2000];
    memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    assert_int_equal(invite_parse(endless, &got), STATUS_MALFORMED);
    assert_int_equal(invite_parse("", &got), STATUS_MALFORMED);
    assert_int_equal(invite_parse("night shift", &got), STATUS_MALFORMED);
    assert_int_equal(invite_parse("magnet:?xt=urn:btih:"
                                  "0123456789012345678901234567890123456789&dn=abcdefghijklmn",
                                  &got),
                     STATUS_MALFORMED);
}

/* Their sums are right: whoever made them is not one of us. */
static void invites_with_unusable_keys_or_addresses_are_refused(void **state)
{
    (void)state;
    struct invite invite = sample(), got;
    invite.group = (struct public_key){.bytes = {1}};
    assert_int_equal(invite_parse(text_of(&invite), &got), STATUS_MALFORMED);
    static const char *addresses[] = {"0.0.0.0:6881", "224.0.0.1:6881", "[ff02::1]:6881", "[::]:1"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        invite = sample();
        assert_true(endpoint_parse(addresses[i], &invite.addresses[1]));
        assert_int_equal(invite_parse(text_of(&invite), &got), STATUS_MALFORMED);
    }
    invite = sample();
    invite.addresses[0].port = 0;
    assert_int_equal(invite_parse(text_of(&invite), &got), STATUS_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invite_is_its_vector_and_comes_back),
        cmocka_unit_test(none_to_four_addresses_travel_in_their_order),
        cmocka_unit_test(case_spaces_dashes_and_line_ends_are_overlooked),
        cmocka_unit_test(one_mistyped_character_is_refused),
        cmocka_unit_test(letters_left_out_doubled_or_swapped_are_refused),
        cmocka_unit_test(a_cut_invite_is_told_from_what_is_none),
        cmocka_unit_test(invites_with_unusable_keys_or_addresses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
