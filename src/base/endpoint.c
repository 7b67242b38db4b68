#include "kadpeer/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t endpoint_address_size(const struct endpoint *endpoint)
{
    if (endpoint->family == ENDPOINT_IPV4)
        return 4;
    return endpoint->family == ENDPOINT_IPV6 ? 16 : 0;
}

size_t endpoint_to_compact(const struct endpoint *endpoint, uint8_t out[ENDPOINT_COMPACT_MAX])
{
    size_t size = endpoint_address_size(endpoint);
    if (size == 0)
        return 0;
    memcpy(out, endpoint->addr, size);
    write_u16(out + size, endpoint->port);
    return size + 2;
}

bool endpoint_from_compact(struct bytes compact, struct endpoint *out)
{
    if (compact.len != 6 && compact.len != 18)
        return false;
    size_t size = compact.len - 2;
    *out = (struct endpoint){.family = size == 4 ? ENDPOINT_IPV4 : ENDPOINT_IPV6,
                             .port = read_u16(compact.data + size)};
    memcpy(out->addr, compact.data, size);
    return true;
}

static bool parse_port(const char *text, uint16_t *port)
{
    if (*text < '0' || *text > '9')
        return false;
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != 0 || value == 0 || value > 65535)
        return false;
    *port = (uint16_t)value;
    return true;
}

bool endpoint_parse(const char *text, struct endpoint *out)
{
    bool bracketed = text[0] == '[';
    const char *start = text + bracketed;
    const char *end = strchr(start, bracketed ? ']' : ':');
    if (end == NULL || (bracketed && end[1] != ':'))
        return false;
    char address[INET6_ADDRSTRLEN];
    size_t len = (size_t)(end - start);
    if (len >= sizeof address)
        return false;
    memcpy(address, start, len);
    address[len] = 0;

    struct endpoint endpoint = {.family = bracketed ? ENDPOINT_IPV6 : ENDPOINT_IPV4};
    if (inet_pton(bracketed ? AF_INET6 : AF_INET, address, endpoint.addr) != 1 ||
        !parse_port(end + (bracketed ? 2 : 1), &endpoint.port))
        return false;
    *out = endpoint;
    return true;
}

void endpoint_format_address(const struct endpoint *endpoint, char out[ENDPOINT_TEXT_SIZE])
{
    int family = endpoint->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
    if (endpoint_address_size(endpoint) == 0 ||
        inet_ntop(family, endpoint->addr, out, ENDPOINT_TEXT_SIZE) == NULL)
        snprintf(out, ENDPOINT_TEXT_SIZE, "none");
}

void endpoint_format(const struct endpoint *endpoint, char out[ENDPOINT_TEXT_SIZE])
{
    char address[ENDPOINT_TEXT_SIZE];
    endpoint_format_address(endpoint, address);
    snprintf(out, ENDPOINT_TEXT_SIZE, endpoint->family == ENDPOINT_IPV6 ? "[%.46s]:%u" : "%.46s:%u",
             address, endpoint->port);
}

static bool is_mapped_ipv4(const struct endpoint *e)
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return e->family == ENDPOINT_IPV6 && memcmp(e->addr, prefix, sizeof prefix) == 0;
}

static bool is_ipv6_loopback(const struct endpoint *e)
{
    static const uint8_t loopback[16] = {[15] = 1};
    return e->family == ENDPOINT_IPV6 && memcmp(e->addr, loopback, sizeof loopback) == 0;
}

bool endpoint_is_loopback(const struct endpoint *e)
{
    return (e->family == ENDPOINT_IPV4 && e->addr[0] == 127) || is_ipv6_loopback(e);
}

bool endpoint_is_local(const struct endpoint *e)
{
    if (endpoint_is_loopback(e))
        return true;
    if (e->family == ENDPOINT_IPV4)
        return e->addr[0] == 10 || (e->addr[0] == 172 && (e->addr[1] & 0xf0) == 16) ||
               (e->addr[0] == 192 && e->addr[1] == 168) || (e->addr[0] == 169 && e->addr[1] == 254);
    if (e->family == ENDPOINT_IPV6)
        return (e->addr[0] & 0xfe) == 0xfc || (e->addr[0] == 0xfe && (e->addr[1] & 0xc0) == 0x80);
    return false;
}

bool endpoint_is_usable(const struct endpoint *e)
{
    static const uint8_t zero[16];
    if (e->port == 0)
        return false;
    if (e->family == ENDPOINT_IPV4)
        return e->addr[0] != 0 && e->addr[0] < 224;
    return e->family == ENDPOINT_IPV6 && memcmp(e->addr, zero, 16) != 0 && e->addr[0] != 0xff &&
           !is_mapped_ipv4(e);
}
