#include "dht/record_index.h"

#include <assert.h>
#include <stdlib.h>

#include "kadpeer/dht.h"
#include "kadpeer/siphash.h"

enum {
    BUCKETS_MIN = 4,
    GROUPS_PER_BUCKET = 2, /* at most, on average; at least half as many */
    PLACE_BYTES = 4,
    RECORD_ALIGNMENT = 4,
};
_Static_assert(DHT_VALUE_MAX < 1 << 10, "a length fits into its bits");
_Static_assert(sizeof(struct record) == 12 && sizeof(struct record_group) == 40, "no padding");

size_t allocation_bytes(size_t size)
{
    size_t bytes = (size + 8 + 15) & ~(size_t)15;
    return size == 0 ? 0 : bytes < 32 ? 32 : bytes;
}

static size_t group_bytes(size_t cap)
{
    return sizeof(struct record_group) + cap;
}

void record_index_init(struct record_index *index, const uint8_t secret[16])
{
    *index = (struct record_index){.due_s = UINT32_MAX};
    memcpy(index->secret, secret, sizeof index->secret);
    rng_init(&index->rng, secret);
}

void record_index_dispose(struct record_index *index)
{
    for (size_t i = 0; i < index->bucket_count; i++) {
        for (struct record_group *group = index->buckets[i], *next; group != NULL; group = next) {
            next = group->next;
            free(group);
        }
    }
    free(index->buckets);
    *index = (struct record_index){.due_s = UINT32_MAX};
}

/* ---- a record ---- */

static size_t address_bytes(unsigned family)
{
    return family == ENDPOINT_IPV4 ? 4 : family == ENDPOINT_IPV6 ? 16 : 0;
}

static size_t bytes_for(bool has_place, unsigned family, size_t value_len)
{
    size_t bytes =
        sizeof(struct record) + has_place * (size_t)PLACE_BYTES + address_bytes(family) + value_len;
    return (bytes + RECORD_ALIGNMENT - 1) & ~(size_t)(RECORD_ALIGNMENT - 1);
}

size_t record_address_bytes(const struct record *record)
{
    return address_bytes(record->family);
}

size_t record_bytes(const struct record *record)
{
    return bytes_for(record->has_place, record->family, record->len);
}

size_t record_fields_bytes(const struct record_fields *fields)
{
    return bytes_for(fields->place != 0, fields->source->family, fields->value.len);
}

const uint8_t *record_address(const struct record *record)
{
    return record->tail + record->has_place * PLACE_BYTES;
}

struct bytes record_value(const struct record *record)
{
    return bytes_of(record_address(record) + record_address_bytes(record), record->len);
}

uint32_t record_place(const struct record *record)
{
    return record->has_place ? read_u32(record->tail) : 0;
}

struct endpoint record_source(const struct record *record)
{
    struct endpoint source = {.port = record->port, .family = (uint8_t)record->family};
    memcpy(source.addr, record_address(record), record_address_bytes(record));
    return source;
}

bool record_is_from(const struct record *record, const struct endpoint *source)
{
    return record->port == source->port && record->family == source->family &&
           memcmp(record_address(record), source->addr, address_bytes(source->family)) == 0;
}

static void write_record(struct record *record, const struct record_fields *fields)
{
    uint8_t *at = record->tail;
    *record = (struct record){.ends_s = fields->ends_s,
                              .mark = fields->mark,
                              .port = fields->source->port,
                              .len = fields->value.len & 0x3ff,
                              .family = fields->source->family & 7,
                              .has_place = fields->place != 0};
    if (record->has_place) {
        write_u32(at, fields->place);
        at += PLACE_BYTES;
    }
    memcpy(at, fields->source->addr, address_bytes(record->family));
    if (fields->value.len > 0)
        memcpy(at + address_bytes(record->family), fields->value.data, fields->value.len);
}

/* ---- by key: linear hashing ---- */

/* The largest power of two that is not greater than the number of buckets. */
static size_t level_of(size_t bucket_count)
{
    return (size_t)1 << (63 - __builtin_clzll(bucket_count));
}

static size_t bucket_of(const struct record_index *index, const struct id *key, unsigned kind)
{
    uint8_t text[ID_BYTES + 1];
    memcpy(text, key->bytes, ID_BYTES);
    text[ID_BYTES] = (uint8_t)kind;
    size_t hash = (size_t)siphash(index->secret, bytes_of(text, sizeof text));
    size_t level = level_of(index->bucket_count), at = hash & (2 * level - 1);
    return at < index->bucket_count ? at : at - level;
}

/* The pointer to the group of (key, kind), or to the end of its bucket. There are buckets. */
static struct record_group **link_of(const struct record_index *index, const struct id *key,
                                     unsigned kind)
{
    struct record_group **link = &index->buckets[bucket_of(index, key, kind)];
    while (*link != NULL && ((*link)->kind != kind || !id_equal(&(*link)->key, key)))
        link = &(*link)->next;
    return link;
}

struct record_group *record_index_find(const struct record_index *index, const struct id *key,
                                       unsigned kind)
{
    return index->bucket_count == 0 ? NULL : *link_of(index, key, kind);
}

const struct record_group *record_index_bucket(const struct record_index *index, size_t at)
{
    return index->buckets[at];
}

static bool resize_buckets(struct record_index *index, size_t cap)
{
    struct record_group **buckets = realloc(index->buckets, cap * sizeof *buckets);
    if (buckets == NULL)
        return false;
    index->bytes += allocation_bytes(cap * sizeof *buckets);
    index->bytes -= allocation_bytes(index->bucket_cap * sizeof *buckets);
    index->buckets = buckets;
    index->bucket_cap = cap;
    return true;
}

static uint32_t group_due_s(const struct record_group *group)
{
    uint32_t due_s = UINT32_MAX;
    for (const struct record *record = record_first(group); record < record_end(group);
         record = record_after(record))
        due_s = record->ends_s < due_s ? record->ends_s : due_s;
    return due_s;
}

static void note_end(struct record_index *index, uint32_t ends_s)
{
    index->due_s = ends_s < index->due_s ? ends_s : index->due_s;
    index->swept_due_s = ends_s < index->swept_due_s ? ends_s : index->swept_due_s;
}

/* One bucket more, which takes its part of the groups of another. */
static bool split_bucket(struct record_index *index)
{
    size_t added = index->bucket_count;
    if (added == index->bucket_cap && !resize_buckets(index, added + added / 8 + BUCKETS_MIN))
        return false;
    index->buckets[added] = NULL;
    index->bucket_count++;
    if (added == 0)
        return true;
    struct record_group **link = &index->buckets[added - level_of(added)];
    while (*link != NULL) {
        struct record_group *group = *link;
        if (bucket_of(index, &group->key, group->kind) != added) {
            link = &group->next;
            continue;
        }
        *link = group->next;
        group->next = index->buckets[added];
        index->buckets[added] = group;
        note_end(index, group_due_s(group)); /* it lies behind the sweep now */
    }
    return true;
}

/* The last bucket gives its groups back to where it had them from. */
static void merge_bucket(struct record_index *index)
{
    size_t gone = --index->bucket_count;
    struct record_group **link = &index->buckets[gone - level_of(gone)];
    while (*link != NULL)
        link = &(*link)->next;
    *link = index->buckets[gone];
}

/* Buckets for the groups there are. Without memory for more, there are fewer. */
static bool fit_buckets(struct record_index *index)
{
    if (index->groups >= GROUPS_PER_BUCKET * index->bucket_count && !split_bucket(index) &&
        index->bucket_count == 0)
        return false;
    if (index->bucket_count > BUCKETS_MIN &&
        index->groups < GROUPS_PER_BUCKET * index->bucket_count / 2)
        merge_bucket(index);
    if (index->bucket_cap > 2 * BUCKETS_MIN && index->bucket_count < index->bucket_cap / 2)
        resize_buckets(index, index->bucket_count + index->bucket_count / 8 + BUCKETS_MIN);
    return true;
}

/* ---- groups ---- */

/* Gives the group at `*link` (NULL: none yet) room for `cap` bytes. False: as before. */
static bool resize_group(struct record_index *index, struct record_group **link, size_t cap)
{
    struct record_group *group = *link;
    size_t before = group != NULL ? allocation_bytes(group_bytes(group->cap)) : 0;
    struct record_group *moved = realloc(group, group_bytes(cap));
    if (moved == NULL)
        return false;
    index->bytes += allocation_bytes(group_bytes(cap)) - before;
    moved->cap = (uint32_t)cap;
    *link = moved;
    return true;
}

static struct record_group **add_group(struct record_index *index, const struct id *key,
                                       unsigned kind, size_t cap)
{
    struct record_group *group = NULL;
    if (!fit_buckets(index) || !resize_group(index, &group, cap))
        return NULL;
    struct record_group **link = link_of(index, key, kind);
    *group = (struct record_group){.key = *key, .kind = (uint8_t)kind, .cap = (uint32_t)cap};
    *link = group;
    index->groups++;
    return link;
}

static void remove_group(struct record_index *index, struct record_group *group)
{
    struct record_group **link = link_of(index, &group->key, group->kind);
    *link = group->next;
    index->groups--;
    index->bytes -= allocation_bytes(group_bytes(group->cap));
    free(group);
    fit_buckets(index);
    if (index->groups == 0)
        index->due_s = UINT32_MAX;
}

/* ---- records ---- */

/* Takes the bytes of a record out of the group, or makes them as many as `size`: there is room. */
static void resize_record(struct record_group *group, struct record *record, size_t size)
{
    uint8_t *begin = (uint8_t *)record, *behind = (uint8_t *)record_after(record);
    uint8_t *end = (uint8_t *)record_end(group);
    size_t before = (size_t)(behind - begin);
    memmove(begin + size, behind, (size_t)(end - behind));
    group->used = (uint32_t)(group->used - before + size);
}

struct record *record_index_put(struct record_index *index, const struct id *key, unsigned kind,
                                struct record *old, const struct record_fields *fields)
{
    struct record_group **link = index->bucket_count > 0 ? link_of(index, key, kind) : NULL;
    struct record_group *group = link != NULL ? *link : NULL;
    size_t size = record_fields_bytes(fields), before = old != NULL ? record_bytes(old) : 0;
    size_t place = old != NULL ? (size_t)((uint8_t *)old - (uint8_t *)group->contents) : 0;
    if (group == NULL) {
        link = add_group(index, key, kind, size);
        if (link == NULL)
            return NULL;
    } else if (group->used - before + size > group->cap) {
        size_t spare = group->count > 1 || old == NULL ? group->used / 8 & ~3u : 0;
        if (!resize_group(index, link, group->used - before + size + spare))
            return NULL;
    }
    group = *link;
    if (old != NULL) {
        old = (struct record *)((uintptr_t)group->contents + place);
        resize_record(group, old, size);
    } else {
        old = record_end(group);
        group->used += (uint32_t)size;
        group->count++;
        index->records++;
    }
    write_record(old, fields);
    note_end(index, fields->ends_s);
    return old;
}

size_t record_index_growth(const struct record_index *index, const struct record_group *group,
                           size_t size)
{
    if (group != NULL)
        return allocation_bytes(size + group->used / 8) + 16;
    bool full = index->bucket_count == index->bucket_cap;
    size_t table = full ? (index->bucket_cap / 8 + BUCKETS_MIN) * sizeof *index->buckets + 16 : 0;
    return allocation_bytes(group_bytes(size)) + table;
}

void record_index_set_end(struct record_index *index, struct record *record, uint32_t ends_s)
{
    record->ends_s = ends_s;
    note_end(index, ends_s);
}

void record_index_remove(struct record_index *index, struct record_group *group,
                         struct record *record)
{
    index->records--;
    if (--group->count == 0) {
        remove_group(index, group);
        return;
    }
    resize_record(group, record, 0);
    if (group->used + group->used / 4 < group->cap)
        resize_group(index, link_of(index, &group->key, group->kind),
                     group->used + (group->used / 8 & ~3u));
}

/* ---- at random, and in turn ---- */

struct record_group *record_index_pick(struct record_index *index)
{
    if (index->groups == 0)
        return NULL;
    size_t at = rng_below(&index->rng, index->bucket_count);
    while (index->buckets[at] == NULL)
        at = at + 1 < index->bucket_count ? at + 1 : 0;
    size_t length = 0;
    for (const struct record_group *group = index->buckets[at]; group != NULL; group = group->next)
        length++;
    struct record_group *picked = index->buckets[at];
    for (uint64_t skip = rng_below(&index->rng, length); skip > 0; skip--)
        picked = picked->next;
    return picked;
}

/* The first group of the bucket that holds an ended record; of the others the ends are noted. */
static struct record_group *first_ended(struct record_index *index, size_t at, uint32_t now_s)
{
    uint32_t soonest_s = UINT32_MAX;
    for (struct record_group *group = index->buckets[at]; group != NULL; group = group->next) {
        uint32_t due_s = group_due_s(group);
        if (due_s <= now_s)
            return group;
        soonest_s = due_s < soonest_s ? due_s : soonest_s;
    }
    index->swept_due_s = soonest_s < index->swept_due_s ? soonest_s : index->swept_due_s;
    return NULL;
}

struct record_group *record_index_sweep(struct record_index *index, uint32_t now_s, size_t *budget)
{
    if (index->unswept == 0) {
        index->unswept = index->bucket_count;
        index->swept_due_s = UINT32_MAX;
    }
    for (; *budget > 0 && index->unswept > 0; --*budget, index->unswept--) {
        if (index->unswept > index->bucket_count)
            index->unswept = index->bucket_count;
        struct record_group *group = first_ended(index, index->unswept - 1, now_s);
        if (group != NULL)
            return group;
    }
    if (index->unswept == 0)
        index->due_s = index->swept_due_s;
    return NULL;
}

/* ---- invariants ---- */

static bool group_valid(const struct record_index *index, const struct record_group *group)
{
    size_t count = 0;
    const struct record *record = record_first(group);
    for (; record < record_end(group); record = record_after(record), count++)
        if (record->ends_s < index->due_s)
            return false;
    return record == record_end(group) && count == group->count && count > 0 &&
           group->used <= group->cap && record_index_find(index, &group->key, group->kind) == group;
}

bool record_index_valid(const struct record_index *index)
{
    size_t records = 0, groups = 0;
    size_t bytes = allocation_bytes(index->bucket_cap * sizeof *index->buckets);
    for (size_t i = 0; i < index->bucket_count; i++) {
        for (const struct record_group *group = index->buckets[i]; group != NULL;
             group = group->next) {
            if (!group_valid(index, group))
                return false;
            groups++;
            records += group->count;
            bytes += allocation_bytes(group_bytes(group->cap));
        }
    }
    return groups == index->groups && records == index->records && bytes == index->bytes &&
           index->bucket_count <= index->bucket_cap &&
           (index->bucket_count <= BUCKETS_MIN + 1 ||
            groups <= GROUPS_PER_BUCKET * index->bucket_count);
}
