#include "dht/record_letters.h"

#include <string.h>

#include "kadpeer/utf8.h"

static bool read_letter(struct msgpack_reader *reader, const char *letters, unsigned *seen,
                        letter_reader *read, void *out)
{
    struct bytes name;
    if (!msgpack_read_str(reader, &name) || name.len != 1)
        return false;
    const char *found = memchr(letters, name.data[0], strlen(letters));
    if (found == NULL)
        return false;
    unsigned bit = 1u << (found - letters);
    if ((*seen & bit) != 0)
        return false;
    *seen |= bit;
    return read(reader, *found, out);
}

bool letters_read(struct bytes value, const char *letters, letter_reader *read, void *out)
{
    struct msgpack_reader reader = msgpack_reader(value);
    uint32_t pairs;
    unsigned seen = 0;
    if (!msgpack_bounded(value) || !msgpack_read_map(&reader, &pairs) || pairs != strlen(letters))
        return false;
    for (uint32_t i = 0; i < pairs; i++)
        if (!read_letter(&reader, letters, &seen, read, out))
            return false;
    return true;
}

bool letters_read_u16(struct msgpack_reader *reader, uint16_t *out)
{
    uint64_t value;
    if (!msgpack_read_uint(reader, UINT16_MAX, &value))
        return false;
    *out = (uint16_t)value;
    return true;
}

bool letters_read_u32(struct msgpack_reader *reader, uint32_t *out)
{
    uint64_t value;
    if (!msgpack_read_uint(reader, UINT32_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool letters_read_bin(struct msgpack_reader *reader, size_t max, struct bytes *out)
{
    return msgpack_read_bin(reader, out) && out->len <= max;
}

void letters_write_key(struct msgpack_writer *writer, char letter)
{
    msgpack_write_str(writer, bytes_of(&letter, 1));
}

void letters_add_written(struct buffer *out, const struct msgpack_writer *writer)
{
    if (writer->failed)
        out->failed = true;
    else
        buffer_add(out, writer->out, writer->len);
}

bool letters_read_text(struct msgpack_reader *reader, size_t min, size_t max, struct bytes *out)
{
    return msgpack_read_str(reader, out) && out->len >= min && out->len <= max &&
           utf8_is_text(*out);
}
