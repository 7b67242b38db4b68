#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/bootstrap.h"
#include "daemon/channels.h"
#include "daemon/control.h"
#include "daemon/daemon_private.h"
#include "daemon/engine.h"
#include "daemon/events.h"
#include "daemon/groups.h"
#include "daemon/lock.h"
#include "daemon/node.h"
#include "daemon/params.h"
#include "daemon/session.h"

static const struct control_method *const method_tables[] = {
    methods_daemon, methods_group, methods_limit,    methods_node, methods_schedule,
    methods_search, methods_share, methods_transfer, methods_user, NULL};

/* ---- the process ---- */

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t wanted =
        limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : (rlim_t)DESCRIPTORS_WANTED;
    if (limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* An idle daemon should be small: one heap besides the main one for the pool's threads, freed ends
 * given back early, big blocks always mapped on their own. */
static void tune_memory(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, MALLOC_TRIM_BYTES);
    mallopt(M_MMAP_THRESHOLD, MALLOC_MMAP_BYTES);
}

/* ---- folders, lock, log ---- */

static bool make_folders(struct running *running)
{
    const char *failed = NULL;
    enum status status = paths_create(&running->daemon.paths, &failed);
    if (status == STATUS_OK)
        return true;
    return ready_fail(running, "disk", DAEMON_EXIT_DISK, NULL, "cannot make %s: %s", failed,
                      strerror(errno));
}

static bool take_lock(struct running *running)
{
    struct lock_owner owner;
    const char *path = running->daemon.paths.lock;
    enum status status = lock_take(path, &running->lock_fd, &owner);
    if (status == STATUS_BUSY)
        return ready_already_running(running, owner.pid, owner.started_unix_s);
    if (status != STATUS_OK)
        return ready_fail(running, "disk", DAEMON_EXIT_DISK, NULL, "cannot lock %s: %s", path,
                          strerror(errno));
    return true;
}

/* A log that has grown makes room at a start; one older is kept. */
static void turn_log(const char *path)
{
    char older[PATHS_SIZE + 2];
    struct stat info;
    if (stat(path, &info) != 0 || info.st_size < LOG_TURN_BYTES)
        return;
    snprintf(older, sizeof older, "%s.1", path);
    rename(path, older);
}

static bool open_log(struct running *running)
{
    const struct daemon *daemon = &running->daemon;
    log_set_levels(config_text(daemon->config, "log.level"));
    if (!running->options->background)
        return true;
    turn_log(daemon->paths.log_file);
    if (log_open(daemon->paths.log_file))
        return true;
    return ready_fail(running, "disk", DAEMON_EXIT_DISK, NULL, "cannot write %s: %s",
                      daemon->paths.log_file, strerror(errno));
}

static bool open_catalog(struct running *running)
{
    char error[CATALOG_ERROR_SIZE];
    struct daemon *daemon = &running->daemon;
    enum status status = catalog_open(daemon->paths.database, &daemon->catalog, error);
    if (status == STATUS_OK)
        return true;
    return ready_fail(running, status_name(status), DAEMON_EXIT_DISK, NULL, "%s", error);
}

/* ---- the parts ---- */

static bool fill_random(struct running *running)
{
    uint8_t key[16];
    if (getrandom(key, sizeof key, 0) != sizeof key)
        return ready_fail(running, "internal", DAEMON_EXIT_FAILED, NULL,
                          "the system gives no random numbers: %s", strerror(errno));
    rng_init(&running->daemon.rng, key);
    return true;
}

static bool make_node(struct running *running)
{
    struct daemon *daemon = &running->daemon;
    struct node_setup setup = {
        .loop = daemon->loop,
        .catalog = daemon->catalog,
        .rng = &daemon->rng,
        .network_id = (uint32_t)config_number(daemon->config, "network.id"),
        .limit_local = config_bool(daemon->config, "network.limit_local"),
        .on_event = daemon_on_node_event,
        .on_clock = daemon_on_clock,
        .user = daemon,
    };
    daemon->node = node_new(&setup);
    enum status status = daemon->node != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < running->ports.count && status == STATUS_OK; i++) {
        status = node_take_socket(daemon->node, running->ports.udp[i], &running->ports.bound[i]);
        running->ports.udp[i] = NULL;
    }
    if (status == STATUS_OK)
        status = node_start(daemon->node);
    return status == STATUS_OK ||
           ready_fail(running, status_name(status), DAEMON_EXIT_NETWORK, NULL,
                      "the node does not start: %s", status_text(status));
}

static bool make_parts(struct running *running)
{
    struct daemon *daemon = &running->daemon;
    daemon->bootstrap = bootstrap_new(daemon->loop, daemon->node, daemon->config, &daemon->paths);
    daemon->engine = engine_new(daemon);
    daemon->control = control_new(daemon, method_tables);
    daemon->events = events_new();
    daemon->session = session_new(daemon);
    daemon->groups = groups_new(daemon);
    daemon->channels = channels_new(daemon);
    running->engine_idle = true;
    return (daemon->bootstrap != NULL && daemon->engine != NULL && daemon->control != NULL &&
            daemon->events != NULL && daemon->session != NULL && daemon->groups != NULL &&
            daemon->channels != NULL) ||
           ready_fail(running, "no_memory", DAEMON_EXIT_FAILED, NULL, "out of memory");
}

static bool open_control(struct running *running)
{
    const struct daemon *daemon = &running->daemon;
    enum status status = control_listen(daemon->control, daemon->paths.socket);
    return status == STATUS_OK ||
           ready_fail(running, status_name(status), DAEMON_EXIT_DISK, NULL,
                      "cannot listen at %s: %s", daemon->paths.socket, status_text(status));
}

static bool start_engine(struct running *running)
{
    running->engine_idle = false;
    enum status status = engine_start(running->daemon.engine);
    return status == STATUS_OK || ready_fail(running, status_name(status), DAEMON_EXIT_DISK, NULL,
                                             "cannot load the transfers: %s", status_text(status));
}

/* Who is the first says how others find it. */
static void say_alone(struct running *running)
{
    struct endpoint own;
    char text[ENDPOINT_TEXT_SIZE];
    struct node *node = running->daemon.node;
    if (node_may_join(node) || running->note[0] != 0 || node_own_endpoints(node, &own, 1) == 0)
        return;
    endpoint_format(&own, text);
    snprintf(running->note, sizeof running->note,
             "no other node known yet; others can join with: kadpeer join %s", text);
}

bool start(struct running *running)
{
    raise_descriptor_limit();
    tune_memory();
    mode_t old = umask(077); /* ours alone; what is fetched gets the person's own mask */
    bool good = make_folders(running) && take_lock(running) && open_log(running) &&
                fill_random(running) && open_catalog(running) && listen_on_ports(running) &&
                make_node(running) && make_parts(running) && open_control(running) &&
                start_engine(running);
    umask(old);
    if (!good)
        return false;
    session_start(running->daemon.session);
    bootstrap_start(running->daemon.bootstrap);
    say_alone(running);
    return true;
}

bool start_undo(struct running *running)
{
    struct daemon *daemon = &running->daemon;
    running->engine_idle =
        running->engine_idle && (daemon->engine == NULL || engine_is_idle(daemon->engine));
    control_free(daemon->control); /* calls are cancelled while their owners still live */
    bootstrap_free(daemon->bootstrap);
    if (daemon->engine != NULL && running->engine_idle) {
        session_free(daemon->session); /* tells groups what is not saved */
        daemon->session = NULL;
        groups_free(daemon->groups);
        channels_free(daemon->channels);
        engine_free(daemon->engine);
    }
    node_free(daemon->node);
    ports_close(&running->ports);
    signals_free(running->signals);
    timer_free(running->stop_timer);
    events_free(daemon->events);
    catalog_close(daemon->catalog);
    return daemon->engine == NULL || running->engine_idle;
}
