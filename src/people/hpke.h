/* BOX: HPKE base mode, one shot, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, empty
 * AAD  [RFC 9180]. */
#pragma once

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "people/aead.h"
#include "people/keys.h"

#define BOX_OVERHEAD 48 /* bytes: 32 of the encapsulated key, 16 of tag */

/* Appends to `out`. `ephemeral` is a fresh random X25519 private key, wiped by the caller.
 * REFUSED: `to` is no key (its shared secret would be zero). */
enum status box(const uint8_t to[X25519_BYTES], struct bytes info, struct bytes plain,
                const uint8_t ephemeral[X25519_BYTES], struct buffer *out);
/* MISMATCH: not for us, other info, or changed bytes. Appends to `out`, nothing on failure. */
enum status box_open(const uint8_t private_key[X25519_BYTES], struct bytes info, struct bytes boxed,
                     struct buffer *out);

/* The key schedule alone, for both sides: key and nonce of the first message; `enc` is what the
 * sender sends along. */
enum status hpke_setup_sender(const uint8_t to[X25519_BYTES], struct bytes info,
                              const uint8_t ephemeral[X25519_BYTES], uint8_t enc[X25519_BYTES],
                              struct aead_key *out);
enum status hpke_setup_receiver(const uint8_t private_key[X25519_BYTES],
                                const uint8_t enc[X25519_BYTES], struct bytes info,
                                struct aead_key *out);
