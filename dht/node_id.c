#include "dht/node_id.h"

#include <string.h>

#include "kadpeer/bytes.h"

#define PREFIX_MASK 0xfffff800u /* the 21 bits of the hash that an id has to share */

/* CRC-32C (Castagnoli), reflected, half a byte at a time: eight bytes at most are hashed, but of
 * each node that an answer names. */
static uint32_t crc32c(const uint8_t *data, size_t len)
{
    static const uint32_t halves[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    uint32_t crc = ~0u;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ halves[crc & 15];
        crc = crc >> 4 ^ halves[crc & 15];
    }
    return ~crc;
}

/* `r` is the last byte of the id; only its lowest three bits count. */
static uint32_t address_hash(const struct endpoint *address, uint8_t r)
{
    static const uint8_t mask4[4] = {0x03, 0x0f, 0x3f, 0xff};
    static const uint8_t mask6[8] = {0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff};
    bool ipv4 = address->family == ENDPOINT_IPV4;
    const uint8_t *mask = ipv4 ? mask4 : mask6;
    size_t len = ipv4 ? sizeof mask4 : sizeof mask6;
    uint8_t masked[8];
    for (size_t i = 0; i < len; i++)
        masked[i] = address->addr[i] & mask[i];
    masked[0] |= (uint8_t)(r << 5);
    return crc32c(masked, len);
}

static bool rule_applies(const struct endpoint *address)
{
    return endpoint_address_size(address) != 0 && !endpoint_is_local(address);
}

struct id node_id_random(struct rng *rng)
{
    struct id id;
    rng_fill(rng, id.bytes, sizeof id.bytes);
    return id;
}

struct id node_id_of_address(const struct endpoint *external, struct rng *rng)
{
    struct id id = node_id_random(rng);
    if (!rule_applies(external))
        return id;
    uint32_t hash = address_hash(external, id.bytes[ID_BYTES - 1]);
    write_u32(id.bytes, (hash & PREFIX_MASK) | (read_u32(id.bytes) & ~PREFIX_MASK));
    return id;
}

bool node_id_fits(const struct id *id, const struct endpoint *address)
{
    if (!rule_applies(address))
        return true;
    uint32_t hash = address_hash(address, id->bytes[ID_BYTES - 1]);
    return ((read_u32(id->bytes) ^ hash) & PREFIX_MASK) == 0;
}
