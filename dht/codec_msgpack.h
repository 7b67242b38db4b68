/* Messages as MessagePack-RPC, the encoding of our own overlay  [protocol.md section 1].
 *
 *   query     [0, txid u32, method, [{id t k tok …}]]
 *   response  [1, txid u32, nil, {id ip nodes …}]
 *   error     [1, txid u32, [code, text], nil]
 *
 * Decoding bounds a datagram's depth, items and lengths before it looks at any of it, and
 * allocates nothing. */
#pragma once

#include "dht/message.h"

struct message_fit codec_msgpack_encode(const struct message *message, uint8_t *out, size_t cap);
enum decode_result codec_msgpack_decode(struct bytes datagram, struct message *out);

extern const struct codec codec_msgpack; /* the two above */

/* The first byte of a datagram is one this codec could read. */
bool codec_msgpack_owns(struct bytes datagram);
