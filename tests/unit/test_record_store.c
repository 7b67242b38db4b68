#include "support/store_fixture.h"

/* Record stores: what is put can be got, replaced, withdrawn and refused, and ends in time. */

/* ---- found and replaced ---- */

static void a_peer_is_found_under_its_key_and_kind_alone(void **state)
{
    struct record_store *store = *state;
    struct message_value out[MESSAGE_VALUES_MAX];
    struct endpoint host = endpoint_of("192.0.2.1:7000");
    struct peer_record peer;
    assert_int_equal(put_peer(store, 1, &host, 5, false, START_MS), CODE_OK);
    struct record_sample sample = get_all(store, 1, KIND_PEER, out, START_MS);
    assert_int_equal(sample.total, 1);
    assert_int_equal(sample.count, 1);
    assert_false(sample.more);
    assert_true(out[0].with_from);
    assert_true(endpoint_equal(&out[0].from, &host));
    assert_true(peer_record_decode(out[0].value, &peer));
    assert_int_equal(peer.pieces_held, 5);
    assert_int_equal(held(store, 2, KIND_PEER, START_MS), 0);
    assert_int_equal(held(store, 1, KIND_AVAILABILITY, START_MS), 0);
    assert_int_equal(held(store, 1, 9, START_MS), 0);
}

static void a_later_value_of_the_same_address_and_port_replaces(void **state)
{
    struct record_store *store = *state;
    struct message_value out[MESSAGE_VALUES_MAX];
    struct endpoint host = endpoint_of("192.0.2.1:7000"), port = endpoint_of("192.0.2.1:7001");
    struct endpoint six = endpoint_of("[2001:db8::1]:7000");
    struct peer_record peer;
    put_peer(store, 1, &host, 5, false, START_MS);
    assert_int_equal(put_peer(store, 1, &host, 4, false, START_MS), CODE_OK);
    assert_int_equal(get_all(store, 1, KIND_PEER, out, START_MS).total, 1);
    assert_true(peer_record_decode(out[0].value, &peer));
    assert_int_equal(peer.pieces_held, 4);
    assert_int_equal(put_peer(store, 1, &port, 4, false, START_MS), CODE_OK);
    assert_int_equal(put_peer(store, 1, &six, 4, false, START_MS), CODE_OK);
    assert_int_equal(held(store, 1, KIND_PEER, START_MS), 3);
}

static void an_older_entry_is_refused_and_a_newer_one_replaces(void **state)
{
    struct record_store *store = *state;
    struct message_value out[MESSAGE_VALUES_MAX];
    struct endpoint a = public_host(1), b = public_host(2);
    struct entry_record record;
    assert_int_equal(put_entry(store, 1, &a, 1, 1, 5, START_MS), CODE_OK);
    assert_int_equal(put_entry(store, 1, &b, 1, 1, 5, START_MS), CODE_OK); /* the same bytes */
    assert_int_equal(put_entry(store, 1, &a, 1, 1, 4, START_MS), CODE_OLDER);
    assert_int_equal(put_entry(store, 1, &b, 1, 1, 6, START_MS), CODE_OK);
    assert_int_equal(get_all(store, 1, KIND_ENTRY, out, START_MS).total, 1);
    assert_true(entry_record_decode(out[0].value, &record));
    assert_int_equal(record.seq, 6);
    assert_false(out[0].with_from);
    assert_int_equal(put_entry(store, 1, &a, 1, 2, 1, START_MS), CODE_OK); /* another subject */
    assert_int_equal(put_entry(store, 1, &a, 2, 1, 1, START_MS), CODE_OK); /* another signer */
    assert_int_equal(held(store, 1, KIND_ENTRY, START_MS), 3);
    assert_int_equal(record_store_stats(store)->older, 1);
}

static void an_empty_bitfield_withdraws(void **state)
{
    struct record_store *store = *state;
    assert_int_equal(put_bits(store, 1, "192.0.2.1:1", 128, START_MS), CODE_OK);
    assert_int_equal(put_bits(store, 1, "192.0.2.2:1", 10, START_MS), CODE_OK);
    assert_int_equal(put_bits(store, 1, "192.0.2.1:1", 0, START_MS), CODE_OK);
    assert_int_equal(held(store, 1, KIND_AVAILABILITY, START_MS), 1);
    assert_int_equal(put_bits(store, 1, "192.0.2.3:1", 0, START_MS), CODE_OK);
    assert_int_equal(held(store, 1, KIND_AVAILABILITY, START_MS), 1);
    assert_int_equal(put_bits(store, 1, "192.0.2.2:1", 0, START_MS), CODE_OK);
    assert_int_equal(record_store_stats(store)->keys, 0);
}

static void what_is_malformed_or_badly_signed_is_refused(void **state)
{
    static const uint8_t big[800];
    struct record_store *store = *state;
    struct endpoint host = public_host(1);
    struct buffer value;
    buffer_init(&value);
    make_entry(&value, 1, 1, 1, 1, START_UNIX + 1000);
    assert_int_equal(put_value(store, 2, KIND_ENTRY, &host, buffer_bytes(&value), START_MS),
                     CODE_BAD_SIGNATURE); /* made for another key */
    assert_int_equal(put_value(store, 1, KIND_PEER, &host, buffer_bytes(&value), START_MS),
                     CODE_TOO_BIG);
    assert_int_equal(put_value(store, 1, KIND_ENTRY, &host, bytes_of(big, 800), START_MS),
                     CODE_TOO_BIG);
    assert_int_equal(put_value(store, 1, KIND_ENTRY, &host, bytes_of(big, 10), START_MS),
                     CODE_MALFORMED);
    assert_int_equal(put_value(store, 1, KIND_DROP, &host, bytes_of(big, 10), START_MS),
                     CODE_MALFORMED);
    assert_int_equal(
        put_value(store, 1, KIND_ENTRY, &host, buffer_bytes(&value), START_MS + 1000000),
        CODE_MALFORMED); /* past its expiry */
    assert_int_equal(put_peer(store, 1, NULL, 1, false, START_MS), CODE_MALFORMED);
    assert_int_equal(record_store_stats(store)->records, 0);
    assert_int_equal(record_store_stats(store)->bad_values, 6);
    assert_int_equal(record_store_stats(store)->bad_signatures, 1);
    buffer_dispose(&value);
}

/* ---- how long it stays ---- */

static void records_end_with_their_lifetime(void **state)
{
    struct record_store *store = *state;
    struct endpoint host = endpoint_of("192.0.2.1:7000");
    assert_true(record_store_deadline(store) == UINT64_MAX);
    put_peer(store, 1, &host, 5, false, START_MS);
    assert_int_equal(held(store, 1, KIND_PEER, START_MS + HOUR_MS - 1000), 1);
    assert_int_equal(held(store, 1, KIND_PEER, START_MS + HOUR_MS), 0);
    uint64_t deadline = record_store_deadline(store);
    assert_in_range(deadline, START_MS + HOUR_MS, START_MS + HOUR_MS + 1000 * STORE_TIDY_S);
    record_store_expire(store, deadline - 1000 * STORE_TIDY_S);
    assert_int_equal(record_store_stats(store)->records, 1);
    record_store_expire(store, deadline);
    assert_int_equal(record_store_stats(store)->records, 0);
    assert_int_equal(record_store_stats(store)->expired, 1);
    assert_true(record_store_deadline(store) == UINT64_MAX);
    assert_true(record_store_valid(store));
}

static void a_far_key_is_kept_for_less(void **state)
{
    struct record_store *store = *state;
    struct endpoint host = endpoint_of("192.0.2.1:7000");
    static const uint8_t peer[] = {0x83, 0xa1, 'p', 1, 0xa1, 's', 0xc2, 0xa1, 'h', 1};
    struct record_put put = {.key = id_of(1),
                             .kind = KIND_PEER,
                             .value = bytes_of(peer, sizeof peer),
                             .source = &host,
                             .lifetime_cap_s = 60};
    assert_int_equal(record_store_put(store, &put, START_MS, START_UNIX), CODE_OK);
    assert_int_equal(held(store, 1, KIND_PEER, START_MS + 59000), 1);
    assert_int_equal(held(store, 1, KIND_PEER, START_MS + 60000), 0);
}

static void a_seed_renewed_for_a_day_stays_six_hours(void **state)
{
    struct record_store *store = *state;
    struct endpoint seed = endpoint_of("192.0.2.1:1"), leech = endpoint_of("192.0.2.2:1");
    uint64_t now = START_MS;
    for (; now < START_MS + DAY_MS; now += HOUR_MS / 2) {
        put_peer(store, 1, &seed, 5, true, now);
        put_peer(store, 1, &leech, 4, false, now);
        assert_int_equal(held(store, 1, KIND_PEER, now + HOUR_MS - 1000), 2);
        assert_int_equal(held(store, 1, KIND_PEER, now + HOUR_MS),
                         0); /* not known to be stable yet */
    }
    put_peer(store, 1, &seed, 5, true, now);
    put_peer(store, 1, &leech, 4, false, now);
    assert_int_equal(held(store, 1, KIND_PEER, now + HOUR_MS - 1000), 2);
    assert_int_equal(held(store, 1, KIND_PEER, now + 6 * HOUR_MS - 1000), 1);
    assert_int_equal(held(store, 1, KIND_PEER, now + 6 * HOUR_MS), 0);
    now += 7 * HOUR_MS; /* gone for a while: it starts anew */
    put_peer(store, 1, &seed, 5, true, now);
    assert_int_equal(held(store, 1, KIND_PEER, now + HOUR_MS), 0);
}

static void an_entry_ends_when_it_says(void **state)
{
    struct record_store *store = *state;
    struct endpoint host = public_host(1);
    struct buffer value;
    buffer_init(&value);
    make_entry(&value, 1, 1, 1, 1, START_UNIX + 1000);
    put_value(store, 1, KIND_ENTRY, &host, buffer_bytes(&value), START_MS);
    assert_int_equal(held(store, 1, KIND_ENTRY, START_MS + 999000), 1);
    assert_int_equal(held(store, 1, KIND_ENTRY, START_MS + 1000000), 0);
    buffer_clear(&value);
    make_entry(&value, 1, 1, 2, 1, START_UNIX + 8 * 86400);
    put_value(store, 1, KIND_ENTRY, &host, buffer_bytes(&value), START_MS);
    assert_int_equal(held(store, 1, KIND_ENTRY, START_MS + 7 * DAY_MS - 1000), 1);
    assert_int_equal(held(store, 1, KIND_ENTRY, START_MS + 7 * DAY_MS), 0);
    buffer_dispose(&value);
}

/* ---- what is shown ---- */

static void pages_show_each_value_once(void **state)
{
    struct record_store *store = *state;
    struct message_value out[MESSAGE_VALUES_MAX];
    bool seen[300] = {false};
    for (uint32_t i = 0; i < 300; i++) {
        struct endpoint host = public_host(i * 256);
        put_peer(store, 1, &host, i, false, START_MS);
    }
    struct record_get get = {.key = id_of(1), .kind = KIND_PEER, .asker = public_host(9)};
    struct record_sample sample;
    unsigned pages = 0, values = 0;
    do {
        sample = record_store_get(store, &get, out, 40, START_MS);
        assert_int_equal(sample.total, 300);
        for (size_t i = 0; i < sample.count; i++) {
            struct peer_record peer;
            assert_true(peer_record_decode(out[i].value, &peer));
            assert_false(seen[peer.pieces_held]);
            seen[peer.pieces_held] = true;
            values++;
        }
        get.has_cursor = true;
        get.cursor = out[sample.count - 1].order;
        pages++;
    } while (sample.more);
    assert_int_equal(values, 300);
    assert_int_equal(pages, 8);
    sample = record_store_get(store, &get, out, 40, START_MS);
    assert_int_equal(sample.count, 0);
    assert_false(sample.more);
}

/* 2,000 askers take 10 of 100 each: every value is shown about 200 times. */
static void samples_are_uniform_over_askers(void **state)
{
    struct record_store *store = *state;
    struct message_value out[MESSAGE_VALUES_MAX];
    unsigned shown[100] = {0};
    for (uint32_t i = 0; i < 100; i++) {
        struct endpoint host = public_host(i * 256);
        put_peer(store, 1, &host, i, false, START_MS);
    }
    for (uint32_t asker = 0; asker < 2000; asker++) {
        struct record_get get = {.key = id_of(1), .kind = KIND_PEER, .asker = public_host(asker)};
        struct record_sample sample = record_store_get(store, &get, out, 10, START_MS);
        assert_int_equal(sample.count, 10);
        for (size_t i = 0; i < sample.count; i++) {
            struct peer_record peer;
            assert_true(peer_record_decode(out[i].value, &peer));
            shown[peer.pieces_held]++;
        }
    }
    for (unsigned i = 0; i < 100; i++)
        assert_in_range(shown[i], 120, 280); /* six standard deviations each way */
}

static void records_that_prove_themselves_are_walked(void **state)
{
    struct record_store *store = *state;
    struct endpoint host = public_host(1);
    struct id key;
    unsigned kind, count = 0;
    struct bytes value;
    uint32_t ends_s;
    assert_int_equal(record_store_next(store, 0, &key, &kind, &value, &ends_s), 0);
    put_peer(store, 1, &host, 1, false, START_MS);
    for (uint8_t k = 0; k < 5; k++)
        for (uint32_t about = 0; about < 3; about++)
            put_entry(store, k, &host, 7, about, 1, START_MS);
    for (size_t at = 0; (at = record_store_next(store, at, &key, &kind, &value, &ends_s)) != 0;
         count++) {
        assert_int_equal(ends_s, START_MS / 1000 + 86400);
        assert_int_equal(kind, KIND_ENTRY);
        assert_int_equal(record_check(kind, &key, value, START_UNIX), CODE_OK);
    }
    assert_int_equal(count, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(a_peer_is_found_under_its_key_and_kind_alone),
        store_test(a_later_value_of_the_same_address_and_port_replaces),
        store_test(an_older_entry_is_refused_and_a_newer_one_replaces),
        store_test(an_empty_bitfield_withdraws),
        store_test(what_is_malformed_or_badly_signed_is_refused),
        store_test(records_end_with_their_lifetime),
        store_test(a_far_key_is_kept_for_less),
        store_test(a_seed_renewed_for_a_day_stays_six_hours),
        store_test(an_entry_ends_when_it_says),
        store_test(pages_show_each_value_once),
        store_test(samples_are_uniform_over_askers),
        store_test(records_that_prove_themselves_are_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
