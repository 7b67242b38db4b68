/* Which addresses are ours, which of them others can dial, by which socket to send. */
#include "daemon/node_private.h"

#include "io/address.h"

static bool is_unspecified(const struct endpoint *endpoint)
{
    static const struct endpoint none = {.family = ENDPOINT_NONE};
    return memcmp(endpoint->addr, none.addr, sizeof none.addr) == 0;
}

struct udp *node_socket_for(const struct overlay *overlay, const struct endpoint *to)
{
    const struct node_socket *sockets = overlay->sockets;
    for (size_t i = 0; i < overlay->socket_count; i++)
        if (is_unspecified(&sockets[i].bound) ||
            endpoint_is_loopback(&sockets[i].bound) == endpoint_is_loopback(to))
            return sockets[i].udp;
    return sockets[0].udp;
}

static void look_at_interfaces(struct node_interfaces *interfaces)
{
    uv_interface_address_t *found;
    int found_count;
    interfaces->count = 0;
    if (uv_interface_addresses(&found, &found_count) != 0)
        return;
    for (int i = 0; i < found_count && interfaces->count < NODE_INTERFACES_MAX; i++) {
        struct endpoint *endpoint = &interfaces->addresses[interfaces->count];
        if (!address_from_system((const struct sockaddr *)&found[i].address, endpoint))
            continue;
        endpoint->port = 0;
        interfaces->count++;
    }
    uv_free_interface_addresses(found, found_count);
}

static const struct node_interfaces *interfaces_of(const struct node *node)
{
    struct node_interfaces *interfaces = node->interfaces;
    uint64_t now_ms = node_now_ms(node);
    if (!interfaces->known || interfaces->at_ms != now_ms)
        look_at_interfaces(interfaces);
    interfaces->known = true;
    interfaces->at_ms = now_ms;
    return interfaces;
}

static bool is_interface_address(const struct node *node, const struct endpoint *endpoint)
{
    const struct node_interfaces *interfaces = interfaces_of(node);
    for (size_t i = 0; i < interfaces->count; i++)
        if (endpoint_same_address(&interfaces->addresses[i], endpoint))
            return true;
    return false;
}

bool node_is_self(const struct node *node, const struct endpoint *endpoint)
{
    if (endpoint->port != node->port || endpoint->family == ENDPOINT_NONE)
        return false;
    const struct overlay *overlay = &node->overlays[endpoint->family == ENDPOINT_IPV6];
    if (endpoint_same_address(&overlay->external, endpoint))
        return true;
    for (size_t i = 0; i < overlay->socket_count; i++) {
        const struct endpoint *bound = &overlay->sockets[i].bound;
        if (endpoint_same_address(bound, endpoint))
            return true;
        if (is_unspecified(bound) &&
            (endpoint_is_loopback(endpoint) || is_interface_address(node, endpoint)))
            return true;
    }
    return false;
}

/* ---- what others can dial ---- */

struct endpoints {
    struct endpoint *out;
    size_t count, cap;
};

static void add(struct endpoints *endpoints, struct endpoint endpoint, uint16_t port)
{
    endpoint.port = port;
    for (size_t i = 0; i < endpoints->count; i++)
        if (endpoint_equal(&endpoints->out[i], &endpoint))
            return;
    if (endpoints->count < endpoints->cap && endpoint_is_usable(&endpoint))
        endpoints->out[endpoints->count++] = endpoint;
}

static bool is_link_local(const struct endpoint *endpoint)
{
    return endpoint->family == ENDPOINT_IPV6
               ? endpoint->addr[0] == 0xfe && endpoint->addr[1] >> 6 == 2
               : endpoint->addr[0] == 169 && endpoint->addr[1] == 254;
}

/* Link-local ones mean nothing without a zone. */
static void add_interfaces(struct endpoints *endpoints, const struct node *node, uint8_t family,
                           bool loopback)
{
    const struct node_interfaces *interfaces = interfaces_of(node);
    for (size_t i = 0; i < interfaces->count; i++) {
        const struct endpoint *address = &interfaces->addresses[i];
        if (address->family == family && !is_link_local(address) &&
            endpoint_is_loopback(address) == loopback)
            add(endpoints, *address, node->port);
    }
}

/* What others see, where they are no part of this machine; then what we are bound to. */
static void add_far(struct endpoints *endpoints, const struct node *node)
{
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        if (!endpoint_is_loopback(&node->overlays[i].external))
            add(endpoints, node->overlays[i].external, node->port);
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        const struct overlay *overlay = &node->overlays[i];
        for (size_t j = 0; j < overlay->socket_count; j++)
            if (is_unspecified(&overlay->sockets[j].bound))
                add_interfaces(endpoints, node, overlay->family, false);
            else if (!endpoint_is_loopback(&overlay->sockets[j].bound))
                add(endpoints, overlay->sockets[j].bound, node->port);
    }
}

/* Good on this machine alone. */
static void add_near(struct endpoints *endpoints, const struct node *node)
{
    for (size_t i = 0; i < NODE_FAMILIES; i++) {
        const struct overlay *overlay = &node->overlays[i];
        add(endpoints, overlay->external, node->port);
        for (size_t j = 0; j < overlay->socket_count; j++)
            if (is_unspecified(&overlay->sockets[j].bound))
                add_interfaces(endpoints, node, overlay->family, true);
            else
                add(endpoints, overlay->sockets[j].bound, node->port);
    }
}

size_t node_own_endpoints(const struct node *node, struct endpoint out[], size_t cap)
{
    struct endpoints endpoints = {.out = out, .cap = cap};
    add_far(&endpoints, node);
    if (endpoints.count == 0)
        add_near(&endpoints, node);
    return endpoints.count;
}
