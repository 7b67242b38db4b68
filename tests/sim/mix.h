/* Small networks under random mixes of faults, and what has to hold all the same.
 *
 * A seed draws a network of 2 to 60 nodes and what befalls it: loss, duplicates, reordering, NAT,
 * crashes with and without their state, processes that stand still and find that their clock has
 * jumped, cuts, wall clocks set, hostile nodes of nearly every kind, floods, datagrams of nonsense,
 * while records are published, replaced, withdrawn and looked for. Then the faults end, and the
 * network has to be whole again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/net.h"
#include "sim/rogue.h"

#define MIX_NODES_MAX 60

struct mix {
    uint64_t seed;
    size_t nodes;
    uint8_t family, without, paths;
    enum net_addresses addresses;
    bool internet; /* else delays of min_ms to max_ms */
    uint32_t min_ms, max_ms;
    size_t store_bytes; /* 0: the usual */
    double loss, duplicates, reordered, behind_nat, behind_one, read_only;
    uint32_t reordered_ms;
    double goes_down, comes_back, forgets, loses_records; /* each second; of those that go down */
    double cut_off, cut_closes, cut_opens;                /* share of the nodes; each second */
    double clock_set;                                     /* of a node, each second */
    int32_t clock_s;                                      /* so far at most */
    double stands_still;                                  /* a node, each second */
    uint32_t still_s;                                     /* so long at most */
    size_t rogues[ROGUE_KINDS], besiegers;                /* of the nodes; new ones next to a key */
    double floods;  /* puts by each hostile node, each second */
    double vandals; /* datagrams of nonsense to each node, each second */
    bool vandal_answers;
    double publishes, looks_up; /* of each node, each second */
    size_t records_max;
    uint32_t faults_s, calm_s;
};

void mix_draw(struct mix *mix, uint64_t seed);
void mix_describe(const struct mix *mix, char *out, size_t cap);

struct mix_figures {
    uint64_t trace, datagrams;
    size_t lookups, published, checked; /* checked: records looked for at the end */
    uint64_t longest_lookup_ms, longest_publishing_ms;
};

/* False: something did not hold, and `why` says what and when. */
bool mix_run(const struct mix *mix, struct mix_figures *out, char *why, size_t why_cap);
