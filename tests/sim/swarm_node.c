#include "sim/swarm_node.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "swarm/params.h"
#include "swarm/wire.h"

/* As the daemon's: src/daemon/engine_params.h. */
enum {
    DIALLING_MAX = 20,
    SEARCH_FIRST_MS = 30000,
    SEARCH_MOST_MS = 300000,
    SEARCH_FINDS = 50, /* peers that one search names */
    TIMER_MOST_MS = 1000,
    UNTOLD_MAX = 16, /* packets, while nothing waits */
};

static const uint8_t zeros[BLOCK_BYTES];
static const uint8_t wrong[8] = "wrong!!!";

static void pump(struct swarm_sim *sim, struct swarm_node *node);

bool swarm_fetches(const struct swarm_node *node)
{
    return node->peer.kind == SWARM_LEECHER || node->peer.kind == SWARM_FREE_RIDER;
}

static bool is_complete(const struct swarm_node *node)
{
    return node->peer.complete_ms != UINT64_MAX;
}

/* Each in a network of its own. */
static struct endpoint endpoint_of(uint32_t number)
{
    return (struct endpoint){
        .addr = {41, (uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(1 + (number >> 16))},
        .port = 6881,
        .family = ENDPOINT_IPV4};
}

static struct swarm_node *node_at(const struct swarm_sim *sim, const struct endpoint *endpoint)
{
    size_t number =
        endpoint->addr[1] | (size_t)endpoint->addr[2] << 8 | (size_t)(endpoint->addr[3] - 1) << 16;
    return number < sim->node_count ? sim->nodes[number] : NULL;
}

/* ---- connections ---- */

static const enum peer_outcome close_outcomes[CLOSE_REASONS] = {
    [CLOSE_PROTOCOL] = PEER_LOST_EARLY,
    [CLOSE_TIMEOUT] = PEER_LOST,
    [CLOSE_BOTH_SEEDS] = PEER_BOTH_SEEDS,
    [CLOSE_DUPLICATE] = PEER_DUPLICATE,
    [CLOSE_SELF] = PEER_IS_US,
    [CLOSE_BANNED] = PEER_BANNED,
    [CLOSE_IDLE] = PEER_LOST,
    [CLOSE_NO_MEMORY] = PEER_LOST,
};

static struct flow *flow_of(const struct swarm_node *node, uint32_t peer)
{
    struct flow *flow = node->flows[peer & 0xff];
    return flow != NULL && flow->peer == peer ? flow : NULL;
}

/* The sender's end of a flow; the other learns of it one latency later. */
static void close_end(struct swarm_sim *sim, struct flow *flow, enum peer_outcome outcome)
{
    struct swarm_node *node = sim->nodes[flow->from];
    const struct flow *other = links_other(sim->links, flow);
    uint32_t peer = flow->peer;
    if (peer == 0)
        return;
    flow->peer = 0;
    node->flows[peer & 0xff] = NULL;
    node->connections--;
    if (flow->claimed && transfer_bytes_from(node->transfer, peer) > 0)
        peer_list_worked(node->list, &sim->nodes[flow->to]->endpoint);
    if (flow->claimed)
        peer_list_ended(node->list, &sim->nodes[flow->to]->endpoint, outcome, swarm_now_ms(sim));
    transfer_remove_peer(node->transfer, peer, swarm_now_ms(sim));
    swarm_at(sim, sim->now_us + sim->config.latency_us, SWARM_EVENT_HANGUP, other->number,
             other->generation);
}

void swarm_node_hung_up(struct swarm_sim *sim, struct flow *flow)
{
    struct swarm_node *node = sim->nodes[flow->from];
    bool was_open = flow->peer != 0;
    close_end(sim, flow, PEER_LOST);
    links_cut(sim->links, flow);
    if (was_open)
        pump(sim, node);
}

static bool open_end(struct swarm_sim *sim, struct flow *flow, bool incoming)
{
    struct swarm_node *here = sim->nodes[flow->from], *there = sim->nodes[flow->to];
    struct handshake theirs = {.extension = true, .fast = true, .infohash = sim->metainfo.infohash};
    struct endpoint remote = there->endpoint, listen = {0};
    memcpy(theirs.peer_id, there->peer_id, sizeof theirs.peer_id);
    if (incoming)
        remote.port = (uint16_t)(40000 + flow->number % 20000);
    else
        listen = remote;
    flow->incoming = incoming;
    flow->claimed = !incoming;
    flow->peer =
        transfer_add_peer(here->transfer, &remote, &listen, &theirs, incoming, swarm_now_ms(sim));
    if (flow->peer == 0)
        return false;
    here->flows[flow->peer & 0xff] = flow;
    here->connections++;
    return true;
}

static void connect_to(struct swarm_sim *sim, struct swarm_node *from, struct swarm_node *to)
{
    struct flow *flow = links_connect(sim->links, from->number, to->number);
    struct flow *back = links_other(sim->links, flow);
    bool opened = open_end(sim, back, true);
    if (!opened || !open_end(sim, flow, false)) {
        close_end(sim, back, PEER_LOST);
        links_cut(sim->links, flow);
        peer_list_ended(from->list, &to->endpoint, PEER_LOST_EARLY, swarm_now_ms(sim));
    }
    pump(sim, to);
    pump(sim, from);
}

void swarm_node_dialled(struct swarm_sim *sim, struct swarm_node *from, struct swarm_node *to)
{
    if (from->transfer == NULL)
        return;
    from->dialling--;
    if (to->transfer == NULL)
        peer_list_ended(from->list, &to->endpoint, PEER_FAILED, swarm_now_ms(sim));
    else if (peer_list_is_banned(to->list, &from->endpoint))
        peer_list_ended(from->list, &to->endpoint, PEER_LOST_EARLY, swarm_now_ms(sim));
    else
        connect_to(sim, from, to);
}

static void dial(struct swarm_sim *sim, struct swarm_node *node)
{
    struct endpoint to;
    if (!swarm_fetches(node) || is_complete(node))
        return;
    while (node->dialling < DIALLING_MAX &&
           node->connections + node->dialling < sim->config.connections &&
           peer_list_next(node->list, swarm_now_ms(sim), &to)) {
        struct swarm_node *other = node_at(sim, &to);
        if (other == node) {
            peer_list_ended(node->list, &to, PEER_IS_US, swarm_now_ms(sim));
            continue;
        }
        node->dialling++;
        swarm_at(sim, sim->now_us + 2 * sim->config.latency_us, SWARM_EVENT_DIAL, node->number,
                 other->number);
    }
}

/* Some of those who are there, all of them when they are few. */
void swarm_node_search(struct swarm_sim *sim, struct swarm_node *node)
{
    if (node->transfer == NULL || is_complete(node))
        return;
    bool all = sim->present_count <= SEARCH_FINDS;
    for (size_t i = 0; i < (all ? sim->present_count : SEARCH_FINDS); i++) {
        size_t at = all ? i : rng_below(&sim->rng, sim->present_count);
        peer_list_add(node->list, &sim->nodes[sim->present[at]]->endpoint, PEER_FROM_DHT,
                      swarm_now_ms(sim));
    }
    swarm_at(sim, sim->now_us + node->search_ms * 1000, SWARM_EVENT_SEARCH, node->number, 0);
    node->search_ms += node->search_ms / 2;
    node->search_ms = node->search_ms < SEARCH_MOST_MS ? node->search_ms : SEARCH_MOST_MS;
    dial(sim, node);
}

/* ---- what the transfer wants done ---- */

/* As the daemon does: after what was put, and after what has left. */
static void tell_backlog(const struct swarm_sim *sim, struct swarm_node *node, struct flow *flow)
{
    size_t waits = links_backlog(flow);
    if (flow->peer == 0 || node->peer.kind == SWARM_LIAR)
        return;
    if (waits > 0 || flow->told_backlog > 0 || ++flow->untold == UNTOLD_MAX) {
        transfer_set_backlog(node->transfer, flow->peer, waits, swarm_now_ms(sim));
        flow->untold = 0;
    }
    flow->told_backlog = waits;
}

static void drain_output(struct swarm_sim *sim, struct swarm_node *node, struct flow *flow)
{
    struct transfer_output out;
    while (flow->peer != 0 && transfer_next_output(node->transfer, flow->peer, &out)) {
        if (out.bytes.len > 0) {
            links_put(flow, out.bytes.data, out.bytes.len);
        } else if (node->peer.kind == SWARM_LIAR) {
            links_take_back(flow, WIRE_PIECE_HEAD_BYTES);
        } else {
            bool is_bad = node->peer.kind == SWARM_POLLUTER &&
                          rng_below(&sim->rng, 100) < sim->config.bad_in_100;
            links_put_block(flow, out.length, is_bad);
        }
    }
    tell_backlog(sim, node, flow);
    links_send(sim->links, flow, sim->now_us);
}

static bool is_right(const struct swarm_sim *sim, struct bytes piece)
{
    for (size_t at = 0; sim->has_polluters && at < piece.len; at += BLOCK_BYTES)
        if (memcmp(piece.data + at, wrong, sizeof wrong) == 0)
            return false;
    return true;
}

static void count_out(struct swarm_sim *sim, uint32_t piece)
{
    sim->now.pieces++;
    sim->out_count += !sim->out[piece];
    sim->out[piece] = 1;
    if (sim->out_count < sim->metainfo.piece_count || sim->result.out_ms != UINT64_MAX)
        return;
    sim->result.out_ms = swarm_now_ms(sim);
    sim->result.seed_bytes_at_out = sim->now.seed_bytes;
    for (size_t i = 0; sim->config.seed_leaves && i < sim->node_count; i++)
        if (sim->nodes[i]->peer.kind == SWARM_SEED)
            swarm_at(sim, sim->now_us, SWARM_EVENT_LEAVE, i, 0);
}

static void on_check(struct swarm_sim *sim, struct swarm_node *node,
                     const struct transfer_action *action)
{
    bool right = is_right(sim, action->data);
    if (right && !is_complete(node)) {
        node->peer.pieces++;
        count_out(sim, action->piece);
    }
    transfer_piece_checked(node->transfer, action->piece, right ? STATUS_OK : STATUS_MISMATCH,
                           swarm_now_ms(sim));
}

static void on_complete(struct swarm_sim *sim, struct swarm_node *node)
{
    struct swarm_result *result = &sim->result;
    if (!swarm_fetches(node) || is_complete(node))
        return;
    node->peer.complete_ms = result->last_ms = swarm_now_ms(sim);
    if (result->complete++ == 0) {
        result->first_ms = result->last_ms;
        result->seed_bytes_at_first = sim->now.seed_bytes;
    }
    sim->now.complete++;
    if (sim->config.leave_when_complete)
        swarm_at(sim, sim->now_us + sim->config.linger_ms * 1000, SWARM_EVENT_LEAVE, node->number,
                 0);
}

static void on_ban(struct swarm_sim *sim, struct swarm_node *node,
                   const struct transfer_action *action)
{
    struct swarm_node *banned = node_at(sim, &action->endpoint);
    peer_list_ended(node->list, &action->endpoint, PEER_BANNED, swarm_now_ms(sim));
    if (banned == NULL)
        return;
    node->peer.bans_given++;
    sim->result.honest_bans += banned->peer.kind != SWARM_POLLUTER;
    banned->peer.banned_by++;
}

static void on_listens(struct swarm_sim *sim, struct swarm_node *node, struct flow *flow,
                       const struct endpoint *endpoint)
{
    if (flow != NULL && flow->incoming && !flow->claimed)
        flow->claimed = peer_list_claim(node->list, endpoint, swarm_now_ms(sim));
}

static void act(struct swarm_sim *sim, struct swarm_node *node,
                const struct transfer_action *action)
{
    struct flow *flow = flow_of(node, action->peer);
    switch (action->type) {
    case ACTION_OUTPUT:
        if (flow != NULL)
            drain_output(sim, node, flow);
        break;
    case ACTION_CLOSE:
        sim->result.closed[action->reason]++;
        if (flow != NULL)
            close_end(sim, flow, close_outcomes[action->reason]);
        break;
    case ACTION_CHECK:
        on_check(sim, node, action);
        break;
    case ACTION_FOUND:
        peer_list_add(node->list, &action->endpoint, PEER_FROM_EXCHANGE, swarm_now_ms(sim));
        break;
    case ACTION_LISTENS:
        on_listens(sim, node, flow, &action->endpoint);
        break;
    case ACTION_BAN:
        on_ban(sim, node, action);
        break;
    case ACTION_COMPLETE:
        on_complete(sim, node);
        break;
    case ACTION_READ:     /* nobody has limits */
    case ACTION_METADATA: /* everybody has it */
    case ACTION_HAS_ALL:
        break;
    }
}

static void pump(struct swarm_sim *sim, struct swarm_node *node)
{
    struct transfer_action action;
    while (node->transfer != NULL && transfer_next_action(node->transfer, &action))
        act(sim, node, &action);
    if (sim->config.check && sim->result.packets % 256 == 0 && node->transfer != NULL &&
        !transfer_valid(node->transfer)) {
        fprintf(stderr, "peer %u is not valid at %llu ms\n", node->number,
                (unsigned long long)swarm_now_ms(sim));
        abort();
    }
}

/* ---- time ---- */

static void set_timer(struct swarm_sim *sim, struct swarm_node *node)
{
    uint64_t latest_ms = swarm_now_ms(sim) + TIMER_MOST_MS;
    uint64_t due_ms = transfer_deadline(node->transfer) > latest_ms
                          ? latest_ms
                          : transfer_deadline(node->transfer);
    due_ms = due_ms > swarm_now_ms(sim) ? due_ms : swarm_now_ms(sim) + 1;
    node->timer_us = due_ms * 1000;
    swarm_at(sim, node->timer_us, SWARM_EVENT_TIMER, node->number, 0);
}

void swarm_node_timer(struct swarm_sim *sim, struct swarm_node *node, uint64_t at_us)
{
    if (node->transfer == NULL || at_us != node->timer_us)
        return;
    if (transfer_deadline(node->transfer) <= swarm_now_ms(sim))
        transfer_on_time(node->transfer, swarm_now_ms(sim));
    pump(sim, node);
    dial(sim, node);
    set_timer(sim, node);
}

/* ---- what comes ---- */

/* What is there already is left alone: memory that nobody wrote to costs nothing. */
static void fill(const struct swarm_sim *sim, uint8_t *space, size_t len, size_t at, bool is_bad)
{
    if (!sim->has_polluters)
        return;
    if (memcmp(space, zeros, len) != 0)
        memset(space, 0, len);
    for (size_t i = at; is_bad && i < sizeof wrong && i - at < len; i++)
        space[i - at] = wrong[i];
}

static size_t take_space(struct swarm_node *node, uint32_t peer, size_t most, uint8_t **space)
{
    size_t room;
    transfer_receive_space(node->transfer, peer, space, &room);
    assert(room > 0);
    return room < most ? room : most;
}

void swarm_node_arrived(struct swarm_sim *sim, struct flow *flow, const struct packet *packet,
                        const uint8_t *protocol)
{
    struct swarm_node *node = sim->nodes[flow->to];
    const struct flow *own = links_other(sim->links, flow);
    uint32_t peer = own->peer;
    uint64_t now_ms = swarm_now_ms(sim);
    uint8_t *space;
    for (size_t at = 0, len; at < packet->protocol_len && own->peer == peer; at += len) {
        if (peer == 0)
            return;
        len = take_space(node, peer, packet->protocol_len - at, &space);
        memcpy(space, protocol + at, len);
        transfer_received(node->transfer, peer, len, now_ms);
    }
    for (size_t at = 0, len; at < packet->block_len && peer != 0 && own->peer == peer; at += len) {
        size_t most = packet->block_len - at;
        len = take_space(node, peer, most < BLOCK_BYTES ? most : BLOCK_BYTES, &space);
        fill(sim, space, len, at, packet->is_bad);
        transfer_received(node->transfer, peer, len, now_ms);
    }
    pump(sim, node);
}

void swarm_node_sent(struct swarm_sim *sim, struct flow *flow, const struct packet *packet)
{
    struct swarm_node *node = sim->nodes[flow->from];
    node->peer.bytes_up += packet->block_len;
    if (node->peer.kind == SWARM_SEED)
        sim->now.seed_bytes += packet->block_len;
    if (node->peer.kind == SWARM_LEECHER)
        sim->now.bytes_up += packet->block_len;
    tell_backlog(sim, node, flow);
    pump(sim, node);
}

/* ---- coming and going ---- */

static uint8_t *bits_for(const struct swarm_sim *sim, bool all)
{
    uint32_t count = sim->metainfo.piece_count;
    uint8_t *bits = calloc(1, count / 8 + 1);
    for (uint32_t i = 0; all && i < count; i++)
        bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return bits;
}

void swarm_node_join(struct swarm_sim *sim, struct swarm_node *node)
{
    bool fetches = swarm_fetches(node);
    uint8_t random[12];
    rng_fill(&sim->rng, random, sizeof random);
    handshake_make_peer_id(random, node->peer_id);
    struct transfer_config config = {.infohash = sim->metainfo.infohash,
                                     .listen_port = 6881,
                                     .client = "kadpeer/simulated",
                                     .memory_bytes = sim->config.memory_bytes,
                                     .slot_bps = sim->config.slot_bps,
                                     .random_order = sim->config.order == SWARM_RANDOM};
    memcpy(config.peer_id, node->peer_id, sizeof config.peer_id);
    rng_init_seed(&config.rng, rng_u64(&sim->rng));
    uint8_t *have = bits_for(sim, !fetches);
    node->endpoint = endpoint_of(node->number);
    node->list = peer_list_new();
    node->transfer = transfer_new(&config, &sim->metainfo, have, swarm_now_ms(sim));
    assert(node->list != NULL && node->transfer != NULL);
    free(have);
    if (sim->config.order == SWARM_SEQUENTIAL)
        transfer_set_sequential(node->transfer, true);
    if (node->peer.kind == SWARM_FREE_RIDER)
        transfer_set_active(node->transfer, true, false, swarm_now_ms(sim));
    swarm_count_capacity(sim);
    sim->now.present += fetches;
    if (node->peer.kind == SWARM_LEECHER)
        sim->capacity_bps += node->peer.up_bps;
    node->place = sim->present_count;
    sim->present[sim->present_count++] = node->number;
    node->search_ms = SEARCH_FIRST_MS;
    if (fetches)
        swarm_node_search(sim, node);
    pump(sim, node);
    set_timer(sim, node);
}

static void note_stats(struct swarm_sim *sim, struct swarm_node *node)
{
    struct transfer_stats stats;
    transfer_stats(node->transfer, swarm_now_ms(sim), &stats);
    node->peer.bytes_down = stats.bytes_down;
    node->peer.bytes_wasted = stats.bytes_wasted;
}

void swarm_node_leave(struct swarm_sim *sim, struct swarm_node *node)
{
    if (node->transfer == NULL)
        return;
    note_stats(sim, node);
    for (size_t i = 0; i < 256; i++)
        if (node->flows[i] != NULL)
            close_end(sim, node->flows[i], PEER_LOST);
    swarm_count_capacity(sim);
    sim->now.present -= swarm_fetches(node);
    if (node->peer.kind == SWARM_LEECHER)
        sim->capacity_bps -= node->peer.up_bps;
    sim->present[node->place] = sim->present[--sim->present_count];
    sim->nodes[sim->present[node->place]]->place = node->place;
    node->peer.leave_ms = swarm_now_ms(sim);
    swarm_node_free(node);
}

void swarm_node_free(struct swarm_node *node)
{
    transfer_free(node->transfer);
    peer_list_free(node->list);
    node->transfer = NULL;
    node->list = NULL;
}
