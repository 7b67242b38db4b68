/* How much may move in a second, each way, and with how many peers: in all as configured or as
 * `kadpeer limit` said since, whichever was said last; for one transfer as its options say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/item_limits.h"
#include "daemon/schedule.h"
#include "kadpeer/status.h"
#include "swarm/limiter.h"

struct engine;
struct item;
struct timer;

struct engine_limits {
    struct item_limits all, configured; /* together, as was said; as the config says */
    struct item_limits in_force;        /* `all`, or what the schedule says for now */
    struct schedule schedule;
    struct timer *timer; /* for the schedule */
    struct limiter down, up;
    bool local, configured_local; /* they hold for local peers, too */
};

#define LIMIT_SAID_SIZE 24

void engine_limits_start(struct engine *engine);
void engine_limits_dispose(struct engine *engine);
/* Holds at once, and on disk when it returns OK. */
enum status engine_limits_set(struct engine *engine, const struct item_limits *all, bool local);
enum status engine_limits_set_item(struct item *item, const struct item_limits *limits);
enum status engine_limits_set_schedule(struct engine *engine, const struct schedule *schedule);
bool engine_limits_in_force(const struct schedule_entry *entry); /* by the clock on the wall */
/* What was said of that key of the config. False: nothing, the config holds. */
bool engine_limits_said(const struct engine *engine, const char *key, char out[LIMIT_SAID_SIZE]);
/* To the transfer of an item that has begun one. */
void engine_limits_apply(struct item *item);

/* Connections that an item may have; that it may accept another one. */
size_t engine_limits_peers(const struct item *item);
bool engine_limits_accept(const struct item *item);
