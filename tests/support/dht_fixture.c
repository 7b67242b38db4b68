#include "support/dht_fixture.h"

#include <string.h>

#include "dht/codec_msgpack.h"
#include "kadpeer/records.h"

struct fixture *new_node(const struct dht_config *changes)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct dht_config config = *changes;
    config.family = ENDPOINT_IPV4;
    config.unix_base_ms = 1700000000000;
    config.id = (struct id){.bytes = {0x10}};
    rng_init_seed(&config.rng, 1);
    f->now_ms = 1000;
    f->dht = dht_new(&config, f->now_ms);
    assert_non_null(f->dht);
    return f;
}

void free_node(struct fixture *f)
{
    assert_true(dht_valid(f->dht));
    dht_free(f->dht);
    free(f);
}

struct endpoint public_address(uint8_t n)
{
    return (struct endpoint){.family = ENDPOINT_IPV4, .addr = {99, n, 0, 1}, .port = 1000};
}

struct endpoint local_address(uint8_t n)
{
    return (struct endpoint){
        .family = ENDPOINT_IPV4, .addr = {127, 0, 0, 1}, .port = (uint16_t)(1000 + n)};
}

struct id id_of(uint8_t n)
{
    return (struct id){.bytes = {n}};
}

void hear(struct fixture *f, const struct message *message, struct endpoint from)
{
    uint8_t bytes[DHT_DATAGRAM_MAX];
    struct message_fit fit = codec_msgpack.encode(message, bytes, sizeof bytes);
    assert_true(fit.len > 0);
    dht_on_datagram(f->dht, &from, bytes_of(bytes, fit.len), f->now_ms);
}

bool said(struct fixture *f)
{
    struct bytes data;
    if (!dht_next_datagram(f->dht, &f->to, &data))
        return false;
    memcpy(f->bytes, data.data, data.len);
    f->len = data.len;
    assert_int_equal(codec_msgpack.decode(bytes_of(f->bytes, f->len), &f->message), DECODE_OK);
    return true;
}

void said_query(struct fixture *f, enum message_method method)
{
    assert_true(said(f));
    assert_int_equal(f->message.type, MESSAGE_QUERY);
    assert_int_equal(f->message.method, method);
}

void said_nothing(struct fixture *f)
{
    assert_false(said(f));
}

struct message query_of(enum message_method method, uint8_t sender)
{
    struct message query;
    message_init(&query, MESSAGE_QUERY);
    message_set_txid(&query, 77);
    query.method = method;
    query.id = id_of(sender);
    query.target = id_of(0x55);
    query.kind = KIND_PEER;
    return query;
}

struct message answer_of(const struct fixture *f, uint8_t sender)
{
    struct message answer;
    message_init(&answer, MESSAGE_RESPONSE);
    memcpy(answer.txid, f->message.txid, f->message.txid_len);
    answer.txid_len = f->message.txid_len;
    answer.id = id_of(sender);
    return answer;
}

void answer_it(struct fixture *f, uint8_t sender)
{
    struct message answer = answer_of(f, sender);
    answer.has_nodes = true;
    hear(f, &answer, f->to);
}

void pass(struct fixture *f, uint64_t ms)
{
    uint64_t end_ms = f->now_ms + ms;
    for (uint64_t due_ms; (due_ms = dht_deadline(f->dht)) <= end_ms;) {
        f->now_ms = due_ms > f->now_ms ? due_ms : f->now_ms;
        dht_on_time(f->dht, f->now_ms);
        assert_true(dht_deadline(f->dht) > f->now_ms);
    }
    f->now_ms = end_ms;
}

void drop_output(struct fixture *f)
{
    while (said(f))
        ;
}

struct dht_stats stats_of(const struct fixture *f)
{
    struct dht_stats stats;
    dht_stats(f->dht, &stats);
    return stats;
}

void add_contact(struct fixture *f, uint8_t n, struct endpoint at)
{
    drop_output(f);
    size_t before = stats_of(f).contacts;
    dht_bootstrap(f->dht, &at, 1, f->now_ms);
    while (said(f))
        if (endpoint_equal(&f->to, &at))
            answer_it(f, n);
    assert_int_equal(stats_of(f).contacts, before + 1);
}

const struct dht_event *next_event(struct fixture *f, enum dht_event_type type)
{
    static struct dht_event event;
    while (dht_next_event(f->dht, &event))
        if (event.type == type)
            return &event;
    return NULL;
}

struct bytes peer_value(struct buffer *buffer)
{
    buffer_init(buffer);
    peer_record_encode(&(struct peer_record){.tcp_port = 4000, .seed = true}, buffer);
    return buffer_bytes(buffer);
}
