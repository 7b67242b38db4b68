/* Golden bytes: tests/vectors/NAME.hex, lines of hexadecimal digits and comments after #. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "kadpeer/bytes.h"
#include "support/unit.h"

struct vector {
    uint8_t data[2048];
    size_t len;
};

static inline void vector_add_line(struct vector *vector, const char *line)
{
    unsigned byte;
    for (; *line != '#' && sscanf(line, "%2x", &byte) == 1; line += 2) {
        assert_true(vector->len < sizeof vector->data);
        vector->data[vector->len++] = (uint8_t)byte;
    }
}

/* Fails the test when there is no such vector. TEST_VECTORS is the folder. */
static inline struct vector vector_load(const char *name)
{
    struct vector vector = {.len = 0};
    char path[1024], line[1024];
    snprintf(path, sizeof path, "%s/%s.hex", TEST_VECTORS, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        vector_add_line(&vector, line);
    fclose(file);
    return vector;
}

static inline struct bytes vector_bytes(const struct vector *vector)
{
    return bytes_of(vector->data, vector->len);
}

static inline void assert_vector(const char *name, struct bytes got)
{
    struct vector want = vector_load(name);
    if (!bytes_equal(vector_bytes(&want), got))
        print_error("differs from vector %s: %zu bytes, %zu wanted\n", name, got.len, want.len);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
}
