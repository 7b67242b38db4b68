/* Sources remembered until a moment each, in a bounded table of 8 bytes a source.
 *
 * An entry past its moment is as good as absent, and its place is taken by the next newcomer. The
 * table grows only when a newcomer finds no such place, up to its cap; then the entry that would
 * end first is forgotten. Every operation looks at eight neighbouring entries and no more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source_slot {
    uint32_t tag;   /* source_tag; 0: never used */
    uint32_t until; /* in ticks */
};

struct source_table {
    struct source_slot *slots; /* NULL until the first entry */
    uint32_t cap, cap_max;     /* powers of two, or 0 */
    uint32_t horizon;          /* ticks: no entry is set further ahead, so that ticks may wrap */
};

void source_table_init(struct source_table *table, uint32_t cap_max, uint32_t horizon);
void source_table_dispose(struct source_table *table);

/* Ticks from `now` to the moment of this source; 0: absent or past. */
uint32_t source_table_left(const struct source_table *table, uint32_t tag, uint32_t now);

/* Remembers the source until `now + left`; `left` is 1 to the horizon. Without memory the table
 * does not grow; without any, nothing is remembered. */
void source_table_set(struct source_table *table, uint32_t tag, uint32_t left, uint32_t now);

void source_table_expect(const struct source_table *table); /* a hint, while it is small */

/* Gives memory back when a quarter or less of the table is in use. */
void source_table_trim(struct source_table *table, uint32_t now);

bool source_table_valid(const struct source_table *table);
