/* Copies of the records that a HEAD stands for. At most 1 + 64 + 140 + 4 of them. */
#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

void held_dispose(struct held *held)
{
    for (size_t i = 0; i < held->count; i++)
        free(held->items[i].value);
    free(held->items);
    *held = (struct held){0};
}

struct held_record *held_find(const struct held *held, const struct id *key)
{
    for (size_t i = 0; i < held->count; i++)
        if (id_equal(&held->items[i].key, key))
            return &held->items[i];
    return NULL;
}

/* The key that the table has for it. */
static bool key_of_value(enum record_kind kind, struct bytes value, struct id *out)
{
    struct item_record item;
    if (kind == KIND_PART && value.len <= PART_BYTES_MAX) {
        *out = key_of_part(value);
        return true;
    }
    if (kind != KIND_ITEM || !item_record_decode(value, &item))
        return false;
    *out = key_of_item(item.public_key, bytes_of(item.salt, item.salt_len));
    return true;
}

static struct held_record *new_record(struct held *held)
{
    if (held->count == held->cap) {
        size_t cap = held->cap == 0 ? 8 : held->cap * 2;
        struct held_record *items = realloc(held->items, cap * sizeof *items);
        if (items == NULL)
            return NULL;
        held->items = items;
        held->cap = cap;
    }
    struct held_record *record = &held->items[held->count++];
    *record = (struct held_record){0};
    return record;
}

struct held_record *held_put(struct held *held, enum record_kind kind, struct bytes value)
{
    struct id key;
    if (value.len == 0 || value.len > DHT_VALUE_MAX || !key_of_value(kind, value, &key))
        return NULL;
    uint8_t *copy = malloc(value.len);
    struct held_record *record = held_find(held, &key);
    if (copy != NULL && record == NULL)
        record = new_record(held);
    if (copy == NULL || record == NULL) {
        free(copy);
        return NULL;
    }
    memcpy(copy, value.data, value.len);
    free(record->value);
    *record =
        (struct held_record){.key = key, .kind = kind, .value = copy, .len = (uint16_t)value.len};
    return record;
}

bool held_copy(struct held *out, const struct held_record *record)
{
    return held_put(out, record->kind, held_value(record)) != NULL;
}
