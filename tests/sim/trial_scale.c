/* Networks of growing size, each in a process of its own: seconds and bytes a node. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/progress.h"
#include "sim/sim_math.h"
#include "sim/trial.h"

#define JOINS_PART      400 /* 2.5 % a second: who is joining needs twice the memory of the others */
#define OPERATIONS_PART 10  /* records and lookups: one for so many nodes, unless it is said */
#define PUBLISH_MS      (2 * WORLD_MINUTE)
#define LOOKUPS_MS      (2 * WORLD_MINUTE)

static const struct column columns[] = {
    {"nodes", 0},          {"wall s", 1},  {"CPU s", 1},       {"join s", 1},      {"ms/node", 2},
    {"datagrams/node", 0}, {"us each", 2}, {"heap B/node", 0}, {"peak B/node", 0}, {"peak MiB", 0},
    {"records", 0},        {"lookups", 0}, {"found %", 2},     {"value ms", 0},    {"hops", 2},
    {"line", 2},           {"of line", 2}, {"trace", -1},      {NULL, 0}};

struct figures {
    double wall_s, cpu_s, join_s, datagrams, heap_per_node, records, lookups, found, value_ms, hops;
    uint64_t trace;
    bool complete;
};

static double cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void publish(struct world *world, size_t records)
{
    uint64_t done_ms = 0;
    for (size_t i = 0; i < records && !progress_stopped(); i++) {
        struct sample sample = sample_peer((uint32_t)i);
        world_publish(world, world_random_node(world), &sample);
        uint64_t due_ms = PUBLISH_MS * (i + 1) / records;
        if (due_ms > done_ms)
            world_run(world, due_ms - done_ms);
        done_ms = due_ms > done_ms ? due_ms : done_ms;
    }
    world_run(world, 20 * WORLD_SECOND);
}

/* As many at a time as come to a millisecond. */
static void look_up(struct world *world, size_t lookups, struct figures *figures)
{
    uint64_t done_ms = 0;
    struct sorted value_ms = {0};
    for (size_t i = 0; i < lookups && world->record_count > 0 && !progress_stopped(); i++) {
        size_t number = rng_below(net_rng(world->net), world->record_count);
        const struct world_record *record = &world->records[number];
        net_get(world->net, world_random_node(world), &record->key, record->kind,
                world_value(world, number));
        uint64_t due_ms = LOOKUPS_MS * (i + 1) / lookups;
        if (due_ms > done_ms)
            world_run(world, due_ms - done_ms);
        done_ms = due_ms > done_ms ? due_ms : done_ms;
    }
    world_run(world, 10 * WORLD_SECOND);
    for (size_t i = 0; i < lookups && world->record_count > 0 && !progress_stopped(); i++) {
        const struct net_outcome *outcome = net_outcome(world->net, i);
        figures->lookups += outcome->done;
        figures->found += outcome->found;
        figures->hops += outcome->done ? outcome->event.hops + 1 : 0; /* the last is to it */
        if (outcome->found)
            sorted_add(&value_ms, (double)(outcome->found_ms - outcome->started_ms));
    }
    sorted_sort(&value_ms);
    figures->value_ms = sorted_at(&value_ms, 0.5);
    free(value_ms.values);
}

static struct figures run_one(const struct trial_settings *settings)
{
    struct figures figures = {0};
    struct world world;
    size_t nodes = settings->world.nodes;
    size_t records = settings->records > 0 ? settings->records : nodes / OPERATIONS_PART;
    size_t lookups = settings->lookups > 0 ? settings->lookups : nodes / OPERATIONS_PART;
    double began_s = cpu_s(), began_wall_s = wall_s();
    uint64_t heap_before = world_heap_bytes();
    world_init(&world, &settings->world);
    progress_expect("scale", (double)(world_growth_ms(&settings->world) / 4 + settings->warm_up_ms +
                                      PUBLISH_MS + LOOKUPS_MS) *
                                 (double)nodes);
    if (world.error == NULL && world_grow(&world) && world_churn(&world, settings->warm_up_ms)) {
        figures.join_s = cpu_s() - began_s;
        figures.heap_per_node =
            (double)(world_heap_bytes() - heap_before) / (double)net_up(world.net);
        publish(&world, records);
        look_up(&world, lookups, &figures);
        figures.complete = !progress_stopped();
    }
    figures.records = (double)world.record_count;
    figures.datagrams = (double)net_delivered(world.net);
    figures.trace = net_trace(world.net);
    figures.cpu_s = cpu_s() - began_s;
    figures.wall_s = wall_s() - began_wall_s;
    progress_end();
    return figures; /* what it holds ends with the process */
}

/* False: the process died, of too little memory perhaps. */
static bool run_apart(const struct trial_settings *settings, struct figures *figures,
                      double *peak_bytes)
{
    int pipe_ends[2];
    struct rusage usage;
    if (pipe(pipe_ends) != 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        *figures = run_one(settings);
        _exit(write(pipe_ends[1], figures, sizeof *figures) == (ssize_t)sizeof *figures ? 0 : 1);
    }
    close(pipe_ends[1]);
    size_t got = 0;
    while (child > 0 && got < sizeof *figures) {
        ssize_t more = read(pipe_ends[0], (char *)figures + got, sizeof *figures - got);
        if (more <= 0 && !(more < 0 && progress_stopped()))
            break;
        got += more > 0 ? (size_t)more : 0;
    }
    close(pipe_ends[0]);
    while (child > 0 && wait4(child, NULL, 0, &usage) < 0)
        ;
    *peak_bytes = child > 0 ? (double)usage.ru_maxrss * 1024 : NAN;
    return got == sizeof *figures;
}

static void add_row(struct table *table, double nodes, const struct figures *figures,
                    double peak_bytes)
{
    char trace[24];
    double line = sim_log2(nodes) / (1.3327 + sim_log2(DHT_K));
    double hops = figures->hops / figures->lookups;
    table_add(table, nodes);
    table_add(table, figures->wall_s);
    table_add(table, figures->cpu_s);
    table_add(table, figures->join_s);
    table_add(table, 1000 * figures->cpu_s / nodes);
    table_add(table, figures->datagrams / nodes);
    table_add(table, 1e6 * figures->cpu_s / figures->datagrams);
    table_add(table, figures->heap_per_node);
    table_add(table, peak_bytes / nodes);
    table_add(table, peak_bytes / (1 << 20));
    table_add(table, figures->records);
    table_add(table, figures->lookups);
    table_add(table, 100 * figures->found / figures->lookups);
    table_add(table, figures->value_ms);
    table_add(table, hops);
    table_add(table, line);
    table_add(table, hops / line);
    snprintf(trace, sizeof trace, "%016llx", (unsigned long long)figures->trace);
    table_add_text(table, trace);
}

static bool run_scale(const struct trial_settings *settings, struct result *result,
                      const char **error)
{
    struct table *table = result_add_table(result, "scale", columns);
    table->text =
        "CPU: of all threads; join: until all have joined; heap: when they have; us each: "
        "of a datagram, with all that it leads to; line: Stutzbach's";
    result->plot = (struct plot){
        .title = "What a node takes", .x_name = "nodes", .y_name = "CPU ms, KiB", .log_x = true};
    plot_add(&result->plot, "CPU ms a node", 0)->dots = true;
    plot_add(&result->plot, "KiB a node", 1)->dots = true;
    struct world check; /* errors in the options come first, and in this process */
    struct world_options options = settings->world;
    options.nodes = 2;
    world_init(&check, &options);
    *error = check.error;
    world_dispose(&check);
    for (size_t i = 0; *error == NULL && i < settings->nodes.count && !progress_stopped(); i++) {
        struct trial_settings one = *settings;
        struct figures figures;
        double peak_bytes, nodes = settings->nodes.values[i];
        one.world.nodes = (size_t)nodes;
        one.world.joins_part = JOINS_PART;
        if (!run_apart(&one, &figures, &peak_bytes)) {
            fprintf(stderr, "simulate: the network of %.0f nodes died\n", nodes);
            break;
        }
        if (!figures.complete)
            break;
        add_row(table, nodes, &figures, peak_bytes);
        series_add(&result->plot.series[0], nodes, 1000 * figures.cpu_s / nodes);
        series_add(&result->plot.series[1], nodes, peak_bytes / 1024 / nodes);
    }
    return *error == NULL;
}

const struct trial trial_scale = {
    .name = "scale",
    .text = "all join, publish and look up, for growing numbers: CPU and memory a node",
    .defaults = {.world = {.loss = 0.01}, .nodes = {{1000, 10000, 100000}, 3}},
    .run = run_scale,
};
