/* The DHT over UDP: up to two overlays of ours (IPv4, IPv6) on one port, seen as one. Keeps them
 * joined (docs/architecture.md, "Bootstrap"), saves their nodes and records. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
/* What others can dial: external addresses by votes where known, else the bound ones that are not
 * unspecified, else the addresses of our interfaces. Returns how many. */
size_t node_own_endpoints(const struct node *node, struct endpoint out[], size_t cap);
