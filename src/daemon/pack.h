/* Writing the msgpack maps of the control socket field by field, without counting them first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"

#define PACK_DEPTH_MAX 12

struct pack {
    struct buffer out;
    unsigned depth;
    struct {
        size_t at; /* of the 5-byte head that pack_end fills in */
        uint32_t count;
        bool map;
    } open[PACK_DEPTH_MAX];
};

void pack_init(struct pack *pack);
void pack_dispose(struct pack *pack);

/* `key` is NULL for an element of an array and for the outermost value. */
void pack_begin_map(struct pack *pack, const char *key);
void pack_begin_array(struct pack *pack, const char *key);
void pack_end(struct pack *pack);

void pack_nil(struct pack *pack, const char *key);
void pack_bool(struct pack *pack, const char *key, bool value);
void pack_u64(struct pack *pack, const char *key, uint64_t value);
void pack_i64(struct pack *pack, const char *key, int64_t value);
void pack_double(struct pack *pack, const char *key, double value);
void pack_text(struct pack *pack, const char *key,
               const char *value); /* NULL: nil; made valid UTF-8 */
void pack_format(struct pack *pack, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void pack_id(struct pack *pack, const char *key, const struct id *value); /* hex text */
void pack_hex(struct pack *pack, const char *key, struct bytes value);    /* at most 64 bytes */
void pack_endpoint(struct pack *pack, const char *key,
                   const struct endpoint *value);                   /* text; family 0: nil */
void pack_time(struct pack *pack, const char *key, int64_t unix_s); /* RFC 3339; 0: nil */
void pack_bin(struct pack *pack, const char *key, const void *data, size_t len);
/* The fields of `map`, which a closed pack made, become fields of the map open in `pack`. */
void pack_fields(struct pack *pack, struct bytes map);
