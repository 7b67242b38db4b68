/* Writes MessagePack, by msgpack-c, into memory of a fixed size. What does not fit sets `failed`,
 * so that a writer checks once, at its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"

struct msgpack_writer {
    uint8_t *out; /* borrowed */
    size_t len, cap;
    bool failed;
};

void msgpack_writer_init(struct msgpack_writer *writer, uint8_t *out, size_t cap);

void msgpack_write_nil(struct msgpack_writer *writer);
void msgpack_write_bool(struct msgpack_writer *writer, bool value);
void msgpack_write_uint(struct msgpack_writer *writer, uint64_t value); /* in its shortest form */
void msgpack_write_str(struct msgpack_writer *writer, struct bytes text);
void msgpack_write_string(struct msgpack_writer *writer, const char *text);
void msgpack_write_bin(struct msgpack_writer *writer, struct bytes data);
void msgpack_write_bin_head(struct msgpack_writer *writer, size_t len); /* the body by _raw */
void msgpack_write_raw(struct msgpack_writer *writer, const void *data, size_t len);
void msgpack_write_array(struct msgpack_writer *writer, size_t count);
void msgpack_write_map(struct msgpack_writer *writer, size_t pairs);

/* Bytes that a bin of `len` takes, its head included; and an array's head. */
size_t msgpack_bin_size(size_t len);
size_t msgpack_array_head_size(size_t count);
