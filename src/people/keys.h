/* Every key of a user and of a group, and how it is derived  [groups-design 1; docs/security.md].
 * Secrets are wiped by who holds them: keys_wipe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/ed25519.h"
#include "kadpeer/id.h"
#include "kadpeer/sha256.h"
#include "kadpeer/status.h"

#define ROOT_BYTES        32 /* of a user's and a group's root secret, and of an epoch's */
#define X25519_BYTES      32
#define PUBLIC_BYTES      ED25519_PUBLIC_BYTES
#define FINGERPRINT_SIZE  40 /* 8 groups of 4 characters, 7 spaces, the final zero */
#define KEYPAGE_TAG_BYTES 8

/* 32 bytes that name somebody: an Ed25519 public key. */
struct public_key {
    uint8_t bytes[PUBLIC_BYTES];
};

bool public_key_equal(const struct public_key *a, const struct public_key *b);
/* A canonical encoding of a point that is not of small order: OpenSSL takes the identity as a key,
 * and then any message verifies. */
bool public_key_is_valid(const struct public_key *key);
void public_key_fingerprint(const struct public_key *key, char out[FINGERPRINT_SIZE]);

/* HKDF-SHA256 [RFC 5869] of 32 bytes; `salt` may be empty. */
enum status hkdf(struct bytes ikm, struct bytes salt, struct bytes info, uint8_t out[32]);
/* Its second half alone, at most 255 * 32 bytes. */
enum status hkdf_expand(const uint8_t key[32], struct bytes info, uint8_t *out, size_t len);
/* Of the concatenation of `count` parts. Cannot fail. */
#define HMAC_PARTS_MAX 4
void hmac_sha256(const uint8_t key[32], const struct bytes *parts, size_t count,
                 uint8_t out[SHA256_BYTES]);
/* scrypt [RFC 7914] of 32 bytes; takes 128 * n * r bytes of memory, at most SCRYPT_MEMORY_MAX. */
#define SCRYPT_MEMORY_MAX (64 * 1024 * 1024)
enum status scrypt(struct bytes password, struct bytes salt, uint64_t n, uint32_t r, uint32_t p,
                   uint8_t out[32]);

enum status x25519_public_of(const uint8_t private_key[X25519_BYTES],
                             uint8_t public_key[X25519_BYTES]);
/* REFUSED: the result is all zero, the other side's key was none. */
enum status x25519_shared(const uint8_t private_key[X25519_BYTES],
                          const uint8_t their_public[X25519_BYTES], uint8_t out[32]);

/* A signing key and a mailbox key, as users, members and groups have them. */
struct key_pairs {
    uint8_t seed[ED25519_SEED_BYTES]; /* sk_u, mk, gk */
    struct public_key public_key;     /* pk_u, mpk, gpk */
    uint8_t box[X25519_BYTES];        /* xk_u, mx, gx: private */
    uint8_t box_public[X25519_BYTES]; /* xpk_u, mxp, gxp */
};

enum status keys_of_user(const uint8_t root[ROOT_BYTES], struct key_pairs *out);
enum status keys_of_group(const uint8_t root[ROOT_BYTES], struct key_pairs *out);
/* The pseudonym of a user inside one group. */
enum status keys_of_member(const uint8_t user_root[ROOT_BYTES], const struct public_key *group,
                           struct key_pairs *out);

/* The use-specific keys of an epoch, k_X of the design. */
enum epoch_use { USE_ROSTER, USE_SHELF, USE_DISC, USE_PSK, USE_PSKID, USE_MARK, EPOCH_USES };

struct epoch_keys {
    uint32_t epoch; /* 1, 2, … */
    uint8_t secret[ROOT_BYTES];
    uint8_t key[EPOCH_USES][32];
};

enum status epoch_keys_derive(const struct public_key *group, uint32_t epoch,
                              const uint8_t secret[ROOT_BYTES], struct epoch_keys *out);

/* Tells epochs of one number apart, which two devices of an owner have made; says nothing of the
 * secret. */
#define EPOCH_MARK_BYTES 8
void epoch_mark(const struct epoch_keys *keys, uint8_t out[EPOCH_MARK_BYTES]);

/* Blinded keys of the table: what a file, and the presence of members on one day (Unix time /
 * 86,400), are announced under. */
struct id epoch_file_key(const struct epoch_keys *keys, const uint8_t sha256[SHA256_BYTES]);
struct id epoch_presence_key(const struct epoch_keys *keys, uint32_t day);

/* With the group's private and the member's public mailbox key, or the other way round: the same.
 */
enum status keypage_tag(const uint8_t private_key[X25519_BYTES],
                        const uint8_t their_public[X25519_BYTES], const struct public_key *group,
                        uint32_t epoch, uint8_t out[KEYPAGE_TAG_BYTES]);

/* PSK of the channel on which an invited newcomer may say JOIN and ask for HEAD. */
enum status invite_psk(const uint8_t token[16], const struct public_key *group, uint8_t out[32]);
/* The key of its identities there (channel_auth.h), in place of an epoch's USE_PSKID. */
enum status invite_pskid(const uint8_t token[16], const struct public_key *group, uint8_t out[32]);

/* Mailboxes of the table [groups-design 2]. */
struct id mailbox_of_user(const struct public_key *user);
struct id mailbox_of_group(const struct public_key *group);
struct id mailbox_of_invite(const struct public_key *group, const uint8_t token[16]);

void keys_wipe(void *secret, size_t len); /* the compiler does not drop it */
