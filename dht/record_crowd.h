/* Who holds how many of the values under one key, and who has to give way  [protocol.md 2]. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/record_index.h"
#include "dht/source.h"

/* Records of the same address, or network, as `source`; 0 where that is told apart by port. */
size_t crowd_of(const struct record_group *group, const struct source_rules *rules,
                const struct endpoint *source, enum source_scope scope);
size_t crowd_of_signer(const struct record_group *group, uint32_t signer);

/* The record that gives way to a newcomer from `source`: the first to end of those whose
 * network holds most. NULL when the newcomer's own network holds as many already. A record
 * without a network, as on a LAN, is one by its address; without a source, by its `place`. O(n). */
struct record *crowd_victim(const struct record_group *group, const struct source_rules *rules,
                            const struct endpoint *source, uint32_t place);

/* The record of least work, and of those the first to end; of the same network as `of_network`
 * only, unless that is NULL. There is one. */
struct record *crowd_weakest(const struct record_group *group, const struct source_rules *rules,
                             const struct endpoint *of_network);

/* May another drop of the same body stand in the place of `own`? From the same network it has to
 * be better in something; from elsewhere it must be worse in nothing, or others could shorten the
 * life of what they copy. */
bool crowd_may_replace(const struct record *own, uint32_t work, uint32_t ends_s, bool same_network);
