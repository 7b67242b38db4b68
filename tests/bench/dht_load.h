/* The asking side of bench_dht: one socket that asks from thousands of addresses of 127.0.0.0/8, as
 * many strangers would, so that the limits per source stay as they are. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/endpoint.h"

#define LOAD_SOURCES 4096 /* fewer than a node remembers at a time */

enum load_method { LOAD_ECHO, LOAD_PING, LOAD_FIND, LOAD_GET, LOAD_PUT, LOAD_METHODS };

struct load;

struct load *load_new(void);
void load_free(struct load *load);

/* Another node: tokens of the last one are forgotten, and one for each source is asked for. */
void load_meet(struct load *load, const struct endpoint *node);

/* Peer records number `first` to `end` - 1, under `keys` keys in turn. Every one has to be kept.
 * Returns the longest time without an answer, in seconds. */
double load_fill(struct load *load, const struct endpoint *node, uint64_t first, uint64_t end,
                 uint64_t keys);

/* `count` requests, `window` of them under way at a time. Gets are for any of the first `keys`
 * keys, puts renew what load_fill has put there; with echo, pings are echoed. Returns how many
 * came back as they should. */
uint64_t load_run(struct load *load, const struct endpoint *to, enum load_method method,
                  uint64_t count, unsigned window, uint64_t keys);
