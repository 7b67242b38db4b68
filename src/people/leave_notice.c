#include "people/drops.h"
#include "people/drops_private.h"
#include "people/fields.h"

/*   v uint 1   m bin 32 mpk   t u64 time, Unix s   g bin 64 Ed25519(mk, "grp1/leave" || gpk ||
 *                                                           u64 time)
 */

enum { NOTICE_PAIRS = 4 };

static const char leave_domain[] = "grp1/leave";
enum { LEAVE_SIGNED_BYTES = sizeof leave_domain - 1 + PUBLIC_BYTES + 8 };

static struct bytes leave_signed(const struct public_key *group, uint64_t time_unix_s,
                                 uint8_t out[LEAVE_SIGNED_BYTES])
{
    uint8_t *at = out;
    memcpy(at, leave_domain, sizeof leave_domain - 1);
    at += sizeof leave_domain - 1;
    memcpy(at, group->bytes, PUBLIC_BYTES);
    write_u64(at + PUBLIC_BYTES, time_unix_s);
    return bytes_of(out, LEAVE_SIGNED_BYTES);
}

static void encode(const struct leave_notice *notice,
                   const uint8_t signature[ED25519_SIGNATURE_BYTES], struct buffer *out)
{
    struct msgpack_writer writer = fields_begin(out, DROP_PLAIN_BYTES, NOTICE_PAIRS);
    fields_write_bin(&writer, 'm', notice->member.bytes, sizeof notice->member.bytes);
    fields_write_uint(&writer, 't', notice->time_unix_s);
    fields_write_bin(&writer, 'g', signature, ED25519_SIGNATURE_BYTES);
    fields_end(&writer, out);
}

enum status leave_notice_make(const struct key_pairs *member, const struct public_key *group,
                              const uint8_t group_box_public[X25519_BYTES], uint64_t time_unix_s,
                              const uint8_t ephemeral[X25519_BYTES], struct buffer *out)
{
    struct drop_context context = {.kind = DROP_LEAVE, .group = group};
    struct leave_notice notice = {.member = member->public_key, .time_unix_s = time_unix_s};
    uint8_t room[LEAVE_SIGNED_BYTES], signature[ED25519_SIGNATURE_BYTES];
    enum status status =
        ed25519_sign(member->seed, leave_signed(group, time_unix_s, room), signature);
    if (status != STATUS_OK)
        return status;
    struct buffer plain = drop_plain();
    encode(&notice, signature, &plain);
    return drop_box(&context, &plain, group_box_public, ephemeral, out);
}

/* MALFORMED, REFUSED. */
static enum status read_notice(struct bytes plain, const struct public_key *group,
                               struct leave_notice *out)
{
    uint8_t room[LEAVE_SIGNED_BYTES], signature[ED25519_SIGNATURE_BYTES];
    struct msgpack_reader reader = msgpack_reader_shortest(plain);
    if (!fields_read_begin(&reader, NOTICE_PAIRS) ||
        !fields_read_fixed(&reader, 'm', out->member.bytes, sizeof out->member.bytes) ||
        !fields_read_u64(&reader, 't', &out->time_unix_s) ||
        !fields_read_fixed(&reader, 'g', signature, sizeof signature) ||
        !fields_only_zeros(&reader))
        return STATUS_MALFORMED;
    bool signed_by_him =
        public_key_is_valid(&out->member) &&
        ed25519_verify(out->member.bytes, leave_signed(group, out->time_unix_s, room), signature);
    return signed_by_him ? STATUS_OK : STATUS_REFUSED;
}

enum status leave_notice_open(struct bytes boxed, const struct key_pairs *group,
                              struct leave_notice *out)
{
    struct drop_context context = {.kind = DROP_LEAVE, .group = &group->public_key};
    struct buffer plain = drop_plain();
    *out = (struct leave_notice){0};
    enum status status = drop_unbox(&context, boxed, group->box, &plain);
    if (status != STATUS_OK)
        return status;
    status = read_notice(buffer_bytes(&plain), &group->public_key, out);
    fields_wipe(&plain);
    return status;
}
