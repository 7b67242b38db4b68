#include "people/head.h"

#include <assert.h>

#include "kadpeer/records.h"
#include "people/fields.h"

/*   v uint 1             e u32     epoch            h bin 32   SHA-256 of the sealed roster
 *   l u32 its length     i bool    index            p bin      keys of parts, 20 bytes each
 *   x bin 32 mailbox     j uint    join policy      k u16      key pages
 *   m bin 8  mark of the epoch
 */

enum {
    HEAD_PAIRS = 10,
    HEAD_BOUND = 740,
    ROSTER_LEN_MAX = ROSTER_PARTS_MAX * PART_BYTES_MAX,
};

uint32_t head_roster_parts(uint32_t roster_len)
{
    return roster_len / PART_BYTES_MAX + (roster_len % PART_BYTES_MAX != 0);
}

uint32_t head_keys_needed(uint32_t roster_len)
{
    uint32_t parts = head_roster_parts(roster_len);
    return parts <= HEAD_PARTS_MAX ? parts : (parts + INDEX_PARTS_MAX - 1) / INDEX_PARTS_MAX;
}

static bool is_consistent(const struct head_body *body)
{
    return body->epoch > 0 && body->roster_len > 0 && body->roster_len <= ROSTER_LEN_MAX &&
           body->index == (head_roster_parts(body->roster_len) > HEAD_PARTS_MAX) &&
           body->part_count == head_keys_needed(body->roster_len) && body->keypages > 0 &&
           body->keypages <= GROUP_KEYPAGES_MAX;
}

void head_body_encode(const struct head_body *body, struct buffer *out)
{
    assert(is_consistent(body));
    struct msgpack_writer writer = fields_begin(out, HEAD_BOUND, HEAD_PAIRS);
    fields_write_uint(&writer, 'e', body->epoch);
    fields_write_bin(&writer, 'h', body->roster_sha256, sizeof body->roster_sha256);
    fields_write_uint(&writer, 'l', body->roster_len);
    fields_write_bool(&writer, 'i', body->index);
    fields_write_bin(&writer, 'p', body->parts, (size_t)body->part_count * ID_BYTES);
    fields_write_bin(&writer, 'x', body->box_public, sizeof body->box_public);
    fields_write_uint(&writer, 'j', (uint64_t)body->policy);
    fields_write_uint(&writer, 'k', body->keypages);
    fields_write_bin(&writer, 'm', body->mark, sizeof body->mark);
    fields_end(&writer, out);
}

static bool read_parts(struct msgpack_reader *reader, struct head_body *out)
{
    struct bytes keys;
    if (!fields_read_bin(reader, 'p', sizeof out->parts, &keys) || keys.len % ID_BYTES != 0)
        return false;
    out->part_count = (uint8_t)(keys.len / ID_BYTES);
    memcpy(out->parts, keys.data, keys.len);
    return true;
}

static bool read_policy(struct msgpack_reader *reader, enum join_policy *out)
{
    uint16_t value;
    if (!fields_read_u16(reader, 'j', &value) || value > JOIN_ON_REQUEST)
        return false;
    *out = (enum join_policy)value;
    return true;
}

bool head_body_decode(struct bytes body, struct head_body *out)
{
    struct msgpack_reader reader = msgpack_reader_shortest(body);
    *out = (struct head_body){0};
    return fields_read_begin(&reader, HEAD_PAIRS) && fields_read_u32(&reader, 'e', &out->epoch) &&
           fields_read_fixed(&reader, 'h', out->roster_sha256, sizeof out->roster_sha256) &&
           fields_read_u32(&reader, 'l', &out->roster_len) &&
           fields_read_bool(&reader, 'i', &out->index) && read_parts(&reader, out) &&
           fields_read_fixed(&reader, 'x', out->box_public, sizeof out->box_public) &&
           read_policy(&reader, &out->policy) && fields_read_u16(&reader, 'k', &out->keypages) &&
           fields_read_fixed(&reader, 'm', out->mark, sizeof out->mark) &&
           msgpack_at_end(&reader) && is_consistent(out);
}
