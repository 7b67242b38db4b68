#include "daemon/pack.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <msgpack.h>

#include "content/names.h"

#define HEAD_SIZE 5 /* map 32 or array 32: a type byte and a u32, filled in when it is closed */
#define MAP_32    0xdf
#define ARRAY_32  0xdd

#define TEXT_SIZE    512 /* bytes of a formatted text; longer ones are cut */
#define RFC3339_SIZE 32

static int write_out(void *user, const char *data, size_t len)
{
    struct buffer *out = user;
    buffer_add(out, data, len);
    return out->failed ? -1 : 0;
}

static msgpack_packer packer_of(struct pack *pack)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, &pack->out, write_out);
    return packer;
}

void pack_init(struct pack *pack)
{
    memset(pack, 0, sizeof *pack);
    buffer_init(&pack->out);
}

void pack_dispose(struct pack *pack)
{
    buffer_dispose(&pack->out);
}

static void put_text(struct pack *pack, const char *text, size_t len)
{
    msgpack_packer packer = packer_of(pack);
    msgpack_pack_str(&packer, len);
    msgpack_pack_str_body(&packer, text, len);
}

/* Counts the value that follows and writes its key. */
static void begin_value(struct pack *pack, const char *key)
{
    if (pack->depth == 0)
        return;
    assert(pack->open[pack->depth - 1].map == (key != NULL));
    pack->open[pack->depth - 1].count++;
    if (key != NULL)
        put_text(pack, key, strlen(key));
}

/* ---- maps and arrays ---- */

static void begin(struct pack *pack, const char *key, bool map)
{
    static const uint8_t head[HEAD_SIZE];
    begin_value(pack, key);
    assert(pack->depth < PACK_DEPTH_MAX);
    pack->open[pack->depth].at = pack->out.len;
    pack->open[pack->depth].count = 0;
    pack->open[pack->depth].map = map;
    pack->depth++;
    buffer_add(&pack->out, head, HEAD_SIZE);
}

void pack_begin_map(struct pack *pack, const char *key)
{
    begin(pack, key, true);
}

void pack_begin_array(struct pack *pack, const char *key)
{
    begin(pack, key, false);
}

void pack_end(struct pack *pack)
{
    assert(pack->depth > 0);
    pack->depth--;
    if (pack->out.failed)
        return;
    uint8_t *head = pack->out.data + pack->open[pack->depth].at;
    head[0] = pack->open[pack->depth].map ? MAP_32 : ARRAY_32;
    write_u32(head + 1, pack->open[pack->depth].count);
}

void pack_fields(struct pack *pack, struct bytes map)
{
    assert(pack->depth > 0 && pack->open[pack->depth - 1].map);
    if (map.len < HEAD_SIZE || map.data[0] != MAP_32)
        return;
    pack->open[pack->depth - 1].count += read_u32(map.data + 1);
    buffer_add(&pack->out, map.data + HEAD_SIZE, map.len - HEAD_SIZE);
}

/* ---- values ---- */

void pack_nil(struct pack *pack, const char *key)
{
    begin_value(pack, key);
    msgpack_packer packer = packer_of(pack);
    msgpack_pack_nil(&packer);
}

void pack_bool(struct pack *pack, const char *key, bool value)
{
    begin_value(pack, key);
    msgpack_packer packer = packer_of(pack);
    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void pack_u64(struct pack *pack, const char *key, uint64_t value)
{
    begin_value(pack, key);
    msgpack_packer packer = packer_of(pack);
    msgpack_pack_uint64(&packer, value);
}

void pack_i64(struct pack *pack, const char *key, int64_t value)
{
    begin_value(pack, key);
    msgpack_packer packer = packer_of(pack);
    msgpack_pack_int64(&packer, value);
}

void pack_double(struct pack *pack, const char *key, double value)
{
    if (!isfinite(value)) { /* JSON has no such numbers */
        pack_nil(pack, key);
        return;
    }
    begin_value(pack, key);
    msgpack_packer packer = packer_of(pack);
    msgpack_pack_double(&packer, value);
}

/* Bytes of the UTF-8 character that `text` starts with; 0: none. */
static size_t character_size(const char *text, size_t len)
{
    for (size_t size = 1; size <= 4 && size <= len; size++)
        if (names_is_utf8(text, size))
            return size;
    return 0;
}

static void put_repaired(struct pack *pack, const char *text, size_t len)
{
    struct buffer good;
    buffer_init(&good);
    while (len > 0) {
        size_t size = character_size(text, len);
        if (size == 0)
            buffer_add_byte(&good, '?');
        else
            buffer_add(&good, text, size);
        text += size > 0 ? size : 1;
        len -= size > 0 ? size : 1;
    }
    if (good.failed)
        pack->out.failed = true;
    else
        put_text(pack, (const char *)good.data, good.len);
    buffer_dispose(&good);
}

void pack_text(struct pack *pack, const char *key, const char *value)
{
    if (value == NULL) {
        pack_nil(pack, key);
        return;
    }
    size_t len = strlen(value);
    begin_value(pack, key);
    if (names_is_utf8(value, len))
        put_text(pack, value, len);
    else
        put_repaired(pack, value, len);
}

void pack_format(struct pack *pack, const char *key, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pack_text(pack, key, text);
}

void pack_hex(struct pack *pack, const char *key, struct bytes value)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * 64 + 1];
    assert(value.len <= 64);
    for (size_t i = 0; i < value.len; i++) {
        text[2 * i] = digits[value.data[i] >> 4];
        text[2 * i + 1] = digits[value.data[i] & 15];
    }
    text[2 * value.len] = 0;
    pack_text(pack, key, text);
}

void pack_id(struct pack *pack, const char *key, const struct id *value)
{
    char hex[ID_HEX_SIZE];
    id_to_hex(value, hex);
    pack_text(pack, key, hex);
}

void pack_endpoint(struct pack *pack, const char *key, const struct endpoint *value)
{
    char text[ENDPOINT_TEXT_SIZE];
    if (value->family == ENDPOINT_NONE) {
        pack_nil(pack, key);
        return;
    }
    endpoint_format(value, text);
    pack_text(pack, key, text);
}

void pack_time(struct pack *pack, const char *key, int64_t unix_s)
{
    char text[RFC3339_SIZE];
    struct tm parts;
    time_t when = (time_t)unix_s;
    if (unix_s == 0 || gmtime_r(&when, &parts) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        pack_nil(pack, key);
        return;
    }
    pack_text(pack, key, text);
}

void pack_bin(struct pack *pack, const char *key, const void *data, size_t len)
{
    begin_value(pack, key);
    msgpack_packer packer = packer_of(pack);
    msgpack_pack_bin(&packer, len);
    msgpack_pack_bin_body(&packer, data, len);
}
