/* Which piece to begin next. Values in, values out: it knows numbers of holders, no connections.
 *
 * Candidates (wanted, missing, not begun) stand in order of how many hold them, rarest first, in
 * random order among equals, so that peers who see the same swarm spread over it. Every change of a
 * count moves one piece by one place: O(1). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/rng.h"
#include "swarm/bitfield.h"
#include "swarm/params.h"

enum picker_order {
    PICK_RANDOM, /* the first piece: soon something to give, and not what all others begin with */
    PICK_RAREST,
    PICK_SEQUENTIAL, /* the lowest number: to be read while it comes */
};

struct picker;

struct picker *picker_new(uint32_t piece_count, struct rng *rng); /* rng: borrowed for good */
void picker_free(struct picker *picker);                          /* NULL is allowed */

void picker_add_holder(struct picker *picker, uint32_t piece);
void picker_remove_holder(struct picker *picker, uint32_t piece);
uint16_t picker_holders(const struct picker *picker, uint32_t piece);

/* O(number of holders of the commonest piece). */
void picker_set_candidate(struct picker *picker, uint32_t piece, bool candidate);
bool picker_is_candidate(const struct picker *picker, uint32_t piece);
uint32_t picker_candidates(const struct picker *picker);

/* The candidate to begin, of those in `has` (NULL: all). O(candidates) when `has` is poor, O(1)
 * when it is rich. */
bool picker_next(const struct picker *picker, const struct bitfield *has, enum picker_order order,
                 uint32_t *piece);

bool picker_valid(const struct picker *picker);
