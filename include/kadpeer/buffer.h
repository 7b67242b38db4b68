/* A growing run of bytes that we own. A failed growth sets `failed` and drops what follows, so
 * that a writer checks once, at its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"

struct buffer {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool failed;
};

void buffer_init(struct buffer *buffer);
void buffer_dispose(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* keeps the memory */
bool buffer_reserve(struct buffer *buffer, size_t more);
void buffer_add(struct buffer *buffer, const void *data, size_t len);
void buffer_add_byte(struct buffer *buffer, uint8_t byte);
void buffer_add_string(struct buffer *buffer, const char *s);
void buffer_add_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_drop_front(struct buffer *buffer, size_t len);
uint8_t *buffer_take(struct buffer *buffer); /* the caller frees it; the buffer is empty again */

static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
    return (struct bytes){buffer->data, buffer->len};
}
