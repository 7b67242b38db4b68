/* Answers queries.
 *
 * - A query of another network, or beyond its source's rate, is dropped and counted.
 * - Who has not proven its address (by a token of ours, or by answering us) gets at most three
 *   times what it sent, our ping to it included.
 * - Only contacts that answered us are named, and never local ones to an asker who is not.
 * - A put needs a token; each of its records gets a code of its own. A record whose key has many
 *   nearer nodes is kept shorter, or refused. */
#include <string.h>

#include "dht/node.h"
#include "dht/record_kinds.h"
#include "dht/token.h"

static void answer_init(const struct dht *dht, const struct message *query,
                        const struct endpoint *from, struct message *answer)
{
    message_init(answer, MESSAGE_RESPONSE);
    memcpy(answer->txid, query->txid, query->txid_len);
    answer->txid_len = query->txid_len;
    answer->id = dht->id;
    answer->seen_address = *from;
}

static void add_nodes(const struct dht *dht, const struct message *query,
                      const struct endpoint *from, struct message *answer)
{
    struct contact near[DHT_K + 1]; /* one more: the asker is left out */
    size_t count = routing_table_closest(dht->table, &query->target, near, DHT_K + 1);
    answer->has_nodes = true;
    for (size_t i = 0; i < count && answer->node_count < DHT_K; i++) {
        if (endpoint_equal(&near[i].endpoint, from) || id_equal(&near[i].id, &query->id) ||
            (endpoint_is_local(&near[i].endpoint) && !endpoint_is_local(from)))
            continue;
        answer->nodes[answer->node_count++] =
            (struct message_node){.id = near[i].id, .endpoint = near[i].endpoint};
    }
}

/* ---- get ---- */

size_t dht_server_own_values(const struct dht *dht, const struct id *key, unsigned kind,
                             struct message_value out[], size_t cap)
{
    size_t count = 0;
    const struct record_rules *rules = record_rules(kind);
    size_t at = published_position(&dht->published, key, kind);
    for (; count < cap && published_is_of(&dht->published, at, key, kind); at++) {
        const struct published_record *record = dht->published.sorted[at];
        if (record->last)
            continue;
        out[count] = (struct message_value){
            .value = published_value(record), .with_from = rules->with_from, .order = count + 1};
        count++;
    }
    return count;
}

/* Our own records come first, with orders from 1 to this; those in the store have large ones. */
#define OWN_ORDER_MAX PUBLISHED_MAX

static void add_values(const struct dht *dht, const struct message *query,
                       const struct endpoint *from, struct message *answer)
{
    answer->has_values = true;
    if (record_rules(query->kind) == NULL)
        return;
    struct message_value *values = answer->values;
    size_t own =
        dht_server_own_values(dht, &query->target, query->kind, values, MESSAGE_VALUES_MAX);
    answer->total = (uint32_t)own;
    bool among_own = query->has_cursor && query->cursor <= OWN_ORDER_MAX;
    size_t skip = !query->has_cursor ? 0 : among_own ? (size_t)query->cursor : own;
    skip = skip < own ? skip : own;
    memmove(values, values + skip, (own - skip) * sizeof *values);
    answer->value_count = (uint8_t)(own - skip);

    struct record_get get = {.key = query->target,
                             .kind = query->kind,
                             .asker = *from,
                             .has_cursor = query->has_cursor && !among_own,
                             .cursor = query->cursor};
    size_t room = MESSAGE_VALUES_MAX - answer->value_count;
    struct record_sample sample =
        record_store_get(dht->store, &get, values + answer->value_count, room, dht->now_ms);
    answer->value_count += (uint8_t)sample.count;
    answer->total += sample.total;
    answer->has_cursor = sample.more;
}

/* Tells the newest seq, and leaves out what has ended and what the asker has already. Our own may
 * have ended and wait for their next round; and the wall clock may have been set since a record
 * came. */
static void sift(const struct message *query, uint64_t now_unix_s, struct message *answer)
{
    const struct record_rules *rules = record_rules(query->kind);
    if (rules == NULL || rules->clock_slack_s == 0)
        return;
    bool of_signer = rules->owner == OWNER_SIGNER;
    uint8_t kept = 0;
    for (size_t i = 0; i < answer->value_count; i++) {
        struct record_facts facts;
        if (!rules->inspect(answer->values[i].value, &facts) || facts.expiry_unix_s <= now_unix_s) {
            answer->total--;
            continue;
        }
        if (of_signer && (!answer->has_seq || facts.seq > answer->seq))
            answer->seq = facts.seq;
        answer->has_seq |= of_signer;
        if (!of_signer || !query->has_seq || facts.seq > query->seq)
            answer->values[kept++] = answer->values[i];
    }
    answer->value_count = kept;
}

static void answer_get(const struct dht *dht, const struct message *query,
                       const struct endpoint *from, struct message *answer)
{
    answer->token_len = TOKEN_BYTES;
    token_make(dht->config.secret, from, dht->now_ms, answer->token);
    add_values(dht, query, from, answer);
    sift(query, dht_now_unix_s(dht), answer);
    add_nodes(dht, query, from, answer);
}

/* ---- put ---- */

/* Seconds that a key as far from us as this one is kept; 0: too far. */
static uint32_t lifetime_cap_s(const struct dht *dht, const struct message_record *record,
                               uint32_t lifetime_s)
{
    uint64_t nearer = dht_crowd_nearer(dht, &record->key);
    if (nearer < DHT_K)
        return UINT32_MAX;
    if (nearer > (uint64_t)STORE_TOO_FAR_FACTOR * DHT_K)
        return 0;
    uint32_t cap_s = lifetime_s >> (nearer / DHT_K);
    return cap_s > STORE_FAR_LIFETIME_S ? cap_s : STORE_FAR_LIFETIME_S;
}

/* The sender is a contact of ours, and one of the nearest to this key: it keeps such records too.
 */
static bool is_holder(const struct dht *dht, const struct id *key, const struct message *put,
                      const struct endpoint *from)
{
    struct contact near[DHT_K];
    size_t count = routing_table_closest(dht->table, key, near, DHT_K);
    for (size_t i = 0; i < count; i++)
        if (id_equal(&near[i].id, &put->id))
            return endpoint_equal(&near[i].endpoint, from);
    return false;
}

/* What it is handed on for. Of kinds that say themselves when they end it means nothing. */
static uint32_t given_lifetime_s(const struct record_rules *rules,
                                 const struct message_record *record)
{
    bool means_something = rules->self_proving && rules->clock_slack_s == 0;
    return means_something && record->lifetime_s > 0 ? record->lifetime_s : UINT32_MAX;
}

static enum message_code store(struct dht *dht, const struct message *query,
                               const struct message_record *record, const struct endpoint *from)
{
    const struct record_rules *rules = record_rules(record->kind);
    uint32_t cap_s = rules != NULL ? lifetime_cap_s(dht, record, rules->lifetime_s) : UINT32_MAX;
    uint32_t given_s = rules != NULL ? given_lifetime_s(rules, record) : UINT32_MAX;
    if (cap_s == 0) {
        dht->counted.too_far++;
        return CODE_TOO_FAR;
    }
    struct record_put put = {.key = record->key,
                             .kind = record->kind,
                             .value = record->value,
                             .source = from,
                             .lifetime_cap_s = given_s < cap_s ? given_s : cap_s};
    if (rules != NULL && rules->per_holder_max > 0)
        put.by_holder = is_holder(dht, &record->key, query, from);
    return record_store_put(dht->store, &put, dht->now_ms, dht_now_unix_s(dht));
}

static void answer_put(struct dht *dht, const struct message *query, const struct endpoint *from,
                       bool has_token, struct message *answer)
{
    answer->code_count = query->record_count;
    for (size_t i = 0; i < query->record_count; i++)
        answer->codes[i] =
            (uint16_t)(has_token ? store(dht, query, &query->records[i], from) : CODE_BAD_TOKEN);
    dht->counted.bad_tokens += !has_token;
}

/* ---- all of them ---- */

/* The most that an answer to `bytes` may have after `pinged` bytes went the same way. */
static size_t answer_max(const struct dht *dht, const struct id *id, const struct endpoint *from,
                         size_t bytes, size_t pinged)
{
    size_t most = bytes * MESSAGE_REPLY_FACTOR;
    if (most >= DHT_DATAGRAM_MAX + pinged || dht_upkeep_proven(dht, id, from))
        return DHT_DATAGRAM_MAX;
    most = most < DHT_DATAGRAM_MAX ? most : DHT_DATAGRAM_MAX;
    return most > pinged ? most - pinged : 0;
}

static void send_answer(struct dht *dht, const struct message *answer, const struct endpoint *to,
                        size_t most)
{
    if (!dht_send_message(dht, answer, to, most))
        dht->counted.unproven++;
}

/* Returns the bytes of the ping that goes out to it, now or later. */
static size_t ping_newcomer(struct dht *dht, const struct message *query,
                            const struct endpoint *from)
{
    bool pinged = !query->read_only && dht_newcomer(dht, &query->id, from);
    return pinged ? dht_send_ping_bytes(dht) : 0;
}

/* False: it is not served. */
static bool admit(struct dht *dht, const struct message *query, const struct endpoint *from)
{
    if (query->network_id != dht->config.network_id) {
        dht->counted.other_network++;
        return false;
    }
    if (dht->config.read_only) {
        dht->counted.not_served++;
        return false;
    }
    return throttle_query(dht->throttle, from, dht->now_ms);
}

void dht_server_query(struct dht *dht, const struct message *query, const struct endpoint *from,
                      size_t bytes)
{
    if (!admit(dht, query, from))
        return;
    dht->counted.queries_in[query->method]++;
    struct bytes token = bytes_of(query->token, query->token_len);
    bool has_token = token_valid(dht->config.secret, from, token, dht->now_ms);
    struct message answer;
    answer_init(dht, query, from, &answer);
    if (query->method == METHOD_FIND)
        add_nodes(dht, query, from, &answer);
    else if (query->method == METHOD_GET)
        answer_get(dht, query, from, &answer);
    else if (query->method == METHOD_PUT)
        answer_put(dht, query, from, has_token, &answer);
    size_t pinged = ping_newcomer(dht, query, from);
    size_t most = has_token ? DHT_DATAGRAM_MAX : answer_max(dht, &query->id, from, bytes, pinged);
    send_answer(dht, &answer, from, most);
}

void dht_server_refuse(struct dht *dht, const struct message *query, const struct endpoint *from,
                       size_t bytes)
{
    if (dht->config.read_only || !throttle_query(dht->throttle, from, dht->now_ms))
        return;
    struct message answer;
    message_init(&answer, MESSAGE_ERROR);
    memcpy(answer.txid, query->txid, query->txid_len);
    answer.txid_len = query->txid_len;
    answer.error_code = query->error_code;
    answer.error_text = query->error_text;
    send_answer(dht, &answer, from, throttle_reply_max(dht->throttle, from, bytes, dht->now_ms));
}
