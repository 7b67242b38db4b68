#include "kadpeer/msgpack_reader.h"

enum head_type {
    HEAD_NIL,
    HEAD_BOOL,
    HEAD_UINT,
    HEAD_OTHER,
    HEAD_STR,
    HEAD_BIN,
    HEAD_ARRAY,
    HEAD_MAP
};

/* What the first bytes of an object say  [MessagePack specification, "Formats"]. */
struct head {
    enum head_type type;
    uint64_t value;    /* of a bool or number; items of an array; pairs of a map */
    uint64_t body_len; /* bytes that follow and belong to it, members aside */
};

/* How an object whose first byte is 0xc0 to 0xdf goes on. */
struct format {
    bool valid;
    uint8_t type;      /* enum head_type */
    uint8_t size_len;  /* bytes of a length, count or number after the first */
    uint8_t fixed_len; /* bytes of body there are besides that length */
};

static const struct format formats[32] = {
    {true, HEAD_NIL, 0, 0},    {false, 0, 0, 0},         {true, HEAD_BOOL, 0, 0},
    {true, HEAD_BOOL, 0, 0},   {true, HEAD_BIN, 1, 0},   {true, HEAD_BIN, 2, 0},
    {true, HEAD_BIN, 4, 0},    {true, HEAD_OTHER, 1, 1}, {true, HEAD_OTHER, 2, 1}, /* ext */
    {true, HEAD_OTHER, 4, 1},  {true, HEAD_OTHER, 0, 4}, {true, HEAD_OTHER, 0, 8}, /* floats */
    {true, HEAD_UINT, 1, 0},   {true, HEAD_UINT, 2, 0},  {true, HEAD_UINT, 4, 0},
    {true, HEAD_UINT, 8, 0},   {true, HEAD_OTHER, 0, 1}, {true, HEAD_OTHER, 0, 2}, /* signed */
    {true, HEAD_OTHER, 0, 4},  {true, HEAD_OTHER, 0, 8}, {true, HEAD_OTHER, 0, 2}, /* fixext */
    {true, HEAD_OTHER, 0, 3},  {true, HEAD_OTHER, 0, 5}, {true, HEAD_OTHER, 0, 9},
    {true, HEAD_OTHER, 0, 17}, {true, HEAD_STR, 1, 0},   {true, HEAD_STR, 2, 0},
    {true, HEAD_STR, 4, 0},    {true, HEAD_ARRAY, 2, 0}, {true, HEAD_ARRAY, 4, 0},
    {true, HEAD_MAP, 2, 0},    {true, HEAD_MAP, 4, 0},
};

static uint64_t read_big_endian(const uint8_t *p, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | p[i];
    return value;
}

static struct head head_of_one_byte(uint8_t first)
{
    if (first < 0x80)
        return (struct head){HEAD_UINT, first, 0};
    if (first < 0x90)
        return (struct head){HEAD_MAP, first & 0x0f, 0};
    if (first < 0xa0)
        return (struct head){HEAD_ARRAY, first & 0x0f, 0};
    if (first < 0xc0)
        return (struct head){HEAD_STR, 0, first & 0x1f};
    return (struct head){HEAD_OTHER, 0, 0}; /* a negative number */
}

/* The least number, length or count that needs this many bytes. */
static uint64_t least_of_form(enum head_type type, unsigned size_len)
{
    switch (size_len) {
    case 1: /* there is no bin of less */
        return type == HEAD_UINT ? 0x80 : type == HEAD_STR ? 32 : 0;
    case 2:
        return type == HEAD_ARRAY || type == HEAD_MAP ? 16 : 0x100;
    case 4:
        return 0x10000;
    case 8:
        return 0x100000000;
    default:
        return 0;
    }
}

/* Reads a head and moves past it, to its body. False: cut off, longer than need be where that
 * counts, or the one unused byte, 0xc1. */
static bool read_head(struct msgpack_reader *reader, struct head *out)
{
    size_t left = (size_t)(reader->end - reader->at);
    if (left == 0)
        return false;
    uint8_t first = *reader->at;
    if (first < 0xc0 || first >= 0xe0) {
        *out = head_of_one_byte(first);
        reader->at++;
    } else {
        const struct format *format = &formats[first - 0xc0];
        if (!format->valid || left < 1u + format->size_len)
            return false;
        *out = (struct head){.type = format->type};
        uint64_t size = read_big_endian(reader->at + 1, format->size_len);
        if (reader->shortest && size < least_of_form(out->type, format->size_len))
            return false;
        if (out->type == HEAD_BOOL)
            out->value = first & 1;
        else if (out->type == HEAD_UINT || out->type == HEAD_ARRAY || out->type == HEAD_MAP)
            out->value = size;
        else
            out->body_len = size + format->fixed_len;
        reader->at += 1 + format->size_len;
    }
    return out->body_len <= (uint64_t)(reader->end - reader->at);
}

/* As read_head, but only one of this type; else the view stays. */
static bool read_typed(struct msgpack_reader *reader, enum head_type type, struct head *out)
{
    struct msgpack_reader ahead = *reader;
    if (!read_head(&ahead, out) || out->type != type)
        return false;
    *reader = ahead;
    return true;
}

static uint64_t members_of(const struct head *head)
{
    if (head->type == HEAD_ARRAY)
        return head->value;
    return head->type == HEAD_MAP ? 2 * head->value : 0;
}

/* Walks over one whole object without recursion: `open[d]` members are still to come at depth d. */
static bool walk(struct msgpack_reader *reader, unsigned items_max)
{
    uint64_t open[MSGPACK_DEPTH_MAX + 1] = {1};
    unsigned depth = 0, items = 0;
    for (;;) {
        while (open[depth] == 0) {
            if (depth == 0)
                return true;
            depth--;
        }
        struct head head;
        if (++items > items_max || !read_head(reader, &head))
            return false;
        open[depth]--;
        reader->at += head.body_len;
        if (head.type != HEAD_ARRAY && head.type != HEAD_MAP)
            continue;
        if (depth == MSGPACK_DEPTH_MAX || members_of(&head) > items_max)
            return false;
        open[++depth] = members_of(&head);
    }
}

bool msgpack_bounded(struct bytes data)
{
    struct msgpack_reader reader = msgpack_reader(data);
    return walk(&reader, MSGPACK_ITEMS_MAX) && msgpack_at_end(&reader);
}

struct msgpack_reader msgpack_reader(struct bytes data)
{
    static const uint8_t none[1];
    const uint8_t *at = data.data != NULL ? data.data : none;
    return (struct msgpack_reader){at, at + data.len, false};
}

struct msgpack_reader msgpack_reader_shortest(struct bytes data)
{
    struct msgpack_reader reader = msgpack_reader(data);
    reader.shortest = true;
    return reader;
}

bool msgpack_at_end(const struct msgpack_reader *reader)
{
    return reader->at == reader->end;
}

bool msgpack_read_nil(struct msgpack_reader *reader)
{
    struct head head;
    return read_typed(reader, HEAD_NIL, &head);
}

bool msgpack_read_bool(struct msgpack_reader *reader, bool *out)
{
    struct head head;
    if (!read_typed(reader, HEAD_BOOL, &head))
        return false;
    *out = head.value != 0;
    return true;
}

bool msgpack_read_uint(struct msgpack_reader *reader, uint64_t max, uint64_t *out)
{
    struct msgpack_reader ahead = *reader;
    struct head head;
    if (!read_typed(&ahead, HEAD_UINT, &head) || head.value > max)
        return false;
    *reader = ahead;
    *out = head.value;
    return true;
}

static bool read_run(struct msgpack_reader *reader, enum head_type type, struct bytes *out)
{
    struct head head;
    if (!read_typed(reader, type, &head))
        return false;
    *out = bytes_of(reader->at, (size_t)head.body_len);
    reader->at += head.body_len;
    return true;
}

bool msgpack_read_bin(struct msgpack_reader *reader, struct bytes *out)
{
    return read_run(reader, HEAD_BIN, out);
}

bool msgpack_read_str(struct msgpack_reader *reader, struct bytes *out)
{
    return read_run(reader, HEAD_STR, out);
}

static bool read_count(struct msgpack_reader *reader, enum head_type type, uint32_t *out)
{
    struct head head;
    if (!read_typed(reader, type, &head))
        return false;
    *out = (uint32_t)head.value;
    return true;
}

bool msgpack_read_array(struct msgpack_reader *reader, uint32_t *out_count)
{
    return read_count(reader, HEAD_ARRAY, out_count);
}

bool msgpack_read_map(struct msgpack_reader *reader, uint32_t *out_pairs)
{
    return read_count(reader, HEAD_MAP, out_pairs);
}

bool msgpack_skip(struct msgpack_reader *reader)
{
    struct msgpack_reader ahead = *reader;
    if (!walk(&ahead, MSGPACK_ITEMS_MAX))
        return false;
    *reader = ahead;
    return true;
}

bool msgpack_read_fixed(struct msgpack_reader *reader, void *out, size_t len)
{
    struct msgpack_reader ahead = *reader;
    struct bytes bin;
    if (!msgpack_read_bin(&ahead, &bin) || bin.len != len)
        return false;
    memcpy(out, bin.data, len);
    *reader = ahead;
    return true;
}
