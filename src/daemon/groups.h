/* The groups of the user who is logged in: drives each `struct group` (people/group.h) with the
 * node, the pool, the keystore and the clock, and tells the engine and the channels what follows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/pack.h"
#include "people/group.h"

struct call;
struct daemon;
struct dht_event;
struct groups;
struct item;

struct membership {
    struct membership *prev, *next; /* utlist */
    struct groups *groups;
    struct group *group;
    /* The rest is groups.c's own. */
    struct membership_private *own;
};

struct groups *groups_new(struct daemon *daemon); /* NULL: no memory */
void groups_free(struct groups *groups);          /* NULL is allowed */

/* The session has opened a keystore, or is about to close it. */
void groups_on_login(struct groups *groups);
void groups_on_logout(struct groups *groups);
void groups_on_network(struct groups *groups); /* there are nodes to ask now */
/* The wall clock was set, or the machine has slept. */
void groups_on_clock(struct groups *groups);
/* DHT_EVENT_PUBLISHED of the node. */
void groups_on_published(struct groups *groups, const struct dht_event *event);

/* NULL: none of ours, or nobody is logged in. */
struct membership *groups_find(const struct groups *groups, const struct public_key *key);
struct membership *groups_first(const struct groups *groups); /* then ->next */
/* To be called after anything that went into membership->group: does what it wants done. From
 * inside of itself too: then the outer one goes on with it. */
void membership_drain(struct membership *membership);

/* By what a person types (docs/control.md): name, name#hex, hex. NULL: the call has been failed. */
struct membership *groups_target(struct groups *groups, struct call *call, const char *text);

/* Does `text` name who or what has that name and key? */
bool groups_text_fits(const char *text, const char *name, const struct public_key *key);
/* The same, and we are a member or its owner (else error not_a_member). */
struct membership *groups_member(struct groups *groups, struct call *call, const char *text);

/* `group` map of docs/control.md, into an open map or array; key NULL in an array. */
void membership_pack(const struct membership *membership, struct pack *pack, const char *key);
