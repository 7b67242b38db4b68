/* An imported keystore: any bytes as the file, and as what was sealed in it. Secrets that decode
 * have one encoding only. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "people/keystore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_file(struct bytes file)
{
    char name[KEYSTORE_NAME_MAX + 1];
    struct public_key user;
    struct keystore_key key = {.key = {1}};
    struct keystore opened;
    enum status status = keystore_header(file, name, &user, key.salt);
    if (status == STATUS_OK)
        require(strlen(name) > 0);
    require(status == STATUS_OK || keystore_check(file) == status);
    require(keystore_decode(file, &key, &opened) != STATUS_OK);
}

static void try_secrets(struct bytes plain)
{
    struct keystore keystore;
    struct buffer out;
    if (keystore_decode_secrets(plain, &keystore) != STATUS_OK)
        return;
    buffer_init(&out);
    require(keystore.group_count <= KEYSTORE_GROUPS_MAX);
    require(keystore_encode_secrets(&keystore, &out) == STATUS_OK &&
            bytes_equal(buffer_bytes(&out), plain));
    buffer_dispose(&out);
    keystore_dispose(&keystore);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_file(bytes_of(data, size));
    try_secrets(bytes_of(data, size));
    return 0;
}
