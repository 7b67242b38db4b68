#include "sim/vandal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dht/codec_msgpack.h"
#include "dht/record_kinds.h"

#define KEYS       16
#define LONGEST    (DHT_DATAGRAM_MAX + 40)
#define ASKED_MAX  256
#define FIRST_TXID 0x61756469u

/* ---- nonsense ---- */

struct vandal {
    struct net *net;
    struct rng rng;
    struct net_actor actor;
    size_t node;
    struct id id, keys[KEYS];
    size_t key_count;
    bool answers;
    uint8_t value[DHT_VALUE_MAX];
};

static uint64_t below(struct vandal *vandal, uint64_t bound)
{
    return rng_below(&vandal->rng, bound);
}

static struct id any_id(struct vandal *vandal)
{
    struct id id = vandal->id;
    uint64_t what = below(vandal, 4);
    if (what == 0)
        rng_fill(&vandal->rng, id.bytes, sizeof id.bytes);
    else if (what == 1)
        id = net_id(vandal->net, below(vandal, net_node_count(vandal->net)));
    else if (what == 2 && vandal->key_count > 0)
        id = vandal->keys[below(vandal, vandal->key_count)];
    return id;
}

static struct endpoint any_endpoint(struct vandal *vandal)
{
    static const uint8_t odd[][4] = {{0}, {127, 0, 0, 1}, {224, 0, 0, 1}, {255, 255, 255, 255}};
    struct endpoint endpoint =
        net_endpoint(vandal->net, below(vandal, net_node_count(vandal->net)));
    uint64_t what = below(vandal, 6);
    if (what == 0)
        rng_fill(&vandal->rng, endpoint.addr, endpoint.family == ENDPOINT_IPV6 ? 16 : 4);
    else if (what == 1)
        memcpy(endpoint.addr, odd[below(vandal, 4)], 4);
    else if (what == 2)
        endpoint.port = (uint16_t)below(vandal, 3);
    return endpoint;
}

static struct bytes any_value(struct vandal *vandal)
{
    size_t len = below(vandal, below(vandal, 8) == 0 ? sizeof vandal->value : 40);
    rng_fill(&vandal->rng, vandal->value, len);
    return bytes_of(vandal->value, len);
}

static void fill_query(struct vandal *vandal, struct message *message)
{
    message->method = (enum message_method)below(vandal, METHOD_COUNT);
    message->read_only = below(vandal, 4) == 0;
    message->target = any_id(vandal);
    message->kind = (uint8_t)below(vandal, 8);
    message->has_cursor = below(vandal, 4) == 0;
    message->cursor = rng_u64(&vandal->rng);
    message->pad_to = (uint16_t)below(vandal, 600);
    message->token_len = (uint8_t)(message->method == METHOD_PUT ? 8 : below(vandal, 2) * 8);
    rng_fill(&vandal->rng, message->token, sizeof message->token);
    message->record_count = (uint8_t)below(vandal, 4);
    for (size_t i = 0; i < message->record_count; i++)
        message->records[i] = (struct message_record){
            .key = any_id(vandal), .kind = (uint8_t)below(vandal, 8), .value = any_value(vandal)};
}

static void fill_response(struct vandal *vandal, struct message *message)
{
    message->seen_address = any_endpoint(vandal);
    message->has_nodes = below(vandal, 2) == 0;
    message->node_count = message->has_nodes ? (uint8_t)below(vandal, MESSAGE_NODES_MAX) : 0;
    for (size_t i = 0; i < message->node_count; i++)
        message->nodes[i] = (struct message_node){any_id(vandal), any_endpoint(vandal)};
    message->has_values = below(vandal, 2) == 0;
    message->total = rng_u32(&vandal->rng) >> below(vandal, 32);
    message->value_count = message->has_values ? (uint8_t)below(vandal, 5) : 0;
    for (size_t i = 0; i < message->value_count; i++)
        message->values[i] = (struct message_value){.value = any_value(vandal),
                                                    .with_from = below(vandal, 2) == 0,
                                                    .from = any_endpoint(vandal)};
    message->has_cursor = message->has_values && below(vandal, 2) == 0;
    message->cursor = rng_u64(&vandal->rng);
    message->token_len = (uint8_t)below(vandal, MESSAGE_TOKEN_MAX);
    rng_fill(&vandal->rng, message->token, sizeof message->token);
    message->code_count = (uint8_t)below(vandal, 5);
    for (size_t i = 0; i < message->code_count; i++)
        message->codes[i] = (uint16_t)below(vandal, 400);
}

/* Some bytes changed, cut off, or put on. */
static size_t spoil(struct vandal *vandal, uint8_t *bytes, size_t len)
{
    if (below(vandal, 3) == 0)
        len = below(vandal, LONGEST);
    for (uint64_t i = below(vandal, 4); i > 0 && len > 0; i--)
        bytes[below(vandal, len)] = (uint8_t)below(vandal, 256);
    return len;
}

static void send_one(struct vandal *vandal, struct message *message, const struct endpoint *source,
                     const struct endpoint *to)
{
    uint8_t bytes[LONGEST];
    rng_fill(&vandal->rng, bytes, sizeof bytes);
    size_t len = codec_msgpack_encode(message, bytes, DHT_DATAGRAM_MAX).len;
    if (len == 0 || below(vandal, 3) == 0)
        len = spoil(vandal, bytes, len);
    net_send(vandal->net, vandal->node, source, to, bytes_of(bytes, len));
}

void vandal_send(struct vandal *vandal, size_t to)
{
    struct message message;
    struct endpoint source = net_endpoint(vandal->net, vandal->node);
    struct endpoint destination = net_endpoint(vandal->net, to);
    if (below(vandal, 2) == 0)
        source = any_endpoint(vandal);
    message_init(&message, below(vandal, 2) == 0 ? MESSAGE_QUERY : MESSAGE_RESPONSE);
    message_set_txid(&message, rng_u32(&vandal->rng));
    message.id = any_id(vandal);
    if (message.type == MESSAGE_QUERY)
        fill_query(vandal, &message);
    else
        fill_response(vandal, &message);
    send_one(vandal, &message, &source, &destination);
}

/* Pings are answered well, mostly: so it comes into tables. */
static void on_query(void *state, size_t node, const struct endpoint *from, struct bytes data)
{
    struct vandal *vandal = state;
    struct message query, answer;
    (void)node;
    if (!vandal->answers || codec_msgpack_decode(data, &query) != DECODE_OK ||
        query.type != MESSAGE_QUERY)
        return;
    bool well = query.method == METHOD_PING && below(vandal, 8) > 0;
    message_init(&answer, MESSAGE_RESPONSE);
    answer.txid_len = query.txid_len;
    memcpy(answer.txid, query.txid, query.txid_len);
    answer.id = well || below(vandal, 4) > 0 ? vandal->id : any_id(vandal);
    if (!well)
        fill_response(vandal, &answer);
    uint8_t bytes[DHT_DATAGRAM_MAX];
    if (well)
        net_send(vandal->net, vandal->node, NULL, from,
                 bytes_of(bytes, codec_msgpack_encode(&answer, bytes, sizeof bytes).len));
    else
        send_one(vandal, &answer, NULL, from);
}

struct vandal *vandal_new(struct net *net, bool answers)
{
    struct vandal *vandal = calloc(1, sizeof *vandal);
    assert(vandal != NULL);
    vandal->net = net;
    vandal->answers = answers;
    vandal->actor = (struct net_actor){.state = vandal, .on_datagram = on_query};
    rng_init_seed(&vandal->rng, rng_u64(net_rng(net)));
    rng_fill(&vandal->rng, vandal->id.bytes, sizeof vandal->id.bytes);
    vandal->node = net_add_node(net, NULL);
    net_act(net, vandal->node, &vandal->actor);
    return vandal;
}

void vandal_free(struct vandal *vandal)
{
    free(vandal);
}

size_t vandal_node(const struct vandal *vandal)
{
    return vandal->node;
}

void vandal_notice_key(struct vandal *vandal, const struct id *key)
{
    vandal->keys[vandal->key_count % KEYS] = *key;
    if (vandal->key_count < KEYS)
        vandal->key_count++;
}

/* ---- looking on ---- */

struct auditor {
    struct net *net;
    struct net_actor actor;
    size_t node, answers;
    uint32_t next;
    struct asked {
        uint32_t txid;
        struct id key;
        enum record_kind kind;
        size_t bytes;
        uint64_t unix_s; /* by the wall clock of who was asked */
    } asked[ASKED_MAX];  /* by txid */
    char complaint[160];
};

static void complain(struct auditor *auditor, const char *what, size_t a, size_t b)
{
    if (auditor->complaint[0] == 0)
        snprintf(auditor->complaint, sizeof auditor->complaint, "%s: %zu and %zu", what, a, b);
}

static void audit(struct auditor *auditor, const struct asked *asked, struct bytes data,
                  const struct message *answer)
{
    if (data.len > MESSAGE_REPLY_FACTOR * asked->bytes)
        complain(auditor, "an answer longer than an unproven asker may get: bytes asked, answered",
                 asked->bytes, data.len);
    for (size_t i = 0; i < answer->value_count; i++) {
        enum message_code code =
            record_check(asked->kind, &asked->key, answer->values[i].value, asked->unix_s);
        if (code != CODE_OK)
            complain(auditor, "a record served that is none any more: kind, code", asked->kind,
                     code);
    }
}

static void on_answer(void *state, size_t node, const struct endpoint *from, struct bytes data)
{
    struct auditor *auditor = state;
    struct message answer;
    (void)node;
    if (codec_msgpack_decode(data, &answer) != DECODE_OK || answer.type == MESSAGE_QUERY)
        return;
    const struct asked *asked = &auditor->asked[message_txid(&answer) % ASKED_MAX];
    size_t teller = net_node_at(auditor->net, from);
    if (asked->txid != message_txid(&answer) || teller == NET_NONE ||
        net_is_actor(auditor->net, teller))
        return; /* hostile ones answer as they like, and others what was asked in our name */
    auditor->answers++;
    audit(auditor, asked, data, &answer);
}

struct auditor *auditor_new(struct net *net, const struct net_node_options *options)
{
    struct auditor *auditor = calloc(1, sizeof *auditor);
    assert(auditor != NULL);
    auditor->net = net;
    auditor->actor = (struct net_actor){.state = auditor, .on_datagram = on_answer};
    auditor->node = net_add_node(net, options);
    net_act(net, auditor->node, &auditor->actor);
    return auditor;
}

void auditor_free(struct auditor *auditor)
{
    free(auditor);
}

void auditor_ask(struct auditor *auditor, size_t to, const struct id *key, enum record_kind kind,
                 uint64_t unix_s)
{
    struct message query;
    uint8_t bytes[DHT_DATAGRAM_MAX];
    struct endpoint endpoint = net_endpoint(auditor->net, to);
    uint32_t txid = FIRST_TXID + auditor->next++;
    message_init(&query, MESSAGE_QUERY);
    message_set_txid(&query, txid);
    rng_fill(net_rng(auditor->net), query.id.bytes, sizeof query.id.bytes);
    query.read_only = rng_below(net_rng(auditor->net), 2) == 0;
    query.method = METHOD_GET;
    query.target = *key;
    query.kind = (uint8_t)kind;
    query.pad_to = (uint16_t)rng_below(net_rng(auditor->net), 600);
    struct message_fit fit = codec_msgpack_encode(&query, bytes, sizeof bytes);
    auditor->asked[txid % ASKED_MAX] = (struct asked){txid, *key, kind, fit.len, unix_s};
    net_send(auditor->net, auditor->node, NULL, &endpoint, bytes_of(bytes, fit.len));
}

size_t auditor_answers(const struct auditor *auditor)
{
    return auditor->answers;
}

const char *auditor_complaint(const struct auditor *auditor)
{
    return auditor->complaint[0] != 0 ? auditor->complaint : NULL;
}
