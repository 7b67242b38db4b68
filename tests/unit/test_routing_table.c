#include "support/unit.h"

#include <string.h>

#include "dht/node_id.h"
#include "dht/params.h"
#include "dht/routing_table.h"

/* Ids by their first byte: our own is 00…, so 80… shares no bit with it and 01… seven. `number`
 * tells those of one first byte apart. */
static struct id id_of(uint8_t first, uint8_t number)
{
    return (struct id){.bytes = {first, [ID_BYTES - 1] = number}};
}

static struct contact contact_of(uint8_t first, uint8_t number, uint64_t seen_ms)
{
    return (struct contact){
        .id = id_of(first, number),
        .endpoint = {.family = ENDPOINT_IPV4, .addr = {10, 0, first, number}, .port = 1000},
        .seen_ms = seen_ms};
}

static enum seen_result see(struct routing_table *table, uint8_t first, uint8_t number,
                            uint64_t now_ms)
{
    struct contact who = contact_of(first, number, now_ms), oldest;
    return routing_table_seen(table, &who, &oldest);
}

static struct routing_table *table_of(struct id self, uint8_t family)
{
    struct routing_table_config config = {.self = self, .family = family};
    struct routing_table *table = routing_table_new(&config);
    assert_non_null(table);
    return table;
}

static struct routing_table *new_table(void)
{
    return table_of(id_of(0, 0), ENDPOINT_IPV4);
}

/* The far half of the space, full: 80…01 to 80…14 (hex), seen at 1 s to 20 s. */
static struct routing_table *full_far_bucket(void)
{
    struct routing_table *table = new_table();
    for (unsigned i = 1; i <= DHT_K; i++)
        assert_int_equal(see(table, 0x80, (uint8_t)i, i * 1000), SEEN_ADDED);
    assert_int_equal(see(table, 0x01, 1, 21000), SEEN_ADDED); /* near: makes the bucket split */
    assert_int_equal(routing_table_buckets(table), 2);
    return table;
}

static void only_our_own_bucket_splits(void **state)
{
    (void)state;
    struct routing_table *table = new_table();
    for (unsigned i = 0; i < DHT_K; i++)
        assert_int_equal(see(table, 0x01, (uint8_t)i, 0), SEEN_ADDED);
    assert_int_equal(routing_table_buckets(table), 1);
    assert_int_equal(see(table, 0x80, 0, 0), SEEN_ADDED);
    assert_int_equal(routing_table_buckets(table), 2);
    assert_int_equal(see(table, 0x01, 99, 0), SEEN_IGNORED); /* all of them share seven bits */
    assert_int_equal(routing_table_buckets(table), 9);
    assert_true(routing_table_valid(table));
    routing_table_free(table);
}

static void full_bucket_asks_for_its_oldest(void **state)
{
    (void)state;
    struct routing_table *table = full_far_bucket();
    struct contact oldest, newcomer = contact_of(0x81, 1, 1000 + ROUTING_FRESH_MS);
    assert_int_equal(routing_table_seen(table, &newcomer, &oldest), SEEN_ASK_OLDEST);
    struct id expected = id_of(0x80, 1);
    assert_true(id_equal(&oldest.id, &expected));

    /* It answers: it stays, is the youngest, and the next one is the oldest. */
    assert_int_equal(see(table, 0x80, 1, 2000 + ROUTING_FRESH_MS), SEEN_REFRESHED);
    newcomer.seen_ms = 2000 + ROUTING_FRESH_MS;
    assert_int_equal(routing_table_seen(table, &newcomer, &oldest), SEEN_ASK_OLDEST);
    expected = id_of(0x80, 2);
    assert_true(id_equal(&oldest.id, &expected));
    assert_int_equal(routing_table_count(table), DHT_K + 1);
    routing_table_free(table);
}

static void bucket_of_fresh_contacts_ignores_newcomers(void **state)
{
    (void)state;
    struct routing_table *table = full_far_bucket();
    assert_int_equal(see(table, 0x81, 1, 30000), SEEN_IGNORED);
    assert_false(routing_table_find(table, &(struct id){{0x81, [19] = 1}}, NULL));
    routing_table_free(table);
}

static void candidate_replaces_who_is_silent_twice(void **state)
{
    (void)state;
    struct routing_table *table = full_far_bucket();
    struct id silent = id_of(0x80, 7), candidate = id_of(0x81, 1);
    struct contact found;
    see(table, 0x81, 1, 30000);
    assert_int_equal(routing_table_failed(table, &silent), FAILED_COUNTED);
    assert_true(routing_table_find(table, &silent, &found));
    assert_int_equal(found.failures, 1);
    assert_int_equal(routing_table_failed(table, &silent), FAILED_REPLACED);
    assert_false(routing_table_find(table, &silent, &found));
    assert_true(routing_table_find(table, &candidate, &found));
    assert_int_equal(routing_table_count(table), DHT_K + 1);
    assert_true(routing_table_valid(table));
    routing_table_free(table);
}

static void silent_without_candidate_is_dropped_later(void **state)
{
    (void)state;
    struct routing_table *table = new_table();
    struct id silent = id_of(0x80, 7);
    see(table, 0x80, 7, 0);
    for (unsigned i = 1; i < ROUTING_FAILURES_MAX; i++)
        assert_int_equal(routing_table_failed(table, &silent), FAILED_COUNTED);
    assert_int_equal(routing_table_failed(table, &silent), FAILED_DROPPED);
    assert_int_equal(routing_table_count(table), 0);
    assert_int_equal(routing_table_failed(table, &silent), FAILED_UNKNOWN);
    routing_table_free(table);
}

static void silent_contacts_are_not_handed_out(void **state)
{
    (void)state;
    struct routing_table *table = new_table();
    struct id silent = id_of(0x80, 1), target = id_of(0x80, 0);
    struct contact out[4];
    see(table, 0x80, 1, 0);
    see(table, 0x80, 2, 0);
    routing_table_failed(table, &silent);
    assert_int_equal(routing_table_closest(table, &target, out, 4), 1);
    assert_int_equal(out[0].id.bytes[19], 2);
    see(table, 0x80, 1, 1000); /* it answered again */
    assert_int_equal(routing_table_closest(table, &target, out, 4), 2);
    routing_table_free(table);
}

static void known_id_elsewhere_is_believed_only_when_the_known_one_is_dropped(void **state)
{
    (void)state;
    struct routing_table *table = new_table();
    struct contact thief = contact_of(0x80, 1, 5000), found, oldest;
    thief.endpoint.addr[0] = 11;
    see(table, 0x80, 1, 0);
    assert_int_equal(routing_table_seen(table, &thief, &oldest), SEEN_ELSEWHERE);
    assert_int_equal(oldest.endpoint.addr[0], 10); /* whom to ask */

    while (routing_table_failed(table, &thief.id) == FAILED_COUNTED) {
        assert_int_equal(routing_table_seen(table, &thief, &oldest), SEEN_ELSEWHERE);
        assert_true(routing_table_find(table, &thief.id, &found));
        assert_int_equal(found.endpoint.addr[0], 10);
    }
    assert_int_equal(routing_table_seen(table, &thief, &oldest), SEEN_ADDED);
    assert_true(routing_table_find(table, &thief.id, &found));
    assert_int_equal(found.endpoint.addr[0], 11);
    assert_int_equal(routing_table_count(table), 1);
    routing_table_free(table);
}

static void new_id_at_a_known_endpoint_drops_the_old_one(void **state)
{
    (void)state;
    struct routing_table *table = new_table();
    struct contact changed = contact_of(0x80, 1, 0), oldest;
    see(table, 0x80, 1, 0);
    changed.id = id_of(0x40, 9);
    assert_int_equal(routing_table_seen(table, &changed, &oldest), SEEN_ADDED);
    assert_int_equal(routing_table_count(table), 1);
    routing_table_free(table);
}

static void neighbours_are_kept_beyond_k(void **state)
{
    (void)state;
    struct routing_table *table = full_far_bucket();
    /* One contact is nearer than the far half, so 19 of that are neighbours; 80…00 would be. */
    assert_int_equal(see(table, 0x80, 0, 30000), SEEN_ADDED);
    /* 81… is farther than twenty of them. */
    assert_int_equal(see(table, 0x81, 0, 30000), SEEN_IGNORED);
    assert_true(routing_table_valid(table));
    routing_table_free(table);
}

static void what_cannot_be_a_contact_is_ignored(void **state)
{
    (void)state;
    struct routing_table *table = new_table();
    struct contact who = contact_of(0, 0, 0), oldest;
    assert_int_equal(routing_table_seen(table, &who, &oldest), SEEN_IGNORED); /* our id */
    who = contact_of(0x80, 1, 0);
    who.endpoint.port = 0;
    assert_int_equal(routing_table_seen(table, &who, &oldest), SEEN_IGNORED);
    who.endpoint = (struct endpoint){.family = ENDPOINT_IPV6, .addr = {0x20, 1}, .port = 1};
    assert_int_equal(routing_table_seen(table, &who, &oldest), SEEN_IGNORED);
    assert_int_equal(routing_table_count(table), 0);
    routing_table_free(table);
}

static void round_trips_are_smoothed(void **state)
{
    (void)state;
    struct routing_table *table = new_table();
    struct contact who = contact_of(0x80, 1, 0), oldest;
    who.rtt_ms = 100;
    routing_table_seen(table, &who, &oldest);
    who.rtt_ms = 900;
    routing_table_seen(table, &who, &oldest);
    assert_true(routing_table_find(table, &who.id, &who));
    assert_int_equal(who.rtt_ms, 200);
    who.rtt_ms = 1000000;
    for (int i = 0; i < 100; i++)
        routing_table_seen(table, &who, &oldest);
    assert_true(routing_table_find(table, &who.id, &who));
    assert_in_range(who.rtt_ms, 4000, 4095);
    routing_table_free(table);
}

static void contacts_keep_their_ipv6_addresses(void **state)
{
    (void)state;
    struct routing_table *table = table_of(id_of(0, 0), ENDPOINT_IPV6);
    struct contact who = {.id = id_of(0x80, 1), .seen_ms = 7000}, oldest, found;
    assert_true(endpoint_parse("[2001:db8::8:800:200c:417a]:61881", &who.endpoint));
    assert_int_equal(routing_table_seen(table, &who, &oldest), SEEN_ADDED);
    assert_true(routing_table_at(table, 0, &found));
    assert_true(endpoint_equal(&found.endpoint, &who.endpoint));
    assert_int_equal(found.seen_ms, 7000);
    routing_table_free(table);
}

static void random_ids_fall_into_their_bucket(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(4));
    struct routing_table *table = full_far_bucket();
    struct id self = id_of(0, 0);
    for (int i = 0; i < 50; i++) {
        struct id far = routing_table_random_id(table, 0, &rng);
        struct id near = routing_table_random_id(table, 1, &rng);
        assert_int_equal(id_common_bits(&self, &far), 0);
        assert_true(id_common_bits(&self, &near) >= 1);
    }
    routing_table_free(table);
}

static void untouched_bucket_is_due_first(void **state)
{
    (void)state;
    struct routing_table *table = full_far_bucket();
    struct id far = id_of(0x90, 0), near = id_of(0, 1);
    uint64_t due_ms;
    routing_table_touch(table, &far, 5000);
    routing_table_touch(table, &near, 9000);
    assert_int_equal(routing_table_refresh_next(table, &due_ms), 0);
    assert_int_equal(due_ms, 5000);
    routing_table_touch(table, &far, 12000);
    assert_int_equal(routing_table_refresh_next(table, &due_ms), 1);
    routing_table_refresh_poor(table, DHT_K, 1000);
    assert_int_equal(routing_table_refresh_next(table, &due_ms), 1);
    assert_int_equal(due_ms, 1000); /* the last one; the other has enough */
    routing_table_refresh_poor(table, DHT_K + 1, 900);
    assert_int_equal(routing_table_refresh_next(table, &due_ms), 0);
    assert_int_equal(due_ms, 0); /* whole seconds */
    assert_true(routing_table_is_poor(table, &far, DHT_K + 1));
    assert_false(routing_table_is_poor(table, &far, DHT_K));
    assert_false(routing_table_is_poor(table, &near, DHT_K));
    routing_table_free(table);
}

static void network_size_follows_from_density(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(5));
    double sum = 0;
    for (int round = 0; round < 20; round++) {
        struct routing_table *table = table_of(id_of((uint8_t)round, 0), ENDPOINT_IPV4);
        for (unsigned i = 0; i < 2000; i++) {
            struct contact who = contact_of(0, 0, 0), oldest;
            rng_fill(&rng, who.id.bytes, ID_BYTES);
            write_u16(who.endpoint.addr + 2, (uint16_t)(i + 1));
            routing_table_seen(table, &who, &oldest);
        }
        sum += (double)routing_table_network_size(table);
        /* log2(2000 / 20) buckets of 20, and the neighbourhood */
        assert_in_range(routing_table_count(table), 120, 200);
        assert_true(routing_table_bytes(table) < 200 * 40 + 500);
        routing_table_free(table);
    }
    assert_in_range((unsigned)(sum / 20), 1600, 2400);
}

static void wide_buckets_hold_more_the_farther_they_are(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(7));
    struct routing_table_config config = {.family = ENDPOINT_IPV4, .wide = true};
    struct routing_table *table = routing_table_new(&config);
    for (unsigned i = 0; i < 20000; i++) {
        struct contact who = contact_of(0, 0, 0), oldest;
        rng_fill(&rng, who.id.bytes, ID_BYTES);
        write_u16(who.endpoint.addr + 2, (uint16_t)(i + 1));
        routing_table_seen(table, &who, &oldest);
    }
    size_t held[ID_BITS] = {0};
    struct contact contact;
    for (size_t i = 0; routing_table_at(table, i, &contact); i++)
        held[id_common_bits(&config.self, &contact.id)]++;
    static const size_t expected[] = {128, 64, 32, DHT_K, DHT_K, DHT_K};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(routing_table_capacity(table, i), expected[i]);
        assert_int_equal(held[i], expected[i]);
    }
    assert_true(routing_table_valid(table));
    routing_table_free(table);
}

/* Number `number` of a public /24, its id anywhere: 80.0.`network`.`number`. */
static struct contact public_contact(struct rng *rng, uint8_t network, uint8_t number)
{
    struct contact who = {
        .endpoint = {.family = ENDPOINT_IPV4, .addr = {80, 0, network, number}, .port = 1000}};
    who.id = node_id_of_address(&who.endpoint, rng);
    return who;
}

static size_t count_of_network(const struct routing_table *table, uint8_t network)
{
    size_t count = 0;
    struct contact contact;
    for (size_t i = 0; routing_table_at(table, i, &contact); i++)
        count += contact.endpoint.addr[0] == 80 && contact.endpoint.addr[2] == network;
    return count;
}

static void a_public_network_has_two_in_a_bucket_and_ten_in_all(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(8));
    struct routing_table *table = new_table();
    for (unsigned i = 1; i <= 20; i++) { /* all in the last bucket, the only one */
        struct contact who = public_contact(&rng, 1, (uint8_t)i), oldest;
        routing_table_seen(table, &who, &oldest);
    }
    assert_int_equal(count_of_network(table, 1), ROUTING_PER_BUCKET);
    assert_int_equal(routing_table_crowded(table), 20 - ROUTING_PER_BUCKET);

    for (unsigned first = 1; first < 0x100; first *= 2) /* eight buckets */
        for (unsigned i = 0; i < DHT_K; i++)
            see(table, (uint8_t)first, (uint8_t)i, 0);
    for (unsigned i = 0; i < 10000; i++) {
        struct contact who = public_contact(&rng, 1, (uint8_t)i), oldest;
        who.id.bytes[0] = (uint8_t)(1u << rng_below(&rng, 8)); /* picks its bucket: a misfit */
        routing_table_seen(table, &who, &oldest);
        assert_true(count_of_network(table, 1) <= ROUTING_PER_TABLE);
    }
    assert_true(routing_table_valid(table));
    routing_table_free(table);
}

static void a_large_table_takes_one_of_each_public_network(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(12));
    struct routing_table *table = new_table();
    for (unsigned first = 1; first < 0x100; first *= 2)
        for (unsigned i = 0; i < DHT_K / 2; i++)
            see(table, (uint8_t)first, (uint8_t)i, 0);
    assert_true(routing_table_count(table) >= ROUTING_DIVERSE);
    for (unsigned i = 0; i < 1000; i++) { /* there is room for them in every bucket */
        struct contact who = public_contact(&rng, (uint8_t)(i % 4), (uint8_t)i), oldest;
        routing_table_seen(table, &who, &oldest);
    }
    for (uint8_t network = 0; network < 4; network++)
        assert_int_equal(count_of_network(table, network), 1);
    routing_table_free(table);
}

/* One of its own /16 each: `number` is the second byte of its address. */
static struct contact distant_contact(struct rng *rng, uint8_t number)
{
    struct contact who = {
        .endpoint = {.family = ENDPOINT_IPV4, .addr = {81, number, 1, 1}, .port = 1000}};
    who.id = node_id_of_address(&who.endpoint, rng);
    return who;
}

static void see_distant(struct routing_table *table, struct rng *rng, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct contact who = distant_contact(rng, (uint8_t)i), oldest;
        routing_table_seen(table, &who, &oldest);
    }
}

static size_t count_of_networks(const struct routing_table *table)
{
    return count_of_network(table, 0) + count_of_network(table, 1) + count_of_network(table, 2) +
           count_of_network(table, 3);
}

static void networks_of_one_provider_have_one_contact_of_a_hundred(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(13));
    struct routing_table_config config = {.family = ENDPOINT_IPV4, .wide = true};
    struct routing_table *table = routing_table_new(&config);
    see_distant(table, &rng, 0, 80);
    for (unsigned i = 0; i < 1000; i++) {
        struct contact who = public_contact(&rng, (uint8_t)(i % 4), (uint8_t)i), oldest;
        routing_table_seen(table, &who, &oldest);
    }
    assert_int_equal(count_of_networks(table), 1);
    assert_true(routing_table_count(table) > 70);
    routing_table_free(table);
}

static void those_who_came_early_of_a_crowd_give_way_to_others(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(14));
    struct routing_table_config config = {.family = ENDPOINT_IPV4, .wide = true};
    struct routing_table *table = routing_table_new(&config);
    for (unsigned i = 0; i < 1000; i++) {
        struct contact who = public_contact(&rng, (uint8_t)(i % 4), (uint8_t)i), oldest;
        routing_table_seen(table, &who, &oldest);
    }
    assert_true(count_of_networks(table) >= 4 * ROUTING_PER_BUCKET);
    see_distant(table, &rng, 0, 120);
    for (uint8_t network = 0; network < 4; network++)
        assert_true(count_of_network(table, network) <= 1);
    assert_true(routing_table_valid(table));
    routing_table_free(table);
}

static void a_neighbour_takes_the_place_of_a_far_one_of_its_network(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(15));
    struct contact far, near = public_contact(&rng, 1, 2), oldest, found;
    do
        far = public_contact(&rng, 1, 1);
    while (id_common_bits(&far.id, &near.id) > 0);
    struct routing_table_config config = {.self = near.id, .family = ENDPOINT_IPV4, .wide = true};
    config.self.bytes[ID_BYTES - 1] ^= 1;
    struct routing_table *table = routing_table_new(&config);
    see_distant(table, &rng, 0, 60);
    assert_int_equal(routing_table_seen(table, &far, &oldest), SEEN_ADDED);
    size_t count = routing_table_count(table);
    assert_true(routing_table_wants(table, &near.id, &near.endpoint, 0));
    assert_int_equal(routing_table_seen(table, &near, &oldest), SEEN_ADDED);
    assert_true(routing_table_find(table, &near.id, &found));
    assert_false(routing_table_find(table, &far.id, &found));
    assert_int_equal(routing_table_count(table), count);
    assert_false(routing_table_wants(table, &far.id, &far.endpoint, 0));
    routing_table_free(table);
}

static void local_networks_may_crowd_unless_limits_are_forced_on_them(void **state)
{
    (void)state;
    for (int forced = 0; forced <= 1; forced++) {
        struct routing_table_config config = {.family = ENDPOINT_IPV4, .limit_local = forced};
        struct routing_table *table = routing_table_new(&config);
        for (unsigned i = 0; i < DHT_K; i++) /* 10.0.128.0/24 */
            see(table, 0x80, (uint8_t)i, 0);
        assert_int_equal(routing_table_count(table), forced ? ROUTING_PER_BUCKET : DHT_K);
        routing_table_free(table);
    }
}

static void who_fits_and_is_first_of_its_network_takes_the_place_of_others(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(9));
    struct routing_table *table = full_far_bucket();
    struct id local = id_of(0x80, 1), fitting;
    struct contact who, oldest, found;
    do
        who = public_contact(&rng, 1, (uint8_t)rng_below(&rng, 256));
    while ((who.id.bytes[0] & 0x80) == 0);
    fitting = who.id;
    assert_int_equal(routing_table_seen(table, &who, &oldest), SEEN_IGNORED); /* all are good */

    routing_table_remove(table, &local); /* the candidate comes in */
    assert_true(routing_table_find(table, &fitting, &found));
    struct contact misfit = contact_of(0x80, 1, 0);
    misfit.endpoint.addr[0] = 81;
    local = id_of(0x80, 2);
    routing_table_remove(table, &local);
    assert_int_equal(routing_table_seen(table, &misfit, &oldest), SEEN_ADDED); /* there is room */
    assert_int_equal(see(table, 0xff, 7, 0), SEEN_ADDED);                      /* in its place */
    assert_false(routing_table_find(table, &misfit.id, &found));
    assert_true(routing_table_find(table, &fitting, &found));
    routing_table_free(table);
}

static void of_one_public_address_only_the_nearest_is_named(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(10));
    struct routing_table *table = new_table();
    struct contact one = public_contact(&rng, 1, 1), other = one, out[4], oldest;
    other.endpoint.port++;
    other.id.bytes[10] ^= 1;
    routing_table_seen(table, &one, &oldest);
    routing_table_seen(table, &other, &oldest);
    assert_int_equal(routing_table_count(table), 2);
    assert_int_equal(routing_table_closest(table, &one.id, out, 4), 1);
    assert_true(id_equal(&out[0].id, &one.id));
    assert_int_equal(routing_table_closest(table, &other.id, out, 4), 1);
    assert_true(id_equal(&out[0].id, &other.id));
    routing_table_free(table);
}

static void those_who_fit_are_named_before_nearer_ones_who_do_not(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(11));
    struct routing_table *table = new_table();
    struct contact fitting = public_contact(&rng, 1, 1), misfit = fitting, out[4], oldest;
    misfit.endpoint.addr[0]++;
    misfit.id.bytes[10] ^= 1;
    routing_table_seen(table, &misfit, &oldest);
    routing_table_seen(table, &fitting, &oldest);
    assert_int_equal(routing_table_closest(table, &misfit.id, out, 4), 2);
    assert_true(id_equal(&out[0].id, &fitting.id));
    assert_int_equal(routing_table_closest(table, &misfit.id, out, 1), 1);
    assert_true(id_equal(&out[0].id, &fitting.id));
    routing_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_our_own_bucket_splits),
        cmocka_unit_test(full_bucket_asks_for_its_oldest),
        cmocka_unit_test(bucket_of_fresh_contacts_ignores_newcomers),
        cmocka_unit_test(candidate_replaces_who_is_silent_twice),
        cmocka_unit_test(silent_without_candidate_is_dropped_later),
        cmocka_unit_test(silent_contacts_are_not_handed_out),
        cmocka_unit_test(known_id_elsewhere_is_believed_only_when_the_known_one_is_dropped),
        cmocka_unit_test(new_id_at_a_known_endpoint_drops_the_old_one),
        cmocka_unit_test(neighbours_are_kept_beyond_k),
        cmocka_unit_test(what_cannot_be_a_contact_is_ignored),
        cmocka_unit_test(round_trips_are_smoothed),
        cmocka_unit_test(contacts_keep_their_ipv6_addresses),
        cmocka_unit_test(random_ids_fall_into_their_bucket),
        cmocka_unit_test(untouched_bucket_is_due_first),
        cmocka_unit_test(network_size_follows_from_density),
        cmocka_unit_test(wide_buckets_hold_more_the_farther_they_are),
        cmocka_unit_test(a_public_network_has_two_in_a_bucket_and_ten_in_all),
        cmocka_unit_test(a_large_table_takes_one_of_each_public_network),
        cmocka_unit_test(networks_of_one_provider_have_one_contact_of_a_hundred),
        cmocka_unit_test(those_who_came_early_of_a_crowd_give_way_to_others),
        cmocka_unit_test(a_neighbour_takes_the_place_of_a_far_one_of_its_network),
        cmocka_unit_test(local_networks_may_crowd_unless_limits_are_forced_on_them),
        cmocka_unit_test(who_fits_and_is_first_of_its_network_takes_the_place_of_others),
        cmocka_unit_test(of_one_public_address_only_the_nearest_is_named),
        cmocka_unit_test(those_who_fit_are_named_before_nearer_ones_who_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
