#include <stdlib.h>
#include <string.h>

#include "sim/mix_private.h"

#define SECOND       1000ull
#define GROW_MS      (30 * SECOND) /* all have begun by then */
#define UNIX_BASE_MS 1700000000000ull
#define LOOK_MAX_S   150 /* what is looked for at the end comes within */
#define CALM_CHECK_S 5   /* less happens then */
#define DOORS        2   /* nodes that others begin with */

static bool chance(struct mix_run *run, double share)
{
    return rng_unit(&run->rng) < share;
}

/* How often something happens within a second that happens so many times on average. */
static unsigned times(struct mix_run *run, double mean)
{
    unsigned whole = (unsigned)mean;
    return whole + chance(run, mean - whole);
}

/* ---- the network ---- */

static bool pass_weather(void *state, struct net_packet *packet)
{
    struct mix_run *run = state;
    const struct mix *mix = run->mix;
    if (run->calm)
        return true;
    if (chance(run, mix->duplicates))
        packet->again_ms = 1 + rng_below(&run->rng, mix->reordered_ms);
    if (chance(run, mix->reordered))
        packet->delay_ms += rng_below(&run->rng, mix->reordered_ms);
    return !chance(run, mix->loss);
}

static void stack_parts(struct mix_run *run)
{
    const struct mix *mix = run->mix;
    struct latency *latency = NULL;
    if (mix->internet)
        latency = net_add_internet(run->net);
    else
        net_add_delay(run->net, mix->min_ms, mix->max_ms);
    net_add_part(run->net, &(struct net_part){.state = run, .pass = pass_weather});
    run->nat = net_add_nat(run->net);
    run->partition = net_add_partition(run->net, mix->cut_off);
    run->rogues = rogues_new(run->net, latency);
}

static size_t other_door(const struct mix_run *run, size_t node)
{
    return node == 0 && run->mix->nodes >= DOORS ? 1 : 0;
}

static void start(struct mix_run *run, size_t node)
{
    size_t door = node < DOORS ? other_door(run, node) : rng_below(&run->rng, DOORS);
    net_start(run->net, node, door != node ? door : NET_NONE);
    mix_started(run, node);
}

static void add_nodes(struct mix_run *run)
{
    const struct mix *mix = run->mix;
    for (size_t i = 0; i < mix->nodes; i++) {
        bool is_door = i < DOORS;
        struct net_node_options options = {
            .read_only = !is_door && chance(run, mix->read_only),
            .same_address = !is_door && chance(run, mix->behind_one),
        };
        net_add_node(run->net, &options);
        run->nodes[i].read_only = options.read_only;
        run->nodes[i].open = is_door || !chance(run, mix->behind_nat);
        if (!run->nodes[i].open)
            nat_put_behind(run->nat, i);
    }
    run->vandal = vandal_new(run->net, mix->vandal_answers);
    struct net_node_options elsewhere = {
        .endpoint = {.family = mix->family, .addr = {127, 0, 0, 2}, .port = 61881}};
    if (mix->family == ENDPOINT_IPV6) /* no second loopback address, but a local one */
        memcpy(elsewhere.endpoint.addr, (uint8_t[16]){0xfe, 0x80, [15] = 1}, 16);
    run->auditor = auditor_new(run->net, mix->addresses != NET_PUBLIC ? &elsewhere : NULL);
}

static void grow(struct mix_run *run)
{
    for (size_t i = 0; i < run->mix->nodes; i++) {
        start(run, i);
        net_run_for(run->net, GROW_MS / run->mix->nodes);
    }
}

/* ---- hostile ones ---- */

static void turn_hostile(struct mix_run *run)
{
    size_t next = DOORS;
    for (size_t kind = 0; kind < ROGUE_KINDS; kind++)
        for (size_t i = 0; i < run->mix->rogues[kind] && next < run->mix->nodes; i++, next++) {
            run->nodes[next].hostile = kind != ROGUE_SLOW;
            if (run->nodes[next].hostile)
                mix_stopped(run, next);
            rogues_turn(run->rogues, next, (enum rogue_kind)kind);
        }
    struct id key;
    rng_fill(&run->rng, key.bytes, sizeof key.bytes);
    if (run->record_count > 0)
        key = run->records[0].sample.key;
    for (size_t i = 0; i < run->mix->besiegers; i++) {
        size_t node = rogues_add_near(run->rogues, &key, ROGUE_COLLUDING);
        run->nodes[node].hostile = true;
        rogues_greet(run->rogues, node, 0);
    }
}

static size_t any_up(struct mix_run *run)
{
    return net_random_up(run->net, 0);
}

static void be_hostile(struct mix_run *run, size_t node)
{
    rogues_greet(run->rogues, node, any_up(run));
    for (unsigned i = times(run, run->mix->floods); i > 0; i--) {
        bool crowds = chance(run, 0.3) && run->record_count > 0;
        rogues_flood(run->rogues, node, any_up(run),
                     crowds ? &run->records[rng_below(&run->rng, run->record_count)].sample.key
                            : NULL);
    }
}

static void end_hostilities(struct mix_run *run)
{
    for (size_t node = 0; node < net_node_count(run->net); node++)
        if (run->nodes[node].hostile)
            net_act(run->net, node, NULL);
    net_act(run->net, vandal_node(run->vandal), NULL);
}

/* ---- what befalls it ---- */

static void go_down(struct mix_run *run, size_t node)
{
    if (net_up(run->net) < 2)
        return;
    mix_stopped(run, node);
    net_stop(run->net, node);
    if (chance(run, run->mix->forgets))
        net_forget(run->net, node);
    else if (chance(run, run->mix->loses_records))
        net_lose_records(run->net, node);
}

static void set_clock(struct mix_run *run, size_t node, int64_t ahead_ms)
{
    run->nodes[node].clock_ms = ahead_ms;
    dht_set_unix_base(net_dht(run->net, node), UNIX_BASE_MS + (uint64_t)ahead_ms);
    net_touched(run->net, node);
}

static void come_and_go(struct mix_run *run, size_t node)
{
    const struct mix *mix = run->mix;
    if (!net_is_up(run->net, node)) {
        if (chance(run, mix->comes_back))
            start(run, node);
    } else if (chance(run, mix->goes_down)) {
        go_down(run, node);
    } else if (chance(run, mix->stands_still)) {
        uint64_t ms = 1 + rng_below(&run->rng, mix->still_s * SECOND);
        net_stand_still(run->net, node, ms);
        mix_slept(run, node, ms);
    } else if (chance(run, mix->clock_set)) {
        int64_t most_ms = mix->clock_s * (int64_t)SECOND;
        set_clock(run, node, (int64_t)rng_below(&run->rng, 2 * (uint64_t)most_ms + 1) - most_ms);
    }
}

static void cut_or_mend(struct mix_run *run)
{
    const struct mix *mix = run->mix;
    if (mix->cut_off > 0 && chance(run, run->cut ? mix->cut_opens : mix->cut_closes)) {
        run->cut = !run->cut;
        partition_close(run->partition, run->cut);
    }
}

static void look_something_up(struct mix_run *run, size_t node)
{
    struct id target;
    rng_fill(&run->rng, target.bytes, sizeof target.bytes);
    const struct mix_record *record =
        run->record_count > 0 ? &run->records[rng_below(&run->rng, run->record_count)] : NULL;
    if (!mix_has_room(run))
        return;
    if (record == NULL || chance(run, 0.2))
        mix_find(run, node, &target);
    else if (chance(run, 0.1))
        mix_ping(run, node, rng_below(&run->rng, run->mix->nodes));
    else
        mix_get(run, node, &record->sample.key, record->sample.kind, SIZE_MAX);
    if (chance(run, 0.05) && run->lookup_count > 0)
        mix_cancel_one(run, rng_below(&run->rng, run->lookup_count));
}

static bool is_awake(const struct mix_run *run, size_t node)
{
    return net_is_up(run->net, node) && !net_stands_still(run->net, node);
}

static void change_a_record(struct mix_run *run)
{
    size_t number = rng_below(&run->rng, run->record_count);
    if (run->records[number].withdrawn || !is_awake(run, run->records[number].publisher))
        return;
    if (chance(run, 0.2))
        mix_withdraw(run, number);
    else
        mix_publish_anew(run, number);
}

static void be_busy(struct mix_run *run, size_t node)
{
    const struct mix *mix = run->mix;
    if (chance(run, mix->publishes) && run->record_count < mix->records_max)
        mix_publish_new(run, node);
    if (run->record_count > 0 && chance(run, mix->publishes / 4))
        change_a_record(run);
    for (unsigned i = times(run, mix->looks_up); i > 0; i--)
        look_something_up(run, node);
    if (!run->calm)
        for (unsigned i = times(run, mix->vandals); i > 0; i--)
            vandal_send(run->vandal, node);
}

static void audit(struct mix_run *run)
{
    if (run->record_count == 0)
        return;
    size_t node = any_up(run);
    const struct mix_record *record = &run->records[rng_below(&run->rng, run->record_count)];
    auditor_ask(run->auditor, node, &record->sample.key, record->sample.kind,
                mix_unix_ms(run, node) / 1000);
}

static void pass_a_second(struct mix_run *run)
{
    for (size_t node = 0; node < net_node_count(run->net); node++) {
        if (!run->calm && run->nodes[node].hostile)
            be_hostile(run, node);
        if (node >= run->mix->nodes || run->nodes[node].hostile)
            continue;
        if (!run->calm && !net_stands_still(run->net, node))
            come_and_go(run, node);
        if (is_awake(run, node))
            be_busy(run, node);
    }
    if (!run->calm)
        cut_or_mend(run);
    audit(run);
    net_run_for(run->net, SECOND);
    mix_check(run);
}

/* ---- afterwards ---- */

static void end_faults(struct mix_run *run)
{
    run->calm = true;
    partition_close(run->partition, false);
    end_hostilities(run);
    for (size_t node = 0; node < run->mix->nodes; node++) {
        if (run->nodes[node].hostile)
            continue;
        if (!net_is_up(run->net, node))
            start(run, node);
        set_clock(run, node, 0);
    }
}

static bool is_living(const struct mix_run *run, const struct mix_record *record)
{
    return !record->withdrawn && !run->nodes[record->publisher].hostile &&
           (record->expiry_unix_s == 0 || record->expiry_unix_s > net_unix_s(run->net) + 86400);
}

/* Each record by some nodes, and by each node some record. */
static void look_for_all(struct mix_run *run)
{
    for (size_t i = 0; i < run->record_count || i < run->mix->nodes; i++) {
        size_t record = i % (run->record_count > 0 ? run->record_count : 1);
        size_t node = i < run->mix->nodes ? i : any_up(run);
        if (!net_is_up(run->net, node) || record >= run->record_count)
            continue;
        if (is_living(run, &run->records[record])) {
            mix_get(run, node, &run->records[record].sample.key, run->records[record].sample.kind,
                    record);
            run->figures.checked++;
        }
        net_run_for(run->net, 100);
    }
}

static void check_whole(struct mix_run *run)
{
    for (size_t node = 0; node < run->mix->nodes && net_up(run->net) > 1; node++)
        if (net_is_up(run->net, node) && run->nodes[node].stats.contacts == 0)
            mix_broken(run, "node %zu knows nobody", node);
    look_for_all(run);
    for (unsigned s = 0; s < LOOK_MAX_S && run->lookup_count > 0 && !run->broken; s++) {
        net_run_for(run->net, SECOND);
        mix_check(run);
    }
}

static void live(struct mix_run *run)
{
    for (uint32_t s = 0; s < run->mix->faults_s && !run->broken; s++) {
        if (s == run->mix->faults_s / 4)
            turn_hostile(run);
        pass_a_second(run);
    }
    end_faults(run);
    for (uint32_t s = 0; s < run->mix->calm_s && !run->broken; s++) {
        net_run_for(run->net, SECOND);
        if (s % CALM_CHECK_S == 0)
            mix_check(run);
    }
    if (!run->broken)
        check_whole(run);
}

bool mix_run(const struct mix *mix, struct mix_figures *out, char *why, size_t why_cap)
{
    struct mix_run *run = calloc(1, sizeof *run);
    if (run == NULL)
        abort();
    run->mix = mix;
    run->why = why;
    run->why_cap = why_cap;
    rng_init_seed(&run->rng, mix->seed + 1);
    run->net = net_new(&(struct net_config){.seed = mix->seed,
                                            .family = mix->family,
                                            .addresses = mix->addresses,
                                            .without = mix->without,
                                            .paths = mix->paths,
                                            .store_bytes = mix->store_bytes});
    stack_parts(run);
    add_nodes(run);
    mix_watch(run);
    grow(run);
    live(run);
    run->figures.trace = net_trace(run->net);
    run->figures.datagrams = net_delivered(run->net);
    *out = run->figures;
    bool holds = !run->broken;
    rogues_free(run->rogues);
    vandal_free(run->vandal);
    auditor_free(run->auditor);
    net_free(run->net);
    free(run);
    return holds;
}
