#include "dht/source_table.h"

#include <stdlib.h>

#include "dht/prefetch.h"

enum {
    WINDOW = 8,   /* slots where a tag may be: from its place on, 64 bytes */
    CAP_MIN = 16, /* slots of the first table */
    CAP_FEW = 64, /* of a small one */
};

void source_table_init(struct source_table *table, uint32_t cap_max, uint32_t horizon)
{
    *table = (struct source_table){.cap_max = cap_max, .horizon = horizon};
}

void source_table_dispose(struct source_table *table)
{
    free(table->slots);
    source_table_init(table, table->cap_max, table->horizon);
}

static uint32_t left_of(const struct source_table *table, const struct source_slot *slot,
                        uint32_t now)
{
    uint32_t left = slot->until - now;
    return slot->tag != 0 && left <= table->horizon ? left : 0;
}

static struct source_slot *slot_at(const struct source_table *table, uint32_t tag, uint32_t i)
{
    return &table->slots[(tag + i) & (table->cap - 1)];
}

static struct source_slot *find(const struct source_table *table, uint32_t tag)
{
    for (uint32_t i = 0; table->cap > 0 && i < WINDOW; i++)
        if (slot_at(table, tag, i)->tag == tag)
            return slot_at(table, tag, i);
    return NULL;
}

uint32_t source_table_left(const struct source_table *table, uint32_t tag, uint32_t now)
{
    const struct source_slot *slot = find(table, tag);
    return slot != NULL ? left_of(table, slot, now) : 0;
}

/* The slot of the window that ends first. */
static struct source_slot *nearest_to_its_end(const struct source_table *table, uint32_t tag,
                                              uint32_t now)
{
    struct source_slot *best = slot_at(table, tag, 0);
    for (uint32_t i = 1; i < WINDOW; i++) {
        struct source_slot *slot = slot_at(table, tag, i);
        if (left_of(table, slot, now) < left_of(table, best, now))
            best = slot;
    }
    return best;
}

void source_table_expect(const struct source_table *table)
{
    if (table->cap <= CAP_FEW)
        prefetch(table->slots, table->cap * sizeof *table->slots);
}

static bool resize(struct source_table *table, uint32_t cap, uint32_t now)
{
    struct source_table other = *table;
    other.cap = cap;
    other.slots = calloc(cap, sizeof *other.slots);
    if (other.slots == NULL)
        return false;
    for (uint32_t i = 0; i < table->cap; i++)
        if (left_of(table, &table->slots[i], now) > 0)
            *nearest_to_its_end(&other, table->slots[i].tag, now) = table->slots[i];
    free(table->slots);
    *table = other;
    return true;
}

static bool grow(struct source_table *table, uint32_t now)
{
    uint32_t cap = table->cap == 0 ? CAP_MIN : 2 * table->cap;
    return cap <= table->cap_max && resize(table, cap, now);
}

/* Where a newcomer goes: over an entry that is past, or else the one that ends first. */
static struct source_slot *make_place(struct source_table *table, uint32_t tag, uint32_t now)
{
    if (table->cap == 0 && !grow(table, now))
        return NULL;
    struct source_slot *slot;
    do
        slot = nearest_to_its_end(table, tag, now);
    while (left_of(table, slot, now) > 0 && grow(table, now));
    return slot;
}

void source_table_set(struct source_table *table, uint32_t tag, uint32_t left, uint32_t now)
{
    struct source_slot *slot = find(table, tag);
    if (slot == NULL)
        slot = make_place(table, tag, now);
    if (slot != NULL)
        *slot = (struct source_slot){tag, now + left};
}

void source_table_trim(struct source_table *table, uint32_t now)
{
    uint32_t used = 0, cap = table->cap;
    for (uint32_t i = 0; i < table->cap; i++)
        used += left_of(table, &table->slots[i], now) > 0;
    while (cap > CAP_MIN && used <= cap / 4)
        cap /= 2;
    if (used == 0)
        source_table_dispose(table);
    else if (cap < table->cap)
        resize(table, cap, now);
}

bool source_table_valid(const struct source_table *table)
{
    if ((table->cap & (table->cap - 1)) != 0 || table->cap > table->cap_max)
        return false;
    for (uint32_t i = 0; i < table->cap; i++) {
        const struct source_slot *slot = &table->slots[i];
        if (slot->tag != 0 && find(table, slot->tag) != slot)
            return false;
    }
    return true;
}
