#include "support/unit.h"

#include "dht/pace.h"
#include "dht/params.h"
#include "dht/throttle.h"
#include "kadpeer/rng.h"

#define START     1000000u
#define RECEIVERS 8

static const uint8_t secret[16] = "a secret of ours";

static struct endpoint receiver(uint8_t n)
{
    return (struct endpoint){.family = ENDPOINT_IPV4, .addr = {198, 51, 100, n}, .port = 1000};
}

static void a_burst_leaves_at_once_and_the_rest_at_a_steady_rate(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, secret);
    struct endpoint to = receiver(1), other = receiver(2);
    for (unsigned i = 0; i < PACE_BURST; i++)
        assert_int_equal(pace_take(&pace, &to, START, PACE_HOLD_MAX_MS), START);
    uint64_t at_ms = START;
    for (unsigned i = 0; i < 2 * PACE_PER_S; i++) {
        uint64_t next_ms = pace_take(&pace, &to, START, PACE_HOLD_MAX_MS);
        assert_true(next_ms > at_ms);
        at_ms = next_ms;
    }
    assert_in_range(at_ms, START + 1900, START + 2000);
    assert_int_equal(pace_take(&pace, &other, START, 0), START); /* who is not asked so much */
    pace_dispose(&pace);
}

static void what_would_wait_too_long_takes_no_token(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, secret);
    struct endpoint to = receiver(1);
    while (pace_take(&pace, &to, START, 0) != UINT64_MAX)
        continue;
    uint64_t next_ms = pace_take(&pace, &to, START, PACE_HOLD_MAX_MS);
    assert_true(next_ms > START);
    while (pace_take(&pace, &to, START, PACE_HOLD_MAX_MS) != UINT64_MAX)
        continue;
    assert_int_equal(pace_take(&pace, &to, START, PACE_HOLD_MAX_MS), UINT64_MAX);
    assert_in_range(pace_take(&pace, &to, START + 1000, PACE_HOLD_MAX_MS), START + PACE_HOLD_MAX_MS,
                    START + PACE_HOLD_MAX_MS + 1000 / PACE_PER_S);
    pace_dispose(&pace);
}

/* Its token's time may have passed before it was sent, and a datagram may be a second on its way:
 * what arrives together then is still no more than is taken. */
static void nothing_that_is_paced_is_dropped(void **state)
{
    (void)state;
    struct pace pace;
    struct throttle *throttles[RECEIVERS];
    struct endpoint sender = receiver(200);
    struct rng rng;
    pace_init(&pace, secret);
    rng_init_seed(&rng, test_seed(1));
    for (unsigned i = 0; i < RECEIVERS; i++)
        throttles[i] = throttle_new(secret, false);
    unsigned asked = 0, held = 0, arrived = 0;
    for (uint64_t now_ms = START; now_ms < START + 600000;) {
        struct rpc_query query = {.to = receiver((uint8_t)rng_below(&rng, RECEIVERS))};
        for (uint64_t more = rng_below(&rng, 100); more > 0; more--) {
            uint64_t at_ms = pace_take(&pace, &query.to, now_ms, PACE_HOLD_MAX_MS);
            asked += at_ms != UINT64_MAX;
            held += at_ms != UINT64_MAX && at_ms > now_ms;
            if (at_ms != UINT64_MAX)
                assert_true(pace_hold(&pace, &query, at_ms));
        }
        assert_true(pace_valid(&pace));
        now_ms += rng_below(&rng, 1000);
        while (pace_next(&pace, now_ms, &query))
            arrived += throttle_query(throttles[query.to.addr[3]], &sender, now_ms);
        assert_true(pace_deadline(&pace) > now_ms);
    }
    assert_true(held > 1000);
    assert_int_equal(asked, arrived + pace.count);
    for (unsigned i = 0; i < RECEIVERS; i++) {
        assert_int_equal(throttle_dropped(throttles[i]), 0);
        throttle_free(throttles[i]);
    }
    pace_dispose(&pace);
}

static void held_queries_leave_in_the_order_of_their_times(void **state)
{
    (void)state;
    struct pace pace;
    struct rpc_query query = {0};
    pace_init(&pace, secret);
    static const uint16_t times[] = {30, 10, 20, 10, 40, 10};
    for (uint32_t i = 0; i < 6; i++) {
        query.operation = i;
        assert_true(pace_hold(&pace, &query, START + times[i]));
        assert_true(pace_valid(&pace));
    }
    static const uint32_t order[] = {1, 3, 5, 2, 0, 4};
    assert_false(pace_next(&pace, START + 9, &query));
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(pace_next(&pace, START + 40, &query));
        assert_int_equal(query.operation, order[i]);
    }
    assert_int_equal(pace_deadline(&pace), UINT64_MAX);
    pace_trim(&pace, START);
    assert_null(pace.held);
    pace_dispose(&pace);
}

static void no_more_are_held_than_there_is_room_for(void **state)
{
    (void)state;
    struct pace pace;
    struct rpc_query query = {0};
    pace_init(&pace, secret);
    for (unsigned i = 0; i < PACE_HELD_MAX; i++)
        assert_true(pace_hold(&pace, &query, START + i));
    assert_false(pace_hold(&pace, &query, START));
    assert_true(pace_valid(&pace));
    pace_dispose(&pace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_leaves_at_once_and_the_rest_at_a_steady_rate),
        cmocka_unit_test(what_would_wait_too_long_takes_no_token),
        cmocka_unit_test(nothing_that_is_paced_is_dropped),
        cmocka_unit_test(held_queries_leave_in_the_order_of_their_times),
        cmocka_unit_test(no_more_are_held_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
