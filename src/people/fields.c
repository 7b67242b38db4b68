#include "people/fields.h"

#include "kadpeer/utf8.h"
#include "people/keys.h"
#include "people/seal.h"

struct msgpack_writer fields_begin(struct buffer *out, size_t bound, size_t pairs)
{
    struct msgpack_writer writer;
    if (buffer_reserve(out, bound)) {
        msgpack_writer_init(&writer, out->data + out->len, bound);
    } else {
        msgpack_writer_init(&writer, NULL, 0);
        writer.failed = true;
    }
    msgpack_write_map(&writer, pairs);
    fields_write_uint(&writer, 'v', FIELDS_VERSION);
    return writer;
}

void fields_end(const struct msgpack_writer *writer, struct buffer *out)
{
    if (writer->failed)
        out->failed = true;
    else
        out->len += writer->len;
}

void fields_write_key(struct msgpack_writer *writer, char letter)
{
    msgpack_write_str(writer, bytes_of(&letter, 1));
}

void fields_write_bool(struct msgpack_writer *writer, char letter, bool value)
{
    fields_write_key(writer, letter);
    msgpack_write_bool(writer, value);
}

void fields_write_uint(struct msgpack_writer *writer, char letter, uint64_t value)
{
    fields_write_key(writer, letter);
    msgpack_write_uint(writer, value);
}

void fields_write_bin(struct msgpack_writer *writer, char letter, const void *data, size_t len)
{
    fields_write_key(writer, letter);
    msgpack_write_bin(writer, bytes_of(data, len));
}

void fields_write_text(struct msgpack_writer *writer, char letter, const char *text)
{
    fields_write_key(writer, letter);
    msgpack_write_string(writer, text);
}

bool fields_read_begin(struct msgpack_reader *reader, size_t pairs)
{
    uint32_t count;
    uint16_t version;
    return msgpack_read_map(reader, &count) && count == pairs &&
           fields_read_u16(reader, 'v', &version) && version == FIELDS_VERSION;
}

bool fields_read_key(struct msgpack_reader *reader, char letter)
{
    struct bytes key;
    return msgpack_read_str(reader, &key) && key.len == 1 && key.data[0] == (uint8_t)letter;
}

bool fields_read_bool(struct msgpack_reader *reader, char letter, bool *out)
{
    return fields_read_key(reader, letter) && msgpack_read_bool(reader, out);
}

static bool read_number(struct msgpack_reader *reader, char letter, uint64_t max, uint64_t *out)
{
    return fields_read_key(reader, letter) && msgpack_read_uint(reader, max, out);
}

bool fields_read_u16(struct msgpack_reader *reader, char letter, uint16_t *out)
{
    uint64_t value;
    if (!read_number(reader, letter, UINT16_MAX, &value))
        return false;
    *out = (uint16_t)value;
    return true;
}

bool fields_read_u32(struct msgpack_reader *reader, char letter, uint32_t *out)
{
    uint64_t value;
    if (!read_number(reader, letter, UINT32_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool fields_read_u64(struct msgpack_reader *reader, char letter, uint64_t *out)
{
    return read_number(reader, letter, UINT64_MAX, out);
}

bool fields_read_fixed(struct msgpack_reader *reader, char letter, void *out, size_t len)
{
    return fields_read_key(reader, letter) && msgpack_read_fixed(reader, out, len);
}

bool fields_read_bin(struct msgpack_reader *reader, char letter, size_t max, struct bytes *out)
{
    return fields_read_key(reader, letter) && msgpack_read_bin(reader, out) && out->len <= max;
}

bool fields_read_text(struct msgpack_reader *reader, char letter, size_t min, size_t max, char *out)
{
    return fields_read_key(reader, letter) && fields_read_bare_text(reader, min, max, out);
}

bool fields_read_bare_text(struct msgpack_reader *reader, size_t min, size_t max, char *out)
{
    struct bytes text;
    if (!msgpack_read_str(reader, &text) || text.len < min || text.len > max ||
        !utf8_is_printable(text))
        return false;
    memcpy(out, text.data, text.len);
    out[text.len] = 0;
    return true;
}

void fields_pad(struct buffer *out, size_t start, size_t size)
{
    static const uint8_t zeros[256];
    while (!out->failed && out->len - start < size) {
        size_t left = size - (out->len - start);
        buffer_add(out, zeros, left < sizeof zeros ? left : sizeof zeros);
    }
}

bool fields_only_zeros(const struct msgpack_reader *reader)
{
    for (const uint8_t *at = reader->at; at < reader->end; at++)
        if (*at != 0)
            return false;
    return true;
}

bool fields_is_padded(const struct msgpack_reader *reader, struct bytes plain)
{
    size_t used = plain.len - (size_t)(reader->end - reader->at);
    return plain.len == seal_padded_size(used) && fields_only_zeros(reader);
}

void fields_wipe(struct buffer *buffer)
{
    if (buffer->data != NULL)
        keys_wipe(buffer->data, buffer->cap);
    buffer_dispose(buffer);
}
