/* Bencode [BEP 3]: reading as views into the bytes given, writing onto a buffer.
 *
 * Nothing is copied and nothing allocated, so no length in the data costs memory; nothing recurses.
 * Strict: integers and string lengths in their shortest form ("i-0e", "i03e", "03:abc" are
 * refused), integers within 64 bits, keys are strings, at most BENCODE_DEPTH_MAX deep. Keys need
 * not be sorted; of a key that comes twice the first counts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

enum bencode_type {
    BENCODE_INTEGER,
    BENCODE_STRING,
    BENCODE_LIST,
    BENCODE_DICT,
};

struct bencode {
    enum bencode_type type;
    int64_t integer;     /* BENCODE_INTEGER */
    struct bytes string; /* BENCODE_STRING: its content */
    struct bytes raw;    /* the value as it stands, "d" to "e": what to hash or hand on */
};

/* ---- reading: all views are borrowed from `data` ---- */

/* One value at the start of `data`, checked to its end with all that is inside. `*rest` gets what
 * follows it (the payload of a metadata message [BEP 9]); with `rest` NULL nothing may follow.
 * STATUS_MALFORMED; STATUS_TOO_BIG: nested too deep. O(data). */
enum status bencode_parse(struct bytes data, struct bencode *out, struct bytes *rest);

/* Walks a list or dictionary that came from bencode_parse:
 *     struct bencode_cursor cursor = bencode_first(&dict);
 *     while (bencode_next(&cursor, &key, &value)) … */
struct bencode_cursor {
    struct bytes rest;
    bool keyed;
};
struct bencode_cursor bencode_first(const struct bencode *container); /* others: as if empty */
/* `key` is empty in a list, and may be NULL. False at the end. */
bool bencode_next(struct bencode_cursor *cursor, struct bytes *key, struct bencode *value);

/* False when `dict` is none, lacks the key, or the value is of another type; *out is then
 * untouched. O(size of the dictionary). */
bool bencode_find(const struct bencode *dict, const char *key, struct bencode *out);
bool bencode_find_integer(const struct bencode *dict, const char *key, int64_t *out);
bool bencode_find_string(const struct bencode *dict, const char *key, struct bytes *out);
/* A list or dictionary, as `type` says. */
bool bencode_find_container(const struct bencode *dict, const char *key, enum bencode_type type,
                            struct bencode *out);

/* ---- writing: check buffer->failed once, at the end ---- */

/* Keys are strings; the writer must give them in byte order. */
void bencode_put_integer(struct buffer *out, int64_t value);
void bencode_put_string(struct buffer *out, struct bytes value);
void bencode_put_text(struct buffer *out, const char *value);
void bencode_begin_dict(struct buffer *out);
void bencode_begin_list(struct buffer *out);
void bencode_end(struct buffer *out);
