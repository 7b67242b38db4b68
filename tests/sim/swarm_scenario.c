#include "sim/swarm_scenario.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "kadpeer/rng.h"
#include "swarm/params.h"

enum {
    PIECES_MOST = 2048,
    MANY_PEERS = 200, /* from here on pieces are four times as large */
    BLOCKS_MOST = 16 << 20,
    LINGER_MS = 30000,
};

const char *const scenario_names[SCENARIOS] = {
    "clean", "polluters", "liars",       "free-riders", "mixed",
    "flash", "arrivals",  "seed-leaves", "slow-seed",
};
const char *const scenario_texts[SCENARIOS] = {
    "one seed; everybody comes in the first second and stays",
    "the same, and 30 % of all send wrong blocks",
    "the same, and 30 % of all say they have everything and send nothing",
    "30 % of those who fetch serve nobody",
    "links of three classes, up and down",
    "one tenth are there for a while, then all others come within ten seconds",
    "one comes after the other; each leaves half a minute after it is complete",
    "the seed leaves as soon as every piece is somewhere else",
    "the seed is no faster than a leecher",
};

struct scenario scenario_default(enum swarm_scenario kind)
{
    return (struct scenario){.kind = kind,
                             .peers = 100,
                             .share = 30,
                             .total_length = 1u << 30,
                             .seed_up_bit_s = kind == SCENARIO_SLOW_SEED ? 10000000 : 20000000,
                             .up_bit_s = 10000000,
                             .down_bit_s = 50000000,
                             .latency_ms = 25,
                             .connections = 80,
                             .seed = 1};
}

/* ---- who is in it ---- */

/* In percent of the usual rates; their mean is that. */
static const struct {
    unsigned up, down;
} classes[4] = {{40, 40}, {80, 100}, {80, 100}, {200, 200}};

static unsigned up_percent(const struct scenario *scenario, unsigned i)
{
    return scenario->kind == SCENARIO_MIXED ? classes[i % 4].up : 100;
}

static unsigned down_percent(const struct scenario *scenario, unsigned i)
{
    return scenario->kind == SCENARIO_MIXED ? classes[i % 4].down : 100;
}

static bool is_free_rider(const struct scenario *scenario, unsigned i)
{
    return scenario->kind == SCENARIO_FREE_RIDERS &&
           (i + 1) * scenario->share / 100 > i * scenario->share / 100;
}

static unsigned count_bad(const struct scenario *scenario)
{
    bool some = scenario->kind == SCENARIO_POLLUTERS || scenario->kind == SCENARIO_LIARS;
    return some ? scenario->peers * scenario->share / (100 - scenario->share) : 0;
}

double scenario_bound_s(const struct scenario *scenario)
{
    double bits = (double)scenario->total_length * 8, sum = (double)scenario->seed_up_bit_s;
    double slowest = (double)scenario->down_bit_s;
    if (scenario->kind == SCENARIO_FLASH || scenario->kind == SCENARIO_ARRIVALS)
        return 0;
    for (unsigned i = 0; i < scenario->peers; i++) {
        double down = (double)scenario->down_bit_s * down_percent(scenario, i) / 100;
        slowest = down < slowest ? down : slowest;
        if (!is_free_rider(scenario, i))
            sum += (double)scenario->up_bit_s * up_percent(scenario, i) / 100;
    }
    double by_seed = bits / (double)scenario->seed_up_bit_s, by_down = bits / slowest;
    double by_all = bits * scenario->peers / sum;
    double bound = by_seed > by_down ? by_seed : by_down;
    return bound > by_all ? bound : by_all;
}

double scenario_bound_pieces_s(const struct scenario *scenario)
{
    double bound_s = scenario_bound_s(scenario), up = (double)scenario->up_bit_s;
    if (bound_s <= 0 || scenario->kind == SCENARIO_FREE_RIDERS || scenario->kind == SCENARIO_MIXED)
        return bound_s;
    double sum = (double)scenario->seed_up_bit_s, at_s = 0, idle_s = 0;
    for (unsigned i = 0; i < scenario->peers; i++, sum += up) {
        at_s += (double)scenario->piece_length * 8 / sum;
        idle_s += at_s;
    }
    double bits = (double)scenario->total_length * 8 * scenario->peers;
    double by_all = (bits + up * idle_s) / sum;
    return by_all > bound_s ? by_all : bound_s;
}

double scenario_even_copies(const struct scenario *scenario)
{
    return (double)scenario->seed_up_bit_s * scenario_bound_s(scenario) /
           ((double)scenario->total_length * 8);
}

/* When peer `i` comes. */
static uint64_t join_ms(const struct scenario *scenario, struct rng *rng, unsigned i)
{
    uint64_t download_s = scenario->total_length * 8 / scenario->up_bit_s;
    if (scenario->kind == SCENARIO_FLASH && i >= scenario->peers / 10)
        return download_s * 1000 / 4 + rng_below(rng, 10000);
    if (scenario->kind == SCENARIO_ARRIVALS)
        return rng_below(rng, 4000 * download_s);
    return rng_below(rng, 1000);
}

static uint64_t bytes_per_s(const struct scenario *scenario, uint64_t bit_s, unsigned percent)
{
    return bit_s / 8 * percent / 100 / scenario->scale;
}

static void add_peers(struct swarm_sim *sim, const struct scenario *scenario)
{
    struct rng rng;
    rng_init_seed(&rng, scenario->seed + 1);
    uint64_t down = bytes_per_s(scenario, scenario->down_bit_s, 100);
    uint64_t up = bytes_per_s(scenario, scenario->up_bit_s, 100);
    swarm_sim_add(sim, SWARM_SEED, bytes_per_s(scenario, scenario->seed_up_bit_s, 100), down, 0);
    for (unsigned i = 0; i < scenario->peers; i++)
        swarm_sim_add(sim, is_free_rider(scenario, i) ? SWARM_FREE_RIDER : SWARM_LEECHER,
                      bytes_per_s(scenario, scenario->up_bit_s, up_percent(scenario, i)),
                      bytes_per_s(scenario, scenario->down_bit_s, down_percent(scenario, i)),
                      join_ms(scenario, &rng, i));
    for (unsigned i = 0; i < count_bad(scenario); i++)
        swarm_sim_add(sim, scenario->kind == SCENARIO_LIARS ? SWARM_LIAR : SWARM_POLLUTER, up, down,
                      rng_below(&rng, 1000));
}

/* ---- running ---- */

static struct scenario filled_in(const struct scenario *given)
{
    struct scenario scenario = *given;
    uint64_t length = scenario.total_length;
    if (scenario.piece_length == 0) {
        scenario.piece_length = 256u << 10;
        while (length / scenario.piece_length > PIECES_MOST)
            scenario.piece_length *= 2;
        if (scenario.peers > MANY_PEERS)
            scenario.piece_length *= 4;
    }
    uint64_t blocks = length / BLOCK_BYTES * scenario.peers;
    for (scenario.scale = scenario.scale > 0 ? scenario.scale : 1;
         given->scale == 0 && blocks / scenario.scale > BLOCKS_MOST &&
         scenario.piece_length / scenario.scale > BLOCK_BYTES;)
        scenario.scale *= 2;
    double bound_s = scenario_bound_s(&scenario);
    if (scenario.limit_s == 0)
        scenario.limit_s = bound_s > 0 ? (uint64_t)(20 * bound_s) + 60
                                       : 20 * (length * 8 / scenario.up_bit_s) + 60;
    return scenario;
}

static struct swarm_sim *build(const struct scenario *scenario)
{
    struct swarm_config config = {
        .seed = scenario->seed,
        .piece_length = scenario->piece_length / scenario->scale,
        .total_length = scenario->total_length / scenario->scale,
        .latency_us = scenario->latency_ms * 1000,
        .connections = scenario->connections,
        .bad_in_100 = 100,
        .memory_bytes = MEMORY_DEFAULT_BYTES / scenario->scale,
        .slot_bps = SLOT_WORTH_BPS / scenario->scale,
        .order = scenario->order,
        .leave_when_complete = scenario->kind == SCENARIO_ARRIVALS,
        .linger_ms = LINGER_MS,
        .seed_leaves = scenario->kind == SCENARIO_SEED_LEAVES,
        .check = scenario->check,
        .limit_ms = scenario->limit_s * 1000,
        .sample_ms = 1000,
    };
    struct swarm_sim *sim = swarm_sim_new(&config);
    add_peers(sim, scenario);
    return sim;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* Of what it took each of a kind from its coming. */
static double median_s(const struct scenario_outcome *outcome, enum swarm_kind kind)
{
    double *values = calloc(outcome->result.peers, sizeof *values), median = 0;
    size_t count = 0;
    assert(values != NULL);
    for (size_t i = 0; i < outcome->result.peers; i++) {
        const struct swarm_peer *peer = &outcome->peers[i];
        if (peer->kind == kind && peer->complete_ms != UINT64_MAX)
            values[count++] = (double)(peer->complete_ms - peer->join_ms) / 1000;
    }
    qsort(values, count, sizeof *values, by_value);
    if (count > 0)
        median = values[count / 2];
    free(values);
    return median;
}

static double seconds(uint64_t ms)
{
    return ms == UINT64_MAX ? 0 : (double)ms / 1000;
}

static void sum_up(struct scenario_outcome *outcome)
{
    const struct swarm_result *result = &outcome->result;
    const struct scenario *scenario = &outcome->scenario;
    double whole = (double)(scenario->total_length / scenario->scale);
    double fetched = 0;
    for (size_t i = 0; i < result->peers; i++) {
        const struct swarm_peer *peer = &outcome->peers[i];
        fetched += (double)peer->bytes_down;
        if (peer->kind != SWARM_POLLUTER && peer->kind != SWARM_LIAR)
            continue;
        outcome->bad_peers++;
        outcome->bad_banned += peer->banned_by > 0;
    }
    outcome->bound_s = scenario_bound_s(scenario);
    outcome->bound_pieces_s = scenario_bound_pieces_s(scenario);
    outcome->first_s = seconds(result->first_ms);
    outcome->last_s = seconds(result->last_ms);
    outcome->median_s = median_s(outcome, SWARM_LEECHER);
    outcome->median_free_rider_s = median_s(outcome, SWARM_FREE_RIDER);
    outcome->uplinks_used = swarm_result_uplinks_used(result);
    outcome->copies_at_first = (double)result->seed_bytes_at_first / whole;
    outcome->copies_at_out = (double)result->seed_bytes_at_out / whole;
    outcome->wasted = fetched > 0 ? (double)result->bytes_wasted / fetched : 0;
}

struct scenario_outcome scenario_run(const struct scenario *given,
                                     void (*progress)(const struct swarm_result *result))
{
    struct scenario_outcome outcome = {.scenario = filled_in(given)};
    struct swarm_sim *sim = build(&outcome.scenario);
    for (uint64_t until_ms = 10000; !swarm_sim_is_over(sim); until_ms += 10000) {
        swarm_sim_run(sim, until_ms);
        if (progress != NULL) {
            struct swarm_result result = swarm_sim_result(sim);
            progress(&result);
        }
    }
    outcome.result = swarm_sim_result(sim);
    outcome.peers = calloc(outcome.result.peers, sizeof *outcome.peers);
    outcome.samples = calloc(outcome.result.sample_count + 1, sizeof *outcome.samples);
    assert(outcome.peers != NULL && outcome.samples != NULL);
    for (size_t i = 0; i < outcome.result.peers; i++)
        outcome.peers[i] = swarm_sim_peer(sim, i);
    memcpy(outcome.samples, outcome.result.samples,
           outcome.result.sample_count * sizeof *outcome.samples);
    outcome.result.samples = outcome.samples;
    sum_up(&outcome);
    swarm_sim_free(sim);
    return outcome;
}

void scenario_outcome_dispose(struct scenario_outcome *outcome)
{
    free(outcome->peers);
    free(outcome->samples);
}

/* ---- goals ---- */

static struct scenario_goal at_most(const char *text, double value, double limit)
{
    return (struct scenario_goal){
        .text = text, .value = value, .limit = limit, .met = value <= limit};
}

static struct scenario_goal at_least(const char *text, double value, double limit)
{
    return (struct scenario_goal){
        .text = text, .value = value, .limit = limit, .at_least = true, .met = value >= limit};
}

size_t scenario_goals(const struct scenario_outcome *outcome, const struct scenario_outcome *clean,
                      struct scenario_goal out[SCENARIO_GOALS_MAX])
{
    const struct swarm_result *result = &outcome->result;
    enum swarm_scenario kind = outcome->scenario.kind;
    bool goes_well = kind == SCENARIO_CLEAN || kind == SCENARIO_SLOW_SEED;
    size_t count = 0;
    out[count++] = at_least("share complete", (double)result->complete / result->fetchers, 1);
    if (goes_well)
        out[count++] = at_most("last / bound", outcome->last_s / outcome->bound_s,
                               outcome->scenario.peers > 100 ? 1.4 : 1.25);
    if (kind == SCENARIO_CLEAN)
        out[count++] = at_least("uplinks used, 10-90 %", outcome->uplinks_used, 0.95);
    if (goes_well || kind == SCENARIO_MIXED || kind == SCENARIO_SEED_LEAVES)
        out[count++] = at_most("seed's copies, all out", outcome->copies_at_out, 1.2);
    if (goes_well) {
        out[count] = at_most("seed's copies, first done", outcome->copies_at_first, 1.2);
        out[count++].even = scenario_even_copies(&outcome->scenario);
    }
    if (kind == SCENARIO_POLLUTERS && clean != NULL)
        out[count++] = at_most("last / clean last", outcome->last_s / clean->last_s, 1.5);
    if (kind == SCENARIO_FREE_RIDERS)
        out[count++] = at_least("free riders' / others' median",
                                outcome->median_free_rider_s / outcome->median_s, 1);
    out[count++] = at_most("honest peers banned", result->honest_bans, 0);
    return count;
}
