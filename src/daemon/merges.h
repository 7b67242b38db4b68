/* Transfers that turned out to be others that were there already: whoever was told the number of
 * one may still ask by it. Kept for the run, the latest of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Between an answer and the next question there is a moment at most. */
#define MERGES_KEPT_MAX 256

struct merges {
    struct {
        int64_t from, to;
    } kept[MERGES_KEPT_MAX]; /* a ring; {0}: none yet */
    size_t next;
};

/* Numbers are never used twice, and `to` is not one that has become `from`. */
void merges_add(struct merges *merges, int64_t from, int64_t to);
/* What it is now: through several merges, if need be. 0: it was none of them. */
int64_t merges_find(const struct merges *merges, int64_t id);
