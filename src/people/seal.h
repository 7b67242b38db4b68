/* SEAL: what a group's people can read  [groups-design 1]. A key of its own for every message, from
 * 24 random bytes: no counter to lose. */
#pragma once

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/rng.h"
#include "people/keys.h"

#define SEAL_OVERHEAD 40 /* bytes: 24 random, 16 of tag */

/* Whom and what the sealed bytes belong to: all of it is authenticated. */
struct seal_context {
    const char *type; /* "roster", "shelf", "list" */
    const struct public_key *group;
    uint32_t epoch;
    const struct public_key *signer;
};

/* Appends to `out`. */
enum status seal(const uint8_t key[32], const struct seal_context *context, struct bytes plain,
                 struct rng *rng, struct buffer *out);
/* MISMATCH: another key, another context, or changed bytes. Appends to `out`, nothing on failure.
 */
enum status seal_open(const uint8_t key[32], const struct seal_context *context,
                      struct bytes sealed, struct buffer *out);

/* Plaintexts are zero-padded to the next of 256 * 2^(i/4) bytes (rounded up), so that sizes say
 * little. They are msgpack, which knows its own end. */
size_t seal_padded_size(size_t len);
