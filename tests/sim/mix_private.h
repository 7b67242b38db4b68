/* The inside of a mix that runs:
 *
 *   mix_run.c     the network and what befalls it
 *   mix_watch.c   lookups, records, and what has to hold */
#pragma once

#include "sim/mix.h"
#include "sim/net_parts.h"
#include "sim/samples.h"
#include "sim/vandal.h"

#define MIX_ALL_MAX     (MIX_NODES_MAX + DHT_K + 4) /* with the hostile ones that were added */
#define MIX_RECORDS_MAX 40
#define MIX_LOOKUPS_MAX 512
#define MIX_VALUES_MAX  256 /* of one lookup that are told apart */

struct mix_record {
    struct sample sample;
    size_t publisher;
    uint32_t number;
    uint64_t seq;           /* items */
    uint64_t expiry_unix_s; /* 0: says none */
    bool withdrawn, is_new; /* is_new: no round has ended since it was told */
    uint64_t told_ms;
};

struct mix_lookup {
    size_t node;
    uint32_t operation;
    enum dht_event_type ends_by;
    struct id key;
    enum record_kind kind;
    uint64_t started_ms;
    size_t record; /* that is expected, or SIZE_MAX */
    bool found;
    size_t values;
    uint64_t hashes[MIX_VALUES_MAX];
};

struct mix_node {
    bool read_only, open; /* open: can be reached unasked, and stays honest */
    bool hostile;         /* for good: it is gone at the end */
    int64_t clock_ms;     /* its wall clock is ahead by this */
    struct dht_stats stats;
};

struct mix_run {
    const struct mix *mix;
    struct net *net;
    struct rng rng;
    struct rogues *rogues;
    struct partition *partition;
    struct nat *nat;
    struct vandal *vandal;
    struct auditor *auditor;
    bool calm, cut;
    struct mix_node nodes[MIX_ALL_MAX];
    struct mix_record records[MIX_RECORDS_MAX];
    size_t record_count;
    struct mix_lookup lookups[MIX_LOOKUPS_MAX];
    size_t lookup_count;
    struct mix_figures figures;
    char *why;
    size_t why_cap;
    bool broken;
};

/* ---- mix_watch.c ---- */

/* The first one is kept. */
__attribute__((format(printf, 2, 3))) void mix_broken(struct mix_run *run, const char *format, ...);

void mix_watch(struct mix_run *run); /* to be called once, before anybody runs */
void mix_started(struct mix_run *run, size_t node);
void mix_stopped(struct mix_run *run, size_t node);
void mix_slept(struct mix_run *run, size_t node, uint64_t ms); /* what it is about takes longer */
void mix_check(struct mix_run *run);                           /* all nodes: each second */

bool mix_has_room(const struct mix_run *run); /* for a lookup */
/* `record`: it has to be found, or SIZE_MAX. */
void mix_get(struct mix_run *run, size_t node, const struct id *key, enum record_kind kind,
             size_t record);
void mix_find(struct mix_run *run, size_t node, const struct id *target);
void mix_ping(struct mix_run *run, size_t node, size_t other);
void mix_cancel_one(struct mix_run *run, size_t number);
uint64_t mix_unix_ms(const struct mix_run *run, size_t node); /* its own wall clock */

void mix_publish_new(struct mix_run *run, size_t node);
void mix_publish_anew(struct mix_run *run, size_t record); /* an item: a newer one */
void mix_withdraw(struct mix_run *run, size_t record);
