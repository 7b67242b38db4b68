#include "people/drops.h"
#include "people/drops_private.h"
#include "people/fields.h"

/*   v uint 1   r bin 32 root secret of the group */

enum { HANDOVER_PAIRS = 2 };

/* Is it the secret that the group's keys come from? */
static bool is_root_of(const uint8_t root[ROOT_BYTES], const struct public_key *group)
{
    struct key_pairs keys;
    bool is_it =
        keys_of_group(root, &keys) == STATUS_OK && public_key_equal(&keys.public_key, group);
    keys_wipe(&keys, sizeof keys);
    return is_it;
}

enum status handover_make(const uint8_t group_root[ROOT_BYTES], const struct public_key *group,
                          const struct member *to, const uint8_t ephemeral[X25519_BYTES],
                          struct buffer *out)
{
    struct drop_context context = {.kind = DROP_HANDOVER, .group = group, .member = &to->key};
    struct buffer plain = drop_plain();
    struct msgpack_writer writer = fields_begin(&plain, DROP_PLAIN_BYTES, HANDOVER_PAIRS);
    fields_write_bin(&writer, 'r', group_root, ROOT_BYTES);
    fields_end(&writer, &plain);
    return drop_box(&context, &plain, to->box_public, ephemeral, out);
}

enum status handover_open(struct bytes boxed, const struct public_key *group,
                          const struct key_pairs *member, uint8_t group_root[ROOT_BYTES])
{
    struct drop_context context = {
        .kind = DROP_HANDOVER, .group = group, .member = &member->public_key};
    struct buffer plain = drop_plain();
    enum status status = drop_unbox(&context, boxed, member->box, &plain);
    if (status != STATUS_OK)
        return status;
    struct msgpack_reader reader = msgpack_reader_shortest(buffer_bytes(&plain));
    if (!fields_read_begin(&reader, HANDOVER_PAIRS) ||
        !fields_read_fixed(&reader, 'r', group_root, ROOT_BYTES) || !fields_only_zeros(&reader))
        status = STATUS_MALFORMED;
    else if (!is_root_of(group_root, group))
        status = STATUS_REFUSED;
    if (status != STATUS_OK)
        keys_wipe(group_root, ROOT_BYTES);
    fields_wipe(&plain);
    return status;
}
