#include "kadpeer/msgpack_writer.h"

#include <msgpack.h>

void msgpack_writer_init(struct msgpack_writer *writer, uint8_t *out, size_t cap)
{
    *writer = (struct msgpack_writer){.out = out, .cap = cap};
}

/* msgpack-c's way to hand bytes over. */
static int take_bytes(void *data, const char *bytes, size_t len)
{
    struct msgpack_writer *writer = data;
    if (writer->failed || len > writer->cap - writer->len) {
        writer->failed = true;
        return -1;
    }
    if (len > 0)
        memcpy(writer->out + writer->len, bytes, len);
    writer->len += len;
    return 0;
}

static msgpack_packer packer_of(struct msgpack_writer *writer)
{
    return (msgpack_packer){.data = writer, .callback = take_bytes};
}

void msgpack_write_nil(struct msgpack_writer *writer)
{
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_nil(&packer);
}

void msgpack_write_bool(struct msgpack_writer *writer, bool value)
{
    msgpack_packer packer = packer_of(writer);
    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void msgpack_write_uint(struct msgpack_writer *writer, uint64_t value)
{
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_uint64(&packer, value);
}

void msgpack_write_str(struct msgpack_writer *writer, struct bytes text)
{
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_str(&packer, text.len);
    msgpack_pack_str_body(&packer, text.data, text.len);
}

void msgpack_write_string(struct msgpack_writer *writer, const char *text)
{
    msgpack_write_str(writer, bytes_of_string(text));
}

void msgpack_write_bin(struct msgpack_writer *writer, struct bytes data)
{
    msgpack_write_bin_head(writer, data.len);
    msgpack_write_raw(writer, data.data, data.len);
}

void msgpack_write_bin_head(struct msgpack_writer *writer, size_t len)
{
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_bin(&packer, len);
}

void msgpack_write_raw(struct msgpack_writer *writer, const void *data, size_t len)
{
    take_bytes(writer, data, len);
}

void msgpack_write_array(struct msgpack_writer *writer, size_t count)
{
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_array(&packer, count);
}

void msgpack_write_map(struct msgpack_writer *writer, size_t pairs)
{
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_map(&packer, pairs);
}

size_t msgpack_bin_size(size_t len)
{
    if (len < 256)
        return 2 + len;
    return (len < 65536 ? 3 : 5) + len;
}

size_t msgpack_array_head_size(size_t count)
{
    if (count < 16)
        return 1;
    return count < 65536 ? 3 : 5;
}
