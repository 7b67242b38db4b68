#include "people/drops.h"

#include "people/drops_private.h"
#include "people/fields.h"
#include "people/hpke.h"

enum { INFO_MAX = 16 + 2 * PUBLIC_BYTES };

/* "grp1/…" || gpk, and || mpk of the one to whom a group is handed */
static struct bytes info_of(const struct drop_context *context, uint8_t out[INFO_MAX])
{
    static const char *const domains[] = {
        [DROP_REQUEST] = "grp1/req", [DROP_LEAVE] = "grp1/leave", [DROP_HANDOVER] = "grp1/give"};
    struct bytes domain = bytes_of_string(domains[context->kind]);
    uint8_t *at = out;
    memcpy(at, domain.data, domain.len);
    at += domain.len;
    memcpy(at, context->group->bytes, PUBLIC_BYTES);
    at += PUBLIC_BYTES;
    if (context->member != NULL) {
        memcpy(at, context->member->bytes, PUBLIC_BYTES);
        at += PUBLIC_BYTES;
    }
    return bytes_of(out, (size_t)(at - out));
}

struct buffer drop_plain(void)
{
    struct buffer plain;
    buffer_init(&plain);
    buffer_reserve(&plain, DROP_PLAIN_BYTES + BOX_OVERHEAD);
    return plain;
}

enum status drop_box(const struct drop_context *context, struct buffer *plain,
                     const uint8_t to[X25519_BYTES], const uint8_t ephemeral[X25519_BYTES],
                     struct buffer *out)
{
    uint8_t room[INFO_MAX];
    fields_pad(plain, 0, DROP_PLAIN_BYTES);
    enum status status = STATUS_NO_MEMORY;
    if (!plain->failed)
        status = box(to, info_of(context, room), buffer_bytes(plain), ephemeral, out);
    fields_wipe(plain);
    return status;
}

enum status drop_unbox(const struct drop_context *context, struct bytes boxed,
                       const uint8_t private_key[X25519_BYTES], struct buffer *plain)
{
    uint8_t room[INFO_MAX];
    enum status status = STATUS_MISMATCH;
    if (boxed.len == DROP_PLAIN_BYTES + BOX_OVERHEAD)
        status = box_open(private_key, info_of(context, room), boxed, plain);
    if (status != STATUS_OK)
        fields_wipe(plain);
    return status;
}
