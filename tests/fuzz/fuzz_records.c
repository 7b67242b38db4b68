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
    try_entry_of_body(value);
    for (unsigned kind = 0; kind < 8; kind++) {
        record_check(kind, &key, value, 1700000000);
        record_same_place(kind, value, value);
    }
    return 0;
}
