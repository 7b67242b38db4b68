#include <stdlib.h>
#include <string.h>

#include "dht/codec_msgpack.h"
#include "dht/node.h"
#include "dht/node_id.h"
#include "dht/prefetch.h"
#include "dht/record_kinds.h"

/* ---- life ---- */

struct routing_table *dht_new_table(const struct dht *dht, const struct id *self)
{
    struct routing_table_config config = {
        .self = *self,
        .family = dht->config.family,
        .wide = dht_uses(dht, DHT_WIDE_BUCKETS),
        .limit_local = dht->config.limit_local,
    };
    return routing_table_new(&config);
}

struct dht_outbox *dht_outbox_new(void)
{
    struct dht_outbox *outbox = malloc(sizeof *outbox);
    if (outbox == NULL)
        return NULL;
    byte_queue_init(&outbox->datagrams, DATAGRAM_QUEUE_BYTES);
    byte_queue_init(&outbox->events, EVENT_QUEUE_BYTES);
    return outbox;
}

static void trim_outbox(struct dht_outbox *outbox)
{
    byte_queue_trim(&outbox->datagrams);
    byte_queue_trim(&outbox->events);
}

void dht_outbox_free(struct dht_outbox *outbox)
{
    if (outbox == NULL)
        return;
    byte_queue_dispose(&outbox->datagrams);
    byte_queue_dispose(&outbox->events);
    free(outbox);
}

static bool make_parts(struct dht *dht)
{
    dht->outbox = dht->config.outbox != NULL ? dht->config.outbox : dht_outbox_new();
    struct record_store_config store = {.limit_local = dht->config.limit_local,
                                        .budget_bytes = dht->config.store_bytes};
    memcpy(store.secret, dht->config.secret, sizeof store.secret);
    dht->table = dht_new_table(dht, &dht->id);
    dht->store = record_store_new(&store);
    dht->throttle = throttle_new(dht->config.secret, dht->config.limit_local);
    return dht->outbox != NULL && dht->table != NULL && dht->store != NULL && dht->throttle != NULL;
}

struct dht *dht_new(const struct dht_config *config, uint64_t now_ms)
{
    struct dht *dht = calloc(1, sizeof *dht);
    if (dht == NULL)
        return NULL;
    dht->config = *config;
    dht->rng = config->rng;
    dht->id = id_is_zero(&config->id) ? node_id_random(&dht->rng) : config->id;
    dht->now_ms = now_ms;
    dht->suspects_ms = dht->trim_ms = dht->lost.due_ms = UINT64_MAX;
    dht->join.retry_ms = dht->join.few_ms = UINT64_MAX;
    dht->refresh_pause_ms = REFRESH_MIN_MS;
    dht_handover_init(dht);
    rpc_init(&dht->rpc, !dht_uses(dht, DHT_MEASURED_TIMEOUTS));
    votes_init(&dht->votes, config->family);
    published_init(&dht->published);
    token_cache_init(&dht->tokens);
    pace_init(&dht->pace, config->secret);
    if (make_parts(dht)) {
        dht_upkeep_touch(dht, &dht->id);
        return dht;
    }
    dht_free(dht);
    return NULL;
}

void dht_free(struct dht *dht)
{
    if (dht == NULL)
        return;
    dht_walk_free_all(dht);
    routing_table_free(dht->table);
    record_store_free(dht->store);
    throttle_free(dht->throttle);
    free(dht->handover.to);
    source_table_dispose(&dht->handover.had);
    rpc_dispose(&dht->rpc);
    pace_dispose(&dht->pace);
    published_dispose(&dht->published);
    token_cache_dispose(&dht->tokens);
    if (dht->config.outbox == NULL)
        dht_outbox_free(dht->outbox);
    free(dht->join.candidates);
    free(dht->lost.endpoints);
    free(dht->newcomers.waiting);
    free(dht->borrowed);
    free(dht);
}

void dht_set_unix_base(struct dht *dht, uint64_t unix_base_ms)
{
    uint64_t before_ms = dht->config.unix_base_ms;
    uint64_t apart_ms =
        unix_base_ms > before_ms ? unix_base_ms - before_ms : before_ms - unix_base_ms;
    dht->config.unix_base_ms = unix_base_ms;
    if (apart_ms >= PUBLISH_CLOCK_STEP_MS)
        dht_publish_all_now(dht);
}

/* ---- input ---- */

void dht_begin(struct dht *dht, uint64_t now_ms)
{
    if (now_ms > dht->now_ms)
        dht->now_ms = now_ms;
}

void dht_settle(struct dht *dht)
{
    dht_walk_begin_waiting(dht);
    dht_publish_run(dht);
}

uint64_t dht_jitter(struct dht *dht, uint64_t ms, unsigned part)
{
    uint64_t most = ms / part;
    return ms - most + rng_below(&dht->rng, 2 * most + 1);
}

/* Each step reads what the one before has fetched. */
void dht_expect(const struct dht *dht, unsigned others)
{
    if (others == 3) {
        prefetch(dht, sizeof *dht);
    } else if (others == 2) {
        routing_table_expect(dht->table, false);
        throttle_expect(dht->throttle, false);
        rpc_expect(&dht->rpc);
        record_store_expect(dht->store);
        prefetch(dht->walks.entries, dht->walks.count * sizeof *dht->walks.entries);
    } else if (others == 1) {
        routing_table_expect(dht->table, true);
        throttle_expect(dht->throttle, true);
        if (dht->walks.count > 0)
            prefetch(dht->walks.entries[0].walk, sizeof *dht->walks.entries[0].walk);
    }
}

static void ping_ended(struct dht *dht, const struct rpc_query *query, const struct id *id)
{
    struct dht_event event = {.type = DHT_EVENT_PING,
                              .operation = query->operation,
                              .status = id != NULL ? STATUS_OK : STATUS_TIMED_OUT,
                              .endpoint = query->to};
    if (query->operation == 0) /* cancelled */
        return;
    if (id != NULL) {
        event.id = *id;
        event.rtt_ms = (uint32_t)(dht->now_ms - query->sent_ms);
    }
    dht_emit(dht, &event);
}

static void on_answer(struct dht *dht, const struct message *answer, const struct endpoint *from)
{
    struct rpc_query query;
    if (!rpc_take(&dht->rpc, message_txid(answer), from, dht->now_ms, &query)) {
        dht->counted.unknown_answers++;
        return;
    }
    dht->counted.surplus_nodes += answer->node_surplus;
    dht_upkeep_answered(dht, &query, answer);
    if (query.purpose == RPC_PING_NEW)
        dht_newcomers_go_on(dht);
    bool is_ended =
        query.silent && (query.purpose > RPC_WALK_ASK || query.purpose == RPC_PING_HAND);
    if (is_ended)
        return; /* it is there, and that is all */
    if (query.silent && query.purpose == RPC_WALK_ASK)
        dht_walk_answered_late(dht, &query, answer);
    else if (query.purpose == RPC_PING_HAND)
        ping_ended(dht, &query, &answer->id);
    else if (query.purpose >= RPC_WALK_ASK)
        dht_walk_answered(dht, &query, answer);
    else if (query.purpose == RPC_PING_LOST)
        dht_lost_answered(dht, &query, answer);
    else if (query.purpose == RPC_PING_JOIN)
        dht_join_answered(dht, &query, answer);
}

void dht_on_datagram(struct dht *dht, const struct endpoint *from, struct bytes data,
                     uint64_t now_ms)
{
    dht_begin(dht, now_ms);
    dht->counted.datagrams_in++;
    dht->counted.bytes_in += data.len;
    struct message message;
    enum decode_result decoded =
        from->family == dht->config.family ? codec_msgpack.decode(data, &message) : DECODE_DROP;
    if (decoded != DECODE_OK)
        dht->counted.malformed++;
    if (decoded == DECODE_OK)
        routing_table_expect_id(dht->table, &message.id);
    if (decoded == DECODE_REFUSED)
        dht_server_refuse(dht, &message, from, data.len);
    else if (decoded == DECODE_OK && message.type == MESSAGE_QUERY)
        dht_server_query(dht, &message, from, data.len);
    else if (decoded == DECODE_OK)
        on_answer(dht, &message, from);
    dht_settle(dht);
}

static void on_due(struct dht *dht, enum rpc_due due, const struct rpc_query *query)
{
    bool of_walk = query->purpose >= RPC_WALK_ASK;
    if (due == RPC_LATE && of_walk) {
        dht_walk_late(dht, query);
    } else if (due == RPC_LATE) {
        if (query->purpose != RPC_PING_NEW) /* what it sent does not pay for a second one */
            dht_send_again(dht, query);
    } else {
        dht->counted.timeouts++;
        dht_upkeep_silent(dht, query);
        if (of_walk)
            dht_walk_silent(dht, query);
        else if (query->purpose == RPC_PING_HAND)
            ping_ended(dht, query, NULL);
        else if (query->purpose == RPC_PING_JOIN)
            dht_walk_first_contact(dht, NULL);
        else if (query->purpose == RPC_PING_NEW)
            dht_newcomers_go_on(dht);
    }
}

/* It was held back, and now there is no room for it: its walk goes on without. */
static void unsent(struct dht *dht, const struct rpc_query *query)
{
    if (query->purpose >= RPC_WALK_ASK)
        dht_walk_silent(dht, query);
    else if (query->purpose == RPC_PING_HAND)
        ping_ended(dht, query, NULL);
    else if (query->purpose == RPC_PING_JOIN)
        dht_walk_first_contact(dht, NULL);
}

/* Idle: what the last burst needed is given back. */
static void trim(struct dht *dht)
{
    if (dht->now_ms < dht->trim_ms)
        return;
    bool busy =
        dht->rpc.count + dht->pace.count > 0 || !byte_queue_is_empty(&dht->outbox->datagrams);
    dht->trim_ms = busy ? dht->now_ms + TRIM_AFTER_MS : UINT64_MAX;
    rpc_trim(&dht->rpc);
    pace_trim(&dht->pace, dht->now_ms);
    if (dht->config.outbox == NULL)
        trim_outbox(dht->outbox);
    token_cache_trim(&dht->tokens, dht->now_ms);
    throttle_trim(dht->throttle, dht->now_ms);
    dht_handover_trim(dht);
}

void dht_on_time(struct dht *dht, uint64_t now_ms)
{
    dht_begin(dht, now_ms);
    struct rpc_query query;
    for (enum rpc_due due; (due = rpc_next_due(&dht->rpc, dht->now_ms, &query)) != RPC_NOTHING_DUE;)
        on_due(dht, due, &query);
    while (dht_send_held(dht, &query))
        unsent(dht, &query);
    dht_join_run(dht);
    dht_lost_run(dht);
    dht_upkeep_run(dht);
    dht_handover_run(dht);
    if (dht->now_ms >= record_store_deadline(dht->store))
        record_store_expire(dht->store, dht->now_ms);
    trim(dht);
    dht_settle(dht);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t dht_deadline(const struct dht *dht)
{
    uint64_t due_ms = earlier(rpc_deadline(&dht->rpc), dht_join_deadline(dht));
    due_ms = earlier(due_ms, pace_deadline(&dht->pace));
    due_ms = earlier(due_ms, dht_upkeep_deadline(dht));
    due_ms = earlier(due_ms, dht->lost.due_ms);
    due_ms = earlier(due_ms, dht_publish_deadline(dht));
    due_ms = earlier(due_ms, dht_handover_deadline(dht));
    due_ms = earlier(due_ms, record_store_deadline(dht->store));
    return earlier(due_ms, dht->trim_ms);
}

/* ---- output ---- */

bool dht_next_datagram(struct dht *dht, struct endpoint *to, struct bytes *data)
{
    return byte_queue_pop(&dht->outbox->datagrams, to, sizeof *to, data);
}

void dht_emit(struct dht *dht, const struct dht_event *event)
{
    struct bytes body = event->type == DHT_EVENT_FOUND
                            ? bytes_of(event->nodes, event->node_count * sizeof *event->nodes)
                            : event->value;
    if (!byte_queue_push(&dht->outbox->events, event, sizeof *event, body))
        dht->counted.queue_dropped++;
}

bool dht_next_event(struct dht *dht, struct dht_event *event)
{
    struct bytes body;
    free(dht->borrowed);
    dht->borrowed = NULL;
    if (!byte_queue_pop(&dht->outbox->events, event, sizeof *event, &body))
        return false;
    event->nodes = NULL;
    event->value = (struct bytes){0};
    if (body.len == 0 || (dht->borrowed = malloc(body.len)) == NULL) {
        event->node_count = 0;
        return true;
    }
    memcpy(dht->borrowed, body.data, body.len);
    if (event->type == DHT_EVENT_FOUND)
        event->nodes = (const struct dht_contact *)(const void *)dht->borrowed;
    else
        event->value = bytes_of(dht->borrowed, body.len);
    return true;
}

/* ---- requests ---- */

static uint32_t request(struct dht *dht, enum walk_purpose purpose, const struct id *target,
                        unsigned kind, uint64_t now_ms)
{
    dht_begin(dht, now_ms);
    uint32_t operation = dht_walk_start(dht, purpose, target, kind);
    dht_settle(dht);
    return operation;
}

uint32_t dht_find(struct dht *dht, const struct id *target, uint64_t now_ms)
{
    return request(dht, WALK_FIND, target, 0, now_ms);
}

uint32_t dht_get(struct dht *dht, const struct id *key, enum record_kind kind, uint64_t now_ms)
{
    if (record_rules(kind) == NULL)
        return 0;
    return request(dht, WALK_GET, key, kind, now_ms);
}

uint32_t dht_ping(struct dht *dht, const struct endpoint *endpoint, uint64_t now_ms)
{
    dht_begin(dht, now_ms);
    if (endpoint->family != dht->config.family || !endpoint_is_usable(endpoint))
        return 0;
    uint32_t operation = dht_walk_next_operation(dht);
    return dht_send_ping(dht, RPC_PING_HAND, endpoint, NULL, operation) ? operation : 0;
}

void dht_cancel(struct dht *dht, uint32_t operation)
{
    dht_walk_cancel(dht, operation);
    rpc_disown(&dht->rpc, operation);
    pace_disown(&dht->pace, operation);
    dht_settle(dht);
}

enum status dht_restore_record(struct dht *dht, const struct id *key, enum record_kind kind,
                               struct bytes value, uint32_t left_s, uint64_t now_ms)
{
    dht_begin(dht, now_ms);
    struct record_put put = {.key = *key, .kind = kind, .value = value, .lifetime_cap_s = left_s};
    enum message_code code = record_store_put(dht->store, &put, dht->now_ms, dht_now_unix_s(dht));
    switch (code) {
    case CODE_OK:
        return STATUS_OK;
    case CODE_QUOTA:
        return STATUS_FULL;
    case CODE_OLDER:
        return STATUS_EXISTS;
    case CODE_TOO_BIG:
        return STATUS_TOO_BIG;
    default:
        return STATUS_MALFORMED;
    }
}

size_t dht_next_record(const struct dht *dht, size_t cursor, struct id *key, enum record_kind *kind,
                       struct bytes *value, uint64_t *ends_ms)
{
    unsigned number = 0;
    uint32_t ends_s = 0;
    size_t next = record_store_next(dht->store, cursor, key, &number, value, &ends_s);
    *kind = (enum record_kind)number;
    *ends_ms = ends_s * 1000ull;
    return next;
}

/* ---- questions ---- */

static int compare_common_bits(const void *a, const void *b)
{
    const struct dht_contact *left = a, *right = b;
    return (int)left->common_bits - (int)right->common_bits;
}

size_t dht_contacts(const struct dht *dht, struct dht_contact out[], size_t cap)
{
    size_t count = 0;
    struct contact contact;
    while (count < cap && routing_table_at(dht->table, count, &contact))
        out[count++] =
            (struct dht_contact){.id = contact.id,
                                 .endpoint = contact.endpoint,
                                 .seen_ms = contact.seen_ms,
                                 .rtt_ms = contact.rtt_ms,
                                 .failures = (uint16_t)contact.failures,
                                 .common_bits = (uint16_t)id_common_bits(&dht->id, &contact.id)};
    qsort(out, count, sizeof out[0], compare_common_bits);
    return count;
}

size_t dht_buckets(const struct dht *dht, struct dht_bucket out[], size_t cap)
{
    size_t count = 0;
    for (; count < cap && count < routing_table_buckets(dht->table); count++)
        out[count] = routing_table_bucket(dht->table, count);
    return count;
}

static size_t answering(const struct dht *dht)
{
    size_t count = 0;
    struct contact contact;
    for (size_t i = 0; routing_table_at(dht->table, i, &contact); i++)
        count += contact.failures == 0;
    return count;
}

void dht_stats(const struct dht *dht, struct dht_stats *out)
{
    const struct record_store_stats *store = record_store_stats(dht->store);
    *out = dht->counted;
    out->id = dht->id;
    out->external = *votes_winner(&dht->votes);
    out->contacts = routing_table_count(dht->table);
    out->buckets = routing_table_buckets(dht->table);
    out->answering = answering(dht);
    out->stored_records = store->records;
    out->stored_bytes = store->bytes;
    out->stored_keys = store->keys;
    for (size_t i = 0; i < dht->published.count; i++)
        out->published += !dht->published.sorted[i]->foreign;
    out->operations = dht->walks.count;
    out->pending = rpc_waiting(&dht->rpc) + dht->pace.count;
    out->network_size = (uint64_t)(dht_crowd_nodes(dht) + 0.5);
    out->crowded += routing_table_crowded(dht->table);
    out->limited = throttle_dropped(dht->throttle);
    out->bad_values = store->bad_values;
    out->bad_signatures = store->bad_signatures;
    out->over_quota = store->over_quota;
    out->older = store->older;
    out->checked = store->checked;
    out->unchecked = store->unchecked;
    out->evicted = store->evicted;
    out->expired = store->expired;
}

bool dht_valid(const struct dht *dht)
{
    return routing_table_valid(dht->table) && rpc_valid(&dht->rpc) && pace_valid(&dht->pace) &&
           published_valid(&dht->published) && dht_walk_valid(dht) &&
           record_store_valid(dht->store) && throttle_valid(dht->throttle) &&
           source_table_valid(&dht->handover.had);
}
