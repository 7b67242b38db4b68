#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/net_private.h"

static uint64_t hash_of(const struct endpoint *endpoint)
{
    uint64_t words[2];
    memcpy(words, endpoint->addr, sizeof words);
    uint64_t hash = words[0] * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 32 ^ words[1]) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 32 ^ endpoint->port) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

/* Nothing of the node itself is read: it would have to be fetched for each datagram. */
static struct net_listed *place(const struct net *net, uint64_t hash)
{
    size_t at = hash & (net->hash_cap - 1);
    while (net->by_endpoint[at].node != 0 && net->by_endpoint[at].hash != hash)
        at = (at + 1) & (net->hash_cap - 1);
    return &net->by_endpoint[at];
}

size_t net_node_at(const struct net *net, const struct endpoint *endpoint)
{
    if (net->hash_cap == 0)
        return NET_NONE;
    return (size_t)place(net, hash_of(endpoint))->node - 1; /* 0 - 1 is NET_NONE */
}

static void list(struct net *net, size_t number)
{
    uint64_t hash = hash_of(&net_node(net, number)->endpoint);
    struct net_listed *listed = place(net, hash);
    assert(listed->node == 0);
    *listed = (struct net_listed){hash, (uint32_t)number + 1};
}

static void grow(struct net *net, size_t listed)
{
    free(net->by_endpoint);
    net->hash_cap = net->hash_cap > 0 ? 2 * net->hash_cap : 64;
    net->by_endpoint = calloc(net->hash_cap, sizeof *net->by_endpoint);
    assert(net->by_endpoint != NULL);
    for (size_t i = 0; i < listed; i++)
        list(net, i);
}

void net_list_address(struct net *net, size_t number)
{
    if (2 * (number + 1) > net->hash_cap)
        grow(net, number);
    list(net, number);
}

static struct endpoint any_address(struct net *net)
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

struct endpoint net_new_address(struct net *net)
{
    struct endpoint endpoint;
    do
        endpoint = any_address(net);
    while (net_node_at(net, &endpoint) != NET_NONE);
    return endpoint;
}
