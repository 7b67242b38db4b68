#include "swarm/handshake.h"

/* offset  bytes
 *      0      1  19
 *      1     19  "BitTorrent protocol"
 *     20      8  reserved: [5] & 0x10 extension, [7] & 0x04 fast, [7] & 0x01 DHT
 *     28     20  infohash
 *     48     20  peer id */
#define OPENING                                                                                    \
    "\x13"                                                                                         \
    "BitTorrent protocol"

enum {
    OPENING_BYTES = 20,
    RESERVED_AT = 20,
    INFOHASH_AT = 28,
    PEER_ID_AT = 48,
    EXTENSION_BIT = 0x10, /* of reserved byte 5 */
    FAST_BIT = 0x04,      /* of reserved byte 7 */
    DHT_BIT = 0x01,
};

void handshake_encode(const struct handshake *handshake, uint8_t out[HANDSHAKE_BYTES])
{
    memset(out, 0, HANDSHAKE_BYTES);
    memcpy(out, OPENING, OPENING_BYTES);
    if (handshake->extension)
        out[RESERVED_AT + 5] |= EXTENSION_BIT;
    if (handshake->fast)
        out[RESERVED_AT + 7] |= FAST_BIT;
    if (handshake->dht)
        out[RESERVED_AT + 7] |= DHT_BIT;
    memcpy(out + INFOHASH_AT, handshake->infohash.bytes, ID_BYTES);
    memcpy(out + PEER_ID_AT, handshake->peer_id, sizeof handshake->peer_id);
}

enum status handshake_decode(struct bytes data, struct handshake *out)
{
    size_t seen = data.len < OPENING_BYTES ? data.len : OPENING_BYTES;
    if (seen > 0 && memcmp(data.data, OPENING, seen) != 0)
        return STATUS_MALFORMED;
    if (data.len < HANDSHAKE_BYTES)
        return STATUS_BUSY;
    const uint8_t *reserved = data.data + RESERVED_AT;
    *out = (struct handshake){
        .extension = (reserved[5] & EXTENSION_BIT) != 0,
        .fast = (reserved[7] & FAST_BIT) != 0,
        .dht = (reserved[7] & DHT_BIT) != 0,
    };
    memcpy(out->infohash.bytes, data.data + INFOHASH_AT, ID_BYTES);
    memcpy(out->peer_id, data.data + PEER_ID_AT, sizeof out->peer_id);
    return STATUS_OK;
}

void handshake_make_peer_id(const uint8_t random[12], uint8_t out[20])
{
    memcpy(out, "-KP0100-", 8);
    memcpy(out + 8, random, 12);
}
