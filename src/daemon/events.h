/* What happens, for those who wait for it: a bounded memory of events with running numbers, and the
 * `events` calls that follow them. See daemon_event in daemon.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/pack.h"

struct call;
struct events;

struct events *events_new(void);         /* NULL: no memory */
void events_free(struct events *events); /* NULL is allowed */

struct pack *events_begin(struct events *events, const char *what);
void events_end(struct events *events);

/* Sends what is remembered after number `since`, then all that comes; ends with the connection. */
void events_follow(struct events *events, struct call *call, uint64_t since);
uint64_t events_last(const struct events *events); /* number of the last one; 0: none yet */
