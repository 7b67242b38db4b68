#include "people/channel_auth.h"

#include "people/fields.h"

/* AUTH:   v uint 1   m bin 32 mpk   g bin 64 Ed25519(mk, "grp1/auth" || u8 role || exported 32) */

enum { AUTH_PAIRS = 3, AUTH_BOUND = 1 + 3 + (2 + 34) + (2 + 66) };

static const char auth_domain[] = "grp1/auth";
enum { AUTH_SIGNED_BYTES = sizeof auth_domain - 1 + 1 + CHANNEL_EXPORT_BYTES };

void channel_auth_encode(const struct channel_auth *auth, struct buffer *out)
{
    struct msgpack_writer writer = fields_begin(out, AUTH_BOUND, AUTH_PAIRS);
    fields_write_bin(&writer, 'm', auth->member.bytes, sizeof auth->member.bytes);
    fields_write_bin(&writer, 'g', auth->signature, sizeof auth->signature);
    fields_end(&writer, out);
}

bool channel_auth_decode(struct bytes plain, struct channel_auth *out)
{
    struct msgpack_reader reader = msgpack_reader_shortest(plain);
    *out = (struct channel_auth){0};
    return fields_read_begin(&reader, AUTH_PAIRS) &&
           fields_read_fixed(&reader, 'm', out->member.bytes, sizeof out->member.bytes) &&
           fields_read_fixed(&reader, 'g', out->signature, sizeof out->signature) &&
           msgpack_at_end(&reader);
}

void channel_context(const struct public_key *group, uint32_t epoch,
                     uint8_t out[CHANNEL_CONTEXT_BYTES])
{
    memcpy(out, group->bytes, PUBLIC_BYTES);
    write_u32(out + PUBLIC_BYTES, epoch);
}

static struct bytes auth_signed(enum channel_role role,
                                const uint8_t exported[CHANNEL_EXPORT_BYTES],
                                uint8_t out[AUTH_SIGNED_BYTES])
{
    uint8_t *at = out;
    memcpy(at, auth_domain, sizeof auth_domain - 1);
    at += sizeof auth_domain - 1;
    *at = (uint8_t)role;
    memcpy(at + 1, exported, CHANNEL_EXPORT_BYTES);
    return bytes_of(out, AUTH_SIGNED_BYTES);
}

enum status channel_auth_sign(const struct key_pairs *member, enum channel_role role,
                              const uint8_t exported[CHANNEL_EXPORT_BYTES],
                              uint8_t out[ED25519_SIGNATURE_BYTES])
{
    uint8_t room[AUTH_SIGNED_BYTES];
    return ed25519_sign(member->seed, auth_signed(role, exported, room), out);
}

bool channel_auth_verify(const struct public_key *member, enum channel_role role,
                         const uint8_t exported[CHANNEL_EXPORT_BYTES],
                         const uint8_t signature[ED25519_SIGNATURE_BYTES])
{
    uint8_t room[AUTH_SIGNED_BYTES];
    return public_key_is_valid(member) &&
           ed25519_verify(member->bytes, auth_signed(role, exported, room), signature);
}
