#include "dht_nodes.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "daemon/node.h"
#include "io/udp.h"
#include "kadpeer/records.h"
#include "loopback.h"

#define CROWD_KEYS 20
#define CROWD_GETS 300

/* ---- allocations, counted in front of the C library's ---- */

static uint64_t allocations;

#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *data, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *data, size_t size)
{
    allocations++;
    return __libc_realloc(data, size);
}
#endif

/* ---- any child ---- */

struct stage {
    uv_loop_t loop;
    struct rng rng;
    int control;
    uv_poll_t poll; /* of the control socket */
    struct node *nodes[CROWD_NODES + CROWD_LATER];
    size_t count;
    unsigned joined, published, done; /* events so far */
    uint64_t values;
};

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    need(file != NULL && fscanf(file, "%lu %lu", &pages, &resident) == 2, "statm");
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void send_all(int fd, const void *data, size_t len)
{
    need(write(fd, data, len) == (ssize_t)len, "write");
}

static void receive_all(int fd, void *data, size_t len)
{
    size_t have = 0;
    while (have < len) {
        ssize_t n = read(fd, (char *)data + have, len - have);
        need(n > 0, "a child");
        have += (size_t)n;
    }
}

/* In the child it returns 0 and writes to `*control`; the child ends with its parent. */
static pid_t start_child(struct child *child, int *control)
{
    int pair[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    fflush(stdout);
    child->pid = fork();
    need(child->pid >= 0, "fork");
    if (child->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair[0]);
        *control = pair[1];
        return 0;
    }
    close(pair[1]);
    child->control = pair[0];
    return child->pid;
}

struct child_report child_ask(const struct child *child)
{
    struct child_report report;
    send_all(child->control, "?", 1);
    receive_all(child->control, &report, sizeof report);
    return report;
}

double child_cpu_s(const struct child *child)
{
    clockid_t clock;
    struct timespec used;
    need(clock_getcpuclockid(child->pid, &clock) == 0 && clock_gettime(clock, &used) == 0,
         "a child's processor time");
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

void child_stop(struct child *child)
{
    kill(child->pid, SIGTERM); /* a profiler still writes what it has */
    need(waitpid(child->pid, NULL, 0) == child->pid, "waitpid");
    close(child->control);
}

/* ---- the bare echo ---- */

static void echo(int fd)
{
    uint8_t data[2048];
    for (;;) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from, &size);
        if (n >= 0)
            sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, size);
    }
}

void child_start_echo(struct child *child)
{
    int control;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    need(fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &size) == 0,
         "a socket");
    if (start_child(child, &control) == 0)
        echo(fd);
    close(fd);
    child->endpoint = (struct endpoint){
        .addr = {127, 0, 0, 1}, .port = ntohs(at.sin_port), .family = ENDPOINT_IPV4};
}

/* ---- nodes ---- */

static void on_node_event(void *user, uint8_t family, const struct dht_event *event)
{
    struct stage *stage = user;
    (void)family;
    stage->joined += event->type == DHT_EVENT_JOINED;
    stage->published += event->type == DHT_EVENT_PUBLISHED;
    uv_stop(&stage->loop);
}

static void report(uv_poll_t *poll, int status, int events)
{
    struct stage *stage = poll->data;
    struct dht_stats stats;
    char question;
    (void)status, (void)events;
    if (read(stage->control, &question, 1) != 1)
        exit(0);
    need(node_stats(stage->nodes[0], ENDPOINT_IPV4, &stats), "stats");
    struct child_report out = {.contacts = stats.answering,
                               .records = stats.stored_records,
                               .record_bytes = stats.stored_bytes,
                               .limited = stats.limited,
                               .queue_dropped =
                                   stats.queue_dropped + node_send_failures(stage->nodes[0]),
                               .allocations = allocations};
    out.resident_bytes = resident_bytes(); /* which allocates */
    send_all(stage->control, &out, sizeof out);
}

static void stage_init(struct stage *stage, uint64_t seed)
{
    *stage = (struct stage){.control = -1};
    need(uv_loop_init(&stage->loop) == 0, "loop");
    rng_init_seed(&stage->rng, seed);
}

static struct endpoint add_node(struct stage *stage, uint64_t store_bytes)
{
    struct node_setup setup = {.loop = &stage->loop,
                               .rng = &stage->rng,
                               .store_bytes = store_bytes,
                               .on_event = on_node_event,
                               .user = stage};
    struct endpoint at = {.addr = {127, 0, 0, 1}, .family = ENDPOINT_IPV4};
    struct endpoint bound = {.family = ENDPOINT_NONE};
    struct udp *udp = NULL;
    struct node *node = node_new(&setup);
    need(node != NULL && udp_open(&stage->loop, &at, &udp, &bound) == STATUS_OK &&
             node_take_socket(node, udp, &bound) == STATUS_OK && node_start(node) == STATUS_OK,
         "a node");
    stage->nodes[stage->count++] = node;
    return bound;
}

/* Answers child_ask from now on, until it is killed. */
static void serve(struct stage *stage, int control)
{
    stage->control = control;
    stage->poll.data = stage;
    uv_poll_init(&stage->loop, &stage->poll, control);
    uv_poll_start(&stage->poll, UV_READABLE, report);
    for (;;)
        uv_run(&stage->loop, UV_RUN_DEFAULT);
}

void child_start_node(struct child *child, const struct endpoint *bootstrap, uint64_t store_bytes)
{
    int control;
    if (start_child(child, &control) == 0) {
        struct stage *stage = malloc(sizeof *stage);
        need(stage != NULL, "malloc");
        stage_init(stage, 1);
        struct endpoint bound = add_node(stage, store_bytes);
        node_bootstrap(stage->nodes[0], bootstrap, 1);
        send_all(control, &bound, sizeof bound);
        serve(stage, control);
    }
    receive_all(child->control, &child->endpoint, sizeof child->endpoint);
}

/* ---- a small network ---- */

static void run_until(struct stage *stage, const unsigned *counter, unsigned least)
{
    while (*counter < least)
        uv_run(&stage->loop, UV_RUN_DEFAULT);
}

struct asked {
    uint64_t queries, pings; /* finds and gets; pings are the table's own */
};

static struct asked count_asked(const struct stage *stage)
{
    struct asked sum = {0};
    for (size_t i = 0; i < stage->count; i++) {
        struct dht_stats stats;
        need(node_stats(stage->nodes[i], ENDPOINT_IPV4, &stats), "stats");
        sum.pings += stats.queries_out[0];
        sum.queries += stats.queries_out[1] + stats.queries_out[2];
    }
    return sum;
}

static void stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Until nobody has asked anything for a second: refreshing follows joining. */
static void settle(struct stage *stage)
{
    uv_timer_t timer;
    uv_timer_init(&stage->loop, &timer);
    struct asked before, now = count_asked(stage);
    do {
        before = now;
        uv_timer_start(&timer, stop_loop, 1000, 0);
        while (uv_is_active((uv_handle_t *)&timer))
            uv_run(&stage->loop, UV_RUN_DEFAULT);
        now = count_asked(stage);
    } while (now.queries + now.pings > before.queries + before.pings);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&stage->loop, UV_RUN_NOWAIT);
}

static void on_value(void *user, const struct dht_event *event)
{
    struct stage *stage = user;
    stage->values += event->type == DHT_EVENT_VALUE;
    stage->done += event->type == DHT_EVENT_GET_DONE;
    uv_stop(&stage->loop);
}

/* Each get by a node of its own turn, for a key that another has published. */
static struct crowd_figures measure_gets(struct stage *stage)
{
    struct id keys[CROWD_KEYS];
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(&(struct peer_record){.tcp_port = 6881, .seed = true}, &value);
    for (size_t i = 0; i < CROWD_KEYS; i++) {
        rng_fill(&stage->rng, keys[i].bytes, sizeof keys[i].bytes);
        need(node_publish(stage->nodes[i], &keys[i], KIND_PEER, buffer_bytes(&value)) == STATUS_OK,
             "publish");
        run_until(stage, &stage->published, (unsigned)i + 1);
    }
    buffer_dispose(&value);
    settle(stage);
    struct asked before = count_asked(stage);
    for (unsigned i = 0; i < CROWD_GETS; i++) {
        size_t asker = CROWD_KEYS + i % (CROWD_NODES - CROWD_KEYS);
        need(node_get(stage->nodes[asker], &keys[i % CROWD_KEYS], KIND_PEER, on_value, stage) != 0,
             "get");
        run_until(stage, &stage->done, i + 1);
    }
    struct asked after = count_asked(stage);
    return (struct crowd_figures){(double)(after.queries - before.queries) / CROWD_GETS,
                                  (double)(after.pings - before.pings) / CROWD_GETS,
                                  (double)stage->values / CROWD_GETS};
}

static void add_joined(struct stage *stage, const struct endpoint *first, unsigned count)
{
    while (stage->count < count) {
        add_node(stage, 0);
        node_bootstrap(stage->nodes[stage->count - 1], first, 1);
        run_until(stage, &stage->joined, (unsigned)stage->count); /* the first by the second */
    }
    settle(stage);
}

void child_start_crowd(struct child *child, struct crowd_figures *out)
{
    int control;
    if (start_child(child, &control) == 0) {
        struct stage *stage = malloc(sizeof *stage);
        need(stage != NULL, "malloc");
        stage_init(stage, 2);
        struct endpoint first = add_node(stage, 0);
        add_joined(stage, &first, CROWD_NODES);
        struct crowd_figures figures = measure_gets(stage);
        add_joined(stage, &first, CROWD_NODES + CROWD_LATER);
        send_all(control, &first, sizeof first);
        send_all(control, &figures, sizeof figures);
        serve(stage, control);
    }
    receive_all(child->control, &child->endpoint, sizeof child->endpoint);
    receive_all(child->control, out, sizeof *out);
}

/* ---- creation ---- */

static struct creation_figures create(size_t count)
{
    struct stage stage;
    stage_init(&stage, 3);
    uint64_t before = resident_bytes();
    double start = now_s();
    for (size_t i = 0; i < count; i++) {
        add_node(&stage, 0);
        stage.count = 0; /* they are not needed any more */
    }
    double seconds = now_s() - start;
    return (struct creation_figures){(double)count / seconds,
                                     (double)(resident_bytes() - before) / (double)count};
}

struct creation_figures measure_creation(size_t count)
{
    struct child child;
    struct creation_figures figures;
    int control;
    if (start_child(&child, &control) == 0) {
        figures = create(count);
        send_all(control, &figures, sizeof figures);
        exit(0);
    }
    receive_all(child.control, &figures, sizeof figures);
    child_stop(&child);
    return figures;
}
