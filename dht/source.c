#include "dht/source.h"

#include "kadpeer/siphash.h"

enum {
    ADDRESS_BYTES_IPV4 = 4,
    ADDRESS_BYTES_IPV6 = 8, /* a /64 */
    NETWORK_BYTES_IPV4 = 3, /* a /24 */
    NETWORK_BYTES_IPV6 = 6, /* a /48 */
};

static bool is_told_by_port(const struct source_rules *rules, const struct endpoint *from)
{
    return !rules->limit_local && endpoint_is_local(from);
}

bool source_counts(const struct source_rules *rules, const struct endpoint *from,
                   enum source_scope scope)
{
    return scope == SOURCE_ADDRESS || !is_told_by_port(rules, from);
}

size_t source_prefix_bytes(const struct source_rules *rules, const struct endpoint *from,
                           enum source_scope scope)
{
    bool ipv4 = from->family == ENDPOINT_IPV4;
    if (is_told_by_port(rules, from))
        return 0;
    if (scope == SOURCE_NETWORK)
        return ipv4 ? NETWORK_BYTES_IPV4 : NETWORK_BYTES_IPV6;
    return ipv4 ? ADDRESS_BYTES_IPV4 : ADDRESS_BYTES_IPV6;
}

uint32_t source_tag(const struct source_rules *rules, const struct endpoint *from,
                    enum source_scope scope)
{
    uint8_t text[2 + 16 + 2] = {from->family, (uint8_t)scope};
    size_t prefix = source_prefix_bytes(rules, from, scope);
    memcpy(text + 2, from->addr, prefix > 0 ? prefix : 16);
    if (prefix == 0)
        write_u16(text + 18, from->port);
    uint32_t tag = (uint32_t)siphash(rules->secret, bytes_of(text, sizeof text));
    return tag != 0 ? tag : 1;
}

bool source_same_network(const struct source_rules *rules, const struct endpoint *a,
                         const struct endpoint *b)
{
    if (a->family == ENDPOINT_NONE || a->family != b->family)
        return false;
    size_t prefix = source_prefix_bytes(rules, a, SOURCE_NETWORK);
    if (prefix == 0 || source_prefix_bytes(rules, b, SOURCE_NETWORK) == 0)
        return endpoint_equal(a, b);
    return memcmp(a->addr, b->addr, prefix) == 0;
}
