#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "sim/progress.h"
#include "sim/world.h"

#define BATCH_MS  (5 * WORLD_SECOND)  /* what was started within is looked at together … */
#define ENDING_MS (10 * WORLD_SECOND) /* … so much later: who is nearest changes */

/* ---- sorted samples ---- */

void sorted_add(struct sorted *sorted, double value)
{
    if (sorted->count == sorted->cap) {
        sorted->cap = sorted->cap > 0 ? 2 * sorted->cap : 256;
        sorted->values = realloc(sorted->values, sorted->cap * sizeof *sorted->values);
        assert(sorted->values != NULL);
    }
    sorted->values[sorted->count++] = value;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

void sorted_sort(struct sorted *sorted)
{
    if (sorted->count > 0)
        qsort(sorted->values, sorted->count, sizeof *sorted->values, compare);
}

double sorted_at(const struct sorted *sorted, double share)
{
    if (sorted->count == 0)
        return NAN;
    return sorted->values[(size_t)(share * (double)(sorted->count - 1) + 0.5)];
}

double sorted_mean(const struct sorted *sorted)
{
    double sum = 0;
    for (size_t i = 0; i < sorted->count; i++)
        sum += sorted->values[i];
    return sorted->count > 0 ? sum / (double)sorted->count : NAN;
}

/* ---- lookups ---- */

static void take(struct world *world, size_t number, bool is_find, struct world_lookups *out)
{
    const struct net_outcome *outcome = net_outcome(world->net, number);
    if (!outcome->done)
        return;
    sorted_add(&out->hops, outcome->event.hops);
    if (is_find) {
        sorted_add(&out->nearest, 100 * world_nearest_share(world, outcome));
        return;
    }
    out->done++;
    out->found += outcome->found;
    if (outcome->found)
        sorted_add(&out->value_ms, (double)(outcome->found_ms - outcome->started_ms));
    sorted_add(&out->end_ms, (double)(outcome->ended_ms - outcome->started_ms));
    sorted_add(&out->asked, outcome->event.asked);
    sorted_add(&out->answered, outcome->event.answered);
}

static void start_get(struct world *world, size_t first, size_t count)
{
    size_t number = first + rng_below(net_rng(world->net), count), asker;
    const struct world_record *record = &world->records[number];
    do
        asker = world_random_node(world);
    while (asker == record->publisher);
    net_get(world->net, asker, &record->key, record->kind, world_value(world, number));
}

static void start_find(struct world *world)
{
    struct id target;
    rng_fill(net_rng(world->net), target.bytes, sizeof target.bytes);
    net_find(world->net, world_random_node(world), &target);
}

void world_look_up(struct world *world, size_t first, size_t count, size_t lookups, size_t finds,
                   uint64_t every_ms, struct world_lookups *out)
{
    size_t all = lookups + finds, started = 0;
    if (count == 0)
        return;
    while (started < all && !progress_stopped()) {
        size_t before = started;
        for (uint64_t ms = 0; ms < BATCH_MS && started < all; ms += every_ms, started++) {
            if (started * finds / all < (started + 1) * finds / all) /* evenly among the others */
                start_find(world);
            else
                start_get(world, first, count);
            world_run(world, every_ms);
        }
        world_run(world, ENDING_MS);
        for (size_t i = before; i < started; i++)
            take(world, i - before, i * finds / all < (i + 1) * finds / all, out);
        net_forget_outcomes(world->net);
    }
}

uint64_t world_lookups_ms(size_t lookups, size_t finds, uint64_t every_ms)
{
    return (lookups + finds) * every_ms * (BATCH_MS + ENDING_MS) / BATCH_MS;
}

double world_found_percent(const struct world_lookups *lookups)
{
    return lookups->done > 0 ? 100.0 * (double)lookups->found / (double)lookups->done : NAN;
}

static void for_each(struct world_lookups *lookups, void (*call)(struct sorted *))
{
    struct sorted *all[] = {&lookups->value_ms, &lookups->end_ms,   &lookups->hops,
                            &lookups->asked,    &lookups->answered, &lookups->nearest};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        call(all[i]);
}

void world_lookups_sort(struct world_lookups *lookups)
{
    for_each(lookups, sorted_sort);
}

static void sorted_dispose(struct sorted *sorted)
{
    free(sorted->values);
}

void world_lookups_dispose(struct world_lookups *lookups)
{
    for_each(lookups, sorted_dispose);
}
