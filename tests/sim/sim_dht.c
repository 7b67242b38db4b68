/* The program behind tools/simulate TRIAL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/progress.h"
#include "sim/trial.h"

const struct trial *const trials[] = {&trial_lookup,
                                      &trial_churn,
                                      &trial_techniques,
                                      &trial_survival,
                                      &trial_adversary,
                                      &trial_eclipse,
                                      &trial_poison,
                                      &trial_flood,
                                      &trial_partition,
                                      &trial_scale,
                                      NULL};

struct options {
    const struct trial *trial;
    struct trial_settings settings;
    bool json;
    const char *csv, *plot;
};

/* ---- help ---- */

static const char option_text[] =
    "  --nodes N[,N…]       up at a time\n"
    "  --seed S             of everything random (1)\n"
    "  --churn none|default|harsh\n"
    "  --loss PERCENT       of datagrams lost\n"
    "  --duplicates PERCENT, --reordered PERCENT\n"
    "  --nat PERCENT        of nodes that cannot be reached unasked\n"
    "  --latency FILE       round trips in ms, as many columns as rows (a synthetic internet)\n"
    "  --warm-up TIME       under churn before anything is measured: 90m, 2h, 7d\n"
    "  --lasts TIME         of what is looked at: a siege, days of records, a cut\n"
    "  --records N, --lookups N\n"
    "  --bad PERCENT[,…]    shares of hostile nodes (adversary)\n"
    "  --paths N[,N…]       disjoint ones of a lookup; the first is taken by trials that do not\n"
    "                       compare them\n"
    "  --without T[,…]      techniques of lookups: timeouts, eager, wide, quick, early; or all\n"
    "  --threads N          run by so many, where nobody is hostile or behind a NAT (as many as\n"
    "                       there are processors); what happens does not depend on it\n"
    "  --kinds KIND[,…]     silent, colluding, dead, slow, forging, mirror (adversary)\n"
    "  --sybils N           hostile nodes: next to each key, or in all (eclipse, poison, flood)\n"
    "  --flooded N          records (flood)\n"
    "  --json               instead of the tables\n"
    "  --csv FILE, --plot FILE.svg\n";

static void usage(FILE *out)
{
    fprintf(out, "usage: tools/simulate TRIAL [options]\n"
                 "Networks of the real node, under a virtual clock.\n\n");
    for (size_t i = 0; trials[i] != NULL; i++)
        fprintf(out, "  %-12s %s\n", trials[i]->name, trials[i]->text);
    fprintf(out, "\n%s", option_text);
}

/* ---- values ---- */

static bool parse_number(const char *text, double least, double most, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= least && *out <= most;
}

static bool parse_whole(const char *text, double least, double most, double *out)
{
    return parse_number(text, least, most, out) && *out == (double)(uint64_t)*out;
}

static bool parse_list(const char *text, double least, double most, double unit,
                       struct trial_list *out)
{
    char copy[256];
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    out->count = 0;
    for (char *rest = copy, *one; (one = strsep(&rest, ",")) != NULL;) {
        double value;
        if (out->count == TRIAL_LIST_MAX || !parse_number(one, least, most, &value) ||
            (unit == 1 && value != (double)(uint64_t)value))
            return false;
        out->values[out->count++] = value * unit;
    }
    return true;
}

static bool parse_time(const char *text, uint64_t *out_ms)
{
    static const char units[] = "smhd";
    static const uint64_t unit_ms[] = {WORLD_SECOND, WORLD_MINUTE, WORLD_HOUR, WORLD_DAY};
    char *end;
    double value = strtod(text, &end);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (end == text || unit == NULL || end[1] != '\0' || !(value >= 0) || value > 1000)
        return false;
    *out_ms = (uint64_t)(value * (double)unit_ms[unit - units]);
    return true;
}

static bool parse_churn(const char *text, const struct churn_model **out)
{
    *out = strcmp(text, "default") == 0 ? &churn_default
           : strcmp(text, "harsh") == 0 ? &churn_harsh
                                        : NULL;
    return *out != NULL || strcmp(text, "none") == 0;
}

static bool parse_kinds(const char *text, unsigned *out)
{
    char copy[256];
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    *out = 0;
    for (char *rest = copy, *one; (one = strsep(&rest, ",")) != NULL;) {
        int kind = 0;
        while (kind < ROGUE_KINDS && strcmp(one, rogue_names[kind]) != 0)
            kind++;
        if (kind == ROGUE_KINDS)
            return false;
        *out |= 1u << kind;
    }
    return true;
}

/* In the order of enum dht_technique. */
static bool parse_without(const char *text, uint8_t *out)
{
    static const char *const names[] = {"timeouts", "eager", "wide", "quick", "early", "all"};
    enum { NAMES = sizeof names / sizeof names[0] };
    char copy[256];
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    *out = 0;
    for (char *rest = copy, *one; (one = strsep(&rest, ",")) != NULL;) {
        unsigned number = 0;
        while (number < NAMES && strcmp(one, names[number]) != 0)
            number++;
        if (number == NAMES)
            return false;
        *out |= (uint8_t)(number == NAMES - 1 ? DHT_TECHNIQUES : 1u << number);
    }
    return true;
}

/* ---- options ---- */

static bool set_percent(const char *text, double most, double *out)
{
    double percent;
    if (!parse_number(text, 0, most, &percent))
        return false;
    *out = percent / 100;
    return true;
}

static bool set_count(const char *text, size_t *out)
{
    double count;
    if (!parse_whole(text, 0, 1e9, &count))
        return false;
    *out = (size_t)count;
    return true;
}

/* NULL: it took; else what it should have been. */
static const char *set_world(struct world_options *world, const char *name, const char *value,
                             bool *known)
{
    double number;
    *known = true;
    if (strcmp(name, "--seed") == 0) {
        bool ok = parse_whole(value, 0, 9e15, &number);
        world->seed = ok ? (uint64_t)number : 0;
        return ok ? NULL : "a whole number";
    }
    if (strcmp(name, "--churn") == 0)
        return parse_churn(value, &world->churn) ? NULL : "none, default or harsh";
    if (strcmp(name, "--latency") == 0) {
        world->latency_file = value;
        return NULL;
    }
    if (strcmp(name, "--without") == 0)
        return parse_without(value, &world->without) ? NULL
                                                     : "timeouts, eager, wide, quick, early or all";
    if (strcmp(name, "--threads") == 0) {
        bool ok = parse_whole(value, 1, 64, &number);
        world->threads = ok ? (unsigned)number : 0;
        return ok ? NULL : "a number from 1 to 64";
    }
    double *share = strcmp(name, "--loss") == 0         ? &world->loss
                    : strcmp(name, "--duplicates") == 0 ? &world->duplicates
                    : strcmp(name, "--reordered") == 0  ? &world->reordered
                    : strcmp(name, "--nat") == 0        ? &world->behind_nat
                                                        : NULL;
    *known = share != NULL;
    return share == NULL || set_percent(value, 95, share) ? NULL : "a percentage up to 95";
}

static const char *set_trial(struct options *options, const char *name, const char *value,
                             bool *known)
{
    struct trial_settings *settings = &options->settings;
    *known = true;
    if (strcmp(name, "--nodes") == 0)
        return parse_list(value, 2, 5e6, 1, &settings->nodes) ? NULL
                                                              : "numbers from 2 to 5,000,000";
    if (strcmp(name, "--warm-up") == 0)
        return parse_time(value, &settings->warm_up_ms) ? NULL : "a time: 90m, 2h, 7d";
    if (strcmp(name, "--lasts") == 0)
        return parse_time(value, &settings->lasts_ms) ? NULL : "a time: 90m, 2h, 7d";
    if (strcmp(name, "--bad") == 0)
        return parse_list(value, 0, 90, 0.01, &settings->bad) ? NULL : "percentages up to 90";
    if (strcmp(name, "--paths") == 0)
        return parse_list(value, 1, 8, 1, &settings->paths) ? NULL : "numbers from 1 to 8";
    if (strcmp(name, "--kinds") == 0)
        return parse_kinds(value, &settings->rogues)
                   ? NULL
                   : "silent, colluding, dead, slow, forging or mirror";
    if (strcmp(name, "--csv") == 0) {
        options->csv = value;
        return NULL;
    }
    if (strcmp(name, "--plot") == 0) {
        options->plot = value;
        return NULL;
    }
    size_t *count = strcmp(name, "--records") == 0   ? &settings->records
                    : strcmp(name, "--lookups") == 0 ? &settings->lookups
                    : strcmp(name, "--sybils") == 0  ? &settings->sybils
                    : strcmp(name, "--flooded") == 0 ? &settings->flooded
                                                     : NULL;
    *known = count != NULL;
    return count == NULL || set_count(value, count) ? NULL : "a number";
}

static bool set_option(struct options *options, const char *name, const char *value)
{
    bool known;
    const char *wanted = set_world(&options->settings.world, name, value, &known);
    if (!known)
        wanted = set_trial(options, name, value, &known);
    if (!known)
        fprintf(stderr, "simulate: %s is no option; tools/simulate %s --help names them\n", name,
                options->trial->name);
    else if (wanted != NULL)
        fprintf(stderr, "simulate: %s wants %s, not \"%s\"\n", name, wanted, value);
    return known && wanted == NULL;
}

static const struct trial *find_trial(const char *name)
{
    for (size_t i = 0; trials[i] != NULL; i++)
        if (strcmp(trials[i]->name, name) == 0)
            return trials[i];
    return NULL;
}

static bool parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){.trial = argc > 1 ? find_trial(argv[1]) : NULL};
    if (options->trial == NULL) {
        if (argc > 1)
            fprintf(stderr, "simulate: there is no trial \"%s\"\n", argv[1]);
        usage(stderr);
        return false;
    }
    options->settings = options->trial->defaults;
    options->settings.world.seed = 1;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    options->settings.world.threads = (unsigned)(processors > 64 ? 64 : processors);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options->json = true;
        } else if (i + 1 == argc && strncmp(argv[i], "--", 2) == 0) {
            fprintf(stderr, "simulate: %s wants a value\n", argv[i]);
            return false;
        } else if (!set_option(options, argv[i], argv[i + 1])) {
            return false;
        } else {
            i++;
        }
    }
    options->settings.world.nodes = (size_t)options->settings.nodes.values[0];
    if (options->trial->undivided)
        options->settings.world.threads = 0;
    if (options->settings.paths.count > 0)
        options->settings.world.paths = (uint8_t)options->settings.paths.values[0];
    return true;
}

/* ---- output ---- */

static bool write_to(const char *path, const struct result *result,
                     void (*write)(FILE *, const struct result *))
{
    if (path == NULL)
        return true;
    FILE *out = fopen(path, "w");
    if (out != NULL)
        write(out, result);
    if (out != NULL && fclose(out) == 0)
        return true;
    perror(path);
    return false;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct options options;
    struct result result = {0};
    const char *error = NULL;
    if (asks_for_help(argc, argv)) {
        usage(stdout);
        return 0;
    }
    if (!parse(argc, argv, &options))
        return 2;
    progress_begin();
    bool began = options.trial->run(&options.settings, &result, &error);
    progress_end();
    if (!began) {
        fprintf(stderr, "simulate: %s: %s\n", options.settings.world.latency_file, error);
        result_dispose(&result);
        return 2;
    }
    result.cut_short = progress_stopped();
    if (options.json)
        result_json(stdout, &result, options.trial->name, options.settings.world.seed);
    else
        result_print(stdout, &result);
    bool written = write_to(options.csv, &result, result_csv);
    written = write_to(options.plot, &result, result_svg) && written;
    result_dispose(&result);
    return !written ? 1 : progress_stopped() ? 130 : 0;
}
