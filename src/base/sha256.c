#include "kadpeer/sha256.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* As with SHA-1: the caller has nothing sensible to do without it. */
static void need(int ok)
{
    if (ok != 1) {
        fputs("kadpeer: libcrypto cannot compute SHA-256\n", stderr);
        abort();
    }
}

void sha256_of_parts(const struct bytes *parts, size_t count, uint8_t out[SHA256_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    need(context != NULL);
    need(EVP_DigestInit_ex(context, EVP_sha256(), NULL));
    for (size_t i = 0; i < count; i++)
        need(EVP_DigestUpdate(context, parts[i].data, parts[i].len));
    need(EVP_DigestFinal_ex(context, out, NULL));
    EVP_MD_CTX_free(context);
}

struct sha256 {
    EVP_MD_CTX *begun, *copy;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *sha256 = calloc(1, sizeof *sha256);
    if (sha256 == NULL)
        return NULL;
    sha256->begun = EVP_MD_CTX_new();
    sha256->copy = EVP_MD_CTX_new();
    if (sha256->begun == NULL || sha256->copy == NULL ||
        EVP_DigestInit_ex(sha256->begun, EVP_sha256(), NULL) != 1) {
        sha256_free(sha256);
        return NULL;
    }
    return sha256;
}

void sha256_free(struct sha256 *sha256)
{
    if (sha256 == NULL)
        return;
    EVP_MD_CTX_free(sha256->begun);
    EVP_MD_CTX_free(sha256->copy);
    free(sha256);
}

void sha256_update(struct sha256 *sha256, struct bytes data)
{
    need(EVP_DigestUpdate(sha256->begun, data.data, data.len));
}

void sha256_with(struct sha256 *sha256, struct bytes rest, uint8_t out[SHA256_BYTES])
{
    need(EVP_MD_CTX_copy_ex(sha256->copy, sha256->begun));
    need(EVP_DigestUpdate(sha256->copy, rest.data, rest.len));
    need(EVP_DigestFinal_ex(sha256->copy, out, NULL));
}
