/* An IP address and port, as a value: no resolver, no socket header. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kadpeer/bytes.h"

enum endpoint_family { ENDPOINT_NONE = 0, ENDPOINT_IPV4 = 4, ENDPOINT_IPV6 = 6 };

#define ENDPOINT_COMPACT_MAX 18
#define ENDPOINT_TEXT_SIZE   56 /* "[…]:65535" and the final zero */

struct endpoint {
    uint8_t addr[16]; /* network order; IPv4 uses the first four, the rest are zero */
    uint16_t port;    /* host order */
    uint8_t family;   /* enum endpoint_family */
};

/* Ports aside. */
static inline bool endpoint_same_address(const struct endpoint *a, const struct endpoint *b)
{
    return a->family == b->family && memcmp(a->addr, b->addr, sizeof a->addr) == 0;
}

static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && endpoint_same_address(a, b);
}

size_t endpoint_address_size(const struct endpoint *endpoint); /* 4, 16 or 0 */

/* Compact form: address then port, 6 or 18 bytes [BEP 5, 32]. Returns its length, 0 for none. */
size_t endpoint_to_compact(const struct endpoint *endpoint, uint8_t out[ENDPOINT_COMPACT_MAX]);
bool endpoint_from_compact(struct bytes compact, struct endpoint *out); /* 6 or 18 bytes */

/* "192.0.2.1:80", "[2001:db8::1]:80"; an address without a port is refused. Names are not
 * resolved: see io/resolve. */
bool endpoint_parse(const char *text, struct endpoint *out);
void endpoint_format(const struct endpoint *endpoint, char out[ENDPOINT_TEXT_SIZE]);
void endpoint_format_address(const struct endpoint *endpoint, char out[ENDPOINT_TEXT_SIZE]);

bool endpoint_is_loopback(const struct endpoint *endpoint);
/* Loopback, private (RFC 1918, unique local) or link-local: exempt from rules that count networks.
 */
bool endpoint_is_local(const struct endpoint *endpoint);
/* Can be sent to: a family, a port, neither unspecified, multicast nor broadcast. */
bool endpoint_is_usable(const struct endpoint *endpoint);
