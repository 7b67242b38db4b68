#include "people/roster.h"

#include <assert.h>
#include <stdlib.h>

#include "kadpeer/records.h"
#include "people/fields.h"
#include "people/seal.h"

/*   v uint 1              n str 1 to 64 group's name   a str ≤ 200 what it says of itself
 *   e u32     epoch       t u64      time, Unix s      h bool      history
 *   o bin     secrets of old epochs, 32 bytes each, oldest first; none without history
 *   m array of members, each an array:
 *       bin 32 mpk, bin 32 mxp, bin 32 pk_u, bin 64 jsig, uint role, u32 since epoch,
 *       str 1 to 32 name
 */

enum {
    ROSTER_PAIRS = 8,
    MEMBER_ITEMS = 7,
    /* encoded, at most: all but old secrets and members; a member */
    ROSTER_FIXED_BOUND = 1 + 3 + (4 + GROUP_NAME_MAX) + (4 + GROUP_ABOUT_MAX) + 7 + 11 + 3 + 5 + 5,
    MEMBER_BOUND = 1 + 3 * (2 + 32) + (2 + ED25519_SIGNATURE_BYTES) + 1 + 5 + (2 + USER_NAME_MAX),
    MEMBER_LEAST = MEMBER_BOUND - 4 - USER_NAME_MAX,
};

static const char join_domain[] = "grp1/join";
enum { JOIN_SIGNED_BYTES = sizeof join_domain - 1 + 2 * PUBLIC_BYTES + X25519_BYTES };

/* ---- join signatures ---- */

/* "grp1/join" || gpk || mpk || mxp */
static struct bytes join_signed(const struct public_key *group, const struct public_key *member,
                                const uint8_t box_public[X25519_BYTES],
                                uint8_t out[JOIN_SIGNED_BYTES])
{
    uint8_t *at = out;
    memcpy(at, join_domain, sizeof join_domain - 1);
    at += sizeof join_domain - 1;
    memcpy(at, group->bytes, PUBLIC_BYTES);
    memcpy(at + PUBLIC_BYTES, member->bytes, PUBLIC_BYTES);
    memcpy(at + 2 * PUBLIC_BYTES, box_public, X25519_BYTES);
    return bytes_of(out, JOIN_SIGNED_BYTES);
}

enum status join_sign(const uint8_t user_seed[ED25519_SEED_BYTES], const struct public_key *group,
                      const struct key_pairs *member, uint8_t out[ED25519_SIGNATURE_BYTES])
{
    uint8_t room[JOIN_SIGNED_BYTES];
    return ed25519_sign(user_seed,
                        join_signed(group, &member->public_key, member->box_public, room), out);
}

/* A key of small order gives every private key the same zeros: no secret could be boxed to it, and
 * one such member would keep the group from ever getting a new epoch. */
static bool can_be_boxed_to(const uint8_t box_public[X25519_BYTES])
{
    static const uint8_t any[X25519_BYTES] = {1};
    uint8_t shared[32];
    return x25519_shared(any, box_public, shared) == STATUS_OK;
}

bool join_verify(const struct public_key *user, const struct public_key *group,
                 const struct public_key *member, const uint8_t box_public[X25519_BYTES],
                 const uint8_t signature[ED25519_SIGNATURE_BYTES])
{
    uint8_t room[JOIN_SIGNED_BYTES];
    return public_key_is_valid(user) && public_key_is_valid(member) &&
           can_be_boxed_to(box_public) &&
           ed25519_verify(user->bytes, join_signed(group, member, box_public, room), signature);
}

/* ---- life and questions ---- */

void roster_dispose(struct roster *roster)
{
    if (roster->old_secrets != NULL)
        keys_wipe(roster->old_secrets, roster->old_count * sizeof *roster->old_secrets);
    free(roster->old_secrets);
    free(roster->members);
    *roster = (struct roster){0};
}

enum status roster_copy(const struct roster *roster, struct roster *out)
{
    struct roster copy = *roster;
    copy.members = calloc(roster->member_count + 1, sizeof *copy.members);
    copy.old_secrets = calloc(roster->old_count + 1, sizeof *copy.old_secrets);
    if (copy.members == NULL || copy.old_secrets == NULL) {
        copy.old_count = 0;
        roster_dispose(&copy);
        return STATUS_NO_MEMORY;
    }
    if (roster->member_count > 0)
        memcpy(copy.members, roster->members, roster->member_count * sizeof *copy.members);
    if (roster->old_count > 0)
        memcpy(copy.old_secrets, roster->old_secrets, roster->old_count * sizeof *copy.old_secrets);
    *out = copy;
    return STATUS_OK;
}

const struct member *roster_find(const struct roster *roster, const struct public_key *member)
{
    for (size_t i = 0; i < roster->member_count; i++)
        if (public_key_equal(&roster->members[i].key, member))
            return &roster->members[i];
    return NULL;
}

const struct member *roster_find_user(const struct roster *roster, const struct public_key *user)
{
    for (size_t i = 0; i < roster->member_count; i++)
        if (public_key_equal(&roster->members[i].user, user))
            return &roster->members[i];
    return NULL;
}

/* ---- encoding ---- */

static void write_member(struct msgpack_writer *writer, const struct member *member)
{
    msgpack_write_array(writer, MEMBER_ITEMS);
    msgpack_write_bin(writer, bytes_of(member->key.bytes, sizeof member->key.bytes));
    msgpack_write_bin(writer, bytes_of(member->box_public, sizeof member->box_public));
    msgpack_write_bin(writer, bytes_of(member->user.bytes, sizeof member->user.bytes));
    msgpack_write_bin(writer, bytes_of(member->join_signature, sizeof member->join_signature));
    msgpack_write_uint(writer, (uint64_t)member->role);
    msgpack_write_uint(writer, member->since_epoch);
    msgpack_write_string(writer, member->name);
}

static size_t encoded_bound(const struct roster *roster)
{
    return ROSTER_FIXED_BOUND + (size_t)roster->old_count * ROOT_BYTES +
           roster->member_count * MEMBER_BOUND;
}

void roster_encode(const struct roster *roster, struct buffer *out)
{
    assert(roster->member_count <= GROUP_MEMBERS_MAX && roster->old_count <= OLD_EPOCHS_MAX);
    struct msgpack_writer writer = fields_begin(out, encoded_bound(roster), ROSTER_PAIRS);
    fields_write_text(&writer, 'n', roster->name);
    fields_write_text(&writer, 'a', roster->about);
    fields_write_uint(&writer, 'e', roster->epoch);
    fields_write_uint(&writer, 't', roster->time_unix_s);
    fields_write_bool(&writer, 'h', roster->history);
    fields_write_bin(&writer, 'o', roster->old_secrets, (size_t)roster->old_count * ROOT_BYTES);
    fields_write_key(&writer, 'm');
    msgpack_write_array(&writer, roster->member_count);
    for (size_t i = 0; i < roster->member_count; i++)
        write_member(&writer, &roster->members[i]);
    fields_end(&writer, out);
}

/* ---- decoding ---- */

static bool read_old_secrets(struct msgpack_reader *reader, struct bytes *out)
{
    return fields_read_bin(reader, 'o', OLD_EPOCHS_MAX * ROOT_BYTES, out) &&
           out->len % ROOT_BYTES == 0;
}

static enum status copy_old_secrets(struct bytes secrets, struct roster *out)
{
    uint32_t count = (uint32_t)(secrets.len / ROOT_BYTES);
    if (count >= out->epoch || (count > 0 && !out->history))
        return STATUS_MALFORMED;
    out->old_secrets = calloc(count + 1, sizeof *out->old_secrets);
    if (out->old_secrets == NULL)
        return STATUS_NO_MEMORY;
    out->old_count = count;
    memcpy(out->old_secrets, secrets.data, secrets.len);
    return STATUS_OK;
}

static bool read_member(struct msgpack_reader *reader, uint32_t epoch, struct member *out)
{
    uint32_t items;
    uint64_t role, since;
    if (!msgpack_read_array(reader, &items) || items != MEMBER_ITEMS ||
        !msgpack_read_fixed(reader, out->key.bytes, sizeof out->key.bytes) ||
        !msgpack_read_fixed(reader, out->box_public, sizeof out->box_public) ||
        !msgpack_read_fixed(reader, out->user.bytes, sizeof out->user.bytes) ||
        !msgpack_read_fixed(reader, out->join_signature, sizeof out->join_signature) ||
        !msgpack_read_uint(reader, ROLE_OWNER, &role) ||
        !msgpack_read_uint(reader, epoch, &since) || since == 0 ||
        !fields_read_bare_text(reader, 1, USER_NAME_MAX, out->name))
        return false;
    out->role = (enum member_role)role;
    out->since_epoch = (uint32_t)since;
    return true;
}

static bool is_welcome(const struct roster *roster, const struct public_key *group,
                       const struct member *member)
{
    return roster_find(roster, &member->key) == NULL &&
           roster_find_user(roster, &member->user) == NULL &&
           join_verify(&member->user, group, &member->key, member->box_public,
                       member->join_signature);
}

static enum status read_members(struct msgpack_reader *reader, const struct public_key *group,
                                struct roster *out, size_t *dropped)
{
    uint32_t count;
    if (!fields_read_key(reader, 'm') || !msgpack_read_array(reader, &count) ||
        count > GROUP_MEMBERS_MAX || count > (size_t)(reader->end - reader->at) / MEMBER_LEAST)
        return STATUS_MALFORMED;
    out->members = calloc((size_t)count + 1, sizeof *out->members);
    if (out->members == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        struct member member = {0};
        if (!read_member(reader, out->epoch, &member))
            return STATUS_MALFORMED;
        if (is_welcome(out, group, &member))
            out->members[out->member_count++] = member;
        else
            ++*dropped;
    }
    return STATUS_OK;
}

static enum status read_roster(struct msgpack_reader *reader, const struct public_key *group,
                               struct roster *out, size_t *dropped)
{
    struct bytes secrets;
    if (!fields_read_begin(reader, ROSTER_PAIRS) ||
        !fields_read_text(reader, 'n', 1, GROUP_NAME_MAX, out->name) ||
        !fields_read_text(reader, 'a', 0, GROUP_ABOUT_MAX, out->about) ||
        !fields_read_u32(reader, 'e', &out->epoch) || out->epoch == 0 ||
        !fields_read_u64(reader, 't', &out->time_unix_s) ||
        !fields_read_bool(reader, 'h', &out->history) || !read_old_secrets(reader, &secrets))
        return STATUS_MALFORMED;
    enum status status = copy_old_secrets(secrets, out);
    return status == STATUS_OK ? read_members(reader, group, out, dropped) : status;
}

/* `padded`: zeros follow, to seal_padded_size. */
static enum status decode(struct bytes plain, bool padded, const struct public_key *group,
                          struct roster *out, size_t *dropped)
{
    struct msgpack_reader reader = msgpack_reader_shortest(plain);
    *out = (struct roster){0};
    *dropped = 0;
    enum status status = read_roster(&reader, group, out, dropped);
    if (status == STATUS_OK &&
        !(padded ? fields_is_padded(&reader, plain) : msgpack_at_end(&reader)))
        status = STATUS_MALFORMED;
    if (status != STATUS_OK)
        roster_dispose(out);
    return status;
}

enum status roster_decode(struct bytes plain, const struct public_key *group, struct roster *out,
                          size_t *dropped)
{
    return decode(plain, false, group, out, dropped);
}

/* ---- sealing ---- */

static struct seal_context context_of(const struct public_key *group, uint32_t epoch)
{
    return (struct seal_context){.type = "roster", .group = group, .epoch = epoch, .signer = group};
}

enum status roster_seal(const struct roster *roster, const struct public_key *group,
                        const struct epoch_keys *keys, struct rng *rng, struct buffer *out)
{
    struct seal_context context = context_of(group, keys->epoch);
    struct buffer plain;
    assert(roster->epoch == keys->epoch);
    buffer_init(&plain);
    buffer_reserve(&plain, seal_padded_size(encoded_bound(roster)));
    roster_encode(roster, &plain);
    fields_pad(&plain, 0, seal_padded_size(plain.len));
    enum status status =
        plain.failed ? STATUS_NO_MEMORY
                     : seal(keys->key[USE_ROSTER], &context, buffer_bytes(&plain), rng, out);
    fields_wipe(&plain);
    return status;
}

enum status roster_open(struct bytes sealed, const struct public_key *group,
                        const struct epoch_keys *keys, struct roster *out, size_t *dropped)
{
    struct seal_context context = context_of(group, keys->epoch);
    struct buffer plain;
    *out = (struct roster){0};
    *dropped = 0;
    if (sealed.len > ROSTER_PARTS_MAX * PART_BYTES_MAX)
        return STATUS_MALFORMED;
    buffer_init(&plain);
    buffer_reserve(&plain, sealed.len);
    enum status status = seal_open(keys->key[USE_ROSTER], &context, sealed, &plain);
    if (status == STATUS_OK)
        status = decode(buffer_bytes(&plain), true, group, out, dropped);
    if (status == STATUS_OK && out->epoch != keys->epoch) {
        roster_dispose(out);
        status = STATUS_MALFORMED;
    }
    fields_wipe(&plain);
    return status;
}
