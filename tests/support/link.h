/* A swarm in memory: transfers joined by links, on a virtual clock. Bytes arrive in random splits,
 * after a delay, at a rate. Nothing waits, nothing is random but by the seed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/endpoint.h"
#include "kadpeer/rng.h"
#include "support/content.h"
#include "swarm/transfer.h"

enum { WORLD_NODES_MAX = 16, WORLD_LINKS_MAX = 64, WORLD_BEGIN_MS = 1000000 };

struct node {
    struct transfer *transfer;
    struct metainfo *metainfo; /* as fetched from peers; NULL: it was given */
    struct endpoint endpoint;
    uint8_t peer_id[20];
    uint8_t *disk;
    uint64_t up_bps;      /* 0: no limit */
    unsigned lies_in_100; /* of its blocks, so many are wrong */
    bool metainfo_due;    /* there was no memory to take it */
    bool alive;
    bool check_later; /* pieces are checked one step later */

    /* what it told */
    bool complete;
    uint64_t complete_ms;
    unsigned write_fails; /* so many pieces more cannot be written */
    unsigned bad_checks, found, listens, closes, finished_peers;
    enum transfer_close_reason last_close;
    const char *last_text;
    bool banned[WORLD_NODES_MAX]; /* by node */
};

struct world;

struct world *world_new(struct content content, uint64_t seed);
void world_free(struct world *world);
uint64_t world_now_ms(const struct world *world);

struct node_config {
    bool seed;       /* has everything */
    const char *has; /* "1101…": which pieces it has, from the first on; NULL: none */
    bool without_metadata;
    size_t memory_bytes, upload_slots;
};
/* Returns its number. */
unsigned world_add(struct world *world, const struct node_config *config);
struct node *world_node(struct world *world, unsigned node);

struct link_config {
    uint64_t delay_ms;
    bool without_fast, without_extension;
};
/* `from` dials `to`. Returns the number of the link. */
unsigned world_dial(struct world *world, unsigned from, unsigned to,
                    const struct link_config *config);
/* Both dial at the same moment: each end sees its own connection first. */
void world_cross(struct world *world, unsigned a, unsigned b, const struct link_config *config,
                 unsigned links[2]);
bool world_is_up(const struct world *world, unsigned link);
void world_cut(struct world *world, unsigned link);  /* without a word */
void world_kill(struct world *world, unsigned node); /* and all its links */

/* One step of WORLD_STEP_MS; every transfer is valid after it, or the test fails. */
enum { WORLD_STEP_MS = 10 };
void world_step(struct world *world);
void world_run(struct world *world, uint64_t ms);
/* Until all of the first `nodes` are complete, at most `ms`; false: they are not. */
bool world_run_until_complete(struct world *world, unsigned nodes, uint64_t ms);

/* The bytes on the node's disk are the content. */
bool world_has_content(struct world *world, unsigned node);
struct transfer_stats world_stats(struct world *world, unsigned node);
