#include "support/unit.h"

#include <string.h>

#include "dht/params.h"
#include "dht/record_crowd.h"
#include "dht/record_index.h"
#include "dht/record_kinds.h"
#include "dht/record_store.h"
#include "kadpeer/records.h"
#include "kadpeer/rng.h"

#define START_MS   5000000u
#define START_UNIX 1790000000u
#define NO_CAP     UINT32_MAX

static const struct record_store_config plain = {.secret = "a secret of ours"};
static const struct record_store_config strict = {.secret = "a secret of ours",
                                                  .limit_local = true};

static struct id id_of(uint8_t first)
{
    return (struct id){.bytes = {first}};
}

static struct endpoint endpoint_of(const char *text)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(text, &endpoint));
    return endpoint;
}

static struct endpoint public_host(uint32_t number)
{
    struct endpoint endpoint = {.family = ENDPOINT_IPV4, .port = 6881};
    write_u32(endpoint.addr, 0x20000000 + number);
    return endpoint;
}

static enum message_code put_value(struct record_store *store, uint8_t key, unsigned kind,
                                   const struct endpoint *source, struct bytes value,
                                   uint64_t now_ms)
{
    struct record_put put = {.key = id_of(key),
                             .kind = kind,
                             .value = value,
                             .source = source,
                             .lifetime_cap_s = NO_CAP};
    enum message_code code =
        record_store_put(store, &put, now_ms, START_UNIX + (now_ms - START_MS) / 1000);
    assert_true(record_store_valid(store));
    return code;
}

static enum message_code put_peer(struct record_store *store, uint8_t key,
                                  const struct endpoint *source, uint32_t pieces, bool seed,
                                  uint64_t now_ms)
{
    struct peer_record record = {.tcp_port = 1, .seed = seed, .pieces_held = pieces};
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(&record, &value);
    enum message_code code = put_value(store, key, KIND_PEER, source, buffer_bytes(&value), now_ms);
    buffer_dispose(&value);
    return code;
}

static enum message_code put_bits(struct record_store *store, uint8_t key, const char *source,
                                  size_t bytes, uint64_t now_ms)
{
    static const uint8_t bits[AVAILABILITY_BITFIELD_MAX] = {0xff};
    struct availability_record record = {.bitfield = bytes_of(bits, bytes)};
    struct endpoint endpoint = endpoint_of(source);
    struct buffer value;
    buffer_init(&value);
    availability_record_encode(&record, &value);
    enum message_code code =
        put_value(store, key, KIND_AVAILABILITY, &endpoint, buffer_bytes(&value), now_ms);
    buffer_dispose(&value);
    return code;
}

/* An entry of `key` by signer number `signer` about infohash number `about`. */
static void make_entry(struct buffer *out, uint8_t key, uint32_t signer, uint32_t about,
                       uint64_t seq, uint64_t expiry_unix_s)
{
    uint8_t seed[ED25519_SEED_BYTES] = {0};
    struct entry_body body = {.size = 1};
    struct id id = id_of(key);
    struct buffer encoded;
    write_u32(seed, signer);
    write_u32(body.infohash.bytes, about);
    buffer_init(&encoded);
    entry_body_encode(&body, &encoded);
    assert_int_equal(entry_record_make(&id, seed, seq, expiry_unix_s, buffer_bytes(&encoded), out),
                     STATUS_OK);
    buffer_dispose(&encoded);
}

static enum message_code put_entry(struct record_store *store, uint8_t key,
                                   const struct endpoint *source, uint32_t signer, uint32_t about,
                                   uint64_t seq, uint64_t now_ms)
{
    struct buffer value;
    buffer_init(&value);
    make_entry(&value, key, signer, about, seq, START_UNIX + 86400);
    enum message_code code =
        put_value(store, key, KIND_ENTRY, source, buffer_bytes(&value), now_ms);
    buffer_dispose(&value);
    return code;
}

static struct record_sample get_all(const struct record_store *store, uint8_t key, unsigned kind,
                                    struct message_value out[MESSAGE_VALUES_MAX], uint64_t now_ms)
{
    struct record_get get = {.key = id_of(key), .kind = kind, .asker = public_host(77)};
    return record_store_get(store, &get, out, MESSAGE_VALUES_MAX, now_ms);
}

static uint32_t held(const struct record_store *store, uint8_t key, unsigned kind, uint64_t now_ms)
{
    struct message_value out[MESSAGE_VALUES_MAX];
    return get_all(store, key, kind, out, now_ms).total;
}

static void a_peer_is_found_under_its_key_and_kind_alone(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
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
    record_store_free(store);
}

static void a_later_value_of_the_same_address_and_port_replaces(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
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
    record_store_free(store);
}

static void records_end_with_their_lifetime(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
    struct endpoint host = endpoint_of("192.0.2.1:7000");
    uint64_t hour = 3600 * 1000;
    assert_true(record_store_deadline(store) == UINT64_MAX);
    put_peer(store, 1, &host, 5, false, START_MS);
    assert_int_equal(held(store, 1, KIND_PEER, START_MS + hour - 1000), 1);
    assert_int_equal(held(store, 1, KIND_PEER, START_MS + hour), 0);
    uint64_t deadline = record_store_deadline(store);
    assert_in_range(deadline, START_MS + hour, START_MS + hour + 1000 * STORE_TIDY_S);
    record_store_expire(store, deadline - 1000 * STORE_TIDY_S);
    assert_int_equal(record_store_stats(store)->records, 1);
    record_store_expire(store, deadline);
    assert_int_equal(record_store_stats(store)->records, 0);
    assert_int_equal(record_store_stats(store)->expired, 1);
    assert_true(record_store_deadline(store) == UINT64_MAX);
    assert_true(record_store_valid(store));
    record_store_free(store);
}

static void a_far_key_is_kept_for_less(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
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
    record_store_free(store);
}

static void a_seed_renewed_for_a_day_stays_six_hours(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
    struct endpoint seed = endpoint_of("192.0.2.1:1"), leech = endpoint_of("192.0.2.2:1");
    uint64_t now = START_MS, hour = 3600 * 1000;
    for (; now < START_MS + 24 * hour; now += hour / 2) {
        put_peer(store, 1, &seed, 5, true, now);
        put_peer(store, 1, &leech, 4, false, now);
        assert_int_equal(held(store, 1, KIND_PEER, now + hour - 1000), 2);
        assert_int_equal(held(store, 1, KIND_PEER, now + hour), 0); /* not known to be stable yet */
    }
    put_peer(store, 1, &seed, 5, true, now);
    put_peer(store, 1, &leech, 4, false, now);
    assert_int_equal(held(store, 1, KIND_PEER, now + hour - 1000), 2);
    assert_int_equal(held(store, 1, KIND_PEER, now + 6 * hour - 1000), 1);
    assert_int_equal(held(store, 1, KIND_PEER, now + 6 * hour), 0);
    now += 7 * hour; /* gone for a while: it starts anew */
    put_peer(store, 1, &seed, 5, true, now);
    assert_int_equal(held(store, 1, KIND_PEER, now + hour), 0);
    record_store_free(store);
}

static void an_empty_bitfield_withdraws(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
    assert_int_equal(put_bits(store, 1, "192.0.2.1:1", 128, START_MS), CODE_OK);
    assert_int_equal(put_bits(store, 1, "192.0.2.2:1", 10, START_MS), CODE_OK);
    assert_int_equal(put_bits(store, 1, "192.0.2.1:1", 0, START_MS), CODE_OK);
    assert_int_equal(held(store, 1, KIND_AVAILABILITY, START_MS), 1);
    assert_int_equal(put_bits(store, 1, "192.0.2.3:1", 0, START_MS), CODE_OK);
    assert_int_equal(held(store, 1, KIND_AVAILABILITY, START_MS), 1);
    assert_int_equal(put_bits(store, 1, "192.0.2.2:1", 0, START_MS), CODE_OK);
    assert_int_equal(record_store_stats(store)->keys, 0);
    record_store_free(store);
}

static void an_older_entry_is_refused_and_a_newer_one_replaces(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
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
    record_store_free(store);
}

static void what_is_malformed_or_badly_signed_is_refused(void **state)
{
    (void)state;
    static const uint8_t big[800];
    struct record_store *store = record_store_new(&plain);
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
    record_store_free(store);
}

static void an_entry_ends_when_it_says(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
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
    assert_int_equal(held(store, 1, KIND_ENTRY, START_MS + 7 * 86400000ull - 1000), 1);
    assert_int_equal(held(store, 1, KIND_ENTRY, START_MS + 7 * 86400000ull), 0);
    buffer_dispose(&value);
    record_store_free(store);
}

static void one_address_and_one_network_have_their_caps(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
    unsigned kept = 0;
    for (uint16_t port = 1; port <= 20; port++) {
        struct endpoint host = public_host(1);
        host.port = port;
        kept += put_peer(store, 1, &host, 1, false, START_MS) == CODE_OK;
    }
    assert_int_equal(kept, STORE_PER_ADDRESS_MAX);
    for (uint32_t host = 2; host < 200; host++) {
        struct endpoint endpoint = public_host(host);
        kept += put_peer(store, 1, &endpoint, 1, false, START_MS) == CODE_OK;
    }
    assert_int_equal(kept, STORE_PER_NETWORK_MAX);
    struct endpoint other = public_host(300);
    assert_int_equal(put_peer(store, 1, &other, 1, false, START_MS), CODE_OK);
    assert_int_equal(record_store_stats(store)->over_quota, 20 + 198 - STORE_PER_NETWORK_MAX);
    record_store_free(store);
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
    (void)state;
    struct record_store *store = record_store_new(&plain);
    unsigned kept = 0;
    for (uint32_t about = 0; about < 12; about++) {
        struct endpoint host = public_host(about * 256);
        kept += put_entry(store, 1, &host, 1, about, 1, START_MS) == CODE_OK;
    }
    assert_int_equal(kept, 8);
    struct endpoint host = public_host(1);
    assert_int_equal(put_entry(store, 1, &host, 1, 3, 2, START_MS), CODE_OK);  /* a replacement */
    assert_int_equal(put_entry(store, 2, &host, 1, 99, 1, START_MS), CODE_OK); /* another key */
    record_store_free(store);
}

static void a_full_key_gives_up_the_oldest_of_the_largest_network(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
    uint64_t now = START_MS;
    for (uint32_t host = 0; host < STORE_PER_NETWORK_MAX; host++, now += 1000) {
        struct endpoint crowd = public_host(host);
        assert_int_equal(put_peer(store, 1, &crowd, 1, false, now), CODE_OK);
    }
    for (uint32_t i = STORE_PER_NETWORK_MAX; i < RECORDS_PER_KEY_MAX; i++) {
        struct endpoint single = public_host(i * 256);
        assert_int_equal(put_peer(store, 1, &single, 1, false, START_MS), CODE_OK);
    }
    assert_int_equal(held(store, 1, KIND_PEER, now), RECORDS_PER_KEY_MAX);
    struct endpoint newcomer = public_host(0x800000), crowded = public_host(200);
    assert_int_equal(put_peer(store, 1, &newcomer, 1, false, now), CODE_OK);
    assert_int_equal(held(store, 1, KIND_PEER, now), RECORDS_PER_KEY_MAX);
    assert_int_equal(record_store_stats(store)->evicted, 1);
    struct endpoint first = public_host(0), second = public_host(1);
    /* The first of the crowd is gone: its network has room for it again, but the key has not. */
    assert_int_equal(put_peer(store, 1, &first, 1, false, now), CODE_QUOTA);
    assert_int_equal(put_peer(store, 1, &crowded, 1, false, now), CODE_QUOTA);
    assert_int_equal(put_peer(store, 1, &second, 1, false, now), CODE_OK); /* still there */
    record_store_free(store);
}

static void entries_from_disk_are_each_their_own_network(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
    struct endpoint flood = public_host(1);
    for (uint32_t signer = 0; signer < 200; signer++)
        assert_int_equal(put_entry(store, 1, signer < 10 ? NULL : &flood, signer, 1, 1, START_MS),
                         CODE_OK);
    assert_int_equal(put_entry(store, 1, &flood, 1000, 1, 1, START_MS), CODE_QUOTA);
    struct endpoint other = public_host(0x10000);
    assert_int_equal(put_entry(store, 1, &other, 1001, 1, 1, START_MS), CODE_OK);
    for (uint32_t signer = 0; signer < 10; signer++) /* all still there: older ones are refused */
        assert_int_equal(put_entry(store, 1, NULL, signer, 1, 0, START_MS), CODE_OLDER);
    record_store_free(store);
}

static void memory_stays_within_the_budget(void **state)
{
    (void)state;
    struct record_store_config config = plain;
    config.budget_bytes = 256 * 1024;
    struct record_store *store = record_store_new(&config);
    struct rng rng;
    rng_init_seed(&rng, test_seed(61));
    uint64_t now = START_MS;
    unsigned kept = 0;
    for (unsigned i = 0; i < 5000; i++, now += 100) {
        struct endpoint host = public_host(rng_u32(&rng) & 0x3fffffff);
        struct peer_record record = {.tcp_port = 1};
        struct buffer value;
        buffer_init(&value);
        peer_record_encode(&record, &value);
        struct record_put put = {.kind = KIND_PEER,
                                 .value = buffer_bytes(&value),
                                 .source = &host,
                                 .lifetime_cap_s = NO_CAP};
        rng_fill(&rng, put.key.bytes, ID_BYTES);
        kept += record_store_put(store, &put, now, START_UNIX) == CODE_OK;
        buffer_dispose(&value);
        assert_true(record_store_stats(store)->bytes <= config.budget_bytes);
    }
    assert_true(record_store_valid(store));
    assert_int_equal(kept, 5000); /* each ends a little later than what had to go */
    assert_true(record_store_stats(store)->evicted > 1000);
    assert_int_equal(record_store_stats(store)->records + record_store_stats(store)->evicted, kept);
    record_store_expire(store, now + 86400000);
    assert_int_equal(record_store_stats(store)->records, 0);
    assert_true(record_store_stats(store)->bytes < 2048); /* the tables gave it back */
    record_store_free(store);
}

static void a_key_that_empties_gives_memory_back(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
    uint64_t day = 86400000;
    for (uint32_t i = 0; i < 400; i++) {
        struct endpoint host = public_host(i * 256);
        put_peer(store, 1, &host, 1, false, START_MS);
    }
    struct endpoint last = public_host(0);
    size_t full = record_store_stats(store)->bytes;
    put_peer(store, 1, &last, 1, false, START_MS + 3000000);
    record_store_expire(store, START_MS + 3600000);
    assert_int_equal(record_store_stats(store)->records, 1);
    assert_true(record_store_stats(store)->bytes < full / 8);
    record_store_expire(store, START_MS + day);
    assert_int_equal(record_store_stats(store)->keys, 0);
    record_store_free(store);
}

static void one_source_has_a_small_share_of_the_memory(void **state)
{
    (void)state;
    struct record_store_config config = plain;
    config.budget_bytes = 256 * 1024;
    struct record_store *store = record_store_new(&config);
    struct endpoint host = public_host(1), near = public_host(2), far = public_host(0x10000);
    size_t share = config.budget_bytes / 2 / STORE_ADDRESS_SHARE;
    unsigned kept = 0;
    for (unsigned key = 0; key < 256; key++)
        kept += put_peer(store, (uint8_t)key, &host, 1, false, START_MS) == CODE_OK;
    assert_in_range(kept, 20, share / sizeof(struct record));
    assert_int_equal(put_peer(store, 0, &near, 1, false, START_MS), CODE_OK);
    for (uint32_t i = 2; i < 255; i++) {
        struct endpoint neighbour = public_host(i);
        for (unsigned key = 0; key < 40; key++)
            kept += put_peer(store, (uint8_t)(key + i), &neighbour, 1, false, START_MS) == CODE_OK;
        if (record_store_stats(store)->over_quota > 2000)
            break;
    }
    assert_true(record_store_stats(store)->bytes < config.budget_bytes / 4);
    assert_int_equal(put_peer(store, 0, &far, 1, false, START_MS), CODE_OK);
    record_store_expire(store, START_MS + 86400000); /* the share is free again */
    assert_int_equal(put_peer(store, 0, &host, 1, false, START_MS + 86400000), CODE_OK);
    record_store_free(store);
}

static void signed_records_cannot_push_out_the_others(void **state)
{
    (void)state;
    struct record_store_config config = plain;
    config.budget_bytes = 64 * 1024;
    struct record_store *store = record_store_new(&config);
    for (uint8_t key = 0; key < 50; key++) {
        struct endpoint host = public_host(key * 256u);
        assert_int_equal(put_peer(store, key, &host, 1, false, START_MS), CODE_OK);
    }
    unsigned kept = 0;
    for (uint32_t i = 0; i < 400; i++) {
        struct endpoint host = public_host(i * 256);
        kept += put_entry(store, (uint8_t)i, &host, i, 1, 1, START_MS) == CODE_OK;
    }
    assert_in_range(kept, 50, 150);
    for (uint8_t key = 0; key < 50; key++)
        assert_int_equal(held(store, key, KIND_PEER, START_MS), 1);
    record_store_free(store);
}

static void pages_show_each_value_once(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
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
    record_store_free(store);
}

/* 2,000 askers take 10 of 100 each: every value is shown about 200 times. */
static void samples_are_uniform_over_askers(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
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
    record_store_free(store);
}

static void records_that_prove_themselves_are_walked(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
    struct endpoint host = public_host(1);
    struct id key;
    unsigned kind, count = 0;
    struct bytes value;
    assert_int_equal(record_store_next(store, 0, &key, &kind, &value), 0);
    put_peer(store, 1, &host, 1, false, START_MS);
    for (uint8_t k = 0; k < 5; k++)
        for (uint32_t about = 0; about < 3; about++)
            put_entry(store, k, &host, 7, about, 1, START_MS);
    for (size_t at = 0; (at = record_store_next(store, at, &key, &kind, &value)) != 0; count++) {
        assert_int_equal(kind, KIND_ENTRY);
        assert_int_equal(record_check(kind, &key, value, START_UNIX), CODE_OK);
    }
    assert_int_equal(count, 15);
    record_store_free(store);
}

/* What a peer record costs, tables and all: alone under its key, and among many. */
static void a_peer_record_is_small(void **state)
{
    (void)state;
    struct record_store *alone = record_store_new(&plain), *crowd = record_store_new(&plain);
    struct rng rng;
    rng_init_seed(&rng, test_seed(62));
    for (unsigned i = 0; i < 20000; i++) {
        struct peer_record record = {.tcp_port = 60000, .pieces_held = 70000};
        struct endpoint host = public_host(rng_u32(&rng) & 0x3fffffff);
        struct buffer value;
        buffer_init(&value);
        peer_record_encode(&record, &value);
        struct record_put put = {.kind = KIND_PEER,
                                 .value = buffer_bytes(&value),
                                 .source = &host,
                                 .lifetime_cap_s = NO_CAP};
        put.key.bytes[0] = (uint8_t)(i % 40);
        assert_int_equal(record_store_put(crowd, &put, START_MS, START_UNIX), CODE_OK);
        rng_fill(&rng, put.key.bytes, ID_BYTES);
        assert_int_equal(record_store_put(alone, &put, START_MS, START_UNIX), CODE_OK);
        buffer_dispose(&value);
    }
    size_t each_alone = record_store_stats(alone)->bytes / 20000;
    size_t each_in_crowd = record_store_stats(crowd)->bytes / 20000;
    print_message("# %zu bytes alone under a key, %zu among many\n", each_alone, each_in_crowd);
    assert_in_range(each_alone, 100, 180);
    assert_in_range(each_in_crowd, 48, 100);
    record_store_free(alone);
    record_store_free(crowd);
}

/* ---- who gives way under a full key, against counting by hand ---- */

/* `count` hosts of up to `networks` networks, a few of them local or without a source. */
static struct record_group *random_group(struct rng *rng, size_t count, uint32_t networks)
{
    struct record_group *group = calloc(1, sizeof *group + count * sizeof(struct record));
    group->count = (uint16_t)count;
    for (size_t i = 0; i < count; i++) {
        struct endpoint host = public_host((uint32_t)rng_below(rng, networks) * 256);
        host.addr[3] = (uint8_t)rng_u32(rng);
        struct endpoint local = endpoint_of("10.0.0.1:1");
        local.port = (uint16_t)(1 + rng_below(rng, 3));
        uint64_t sort = rng_below(rng, 10);
        record_set_source(&group->records[i], sort == 0 ? NULL : sort == 1 ? &local : &host);
        group->records[i].place = 1 + (uint32_t)rng_below(rng, 3);
        group->records[i].ends_s = (uint32_t)rng_below(rng, 50);
    }
    return group;
}

static bool same_network(const struct record *a, const struct record *b)
{
    struct endpoint x = record_source(a), y = record_source(b);
    if (x.family == ENDPOINT_NONE || y.family == ENDPOINT_NONE)
        return x.family == y.family && a->place == b->place;
    if (endpoint_is_local(&x) || endpoint_is_local(&y))
        return endpoint_equal(&x, &y);
    return memcmp(x.addr, y.addr, 3) == 0;
}

static unsigned count_by_hand(const struct record_group *group, const struct record *like)
{
    unsigned count = 0;
    for (size_t i = 0; i < group->count; i++)
        count += same_network(&group->records[i], like);
    return count;
}

static void the_victim_is_the_first_to_end_of_the_largest_networks(void **state)
{
    (void)state;
    const struct source_rules rules = {.secret = "a secret of ours"};
    struct rng rng;
    unsigned refused = 0;
    rng_init_seed(&rng, test_seed(64));
    for (unsigned round = 0; round < 500; round++) {
        uint32_t networks = 1 + (uint32_t)rng_below(&rng, 20);
        struct record_group *group = random_group(&rng, 1 + rng_below(&rng, 60), networks);
        struct record_group *newcomer = random_group(&rng, 1, networks + 2);
        const struct record *in = &newcomer->records[0];
        struct endpoint source = record_source(in);
        unsigned most = 0;
        uint32_t soonest = UINT32_MAX;
        for (size_t i = 0; i < group->count; i++)
            if (count_by_hand(group, &group->records[i]) > most)
                most = count_by_hand(group, &group->records[i]);
        for (size_t i = 0; i < group->count; i++)
            if (count_by_hand(group, &group->records[i]) == most &&
                group->records[i].ends_s < soonest)
                soonest = group->records[i].ends_s;
        size_t victim = crowd_victim(group, &rules, &source, in->place);
        assert_true((victim == NOWHERE) == (count_by_hand(group, in) >= most));
        refused += victim == NOWHERE;
        if (victim != NOWHERE) {
            assert_int_equal(count_by_hand(group, &group->records[victim]), most);
            assert_int_equal(group->records[victim].ends_s, soonest);
        }
        free(group);
        free(newcomer);
    }
    assert_in_range(refused, 10, 400);
}

/* ---- random traces against a slow model: one flat list, every rule written out ---- */

#define MODEL_MAX 4096

struct model_record {
    uint8_t key;
    unsigned kind;
    struct endpoint source;
    uint32_t signer, about;
    uint64_t seq;
    uint64_t ends_s, first_s;
    uint32_t pieces; /* kinds 1 and 2: tells values apart */
};

struct model {
    struct model_record records[MODEL_MAX];
    size_t count;
};

static void model_expire(struct model *model, uint64_t now_s)
{
    for (size_t i = model->count; i-- > 0;)
        if (model->records[i].ends_s <= now_s)
            model->records[i] = model->records[--model->count];
}

static bool model_same_place(const struct model_record *a, const struct model_record *b)
{
    if (a->key != b->key || a->kind != b->kind)
        return false;
    if (a->kind == KIND_ENTRY)
        return a->signer == b->signer && a->about == b->about;
    return endpoint_equal(&a->source, &b->source);
}

static struct model_record *model_find(struct model *model, const struct model_record *like)
{
    for (size_t i = 0; i < model->count; i++)
        if (model_same_place(&model->records[i], like))
            return &model->records[i];
    return NULL;
}

static unsigned model_count(const struct model *model, const struct model_record *like,
                            size_t prefix)
{
    unsigned count = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_record *record = &model->records[i];
        bool of_key = record->key == like->key && record->kind == like->kind;
        if (like->kind == KIND_ENTRY)
            count += of_key && record->signer == like->signer;
        else
            count += of_key && memcmp(record->source.addr, like->source.addr, prefix) == 0;
    }
    return count;
}

static enum message_code model_put(struct model *model, const struct model_record *incoming,
                                   uint64_t now_s)
{
    model_expire(model, now_s);
    struct model_record *own = model_find(model, incoming);
    if (incoming->kind == KIND_AVAILABILITY && incoming->pieces == 0) {
        if (own != NULL)
            *own = model->records[--model->count];
        return CODE_OK;
    }
    if (own != NULL && own->kind == KIND_ENTRY && own->seq > incoming->seq)
        return CODE_OLDER;
    if (own != NULL) {
        uint64_t first_s = own->first_s;
        *own = *incoming;
        own->first_s = first_s;
        return CODE_OK;
    }
    if (incoming->kind == KIND_ENTRY ? model_count(model, incoming, 0) >= 8
                                     : model_count(model, incoming, 4) >= STORE_PER_ADDRESS_MAX ||
                                           model_count(model, incoming, 3) >= STORE_PER_NETWORK_MAX)
        return CODE_QUOTA;
    assert_true(model->count < MODEL_MAX);
    model->records[model->count++] = *incoming;
    return CODE_OK;
}

/* Every record the model holds is in the store, with its value; and the store holds no more. */
static void assert_agrees(const struct record_store *store, const struct model *model,
                          uint64_t now_ms)
{
    struct message_value out[MESSAGE_VALUES_MAX];
    size_t found = 0, wanted = 0;
    for (uint8_t key = 0; key < 3; key++) {
        for (unsigned kind = KIND_PEER; kind <= KIND_ENTRY; kind++) {
            struct record_get get = {.key = id_of(key), .kind = kind, .asker = public_host(3)};
            struct record_sample sample;
            do {
                sample = record_store_get(store, &get, out, 20, now_ms);
                found += sample.count;
                if (sample.count > 0)
                    get.cursor = out[sample.count - 1].order;
                get.has_cursor = true;
            } while (sample.more);
        }
    }
    for (size_t i = 0; i < model->count; i++)
        wanted += model->records[i].ends_s > now_ms / 1000;
    assert_int_equal(found, wanted);
}

static struct model_record random_record(struct rng *rng, uint64_t now_s)
{
    struct model_record record = {.key = (uint8_t)rng_below(rng, 3),
                                  .kind = KIND_PEER + (unsigned)rng_below(rng, 3),
                                  .signer = (uint32_t)rng_below(rng, 5),
                                  .about = (uint32_t)rng_below(rng, 12),
                                  .seq = rng_below(rng, 4),
                                  .pieces = (uint32_t)rng_below(rng, 4),
                                  .first_s = now_s};
    record.source = public_host((uint32_t)(rng_below(rng, 4) * 256 + rng_below(rng, 6)));
    record.source.port = (uint16_t)(1 + rng_below(rng, 10));
    return record;
}

static enum message_code put_random(struct record_store *store, struct model_record *record,
                                    uint32_t cap_s, uint64_t now_ms)
{
    struct buffer value;
    buffer_init(&value);
    if (record->kind == KIND_PEER) {
        struct peer_record peer = {.tcp_port = 1, .pieces_held = record->pieces};
        peer_record_encode(&peer, &value);
    } else if (record->kind == KIND_AVAILABILITY) {
        static const uint8_t bits[128];
        struct availability_record bitfield = {.bitfield = bytes_of(bits, record->pieces * 40)};
        availability_record_encode(&bitfield, &value);
    } else {
        make_entry(&value, record->key, record->signer, record->about, record->seq,
                   START_UNIX + 6 * 86400);
    }
    uint64_t life = record_rules(record->kind)->lifetime_s;
    record->ends_s = now_ms / 1000 + (life < cap_s ? life : cap_s);
    struct record_put put = {.key = id_of(record->key),
                             .kind = record->kind,
                             .value = buffer_bytes(&value),
                             .source = &record->source,
                             .lifetime_cap_s = cap_s};
    enum message_code code = record_store_put(store, &put, now_ms, START_UNIX);
    buffer_dispose(&value);
    return code;
}

static void random_traces_agree_with_the_model(void **state)
{
    (void)state;
    struct record_store *store = record_store_new(&plain);
    struct model *model = calloc(1, sizeof *model);
    struct rng rng;
    uint64_t now_ms = START_MS;
    unsigned codes[400] = {0};
    rng_init_seed(&rng, test_seed(63));
    for (unsigned step = 0; step < 6000; step++) {
        struct model_record record = random_record(&rng, now_ms / 1000);
        uint32_t cap_s = 60 + (uint32_t)rng_below(&rng, 3000);
        enum message_code code = put_random(store, &record, cap_s, now_ms);
        assert_int_equal(code, model_put(model, &record, now_ms / 1000));
        codes[code]++;
        now_ms += rng_below(&rng, 3000);
        if (rng_below(&rng, 4) == 0)
            record_store_expire(store, now_ms);
        assert_true(record_store_valid(store));
        assert_agrees(store, model, now_ms);
    }
    assert_true(codes[CODE_OK] > 1000 && codes[CODE_QUOTA] > 20 && codes[CODE_OLDER] > 20);
    record_store_expire(store, now_ms + 86400000);
    assert_int_equal(record_store_stats(store)->records, 0);
    free(model);
    record_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_is_found_under_its_key_and_kind_alone),
        cmocka_unit_test(a_later_value_of_the_same_address_and_port_replaces),
        cmocka_unit_test(records_end_with_their_lifetime),
        cmocka_unit_test(a_far_key_is_kept_for_less),
        cmocka_unit_test(a_seed_renewed_for_a_day_stays_six_hours),
        cmocka_unit_test(an_empty_bitfield_withdraws),
        cmocka_unit_test(an_older_entry_is_refused_and_a_newer_one_replaces),
        cmocka_unit_test(what_is_malformed_or_badly_signed_is_refused),
        cmocka_unit_test(an_entry_ends_when_it_says),
        cmocka_unit_test(one_address_and_one_network_have_their_caps),
        cmocka_unit_test(local_hosts_have_none_unless_told_so),
        cmocka_unit_test(one_signer_has_eight_entries_under_a_key),
        cmocka_unit_test(a_full_key_gives_up_the_oldest_of_the_largest_network),
        cmocka_unit_test(entries_from_disk_are_each_their_own_network),
        cmocka_unit_test(memory_stays_within_the_budget),
        cmocka_unit_test(a_key_that_empties_gives_memory_back),
        cmocka_unit_test(one_source_has_a_small_share_of_the_memory),
        cmocka_unit_test(signed_records_cannot_push_out_the_others),
        cmocka_unit_test(pages_show_each_value_once),
        cmocka_unit_test(samples_are_uniform_over_askers),
        cmocka_unit_test(records_that_prove_themselves_are_walked),
        cmocka_unit_test(a_peer_record_is_small),
        cmocka_unit_test(the_victim_is_the_first_to_end_of_the_largest_networks),
        cmocka_unit_test(random_traces_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
