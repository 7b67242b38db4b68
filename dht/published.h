/* The records that this node keeps alive in the network, and which of them is due next.
 *
 * Ordered by key, so that those near each other lie side by side and one walk can renew them; and a
 * heap by due time. Under one key and kind there may be several (entries of different subjects). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/id.h"

struct published_record {
    struct id key;
    uint8_t kind;
    bool busy;     /* a round is under way for it */
    bool changed;  /* while busy: the round carries an older value */
    bool last;     /* this round is its last, and gets are not answered with it */
    bool unwanted; /* whoever was asked last refused it */
    bool foreign;  /* handed on for others: nobody is told of its round */
    uint16_t value_len;
    uint16_t stored; /* nodes that took it in the last round, as DHT_EVENT_PUBLISHED said */
    uint16_t misses; /* rounds in a row that stored it nowhere */
    uint32_t heap_at;
    uint64_t stored_ms; /* when that round ended; 0: none has */
    uint64_t due_ms;    /* UINT64_MAX while busy */
    uint64_t ends_ms;   /* handed on: the end of its life here; 0: a whole one begins */
    uint8_t *value;
};

struct published {
    struct published_record **sorted; /* by key, then kind */
    struct published_record **heap;   /* earliest due first */
    size_t count, cap;
};

void published_init(struct published *published);
void published_dispose(struct published *published);

/* Adds, or gives what stands in the same place its new value and `changed`. NULL: full, or no
 * memory. */
struct published_record *published_put(struct published *published, const struct id *key,
                                       unsigned kind, struct bytes value);
void published_remove(struct published *published, struct published_record *record);

/* The index of the first record of `key` and `kind`, or of what would follow it. */
size_t published_position(const struct published *published, const struct id *key, unsigned kind);
/* Is record number `index` of this key and kind? */
bool published_is_of(const struct published *published, size_t index, const struct id *key,
                     unsigned kind);

/* What stands in the place that `value` would take; NULL: nothing. */
struct published_record *published_same_place(const struct published *published,
                                              const struct id *key, unsigned kind,
                                              struct bytes value);

struct bytes published_value(const struct published_record *record);

struct published_record *published_first_due(const struct published *published); /* NULL: empty */
void published_set_due(struct published *published, struct published_record *record,
                       uint64_t due_ms);

bool published_valid(const struct published *published); /* all invariants hold; for tests */
