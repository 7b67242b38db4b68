#include "kadpeer/records.h"

#include "kadpeer/dht.h"
#include "kadpeer/msgpack_reader.h"
#include "kadpeer/msgpack_writer.h"
#include "kadpeer/sha1.h"
#include "kadpeer/utf8.h"

/* The values, all maps of one-letter keys, each there exactly once:
 *
 *   peer          p uint16  TCP port       s bool     seed    h uint32    pieces held
 *   availability  p uint16  TCP port       b bin ≤ 128        bitfield
 *   entry         k bin 32  public key     q uint64   seq     x uint64    expiry, Unix s
 *                 b bin ≤ 512  body        g bin 64   signature
 *   entry bodies  {h bin 20 infohash, z uint64 bytes}, also with {n str name, f uint32 files};
 *                 {u bin 32 user's key}; {g bin 32 group's key, n str name, a str about}
 */

/* Reads the value of the key `letter` into `out`. */
typedef bool letter_reader(struct msgpack_reader *reader, char letter, void *out);

static bool read_letter(struct msgpack_reader *reader, const char *letters, unsigned *seen,
                        letter_reader *read, void *out)
{
    struct bytes name;
    if (!msgpack_read_str(reader, &name) || name.len != 1)
        return false;
    const char *found = memchr(letters, name.data[0], strlen(letters));
    if (found == NULL)
        return false;
    unsigned bit = 1u << (found - letters);
    if ((*seen & bit) != 0)
        return false;
    *seen |= bit;
    return read(reader, *found, out);
}

/* A map that has each of `letters` as a key, once, and nothing more. */
static bool read_letters(struct bytes value, const char *letters, letter_reader *read, void *out)
{
    struct msgpack_reader reader = msgpack_reader(value);
    uint32_t pairs;
    unsigned seen = 0;
    if (!msgpack_bounded(value) || !msgpack_read_map(&reader, &pairs) || pairs != strlen(letters))
        return false;
    for (uint32_t i = 0; i < pairs; i++)
        if (!read_letter(&reader, letters, &seen, read, out))
            return false;
    return true;
}

static bool read_u16_number(struct msgpack_reader *reader, uint16_t *out)
{
    uint64_t value;
    if (!msgpack_read_uint(reader, UINT16_MAX, &value))
        return false;
    *out = (uint16_t)value;
    return true;
}

static bool read_u32_number(struct msgpack_reader *reader, uint32_t *out)
{
    uint64_t value;
    if (!msgpack_read_uint(reader, UINT32_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool read_short_bin(struct msgpack_reader *reader, size_t max, struct bytes *out)
{
    return msgpack_read_bin(reader, out) && out->len <= max;
}

static void write_key(struct msgpack_writer *writer, char letter)
{
    msgpack_write_str(writer, bytes_of(&letter, 1));
}

static void add_written(struct buffer *out, const struct msgpack_writer *writer)
{
    if (writer->failed)
        out->failed = true;
    else
        buffer_add(out, writer->out, writer->len);
}

/* ---- peers ---- */

static bool read_peer(struct msgpack_reader *reader, char letter, void *into)
{
    struct peer_record *out = into;
    if (letter == 'p')
        return read_u16_number(reader, &out->tcp_port);
    if (letter == 's')
        return msgpack_read_bool(reader, &out->seed);
    return read_u32_number(reader, &out->pieces_held);
}

bool peer_record_decode(struct bytes value, struct peer_record *out)
{
    return read_letters(value, "psh", read_peer, out);
}

void peer_record_encode(const struct peer_record *record, struct buffer *out)
{
    uint8_t room[DHT_VALUE_MAX];
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 3);
    write_key(&writer, 'p');
    msgpack_write_uint(&writer, record->tcp_port);
    write_key(&writer, 's');
    msgpack_write_bool(&writer, record->seed);
    write_key(&writer, 'h');
    msgpack_write_uint(&writer, record->pieces_held);
    add_written(out, &writer);
}

/* ---- availability ---- */

static bool read_availability(struct msgpack_reader *reader, char letter, void *into)
{
    struct availability_record *out = into;
    if (letter == 'p')
        return read_u16_number(reader, &out->tcp_port);
    return read_short_bin(reader, AVAILABILITY_BITFIELD_MAX, &out->bitfield);
}

bool availability_record_decode(struct bytes value, struct availability_record *out)
{
    return read_letters(value, "pb", read_availability, out);
}

void availability_record_encode(const struct availability_record *record, struct buffer *out)
{
    uint8_t room[DHT_VALUE_MAX];
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 2);
    write_key(&writer, 'p');
    msgpack_write_uint(&writer, record->tcp_port);
    write_key(&writer, 'b');
    msgpack_write_bin(&writer, record->bitfield);
    add_written(out, &writer);
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
        return read_short_bin(reader, ENTRY_BODY_MAX, &out->body);
    default:
        return msgpack_read_fixed(reader, out->signature, sizeof out->signature);
    }
}

bool entry_record_decode(struct bytes value, struct entry_record *out)
{
    return read_letters(value, "kqxbg", read_entry, out);
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
    return ed25519_verify(record->public_key, signed_bytes(record, key, room), record->signature);
}

static void encode_entry(const struct entry_record *record, struct buffer *out)
{
    uint8_t room[DHT_VALUE_MAX];
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, 5);
    write_key(&writer, 'k');
    msgpack_write_bin(&writer, bytes_of(record->public_key, sizeof record->public_key));
    write_key(&writer, 'q');
    msgpack_write_uint(&writer, record->seq);
    write_key(&writer, 'x');
    msgpack_write_uint(&writer, record->expiry_unix_s);
    write_key(&writer, 'b');
    msgpack_write_bin(&writer, record->body);
    write_key(&writer, 'g');
    msgpack_write_bin(&writer, bytes_of(record->signature, sizeof record->signature));
    add_written(out, &writer);
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

/* ---- bodies of entries ---- */

static bool read_text(struct msgpack_reader *reader, size_t min, size_t max, struct bytes *out)
{
    return msgpack_read_str(reader, out) && out->len >= min && out->len <= max &&
           utf8_is_text(*out);
}

static bool read_file_body(struct msgpack_reader *reader, char letter, void *into)
{
    struct entry_body *out = into;
    struct bytes name;
    switch (letter) {
    case 'h':
        return msgpack_read_fixed(reader, out->infohash.bytes, ID_BYTES);
    case 'z':
        return msgpack_read_uint(reader, UINT64_MAX, &out->size);
    case 'f':
        return read_u32_number(reader, &out->files);
    default:
        if (!read_text(reader, 1, ENTRY_NAME_MAX, &name))
            return false;
        memcpy(out->name, name.data, name.len);
        return true;
    }
}

bool entry_body_decode(struct bytes body, struct entry_body *out)
{
    *out = (struct entry_body){0};
    if (read_letters(body, "hnzf", read_file_body, out))
        return true;
    *out = (struct entry_body){0};
    return read_letters(body, "hz", read_file_body, out);
}

void entry_body_encode(const struct entry_body *body, struct buffer *out)
{
    uint8_t room[ENTRY_BODY_MAX];
    struct msgpack_writer writer;
    bool named = body->name[0] != 0;
    msgpack_writer_init(&writer, room, sizeof room);
    msgpack_write_map(&writer, named ? 4 : 2);
    write_key(&writer, 'h');
    msgpack_write_bin(&writer, bytes_of(body->infohash.bytes, ID_BYTES));
    if (named) {
        write_key(&writer, 'n');
        msgpack_write_string(&writer, body->name);
    }
    write_key(&writer, 'z');
    msgpack_write_uint(&writer, body->size);
    if (named) {
        write_key(&writer, 'f');
        msgpack_write_uint(&writer, body->files);
    }
    add_written(out, &writer);
}

#define GROUP_ABOUT_MAX 200 /* bytes of what a listed group says of itself */

/* Of a user {u} or a group {g n a}: the public key goes to `into`. */
static bool read_owner_body(struct msgpack_reader *reader, char letter, void *into)
{
    struct bytes text;
    if (letter == 'n')
        return read_text(reader, 1, ENTRY_NAME_MAX, &text);
    if (letter == 'a')
        return read_text(reader, 0, GROUP_ABOUT_MAX, &text);
    return msgpack_read_fixed(reader, into, ED25519_PUBLIC_BYTES);
}

bool entry_record_subject(const struct entry_record *record, uint8_t out[ENTRY_SUBJECT_MAX])
{
    struct entry_body body;
    memset(out, 0, ENTRY_SUBJECT_MAX);
    if (entry_body_decode(record->body, &body)) {
        memcpy(out, body.infohash.bytes, ID_BYTES);
        return true;
    }
    return (read_letters(record->body, "u", read_owner_body, out) ||
            read_letters(record->body, "gna", read_owner_body, out)) &&
           memcmp(out, record->public_key, ED25519_PUBLIC_BYTES) == 0;
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
