/* What the files of node share. */
#pragma once

#include <uthash.h>

#include "daemon/node.h"
#include "daemon/params.h"
#include "io/timer.h"
#include "io/udp.h"

#define NODE_FAMILIES 2 /* overlay 0 is IPv4, 1 is IPv6 */

struct node_socket {
    struct udp *udp;
    struct endpoint bound;
};

struct overlay {
    struct dht *dht; /* NULL: no socket of this family */
    uint8_t family;
    bool joined;
    struct endpoint external; /* by votes; family 0: not known */
    struct node_socket sockets[NODE_SOCKETS_MAX];
    size_t socket_count;
    size_t saved_contacts; /* taken over from the last run */
    struct id saved_id;    /* as it is in the catalog */
};

/* One question to one overlay: an operation of its dht. */
struct leg {
    uint64_t key; /* overlay << 32 | the dht's operation */
    struct operation *operation;
    UT_hash_handle hh;
};

struct operation {
    uint32_t handle;
    enum dht_event_type type; /* of its last event: GET_DONE, FOUND or PING */
    node_on_event *on_event;
    void *user;
    struct leg legs[NODE_FAMILIES];
    bool open[NODE_FAMILIES];  /* the leg still runs */
    struct dht_event sum;      /* of the legs that have ended */
    struct dht_contact *found; /* FOUND: of both, nearest first; NULL: none yet */
    size_t found_count;
    UT_hash_handle hh;
};

/* Addresses of our interfaces, as the system told them in this turn of the loop: a list of ten
 * thousand transfers has a link for each. */
struct node_interfaces {
    struct endpoint addresses[NODE_INTERFACES_MAX]; /* ports are 0 */
    size_t count;
    bool known;
    uint64_t at_ms;
};

struct node {
    struct node_setup setup;
    struct node_interfaces *interfaces;
    struct overlay overlays[NODE_FAMILIES];
    struct timer *timer;  /* of the dhts' deadlines */
    struct timer *upkeep; /* saving, the wall clock */
    struct operation *operations;
    struct leg *legs;
    uint32_t last_handle;
    uint16_t port;
    bool started, may_join;
    bool touched;          /* the timer is set to fire at once */
    bool tell_clock;       /* who signs with dates is to look at the clock */
    uint64_t unix_base_ms; /* Unix time at uv_now 0, as the dhts have it */
    uint64_t save_ms, save_records_ms;
};

static inline uint64_t node_now_ms(const struct node *node)
{
    return uv_now(node->setup.loop);
}

/* After each call into a dht: the queues are drained from the loop, soon. */
void node_touch(struct node *node);

/* ---- node_operations.c ---- */
/* Events with an operation number. */
void node_operation_event(struct node *node, struct overlay *overlay,
                          const struct dht_event *event);
void node_free_operations(struct node *node);

/* ---- node_saved.c ---- */
struct id node_saved_id(struct node *node, uint8_t family); /* all zero: none */
void node_restore(struct node *node);                       /* contacts and records */
void node_save_contacts(struct node *node);
void node_save_records(struct node *node);

/* ---- node_addresses.c ---- */
struct udp *node_socket_for(const struct overlay *overlay, const struct endpoint *to);
