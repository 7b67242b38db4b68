/* When what was fetched has been shared enough: it was sent so often, or for so long. What was
 * shared with `share` never ends by itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct item;

/* Its own ratio, else the configured one. 0: none ends it. */
double seeding_ratio(const struct item *item);
/* It was sent so often, or for so long, whatever is wished. */
bool seeding_was_enough(const struct item *item);
/* Ends the sharing when it was enough. Returns when to look again; UINT64_MAX: after a change. */
uint64_t seeding_turn(struct item *item);
