/* Any body of a user's or group's record that everybody can read. Each value has one encoding: what
 * is accepted must encode to the very same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "people/channel_auth.h"
#include "people/head.h"
#include "people/keypage.h"
#include "people/shelf.h"
#include "people/user_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* `out` holds what an encoder wrote; disposes of it. */
static void require_same(struct buffer *out, struct bytes body)
{
    require(!out->failed && bytes_equal(buffer_bytes(out), body));
    buffer_dispose(out);
}

static void try_user(struct bytes body)
{
    struct user_body user;
    struct buffer out;
    if (!user_body_decode(body, &user))
        return;
    buffer_init(&out);
    user_body_encode(&user, &out);
    require_same(&out, body);
}

static void try_head(struct bytes body)
{
    struct head_body head;
    struct buffer out;
    if (!head_body_decode(body, &head))
        return;
    buffer_init(&out);
    head_body_encode(&head, &out);
    require(out.len <= 740);
    require_same(&out, body);
}

static void try_keypage(struct bytes body)
{
    struct keypage page;
    struct buffer out;
    if (!keypage_decode(body, &page))
        return;
    buffer_init(&out);
    keypage_encode(&page, &out);
    require_same(&out, body);
}

/* Not in a record, but read before it is known who speaks. */
static void try_auth(struct bytes plain)
{
    struct channel_auth auth;
    struct buffer out;
    if (!channel_auth_decode(plain, &auth))
        return;
    buffer_init(&out);
    channel_auth_encode(&auth, &out);
    require_same(&out, plain);
    static const uint8_t exported[CHANNEL_EXPORT_BYTES];
    channel_auth_verify(&auth.member, CHANNEL_SERVER, exported, auth.signature);
}

static void try_identity(struct bytes identity)
{
    static const uint8_t key[32];
    psk_identity_fits(identity, key, 1800000000);
}

static void try_shelf(struct bytes body)
{
    static const struct public_key group, member;
    struct epoch_keys keys = {0};
    struct shelf shelf;
    struct shelf_pointer pointer;
    bool has_pointer;
    if (shelf_epoch(body, &keys.epoch))
        require(shelf_open(body, &group, &member, &keys, &shelf, &has_pointer, &pointer) !=
                STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes body = bytes_of(data, size);
    try_user(body);
    try_head(body);
    try_keypage(body);
    try_auth(body);
    try_identity(body);
    try_shelf(body);
    return 0;
}
