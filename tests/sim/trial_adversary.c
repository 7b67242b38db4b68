/* A share of the nodes turns hostile, all at once, when everybody knows them: what is still found,
 * for each kind of hostility and each share, beside the formula of S/Kademlia (2007). */
#include <math.h>
#include <stdlib.h>

#include "sim/progress.h"
#include "sim/sim_math.h"
#include "sim/trial.h"

#define LOOKUP_EVERY_MS 100
#define FINDS_PART      2
#define PATHS           4
#define HOPS_MAX        16
#define AFTER_TURN_MS   (5 * WORLD_SECOND)

static const unsigned path_counts[PATHS] = {1, 2, 4, 8};

static const struct column columns[] = {
    {"kind", -1},    {"bad %", 0}, {"d", 0},      {"lookups", 0}, {"found %", 2}, {"nearest %", 2},
    {"value ms", 0}, {"99 %", 0},  {"end ms", 0}, {"asked", 1},   {"hops", 2},    {"S/Kad d=1", 2},
    {"d=2", 2},      {"d=4", 2},   {"d=8", 2},    {NULL, 0}};

/* Share of lookups by hops, of a network without hostile nodes. */
struct hops {
    double share[HOPS_MAX];
};

static struct hops hops_of(const struct sorted *sorted)
{
    struct hops hops = {0};
    for (size_t i = 0; i < sorted->count; i++) {
        size_t length = (size_t)sorted->values[i];
        hops.share[length < HOPS_MAX ? length : HOPS_MAX - 1] += 1.0 / (double)sorted->count;
    }
    return hops;
}

/* h_i: lookups that took i answers to hear of the nearest node; each has to come from a good one.
 */
static double formula(const struct hops *hops, double bad, unsigned paths)
{
    double success = 0;
    for (size_t i = 0; i < HOPS_MAX; i++) {
        double path = 1;
        for (size_t h = 0; h < i; h++)
            path *= 1 - bad;
        double none = 1;
        for (unsigned d = 0; d < paths; d++)
            none *= 1 - path;
        success += hops->share[i] * (1 - none);
    }
    return success;
}

static void turn(struct world *world, double share, enum rogue_kind kind)
{
    world->rogues = rogues_new(world->net, world->latency);
    size_t wanted = (size_t)(share * (double)world->options.nodes + 0.5);
    while (rogues_count(world->rogues) < wanted)
        rogues_turn(world->rogues, world_random_node(world), kind);
}

static bool run_one(const struct trial_settings *settings, double share, enum rogue_kind kind,
                    double paths, struct world_lookups *lookups, const char **error)
{
    struct world world;
    struct world_options options = settings->world;
    options.paths = (uint8_t)paths;
    world_init(&world, &options);
    *error = world.error;
    if (world.error == NULL && world_grow(&world) && world_churn(&world, settings->warm_up_ms)) {
        for (uint32_t i = 0; i < settings->records; i++) {
            struct sample sample = sample_peer(i);
            world_publish(&world, world_random_node(&world), &sample);
        }
        world_run(&world, WORLD_MINUTE);
        turn(&world, share, kind);
        world_run(&world, AFTER_TURN_MS);
        world_look_up(&world, 0, world.record_count, settings->lookups,
                      settings->lookups / FINDS_PART, LOOKUP_EVERY_MS, lookups);
        world_lookups_sort(lookups);
    }
    world_dispose(&world);
    return *error == NULL;
}

static void add_row(struct table *table, const char *kind, double share, double paths,
                    const struct world_lookups *lookups, const struct hops *hops)
{
    table_add_text(table, kind);
    table_add(table, 100 * share);
    table_add(table, paths);
    table_add(table, (double)lookups->done);
    table_add(table, world_found_percent(lookups));
    table_add(table, sorted_mean(&lookups->nearest));
    table_add(table, sorted_at(&lookups->value_ms, 0.5));
    table_add(table, sorted_at(&lookups->value_ms, 0.99));
    table_add(table, sorted_at(&lookups->end_ms, 0.5));
    table_add(table, sorted_mean(&lookups->asked));
    table_add(table, sorted_mean(&lookups->hops));
    for (size_t i = 0; i < PATHS; i++)
        table_add(table, 100 * formula(hops, share, path_counts[i]));
}

static void draw_formula(struct plot *plot, const struct hops *hops, double most)
{
    for (size_t i = 0; i < PATHS; i++) {
        char name[RESULT_TEXT_MAX];
        snprintf(name, sizeof name, "S/Kademlia, d = %u", path_counts[i]);
        struct series *series = plot_add(plot, name, 7 - i);
        series->dashed = true;
        for (double bad = 0; bad <= most + 1e-9; bad += most / 30)
            series_add(series, 100 * bad, formula(hops, bad, path_counts[i]));
    }
}

static double largest(const struct trial_list *list)
{
    double most = 0.01;
    for (size_t i = 0; i < list->count; i++)
        most = fmax(most, list->values[i]);
    return most;
}

static double expected_work(const struct trial_settings *settings)
{
    uint64_t ms =
        world_growth_ms(&settings->world) / 5 + settings->warm_up_ms +
        world_lookups_ms(settings->lookups, settings->lookups / FINDS_PART, LOOKUP_EVERY_MS);
    return (double)ms * (double)settings->world.nodes;
}

/* All shares of one kind, with so many paths. */
static void run_kind(const struct trial_settings *settings, enum rogue_kind kind, double paths,
                     const struct hops *hops, struct result *result)
{
    char name[RESULT_TEXT_MAX];
    const char *error;
    struct series *series = NULL;
    snprintf(name, sizeof name, "%s, d = %.0f", rogue_names[kind], paths);
    if (result->plot.series_count + PATHS < RESULT_SERIES_MAX) {
        series = plot_add(&result->plot, name, result->plot.series_count);
        series->dots = true;
    }
    for (size_t i = 0; i < settings->bad.count && !progress_stopped(); i++) {
        struct world_lookups lookups = {0};
        progress_expect(name, expected_work(settings));
        run_one(settings, settings->bad.values[i], kind, paths, &lookups, &error);
        add_row(&result->tables[0], rogue_names[kind], settings->bad.values[i], paths, &lookups,
                hops);
        if (series != NULL)
            series_add(series, 100 * settings->bad.values[i], world_found_percent(&lookups) / 100);
        world_lookups_dispose(&lookups);
    }
}

/* What further paths cost where nobody is hostile. */
static void run_clean(const struct trial_settings *settings, double paths, const struct hops *hops,
                      struct table *table)
{
    struct world_lookups lookups = {0};
    const char *error;
    progress_expect("without hostile nodes", expected_work(settings));
    run_one(settings, 0, ROGUE_SILENT, paths, &lookups, &error);
    add_row(table, "none", 0, paths, &lookups, hops);
    world_lookups_dispose(&lookups);
}

static bool run_adversary(const struct trial_settings *settings, struct result *result,
                          const char **error)
{
    struct table *table = result_add_table(result, "hostile nodes", columns);
    struct world_lookups clean = {0};
    table->text = "found: records; nearest: of the honest nodes nearest to any target; S/Kad: "
                  "S/Kademlia's formula with our hops, for d disjoint paths";
    result->plot = (struct plot){.title = "Records found among hostile nodes",
                                 .x_name = "bad nodes, %",
                                 .y_name = "found",
                                 .percent_y = true};
    progress_expect("without hostile nodes", expected_work(settings));
    if (!run_one(settings, 0, ROGUE_SILENT, settings->paths.values[0], &clean, error))
        return false;
    struct hops hops = hops_of(&clean.hops);
    add_row(table, "none", 0, settings->paths.values[0], &clean, &hops);
    for (size_t i = 1; i < settings->paths.count && !progress_stopped(); i++)
        run_clean(settings, settings->paths.values[i], &hops, table);
    for (int kind = 0; kind < ROGUE_KINDS; kind++)
        for (size_t i = 0; i < settings->paths.count && !progress_stopped(); i++)
            if (settings->rogues >> kind & 1)
                run_kind(settings, (enum rogue_kind)kind, settings->paths.values[i], &hops, result);
    draw_formula(&result->plot, &hops, largest(&settings->bad));
    world_lookups_dispose(&clean);
    return true;
}

const struct trial trial_adversary = {
    .name = "adversary",
    .text = "a share of the nodes turns silent, colluding, slow …: what is still found",
    .undivided = true,
    .defaults = {.world = {.loss = 0.01},
                 .nodes = {{1000}, 1},
                 .bad = {{0.1, 0.2, 0.3}, 3},
                 .paths = {{1, 4}, 2},
                 .warm_up_ms = 10 * WORLD_MINUTE,
                 .records = 200,
                 .lookups = 500,
                 .rogues = (1 << ROGUE_MIRROR) - 1},
    .run = run_adversary,
};
