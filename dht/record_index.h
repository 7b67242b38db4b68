/* The memory of the store: records in groups, a group per (key, kind), found by key.
 *
 * - A group and its records are one allocation. A record has the length it needs: 32 bytes for a
 *   peer by IPv4, so that one under a key of its own takes 80 with its group and 4 of the table.
 * - The table of keys grows and shrinks by a bucket at a time (linear hashing, Litwin 1980): no
 *   change ever moves more than a few groups.
 * - What has ended is found by sweeping the table, some buckets at a time; `due_s` says when that
 *   is worth while.
 * Any call that is not const may move groups and records; pointers to them end there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "kadpeer/rng.h"

struct record {
    uint32_t ends_s; /* monotonic seconds */
    uint32_t mark;   /* OWNER_SOURCE: first seen, seconds. OWNER_SIGNER: tag of the signer.
                        OWNER_NOBODY: work */
    uint16_t port;   /* of the source */
    uint16_t len : 10;
    uint16_t family : 3; /* enum endpoint_family of the source */
    uint16_t has_place : 1;
    uint16_t counted : 1; /* the shelf's */
    uint8_t tail[];       /* place, if there is one; the source's address; the value; padding */
};

struct record_group {
    struct record_group *next; /* in its bucket */
    struct id key;
    uint8_t kind;
    uint16_t count;
    uint32_t used, cap;  /* bytes of records */
    uint32_t contents[]; /* records, one after the other */
};

struct record_index {
    struct record_group **buckets;
    size_t bucket_count, bucket_cap;
    size_t groups, records;
    size_t bytes;         /* of all that is here, allocator's part included */
    uint32_t due_s;       /* no record ends before; UINT32_MAX: there is none */
    size_t unswept;       /* buckets below which the sweep under way has yet to look; 0: none is */
    uint32_t swept_due_s; /* no record in the others ends before */
    struct rng rng;       /* for record_index_pick */
    uint8_t secret[16];
};

/* What a record is made of. */
struct record_fields {
    const struct endpoint *source; /* family 0: none */
    struct bytes value;            /* at most DHT_VALUE_MAX bytes */
    uint32_t ends_s, mark;
    uint32_t place; /* tag of signer and subject; 0: none */
};

void record_index_init(struct record_index *index, const uint8_t secret[16]);
void record_index_dispose(struct record_index *index);

struct record_group *record_index_find(const struct record_index *index, const struct id *key,
                                       unsigned kind);

/* Adds a record to the group of (key, kind), made if need be, or puts it in the place of `old`,
 * which is one of that group. Returns it; NULL: no memory, nothing has changed. */
struct record *record_index_put(struct record_index *index, const struct id *key, unsigned kind,
                                struct record *old, const struct record_fields *fields);
/* The most bytes that a put of `size` more into `group` (NULL: a new one) adds to the index. */
size_t record_index_growth(const struct record_index *index, const struct record_group *group,
                           size_t size);
void record_index_set_end(struct record_index *index, struct record *record, uint32_t ends_s);
/* Removes one record, and its group with the last one. */
void record_index_remove(struct record_index *index, struct record_group *group,
                         struct record *record);

/* A group at random, each as likely as any other, nearly. NULL: empty. */
struct record_group *record_index_pick(struct record_index *index);

/* A sweep: the next group that may hold a record which has ended, with `budget` counting down the
 * buckets looked at. NULL: the budget is used up, or the sweep is over and due_s is true again. */
struct record_group *record_index_sweep(struct record_index *index, uint32_t now_s, size_t *budget);

/* All groups: those of a bucket, NULL past the last one. */
const struct record_group *record_index_bucket(const struct record_index *index, size_t at);

static inline struct record *record_first(const struct record_group *group)
{
    return (struct record *)(uintptr_t)group->contents;
}

static inline struct record *record_end(const struct record_group *group)
{
    return (struct record *)((uintptr_t)group->contents + group->used);
}

size_t record_address_bytes(const struct record *record);
size_t record_bytes(const struct record *record); /* all that it takes within its group */

static inline struct record *record_after(const struct record *record)
{
    return (struct record *)((uintptr_t)record + record_bytes(record));
}

struct bytes record_value(const struct record *record);     /* borrowed */
struct endpoint record_source(const struct record *record); /* family 0: none */
const uint8_t *record_address(const struct record *record); /* of its family's length */
uint32_t record_place(const struct record *record);         /* 0: none */
bool record_is_from(const struct record *record, const struct endpoint *source); /* and port */

/* What a record of these would take within a group. */
size_t record_fields_bytes(const struct record_fields *fields);
/* What malloc takes for `size` bytes (glibc: 8 more, in steps of 16, at least 32). */
size_t allocation_bytes(size_t size);

bool record_index_valid(const struct record_index *index);
