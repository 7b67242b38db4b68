#include "sim/samples.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "kadpeer/records.h"
#include "kadpeer/sha1.h"

static struct id infohash_of(uint32_t number)
{
    char text[32];
    snprintf(text, sizeof text, "sample %u", number);
    return sha1_of(bytes_of_string(text));
}

static struct sample sample_of(struct id key, enum record_kind kind, struct buffer *value)
{
    struct sample sample = {.key = key, .kind = kind, .len = value->len};
    assert(!value->failed && value->len <= sizeof sample.data);
    memcpy(sample.data, value->data, value->len);
    buffer_dispose(value);
    return sample;
}

struct sample sample_peer(uint32_t number)
{
    struct buffer value;
    buffer_init(&value);
    struct peer_record record = {.tcp_port = 0, .seed = true, .pieces_held = number};
    peer_record_encode(&record, &value);
    return sample_of(infohash_of(number), KIND_PEER, &value);
}

struct sample sample_availability(uint32_t number)
{
    struct buffer value;
    buffer_init(&value);
    uint8_t bits[4];
    write_u32(bits, number | 1);
    struct availability_record record = {.bitfield = bytes_of(bits, sizeof bits)};
    availability_record_encode(&record, &value);
    struct id infohash = infohash_of(number);
    return sample_of(key_of_availability(&infohash, 0), KIND_AVAILABILITY, &value);
}

struct sample sample_entry_under(uint32_t number, const char *word, uint64_t expiry_unix_s)
{
    struct buffer body, value;
    buffer_init(&body);
    buffer_init(&value);
    struct entry_body content = {.infohash = infohash_of(number), .size = number, .files = 1};
    snprintf(content.name, sizeof content.name, "sample %u", number);
    entry_body_encode(&content, &body);
    uint8_t seed[ED25519_SEED_BYTES] = {0};
    write_u32(seed, number);
    struct id key = key_of_word(word);
    enum status made = entry_record_make(&key, seed, 1, expiry_unix_s, buffer_bytes(&body), &value);
    assert(made == STATUS_OK);
    (void)made;
    buffer_dispose(&body);
    return sample_of(key, KIND_ENTRY, &value);
}

struct sample sample_entry(uint32_t number, uint64_t expiry_unix_s)
{
    char word[32];
    snprintf(word, sizeof word, "word%u", number);
    return sample_entry_under(number, word, expiry_unix_s);
}

struct sample sample_item(uint32_t number, uint64_t seq, uint64_t expiry_unix_s)
{
    struct buffer value;
    struct item_record record;
    char body[64];
    uint8_t seed[ED25519_SEED_BYTES] = {4};
    write_u32(seed + 1, number);
    snprintf(body, sizeof body, "sample %u, seq %llu", number, (unsigned long long)seq);
    buffer_init(&value);
    enum status made = item_record_make(seed, bytes_of_string("salt"), seq, expiry_unix_s,
                                        bytes_of_string(body), &value);
    bool decoded = item_record_decode(buffer_bytes(&value), &record);
    assert(made == STATUS_OK && decoded);
    (void)made, (void)decoded;
    return sample_of(key_of_item(record.public_key, bytes_of_string("salt")), KIND_ITEM, &value);
}

struct sample sample_part(uint32_t number)
{
    struct buffer value;
    buffer_init(&value);
    buffer_add_format(&value, "part %u, as long as one may be: %0760u", number, number);
    struct id key = key_of_part(buffer_bytes(&value));
    return sample_of(key, KIND_PART, &value);
}

struct sample sample_drop(uint32_t number, uint64_t expiry_unix_s)
{
    return sample_drop_into(number, number, expiry_unix_s);
}

struct sample sample_drop_into(uint32_t mailbox, uint32_t number, uint64_t expiry_unix_s)
{
    struct buffer value;
    struct drop_record record = {.mailbox = infohash_of(mailbox), .expiry_unix_s = expiry_unix_s};
    char body[32];
    uint64_t nonce = 0;
    snprintf(body, sizeof body, "drop %u", number);
    record.body = bytes_of_string(body);
    bool found = drop_record_find_nonce(&record, DROP_WORK_BITS, &nonce, UINT32_MAX);
    assert(found);
    (void)found;
    buffer_init(&value);
    drop_record_encode(&record, &value);
    return sample_of(record.mailbox, KIND_DROP, &value);
}

struct bytes sample_value(const struct sample *sample)
{
    return bytes_of(sample->data, sample->len);
}
