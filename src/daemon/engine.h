/* All transfers of this daemon: loads them from the catalog, finds and dials their peers, moves
 * their bytes between tcp, transfer and disk, publishes what it has. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/pack.h"
#include "kadpeer/dht.h"

struct daemon;
struct engine;
struct tcp; /* io/tcp.h: one accepted connection */

struct engine *engine_new(struct daemon *daemon); /* NULL: no memory */
/* Everything in the catalog starts: shares are checked against their files' size and time,
 * downloads go on. */
enum status engine_start(struct engine *engine);
/* Closes every connection, withdraws availability, writes what is to be kept, then calls `done`
 * from the loop; bounded by `deadline_ms` from now. */
void engine_stop(struct engine *engine, uint64_t deadline_ms, void (*done)(void *user), void *user);
bool engine_is_idle(const struct engine *engine); /* nothing of it is in the pool */
void engine_free(struct engine *engine);

/* Takes ownership of an accepted connection. */
void engine_take_incoming(struct engine *engine, struct tcp *connection);

/* The node joined, or lost everybody: searches are repeated, reasons shown change. */
void engine_on_network(struct engine *engine);

/* The wall clock was set, or the machine has slept. */
void engine_on_clock(struct engine *engine);

/* A round of storing has ended (DHT_EVENT_PUBLISHED): who shares is told how many nodes know it. */
void engine_on_published(struct engine *engine, const struct dht_event *event);

/* Adds `transfers`, `rate_down`, `rate_up`, `connections`, `refused` to an open map. */
void engine_pack_status(struct engine *engine, struct pack *pack);
/* Adds the map `refused`: what peers were refused, by kind. */
void engine_pack_refused(const struct engine *engine, struct pack *pack);
