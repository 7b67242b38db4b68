/* Attacks on one key, on tables and on stores. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dht/params.h"
#include "sim/progress.h"
#include "sim/trial.h"

#define LOOKUP_EVERY_MS 100
#define GREET_EVERY_MS  (30 * WORLD_SECOND)
#define CONTACTS_MAX    4096

static bool begin(struct world *world, const struct trial_settings *settings, const char *text,
                  uint64_t ms, const char **error)
{
    uint64_t growth_ms = world_growth_ms(&settings->world);
    world_init(world, &settings->world);
    *error = world->error;
    if (world->error != NULL)
        return false;
    progress_expect(text, (double)(growth_ms / 5 + settings->warm_up_ms + ms) *
                              (double)settings->world.nodes);
    world->rogues = rogues_new(world->net, world->latency);
    return world_grow(world) && world_churn(world, settings->warm_up_ms);
}

static void publish(struct world *world, size_t records)
{
    for (uint32_t i = 0; i < records; i++) {
        struct sample sample = sample_peer(i);
        world_publish(world, world_random_node(world), &sample);
    }
    world_run(world, WORLD_MINUTE);
}

static void add_lookups(struct table *table, const char *when, struct world_lookups *lookups)
{
    world_lookups_sort(lookups);
    table_add_text(table, when);
    table_add(table, (double)lookups->done);
    table_add(table, world_found_percent(lookups));
    table_add(table, sorted_at(&lookups->value_ms, 0.5));
    table_add(table, sorted_at(&lookups->value_ms, 0.99));
    table_add(table, sorted_mean(&lookups->asked));
}

static void look_up(struct world *world, const struct trial_settings *settings, struct table *table,
                    const char *when)
{
    struct world_lookups lookups = {0};
    world_look_up(world, 0, world->record_count, settings->lookups, 0, LOOKUP_EVERY_MS, &lookups);
    add_lookups(table, when, &lookups);
    world_lookups_dispose(&lookups);
}

/* ---- eclipse ---- */

static const struct column eclipse_columns[] = {{"when", -1},     {"lookups", 0},   {"found %", 2},
                                                {"value ms", 0},  {"99 %", 0},      {"asked", 1},
                                                {"hostile %", 1}, {"stored at", 1}, {NULL, 0}};

/* Of the k nearest that lookups of the keys ended with, and the honest nodes that hold the records
 * of the last round. */
static void add_hostile(struct world *world, struct table *table)
{
    size_t hostile = 0, all = 0, outcomes[64], keys = world->record_count;
    keys = keys < 64 ? keys : 64;
    for (size_t i = 0; i < keys; i++)
        outcomes[i] = net_find(world->net, world_random_node(world), &world->records[i].key);
    world_run(world, 20 * WORLD_SECOND);
    for (size_t i = 0; i < keys; i++) {
        const struct net_outcome *outcome = net_outcome(world->net, outcomes[i]);
        for (size_t n = 0; outcome->done && n < outcome->event.node_count; n++, all++)
            for (size_t r = world->population; r < net_node_count(world->net); r++) {
                struct id id = net_id(world->net, r);
                hostile += id_equal(&id, &outcome->nodes[n]);
            }
    }
    net_forget_outcomes(world->net);
    table_add(table, all > 0 ? 100.0 * (double)hostile / (double)all : NAN);
    double stored = 0;
    for (size_t i = 0; i < keys; i++) {
        uint32_t nodes;
        uint64_t at_ms;
        const struct world_record *record = &world->records[i];
        if (net_is_up(world->net, record->publisher) &&
            dht_published(net_dht(world->net, record->publisher), &record->key, record->kind,
                          &nodes, &at_ms))
            stored += nodes;
    }
    table_add(table, keys > 0 ? stored / (double)keys : NAN);
}

/* Those who surround a key tell the honest nodes near it of themselves. */
static void greet_near(struct world *world, size_t record)
{
    size_t near[3 * DHT_K];
    size_t count = net_nearest(world->net, &world->records[record].key, near, 3 * DHT_K);
    size_t per_key = rogues_count(world->rogues) / world->record_count;
    for (size_t r = 0; r < per_key; r++)
        for (size_t i = 0; i < count; i++)
            rogues_greet(world->rogues, world->population + record * per_key + r, near[i]);
}

static bool besiege(struct world *world, uint64_t ms)
{
    for (uint64_t at_ms = 0; at_ms < ms && !progress_stopped(); at_ms += GREET_EVERY_MS) {
        for (size_t i = 0; i < world->record_count; i++)
            greet_near(world, i);
        world_run(world, GREET_EVERY_MS);
    }
    return !progress_stopped();
}

static bool run_eclipse(const struct trial_settings *settings, struct result *result,
                        const char **error)
{
    struct world world;
    struct table *table = result_add_table(result, "eclipse of keys", eclipse_columns);
    table->text = "hostile: of the k nearest that lookups end with; stored at: nodes that said so "
                  "in the last round of the publisher, hostile ones included";
    uint64_t rounds_ms = settings->lasts_ms;
    if (begin(&world, settings, "eclipse",
              rounds_ms + 3 * world_lookups_ms(settings->lookups, 0, LOOKUP_EVERY_MS), error)) {
        publish(&world, settings->records);
        look_up(&world, settings, table, "before");
        add_hostile(&world, table);
        for (size_t i = 0; i < world.record_count; i++)
            for (size_t r = 0; r < settings->sybils; r++)
                rogues_add_near(world.rogues, &world.records[i].key, ROGUE_COLLUDING);
        if (besiege(&world, 5 * WORLD_MINUTE)) {
            look_up(&world, settings, table, "after 5 minutes");
            add_hostile(&world, table);
        }
        if (besiege(&world, rounds_ms)) {
            look_up(&world, settings, table, "after it was renewed");
            add_hostile(&world, table);
        }
    }
    world_dispose(&world);
    return *error == NULL;
}

const struct trial trial_eclipse = {
    .name = "eclipse",
    .text = "hostile nodes with the ids nearest to keys: whether content is still found",
    .undivided = true,
    .defaults = {.world = {.loss = 0.01},
                 .nodes = {{1000}, 1},
                 .warm_up_ms = 10 * WORLD_MINUTE,
                 .lasts_ms = WORLD_HOUR,
                 .records = 10,
                 .lookups = 400,
                 .sybils = DHT_K},
    .run = run_eclipse,
};

/* ---- table poisoning ---- */

static const struct column poison_columns[] = {
    {"minutes", 0},         {"tables", 0}, {"hostile contacts", 2}, {"share %", 2},
    {"largest share %", 2}, {"most", 0},   {"found %", 2},          {NULL, 0}};

/* All in four /24s, at any of their addresses and ports. */
static void add_poisoners(struct world *world, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct endpoint endpoint = {
            .addr = {100, 64 + 50, (uint8_t)(i % 4), (uint8_t)(i / 4 % 254 + 1)},
            .port = (uint16_t)(10000 + i / 1016),
            .family = ENDPOINT_IPV4};
        rogues_add_at(world->rogues, &endpoint, ROGUE_COLLUDING);
    }
}

static void greet_all(struct world *world, size_t step, size_t steps)
{
    for (size_t node = step; node < world->population; node += steps)
        if (net_is_up(world->net, node))
            for (size_t r = world->population; r < net_node_count(world->net); r++)
                rogues_greet(world->rogues, r, node);
}

static void add_tables(struct world *world, struct table *table)
{
    static struct dht_contact contacts[CONTACTS_MAX];
    double shares = 0, largest = 0, most = 0, sum = 0;
    size_t tables = 0;
    for (size_t node = 0; node < world->population; node++) {
        if (!net_is_up(world->net, node))
            continue;
        size_t hostile = 0;
        size_t count = dht_contacts(net_dht(world->net, node), contacts, CONTACTS_MAX);
        for (size_t i = 0; i < count; i++) {
            size_t at = net_node_at(world->net, &contacts[i].endpoint);
            hostile += at != NET_NONE && rogues_has(world->rogues, at);
        }
        double share = count > 0 ? (double)hostile / (double)count : 0;
        shares += share;
        sum += (double)hostile;
        largest = fmax(largest, share);
        most = fmax(most, (double)hostile);
        tables++;
    }
    table_add(table, (double)tables);
    table_add(table, sum / (double)tables);
    table_add(table, 100 * shares / (double)tables);
    table_add(table, 100 * largest);
    table_add(table, most);
}

static void add_poisoned(struct world *world, const struct trial_settings *settings,
                         struct table *table, double minutes)
{
    struct world_lookups lookups = {0};
    table_add(table, minutes);
    add_tables(world, table);
    world_look_up(world, 0, world->record_count, settings->lookups, 0, LOOKUP_EVERY_MS, &lookups);
    table_add(table, world_found_percent(&lookups));
    world_lookups_dispose(&lookups);
}

static bool run_poison(const struct trial_settings *settings, struct result *result,
                       const char **error)
{
    struct world world;
    struct table *table = result_add_table(result, "poisoned tables", poison_columns);
    table->text = "every hostile node asks every honest one something every five minutes";
    uint64_t step_ms = 5 * WORLD_MINUTE;
    enum { PARTS = 50 };
    if (begin(&world, settings, "poison", settings->lasts_ms, error)) {
        publish(&world, settings->records);
        add_poisoned(&world, settings, table, 0);
        add_poisoners(&world, settings->sybils);
        for (uint64_t at_ms = 0; at_ms < settings->lasts_ms && !progress_stopped();
             at_ms += step_ms) {
            for (size_t part = 0; part < PARTS && !progress_stopped(); part++) {
                greet_all(&world, part, PARTS);
                world_run(&world, step_ms / PARTS);
            }
            add_poisoned(&world, settings, table, (double)(at_ms + step_ms) / WORLD_MINUTE);
        }
    }
    world_dispose(&world);
    return *error == NULL;
}

const struct trial trial_poison = {
    .name = "poison",
    .text = "1,000 ids from four /24s push themselves into tables",
    .undivided = true,
    .defaults = {.world = {.loss = 0.01},
                 .nodes = {{500}, 1},
                 .warm_up_ms = 10 * WORLD_MINUTE,
                 .lasts_ms = 20 * WORLD_MINUTE,
                 .records = 50,
                 .lookups = 200,
                 .sybils = 1000},
    .run = run_poison,
};

/* ---- record flood ---- */

static const struct column flood_columns[] = {
    {"when", -1},        {"lookups", 0},  {"found %", 2},    {"value ms", 0},
    {"99 %", 0},         {"asked", 1},    {"flooded", 0},    {"kept", 0},
    {"most records", 0}, {"most KiB", 0}, {"budget KiB", 0}, {NULL, 0}};

static void add_stores(struct world *world, struct table *table)
{
    double records = 0, bytes = 0;
    for (size_t node = 0; node < world->population; node++) {
        if (!net_is_up(world->net, node))
            continue;
        struct dht_stats stats;
        dht_stats(net_dht(world->net, node), &stats);
        records = fmax(records, (double)stats.stored_records);
        bytes = fmax(bytes, (double)stats.stored_bytes);
    }
    table_add(table, (double)rogues_flooded(world->rogues));
    table_add(table, (double)rogues_kept(world->rogues));
    table_add(table, records);
    table_add(table, bytes / 1024);
    table_add(table, STORE_BUDGET_BYTES / 1024.0);
}

/* Each floods somebody 20 times a second, which is what the limits let through; every other time
 * under a key that honest nodes use. */
static bool flood(struct world *world, size_t wanted)
{
    struct rng *rng = net_rng(world->net);
    while (rogues_flooded(world->rogues) < wanted && !progress_stopped()) {
        for (size_t r = world->population; r < net_node_count(world->net); r++) {
            bool crowds = rng_below(rng, 2) == 0 && world->record_count > 0;
            const struct id *key = NULL;
            size_t near[DHT_K], victim = world_random_node(world);
            if (crowds) {
                key = &world->records[rng_below(rng, world->record_count)].key;
                victim = near[rng_below(rng, net_nearest(world->net, key, near, DHT_K))];
            }
            rogues_flood(world->rogues, r, victim, key);
        }
        world_run(world, 50);
        progress_show((double)rogues_flooded(world->rogues));
    }
    return !progress_stopped();
}

static bool run_flood(const struct trial_settings *settings, struct result *result,
                      const char **error)
{
    struct world world;
    struct table *table = result_add_table(result, "flooded stores", flood_columns);
    table->text =
        "flooded: records sent; kept: that nodes said they kept; most: of one honest node";
    if (begin(&world, settings, "flood", 5 * WORLD_MINUTE, error)) {
        publish(&world, settings->records);
        look_up(&world, settings, table, "before");
        add_stores(&world, table);
        for (size_t i = 0; i < settings->sybils; i++) {
            struct endpoint endpoint = {.addr = {110, (uint8_t)(i >> 8), (uint8_t)i, 7},
                                        .port = 6881,
                                        .family = ENDPOINT_IPV4};
            rogues_add_at(world.rogues, &endpoint, ROGUE_COLLUDING);
        }
        world.steps_done = 0;
        progress_expect("flood", (double)settings->flooded);
        flood(&world, settings->flooded);
        look_up(&world, settings, table, "after the flood");
        add_stores(&world, table);
        world_run(&world, 40 * WORLD_MINUTE);
        look_up(&world, settings, table, "40 minutes later");
        add_stores(&world, table);
    }
    world_dispose(&world);
    return *error == NULL;
}

const struct trial trial_flood = {
    .name = "flood",
    .text = "records pushed into every store, also under keys that honest nodes use",
    .undivided = true,
    .defaults = {.world = {.loss = 0.01},
                 .nodes = {{100}, 1},
                 .warm_up_ms = 10 * WORLD_MINUTE,
                 .records = 200,
                 .lookups = 500,
                 .sybils = 100,
                 .flooded = 1000000},
    .run = run_flood,
};
