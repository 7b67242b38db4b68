/* One perfect table in memory: every node has every record, newer ones replace older ones, and
 * nothing gets lost but by group_table_lose. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/dht.h"
#include "kadpeer/id.h"

struct group_record {
    struct id key;
    enum record_kind kind;
    uint32_t holding; /* so many nodes have it */
    size_t len;
    uint8_t *value;
};

struct group_table {
    uint32_t holding; /* of what is put from now on */
    struct group_record *records;
    size_t count, cap;
};

void group_table_dispose(struct group_table *table);

/* NULL: not there. Of several the last one. */
struct group_record *group_table_find(const struct group_table *table, const struct id *key,
                                      enum record_kind kind);
/* Len 0: not there. */
struct bytes group_table_value(const struct group_table *table, const struct id *key,
                               enum record_kind kind);
void group_table_put(struct group_table *table, const struct id *key, enum record_kind kind,
                     struct bytes value);
/* Whatever its seq. */
void group_table_force(struct group_table *table, const struct id *key, enum record_kind kind,
                       struct bytes value);
void group_table_lose(struct group_table *table, const struct id *key);
size_t group_table_largest_value(const struct group_table *table);
bool group_table_at(const struct group_table *table, size_t index, struct id *key,
                    enum record_kind *kind, struct bytes *value);
