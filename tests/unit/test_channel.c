#include "people/channel.h"

#include <string.h>

#include "support/unit.h"

/* Two ends with no session between them but the bytes. */
struct ends {
    struct key_pairs member[2];
    struct channel *channel[2]; /* client, server */
    struct buffer wire[2];      /* from each of them */
    struct channel_event last[2];
    unsigned events[2];
    enum status status[2];
};

static const uint8_t session[CHANNEL_EXPORT_BYTES] = "what both of them have exported";

static struct channel *make(struct ends *ends, unsigned who, enum channel_footing footing,
                            const uint8_t exported[CHANNEL_EXPORT_BYTES])
{
    struct channel_config config = {
        .role = who == 0 ? CHANNEL_CLIENT : CHANNEL_SERVER,
        .footing = footing,
        .member = &ends->member[who],
    };
    memcpy(config.exported, exported, sizeof config.exported);
    return channel_new(&config);
}

static struct ends *ends_new(enum channel_footing footing)
{
    struct ends *ends = calloc(1, sizeof *ends);
    struct public_key group = {{7}};
    for (unsigned who = 0; who < 2; who++) {
        uint8_t root[ROOT_BYTES] = {(uint8_t)(who + 1)};
        assert_int_equal(keys_of_member(root, &group, &ends->member[who]), STATUS_OK);
        ends->channel[who] = make(ends, who, footing, session);
        assert_non_null(ends->channel[who]);
    }
    return ends;
}

static void ends_free(struct ends *ends)
{
    for (unsigned who = 0; who < 2; who++) {
        channel_free(ends->channel[who]);
        buffer_dispose(&ends->wire[who]);
    }
    free(ends);
}

/* Bytes to one end, as far as it takes them. */
static enum status feed(struct ends *ends, unsigned who, struct bytes bytes)
{
    while (bytes.len > 0 && ends->status[who] == STATUS_OK) {
        uint8_t *space;
        size_t len;
        channel_space(ends->channel[who], &space, &len);
        if (len == 0)
            break;
        len = len < bytes.len ? len : bytes.len;
        memcpy(space, bytes.data, len);
        bytes = bytes_of(bytes.data + len, bytes.len - len);
        ends->status[who] = channel_received(ends->channel[who], len);
        while (channel_next_event(ends->channel[who], &ends->last[who]))
            ends->events[who]++;
    }
    return ends->status[who];
}

static enum status pass(struct ends *ends, unsigned from)
{
    channel_take_out(ends->channel[from], &ends->wire[from]);
    assert_false(ends->wire[from].failed);
    return feed(ends, !from, buffer_bytes(&ends->wire[from]));
}

static void greet(struct ends *ends)
{
    assert_int_equal(pass(ends, 0), STATUS_OK);
    assert_int_equal(pass(ends, 1), STATUS_OK);
    assert_true(channel_is_authenticated(ends->channel[0]));
    assert_true(channel_is_authenticated(ends->channel[1]));
}

static void members_show_who_they_are(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_MEMBERS);
    greet(ends);
    for (unsigned who = 0; who < 2; who++) {
        assert_int_equal(ends->last[who].type, FRAME_AUTH);
        assert_true(public_key_equal(&ends->last[who].peer, &ends->member[!who].public_key));
    }
    ends_free(ends);
}

static void one_turned_bit_of_auth_is_refused(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_MEMBERS);
    channel_take_out(ends->channel[0], &ends->wire[0]);
    for (size_t bit = 0; bit < ends->wire[0].len * 8; bit++) {
        channel_free(ends->channel[1]);
        ends->channel[1] = make(ends, 1, CHANNEL_MEMBERS, session);
        ends->status[1] = STATUS_OK;
        ends->wire[0].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        feed(ends, 1, buffer_bytes(&ends->wire[0]));
        ends->wire[0].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(channel_is_authenticated(ends->channel[1]));
    }
    assert_int_equal(ends->events[1], 0);
    ends_free(ends);
}

static void auth_of_another_session_is_refused(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_MEMBERS);
    static const uint8_t other[CHANNEL_EXPORT_BYTES] = "of another session";
    channel_free(ends->channel[1]);
    ends->channel[1] = make(ends, 1, CHANNEL_MEMBERS, other);
    assert_int_equal(pass(ends, 0), STATUS_REFUSED);
    assert_false(channel_is_authenticated(ends->channel[1]));
    ends_free(ends);
}

static void our_own_auth_sent_back_is_refused(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_MEMBERS);
    channel_take_out(ends->channel[0], &ends->wire[0]);
    assert_int_equal(feed(ends, 0, buffer_bytes(&ends->wire[0])), STATUS_REFUSED);
    ends_free(ends);
}

static void only_head_is_heard_before_auth(void **state)
{
    (void)state;
    for (uint8_t type = FRAME_PARTS_WANTED; type <= FRAME_TRANSFER; type++) {
        struct ends *ends = ends_new(CHANNEL_MEMBERS);
        const uint8_t frame[] = {0, 0, 0, 4, type, 0x81, 0xa1, 'v', 0xc4};
        assert_int_equal(feed(ends, 1, bytes_of(frame, sizeof frame)), STATUS_REFUSED);
        assert_int_equal(ends->events[1], 0);
        ends_free(ends);
    }
}

static void head_goes_both_ways_on_every_footing(void **state)
{
    (void)state;
    for (enum channel_footing footing = CHANNEL_MEMBERS; footing <= CHANNEL_NEWCOMER; footing++) {
        struct ends *ends = ends_new(footing);
        if (footing == CHANNEL_MEMBERS)
            greet(ends);
        for (unsigned who = 0; who < 2; who++) {
            channel_send_head(ends->channel[who], bytes_of("a record", 8));
            assert_int_equal(pass(ends, who), STATUS_OK);
            assert_int_equal(ends->last[!who].type, FRAME_HEAD);
            assert_true(bytes_equal(ends->last[!who].value, bytes_of("a record", 8)));
        }
        ends_free(ends);
    }
}

static void who_comes_late_hears_of_head_and_of_nothing_else(void **state)
{
    (void)state;
    const struct id key = {{1}};
    const uint8_t digest[SHA256_BYTES] = {2};
    for (enum channel_footing footing = CHANNEL_LATE; footing <= CHANNEL_NEWCOMER; footing++) {
        for (unsigned what = 0; what < 4; what++) {
            struct ends *ends = ends_new(footing);
            if (what == 0)
                channel_want_parts(ends->channel[0], &key, 1);
            else if (what == 1)
                channel_want_blob(ends->channel[0], digest, 0);
            else if (what == 2)
                channel_send_transfer(ends->channel[0], &key);
            else
                channel_send_part(ends->channel[0], bytes_of("part", 4));
            assert_int_equal(pass(ends, 0), STATUS_REFUSED);
            ends_free(ends);
        }
    }
}

static void who_knows_a_newer_epoch_brings_head_to_one_who_does_not(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_MEMBERS);
    channel_free(ends->channel[0]);
    ends->channel[0] = make(ends, 0, CHANNEL_LATE, session);
    channel_send_head(ends->channel[0], bytes_of("news", 4));
    assert_int_equal(pass(ends, 0), STATUS_OK);
    assert_int_equal(ends->last[1].type, FRAME_HEAD);
    assert_int_equal(pass(ends, 1), STATUS_OK); /* its AUTH does no harm */
    ends_free(ends);
}

static void a_newcomer_says_join_and_members_do_not(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_NEWCOMER);
    channel_send_join(ends->channel[0], bytes_of("let me in", 9));
    assert_int_equal(pass(ends, 0), STATUS_OK);
    assert_int_equal(ends->last[1].type, FRAME_JOIN);
    channel_send_join(ends->channel[1], bytes_of("let me in", 9));
    assert_int_equal(pass(ends, 1), STATUS_REFUSED);
    ends_free(ends);
    ends = ends_new(CHANNEL_MEMBERS);
    greet(ends);
    channel_send_join(ends->channel[0], bytes_of("let me in", 9));
    assert_int_equal(pass(ends, 0), STATUS_REFUSED);
    ends_free(ends);
}

static void parts_and_blobs_are_asked_for_and_given(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_MEMBERS);
    greet(ends);
    struct id keys[CHANNEL_KEYS_MAX];
    for (size_t i = 0; i < CHANNEL_KEYS_MAX; i++)
        memset(&keys[i], (int)i, sizeof keys[i]);
    channel_want_parts(ends->channel[0], keys, CHANNEL_KEYS_MAX);
    assert_int_equal(pass(ends, 0), STATUS_OK);
    assert_int_equal(ends->last[1].key_count, CHANNEL_KEYS_MAX);
    assert_memory_equal(ends->last[1].keys, keys, sizeof keys);

    static uint8_t blob[CHANNEL_BLOB_BYTES];
    const uint8_t digest[SHA256_BYTES] = {9};
    channel_want_blob(ends->channel[0], digest, 70000);
    assert_int_equal(pass(ends, 0), STATUS_OK);
    assert_int_equal(ends->last[1].at, 70000);
    channel_send_blob(ends->channel[1], digest, bytes_of(blob, sizeof blob), 70000, 200000);
    channel_send_part(ends->channel[1], bytes_of(blob, 800));
    assert_int_equal(pass(ends, 1), STATUS_OK);
    assert_int_equal(ends->last[0].type, FRAME_PART);
    assert_int_equal(ends->last[0].value.len, 800);
    assert_int_equal(ends->events[0], 3);
    ends_free(ends);
}

static void who_asks_without_end_is_refused(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_MEMBERS);
    greet(ends);
    const uint8_t digest[SHA256_BYTES] = {9};
    for (unsigned i = 0; i < CHANNEL_REQUESTS_MAX; i++) {
        channel_want_blob(ends->channel[0], digest, i);
        assert_int_equal(pass(ends, 0), STATUS_OK);
    }
    channel_want_blob(ends->channel[0], digest, 0);
    assert_int_equal(pass(ends, 0), STATUS_REFUSED);
    ends_free(ends);
}

static void who_brings_news_without_end_is_refused(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_NEWCOMER);
    for (unsigned i = 0; i < CHANNEL_NEWS_MAX; i++) {
        if (i % 2 == 0)
            channel_send_join(ends->channel[0], bytes_of_string("let me in"));
        else
            channel_send_head(ends->channel[0], bytes_of_string("news"));
        assert_int_equal(pass(ends, 0), STATUS_OK);
    }
    channel_send_head(ends->channel[0], bytes_of_string("news"));
    assert_int_equal(pass(ends, 0), STATUS_REFUSED);
    assert_int_equal(ends->events[1], CHANNEL_NEWS_MAX);
    ends_free(ends);
}

static void after_the_switch_no_byte_is_taken(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_MEMBERS);
    greet(ends);
    const struct id key = {{5}};
    channel_send_transfer(ends->channel[0], &key);
    assert_int_equal(pass(ends, 0), STATUS_OK);
    assert_int_equal(ends->last[1].type, FRAME_TRANSFER);
    assert_true(id_equal(&ends->last[1].key, &key));
    uint8_t *space;
    size_t len;
    channel_space(ends->channel[1], &space, &len);
    assert_int_equal(len, 0);
    ends_free(ends);
}

static void absurd_lengths_are_refused_before_anything_is_allocated(void **state)
{
    (void)state;
    struct ends *ends = ends_new(CHANNEL_LATE);
    const uint8_t frame[] = {0xff, 0xff, 0xff, 0xff, FRAME_HEAD};
    assert_int_equal(feed(ends, 0, bytes_of(frame, sizeof frame)), STATUS_TOO_BIG);
    const uint8_t none[] = {0, 0, 0, 0, FRAME_HEAD};
    assert_int_equal(feed(ends, 1, bytes_of(none, sizeof none)), STATUS_TOO_BIG);
    ends_free(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_show_who_they_are),
        cmocka_unit_test(one_turned_bit_of_auth_is_refused),
        cmocka_unit_test(auth_of_another_session_is_refused),
        cmocka_unit_test(our_own_auth_sent_back_is_refused),
        cmocka_unit_test(only_head_is_heard_before_auth),
        cmocka_unit_test(head_goes_both_ways_on_every_footing),
        cmocka_unit_test(who_comes_late_hears_of_head_and_of_nothing_else),
        cmocka_unit_test(who_knows_a_newer_epoch_brings_head_to_one_who_does_not),
        cmocka_unit_test(a_newcomer_says_join_and_members_do_not),
        cmocka_unit_test(parts_and_blobs_are_asked_for_and_given),
        cmocka_unit_test(who_asks_without_end_is_refused),
        cmocka_unit_test(who_brings_news_without_end_is_refused),
        cmocka_unit_test(after_the_switch_no_byte_is_taken),
        cmocka_unit_test(absurd_lengths_are_refused_before_anything_is_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
