/* Named trials of simulated networks: what each does, with which settings, and what it has found.
 */
#pragma once

#include "sim/result.h"
#include "sim/world.h"

#define TRIAL_LIST_MAX 12

struct trial_list {
    double values[TRIAL_LIST_MAX];
    size_t count;
};

struct trial_settings {
    struct world_options world; /* its nodes: the first of `nodes` */
    struct trial_list nodes;
    struct trial_list bad;   /* shares of bad nodes */
    struct trial_list paths; /* disjoint ones of a lookup */
    uint64_t warm_up_ms, lasts_ms;
    size_t records, lookups;
    size_t sybils;   /* hostile nodes that come: of one key, or in all */
    size_t flooded;  /* records */
    unsigned rogues; /* bits: 1 << enum rogue_kind */
};

struct trial {
    const char *name, *text;
    struct trial_settings defaults;
    bool undivided; /* hostile nodes know each other: one thread */
    /* Adds to the result what it has found, also when it was interrupted. False: it could not
     * begin; `*error` says why. */
    bool (*run)(const struct trial_settings *settings, struct result *result, const char **error);
};

extern const struct trial *const trials[]; /* up to NULL */

extern const struct trial trial_lookup, trial_churn, trial_techniques, trial_survival,
    trial_adversary, trial_eclipse, trial_poison, trial_flood, trial_partition, trial_scale;
