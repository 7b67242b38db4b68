/* The inside of struct net:
 *
 *   net.c            nodes, what comes in and goes out, the clock
 *   net_addresses.c  who has which address
 *   net_churn.c      coming and going
 *   net_lookups.c    lookups, and what came of them */
#pragma once

#include "sim/event_wheel.h"
#include "sim/net.h"

#define NET_EVENT_TYPES   (DHT_EVENT_PUBLISHED + 1)
#define NET_PARTS_MAX     8
#define NET_NODES_A_CHUNK 1024
#define NET_SIZES         11 /* classes of datagrams, by 128 bytes with their head */

struct net_part {
    bool (*pass)(void *state, struct net_packet *packet);
    void *state;
    void (*dispose)(void *state); /* NULL: not ours */
};

struct net_saved_record {
    struct net_saved_record *next;
    struct id key;
    enum record_kind kind;
    uint64_t ends_ms;
    size_t len;
    uint8_t value[];
};

struct net_node {
    struct dht *dht;               /* NULL: down, or an actor's */
    const struct net_actor *actor; /* NULL: none */
    struct event timer, churn;
    struct endpoint endpoint;
    struct id id; /* zero before its first run */
    bool read_only;
    uint8_t saved_count;
    uint32_t inputs;
    uint32_t open;                    /* its last lookup that is not done, plus 1 */
    uint8_t *saved;                   /* compact addresses of contacts */
    struct net_saved_record *records; /* a list */
    uint32_t events[NET_EVENT_TYPES];
    struct dht_event *last; /* NET_EVENT_TYPES; NULL: none kept */
};

/* On its way; a list of free ones for each size. */
struct net_datagram {
    struct event event;
    struct endpoint from;
    uint8_t data[];
};

struct net {
    struct net_config config;
    struct rng rng;
    uint64_t now_ms;
    struct event_wheel *wheel;
    struct net_node **chunks; /* of NET_NODES_A_CHUNK each: they stay where they are */
    size_t count, chunk_count;
    uint32_t *by_endpoint; /* a hash by open addressing: node + 1 */
    size_t hash_cap;
    struct net_part parts[NET_PARTS_MAX];
    size_t part_count;
    struct event *free[NET_SIZES];
    struct net_outcome *outcomes;
    size_t outcome_count, outcome_cap;
    uint64_t trace, delivered;
    struct net_traffic traffic;
    size_t up;
    uint64_t up_since_ms; /* traffic.up_ms is true up to then */
    size_t doors;
    const struct churn_model *churn; /* NULL: exponential, of these means */
    uint64_t mean_up_ms, mean_down_ms;
    bool strangers;
    struct net_guest guest; /* all NULL: none */
};

static inline struct net_node *net_node(const struct net *net, size_t number)
{
    return &net->chunks[number / NET_NODES_A_CHUNK][number % NET_NODES_A_CHUNK];
}

/* ---- net_addresses.c ---- */

/* An address nobody has yet, for the node that is added next. */
struct endpoint net_new_address(struct net *net);
void net_list_address(struct net *net, size_t number); /* after its endpoint was set */

/* ---- net_churn.c ---- */

void net_come_or_go(struct net *net, size_t number);

/* ---- net_lookups.c ---- */

void net_take_outcome(struct net *net, size_t number, const struct dht_event *event);
