#include "support/unit.h"

#include "dht/params.h"
#include "dht/rpc.h"

static struct endpoint endpoint_of(uint16_t n)
{
    return (struct endpoint){.family = ENDPOINT_IPV4, .addr = {10, 0, 0, 1}, .port = n};
}

struct fixture {
    struct rpc rpc;
    struct rng rng;
};

static void set_up(struct fixture *f)
{
    rpc_init(&f->rpc, false);
    rng_init_seed(&f->rng, 1);
}

static uint32_t ask(struct fixture *f, uint16_t n, uint64_t now_ms)
{
    struct rpc_query query = {.to = endpoint_of(n), .operation = n};
    const struct rpc_query *added = rpc_add(&f->rpc, &query, &f->rng, now_ms);
    assert_non_null(added);
    return added->txid;
}

/* Node 1 answers often enough for its `trip_ms` to be what is usual. */
static void get_used_to(struct fixture *f, uint64_t trip_ms)
{
    struct rpc_query query;
    struct endpoint to = endpoint_of(1);
    for (int i = 0; i < 50; i++)
        rpc_take(&f->rpc, ask(f, 1, 0), &to, trip_ms, &query);
}

static void only_the_one_who_was_asked_can_answer(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    uint32_t txid = ask(&f, 1, 0);
    struct endpoint asked = endpoint_of(1), other = endpoint_of(2);
    struct rpc_query query;
    assert_false(rpc_take(&f.rpc, txid, &other, 5, &query));
    assert_false(rpc_take(&f.rpc, txid + 1, &asked, 5, &query));
    assert_false(rpc_take(&f.rpc, 0, &asked, 5, &query));
    assert_true(rpc_take(&f.rpc, txid, &asked, 5, &query));
    assert_false(rpc_take(&f.rpc, txid, &asked, 5, &query)); /* once */
    rpc_dispose(&f.rpc);
}

static void late_comes_before_silent(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    uint32_t txid = ask(&f, 1, 1000);
    struct rpc_query query;
    assert_int_equal(rpc_deadline(&f.rpc), 1000 + RPC_LATE_FIRST_MS);
    assert_int_equal(rpc_next_due(&f.rpc, 999 + RPC_LATE_FIRST_MS, &query), RPC_NOTHING_DUE);
    assert_int_equal(rpc_next_due(&f.rpc, 1000 + RPC_LATE_FIRST_MS, &query), RPC_LATE);
    assert_int_equal(query.txid, txid);
    assert_int_equal(rpc_next_due(&f.rpc, 1000 + RPC_LATE_FIRST_MS, &query), RPC_NOTHING_DUE);
    assert_int_equal(rpc_deadline(&f.rpc), 1000 + 2 * RPC_LATE_FIRST_MS);
    assert_int_equal(rpc_next_due(&f.rpc, 1000 + 2 * RPC_LATE_FIRST_MS, &query), RPC_SILENT);
    assert_int_equal(rpc_waiting(&f.rpc), 0);
    assert_int_equal(rpc_next_due(&f.rpc, 2999, &query), RPC_NOTHING_DUE);
    assert_int_equal(rpc_deadline(&f.rpc), 1000 + RPC_FORGOTTEN_MS);
    assert_int_equal(rpc_next_due(&f.rpc, 1000 + RPC_FORGOTTEN_MS, &query), RPC_NOTHING_DUE);
    assert_int_equal(f.rpc.count, 0);
    assert_int_equal(rpc_deadline(&f.rpc), UINT64_MAX);
    rpc_dispose(&f.rpc);
}

static void late_comes_before_silent_even_after_a_long_sleep(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    ask(&f, 1, 0);
    struct rpc_query query;
    assert_int_equal(rpc_next_due(&f.rpc, 3600000, &query), RPC_LATE);
    assert_int_equal(rpc_next_due(&f.rpc, 3600000, &query), RPC_NOTHING_DUE);
    assert_int_equal(rpc_next_due(&f.rpc, 3600001, &query), RPC_SILENT);
    rpc_dispose(&f.rpc);
}

static uint64_t late_after_ms(struct fixture *f, uint32_t usual_ms, uint64_t now_ms)
{
    struct rpc_query query = {.to = endpoint_of(9), .usual_ms = usual_ms}, taken;
    const struct rpc_query *added = rpc_add(&f->rpc, &query, &f->rng, now_ms);
    uint64_t after_ms = added->due_ms - now_ms;
    rpc_take(&f->rpc, added->txid, &query.to, now_ms + 2, &taken);
    return after_ms;
}

static void patience_follows_the_round_trips(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    struct rpc_query query;
    struct endpoint to = endpoint_of(1);
    uint64_t now_ms = 0;
    for (int i = 0; i < 2000; i++, now_ms += 1000) {
        uint32_t txid = ask(&f, 1, now_ms);
        rpc_take(&f.rpc, txid, &to, now_ms + 2, &query);
    }
    assert_int_equal(late_after_ms(&f, 0, now_ms), RPC_LATE_MIN_MS);
    /* Of twenty answers one takes 900 ms, the others up to 400: it is beyond those. */
    for (int i = 0; i < 4000; i++, now_ms += 2000) {
        uint32_t txid = ask(&f, 1, now_ms);
        uint64_t trip_ms = i % 25 == 0 ? 900 : 200 + rng_below(&f.rng, 200);
        while (rpc_next_due(&f.rpc, now_ms + trip_ms - 1, &query) == RPC_LATE) {
        }
        rpc_take(&f.rpc, txid, &to, now_ms + trip_ms, &query);
    }
    assert_in_range(late_after_ms(&f, 0, now_ms), 350, 500);
    for (int i = 0; i < 500; i++, now_ms += 2000) {
        uint32_t txid = ask(&f, 1, now_ms);
        rpc_take(&f.rpc, txid, &to, now_ms + 1900, &query);
    }
    assert_int_equal(late_after_ms(&f, 0, now_ms), RPC_LATE_MAX_MS);
    rpc_dispose(&f.rpc);
}

static void node_that_is_quick_is_late_sooner(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    get_used_to(&f, 200);
    assert_int_equal(late_after_ms(&f, 100, 0), 150 + RPC_LATE_SLACK_MS);
    assert_int_equal(late_after_ms(&f, 1, 0), RPC_LATE_MIN_MS);
    assert_in_range(late_after_ms(&f, 1000, 0), 200, 600); /* no later than anybody */
    rpc_dispose(&f.rpc);
}

/* Lets a query to node 1 fall silent, sent at `now_ms`; returns when it did. */
static uint64_t silent_after_ms(struct fixture *f, uint32_t usual_ms, uint64_t now_ms,
                                uint32_t *txid)
{
    struct rpc_query query = {.to = endpoint_of(1), .usual_ms = usual_ms};
    *txid = rpc_add(&f->rpc, &query, &f->rng, now_ms)->txid;
    uint64_t at_ms = now_ms;
    while (rpc_next_due(&f->rpc, at_ms, &query) != RPC_SILENT)
        at_ms++;
    return at_ms - now_ms;
}

static void node_known_to_be_slow_is_given_its_time(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    uint32_t txid;
    get_used_to(&f, 20);
    assert_int_equal(silent_after_ms(&f, 0, 0, &txid), RPC_SILENT_MIN_MS);
    assert_int_equal(silent_after_ms(&f, 300, 10000, &txid), 600);
    assert_int_equal(silent_after_ms(&f, 3000, 20000, &txid), 2 * RPC_LATE_MAX_MS);
    rpc_dispose(&f.rpc);
}

static void answer_after_the_silence_counts_and_is_learned_from(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    struct rpc_query query;
    struct endpoint to = endpoint_of(1);
    get_used_to(&f, 20);
    uint64_t now_ms = 10000;
    uint32_t txid;
    assert_int_equal(silent_after_ms(&f, 0, now_ms, &txid), RPC_SILENT_MIN_MS);
    for (int answers = 0;; answers++, now_ms += 10000) {
        assert_false(rpc_is_asking(&f.rpc, &to));
        assert_true(rpc_valid(&f.rpc));
        assert_true(rpc_take(&f.rpc, txid, &to, now_ms + 400, &query));
        assert_true(query.silent);
        assert_int_equal(f.rpc.count, 0);
        assert_true(answers < 100);
        if (silent_after_ms(&f, 0, now_ms + 10000, &txid) > 400)
            break;
    }
    rpc_dispose(&f.rpc);
}

static void queries_under_way_are_bounded(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    for (size_t i = 0; i < RPC_PENDING_MAX; i++)
        ask(&f, (uint16_t)(i + 1), 0);
    struct rpc_query query = {.to = endpoint_of(1)};
    assert_null(rpc_add(&f.rpc, &query, &f.rng, 0));
    assert_true(rpc_valid(&f.rpc));
    rpc_dispose(&f.rpc);
}

/* Many queries, answered and falling due in any order: each comes to exactly one end. */
static void memory_of_a_burst_goes_with_its_last_answer(void **state)
{
    (void)state;
    struct fixture f;
    enum { BURST = 200 };
    uint32_t txids[BURST];
    struct rpc_query query;
    set_up(&f);
    txids[0] = ask(&f, 1, 0);
    uint32_t few = f.rpc.cap;
    for (uint16_t i = 1; i < BURST; i++)
        txids[i] = ask(&f, 1, 0);
    assert_true(f.rpc.cap > BURST);
    struct endpoint to = endpoint_of(1);
    for (size_t i = 0; i < BURST; i++)
        assert_true(rpc_take(&f.rpc, txids[i], &to, 10, &query));
    assert_true(f.rpc.cap <= few);
    for (uint16_t i = 0; i < BURST; i++)
        ask(&f, 1, 0);
    for (uint64_t now_ms = 0; now_ms <= 5000; now_ms += 100)
        while (rpc_next_due(&f.rpc, now_ms, &query) != RPC_NOTHING_DUE)
            assert_true(rpc_valid(&f.rpc));
    assert_int_equal(f.rpc.count, 0);
    assert_true(f.rpc.cap <= few);
    rpc_dispose(&f.rpc);
}

static void every_query_ends_once(void **state)
{
    (void)state;
    struct fixture f;
    rpc_init(&f.rpc, false);
    rng_init_seed(&f.rng, test_seed(1));
    enum { QUERIES = 3000 };
    static uint32_t txids[QUERIES];
    static uint8_t ends[QUERIES];
    size_t asked = 0;
    struct rpc_query query;
    for (uint64_t now_ms = 0; asked < QUERIES || f.rpc.count > 0; now_ms += rng_below(&f.rng, 20)) {
        for (uint64_t n = rng_below(&f.rng, 8); n > 0 && asked < QUERIES; n--, asked++)
            txids[asked] = ask(&f, (uint16_t)asked, now_ms);
        for (uint64_t n = rng_below(&f.rng, 6); n > 0 && asked > 0; n--) {
            size_t who = rng_below(&f.rng, asked);
            struct endpoint from = endpoint_of((uint16_t)who);
            ends[who] += rpc_take(&f.rpc, txids[who], &from, now_ms, &query) && !query.silent;
        }
        for (enum rpc_due due; (due = rpc_next_due(&f.rpc, now_ms, &query)) != RPC_NOTHING_DUE;)
            ends[query.operation] += due == RPC_SILENT;
        assert_true(rpc_valid(&f.rpc));
        assert_true(rpc_deadline(&f.rpc) > now_ms);
    }
    for (size_t i = 0; i < QUERIES; i++)
        assert_int_equal(ends[i], 1);
    rpc_dispose(&f.rpc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_one_who_was_asked_can_answer),
        cmocka_unit_test(late_comes_before_silent),
        cmocka_unit_test(late_comes_before_silent_even_after_a_long_sleep),
        cmocka_unit_test(patience_follows_the_round_trips),
        cmocka_unit_test(node_that_is_quick_is_late_sooner),
        cmocka_unit_test(node_known_to_be_slow_is_given_its_time),
        cmocka_unit_test(answer_after_the_silence_counts_and_is_learned_from),
        cmocka_unit_test(queries_under_way_are_bounded),
        cmocka_unit_test(memory_of_a_burst_goes_with_its_last_answer),
        cmocka_unit_test(every_query_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
