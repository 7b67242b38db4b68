#include "io/address.h"

#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

bool address_to_system(const struct endpoint *endpoint, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (endpoint->family == ENDPOINT_IPV4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
        memcpy(&in.sin_addr, endpoint->addr, 4);
        memcpy(out, &in, sizeof in);
        return true;
    }
    if (endpoint->family == ENDPOINT_IPV6) {
        struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};
        memcpy(&in.sin6_addr, endpoint->addr, 16);
        memcpy(out, &in, sizeof in);
        return true;
    }
    return false;
}

bool address_from_system(const struct sockaddr *address, struct endpoint *out)
{
    *out = (struct endpoint){.family = ENDPOINT_NONE};
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        out->family = ENDPOINT_IPV4;
        out->port = ntohs(in.sin_port);
        memcpy(out->addr, &in.sin_addr, 4);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 in;
    memcpy(&in, address, sizeof in);
    out->port = ntohs(in.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
        out->family = ENDPOINT_IPV4;
        memcpy(out->addr, in.sin6_addr.s6_addr + 12, 4);
    } else {
        out->family = ENDPOINT_IPV6;
        memcpy(out->addr, in.sin6_addr.s6_addr, 16);
    }
    return true;
}
