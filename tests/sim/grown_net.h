/* An honest network, for tests that begin with one. */
#pragma once

#include "sim/net_parts.h"

static inline struct net *grown_net(uint64_t seed, size_t nodes, double loss)
{
    struct net_config config = {.seed = seed, .family = ENDPOINT_IPV4, .addresses = NET_PUBLIC};
    struct net *net = net_new(&config);
    net_add_delay(net, 10, 100);
    net_add_loss(net, loss);
    net_grow(net, nodes);
    net_run_for(net, 60 * 1000);
    return net;
}
