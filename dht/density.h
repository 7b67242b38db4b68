/* How dense ids lie, and whether those near a key are too dense to lie there by chance.
 *
 * The ids of honest nodes are spread evenly. Of N nodes, the i-th nearest to a key is found within
 * a share of the space which, times N, is i on average and varies as Erlang's distribution says.
 * Who wants to hide a key puts k ids of his own nearer to it than any honest one: then the k-th
 * nearest found lies at a small part of its usual distance  [Cholez, Chrisment, Festor 2010 for
 * KAD; Sridhar et al. 2023 for IPFS]. How many nodes there are is the median of what the latest
 * lookups make of it, each towards another key: nobody can crowd most of those.
 *
 * Pure: no clock, no randomness, no memory of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/params.h"
#include "kadpeer/id.h"

/* The distance from `key` to `id` as a share of the whole space. */
double density_share(const struct id *key, const struct id *id);

/* How many nodes there are if the `count`-th nearest to a key lies within `share`, at most
 * DENSITY_SIZE_MAX; 0: can't tell. */
double density_size(size_t count, double share);

/* ---- what the latest lookups made of it ---- */

struct density {
    float sizes[DENSITY_SAMPLES];
    uint8_t count, next;
};

/* A lookup has ended that looked for the k nearest, and the farthest of the `count` that answered
 * lies within `share`. Fewer than k: it tells nothing, and is ignored. */
void density_note(struct density *density, size_t count, double share);

/* The median of those and `own`, the size by the density of ids around ourselves; the lower one of
 * two. */
double density_median(const struct density *density, double own);

/* ---- judging ---- */

/* Of `nodes` in all, `count` were found within `share` of a key: more than chance explains? Of
 * lookups in an honest network it is wrong about one in 50,000, and then asks more than it need. */
bool density_is_crowded(double nodes, size_t count, double share);

/* A crowded key is looked up and stored more widely, until so many honest nodes are expected within
 * `share` that some of them hold what is stored. */
bool density_is_wide_enough(double nodes, double share);
