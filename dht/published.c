#include "dht/published.h"

#include <stdlib.h>
#include <string.h>

#include "dht/params.h"
#include "dht/record_kinds.h"

void published_init(struct published *published)
{
    *published = (struct published){0};
}

static void record_free(struct published_record *record)
{
    free(record->value);
    free(record);
}

void published_dispose(struct published *published)
{
    for (size_t i = 0; i < published->count; i++)
        record_free(published->sorted[i]);
    free(published->sorted);
    free(published->heap);
    published_init(published);
}

/* ---- the heap ---- */

static void heap_place(struct published *published, size_t at, struct published_record *record)
{
    published->heap[at] = record;
    record->heap_at = (uint32_t)at;
}

static void heap_up(struct published *published, size_t at)
{
    struct published_record *record = published->heap[at];
    for (; at > 0 && record->due_ms < published->heap[(at - 1) / 2]->due_ms; at = (at - 1) / 2)
        heap_place(published, at, published->heap[(at - 1) / 2]);
    heap_place(published, at, record);
}

static void heap_down(struct published *published, size_t at)
{
    struct published_record *record = published->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= published->count)
            break;
        if (child + 1 < published->count &&
            published->heap[child + 1]->due_ms < published->heap[child]->due_ms)
            child++;
        if (published->heap[child]->due_ms >= record->due_ms)
            break;
        heap_place(published, at, published->heap[child]);
        at = child;
    }
    heap_place(published, at, record);
}

struct published_record *published_first_due(const struct published *published)
{
    return published->count > 0 ? published->heap[0] : NULL;
}

void published_set_due(struct published *published, struct published_record *record,
                       uint64_t due_ms)
{
    record->due_ms = due_ms;
    heap_up(published, record->heap_at);
    heap_down(published, record->heap_at);
}

/* ---- the order of keys ---- */

static int compare(const struct published_record *record, const struct id *key, unsigned kind)
{
    int order = id_compare(&record->key, key);
    return order != 0 ? order : (int)record->kind - (int)kind;
}

size_t published_position(const struct published *published, const struct id *key, unsigned kind)
{
    size_t low = 0, high = published->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(published->sorted[middle], key, kind) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool published_is_of(const struct published *published, size_t index, const struct id *key,
                     unsigned kind)
{
    return index < published->count && compare(published->sorted[index], key, kind) == 0;
}

struct bytes published_value(const struct published_record *record)
{
    return bytes_of(record->value, record->value_len);
}

static bool set_value(struct published_record *record, struct bytes value)
{
    uint8_t *copy = malloc(value.len > 0 ? value.len : 1);
    if (copy == NULL)
        return false;
    memcpy(copy, value.data, value.len);
    free(record->value);
    record->value = copy;
    record->value_len = (uint16_t)value.len;
    return true;
}

static bool reserve_one(struct published *published)
{
    if (published->count < published->cap)
        return true;
    size_t cap = published->cap > 0 ? published->cap * 2 : 4;
    struct published_record **sorted = realloc(published->sorted, cap * sizeof *sorted);
    if (sorted != NULL)
        published->sorted = sorted;
    struct published_record **heap = realloc(published->heap, cap * sizeof *heap);
    if (heap != NULL)
        published->heap = heap;
    if (sorted == NULL || heap == NULL)
        return false;
    published->cap = cap;
    return true;
}

static struct published_record *insert(struct published *published, size_t at, const struct id *key,
                                       unsigned kind, struct bytes value)
{
    if (published->count >= PUBLISHED_MAX || !reserve_one(published))
        return NULL;
    struct published_record *record = calloc(1, sizeof *record);
    if (record == NULL || !set_value(record, value)) {
        free(record);
        return NULL;
    }
    record->key = *key;
    record->kind = (uint8_t)kind;
    record->due_ms = UINT64_MAX;
    memmove(&published->sorted[at + 1], &published->sorted[at],
            (published->count - at) * sizeof published->sorted[0]);
    published->sorted[at] = record;
    heap_place(published, published->count++, record);
    return record;
}

struct published_record *published_same_place(const struct published *published,
                                              const struct id *key, unsigned kind,
                                              struct bytes value)
{
    size_t at = published_position(published, key, kind);
    for (; published_is_of(published, at, key, kind); at++)
        if (record_same_place(kind, published_value(published->sorted[at]), value))
            return published->sorted[at];
    return NULL;
}

struct published_record *published_put(struct published *published, const struct id *key,
                                       unsigned kind, struct bytes value)
{
    struct published_record *record = published_same_place(published, key, kind, value);
    if (record == NULL)
        return insert(published, published_position(published, key, kind), key, kind, value);
    record->changed = true;
    return set_value(record, value) ? record : NULL;
}

void published_remove(struct published *published, struct published_record *record)
{
    size_t at = published_position(published, &record->key, record->kind);
    while (published->sorted[at] != record)
        at++;
    published->count--;
    memmove(&published->sorted[at], &published->sorted[at + 1],
            (published->count - at) * sizeof published->sorted[0]);

    size_t hole = record->heap_at;
    struct published_record *moved = published->heap[published->count];
    if (moved != record) {
        heap_place(published, hole, moved);
        heap_up(published, hole);
        heap_down(published, moved->heap_at);
    }
    record_free(record);
}

bool published_valid(const struct published *published)
{
    for (size_t i = 0; i < published->count; i++) {
        const struct published_record *record = published->heap[i];
        if (record->heap_at != i ||
            record->due_ms < published->heap[i > 0 ? (i - 1) / 2 : 0]->due_ms)
            return false;
        const struct published_record *sorted = published->sorted[i];
        if (i > 0 && compare(published->sorted[i - 1], &sorted->key, sorted->kind) > 0)
            return false;
    }
    return published->count <= published->cap;
}
