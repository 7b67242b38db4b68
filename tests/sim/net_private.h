/* The inside of struct net:
 *
 *   net.c            nodes, what goes out of them
 *   net_addresses.c  who has which address
 *   net_churn.c      coming and going
 *   net_crew.c       threads
 *   net_lookups.c    lookups, and what came of them
 *   net_shards.c     the clock, and what comes in
 *
 * Time passes in windows no longer than the least delay of a datagram [conservative, with
 * lookahead: Chandy & Misra 1979; windows: Nicol 1993]: what goes out in one arrives after it, so
 * that within a window nodes know nothing of each other, and shards may be run by any thread in any
 * order. Datagrams for another shard wait in boxes, which that empties in the order of shards when
 * its next window begins. A shard has its own randomness and sequence; their number does not depend
 * on that of threads, and so nothing that happens does. What concerns more than one node, coming
 * and going and the trial's own doing, lies between windows. */
#pragma once

#include "sim/event_wheel.h"
#include "sim/net.h"

#define NET_EVENT_TYPES   (DHT_EVENT_PUBLISHED + 1)
#define NET_PARTS_MAX     8
#define NET_NODES_A_CHUNK 1024
#define NET_HELD_MAX      100 /* datagrams that wait for who stands still: a socket's buffer */
#define NET_SIZES         11  /* classes of datagrams, by 128 bytes with their head */
#define NET_SHARDS        16  /* of a net with threads */

enum event_type { EVENT_DATAGRAM, EVENT_TIMER, EVENT_CHURN, EVENT_CALL };

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
    uint64_t still_ms; /* it stands still up to then */
    struct id id;      /* zero before its first run */
    bool read_only;
    uint8_t saved_count;
    uint8_t held; /* datagrams, while it stands still */
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

/* Datagrams from one shard to another, in the order of sending. */
struct net_box {
    struct event *first, *last;
};

struct net_shard {
    uint64_t now_ms;
    struct event_wheel *wheel;
    struct rng *rng, own_rng;  /* undivided: the net's */
    struct dht_outbox *outbox; /* of its nodes: one at a time is called, and drained */
    struct event *free[NET_SIZES];
    struct net_box boxes[2][NET_SHARDS]; /* filled in this window, and in the last one */
    uint64_t boxed_ms;                   /* what was filled in last is due then or later */
    uint64_t trace, delivered, datagrams, bytes;
    size_t events; /* in its last window */
};

struct net {
    struct net_config config;
    struct rng rng;
    struct net_shard *shards[NET_SHARDS];
    size_t shard_count;
    struct event_wheel *happenings; /* coming and going */
    uint64_t min_ms;                /* delay of any datagram */
    struct net_crew *crew;          /* NULL: none yet */
    bool in_window, odd;            /* window */
    uint64_t window_ms;             /* its last one */
    size_t awaited;                 /* outcome; NET_NONE: none */
    struct net_node **chunks;       /* of NET_NODES_A_CHUNK each: they stay where they are */
    size_t count, chunk_count;
    struct net_listed {
        uint64_t hash; /* of its endpoint, which no two share */
        uint32_t node; /* + 1; 0: none */
    } * by_endpoint;   /* open addressing */
    size_t hash_cap;
    struct net_part parts[NET_PARTS_MAX];
    size_t part_count;
    struct net_outcome *outcomes;
    size_t outcome_count, outcome_cap;
    size_t up;
    uint64_t up_ms, up_since_ms; /* the sum of their times up to then */
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

static inline struct net_shard *net_shard_of(const struct net *net, size_t node)
{
    return net->shards[net->shard_count == 1 ? 0 : node % NET_SHARDS];
}

/* ---- net_shards.c ---- */

void net_shards_new(struct net *net);
void net_shards_free(struct net *net);
void net_carry(struct net *net, const struct net_packet *packet, uint64_t delay_ms,
               struct bytes data);

/* ---- net_crew.c ---- */

struct net_crew;

/* `work` is done by so many threads, this one among them, for each number below `count`. */
struct net_crew *net_crew_new(unsigned threads, void (*work)(void *state, size_t number),
                              void *state, size_t count);
void net_crew_work(struct net_crew *crew); /* once for each */
void net_crew_free(struct net_crew *crew); /* NULL: nothing to do */

/* ---- net_addresses.c ---- */

/* An address nobody has yet, for the node that is added next. */
struct endpoint net_new_address(struct net *net);
void net_list_address(struct net *net, size_t number); /* after its endpoint was set */

/* ---- net_churn.c ---- */

void net_come_or_go(struct net *net, size_t number);

/* ---- net_lookups.c ---- */

void net_take_outcome(struct net *net, size_t number, const struct dht_event *event);
