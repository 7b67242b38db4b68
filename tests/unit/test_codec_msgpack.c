#include "support/unit.h"

#include "dht/codec_msgpack.h"
#include "dht/record_kinds.h"
#include "kadpeer/msgpack_writer.h"
#include "kadpeer/rng.h"
#include "support/vectors.h"

#define TXID 0x11223344

static struct id run_id(uint8_t first)
{
    struct id id;
    for (unsigned i = 0; i < ID_BYTES; i++)
        id.bytes[i] = (uint8_t)(first + i);
    return id;
}

static struct endpoint endpoint_of(const char *text)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(text, &endpoint));
    return endpoint;
}

static struct message_node node_of(uint8_t fill, const char *text)
{
    struct message_node node = {.endpoint = endpoint_of(text)};
    memset(node.id.bytes, fill, ID_BYTES);
    return node;
}

static void init_from_vectors(struct message *message, enum message_type type)
{
    message_init(message, type);
    message_set_txid(message, TXID);
    message->id = run_id(0x01);
    message->target = run_id(0xa0);
    if (type == MESSAGE_RESPONSE)
        message->seen_address = endpoint_of("192.0.2.1:6881");
}

static void set_token(struct message *message)
{
    message->token_len = 8;
    for (uint8_t i = 0; i < 8; i++)
        message->token[i] = 0x70 + i;
}

/* Encodes, compares with the vector, and decodes the vector. */
static struct message_fit there_and_back(const char *name, const struct message *message,
                                         struct vector *vector, struct message *decoded)
{
    uint8_t out[DHT_DATAGRAM_MAX];
    struct message_fit fit = codec_msgpack.encode(message, out, sizeof out);
    assert_vector(name, bytes_of(out, fit.len));
    *vector = vector_load(name);
    assert_int_equal(codec_msgpack.decode(vector_bytes(vector), decoded), DECODE_OK);
    assert_int_equal(decoded->type, message->type);
    assert_int_equal(message_txid(decoded), TXID);
    return fit;
}

static void ping_has_its_golden_bytes(void **state)
{
    (void)state;
    struct message message, decoded;
    struct vector vector;
    init_from_vectors(&message, MESSAGE_QUERY);
    message.network_id = 7;
    message.read_only = true;
    message.version_len = 5;
    memcpy(message.version, "kp0.1", 5);
    there_and_back("message_ping_query", &message, &vector, &decoded);
    assert_int_equal(decoded.method, METHOD_PING);
    assert_int_equal(decoded.network_id, 7);
    assert_true(decoded.read_only);
    assert_memory_equal(decoded.version, "kp0.1", decoded.version_len);
    assert_true(id_equal(&decoded.id, &message.id));

    init_from_vectors(&message, MESSAGE_RESPONSE);
    there_and_back("message_ping_response", &message, &vector, &decoded);
    assert_true(endpoint_equal(&decoded.seen_address, &message.seen_address));
    assert_false(decoded.has_nodes);
    assert_false(decoded.has_values);
}

static void find_has_its_golden_bytes(void **state)
{
    (void)state;
    struct message message, decoded;
    struct vector vector;
    init_from_vectors(&message, MESSAGE_QUERY);
    message.method = METHOD_FIND;
    message.pad_to = MESSAGE_PAD_TO;
    struct message_fit fit = there_and_back("message_find_query", &message, &vector, &decoded);
    assert_int_equal(fit.len, MESSAGE_PAD_TO);
    assert_int_equal(decoded.method, METHOD_FIND);
    assert_true(id_equal(&decoded.target, &message.target));

    init_from_vectors(&message, MESSAGE_RESPONSE);
    message.has_nodes = true;
    message.node_count = 2;
    message.nodes[0] = node_of(0x41, "198.51.100.1:1001");
    message.nodes[1] = node_of(0x42, "198.51.100.2:1002");
    fit = there_and_back("message_find_response", &message, &vector, &decoded);
    assert_int_equal(fit.nodes, 2);
    assert_int_equal(decoded.node_count, 2);
    assert_true(id_equal(&decoded.nodes[1].id, &message.nodes[1].id));
    assert_true(endpoint_equal(&decoded.nodes[1].endpoint, &message.nodes[1].endpoint));
}

static void nodes_of_ipv6_have_a_key_of_their_own(void **state)
{
    (void)state;
    struct message message, decoded;
    struct vector vector;
    init_from_vectors(&message, MESSAGE_RESPONSE);
    message.seen_address = endpoint_of("[2001:db8::1]:6881");
    message.has_nodes = true;
    message.node_count = 2;
    message.nodes[0] = node_of(0x61, "[2001:db8::1]:2001");
    message.nodes[1] = node_of(0x62, "[2001:db8::2]:2002");
    there_and_back("message_find_response_ipv6", &message, &vector, &decoded);
    assert_int_equal(decoded.node_count, 2);
    assert_true(endpoint_equal(&decoded.nodes[1].endpoint, &message.nodes[1].endpoint));
    assert_true(endpoint_equal(&decoded.seen_address, &message.seen_address));
}

static void get_has_its_golden_bytes(void **state)
{
    (void)state;
    struct message message, decoded;
    struct vector vector, peer = vector_load("record_peer"), entry = vector_load("record_entry");
    init_from_vectors(&message, MESSAGE_QUERY);
    message.method = METHOD_GET;
    message.kind = KIND_ENTRY;
    message.has_seq = message.has_cursor = true;
    message.seq = 4;
    message.cursor = 0x8000000000000001;
    set_token(&message);
    there_and_back("message_get_query", &message, &vector, &decoded);
    assert_int_equal(decoded.kind, KIND_ENTRY);
    assert_true(decoded.has_seq && decoded.seq == 4);
    assert_true(decoded.has_cursor && decoded.cursor == 0x8000000000000001);
    assert_memory_equal(decoded.token, message.token, decoded.token_len);

    init_from_vectors(&message, MESSAGE_RESPONSE);
    set_token(&message);
    message.has_values = message.has_cursor = message.has_nodes = true;
    message.total = 70;
    message.value_count = 2;
    message.values[0] = (struct message_value){vector_bytes(&peer), true, message.seen_address, 9};
    message.values[1] = (struct message_value){
        .value = vector_bytes(&peer), .with_from = true, .order = 0xfedcba9876543210};
    message.node_count = 1;
    message.nodes[0] = node_of(0x41, "198.51.100.1:1001");
    there_and_back("message_get_response_peers", &message, &vector, &decoded);
    assert_int_equal(decoded.total, 70);
    assert_int_equal(decoded.value_count, 2);
    assert_true(bytes_equal(decoded.values[1].value, vector_bytes(&peer)));
    assert_true(endpoint_equal(&decoded.values[0].from, &message.seen_address));
    assert_true(decoded.values[1].with_from);
    assert_int_equal(decoded.values[1].from.family, ENDPOINT_NONE);
    assert_true(decoded.has_cursor && decoded.cursor == 0xfedcba9876543210);

    init_from_vectors(&message, MESSAGE_RESPONSE);
    set_token(&message);
    message.has_values = message.has_seq = message.has_nodes = true;
    message.total = 1;
    message.seq = 5;
    message.value_count = 1;
    message.values[0] = (struct message_value){.value = vector_bytes(&entry)};
    there_and_back("message_get_response_entry", &message, &vector, &decoded);
    assert_false(decoded.values[0].with_from);
    assert_false(decoded.has_cursor);
    assert_true(decoded.has_nodes && decoded.node_count == 0);
}

static void put_has_its_golden_bytes(void **state)
{
    (void)state;
    struct message message, decoded;
    struct vector vector, peer = vector_load("record_peer"), entry = vector_load("record_entry");
    struct vector key = vector_load("key_name");
    init_from_vectors(&message, MESSAGE_QUERY);
    message.method = METHOD_PUT;
    set_token(&message);
    message.record_count = 2;
    message.records[0] = (struct message_record){
        .key = run_id(0xa0), .kind = KIND_PEER, .value = vector_bytes(&peer)};
    message.records[1] = (struct message_record){.kind = KIND_ENTRY, .value = vector_bytes(&entry)};
    memcpy(message.records[1].key.bytes, key.data, ID_BYTES);
    struct message_fit fit = there_and_back("message_put_query", &message, &vector, &decoded);
    assert_int_equal(fit.records, 2);
    assert_int_equal(decoded.record_count, 2);
    assert_int_equal(decoded.records[1].kind, KIND_ENTRY);
    assert_true(id_equal(&decoded.records[1].key, &message.records[1].key));
    assert_true(bytes_equal(decoded.records[1].value, vector_bytes(&entry)));

    assert_int_equal(decoded.records[1].lifetime_s, 0);

    struct vector part = vector_load("record_part");
    struct vector part_key = vector_load("key_part");
    init_from_vectors(&message, MESSAGE_QUERY);
    message.method = METHOD_PUT;
    set_token(&message);
    message.record_count = 1;
    message.records[0] = (struct message_record){
        .kind = KIND_PART, .value = vector_bytes(&part), .lifetime_s = 86400};
    memcpy(message.records[0].key.bytes, part_key.data, ID_BYTES);
    there_and_back("message_put_query_handed_on", &message, &vector, &decoded);
    assert_int_equal(decoded.records[0].lifetime_s, 86400);

    init_from_vectors(&message, MESSAGE_RESPONSE);
    message.code_count = 2;
    message.codes[0] = CODE_OK;
    message.codes[1] = CODE_QUOTA;
    there_and_back("message_put_response", &message, &vector, &decoded);
    assert_int_equal(decoded.code_count, 2);
    assert_int_equal(decoded.codes[1], CODE_QUOTA);
}

static void every_code_has_its_golden_bytes(void **state)
{
    (void)state;
    static const uint16_t codes[] = {
        CODE_OK,        CODE_MALFORMED, CODE_TOO_BIG, CODE_BAD_SIGNATURE,
        CODE_BAD_TOKEN, CODE_QUOTA,     CODE_TOO_FAR, CODE_OLDER};
    struct message message, decoded;
    struct vector vector;
    init_from_vectors(&message, MESSAGE_RESPONSE);
    message.code_count = sizeof codes / sizeof codes[0];
    memcpy(message.codes, codes, sizeof codes);
    there_and_back("message_put_response_codes", &message, &vector, &decoded);
    assert_int_equal(decoded.code_count, message.code_count);
    assert_memory_equal(decoded.codes, codes, sizeof codes);
}

static void a_token_takes_the_place_of_padding(void **state)
{
    (void)state;
    struct message message, decoded;
    struct vector vector;
    init_from_vectors(&message, MESSAGE_QUERY);
    message.method = METHOD_FIND;
    set_token(&message);
    there_and_back("message_find_query_token", &message, &vector, &decoded);
    assert_int_equal(decoded.token_len, message.token_len);
    assert_memory_equal(decoded.token, message.token, message.token_len);
}

/* ---- each kind, asked for, brought and put ---- */

static void get_of_a_kind(const char *name, unsigned kind, const struct id *key)
{
    char file[64];
    struct message message, decoded;
    struct vector vector;
    init_from_vectors(&message, MESSAGE_QUERY);
    message.method = METHOD_GET;
    message.target = *key;
    message.kind = (uint8_t)kind;
    message.pad_to = MESSAGE_PAD_TO;
    snprintf(file, sizeof file, "message_get_%s_query", name);
    there_and_back(file, &message, &vector, &decoded);
    assert_int_equal(decoded.kind, kind);
    assert_true(id_equal(&decoded.target, key));
    assert_false(decoded.has_seq);
}

static void values_of_a_kind(const char *name, unsigned kind, struct bytes value)
{
    char file[64];
    struct message message, decoded;
    struct vector vector;
    init_from_vectors(&message, MESSAGE_RESPONSE);
    set_token(&message);
    message.has_values = message.has_nodes = true;
    message.total = message.value_count = message.node_count = 1;
    message.has_seq = kind == KIND_ENTRY || kind == KIND_ITEM;
    message.seq = 5;
    message.values[0] = (struct message_value){
        .value = value, .with_from = record_rules(kind)->with_from, .from = message.seen_address};
    message.nodes[0] = node_of(0x41, "198.51.100.1:1001");
    snprintf(file, sizeof file, "message_get_%s_response", name);
    there_and_back(file, &message, &vector, &decoded);
    assert_int_equal(decoded.value_count, 1);
    assert_true(bytes_equal(decoded.values[0].value, value));
    assert_int_equal(decoded.values[0].with_from, message.values[0].with_from);
    assert_int_equal(decoded.has_seq, message.has_seq);
}

static void put_of_a_kind(const char *name, unsigned kind, const struct id *key, struct bytes value)
{
    char file[64];
    struct message message, decoded;
    struct vector vector;
    init_from_vectors(&message, MESSAGE_QUERY);
    message.method = METHOD_PUT;
    set_token(&message);
    message.record_count = 1;
    message.records[0] =
        (struct message_record){.key = *key, .kind = (uint8_t)kind, .value = value};
    snprintf(file, sizeof file, "message_put_%s_query", name);
    there_and_back(file, &message, &vector, &decoded);
    assert_int_equal(decoded.record_count, 1);
    assert_int_equal(decoded.records[0].kind, kind);
    assert_true(id_equal(&decoded.records[0].key, key));
    assert_true(bytes_equal(decoded.records[0].value, value));
}

static void every_kind_has_its_golden_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *key; /* NULL: any */
        unsigned kind;
    } kinds[] = {
        {"peer", NULL, KIND_PEER},         {"availability", NULL, KIND_AVAILABILITY},
        {"entry", "key_name", KIND_ENTRY}, {"item", "key_item", KIND_ITEM},
        {"part", "key_part", KIND_PART},   {"drop", NULL, KIND_DROP},
    };
    unsigned tried = 0;
    for (; tried < sizeof kinds / sizeof kinds[0]; tried++) {
        char file[64];
        struct id key = run_id(0xa0);
        snprintf(file, sizeof file, "record_%s", kinds[tried].name);
        struct vector value = vector_load(file);
        if (kinds[tried].key != NULL) {
            struct vector named = vector_load(kinds[tried].key);
            memcpy(key.bytes, named.data, ID_BYTES);
        }
        get_of_a_kind(kinds[tried].name, kinds[tried].kind, &key);
        values_of_a_kind(kinds[tried].name, kinds[tried].kind, vector_bytes(&value));
        put_of_a_kind(kinds[tried].name, kinds[tried].kind, &key, vector_bytes(&value));
    }
    assert_null(record_rules(tried + 1)); /* a new kind needs vectors, too */
}

static void error_has_its_golden_bytes(void **state)
{
    (void)state;
    struct message message, decoded;
    struct vector vector;
    init_from_vectors(&message, MESSAGE_ERROR);
    message.error_code = CODE_MALFORMED;
    message.error_text = bytes_of_string("t: missing");
    there_and_back("message_error", &message, &vector, &decoded);
    assert_int_equal(decoded.error_code, CODE_MALFORMED);
    assert_true(bytes_equal(decoded.error_text, message.error_text));
}

/* ---- what fits ---- */

static void fill_answer(struct message *message, struct bytes value, unsigned values,
                        unsigned nodes, const char *node_endpoint)
{
    init_from_vectors(message, MESSAGE_RESPONSE);
    set_token(message);
    message->has_values = message->has_nodes = true;
    message->total = message->value_count = (uint8_t)values;
    for (unsigned i = 0; i < values; i++)
        message->values[i] =
            (struct message_value){value, true, endpoint_of("192.0.2.9:9"), 1000 + i};
    message->node_count = (uint8_t)nodes;
    for (unsigned i = 0; i < nodes; i++)
        message->nodes[i] = node_of((uint8_t)i, node_endpoint);
}

static void many_values_leave_room_for_some_nodes_and_say_where_to_go_on(void **state)
{
    (void)state;
    struct message message, decoded;
    struct vector peer = vector_load("record_peer");
    uint8_t out[DHT_DATAGRAM_MAX];
    fill_answer(&message, vector_bytes(&peer), MESSAGE_VALUES_MAX, DHT_K, "192.0.2.8:8");
    struct message_fit fit = codec_msgpack.encode(&message, out, sizeof out);
    assert_int_equal(fit.nodes, MESSAGE_NODES_BESIDE);
    assert_in_range(fit.values, 30, MESSAGE_VALUES_MAX - 1);
    assert_true(fit.len > DHT_DATAGRAM_MAX - 40);
    assert_int_equal(codec_msgpack.decode(bytes_of(out, fit.len), &decoded), DECODE_OK);
    assert_int_equal(decoded.value_count, fit.values);
    assert_true(decoded.has_cursor);
    assert_int_equal(decoded.cursor, 1000 + fit.values - 1);
}

static void few_values_leave_room_for_all_nodes(void **state)
{
    (void)state;
    struct message message;
    struct vector peer = vector_load("record_peer");
    uint8_t out[DHT_DATAGRAM_MAX];
    fill_answer(&message, vector_bytes(&peer), 3, DHT_K, "[2001:db8::1]:1");
    struct message_fit fit = codec_msgpack.encode(&message, out, sizeof out);
    assert_int_equal(fit.values, 3);
    assert_int_equal(fit.nodes, DHT_K);
}

static void the_longest_value_always_fits(void **state)
{
    (void)state;
    static const uint8_t longest[DHT_VALUE_MAX];
    struct message message;
    uint8_t out[DHT_DATAGRAM_MAX];
    fill_answer(&message, bytes_of(longest, sizeof longest), 2, DHT_K, "[2001:db8::1]:1");
    struct message_fit fit = codec_msgpack.encode(&message, out, sizeof out);
    assert_int_equal(fit.values, 1);

    init_from_vectors(&message, MESSAGE_QUERY);
    message.method = METHOD_PUT;
    message.token_len = MESSAGE_TOKEN_MAX;
    message.version_len = DHT_VERSION_MAX;
    message.network_id = UINT32_MAX;
    message.read_only = true;
    memset(message.version, 'v', sizeof message.version);
    memset(message.token, 't', sizeof message.token);
    message.record_count = 2;
    message.records[0] = message.records[1] =
        (struct message_record){.kind = KIND_ENTRY, .value = bytes_of(longest, sizeof longest)};
    fit = codec_msgpack.encode(&message, out, sizeof out);
    assert_int_equal(fit.records, 1);
}

static void a_small_cap_takes_what_fits(void **state)
{
    (void)state;
    struct message message, decoded;
    struct vector peer = vector_load("record_peer");
    uint8_t out[DHT_DATAGRAM_MAX];
    fill_answer(&message, vector_bytes(&peer), 10, DHT_K, "192.0.2.8:8");
    for (size_t cap = 0; cap <= sizeof out; cap++) {
        struct message_fit fit = codec_msgpack.encode(&message, out, cap);
        assert_true(fit.len <= cap);
        if (fit.len == 0)
            continue;
        assert_int_equal(codec_msgpack.decode(bytes_of(out, fit.len), &decoded), DECODE_OK);
        assert_int_equal(decoded.value_count, fit.values);
        assert_int_equal(decoded.node_count, fit.nodes);
    }
    assert_int_equal(codec_msgpack.encode(&message, out, 40).len, 0);
    assert_true(codec_msgpack.encode(&message, out, 180).nodes > 0);
}

static void padding_reaches_its_size_exactly_or_by_the_least(void **state)
{
    (void)state;
    struct message message;
    uint8_t out[DHT_DATAGRAM_MAX];
    init_from_vectors(&message, MESSAGE_QUERY);
    message.method = METHOD_FIND;
    size_t bare = codec_msgpack.encode(&message, out, sizeof out).len;
    for (size_t pad_to = bare; pad_to <= 500; pad_to++) {
        message.pad_to = (uint16_t)pad_to;
        size_t len = codec_msgpack.encode(&message, out, sizeof out).len;
        if (pad_to - bare >= 4 && pad_to - bare != 260)
            assert_int_equal(len, pad_to);
        else
            assert_in_range(len, pad_to - (pad_to - bare == 260), pad_to + 4);
    }
}

/* ---- what is refused ---- */

static enum decode_result decode_with(const char *method, void (*add)(struct msgpack_writer *),
                                      size_t pairs, struct message *out, uint8_t room[2048])
{
    struct msgpack_writer writer;
    msgpack_writer_init(&writer, room, 2048);
    msgpack_write_array(&writer, 4);
    msgpack_write_uint(&writer, 0);
    msgpack_write_uint(&writer, TXID);
    msgpack_write_string(&writer, method);
    msgpack_write_array(&writer, 1);
    msgpack_write_map(&writer, pairs);
    add(&writer);
    assert_false(writer.failed);
    return codec_msgpack.decode(bytes_of(room, writer.len), out);
}

static void add_id(struct msgpack_writer *writer)
{
    struct id id = run_id(1);
    msgpack_write_string(writer, "id");
    msgpack_write_bin(writer, bytes_of(id.bytes, ID_BYTES));
}

static void add_id_twice(struct msgpack_writer *writer)
{
    add_id(writer);
    add_id(writer);
}

static void add_short_id(struct msgpack_writer *writer)
{
    msgpack_write_string(writer, "id");
    msgpack_write_bin(writer, bytes_of_string("short"));
}

static void add_id_and_strange_things(struct msgpack_writer *writer)
{
    msgpack_write_string(writer, "future");
    msgpack_write_array(writer, 2);
    msgpack_write_map(writer, 1);
    msgpack_write_nil(writer);
    msgpack_write_bool(writer, true);
    msgpack_write_uint(writer, UINT64_MAX);
    add_id(writer);
}

static void too_many_records(struct msgpack_writer *writer)
{
    add_id(writer);
    msgpack_write_string(writer, "tok");
    msgpack_write_bin(writer, bytes_of_string("x"));
    msgpack_write_string(writer, "recs");
    msgpack_write_array(writer, MESSAGE_RECORDS_MAX + 1);
    struct id key = run_id(9);
    for (int i = 0; i < MESSAGE_RECORDS_MAX + 1; i++) {
        msgpack_write_array(writer, 3);
        msgpack_write_bin(writer, bytes_of(key.bytes, ID_BYTES));
        msgpack_write_uint(writer, 1);
        msgpack_write_bin(writer, bytes_of_string(""));
    }
}

static void assert_refused(const struct message *message, unsigned code, const char *text)
{
    assert_int_equal(message_txid(message), TXID);
    assert_int_equal(message->error_code, code);
    assert_true(bytes_equal(message->error_text, bytes_of_string(text)));
}

static void a_bad_query_is_told_what_is_wrong(void **state)
{
    (void)state;
    struct message message;
    uint8_t room[2048];
    assert_int_equal(decode_with("ping", add_id, 1, &message, room), DECODE_OK);
    assert_int_equal(decode_with("ping", add_id_and_strange_things, 2, &message, room), DECODE_OK);
    assert_int_equal(decode_with("find", add_id, 1, &message, room), DECODE_REFUSED);
    assert_refused(&message, CODE_MALFORMED, "t: missing");
    assert_int_equal(decode_with("ping", add_short_id, 1, &message, room), DECODE_REFUSED);
    assert_refused(&message, CODE_MALFORMED, "id: wrong type or size");
    assert_int_equal(decode_with("ping", add_id_twice, 2, &message, room), DECODE_REFUSED);
    assert_refused(&message, CODE_MALFORMED, "id: wrong type or size");
    assert_int_equal(decode_with("vote", add_id, 1, &message, room), DECODE_REFUSED);
    assert_refused(&message, CODE_UNKNOWN_METHOD, "unknown method");
    assert_int_equal(decode_with("put", add_id, 1, &message, room), DECODE_REFUSED);
    assert_refused(&message, CODE_MALFORMED, "tok: missing");
    assert_int_equal(decode_with("put", too_many_records, 3, &message, room), DECODE_REFUSED);
    assert_refused(&message, CODE_MALFORMED, "recs: wrong type or size");
}

static void what_is_cut_off_or_has_more_after_it_is_dropped(void **state)
{
    (void)state;
    static const char *const names[] = {"message_put_query", "message_get_response_entry",
                                        "message_error"};
    struct message message;
    for (size_t i = 0; i < 3; i++) {
        struct vector vector = vector_load(names[i]);
        for (size_t len = 0; len < vector.len; len++)
            assert_int_equal(codec_msgpack.decode(bytes_of(vector.data, len), &message),
                             DECODE_DROP);
        vector.data[vector.len++] = 0xc0;
        assert_int_equal(codec_msgpack.decode(vector_bytes(&vector), &message), DECODE_DROP);
    }
}

/* Flips bytes of good messages: whatever decodes must encode, and decode to the same again. */
static void what_decodes_survives_another_round(void **state)
{
    (void)state;
    static const char *const names[] = {
        "message_ping_query",         "message_find_response",      "message_find_response_ipv6",
        "message_get_query",          "message_get_response_peers", "message_get_response_entry",
        "message_put_query",          "message_put_response",       "message_error",
        "message_put_query_handed_on"};
    struct message first, second;
    uint8_t a[DHT_DATAGRAM_MAX], b[DHT_DATAGRAM_MAX];
    struct rng rng;
    rng_init_seed(&rng, test_seed(41));
    unsigned taken = 0;
    for (int round = 0; round < 20000; round++) {
        struct vector vector = vector_load(names[rng_below(&rng, sizeof names / sizeof names[0])]);
        for (uint64_t flips = rng_below(&rng, 4); flips > 0; flips--)
            vector.data[rng_below(&rng, vector.len)] = (uint8_t)rng_u32(&rng);
        if (codec_msgpack.decode(vector_bytes(&vector), &first) != DECODE_OK)
            continue;
        taken++;
        size_t a_len = codec_msgpack.encode(&first, a, sizeof a).len;
        assert_true(a_len > 0);
        assert_int_equal(codec_msgpack.decode(bytes_of(a, a_len), &second), DECODE_OK);
        size_t b_len = codec_msgpack.encode(&second, b, sizeof b).len;
        assert_int_equal(a_len, b_len);
    }
    assert_true(taken > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping_has_its_golden_bytes),
        cmocka_unit_test(find_has_its_golden_bytes),
        cmocka_unit_test(nodes_of_ipv6_have_a_key_of_their_own),
        cmocka_unit_test(get_has_its_golden_bytes),
        cmocka_unit_test(put_has_its_golden_bytes),
        cmocka_unit_test(every_code_has_its_golden_bytes),
        cmocka_unit_test(a_token_takes_the_place_of_padding),
        cmocka_unit_test(every_kind_has_its_golden_bytes),
        cmocka_unit_test(error_has_its_golden_bytes),
        cmocka_unit_test(many_values_leave_room_for_some_nodes_and_say_where_to_go_on),
        cmocka_unit_test(few_values_leave_room_for_all_nodes),
        cmocka_unit_test(the_longest_value_always_fits),
        cmocka_unit_test(a_small_cap_takes_what_fits),
        cmocka_unit_test(padding_reaches_its_size_exactly_or_by_the_least),
        cmocka_unit_test(a_bad_query_is_told_what_is_wrong),
        cmocka_unit_test(what_is_cut_off_or_has_more_after_it_is_dropped),
        cmocka_unit_test(what_decodes_survives_another_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
