/* The form all values of records have: a msgpack map of one-letter keys, each there exactly once
 * and no other  [protocol.md section 2]. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/msgpack_reader.h"
#include "kadpeer/msgpack_writer.h"

/* Reads the value of the key `letter` into `out`. */
typedef bool letter_reader(struct msgpack_reader *reader, char letter, void *out);

/* A map that has each of `letters` as a key, once, and nothing more. */
bool letters_read(struct bytes value, const char *letters, letter_reader *read, void *out);

bool letters_read_u16(struct msgpack_reader *reader, uint16_t *out);
bool letters_read_u32(struct msgpack_reader *reader, uint32_t *out);
bool letters_read_bin(struct msgpack_reader *reader, size_t max, struct bytes *out);
/* UTF-8 without a zero byte. */
bool letters_read_text(struct msgpack_reader *reader, size_t min, size_t max, struct bytes *out);

void letters_write_key(struct msgpack_writer *writer, char letter);
/* A failed writer makes `out` failed. */
void letters_add_written(struct buffer *out, const struct msgpack_writer *writer);
