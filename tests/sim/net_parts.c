#include "sim/net_parts.h"

#include <assert.h>
#include <stdlib.h>

#define NAT_OPEN_MS   (60 * 1000)
#define NAT_HOLES_MIN 16
#define NAT_HOLES_MAX 512

static void *new_state(size_t size)
{
    void *state = calloc(1, size);
    assert(state != NULL);
    return state;
}

/* ---- those that draw lots ---- */

struct lot {
    double share;
    uint32_t min_ms, max_ms;
};

static uint64_t draw_ms(const struct lot *lot, const struct net_packet *packet)
{
    return lot->min_ms + rng_below(packet->rng, lot->max_ms - lot->min_ms + 1);
}

static void add_lot(struct net *net, bool (*pass)(void *, struct net_packet *), uint64_t min_ms,
                    const struct lot *lot)
{
    struct lot *state = new_state(sizeof *state);
    *state = *lot;
    struct net_part part = {.state = state, .pass = pass, .dispose = free, .min_ms = min_ms};
    net_add_part(net, &part);
}

static bool pass_delayed(void *state, struct net_packet *packet)
{
    packet->delay_ms += draw_ms(state, packet);
    return true;
}

void net_add_delay(struct net *net, uint32_t min_ms, uint32_t max_ms)
{
    add_lot(net, pass_delayed, min_ms, &(struct lot){.min_ms = min_ms, .max_ms = max_ms});
}

static bool is_drawn(const struct lot *lot, const struct net_packet *packet)
{
    return rng_unit(packet->rng) < lot->share;
}

static bool pass_or_lose(void *state, struct net_packet *packet)
{
    return !is_drawn(state, packet);
}

void net_add_loss(struct net *net, double share)
{
    add_lot(net, pass_or_lose, 0, &(struct lot){.share = share});
}

static bool pass_doubled(void *state, struct net_packet *packet)
{
    if (is_drawn(state, packet))
        packet->again_ms = draw_ms(state, packet);
    return true;
}

void net_add_duplicates(struct net *net, double share, uint32_t within_ms)
{
    add_lot(net, pass_doubled, 0, &(struct lot){.share = share, .min_ms = 1, .max_ms = within_ms});
}

static bool pass_held_up(void *state, struct net_packet *packet)
{
    if (is_drawn(state, packet))
        packet->delay_ms += draw_ms(state, packet);
    return true;
}

void net_add_reordering(struct net *net, double share, uint32_t within_ms)
{
    add_lot(net, pass_held_up, 0, &(struct lot){.share = share, .min_ms = 1, .max_ms = within_ms});
}

/* ---- NAT ---- */

/* Whom a node behind the NAT has sent to, and when: a ring that grows while it is in use. */
struct behind {
    uint32_t next, cap;
    struct hole {
        uint32_t to; /* node + 1; 0: none */
        uint32_t sent_ds;
    } holes[];
};

struct nat {
    struct net *net;
    struct behind **behind; /* by node; NULL: not behind */
    size_t cap;
};

static uint32_t now_ds(const struct nat *nat)
{
    return (uint32_t)(net_now_ms(nat->net) / 100);
}

static bool is_open(const struct nat *nat, const struct hole *hole)
{
    return hole->to != 0 && now_ds(nat) - hole->sent_ds < NAT_OPEN_MS / 100;
}

static struct behind *new_ring(uint32_t cap)
{
    struct behind *ring = new_state(sizeof *ring + cap * sizeof ring->holes[0]);
    ring->cap = cap;
    return ring;
}

/* The oldest is still open and there is no more room: twice as many. */
static void make_room(struct nat *nat, size_t node)
{
    struct behind *ring = nat->behind[node];
    if (ring->cap == NAT_HOLES_MAX || !is_open(nat, &ring->holes[ring->next]))
        return;
    struct behind *grown = new_ring(2 * ring->cap);
    for (uint32_t i = 0; i < ring->cap; i++)
        grown->holes[i] = ring->holes[(ring->next + i) % ring->cap];
    grown->next = ring->cap;
    free(ring);
    nat->behind[node] = grown;
}

static void open_hole(struct nat *nat, const struct net_packet *packet)
{
    make_room(nat, packet->from);
    struct behind *ring = nat->behind[packet->from];
    ring->holes[ring->next] = (struct hole){(uint32_t)packet->to + 1, now_ds(nat)};
    ring->next = (ring->next + 1) % ring->cap;
}

static bool pass_nat(void *state, struct net_packet *packet)
{
    struct nat *nat = state;
    if (nat_is_behind(nat, packet->from))
        open_hole(nat, packet);
    if (!nat_is_behind(nat, packet->to))
        return true;
    const struct behind *ring = nat->behind[packet->to];
    for (uint32_t i = 0; i < ring->cap; i++)
        if (ring->holes[i].to == packet->from + 1 && is_open(nat, &ring->holes[i]))
            return true;
    return false;
}

static void nat_dispose(void *state)
{
    struct nat *nat = state;
    for (size_t i = 0; i < nat->cap; i++)
        free(nat->behind[i]);
    free(nat->behind);
    free(nat);
}

struct nat *net_add_nat(struct net *net)
{
    struct nat *nat = new_state(sizeof *nat);
    nat->net = net;
    net_add_part(net, &(struct net_part){.state = nat, .pass = pass_nat, .dispose = nat_dispose});
    return nat;
}

void nat_put_behind(struct nat *nat, size_t node)
{
    while (nat->cap <= node) {
        size_t cap = nat->cap > 0 ? 2 * nat->cap : 64;
        nat->behind = realloc(nat->behind, cap * sizeof *nat->behind);
        assert(nat->behind != NULL);
        for (size_t i = nat->cap; i < cap; i++)
            nat->behind[i] = NULL;
        nat->cap = cap;
    }
    if (nat->behind[node] == NULL)
        nat->behind[node] = new_ring(NAT_HOLES_MIN);
}

bool nat_is_behind(const struct nat *nat, size_t node)
{
    return node < nat->cap && nat->behind[node] != NULL;
}

/* ---- partition ---- */

struct partition {
    double share;
    bool closed;
};

bool partition_side(const struct partition *partition, size_t node)
{
    uint64_t hash = (node + 1) * 0x9e3779b97f4a7c15u;
    return (double)(hash >> 11) * 0x1p-53 < partition->share;
}

static bool pass_border(void *state, struct net_packet *packet)
{
    const struct partition *partition = state;
    return !partition->closed ||
           partition_side(partition, packet->from) == partition_side(partition, packet->to);
}

struct partition *net_add_partition(struct net *net, double share)
{
    struct partition *partition = new_state(sizeof *partition);
    partition->share = share;
    net_add_part(net, &(struct net_part){.state = partition, .pass = pass_border, .dispose = free});
    return partition;
}

void partition_close(struct partition *partition, bool closed)
{
    partition->closed = closed;
}
