/* HKDF, HMAC, scrypt and X25519 of keys.h, by libcrypto; but of HMAC it gives SHA-256 alone, whose
 * two calls need no memory. */
#include "people/keys.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#define HMAC_BLOCK_BYTES 64 /* of SHA-256 [RFC 2104 2] */

void keys_wipe(void *secret, size_t len)
{
    OPENSSL_cleanse(secret, len);
}

/* Looking an algorithm up by its name costs more than using it once: done at the first use in the
 * process, never changed thereafter. NULL: libcrypto has none. */
static EVP_KDF *hkdf_algorithm;
static CRYPTO_ONCE hkdf_once = CRYPTO_ONCE_STATIC_INIT;

static void fetch_hkdf(void)
{
    hkdf_algorithm = EVP_KDF_fetch(NULL, "HKDF", NULL);
}

static bool have_hkdf(void)
{
    return CRYPTO_THREAD_run_once(&hkdf_once, fetch_hkdf) == 1 && hkdf_algorithm != NULL;
}

/* libcrypto does not write to what its parameters point at. */
static OSSL_PARAM octets(const char *key, struct bytes value)
{
    return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)value.data, value.len);
}

static OSSL_PARAM sha256_param(const char *key)
{
    static char name[] = "SHA256";
    return OSSL_PARAM_construct_utf8_string(key, name, 0);
}

static enum status derive(int mode, struct bytes ikm, struct bytes salt, struct bytes info,
                          uint8_t *out, size_t len)
{
    OSSL_PARAM params[6], *p = params;
    *p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    *p++ = sha256_param(OSSL_KDF_PARAM_DIGEST);
    *p++ = octets(OSSL_KDF_PARAM_KEY, ikm);
    if (salt.len > 0)
        *p++ = octets(OSSL_KDF_PARAM_SALT, salt);
    if (info.len > 0)
        *p++ = octets(OSSL_KDF_PARAM_INFO, info);
    *p = OSSL_PARAM_construct_end();
    EVP_KDF_CTX *context = have_hkdf() ? EVP_KDF_CTX_new(hkdf_algorithm) : NULL;
    bool ok = context != NULL && EVP_KDF_derive(context, out, len, params) == 1;
    EVP_KDF_CTX_free(context);
    return ok ? STATUS_OK : STATUS_INTERNAL;
}

enum status hkdf(struct bytes ikm, struct bytes salt, struct bytes info, uint8_t out[32])
{
    return derive(EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, ikm, salt, info, out, 32);
}

enum status hkdf_expand(const uint8_t key[32], struct bytes info, uint8_t *out, size_t len)
{
    return derive(EVP_KDF_HKDF_MODE_EXPAND_ONLY, bytes_of(key, 32), (struct bytes){0}, info, out,
                  len);
}

void hmac_sha256(const uint8_t key[32], const struct bytes *parts, size_t count,
                 uint8_t out[SHA256_BYTES])
{
    uint8_t inner[HMAC_BLOCK_BYTES], outer[HMAC_BLOCK_BYTES], digest[SHA256_BYTES];
    struct bytes all[1 + HMAC_PARTS_MAX] = {bytes_of(inner, sizeof inner)};
    struct bytes last[] = {bytes_of(outer, sizeof outer), bytes_of(digest, sizeof digest)};
    assert(count <= HMAC_PARTS_MAX);
    memcpy(all + 1, parts, count * sizeof *parts);
    for (size_t i = 0; i < HMAC_BLOCK_BYTES; i++) {
        uint8_t byte = i < 32 ? key[i] : 0;
        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5c;
    }
    sha256_of_parts(all, 1 + count, digest);
    sha256_of_parts(last, 2, out);
    keys_wipe(inner, sizeof inner);
    keys_wipe(outer, sizeof outer);
}

enum status scrypt(struct bytes password, struct bytes salt, uint64_t n, uint32_t r, uint32_t p,
                   uint8_t out[32])
{
    uint64_t memory_max = SCRYPT_MEMORY_MAX;
    OSSL_PARAM params[] = {
        octets(OSSL_KDF_PARAM_PASSWORD, password),
        octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory_max),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *algorithm = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *context = algorithm != NULL ? EVP_KDF_CTX_new(algorithm) : NULL;
    bool ok = context != NULL && EVP_KDF_derive(context, out, 32, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(algorithm);
    return ok ? STATUS_OK : STATUS_INTERNAL;
}

enum status x25519_public_of(const uint8_t private_key[X25519_BYTES],
                             uint8_t public_key[X25519_BYTES])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, X25519_BYTES);
    size_t len = X25519_BYTES;
    bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, public_key, &len) == 1;
    EVP_PKEY_free(key);
    return ok ? STATUS_OK : STATUS_INTERNAL;
}

enum status x25519_shared(const uint8_t private_key[X25519_BYTES],
                          const uint8_t their_public[X25519_BYTES], uint8_t out[32])
{
    ERR_set_mark(); /* a stranger's bad key leaves nothing behind for a TLS call to trip over */
    EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, X25519_BYTES);
    EVP_PKEY *theirs =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, their_public, X25519_BYTES);
    EVP_PKEY_CTX *context = ours != NULL ? EVP_PKEY_CTX_new(ours, NULL) : NULL;
    bool ready = context != NULL && theirs != NULL && EVP_PKEY_derive_init(context) == 1 &&
                 EVP_PKEY_derive_set_peer(context, theirs) == 1;
    size_t len = 32;
    bool ok = ready && EVP_PKEY_derive(context, out, &len) == 1 && len == 32;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(theirs);
    EVP_PKEY_free(ours);
    ERR_pop_to_mark();
    if (!ok)
        keys_wipe(out, 32);
    /* All that libcrypto looks at is whether the result is zero [RFC 7748 6.1]. */
    return ok ? STATUS_OK : ready ? STATUS_REFUSED : STATUS_INTERNAL;
}
