#include "kadpeer/sha1.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* The caller has nothing sensible to do without SHA-1, and every name in this program is one. */
static void need(int ok)
{
    if (ok != 1) {
        fputs("kadpeer: libcrypto cannot compute SHA-1\n", stderr);
        abort();
    }
}

struct id sha1_of_parts(const struct bytes *parts, size_t count)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    need(context != NULL);
    need(EVP_DigestInit_ex(context, EVP_sha1(), NULL));
    for (size_t i = 0; i < count; i++)
        need(EVP_DigestUpdate(context, parts[i].data, parts[i].len));
    struct id id;
    need(EVP_DigestFinal_ex(context, id.bytes, NULL));
    EVP_MD_CTX_free(context);
    return id;
}

struct id sha1_of(struct bytes data)
{
    return sha1_of_parts(&data, 1);
}

struct sha1 {
    EVP_MD_CTX *context;
};

struct sha1 *sha1_new(void)
{
    struct sha1 *sha1 = malloc(sizeof *sha1);
    if (sha1 == NULL)
        return NULL;
    sha1->context = EVP_MD_CTX_new();
    if (sha1->context == NULL || EVP_DigestInit_ex(sha1->context, EVP_sha1(), NULL) != 1) {
        sha1_free(sha1);
        return NULL;
    }
    return sha1;
}

void sha1_free(struct sha1 *sha1)
{
    if (sha1 == NULL)
        return;
    EVP_MD_CTX_free(sha1->context);
    free(sha1);
}

void sha1_update(struct sha1 *sha1, struct bytes data)
{
    need(EVP_DigestUpdate(sha1->context, data.data, data.len));
}

struct id sha1_finish(struct sha1 *sha1)
{
    struct id id;
    need(EVP_DigestFinal_ex(sha1->context, id.bytes, NULL));
    need(EVP_DigestInit_ex(sha1->context, NULL, NULL));
    return id;
}
