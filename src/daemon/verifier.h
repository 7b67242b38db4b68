/* Pieces on disk against their hashes, some at a time in the pool, with everybody else's work in
 * between. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct item;
struct verifier;

/* item->to_verify, of item->probe where there is one. item->verifier until its end. */
void verifier_start(struct item *item);
void verifier_cancel(struct item *item); /* it ends soon, without a result */
/* 0 … total: bytes hashed so far. */
void verifier_progress(const struct verifier *verifier, uint64_t *done, uint64_t *total);

struct verified {
    const uint8_t *checked, *good;                 /* bitfields */
    uint32_t good_count, bad_count, missing_count; /* missing: bad, and was not there before */
};
/* Takes up what was found: adopts a complete file, says what is in the way, goes on fetching.
 * Lives in verified.c. */
void item_verified(struct item *item, const struct verified *verified);
