/* How much may move in a second, each way, and with how many peers: in all as configured or as
 * `kadpeer limit` said since, whichever was said last; for one transfer as its options say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/item_limits.h"
#include "kadpeer/status.h"
#include "swarm/limiter.h"

struct engine;
struct item;

struct engine_limits {
    struct item_limits all, configured; /* together; as the config says */
    struct limiter down, up;
    bool local, configured_local; /* they hold for local peers, too */
};

#define LIMIT_SAID_SIZE 24

void engine_limits_start(struct engine *engine);
/* Holds at once, and on disk when it returns OK. */
enum status engine_limits_set(struct engine *engine, const struct item_limits *all, bool local);
enum status engine_limits_set_item(struct item *item, const struct item_limits *limits);
/* What was said of that key of the config. False: nothing, the config holds. */
bool engine_limits_said(const struct engine *engine, const char *key, char out[LIMIT_SAID_SIZE]);
/* To the transfer of an item that has begun one. */
void engine_limits_apply(struct item *item);

/* Connections that an item may have; that it may accept another one. */
size_t engine_limits_peers(const struct item *item);
bool engine_limits_accept(const struct item *item);
