#include "kadpeer/records.h"

#include "dht/record_letters.h"
#include "kadpeer/dht.h"
#include "kadpeer/sha1.h"

/* The values, all maps of one-letter keys, each there exactly once:
 *
 *   peer          p uint16  TCP port       s bool     seed    h uint32    pieces held
 *   availability  p uint16  TCP port       b bin ≤ 128        bitfield
 *   entry         k bin 32  public key     q uint64   seq     x uint64    expiry, Unix s
 *                 b bin ≤ 512  body        g bin 64   signature
 *
 * Bodies of entries: records_bodies.c. Items, parts and drops: records_group.c.
 */

/* ---- peers ---- */

static bool read_peer(struct msgpack_reader *reader, char letter, void *into)
{
    struct peer_record *out = into;
    if (letter == 'p')
        return letters_read_u16(reader, &out->tcp_port);
    if (letter == 's')
        return msgpack_read_bool(reader, &out->seed);
    return letters_read_u32(reader, &out->pieces_held);
}

bool peer_record_decode(struct bytes value, struct peer_record *out)
{
    return letters_read(value, "psh", read_peer, out);
}

void peer_record_encode(const struct peer_record *record, struct buffer *out)
{
    uint8_t room[DHT_VALUE_MAX];
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 3);
    letters_write_key(&writer, 'p');
    msgpack_write_uint(&writer, record->tcp_port);
    letters_write_key(&writer, 's');
    msgpack_write_bool(&writer, record->seed);
    letters_write_key(&writer, 'h');
    msgpack_write_uint(&writer, record->pieces_held);
    letters_add_written(out, &writer);
}

/* ---- availability ---- */

static bool read_availability(struct msgpack_reader *reader, char letter, void *into)
{
    struct availability_record *out = into;
    if (letter == 'p')
        return letters_read_u16(reader, &out->tcp_port);
    return letters_read_bin(reader, AVAILABILITY_BITFIELD_MAX, &out->bitfield);
}

bool availability_record_decode(struct bytes value, struct availability_record *out)
{
    return letters_read(value, "pb", read_availability, out);
}

void availability_record_encode(const struct availability_record *record, struct buffer *out)
{
    uint8_t room[DHT_VALUE_MAX];
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 2);
    letters_write_key(&writer, 'p');
    msgpack_write_uint(&writer, record->tcp_port);
    letters_write_key(&writer, 'b');
    msgpack_write_bin(&writer, record->bitfield);
    letters_add_written(out, &writer);
}

/* ---- entries ---- */

static bool read_entry(struct msgpack_reader *reader, char letter, void *into)
{
    struct entry_record *out = into;
    switch (letter) {
    case 'k':
        return msgpack_read_fixed(reader, out->public_key, sizeof out->public_key);
    case 'q':
        return msgpack_read_uint(reader, UINT64_MAX, &out->seq);
    case 'x':
        return msgpack_read_uint(reader, UINT64_MAX, &out->expiry_unix_s);
    case 'b':
        return letters_read_bin(reader, ENTRY_BODY_MAX, &out->body);
    default:
        return msgpack_read_fixed(reader, out->signature, sizeof out->signature);
    }
}

bool entry_record_decode(struct bytes value, struct entry_record *out)
{
    return letters_read(value, "kqxbg", read_entry, out);
}

enum { ENTRY_SIGNED_FIXED = sizeof "kadpeer/entry" + ID_BYTES + ED25519_PUBLIC_BYTES + 8 + 8 + 2 };

/* What is signed: "kadpeer/entry\0", key 20, k 32, u64 q, u64 x, u16 length of b, b. */
static struct bytes signed_bytes(const struct entry_record *record, const struct id *key,
                                 uint8_t out[ENTRY_SIGNED_FIXED + ENTRY_BODY_MAX])
{
    static const char domain[] = "kadpeer/entry";
    uint8_t *at = out;
    memcpy(at, domain, sizeof domain);
    at += sizeof domain;
    memcpy(at, key->bytes, ID_BYTES);
    at += ID_BYTES;
    memcpy(at, record->public_key, ED25519_PUBLIC_BYTES);
    at += ED25519_PUBLIC_BYTES;
    write_u64(at, record->seq);
    write_u64(at + 8, record->expiry_unix_s);
    write_u16(at + 16, (uint16_t)record->body.len);
    at += 18;
    if (record->body.len > 0)
        memcpy(at, record->body.data, record->body.len);
    return bytes_of(out, ENTRY_SIGNED_FIXED + record->body.len);
}

bool entry_record_verify(const struct entry_record *record, const struct id *key)
{
    uint8_t room[ENTRY_SIGNED_FIXED + ENTRY_BODY_MAX];
    if (record->body.len > ENTRY_BODY_MAX)
        return false;
    return ed25519_key_is_valid(record->public_key) &&
           ed25519_verify(record->public_key, signed_bytes(record, key, room), record->signature);
}

static void encode_entry(const struct entry_record *record, struct buffer *out)
{
    uint8_t room[DHT_VALUE_MAX];
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 5);
    letters_write_key(&writer, 'k');
    msgpack_write_bin(&writer, bytes_of(record->public_key, sizeof record->public_key));
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

enum status entry_record_make(const struct id *key, const uint8_t seed[ED25519_SEED_BYTES],
                              uint64_t seq, uint64_t expiry_unix_s, struct bytes body,
                              struct buffer *out)
{
    struct entry_record record = {.seq = seq, .expiry_unix_s = expiry_unix_s, .body = body};
    uint8_t room[ENTRY_SIGNED_FIXED + ENTRY_BODY_MAX];
    if (body.len > ENTRY_BODY_MAX)
        return STATUS_TOO_BIG;
    enum status status = ed25519_public_of(seed, record.public_key);
    if (status == STATUS_OK)
        status = ed25519_sign(seed, signed_bytes(&record, key, room), record.signature);
    if (status != STATUS_OK)
        return status;
    encode_entry(&record, out);
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* ---- keys ---- */

/* SHA-1 of a domain, its final zero byte included, and what is named in it. */
static struct id key_in(const char *domain, struct bytes first, struct bytes second)
{
    struct bytes parts[] = {bytes_of(domain, strlen(domain) + 1), first, second};
    return sha1_of_parts(parts, second.len > 0 ? 3 : 2);
}

struct id key_of_availability(const struct id *infohash, uint32_t segment)
{
    uint8_t number[4];
    write_u32(number, segment);
    return key_in("kadpeer/avail", bytes_of(infohash->bytes, ID_BYTES), bytes_of(number, 4));
}

struct id key_of_name(const char *normal_name)
{
    return key_in("kadpeer/name", bytes_of_string(normal_name), (struct bytes){0});
}

struct id key_of_word(const char *word)
{
    return key_in("kadpeer/word", bytes_of_string(word), (struct bytes){0});
}

struct id key_of_file_sha1(const struct id *sha1)
{
    return key_in("kadpeer/sha1", bytes_of(sha1->bytes, ID_BYTES), (struct bytes){0});
}

struct id key_of_user_name(const char *normal_name)
{
    return key_in("kadpeer/user", bytes_of_string(normal_name), (struct bytes){0});
}

struct id key_of_group_name(const char *normal_name)
{
    return key_in("kadpeer/group", bytes_of_string(normal_name), (struct bytes){0});
}

struct id key_of_group_part(uint8_t part)
{
    return key_in("kadpeer/groups16", bytes_of(&part, 1), (struct bytes){0});
}

struct id key_of_group_list(uint8_t shard)
{
    return key_in("kadpeer/groups", bytes_of(&shard, 1), (struct bytes){0});
}
