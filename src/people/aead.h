/* ChaCha20-Poly1305 [RFC 8439], under everything that is sealed. A pair of key and nonce is used
 * once; seal.h, hpke.h and keystore.h each see to that in their own way. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

#define AEAD_KEY_BYTES   32
#define AEAD_NONCE_BYTES 12
#define AEAD_TAG_BYTES   16

struct aead_key {
    uint8_t key[AEAD_KEY_BYTES];
    uint8_t nonce[AEAD_NONCE_BYTES];
};

/* Appends the ciphertext and the tag. TOO_BIG, NO_MEMORY, INTERNAL. */
enum status aead_seal(const struct aead_key *key, const struct bytes *aad, size_t aad_count,
                      struct bytes plain, struct buffer *out);
/* Appends the plaintext; nothing is added on failure. MISMATCH: another key or AAD, changed bytes,
 * or too few of them. */
enum status aead_open(const struct aead_key *key, const struct bytes *aad, size_t aad_count,
                      struct bytes sealed, struct buffer *out);
