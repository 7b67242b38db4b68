#include "dht/codec_msgpack.h"
#include "kadpeer/msgpack_reader.h"

/* One key of `args` or `result`. */
struct field {
    const char *name;
    const char *wrong;   /* what is answered when it is mistyped or comes twice */
    const char *missing; /* … or is needed and not there */
    bool (*read)(struct msgpack_reader *reader, struct message *out);
    unsigned bit;
};

#define FIELD(text, read, bit)                                                                     \
    {                                                                                              \
        text, text ": wrong type or size", text ": missing", read, bit                             \
    }

enum field_bit {
    HAS_ID = 1 << 0,
    HAS_NETWORK = 1 << 1,
    HAS_READ_ONLY = 1 << 2,
    HAS_VERSION = 1 << 3,
    HAS_TARGET = 1 << 4,
    HAS_KIND = 1 << 5,
    HAS_SEQ = 1 << 6,
    HAS_CURSOR = 1 << 7,
    HAS_TOKEN = 1 << 8,
    HAS_RECORDS = 1 << 9,
    HAS_PADDING = 1 << 10,
    HAS_ADDRESS = 1 << 11,
    HAS_TOTAL = 1 << 12,
    HAS_CODES = 1 << 13,
    HAS_VALUES = 1 << 14,
    HAS_NODES = 1 << 15,
    HAS_NODES6 = 1 << 16,
};

/* ---- fields of queries ---- */

static bool read_id(struct msgpack_reader *reader, struct message *out)
{
    return msgpack_read_fixed(reader, out->id.bytes, ID_BYTES);
}

static bool read_network(struct msgpack_reader *reader, struct message *out)
{
    uint64_t value;
    if (!msgpack_read_uint(reader, UINT32_MAX, &value))
        return false;
    out->network_id = (uint32_t)value;
    return true;
}

static bool read_read_only(struct msgpack_reader *reader, struct message *out)
{
    return msgpack_read_bool(reader, &out->read_only);
}

static bool read_version(struct msgpack_reader *reader, struct message *out)
{
    struct bytes text;
    if (!msgpack_read_str(reader, &text) || text.len > sizeof out->version)
        return false;
    memcpy(out->version, text.data, text.len);
    out->version_len = (uint8_t)text.len;
    return true;
}

static bool read_target(struct msgpack_reader *reader, struct message *out)
{
    return msgpack_read_fixed(reader, out->target.bytes, ID_BYTES);
}

static bool read_kind(struct msgpack_reader *reader, struct message *out)
{
    uint64_t value;
    if (!msgpack_read_uint(reader, UINT8_MAX, &value))
        return false;
    out->kind = (uint8_t)value;
    return true;
}

static bool read_seq(struct msgpack_reader *reader, struct message *out)
{
    out->has_seq = true;
    return msgpack_read_uint(reader, UINT64_MAX, &out->seq);
}

static bool read_cursor(struct msgpack_reader *reader, struct message *out)
{
    out->has_cursor = true;
    return msgpack_read_uint(reader, UINT64_MAX, &out->cursor);
}

static bool read_token(struct msgpack_reader *reader, struct message *out)
{
    struct bytes token;
    if (!msgpack_read_bin(reader, &token) || token.len > sizeof out->token)
        return false;
    memcpy(out->token, token.data, token.len);
    out->token_len = (uint8_t)token.len;
    return true;
}

static bool read_record(struct msgpack_reader *reader, struct message_record *out)
{
    uint32_t items;
    uint64_t kind, lifetime_s = 0;
    if (!msgpack_read_array(reader, &items) || items < 3 || items > 4 ||
        !msgpack_read_fixed(reader, out->key.bytes, ID_BYTES) ||
        !msgpack_read_uint(reader, UINT8_MAX, &kind) || !msgpack_read_bin(reader, &out->value))
        return false;
    if (items == 4 && (!msgpack_read_uint(reader, UINT32_MAX, &lifetime_s) || lifetime_s == 0))
        return false;
    out->kind = (uint8_t)kind;
    out->lifetime_s = (uint32_t)lifetime_s;
    return true;
}

static bool read_records(struct msgpack_reader *reader, struct message *out)
{
    uint32_t count;
    if (!msgpack_read_array(reader, &count) || count > MESSAGE_RECORDS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!read_record(reader, &out->records[i]))
            return false;
    out->record_count = (uint8_t)count;
    return true;
}

static bool read_padding(struct msgpack_reader *reader, struct message *out)
{
    struct bytes zeroes;
    if (!msgpack_read_bin(reader, &zeroes))
        return false;
    out->pad_to = (uint16_t)zeroes.len;
    return true;
}

/* ---- fields of responses ---- */

static bool read_address(struct msgpack_reader *reader, struct message *out)
{
    struct bytes compact;
    return msgpack_read_bin(reader, &compact) && endpoint_from_compact(compact, &out->seen_address);
}

static bool read_total(struct msgpack_reader *reader, struct message *out)
{
    uint64_t value;
    if (!msgpack_read_uint(reader, UINT32_MAX, &value))
        return false;
    out->total = (uint32_t)value;
    return true;
}

static bool read_codes(struct msgpack_reader *reader, struct message *out)
{
    uint32_t count;
    if (!msgpack_read_array(reader, &count) || count > MESSAGE_RECORDS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t code;
        if (!msgpack_read_uint(reader, UINT16_MAX, &code))
            return false;
        out->codes[i] = (uint16_t)code;
    }
    out->code_count = (uint8_t)count;
    return true;
}

/* A bin, or an address (empty: the answering node itself) and a bin. */
static bool read_value(struct msgpack_reader *reader, struct message_value *out)
{
    uint32_t items;
    struct bytes from;
    *out = (struct message_value){0};
    if (msgpack_read_bin(reader, &out->value))
        return true;
    out->with_from = true;
    return msgpack_read_array(reader, &items) && items == 2 && msgpack_read_bin(reader, &from) &&
           (from.len == 0 || endpoint_from_compact(from, &out->from)) &&
           msgpack_read_bin(reader, &out->value);
}

/* Values past our own bound are checked and left out: `c` need not be true for them. */
static bool read_values(struct msgpack_reader *reader, struct message *out)
{
    uint32_t count;
    struct message_value spare;
    if (!msgpack_read_array(reader, &count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!read_value(reader, i < MESSAGE_VALUES_MAX ? &out->values[i] : &spare))
            return false;
    out->has_values = true;
    out->value_count = (uint8_t)(count < MESSAGE_VALUES_MAX ? count : MESSAGE_VALUES_MAX);
    return true;
}

static bool read_node_run(struct msgpack_reader *reader, struct message *out, size_t compact_size)
{
    struct bytes run;
    size_t node_size = ID_BYTES + compact_size;
    if (!msgpack_read_bin(reader, &run) || run.len % node_size != 0)
        return false;
    out->has_nodes = true;
    for (size_t at = 0; at < run.len; at += node_size) {
        if (out->node_count == MESSAGE_NODES_MAX) {
            out->node_surplus++; /* a datagram holds few more */
            continue;
        }
        struct message_node *node = &out->nodes[out->node_count++];
        memcpy(node->id.bytes, run.data + at, ID_BYTES);
        endpoint_from_compact(bytes_of(run.data + at + ID_BYTES, compact_size), &node->endpoint);
    }
    return true;
}

static bool read_nodes(struct msgpack_reader *reader, struct message *out)
{
    return read_node_run(reader, out, 6);
}

static bool read_nodes6(struct msgpack_reader *reader, struct message *out)
{
    return read_node_run(reader, out, 18);
}

/* ---- maps ---- */

static const struct field arg_fields[] = {
    FIELD("id", read_id, HAS_ID),
    FIELD("n", read_network, HAS_NETWORK),
    FIELD("ro", read_read_only, HAS_READ_ONLY),
    FIELD("v", read_version, HAS_VERSION),
    FIELD("t", read_target, HAS_TARGET),
    FIELD("k", read_kind, HAS_KIND),
    FIELD("q", read_seq, HAS_SEQ),
    FIELD("c", read_cursor, HAS_CURSOR),
    FIELD("tok", read_token, HAS_TOKEN),
    FIELD("recs", read_records, HAS_RECORDS),
    FIELD("z", read_padding, HAS_PADDING),
    {0},
};

static const struct field result_fields[] = {
    FIELD("id", read_id, HAS_ID),
    FIELD("ip", read_address, HAS_ADDRESS),
    FIELD("tok", read_token, HAS_TOKEN),
    FIELD("total", read_total, HAS_TOTAL),
    FIELD("q", read_seq, HAS_SEQ),
    FIELD("codes", read_codes, HAS_CODES),
    FIELD("vals", read_values, HAS_VALUES),
    FIELD("nodes", read_nodes, HAS_NODES),
    FIELD("nodes6", read_nodes6, HAS_NODES6),
    FIELD("c", read_cursor, HAS_CURSOR),
    {0},
};

static const struct field *find_field(const struct field fields[], struct bytes name)
{
    for (const struct field *field = fields; field->name != NULL; field++)
        if (bytes_equal(bytes_of_string(field->name), name))
            return field;
    return NULL;
}

/* Reads a map of known fields; unknown keys are skipped. NULL, or what is wrong with it. */
static const char *read_fields(struct msgpack_reader *reader, const struct field fields[],
                               unsigned needed, struct message *out)
{
    uint32_t pairs;
    unsigned seen = 0;
    if (!msgpack_read_map(reader, &pairs))
        return "no map of arguments";
    for (uint32_t i = 0; i < pairs; i++) {
        struct bytes name;
        if (!msgpack_read_str(reader, &name))
            return "a key that is no string";
        const struct field *field = find_field(fields, name);
        if (field == NULL) {
            if (!msgpack_skip(reader))
                return "cut off";
            continue;
        }
        if ((seen & field->bit) != 0 || !field->read(reader, out))
            return field->wrong;
        seen |= field->bit;
    }
    for (const struct field *field = fields; field->name != NULL; field++)
        if ((needed & field->bit) != 0 && (seen & field->bit) == 0)
            return field->missing;
    return NULL;
}

/* ---- messages ---- */

static bool read_method(struct msgpack_reader *reader, struct message *out)
{
    static const char *const names[METHOD_COUNT] = {"ping", "find", "get", "put"};
    struct bytes name;
    if (!msgpack_read_str(reader, &name))
        return false;
    for (unsigned i = 0; i < METHOD_COUNT; i++) {
        if (bytes_equal(bytes_of_string(names[i]), name)) {
            out->method = i;
            return true;
        }
    }
    return false;
}

static enum decode_result refuse(struct message *out, enum message_code code, const char *text)
{
    out->error_code = (uint16_t)code;
    out->error_text = bytes_of_string(text);
    return DECODE_REFUSED;
}

static enum decode_result decode_query(struct msgpack_reader *reader, struct message *out)
{
    static const unsigned needed[METHOD_COUNT] = {
        [METHOD_PING] = HAS_ID,
        [METHOD_FIND] = HAS_ID | HAS_TARGET,
        [METHOD_GET] = HAS_ID | HAS_TARGET | HAS_KIND,
        [METHOD_PUT] = HAS_ID | HAS_TOKEN | HAS_RECORDS,
    };
    uint32_t args;
    if (!read_method(reader, out))
        return refuse(out, CODE_UNKNOWN_METHOD, "unknown method");
    if (!msgpack_read_array(reader, &args) || args != 1)
        return refuse(out, CODE_MALFORMED, "not one argument");
    const char *wrong = read_fields(reader, arg_fields, needed[out->method], out);
    return wrong == NULL ? DECODE_OK : refuse(out, CODE_MALFORMED, wrong);
}

static enum decode_result decode_error(struct msgpack_reader *reader, struct message *out)
{
    uint32_t items;
    uint64_t code;
    if (!msgpack_read_array(reader, &items) || items != 2 ||
        !msgpack_read_uint(reader, UINT16_MAX, &code) ||
        !msgpack_read_str(reader, &out->error_text))
        return DECODE_DROP;
    if (out->error_text.len > MESSAGE_ERROR_MAX)
        out->error_text.len = MESSAGE_ERROR_MAX;
    out->type = MESSAGE_ERROR;
    out->error_code = (uint16_t)code;
    return msgpack_read_nil(reader) ? DECODE_OK : DECODE_DROP;
}

static enum decode_result decode_answer(struct msgpack_reader *reader, struct message *out)
{
    if (!msgpack_read_nil(reader))
        return decode_error(reader, out);
    out->type = MESSAGE_RESPONSE;
    return read_fields(reader, result_fields, HAS_ID, out) == NULL ? DECODE_OK : DECODE_DROP;
}

enum decode_result codec_msgpack_decode(struct bytes datagram, struct message *out)
{
    struct msgpack_reader reader = msgpack_reader(datagram);
    uint32_t items;
    uint64_t type, txid;
    if (datagram.len > DHT_DATAGRAM_MAX || !msgpack_bounded(datagram) ||
        !msgpack_read_array(&reader, &items) || items != 4 ||
        !msgpack_read_uint(&reader, 1, &type) || !msgpack_read_uint(&reader, UINT32_MAX, &txid))
        return DECODE_DROP;
    message_init(out, MESSAGE_QUERY);
    message_set_txid(out, (uint32_t)txid);
    return type == 0 ? decode_query(&reader, out) : decode_answer(&reader, out);
}

bool codec_msgpack_owns(struct bytes datagram)
{
    if (datagram.len == 0)
        return false;
    uint8_t first = datagram.data[0];
    return (first & 0xf0) == 0x90 || first == 0xdc || first == 0xdd; /* an array */
}

const struct codec codec_msgpack = {codec_msgpack_encode, codec_msgpack_decode};
