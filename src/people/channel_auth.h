/* Who is at the other end of a group's TLS channel  [groups-design 4]: identities of the shared key
 * that cannot be linked, and a signature bound to this one session. No TLS in here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/rng.h"
#include "people/keys.h"

#define PSK_IDENTITY_BYTES    32 /* nonce 16, HMAC-SHA256(k_pskid, nonce || u64 minute) cut to 16 */
#define CHANNEL_EXPORT_BYTES  32
#define CHANNEL_EXPORT_LABEL  "EXPORTER-grp1-auth"
#define CHANNEL_CONTEXT_BYTES (PUBLIC_BYTES + 4) /* gpk || u32 epoch */

void psk_identity_make(const uint8_t pskid_key[32], uint64_t now_unix_s, struct rng *rng,
                       uint8_t out[PSK_IDENTITY_BYTES]);
/* In constant time: does it belong to that key, this minute or the one before (or after: clocks)?
 */
bool psk_identity_fits(struct bytes identity, const uint8_t pskid_key[32], uint64_t now_unix_s);

/* Nonces seen within their life, so that a copied ClientHello finds nobody at home. Bounded: the
 * oldest goes. */
struct nonce_cache;
struct nonce_cache *nonce_cache_new(void); /* NULL: no memory */
void nonce_cache_free(struct nonce_cache *cache);
/* False: it was there already. */
bool nonce_cache_add(struct nonce_cache *cache, const uint8_t nonce[16], uint64_t now_unix_s);

/* What both sides say first: AUTH. */
struct channel_auth {
    struct public_key member;
    uint8_t signature[ED25519_SIGNATURE_BYTES];
};

void channel_auth_encode(const struct channel_auth *auth, struct buffer *out);
bool channel_auth_decode(struct bytes plain, struct channel_auth *out);

enum channel_role { CHANNEL_CLIENT = 0, CHANNEL_SERVER = 1 };

void channel_context(const struct public_key *group, uint32_t epoch,
                     uint8_t out[CHANNEL_CONTEXT_BYTES]);
enum status channel_auth_sign(const struct key_pairs *member, enum channel_role role,
                              const uint8_t exported[CHANNEL_EXPORT_BYTES],
                              uint8_t out[ED25519_SIGNATURE_BYTES]);
/* `role` is the signer's. */
bool channel_auth_verify(const struct public_key *member, enum channel_role role,
                         const uint8_t exported[CHANNEL_EXPORT_BYTES],
                         const uint8_t signature[ED25519_SIGNATURE_BYTES]);
