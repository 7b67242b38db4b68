/* The values that users and groups keep in the table  [protocol.md section 2]:
 *
 *   item   k bin 32 public key   s bin ≤ 16 salt      q uint64 seq   x uint64 expiry, Unix s
 *          b bin ≤ 800 body      g bin 64 signature
 *   part   any bytes, at most 800
 *   drop   d bin 20 mailbox      x uint64 expiry      n bin 8 nonce  b bin ≤ 700 body
 */
#include "kadpeer/records.h"

#include <string.h>

#include "dht/record_letters.h"
#include "kadpeer/dht.h"
#include "kadpeer/sha1.h"
#include "kadpeer/sha256.h"

/* ---- items ---- */

static bool read_salt(struct msgpack_reader *reader, struct item_record *out)
{
    struct bytes salt;
    if (!letters_read_bin(reader, ITEM_SALT_MAX, &salt))
        return false;
    out->salt_len = (uint8_t)salt.len;
    if (salt.len > 0)
        memcpy(out->salt, salt.data, salt.len);
    return true;
}

static bool read_item(struct msgpack_reader *reader, char letter, void *into)
{
    struct item_record *out = into;
    switch (letter) {
    case 'k':
        return msgpack_read_fixed(reader, out->public_key, sizeof out->public_key);
    case 's':
        return read_salt(reader, out);
    case 'q':
        return msgpack_read_uint(reader, UINT64_MAX, &out->seq);
    case 'x':
        return msgpack_read_uint(reader, UINT64_MAX, &out->expiry_unix_s);
    case 'b':
        return letters_read_bin(reader, ITEM_BODY_MAX, &out->body);
    default:
        return msgpack_read_fixed(reader, out->signature, sizeof out->signature);
    }
}

bool item_record_decode(struct bytes value, struct item_record *out)
{
    return letters_read(value, "ksqxbg", read_item, out);
}

static struct bytes salt_of(const struct item_record *record)
{
    return bytes_of(record->salt, record->salt_len);
}

struct id key_of_item(const uint8_t public_key[ED25519_PUBLIC_BYTES], struct bytes salt)
{
    struct bytes parts[] = {bytes_of(public_key, ED25519_PUBLIC_BYTES), salt};
    return sha1_of_parts(parts, salt.len > 0 ? 2 : 1);
}

enum { ITEM_SIGNED_FIXED = sizeof "grp1/smr" + ED25519_PUBLIC_BYTES + 1 + 8 + 8 + 2 };
#define ITEM_SIGNED_MAX (ITEM_SIGNED_FIXED + ITEM_SALT_MAX + ITEM_BODY_MAX)

/* What is signed: "grp1/smr\0", k 32, u8 length of s, s, u64 q, u64 x, u16 length of b, b. */
static struct bytes signed_bytes(const struct item_record *record, uint8_t out[ITEM_SIGNED_MAX])
{
    static const char domain[] = "grp1/smr";
    uint8_t *at = out;
    memcpy(at, domain, sizeof domain);
    at += sizeof domain;
    memcpy(at, record->public_key, ED25519_PUBLIC_BYTES);
    at += ED25519_PUBLIC_BYTES;
    *at++ = record->salt_len;
    memcpy(at, record->salt, record->salt_len);
    at += record->salt_len;
    write_u64(at, record->seq);
    write_u64(at + 8, record->expiry_unix_s);
    write_u16(at + 16, (uint16_t)record->body.len);
    at += 18;
    if (record->body.len > 0)
        memcpy(at, record->body.data, record->body.len);
    return bytes_of(out, (size_t)(at - out) + record->body.len);
}

static bool has_good_sizes(const struct item_record *record)
{
    return record->salt_len <= ITEM_SALT_MAX && record->body.len <= ITEM_BODY_MAX;
}

bool item_record_verify(const struct item_record *record, const struct id *key)
{
    uint8_t room[ITEM_SIGNED_MAX];
    if (!has_good_sizes(record))
        return false;
    struct id own_key = key_of_item(record->public_key, salt_of(record));
    return id_equal(&own_key, key) && ed25519_key_is_valid(record->public_key) &&
           ed25519_verify(record->public_key, signed_bytes(record, room), record->signature);
}

static void encode_item(const struct item_record *record, struct buffer *out)
{
    uint8_t room[DHT_VALUE_MAX];
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 6);
    letters_write_key(&writer, 'k');
    msgpack_write_bin(&writer, bytes_of(record->public_key, sizeof record->public_key));
    letters_write_key(&writer, 's');
    msgpack_write_bin(&writer, salt_of(record));
    letters_write_key(&writer, 'q');
    msgpack_write_uint(&writer, record->seq);
    letters_write_key(&writer, 'x');
    msgpack_write_uint(&writer, record->expiry_unix_s);
    letters_write_key(&writer, 'b');
    msgpack_write_bin(&writer, record->body);
    letters_write_key(&writer, 'g');
    msgpack_write_bin(&writer, bytes_of(record->signature, sizeof record->signature));
    letters_add_written(out, &writer);
}

enum status item_record_make(const uint8_t seed[ED25519_SEED_BYTES], struct bytes salt,
                             uint64_t seq, uint64_t expiry_unix_s, struct bytes body,
                             struct buffer *out)
{
    struct item_record record = {.seq = seq, .expiry_unix_s = expiry_unix_s, .body = body};
    uint8_t room[ITEM_SIGNED_MAX];
    if (salt.len > ITEM_SALT_MAX || body.len > ITEM_BODY_MAX)
        return STATUS_TOO_BIG;
    record.salt_len = (uint8_t)salt.len;
    if (salt.len > 0)
        memcpy(record.salt, salt.data, salt.len);
    enum status status = ed25519_public_of(seed, record.public_key);
    if (status == STATUS_OK)
        status = ed25519_sign(seed, signed_bytes(&record, room), record.signature);
    if (status != STATUS_OK)
        return status;
    encode_item(&record, out);
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

void item_record_digest(const struct item_record *record, uint8_t out[SHA256_BYTES])
{
    uint8_t room[ITEM_SIGNED_MAX];
    struct bytes text = signed_bytes(record, room);
    sha256_of_parts(&text, 1, out);
}

int item_record_compare(const struct item_record *a, const struct item_record *b)
{
    uint8_t digest_a[SHA256_BYTES], digest_b[SHA256_BYTES];
    item_record_digest(a, digest_a);
    item_record_digest(b, digest_b);
    return memcmp(digest_a, digest_b, SHA256_BYTES);
}

/* ---- parts ---- */

struct id key_of_part(struct bytes part)
{
    return sha1_of(part);
}

/* ---- drops ---- */

static bool read_drop(struct msgpack_reader *reader, char letter, void *into)
{
    struct drop_record *out = into;
    switch (letter) {
    case 'd':
        return msgpack_read_fixed(reader, out->mailbox.bytes, ID_BYTES);
    case 'x':
        return msgpack_read_uint(reader, UINT64_MAX, &out->expiry_unix_s);
    case 'n':
        return msgpack_read_fixed(reader, out->nonce, sizeof out->nonce);
    default:
        return letters_read_bin(reader, DROP_BODY_MAX, &out->body);
    }
}

bool drop_record_decode(struct bytes value, struct drop_record *out)
{
    return letters_read(value, "dxnb", read_drop, out);
}

void drop_record_encode(const struct drop_record *record, struct buffer *out)
{
    uint8_t room[DHT_VALUE_MAX];
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 4);
    letters_write_key(&writer, 'd');
    msgpack_write_bin(&writer, bytes_of(record->mailbox.bytes, ID_BYTES));
    letters_write_key(&writer, 'x');
    msgpack_write_uint(&writer, record->expiry_unix_s);
    letters_write_key(&writer, 'n');
    msgpack_write_bin(&writer, bytes_of(record->nonce, sizeof record->nonce));
    letters_write_key(&writer, 'b');
    msgpack_write_bin(&writer, record->body);
    letters_add_written(out, &writer);
}

static unsigned leading_zero_bits(const uint8_t digest[SHA256_BYTES])
{
    unsigned bits = 0;
    while (bits < 8 * SHA256_BYTES && (digest[bits / 8] >> (7 - bits % 8) & 1) == 0)
        bits++;
    return bits;
}

#define WORK_DOMAIN "grp1/drop"

/* The work is of SHA-256("grp1/drop", d, u64 x, b, n): the nonce comes last, so that looking for
 * one hashes the rest only once. */
unsigned drop_record_work(const struct drop_record *record)
{
    uint8_t expiry[8], digest[SHA256_BYTES];
    write_u64(expiry, record->expiry_unix_s);
    struct bytes parts[] = {bytes_of_string(WORK_DOMAIN), bytes_of(record->mailbox.bytes, ID_BYTES),
                            bytes_of(expiry, 8), record->body,
                            bytes_of(record->nonce, sizeof record->nonce)};
    sha256_of_parts(parts, sizeof parts / sizeof parts[0], digest);
    return leading_zero_bits(digest);
}

bool drop_record_find_nonce(struct drop_record *record, unsigned bits, uint64_t *nonce,
                            uint64_t tries)
{
    uint8_t expiry[8], text[DROP_NONCE_BYTES], digest[SHA256_BYTES];
    struct sha256 *sha256 = sha256_new();
    bool found = false;
    if (sha256 == NULL)
        return false;
    write_u64(expiry, record->expiry_unix_s);
    sha256_update(sha256, bytes_of_string(WORK_DOMAIN));
    sha256_update(sha256, bytes_of(record->mailbox.bytes, ID_BYTES));
    sha256_update(sha256, bytes_of(expiry, sizeof expiry));
    sha256_update(sha256, record->body);
    for (; !found && tries > 0; tries--) {
        write_u64(text, (*nonce)++);
        sha256_with(sha256, bytes_of(text, sizeof text), digest);
        found = leading_zero_bits(digest) >= bits;
    }
    sha256_free(sha256);
    if (found)
        memcpy(record->nonce, text, sizeof text);
    return found;
}
