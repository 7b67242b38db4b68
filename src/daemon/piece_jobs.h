/* A piece that came whole: its SHA-1 and its writing in the pool, then its mark in the catalog,
 * then the word to the transfer, which tells the peers. And the syncing of what was written, in
 * batches: docs/protocol.md, "On disk". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/bytes.h"

struct item;

void piece_jobs_check(struct item *item, uint32_t piece, struct bytes data);
/* Records what came back from the pool, when it is due: one write to the catalog for all. While
 * more is in the pool, it waits for that a little. */
void piece_jobs_settle(struct item *item);
uint64_t piece_jobs_settle_due(const struct item *item); /* UINT64_MAX: nothing came back */
/* Syncs when it is time, or at once with `now`. */
void piece_jobs_sync(struct item *item, bool now);
uint64_t piece_jobs_sync_due(const struct item *item); /* UINT64_MAX: nothing to sync */
