#include "sim/swarm_sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/swarm_node.h"

enum { WINDOW_BYTES = 512 << 10 };

const char *const swarm_kind_names[SWARM_KINDS] = {"seed", "leecher", "free rider", "polluter",
                                                   "liar"};
const char *const swarm_order_names[SWARM_ORDERS] = {"rarest", "random", "sequential"};

uint64_t swarm_now_ms(const struct swarm_sim *sim)
{
    return sim->now_us / 1000;
}

void swarm_at(struct swarm_sim *sim, uint64_t at_us, int type, size_t node, uint32_t generation)
{
    struct event event = {.at = at_us, .type = type, .node = node, .generation = generation};
    event_heap_push(&sim->heap, &event, NULL);
}

struct swarm_sim *swarm_sim_new(const struct swarm_config *config)
{
    struct swarm_sim *sim = calloc(1, sizeof *sim);
    assert(sim != NULL);
    sim->config = *config;
    sim->now_us = sim->counted_us = SWARM_BEGIN_MS * 1000ull;
    rng_init_seed(&sim->rng, config->seed);
    sim->links = links_new(&sim->heap, config->latency_us, WINDOW_BYTES);
    uint64_t count = (config->total_length + config->piece_length - 1) / config->piece_length;
    sim->file = (struct metainfo_file){.length = config->total_length};
    sim->metainfo = (struct metainfo){.infohash = {{'s', 'w', 'a', 'r', 'm'}},
                                      .info = calloc(count, 20),
                                      .info_len = count * 20,
                                      .piece_length = config->piece_length,
                                      .piece_count = (uint32_t)count,
                                      .total_length = config->total_length,
                                      .files = &sim->file,
                                      .file_count = 1};
    sim->metainfo.pieces = sim->metainfo.info;
    sim->out = calloc(count, 1);
    assert(sim->metainfo.info != NULL && sim->out != NULL);
    sim->result.first_ms = sim->result.last_ms = sim->result.out_ms = UINT64_MAX;
    return sim;
}

void swarm_sim_free(struct swarm_sim *sim)
{
    for (size_t i = 0; i < sim->node_count; i++) {
        swarm_node_free(sim->nodes[i]);
        free(sim->nodes[i]);
    }
    links_free(sim->links);
    event_heap_dispose(&sim->heap);
    free(sim->metainfo.info);
    free(sim->out);
    free(sim->nodes);
    free(sim->present);
    free(sim->samples);
    free(sim);
}

void swarm_sim_add(struct swarm_sim *sim, enum swarm_kind kind, uint64_t up_bps, uint64_t down_bps,
                   uint64_t join_ms)
{
    if (sim->node_count == sim->node_cap) {
        sim->node_cap = sim->node_cap > 0 ? 2 * sim->node_cap : 64;
        sim->nodes = realloc(sim->nodes, sim->node_cap * sizeof *sim->nodes);
        sim->present = realloc(sim->present, sim->node_cap * sizeof *sim->present);
        assert(sim->nodes != NULL && sim->present != NULL);
    }
    struct swarm_node *node = calloc(1, sizeof *node);
    assert(node != NULL);
    node->number = (uint32_t)sim->node_count;
    node->peer = (struct swarm_peer){.kind = kind,
                                     .up_bps = up_bps,
                                     .down_bps = down_bps,
                                     .join_ms = SWARM_BEGIN_MS + join_ms,
                                     .complete_ms = UINT64_MAX,
                                     .leave_ms = UINT64_MAX};
    sim->nodes[sim->node_count++] = node;
    sim->has_polluters = sim->has_polluters || kind == SWARM_POLLUTER;
    sim->result.fetchers += swarm_fetches(node);
    links_add_node(sim->links, up_bps, down_bps);
    swarm_at(sim, node->peer.join_ms * 1000, SWARM_EVENT_JOIN, node->number, 0);
}

/* ---- running ---- */

static void mix(uint64_t *trace, uint64_t value)
{
    *trace = (*trace ^ value) * 0x100000001b3u;
    *trace ^= *trace >> 29;
}

static void trace_packet(struct swarm_sim *sim, const struct flow *flow,
                         const struct packet *packet, const uint8_t *protocol)
{
    uint64_t *trace = &sim->result.trace;
    sim->result.packets++;
    mix(trace, sim->now_us);
    mix(trace, (uint64_t)flow->from << 32 | flow->to);
    mix(trace, (uint64_t)packet->block_len << 32 | packet->protocol_len);
    for (uint32_t i = 0; i < packet->protocol_len; i++)
        mix(trace, protocol[i]);
}

static void on_packet(struct swarm_sim *sim, const struct event *event)
{
    struct packet packet;
    const uint8_t *protocol;
    struct flow *flow;
    if (event->type == LINKS_EVENT_SENT) {
        flow = links_sent(sim->links, event, sim->now_us, &packet);
        if (flow != NULL)
            swarm_node_sent(sim, flow, &packet);
        return;
    }
    flow = links_arrived(sim->links, event, sim->now_us, &packet, &protocol);
    if (flow == NULL)
        return;
    trace_packet(sim, flow, &packet, protocol);
    swarm_node_arrived(sim, flow, &packet, protocol);
}

static void on_hangup(struct swarm_sim *sim, const struct event *event)
{
    struct flow *flow = links_flow(sim->links, event->node);
    if (flow->open && flow->generation == event->generation)
        swarm_node_hung_up(sim, flow);
}

static void step(struct swarm_sim *sim)
{
    struct event event = event_heap_pop(&sim->heap, NULL);
    sim->now_us = event.at;
    switch (event.type) {
    case LINKS_EVENT_SENT:
    case LINKS_EVENT_ARRIVED:
        on_packet(sim, &event);
        break;
    case SWARM_EVENT_TIMER:
        swarm_node_timer(sim, sim->nodes[event.node], event.at);
        break;
    case SWARM_EVENT_JOIN:
        swarm_node_join(sim, sim->nodes[event.node]);
        break;
    case SWARM_EVENT_LEAVE:
        swarm_node_leave(sim, sim->nodes[event.node]);
        break;
    case SWARM_EVENT_SEARCH:
        swarm_node_search(sim, sim->nodes[event.node]);
        break;
    case SWARM_EVENT_DIAL:
        swarm_node_dialled(sim, sim->nodes[event.node], sim->nodes[event.generation]);
        break;
    case SWARM_EVENT_HANGUP:
        on_hangup(sim, &event);
        break;
    }
}

void swarm_count_capacity(struct swarm_sim *sim)
{
    sim->now.capacity += (sim->now_us - sim->counted_us) * sim->capacity_bps / 1000000;
    sim->counted_us = sim->now_us;
}

static void sample(struct swarm_sim *sim)
{
    if (sim->sample_count == sim->sample_cap) {
        sim->sample_cap = sim->sample_cap > 0 ? 2 * sim->sample_cap : 256;
        sim->samples = realloc(sim->samples, sim->sample_cap * sizeof *sim->samples);
        assert(sim->samples != NULL);
    }
    swarm_count_capacity(sim);
    sim->now.at_ms = swarm_now_ms(sim) - SWARM_BEGIN_MS;
    sim->samples[sim->sample_count++] = sim->now;
}

static bool all_complete(const struct swarm_sim *sim)
{
    return sim->result.complete == sim->result.fetchers;
}

bool swarm_sim_is_over(const struct swarm_sim *sim)
{
    return all_complete(sim) || swarm_now_ms(sim) - SWARM_BEGIN_MS >= sim->config.limit_ms;
}

bool swarm_sim_run(struct swarm_sim *sim, uint64_t until_ms)
{
    uint64_t end_us = (SWARM_BEGIN_MS + until_ms) * 1000;
    while (!swarm_sim_is_over(sim)) {
        uint64_t sample_us = (SWARM_BEGIN_MS + sim->sample_count * sim->config.sample_ms) * 1000;
        uint64_t next_us = event_heap_next(&sim->heap);
        if (next_us > end_us && sample_us > end_us)
            return false;
        if (next_us < sample_us) {
            step(sim);
            continue;
        }
        sim->now_us = sample_us;
        sample(sim);
    }
    sample(sim);
    return all_complete(sim);
}

/* ---- results ---- */

static uint64_t since_begin(uint64_t ms)
{
    return ms == UINT64_MAX ? ms : ms - SWARM_BEGIN_MS;
}

struct swarm_peer swarm_sim_peer(struct swarm_sim *sim, size_t number)
{
    const struct swarm_node *node = sim->nodes[number];
    struct swarm_peer peer = node->peer;
    struct transfer_stats stats;
    peer.join_ms = since_begin(peer.join_ms);
    peer.complete_ms = since_begin(peer.complete_ms);
    peer.leave_ms = since_begin(peer.leave_ms);
    if (node->transfer == NULL)
        return peer;
    transfer_stats(node->transfer, swarm_now_ms(sim), &stats);
    peer.bytes_down = stats.bytes_down;
    peer.bytes_wasted = stats.bytes_wasted;
    return peer;
}

struct swarm_result swarm_sim_result(struct swarm_sim *sim)
{
    struct swarm_result result = sim->result;
    result.now_ms = since_begin(swarm_now_ms(sim));
    result.peers = (uint32_t)sim->node_count;
    result.first_ms = since_begin(result.first_ms);
    result.last_ms = since_begin(result.last_ms);
    result.out_ms = since_begin(result.out_ms);
    for (size_t i = 0; i < sim->node_count; i++)
        result.bytes_wasted += swarm_sim_peer(sim, i).bytes_wasted;
    result.samples = sim->samples;
    result.sample_count = sim->sample_count;
    return result;
}

double swarm_result_uplinks_used(const struct swarm_result *result)
{
    const struct swarm_sample *from = NULL, *to = NULL;
    for (size_t i = 0; i < result->sample_count; i++) {
        const struct swarm_sample *each = &result->samples[i];
        if (from == NULL && each->at_ms >= result->last_ms / 10)
            from = each;
        if (each->at_ms <= result->last_ms / 10 * 9)
            to = each;
    }
    if (from == NULL || to == NULL || to->capacity <= from->capacity)
        return 0;
    return (double)(to->bytes_up - from->bytes_up) / (double)(to->capacity - from->capacity);
}
