/* What is put into mailboxes: requests to join, leaves, a group handed over  [groups-design 2, 5].
 * Bodies are BOXes, all of one size, so that a storing node cannot tell which is which; the record
 * around them, with its work, is drop_record of kadpeer/records.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "people/group_records.h"
#include "people/keys.h"
#include "people/roster.h"

#define JOIN_NOTE_MAX      160 /* bytes, UTF-8 */
#define INVITE_TOKEN_BYTES 16
#define DROP_PLAIN_BYTES   512 /* of every one, zero-padded; a BOX adds 48 */

struct join_request {
    struct public_key user;   /* pk_u */
    struct public_key member; /* mpk */
    uint8_t box_public[X25519_BYTES];
    uint8_t join_signature[ED25519_SIGNATURE_BYTES];
    uint8_t proof[ED25519_SIGNATURE_BYTES]; /* pop: the applicant holds mk */
    char name[USER_NAME_MAX + 1];
    char note[JOIN_NOTE_MAX + 1];
    bool has_token;
    uint8_t token[INVITE_TOKEN_BYTES];
    uint64_t time_unix_s;
};

/* Fills in keys and signs. MALFORMED: an empty name, or texts too long or with control characters.
 */
enum status join_request_sign(const uint8_t user_root[ROOT_BYTES], const struct public_key *group,
                              const char *name, const char *note,
                              const uint8_t *token, /* NULL: none */
                              uint64_t time_unix_s, struct join_request *out);
/* The same, encoded and boxed for the group. */
enum status join_request_make(const uint8_t user_root[ROOT_BYTES], const struct public_key *group,
                              const uint8_t group_box_public[X25519_BYTES], const char *name,
                              const char *note, const uint8_t *token, /* NULL: none */
                              uint64_t time_unix_s, const uint8_t ephemeral[X25519_BYTES],
                              struct buffer *out);
/* Opens and verifies keys, join signature and proof. MISMATCH, MALFORMED, REFUSED. */
enum status join_request_open(struct bytes boxed, const struct key_pairs *group,
                              struct join_request *out);
/* The unboxed form, as the channel's JOIN carries it and a keystore keeps it; verified as above. */
void join_request_encode(const struct join_request *request, struct buffer *out);
enum status join_request_decode(struct bytes plain, const struct public_key *group,
                                struct join_request *out);

struct leave_notice {
    struct public_key member;
    uint64_t time_unix_s;
};

enum status leave_notice_make(const struct key_pairs *member, const struct public_key *group,
                              const uint8_t group_box_public[X25519_BYTES], uint64_t time_unix_s,
                              const uint8_t ephemeral[X25519_BYTES], struct buffer *out);
enum status leave_notice_open(struct bytes boxed, const struct key_pairs *group,
                              struct leave_notice *out);

/* The owner's secret for the one who takes over, boxed to that member. */
enum status handover_make(const uint8_t group_root[ROOT_BYTES], const struct public_key *group,
                          const struct member *to, const uint8_t ephemeral[X25519_BYTES],
                          struct buffer *out);
enum status handover_open(struct bytes boxed, const struct public_key *group,
                          const struct key_pairs *member, uint8_t group_root[ROOT_BYTES]);
