/* ROSTER: who is in a group; sealed with USE_ROSTER by gpk, in parts that HEAD names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/rng.h"
#include "people/group_records.h"
#include "people/keys.h"

enum member_role { ROLE_MEMBER = 0, ROLE_OWNER = 1 };

struct member {
    struct public_key key;                           /* mpk */
    uint8_t box_public[X25519_BYTES];                /* mxp */
    struct public_key user;                          /* pk_u */
    uint8_t join_signature[ED25519_SIGNATURE_BYTES]; /* by the user: nobody else can invent him */
    enum member_role role;
    uint32_t since_epoch;
    char name[USER_NAME_MAX + 1]; /* not empty */
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
 * and counted. MALFORMED (nothing may follow), NO_MEMORY. */
enum status roster_decode(struct bytes plain, const struct public_key *group, struct roster *out,
                          size_t *dropped);
/* Padded and sealed. */
enum status roster_seal(const struct roster *roster, const struct public_key *group,
                        const struct epoch_keys *keys, struct rng *rng, struct buffer *out);
/* MISMATCH: not sealed by this group in this epoch, or changed bytes. MALFORMED, NO_MEMORY. */
enum status roster_open(struct bytes sealed, const struct public_key *group,
                        const struct epoch_keys *keys, struct roster *out, size_t *dropped);

enum status join_sign(const uint8_t user_seed[ED25519_SEED_BYTES], const struct public_key *group,
                      const struct key_pairs *member, uint8_t out[ED25519_SIGNATURE_BYTES]);
/* False also for keys that are none, and a mailbox that nothing can be boxed to. */
bool join_verify(const struct public_key *user, const struct public_key *group,
                 const struct public_key *member, const uint8_t box_public[X25519_BYTES],
                 const uint8_t signature[ED25519_SIGNATURE_BYTES]);
