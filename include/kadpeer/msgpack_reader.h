/* Reads MessagePack in place: a view that moves over bytes, no tree, no allocation.
 *
 * Every reader below returns false, and leaves the view where it was, when what comes next is not
 * of that type or does not fit into what is left. Numbers are taken in their unsigned forms only.
 * Whatever count an array or map claims, allocate by a bound of your own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"

/* What an object may look like before msgpack_bounded lets it be read any further. */
#define MSGPACK_DEPTH_MAX 8
#define MSGPACK_ITEMS_MAX 512

struct msgpack_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool shortest; /* refuse lengths, counts and numbers in a longer form than they need */
};

/* `data` is one whole object and nothing after it, nested no deeper than MSGPACK_DEPTH_MAX, of no
 * more than MSGPACK_ITEMS_MAX items, all lengths within. To be asked before anything is read. */
bool msgpack_bounded(struct bytes data);

struct msgpack_reader msgpack_reader(struct bytes data);
/* One that takes the shortest form of everything and no other: who reads the keys of maps in one
 * fixed order with it accepts exactly one encoding of each value. */
struct msgpack_reader msgpack_reader_shortest(struct bytes data);
bool msgpack_at_end(const struct msgpack_reader *reader);

bool msgpack_read_nil(struct msgpack_reader *reader);
bool msgpack_read_bool(struct msgpack_reader *reader, bool *out);
bool msgpack_read_uint(struct msgpack_reader *reader, uint64_t max, uint64_t *out);
bool msgpack_read_bin(struct msgpack_reader *reader, struct bytes *out);     /* borrowed */
bool msgpack_read_str(struct msgpack_reader *reader, struct bytes *out);     /* borrowed */
bool msgpack_read_array(struct msgpack_reader *reader, uint32_t *out_count); /* its items follow */
bool msgpack_read_map(struct msgpack_reader *reader, uint32_t *out_pairs);   /* its pairs follow */

/* Moves over one object of any type. Only for bytes that msgpack_bounded has seen. */
bool msgpack_skip(struct msgpack_reader *reader);

/* A bin of exactly `len` bytes, copied. */
bool msgpack_read_fixed(struct msgpack_reader *reader, void *out, size_t len);
