/* What the files of the daemon itself share: daemon.c runs it, start.c brings it up, ready.c says
 * how that went. */
#pragma once

#include "daemon/daemon.h"
#include "daemon/ports.h"
#include "io/signals.h"
#include "io/timer.h"

#define NOTE_SIZE 320 /* bytes of what is said beside "ready" */

/* Statuses of the command line: cli-design section 5. */
enum daemon_exit {
    DAEMON_EXIT_DONE = 0,
    DAEMON_EXIT_FAILED = 1,
    DAEMON_EXIT_USAGE = 2,
    DAEMON_EXIT_NOT_STARTED = 5,
    DAEMON_EXIT_NETWORK = 6,
    DAEMON_EXIT_DISK = 9,
};

enum stop_step { STOP_NOT, STOP_ENGINE, STOP_REST, STOP_DONE };

struct running {
    struct daemon daemon; /* first: a struct daemon * is one of these */
    struct daemon_options *options;
    uv_loop_t loop;
    int lock_fd; /* -1: not held */
    struct ports ports;
    struct signals *signals;
    struct timer *stop_timer;
    enum stop_step stop_step;
    uint64_t stop_by_ms; /* what is still in the pool then is left behind */
    bool engine_idle;    /* nothing of it is under way: it can be freed */
    int exit_status;
    char note[NOTE_SIZE]; /* said beside "ready"; empty: nothing */
};

static inline struct running *running_of(struct daemon *daemon)
{
    return (struct running *)daemon;
}

/* ---- start.c ---- */
/* Everything up to the sockets. False: it failed and that was said; exit_status is set. */
bool start(struct running *running);
/* Saves, and gives back what start() made, in whatever state; the loop has still to run. False:
 * everything is saved, but the engine is not idle, and so nothing may be freed. */
bool start_undo(struct running *running);

/* ---- ready.c ---- */
/* Says on stdout, and to the one who waits on ready_fd, that we are there. */
void ready_say(struct running *running);
/* The other outcome: "kadpeer: …" on stderr, or JSON. Sets exit_status; returns false. */
bool ready_fail(struct running *running, const char *code, enum daemon_exit exit, const char *hint,
                const char *message, ...) __attribute__((format(printf, 5, 6)));
/* Another daemon of this profile runs: no failure for who starts one by hand. */
bool ready_already_running(struct running *running, int pid, int64_t started_unix_s);

/* ---- listen.c ---- */
/* The port of the configuration, or near it: cli-design section 4. As start(). */
bool listen_on_ports(struct running *running);

/* ---- daemon.c ---- */
void daemon_on_node_event(void *user, uint8_t family, const struct dht_event *event);
void daemon_on_clock(void *user);
void daemon_on_incoming(void *user, struct tcp *connection);
