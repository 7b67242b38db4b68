#include "base/frame.h"

/* One value's head: how many bytes it takes, what follows it as bytes and as further values. */
struct head {
    size_t size;
    uint64_t payload;
    uint64_t values;
};

void frame_init(struct frame *frame)
{
    *frame = (struct frame){.wanted = 1};
}

static uint64_t read_length(const uint8_t *p, size_t width)
{
    return width == 1 ? p[0] : width == 2 ? read_u16(p) : read_u32(p);
}

/* Types whose head holds a length: msgpack's bin, ext, str, array, map, 8 to 32 bits wide. */
static bool sized_head(uint8_t type, size_t *width, size_t *extra, unsigned *per_item)
{
    *extra = 0;
    *per_item = 0;
    switch (type) {
    case 0xc4:
    case 0xc5:
    case 0xc6: /* bin */
        *width = 1u << (type - 0xc4);
        return true;
    case 0xc7:
    case 0xc8:
    case 0xc9: /* ext: a type byte more */
        *width = 1u << (type - 0xc7);
        *extra = 1;
        return true;
    case 0xd9:
    case 0xda:
    case 0xdb: /* str */
        *width = 1u << (type - 0xd9);
        return true;
    case 0xdc:
    case 0xdd: /* array */
        *width = 2u << (type - 0xdc);
        *per_item = 1;
        return true;
    case 0xde:
    case 0xdf: /* map */
        *width = 2u << (type - 0xde);
        *per_item = 2;
        return true;
    }
    return false;
}

static struct head plain_head(uint8_t type)
{
    static const uint8_t numbers[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8}; /* 0xca … 0xd3 */
    struct head head = {.size = 1};
    if (type >= 0xca && type <= 0xd3)
        head.payload = numbers[type - 0xca];
    else if (type >= 0xd4 && type <= 0xd8) /* fixext */
        head.payload = 1 + (1u << (type - 0xd4));
    else if (type >= 0x80 && type <= 0x8f)
        head.values = 2u * (type & 0x0f);
    else if (type >= 0x90 && type <= 0x9f)
        head.values = type & 0x0f;
    else if (type >= 0xa0 && type <= 0xbf)
        head.payload = type & 0x1f;
    return head;
}

/* False: the head itself is not all there yet. */
static bool read_head(struct bytes data, struct head *out)
{
    size_t width, extra;
    unsigned per_item;
    if (!sized_head(data.data[0], &width, &extra, &per_item)) {
        *out = plain_head(data.data[0]);
        return true;
    }
    if (data.len < 1 + width)
        return false;
    uint64_t length = read_length(data.data + 1, width);
    *out = (struct head){.size = 1 + width};
    if (per_item > 0)
        out->values = length * per_item;
    else
        out->payload = length + extra;
    return true;
}

/* One value with so many inside has begun. False: it lies too deep. */
static bool enter(struct frame *frame, uint64_t values)
{
    if (frame->depth > 0)
        frame->left[frame->depth - 1]--;
    if (values > 0 && frame->depth == FRAME_DEPTH_MAX)
        return false;
    if (values > 0)
        frame->left[frame->depth++] = values;
    while (frame->depth > 0 && frame->left[frame->depth - 1] == 0)
        frame->depth--;
    return true;
}

enum frame_result frame_feed(struct frame *frame, struct bytes data, size_t most)
{
    while (frame->wanted > 0) {
        struct head head;
        if (frame->at >= data.len)
            return FRAME_PARTIAL;
        if (data.data[frame->at] == 0xc1)
            return FRAME_BAD;
        if (!read_head(bytes_of(data.data + frame->at, data.len - frame->at), &head))
            return FRAME_PARTIAL;
        uint64_t end = frame->at + head.size + head.payload;
        if (end + frame->wanted - 1 + head.values > most || !enter(frame, head.values))
            return FRAME_BAD;
        frame->at = (size_t)end;
        frame->wanted += head.values - 1;
    }
    return frame->at <= data.len ? FRAME_WHOLE : FRAME_PARTIAL;
}
