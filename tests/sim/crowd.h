/* People and their groups on the nodes of a virtual network: what a group asks for is done by the
 * node's own dht. What it saves is what it gets back when its node was down. */
#pragma once

#include "people/group.h"
#include "sim/net.h"

struct crowd;

struct crowd *crowd_new(struct net *net, uint64_t seed); /* becomes the net's guest */
void crowd_free(struct crowd *crowd);                    /* before the net */

/* Somebody on a node that is up. Returns his number; they count from 0. */
size_t crowd_add(struct crowd *crowd, size_t node, const char *name);
/* Another device of his, with what he has saved. */
size_t crowd_add_device(struct crowd *crowd, size_t person, size_t node);
size_t crowd_node(const struct crowd *crowd, size_t person);
struct group *crowd_group(struct crowd *crowd, size_t person); /* NULL: none, or his node is down */
struct public_key crowd_user(struct crowd *crowd, size_t person);
/* To be called after any group_ call on somebody's group. */
void crowd_touched(struct crowd *crowd, size_t person);

void crowd_create(struct crowd *crowd, size_t person, const struct group_options *options);
void crowd_apply(struct crowd *crowd, size_t person, const struct public_key *key,
                 const uint8_t *token);
/* Applies; the request comes to the owner as over a channel, and he accepts it. No drop is worked
 * for. */
void crowd_join(struct crowd *crowd, size_t owner, size_t person);

size_t crowd_events(const struct crowd *crowd, size_t person, enum group_event_type type);
/* Never below: what HEAD and epoch each has had went back this often, over restarts too. */
size_t crowd_went_back(const struct crowd *crowd);
size_t crowd_lookups(const struct crowd *crowd);
