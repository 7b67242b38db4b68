#include "sim/net_parts.h"

#include <assert.h>
#include <stdlib.h>

#define NAT_OPEN_MS (60 * 1000)
#define NAT_HOLES   512

struct delay {
    struct rng *rng;
    uint32_t min_ms, max_ms;
};

static bool pass_delayed(void *state, struct net_packet *packet)
{
    const struct delay *delay = state;
    packet->delay_ms += delay->min_ms + rng_below(delay->rng, delay->max_ms - delay->min_ms + 1);
    return true;
}

void net_add_delay(struct net *net, uint32_t min_ms, uint32_t max_ms)
{
    struct delay *delay = malloc(sizeof *delay);
    assert(delay != NULL);
    *delay = (struct delay){net_rng(net), min_ms, max_ms};
    net_add_part(net, pass_delayed, delay, free);
}

struct loss {
    struct rng *rng;
    double share;
};

static bool pass_or_lose(void *state, struct net_packet *packet)
{
    (void)packet;
    const struct loss *loss = state;
    return rng_unit(loss->rng) >= loss->share;
}

void net_add_loss(struct net *net, double share)
{
    struct loss *loss = malloc(sizeof *loss);
    assert(loss != NULL);
    *loss = (struct loss){net_rng(net), share};
    net_add_part(net, pass_or_lose, loss, free);
}

/* Whom a node behind the NAT has sent to, and when; a ring. */
struct hole {
    struct endpoint to;
    uint64_t sent_ms;
};

struct nat {
    struct net *net;
    struct behind {
        size_t node;
        size_t next;
        struct hole holes[NAT_HOLES];
    } * *behind;
    size_t count;
};

static struct behind *find(const struct nat *nat, size_t node)
{
    for (size_t i = 0; i < nat->count; i++)
        if (nat->behind[i]->node == node)
            return nat->behind[i];
    return NULL;
}

static bool pass_nat(void *state, struct net_packet *packet)
{
    const struct nat *nat = state;
    uint64_t now_ms = net_now_ms(nat->net);
    struct behind *from = find(nat, packet->from);
    if (from != NULL)
        from->holes[from->next++ % NAT_HOLES] = (struct hole){packet->destination, now_ms};
    const struct behind *to = find(nat, packet->to);
    for (size_t i = 0; to != NULL && i < NAT_HOLES; i++)
        if (endpoint_equal(&to->holes[i].to, &packet->source) &&
            now_ms < to->holes[i].sent_ms + NAT_OPEN_MS)
            return true;
    return to == NULL;
}

static void nat_dispose(void *state)
{
    struct nat *nat = state;
    for (size_t i = 0; i < nat->count; i++)
        free(nat->behind[i]);
    free(nat->behind);
    free(nat);
}

struct nat *net_add_nat(struct net *net)
{
    struct nat *nat = calloc(1, sizeof *nat);
    assert(nat != NULL);
    nat->net = net;
    net_add_part(net, pass_nat, nat, nat_dispose);
    return nat;
}

void nat_put_behind(struct nat *nat, size_t node)
{
    struct behind *behind = calloc(1, sizeof *behind);
    nat->behind = realloc(nat->behind, (nat->count + 1) * sizeof *nat->behind);
    assert(behind != NULL && nat->behind != NULL);
    behind->node = node;
    nat->behind[nat->count++] = behind;
}
