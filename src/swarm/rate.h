/* Bytes per second, averaged over RATE_SECONDS: one counter a second in a ring. */
#pragma once

#include <stdint.h>

#include "swarm/params.h"

struct rate {
    uint64_t bytes[RATE_SECONDS];
    uint64_t second; /* of the newest counter */
    uint64_t started_ms;
};

void rate_init(struct rate *rate, uint64_t now_ms);
void rate_add(struct rate *rate, uint64_t bytes, uint64_t now_ms);
uint64_t rate_bps(const struct rate *rate, uint64_t now_ms);        /* over RATE_SECONDS */
uint64_t rate_recent_bps(const struct rate *rate, uint64_t now_ms); /* over RATE_RECENT_SECONDS */
