#include "support/group_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "kadpeer/records.h"

static void must(bool ok)
{
    assert(ok);
    if (!ok)
        abort();
}

struct group_record *group_table_find(const struct group_table *table, const struct id *key,
                                      enum record_kind kind)
{
    for (size_t i = table->count; i-- > 0;)
        if (table->records[i].kind == kind && id_equal(&table->records[i].key, key))
            return &table->records[i];
    return NULL;
}

struct bytes group_table_value(const struct group_table *table, const struct id *key,
                               enum record_kind kind)
{
    const struct group_record *record = group_table_find(table, key, kind);
    return record != NULL ? bytes_of(record->value, record->len) : (struct bytes){0};
}

static void set_value(struct group_record *record, struct bytes value)
{
    uint8_t *copy = malloc(value.len);
    assert(copy != NULL);
    memcpy(copy, value.data, value.len);
    free(record->value);
    record->value = copy;
    record->len = value.len;
}

static struct group_record *add(struct group_table *table, const struct id *key,
                                enum record_kind kind)
{
    if (table->count == table->cap) {
        table->cap = table->cap == 0 ? 64 : table->cap * 2;
        table->records = realloc(table->records, table->cap * sizeof *table->records);
        assert(table->records != NULL);
    }
    struct group_record *record = &table->records[table->count++];
    *record = (struct group_record){.key = *key, .kind = kind, .holding = table->holding};
    return record;
}

static bool is_older(const struct group_record *held, struct bytes value)
{
    struct item_record old, new;
    must(item_record_decode(value, &new));
    must(item_record_decode(bytes_of(held->value, held->len), &old));
    if (new.seq > old.seq &&new.expiry_unix_s < old.expiry_unix_s)
        return true; /* no older, and yet refused: it ends sooner */
    if (new.seq != old.seq)
        return new.seq < old.seq;
    return item_record_compare(&old, &new) < 0;
}

static struct group_record *find_drop(const struct group_table *table, const struct id *key,
                                      struct bytes value)
{
    struct drop_record drop, held;
    must(drop_record_decode(value, &drop));
    for (size_t i = 0; i < table->count; i++) {
        const struct group_record *record = &table->records[i];
        if (record->kind == KIND_DROP && id_equal(&record->key, key) &&
            drop_record_decode(bytes_of(record->value, record->len), &held) &&
            bytes_equal(held.body, drop.body))
            return &table->records[i];
    }
    return NULL;
}

void group_table_put(struct group_table *table, const struct id *key, enum record_kind kind,
                     struct bytes value)
{
    assert(value.len <= DHT_VALUE_MAX);
    struct group_record *record =
        kind == KIND_DROP ? find_drop(table, key, value) : group_table_find(table, key, kind);
    if (kind == KIND_ITEM && record != NULL && is_older(record, value))
        return;
    if (record == NULL)
        record = add(table, key, kind);
    record->holding = table->holding;
    set_value(record, value);
}

void group_table_force(struct group_table *table, const struct id *key, enum record_kind kind,
                       struct bytes value)
{
    struct group_record *record = group_table_find(table, key, kind);
    set_value(record != NULL ? record : add(table, key, kind), value);
}

void group_table_lose(struct group_table *table, const struct id *key)
{
    for (size_t i = table->count; i-- > 0;)
        if (id_equal(&table->records[i].key, key)) {
            free(table->records[i].value);
            table->records[i] = table->records[--table->count];
        }
}

size_t group_table_largest_value(const struct group_table *table)
{
    size_t largest = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->records[i].len > largest)
            largest = table->records[i].len;
    return largest;
}

bool group_table_at(const struct group_table *table, size_t index, struct id *key,
                    enum record_kind *kind, struct bytes *value)
{
    if (index >= table->count)
        return false;
    const struct group_record *record = &table->records[index];
    *key = record->key;
    *kind = record->kind;
    *value = bytes_of(record->value, record->len);
    return true;
}

void group_table_dispose(struct group_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->records[i].value);
    free(table->records);
}
