#include "daemon/control_private.h"

#include <string.h>

#include "daemon/params.h"

static bool key_is(const msgpack_object *key, const char *name)
{
    return key->type == MSGPACK_OBJECT_STR && key->via.str.size == strlen(name) &&
           memcmp(key->via.str.ptr, name, key->via.str.size) == 0;
}

const msgpack_object *call_param(const struct call *call, const char *key)
{
    if (call->params == NULL)
        return NULL;
    const msgpack_object_map *map = &call->params->via.map;
    for (uint32_t i = 0; i < map->size; i++)
        if (key_is(&map->ptr[i].key, key))
            return map->ptr[i].val.type != MSGPACK_OBJECT_NIL ? &map->ptr[i].val : NULL;
    return NULL;
}

/* A copy that ends with a zero and lives as long as the call; NULL: no text, or one with a zero
 * inside. */
static const char *copy_text(const struct call *call, const msgpack_object *object)
{
    if (object == NULL || object->type != MSGPACK_OBJECT_STR)
        return NULL;
    const msgpack_object_str *text = &object->via.str;
    if (memchr(text->ptr, 0, text->size) != NULL)
        return NULL;
    char *copy = msgpack_zone_malloc(call->unpacked.zone, (size_t)text->size + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text->ptr, text->size);
    copy[text->size] = 0;
    return copy;
}

const char *call_text(const struct call *call, const char *key, const char *otherwise)
{
    const char *text = copy_text(call, call_param(call, key));
    return text != NULL ? text : otherwise;
}

bool call_bool(const struct call *call, const char *key, bool otherwise)
{
    const msgpack_object *object = call_param(call, key);
    return object != NULL && object->type == MSGPACK_OBJECT_BOOLEAN ? object->via.boolean
                                                                    : otherwise;
}

static bool is_float(const msgpack_object *object)
{
    return object->type == MSGPACK_OBJECT_FLOAT32 || object->type == MSGPACK_OBJECT_FLOAT64;
}

int64_t call_number(const struct call *call, const char *key, int64_t otherwise)
{
    const msgpack_object *object = call_param(call, key);
    if (object == NULL)
        return otherwise;
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= INT64_MAX)
        return (int64_t)object->via.u64;
    if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return object->via.i64;
    if (is_float(object) && object->via.f64 > -1e18 && object->via.f64 < 1e18)
        return (int64_t)object->via.f64;
    return otherwise;
}

double call_double(const struct call *call, const char *key, double otherwise)
{
    const msgpack_object *object = call_param(call, key);
    if (object == NULL)
        return otherwise;
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        return (double)object->via.u64;
    if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return (double)object->via.i64;
    return is_float(object) ? object->via.f64 : otherwise;
}

uint64_t call_ms(const struct call *call, const char *key, double otherwise_s)
{
    double ms = call_double(call, key, otherwise_s) * 1000;
    if (!(ms > 0)) /* NaN too */
        return 0;
    return ms < CONTROL_WAIT_MAX_MS ? (uint64_t)ms : CONTROL_WAIT_MAX_MS;
}

size_t call_texts(const struct call *call, const char *key, const char *out[], size_t cap)
{
    const msgpack_object *object = call_param(call, key);
    size_t count = 0;
    if (object == NULL || object->type != MSGPACK_OBJECT_ARRAY)
        return 0;
    for (uint32_t i = 0; i < object->via.array.size && count < cap; i++) {
        const char *text = copy_text(call, &object->via.array.ptr[i]);
        if (text != NULL)
            out[count++] = text;
    }
    return count;
}
