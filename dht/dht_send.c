#include <string.h>

#include "dht/codec_msgpack.h"
#include "dht/node.h"

bool dht_send_message(struct dht *dht, const struct message *message, const struct endpoint *to,
                      size_t cap)
{
    uint8_t bytes[DHT_DATAGRAM_MAX];
    size_t room = cap < sizeof bytes ? cap : sizeof bytes;
    struct message_fit fit = codec_msgpack.encode(message, bytes, room);
    if (fit.len == 0)
        return false;
    if (!byte_queue_push(&dht->outbox->datagrams, to, sizeof *to, bytes_of(bytes, fit.len))) {
        dht->counted.queue_dropped++;
        return true;
    }
    dht->counted.datagrams_out++;
    dht->counted.bytes_out += fit.len;
    if (dht->trim_ms == UINT64_MAX)
        dht->trim_ms = dht->now_ms + TRIM_AFTER_MS;
    return true;
}

static void set_token(struct message *message, struct bytes token)
{
    message->token_len = (uint8_t)token.len;
    if (token.len > 0)
        memcpy(message->token, token.data, token.len);
}

/* What proves our address, or the padding of those who cannot prove it yet. */
static void prove_or_pad(const struct dht *dht, const struct endpoint *to, struct message *message)
{
    struct bytes token = token_cache_find(&dht->tokens, to, dht->now_ms);
    if (token.len > 0)
        set_token(message, token);
    else
        message->pad_to = MESSAGE_PAD_TO;
}

static void fill_put(const struct dht *dht, const struct walk *walk, const struct rpc_query *query,
                     struct message *message)
{
    const struct lookup_node *node = lookup_find(&walk->lookup, &query->id);
    if (node == NULL)
        return;
    set_token(message, lookup_token(&walk->lookup, node));
    dht_publish_fill(dht, walk, query, message);
}

static void fill(const struct dht *dht, const struct rpc_query *query, struct message *message)
{
    const struct walk *walk = dht_walk_find(dht, query->operation);
    if (query->method == METHOD_PING || walk == NULL)
        return;
    if (query->method == METHOD_PUT) {
        fill_put(dht, walk, query, message);
        return;
    }
    message->target = walk->lookup.target;
    message->kind = walk->purpose == WALK_GET ? walk->kind : 0; /* 0: a token is all we want */
    message->has_cursor = query->cursor != 0;
    message->cursor = query->cursor;
    message->has_seq = walk->purpose == WALK_GET && dht_repair_seq(walk, &message->seq);
    prove_or_pad(dht, &query->to, message);
}

static void compose(const struct dht *dht, const struct rpc_query *query, struct message *message)
{
    message_init(message, MESSAGE_QUERY);
    message_set_txid(message, query->txid);
    message->id = dht->id;
    message->method = query->method;
    message->network_id = dht->config.network_id;
    message->read_only = dht->config.read_only;
    message->version_len = (uint8_t)strnlen(dht->config.version, DHT_VERSION_MAX);
    memcpy(message->version, dht->config.version, message->version_len);
    fill(dht, query, message);
}

static void send(struct dht *dht, const struct rpc_query *query)
{
    struct message message;
    compose(dht, query, &message);
    dht_send_message(dht, &message, &query->to, DHT_DATAGRAM_MAX);
    dht->counted.queries_out[query->method]++;
}

void dht_send_again(struct dht *dht, const struct rpc_query *query)
{
    if (pace_take(&dht->pace, &query->to, dht->now_ms, 0) != UINT64_MAX)
        send(dht, query);
}

static bool send_first(struct dht *dht, const struct rpc_query *query)
{
    struct contact known;
    struct rpc_query timed = *query;
    if (routing_table_find(dht->table, &query->id, &known))
        timed.usual_ms = known.rtt_ms;
    const struct rpc_query *added = rpc_add(&dht->rpc, &timed, &dht->rng, dht->now_ms);
    if (added == NULL) {
        dht->counted.unsent++;
        return false;
    }
    send(dht, added);
    return true;
}

bool dht_send_query(struct dht *dht, const struct rpc_query *query)
{
    uint64_t at_ms = pace_take(&dht->pace, &query->to, dht->now_ms, PACE_HOLD_MAX_MS);
    if (at_ms == dht->now_ms)
        return send_first(dht, query);
    if (at_ms == UINT64_MAX || !pace_hold(&dht->pace, query, at_ms)) {
        dht->counted.unsent++;
        return false;
    }
    dht->counted.paced++;
    return true;
}

static bool is_wanted(const struct dht *dht, const struct rpc_query *query)
{
    return query->purpose < RPC_WALK_ASK || dht_walk_find(dht, query->operation) != NULL;
}

bool dht_send_held(struct dht *dht, struct rpc_query *out)
{
    while (pace_next(&dht->pace, dht->now_ms, out))
        if (is_wanted(dht, out) && !send_first(dht, out))
            return true;
    return false;
}

size_t dht_send_ping_bytes(const struct dht *dht)
{
    struct message message;
    uint8_t bytes[DHT_DATAGRAM_MAX];
    compose(dht, &(struct rpc_query){.txid = 1, .method = METHOD_PING}, &message);
    return codec_msgpack.encode(&message, bytes, sizeof bytes).len;
}

bool dht_send_ping(struct dht *dht, enum rpc_purpose purpose, const struct endpoint *to,
                   const struct id *id, uint32_t operation)
{
    struct rpc_query query = {
        .operation = operation, .to = *to, .purpose = (uint8_t)purpose, .method = METHOD_PING};
    if (id != NULL)
        query.id = *id;
    return dht_send_query(dht, &query);
}
