#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/bootstrap.h"
#include "daemon/control.h"
#include "daemon/daemon_private.h"
#include "daemon/engine.h"
#include "daemon/events.h"
#include "daemon/groups.h"
#include "daemon/node.h"
#include "daemon/params.h"
#include "daemon/session.h"

struct pack *daemon_event(struct daemon *daemon, const char *what)
{
    return events_begin(daemon->events, what);
}

void daemon_event_end(struct daemon *daemon)
{
    events_end(daemon->events);
}

static void simple_event(struct daemon *daemon, const char *what)
{
    daemon_event(daemon, what);
    daemon_event_end(daemon);
}

/* ---- what the node tells ---- */

static void on_joined(struct daemon *daemon, uint8_t family)
{
    log_info("node", "joined over IPv%d, %zu nodes known", family,
             node_contact_count(daemon->node));
    struct pack *event = daemon_event(daemon, "joined");
    pack_u64(event, "family", family);
    pack_u64(event, "nodes", node_contact_count(daemon->node));
    daemon_event_end(daemon);
    bootstrap_rest(daemon->bootstrap);
    engine_on_network(daemon->engine);
    groups_on_network(daemon->groups);
}

static void on_alone(struct daemon *daemon, uint8_t family)
{
    log_info("node", "no other node is left over IPv%d", family);
    struct pack *event = daemon_event(daemon, "alone");
    pack_u64(event, "family", family);
    daemon_event_end(daemon);
    if (!node_joined(daemon->node))
        bootstrap_start(daemon->bootstrap);
    engine_on_network(daemon->engine);
}

static void on_address(struct daemon *daemon, uint8_t family, const struct endpoint *address)
{
    char text[ENDPOINT_TEXT_SIZE];
    endpoint_format(address, text);
    log_info("node", "others see us as %s", text);
    struct pack *event = daemon_event(daemon, "address");
    pack_u64(event, "family", family);
    pack_endpoint(event, "address", address);
    daemon_event_end(daemon);
}

static void on_published(struct daemon *daemon, const struct dht_event *published)
{
    char key[ID_HEX_SIZE];
    id_to_hex(&published->id, key);
    log_debug("node",
              "published %s kind %d: %u nodes store it (ours too where it is near), %u asked", key,
              published->kind, published->values, published->asked);
    struct pack *event = daemon_event(daemon, "published");
    pack_id(event, "key", &published->id);
    pack_u64(event, "kind", published->kind);
    pack_u64(event, "stored", published->values);
    pack_u64(event, "asked", published->asked);
    daemon_event_end(daemon);
    engine_on_published(daemon->engine, published);
    groups_on_published(daemon->groups, published);
}

void daemon_on_node_event(void *user, uint8_t family, const struct dht_event *event)
{
    struct daemon *daemon = user;
    if (event->type == DHT_EVENT_JOINED)
        on_joined(daemon, family);
    else if (event->type == DHT_EVENT_ALONE)
        on_alone(daemon, family);
    else if (event->type == DHT_EVENT_ADDRESS)
        on_address(daemon, family, &event->endpoint);
    else if (event->type == DHT_EVENT_PUBLISHED)
        on_published(daemon, event);
}

void daemon_on_clock(void *user)
{
    struct daemon *daemon = user;
    engine_on_clock(daemon->engine);
    session_on_clock(daemon->session);
    groups_on_clock(daemon->groups);
}

void daemon_on_incoming(void *user, struct tcp *connection)
{
    struct daemon *daemon = user;
    if (daemon->stopping || daemon->engine == NULL)
        tcp_close(connection); /* NULL is allowed */
    else
        engine_take_incoming(daemon->engine, connection);
}

const struct endpoint *daemon_dial_from(const struct daemon *daemon, const struct endpoint *to)
{
    static const uint8_t unspecified[16];
    const struct endpoint *found = NULL;
    for (size_t i = 0; i < daemon->bound_count; i++) {
        const struct endpoint *bound = &daemon->bound[i];
        if (bound->family != to->family ||
            endpoint_is_loopback(bound) != endpoint_is_loopback(to) ||
            memcmp(bound->addr, unspecified, 16) == 0)
            continue;
        if (found != NULL)
            return NULL;
        found = bound;
    }
    return found;
}

/* ---- the end ----
 *
 * The engine says good-bye to peers and writes what it has to; then, or when its time is over, the
 * rest is saved and freed, and the loop runs dry. Whoever still waits for the pool or the system's
 * resolver then is left behind: the process ends without it. */

static void on_engine_stopped(void *user)
{
    struct running *running = user;
    if (running->stop_step != STOP_ENGINE)
        return;
    running->stop_step = STOP_REST;
    timer_set(running->stop_timer, daemon_now_ms(&running->daemon)); /* not from inside engine */
}

static void leave_loop(struct running *running)
{
    running->stop_step = STOP_DONE;
    uv_stop(&running->loop);
}

static void on_stop_timer(void *user)
{
    struct running *running = user;
    uint64_t now_ms = daemon_now_ms(&running->daemon);
    bool busy = !engine_is_idle(running->daemon.engine); /* again: a save may have begun since */
    if (running->stop_step == STOP_REST && busy && now_ms < running->stop_by_ms) {
        timer_set(running->stop_timer, now_ms + STOP_AGAIN_MS);
        return;
    }
    if (running->stop_step == STOP_ENGINE)
        log_warn("daemon", "transfers took too long to stop");
    else
        running->engine_idle = !busy;
    leave_loop(running);
}

void daemon_stop(struct daemon *daemon, bool now)
{
    struct running *running = running_of(daemon);
    uint64_t now_ms = daemon_now_ms(daemon);
    uint64_t engine_ms = now ? STOP_NOW_ENGINE_MS : STOP_ENGINE_MS;
    if (daemon->stopping) {
        if (now && running->stop_step == STOP_ENGINE)
            timer_set(running->stop_timer, now_ms + STOP_NOW_ENGINE_MS);
        return;
    }
    daemon->stopping = true;
    running->stop_step = STOP_ENGINE;
    log_info("daemon", "stopping");
    simple_event(daemon, "stopping");
    ports_close_listeners(&running->ports);
    running->stop_by_ms = now_ms + engine_ms + STOP_GRACE_MS;
    timer_set(running->stop_timer, running->stop_by_ms);
    session_stop(daemon->session);
    engine_stop(daemon->engine, engine_ms, on_engine_stopped, running);
}

static void on_signal(void *user, int number)
{
    struct running *running = user;
    if (number == SIGHUP)
        return;
    if (running->daemon.stopping) { /* a second one */
        leave_loop(running);
        return;
    }
    daemon_stop(&running->daemon, false);
}

/* ---- running ---- */

static bool watch(struct running *running)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    signal(SIGPIPE, SIG_IGN);
    running->stop_timer = timer_new(&running->loop, on_stop_timer, running);
    running->signals = signals_new(&running->loop, numbers, 3, on_signal, running);
    return (running->stop_timer != NULL && running->signals != NULL) ||
           ready_fail(running, "no_memory", DAEMON_EXIT_FAILED, NULL, "out of memory");
}

static void run_until_stopped(struct running *running)
{
    ready_say(running);
    struct pack *event = daemon_event(&running->daemon, "ready");
    pack_u64(event, "port", running->daemon.port);
    daemon_event_end(&running->daemon);
    malloc_trim(0); /* what starting took and running does not need */
    while (running->stop_step != STOP_DONE)
        uv_run(&running->loop, UV_RUN_DEFAULT);
}

static void on_last_timer(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Lets handles close, but not for longer than it takes. True: nothing is left. */
static bool run_dry(struct running *running)
{
    uv_timer_t last;
    uv_timer_init(&running->loop, &last);
    uv_timer_start(&last, on_last_timer, STOP_DRY_MS, 0);
    uv_unref((uv_handle_t *)&last);
    uv_run(&running->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&last, NULL);
    uv_run(&running->loop, UV_RUN_NOWAIT);
    return uv_loop_close(&running->loop) == 0;
}

static bool set_up(struct running *running, struct daemon_options *options)
{
    running->options = options;
    running->lock_fd = -1;
    running->daemon.paths = options->paths;
    running->daemon.config = options->config;
    running->daemon.loop = &running->loop;
    running->daemon.started_unix_s = time(NULL);
    snprintf(running->daemon.log_levels, sizeof running->daemon.log_levels, "%s",
             config_text(options->config, "log.level"));
    if (uv_loop_init(&running->loop) != 0)
        return false;
    running->daemon.started_ms = uv_now(&running->loop);
    return true;
}

/* A thread of the pool may be busy still: exit() would wait for it. */
static void leave_at_once(const struct running *running)
{
    fflush(NULL);
    _exit(running->exit_status);
}

static int finish(struct running *running)
{
    bool in_order = start_undo(running);
    bool dry = in_order && run_dry(running);
    if (running->lock_fd >= 0)
        close(running->lock_fd);
    if (!dry)
        leave_at_once(running);
    config_free(running->daemon.config);
    int exit_status = running->exit_status;
    free(running);
    return exit_status;
}

int daemon_run(struct daemon_options *options)
{
    struct running *running = calloc(1, sizeof *running);
    if (running == NULL || !set_up(running, options)) {
        free(running);
        fprintf(stderr, "kadpeer: out of memory\n");
        return DAEMON_EXIT_FAILED;
    }
    if (watch(running) && start(running))
        run_until_stopped(running);
    return finish(running);
}
