/* SHELF: the files one member offers to a group; salt "s", signed by mpk; sealed with USE_SHELF by
 * mpk. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/id.h"
#include "kadpeer/rng.h"
#include "people/group_records.h"
#include "people/keys.h"

struct shelf_entry {
    char path[SHELF_PATH_MAX + 1]; /* as its owner named it: names_* before it touches a disk */
    struct id infohash;
    uint64_t size;
    /* Of the content: of a folder, of its files one after the other (no padding), in the order of
     * the info dictionary. */
    uint8_t sha256[SHA256_BYTES];
    struct id sha1; /* of the file; of a folder: zero */
    uint32_t piece_size;
    uint8_t pieces_sha256[SHA256_BYTES]; /* of the info dictionary's piece hashes */
};

/* A set: at most one entry of an infohash. Read from a record, it is in the order of infohashes. */
struct shelf {
    size_t count;
    struct shelf_entry *entries;
};

/* What a shelf record says when its list does not fit: where it is. */
struct shelf_pointer {
    uint8_t sha256[SHA256_BYTES]; /* of the sealed blob */
    struct id sha1;
    uint32_t len;
};

void shelf_dispose(struct shelf *shelf);
/* The body of the record: with the list in it or, when that would pass 800 bytes, a pointer to the
 * sealed blob, which is then written to `blob` (seal type "list"); else `blob` stays empty. Entries
 * may come in any order. EXISTS: two of one infohash. TOO_BIG, NO_MEMORY. */
enum status shelf_seal(const struct shelf *shelf, const struct public_key *group,
                       const struct public_key *member, const struct epoch_keys *keys,
                       struct rng *rng, struct buffer *body, struct buffer *blob);
/* The epoch a body is sealed under. False: no shelf body. */
bool shelf_epoch(struct bytes body, uint32_t *epoch);
/* OK: `*out` is filled, or `*has_pointer` and `*pointer` are. MISMATCH: another epoch, another
 * member, or changed bytes. MALFORMED, NO_MEMORY. */
enum status shelf_open(struct bytes body, const struct public_key *group,
                       const struct public_key *member, const struct epoch_keys *keys,
                       struct shelf *out, bool *has_pointer, struct shelf_pointer *pointer);
/* As above; MISMATCH also: not what the pointer says. */
enum status shelf_open_blob(struct bytes blob, const struct shelf_pointer *pointer,
                            const struct public_key *group, const struct public_key *member,
                            const struct epoch_keys *keys, struct shelf *out);
