/* Ed25519 signatures [RFC 8032], by libcrypto. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

#define ED25519_PUBLIC_BYTES    32
#define ED25519_SEED_BYTES      32
#define ED25519_SIGNATURE_BYTES 64

/* `seed` is the private key as RFC 8032 has it: 32 random bytes. */
enum status ed25519_public_of(const uint8_t seed[ED25519_SEED_BYTES],
                              uint8_t public_key[ED25519_PUBLIC_BYTES]);
enum status ed25519_sign(const uint8_t seed[ED25519_SEED_BYTES], struct bytes message,
                         uint8_t signature[ED25519_SIGNATURE_BYTES]);
bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_BYTES], struct bytes message,
                    const uint8_t signature[ED25519_SIGNATURE_BYTES]);
/* Canonically encoded, and not of small order: libcrypto takes the identity for a public key, and
 * then any message verifies. (A key that is no point of the curve verifies nothing.) */
bool ed25519_key_is_valid(const uint8_t public_key[ED25519_PUBLIC_BYTES]);
