/* Lookups of records and of nodes in a network that comes and goes: how long they take, how many
 * hops, whether the nearest nodes are found; how long publishing takes; what a quiet node sends. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "sim/progress.h"
#include "sim/trial.h"

#define QUIET_MS       (10 * WORLD_MINUTE) /* at most as long as it was warmed up */
#define PUBLISH_MS     (2 * WORLD_MINUTE)
#define EVERY_MS       150                 /* a lookup begins */
#define ENDING_MS      (20 * WORLD_SECOND) /* for the last record to be stored */
#define FINDS_PART     4                   /* one lookup of nodes for so many of records */
#define CURVE_POINTS   200
#define STUTZBACH_BITS 1.3327 /* gained a hop, beside log2 k */

static const struct column network_columns[] = {
    {"nodes", 0},      {"case", -1},     {"up", 0},     {"contacts", 1},  {"stale %", 1},
    {"upkeep B/s", 0}, {"publish s", 2}, {"95 %", 2},   {"stored at", 1}, {"heap B/node", 0},
    {"CPU s", 1},      {"datagrams", 0}, {"trace", -1}, {NULL, 0}};
static const struct column lookup_columns[] = {
    {"nodes", 0},     {"case", -1},         {"lookups", 0},   {"found %", 2},
    {"value ms", 0},  {"90 %", 0},          {"99 %", 0},      {"end ms", 0},
    {"end 99 %", 0},  {"asked", 1},         {"answered", 1},  {"hops", 2},
    {"hops most", 0}, {"log2 N / bits", 2}, {"nearest %", 2}, {NULL, 0}};

/* What is compared. */
struct variant {
    const char *name;
    const struct churn_model *churn;
    uint8_t without;
};

struct run {
    const struct trial_settings *settings;
    const char *name; /* of its variant */
    struct world world;
    struct table *network, *lookups;
    struct world_lookups found;
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

static uint64_t quiet_ms(const struct trial_settings *settings)
{
    return settings->warm_up_ms < QUIET_MS ? settings->warm_up_ms : QUIET_MS;
}

static size_t finds_of(const struct trial_settings *settings)
{
    return settings->lookups / FINDS_PART;
}

/* One message after another, the last of them to the nearest node itself; of those Stutzbach's line
 * tells, for the first step is a look into one's own table. */
static double hops_of(double answers)
{
    return 1 + answers;
}

static double line_of(double nodes)
{
    return log2(nodes) / (STUTZBACH_BITS + log2(DHT_K));
}

static void add_lookups(struct run *run)
{
    struct world_lookups *lookups = &run->found;
    struct table *table = run->lookups;
    table_add(table, (double)run->settings->world.nodes);
    table_add_text(table, run->name);
    table_add(table, (double)lookups->done);
    table_add(table, world_found_percent(lookups));
    table_add(table, sorted_at(&lookups->value_ms, 0.5));
    table_add(table, sorted_at(&lookups->value_ms, 0.9));
    table_add(table, sorted_at(&lookups->value_ms, 0.99));
    table_add(table, sorted_at(&lookups->end_ms, 0.5));
    table_add(table, sorted_at(&lookups->end_ms, 0.99));
    table_add(table, sorted_mean(&lookups->asked));
    table_add(table, sorted_mean(&lookups->answered));
    table_add(table, hops_of(sorted_mean(&lookups->hops)));
    table_add(table, hops_of(sorted_at(&lookups->hops, 1)));
    table_add(table, line_of((double)run->settings->world.nodes));
    table_add(table, sorted_mean(&lookups->nearest));
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
    series_add(&plot->series[0], nodes, hops_of(sorted_mean(&run->found.hops)));
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

static void add_network(struct run *run, double heap_per_node)
{
    const struct world *world = &run->world;
    char trace[24];
    table_add(run->network, heap_per_node);
    table_add(run->network, (double)(clock() - run->began) / CLOCKS_PER_SEC);
    table_add(run->network, (double)net_delivered(world->net));
    snprintf(trace, sizeof trace, "%016llx", (unsigned long long)net_trace(world->net));
    table_add_text(run->network, trace);
}

static double work_of(const struct trial_settings *settings)
{
    return (double)(settings->warm_up_ms + quiet_ms(settings) + PUBLISH_MS +
                    world_lookups_ms(settings->lookups, finds_of(settings), EVERY_MS) +
                    world_growth_ms(&settings->world) / 10) *
           (double)settings->world.nodes;
}

static void run_world(struct run *run)
{
    const struct trial_settings *settings = run->settings;
    struct world *world = &run->world;
    uint64_t heap_before = world_heap_bytes();
    run->began = clock();
    world_init(world, &settings->world);
    if (world->error != NULL)
        return;
    progress_expect("lookup", work_of(settings));
    if (!world_grow(world) || !world_churn(world, settings->warm_up_ms))
        return;
    struct net_traffic before = net_traffic(world->net);
    if (!world_run(world, quiet_ms(settings)))
        return;
    double heap_per_node = (double)(world_heap_bytes() - heap_before) / (double)net_up(world->net);
    table_add(run->network, (double)settings->world.nodes);
    table_add_text(run->network, run->name);
    table_add(run->network, (double)net_up(world->net));
    table_add(run->network, contacts_per_node(run));
    table_add(run->network, 100 * world_stale_share(world));
    table_add(run->network, world_bytes_per_s(world, &before));
    publish(run);
    add_publishing(run);
    world_look_up(world, 0, world->record_count, settings->lookups, finds_of(settings), EVERY_MS,
                  &run->found);
    world_lookups_sort(&run->found);
    add_lookups(run);
    add_network(run, heap_per_node);
}

static void name_plot(struct plot *plot, bool several)
{
    plot->title = several ? "Hops of a lookup" : "How long lookups take";
    plot->x_name = several ? "nodes" : "ms";
    plot->y_name = several ? "hops" : "of all lookups";
    plot->log_x = several;
    plot->percent_y = !several;
}

static void draw(struct run *run, struct plot *plot, bool several)
{
    if (several) {
        draw_hops(run, plot);
        return;
    }
    draw_times(plot, &run->found.value_ms, "to the value");
    draw_times(plot, &run->found.end_ms, "to the end");
}

static void add_tables(struct result *result, struct run *run)
{
    run->lookups = result_add_table(result, "lookups", lookup_columns);
    run->network = result_add_table(result, "network", network_columns);
    run->lookups->text =
        "value, end: ms to the record and until all near nodes have answered; hops: "
        "messages, one after another, until the nearest node was reached; "
        "nearest: of the k nearest nodes, found by a find";
    run->network->text = "stale: of the contacts in tables; upkeep: bytes sent by a quiet node, "
                         "with IP and UDP headers";
}

/* One after the other: for each number of nodes and each variant. */
static bool run_all(const struct trial_settings *settings, const struct variant variants[],
                    size_t variant_count, struct result *result, const char **error)
{
    struct run tables;
    bool several = settings->nodes.count > 1;
    add_tables(result, &tables);
    name_plot(&result->plot, several && variant_count == 1);
    for (size_t i = 0; i < settings->nodes.count * variant_count && !progress_stopped(); i++) {
        const struct variant *variant = &variants[i % variant_count];
        struct trial_settings one = *settings;
        one.world.nodes = (size_t)settings->nodes.values[i / variant_count];
        one.world.churn = variant->churn;
        one.world.without = variant->without;
        struct run run = {.settings = &one,
                          .name = variant->name,
                          .network = tables.network,
                          .lookups = tables.lookups};
        run_world(&run);
        if (variant_count == 1)
            draw(&run, &result->plot, several);
        else if (i < variant_count)
            draw_times(&result->plot, &run.found.value_ms, variant->name);
        *error = run.world.error;
        world_lookups_dispose(&run.found);
        world_dispose(&run.world);
        if (*error != NULL)
            return false;
    }
    return true;
}

static const char *churn_name(const struct churn_model *churn)
{
    return churn == &churn_default ? "default churn"
           : churn == &churn_harsh ? "harsh churn"
                                   : "no churn";
}

static bool run_lookup(const struct trial_settings *settings, struct result *result,
                       const char **error)
{
    struct variant variant = {churn_name(settings->world.churn), settings->world.churn,
                              settings->world.without};
    return run_all(settings, &variant, 1, result, error);
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

static bool run_churn(const struct trial_settings *settings, struct result *result,
                      const char **error)
{
    static const struct churn_model *const churns[] = {NULL, &churn_default, &churn_harsh};
    struct variant variants[3];
    for (size_t i = 0; i < 3; i++)
        variants[i] = (struct variant){churn_name(churns[i]), churns[i], settings->world.without};
    return run_all(settings, variants, 3, result, error);
}

const struct trial trial_churn = {
    .name = "churn",
    .text = "the same without churn, with that of KAD, and with a harsh one",
    .defaults = {.world = {.loss = 0.01},
                 .nodes = {{1000}, 1},
                 .warm_up_ms = 2 * WORLD_HOUR,
                 .records = 300,
                 .lookups = 1000},
    .run = run_churn,
};

static bool run_techniques(const struct trial_settings *settings, struct result *result,
                           const char **error)
{
    static const struct {
        const char *name;
        uint8_t without;
    } cases[] = {{"all of them", 0},
                 {"fixed time-outs", DHT_MEASURED_TIMEOUTS},
                 {"calm start", DHT_EAGER_START},
                 {"narrow buckets", DHT_WIDE_BUCKETS},
                 {"any order", DHT_QUICK_FIRST},
                 {"late storing", DHT_EARLY_STORING},
                 {"none of them", DHT_TECHNIQUES}};
    enum { CASES = sizeof cases / sizeof cases[0] };
    struct variant variants[CASES];
    for (size_t i = 0; i < CASES; i++)
        variants[i] = (struct variant){cases[i].name, settings->world.churn, cases[i].without};
    return run_all(settings, variants, CASES, result, error);
}

const struct trial trial_techniques = {
    .name = "techniques",
    .text = "what each of the techniques brings that make lookups quick: each switched off",
    .defaults = {.world = {.loss = 0.01, .churn = &churn_default},
                 .nodes = {{1000}, 1},
                 .warm_up_ms = WORLD_HOUR,
                 .records = 300,
                 .lookups = 1500},
    .run = run_techniques,
};
