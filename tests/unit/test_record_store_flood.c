#include "support/store_fixture.h"

#include <stdlib.h>

/* Floods: strangers with thousands of networks and as many keys as they like, against people with a
 * record or two each. KADPEER_FLOOD_RECORDS of them (tools/soak: 10^7, at the usual budget). */

#define SMALL_FLOOD 60000
#define MINUTE_MS   60000u

struct flood {
    struct record_store *store;
    struct rng rng;
    uint64_t records;
    uint32_t networks;
    size_t budget_bytes;
    uint32_t honest; /* keys, and people: a record each */
    bool parts;      /* else peers */
    uint64_t kept;   /* of the flood */
};

static uint64_t flood_records(void)
{
    const char *text = getenv("KADPEER_FLOOD_RECORDS");
    return text != NULL ? strtoull(text, NULL, 10) : SMALL_FLOOD;
}

static struct id honest_key(uint32_t number)
{
    struct id key = {.bytes = "honest"};
    write_u32(key.bytes + 8, number);
    return key;
}

static enum message_code put_one(struct flood *flood, const struct id *key, unsigned kind,
                                 const struct endpoint *source, struct bytes value, uint64_t now_ms)
{
    struct record_put put = {
        .key = *key, .kind = kind, .value = value, .source = source, .lifetime_cap_s = NO_CAP};
    return record_store_put(flood->store, &put, now_ms, START_UNIX + now_ms / 1000);
}

static struct bytes peer_value(uint8_t out[32], uint32_t pieces)
{
    struct peer_record record = {.tcp_port = 7000, .pieces_held = pieces};
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(&record, &value);
    size_t len = value.len;
    memcpy(out, value.data, len);
    buffer_dispose(&value);
    return bytes_of(out, len);
}

/* People live in networks of their own. */
static enum message_code put_honest(struct flood *flood, uint32_t number, uint64_t now_ms)
{
    uint8_t value[PART_BYTES_MAX] = "honest";
    struct endpoint host = public_host(0x20000000 + number * 256);
    struct id key = honest_key(number);
    if (!flood->parts)
        return put_one(flood, &key, KIND_PEER, &host, peer_value(value, number), now_ms);
    write_u32(value + 8, number);
    key = key_of_part(bytes_of(value, sizeof value));
    return put_one(flood, &key, KIND_PART, &host, bytes_of(value, sizeof value), now_ms);
}

static bool is_held(struct flood *flood, uint32_t number, uint64_t now_ms)
{
    struct message_value out[MESSAGE_VALUES_MAX];
    uint8_t value[PART_BYTES_MAX] = "honest";
    struct id key = honest_key(number);
    write_u32(value + 8, number);
    if (flood->parts)
        key = key_of_part(bytes_of(value, sizeof value));
    return get_at(flood->store, key, flood->parts ? KIND_PART : KIND_PEER, out, now_ms).total > 0;
}

static void put_hostile(struct flood *flood, uint64_t now_ms)
{
    uint8_t value[PART_BYTES_MAX];
    struct id key;
    struct endpoint host = public_host((uint32_t)rng_below(&flood->rng, flood->networks) * 256 +
                                       (uint32_t)rng_below(&flood->rng, 256));
    host.port = (uint16_t)(1024 + rng_below(&flood->rng, 60000));
    if (flood->parts) {
        rng_fill(&flood->rng, value, 16);
        memset(value + 16, 0, sizeof value - 16);
        key = key_of_part(bytes_of(value, sizeof value));
        flood->kept += put_one(flood, &key, KIND_PART, &host, bytes_of(value, sizeof value),
                               now_ms) == CODE_OK;
    } else {
        rng_fill(&flood->rng, key.bytes, ID_BYTES);
        flood->kept +=
            put_one(flood, &key, KIND_PEER, &host, peer_value(value, 1), now_ms) == CODE_OK;
    }
}

/* Three hours. Half of the people are there before the flood and half come in the midst of it; all
 * renew when it is time. Returns the share of those there that was found, at its least. */
static double run_flood(struct flood *flood)
{
    struct record_store_config config = {.secret = "a secret of ours",
                                         .budget_bytes = flood->budget_bytes};
    flood->store = record_store_new(&config);
    uint64_t renew_ms = flood->parts ? 24ull * 3600000 : 25 * MINUTE_MS;
    uint64_t span_ms = 3ull * HOUR_MS, now_ms = START_MS;
    uint32_t there = flood->honest / 2;
    double least = 1;
    rng_init_seed(&flood->rng, test_seed(81));
    for (uint32_t i = 0; i < there; i++)
        assert_int_equal(put_honest(flood, i, now_ms), CODE_OK);
    for (uint64_t i = 0, step = 0; i < flood->records; i++) {
        now_ms = START_MS + span_ms * i / flood->records;
        put_hostile(flood, now_ms);
        if (i * 1000 / flood->records < step)
            continue;
        step++; /* one of a thousand moments: whose turn it is */
        if (step > 500 && there < flood->honest)
            for (uint32_t more = 0; more < 1 + flood->honest / 900 && there < flood->honest; more++)
                put_honest(flood, there++, now_ms);
        uint64_t steps = renew_ms * 1000 / span_ms;
        for (uint32_t number = (uint32_t)(step % steps); number < there; number += (uint32_t)steps)
            put_honest(flood, number, now_ms);
        if (step > 500 && step < 980 && there < flood->honest)
            continue;
        if (record_store_deadline(flood->store) <= now_ms)
            record_store_expire(flood->store, now_ms);
        assert_true(record_store_stats(flood->store)->bytes <= flood->budget_bytes + 64 * 1024);
        if (step % 50 != 0)
            continue;
        uint32_t found = 0;
        for (uint32_t number = 0; number < there; number++)
            found += is_held(flood, number, now_ms);
        least = (double)found / there < least ? (double)found / there : least;
    }
    assert_true(record_store_valid(flood->store));
    print_message("# %llu %s from %u networks, %llu kept: of %u keys at least %.2f %% found, "
                  "%zu records in %zu KiB\n",
                  (unsigned long long)flood->records, flood->parts ? "parts" : "peers",
                  flood->networks, (unsigned long long)flood->kept, flood->honest, 100 * least,
                  record_store_stats(flood->store)->records,
                  record_store_stats(flood->store)->bytes / 1024);
    record_store_free(flood->store);
    return least;
}

/* As many networks for its memory as thousands are for the usual one. */
static struct flood flood_of(uint32_t networks, bool parts)
{
    uint64_t records = flood_records();
    bool whole = records > 10 * SMALL_FLOOD;
    return (struct flood){.records = records,
                          .networks = whole ? networks : networks / 16,
                          .budget_bytes = whole ? STORE_BUDGET_BYTES : STORE_BUDGET_BYTES / 16,
                          .honest = whole ? 4000 : 400,
                          .parts = parts};
}

static void a_flood_of_peers_leaves_room_for_others(void **state)
{
    (void)state;
    struct flood few = flood_of(256, false), many = flood_of(8192, false);
    assert_true(run_flood(&few) >= 0.99);
    assert_true(run_flood(&many) >= 0.99);
}

static void a_flood_of_parts_leaves_room_for_others(void **state)
{
    (void)state;
    struct flood few = flood_of(256, true), many = flood_of(4096, true);
    assert_true(run_flood(&few) >= 0.99);
    assert_true(run_flood(&many) >= 0.99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_peers_leaves_room_for_others),
        cmocka_unit_test(a_flood_of_parts_leaves_room_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
