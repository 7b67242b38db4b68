/* Records with a budget of memory of their own, and who has how much of it.
 *
 * - While a quarter of the budget is in use or less, nobody is counted.
 * - Beyond that, one source or signer, and one network, have their shares (byte_sketch.h).
 * - When all is in use, a newcomer takes the place of a record of a network that holds more than
 * its own, the largest of a few drawn at random. So networks share what there is, and whoever fills
 *   the memory from thousands of them pushes out himself, not those who hold little. What was not
 *   renewed in time gives way to others about as small, and among equals what has many others
 *   beside it under its key. Nothing else does: what is new is not better than what is there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/byte_sketch.h"
#include "dht/record_index.h"
#include "dht/record_kinds.h"
#include "dht/record_owners.h"
#include "dht/source.h"

struct record_shelf {
    const struct source_rules *sources;
    struct record_index index;
    struct byte_sketch narrow, wide; /* of record_owners; empty while nobody is counted */
    size_t counted_buckets;          /* what lies in the others may not be counted yet */
    size_t budget_bytes;
    uint64_t evicted, expired; /* records so far */
};

/* `sources` is borrowed for good. */
void record_shelf_init(struct record_shelf *shelf, const struct source_rules *sources,
                       const uint8_t secret[16], size_t budget_bytes);
void record_shelf_dispose(struct record_shelf *shelf);

size_t record_shelf_bytes(const struct record_shelf *shelf); /* true memory */

/* May they have a record of `size` bytes more? */
bool record_shelf_within_shares(const struct record_shelf *shelf, enum record_owner owner,
                                struct record_owners owners, size_t size);

/* Who wants in. */
struct shelf_newcomer {
    struct record_owners owners;
    size_t size;   /* of its record */
    size_t beside; /* records under its key */
    uint32_t now_s;
};
/* Drops what has to give way until there is room for the newcomer; false: too little has to. Groups
 * and records may move. */
bool record_shelf_make_room(struct record_shelf *shelf, const struct shelf_newcomer *newcomer,
                            size_t growth);

/* As record_index_put and record_index_remove, and accounts for it. */
bool record_shelf_put(struct record_shelf *shelf, const struct id *key, unsigned kind,
                      struct record *old, const struct record_fields *fields);
void record_shelf_remove(struct record_shelf *shelf, struct record_group *group,
                         struct record *record);

/* Removes what has ended of one group; returns the group as it is now, NULL when it is gone. */
struct record_group *record_shelf_expire(struct record_shelf *shelf, struct record_group *group,
                                         uint32_t now_s);
/* Sweeps on, over at most so many buckets. True: the sweep is over. */
bool record_shelf_sweep(struct record_shelf *shelf, uint32_t now_s, size_t buckets);

bool record_shelf_valid(const struct record_shelf *shelf);
