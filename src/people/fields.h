/* The maps that groups' records are made of: keys of one letter, all of them there, in one fixed
 * order, everything in its shortest form, so that each value has exactly one encoding. Readers
 * take one field each, in that order; any `false` means refused. Lives in people/. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/msgpack_reader.h"
#include "kadpeer/msgpack_writer.h"

#define FIELDS_VERSION 1 /* of every map, under "v", its first key */

/* Appends to `out` what is written until fields_end, at most `bound` bytes: reserved at once, so
 * that no copy of a secret stays behind in memory that was outgrown. */
struct msgpack_writer fields_begin(struct buffer *out, size_t bound, size_t pairs);
void fields_end(const struct msgpack_writer *writer, struct buffer *out);

void fields_write_key(struct msgpack_writer *writer, char letter);
void fields_write_bool(struct msgpack_writer *writer, char letter, bool value);
void fields_write_uint(struct msgpack_writer *writer, char letter, uint64_t value);
void fields_write_bin(struct msgpack_writer *writer, char letter, const void *data, size_t len);
void fields_write_text(struct msgpack_writer *writer, char letter, const char *text);

/* The head of a map of `pairs`, and its version. */
bool fields_read_begin(struct msgpack_reader *reader, size_t pairs);
bool fields_read_key(struct msgpack_reader *reader, char letter);
bool fields_read_bool(struct msgpack_reader *reader, char letter, bool *out);
bool fields_read_u16(struct msgpack_reader *reader, char letter, uint16_t *out);
bool fields_read_u32(struct msgpack_reader *reader, char letter, uint32_t *out);
bool fields_read_u64(struct msgpack_reader *reader, char letter, uint64_t *out);
bool fields_read_fixed(struct msgpack_reader *reader, char letter, void *out, size_t len);
bool fields_read_bin(struct msgpack_reader *reader, char letter, size_t max, struct bytes *out);
/* `min` to `max` bytes of printable UTF-8, copied with a final zero: `out` holds max + 1. */
bool fields_read_text(struct msgpack_reader *reader, char letter, size_t min, size_t max,
                      char *out);
/* The same without a key before it. */
bool fields_read_bare_text(struct msgpack_reader *reader, size_t min, size_t max, char *out);

/* Zero bytes up to `size` bytes after `start`. */
void fields_pad(struct buffer *out, size_t start, size_t size);
/* What is left is zeros, as far as seal_padded_size says for what was read of `plain`. */
bool fields_is_padded(const struct msgpack_reader *reader, struct bytes plain);
bool fields_only_zeros(const struct msgpack_reader *reader);
/* Disposes of a buffer that held secrets. It must have been reserved, not outgrown. */
void fields_wipe(struct buffer *buffer);
