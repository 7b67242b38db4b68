/* A virtual network and clock around the real dht: datagrams and timers are events in the order
 * of (time, sequence), all randomness comes from one seed, and hours pass in seconds.
 *
 * A large network may be run by several threads (net_config.threads): its nodes are divided into
 * shards, of which each has an order of its own. See net_private.h.
 *
 * What happens to a datagram on its way is decided by parts that are stacked: each may delay it,
 * double it or drop it. Nodes come and go by net_stop and net_start, or by themselves with
 * net_churn. A node may also be an actor, who crafts datagrams himself (rogue.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/dht.h"
#include "kadpeer/rng.h"

#define NET_NONE SIZE_MAX

enum net_addresses {
    NET_PUBLIC,      /* a random public address for each node */
    NET_ONE_ADDRESS, /* all on the loopback address, with different ports */
    NET_LAN,         /* private addresses */
};

struct net_config {
    uint64_t seed;
    uint8_t family;
    enum net_addresses addresses;
    uint32_t network_id;
    bool large; /* thousands of nodes: the last events of each are not kept, and its invariants are
                   looked at seldom */
    uint8_t without, paths; /* as in struct dht_config … */
    size_t store_bytes;     /* … too */
    unsigned threads; /* 0: undivided, in one order of all; else what happens is another, and the
                         same for any number */
};

struct net_packet {
    struct rng *rng; /* what parts draw from */
    size_t from, to; /* nodes */
    struct endpoint source, destination;
    size_t bytes;
    uint64_t delay_ms; /* so far */
    uint64_t again_ms; /* it comes once more, so much later; 0: it does not */
};

struct net;
struct churn_model;
struct sample;

struct net *net_new(const struct net_config *config);
void net_free(struct net *net);
struct rng *net_rng(struct net *net);
uint64_t net_now_ms(const struct net *net);
uint64_t net_now_at(const struct net *net, size_t node); /* for guests of a net with threads */
uint64_t net_unix_s(const struct net *net);

/* ---- parts (see net_parts.h) ---- */

/* In a net with threads several may be in `pass` at a time: it changes nothing but the packet. */
struct net_part {
    void *state;
    bool (*pass)(void *state, struct net_packet *packet); /* false: it is dropped */
    void (*prepare)(void *state, size_t nodes); /* so many are there from now on; may be NULL */
    void (*dispose)(void *state);               /* when the net is freed; may be NULL */
    uint64_t min_ms;                            /* by which it delays every datagram at least */
};

void net_add_part(struct net *net, const struct net_part *part);

/* ---- nodes ---- */

struct net_node_options {
    bool read_only;
    bool same_address;        /* as the node before, with another port */
    struct endpoint endpoint; /* family 0: a new one, by net_config.addresses */
};

/* Adds one that is not running yet. Returns its number; they count from 0. */
size_t net_add_node(struct net *net, const struct net_node_options *options); /* NULL: none set */
size_t net_node_count(const struct net *net);
/* Starts it, with the id, the contacts and the records that prove themselves which it had when it
 * was stopped, and asks `bootstrap` (NET_NONE: nobody). */
void net_start(struct net *net, size_t node, size_t bootstrap);
void net_stop(struct net *net, size_t node);   /* without a word to anybody */
void net_forget(struct net *net, size_t node); /* of a stopped one: it comes back as somebody new */
void net_lose_records(struct net *net, size_t node); /* of a stopped one */
/* Adds so many to none and starts them, ten a second, all by node 0. */
void net_grow(struct net *net, size_t nodes);
/* For so long a running one gets nothing, not even the time: its process is stopped, its machine
 * sleeps. Then its clock has jumped, and what came first meanwhile is there all at once. Nothing
 * may be asked of it until then. */
void net_stand_still(struct net *net, size_t node, uint64_t ms);
bool net_stands_still(const struct net *net, size_t node);
bool net_is_up(const struct net *net, size_t node);
struct dht *net_dht(struct net *net, size_t node); /* NULL: not running. See net_touched */
struct dht_stats net_stats(struct net *net, size_t node);
struct endpoint net_endpoint(const struct net *net, size_t node);
struct id net_id(const struct net *net, size_t node);               /* zero before its first run */
void net_set_id(struct net *net, size_t node, const struct id *id); /* of a stopped one */
size_t net_node_at(const struct net *net, const struct endpoint *endpoint); /* or NET_NONE */
size_t net_up(const struct net *net);                                       /* how many run */
/* To be called after any dht_ call on a node. */
void net_touched(struct net *net, size_t node);
/* Each node, but those below `from`, stays up and down for exponential times of these means. A node
 * that returns asks node 0, if that is up, and those it knew; with `strangers` it knows nothing. */
void net_churn(struct net *net, size_t from, uint64_t mean_up_ms, uint64_t mean_down_ms,
               bool strangers);
/* The same by a model of how long nodes stay, entered in its steady state. */
void net_churn_by(struct net *net, size_t from, const struct churn_model *model, bool strangers);
void net_churn_ends(struct net *net);
/* The first `count` nodes are those that who returns asks one of (1). */
void net_set_doors(struct net *net, size_t count);
/* A random running node with a number of at least `from`. */
size_t net_random_up(struct net *net, size_t from);

/* Who has a node instead of a dht. The node does not churn; it counts as not running. */
struct net_actor {
    void *state;
    void (*on_datagram)(void *state, size_t node, const struct endpoint *from, struct bytes data);
    void (*on_time)(void *state, size_t node); /* asked for by net_call_at */
};

/* `actor`, borrowed, has the node from now on; the id that it had stays its own. NULL: nobody. */
void net_act(struct net *net, size_t node, const struct net_actor *actor);
bool net_is_actor(const struct net *net, size_t node);
/* `source` NULL: from its own address. */
void net_send(struct net *net, size_t node, const struct endpoint *source,
              const struct endpoint *to, struct bytes data);

/* Who lives on the nodes beside their dht: told of what that tells, of coming and going, of the
 * times asked for. In `on_turn` it may call the dht; true: it did, so there may be more to tell.
 * In a net with threads there may be several calls at a time, about different nodes. */
struct net_guest {
    void *state;
    void (*on_event)(void *state, size_t node, const struct dht_event *event);
    bool (*on_turn)(void *state, size_t node);
    void (*on_time)(void *state, size_t node);
    void (*on_up)(void *state, size_t node);
    void (*on_down)(void *state, size_t node); /* the dht is still there */
};

void net_set_guest(struct net *net, const struct net_guest *guest);
void net_call_at(struct net *net, size_t node, uint64_t at_ms); /* on_time, if it is up then */

/* ---- time ---- */

void net_run_for(struct net *net, uint64_t ms);
/* Runs until outcome number `outcome` is done; false: not within `ms`. */
bool net_run_until_done(struct net *net, size_t outcome, uint64_t ms);

/* ---- records and lookups, and what came of them ---- */

void net_publish(struct net *net, size_t node, const struct sample *sample); /* it takes it */

struct net_outcome {
    size_t node;
    uint32_t operation;
    bool done;
    bool found;               /* the value asked for was among the values */
    struct bytes expected;    /* borrowed */
    struct dht_event event;   /* the last one; value and nodes are gone */
    struct endpoint endpoint; /* of the value that was expected */
    struct id *nodes;         /* of a find: event.node_count of them */
    uint64_t started_ms, found_ms, ended_ms;
    uint32_t next_open; /* of the same node, plus 1 */
};

/* Start one, and give the number of its outcome. `expected` is borrowed until the net is freed. */
size_t net_get(struct net *net, size_t node, const struct id *key, enum record_kind kind,
               struct bytes expected);
size_t net_find(struct net *net, size_t node, const struct id *target);
const struct net_outcome *net_outcome(const struct net *net, size_t outcome);
void net_forget_outcomes(struct net *net); /* all; their numbers begin anew */

/* ---- figures ---- */

uint64_t net_trace(const struct net *net); /* hash of all that was delivered, and when */
uint64_t net_delivered(const struct net *net);
struct net_traffic {
    uint64_t datagrams, bytes; /* sent by running nodes, arrived or not; payload */
    uint64_t up_ms;            /* time that nodes have run, in sum */
};
struct net_traffic net_traffic(const struct net *net);
size_t net_events_of(const struct net *net, size_t node, enum dht_event_type type); /* so far */
const struct dht_event *net_last_event(const struct net *net, size_t node,
                                       enum dht_event_type type); /* no value, no nodes */
/* The running nodes nearest to `target`, nearest first. Returns how many. */
size_t net_nearest(const struct net *net, const struct id *target, size_t out[], size_t cap);
