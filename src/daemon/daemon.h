/* The running daemon: what its parts share. One loop, one thread; work for the pool goes through
 * io/work. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/config.h"
#include "base/paths.h"
#include "catalog/catalog.h"
#include "daemon/pack.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/rng.h"

struct node;
struct engine;
struct control;
struct events;
struct bootstrap;
struct session;
struct groups;
struct channels;

#define DAEMON_BOUND_MAX       16
#define DAEMON_LOG_LEVELS_SIZE 512

struct daemon {
    uv_loop_t *loop;
    struct paths paths;
    struct config *config;
    struct catalog *catalog;
    struct node *node;
    struct engine *engine;
    struct control *control;
    struct events *events;
    struct bootstrap *bootstrap;
    struct session *session;
    struct groups *groups;
    struct channels *channels;
    struct rng rng;                          /* from the system's randomness */
    uint16_t port;                           /* UDP and TCP, as bound */
    struct endpoint bound[DAEMON_BOUND_MAX]; /* what we listen on; may be unspecified addresses */
    size_t bound_count;
    uint64_t started_ms;
    int64_t started_unix_s;
    char log_levels[DAEMON_LOG_LEVELS_SIZE]; /* as set last */
    bool stopping;
};

/* Monotonic: the loop's time. */
static inline uint64_t daemon_now_ms(const struct daemon *daemon)
{
    return uv_now(daemon->loop);
}

/* What the command line hands over; texts are borrowed for the run. */
struct daemon_options {
    struct paths paths;
    struct config *config; /* taken */
    int port; /* -1: from the config, moving on when taken; 0: the system chooses; else this or fail
               */
    const char *const *bind; /* addresses; none: all of both families */
    size_t bind_count;
    bool json;       /* the ready line as JSON */
    bool background; /* log to the file, not to stderr */
    int ready_fd; /* -1, or where one line of JSON is written once ready or failed, then closed */
};

/* Runs until a signal or `stop`. Returns the exit status of the command line; what failed has been
 * printed in the form of cli-design section 9. */
int daemon_run(struct daemon_options *options);

/* Ends the daemon as a signal would, from the loop: within 5 s; `now`: within 1 s. */
void daemon_stop(struct daemon *daemon, bool now);

/* The address of ours that `to` should see: the one we listen on, where that is one; else NULL. */
const struct endpoint *daemon_dial_from(const struct daemon *daemon, const struct endpoint *to);

/* ---- the `events` stream: docs/control.md ---- */

/* Opens one event's map (seq, time and what are in it already); NULL when nobody listens and none
 * need be kept. */
struct pack *daemon_event(struct daemon *daemon, const char *what);
void daemon_event_end(struct daemon *daemon);
