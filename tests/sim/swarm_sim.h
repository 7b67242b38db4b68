/* A simulated swarm: the real transfer and peer list of every peer, on links of given rates, under
 * a virtual clock. Seeded and in whole numbers: one seed gives one trace, with any compiler.
 *
 * What is simulated besides: peers are found as by a table that names some of those present; a
 * connection takes a round trip to be there; a whole piece is checked in no time. Blocks have no
 * bytes unless somebody lies about them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "swarm/transfer.h"

enum swarm_kind {
    SWARM_SEED,
    SWARM_LEECHER,    /* fetches and serves */
    SWARM_FREE_RIDER, /* fetches, serves nobody */
    SWARM_POLLUTER,   /* says it has everything; blocks it sends are wrong */
    SWARM_LIAR,       /* says it has everything, and lets everybody ask; sends nothing */
    SWARM_KINDS,
};
extern const char *const swarm_kind_names[SWARM_KINDS];

enum swarm_order { SWARM_RAREST, SWARM_RANDOM, SWARM_SEQUENTIAL, SWARM_ORDERS };
extern const char *const swarm_order_names[SWARM_ORDERS];

struct swarm_config {
    uint64_t seed;
    uint32_t piece_length;
    uint64_t total_length;
    uint64_t latency_us;      /* one way */
    unsigned connections;     /* a peer dials while it has fewer */
    unsigned bad_in_100;      /* of a polluter's blocks */
    size_t memory_bytes;      /* for pieces of one peer */
    uint64_t slot_bps;        /* that a slot ought to give */
    enum swarm_order order;   /* of all but seeds */
    bool leave_when_complete; /* leechers, some time after */
    uint64_t linger_ms;       /* that time */
    bool seed_leaves;         /* once every piece is somewhere else */
    bool check;               /* transfer_valid, now and then */
    uint64_t limit_ms;        /* the run ends then at the latest */
    uint64_t sample_ms;       /* between two samples */
};

struct swarm_sim;

struct swarm_sim *swarm_sim_new(const struct swarm_config *config);
void swarm_sim_free(struct swarm_sim *sim);
/* Rates in bytes per second. It comes at `join_ms`. */
void swarm_sim_add(struct swarm_sim *sim, enum swarm_kind kind, uint64_t up_bps, uint64_t down_bps,
                   uint64_t join_ms);
/* Until everybody who fetches is complete (true), or the limit. May stop in between, at
 * `until_ms`, to be called again. */
bool swarm_sim_run(struct swarm_sim *sim, uint64_t until_ms);
bool swarm_sim_is_over(const struct swarm_sim *sim);

struct swarm_peer {
    enum swarm_kind kind;
    uint64_t up_bps, down_bps;
    uint64_t join_ms, complete_ms, leave_ms; /* UINT64_MAX: never */
    uint64_t bytes_down, bytes_up;           /* payload */
    uint64_t bytes_wasted;
    unsigned bans_given, banned_by; /* peers */
    uint32_t pieces;
};

/* What there was at one moment. */
struct swarm_sample {
    uint64_t at_ms;
    uint32_t present, complete; /* who came to fetch and has not left; who is complete, ever */
    uint64_t pieces;            /* that those who fetch have */
    uint64_t bytes_up;          /* payload, of leechers, so far */
    uint64_t capacity;          /* what their links could have carried so far */
    uint64_t seed_bytes;        /* payload, of seeds, so far */
};

struct swarm_result {
    uint64_t now_ms;
    uint64_t trace; /* of all packets */
    uint64_t packets;
    uint32_t fetchers, complete, peers;
    uint64_t first_ms, last_ms; /* complete; UINT64_MAX: nobody */
    uint64_t out_ms;            /* every piece is somewhere but at the seeds */
    uint64_t seed_bytes_at_first, seed_bytes_at_out;
    uint64_t bytes_wasted;
    unsigned closed[CLOSE_REASONS]; /* connections, by reason */
    unsigned honest_bans;           /* peers that gave nothing wrong, and were banned by somebody */
    const struct swarm_sample *samples; /* borrowed until the next run, or the end */
    size_t sample_count;
};
struct swarm_result swarm_sim_result(struct swarm_sim *sim);
struct swarm_peer swarm_sim_peer(struct swarm_sim *sim, size_t peer);
/* How much of their up links leechers used from one tenth of the time until the last was complete
 * to nine tenths. */
double swarm_result_uplinks_used(const struct swarm_result *result);
