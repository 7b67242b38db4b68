/* Any text as an invite; what parses is formatted, and parses to the same again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "people/invite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_again(const struct invite *first)
{
    struct invite second;
    struct buffer out;
    buffer_init(&out);
    invite_format(first, &out);
    require(!out.failed && out.len <= 206);
    require(invite_parse((const char *)out.data, &second) == STATUS_OK);
    require(public_key_equal(&first->group, &second.group));
    require(first->address_count == second.address_count);
    require(memcmp(first->token, second.token, sizeof first->token) == 0);
    for (size_t i = 0; i < first->address_count; i++)
        require(endpoint_equal(&first->addresses[i], &second.addresses[i]));
    buffer_dispose(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct invite invite;
    char *text = malloc(size + 1);
    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = 0;
    if (invite_parse(text, &invite) == STATUS_OK)
        try_again(&invite);
    free(text);
    return 0;
}
