/* One DHT message as a value, whatever its encoding  [protocol.md section 1; BEP 5, 32, 43, 44].
 *
 * The node deals in these alone; a codec turns one into a datagram and back. Nothing in it is
 * owned: byte runs are views into the datagram (or the store) and end with it. Fixed in size, so
 * that a flood of packets allocates nothing; about 7 KiB, made to live on the stack. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/params.h"
#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"

enum message_type { MESSAGE_QUERY, MESSAGE_RESPONSE, MESSAGE_ERROR };

enum message_method {
    METHOD_PING,
    METHOD_FIND,
    METHOD_GET,
    METHOD_PUT,
    METHOD_COUNT,
};

/* What can be said back: as the `error` of a response, or per record as one of its `codes`. */
enum message_code {
    CODE_OK = 0,          /* record kept */
    CODE_MALFORMED = 203, /* also: a kind not accepted here, a record past its expiry */
    CODE_UNKNOWN_METHOD = 204,
    CODE_TOO_BIG = 205,
    CODE_BAD_SIGNATURE = 206,
    CODE_BAD_TOKEN = 207,
    CODE_QUOTA = 208,
    CODE_TOO_FAR = 209,
    CODE_OLDER = 302, /* one at least as new is held */
};

struct message_node {
    struct id id;
    struct endpoint endpoint;
};

/* One value of an answer to get. */
struct message_value {
    struct bytes value;   /* borrowed */
    bool with_from;       /* the kind goes with the address its record came from */
    struct endpoint from; /* family 0 while with_from: the answering node itself */
    uint64_t order;       /* encoding only: its place among all values, for `c` */
};

/* One record of a put. */
struct message_record {
    struct id key;
    uint8_t kind;        /* enum record_kind; unchecked */
    struct bytes value;  /* borrowed */
    uint32_t lifetime_s; /* handed on for what is left of its life; 0: it is not said */
};

struct message {
    enum message_type type;
    uint8_t txid[MESSAGE_TXID_MAX]; /* ours: 4 bytes, big endian */
    uint8_t txid_len;

    struct id id;        /* sender; not set in a MESSAGE_ERROR */
    uint8_t version_len; /* queries */
    char version[DHT_VERSION_MAX];
    uint8_t token_len; /* query: one we were given; response to get: one we give. 0: none */
    uint8_t token[MESSAGE_TOKEN_MAX];

    /* queries */
    enum message_method method;
    bool read_only;
    uint32_t network_id;
    struct id target; /* find, get */
    uint8_t kind;     /* get: enum record_kind; unchecked */
    bool has_cursor;  /* get: `cursor` continues; response: more values follow it */
    uint64_t cursor;
    bool has_seq; /* get: the newest already held; response: the newest held there */
    uint64_t seq;
    uint16_t pad_to; /* encoding: padded with `z` to at least this many bytes; decoded: its size */
    uint8_t record_count; /* put */
    struct message_record records[MESSAGE_RECORDS_MAX];

    /* responses; the method is known to whoever asked, not to the bytes */
    struct endpoint seen_address; /* the asker as the answerer sees it; family 0: not said */
    bool has_values; /* `values`, even if none, and `total` are part of it: an answer to get */
    uint32_t total;
    uint8_t value_count;
    struct message_value values[MESSAGE_VALUES_MAX];
    bool has_nodes;
    uint8_t node_count;   /* nearest first; of both families together */
    uint8_t node_surplus; /* of those in the datagram, beyond MESSAGE_NODES_MAX */
    struct message_node nodes[MESSAGE_NODES_MAX];
    uint8_t code_count; /* put: one per record */
    uint16_t codes[MESSAGE_RECORDS_MAX];

    /* errors */
    uint16_t error_code;
    struct bytes error_text; /* borrowed, at most MESSAGE_ERROR_MAX bytes, not to be trusted */
};

/* What of a message went into the datagram. A get's answer takes MESSAGE_NODES_BESIDE nodes and
 * one value first, then values, then nodes, as long as they fit; a put takes records in order. */
struct message_fit {
    size_t len; /* bytes written; 0: not even the rest fits, or the message is none */
    size_t nodes, values, records;
};

enum decode_result {
    DECODE_OK,
    DECODE_REFUSED, /* a query we cannot take but can answer: txid, error_code, error_text are set,
                       error_text in static storage; all else is undefined */
    DECODE_DROP,    /* no message, or an answer that is not well-formed */
};

/* An encoding. `out` has room for `cap` bytes, at most DHT_DATAGRAM_MAX are written. With more
 * values than fit, or has_cursor set, `c` is the order of the last one written. */
struct codec {
    struct message_fit (*encode)(const struct message *message, uint8_t *out, size_t cap);
    enum decode_result (*decode)(struct bytes datagram, struct message *out);
};

/* Zeroes what has to be zero, which is far less than all of it. */
void message_init(struct message *message, enum message_type type);
void message_set_txid(struct message *message, uint32_t txid);
uint32_t message_txid(const struct message *message); /* of a 4-byte one; else 0 */
