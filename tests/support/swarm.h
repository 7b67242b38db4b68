/* How tests of whole swarms begin and end. The world is in *state: swarm_tear_down frees it, as
 * does the next swarm_begin. */
#pragma once

#include "support/unit.h"

#include "support/link.h"

enum { KIB = 1024, MIB = 1024 * KIB, SECOND = 1000, MINUTE = 60 * SECOND };

extern const struct node_config a_seed, a_leecher, a_stranger; /* a stranger has the hash only */

/* With one torrent of random bytes to share. */
struct world *swarm_begin(void **state, uint32_t piece_length, uint64_t total_length);
struct world *swarm_begin_with(void **state, struct content content, uint64_t seed);
int swarm_tear_down(void **state);
#define swarm_test(f) cmocka_unit_test_teardown(f, swarm_tear_down)

/* A node that sends no more than up_bps; 0: no limit. Returns its number. */
unsigned swarm_add(struct world *world, const struct node_config *config, uint64_t up_bps);
/* A node that has dialled `count` new seeds. Returns its number. */
unsigned swarm_star(struct world *world, const struct node_config *centre, size_t count,
                    uint64_t up_bps, unsigned seeds[]);
/* `count` nodes from number 0 on, and a seed, all connected to all. Returns the seed's number. */
unsigned swarm_mesh(struct world *world, unsigned count, uint64_t up_bps, uint64_t seed_up_bps);

void swarm_set_active(struct world *world, unsigned node, bool fetch, bool serve);
/* The first `nodes` are complete within `ms`, and what is on their disks is the content. */
void swarm_assert_fetched(struct world *world, unsigned nodes, uint64_t ms);
