/* Which pieces somebody has, laid out as on the wire: bit 7 of byte 0 is piece 0 [BEP 3].
 *
 * Its life: {0} is an empty one that owns nothing. bitfield_resize gives it its number of pieces,
 * more than once while that is not known yet; new bits are clear. bitfield_set, _clear and _load
 * keep `set`, how many are set. bitfield_dispose makes it {0} again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

struct bitfield {
    uint8_t *bits;  /* whole 64-bit words are allocated, spare bits are zero */
    uint32_t count; /* pieces */
    uint32_t set;
};

bool bitfield_resize(struct bitfield *field, uint32_t count); /* false: no memory, unchanged */
void bitfield_dispose(struct bitfield *field);

static inline size_t bitfield_bytes(uint32_t count) /* of a BITFIELD for so many pieces */
{
    return ((size_t)count + 7) / 8;
}

static inline bool bitfield_has(const struct bitfield *field, uint32_t piece)
{
    return piece < field->count && (field->bits[piece / 8] >> (7 - piece % 8) & 1) != 0;
}

static inline bool bitfield_is_full(const struct bitfield *field)
{
    return field->set == field->count;
}

/* `piece` must be below count. True when it changed something. */
bool bitfield_set(struct bitfield *field, uint32_t piece);
bool bitfield_clear(struct bitfield *field, uint32_t piece);
void bitfield_set_all(struct bitfield *field);
void bitfield_clear_all(struct bitfield *field);

/* Exactly the length of `count` pieces, spare bits zero; else STATUS_MALFORMED, unchanged. */
enum status bitfield_load(struct bitfield *field, struct bytes bits);

/* The first set one from `from` on; count: none. O(pieces / 64). */
uint32_t bitfield_next(const struct bitfield *field, uint32_t from);

/* How many are set in both, of two with the same count. O(pieces / 64). */
uint32_t bitfield_count_both(const struct bitfield *a, const struct bitfield *b);

/* a := a or b, of two with the same count. */
void bitfield_merge(struct bitfield *a, const struct bitfield *b);
/* a := a and not b, of two with the same count. */
void bitfield_subtract(struct bitfield *a, const struct bitfield *b);

bool bitfield_valid(const struct bitfield *field);
