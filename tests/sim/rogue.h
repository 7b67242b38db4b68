/* Hostile nodes: actors of a net who craft messages with the real codec, and know each other.
 *
 * All answer pings, so that they stay in tables. Of the other queries:
 *   silent      none is answered
 *   colluding   the answer names the nearest of their own kind; what is put is said to be kept
 *   dead        it names ids next to the target, at addresses where nobody is
 *   slow        they are honest, and three times as far away
 *   forging     like colluding, and each answer comes under a new id next to the target
 *   mirror      it names ids next to the target that fit their addresses, and answers there too:
 *               whoever asks one goes on from liar to liar, nearer than any honest node */
#pragma once

#include "sim/latency.h"
#include "sim/net.h"

enum rogue_kind {
    ROGUE_SILENT,
    ROGUE_COLLUDING,
    ROGUE_DEAD,
    ROGUE_SLOW,
    ROGUE_FORGING,
    ROGUE_MIRROR,
    ROGUE_KINDS,
};

extern const char *const rogue_names[ROGUE_KINDS];

#define ROGUE_SLOWER 3

struct rogues;

/* `latency` may be NULL where nobody is to be slow. Freed before the net is. */
struct rogues *rogues_new(struct net *net, struct latency *latency);
void rogues_free(struct rogues *rogues);

/* A node that runs, and that others know, is one of them from now on. */
void rogues_turn(struct rogues *rogues, size_t node, enum rogue_kind kind);
/* A new one, at an address of its own, with an id that fits it and is as near to `key` as the
 * addresses allow that an attacker finds for it. Returns its node. */
size_t rogues_add_near(struct rogues *rogues, const struct id *key, enum rogue_kind kind);
/* A new one at this address, with any id that fits it. */
size_t rogues_add_at(struct rogues *rogues, const struct endpoint *endpoint, enum rogue_kind kind);

bool rogues_has(const struct rogues *rogues, size_t node);
size_t rogues_count(const struct rogues *rogues);
uint64_t rogues_asked(const struct rogues *rogues); /* queries they were sent, pings aside */

/* `rogue` asks `to` for the nodes near its own id, so that it is noticed. */
void rogues_greet(struct rogues *rogues, size_t rogue, size_t to);

/* `rogue` floods `to`: asks for a token, and when it comes puts as many records as fit, under keys
 * near that node, or all under `key`. */
void rogues_flood(struct rogues *rogues, size_t rogue, size_t to, const struct id *key);
uint64_t rogues_flooded(const struct rogues *rogues); /* records sent */
uint64_t rogues_kept(const struct rogues *rogues);    /* … that were said to be kept */
