/* Which pieces peers hold that we are not connected to, from availability records (docs/protocol.md
 * section 2). They count in the picker like connected holders; one that connects stops counting
 * here, since its own word is better. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "swarm/bitfield.h"

struct availability;
struct picker;

struct availability *availability_new(void); /* NULL: no memory */
void availability_free(struct availability *availability);

/* From now on it is known how many pieces there are; what came before is cut to that, and counted
 * in `picker` (borrowed until availability_free). */
void availability_set_picker(struct availability *availability, struct picker *picker,
                             uint32_t piece_count);

/* Replaces what was known of `holder` for pieces [first, first + 8 x bits.len). */
void availability_set(struct availability *availability, const struct endpoint *holder,
                      uint32_t first, struct bytes bits, uint64_t now_ms);
void availability_set_connected(struct availability *availability, const struct endpoint *holder,
                                bool connected);
/* Forgets those older than HOLDER_LIFE_MS. */
void availability_expire(struct availability *availability, uint64_t now_ms);
uint64_t availability_due(const struct availability *availability); /* UINT64_MAX: never */

bool availability_is_empty(const struct availability *availability);
/* Somebody not connected who holds `piece`; of several each in turn, since some may be dead.
 * O(holders). */
bool availability_holder_of(struct availability *availability, uint32_t piece,
                            struct endpoint *out);
