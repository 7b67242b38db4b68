#include <assert.h>

#include "dht/codec_msgpack.h"
#include "kadpeer/msgpack_writer.h"

/* Keys of `args` and `result`, in the order they are written, each with its msgpack form:
 *
 *   id   bin 20         sender                     ip     bin 6, 18    the asker as seen
 *   n    uint           network, unless 0          tok    bin ≤ 64     write token
 *   ro   true           read-only, unless not      total  uint         values held
 *   v    str ≤ 16       version, if any            q      uint         newest seq held
 *   t    bin 20         target or key              codes  [uint …]     one per record
 *   k    uint           kind                       vals   [bin …] or [[bin 0/6/18, bin] …]
 *   q    uint           newest seq held            nodes  bin 26 n     id and compact address
 *   c    uint           cursor                     nodes6 bin 38 n     [BEP 32]
 *   tok  bin ≤ 64       write token                c      uint         cursor, if there is more
 *   recs [[bin 20, uint, bin(, uint)] …]
 *   z    bin            zeroes
 */
enum {
    NODE4_BYTES = ID_BYTES + 6,
    NODE6_BYTES = ID_BYTES + 18,
    KEY_VALS = 5, /* bytes that a key takes */
    KEY_NODES = 6,
    KEY_NODES6 = 7,
    KEY_CURSOR = 2,
    KEY_RECS = 5,
    KEY_PADDING = 2,
    UINT32_SIZE = 5,
    UINT64_SIZE = 9,
    ARRAY_HEAD_MAX = 3,
    BIN_HEAD_MAX = 3,
};

/* A map whose pairs are counted as they are written: its one-byte head is set at the end. */
struct open_map {
    struct msgpack_writer *writer;
    size_t head_at;
    unsigned pairs; /* at most 15 */
};

static struct open_map begin_map(struct msgpack_writer *writer)
{
    struct open_map map = {.writer = writer, .head_at = writer->len};
    msgpack_write_map(writer, 0);
    return map;
}

static void end_map(struct open_map *map)
{
    assert(map->pairs <= 15);
    if (!map->writer->failed)
        map->writer->out[map->head_at] |= (uint8_t)map->pairs;
}

static void add_key(struct open_map *map, const char *key)
{
    map->pairs++;
    msgpack_write_string(map->writer, key);
}

static void add_uint(struct open_map *map, const char *key, uint64_t value)
{
    add_key(map, key);
    msgpack_write_uint(map->writer, value);
}

static void add_bin(struct open_map *map, const char *key, const void *data, size_t len)
{
    add_key(map, key);
    msgpack_write_bin(map->writer, bytes_of(data, len));
}

static size_t room_left(const struct msgpack_writer *writer)
{
    return writer->failed ? 0 : writer->cap - writer->len;
}

/* ---- queries ---- */

static size_t record_size(const struct message_record *record)
{
    size_t kind_size = record->kind < 128 ? 1 : 2;
    size_t lifetime_size = record->lifetime_s > 0 ? UINT32_SIZE : 0;
    return 1 + msgpack_bin_size(ID_BYTES) + kind_size + msgpack_bin_size(record->value.len) +
           lifetime_size;
}

/* As many records as fit, in order. Returns how many. */
static size_t add_records(struct open_map *map, const struct message *message)
{
    size_t count = 0, room = room_left(map->writer), need = KEY_RECS + ARRAY_HEAD_MAX;
    while (count < message->record_count) {
        need += record_size(&message->records[count]);
        if (need > room)
            break;
        count++;
    }
    add_key(map, "recs");
    msgpack_write_array(map->writer, count);
    for (size_t i = 0; i < count; i++) {
        const struct message_record *record = &message->records[i];
        msgpack_write_array(map->writer, record->lifetime_s > 0 ? 4 : 3);
        msgpack_write_bin(map->writer, bytes_of(record->key.bytes, ID_BYTES));
        msgpack_write_uint(map->writer, record->kind);
        msgpack_write_bin(map->writer, record->value);
        if (record->lifetime_s > 0)
            msgpack_write_uint(map->writer, record->lifetime_s);
    }
    return count;
}

/* A `z` that makes the datagram `pad_to` bytes long, or four bytes longer than it is. */
static void add_padding(struct open_map *map, size_t pad_to)
{
    static const uint8_t zeroes[DHT_DATAGRAM_MAX];
    struct msgpack_writer *writer = map->writer;
    if (pad_to > writer->cap)
        pad_to = writer->cap;
    if (writer->failed || writer->len >= pad_to)
        return;
    size_t gap = pad_to - writer->len, overhead = KEY_PADDING + 2;
    size_t zero_count = gap > overhead ? gap - overhead : 0;
    if (zero_count > 255)
        zero_count--; /* the head is one byte longer then */
    if (KEY_PADDING + msgpack_bin_size(zero_count) <= room_left(writer))
        add_bin(map, "z", zeroes, zero_count);
}

static void add_sender(struct open_map *map, const struct message *message)
{
    add_bin(map, "id", message->id.bytes, ID_BYTES);
    if (message->network_id != 0)
        add_uint(map, "n", message->network_id);
    if (message->read_only) {
        add_key(map, "ro");
        msgpack_write_bool(map->writer, true);
    }
    if (message->version_len > 0) {
        add_key(map, "v");
        msgpack_write_str(map->writer, bytes_of(message->version, message->version_len));
    }
}

static void add_args(struct open_map *map, const struct message *message, struct message_fit *fit)
{
    enum message_method method = message->method;
    add_sender(map, message);
    if (method == METHOD_FIND || method == METHOD_GET)
        add_bin(map, "t", message->target.bytes, ID_BYTES);
    if (method == METHOD_GET) {
        add_uint(map, "k", message->kind);
        if (message->has_seq)
            add_uint(map, "q", message->seq);
        if (message->has_cursor)
            add_uint(map, "c", message->cursor);
    }
    if (message->token_len > 0)
        add_bin(map, "tok", message->token, message->token_len);
    if (method == METHOD_PUT)
        fit->records = add_records(map, message);
    add_padding(map, message->pad_to);
}

static void write_query(struct msgpack_writer *writer, const struct message *message,
                        struct message_fit *fit)
{
    static const char *const names[METHOD_COUNT] = {"ping", "find", "get", "put"};
    assert(message->method < METHOD_COUNT);
    msgpack_write_string(writer, names[message->method]);
    msgpack_write_array(writer, 1);
    struct open_map map = begin_map(writer);
    add_args(&map, message, fit);
    end_map(&map);
}

/* ---- responses ---- */

static size_t value_size(const struct message_value *value)
{
    size_t size = msgpack_bin_size(value->value.len);
    if (!value->with_from)
        return size;
    size_t address_size = endpoint_address_size(&value->from);
    return size + 1 + msgpack_bin_size(address_size > 0 ? address_size + 2 : 0);
}

static size_t node_size(const struct message_node *node)
{
    assert(endpoint_address_size(&node->endpoint) > 0);
    return ID_BYTES + endpoint_address_size(&node->endpoint) + 2;
}

static bool has_family(const struct message *message, enum endpoint_family family)
{
    for (size_t i = 0; i < message->node_count; i++)
        if (message->nodes[i].endpoint.family == family)
            return true;
    return false;
}

/* Bytes that the keys and heads of `vals`, `nodes`, `nodes6` and `c` may take. */
static size_t list_overhead(const struct message *message)
{
    size_t size = 0;
    if (message->has_values)
        size += KEY_VALS + ARRAY_HEAD_MAX + KEY_CURSOR + UINT64_SIZE;
    if (message->has_nodes)
        size += KEY_NODES + BIN_HEAD_MAX;
    if (has_family(message, ENDPOINT_IPV6))
        size += KEY_NODES6 + BIN_HEAD_MAX;
    return size;
}

static void fit_values(const struct message *message, struct message_fit *fit, size_t max,
                       size_t *room)
{
    while (fit->values < max && fit->values < message->value_count) {
        size_t size = value_size(&message->values[fit->values]);
        if (size > *room)
            return;
        *room -= size;
        fit->values++;
    }
}

static void fit_nodes(const struct message *message, struct message_fit *fit, size_t max,
                      size_t *room)
{
    while (fit->nodes < max && fit->nodes < message->node_count) {
        size_t size = node_size(&message->nodes[fit->nodes]);
        if (size > *room)
            return;
        *room -= size;
        fit->nodes++;
    }
}

/* One value, then the nodes a walk needs, then values, then nodes. */
static void fit_lists(const struct message *message, struct message_fit *fit, size_t room)
{
    size_t overhead = list_overhead(message);
    if (overhead > room)
        return;
    room -= overhead;
    if (message->has_values)
        fit_values(message, fit, 1, &room);
    if (message->has_nodes)
        fit_nodes(message, fit, MESSAGE_NODES_BESIDE, &room);
    if (message->has_values && (fit->values == 1 || message->value_count == 0))
        fit_values(message, fit, MESSAGE_VALUES_MAX, &room);
    if (message->has_nodes)
        fit_nodes(message, fit, MESSAGE_NODES_MAX, &room);
}

static void add_values(struct open_map *map, const struct message *message, size_t count)
{
    add_key(map, "vals");
    msgpack_write_array(map->writer, count);
    for (size_t i = 0; i < count; i++) {
        const struct message_value *value = &message->values[i];
        if (value->with_from) {
            uint8_t compact[ENDPOINT_COMPACT_MAX];
            size_t len = endpoint_to_compact(&value->from, compact);
            msgpack_write_array(map->writer, 2);
            msgpack_write_bin(map->writer, bytes_of(compact, len));
        }
        msgpack_write_bin(map->writer, value->value);
    }
    if (count > 0 && (count < message->value_count || message->has_cursor))
        add_uint(map, "c", message->values[count - 1].order);
}

/* The nodes of one family among the first `count`, as one bin. */
static void add_nodes(struct open_map *map, const char *key, const struct message *message,
                      size_t count, enum endpoint_family family)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        if (message->nodes[i].endpoint.family == family)
            len += node_size(&message->nodes[i]);
    add_key(map, key);
    msgpack_write_bin_head(map->writer, len);
    for (size_t i = 0; i < count; i++) {
        const struct message_node *node = &message->nodes[i];
        if (node->endpoint.family != family)
            continue;
        uint8_t compact[ENDPOINT_COMPACT_MAX];
        msgpack_write_raw(map->writer, node->id.bytes, ID_BYTES);
        msgpack_write_raw(map->writer, compact, endpoint_to_compact(&node->endpoint, compact));
    }
}

static void add_codes(struct open_map *map, const struct message *message)
{
    add_key(map, "codes");
    msgpack_write_array(map->writer, message->code_count);
    for (size_t i = 0; i < message->code_count; i++)
        msgpack_write_uint(map->writer, message->codes[i]);
}

static void add_result(struct open_map *map, const struct message *message, struct message_fit *fit)
{
    uint8_t compact[ENDPOINT_COMPACT_MAX];
    size_t compact_len = endpoint_to_compact(&message->seen_address, compact);
    add_bin(map, "id", message->id.bytes, ID_BYTES);
    if (compact_len > 0)
        add_bin(map, "ip", compact, compact_len);
    if (message->token_len > 0)
        add_bin(map, "tok", message->token, message->token_len);
    if (message->has_values)
        add_uint(map, "total", message->total);
    if (message->has_seq)
        add_uint(map, "q", message->seq);
    if (message->code_count > 0)
        add_codes(map, message);
    fit_lists(message, fit, room_left(map->writer));
    if (message->has_values)
        add_values(map, message, fit->values);
    if (message->has_nodes && (fit->nodes == 0 || has_family(message, ENDPOINT_IPV4)))
        add_nodes(map, "nodes", message, fit->nodes, ENDPOINT_IPV4);
    if (message->has_nodes && fit->nodes > 0 && has_family(message, ENDPOINT_IPV6))
        add_nodes(map, "nodes6", message, fit->nodes, ENDPOINT_IPV6);
}

static void write_response(struct msgpack_writer *writer, const struct message *message,
                           struct message_fit *fit)
{
    msgpack_write_nil(writer);
    struct open_map map = begin_map(writer);
    add_result(&map, message, fit);
    end_map(&map);
}

static void write_error(struct msgpack_writer *writer, const struct message *message)
{
    struct bytes text = message->error_text;
    if (text.len > MESSAGE_ERROR_MAX)
        text.len = MESSAGE_ERROR_MAX;
    msgpack_write_array(writer, 2);
    msgpack_write_uint(writer, message->error_code);
    msgpack_write_str(writer, text);
    msgpack_write_nil(writer);
}

struct message_fit codec_msgpack_encode(const struct message *message, uint8_t *out, size_t cap)
{
    struct message_fit fit = {0};
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, out, cap < DHT_DATAGRAM_MAX ? cap : DHT_DATAGRAM_MAX);
    if (message->txid_len != 4)
        return fit; /* none of ours: it would not be the number it was */

    msgpack_write_array(&writer, 4);
    msgpack_write_uint(&writer, message->type == MESSAGE_QUERY ? 0 : 1);
    msgpack_write_uint(&writer, message_txid(message));
    if (message->type == MESSAGE_QUERY)
        write_query(&writer, message, &fit);
    else if (message->type == MESSAGE_RESPONSE)
        write_response(&writer, message, &fit);
    else
        write_error(&writer, message);
    if (writer.failed)
        return (struct message_fit){0};
    fit.len = writer.len;
    return fit;
}
