/* One node, and the test in the place of all others: it writes what they say and reads what the
 * node says to them. */
#pragma once

#include "support/unit.h"

#include "dht/message.h"
#include "dht/params.h"
#include "kadpeer/buffer.h"
#include "kadpeer/dht.h"

struct fixture {
    struct dht *dht;
    uint64_t now_ms;
    struct endpoint to; /* of the latest datagram read */
    uint8_t bytes[DHT_DATAGRAM_MAX];
    size_t len;
    struct message message;
};

/* With the id 10…, at the time of 1,000 ms. */
struct fixture *new_node(const struct dht_config *changes);
void free_node(struct fixture *f);

struct endpoint public_address(uint8_t n);
struct endpoint local_address(uint8_t n);
struct id id_of(uint8_t n);
struct bytes peer_value(struct buffer *buffer); /* lives in the buffer */

/* ---- what others say ---- */

void hear(struct fixture *f, const struct message *message, struct endpoint from);
struct message query_of(enum message_method method, uint8_t sender);
struct message answer_of(const struct fixture *f, uint8_t sender); /* to the query in f->message */
/* Answers the query in f->message from where it went, as `sender` with nothing to say. */
void answer_it(struct fixture *f, uint8_t sender);
/* Makes `n` a contact: by a ping of the node, answered. So is the walk to its own id. */
void add_contact(struct fixture *f, uint8_t n, struct endpoint at);

/* ---- what the node says ---- */

/* The next datagram the node sends, into f->message; false: none. */
bool said(struct fixture *f);
void said_query(struct fixture *f, enum message_method method);
void said_nothing(struct fixture *f);
void drop_output(struct fixture *f);
/* The next event of this type, others dropped; NULL: none. Good until the next call. */
const struct dht_event *next_event(struct fixture *f, enum dht_event_type type);
struct dht_stats stats_of(const struct fixture *f);

void pass(struct fixture *f, uint64_t ms); /* time, with all that falls due in it */
