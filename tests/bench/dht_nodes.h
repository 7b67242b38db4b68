/* The other side of bench_dht: processes of their own, so that what they use is theirs alone. Each
 * is made of the daemon's own parts: struct node over io/udp on a libuv loop. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "kadpeer/endpoint.h"

#define CROWD_NODES 100
#define CROWD_LATER 100 /* further ones, so that tables have as many buckets as in real life */

struct child {
    pid_t pid;
    int control;
    struct endpoint endpoint; /* of its one UDP socket, or of its first node */
};

/* What a child says of itself. */
struct child_report {
    uint64_t contacts, records, record_bytes, limited, queue_dropped, resident_bytes;
    uint64_t allocations; /* so far; 0: they cannot be counted in this build */
};

/* Sends each datagram back: recvfrom and sendto, no more. */
void child_start_echo(struct child *child);
/* One node, joined by `bootstrap`, with `store_bytes` for records. */
void child_start_node(struct child *child, const struct endpoint *bootstrap, uint64_t store_bytes);
/* CROWD_NODES nodes in one process, joined to one network, in which gets are counted; then those
 * that come later. */
struct crowd_figures {
    double queries_per_get, pings_per_get, values_per_get;
};
void child_start_crowd(struct child *child, struct crowd_figures *out);

/* Asks it now. */
struct child_report child_ask(const struct child *child);
double child_cpu_s(const struct child *child);
void child_stop(struct child *child);

/* Makes `count` nodes, each with a socket of its own, in a process of their own. */
struct creation_figures {
    double nodes_per_s, bytes_per_node;
};
struct creation_figures measure_creation(size_t count);
