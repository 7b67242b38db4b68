#include "sim/world.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "sim/progress.h"

#define DOORS         8
#define SLICE_MS      200
#define JOIN_EVERY_MS 100
#define JOINS_PART    200 /* of those who are there, one for so many joins then: 5 % a second */
#define SETTLE_MS     (2 * WORLD_MINUTE)
#define STALE_SAMPLES 200 /* nodes whose tables are looked through */
#define CONTACTS_MAX  4096
#define HEADER_BYTES  28 /* IPv4 and UDP */
#define REORDER_MS    200
#define DUPLICATE_MS  500

/* ---- life ---- */

static void on_event(void *state, size_t node, const struct dht_event *event)
{
    struct world *world = state;
    if (event->type != DHT_EVENT_PUBLISHED || world->record_of[node] == 0)
        return;
    struct world_record *record = &world->records[world->record_of[node] - 1];
    if (record->stored_ms > 0 || record->kind != event->kind || !id_equal(&record->key, &event->id))
        return;
    record->stored_ms = net_now_at(world->net, node);
    record->stored_at = event->values;
}

static void stack_parts(struct world *world)
{
    const struct world_options *options = &world->options;
    if (options->behind_nat > 0)
        world->nat = net_add_nat(world->net);
    if (options->cut_off > 0)
        world->partition = net_add_partition(world->net, options->cut_off);
    if (options->loss > 0)
        net_add_loss(world->net, options->loss);
    if (options->latency_file == NULL)
        world->latency = net_add_internet(world->net);
    else
        world->latency = net_add_latency_matrix(world->net, options->latency_file, &world->error);
    if (options->reordered > 0)
        net_add_reordering(world->net, options->reordered, REORDER_MS);
    if (options->duplicates > 0)
        net_add_duplicates(world->net, options->duplicates, DUPLICATE_MS);
}

void world_init(struct world *world, const struct world_options *options)
{
    struct net_config config = {.seed = options->seed,
                                .family = ENDPOINT_IPV4,
                                .addresses = NET_PUBLIC,
                                .large = true,
                                .without = options->without,
                                .paths = options->paths,
                                .threads = options->behind_nat > 0 ? 0 : options->threads};
    *world = (struct world){.net = net_new(&config), .options = *options};
    stack_parts(world);
    world->doors = options->nodes < 2 * DOORS ? 1 : DOORS;
    world->population = options->nodes;
    if (options->churn != NULL)
        world->population = (size_t)((double)options->nodes / churn_share_up(options->churn));
    for (size_t i = 0; i < world->population; i++) {
        net_add_node(world->net, NULL);
        if (i >= world->doors && rng_unit(net_rng(world->net)) < options->behind_nat)
            nat_put_behind(world->nat, i);
    }
    net_set_doors(world->net, world->doors);
    world->record_of = calloc(world->population, sizeof *world->record_of);
    assert(world->record_of != NULL);
    net_set_guest(world->net, &(struct net_guest){.state = world, .on_event = on_event});
}

void world_dispose(struct world *world)
{
    for (size_t i = 0; i < world->record_count; i++)
        free(world->records[i].value);
    free(world->records);
    free(world->record_of);
    if (world->rogues != NULL)
        rogues_free(world->rogues);
    net_free(world->net);
}

/* ---- time ---- */

bool world_run(struct world *world, uint64_t ms)
{
    while (ms > 0 && !progress_stopped()) {
        uint64_t slice_ms = ms < SLICE_MS ? ms : SLICE_MS;
        net_run_for(world->net, slice_ms);
        ms -= slice_ms;
        world->steps_done += (double)slice_ms * (double)net_up(world->net);
        progress_show(world->steps_done);
    }
    return !progress_stopped();
}

static size_t joins_at(const struct world_options *options, size_t there)
{
    return 1 + there / (options->joins_part > 0 ? options->joins_part : JOINS_PART);
}

uint64_t world_growth_ms(const struct world_options *options)
{
    uint64_t ms = SETTLE_MS;
    for (size_t there = 1; there < options->nodes; there += joins_at(options, there))
        ms += JOIN_EVERY_MS;
    return ms;
}

bool world_reachable(const struct world *world, size_t node)
{
    return net_is_up(world->net, node) && (world->nat == NULL || !nat_is_behind(world->nat, node));
}

bool world_grow(struct world *world)
{
    size_t there = 1;
    net_start(world->net, 0, NET_NONE);
    while (there < world->options.nodes) {
        size_t joins = joins_at(&world->options, there), before = there;
        for (size_t i = 0; i < joins && there < world->options.nodes; i++) {
            size_t by;
            do
                by = rng_below(net_rng(world->net), before);
            while (!world_reachable(world, by));
            net_start(world->net, there++, by);
        }
        if (!world_run(world, JOIN_EVERY_MS))
            return false;
    }
    return world_run(world, SETTLE_MS);
}

bool world_churn(struct world *world, uint64_t warm_up_ms)
{
    if (world->options.churn != NULL)
        net_churn_by(world->net, world->doors, world->options.churn, false);
    return world_run(world, warm_up_ms);
}

/* ---- nodes and records ---- */

size_t world_random_node(struct world *world)
{
    size_t node, tries = 0;
    do
        node = net_random_up(world->net, tries++ < 1000 ? world->doors : 0);
    while (tries < 2000 && (!world_reachable(world, node) ||
                            (world->rogues != NULL && rogues_has(world->rogues, node))));
    return node;
}

struct bytes world_value(const struct world *world, size_t record)
{
    return bytes_of(world->records[record].value, world->records[record].len);
}

size_t world_publish(struct world *world, size_t node, const struct sample *sample)
{
    if (world->record_count == world->record_cap) {
        world->record_cap = world->record_cap > 0 ? 2 * world->record_cap : 64;
        world->records = realloc(world->records, world->record_cap * sizeof *world->records);
        assert(world->records != NULL);
    }
    struct world_record *record = &world->records[world->record_count++];
    *record = (struct world_record){.key = sample->key,
                                    .kind = sample->kind,
                                    .len = (uint16_t)sample->len,
                                    .value = malloc(sample->len),
                                    .publisher = node,
                                    .published_ms = net_now_ms(world->net)};
    assert(record->value != NULL);
    memcpy(record->value, sample->data, sample->len);
    world->record_of[node] = (uint32_t)world->record_count;
    net_publish(world->net, node, sample);
    return world->record_count - 1;
}

/* ---- what is measured ---- */

double world_stale_share(struct world *world)
{
    static struct dht_contact contacts[CONTACTS_MAX];
    size_t stale = 0, all = 0;
    for (size_t i = 0; i < STALE_SAMPLES; i++) {
        size_t node = world_random_node(world);
        size_t count = dht_contacts(net_dht(world->net, node), contacts, CONTACTS_MAX);
        for (size_t c = 0; c < count; c++) {
            size_t at = net_node_at(world->net, &contacts[c].endpoint);
            stale += at == NET_NONE || !world_reachable(world, at);
        }
        all += count;
    }
    return all > 0 ? (double)stale / (double)all : 0;
}

double world_bytes_per_s(const struct world *world, const struct net_traffic *since)
{
    struct net_traffic now = net_traffic(world->net);
    double bytes = (double)(now.bytes - since->bytes) +
                   HEADER_BYTES * (double)(now.datagrams - since->datagrams);
    return bytes * 1000 / (double)(now.up_ms - since->up_ms);
}

static bool is_in(const struct net_outcome *outcome, const struct id *id)
{
    for (size_t i = 0; i < outcome->event.node_count; i++)
        if (id_equal(&outcome->nodes[i], id))
            return true;
    return false;
}

/* Who is behind a NAT may be in it and need not; then others are not among the first k. */
double world_nearest_share(const struct world *world, const struct net_outcome *outcome)
{
    const struct id *target = &outcome->event.id;
    size_t nearest[DHT_K], missed = 0, due = 0, got = outcome->event.node_count;
    size_t count = net_nearest(world->net, target, nearest, DHT_K);
    for (size_t i = 0; i < count; i++) {
        struct id id = net_id(world->net, nearest[i]);
        if (!world_reachable(world, nearest[i]) || nearest[i] == outcome->node)
            continue;
        due++;
        missed += !is_in(outcome, &id) &&
                  (got < DHT_K || id_distance_compare(target, &id, &outcome->nodes[got - 1]) < 0);
    }
    return due > 0 ? 1 - (double)missed / (double)due : 1;
}

uint64_t world_heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
