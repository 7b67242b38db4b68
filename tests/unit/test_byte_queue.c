#include "support/unit.h"

#include <string.h>

#include "dht/byte_queue.h"
#include "dht/token_cache.h"
#include "kadpeer/rng.h"

static void comes_out_as_it_went_in(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(1));
    struct byte_queue queue;
    byte_queue_init(&queue, 20000);
    uint8_t data[600];
    uint32_t in = 0, out = 0;
    for (int step = 0; step < 20000; step++) {
        if (rng_below(&rng, 2) == 0) {
            memset(data, (int)(in & 0xff), sizeof data);
            in += byte_queue_push(&queue, &in, sizeof in, bytes_of(data, in % sizeof data));
        } else {
            uint32_t head;
            struct bytes body;
            if (!byte_queue_pop(&queue, &head, sizeof head, &body)) {
                assert_int_equal(in, out);
                continue;
            }
            assert_int_equal(head, out);
            assert_int_equal(body.len, out % sizeof data);
            if (body.len > 0)
                assert_int_equal(body.data[body.len - 1], out & 0xff);
            out++;
        }
        assert_true(queue.cap <= 20000);
    }
    byte_queue_dispose(&queue);
}

static void full_queue_refuses_and_loses_nothing(void **state)
{
    (void)state;
    struct byte_queue queue;
    byte_queue_init(&queue, 4096);
    uint8_t data[100] = {0};
    uint32_t pushed = 0;
    while (byte_queue_push(&queue, &pushed, sizeof pushed, bytes_of(data, sizeof data)))
        pushed++;
    assert_in_range(pushed, 30, 40);
    uint32_t head;
    struct bytes body;
    for (uint32_t i = 0; i < pushed; i++) {
        assert_true(byte_queue_pop(&queue, &head, sizeof head, &body));
        assert_int_equal(head, i);
    }
    assert_false(byte_queue_pop(&queue, &head, sizeof head, &body));
    byte_queue_trim(&queue);
    assert_int_equal(queue.cap, 0);
    byte_queue_dispose(&queue);
}

static void steady_use_does_not_grow(void **state)
{
    (void)state;
    struct byte_queue queue;
    byte_queue_init(&queue, 1 << 20);
    uint8_t data[900] = {0}, head = 0;
    struct bytes body;
    byte_queue_push(&queue, &head, 1, bytes_of(data, sizeof data));
    for (int i = 0; i < 1000; i++) {
        assert_true(byte_queue_push(&queue, &head, 1, bytes_of(data, sizeof data)));
        assert_true(byte_queue_pop(&queue, &head, 1, &body));
    }
    assert_int_equal(queue.cap, 2048);
    byte_queue_dispose(&queue);
}

static struct endpoint endpoint_of(uint16_t n)
{
    return (struct endpoint){.family = ENDPOINT_IPV4, .addr = {10, 0, 0, 1}, .port = n};
}

static void tokens_are_kept_for_their_time(void **state)
{
    (void)state;
    struct token_cache cache;
    token_cache_init(&cache);
    struct endpoint one = endpoint_of(1), two = endpoint_of(2);
    token_cache_add(&cache, &one, bytes_of("12345678", 8), 1000);
    token_cache_add(&cache, &two, bytes_of("long and foreign", 16), 1000);
    assert_true(bytes_equal(token_cache_find(&cache, &one, 2000), bytes_of("12345678", 8)));
    assert_int_equal(token_cache_find(&cache, &two, 2000).len, 0);
    assert_int_equal(token_cache_find(&cache, &one, 1000 + TOKEN_CACHE_AGE_MS).len, 0);
    token_cache_trim(&cache, 1000 + TOKEN_CACHE_AGE_MS);
    assert_null(cache.tokens);
}

static void oldest_token_makes_room(void **state)
{
    (void)state;
    struct token_cache cache;
    token_cache_init(&cache);
    for (uint16_t n = 1; n <= TOKEN_CACHE_MAX + 1; n++) {
        struct endpoint node = endpoint_of(n);
        token_cache_add(&cache, &node, bytes_of("12345678", 8), 1000);
    }
    struct endpoint first = endpoint_of(1), second = endpoint_of(2);
    assert_int_equal(token_cache_find(&cache, &first, 1000).len, 0);
    assert_int_equal(token_cache_find(&cache, &second, 1000).len, 8);
    token_cache_dispose(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_as_it_went_in),
        cmocka_unit_test(full_queue_refuses_and_loses_nothing),
        cmocka_unit_test(steady_use_does_not_grow),
        cmocka_unit_test(tokens_are_kept_for_their_time),
        cmocka_unit_test(oldest_token_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
