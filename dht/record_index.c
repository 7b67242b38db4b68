#include "dht/record_index.h"

#include <stdlib.h>

#include "kadpeer/siphash.h"

enum { SLOTS_MIN = 8, HEAP_MIN = 4 };

size_t allocation_bytes(size_t size)
{
    size_t bytes = (size + 8 + 15) & ~(size_t)15;
    return size == 0 ? 0 : bytes < 32 ? 32 : bytes;
}

static size_t group_bytes(size_t record_cap)
{
    return sizeof(struct record_group) + record_cap * sizeof(struct record);
}

void record_index_init(struct record_index *index, const uint8_t secret[16])
{
    *index = (struct record_index){0};
    memcpy(index->secret, secret, sizeof index->secret);
}

static void free_value(struct record_index *index, struct record *record)
{
    if (record->len <= RECORD_INLINE_BYTES)
        return;
    index->bytes -= allocation_bytes(record->len);
    free(record->value.heap);
}

void record_index_dispose(struct record_index *index)
{
    for (size_t i = 0; i < index->groups; i++) {
        struct record_group *group = index->heap[i];
        for (size_t r = 0; r < group->count; r++)
            free_value(index, &group->records[r]);
        free(group);
    }
    free(index->heap);
    free(index->slots);
    *index = (struct record_index){0};
}

/* ---- by key: linear probing, gaps closed on removal ---- */

static size_t home_slot(const struct record_index *index, const struct id *key, unsigned kind)
{
    uint8_t text[ID_BYTES + 1];
    memcpy(text, key->bytes, ID_BYTES);
    text[ID_BYTES] = (uint8_t)kind;
    return (size_t)siphash(index->secret, bytes_of(text, sizeof text)) & (index->slot_cap - 1);
}

/* The slot that holds the group of (key, kind), or the empty one where it belongs. */
static size_t slot_of(const struct record_index *index, const struct id *key, unsigned kind)
{
    size_t at = home_slot(index, key, kind);
    for (;;) {
        const struct record_group *group = index->slots[at];
        if (group == NULL || (group->kind == kind && id_equal(&group->key, key)))
            return at;
        at = (at + 1) & (index->slot_cap - 1);
    }
}

struct record_group *record_index_find(const struct record_index *index, const struct id *key,
                                       unsigned kind)
{
    return index->slot_cap == 0 ? NULL : index->slots[slot_of(index, key, kind)];
}

static bool resize_slots(struct record_index *index, size_t cap)
{
    struct record_group **slots = calloc(cap, sizeof *slots);
    if (slots == NULL)
        return false;
    index->bytes += allocation_bytes(cap * sizeof *slots);
    index->bytes -= allocation_bytes(index->slot_cap * sizeof *slots);
    free(index->slots);
    index->slots = slots;
    index->slot_cap = cap;
    for (size_t i = 0; i < index->groups; i++) {
        struct record_group *group = index->heap[i];
        slots[slot_of(index, &group->key, group->kind)] = group;
    }
    return true;
}

/* Moves groups that probing would no longer reach back over the gap at `gap`. */
static void close_gap(struct record_index *index, size_t gap)
{
    size_t mask = index->slot_cap - 1, at = gap;
    index->slots[gap] = NULL;
    for (;;) {
        at = (at + 1) & mask;
        struct record_group *group = index->slots[at];
        if (group == NULL)
            return;
        size_t home = home_slot(index, &group->key, group->kind);
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        index->slots[gap] = group;
        index->slots[at] = NULL;
        gap = at;
    }
}

/* ---- by time: a binary heap ---- */

static void heap_put(struct record_index *index, size_t at, struct record_group *group)
{
    index->heap[at] = group;
    group->heap_at = (uint32_t)at;
}

static void sift_up(struct record_index *index, struct record_group *group)
{
    size_t at = group->heap_at;
    while (at > 0 && group->due_s < index->heap[(at - 1) / 2]->due_s) {
        heap_put(index, at, index->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(index, at, group);
}

static void sift_down(struct record_index *index, struct record_group *group)
{
    size_t at = group->heap_at;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < index->groups && index->heap[child + 1]->due_s < index->heap[child]->due_s)
            child++;
        if (child >= index->groups || group->due_s <= index->heap[child]->due_s)
            break;
        heap_put(index, at, index->heap[child]);
        at = child;
    }
    heap_put(index, at, group);
}

struct record_group *record_index_soonest(const struct record_index *index)
{
    return index->groups == 0 ? NULL : index->heap[0];
}

static bool resize_heap(struct record_index *index, size_t cap)
{
    struct record_group **heap = realloc(index->heap, cap * sizeof *heap);
    if (heap == NULL)
        return false;
    index->bytes += allocation_bytes(cap * sizeof *heap);
    index->bytes -= allocation_bytes(index->heap_cap * sizeof *heap);
    index->heap = heap;
    index->heap_cap = cap;
    return true;
}

/* ---- groups ---- */

/* Room in both tables for one more group. */
static bool reserve_tables(struct record_index *index)
{
    if (index->groups == index->heap_cap) {
        size_t cap = index->heap_cap + index->heap_cap / 4;
        if (!resize_heap(index, cap < HEAP_MIN ? HEAP_MIN : cap + 1))
            return false;
    }
    if (index->slot_cap == 0 || index->groups + 1 > index->slot_cap / 4 * 3)
        return resize_slots(index, index->slot_cap == 0 ? SLOTS_MIN : 2 * index->slot_cap);
    return true;
}

/* Tables that have become far too wide give memory back; without memory for that, they stay. */
static void trim_tables(struct record_index *index)
{
    if (index->heap_cap > HEAP_MIN && index->groups < index->heap_cap / 2)
        resize_heap(index, index->groups + index->groups / 4 + HEAP_MIN);
    if (index->slot_cap > SLOTS_MIN && index->groups < index->slot_cap / 8)
        resize_slots(index, index->slot_cap / 4 < SLOTS_MIN ? SLOTS_MIN : index->slot_cap / 4);
}

static struct record_group *add_group(struct record_index *index, const struct id *key,
                                      unsigned kind, uint32_t due_s)
{
    if (!reserve_tables(index))
        return NULL;
    struct record_group *group = malloc(group_bytes(1));
    if (group == NULL)
        return NULL;
    *group = (struct record_group){.key = *key,
                                   .kind = (uint8_t)kind,
                                   .cap = 1,
                                   .due_s = due_s,
                                   .heap_at = (uint32_t)index->groups};
    index->bytes += allocation_bytes(group_bytes(1));
    index->slots[slot_of(index, key, kind)] = group;
    index->heap[index->groups++] = group;
    sift_up(index, group);
    return group;
}

static void remove_group(struct record_index *index, struct record_group *group)
{
    struct record_group *last = index->heap[--index->groups];
    close_gap(index, slot_of(index, &group->key, group->kind));
    if (last != group) {
        heap_put(index, group->heap_at, last);
        sift_up(index, last);
        sift_down(index, last);
    }
    index->bytes -= allocation_bytes(group_bytes(group->cap));
    free(group);
    trim_tables(index);
}

/* Gives the group room for `cap` records. Returns it, moved; NULL: no memory, as before. */
static struct record_group *resize_group(struct record_index *index, struct record_group *group,
                                         size_t cap)
{
    size_t slot = slot_of(index, &group->key, group->kind), old_cap = group->cap;
    struct record_group *moved = realloc(group, group_bytes(cap));
    if (moved == NULL)
        return NULL;
    index->bytes += allocation_bytes(group_bytes(cap));
    index->bytes -= allocation_bytes(group_bytes(old_cap));
    moved->cap = (uint16_t)cap;
    index->slots[slot] = moved;
    index->heap[moved->heap_at] = moved;
    return moved;
}

/* ---- records ---- */

struct record *record_index_add(struct record_index *index, const struct id *key, unsigned kind,
                                uint32_t ends_s)
{
    struct record_group *group = record_index_find(index, key, kind);
    if (group == NULL)
        group = add_group(index, key, kind, ends_s);
    else if (group->count == group->cap)
        group = resize_group(index, group, (size_t)group->cap + group->cap / 4 + 1);
    if (group == NULL)
        return NULL;
    struct record *record = &group->records[group->count++];
    *record = (struct record){.ends_s = UINT32_MAX};
    index->records++;
    record_index_set_end(index, group, record, ends_s);
    return record;
}

void record_index_remove(struct record_index *index, struct record_group *group, size_t at)
{
    free_value(index, &group->records[at]);
    group->records[at] = group->records[--group->count];
    index->records--;
    if (group->count == 0)
        remove_group(index, group);
    else if (group->count < group->cap / 2)
        resize_group(index, group, (size_t)group->count + group->count / 4);
}

bool record_index_set_value(struct record_index *index, struct record *record, struct bytes value)
{
    uint8_t *heap = NULL;
    if (value.len > RECORD_INLINE_BYTES) {
        heap = malloc(value.len);
        if (heap == NULL)
            return false;
        memcpy(heap, value.data, value.len);
        index->bytes += allocation_bytes(value.len);
    }
    free_value(index, record);
    record->len = (uint16_t)value.len;
    if (heap != NULL)
        record->value.heap = heap;
    else if (value.len > 0)
        memcpy(record->value.inline_bytes, value.data, value.len);
    return true;
}

void record_index_set_end(struct record_index *index, struct record_group *group,
                          struct record *record, uint32_t ends_s)
{
    record->ends_s = ends_s;
    if (ends_s < group->due_s) {
        group->due_s = ends_s;
        sift_up(index, group);
    }
}

void record_index_refresh(struct record_index *index, struct record_group *group)
{
    group->due_s = UINT32_MAX;
    for (size_t i = 0; i < group->count; i++)
        if (group->records[i].ends_s < group->due_s)
            group->due_s = group->records[i].ends_s;
    sift_up(index, group);
    sift_down(index, group);
}

struct bytes record_value(const struct record *record)
{
    bool is_inline = record->len <= RECORD_INLINE_BYTES;
    return bytes_of(is_inline ? record->value.inline_bytes : record->value.heap, record->len);
}

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

void record_set_source(struct record *record, const struct endpoint *source)
{
    memset(record->address, 0, sizeof record->address);
    record->port = source != NULL ? source->port : 0;
    if (source == NULL)
        return;
    bool ipv4 = source->family == ENDPOINT_IPV4;
    if (ipv4)
        memcpy(record->address, mapped_prefix, sizeof mapped_prefix);
    memcpy(record->address + (ipv4 ? 12 : 0), source->addr, ipv4 ? 4 : 16);
}

struct endpoint record_source(const struct record *record)
{
    static const uint8_t none[16];
    struct endpoint source = {.port = record->port};
    if (memcmp(record->address, none, sizeof none) == 0)
        return source;
    bool ipv4 = memcmp(record->address, mapped_prefix, sizeof mapped_prefix) == 0;
    source.family = ipv4 ? ENDPOINT_IPV4 : ENDPOINT_IPV6;
    memcpy(source.addr, record->address + (ipv4 ? 12 : 0), ipv4 ? 4 : 16);
    return source;
}

bool record_same_source(const struct record *a, const struct record *b)
{
    return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* ---- invariants ---- */

static size_t value_bytes(const struct record *record)
{
    return record->len > RECORD_INLINE_BYTES ? allocation_bytes(record->len) : 0;
}

static bool group_valid(const struct record_index *index, size_t at)
{
    const struct record_group *group = index->heap[at];
    if (group->heap_at != at || group->count == 0 || group->count > group->cap ||
        record_index_find(index, &group->key, group->kind) != group ||
        (at > 0 && index->heap[(at - 1) / 2]->due_s > group->due_s))
        return false;
    for (size_t i = 0; i < group->count; i++)
        if (group->records[i].ends_s < group->due_s)
            return false;
    return true;
}

bool record_index_valid(const struct record_index *index)
{
    size_t records = 0, used = 0;
    size_t bytes = allocation_bytes(index->slot_cap * sizeof *index->slots) +
                   allocation_bytes(index->heap_cap * sizeof *index->heap);
    for (size_t i = 0; i < index->slot_cap; i++)
        used += index->slots[i] != NULL;
    for (size_t i = 0; i < index->groups; i++) {
        if (!group_valid(index, i))
            return false;
        const struct record_group *group = index->heap[i];
        records += group->count;
        bytes += allocation_bytes(group_bytes(group->cap));
        for (size_t r = 0; r < group->count; r++)
            bytes += value_bytes(&group->records[r]);
    }
    return used == index->groups && records == index->records && bytes == index->bytes;
}
