#include "kadpeer/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){0};
}

void buffer_dispose(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->failed = false;
}

bool buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->failed || more > SIZE_MAX / 2 - buffer->len) {
        buffer->failed = true;
        return false;
    }
    size_t need = buffer->len + more;
    if (need <= buffer->cap)
        return true;
    size_t cap = buffer->cap < 64 ? 64 : buffer->cap;
    while (cap < need)
        cap *= 2;
    uint8_t *data = realloc(buffer->data, cap);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->cap = cap;
    return true;
}

void buffer_add(struct buffer *buffer, const void *data, size_t len)
{
    if (len == 0 || !buffer_reserve(buffer, len))
        return;
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
}

void buffer_add_byte(struct buffer *buffer, uint8_t byte)
{
    buffer_add(buffer, &byte, 1);
}

void buffer_add_string(struct buffer *buffer, const char *s)
{
    buffer_add(buffer, s, strlen(s));
}

void buffer_add_format(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !buffer_reserve(buffer, (size_t)len + 1)) {
        buffer->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf((char *)buffer->data + buffer->len, (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
}

void buffer_drop_front(struct buffer *buffer, size_t len)
{
    if (len >= buffer->len) {
        buffer->len = 0;
        return;
    }
    memmove(buffer->data, buffer->data + len, buffer->len - len);
    buffer->len -= len;
}

uint8_t *buffer_take(struct buffer *buffer)
{
    uint8_t *data = buffer->data;
    buffer_init(buffer);
    return data;
}
