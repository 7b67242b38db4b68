#include "cli/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#define PATH_MAX_BYTES 64

/* Bytes that are not UTF-8, and zero bytes, become '?'. */
static json_t *json_of_text(const char *text, size_t len)
{
    json_t *value = json_stringn(text, len);
    if (value != NULL && memchr(text, 0, len) == NULL)
        return value;
    json_decref(value);
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    for (size_t at = 0; at < len;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t took = utf8proc_iterate((const utf8proc_uint8_t *)copy + at,
                                                 (utf8proc_ssize_t)(len - at), &code);
        if (took <= 0 || code == 0) {
            copy[at] = '?';
            took = 1;
        }
        at += (size_t)took;
    }
    value = json_stringn(copy, len);
    free(copy);
    return value;
}

static json_t *json_of_bytes(const char *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * len + 1);
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[(uint8_t)data[i] >> 4];
        text[2 * i + 1] = digits[(uint8_t)data[i] & 15];
    }
    json_t *value = json_stringn(text, 2 * len);
    free(text);
    return value;
}

static json_t *json_of_map(const msgpack_object_map *map)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object *key = &map->ptr[i].key;
        char name[PATH_MAX_BYTES];
        if (key->type != MSGPACK_OBJECT_STR || key->via.str.size >= sizeof name)
            continue;
        memcpy(name, key->via.str.ptr, key->via.str.size);
        name[key->via.str.size] = 0;
        json_object_set_new(object, name, json_from_msgpack(&map->ptr[i].val));
    }
    return object;
}

static json_t *json_of_array(const msgpack_object_array *array)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < array->size; i++)
        json_array_append_new(list, json_from_msgpack(&array->ptr[i]));
    return list;
}

json_t *json_from_msgpack(const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(object->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return object->via.u64 > INT64_MAX ? json_real((double)object->via.u64)
                                           : json_integer((json_int_t)object->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(object->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return isfinite(object->via.f64) ? json_real(object->via.f64) : json_null();
    case MSGPACK_OBJECT_STR:
        return json_of_text(object->via.str.ptr, object->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return json_of_bytes(object->via.bin.ptr, object->via.bin.size);
    case MSGPACK_OBJECT_ARRAY:
        return json_of_array(&object->via.array);
    case MSGPACK_OBJECT_MAP:
        return json_of_map(&object->via.map);
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_EXT:
        break;
    }
    return json_null();
}

json_t *json_at(const json_t *object, const char *path)
{
    json_t *value = NULL;
    for (const json_t *holder = object; holder != NULL; holder = value) {
        char key[PATH_MAX_BYTES];
        size_t len = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)len, path);
        value = json_object_get(holder, key);
        if (path[len] == 0)
            break;
        path += len + 1;
    }
    return json_is_null(value) ? NULL : value;
}

const char *json_text(const json_t *object, const char *path, const char *otherwise)
{
    const char *text = json_string_value(json_at(object, path));
    return text != NULL ? text : otherwise;
}

/* What lies beyond the range is its end. */
static int64_t whole_of(double value)
{
    if (value >= 0x1p63)
        return INT64_MAX;
    return value <= -0x1p63 ? INT64_MIN : (int64_t)value;
}

int64_t json_whole(const json_t *object, const char *path, int64_t otherwise)
{
    const json_t *value = json_at(object, path);
    return json_is_integer(value) ? json_integer_value(value)
           : json_is_real(value)  ? whole_of(json_real_value(value))
                                  : otherwise;
}

double json_decimal(const json_t *object, const char *path, double otherwise)
{
    const json_t *value = json_at(object, path);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool json_yes(const json_t *object, const char *path, bool otherwise)
{
    const json_t *value = json_at(object, path);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

json_t *json_list(const json_t *object, const char *path)
{
    json_t *value = json_at(object, path);
    return json_is_array(value) ? value : NULL;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool json_bytes(const json_t *object, const char *path, struct buffer *out)
{
    const char *text = json_text(object, path, NULL);
    if (text == NULL || strlen(text) % 2 != 0)
        return false;
    for (; *text != 0; text += 2) {
        int high = hex_digit(text[0]), low = hex_digit(text[1]);
        if (high < 0 || low < 0)
            return false;
        buffer_add_byte(out, (uint8_t)(high << 4 | low));
    }
    return !out->failed;
}

void json_write_line(FILE *out, const json_t *value)
{
    json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    fputc('\n', out);
    fflush(out);
}

static json_t *with_fields(json_t *object, const json_t *fields)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)fields, key, value)
    {
        if (json_object_get(object, key) == NULL)
            json_object_set(object, key, value);
    }
    return object;
}

json_t *json_envelope(const char *event, bool ok, const json_t *fields)
{
    json_t *object = json_pack("{s:i}", "v", 1);
    if (event != NULL)
        json_object_set_new(object, "event", json_string(event));
    json_object_set_new(object, "ok", json_boolean(ok));
    return with_fields(object, fields);
}

json_t *json_event(const char *event, const json_t *fields)
{
    return with_fields(json_pack("{s:i,s:s}", "v", 1, "event", event), fields);
}
