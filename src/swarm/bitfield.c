#include "swarm/bitfield.h"

#include <stdlib.h>

static size_t allocated_bytes(uint32_t count)
{
    return ((size_t)count + 63) / 64 * 8;
}

static uint64_t word(const struct bitfield *field, size_t i)
{
    uint64_t value;
    memcpy(&value, field->bits + i * 8, sizeof value);
    return value;
}

static uint32_t count_set(const struct bitfield *field)
{
    uint32_t set = 0;
    for (size_t i = 0; i < allocated_bytes(field->count) / 8; i++)
        set += (uint32_t)__builtin_popcountll(word(field, i));
    return set;
}

static void clear_spare_bits(struct bitfield *field)
{
    size_t used = bitfield_bytes(field->count), all = allocated_bytes(field->count);
    if (all > used)
        memset(field->bits + used, 0, all - used);
    if (field->count % 8 != 0)
        field->bits[used - 1] &= (uint8_t)(0xff00 >> field->count % 8);
}

bool bitfield_resize(struct bitfield *field, uint32_t count)
{
    size_t before = allocated_bytes(field->count), after = allocated_bytes(count);
    if (after == 0) {
        bitfield_dispose(field);
        return true;
    }
    uint8_t *bits = realloc(field->bits, after);
    if (bits == NULL)
        return false;
    if (after > before)
        memset(bits + before, 0, after - before);
    bool shrunk = count < field->count;
    field->bits = bits;
    field->count = count;
    if (shrunk) {
        clear_spare_bits(field);
        field->set = count_set(field);
    }
    return true;
}

void bitfield_dispose(struct bitfield *field)
{
    free(field->bits);
    *field = (struct bitfield){0};
}

bool bitfield_set(struct bitfield *field, uint32_t piece)
{
    if (bitfield_has(field, piece))
        return false;
    field->bits[piece / 8] |= (uint8_t)(0x80 >> piece % 8);
    field->set++;
    return true;
}

bool bitfield_clear(struct bitfield *field, uint32_t piece)
{
    if (!bitfield_has(field, piece))
        return false;
    field->bits[piece / 8] &= (uint8_t) ~(0x80 >> piece % 8);
    field->set--;
    return true;
}

void bitfield_set_all(struct bitfield *field)
{
    if (field->count == 0)
        return;
    memset(field->bits, 0xff, bitfield_bytes(field->count));
    clear_spare_bits(field);
    field->set = field->count;
}

void bitfield_clear_all(struct bitfield *field)
{
    if (field->count > 0)
        memset(field->bits, 0, allocated_bytes(field->count));
    field->set = 0;
}

enum status bitfield_load(struct bitfield *field, struct bytes bits)
{
    if (bits.len != bitfield_bytes(field->count))
        return STATUS_MALFORMED;
    if (field->count % 8 != 0 && (bits.data[bits.len - 1] & 0xff >> field->count % 8) != 0)
        return STATUS_MALFORMED;
    if (bits.len > 0)
        memcpy(field->bits, bits.data, bits.len);
    field->set = count_set(field);
    return STATUS_OK;
}

uint32_t bitfield_next(const struct bitfield *field, uint32_t from)
{
    while (from < field->count) {
        uint8_t rest = (uint8_t)(field->bits[from / 8] << from % 8);
        if (rest != 0)
            return from + (uint32_t)__builtin_clz((unsigned)rest << 24);
        from = (from / 8 + 1) * 8;
        while (from % 64 == 0 && from < field->count && word(field, from / 64) == 0)
            from += 64;
    }
    return field->count;
}

uint32_t bitfield_count_both(const struct bitfield *a, const struct bitfield *b)
{
    uint32_t both = 0;
    for (size_t i = 0; i < allocated_bytes(a->count) / 8; i++)
        both += (uint32_t)__builtin_popcountll(word(a, i) & word(b, i));
    return both;
}

void bitfield_merge(struct bitfield *a, const struct bitfield *b)
{
    for (size_t i = 0; i < bitfield_bytes(a->count); i++)
        a->bits[i] |= b->bits[i];
    a->set = count_set(a);
}

void bitfield_subtract(struct bitfield *a, const struct bitfield *b)
{
    for (size_t i = 0; i < bitfield_bytes(a->count); i++)
        a->bits[i] &= (uint8_t)~b->bits[i];
    a->set = count_set(a);
}

bool bitfield_valid(const struct bitfield *field)
{
    if (field->count == 0)
        return field->set == 0;
    size_t used = bitfield_bytes(field->count);
    bool spare = field->count % 8 != 0 && (field->bits[used - 1] & 0xff >> field->count % 8) != 0;
    for (size_t i = used; i < allocated_bytes(field->count); i++)
        spare = spare || field->bits[i] != 0;
    return !spare && field->set == count_set(field);
}
