#include <stdint.h>
#include <stdlib.h>

#include "content/bencode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t walk(const struct bencode *value, unsigned depth)
{
    struct bencode_cursor cursor = bencode_first(value);
    struct bencode member;
    struct bytes key;
    uint64_t sum = (uint64_t)value->integer;
    if (value->string.len > 0)
        sum += value->string.data[value->string.len - 1];
    while (depth < 8 && bencode_next(&cursor, &key, &member))
        sum += walk(&member, depth + 1);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bencode value, again;
    struct bytes rest;
    if (bencode_parse(bytes_of(data, size), &value, &rest) != STATUS_OK)
        return 0;
    walk(&value, 0);
    /* What was taken stands by itself, and is as long as it said. */
    if (value.raw.len + rest.len != size || value.raw.len == 0 ||
        bencode_parse(value.raw, &again, NULL) != STATUS_OK)
        abort();
    return 0;
}
