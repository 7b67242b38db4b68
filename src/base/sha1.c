/* The calls that libcrypto 3 deprecates: its newer ones take memory for each digest, which may not
 * be there, and three times as long for a datagram. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "kadpeer/sha1.h"

#include <openssl/sha.h>
#include <stdlib.h>

struct id sha1_of_parts(const struct bytes *parts, size_t count)
{
    struct id id;
    SHA_CTX context;
    SHA1_Init(&context);
    for (size_t i = 0; i < count; i++)
        SHA1_Update(&context, parts[i].data, parts[i].len);
    SHA1_Final(id.bytes, &context);
    return id;
}

struct id sha1_of(struct bytes data)
{
    return sha1_of_parts(&data, 1);
}

struct sha1 {
    SHA_CTX context;
};

struct sha1 *sha1_new(void)
{
    struct sha1 *sha1 = malloc(sizeof *sha1);
    if (sha1 != NULL)
        SHA1_Init(&sha1->context);
    return sha1;
}

void sha1_free(struct sha1 *sha1)
{
    free(sha1);
}

void sha1_update(struct sha1 *sha1, struct bytes data)
{
    SHA1_Update(&sha1->context, data.data, data.len);
}

struct id sha1_finish(struct sha1 *sha1)
{
    struct id id;
    SHA1_Final(id.bytes, &sha1->context);
    SHA1_Init(&sha1->context);
    return id;
}
