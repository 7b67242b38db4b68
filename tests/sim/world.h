/* A network as trials want it: of so many nodes, grown, with the models stacked that were asked
 * for, and what all trials measure of it. */
#pragma once

#include "sim/churn.h"
#include "sim/latency.h"
#include "sim/net_parts.h"
#include "sim/rogue.h"
#include "sim/samples.h"

#define WORLD_SECOND 1000ull
#define WORLD_MINUTE (60 * WORLD_SECOND)
#define WORLD_HOUR   (60 * WORLD_MINUTE)
#define WORLD_DAY    (24 * WORLD_HOUR)

struct world_options {
    size_t nodes; /* that are up at a time, about */
    uint64_t seed;
    const struct churn_model *churn;                         /* NULL: none */
    double loss, duplicates, reordered, behind_nat, cut_off; /* shares; cut_off: see partition */
    const char *latency_file;                                /* NULL: the synthetic internet */
    uint8_t without, paths;                                  /* of lookups: see struct dht_config */
    unsigned joins_part; /* one for so many that are there joins each tenth of a second; 0: 200 */
    unsigned threads;    /* 0: undivided, as networks with a NAT or hostile nodes have to be */
};

struct world_record {
    struct id key;
    enum record_kind kind;
    uint16_t len;
    uint8_t *value;
    size_t publisher;
    uint64_t published_ms, stored_ms; /* stored_ms 0: not yet */
    uint32_t stored_at;               /* nodes, in the first round */
};

struct world {
    struct net *net;
    struct latency *latency;
    struct nat *nat;
    struct partition *partition;
    struct rogues *rogues; /* NULL: everybody is honest */
    struct world_options options;
    size_t doors;      /* the first nodes, which never leave */
    size_t population; /* with those that are away */
    struct world_record *records;
    size_t record_count, record_cap;
    uint32_t *record_of; /* by node: its record + 1, the last one published */
    double steps_done;   /* virtual ms, for the progress bar */
    const char *error;   /* static; world_new could not */
};

/* Checks what it can; `error` is set where something is wrong with the options. Then only
 * world_dispose may follow. */
void world_init(struct world *world, const struct world_options *options);
void world_dispose(struct world *world);

/* False from here on: somebody pressed Ctrl-C. */
bool world_run(struct world *world, uint64_t ms);
/* All join, by one that is there; some minutes. Then it churns, for `warm_up_ms`. */
bool world_grow(struct world *world);
bool world_churn(struct world *world, uint64_t warm_up_ms);
uint64_t world_growth_ms(const struct world_options *options); /* what world_grow takes */

/* An honest running node that can be reached, and is no door. */
size_t world_random_node(struct world *world);
bool world_reachable(const struct world *world, size_t node);
/* `sample` is published by `node`. Returns its number. */
size_t world_publish(struct world *world, size_t node, const struct sample *sample);
struct bytes world_value(const struct world *world, size_t record);

/* ---- what is measured ---- */

/* Of the contacts of some nodes, the share that nobody would reach. */
double world_stale_share(struct world *world);
/* Payload and headers that a node has sent on average, in bytes a second, since `since`. */
double world_bytes_per_s(const struct world *world, const struct net_traffic *since);
/* Of those that should be in the result of a find and are up, the share that are. */
double world_nearest_share(const struct world *world, const struct net_outcome *outcome);
uint64_t world_heap_bytes(void);

/* ---- sorted samples ---- */

struct sorted {
    double *values;
    size_t count, cap;
};

void sorted_add(struct sorted *sorted, double value);
void sorted_sort(struct sorted *sorted);
double sorted_at(const struct sorted *sorted, double share); /* NAN: empty */
double sorted_mean(const struct sorted *sorted);

/* ---- lookups ---- */

struct world_lookups {
    size_t done, found; /* those whose asker went down are not done */
    struct sorted value_ms, end_ms, hops, asked, answered;
    struct sorted nearest; /* of finds: see world_nearest_share */
};

/* Records from `first` on are asked for, any of `count` each time, by any node but its publisher;
 * one lookup begins every `every_ms`. With `finds` so many lookups of nodes come in between. */
void world_look_up(struct world *world, size_t first, size_t count, size_t lookups, size_t finds,
                   uint64_t every_ms, struct world_lookups *out);
double world_found_percent(const struct world_lookups *lookups);
void world_lookups_sort(struct world_lookups *lookups);
void world_lookups_dispose(struct world_lookups *lookups);
uint64_t world_lookups_ms(size_t lookups, size_t finds, uint64_t every_ms); /* what it takes */
