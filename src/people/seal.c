#include "people/seal.h"

#include "people/aead.h"

/*  sealed bytes:  z            24  random
 *                 ciphertext       as long as the plaintext
 *                 tag          16
 *
 *  key || nonce = HKDF-Expand(k, "aead" || z, 44)
 *  AAD          = "grp1/" || type || gpk || u32 epoch || signer; all but the type have one length
 */

#define SEAL_RANDOM_BYTES (SEAL_OVERHEAD - AEAD_TAG_BYTES)
#define SEAL_AAD_PARTS    5

static enum status message_key(const uint8_t key[32], const uint8_t random[SEAL_RANDOM_BYTES],
                               struct aead_key *out)
{
    uint8_t info[4 + SEAL_RANDOM_BYTES], okm[AEAD_KEY_BYTES + AEAD_NONCE_BYTES];
    memcpy(info, "aead", 4);
    memcpy(info + 4, random, SEAL_RANDOM_BYTES);
    enum status status = hkdf_expand(key, bytes_of(info, sizeof info), okm, sizeof okm);
    if (status == STATUS_OK) {
        memcpy(out->key, okm, AEAD_KEY_BYTES);
        memcpy(out->nonce, okm + AEAD_KEY_BYTES, AEAD_NONCE_BYTES);
    }
    keys_wipe(okm, sizeof okm);
    return status;
}

static void aad_of(const struct seal_context *context, uint8_t epoch[4],
                   struct bytes out[SEAL_AAD_PARTS])
{
    write_u32(epoch, context->epoch);
    out[0] = bytes_of_string("grp1/");
    out[1] = bytes_of_string(context->type);
    out[2] = bytes_of(context->group->bytes, PUBLIC_BYTES);
    out[3] = bytes_of(epoch, 4);
    out[4] = bytes_of(context->signer->bytes, PUBLIC_BYTES);
}

enum status seal(const uint8_t key[32], const struct seal_context *context, struct bytes plain,
                 struct rng *rng, struct buffer *out)
{
    uint8_t random[SEAL_RANDOM_BYTES], epoch[4];
    struct aead_key message;
    struct bytes aad[SEAL_AAD_PARTS];
    size_t before = out->len;
    aad_of(context, epoch, aad);
    rng_fill(rng, random, sizeof random);
    enum status status = message_key(key, random, &message);
    if (status == STATUS_OK) {
        buffer_add(out, random, sizeof random);
        status = aead_seal(&message, aad, SEAL_AAD_PARTS, plain, out);
    }
    keys_wipe(&message, sizeof message);
    if (status != STATUS_OK)
        out->len = before;
    return status;
}

enum status seal_open(const uint8_t key[32], const struct seal_context *context,
                      struct bytes sealed, struct buffer *out)
{
    uint8_t epoch[4];
    struct aead_key message;
    struct bytes aad[SEAL_AAD_PARTS];
    if (sealed.len < SEAL_OVERHEAD)
        return STATUS_MISMATCH;
    aad_of(context, epoch, aad);
    enum status status = message_key(key, sealed.data, &message);
    if (status == STATUS_OK)
        status = aead_open(
            &message, aad, SEAL_AAD_PARTS,
            bytes_of(sealed.data + SEAL_RANDOM_BYTES, sealed.len - SEAL_RANDOM_BYTES), out);
    keys_wipe(&message, sizeof message);
    return status;
}

#define PADDED_SMALLEST 256
#define PADDED_BIGGEST  ((uint64_t)1 << 31)

size_t seal_padded_size(size_t len)
{
    /* 2^(i/4) * 2^32, rounded up: good for sizes below 2^32 */
    static const uint64_t steps[] = {0x100000000, 0x1306fe0a4, 0x16a09e668, 0x1ae89f996};
    for (uint64_t whole = PADDED_SMALLEST; whole < PADDED_BIGGEST; whole *= 2) {
        for (unsigned i = 0; i < 4; i++) {
            uint64_t size = (whole * steps[i] + 0xffffffff) >> 32;
            if (size >= len)
                return (size_t)size;
        }
    }
    return len; /* nothing of ours is that long */
}
