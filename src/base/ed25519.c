#include "kadpeer/ed25519.h"

#include <openssl/evp.h>

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
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, ED25519_PUBLIC_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = key != NULL && context != NULL &&
              EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(context, signature, ED25519_SIGNATURE_BYTES, message.data,
                               message.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return ok;
}
