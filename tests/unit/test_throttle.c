#include "support/unit.h"

#include "dht/params.h"
#include "dht/source_table.h"
#include "dht/throttle.h"
#include "kadpeer/rng.h"

#define START 1000000u

static const uint8_t secret[16] = "a secret of ours";

static struct endpoint endpoint_of(const char *text)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(text, &endpoint));
    return endpoint;
}

/* How many of `tries` queries in one moment are served. */
static unsigned served(struct throttle *throttle, const char *from, unsigned tries, uint64_t now_ms)
{
    struct endpoint endpoint = endpoint_of(from);
    unsigned count = 0;
    for (unsigned i = 0; i < tries; i++)
        count += throttle_query(throttle, &endpoint, now_ms);
    assert_true(throttle_valid(throttle));
    return count;
}

static void an_address_has_a_burst_and_then_a_rate(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(secret, false);
    assert_int_equal(served(throttle, "192.0.2.1:1", 1000, START), THROTTLE_ADDRESS_BURST);
    assert_int_equal(throttle_dropped(throttle), 1000 - THROTTLE_ADDRESS_BURST);
    assert_int_equal(served(throttle, "192.0.2.1:2", 10, START), 0); /* ports do not count */
    assert_int_equal(served(throttle, "192.0.2.1:1", 1000, START + 1000), THROTTLE_ADDRESS_PER_S);
    assert_int_equal(served(throttle, "192.0.2.1:1", 1000, START + 3000),
                     2 * THROTTLE_ADDRESS_PER_S);
    assert_int_equal(served(throttle, "192.0.2.1:1", 1000, START + 3600000),
                     THROTTLE_ADDRESS_BURST);
    throttle_free(throttle);
}

static void a_network_has_a_wider_bound(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(secret, false);
    unsigned total = 0;
    for (unsigned host = 1; host < 20; host++) {
        char text[32];
        snprintf(text, sizeof text, "192.0.2.%u:1", host);
        total += served(throttle, text, 150, START);
    }
    assert_int_equal(total, THROTTLE_NETWORK_BURST);
    assert_int_equal(served(throttle, "192.0.3.1:1", 150, START), 150);
    throttle_free(throttle);
}

static void ipv6_counts_by_64_and_48_bits(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(secret, false);
    assert_int_equal(served(throttle, "[2001:db8:1:1::1]:1", 1000, START), THROTTLE_ADDRESS_BURST);
    assert_int_equal(served(throttle, "[2001:db8:1:1:9::2]:1", 1000, START), 0);
    assert_int_equal(served(throttle, "[2001:db8:1:2::1]:1", 100, START), 100);
    unsigned total = THROTTLE_ADDRESS_BURST + 100;
    for (unsigned net = 3; net < 20; net++) {
        char text[40];
        snprintf(text, sizeof text, "[2001:db8:1:%x::1]:1", net);
        total += served(throttle, text, 150, START);
    }
    assert_int_equal(total, THROTTLE_NETWORK_BURST);
    throttle_free(throttle);
}

static void local_sources_are_told_apart_by_port_and_have_no_network(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(secret, false);
    for (unsigned port = 1; port <= 20; port++) {
        char text[32];
        snprintf(text, sizeof text, "127.0.0.1:%u", port);
        assert_int_equal(served(throttle, text, 1000, START), THROTTLE_ADDRESS_BURST);
    }
    throttle_free(throttle);
    throttle = throttle_new(secret, true);
    assert_int_equal(served(throttle, "127.0.0.1:1", 1000, START), THROTTLE_ADDRESS_BURST);
    assert_int_equal(served(throttle, "127.0.0.1:2", 1000, START), 0);
    throttle_free(throttle);
}

static void a_flood_of_sources_stays_within_its_memory(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(secret, false);
    struct rng rng;
    rng_init_seed(&rng, test_seed(51));
    struct endpoint from = {.family = ENDPOINT_IPV4, .port = 9};
    for (unsigned i = 0; i < 100000; i++) {
        write_u32(from.addr, rng_u32(&rng) | 0x40000000);
        throttle_query(throttle, &from, START);
        throttle_prove(throttle, &from, START);
    }
    assert_true(throttle_valid(throttle));
    assert_true(throttle_bytes(throttle) <=
                512 + (2 * THROTTLE_TABLE_MAX + PROOF_TABLE_MAX) * sizeof(struct source_slot));
    throttle_free(throttle);
}

static void a_loud_source_is_not_forgotten_for_quiet_ones(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(secret, false);
    struct rng rng;
    rng_init_seed(&rng, test_seed(52));
    assert_int_equal(served(throttle, "192.0.2.1:1", 1000, START), THROTTLE_ADDRESS_BURST);
    struct endpoint from = {.family = ENDPOINT_IPV4, .port = 9};
    for (unsigned i = 0; i < 50000; i++) {
        write_u32(from.addr, 0x08000000 | (rng_u32(&rng) >> 8));
        throttle_query(throttle, &from, START);
    }
    assert_int_equal(served(throttle, "192.0.2.1:1", 10, START), 0);
    throttle_free(throttle);
}

static void few_sources_take_little_memory(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(secret, false);
    for (unsigned second = 0; second < 1000; second++) {
        struct endpoint from = endpoint_of("192.0.2.1:1");
        from.addr[2] = (uint8_t)second;
        from.addr[1] = (uint8_t)(second >> 8);
        throttle_query(throttle, &from, START + 1000 * second);
    }
    assert_true(throttle_bytes(throttle) < 1024);
    throttle_free(throttle);
}

static void memory_of_a_burst_is_given_back(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(secret, false);
    struct endpoint loud = endpoint_of("198.51.100.1:1");
    for (unsigned i = 0; i < 1000; i++) {
        struct endpoint source = {.family = ENDPOINT_IPV4, .addr = {60, 1, 0, 0}, .port = 1};
        write_u16(source.addr + 2, (uint16_t)i);
        throttle_query(throttle, &source, START);
    }
    size_t full = throttle_bytes(throttle);
    throttle_trim(throttle, START);
    assert_true(throttle_bytes(throttle) >= full / 4); /* much of it is in use */
    while (throttle_query(throttle, &loud, START + 60000))
        ;
    throttle_trim(throttle, START + 60000);
    assert_true(throttle_valid(throttle));
    assert_true(throttle_bytes(throttle) < full / 8);
    assert_false(throttle_query(throttle, &loud, START + 60000)); /* it is remembered */
    throttle_trim(throttle, START + 3600000);
    assert_true(throttle_bytes(throttle) < 256);
    throttle_free(throttle);
}

static void an_unproven_address_gets_three_times_what_it_sent(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(secret, false);
    struct endpoint from = endpoint_of("192.0.2.1:1"), other_port = endpoint_of("192.0.2.1:2");
    struct endpoint other = endpoint_of("192.0.2.2:1");
    assert_int_equal(throttle_reply_max(throttle, &from, 60, START), 180);
    assert_int_equal(throttle_reply_max(throttle, &from, MESSAGE_PAD_TO, START), DHT_DATAGRAM_MAX);
    assert_int_equal(throttle_reply_max(throttle, &from, 1200, START), DHT_DATAGRAM_MAX);
    throttle_prove(throttle, &from, START);
    assert_int_equal(throttle_reply_max(throttle, &from, 60, START), DHT_DATAGRAM_MAX);
    assert_int_equal(throttle_reply_max(throttle, &other_port, 60, START), DHT_DATAGRAM_MAX);
    assert_int_equal(throttle_reply_max(throttle, &other, 60, START), 180);
    assert_true(throttle_proven(throttle, &from, START + PROOF_LIFETIME_MS - 1000));
    assert_false(throttle_proven(throttle, &from, START + PROOF_LIFETIME_MS + 1000));
    throttle_free(throttle);
}

/* Against a model that forgets nothing: as long as the table is not full they agree. */
static void table_agrees_with_a_plain_array(void **state)
{
    (void)state;
    struct source_table table;
    uint32_t model[200], now = UINT32_MAX - 3000; /* ticks wrap on the way */
    struct rng rng;
    rng_init_seed(&rng, test_seed(53));
    source_table_init(&table, 4096, 1000);
    for (unsigned i = 0; i < 200; i++)
        model[i] = now;
    for (unsigned step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)rng_below(&rng, 200), tag = 1 + i * 2654435761u;
        int32_t left = (int32_t)(model[i] - now);
        assert_int_equal(source_table_left(&table, tag, now), left > 0 ? left : 0);
        if (rng_below(&rng, 3) == 0) {
            uint32_t set = 1 + (uint32_t)rng_below(&rng, 1000);
            source_table_set(&table, tag, set, now);
            model[i] = now + set;
        }
        now += (uint32_t)rng_below(&rng, 3);
        for (unsigned k = 0; k < 200; k++)
            if ((int32_t)(model[k] - now) < 0)
                model[k] = now;
    }
    assert_true(source_table_valid(&table));
    source_table_dispose(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_a_burst_and_then_a_rate),
        cmocka_unit_test(a_network_has_a_wider_bound),
        cmocka_unit_test(ipv6_counts_by_64_and_48_bits),
        cmocka_unit_test(local_sources_are_told_apart_by_port_and_have_no_network),
        cmocka_unit_test(a_flood_of_sources_stays_within_its_memory),
        cmocka_unit_test(a_loud_source_is_not_forgotten_for_quiet_ones),
        cmocka_unit_test(few_sources_take_little_memory),
        cmocka_unit_test(memory_of_a_burst_is_given_back),
        cmocka_unit_test(an_unproven_address_gets_three_times_what_it_sent),
        cmocka_unit_test(table_agrees_with_a_plain_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
