#include "people/aead.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/* Fetched once, as in primitives.c. */
static EVP_CIPHER *cipher;
static CRYPTO_ONCE cipher_once = CRYPTO_ONCE_STATIC_INIT;

static void fetch_cipher(void)
{
    cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
}

/* NULL: a libcrypto call failed. */
static EVP_CIPHER_CTX *begin(const struct aead_key *key, const struct bytes *aad, size_t aad_count,
                             bool sealing)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ok = context != NULL && CRYPTO_THREAD_run_once(&cipher_once, fetch_cipher) == 1 &&
              cipher != NULL &&
              EVP_CipherInit_ex(context, cipher, NULL, key->key, key->nonce, sealing) == 1;
    for (size_t i = 0; ok && i < aad_count; i++) {
        int len;
        ok = aad[i].len <= INT_MAX &&
             (aad[i].len == 0 ||
              EVP_CipherUpdate(context, NULL, &len, aad[i].data, (int)aad[i].len) == 1);
    }
    if (ok)
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

/* `in` to `out`, of the same length, all of it. The last call before the tag. */
static bool pass(EVP_CIPHER_CTX *context, struct bytes in, uint8_t *out)
{
    uint8_t none;
    int len = 0, rest = 0;
    if (in.len > 0 && EVP_CipherUpdate(context, out, &len, in.data, (int)in.len) != 1)
        return false;
    return (size_t)len == in.len && EVP_CipherFinal_ex(context, &none, &rest) == 1 && rest == 0;
}

enum status aead_seal(const struct aead_key *key, const struct bytes *aad, size_t aad_count,
                      struct bytes plain, struct buffer *out)
{
    if (plain.len > INT_MAX - AEAD_TAG_BYTES)
        return STATUS_TOO_BIG;
    if (!buffer_reserve(out, plain.len + AEAD_TAG_BYTES))
        return STATUS_NO_MEMORY;
    uint8_t *to = out->data + out->len;
    EVP_CIPHER_CTX *context = begin(key, aad, aad_count, true);
    bool ok =
        context != NULL && pass(context, plain, to) &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, to + plain.len) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!ok)
        return STATUS_INTERNAL;
    out->len += plain.len + AEAD_TAG_BYTES;
    return STATUS_OK;
}

enum status aead_open(const struct aead_key *key, const struct bytes *aad, size_t aad_count,
                      struct bytes sealed, struct buffer *out)
{
    if (sealed.len < AEAD_TAG_BYTES)
        return STATUS_MISMATCH;
    if (sealed.len > INT_MAX)
        return STATUS_TOO_BIG;
    struct bytes secret = bytes_of(sealed.data, sealed.len - AEAD_TAG_BYTES);
    uint8_t tag[AEAD_TAG_BYTES];
    memcpy(tag, sealed.data + secret.len, sizeof tag);
    if (!buffer_reserve(out, secret.len + 1)) /* + 1: memory even for an empty message */
        return STATUS_NO_MEMORY;
    uint8_t *to = out->data + out->len;
    ERR_set_mark();
    EVP_CIPHER_CTX *context = begin(key, aad, aad_count, false);
    bool ready = context != NULL &&
                 EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, tag) == 1;
    bool ok = ready && pass(context, secret, to);
    EVP_CIPHER_CTX_free(context);
    ERR_pop_to_mark();
    if (!ok) {
        OPENSSL_cleanse(to, secret.len); /* deciphered, but nobody vouches for it */
        return ready ? STATUS_MISMATCH : STATUS_INTERNAL;
    }
    out->len += secret.len;
    return STATUS_OK;
}
