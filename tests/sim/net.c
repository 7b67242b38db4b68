#include "sim/net.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kadpeer/siphash.h"
#include "sim/event_heap.h"

#define UNIX_BASE_MS 1700000000000ull
#define EVENT_TYPES  (DHT_EVENT_PUBLISHED + 1)
#define PARTS_MAX    8
#define VALID_EVERY  64 /* inputs to a node between two checks of all its invariants */
#define SAVED_NODES  64

enum event_type { EVENT_DATAGRAM, EVENT_TIMER, EVENT_CHURN, EVENT_CALL };

struct part {
    bool (*pass)(void *state, struct net_packet *packet);
    void *state;
    void (*dispose)(void *state); /* NULL: not ours */
};

struct saved_record {
    struct saved_record *next;
    struct id key;
    enum record_kind kind;
    uint64_t ends_ms;
    size_t len;
    uint8_t value[];
};

struct node {
    struct dht *dht; /* NULL: down */
    struct endpoint endpoint;
    struct net_node_options options;
    struct id id; /* zero before its first run */
    struct dht_contact *saved;
    size_t saved_count;
    struct saved_record *records; /* a list */
    uint64_t timer_ms;            /* of the timer event that counts */
    uint64_t inputs;
    uint32_t generation; /* counts starts: tells timers of an earlier life apart */
    size_t events[EVENT_TYPES];
    struct dht_event last[EVENT_TYPES];
};

struct net {
    struct net_config config;
    struct rng rng;
    uint64_t now_ms;
    struct event_heap heap;
    struct node *nodes;
    size_t count, cap;
    size_t *by_port; /* hash of endpoints: node + 1 */
    size_t hash_cap;
    struct part parts[PARTS_MAX];
    size_t part_count;
    struct net_outcome *outcomes;
    size_t outcome_count, outcome_cap;
    uint64_t trace, delivered;
    uint64_t mean_up_ms, mean_down_ms;
    bool strangers;
    struct net_guest guest; /* all NULL: none */
};

static const uint8_t trace_key[16] = "kadpeer trace..";

/* ---- life ---- */

struct net *net_new(const struct net_config *config)
{
    struct net *net = calloc(1, sizeof *net);
    assert(net != NULL);
    net->config = *config;
    rng_init_seed(&net->rng, config->seed);
    return net;
}

void net_free(struct net *net)
{
    for (size_t i = 0; i < net->count; i++) {
        dht_free(net->nodes[i].dht);
        net_forget(net, i);
    }
    for (size_t i = 0; i < net->part_count; i++)
        if (net->parts[i].dispose != NULL)
            net->parts[i].dispose(net->parts[i].state);
    event_heap_dispose(&net->heap);
    free(net->nodes);
    free(net->by_port);
    free(net->outcomes);
    free(net);
}

struct rng *net_rng(struct net *net)
{
    return &net->rng;
}

uint64_t net_now_ms(const struct net *net)
{
    return net->now_ms;
}

uint64_t net_unix_s(const struct net *net)
{
    return (UNIX_BASE_MS + net->now_ms) / 1000;
}

/* ---- addresses ---- */

static size_t *hash_place(const struct net *net, const struct endpoint *endpoint)
{
    uint8_t compact[ENDPOINT_COMPACT_MAX];
    size_t len = endpoint_to_compact(endpoint, compact);
    size_t at = siphash(trace_key, bytes_of(compact, len)) & (net->hash_cap - 1);
    while (net->by_port[at] != 0 &&
           !endpoint_equal(&net->nodes[net->by_port[at] - 1].endpoint, endpoint))
        at = (at + 1) & (net->hash_cap - 1);
    return &net->by_port[at];
}

static size_t node_at(const struct net *net, const struct endpoint *endpoint)
{
    return net->hash_cap > 0 ? *hash_place(net, endpoint) - 1 : NET_NONE; /* 0 - 1 is NET_NONE */
}

static void hash_all(struct net *net)
{
    free(net->by_port);
    net->hash_cap = 4 * net->cap;
    net->by_port = calloc(net->hash_cap, sizeof *net->by_port);
    assert(net->by_port != NULL);
    for (size_t i = 0; i < net->count; i++)
        *hash_place(net, &net->nodes[i].endpoint) = i + 1;
}

static struct endpoint new_address(struct net *net)
{
    struct endpoint endpoint = {.family = net->config.family, .port = 61881};
    bool ipv6 = net->config.family == ENDPOINT_IPV6;
    if (net->config.addresses == NET_ONE_ADDRESS) {
        memcpy(endpoint.addr, ipv6 ? (uint8_t[16]){[15] = 1} : (uint8_t[16]){127, 0, 0, 1}, 16);
        endpoint.port = (uint16_t)(1024 + net->count);
    } else if (net->config.addresses == NET_LAN) {
        endpoint.addr[0] = ipv6 ? 0xfd : 10;
        write_u16(endpoint.addr + (ipv6 ? 14 : 2), (uint16_t)(net->count + 1));
    } else {
        rng_fill(&net->rng, endpoint.addr, ipv6 ? 16 : 4);
        endpoint.addr[0] = ipv6 ? 0x20 : (uint8_t)(11 + rng_below(&net->rng, 80));
    }
    return endpoint;
}

/* ---- nodes ---- */

size_t net_add_node(struct net *net, const struct net_node_options *options)
{
    if (net->count == net->cap) {
        net->cap = net->cap > 0 ? 2 * net->cap : 16;
        net->nodes = realloc(net->nodes, net->cap * sizeof *net->nodes);
        assert(net->nodes != NULL);
        hash_all(net);
    }
    struct node *node = &net->nodes[net->count];
    *node = (struct node){.timer_ms = UINT64_MAX};
    if (options != NULL)
        node->options = *options;
    if (node->options.same_address) {
        node->endpoint = net->nodes[net->count - 1].endpoint;
        node->endpoint.port++;
    } else {
        do
            node->endpoint = new_address(net);
        while (node_at(net, &node->endpoint) != NET_NONE);
    }
    *hash_place(net, &node->endpoint) = net->count + 1;
    return net->count++;
}

size_t net_node_count(const struct net *net)
{
    return net->count;
}

void net_start(struct net *net, size_t number, size_t bootstrap)
{
    struct node *node = &net->nodes[number];
    assert(node->dht == NULL);
    struct dht_config config = {.id = node->id,
                                .family = net->config.family,
                                .network_id = net->config.network_id,
                                .read_only = node->options.read_only,
                                .unix_base_ms = UNIX_BASE_MS,
                                .version = "sim"};
    rng_init_seed(&config.rng, rng_u64(&net->rng));
    rng_fill(&net->rng, config.secret, sizeof config.secret);
    node->dht = dht_new(&config, net->now_ms);
    assert(node->dht != NULL);
    node->generation++;
    if (bootstrap != NET_NONE)
        dht_bootstrap(node->dht, &net->nodes[bootstrap].endpoint, 1, net->now_ms);
    if (node->saved_count > 0)
        dht_add_saved(node->dht, node->saved, node->saved_count, net->now_ms);
    for (const struct saved_record *record = node->records; record != NULL; record = record->next)
        if (record->ends_ms > net->now_ms)
            dht_restore_record(node->dht, &record->key, record->kind,
                               bytes_of(record->value, record->len),
                               (uint32_t)((record->ends_ms - net->now_ms) / 1000), net->now_ms);
    if (net->guest.on_up != NULL)
        net->guest.on_up(net->guest.state, number);
    net_touched(net, number);
}

void net_lose_records(struct net *net, size_t number)
{
    struct node *node = &net->nodes[number];
    for (struct saved_record *record = node->records, *next; record != NULL; record = next) {
        next = record->next;
        free(record);
    }
    node->records = NULL;
}

void net_forget(struct net *net, size_t number)
{
    struct node *node = &net->nodes[number];
    net_lose_records(net, number);
    free(node->saved);
    node->saved = NULL;
    node->saved_count = 0;
    node->id = (struct id){0};
}

static void save_records(struct node *node)
{
    struct id key;
    enum record_kind kind;
    struct bytes value;
    uint64_t ends_ms;
    for (size_t at = 0;
         (at = dht_next_record(node->dht, at, &key, &kind, &value, &ends_ms)) != 0;) {
        struct saved_record *record = malloc(sizeof *record + value.len);
        assert(record != NULL);
        *record = (struct saved_record){
            .next = node->records, .key = key, .kind = kind, .len = value.len, .ends_ms = ends_ms};
        memcpy(record->value, value.data, value.len);
        node->records = record;
    }
}

void net_stop(struct net *net, size_t number)
{
    struct node *node = &net->nodes[number];
    if (net->guest.on_down != NULL)
        net->guest.on_down(net->guest.state, number);
    net_forget(net, number);
    save_records(node);
    struct dht_stats stats;
    dht_stats(node->dht, &stats);
    node->id = stats.id;
    node->saved = malloc(SAVED_NODES * sizeof *node->saved);
    assert(node->saved != NULL);
    node->saved_count = dht_contacts(node->dht, node->saved, SAVED_NODES);
    dht_free(node->dht);
    node->dht = NULL;
    node->timer_ms = UINT64_MAX;
}

bool net_is_up(const struct net *net, size_t node)
{
    return net->nodes[node].dht != NULL;
}

struct dht *net_dht(struct net *net, size_t node)
{
    return net->nodes[node].dht;
}

struct endpoint net_endpoint(const struct net *net, size_t node)
{
    return net->nodes[node].endpoint;
}

size_t net_random_up(struct net *net, size_t from)
{
    size_t node;
    do
        node = from + rng_below(&net->rng, net->count - from);
    while (!net_is_up(net, node));
    return node;
}

/* ---- parts ---- */

void net_add_part(struct net *net, bool (*pass)(void *state, struct net_packet *packet),
                  void *state, void (*dispose)(void *state))
{
    assert(net->part_count < PARTS_MAX);
    net->parts[net->part_count++] = (struct part){.pass = pass, .state = state, .dispose = dispose};
}

/* ---- what goes out ---- */

static void send(struct net *net, size_t number, const struct endpoint *to, struct bytes data)
{
    struct net_packet packet = {.from = number,
                                .to = node_at(net, to),
                                .source = net->nodes[number].endpoint,
                                .destination = *to,
                                .bytes = data.len};
    for (size_t i = 0; i < net->part_count; i++)
        if (!net->parts[i].pass(net->parts[i].state, &packet))
            return;
    if (packet.to == NET_NONE)
        return;
    struct event event = {.at = net->now_ms + packet.delay_ms,
                          .type = EVENT_DATAGRAM,
                          .node = packet.to,
                          .from = packet.source,
                          .len = (uint16_t)data.len};
    event_heap_push(&net->heap, &event, data.data);
}

static struct net_outcome *outcome_of(struct net *net, size_t node, uint32_t operation)
{
    for (size_t i = net->outcome_count; i-- > 0;)
        if (net->outcomes[i].node == node && net->outcomes[i].operation == operation &&
            !net->outcomes[i].done)
            return &net->outcomes[i];
    return NULL;
}

static void take_outcome(struct net *net, size_t number, const struct dht_event *event)
{
    struct net_outcome *outcome = outcome_of(net, number, event->operation);
    if (outcome == NULL)
        return;
    if (event->type == DHT_EVENT_VALUE) {
        if (outcome->found || !bytes_equal(event->value, outcome->expected))
            return;
        outcome->found = true;
        outcome->endpoint = event->endpoint;
        outcome->found_ms = net->now_ms;
        return;
    }
    for (size_t i = 0; i < event->node_count; i++)
        outcome->nodes[i] = event->nodes[i].id;
    outcome->event = *event;
    outcome->done = true;
    outcome->ended_ms = net->now_ms;
}

static void drain(struct net *net, size_t number)
{
    struct node *node = &net->nodes[number];
    struct endpoint to;
    struct bytes data;
    while (dht_next_datagram(node->dht, &to, &data))
        send(net, number, &to, data);
    struct dht_event event;
    while (dht_next_event(node->dht, &event)) {
        if (event.operation != 0)
            take_outcome(net, number, &event);
        if (net->guest.on_event != NULL)
            net->guest.on_event(net->guest.state, number, &event);
        event.nodes = NULL;
        event.value = (struct bytes){0};
        node->events[event.type]++;
        node->last[event.type] = event;
    }
}

void net_touched(struct net *net, size_t number)
{
    struct node *node = &net->nodes[number];
    drain(net, number);
    while (net->guest.on_turn != NULL && net->guest.on_turn(net->guest.state, number))
        drain(net, number);
    if (++node->inputs % VALID_EVERY == 0)
        assert(dht_valid(node->dht));
    uint64_t deadline_ms = dht_deadline(node->dht);
    if (deadline_ms >= node->timer_ms)
        return;
    node->timer_ms = deadline_ms > net->now_ms ? deadline_ms : net->now_ms;
    struct event timer = {
        .at = node->timer_ms, .type = EVENT_TIMER, .node = number, .generation = node->generation};
    event_heap_push(&net->heap, &timer, NULL);
}

/* ---- guests ---- */

void net_set_guest(struct net *net, const struct net_guest *guest)
{
    net->guest = *guest;
}

void net_call_at(struct net *net, size_t number, uint64_t at_ms)
{
    struct event call = {
        .at = at_ms > net->now_ms ? at_ms : net->now_ms, .type = EVENT_CALL, .node = number};
    event_heap_push(&net->heap, &call, NULL);
}

/* ---- what happens ---- */

static void trace(struct net *net, const struct event *event, const uint8_t *data)
{
    uint64_t parts[4] = {net->trace, event->at, event->node,
                         siphash(trace_key, bytes_of(data, event->len))};
    net->trace = siphash(trace_key, bytes_of(parts, sizeof parts));
    net->delivered++;
}

static uint64_t exponential_ms(struct net *net, uint64_t mean_ms)
{
    return 1 + (uint64_t)(-log(1 - rng_unit(&net->rng)) * (double)mean_ms);
}

static void come_or_go(struct net *net, size_t number)
{
    bool up = net_is_up(net, number);
    if (up)
        net_stop(net, number);
    if (up && net->strangers)
        net_forget(net, number);
    if (!up)
        net_start(net, number, net_is_up(net, 0) ? 0 : NET_NONE);
    uint64_t stay_ms = exponential_ms(net, up ? net->mean_down_ms : net->mean_up_ms);
    struct event next = {.at = net->now_ms + stay_ms, .type = EVENT_CHURN, .node = number};
    event_heap_push(&net->heap, &next, NULL);
}

void net_churn(struct net *net, size_t from, uint64_t mean_up_ms, uint64_t mean_down_ms,
               bool strangers)
{
    net->strangers = strangers;
    net->mean_up_ms = mean_up_ms;
    net->mean_down_ms = mean_down_ms;
    for (size_t i = from; i < net->count; i++) {
        uint64_t stay_ms = exponential_ms(net, net_is_up(net, i) ? mean_up_ms : mean_down_ms);
        struct event next = {.at = net->now_ms + stay_ms, .type = EVENT_CHURN, .node = i};
        event_heap_push(&net->heap, &next, NULL);
    }
}

static void timer_fired(struct net *net, const struct event *event)
{
    struct node *node = &net->nodes[event->node];
    if (event->generation != node->generation || event->at != node->timer_ms)
        return;
    node->timer_ms = UINT64_MAX;
    dht_on_time(node->dht, net->now_ms);
    /* It must ask for a later time, or it would spin. */
    assert(dht_deadline(node->dht) > net->now_ms);
    net_touched(net, event->node);
}

static void step(struct net *net)
{
    uint8_t data[DHT_DATAGRAM_MAX];
    struct event event = event_heap_pop(&net->heap, data);
    net->now_ms = event.at;
    if (event.type == EVENT_CHURN) {
        come_or_go(net, event.node);
    } else if (!net_is_up(net, event.node)) {
        return;
    } else if (event.type == EVENT_TIMER) {
        timer_fired(net, &event);
    } else if (event.type == EVENT_CALL) {
        net->guest.on_time(net->guest.state, event.node);
        net_touched(net, event.node);
    } else {
        trace(net, &event, data);
        dht_on_datagram(net->nodes[event.node].dht, &event.from, bytes_of(data, event.len),
                        net->now_ms);
        net_touched(net, event.node);
    }
}

void net_run_for(struct net *net, uint64_t ms)
{
    uint64_t end_ms = net->now_ms + ms;
    while (event_heap_next(&net->heap) <= end_ms)
        step(net);
    net->now_ms = end_ms;
}

bool net_run_until_done(struct net *net, size_t outcome, uint64_t ms)
{
    uint64_t end_ms = net->now_ms + ms;
    while (!net->outcomes[outcome].done && event_heap_next(&net->heap) <= end_ms)
        step(net);
    return net->outcomes[outcome].done;
}

/* ---- lookups ---- */

static size_t new_outcome(struct net *net, size_t node, struct bytes expected)
{
    if (net->outcome_count == net->outcome_cap) {
        net->outcome_cap = net->outcome_cap > 0 ? 2 * net->outcome_cap : 64;
        net->outcomes = realloc(net->outcomes, net->outcome_cap * sizeof *net->outcomes);
        assert(net->outcomes != NULL);
    }
    net->outcomes[net->outcome_count] =
        (struct net_outcome){.node = node, .expected = expected, .started_ms = net->now_ms};
    return net->outcome_count++;
}

size_t net_get(struct net *net, size_t node, const struct id *key, enum record_kind kind,
               struct bytes expected)
{
    size_t outcome = new_outcome(net, node, expected);
    net->outcomes[outcome].operation = dht_get(net->nodes[node].dht, key, kind, net->now_ms);
    net_touched(net, node);
    return outcome;
}

size_t net_find(struct net *net, size_t node, const struct id *target)
{
    size_t outcome = new_outcome(net, node, (struct bytes){0});
    net->outcomes[outcome].operation = dht_find(net->nodes[node].dht, target, net->now_ms);
    net_touched(net, node);
    return outcome;
}

const struct net_outcome *net_outcome(const struct net *net, size_t outcome)
{
    return &net->outcomes[outcome];
}

/* ---- figures ---- */

uint64_t net_trace(const struct net *net)
{
    return net->trace;
}

uint64_t net_delivered(const struct net *net)
{
    return net->delivered;
}

size_t net_events_of(const struct net *net, size_t node, enum dht_event_type type)
{
    return net->nodes[node].events[type];
}

const struct dht_event *net_last_event(const struct net *net, size_t node, enum dht_event_type type)
{
    return &net->nodes[node].last[type];
}

static struct id current_id(const struct node *node)
{
    struct dht_stats stats;
    dht_stats(node->dht, &stats);
    return stats.id;
}

size_t net_nearest(const struct net *net, const struct id *target, size_t out[], size_t cap)
{
    size_t count = 0;
    struct id *ids = malloc(cap * sizeof *ids);
    for (size_t i = 0; i < net->count; i++) {
        if (net->nodes[i].dht == NULL || net->nodes[i].options.read_only)
            continue;
        struct id id = current_id(&net->nodes[i]);
        size_t at = count;
        while (at > 0 && id_distance_compare(target, &id, &ids[at - 1]) < 0)
            at--;
        if (at == cap)
            continue;
        size_t moved = count < cap ? count++ : cap - 1;
        memmove(&ids[at + 1], &ids[at], (moved - at) * sizeof *ids);
        memmove(&out[at + 1], &out[at], (moved - at) * sizeof *out);
        ids[at] = id;
        out[at] = i;
    }
    free(ids);
    return count;
}
