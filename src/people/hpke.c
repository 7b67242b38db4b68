#include "people/hpke.h"

#include <assert.h>

/*  boxed bytes:  enc         32  the ephemeral public key
 *                ciphertext      as long as the plaintext
 *                tag         16                                                     */

#define HPKE_CONTEXT_BYTES (1 + 2 * SHA256_BYTES) /* mode, psk_id_hash, info_hash */
#define HPKE_MODE_BASE     0

/* Suite ids [RFC 9180 4.1, 5.1; 7]: kem 0x0020, kdf 0x0001, aead 0x0003. */
static const uint8_t kem_suite[] = {'K', 'E', 'M', 0x00, 0x20};
static const uint8_t hpke_suite[] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x03};

#define SUITE(name) bytes_of(name, sizeof name)

/* LabeledExtract. A salt of zeroes is what HKDF takes for none. */
static void extract(const uint8_t salt[SHA256_BYTES], struct bytes suite, const char *label,
                    struct bytes ikm, uint8_t out[SHA256_BYTES])
{
    struct bytes parts[] = {bytes_of_string("HPKE-v1"), suite, bytes_of_string(label), ikm};
    hmac_sha256(salt, parts, 4, out);
}

/* LabeledExpand */
static enum status expand(const uint8_t prk[SHA256_BYTES], struct bytes suite, const char *label,
                          struct bytes info, uint8_t *out, size_t len)
{
    uint8_t room[128];
    struct bytes parts[] = {bytes_of(room, 2), bytes_of_string("HPKE-v1"), suite,
                            bytes_of_string(label), info};
    size_t used = 0;
    write_u16(room, (uint16_t)len);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        assert(parts[i].len <= sizeof room - used);
        if (i > 0)
            memcpy(room + used, parts[i].data, parts[i].len);
        used += parts[i].len;
    }
    return hkdf_expand(prk, bytes_of(room, used), out, len);
}

/* ExtractAndExpand of the KEM [RFC 9180 4.1]. */
static enum status shared_secret(const uint8_t dh[32], const uint8_t enc[X25519_BYTES],
                                 const uint8_t to[X25519_BYTES], uint8_t out[32])
{
    static const uint8_t no_salt[SHA256_BYTES];
    uint8_t prk[SHA256_BYTES], context[2 * X25519_BYTES];
    memcpy(context, enc, X25519_BYTES);
    memcpy(context + X25519_BYTES, to, X25519_BYTES);
    extract(no_salt, SUITE(kem_suite), "eae_prk", bytes_of(dh, 32), prk);
    enum status status =
        expand(prk, SUITE(kem_suite), "shared_secret", bytes_of(context, sizeof context), out, 32);
    keys_wipe(prk, sizeof prk);
    return status;
}

/* KeySchedule in base mode: no psk [RFC 9180 5.1]. */
static enum status key_schedule(const uint8_t shared[32], struct bytes info, struct aead_key *out)
{
    static const uint8_t no_salt[SHA256_BYTES];
    const struct bytes none = {0};
    uint8_t context[HPKE_CONTEXT_BYTES] = {HPKE_MODE_BASE}, secret[SHA256_BYTES];
    struct bytes whole = bytes_of(context, sizeof context), suite = SUITE(hpke_suite);
    extract(no_salt, suite, "psk_id_hash", none, context + 1);
    extract(no_salt, suite, "info_hash", info, context + 1 + SHA256_BYTES);
    extract(shared, suite, "secret", none, secret);
    enum status status = expand(secret, suite, "key", whole, out->key, sizeof out->key);
    if (status == STATUS_OK)
        status = expand(secret, suite, "base_nonce", whole, out->nonce, sizeof out->nonce);
    keys_wipe(secret, sizeof secret);
    return status;
}

/* Both sides, once they have the Diffie-Hellman secret, which is wiped. */
static enum status setup(uint8_t dh[32], const uint8_t enc[X25519_BYTES],
                         const uint8_t to[X25519_BYTES], struct bytes info, struct aead_key *out)
{
    uint8_t shared[32];
    enum status status = shared_secret(dh, enc, to, shared);
    if (status == STATUS_OK)
        status = key_schedule(shared, info, out);
    keys_wipe(dh, 32);
    keys_wipe(shared, sizeof shared);
    return status;
}

enum status hpke_setup_sender(const uint8_t to[X25519_BYTES], struct bytes info,
                              const uint8_t ephemeral[X25519_BYTES], uint8_t enc[X25519_BYTES],
                              struct aead_key *out)
{
    uint8_t dh[32];
    enum status status = x25519_public_of(ephemeral, enc);
    if (status == STATUS_OK)
        status = x25519_shared(ephemeral, to, dh);
    return status == STATUS_OK ? setup(dh, enc, to, info, out) : status;
}

enum status hpke_setup_receiver(const uint8_t private_key[X25519_BYTES],
                                const uint8_t enc[X25519_BYTES], struct bytes info,
                                struct aead_key *out)
{
    uint8_t dh[32], own[X25519_BYTES];
    enum status status = x25519_public_of(private_key, own);
    if (status == STATUS_OK)
        status = x25519_shared(private_key, enc, dh);
    return status == STATUS_OK ? setup(dh, enc, own, info, out) : status;
}

enum status box(const uint8_t to[X25519_BYTES], struct bytes info, struct bytes plain,
                const uint8_t ephemeral[X25519_BYTES], struct buffer *out)
{
    uint8_t enc[X25519_BYTES];
    struct aead_key key;
    size_t before = out->len;
    enum status status = hpke_setup_sender(to, info, ephemeral, enc, &key);
    if (status == STATUS_OK) {
        buffer_add(out, enc, sizeof enc);
        status = aead_seal(&key, NULL, 0, plain, out);
    }
    keys_wipe(&key, sizeof key);
    if (status != STATUS_OK)
        out->len = before;
    return status;
}

enum status box_open(const uint8_t private_key[X25519_BYTES], struct bytes info, struct bytes boxed,
                     struct buffer *out)
{
    struct aead_key key;
    if (boxed.len < BOX_OVERHEAD)
        return STATUS_MISMATCH;
    enum status status = hpke_setup_receiver(private_key, boxed.data, info, &key);
    if (status == STATUS_OK)
        status = aead_open(&key, NULL, 0,
                           bytes_of(boxed.data + X25519_BYTES, boxed.len - X25519_BYTES), out);
    keys_wipe(&key, sizeof key);
    return status == STATUS_REFUSED ? STATUS_MISMATCH : status;
}
