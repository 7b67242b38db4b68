/* Bytes from hexadecimal digits, for published vectors: spaces and line ends are overlooked. */
#pragma once

#include <ctype.h>

#include "kadpeer/bytes.h"
#include "support/unit.h"

struct hex {
    uint8_t data[2048];
    size_t len;
};

static inline struct hex hex_of(const char *text)
{
    struct hex hex = {.len = 0};
    for (; *text != 0; text++) {
        unsigned byte;
        if (isspace((unsigned char)*text))
            continue;
        assert_true(hex.len < sizeof hex.data);
        assert_int_equal(sscanf(text++, "%2x", &byte), 1);
        hex.data[hex.len++] = (uint8_t)byte;
    }
    return hex;
}

static inline struct bytes hex_bytes(const struct hex *hex)
{
    return bytes_of(hex->data, hex->len);
}

static inline void assert_hex(const void *got, size_t len, const char *want)
{
    struct hex hex = hex_of(want);
    assert_int_equal(len, hex.len);
    assert_memory_equal(got, hex.data, len);
}
