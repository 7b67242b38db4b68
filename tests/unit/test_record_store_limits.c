#include "support/store_fixture.h"

#include "dht/record_index.h"

/* Record stores under load: who has how much room, what it costs, and who gives way. */

/* ---- quotas ---- */

static void one_address_and_one_network_have_their_caps(void **state)
{
    struct record_store *store = *state;
    unsigned kept = 0;
    for (uint16_t port = 1; port <= 20; port++) {
        struct endpoint host = public_host(1);
        host.port = port;
        kept += put_peer(store, 1, &host, 1, false, START_MS) == CODE_OK;
    }
    assert_int_equal(kept, STORE_PER_ADDRESS_MAX);
    for (uint32_t host = 2; host < 200; host++)
        kept += put_host(store, 1, host, START_MS) == CODE_OK;
    assert_int_equal(kept, STORE_PER_NETWORK_MAX);
    assert_int_equal(put_host(store, 1, 300, START_MS), CODE_OK);
    assert_int_equal(record_store_stats(store)->over_quota, 20 + 198 - STORE_PER_NETWORK_MAX);
}

static void local_hosts_have_none_unless_told_so(void **state)
{
    (void)state;
    struct record_store *loose = record_store_new(&plain), *tight = record_store_new(&strict);
    unsigned kept = 0, kept_tight = 0;
    for (uint16_t port = 1; port <= 100; port++) {
        struct endpoint host = endpoint_of("127.0.0.1:1");
        host.port = port;
        kept += put_peer(loose, 1, &host, 1, false, START_MS) == CODE_OK;
        kept_tight += put_peer(tight, 1, &host, 1, false, START_MS) == CODE_OK;
    }
    assert_int_equal(kept, 100);
    assert_int_equal(kept_tight, STORE_PER_ADDRESS_MAX);
    record_store_free(loose);
    record_store_free(tight);
}

static void one_signer_has_eight_entries_under_a_key(void **state)
{
    struct record_store *store = *state;
    unsigned kept = 0;
    for (uint32_t about = 0; about < 12; about++) {
        struct endpoint host = public_host(about * 256);
        kept += put_entry(store, 1, &host, 1, about, 1, START_MS) == CODE_OK;
    }
    assert_int_equal(kept, 8);
    struct endpoint host = public_host(1);
    assert_int_equal(put_entry(store, 1, &host, 1, 3, 2, START_MS), CODE_OK);  /* a replacement */
    assert_int_equal(put_entry(store, 2, &host, 1, 99, 1, START_MS), CODE_OK); /* another key */
}

/* ---- full keys ---- */

static void a_full_key_gives_up_the_oldest_of_the_largest_network(void **state)
{
    struct record_store *store = *state;
    uint64_t now = START_MS;
    for (uint32_t host = 0; host < STORE_PER_NETWORK_MAX; host++, now += 1000)
        assert_int_equal(put_host(store, 1, host, now), CODE_OK);
    for (uint32_t i = STORE_PER_NETWORK_MAX; i < RECORDS_PER_KEY_MAX; i++)
        assert_int_equal(put_host(store, 1, i * 256, START_MS), CODE_OK);
    assert_int_equal(held(store, 1, KIND_PEER, now), RECORDS_PER_KEY_MAX);
    assert_int_equal(put_host(store, 1, 0x800000, now), CODE_OK);
    assert_int_equal(held(store, 1, KIND_PEER, now), RECORDS_PER_KEY_MAX);
    assert_int_equal(record_store_stats(store)->evicted, 1);
    /* The first of the crowd is gone: its network has room for it again, but the key has not. */
    assert_int_equal(put_host(store, 1, 0, now), CODE_QUOTA);
    assert_int_equal(put_host(store, 1, 200, now), CODE_QUOTA);
    assert_int_equal(put_host(store, 1, 1, now), CODE_OK); /* still there */
}

static void entries_from_disk_are_each_their_own_network(void **state)
{
    struct record_store *store = *state;
    struct endpoint flood = public_host(1);
    for (uint32_t signer = 0; signer < 200; signer++)
        assert_int_equal(put_entry(store, 1, signer < 10 ? NULL : &flood, signer, 1, 1, START_MS),
                         CODE_OK);
    assert_int_equal(put_entry(store, 1, &flood, 1000, 1, 1, START_MS), CODE_QUOTA);
    struct endpoint other = public_host(0x10000);
    assert_int_equal(put_entry(store, 1, &other, 1001, 1, 1, START_MS), CODE_OK);
    for (uint32_t signer = 0; signer < 10; signer++) /* all still there: older ones are refused */
        assert_int_equal(put_entry(store, 1, NULL, signer, 1, 0, START_MS), CODE_OLDER);
}

/* ---- memory ---- */

/* Without looking at the whole store after each. */
static enum message_code put_quickly(struct record_store *store, const struct id *key,
                                     const struct endpoint *source,
                                     const struct peer_record *record, uint64_t now_ms)
{
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(record, &value);
    struct record_put put = {.key = *key,
                             .kind = KIND_PEER,
                             .value = buffer_bytes(&value),
                             .source = source,
                             .lifetime_cap_s = NO_CAP};
    enum message_code code = record_store_put(store, &put, now_ms, START_UNIX);
    buffer_dispose(&value);
    return code;
}

static void memory_stays_within_the_budget(void **state)
{
    enum { BUDGET = 256 * 1024 };
    struct record_store *store = store_with_budget(state, BUDGET);
    struct rng rng;
    rng_init_seed(&rng, test_seed(61));
    struct id key;
    uint64_t now = START_MS;
    unsigned kept = 0;
    for (unsigned i = 0; i < 5000; i++, now += 100) {
        struct endpoint host = public_host(rng_u32(&rng) & 0x3fffffff);
        struct peer_record record = {.tcp_port = 1};
        rng_fill(&rng, key.bytes, ID_BYTES);
        kept += put_quickly(store, &key, &host, &record, now) == CODE_OK;
        assert_true(record_store_stats(store)->bytes <= BUDGET);
    }
    assert_true(record_store_valid(store));
    assert_in_range(kept, BUDGET / 2 / 100, 3000); /* no worse than those who came later */
    assert_int_equal(record_store_stats(store)->records + record_store_stats(store)->evicted, kept);
    kept = 0;
    now = START_MS + 40 * 60 * 1000; /* nobody has renewed any */
    for (unsigned i = 0; i < 500; i++) {
        struct endpoint host = public_host(rng_u32(&rng) & 0x3fffffff);
        struct peer_record record = {.tcp_port = 1};
        rng_fill(&rng, key.bytes, ID_BYTES);
        kept += put_quickly(store, &key, &host, &record, now) == CODE_OK;
        assert_true(record_store_stats(store)->bytes <= BUDGET);
    }
    assert_in_range(kept, 400, 500);
    unsigned turns = 0; /* no more at a time than is quickly done */
    for (now += DAY_MS; record_store_deadline(store) <= now; now += STORE_SWEEP_MS, turns++)
        record_store_expire(store, now);
    assert_in_range(turns, 1, 3);
    assert_int_equal(record_store_stats(store)->records, 0);
    assert_true(record_store_stats(store)->bytes < 2048); /* the tables gave it back */
}

static void a_key_that_empties_gives_memory_back(void **state)
{
    struct record_store *store = *state;
    for (uint32_t i = 0; i < 400; i++)
        put_host(store, 1, i * 256, START_MS);
    size_t full = record_store_stats(store)->bytes;
    put_host(store, 1, 0, START_MS + 3000000);
    record_store_expire(store, START_MS + HOUR_MS);
    assert_int_equal(record_store_stats(store)->records, 1);
    assert_true(record_store_stats(store)->bytes < full / 8);
    record_store_expire(store, START_MS + DAY_MS);
    assert_int_equal(record_store_stats(store)->keys, 0);
}

static void one_source_has_a_small_share_of_the_memory(void **state)
{
    enum { BUDGET = 256 * 1024 };
    struct record_store *store = store_with_budget(state, BUDGET);
    size_t share = BUDGET / 2 / STORE_ADDRESS_SHARE;
    unsigned kept = 0;
    for (unsigned key = 0; key < 256; key++)
        kept += put_host(store, (uint8_t)key, 1, START_MS) == CODE_OK;
    assert_in_range(kept, 20, share / sizeof(struct record));
    assert_int_equal(put_host(store, 0, 2, START_MS), CODE_OK);
    for (uint32_t i = 2; i < 255; i++) {
        for (unsigned key = 0; key < 40; key++)
            kept += put_host(store, (uint8_t)(key + i), i, START_MS) == CODE_OK;
        if (record_store_stats(store)->over_quota > 2000)
            break;
    }
    assert_true(record_store_stats(store)->bytes < BUDGET / 4);
    assert_int_equal(put_host(store, 0, 0x10000, START_MS), CODE_OK);
    record_store_expire(store, START_MS + DAY_MS); /* the share is free again */
    assert_int_equal(put_host(store, 0, 1, START_MS + DAY_MS), CODE_OK);
}

static void signed_records_cannot_push_out_the_others(void **state)
{
    struct record_store *store = store_with_budget(state, 64 * 1024);
    for (uint8_t key = 0; key < 50; key++)
        assert_int_equal(put_host(store, key, key * 256u, START_MS), CODE_OK);
    for (uint32_t i = 0; i < 400; i++) {
        struct endpoint host = public_host(i * 256);
        put_entry(store, (uint8_t)i, &host, i, 1, 1, START_MS);
        assert_true(record_store_stats(store)->bytes <= 64 * 1024);
    }
    assert_in_range(record_store_stats(store)->records, 50 + 20, 50 + 150);
    for (uint8_t key = 0; key < 50; key++)
        assert_int_equal(held(store, key, KIND_PEER, START_MS), 1);
}

/* What a peer record costs, tables and all: alone under its key, and among many. */
static void a_peer_record_is_small(void **state)
{
    (void)state;
    struct record_store *alone = record_store_new(&plain), *crowd = record_store_new(&plain);
    size_t fixed = record_store_stats(alone)->bytes, most = 0, most_in_crowd = 0;
    struct rng rng;
    rng_init_seed(&rng, test_seed(62));
    for (unsigned i = 1; i <= 60000; i++) {
        struct peer_record record = {.tcp_port = 60000, .pieces_held = 70000};
        struct endpoint host = public_host(rng_u32(&rng) & 0x3fffffff);
        struct id key = {.bytes = {(uint8_t)(i / 1000), (uint8_t)(i / 256000)}};
        assert_int_equal(put_quickly(crowd, &key, &host, &record, START_MS), CODE_OK);
        rng_fill(&rng, key.bytes, ID_BYTES);
        assert_int_equal(put_quickly(alone, &key, &host, &record, START_MS), CODE_OK);
        size_t each = (record_store_stats(alone)->bytes - fixed) / i;
        size_t each_in_crowd = (record_store_stats(crowd)->bytes - fixed) / i;
        if (i >= 1000) { /* at every size */
            most = each > most ? each : most;
            most_in_crowd = each_in_crowd > most_in_crowd ? each_in_crowd : most_in_crowd;
        }
    }
    print_message("# at most %zu bytes alone under a key, %zu among many\n", most, most_in_crowd);
    assert_in_range(most, 80, 100);
    assert_in_range(most_in_crowd, 32, 50);
    record_store_free(alone);
    record_store_free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(one_address_and_one_network_have_their_caps),
        cmocka_unit_test(local_hosts_have_none_unless_told_so),
        store_test(one_signer_has_eight_entries_under_a_key),
        store_test(a_full_key_gives_up_the_oldest_of_the_largest_network),
        store_test(entries_from_disk_are_each_their_own_network),
        store_test(memory_stays_within_the_budget),
        store_test(a_key_that_empties_gives_memory_back),
        store_test(one_source_has_a_small_share_of_the_memory),
        store_test(signed_records_cannot_push_out_the_others),
        cmocka_unit_test(a_peer_record_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
