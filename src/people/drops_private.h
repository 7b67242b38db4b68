/* What all drops have in common: a map, zero-padded to DROP_PLAIN_BYTES, in a BOX whose info says
 * what it is and for which group. */
#pragma once

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/msgpack_reader.h"
#include "people/keys.h"

enum drop_kind { DROP_REQUEST, DROP_LEAVE, DROP_HANDOVER };

struct drop_context {
    enum drop_kind kind;
    const struct public_key *group;
    const struct public_key *member; /* to whom, of DROP_HANDOVER; else NULL */
};

/* A buffer for one plaintext, reserved: fields_wipe ends it. */
struct buffer drop_plain(void);
/* Pads `plain`, boxes it and wipes it. Appends to `out`. */
enum status drop_box(const struct drop_context *context, struct buffer *plain,
                     const uint8_t to[X25519_BYTES], const uint8_t ephemeral[X25519_BYTES],
                     struct buffer *out);
/* MISMATCH. `plain` is as drop_plain gave it, and wiped on failure. */
enum status drop_unbox(const struct drop_context *context, struct bytes boxed,
                       const uint8_t private_key[X25519_BYTES], struct buffer *plain);
