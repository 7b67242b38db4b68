#include "kadpeer/id.h"

#include <string.h>

#include "kadpeer/bytes.h"

int id_compare(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_BYTES);
}

unsigned id_common_bits(const struct id *a, const struct id *b)
{
    for (unsigned i = 0; i < 16; i += 8) {
        uint64_t difference = read_u64(a->bytes + i) ^ read_u64(b->bytes + i);
        if (difference != 0)
            return i * 8 + (unsigned)__builtin_clzll(difference);
    }
    uint32_t difference = read_u32(a->bytes + 16) ^ read_u32(b->bytes + 16);
    return difference != 0 ? 128 + (unsigned)__builtin_clz(difference) : ID_BITS;
}

bool id_bit(const struct id *id, unsigned index)
{
    return index < ID_BITS && (id->bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

void id_set_bit(struct id *id, unsigned index, bool value)
{
    if (index >= ID_BITS)
        return;
    uint8_t mask = (uint8_t)(0x80 >> index % 8);
    if (value)
        id->bytes[index / 8] |= mask;
    else
        id->bytes[index / 8] &= (uint8_t)~mask;
}

bool id_is_zero(const struct id *id)
{
    static const struct id zero;
    return id_equal(id, &zero);
}

void id_to_hex(const struct id *id, char out[ID_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < ID_BYTES; i++) {
        out[2 * i] = digits[id->bytes[i] >> 4];
        out[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    out[2 * ID_BYTES] = 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool id_from_hex(const char *text, size_t len, struct id *out)
{
    if (len != 2 * ID_BYTES)
        return false;
    struct id id;
    for (size_t i = 0; i < ID_BYTES; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = id;
    return true;
}
