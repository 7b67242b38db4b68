#include "sim/swarm_links.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Flows that wait for a turn, in order. */
struct turns {
    struct flow *first, **last;
};

struct access {
    uint64_t up_bps, down_bps;
    struct turns turns;
    struct flow *sending; /* NULL: idle */
    uint32_t sending_generation;
    uint64_t owed_bytes; /* that went between two packets with blocks, and cost time all the same */
    uint64_t down_free_us;
};

struct pair {
    struct flow flows[2];
    struct pair *next_free;
};

struct links {
    struct event_heap *heap;
    uint64_t latency_us;
    size_t window_bytes;
    struct access *nodes;
    size_t node_count, node_cap;
    struct pair **pairs;
    size_t pair_count, pair_cap;
    struct pair *free_pairs;
};

struct links *links_new(struct event_heap *heap, uint64_t latency_us, size_t window_bytes)
{
    struct links *links = calloc(1, sizeof *links);
    assert(links != NULL);
    links->heap = heap;
    links->latency_us = latency_us;
    links->window_bytes = window_bytes;
    return links;
}

void links_free(struct links *links)
{
    for (size_t i = 0; i < links->pair_count; i++) {
        for (int e = 0; e < 2; e++) {
            free(links->pairs[i]->flows[e].packets);
            buffer_dispose(&links->pairs[i]->flows[e].protocol);
        }
        free(links->pairs[i]);
    }
    free(links->pairs);
    free(links->nodes);
    free(links);
}

static void *grown(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap > 0 ? 2 * *cap : 64;
    items = realloc(items, *cap * size);
    assert(items != NULL);
    return items;
}

void links_add_node(struct links *links, uint64_t up_bps, uint64_t down_bps)
{
    links->nodes = grown(links->nodes, links->node_count, &links->node_cap, sizeof links->nodes[0]);
    links->nodes[links->node_count++] = (struct access){.up_bps = up_bps, .down_bps = down_bps};
}

/* ---- connections ---- */

static struct pair *new_pair(struct links *links)
{
    struct pair *pair = links->free_pairs;
    if (pair != NULL) {
        links->free_pairs = pair->next_free;
        return pair;
    }
    links->pairs = grown(links->pairs, links->pair_count, &links->pair_cap, sizeof pair);
    pair = calloc(1, sizeof *pair);
    assert(pair != NULL);
    for (size_t e = 0; e < 2; e++) {
        pair->flows[e].number = 2 * links->pair_count + e;
        buffer_init(&pair->flows[e].protocol);
    }
    links->pairs[links->pair_count++] = pair;
    return pair;
}

static void open_flow(struct flow *flow, uint32_t from, uint32_t to)
{
    flow->open = true;
    flow->from = from;
    flow->to = to;
    flow->peer = 0;
    flow->incoming = flow->claimed = false;
    flow->told_backlog = 0;
    flow->untold = 0;
    flow->head = flow->count = flow->sent = 0;
    buffer_clear(&flow->protocol);
    flow->protocol_read = flow->queued = flow->under_way = 0;
}

struct flow *links_connect(struct links *links, uint32_t a, uint32_t b)
{
    struct pair *pair = new_pair(links);
    open_flow(&pair->flows[0], a, b);
    open_flow(&pair->flows[1], b, a);
    return &pair->flows[0];
}

struct flow *links_flow(struct links *links, size_t number)
{
    return &links->pairs[number / 2]->flows[number % 2];
}

struct flow *links_other(struct links *links, const struct flow *flow)
{
    return links_flow(links, flow->number ^ 1);
}

static void take_out(struct turns *turns, struct flow *flow)
{
    struct flow **at = &turns->first;
    while (*at != flow)
        at = &(*at)->next;
    *at = flow->next;
    if (*at == NULL)
        turns->last = at;
}

void links_cut(struct links *links, struct flow *flow)
{
    struct pair *pair = links->pairs[flow->number / 2];
    for (int e = 0; e < 2; e++) {
        struct flow *each = &pair->flows[e];
        if (each->waiting)
            take_out(&links->nodes[each->from].turns, each);
        each->waiting = each->open = false;
        each->generation++;
    }
    pair->next_free = links->free_pairs;
    links->free_pairs = pair;
}

/* ---- what is to be sent ---- */

static struct packet *packet_at(const struct flow *flow, uint32_t i)
{
    return &flow->packets[(flow->head + i) & (flow->cap - 1)];
}

static void grow_ring(struct flow *flow)
{
    uint32_t cap = flow->cap > 0 ? 2 * flow->cap : 8;
    struct packet *packets = malloc(cap * sizeof *packets);
    assert(packets != NULL);
    for (uint32_t i = 0; i < flow->count; i++)
        packets[i] = *packet_at(flow, i);
    free(flow->packets);
    flow->packets = packets;
    flow->cap = cap;
    flow->head = 0;
}

/* The packet that takes what is put now. */
static struct packet *last_packet(struct flow *flow)
{
    if (flow->count > flow->sent && packet_at(flow, flow->count - 1)->block_len == 0)
        return packet_at(flow, flow->count - 1);
    if (flow->count == flow->cap)
        grow_ring(flow);
    struct packet *packet = packet_at(flow, flow->count++);
    *packet = (struct packet){0};
    return packet;
}

void links_put(struct flow *flow, const void *bytes, size_t len)
{
    if (flow->protocol_read > 0) {
        buffer_drop_front(&flow->protocol, flow->protocol_read);
        flow->protocol_read = 0;
    }
    buffer_add(&flow->protocol, bytes, len);
    assert(!flow->protocol.failed);
    last_packet(flow)->protocol_len += (uint32_t)len;
    flow->queued += len;
}

void links_put_block(struct flow *flow, uint32_t len, bool is_bad)
{
    struct packet *packet = last_packet(flow);
    packet->block_len = len;
    packet->is_bad = is_bad;
    flow->queued += len;
}

void links_take_back(struct flow *flow, size_t len)
{
    struct packet *packet = packet_at(flow, flow->count - 1);
    assert(flow->count > flow->sent && packet->protocol_len >= len && packet->block_len == 0);
    packet->protocol_len -= (uint32_t)len;
    flow->protocol.len -= len;
    flow->queued -= len;
    if (packet->protocol_len == 0)
        flow->count--;
}

size_t links_backlog(const struct flow *flow)
{
    return flow->queued > LINKS_SYSTEM_BYTES ? flow->queued - LINKS_SYSTEM_BYTES : 0;
}

/* ---- taking turns ---- */

static void wait_for_turn(struct links *links, struct flow *flow)
{
    struct access *node = &links->nodes[flow->from];
    if (flow->waiting || flow->count == flow->sent || flow->under_way >= links->window_bytes)
        return;
    struct turns *turns = &node->turns;
    if (turns->first == NULL)
        turns->last = &turns->first;
    flow->waiting = true;
    flow->next = NULL;
    *turns->last = flow;
    turns->last = &flow->next;
}

static struct flow *next_turn(struct access *node)
{
    struct flow *flow = node->turns.first;
    if (flow == NULL)
        return NULL;
    node->turns.first = flow->next;
    flow->waiting = false;
    return flow;
}

static uint64_t duration_us(uint64_t bytes, uint64_t bps)
{
    return bps == 0 ? 0 : (bytes * 1000000 + bps - 1) / bps;
}

static void begin_sending(struct links *links, uint32_t number, uint64_t now_us)
{
    struct access *node = &links->nodes[number];
    struct flow *flow = node->sending != NULL ? NULL : next_turn(node);
    if (flow == NULL)
        return;
    const struct packet *packet = packet_at(flow, flow->sent++);
    size_t len = packet->protocol_len + packet->block_len;
    node->sending = flow;
    node->sending_generation = flow->generation;
    flow->under_way += len;
    struct event sent = {
        .at = now_us + duration_us(len, node->up_bps), .type = LINKS_EVENT_SENT, .node = number};
    node->owed_bytes = 0;
    event_heap_push(links->heap, &sent, NULL);
}

/* The packet is queued at the other's down link, behind what was sent to it before. */
static void travel(struct links *links, const struct flow *flow, size_t len, uint64_t now_us)
{
    struct access *to = &links->nodes[flow->to];
    uint64_t begin_us = now_us + links->latency_us;
    begin_us = begin_us > to->down_free_us ? begin_us : to->down_free_us;
    to->down_free_us = begin_us + duration_us(len, to->down_bps);
    struct event arrived = {.at = to->down_free_us,
                            .type = LINKS_EVENT_ARRIVED,
                            .node = flow->number,
                            .generation = flow->generation};
    event_heap_push(links->heap, &arrived, NULL);
}

/* Protocol bytes alone do not wait for others' blocks. */
static bool goes_between(const struct links *links, const struct flow *flow)
{
    return !flow->waiting && flow->count == flow->sent + 1 &&
           packet_at(flow, flow->sent)->block_len == 0 &&
           links->nodes[flow->from].sending != flow && flow->under_way < links->window_bytes;
}

void links_send(struct links *links, struct flow *flow, uint64_t now_us)
{
    if (goes_between(links, flow)) {
        size_t len = packet_at(flow, flow->sent++)->protocol_len;
        links->nodes[flow->from].owed_bytes += len;
        flow->under_way += len;
        flow->queued -= len;
        travel(links, flow, len, now_us);
        return;
    }
    wait_for_turn(links, flow);
    begin_sending(links, flow->from, now_us);
}

struct flow *links_sent(struct links *links, const struct event *event, uint64_t now_us,
                        struct packet *packet)
{
    uint32_t sender = (uint32_t)event->node;
    struct access *node = &links->nodes[sender];
    struct flow *flow = node->sending;
    bool is_gone = flow->generation != node->sending_generation;
    node->sending = NULL;
    if (!is_gone) {
        *packet = *packet_at(flow, flow->sent - 1);
        size_t len = packet->protocol_len + packet->block_len;
        flow->queued -= len;
        travel(links, flow, len, now_us);
        wait_for_turn(links, flow);
    }
    begin_sending(links, sender, now_us);
    return is_gone ? NULL : flow;
}

struct flow *links_arrived(struct links *links, const struct event *event, uint64_t now_us,
                           struct packet *packet, const uint8_t **protocol)
{
    struct flow *flow = links_flow(links, event->node);
    if (flow->generation != event->generation)
        return NULL;
    *packet = *packet_at(flow, 0);
    *protocol = flow->protocol.data + flow->protocol_read;
    flow->protocol_read += packet->protocol_len;
    flow->head = (flow->head + 1) & (flow->cap - 1);
    flow->count--;
    flow->sent--;
    flow->under_way -= packet->protocol_len + packet->block_len;
    wait_for_turn(links, flow);
    begin_sending(links, flow->from, now_us);
    return flow;
}
