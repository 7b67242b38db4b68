/* The 160-bit ids of nodes, files and keys, and the XOR metric over them [Kademlia 2.1]. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kadpeer/bytes.h"

#define ID_BYTES    20
#define ID_BITS     160
#define ID_HEX_SIZE 41 /* 40 digits and the final zero */

struct id {
    uint8_t bytes[ID_BYTES];
};

/* By words, the first alone as a rule: buckets and lists are searched with it. */
static inline bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, 8) == 0 && memcmp(a->bytes + 8, b->bytes + 8, 8) == 0 &&
           memcmp(a->bytes + 16, b->bytes + 16, 4) == 0;
}

int id_compare(const struct id *a, const struct id *b); /* as memcmp; plain order, not distance */

/* Negative when `a` is nearer to `target` than `b`, 0 when a equals b. Eight bytes at a time, and
 * here: most of what a lookup does. */
static inline int id_distance_compare(const struct id *target, const struct id *a,
                                      const struct id *b)
{
    for (size_t i = 0; i < 16; i += 8) {
        uint64_t t = read_u64(target->bytes + i);
        uint64_t da = read_u64(a->bytes + i) ^ t, db = read_u64(b->bytes + i) ^ t;
        if (da != db)
            return da < db ? -1 : 1;
    }
    uint32_t t = read_u32(target->bytes + 16);
    uint32_t da = read_u32(a->bytes + 16) ^ t, db = read_u32(b->bytes + 16) ^ t;
    return da < db ? -1 : da > db;
}

/* How many leading bits the two share: 0 to 160. */
unsigned id_common_bits(const struct id *a, const struct id *b);

bool id_bit(const struct id *id, unsigned index); /* bit 0 is the highest */
void id_set_bit(struct id *id, unsigned index, bool value);
bool id_is_zero(const struct id *id);

void id_to_hex(const struct id *id, char out[ID_HEX_SIZE]);

/* Exactly 40 hexadecimal digits of either case, `len` of them; false for anything else. */
bool id_from_hex(const char *text, size_t len, struct id *out);
