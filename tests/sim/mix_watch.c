#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dht/params.h"
#include "dht/record_kinds.h"
#include "sim/mix_private.h"

#define UNIX_BASE_MS      1700000000000ull
#define LOOKUP_MAX_MS     (120 * 1000)
#define PUBLISHING_MAX_MS (600 * 1000)
#define OPERATIONS_MAX    2000 /* with those of the node itself */
#define VALID_EVERY       8    /* all invariants of a node, in seconds */
#define DROPS             4    /* different ones, for each takes a while to make */
#define KEPT_UNIX_S       (UNIX_BASE_MS / 1000 + 5 * 86400)

void mix_broken(struct mix_run *run, const char *format, ...)
{
    va_list arguments;
    if (run->broken)
        return;
    run->broken = true;
    int len =
        snprintf(run->why, run->why_cap, "at %llu ms: ", (unsigned long long)net_now_ms(run->net));
    va_start(arguments, format);
    vsnprintf(run->why + len, run->why_cap - (size_t)len, format, arguments);
    va_end(arguments);
}

uint64_t mix_unix_ms(const struct mix_run *run, size_t node)
{
    return UNIX_BASE_MS + net_now_ms(run->net) + (uint64_t)run->nodes[node].clock_ms;
}

/* ---- lookups ---- */

bool mix_has_room(const struct mix_run *run)
{
    return run->lookup_count < MIX_LOOKUPS_MAX;
}

static void begin(struct mix_run *run, const struct mix_lookup *lookup)
{
    if (lookup->operation == 0)
        mix_broken(run, "node %zu has no room for a lookup", lookup->node);
    else
        run->lookups[run->lookup_count++] = *lookup;
    run->figures.lookups++;
    net_touched(run->net, lookup->node);
}

void mix_get(struct mix_run *run, size_t node, const struct id *key, enum record_kind kind,
             size_t record)
{
    uint64_t now_ms = net_now_ms(run->net);
    begin(run,
          &(struct mix_lookup){.node = node,
                               .operation = dht_get(net_dht(run->net, node), key, kind, now_ms),
                               .ends_by = DHT_EVENT_GET_DONE,
                               .key = *key,
                               .kind = kind,
                               .started_ms = now_ms,
                               .record = record});
}

void mix_find(struct mix_run *run, size_t node, const struct id *target)
{
    uint64_t now_ms = net_now_ms(run->net);
    begin(run, &(struct mix_lookup){.node = node,
                                    .operation = dht_find(net_dht(run->net, node), target, now_ms),
                                    .ends_by = DHT_EVENT_FOUND,
                                    .key = *target,
                                    .started_ms = now_ms,
                                    .record = SIZE_MAX});
}

void mix_ping(struct mix_run *run, size_t node, size_t other)
{
    uint64_t now_ms = net_now_ms(run->net);
    struct endpoint to = net_endpoint(run->net, other);
    begin(run, &(struct mix_lookup){.node = node,
                                    .operation = dht_ping(net_dht(run->net, node), &to, now_ms),
                                    .ends_by = DHT_EVENT_PING,
                                    .started_ms = now_ms,
                                    .record = SIZE_MAX});
}

static void drop_lookup(struct mix_run *run, struct mix_lookup *lookup)
{
    *lookup = run->lookups[--run->lookup_count];
}

void mix_cancel_one(struct mix_run *run, size_t number)
{
    struct mix_lookup *lookup = &run->lookups[number];
    size_t node = lookup->node;
    dht_cancel(net_dht(run->net, node), lookup->operation);
    drop_lookup(run, lookup); /* an event of it would be nobody's */
    net_touched(run->net, node);
}

static struct mix_lookup *lookup_of(struct mix_run *run, size_t node, uint32_t operation)
{
    for (size_t i = 0; i < run->lookup_count; i++)
        if (run->lookups[i].node == node && run->lookups[i].operation == operation)
            return &run->lookups[i];
    return NULL;
}

static uint64_t hash_of(const struct dht_event *event)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < event->value.len; i++)
        hash = (hash ^ event->value.data[i]) * 0x100000001b3u;
    for (size_t i = 0; i < sizeof event->endpoint.addr; i++)
        hash = (hash ^ event->endpoint.addr[i]) * 0x100000001b3u;
    return (hash ^ event->endpoint.port) * 0x100000001b3u;
}

static void take_value(struct mix_run *run, struct mix_lookup *lookup,
                       const struct dht_event *event)
{
    enum message_code code =
        record_check(event->kind, &event->id, event->value, mix_unix_ms(run, lookup->node) / 1000);
    if (code != CODE_OK)
        mix_broken(run, "node %zu was told of a value of kind %d that is none: %d", lookup->node,
                   (int)event->kind, (int)code);
    if (!id_equal(&event->id, &lookup->key) || event->kind != lookup->kind)
        mix_broken(run, "node %zu was told of a value under another key", lookup->node);
    uint64_t hash = hash_of(event);
    size_t known = lookup->values < MIX_VALUES_MAX ? lookup->values : MIX_VALUES_MAX;
    for (size_t i = 0; i < known; i++)
        if (lookup->hashes[i] == hash)
            mix_broken(run, "node %zu was told of a value twice", lookup->node);
    if (lookup->values < MIX_VALUES_MAX)
        lookup->hashes[lookup->values] = hash;
    lookup->values++;
    if (lookup->record != SIZE_MAX &&
        bytes_equal(event->value, sample_value(&run->records[lookup->record].sample)))
        lookup->found = true;
}

static void check_found(struct mix_run *run, size_t node, const struct dht_event *event)
{
    if (event->node_count > DHT_K)
        mix_broken(run, "node %zu found %zu nodes", node, event->node_count);
    for (size_t i = 0; i < event->node_count; i++)
        for (size_t j = 0; j < i; j++)
            if (id_equal(&event->nodes[i].id, &event->nodes[j].id))
                mix_broken(run, "node %zu found a node twice", node);
}

static void check_expected(struct mix_run *run, const struct mix_lookup *lookup,
                           const struct dht_event *event)
{
    if (lookup->record == SIZE_MAX || lookup->found)
        return;
    mix_broken(run,
               "node %zu does not find record %zu, of kind %d, published by node %zu: asked %u, "
               "answered %u, values %u, held %u",
               lookup->node, lookup->record, (int)lookup->kind,
               run->records[lookup->record].publisher, event->asked, event->answered, event->values,
               event->held);
}

static void end_lookup(struct mix_run *run, size_t node, struct mix_lookup *lookup,
                       const struct dht_event *event)
{
    uint64_t took_ms = net_now_ms(run->net) - lookup->started_ms;
    if (took_ms > run->figures.longest_lookup_ms)
        run->figures.longest_lookup_ms = took_ms;
    if (event->type != lookup->ends_by)
        mix_broken(run, "a lookup of node %zu ended by another event: %d", node, (int)event->type);
    if (event->answered > event->asked || event->holding > event->nearest)
        mix_broken(run, "more answers than queries: %u of %u, %u of %u", event->answered,
                   event->asked, event->holding, event->nearest);
    if (event->type == DHT_EVENT_FOUND)
        check_found(run, node, event);
    if (event->type == DHT_EVENT_GET_DONE && event->values != lookup->values)
        mix_broken(run, "node %zu says %u values and told of %zu", node, event->values,
                   lookup->values);
    check_expected(run, lookup, event);
    drop_lookup(run, lookup);
}

/* ---- records ---- */

/* Nobody publishes what has ended. */
static void tell(struct mix_run *run, struct mix_record *record)
{
    if (record->expiry_unix_s != 0 &&
        record->expiry_unix_s <= mix_unix_ms(run, record->publisher) / 1000)
        return;
    enum status status =
        dht_publish(net_dht(run->net, record->publisher), &record->sample.key, record->sample.kind,
                    sample_value(&record->sample), net_now_ms(run->net));
    if (status != STATUS_OK)
        mix_broken(run, "node %zu refuses a record of kind %d to publish: %s", record->publisher,
                   (int)record->sample.kind, status_name(status));
    record->is_new = true;
    record->told_ms = net_now_ms(run->net);
    net_touched(run->net, record->publisher);
}

static struct sample any_drop(uint32_t number)
{
    static struct sample drops[DROPS];
    struct sample *drop = &drops[number % DROPS];
    if (drop->len == 0)
        *drop = sample_drop(number % DROPS, KEPT_UNIX_S);
    return *drop;
}

/* Some entries end soon. */
static uint64_t any_expiry(struct mix_run *run)
{
    if (rng_below(&run->rng, 4) > 0)
        return KEPT_UNIX_S;
    return net_unix_s(run->net) + 30 + rng_below(&run->rng, 600);
}

static void draw_sample(struct mix_run *run, struct mix_record *record)
{
    record->seq = 1;
    switch (rng_below(&run->rng, 16)) {
    case 0:
        record->sample = any_drop((uint32_t)run->record_count);
        break;
    case 1:
    case 2:
    case 3:
        record->sample = sample_availability(record->number);
        break;
    case 4:
    case 5:
    case 6:
        record->expiry_unix_s = any_expiry(run);
        record->sample = sample_entry(record->number, record->expiry_unix_s);
        break;
    case 7:
    case 8:
    case 9:
        record->expiry_unix_s = any_expiry(run);
        record->sample = sample_item(record->number, record->seq, record->expiry_unix_s);
        break;
    case 10:
    case 11:
    case 12:
        record->sample = sample_part(record->number);
        break;
    default:
        record->sample = sample_peer(record->number);
    }
}

void mix_publish_new(struct mix_run *run, size_t node)
{
    struct mix_record *record = &run->records[run->record_count];
    *record =
        (struct mix_record){.publisher = node, .number = (uint32_t)rng_below(&run->rng, 1 << 20)};
    draw_sample(run, record);
    for (size_t i = 0; i < run->record_count; i++)
        if (id_equal(&run->records[i].sample.key, &record->sample.key))
            return;
    run->record_count++;
    run->figures.published++;
    vandal_notice_key(run->vandal, &record->sample.key);
    tell(run, record);
}

void mix_publish_anew(struct mix_run *run, size_t number)
{
    struct mix_record *record = &run->records[number];
    if (record->sample.kind == KIND_ITEM && record->expiry_unix_s == KEPT_UNIX_S)
        record->sample = sample_item(record->number, ++record->seq, record->expiry_unix_s);
    tell(run, record);
}

void mix_withdraw(struct mix_run *run, size_t number)
{
    struct mix_record *record = &run->records[number];
    record->withdrawn = true;
    dht_withdraw(net_dht(run->net, record->publisher), &record->sample.key, record->sample.kind,
                 record->sample.kind == KIND_DROP ? sample_value(&record->sample)
                                                  : (struct bytes){0},
                 net_now_ms(run->net));
    net_touched(run->net, record->publisher);
}

static void published(struct mix_run *run, size_t node, const struct dht_event *event)
{
    for (size_t i = 0; i < run->record_count; i++) {
        struct mix_record *record = &run->records[i];
        if (record->publisher != node || !record->is_new ||
            !id_equal(&record->sample.key, &event->id))
            continue;
        uint64_t took_ms = net_now_ms(run->net) - record->told_ms;
        if (took_ms > run->figures.longest_publishing_ms)
            run->figures.longest_publishing_ms = took_ms;
        record->is_new = false;
    }
}

/* ---- what a node says ---- */

static void on_event(void *state, size_t node, const struct dht_event *event)
{
    struct mix_run *run = state;
    if (event->type == DHT_EVENT_PUBLISHED)
        published(run, node, event);
    if (event->operation == 0)
        return;
    struct mix_lookup *lookup = lookup_of(run, node, event->operation);
    if (lookup == NULL)
        mix_broken(run, "node %zu tells of operation %u, which has ended: %d", node,
                   event->operation, (int)event->type);
    else if (event->type == DHT_EVENT_VALUE)
        take_value(run, lookup, event);
    else
        end_lookup(run, node, lookup, event);
}

void mix_watch(struct mix_run *run)
{
    net_set_guest(run->net, &(struct net_guest){.state = run, .on_event = on_event});
}

void mix_started(struct mix_run *run, size_t node)
{
    run->nodes[node].clock_ms = 0;
    run->nodes[node].stats = (struct dht_stats){0};
    for (size_t i = 0; i < run->record_count; i++) /* its owner tells it again */
        if (run->records[i].publisher == node && !run->records[i].withdrawn)
            tell(run, &run->records[i]);
}

void mix_stopped(struct mix_run *run, size_t node)
{
    for (size_t i = run->lookup_count; i-- > 0;)
        if (run->lookups[i].node == node)
            drop_lookup(run, &run->lookups[i]);
}

void mix_slept(struct mix_run *run, size_t node, uint64_t ms)
{
    for (size_t i = 0; i < run->lookup_count; i++)
        if (run->lookups[i].node == node)
            run->lookups[i].started_ms += ms;
    for (size_t i = 0; i < run->record_count; i++)
        if (run->records[i].publisher == node)
            run->records[i].told_ms += ms;
}

/* ---- what has to hold each second ---- */

static void check_counters(struct mix_run *run, size_t node, const struct dht_stats *now)
{
    const size_t first = offsetof(struct dht_stats, datagrams_in) / sizeof(uint64_t);
    uint64_t before[sizeof *now / sizeof(uint64_t)], after[sizeof *now / sizeof(uint64_t)];
    memcpy(before, &run->nodes[node].stats, sizeof before);
    memcpy(after, now, sizeof after);
    for (size_t i = first; i < sizeof *now / sizeof(uint64_t); i++)
        if (after[i] < before[i])
            mix_broken(run, "counter %zu of node %zu goes back", i - first, node);
    run->nodes[node].stats = *now;
}

static void check_node(struct mix_run *run, size_t node)
{
    struct dht *dht = net_dht(run->net, node);
    struct dht_stats stats;
    dht_stats(dht, &stats);
    check_counters(run, node, &stats);
    size_t store = run->mix->store_bytes > 0 ? run->mix->store_bytes : STORE_BUDGET_BYTES;
    if (stats.stored_bytes > store)
        mix_broken(run, "node %zu stores %zu bytes", node, stats.stored_bytes);
    if (stats.operations > OPERATIONS_MAX || stats.pending > RPC_PENDING_MAX + PACE_HELD_MAX)
        mix_broken(run, "node %zu has %zu lookups and %zu queries under way", node,
                   stats.operations, stats.pending);
    if (dht_deadline(dht) < net_now_ms(run->net) && !net_stands_still(run->net, node))
        mix_broken(run, "node %zu is late", node);
    if ((net_now_ms(run->net) / 1000 + node) % VALID_EVERY == 0 && !dht_valid(dht))
        mix_broken(run, "an invariant of node %zu", node);
}

static void check_times(struct mix_run *run)
{
    uint64_t now_ms = net_now_ms(run->net);
    for (size_t i = 0; i < run->lookup_count; i++)
        if (now_ms > run->lookups[i].started_ms + LOOKUP_MAX_MS)
            mix_broken(run, "a lookup of node %zu does not end (kind %d, ends by %d)",
                       run->lookups[i].node, (int)run->lookups[i].kind,
                       (int)run->lookups[i].ends_by);
    for (size_t i = 0; i < run->record_count; i++) {
        const struct mix_record *record = &run->records[i];
        if (record->is_new && !record->withdrawn && net_is_up(run->net, record->publisher) &&
            now_ms > record->told_ms + PUBLISHING_MAX_MS)
            mix_broken(run, "a record of kind %d of node %zu is not published",
                       (int)record->sample.kind, record->publisher);
    }
}

void mix_check(struct mix_run *run)
{
    for (size_t node = 0; node < net_node_count(run->net); node++)
        if (net_is_up(run->net, node))
            check_node(run, node);
    check_times(run);
    const char *complaint = auditor_complaint(run->auditor);
    if (complaint != NULL)
        mix_broken(run, "%s", complaint);
}
