/* The 68 bytes that open a BitTorrent connection [BEP 3, 6, 10]. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/id.h"
#include "kadpeer/status.h"

#define HANDSHAKE_BYTES 68

struct handshake {
    bool extension; /* BEP 10 */
    bool fast;      /* BEP 6 */
    bool dht;       /* BEP 5 */
    struct id infohash;
    uint8_t peer_id[20];
};

void handshake_encode(const struct handshake *handshake, uint8_t out[HANDSHAKE_BYTES]);

/* STATUS_BUSY: `data` is a good beginning, more is needed. STATUS_MALFORMED: not our protocol (an
 * encrypted opening, say): close at once, so that the other side retries in plain text. */
enum status handshake_decode(struct bytes data, struct handshake *out);

/* "-KP0100-" and 12 bytes of the caller's randomness. */
void handshake_make_peer_id(const uint8_t random[12], uint8_t out[20]);
