/* The magnet link of a transfer, with addresses of ours to begin with. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"

/* `name` NULL or empty, `size` 0, no endpoints: left out. Ends with a zero byte. */
void link_format(const struct id *infohash, const char *name, uint64_t size,
                 const struct endpoint endpoints[], size_t count, struct buffer *out);

struct item;
void link_of_item(const struct item *item, struct buffer *out);
