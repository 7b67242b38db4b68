/* Something to share: random bytes, the same for the same seed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "content/metainfo.h"

struct content {
    uint8_t *bytes;
    struct metainfo *metainfo;
};

struct content content_make(uint32_t piece_length, uint64_t total_length, bool is_private,
                            uint64_t seed);
void content_dispose(struct content *content);
