/* The 160-bit ids of nodes, files and keys, and the XOR metric over them [Kademlia 2.1]. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_BYTES    20
#define ID_BITS     160
#define ID_HEX_SIZE 41 /* 40 digits and the final zero */

struct id {
    uint8_t bytes[ID_BYTES];
};

bool id_equal(const struct id *a, const struct id *b);
int id_compare(const struct id *a, const struct id *b); /* as memcmp; plain order, not distance */

/* Negative when `a` is nearer to `target` than `b`, 0 when a equals b. */
int id_distance_compare(const struct id *target, const struct id *a, const struct id *b);

/* How many leading bits the two share: 0 to 160. */
unsigned id_common_bits(const struct id *a, const struct id *b);

bool id_bit(const struct id *id, unsigned index); /* bit 0 is the highest */
void id_set_bit(struct id *id, unsigned index, bool value);
bool id_is_zero(const struct id *id);

void id_to_hex(const struct id *id, char out[ID_HEX_SIZE]);

/* Exactly 40 hexadecimal digits of either case, `len` of them; false for anything else. */
bool id_from_hex(const char *text, size_t len, struct id *out);
