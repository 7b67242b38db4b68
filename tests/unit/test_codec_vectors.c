/* Every message there is has the bytes of its vector, and is read from them. */
#include "support/messages.h"

#include "dht/record_kinds.h"
#include "support/vectors.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
