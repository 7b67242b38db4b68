/* JSON values: from msgpack, and read by key. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>
#include <msgpack.h>

#include "kadpeer/buffer.h"

/* Keeps integers, order of keys; bytes become lower-case hexadecimal, invalid UTF-8 gets '?', what
 * has no place in JSON (NaN, ext) becomes null. NULL: no memory. */
json_t *json_from_msgpack(const msgpack_object *object);

/* `path` is a key, or several separated by '.'. Missing, null or of another type: `otherwise`. */
json_t *json_at(const json_t *object, const char *path); /* borrowed; NULL: missing or null */
const char *json_text(const json_t *object, const char *path, const char *otherwise);
int64_t json_whole(const json_t *object, const char *path, int64_t otherwise);
double json_decimal(const json_t *object, const char *path, double otherwise);
bool json_yes(const json_t *object, const char *path, bool otherwise);
json_t *json_list(const json_t *object, const char *path); /* borrowed; NULL: no array */
/* Bytes that came as hexadecimal are added to `out`; false: none. */
bool json_bytes(const json_t *object, const char *path, struct buffer *out);

/* One line: compact, keys in their order, numbers with at most 15 digits; flushed. */
void json_write_line(FILE *out, const json_t *value);

/* {"v":1, ["event":…,] "ok":…, then the fields of `fields`, which may be NULL}. */
json_t *json_envelope(const char *event, bool ok, const json_t *fields);
/* {"v":1,"event":…, then fields}: one object of a stream that is not its end. */
json_t *json_event(const char *event, const json_t *fields);
