/* As in sha1.c, by the calls that need no memory. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "kadpeer/sha256.h"

#include <openssl/sha.h>
#include <stdlib.h>

void sha256_of_parts(const struct bytes *parts, size_t count, uint8_t out[SHA256_BYTES])
{
    SHA256_CTX context;
    SHA256_Init(&context);
    for (size_t i = 0; i < count; i++)
        SHA256_Update(&context, parts[i].data, parts[i].len);
    SHA256_Final(out, &context);
}

struct sha256 {
    SHA256_CTX context;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *sha256 = malloc(sizeof *sha256);
    if (sha256 != NULL)
        SHA256_Init(&sha256->context);
    return sha256;
}

void sha256_free(struct sha256 *sha256)
{
    free(sha256);
}

void sha256_update(struct sha256 *sha256, struct bytes data)
{
    SHA256_Update(&sha256->context, data.data, data.len);
}

void sha256_with(struct sha256 *sha256, struct bytes rest, uint8_t out[SHA256_BYTES])
{
    SHA256_CTX copy = sha256->context;
    SHA256_Update(&copy, rest.data, rest.len);
    SHA256_Final(out, &copy);
}
