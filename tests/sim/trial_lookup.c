/* Lookups of records and of nodes in a network that comes and goes: how long they take, how many
 * hops, whether the nearest nodes are found; how long publishing takes; what a quiet node sends. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "sim/progress.h"
#include "sim/trial.h"

#define QUIET_MS       (10 * WORLD_MINUTE)
#define PUBLISH_MS     (2 * WORLD_MINUTE)
#define LOOKUPS_MS     (5 * WORLD_MINUTE)
#define ENDING_MS      (20 * WORLD_SECOND)
#define FINDS_PART     4 /* one lookup of nodes for so many of records */
#define CURVE_POINTS   200
#define STUTZBACH_BITS 1.3327 /* gained a hop, beside log2 k */

static const struct column network_columns[] = {
    {"nodes", 0},     {"up", 0},     {"contacts", 1},  {"stale %", 1},     {"upkeep B/s", 0},
    {"publish s", 2}, {"95 %", 2},   {"stored at", 1}, {"heap B/node", 0}, {"CPU s", 1},
    {"datagrams", 0}, {"trace", -1}, {NULL, 0}};
static const struct column lookup_columns[] = {
    {"nodes", 0}, {"lookups", 0},   {"found %", 2},       {"value ms", 0},  {"90 %", 0},
    {"99 %", 0},  {"end ms", 0},    {"end 99 %", 0},      {"asked", 1},     {"answered", 1},
    {"hops", 2},  {"hops most", 0}, {"log2 N / bits", 2}, {"nearest %", 2}, {NULL, 0}};

struct run {
    const struct trial_settings *settings;
    struct world world;
    struct table *network, *lookups;
    struct sorted value_ms, end_ms, hops, asked, answered, nearest;
    size_t found, done;
    clock_t began;
};

/* ---- publishing ---- */

static void publish(struct run *run)
{
    struct world *world = &run->world;
    uint64_t every_ms = PUBLISH_MS / (run->settings->records + 1) + 1;
    for (uint32_t i = 0; i < run->settings->records && !progress_stopped(); i++) {
        struct sample sample = sample_peer(i);
        world_publish(world, world_random_node(world), &sample);
        world_run(world, every_ms);
    }
    world_run(world, ENDING_MS);
}

static void add_publishing(struct run *run)
{
    struct sorted seconds = {0}, nodes = {0};
    for (size_t i = 0; i < run->world.record_count; i++) {
        const struct world_record *record = &run->world.records[i];
        if (record->stored_ms == 0)
            continue;
        sorted_add(&seconds, (double)(record->stored_ms - record->published_ms) / 1000);
        sorted_add(&nodes, record->stored_at);
    }
    sorted_sort(&seconds);
    table_add(run->network, sorted_at(&seconds, 0.5));
    table_add(run->network, sorted_at(&seconds, 0.95));
    table_add(run->network, sorted_mean(&nodes));
    free(seconds.values);
    free(nodes.values);
}

/* ---- lookups ---- */

static void take(struct run *run, size_t number, bool is_get)
{
    const struct net_outcome *outcome = net_outcome(run->world.net, number);
    if (!outcome->done)
        return; /* its node went down */
    if (!is_get) {
        sorted_add(&run->nearest, 100 * world_nearest_share(&run->world, outcome));
        return;
    }
    run->done++;
    run->found += outcome->found;
    if (outcome->found)
        sorted_add(&run->value_ms, (double)(outcome->found_ms - outcome->started_ms));
    sorted_add(&run->end_ms, (double)(outcome->ended_ms - outcome->started_ms));
    sorted_add(&run->hops, outcome->event.hops);
    sorted_add(&run->asked, outcome->event.asked);
    sorted_add(&run->answered, outcome->event.answered);
}

static size_t start(struct run *run, bool is_get)
{
    struct world *world = &run->world;
    if (is_get) {
        size_t record = rng_below(net_rng(world->net), world->record_count);
        size_t asker;
        do
            asker = world_random_node(world);
        while (asker == world->records[record].publisher);
        return net_get(world->net, asker, &world->records[record].key, world->records[record].kind,
                       world_value(world, record));
    }
    struct id target;
    rng_fill(net_rng(world->net), target.bytes, sizeof target.bytes);
    return net_find(world->net, world_random_node(world), &target);
}

/* What has ended is looked at soon: who is nearest changes. */
static void look_up(struct run *run)
{
    uint64_t every_ms = LOOKUPS_MS / (run->settings->lookups + 1) + 1;
    size_t taken = 0, started = 0, lookups = run->settings->lookups;
    uint64_t batch_ms = ENDING_MS / 4;
    while (started < lookups && !progress_stopped()) {
        for (uint64_t ms = 0; ms < batch_ms && started < lookups; ms += every_ms) {
            start(run, started % (FINDS_PART + 1) != 0);
            started++;
            world_run(&run->world, every_ms);
        }
        world_run(&run->world, ENDING_MS);
        for (; taken < started; taken++)
            take(run, taken, taken % (FINDS_PART + 1) != 0);
    }
    net_forget_outcomes(run->world.net);
}

static double line_of(double nodes)
{
    return log2(nodes) / (STUTZBACH_BITS + log2(DHT_K));
}

static void add_lookups(struct run *run)
{
    struct sorted *all[] = {&run->value_ms, &run->end_ms,   &run->hops,
                            &run->asked,    &run->answered, &run->nearest};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        sorted_sort(all[i]);
    struct table *table = run->lookups;
    table_add(table, (double)run->settings->world.nodes);
    table_add(table, (double)run->done);
    table_add(table, run->done > 0 ? 100.0 * (double)run->found / (double)run->done : NAN);
    table_add(table, sorted_at(&run->value_ms, 0.5));
    table_add(table, sorted_at(&run->value_ms, 0.9));
    table_add(table, sorted_at(&run->value_ms, 0.99));
    table_add(table, sorted_at(&run->end_ms, 0.5));
    table_add(table, sorted_at(&run->end_ms, 0.99));
    table_add(table, sorted_mean(&run->asked));
    table_add(table, sorted_mean(&run->answered));
    table_add(table, sorted_mean(&run->hops));
    table_add(table, sorted_at(&run->hops, 1));
    table_add(table, line_of((double)run->settings->world.nodes));
    table_add(table, sorted_mean(&run->nearest));
}

static void draw_times(struct plot *plot, const struct sorted *sorted, const char *name)
{
    struct series *series = plot_add(plot, name, plot->series_count);
    for (size_t i = 0; sorted->count > 0 && i <= CURVE_POINTS; i++) {
        double share = 0.995 * (double)i / CURVE_POINTS; /* the last few would squeeze the rest */
        series_add(series, sorted_at(sorted, share), share);
    }
}

static void draw_hops(struct run *run, struct plot *plot)
{
    if (plot->series_count == 0) {
        plot_add(plot, "mean hops", 0)->dots = true;
        plot_add(plot, "log2 N / (1.3327 + log2 k)", 7)->dashed = true;
    }
    double nodes = (double)run->settings->world.nodes;
    series_add(&plot->series[0], nodes, sorted_mean(&run->hops));
    series_add(&plot->series[1], nodes, line_of(nodes));
}

/* ---- all of it ---- */

static double contacts_per_node(struct run *run)
{
    double sum = 0;
    for (int i = 0; i < 200; i++) {
        struct dht_stats stats;
        dht_stats(net_dht(run->world.net, world_random_node(&run->world)), &stats);
        sum += (double)stats.contacts;
    }
    return sum / 200;
}

static void add_network(struct run *run, uint64_t heap_before)
{
    const struct world *world = &run->world;
    char trace[24];
    uint64_t heap = world_heap_bytes();
    table_add(run->network,
              (double)(heap > heap_before ? heap - heap_before : 0) / (double)net_up(world->net));
    table_add(run->network, (double)(clock() - run->began) / CLOCKS_PER_SEC);
    table_add(run->network, (double)net_delivered(world->net));
    snprintf(trace, sizeof trace, "%016llx", (unsigned long long)net_trace(world->net));
    table_add_text(run->network, trace);
}

static bool run_world(struct run *run)
{
    const struct trial_settings *settings = run->settings;
    struct world *world = &run->world;
    uint64_t heap_before = world_heap_bytes();
    run->began = clock();
    world_init(world, &settings->world);
    if (world->error != NULL)
        return false;
    uint64_t growth_ms = world_growth_ms(settings->world.nodes);
    progress_expect("lookup", (double)(settings->warm_up_ms + QUIET_MS + PUBLISH_MS + LOOKUPS_MS +
                                       5 * LOOKUPS_MS + growth_ms / 20) *
                                  (double)settings->world.nodes);
    if (!world_grow(world) || !world_churn(world, settings->warm_up_ms))
        return true;
    struct net_traffic before = net_traffic(world->net);
    if (!world_run(world, QUIET_MS))
        return true;
    table_add(run->network, (double)settings->world.nodes);
    table_add(run->network, (double)net_up(world->net));
    table_add(run->network, contacts_per_node(run));
    table_add(run->network, 100 * world_stale_share(world));
    table_add(run->network, world_bytes_per_s(world, &before));
    publish(run);
    add_publishing(run);
    if (world->record_count > 0)
        look_up(run);
    add_lookups(run);
    add_network(run, heap_before);
    return true;
}

static void draw(struct run *run, struct result *result)
{
    struct plot *plot = &result->plot;
    bool several = run->settings->nodes.count > 1;
    plot->title = several ? "Hops of a lookup" : "How long lookups take";
    plot->x_name = several ? "nodes" : "ms";
    plot->y_name = several ? "hops" : "of all lookups";
    plot->log_x = several;
    plot->percent_y = !several;
    if (several) {
        draw_hops(run, plot);
        return;
    }
    draw_times(plot, &run->value_ms, "to the value");
    draw_times(plot, &run->end_ms, "to the end");
}

static bool run_lookup(const struct trial_settings *settings, struct result *result,
                       const char **error)
{
    struct table *lookups = result_add_table(result, "lookups", lookup_columns);
    struct table *network = result_add_table(result, "network", network_columns);
    lookups->text = "value, end: ms to the record and until all near nodes have answered; nearest: "
                    "of the k nearest nodes, found by a find";
    network->text = "stale: of the contacts in tables; upkeep: bytes sent by a quiet node, with IP "
                    "and UDP headers";
    for (size_t i = 0; i < settings->nodes.count && !progress_stopped(); i++) {
        struct trial_settings one = *settings;
        one.world.nodes = (size_t)settings->nodes.values[i];
        struct run run = {.settings = &one, .network = network, .lookups = lookups};
        bool began = run_world(&run);
        *error = run.world.error;
        draw(&run, result);
        progress_end();
        struct sorted *all[] = {&run.value_ms, &run.end_ms,   &run.hops,
                                &run.asked,    &run.answered, &run.nearest};
        for (size_t s = 0; s < sizeof all / sizeof all[0]; s++)
            free(all[s]->values);
        world_dispose(&run.world);
        if (!began)
            return false;
    }
    return true;
}

const struct trial trial_lookup = {
    .name = "lookup",
    .text = "records and nodes looked up under churn: time, hops, the nearest found, upkeep",
    .defaults = {.world = {.loss = 0.01, .churn = &churn_default},
                 .nodes = {{1000}, 1},
                 .warm_up_ms = 2 * WORLD_HOUR,
                 .records = 500,
                 .lookups = 2000},
    .run = run_lookup,
};
