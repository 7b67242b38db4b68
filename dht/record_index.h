/* The memory of the store: records in groups, a group per (key, kind), found by key and by the
 * time at which the first of a group ends.
 *
 * A group and its records are one allocation, a short value lies within its record: a peer under a
 * key of its own takes about 115 bytes with both tables, a further one under the same key 55. Any
 * call that adds or removes moves records and groups; pointers to them end there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"

#define RECORD_INLINE_BYTES 16 /* the longest peer value */

struct record {
    union {
        uint8_t inline_bytes[RECORD_INLINE_BYTES];
        uint8_t *heap; /* owned; for longer values */
    } value;
    uint8_t address[16]; /* of the source; IPv4 in its mapped form; zeroes: none */
    uint32_t ends_s;     /* monotonic seconds */
    uint32_t mark;       /* OWNER_SOURCE: first seen, seconds. OWNER_SIGNER: tag of the signer.
                            OWNER_NOBODY: work */
    uint32_t place;      /* tag of signer and subject. OWNER_SOURCE: 0 */
    uint16_t port;
    uint16_t len;
};

struct record_group {
    struct id key;
    uint8_t kind;
    uint16_t count, cap;
    uint32_t due_s;   /* no record ends before; at most the time of the first */
    uint32_t heap_at; /* its place in the heap */
    struct record records[];
};

struct record_index {
    struct record_group **slots; /* open addressing; NULL: empty */
    size_t slot_cap;             /* a power of two, or 0 */
    struct record_group **heap;  /* the group with the least due_s is the first */
    size_t heap_cap;
    size_t groups, records;
    size_t bytes; /* of all that is here, allocator's part included */
    uint8_t secret[16];
};

void record_index_init(struct record_index *index, const uint8_t secret[16]);
void record_index_dispose(struct record_index *index);

struct record_group *record_index_find(const struct record_index *index, const struct id *key,
                                       unsigned kind);
struct record_group *record_index_soonest(const struct record_index *index); /* NULL: empty */

/* Adds a record without value or source to the group of (key, kind), made if need be. NULL: no
 * memory, and nothing has changed. */
struct record *record_index_add(struct record_index *index, const struct id *key, unsigned kind,
                                uint32_t ends_s);
/* Removes one record, and its group with the last one. */
void record_index_remove(struct record_index *index, struct record_group *group, size_t at);

/* Copies the value in, in place of the one before. False: no memory, nothing has changed. */
bool record_index_set_value(struct record_index *index, struct record *record, struct bytes value);
void record_index_set_end(struct record_index *index, struct record_group *group,
                          struct record *record, uint32_t ends_s);
/* After removals or later ends: due_s becomes the end of the first record again. */
void record_index_refresh(struct record_index *index, struct record_group *group);

struct bytes record_value(const struct record *record);                       /* borrowed */
void record_set_source(struct record *record, const struct endpoint *source); /* NULL: none */
struct endpoint record_source(const struct record *record);                   /* family 0: none */
bool record_same_source(const struct record *a, const struct record *b);      /* and port */

/* What malloc takes for `size` bytes (glibc: 8 more, in steps of 16, at least 32). */
size_t allocation_bytes(size_t size);

bool record_index_valid(const struct record_index *index);
