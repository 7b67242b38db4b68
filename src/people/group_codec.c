/* Integers, runs of bytes and texts of the saved state. It comes out of a sealed keystore, yet a
 * reader that runs past the end only sets `failed`. */
#include <string.h>

#include "people/group_private.h"

void state_u8(struct buffer *out, uint8_t value)
{
    buffer_add_byte(out, value);
}

void state_u32(struct buffer *out, uint32_t value)
{
    uint8_t bytes[4];
    write_u32(bytes, value);
    buffer_add(out, bytes, sizeof bytes);
}

void state_u64(struct buffer *out, uint64_t value)
{
    uint8_t bytes[8];
    write_u64(bytes, value);
    buffer_add(out, bytes, sizeof bytes);
}

void state_run(struct buffer *out, struct bytes run)
{
    state_u32(out, (uint32_t)run.len);
    buffer_add(out, run.data, run.len);
}

void state_text(struct buffer *out, const char *text)
{
    state_run(out, bytes_of_string(text));
}

static const uint8_t *take(struct state_reader *reader, size_t len)
{
    if (reader->failed || len > (size_t)(reader->end - reader->at)) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *at = reader->at;
    reader->at += len;
    return at;
}

uint8_t state_read_u8(struct state_reader *reader)
{
    const uint8_t *at = take(reader, 1);
    return at != NULL ? *at : 0;
}

uint32_t state_read_u32(struct state_reader *reader)
{
    const uint8_t *at = take(reader, 4);
    return at != NULL ? read_u32(at) : 0;
}

uint64_t state_read_u64(struct state_reader *reader)
{
    const uint8_t *at = take(reader, 8);
    return at != NULL ? read_u64(at) : 0;
}

struct bytes state_read_run(struct state_reader *reader, size_t max)
{
    size_t len = state_read_u32(reader);
    if (len > max)
        reader->failed = true;
    const uint8_t *at = take(reader, len);
    return at != NULL ? bytes_of(at, len) : (struct bytes){0};
}

void state_read_fixed(struct state_reader *reader, void *out, size_t len)
{
    const uint8_t *at = take(reader, len);
    if (at != NULL)
        memcpy(out, at, len);
}

void state_read_text(struct state_reader *reader, char *out, size_t size)
{
    struct bytes run = state_read_run(reader, size - 1);
    if (run.len > 0)
        memcpy(out, run.data, run.len);
    out[run.len] = 0;
}
