/* Whole experiments with a simulated swarm: who is in it, what came of it, and how that compares
 * with what no schedule can beat. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sim/swarm_sim.h"

enum swarm_scenario {
    SCENARIO_CLEAN,       /* one seed; everybody comes in the first second and stays */
    SCENARIO_POLLUTERS,   /* the same, and a share of all send wrong blocks */
    SCENARIO_LIARS,       /* … say they have everything, and send nothing */
    SCENARIO_FREE_RIDERS, /* … of those who fetch serve nobody */
    SCENARIO_MIXED,       /* links of three classes */
    SCENARIO_FLASH,       /* one tenth are there; all others come within ten seconds */
    SCENARIO_ARRIVALS,    /* one after the other; each leaves when it is complete */
    SCENARIO_SEED_LEAVES, /* as soon as every piece is somewhere else */
    SCENARIO_SLOW_SEED,   /* the seed is no faster than a leecher: it is the bottleneck */
    SCENARIOS,
};
extern const char *const scenario_names[SCENARIOS];
extern const char *const scenario_texts[SCENARIOS];

struct scenario {
    enum swarm_scenario kind;
    enum swarm_order order;
    unsigned peers; /* who fetch */
    unsigned share; /* of the bad, in 100 */
    uint64_t total_length;
    uint32_t piece_length; /* 0: as `share` would choose, larger for many peers */
    uint64_t seed_up_bit_s, up_bit_s, down_bit_s;
    uint64_t latency_ms;
    unsigned connections;
    uint64_t seed;
    /* Bytes are counted in units of so many: size, pieces and rates are divided by it, so that
     * fewer blocks do for as much. 0: as needed for some minutes. The transfer's own pauses and
     * margins stay as they are: from about 16 on they come too soon, and blocks are asked twice. */
    unsigned scale;
    uint64_t limit_s; /* 0: 20 times the bound */
    bool check;
};
struct scenario scenario_default(enum swarm_scenario kind);

struct scenario_outcome {
    struct scenario scenario; /* with everything filled in */
    struct swarm_result result;
    double bound_s;        /* 0: there is none for who comes later */
    double bound_pieces_s; /* the same where whole pieces alone are passed on */
    double last_s, first_s, median_s;
    double median_free_rider_s;            /* 0: there are none */
    double uplinks_used;                   /* 0 … 1 */
    double copies_at_first, copies_at_out; /* that the seed has sent, of the whole */
    double wasted;                         /* share of all that was fetched */
    unsigned bad_peers, bad_banned;        /* those banned by at least one */
    struct swarm_peer *peers;
    struct swarm_sample *samples;
};

/* max(F / u_s, F / d_min, N F / (u_s + sum u_i)), in seconds  [Kumar, Ross 2006]. */
double scenario_bound_s(const struct scenario *scenario);

/* More, where it is known: a peer's up link is of no use before it has a whole piece, and even if
 * all who have one give all they can to one newcomer after the other, the next is p / (u_s + sum of
 * their u_i) later. 0: none. */
double scenario_bound_pieces_s(const struct scenario *scenario);
/* How often a seed whose up link is in use sends the whole before anybody is complete, when nobody
 * gets more than others and they are done at the bound: u_s T / F. It can be less if some are
 * preferred, or the seed rests; 1 at the least, for each byte leaves it once. */
double scenario_even_copies(const struct scenario *scenario);

/* `progress` is told now and then; NULL is allowed. */
struct scenario_outcome scenario_run(const struct scenario *scenario,
                                     void (*progress)(const struct swarm_result *result));
void scenario_outcome_dispose(struct scenario_outcome *outcome);

/* What is wanted of an outcome (targets: 1.25 and 1.4 times the bound, and so on). */
struct scenario_goal {
    const char *text;
    double value, limit;
    double even;   /* what arithmetic gives when all get alike; 0: not worth saying */
    bool at_least; /* else at most */
    bool met;
};
enum { SCENARIO_GOALS_MAX = 8 };
/* `clean`: an outcome without the bad ones to compare with, or NULL. Returns how many. */
size_t scenario_goals(const struct scenario_outcome *outcome, const struct scenario_outcome *clean,
                      struct scenario_goal out[SCENARIO_GOALS_MAX]);
