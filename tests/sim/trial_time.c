/* Records over days, and a network that is cut in two. */
#include <math.h>
#include <stdlib.h>

#include "sim/progress.h"
#include "sim/trial.h"

#define LOOKUP_EVERY_MS 200
#define PUBLISH_MS      (20 * WORLD_MINUTE) /* a publisher that leaves stays so long */
#define KEPT_UNIX_S     (6 * 86400)

static bool begin(struct world *world, const struct trial_settings *settings, const char *text,
                  uint64_t ms, const char **error)
{
    world_init(world, &settings->world);
    *error = world->error;
    if (world->error != NULL)
        return false;
    uint64_t growth_ms = world_growth_ms(&settings->world);
    progress_expect(text, (double)(growth_ms / 5 + settings->warm_up_ms + ms) *
                              (double)settings->world.nodes);
    return world_grow(world) && world_churn(world, settings->warm_up_ms);
}

static void add_found(struct table *table, struct world *world, size_t first, size_t count,
                      size_t lookups, double *all, double *found)
{
    struct world_lookups result = {0};
    world_look_up(world, first, count, lookups, 0, LOOKUP_EVERY_MS, &result);
    table_add(table, (double)result.done);
    table_add(table, world_found_percent(&result));
    *all += (double)result.done;
    *found += (double)result.found;
    world_lookups_dispose(&result);
}

/* ---- survival ---- */

static const struct column survival_columns[] = {
    {"day", -1}, {"lookups", 0}, {"renewed %", 2}, {"lookups left", 0}, {"left %", 2},
    {"up", 0},   {"stale %", 1}, {"bytes/s", 0},   {"stored", 1},       {NULL, 0}};

struct survival {
    struct world world;
    const struct trial_settings *settings;
    struct table *table;
    uint32_t next_sample;
    size_t left_first, left_count; /* records whose publisher left a day ago */
    double renewed_all, renewed_found, left_all, left_found;
};

/* Kinds that prove themselves in turn; peers, which do not, only where somebody renews them. */
static struct sample any_sample(struct survival *survival, bool renewed)
{
    uint32_t number = survival->next_sample++;
    uint64_t expiry_unix_s = net_unix_s(survival->world.net) + KEPT_UNIX_S;
    switch (number % (renewed ? 4 : 3)) {
    case 0:
        return sample_entry(number, expiry_unix_s);
    case 1:
        return sample_item(number, 1, expiry_unix_s);
    case 2:
        return sample_part(number);
    default:
        return sample_peer(number);
    }
}

/* By the nodes that never leave. */
static void publish_renewed(struct survival *survival)
{
    struct world *world = &survival->world;
    for (size_t i = 0; i < survival->settings->records; i++) {
        struct sample sample = any_sample(survival, true);
        world_publish(world, i % world->doors, &sample);
        world_run(world, 200);
    }
}

/* By somebody who then is gone for good. */
static void publish_and_leave(struct survival *survival)
{
    struct world *world = &survival->world;
    size_t publisher = world->population; /* the one that was added for this */
    net_start(world->net, publisher, 0);
    world_run(world, WORLD_MINUTE);
    survival->left_first = world->record_count;
    for (size_t i = 0; i < survival->settings->records; i++) {
        struct sample sample = any_sample(survival, false);
        world_publish(world, publisher, &sample);
        world_run(world, 200);
    }
    survival->left_count = world->record_count - survival->left_first;
    world_run(world, PUBLISH_MS);
    net_stop(world->net, publisher);
    net_forget(world->net, publisher);
}

static double stored_per_record(struct survival *survival)
{
    struct world *world = &survival->world;
    double sum = 0, count = 0;
    for (size_t i = 0; i < survival->settings->records; i++) {
        const struct world_record *record = &world->records[i];
        uint32_t nodes;
        uint64_t at_ms;
        if (!dht_published(net_dht(world->net, record->publisher), &record->key, record->kind,
                           &nodes, &at_ms))
            continue;
        sum += nodes;
        count++;
    }
    return count > 0 ? sum / count : NAN;
}

/* A quarter of the lookups every six hours; who left, a day later. */
static void live_a_day(struct survival *survival, unsigned day, uint64_t ms)
{
    struct world *world = &survival->world;
    struct net_traffic before = net_traffic(world->net);
    uint64_t day_ends_ms = net_now_ms(world->net) + ms;
    struct world_lookups renewed = {0};
    char name[16];
    publish_and_leave(survival);
    for (int quarter = 0; quarter < 4 && !progress_stopped(); quarter++) {
        uint64_t until_ms = day_ends_ms - (3u - (unsigned)quarter) * ms / 4;
        if (net_now_ms(world->net) < until_ms)
            world_run(world, until_ms - net_now_ms(world->net));
        world_look_up(world, 0, survival->settings->records, survival->settings->lookups / 4, 0,
                      LOOKUP_EVERY_MS, &renewed);
    }
    snprintf(name, sizeof name, "%u", day);
    table_add_text(survival->table, name);
    table_add(survival->table, (double)renewed.done);
    table_add(survival->table, world_found_percent(&renewed));
    survival->renewed_all += (double)renewed.done;
    survival->renewed_found += (double)renewed.found;
    world_lookups_dispose(&renewed);
    add_found(survival->table, world, survival->left_first, survival->left_count,
              survival->settings->lookups, &survival->left_all, &survival->left_found);
    table_add(survival->table, (double)net_up(world->net));
    table_add(survival->table, 100 * world_stale_share(world));
    table_add(survival->table, world_bytes_per_s(world, &before));
    table_add(survival->table, stored_per_record(survival));
}

static void add_sum(const struct survival *survival)
{
    table_add_text(survival->table, "all");
    table_add(survival->table, survival->renewed_all);
    table_add(survival->table, 100 * survival->renewed_found / survival->renewed_all);
    table_add(survival->table, survival->left_all);
    table_add(survival->table, 100 * survival->left_found / survival->left_all);
    for (int i = 0; i < 4; i++)
        table_add(survival->table, NAN);
}

static void draw_days(struct plot *plot, const struct table *table)
{
    static const struct {
        const char *name;
        size_t column;
    } curves[] = {{"renewed", 2}, {"publisher left a day ago", 4}};
    *plot = (struct plot){
        .title = "Records found", .x_name = "days", .y_name = "found", .percent_y = true};
    for (size_t c = 0; c < 2; c++) {
        struct series *series = plot_add(plot, curves[c].name, c);
        series->dots = true;
        for (size_t row = 0; row + 1 < table->row_count; row++)
            series_add(series, (double)row + 1,
                       table->cells[row * table->column_count + curves[c].column].number / 100);
    }
}

static bool run_survival(const struct trial_settings *settings, struct result *result,
                         const char **error)
{
    struct survival survival = {.settings = settings};
    survival.table = result_add_table(result, "records over days", survival_columns);
    survival.table->text = "renewed: their publishers stay; left: they left a day before; stored: "
                           "nodes, in the last round of those that stay";
    uint64_t days = (settings->lasts_ms + WORLD_DAY - 1) / WORLD_DAY;
    if (begin(&survival.world, settings, "survival", settings->lasts_ms, error)) {
        publish_renewed(&survival);
        net_add_node(survival.world.net, NULL);
        survival.world.record_of =
            realloc(survival.world.record_of,
                    (survival.world.population + 1) * sizeof *survival.world.record_of);
        if (survival.world.record_of == NULL)
            abort();
        for (unsigned day = 1; day <= days && !progress_stopped(); day++)
            live_a_day(&survival, day, WORLD_DAY);
        add_sum(&survival);
        draw_days(&result->plot, survival.table);
    }
    world_dispose(&survival.world);
    return *error == NULL;
}

const struct trial trial_survival = {
    .name = "survival",
    .text = "records over days of churn: renewed ones, and those whose publisher has left",
    .defaults = {.world = {.loss = 0.01, .churn = &churn_default},
                 .nodes = {{300}, 1},
                 .warm_up_ms = 2 * WORLD_HOUR,
                 .lasts_ms = 7 * WORLD_DAY,
                 .records = 100,
                 .lookups = 400},
    .run = run_survival,
};

/* ---- partition ---- */

static const struct column partition_columns[] = {
    {"when", -1}, {"lookups", 0},   {"found %", 2},    {"value ms", 0},
    {"99 %", 0},  {"nearest %", 2}, {"own side %", 1}, {NULL, 0}};

/* Of the contacts of some nodes, those on their own side. */
static double own_side_percent(struct world *world)
{
    struct dht_contact contacts[512];
    double own = 0, all = 0;
    for (int i = 0; i < 200; i++) {
        size_t node = world_random_node(world);
        size_t count = dht_contacts(net_dht(world->net, node), contacts, 512);
        for (size_t c = 0; c < count; c++)
            own +=
                partition_side(world->partition, net_node_at(world->net, &contacts[c].endpoint)) ==
                partition_side(world->partition, node);
        all += (double)count;
    }
    return all > 0 ? 100 * own / all : NAN;
}

static void look_around(struct world *world, const struct trial_settings *settings,
                        struct table *table, const char *when)
{
    struct world_lookups lookups = {0};
    table_add_text(table, when);
    world_look_up(world, 0, world->record_count, settings->lookups, settings->lookups / 4, 50,
                  &lookups);
    world_lookups_sort(&lookups);
    table_add(table, (double)lookups.done);
    table_add(table, world_found_percent(&lookups));
    table_add(table, sorted_at(&lookups.value_ms, 0.5));
    table_add(table, sorted_at(&lookups.value_ms, 0.99));
    table_add(table, sorted_mean(&lookups.nearest));
    table_add(table, own_side_percent(world));
    world_lookups_dispose(&lookups);
}

static bool run_partition(const struct trial_settings *settings, struct result *result,
                          const char **error)
{
    static const unsigned minutes[] = {1, 5, 15, 30};
    struct world world;
    struct table *table = result_add_table(result, "a network cut in two", partition_columns);
    table->text =
        "own side: of the contacts in tables; nearest: of all that are up, on both sides; "
        "records of the other side end there after an hour";
    if (begin(&world, settings, "partition", settings->lasts_ms + 40 * WORLD_MINUTE, error)) {
        for (uint32_t i = 0; i < settings->records; i++) {
            struct sample sample = sample_peer(i);
            world_publish(&world, i % world.doors, &sample);
        }
        world_run(&world, WORLD_MINUTE);
        look_around(&world, settings, table, "before");
        partition_close(world.partition, true);
        world_run(&world, settings->lasts_ms);
        look_around(&world, settings, table, "cut");
        partition_close(world.partition, false);
        uint64_t healed_ms = net_now_ms(world.net);
        for (size_t i = 0; i < sizeof minutes / sizeof minutes[0] && !progress_stopped(); i++) {
            char when[32];
            snprintf(when, sizeof when, "%u min healed", minutes[i]);
            uint64_t at_ms = healed_ms + minutes[i] * WORLD_MINUTE;
            if (net_now_ms(world.net) < at_ms)
                world_run(&world, at_ms - net_now_ms(world.net));
            look_around(&world, settings, table, when);
        }
    }
    world_dispose(&world);
    return *error == NULL;
}

const struct trial trial_partition = {
    .name = "partition",
    .text = "half of the network cut off for an hour, and healed",
    .defaults = {.world = {.loss = 0.01, .churn = &churn_default, .cut_off = 0.5},
                 .nodes = {{1000}, 1},
                 .warm_up_ms = 30 * WORLD_MINUTE,
                 .lasts_ms = WORLD_HOUR,
                 .records = 200,
                 .lookups = 400},
    .run = run_partition,
};
