/* The access links of a simulated swarm and the connections over them.
 *
 * Each node has one link to the rest of the world, up and down, of a rate of its own; the middle of
 * the network is never the bottleneck. What a node sends goes out packet by packet: the connections
 * that have something to send take turns, and protocol bytes alone slip in between. A packet is a
 * block with all protocol bytes before it. It leaves at the up rate, travels for the latency, and
 * waits for its turn at the other's down link. A connection has no more than
 * its window under way, as TCP does, so a full down link slows its senders.
 *
 * Blocks have no bytes here, only a length and whether they are right. Time is in microseconds,
 * rates are in bytes per second, all in whole numbers: the same everywhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "sim/event_heap.h"

/* What the links put into the heap; further types are their owner's. */
enum { LINKS_EVENT_SENT, LINKS_EVENT_ARRIVED, LINKS_EVENT_TYPES };

#define LINKS_SYSTEM_BYTES                                                                         \
    (128u << 10) /* that the sender's system takes before its queue grows                          \
                  */

struct packet {
    uint32_t protocol_len, block_len;
    bool is_bad;
};

/* One direction of a connection. */
struct flow {
    size_t number; /* its other direction has number ^ 1 */
    uint32_t generation;
    bool open;
    uint32_t from, to; /* nodes */

    /* The owner's. */
    uint32_t peer; /* what the sender's transfer calls the other end; 0: it has closed */
    bool incoming; /* at the sender */
    size_t told_backlog;
    unsigned untold;
    bool claimed; /* the other end is in use in the sender's peer list */

    /* The rest is the links'. */
    struct packet *packets; /* a ring; the first `sent` of them are under way */
    uint32_t head, count, cap, sent;
    struct buffer protocol; /* the bytes of all packets in the ring */
    size_t protocol_read;
    size_t queued, under_way; /* bytes */
    bool waiting;
    struct flow *next;
};

struct links;

struct links *links_new(struct event_heap *heap, uint64_t latency_us, size_t window_bytes);
void links_free(struct links *links);

/* Nodes count from 0. A rate of 0 has no limit. */
void links_add_node(struct links *links, uint64_t up_bps, uint64_t down_bps);

/* A connection between two nodes: the flow from `a` to `b`. */
struct flow *links_connect(struct links *links, uint32_t a, uint32_t b);
struct flow *links_other(struct links *links, const struct flow *flow);
struct flow *links_flow(struct links *links, size_t number);
/* What is queued or under way in either direction is gone. */
void links_cut(struct links *links, struct flow *flow);

void links_put(struct flow *flow, const void *bytes, size_t len);
void links_put_block(struct flow *flow, uint32_t len, bool is_bad);
/* Takes back the last protocol bytes put; they must not be on their way. */
void links_take_back(struct flow *flow, size_t len);
/* After one or more puts. */
void links_send(struct links *links, struct flow *flow, uint64_t now_us);
/* Bytes that wait where the sender can still see them. */
size_t links_backlog(const struct flow *flow);

/* A LINKS_EVENT_SENT: the flow and the packet that has left; the node sends the next. NULL: the
 * connection is gone. */
struct flow *links_sent(struct links *links, const struct event *event, uint64_t now_us,
                        struct packet *packet);
/* A LINKS_EVENT_ARRIVED: the flow and its packet; `protocol` is borrowed until the next put. NULL:
 * the connection is gone. */
struct flow *links_arrived(struct links *links, const struct event *event, uint64_t now_us,
                           struct packet *packet, const uint8_t **protocol);
