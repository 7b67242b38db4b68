#include "support/messages.h"

#include "dht/record_kinds.h"
#include "kadpeer/msgpack_writer.h"
#include "kadpeer/rng.h"
#include "support/vectors.h"

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
