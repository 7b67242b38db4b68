#include "people/drops.h"
#include "people/drops_private.h"
#include "people/fields.h"
#include "people/roster.h"

#include "kadpeer/utf8.h"

/*   v uint 1           u bin 32 pk_u            m bin 32 mpk              x bin 32 mxp
 *   j bin 64 jsig      p bin 64 proof           n str 1 to 32 name        c str ≤ 160 note
 *   k bin 0 or 16      token                    t u64     time, Unix s
 *
 * The proof is Ed25519(mk, "grp1/pop" || gpk || pk_u || u64 time).
 */

enum { REQUEST_PAIRS = 10 };

static const char proof_domain[] = "grp1/pop";
enum { PROOF_SIGNED_BYTES = sizeof proof_domain - 1 + 2 * PUBLIC_BYTES + 8 };

static struct bytes proof_signed(const struct join_request *request, const struct public_key *group,
                                 uint8_t out[PROOF_SIGNED_BYTES])
{
    uint8_t *at = out;
    memcpy(at, proof_domain, sizeof proof_domain - 1);
    at += sizeof proof_domain - 1;
    memcpy(at, group->bytes, PUBLIC_BYTES);
    memcpy(at + PUBLIC_BYTES, request->user.bytes, PUBLIC_BYTES);
    write_u64(at + 2 * PUBLIC_BYTES, request->time_unix_s);
    return bytes_of(out, PROOF_SIGNED_BYTES);
}

/* ---- making ---- */

static bool is_text_of(const char *text, size_t min, size_t max)
{
    struct bytes bytes = bytes_of(text, strnlen(text, max + 1));
    return bytes.len >= min && bytes.len <= max && utf8_is_printable(bytes);
}

static enum status sign_as(const struct key_pairs *user, const struct key_pairs *member,
                           const struct public_key *group, struct join_request *out)
{
    uint8_t room[PROOF_SIGNED_BYTES];
    out->user = user->public_key;
    out->member = member->public_key;
    memcpy(out->box_public, member->box_public, sizeof out->box_public);
    enum status status = join_sign(user->seed, group, member, out->join_signature);
    if (status == STATUS_OK)
        status = ed25519_sign(member->seed, proof_signed(out, group, room), out->proof);
    return status;
}

enum status join_request_sign(const uint8_t user_root[ROOT_BYTES], const struct public_key *group,
                              const char *name, const char *note, const uint8_t *token,
                              uint64_t time_unix_s, struct join_request *out)
{
    struct key_pairs user, member;
    *out = (struct join_request){.time_unix_s = time_unix_s, .has_token = token != NULL};
    if (!is_text_of(name, 1, USER_NAME_MAX) || !is_text_of(note, 0, JOIN_NOTE_MAX))
        return STATUS_MALFORMED;
    memcpy(out->name, name, strlen(name));
    memcpy(out->note, note, strlen(note));
    if (token != NULL)
        memcpy(out->token, token, sizeof out->token);
    enum status status = keys_of_user(user_root, &user);
    if (status == STATUS_OK)
        status = keys_of_member(user_root, group, &member);
    if (status == STATUS_OK)
        status = sign_as(&user, &member, group, out);
    keys_wipe(&user, sizeof user);
    keys_wipe(&member, sizeof member);
    return status;
}

void join_request_encode(const struct join_request *request, struct buffer *out)
{
    struct msgpack_writer writer = fields_begin(out, DROP_PLAIN_BYTES, REQUEST_PAIRS);
    fields_write_bin(&writer, 'u', request->user.bytes, sizeof request->user.bytes);
    fields_write_bin(&writer, 'm', request->member.bytes, sizeof request->member.bytes);
    fields_write_bin(&writer, 'x', request->box_public, sizeof request->box_public);
    fields_write_bin(&writer, 'j', request->join_signature, sizeof request->join_signature);
    fields_write_bin(&writer, 'p', request->proof, sizeof request->proof);
    fields_write_text(&writer, 'n', request->name);
    fields_write_text(&writer, 'c', request->note);
    fields_write_bin(&writer, 'k', request->token, request->has_token ? sizeof request->token : 0);
    fields_write_uint(&writer, 't', request->time_unix_s);
    fields_end(&writer, out);
}

enum status join_request_make(const uint8_t user_root[ROOT_BYTES], const struct public_key *group,
                              const uint8_t group_box_public[X25519_BYTES], const char *name,
                              const char *note, const uint8_t *token, uint64_t time_unix_s,
                              const uint8_t ephemeral[X25519_BYTES], struct buffer *out)
{
    struct drop_context context = {.kind = DROP_REQUEST, .group = group};
    struct join_request request;
    enum status status =
        join_request_sign(user_root, group, name, note, token, time_unix_s, &request);
    if (status != STATUS_OK)
        return status;
    struct buffer plain = drop_plain();
    join_request_encode(&request, &plain);
    return drop_box(&context, &plain, group_box_public, ephemeral, out);
}

/* ---- reading ---- */

static bool read_token(struct msgpack_reader *reader, struct join_request *out)
{
    struct bytes token;
    if (!fields_read_bin(reader, 'k', sizeof out->token, &token) ||
        (token.len != 0 && token.len != sizeof out->token))
        return false;
    out->has_token = token.len > 0;
    memcpy(out->token, token.data, token.len);
    return true;
}

static bool read_request(struct msgpack_reader *reader, struct join_request *out)
{
    return fields_read_begin(reader, REQUEST_PAIRS) &&
           fields_read_fixed(reader, 'u', out->user.bytes, sizeof out->user.bytes) &&
           fields_read_fixed(reader, 'm', out->member.bytes, sizeof out->member.bytes) &&
           fields_read_fixed(reader, 'x', out->box_public, sizeof out->box_public) &&
           fields_read_fixed(reader, 'j', out->join_signature, sizeof out->join_signature) &&
           fields_read_fixed(reader, 'p', out->proof, sizeof out->proof) &&
           fields_read_text(reader, 'n', 1, USER_NAME_MAX, out->name) &&
           fields_read_text(reader, 'c', 0, JOIN_NOTE_MAX, out->note) && read_token(reader, out) &&
           fields_read_u64(reader, 't', &out->time_unix_s);
}

static bool proves_itself(const struct join_request *request, const struct public_key *group)
{
    uint8_t room[PROOF_SIGNED_BYTES];
    return join_verify(&request->user, group, &request->member, request->box_public,
                       request->join_signature) &&
           ed25519_verify(request->member.bytes, proof_signed(request, group, room),
                          request->proof);
}

enum status join_request_decode(struct bytes plain, const struct public_key *group,
                                struct join_request *out)
{
    struct msgpack_reader reader = msgpack_reader_shortest(plain);
    *out = (struct join_request){0};
    if (!read_request(&reader, out) || !msgpack_at_end(&reader))
        return STATUS_MALFORMED;
    return proves_itself(out, group) ? STATUS_OK : STATUS_REFUSED;
}

enum status join_request_open(struct bytes boxed, const struct key_pairs *group,
                              struct join_request *out)
{
    struct drop_context context = {.kind = DROP_REQUEST, .group = &group->public_key};
    struct buffer plain = drop_plain();
    *out = (struct join_request){0};
    enum status status = drop_unbox(&context, boxed, group->box, &plain);
    if (status != STATUS_OK)
        return status;
    struct msgpack_reader reader = msgpack_reader_shortest(buffer_bytes(&plain));
    if (!read_request(&reader, out) || !fields_only_zeros(&reader))
        status = STATUS_MALFORMED;
    else if (!proves_itself(out, &group->public_key))
        status = STATUS_REFUSED;
    fields_wipe(&plain);
    return status;
}
