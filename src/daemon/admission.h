/* Which connections are let in, and who makes way for them. */
#pragma once

#include <stdbool.h>

#include "kadpeer/endpoint.h"

struct engine;

/* Whether one more connection, from there, is taken. May close one that can be done without; counts
 * what it refuses. */
bool admission_allows(struct engine *engine, const struct endpoint *remote);
/* Before one is taken whose handshake is still to come. */
void admission_expect_handshake(struct engine *engine);
