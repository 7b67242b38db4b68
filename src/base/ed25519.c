#include "kadpeer/ed25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

enum status ed25519_public_of(const uint8_t seed[ED25519_SEED_BYTES],
                              uint8_t public_key[ED25519_PUBLIC_BYTES])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED_BYTES);
    size_t len = ED25519_PUBLIC_BYTES;
    bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, public_key, &len) == 1;
    EVP_PKEY_free(key);
    return ok ? STATUS_OK : STATUS_INTERNAL;
}

enum status ed25519_sign(const uint8_t seed[ED25519_SEED_BYTES], struct bytes message,
                         uint8_t signature[ED25519_SIGNATURE_BYTES])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = ED25519_SIGNATURE_BYTES;
    bool ok = key != NULL && context != NULL &&
              EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(context, signature, &len, message.data, message.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return ok ? STATUS_OK : STATUS_INTERNAL;
}

bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_BYTES], struct bytes message,
                    const uint8_t signature[ED25519_SIGNATURE_BYTES])
{
    ERR_set_mark(); /* a stranger's bad key leaves nothing behind for a TLS call to trip over */
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, ED25519_PUBLIC_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = key != NULL && context != NULL &&
              EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(context, signature, ED25519_SIGNATURE_BYTES, message.data,
                               message.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    ERR_pop_to_mark();
    return ok;
}

/* y of 2^255 - 19, little endian as keys are, and of the points whose order divides 8: 0, 1, -1,
 * and the two of order 8. Their x differ by the sign bit alone. */
static const uint8_t prime[ED25519_PUBLIC_BYTES] = {
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
static const uint8_t small_order[][ED25519_PUBLIC_BYTES] = {
    {0x00},
    {0x01},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

static bool is_below_prime(const uint8_t y[ED25519_PUBLIC_BYTES])
{
    for (size_t i = ED25519_PUBLIC_BYTES; i-- > 0;)
        if (y[i] != prime[i])
            return y[i] < prime[i];
    return false;
}

bool ed25519_key_is_valid(const uint8_t public_key[ED25519_PUBLIC_BYTES])
{
    uint8_t y[ED25519_PUBLIC_BYTES];
    memcpy(y, public_key, sizeof y);
    y[sizeof y - 1] &= 0x7f; /* the sign of x */
    if (!is_below_prime(y))
        return false;
    for (size_t i = 0; i < sizeof small_order / sizeof small_order[0]; i++)
        if (memcmp(y, small_order[i], sizeof y) == 0)
            return false;
    return true;
}
