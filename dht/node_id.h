/* Ids of nodes: random, or tied to the external address so that nobody picks his place [BEP 42]. */
#pragma once

#include <stdbool.h>

#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "kadpeer/rng.h"

struct id node_id_random(struct rng *rng);

/* An id that fits the address; random where the rule does not apply: no address, or a local one. */
struct id node_id_of_address(const struct endpoint *external, struct rng *rng);

/* True also where the rule does not apply. */
bool node_id_fits(const struct id *id, const struct endpoint *address);
