/* SHA-256, by libcrypto. */
#pragma once

#include "kadpeer/bytes.h"

#define SHA256_BYTES 32

/* Of the concatenation of `count` parts. */
void sha256_of_parts(const struct bytes *parts, size_t count, uint8_t out[SHA256_BYTES]);

struct sha256; /* one running digest; not shared between threads */

struct sha256 *sha256_new(void); /* NULL: no memory */
void sha256_free(struct sha256 *sha256);
void sha256_update(struct sha256 *sha256, struct bytes data);
/* Of what it was given so far and `rest`, which it then forgets: many endings of one beginning. */
void sha256_with(struct sha256 *sha256, struct bytes rest, uint8_t out[SHA256_BYTES]);
