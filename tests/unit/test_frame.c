/* Where a message ends, and which are none. */
#include <string.h>

#include "base/frame.h"
#include "support/unit.h"

#define MOST 1000

static enum frame_result feed_whole(const void *data, size_t len, size_t *at)
{
    struct frame frame;
    frame_init(&frame);
    enum frame_result result = frame_feed(&frame, bytes_of(data, len), MOST);
    *at = frame.at;
    return result;
}

static enum frame_result feed_bytewise(const uint8_t *data, size_t len)
{
    struct frame frame;
    enum frame_result result = FRAME_PARTIAL;
    frame_init(&frame);
    for (size_t i = 1; i <= len && result == FRAME_PARTIAL; i++)
        result = frame_feed(&frame, bytes_of(data, i), MOST);
    return result;
}

static void a_message_ends_where_it_ends_however_it_comes(void **state)
{
    (void)state;
    static const uint8_t message[] = {0x94, 0x00, 0x01, 0xa1, 'm',  0x82, 0xa1, 'a',
                                      0x92, 0x80, 0x90, 0xa1, 'b',  0xc4, 0x02, 0xff,
                                      0xff, 0xcd, 0x00, 0x01, 0x77, 0x77};
    size_t at;
    /* Its map has two pairs: "a" an array of two, "b" two bytes; what follows is not of it. */
    assert_int_equal(feed_whole(message, sizeof message, &at), FRAME_WHOLE);
    assert_int_equal(at, 17);
    assert_int_equal(feed_whole(message, 16, &at), FRAME_PARTIAL);
    assert_int_equal(feed_bytewise(message, 16), FRAME_PARTIAL);
    assert_int_equal(feed_bytewise(message, 17), FRAME_WHOLE);
}

static void nesting_to_the_limit_passes_and_one_more_does_not(void **state)
{
    (void)state;
    uint8_t deep[FRAME_DEPTH_MAX + 1];
    memset(deep, 0x91, sizeof deep);
    deep[FRAME_DEPTH_MAX] = 0x90; /* with nothing inside it is as flat as a number */
    assert_int_equal(feed_bytewise(deep, sizeof deep), FRAME_WHOLE);
    deep[FRAME_DEPTH_MAX] = 0x91;
    assert_int_equal(feed_bytewise(deep, FRAME_DEPTH_MAX), FRAME_PARTIAL);
    assert_int_equal(feed_bytewise(deep, sizeof deep), FRAME_BAD);
    memset(deep, 0x81, sizeof deep);
    assert_int_equal(feed_bytewise(deep, sizeof deep), FRAME_BAD);
}

static void many_side_by_side_are_not_deep(void **state)
{
    (void)state;
    /* 200 times [[0], [0]], each of which ends before the next one begins. */
    uint8_t wide[3 + 200 * 5] = {0xdc, 0, 200};
    for (size_t i = 0; i < 200; i++)
        memcpy(wide + 3 + 5 * i, "\x92\x91\x00\x91\x00", 5);
    struct frame frame;
    frame_init(&frame);
    assert_int_equal(frame_feed(&frame, bytes_of(wide, sizeof wide), 2 * sizeof wide), FRAME_WHOLE);
    assert_int_equal(frame.depth, 0);
}

static void what_must_be_longer_than_allowed_is_refused_by_its_head(void **state)
{
    (void)state;
    static const uint8_t long_text[] = {0xda, 0x03, 0xe6}, fitting[] = {0xda, 0x03, 0xe5};
    static const uint8_t none[] = {0x92, 0xc1};
    size_t at;
    assert_int_equal(feed_whole(long_text, sizeof long_text, &at), FRAME_BAD);
    assert_int_equal(feed_whole(fitting, sizeof fitting, &at), FRAME_PARTIAL);
    assert_int_equal(feed_whole(none, sizeof none, &at), FRAME_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_ends_where_it_ends_however_it_comes),
        cmocka_unit_test(nesting_to_the_limit_passes_and_one_more_does_not),
        cmocka_unit_test(many_side_by_side_are_not_deep),
        cmocka_unit_test(what_must_be_longer_than_allowed_is_refused_by_its_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
