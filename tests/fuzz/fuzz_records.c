/* Any value of a record, as every kind and as the body of an entry; what decodes must encode and
 * decode to the same again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dht/record_kinds.h"
#include "kadpeer/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_peer(struct bytes value)
{
    struct peer_record first, second;
    struct buffer out;
    if (!peer_record_decode(value, &first))
        return;
    buffer_init(&out);
    peer_record_encode(&first, &out);
    require(peer_record_decode(buffer_bytes(&out), &second) && first.tcp_port == second.tcp_port &&
            first.seed == second.seed && first.pieces_held == second.pieces_held);
    buffer_dispose(&out);
}

static void try_availability(struct bytes value)
{
    struct availability_record first, second;
    struct buffer out;
    if (!availability_record_decode(value, &first))
        return;
    buffer_init(&out);
    availability_record_encode(&first, &out);
    require(availability_record_decode(buffer_bytes(&out), &second) &&
            bytes_equal(first.bitfield, second.bitfield));
    buffer_dispose(&out);
}

static void try_body(struct bytes value)
{
    struct entry_body first, second;
    struct buffer out;
    if (!entry_body_decode(value, &first))
        return;
    buffer_init(&out);
    entry_body_encode(&first, &out);
    require(entry_body_decode(buffer_bytes(&out), &second) && first.size == second.size &&
            first.files == second.files && strcmp(first.name, second.name) == 0 &&
            id_equal(&first.infohash, &second.infohash));
    buffer_dispose(&out);
}

static void try_owners_bodies(struct bytes value)
{
    struct user_entry_body user;
    struct group_entry_body group, again;
    struct buffer out;
    buffer_init(&out);
    if (user_entry_body_decode(value, &user)) {
        user_entry_body_encode(&user, &out);
        require(user_entry_body_decode(buffer_bytes(&out), &user));
    } else if (group_entry_body_decode(value, &group)) {
        group_entry_body_encode(&group, &out);
        require(group_entry_body_decode(buffer_bytes(&out), &again) &&
                strcmp(group.name, again.name) == 0 && strcmp(group.about, again.about) == 0);
    }
    buffer_dispose(&out);
}

static void try_item(struct bytes value)
{
    struct item_record item;
    uint8_t digest[SHA256_BYTES];
    if (!item_record_decode(value, &item))
        return;
    require(item.salt_len <= ITEM_SALT_MAX && item.body.len <= ITEM_BODY_MAX);
    struct id key = key_of_item(item.public_key, bytes_of(item.salt, item.salt_len));
    item_record_verify(&item, &key);
    item_record_digest(&item, digest);
    require(item_record_compare(&item, &item) == 0);
    key.bytes[0] ^= 1;
    require(!item_record_verify(&item, &key));
}

static void try_drop(struct bytes value)
{
    struct drop_record first, second;
    struct buffer out;
    if (!drop_record_decode(value, &first))
        return;
    buffer_init(&out);
    drop_record_encode(&first, &out);
    require(drop_record_decode(buffer_bytes(&out), &second) &&
            drop_record_work(&first) == drop_record_work(&second) &&
            bytes_equal(first.body, second.body));
    buffer_dispose(&out);
}

/* The input as the body of an entry that has everything else right. */
static void try_entry_of_body(struct bytes body)
{
    struct entry_record entry = {.seq = 1, .body = body};
    uint8_t subject[ENTRY_SUBJECT_MAX];
    if (body.len <= ENTRY_BODY_MAX)
        entry_record_subject(&entry, subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes value = bytes_of(data, size);
    struct id key = {.bytes = {1}};
    try_peer(value);
    try_availability(value);
    try_body(value);
    try_owners_bodies(value);
    try_item(value);
    try_drop(value);
    try_entry_of_body(value);
    for (unsigned kind = 0; kind < 8; kind++) {
        record_check(kind, &key, value, 1700000000);
        record_same_place(kind, value, value);
        if (record_rules(kind) != NULL)
            require(!record_is_newer(kind, value, value));
    }
    return 0;
}
