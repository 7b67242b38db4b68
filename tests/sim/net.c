#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/net_private.h"

#define UNIX_BASE_MS      1700000000000ull
#define VALID_EVERY       64 /* inputs to a node between two checks of all its invariants */
#define VALID_EVERY_LARGE 8192
#define SAVED_NODES       64

/* ---- life ---- */

struct net *net_new(const struct net_config *config)
{
    struct net *net = calloc(1, sizeof *net);
    assert(net != NULL);
    net->config = *config;
    net->doors = 1;
    rng_init_seed(&net->rng, config->seed);
    net_shards_new(net);
    return net;
}

void net_free(struct net *net)
{
    net_shards_free(net);
    net_forget_outcomes(net);
    for (size_t i = 0; i < net->count; i++) {
        dht_free(net_node(net, i)->dht);
        net_forget(net, i);
        free(net_node(net, i)->last);
    }
    for (size_t i = 0; i < net->part_count; i++)
        if (net->parts[i].dispose != NULL)
            net->parts[i].dispose(net->parts[i].state);
    for (size_t i = 0; i < net->chunk_count; i++)
        free(net->chunks[i]);
    free(net->chunks);
    free(net->by_endpoint);
    free(net->outcomes);
    free(net);
}

struct rng *net_rng(struct net *net)
{
    return &net->rng;
}

uint64_t net_now_ms(const struct net *net)
{
    return net->shards[0]->now_ms;
}

uint64_t net_now_at(const struct net *net, size_t node)
{
    return net_shard_of(net, node)->now_ms;
}

uint64_t net_unix_s(const struct net *net)
{
    return (UNIX_BASE_MS + net_now_ms(net)) / 1000;
}

/* ---- nodes ---- */

size_t net_add_node(struct net *net, const struct net_node_options *options)
{
    size_t number = net->count;
    if (number == net->chunk_count * NET_NODES_A_CHUNK) {
        net->chunks = realloc(net->chunks, (net->chunk_count + 1) * sizeof *net->chunks);
        assert(net->chunks != NULL);
        net->chunks[net->chunk_count] = malloc(NET_NODES_A_CHUNK * sizeof(struct net_node));
        assert(net->chunks[net->chunk_count] != NULL);
        net->chunk_count++;
    }
    struct net_node *node = net_node(net, number);
    struct event event = {.at_ms = EVENT_NEVER, .node = (uint32_t)number};
    *node = (struct net_node){.timer = event, .churn = event};
    node->timer.type = EVENT_TIMER;
    node->churn.type = EVENT_CHURN;
    node->read_only = options != NULL && options->read_only;
    if (options != NULL && options->same_address) {
        node->endpoint = net_node(net, number - 1)->endpoint;
        node->endpoint.port++;
    } else if (options != NULL && options->endpoint.family != ENDPOINT_NONE) {
        node->endpoint = options->endpoint;
        assert(net_node_at(net, &node->endpoint) == NET_NONE);
    } else {
        node->endpoint = net_new_address(net);
    }
    net_list_address(net, number);
    for (size_t i = 0; i < net->part_count; i++)
        if (net->parts[i].prepare != NULL)
            net->parts[i].prepare(net->parts[i].state, number + 1);
    return net->count++;
}

size_t net_node_count(const struct net *net)
{
    return net->count;
}

static void count_up(struct net *net, int change)
{
    net->up_ms += net->up * (net_now_ms(net) - net->up_since_ms);
    net->up_since_ms = net_now_ms(net);
    net->up = (size_t)((long)net->up + change);
}

static void give_back(struct net *net, struct net_node *node)
{
    uint64_t now_ms = net_now_ms(net);
    struct endpoint saved[SAVED_NODES];
    struct dht_contact contacts[SAVED_NODES];
    size_t size = node->endpoint.family == ENDPOINT_IPV6 ? 18 : 6;
    for (size_t i = 0; i < node->saved_count; i++) {
        endpoint_from_compact(bytes_of(node->saved + i * size, size), &saved[i]);
        contacts[i] = (struct dht_contact){.endpoint = saved[i]};
    }
    if (node->saved_count > 0)
        dht_add_saved(node->dht, contacts, node->saved_count, now_ms);
    for (const struct net_saved_record *record = node->records; record != NULL;
         record = record->next)
        if (record->ends_ms > now_ms)
            dht_restore_record(node->dht, &record->key, record->kind,
                               bytes_of(record->value, record->len),
                               (uint32_t)((record->ends_ms - now_ms) / 1000), now_ms);
}

void net_start(struct net *net, size_t number, size_t bootstrap)
{
    struct net_node *node = net_node(net, number);
    uint64_t now_ms = net_now_ms(net);
    assert(node->dht == NULL && node->actor == NULL);
    struct dht_config config = {.id = node->id,
                                .family = net->config.family,
                                .network_id = net->config.network_id,
                                .read_only = node->read_only,
                                .without = net->config.without,
                                .paths = net->config.paths,
                                .unix_base_ms = UNIX_BASE_MS,
                                .store_bytes = net->config.store_bytes,
                                .version = "sim",
                                .outbox = net_shard_of(net, number)->outbox};
    rng_init_seed(&config.rng, rng_u64(&net->rng));
    rng_fill(&net->rng, config.secret, sizeof config.secret);
    node->dht = dht_new(&config, now_ms);
    assert(node->dht != NULL);
    count_up(net, 1);
    node->id = net_stats(net, number).id;
    if (bootstrap != NET_NONE)
        dht_bootstrap(node->dht, &net_node(net, bootstrap)->endpoint, 1, now_ms);
    give_back(net, node);
    if (net->guest.on_up != NULL)
        net->guest.on_up(net->guest.state, number);
    net_touched(net, number);
}

void net_lose_records(struct net *net, size_t number)
{
    struct net_node *node = net_node(net, number);
    for (struct net_saved_record *record = node->records, *next; record != NULL; record = next) {
        next = record->next;
        free(record);
    }
    node->records = NULL;
}

void net_forget(struct net *net, size_t number)
{
    struct net_node *node = net_node(net, number);
    net_lose_records(net, number);
    free(node->saved);
    node->saved = NULL;
    node->saved_count = 0;
    node->id = (struct id){0};
}

static void save_records(struct net_node *node)
{
    struct id key;
    enum record_kind kind;
    struct bytes value;
    uint64_t ends_ms;
    for (size_t at = 0;
         (at = dht_next_record(node->dht, at, &key, &kind, &value, &ends_ms)) != 0;) {
        struct net_saved_record *record = malloc(sizeof *record + value.len);
        assert(record != NULL);
        *record = (struct net_saved_record){
            .next = node->records, .key = key, .kind = kind, .len = value.len, .ends_ms = ends_ms};
        memcpy(record->value, value.data, value.len);
        node->records = record;
    }
}

static void save_contacts(struct net_node *node)
{
    struct dht_contact contacts[SAVED_NODES];
    uint8_t compact[SAVED_NODES * ENDPOINT_COMPACT_MAX];
    size_t count = dht_contacts(node->dht, contacts, SAVED_NODES), len = 0;
    for (size_t i = 0; i < count; i++)
        len += endpoint_to_compact(&contacts[i].endpoint, compact + len);
    if (count == 0)
        return;
    node->saved = malloc(len);
    assert(node->saved != NULL);
    memcpy(node->saved, compact, len);
    node->saved_count = (uint8_t)count;
}

static void stop_dht(struct net *net, size_t number)
{
    struct net_node *node = net_node(net, number);
    if (net->guest.on_down != NULL)
        net->guest.on_down(net->guest.state, number);
    if (node->timer.at_ms != EVENT_NEVER)
        event_wheel_remove(net_shard_of(net, number)->wheel, &node->timer);
    node->open = 0;
    node->still_ms = 0;
    count_up(net, -1);
}

void net_stop(struct net *net, size_t number)
{
    struct net_node *node = net_node(net, number);
    struct id id = node->id;
    stop_dht(net, number);
    net_forget(net, number);
    node->id = id;
    save_records(node);
    save_contacts(node);
    dht_free(node->dht);
    node->dht = NULL;
}

void net_stand_still(struct net *net, size_t number, uint64_t ms)
{
    struct net_node *node = net_node(net, number);
    assert(node->dht != NULL);
    node->still_ms = net_now_ms(net) + ms;
    node->held = 0;
}

bool net_stands_still(const struct net *net, size_t node)
{
    return net_node(net, node)->still_ms > net_now_at(net, node);
}

bool net_is_up(const struct net *net, size_t node)
{
    return net_node(net, node)->dht != NULL;
}

size_t net_up(const struct net *net)
{
    return net->up;
}

struct dht *net_dht(struct net *net, size_t node)
{
    return net_node(net, node)->dht;
}

struct endpoint net_endpoint(const struct net *net, size_t node)
{
    return net_node(net, node)->endpoint;
}

struct id net_id(const struct net *net, size_t node)
{
    return net_node(net, node)->id;
}

void net_set_id(struct net *net, size_t node, const struct id *id)
{
    net_node(net, node)->id = *id;
}

size_t net_random_up(struct net *net, size_t from)
{
    size_t node;
    do
        node = from + rng_below(&net->rng, net->count - from);
    while (!net_is_up(net, node));
    return node;
}

void net_grow(struct net *net, size_t nodes)
{
    for (size_t i = 0; i < nodes; i++) {
        net_start(net, net_add_node(net, NULL), i > 0 ? 0 : NET_NONE);
        net_run_for(net, 100);
    }
}

struct dht_stats net_stats(struct net *net, size_t node)
{
    struct dht_stats stats;
    dht_stats(net_dht(net, node), &stats);
    return stats;
}

/* ---- parts ---- */

void net_add_part(struct net *net, const struct net_part *part)
{
    assert(net->part_count < NET_PARTS_MAX);
    net->parts[net->part_count++] = *part;
    net->min_ms += part->min_ms;
    if (part->prepare != NULL)
        part->prepare(part->state, net->count);
}

/* ---- what goes out ---- */

void net_send(struct net *net, size_t number, const struct endpoint *source,
              const struct endpoint *to, struct bytes data)
{
    struct net_shard *shard = net_shard_of(net, number);
    struct net_packet packet = {
        .rng = shard->rng, .from = number, .to = net_node_at(net, to), .bytes = data.len};
    if (net_node(net, number)->dht != NULL) {
        shard->datagrams++;
        shard->bytes += data.len;
    }
    if (packet.to == NET_NONE)
        return;
    packet.source = source != NULL ? *source : net_node(net, number)->endpoint;
    packet.destination = *to;
    for (size_t i = 0; i < net->part_count; i++)
        if (!net->parts[i].pass(net->parts[i].state, &packet))
            return;
    net_carry(net, &packet, packet.delay_ms, data);
    if (packet.again_ms > 0)
        net_carry(net, &packet, packet.delay_ms + packet.again_ms, data);
}

static void note_event(struct net *net, size_t number, const struct dht_event *event)
{
    struct net_node *node = net_node(net, number);
    node->events[event->type]++;
    if (event->type == DHT_EVENT_ADDRESS)
        node->id = event->id;
    if (net->config.large)
        return;
    if (node->last == NULL)
        node->last = calloc(NET_EVENT_TYPES, sizeof *node->last);
    assert(node->last != NULL);
    node->last[event->type] = *event;
    node->last[event->type].nodes = NULL;
    node->last[event->type].value = (struct bytes){0};
}

static void drain(struct net *net, size_t number)
{
    struct dht *dht = net_dht(net, number);
    struct endpoint to;
    struct bytes data;
    while (dht_next_datagram(dht, &to, &data))
        net_send(net, number, NULL, &to, data);
    struct dht_event event;
    while (dht_next_event(dht, &event)) {
        if (event.operation != 0)
            net_take_outcome(net, number, &event);
        if (net->guest.on_event != NULL)
            net->guest.on_event(net->guest.state, number, &event);
        note_event(net, number, &event);
    }
}

static void set_timer(struct net *net, size_t number)
{
    struct net_node *node = net_node(net, number);
    struct net_shard *shard = net_shard_of(net, number);
    uint64_t deadline_ms = dht_deadline(node->dht);
    if (deadline_ms < shard->now_ms)
        deadline_ms = shard->now_ms;
    if (deadline_ms == node->timer.at_ms)
        return;
    if (node->timer.at_ms != EVENT_NEVER)
        event_wheel_remove(shard->wheel, &node->timer);
    if (deadline_ms != UINT64_MAX)
        event_wheel_add(shard->wheel, &node->timer, deadline_ms);
}

void net_touched(struct net *net, size_t number)
{
    struct net_node *node = net_node(net, number);
    drain(net, number);
    while (net->guest.on_turn != NULL && net->guest.on_turn(net->guest.state, number))
        drain(net, number);
    if (++node->inputs % (net->config.large ? VALID_EVERY_LARGE : VALID_EVERY) == 0)
        assert(dht_valid(node->dht));
    set_timer(net, number);
}

/* ---- guests and actors ---- */

void net_set_guest(struct net *net, const struct net_guest *guest)
{
    net->guest = *guest;
}

void net_act(struct net *net, size_t number, const struct net_actor *actor)
{
    struct net_node *node = net_node(net, number);
    if (node->dht != NULL) {
        stop_dht(net, number);
        dht_free(node->dht);
        node->dht = NULL;
    }
    node->actor = actor;
}

bool net_is_actor(const struct net *net, size_t node)
{
    return net_node(net, node)->actor != NULL;
}

/* ---- figures ---- */

size_t net_events_of(const struct net *net, size_t node, enum dht_event_type type)
{
    return net_node(net, node)->events[type];
}

const struct dht_event *net_last_event(const struct net *net, size_t node, enum dht_event_type type)
{
    static const struct dht_event none;
    const struct dht_event *last = net_node(net, node)->last;
    return last != NULL ? &last[type] : &none;
}
