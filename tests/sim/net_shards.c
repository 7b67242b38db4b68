#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dht/prefetch.h"
#include "sim/net_private.h"

#define CREW_EVENTS 48 /* with fewer in a window, waking others takes longer than it helps */
#define LOOK_AHEAD  6  /* events */

/* ---- life ---- */

static struct net_shard *new_shard(struct net *net, size_t number)
{
    struct net_shard *shard = aligned_alloc(64, (sizeof *shard + 63) / 64 * 64);
    assert(shard != NULL);
    *shard = (struct net_shard){.rng = &net->rng, .boxed_ms = EVENT_NEVER};
    shard->wheel = event_wheel_new();
    shard->outbox = dht_outbox_new();
    assert(shard->wheel != NULL && shard->outbox != NULL);
    if (net->shard_count > 1) {
        rng_init_seed(&shard->own_rng, net->config.seed ^ (number + 1) * 0x9e3779b97f4a7c15u);
        shard->rng = &shard->own_rng;
    }
    return shard;
}

void net_shards_new(struct net *net)
{
    net->happenings = event_wheel_new();
    assert(net->happenings != NULL);
    net->shard_count = net->config.threads > 0 ? NET_SHARDS : 1;
    for (size_t i = 0; i < net->shard_count; i++)
        net->shards[i] = new_shard(net, i);
    net->awaited = NET_NONE;
}

static void free_list(struct event *event)
{
    for (struct event *next; event != NULL; event = next) {
        next = event->next;
        free(event);
    }
}

static void free_shard(struct net_shard *shard)
{
    for (struct event *event; (event = event_wheel_take(shard->wheel, EVENT_NEVER)) != NULL;)
        if (event->type == EVENT_DATAGRAM || event->type == EVENT_CALL)
            free(event);
    event_wheel_free(shard->wheel);
    dht_outbox_free(shard->outbox);
    for (size_t i = 0; i < NET_SIZES; i++)
        free_list(shard->free[i]);
    for (size_t i = 0; i < 2 * NET_SHARDS; i++)
        free_list(shard->boxes[i / NET_SHARDS][i % NET_SHARDS].first);
    free(shard);
}

void net_shards_free(struct net *net)
{
    net_crew_free(net->crew);
    for (size_t i = 0; i < net->shard_count; i++)
        free_shard(net->shards[i]);
    event_wheel_free(net->happenings);
}

/* ---- events ---- */

static size_t class_of(size_t size)
{
    return (size - 1) / 128;
}

static struct event *new_event(struct net_shard *shard, size_t size)
{
    size_t class = class_of(size);
    struct event *event = shard->free[class];
    if (event != NULL) {
        shard->free[class] = event->next;
        return event;
    }
    event = malloc((class + 1) * 128);
    assert(event != NULL);
    return event;
}

static void free_event(struct net_shard *shard, struct event *event, size_t size)
{
    event->next = shard->free[class_of(size)];
    shard->free[class_of(size)] = event;
}

static void put_into_box(struct net_shard *shard, struct net_box *box, struct event *event,
                         uint64_t at_ms)
{
    event->at_ms = at_ms;
    event->next = NULL;
    if (box->last != NULL)
        box->last->next = event;
    else
        box->first = event;
    box->last = event;
    if (at_ms < shard->boxed_ms)
        shard->boxed_ms = at_ms;
}

void net_carry(struct net *net, const struct net_packet *packet, uint64_t delay_ms,
               struct bytes data)
{
    struct net_shard *from = net_shard_of(net, packet->from), *to = net_shard_of(net, packet->to);
    struct net_datagram *datagram =
        (struct net_datagram *)(void *)new_event(from, sizeof *datagram + data.len);
    datagram->event = (struct event){
        .node = (uint32_t)packet->to, .type = EVENT_DATAGRAM, .len = (uint16_t)data.len};
    datagram->from = packet->source;
    memcpy(datagram->data, data.data, data.len);
    if (from == to || !net->in_window)
        event_wheel_add(to->wheel, &datagram->event, from->now_ms + delay_ms);
    else
        put_into_box(from, &from->boxes[net->odd][packet->to % NET_SHARDS], &datagram->event,
                     from->now_ms + delay_ms);
}

void net_call_at(struct net *net, size_t number, uint64_t at_ms)
{
    struct net_shard *shard = net_shard_of(net, number);
    struct event *call = new_event(shard, sizeof *call);
    *call = (struct event){.type = EVENT_CALL, .node = (uint32_t)number};
    event_wheel_add(shard->wheel, call, at_ms > shard->now_ms ? at_ms : shard->now_ms);
}

/* ---- what happens ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static void trace(struct net_shard *shard, const struct net_datagram *datagram)
{
    size_t len = datagram->event.len;
    uint64_t hash = mix(mix(shard->trace, shard->now_ms), datagram->event.node);
    for (size_t i = 0; i + 8 <= len; i += 8)
        hash = mix(hash, read_u64(datagram->data + i));
    for (size_t i = len / 8 * 8; i < len; i++)
        hash = mix(hash, datagram->data[i]);
    shard->trace = hash;
    shard->delivered++;
}

static void arrived(struct net *net, struct net_shard *shard, const struct net_datagram *datagram)
{
    size_t number = datagram->event.node;
    struct net_node *node = net_node(net, number);
    struct bytes data = bytes_of(datagram->data, datagram->event.len);
    if (node->dht == NULL && node->actor == NULL)
        return;
    trace(shard, datagram);
    if (node->actor != NULL) {
        node->actor->on_datagram(node->actor->state, number, &datagram->from, data);
        return;
    }
    dht_on_datagram(node->dht, &datagram->from, data, shard->now_ms);
    net_touched(net, number);
}

static void timer_fired(struct net *net, const struct net_shard *shard, size_t number)
{
    struct dht *dht = net_dht(net, number);
    dht_on_time(dht, shard->now_ms);
    /* It must ask for a later time, or it would spin. */
    assert(dht_deadline(dht) > shard->now_ms);
    net_touched(net, number);
}

static void called(struct net *net, size_t number)
{
    struct net_node *node = net_node(net, number);
    if (node->actor != NULL) {
        if (node->actor->on_time != NULL)
            node->actor->on_time(node->actor->state, number);
    } else if (node->dht != NULL && net->guest.on_time != NULL) {
        net->guest.on_time(net->guest.state, number);
        net_touched(net, number);
    }
}

/* It comes when the node moves again; what is too much for its socket never does. */
static bool hold(struct net_shard *shard, struct net_node *node, struct event *event)
{
    if (event->type == EVENT_DATAGRAM && node->held == NET_HELD_MAX)
        return false;
    node->held += event->type == EVENT_DATAGRAM;
    event_wheel_add(shard->wheel, event, node->still_ms);
    return true;
}

static void handle(struct net *net, struct net_shard *shard, struct event *event)
{
    size_t number = event->node;
    struct net_node *node = net_node(net, number);
    bool is_still = node->still_ms > shard->now_ms;
    if (is_still && hold(shard, node, event))
        return;
    if (event->type == EVENT_DATAGRAM) {
        struct net_datagram *datagram = (struct net_datagram *)(void *)event;
        if (!is_still)
            arrived(net, shard, datagram);
        free_event(shard, event, sizeof *datagram + event->len);
    } else if (event->type == EVENT_CALL) {
        free_event(shard, event, sizeof *event);
        called(net, number);
    } else {
        timer_fired(net, shard, number);
    }
}

/* ---- windows ---- */

static bool has_come(const struct net *net)
{
    return net->awaited != NET_NONE && net->outcomes[net->awaited].done;
}

static void empty_box(struct net_box *box, struct event_wheel *wheel)
{
    for (struct event *event = box->first, *next; event != NULL; event = next) {
        next = event->next;
        event_wheel_add(wheel, event, event->at_ms);
    }
    *box = (struct net_box){0};
}

/* With many nodes, none of what an event touches is in a cache. So while one is handled, those that
 * follow are made ready, step by step: each step reads what the one before it has fetched. Of
 * `ahead`, one more than the steps, [0] is the next one. */
static void make_ready(const struct net *net, const struct event *const ahead[LOOK_AHEAD])
{
    if (ahead[5] != NULL)
        prefetch(ahead[5], sizeof *ahead[5]);
    if (ahead[4] != NULL) {
        prefetch(ahead[4] + 1, ahead[4]->len + sizeof(struct endpoint));
        prefetch(net_node(net, ahead[4]->node), sizeof(struct net_node));
    }
    for (unsigned i = 1; i <= 3; i++)
        if (ahead[i] != NULL && net_node(net, ahead[i]->node)->dht != NULL)
            dht_expect(net_node(net, ahead[i]->node)->dht, i);
}

/* As far as it is known now; more may come between. */
static void look_ahead(const struct net *net, const struct net_shard *shard)
{
    const struct event *ahead[LOOK_AHEAD] = {event_wheel_after(shard->wheel, NULL)};
    for (unsigned i = 1; i < LOOK_AHEAD && ahead[i - 1] != NULL; i++)
        ahead[i] = event_wheel_after(shard->wheel, ahead[i - 1]);
    make_ready(net, ahead);
}

static void run_shard(void *state, size_t number)
{
    struct net *net = state;
    struct net_shard *shard = net->shards[number];
    shard->events = 0;
    shard->boxed_ms = EVENT_NEVER;
    for (size_t i = 0; net->shard_count > 1 && i < net->shard_count; i++)
        empty_box(&net->shards[i]->boxes[!net->odd][number], shard->wheel);
    struct event *event;
    while ((event = event_wheel_take(shard->wheel, net->window_ms)) != NULL) {
        shard->now_ms = shard->wheel->now_ms;
        if (net->config.large)
            look_ahead(net, shard);
        handle(net, shard, event);
        shard->events++;
        if (net->shard_count == 1 && has_come(net))
            return;
    }
}

static size_t events_in_last_window(const struct net *net)
{
    size_t events = 0;
    for (size_t i = 0; i < net->shard_count; i++)
        events += net->shards[i]->events;
    return events;
}

static void run_window(struct net *net, uint64_t until_ms)
{
    net->window_ms = until_ms;
    net->odd = !net->odd;
    net->in_window = true;
    if (net->config.threads > 1 && events_in_last_window(net) >= CREW_EVENTS) {
        if (net->crew == NULL)
            net->crew = net_crew_new(net->config.threads, run_shard, net, net->shard_count);
        net_crew_work(net->crew);
    } else {
        for (size_t i = 0; i < net->shard_count; i++)
            run_shard(net, i);
    }
    net->in_window = false;
}

static void set_clocks(struct net *net, uint64_t now_ms)
{
    for (size_t i = 0; i < net->shard_count; i++)
        net->shards[i]->now_ms = now_ms;
}

/* Nothing is due before. */
static uint64_t next_ms(const struct net *net)
{
    uint64_t least_ms = event_wheel_next_ms(net->happenings);
    for (size_t i = 0; i < net->shard_count; i++) {
        uint64_t due_ms = event_wheel_next_ms(net->shards[i]->wheel);
        least_ms = due_ms < least_ms ? due_ms : least_ms;
        least_ms = net->shards[i]->boxed_ms < least_ms ? net->shards[i]->boxed_ms : least_ms;
    }
    return least_ms > net_now_ms(net) ? least_ms : net_now_ms(net);
}

static void happen(struct net *net)
{
    for (struct event *event; (event = event_wheel_take(net->happenings, net_now_ms(net))) != NULL;)
        net_come_or_go(net, event->node);
}

/* The time up to which nothing that is sent from `from_ms` on arrives at another shard. */
static uint64_t window_end_ms(const struct net *net, uint64_t from_ms, uint64_t until_ms)
{
    uint64_t happens_ms = event_wheel_next_ms(net->happenings);
    uint64_t end_ms = happens_ms <= until_ms ? happens_ms - 1 : until_ms;
    assert(net->shard_count == 1 || net->min_ms > 0);
    if (net->shard_count > 1 && end_ms - from_ms >= net->min_ms)
        end_ms = from_ms + net->min_ms - 1;
    return end_ms;
}

/* Until then, or until what is awaited has come. */
static void run(struct net *net, uint64_t until_ms)
{
    for (uint64_t from_ms; (from_ms = next_ms(net)) <= until_ms;) {
        set_clocks(net, from_ms);
        happen(net);
        run_window(net, window_end_ms(net, from_ms, until_ms));
        if (has_come(net)) {
            if (net->shard_count > 1)
                set_clocks(net, net->window_ms);
            return;
        }
        if (net->window_ms == until_ms)
            break;
        set_clocks(net, net->window_ms + 1);
    }
    set_clocks(net, until_ms);
}

void net_run_for(struct net *net, uint64_t ms)
{
    run(net, net_now_ms(net) + ms);
}

bool net_run_until_done(struct net *net, size_t outcome, uint64_t ms)
{
    net->awaited = outcome;
    if (!has_come(net))
        run(net, net_now_ms(net) + ms);
    net->awaited = NET_NONE;
    return net->outcomes[outcome].done;
}

/* ---- figures ---- */

uint64_t net_trace(const struct net *net)
{
    uint64_t hash = net->shards[0]->trace;
    for (size_t i = 1; i < net->shard_count; i++)
        hash = mix(hash, net->shards[i]->trace);
    return hash;
}

uint64_t net_delivered(const struct net *net)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < net->shard_count; i++)
        sum += net->shards[i]->delivered;
    return sum;
}

struct net_traffic net_traffic(const struct net *net)
{
    struct net_traffic traffic = {.up_ms =
                                      net->up_ms + net->up * (net_now_ms(net) - net->up_since_ms)};
    for (size_t i = 0; i < net->shard_count; i++) {
        traffic.datagrams += net->shards[i]->datagrams;
        traffic.bytes += net->shards[i]->bytes;
    }
    return traffic;
}
