/* How many signatures we verify for whom: verifying is the one thing that costs us more than it
 * costs a stranger to ask for it.
 *
 * - All together have VERIFY_PER_S, with a store of VERIFY_BURST. Each network (a local source: by
 *   address and port) has a debt, in milliseconds, that time pays back. A check adds to it, the
 *   more the emptier the store is; a forgery adds much.
 * - Who has used a part of what a debt may be is served only while at least that part of the store
 *   is left. So when there is not enough for all, those who ask much wait first, and who asks
 *   little is served down to the last check.
 * - What verified is remembered by a hash, and is not verified again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dht/source.h"
#include "dht/source_table.h"
#include "kadpeer/bytes.h"
#include "kadpeer/id.h"

struct verify_budget {
    const struct source_rules *rules;
    struct source_table debts; /* ticks of a millisecond */
    uint32_t left;             /* thousandths of a check */
    uint64_t filled_ms;        /* up to when the store was refilled */
    uint64_t *known;           /* hashes, by their low bits; NULL until there is one */
};

/* `rules` is borrowed for good. */
void verify_budget_init(struct verify_budget *budget, const struct source_rules *rules);
void verify_budget_dispose(struct verify_budget *budget);

/* May we verify one for this source now? Then it counts. */
bool verify_budget_take(struct verify_budget *budget, const struct endpoint *from, uint64_t now_ms);
/* It did not verify. */
void verify_budget_forged(struct verify_budget *budget, const struct endpoint *from,
                          uint64_t now_ms);

uint64_t verify_budget_hash(const struct verify_budget *budget, const struct id *key, unsigned kind,
                            struct bytes value);
bool verify_budget_knows(const struct verify_budget *budget, uint64_t hash);
void verify_budget_remember(struct verify_budget *budget, uint64_t hash);

size_t verify_budget_memory(const struct verify_budget *budget); /* bytes on the heap */
