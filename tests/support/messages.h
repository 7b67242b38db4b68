/* Messages as those of tests/vectors were made from. */
#pragma once

#include "support/unit.h"

#include <string.h>

#include "dht/codec_msgpack.h"

#define TXID 0x11223344

static inline struct id run_id(uint8_t first)
{
    struct id id;
    for (unsigned i = 0; i < ID_BYTES; i++)
        id.bytes[i] = (uint8_t)(first + i);
    return id;
}

static inline struct endpoint endpoint_of(const char *text)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(text, &endpoint));
    return endpoint;
}

static inline struct message_node node_of(uint8_t fill, const char *text)
{
    struct message_node node = {.endpoint = endpoint_of(text)};
    memset(node.id.bytes, fill, ID_BYTES);
    return node;
}

static inline void init_from_vectors(struct message *message, enum message_type type)
{
    message_init(message, type);
    message_set_txid(message, TXID);
    message->id = run_id(0x01);
    message->target = run_id(0xa0);
    if (type == MESSAGE_RESPONSE)
        message->seen_address = endpoint_of("192.0.2.1:6881");
}

static inline void set_token(struct message *message)
{
    message->token_len = 8;
    for (uint8_t i = 0; i < 8; i++)
        message->token[i] = 0x70 + i;
}
