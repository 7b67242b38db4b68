/* What a group keeps in the table: bodies of signed mutable records, and sealed lists
 * [groups-design 2]. Layouts: docs/protocol.md section 6. Made and read here alone; readers take
 * strangers' bytes: what is malformed, too long or has unknown keys is refused. The records around
 * the bodies (signature, seq, expiry) are item_record of kadpeer/records.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/rng.h"
#include "people/keys.h"

#define GROUP_NAME_MAX     64  /* bytes, UTF-8 */
#define GROUP_ABOUT_MAX    200 /* bytes, UTF-8 */
#define USER_NAME_MAX      32  /* bytes, UTF-8 */
#define GROUP_MEMBERS_MAX  512
#define KEYPAGE_BOXES      8
#define GROUP_KEYPAGES_MAX (GROUP_MEMBERS_MAX / KEYPAGE_BOXES)
#define HEAD_PARTS_MAX     30
#define INDEX_PARTS_MAX    40 /* part keys in one index part */
#define ROSTER_PARTS_MAX   140
#define SHELF_ENTRIES_MAX  10000
#define SHELF_PATH_MAX     255 /* bytes */
#define OLD_EPOCHS_MAX     64
#define LIST_BLOB_MAX      (16 * 1024 * 1024)
#define ITEM_SALT_USER     "user"
#define ITEM_SALT_HEAD     "h"
#define ITEM_SALT_SHELF    "s"
#define KEYPAGE_SALT_BYTES 7 /* "k" || u32 epoch || u16 page */

/* ---- USER: salt "user", signed by pk_u, in the clear ---- */

struct user_body {
    char name[USER_NAME_MAX + 1];
    uint8_t box_public[X25519_BYTES]; /* xpk_u */
};

void user_body_encode(const struct user_body *body, struct buffer *out);
bool user_body_decode(struct bytes body, struct user_body *out);

/* ---- HEAD: salt "h", signed by gpk, in the clear ---- */

enum join_policy { JOIN_INVITE_ONLY = 0, JOIN_ON_REQUEST = 1 };

struct head_body {
    uint32_t epoch;
    uint8_t roster_sha256[SHA256_BYTES]; /* of the sealed bytes, all parts together */
    uint32_t roster_len;
    bool index; /* `parts` name index parts, each a run of part keys */
    uint8_t part_count;
    struct id parts[HEAD_PARTS_MAX];
    uint8_t box_public[X25519_BYTES]; /* gxp */
    enum join_policy policy;
    uint16_t keypages;
};

void head_body_encode(const struct head_body *body, struct buffer *out); /* <= 740 bytes */
bool head_body_decode(struct bytes body, struct head_body *out);

/* ---- KEYPAGE: salt "k" || u32 epoch || u16 page, signed by gpk ---- */

struct keypage {
    uint8_t count;
    struct keypage_box {
        uint8_t tag[KEYPAGE_TAG_BYTES];
        uint8_t boxed[ROOT_BYTES + 48]; /* BOX of the epoch's secret */
    } boxes[KEYPAGE_BOXES];
};

void keypage_salt(uint32_t epoch, uint16_t page, uint8_t out[KEYPAGE_SALT_BYTES]);
void keypage_encode(const struct keypage *page, struct buffer *out); /* <= 705 bytes */
bool keypage_decode(struct bytes body, struct keypage *out);
/* One member's box of an epoch's secret; `ephemeral` as in hpke.h. */
enum status keypage_box_make(const struct key_pairs *group, const struct public_key *member,
                             const uint8_t member_box_public[X25519_BYTES], uint32_t epoch,
                             const uint8_t secret[ROOT_BYTES],
                             const uint8_t ephemeral[X25519_BYTES], struct keypage_box *out);
/* NOT_FOUND: no box of this page has our tag. MISMATCH: it has, and does not open. */
enum status keypage_find(const struct keypage *page, const struct public_key *group,
                         const uint8_t group_box_public[X25519_BYTES],
                         const struct key_pairs *member, uint32_t epoch,
                         uint8_t secret[ROOT_BYTES]);

/* ---- ROSTER: sealed with USE_ROSTER by gpk, in parts ---- */

enum member_role { ROLE_MEMBER = 0, ROLE_OWNER = 1 };

struct member {
    struct public_key key;                           /* mpk */
    uint8_t box_public[X25519_BYTES];                /* mxp */
    struct public_key user;                          /* pk_u */
    uint8_t join_signature[ED25519_SIGNATURE_BYTES]; /* by the user: nobody else can invent him */
    enum member_role role;
    uint32_t since_epoch;
    char name[USER_NAME_MAX + 1];
};

struct roster {
    char name[GROUP_NAME_MAX + 1]; /* of the group */
    char about[GROUP_ABOUT_MAX + 1];
    uint32_t epoch;
    uint64_t time_unix_s;
    bool history;       /* newcomers get the old epochs' secrets */
    uint32_t old_count; /* of them: epochs epoch - old_count … epoch - 1 */
    uint8_t (*old_secrets)[ROOT_BYTES];
    size_t member_count;
    struct member *members;
};

void roster_dispose(struct roster *roster); /* and wipes */
enum status roster_copy(const struct roster *roster, struct roster *out);
const struct member *roster_find(const struct roster *roster, const struct public_key *member);
const struct member *roster_find_user(const struct roster *roster, const struct public_key *user);

/* Unpadded plaintext, for our own keystore too. */
void roster_encode(const struct roster *roster, struct buffer *out);
/* Entries whose join signature does not verify, and second ones of a member or user, are dropped
 * and counted. MALFORMED, NO_MEMORY. */
enum status roster_decode(struct bytes plain, const struct public_key *group, struct roster *out,
                          size_t *dropped);
/* Padded and sealed. */
enum status roster_seal(const struct roster *roster, const struct public_key *group,
                        const struct epoch_keys *keys, struct rng *rng, struct buffer *out);
enum status roster_open(struct bytes sealed, const struct public_key *group,
                        const struct epoch_keys *keys, struct roster *out, size_t *dropped);

enum status join_sign(const uint8_t user_seed[ED25519_SEED_BYTES], const struct public_key *group,
                      const struct key_pairs *member, uint8_t out[ED25519_SIGNATURE_BYTES]);
bool join_verify(const struct public_key *user, const struct public_key *group,
                 const struct public_key *member, const uint8_t box_public[X25519_BYTES],
                 const uint8_t signature[ED25519_SIGNATURE_BYTES]);

/* ---- SHELF: salt "s", signed by mpk; sealed with USE_SHELF by mpk ---- */

struct shelf_entry {
    char path[SHELF_PATH_MAX + 1]; /* as its owner named it: names_* before it touches a disk */
    struct id infohash;
    uint64_t size;
    uint8_t sha256[SHA256_BYTES]; /* of the file; of a folder: of its files' digests, see .c */
    struct id sha1;               /* of the file; of a folder: zero */
    uint32_t piece_size;
    uint8_t pieces_sha256[SHA256_BYTES]; /* of the info dictionary's piece hashes */
};

struct shelf {
    size_t count;
    struct shelf_entry *entries;
};

/* What a shelf record says when its list does not fit: where it is. */
struct shelf_pointer {
    uint8_t sha256[SHA256_BYTES]; /* of the sealed blob */
    struct id sha1;
    uint32_t len;
};

void shelf_dispose(struct shelf *shelf);
/* The body of the record: with the list in it or, when that would pass 800 bytes, a pointer to the
 * sealed blob, which is then written to `blob` (seal type "list"); else `blob` stays empty. */
enum status shelf_seal(const struct shelf *shelf, const struct public_key *group,
                       const struct public_key *member, const struct epoch_keys *keys,
                       struct rng *rng, struct buffer *body, struct buffer *blob);
/* The epoch a body is sealed under. False: no shelf body. */
bool shelf_epoch(struct bytes body, uint32_t *epoch);
/* OK: `*out` is filled, or `*has_pointer` and `*pointer` are. */
enum status shelf_open(struct bytes body, const struct public_key *group,
                       const struct public_key *member, const struct epoch_keys *keys,
                       struct shelf *out, bool *has_pointer, struct shelf_pointer *pointer);
enum status shelf_open_blob(struct bytes blob, const struct shelf_pointer *pointer,
                            const struct public_key *group, const struct public_key *member,
                            const struct epoch_keys *keys, struct shelf *out);
