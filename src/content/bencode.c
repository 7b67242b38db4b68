#include "content/bencode.h"

#include <string.h>

#include "content/params.h"

/* What one look at the front of the data gives. */
enum token_type { TOKEN_INTEGER, TOKEN_STRING, TOKEN_LIST, TOKEN_DICT, TOKEN_END };

struct token {
    enum token_type type;
    int64_t integer;
    struct bytes string;
    size_t len; /* bytes of the token itself */
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Shortest-form digits from `at` on, value at most `max`. Returns how many, 0: malformed. */
static size_t read_digits(struct bytes data, size_t at, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    size_t n = 0;
    for (; at + n < data.len && is_digit(data.data[at + n]); n++) {
        unsigned digit = (unsigned)(data.data[at + n] - '0');
        if ((n == 1 && value == 0) || digit > max || value > (max - digit) / 10)
            return 0;
        value = value * 10 + digit;
    }
    *out = value;
    return n;
}

static bool read_integer(struct bytes data, struct token *out)
{
    bool negative = data.len > 1 && data.data[1] == '-';
    size_t at = 1 + (size_t)negative;
    uint64_t value;
    size_t digits = read_digits(data, at, (uint64_t)INT64_MAX + negative, &value);
    if (digits == 0 || at + digits >= data.len || data.data[at + digits] != 'e' ||
        (negative && value == 0))
        return false;
    *out = (struct token){.type = TOKEN_INTEGER,
                          .integer = negative ? -(int64_t)(value - 1) - 1 : (int64_t)value,
                          .len = at + digits + 1};
    return true;
}

static bool read_string(struct bytes data, struct token *out)
{
    uint64_t len;
    size_t digits = read_digits(data, 0, data.len, &len);
    if (digits == 0 || digits >= data.len || data.data[digits] != ':' ||
        len > data.len - digits - 1)
        return false;
    *out = (struct token){.type = TOKEN_STRING,
                          .string = bytes_of(data.data + digits + 1, (size_t)len),
                          .len = digits + 1 + (size_t)len};
    return true;
}

static bool read_token(struct bytes data, struct token *out)
{
    if (data.len == 0)
        return false;
    *out = (struct token){.len = 1};
    switch (data.data[0]) {
    case 'i':
        return read_integer(data, out);
    case 'l':
        out->type = TOKEN_LIST;
        return true;
    case 'd':
        out->type = TOKEN_DICT;
        return true;
    case 'e':
        out->type = TOKEN_END;
        return true;
    default:
        return read_string(data, out);
    }
}

/* Where the walk stands inside each open container. */
enum place { PLACE_LIST, PLACE_KEY, PLACE_VALUE };

struct walk {
    uint8_t places[BENCODE_DEPTH_MAX];
    unsigned depth;
};

/* Accepts a token in its place, opening and closing containers. */
static enum status walk_step(struct walk *walk, enum token_type type)
{
    uint8_t *place = walk->depth > 0 ? &walk->places[walk->depth - 1] : NULL;
    if (type == TOKEN_END) {
        if (place == NULL || *place == PLACE_VALUE)
            return STATUS_MALFORMED;
        walk->depth--;
        return STATUS_OK;
    }
    if (place != NULL && *place == PLACE_KEY && type != TOKEN_STRING)
        return STATUS_MALFORMED;
    if (place != NULL && *place != PLACE_LIST)
        *place = *place == PLACE_KEY ? PLACE_VALUE : PLACE_KEY;
    if (type == TOKEN_INTEGER || type == TOKEN_STRING)
        return STATUS_OK;
    if (walk->depth == BENCODE_DEPTH_MAX)
        return STATUS_TOO_BIG;
    walk->places[walk->depth++] = type == TOKEN_LIST ? PLACE_LIST : PLACE_KEY;
    return STATUS_OK;
}

static struct bytes drop(struct bytes data, size_t len)
{
    return bytes_of(data.data + len, data.len - len);
}

static struct bencode value_of(const struct token *token)
{
    static const enum bencode_type types[] = {[TOKEN_INTEGER] = BENCODE_INTEGER,
                                              [TOKEN_STRING] = BENCODE_STRING,
                                              [TOKEN_LIST] = BENCODE_LIST,
                                              [TOKEN_DICT] = BENCODE_DICT};
    struct bencode value = {.type = types[token->type]};
    if (token->type == TOKEN_INTEGER)
        value.integer = token->integer;
    if (token->type == TOKEN_STRING)
        value.string = token->string;
    return value;
}

enum status bencode_parse(struct bytes data, struct bencode *out, struct bytes *rest)
{
    struct walk walk = {.depth = 0};
    struct bytes left = data;
    struct bencode value = {0};
    do {
        struct token token;
        if (!read_token(left, &token))
            return STATUS_MALFORMED;
        enum status status = walk_step(&walk, token.type);
        if (status != STATUS_OK)
            return status;
        if (left.len == data.len)
            value = value_of(&token);
        left = drop(left, token.len);
    } while (walk.depth > 0);
    if (rest == NULL && left.len > 0)
        return STATUS_MALFORMED;
    value.raw = bytes_of(data.data, data.len - left.len);
    *out = value;
    if (rest != NULL)
        *rest = left;
    return STATUS_OK;
}

struct bencode_cursor bencode_first(const struct bencode *container)
{
    if (container->type != BENCODE_LIST && container->type != BENCODE_DICT)
        return (struct bencode_cursor){.rest = {NULL, 0}};
    return (struct bencode_cursor){.rest =
                                       bytes_of(container->raw.data + 1, container->raw.len - 2),
                                   .keyed = container->type == BENCODE_DICT};
}

bool bencode_next(struct bencode_cursor *cursor, struct bytes *key, struct bencode *value)
{
    struct bencode name = {.string = {NULL, 0}};
    struct bytes left = cursor->rest;
    if (left.len == 0)
        return false;
    if (cursor->keyed && bencode_parse(left, &name, &left) != STATUS_OK)
        return false;
    if (bencode_parse(left, value, &left) != STATUS_OK)
        return false;
    if (key != NULL)
        *key = name.string;
    cursor->rest = left;
    return true;
}

bool bencode_find(const struct bencode *dict, const char *key, struct bencode *out)
{
    if (dict->type != BENCODE_DICT)
        return false;
    struct bytes wanted = bytes_of_string(key), found;
    struct bencode_cursor cursor = bencode_first(dict);
    struct bencode value;
    while (bencode_next(&cursor, &found, &value)) {
        if (bytes_equal(found, wanted)) {
            *out = value;
            return true;
        }
    }
    return false;
}

bool bencode_find_integer(const struct bencode *dict, const char *key, int64_t *out)
{
    struct bencode value;
    if (!bencode_find(dict, key, &value) || value.type != BENCODE_INTEGER)
        return false;
    *out = value.integer;
    return true;
}

bool bencode_find_string(const struct bencode *dict, const char *key, struct bytes *out)
{
    struct bencode value;
    if (!bencode_find(dict, key, &value) || value.type != BENCODE_STRING)
        return false;
    *out = value.string;
    return true;
}

bool bencode_find_container(const struct bencode *dict, const char *key, enum bencode_type type,
                            struct bencode *out)
{
    struct bencode value;
    if (!bencode_find(dict, key, &value) || value.type != type)
        return false;
    *out = value;
    return true;
}

void bencode_put_integer(struct buffer *out, int64_t value)
{
    buffer_add_format(out, "i%llde", (long long)value);
}

void bencode_put_string(struct buffer *out, struct bytes value)
{
    buffer_add_format(out, "%zu:", value.len);
    buffer_add(out, value.data, value.len);
}

void bencode_put_text(struct buffer *out, const char *value)
{
    bencode_put_string(out, bytes_of_string(value));
}

void bencode_begin_dict(struct buffer *out)
{
    buffer_add_byte(out, 'd');
}

void bencode_begin_list(struct buffer *out)
{
    buffer_add_byte(out, 'l');
}

void bencode_end(struct buffer *out)
{
    buffer_add_byte(out, 'e');
}
