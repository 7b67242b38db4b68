#include <openssl/crypto.h>

#include "people/channel_auth.h"

enum { NONCE_BYTES = 16, PROOF_BYTES = PSK_IDENTITY_BYTES - NONCE_BYTES };

/* HMAC-SHA256(k_pskid, nonce || u64 minute), its first half. */
static void proof_of(const uint8_t nonce[NONCE_BYTES], uint64_t minute, const uint8_t pskid_key[32],
                     uint8_t out[PROOF_BYTES])
{
    uint8_t number[8], digest[SHA256_BYTES];
    write_u64(number, minute);
    struct bytes parts[] = {bytes_of(nonce, NONCE_BYTES), bytes_of(number, sizeof number)};
    hmac_sha256(pskid_key, parts, 2, digest);
    memcpy(out, digest, PROOF_BYTES);
}

void psk_identity_make(const uint8_t pskid_key[32], uint64_t now_unix_s, struct rng *rng,
                       uint8_t out[PSK_IDENTITY_BYTES])
{
    rng_fill(rng, out, NONCE_BYTES);
    proof_of(out, now_unix_s / 60, pskid_key, out + NONCE_BYTES);
}

bool psk_identity_fits(struct bytes identity, const uint8_t pskid_key[32], uint64_t now_unix_s)
{
    uint8_t proof[PROOF_BYTES];
    unsigned fits = 0;
    if (identity.len != PSK_IDENTITY_BYTES)
        return false;
    for (uint64_t ahead = 0; ahead < 3; ahead++) {
        proof_of(identity.data, now_unix_s / 60 + 1 - ahead, pskid_key, proof);
        fits |= CRYPTO_memcmp(proof, identity.data + NONCE_BYTES, PROOF_BYTES) == 0;
    }
    return fits != 0;
}
