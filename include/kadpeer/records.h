/* The values of records, and the keys they are kept under: docs/protocol.md section 2.
 * Values are msgpack maps, made and read here alone; a value with an unknown or missing key, or
 * of the wrong size, is refused. Lives in dht/. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/ed25519.h"
#include "kadpeer/id.h"
#include "kadpeer/sha256.h"
#include "kadpeer/status.h"

#define AVAILABILITY_SEGMENT_PIECES 1024 /* one record's bitfield: 128 bytes */
#define AVAILABILITY_BITFIELD_MAX   128
#define ENTRY_BODY_MAX              512
#define ENTRY_NAME_MAX              200 /* bytes of a published name */
#define PUBLISHED_WORDS_MAX         16

/* kind 1 */
struct peer_record {
    uint16_t tcp_port; /* 0: the port the record's datagram came from */
    bool seed;
    uint32_t pieces_held;
};

bool peer_record_decode(struct bytes value, struct peer_record *out);
void peer_record_encode(const struct peer_record *record, struct buffer *out);

/* kind 2; piece i of the segment is bit 7 - i%8 of byte i/8, as in BITFIELD [BEP 3] */
struct availability_record {
    uint16_t tcp_port;
    struct bytes bitfield; /* borrowed from the value; empty: gone */
};

bool availability_record_decode(struct bytes value, struct availability_record *out);
void availability_record_encode(const struct availability_record *record, struct buffer *out);

/* kind 3 */
struct entry_record {
    uint8_t public_key[ED25519_PUBLIC_BYTES];
    uint64_t seq;
    uint64_t expiry_unix_s;
    struct bytes body; /* borrowed from the value */
    uint8_t signature[ED25519_SIGNATURE_BYTES];
};

bool entry_record_decode(struct bytes value, struct entry_record *out);
bool entry_record_verify(const struct entry_record *record, const struct id *key);
/* Signs with `seed` (its public key is filled in) and encodes. */
enum status entry_record_make(const struct id *key, const uint8_t seed[ED25519_SEED_BYTES],
                              uint64_t seq, uint64_t expiry_unix_s, struct bytes body,
                              struct buffer *out);

#define ENTRY_SUBJECT_MAX 32
/* What the entry speaks of: the infohash, or the user's or group's public key, of its body; zeroes
 * to the end. One key has one entry per signer and subject. False: a body of no known form, or of
 * a user or group that its own key did not sign. */
bool entry_record_subject(const struct entry_record *record, uint8_t out[ENTRY_SUBJECT_MAX]);

/* The body of a name, word or file-SHA-1 entry. */
struct entry_body {
    struct id infohash;
    char name[ENTRY_NAME_MAX + 1]; /* empty in a file-SHA-1 entry */
    uint64_t size;
    uint32_t files; /* 0 in a file-SHA-1 entry */
};

bool entry_body_decode(struct bytes body, struct entry_body *out);
void entry_body_encode(const struct entry_body *body,
                       struct buffer *out); /* without `n`, `f` when the name is empty */

/* ---- kinds 4 to 6, of users and groups [groups-design 2] ---- */

#define ITEM_SALT_MAX    16
#define ITEM_BODY_MAX    800
#define ITEM_VALUE_MAX   960 /* bytes, encoded */
#define ITEM_LIFETIME_S  (90 * 24 * 3600)
#define PART_BYTES_MAX   800
#define DROP_BODY_MAX    700
#define DROP_LIFETIME_S  (7 * 24 * 3600)
#define DROP_WORK_BITS   18 /* leading zero bits at least … */
#define DROP_WORK_MAX    26 /* … and at most asked for by one who was refused */
#define DROP_NONCE_BYTES 8

/* kind 4, a signed mutable record: {k, s, q, x, b, g}; key = SHA-1(k || s). An empty body:
 * withdrawn. */
struct item_record {
    uint8_t public_key[ED25519_PUBLIC_BYTES];
    uint8_t salt[ITEM_SALT_MAX];
    uint8_t salt_len;
    uint64_t seq;
    uint64_t expiry_unix_s;
    struct bytes body; /* borrowed from the value */
    uint8_t signature[ED25519_SIGNATURE_BYTES];
};

bool item_record_decode(struct bytes value, struct item_record *out);
/* Is it of this key (SHA-1(k || salt)), by a valid public key, with a good signature? */
bool item_record_verify(const struct item_record *record, const struct id *key);
enum status item_record_make(const uint8_t seed[ED25519_SEED_BYTES], struct bytes salt,
                             uint64_t seq, uint64_t expiry_unix_s, struct bytes body,
                             struct buffer *out);
/* Of two of one key with equal seq and other bytes, the one with the smaller SHA-256 over all
 * signed bytes stays: negative when `a` does; 0: the same bytes. */
int item_record_compare(const struct item_record *a, const struct item_record *b);
void item_record_digest(const struct item_record *record, uint8_t out[SHA256_BYTES]);
struct id key_of_item(const uint8_t public_key[ED25519_PUBLIC_BYTES], struct bytes salt);

/* kind 5: the value is the bytes themselves, key = SHA-1(bytes) */
struct id key_of_part(struct bytes part);

/* kind 6, an entry of the mailbox d, its key: {d, x, n, b} */
struct drop_record {
    struct id mailbox;
    uint64_t expiry_unix_s;
    uint8_t nonce[DROP_NONCE_BYTES];
    struct bytes body; /* borrowed */
};

bool drop_record_decode(struct bytes value, struct drop_record *out);
void drop_record_encode(const struct drop_record *record, struct buffer *out);
unsigned drop_record_work(const struct drop_record *record); /* leading zero bits */
/* Tries nonces from `*nonce` on, at most `tries`; true when one of `bits` was found: it is then in
 * record->nonce. `*nonce` goes on where it ended. About 2^bits SHA-256: for the pool. */
bool drop_record_find_nonce(struct drop_record *record, unsigned bits, uint64_t *nonce,
                            uint64_t tries);

/* Keys. `normal_name` is what names_normalize (content/names.h) gives. */
struct id key_of_availability(const struct id *infohash, uint32_t segment);
struct id key_of_name(const char *normal_name);
struct id key_of_word(const char *word);
struct id key_of_file_sha1(const struct id *sha1);
struct id key_of_user_name(const char *normal_name);
struct id key_of_group_name(const char *normal_name);
/* The public list of groups, in 16 parts by the first four bits of a group's key, and in 256 by its
 * first byte for when a part is full. */
struct id key_of_group_part(uint8_t part);
struct id key_of_group_list(uint8_t shard);

/* The body of an entry under a user's name ({u}) and under a listed group's ({g, n, a}); the entry
 * is signed by that very key. */
struct user_entry_body {
    uint8_t user[ED25519_PUBLIC_BYTES];
};
struct group_entry_body {
    uint8_t group[ED25519_PUBLIC_BYTES];
    char name[65];   /* UTF-8, at most 64 bytes */
    char about[201]; /* UTF-8, at most 200 bytes */
};
void user_entry_body_encode(const struct user_entry_body *body, struct buffer *out);
bool user_entry_body_decode(struct bytes body, struct user_entry_body *out);
void group_entry_body_encode(const struct group_entry_body *body, struct buffer *out);
bool group_entry_body_decode(struct bytes body, struct group_entry_body *out);
