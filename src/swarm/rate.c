#include "swarm/rate.h"

void rate_init(struct rate *rate, uint64_t now_ms)
{
    *rate = (struct rate){.second = now_ms / 1000, .started_ms = now_ms};
}

void rate_add(struct rate *rate, uint64_t bytes, uint64_t now_ms)
{
    uint64_t second = now_ms / 1000;
    for (unsigned i = 0; rate->second < second; i++) {
        if (i == RATE_SECONDS) {
            rate->second = second;
            break;
        }
        rate->bytes[++rate->second % RATE_SECONDS] = 0;
    }
    rate->bytes[second % RATE_SECONDS] += bytes;
}

/* The current second counts as far as it has gone; a rate younger than a second is taken as one
 * second old. */
static uint64_t average(const struct rate *rate, unsigned seconds, uint64_t now_ms)
{
    uint64_t second = now_ms / 1000, sum = 0;
    for (uint64_t back = 0; back < seconds && back <= second; back++)
        if (second - back <= rate->second && rate->second - (second - back) < RATE_SECONDS)
            sum += rate->bytes[(second - back) % RATE_SECONDS];
    uint64_t span_ms = (seconds - 1) * 1000ull + now_ms % 1000;
    uint64_t age_ms = now_ms - rate->started_ms;
    span_ms = age_ms < span_ms ? age_ms : span_ms;
    span_ms = span_ms < 1000 ? 1000 : span_ms;
    return sum * 1000 / span_ms;
}

uint64_t rate_bps(const struct rate *rate, uint64_t now_ms)
{
    return average(rate, RATE_SECONDS, now_ms);
}

uint64_t rate_recent_bps(const struct rate *rate, uint64_t now_ms)
{
    return average(rate, RATE_RECENT_SECONDS, now_ms);
}
