/* What somebody who has the keys may have sealed or boxed: the first byte says as what the rest is
 * read. What a roster or a request decodes to encodes to the same bytes again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "kadpeer/records.h"
#include "kadpeer/sha1.h"
#include "people/drops.h"
#include "people/drops_private.h"
#include "people/fields.h"
#include "people/roster.h"
#include "people/seal.h"
#include "people/shelf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AS_ROSTER, AS_SEALED_ROSTER, AS_SHELF, AS_LIST, AS_REQUEST, AS_LEAVE, AS_HANDOVER, AS_END };

enum { INPUT_MAX = 120 * 1000 };

static struct key_pairs group, member;
static struct epoch_keys keys;
static struct rng rng;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Those of tests/vectors/make_groups.py. */
static void prepare(void)
{
    uint8_t root[ROOT_BYTES], secret[ROOT_BYTES], user_root[ROOT_BYTES] = {1, 0, 0x55};
    if (keys.epoch != 0)
        return;
    memset(root, 0xee, sizeof root);
    memset(secret, 0x11, sizeof secret);
    require(keys_of_group(root, &group) == STATUS_OK);
    require(keys_of_member(user_root, &group.public_key, &member) == STATUS_OK);
    require(epoch_keys_derive(&group.public_key, 3, secret, &keys) == STATUS_OK);
    rng_init_seed(&rng, 1);
}

static void require_same(struct buffer *out, struct bytes plain)
{
    require(!out->failed && bytes_equal(buffer_bytes(out), plain));
    buffer_dispose(out);
}

static void try_roster(struct bytes plain)
{
    struct roster roster;
    struct buffer out;
    size_t dropped;
    if (roster_decode(plain, &group.public_key, &roster, &dropped) != STATUS_OK)
        return;
    require(roster.member_count <= GROUP_MEMBERS_MAX && roster.old_count <= OLD_EPOCHS_MAX);
    if (dropped == 0) {
        buffer_init(&out);
        roster_encode(&roster, &out);
        require_same(&out, plain);
    }
    roster_dispose(&roster);
}

/* Padded as an honest sealer would, and sealed. */
static struct buffer sealed_of(struct bytes plain, const char *type, enum epoch_use use,
                               const struct public_key *signer)
{
    struct seal_context context = {
        .type = type, .group = &group.public_key, .epoch = keys.epoch, .signer = signer};
    struct buffer padded, out;
    buffer_init(&padded);
    buffer_init(&out);
    if (use == USE_SHELF && type[0] == 's') { /* the body of a record begins with its epoch */
        uint8_t epoch[4];
        write_u32(epoch, keys.epoch);
        buffer_add(&out, epoch, sizeof epoch);
    }
    buffer_add(&padded, plain.data, plain.len);
    fields_pad(&padded, 0, seal_padded_size(plain.len));
    require(seal(keys.key[use], &context, buffer_bytes(&padded), &rng, &out) == STATUS_OK);
    buffer_dispose(&padded);
    return out;
}

static void try_sealed_roster(struct bytes plain)
{
    struct buffer sealed = sealed_of(plain, "roster", USE_ROSTER, &group.public_key);
    struct roster roster;
    size_t dropped;
    if (roster_open(buffer_bytes(&sealed), &group.public_key, &keys, &roster, &dropped) ==
        STATUS_OK)
        require(roster.epoch == keys.epoch);
    roster_dispose(&roster);
    buffer_dispose(&sealed);
}

static void check_shelf(struct shelf *shelf)
{
    require(shelf->count <= SHELF_ENTRIES_MAX);
    for (size_t i = 1; i < shelf->count; i++)
        require(id_compare(&shelf->entries[i - 1].infohash, &shelf->entries[i].infohash) < 0);
    shelf_dispose(shelf);
}

static void try_shelf(struct bytes plain)
{
    struct buffer body = sealed_of(plain, "shelf", USE_SHELF, &member.public_key);
    struct shelf shelf;
    struct shelf_pointer pointer;
    bool has_pointer;
    enum status status = shelf_open(buffer_bytes(&body), &group.public_key, &member.public_key,
                                    &keys, &shelf, &has_pointer, &pointer);
    require(body.len <= ITEM_BODY_MAX || status == STATUS_MALFORMED);
    check_shelf(&shelf);
    buffer_dispose(&body);
}

static void try_list(struct bytes plain)
{
    struct buffer blob = sealed_of(plain, "list", USE_SHELF, &member.public_key);
    struct bytes bytes = buffer_bytes(&blob);
    struct shelf_pointer pointer = {.sha1 = sha1_of(bytes), .len = (uint32_t)bytes.len};
    struct shelf shelf;
    sha256_of_parts(&bytes, 1, pointer.sha256);
    shelf_open_blob(bytes, &pointer, &group.public_key, &member.public_key, &keys, &shelf);
    check_shelf(&shelf);
    buffer_dispose(&blob);
}

static void try_request(struct bytes plain)
{
    struct join_request request;
    struct buffer out;
    if (join_request_decode(plain, &group.public_key, &request) == STATUS_MALFORMED)
        return;
    buffer_init(&out);
    join_request_encode(&request, &out);
    require_same(&out, plain);
}

static struct buffer boxed_of(struct bytes plain, const struct drop_context *context,
                              const uint8_t to[X25519_BYTES])
{
    static const uint8_t ephemeral[X25519_BYTES] = {7};
    struct buffer padded = drop_plain(), out;
    buffer_init(&out);
    buffer_add(&padded, plain.data, plain.len < DROP_PLAIN_BYTES ? plain.len : DROP_PLAIN_BYTES);
    require(drop_box(context, &padded, to, ephemeral, &out) == STATUS_OK);
    return out;
}

static void try_leave(struct bytes plain)
{
    struct drop_context context = {.kind = DROP_LEAVE, .group = &group.public_key};
    struct leave_notice notice;
    struct buffer boxed = boxed_of(plain, &context, group.box_public);
    leave_notice_open(buffer_bytes(&boxed), &group, &notice);
    buffer_dispose(&boxed);
}

static void try_handover(struct bytes plain)
{
    struct drop_context context = {
        .kind = DROP_HANDOVER, .group = &group.public_key, .member = &member.public_key};
    uint8_t root[ROOT_BYTES];
    struct buffer boxed = boxed_of(plain, &context, member.box_public);
    handover_open(buffer_bytes(&boxed), &group.public_key, &member, root);
    buffer_dispose(&boxed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[AS_END])(struct bytes) = {
        [AS_ROSTER] = try_roster,     [AS_SEALED_ROSTER] = try_sealed_roster,
        [AS_SHELF] = try_shelf,       [AS_LIST] = try_list,
        [AS_REQUEST] = try_request,   [AS_LEAVE] = try_leave,
        [AS_HANDOVER] = try_handover,
    };
    prepare();
    if (size > 0 && size <= INPUT_MAX)
        readers[data[0] % AS_END](bytes_of(data + 1, size - 1));
    return 0;
}
