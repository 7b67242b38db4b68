/* The DHT over UDP: up to two overlays of ours (IPv4, IPv6) on one port, seen as one. Keeps them
 * joined (docs/architecture.md, "Bootstrap"), saves their nodes and records. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "kadpeer/dht.h"

struct daemon;
struct node;

/* An event of node_get: DHT_EVENT_VALUE any number of times, then one DHT_EVENT_GET_DONE with the
 * sums over both overlays. Called from the loop, never from inside node_get. */
typedef void node_on_event(void *user, const struct dht_event *event);

/* 0: no room. */
uint32_t node_get(struct node *node, const struct id *key, enum record_kind kind,
                  node_on_event *on_event, void *user);
void node_cancel(struct node *node, uint32_t handle); /* no further event */

/* On every overlay. See dht_publish, dht_withdraw. */
enum status node_publish(struct node *node, const struct id *key, enum record_kind kind,
                         struct bytes value);
void node_withdraw(struct node *node, const struct id *key, enum record_kind kind,
                   struct bytes last);
/* How many nodes took it in the last round, of the overlay where they are most, and when that was,
 * by the clock of daemon_now_ms; 0: not published, or no round has ended. */
uint32_t node_published(const struct node *node, const struct id *key, enum record_kind kind,
                        uint64_t *at_ms);

/* Nodes nearest to `target` over both overlays: one DHT_EVENT_FOUND. As node_get; 0: no room. */
uint32_t node_find(struct node *node, const struct id *target, node_on_event *on_event, void *user);
/* One DHT_EVENT_PING. 0: no room, or no overlay of that family. */
uint32_t node_ping(struct node *node, const struct endpoint *endpoint, node_on_event *on_event,
                   void *user);

/* Peers' addresses of a link: their nodes usually listen on the same port. */
void node_bootstrap(struct node *node, const struct endpoint *endpoints, size_t count);

/* False: no node is known, saved, configured or listed that could be asked: waiting is in vain. */
bool node_may_join(const struct node *node);
bool node_joined(const struct node *node); /* any overlay has a contact that answered */
size_t node_contact_count(const struct node *node);
/* Is this one of our own addresses (bound or external) with our port? */
bool node_is_self(const struct node *node, const struct endpoint *endpoint);
/* What others can dial: external addresses by votes where known, then the bound ones, or for
 * unspecified ones those of our interfaces. Loopback only where there is nothing else. Returns how
 * many. */
size_t node_own_endpoints(const struct node *node, struct endpoint out[], size_t cap);

/* ---- for the daemon alone ---- */

struct catalog;
struct udp; /* io/udp.h */

struct node_setup {
    uv_loop_t *loop;
    struct catalog *catalog; /* NULL: nothing is kept */
    struct rng *rng;         /* from the system's randomness */
    uint32_t network_id;
    bool limit_local;   /* loopback and private addresses are limited like public ones (tests) */
    size_t store_bytes; /* memory of each overlay for records of others; 0: the usual */
    /* JOINED, ALONE, ADDRESS and PUBLISHED of one family; from the loop. */
    void (*on_event)(void *user, uint8_t family, const struct dht_event *event);
    /* The wall clock was set, or the machine has slept: what is signed with dates may be due. Or
     * one of our entries is past its expiry, for another reason. From the loop. */
    void (*on_clock)(void *user);
    void *user;
};

struct node *node_new(const struct node_setup *setup); /* NULL: no memory */
/* Takes one bound socket; the first of a family makes its overlay. All have one port. */
enum status node_take_socket(struct node *node, struct udp *udp, const struct endpoint *bound);
/* Receives from now on, with what the last run saved. */
enum status node_start(struct node *node);
void node_save(struct node *node); /* contacts, ids, held records */
/* Saves, sends what still waits, closes the sockets. Nothing follows. NULL is allowed. */
void node_free(struct node *node);

size_t node_saved_count(const struct node *node); /* contacts taken over from the last run */
/* False: no overlay of that family. */
bool node_stats(const struct node *node, uint8_t family, struct dht_stats *out);
bool node_family_joined(const struct node *node, uint8_t family);
/* Of both overlays. Returns how many. */
size_t node_contacts(const struct node *node, struct dht_contact out[], size_t cap);
/* Of one overlay; 0: there is none. */
size_t node_buckets(const struct node *node, uint8_t family, struct dht_bucket out[], size_t cap);
/* Datagrams that were lost on our own side, over all sockets. */
uint64_t node_send_failures(const struct node *node);
void node_set_may_join(struct node *node, bool yes); /* what node_may_join says while alone */
