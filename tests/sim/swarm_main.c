/* The program behind tools/simulate swarm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/swarm_report.h"

enum { RUNS_MAX = SCENARIOS + SWARM_ORDERS, PROGRESS_EVERY_S = 5 };

struct options {
    struct scenario scenario;
    bool all_scenarios, all_orders, with_clean, json;
    bool gives_seed_up;
    const char *csv, *svg;
};

static void usage(FILE *out)
{
    fprintf(out, "usage: tools/simulate swarm SCENARIO|all [options]\n"
                 "The real transfer code of every peer of a swarm, under a virtual clock.\n\n");
    for (int i = 0; i < SCENARIOS; i++)
        fprintf(out, "  %-13s %s\n", scenario_names[i], scenario_texts[i]);
    fprintf(out,
            "\n"
            "  --peers N          who fetch (100)\n"
            "  --size BYTES       K, M, G for 2^10, 2^20, 2^30 (1G)\n"
            "  --piece BYTES      as kadpeer share would choose; four times that over 200 peers\n"
            "  --up, --down, --seed-up MBIT   rates in Mbit/s (10, 50, 20)\n"
            "  --latency MS       one way (25)\n"
            "  --connections N    a peer dials while it has fewer (80)\n"
            "  --share PERCENT    of polluters, liars, free riders (30)\n"
            "  --order rarest|random|sequential|all\n"
            "  --scale N          one block stands for N (so many that it takes some minutes)\n"
            "  --seed S           of everything random (1)\n"
            "  --limit SECONDS    of virtual time (20 times the bound)\n"
            "  --alone            do not compare with a clean run\n"
            "  --json             instead of the table\n"
            "  --csv FILE, --plot FILE.svg\n");
}

static bool parse_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= 0;
}

static bool parse_bytes(const char *text, uint64_t *out)
{
    char *end;
    double value = strtod(text, &end);
    static const char units[] = "KMG";
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (end == text || value <= 0 || (*end != '\0' && (unit == NULL || end[1] != '\0')))
        return false;
    *out = (uint64_t)(value * (unit != NULL ? (double)(1u << (10 * (unit - units + 1))) : 1));
    return true;
}

static bool parse_order(const char *text, struct options *options)
{
    options->all_orders = strcmp(text, "all") == 0;
    for (int i = 0; i < SWARM_ORDERS; i++) {
        if (strcmp(text, swarm_order_names[i]) != 0)
            continue;
        options->scenario.order = (enum swarm_order)i;
        return true;
    }
    return options->all_orders;
}

/* Options whose value is a number. */
static bool set_number(struct scenario *scenario, const char *name, double value)
{
    uint64_t bit_s = (uint64_t)(value * 1e6), whole = (uint64_t)value;
    if (strcmp(name, "--peers") == 0)
        scenario->peers = (unsigned)whole;
    else if (strcmp(name, "--up") == 0)
        scenario->up_bit_s = bit_s;
    else if (strcmp(name, "--down") == 0)
        scenario->down_bit_s = bit_s;
    else if (strcmp(name, "--seed-up") == 0)
        scenario->seed_up_bit_s = bit_s;
    else if (strcmp(name, "--latency") == 0)
        scenario->latency_ms = whole;
    else if (strcmp(name, "--connections") == 0)
        scenario->connections = (unsigned)whole;
    else if (strcmp(name, "--share") == 0 && whole < 100)
        scenario->share = (unsigned)whole;
    else if (strcmp(name, "--scale") == 0)
        scenario->scale = (unsigned)whole;
    else if (strcmp(name, "--seed") == 0)
        scenario->seed = whole;
    else if (strcmp(name, "--limit") == 0)
        scenario->limit_s = whole;
    else
        return false;
    return true;
}

static bool set_option(struct options *options, const char *name, const char *value)
{
    double number;
    uint64_t bytes;
    if (strcmp(name, "--csv") == 0) {
        options->csv = value;
    } else if (strcmp(name, "--plot") == 0 || strcmp(name, "--svg") == 0) {
        options->svg = value;
    } else if (strcmp(name, "--order") == 0) {
        return parse_order(value, options);
    } else if (strcmp(name, "--size") == 0) {
        return parse_bytes(value, &options->scenario.total_length);
    } else if (strcmp(name, "--piece") == 0) {
        if (!parse_bytes(value, &bytes) || bytes % 16384 != 0 || bytes > 64u << 20)
            return false;
        options->scenario.piece_length = (uint32_t)bytes;
    } else {
        options->gives_seed_up = options->gives_seed_up || strcmp(name, "--seed-up") == 0;
        return parse_number(value, &number) && set_number(&options->scenario, name, number);
    }
    return true;
}

static bool parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){.with_clean = true, .scenario = scenario_default(SCENARIO_CLEAN)};
    int kind = SCENARIOS;
    for (int i = 0; argc > 1 && i < SCENARIOS; i++)
        if (strcmp(argv[1], scenario_names[i]) == 0)
            kind = i;
    options->all_scenarios = argc > 1 && strcmp(argv[1], "all") == 0;
    if (kind == SCENARIOS && !options->all_scenarios)
        return false;
    if (kind < SCENARIOS)
        options->scenario = scenario_default((enum swarm_scenario)kind);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options->json = true;
        } else if (strcmp(argv[i], "--alone") == 0) {
            options->with_clean = false;
        } else if (i + 1 == argc || !set_option(options, argv[i], argv[i + 1])) {
            fprintf(stderr, "sim_swarm: cannot make sense of %s\n", argv[i]);
            return false;
        } else {
            i++;
        }
    }
    const struct scenario *scenario = &options->scenario;
    return scenario->peers > 0 && scenario->up_bit_s > 0 && scenario->connections > 0 &&
           scenario->seed_up_bit_s > 0 && scenario->down_bit_s > 0;
}

static void show_progress(const struct swarm_result *result)
{
    static clock_t shown;
    clock_t now = clock();
    const struct swarm_sample *last =
        result->sample_count > 0 ? &result->samples[result->sample_count - 1] : NULL;
    if (last == NULL || now - shown < PROGRESS_EVERY_S * CLOCKS_PER_SEC)
        return;
    shown = now;
    fprintf(stderr, "  %llu s: %u of %u complete, %llu pieces, %llu packets\n",
            (unsigned long long)(result->now_ms / 1000), result->complete, result->fetchers,
            (unsigned long long)last->pieces, (unsigned long long)result->packets);
}

static struct scenario_outcome run(struct scenario scenario, enum swarm_scenario kind,
                                   const struct options *options)
{
    scenario.kind = kind;
    if (kind == SCENARIO_SLOW_SEED && !options->gives_seed_up)
        scenario.seed_up_bit_s = scenario.up_bit_s;
    else if (!options->gives_seed_up)
        scenario.seed_up_bit_s = 2 * scenario.up_bit_s;
    fprintf(stderr, "%s, %s first\n", scenario_names[kind], swarm_order_names[scenario.order]);
    return scenario_run(&scenario, show_progress);
}

/* The scenarios asked for, and the clean one where it is compared with. */
static size_t run_all(const struct options *options, struct scenario scenario,
                      struct scenario_outcome outcomes[])
{
    size_t count = 0;
    if (options->all_scenarios) {
        for (int i = 0; i < SCENARIOS; i++)
            outcomes[count++] = run(scenario, (enum swarm_scenario)i, options);
        return count;
    }
    enum swarm_scenario kind = scenario.kind;
    if (options->with_clean &&
        (kind == SCENARIO_POLLUTERS || kind == SCENARIO_LIARS || kind == SCENARIO_FREE_RIDERS))
        outcomes[count++] = run(scenario, SCENARIO_CLEAN, options);
    outcomes[count++] = run(scenario, kind, options);
    return count;
}

static bool write_to(const char *path, const struct scenario_outcome outcomes[], size_t count,
                     void (*write)(FILE *, const struct scenario_outcome[], size_t))
{
    if (path == NULL)
        return true;
    FILE *out = fopen(path, "w");
    if (out != NULL)
        write(out, outcomes, count);
    if (out != NULL && fclose(out) == 0)
        return true;
    perror(path);
    return false;
}

int main(int argc, char **argv)
{
    struct options options;
    struct scenario_outcome outcomes[2 * RUNS_MAX * SWARM_ORDERS];
    size_t count = 0;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return 0;
    }
    if (!parse(argc, argv, &options)) {
        usage(stderr);
        return 2;
    }
    struct scenario scenario = options.scenario;
    for (int i = 0; options.all_orders && i < SWARM_ORDERS; i++) {
        scenario.order = (enum swarm_order)i;
        count += run_all(&options, scenario, outcomes + count);
    }
    if (!options.all_orders)
        count = run_all(&options, scenario, outcomes);
    (options.json ? swarm_report_json : swarm_report_table)(stdout, outcomes, count);
    bool written = write_to(options.csv, outcomes, count, swarm_report_csv);
    written = write_to(options.svg, outcomes, count, swarm_report_svg) && written;
    for (size_t i = 0; i < count; i++)
        scenario_outcome_dispose(&outcomes[i]);
    return written ? 0 : 1;
}
