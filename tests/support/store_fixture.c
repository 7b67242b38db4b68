#include "support/store_fixture.h"

const struct record_store_config plain = {.secret = "a secret of ours"};
const struct record_store_config strict = {.secret = "a secret of ours", .limit_local = true};

int store_set_up(void **state)
{
    *state = record_store_new(&plain);
    return *state == NULL;
}

int store_tear_down(void **state)
{
    bool valid = record_store_valid(*state);
    record_store_free(*state);
    return !valid;
}

struct record_store *store_with_budget(void **state, size_t budget_bytes)
{
    struct record_store_config config = plain;
    config.budget_bytes = budget_bytes;
    record_store_free(*state);
    *state = record_store_new(&config);
    assert_non_null(*state);
    return *state;
}

struct id id_of(uint8_t first)
{
    return (struct id){.bytes = {first}};
}

struct endpoint endpoint_of(const char *text)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(text, &endpoint));
    return endpoint;
}

struct endpoint public_host(uint32_t number)
{
    struct endpoint endpoint = {.family = ENDPOINT_IPV4, .port = 6881};
    write_u32(endpoint.addr, 0x20000000 + number);
    return endpoint;
}

/* ---- putting ---- */

enum message_code put_at(struct record_store *store, struct id key, unsigned kind,
                         const struct endpoint *source, struct bytes value, uint64_t now_ms)
{
    struct record_put put = {
        .key = key, .kind = kind, .value = value, .source = source, .lifetime_cap_s = NO_CAP};
    enum message_code code =
        record_store_put(store, &put, now_ms, START_UNIX + (now_ms - START_MS) / 1000);
    assert_true(record_store_valid(store));
    return code;
}

enum message_code put_value(struct record_store *store, uint8_t key, unsigned kind,
                            const struct endpoint *source, struct bytes value, uint64_t now_ms)
{
    return put_at(store, id_of(key), kind, source, value, now_ms);
}

enum message_code put_peer(struct record_store *store, uint8_t key, const struct endpoint *source,
                           uint32_t pieces, bool seed, uint64_t now_ms)
{
    struct peer_record record = {.tcp_port = 1, .seed = seed, .pieces_held = pieces};
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(&record, &value);
    enum message_code code = put_value(store, key, KIND_PEER, source, buffer_bytes(&value), now_ms);
    buffer_dispose(&value);
    return code;
}

enum message_code put_host(struct record_store *store, uint8_t key, uint32_t host, uint64_t now_ms)
{
    struct endpoint source = public_host(host);
    return put_peer(store, key, &source, 1, false, now_ms);
}

enum message_code put_bits(struct record_store *store, uint8_t key, const char *source,
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

void make_entry(struct buffer *out, uint8_t key, uint32_t signer, uint32_t about, uint64_t seq,
                uint64_t expiry_unix_s)
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

enum message_code put_entry(struct record_store *store, uint8_t key, const struct endpoint *source,
                            uint32_t signer, uint32_t about, uint64_t seq, uint64_t now_ms)
{
    struct buffer value;
    buffer_init(&value);
    make_entry(&value, key, signer, about, seq, START_UNIX + 86400);
    enum message_code code =
        put_value(store, key, KIND_ENTRY, source, buffer_bytes(&value), now_ms);
    buffer_dispose(&value);
    return code;
}

/* ---- getting ---- */

struct record_sample get_at(const struct record_store *store, struct id key, unsigned kind,
                            struct message_value out[MESSAGE_VALUES_MAX], uint64_t now_ms)
{
    struct record_get get = {.key = key, .kind = kind, .asker = public_host(77)};
    return record_store_get(store, &get, out, MESSAGE_VALUES_MAX, now_ms);
}

bool holds(const struct record_store *store, struct id key, unsigned kind, struct bytes value,
           uint64_t now_ms)
{
    struct message_value out[MESSAGE_VALUES_MAX];
    struct record_sample sample = get_at(store, key, kind, out, now_ms);
    for (size_t i = 0; i < sample.count; i++)
        if (bytes_equal(out[i].value, value))
            return true;
    return false;
}

struct record_sample get_all(const struct record_store *store, uint8_t key, unsigned kind,
                             struct message_value out[MESSAGE_VALUES_MAX], uint64_t now_ms)
{
    return get_at(store, id_of(key), kind, out, now_ms);
}

uint32_t held(const struct record_store *store, uint8_t key, unsigned kind, uint64_t now_ms)
{
    struct message_value out[MESSAGE_VALUES_MAX];
    return get_all(store, key, kind, out, now_ms).total;
}

unsigned restore(struct record_store *into, const struct record_store *from, uint64_t now_ms)
{
    struct record_put put = {0};
    uint32_t ends_s;
    unsigned count = 0;
    for (size_t at = 0;
         (at = record_store_next(from, at, &put.key, &put.kind, &put.value, &ends_s)) != 0;
         count++) {
        put.lifetime_cap_s = ends_s - (uint32_t)(now_ms / 1000);
        assert_int_equal(
            record_store_put(into, &put, now_ms, START_UNIX + (now_ms - START_MS) / 1000), CODE_OK);
        assert_true(record_store_valid(into));
    }
    return count;
}
