/* What a get is shown of the values under a key  [protocol.md section 1, paging]. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/message.h"
#include "dht/record_index.h"

struct record_get {
    struct id key;
    unsigned kind;
    struct endpoint asker;
    bool has_cursor; /* only what comes after `cursor`, the order of the last value seen */
    uint64_t cursor;
};

struct record_sample {
    size_t count;   /* values written */
    uint32_t total; /* values held under the key, of this kind */
    bool more;      /* there are further ones after the last */
};

/* Writes up to `cap` values of the group (NULL: none) in the asker's order, keyed by `secret`,
 * ready for a message. O(values under the key). */
struct record_sample record_sample_take(const struct record_group *group,
                                        const struct record_get *get, const uint8_t secret[16],
                                        struct message_value out[], size_t cap, uint64_t now_ms);
