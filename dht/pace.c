#include "dht/pace.h"

#include <stdlib.h>
#include <string.h>

#include "dht/params.h"
#include "kadpeer/siphash.h"

/* As in throttle.c: a bucket is the time at which it will be full again, and may lie further off
 * than a burst by what is held. */
enum {
    TICK_MS = 10,
    COST = 1000 / TICK_MS / PACE_PER_S, /* ticks that one token takes, rounded down */
    BURST = COST * PACE_BURST,
    HORIZON = BURST + PACE_HOLD_MAX_MS / TICK_MS,
    FIRST_HELD = 16,
};
_Static_assert(COST *TICK_MS * 20 >= 1000 && THROTTLE_ADDRESS_PER_S == 20, "slower than taken");
_Static_assert(PACE_BURST < THROTTLE_ADDRESS_BURST, "fewer than taken");

void pace_init(struct pace *pace, const uint8_t secret[16])
{
    *pace = (struct pace){.count = 0};
    memcpy(pace->secret, secret, sizeof pace->secret);
    source_table_init(&pace->buckets, PACE_TABLE_MAX, HORIZON);
}

void pace_dispose(struct pace *pace)
{
    source_table_dispose(&pace->buckets);
    free(pace->held);
    pace->held = NULL;
    pace->count = pace->cap = 0;
}

void pace_trim(struct pace *pace, uint64_t now_ms)
{
    source_table_trim(&pace->buckets, (uint32_t)(now_ms / TICK_MS));
    if (pace->count > 0)
        return;
    free(pace->held);
    pace->held = NULL;
    pace->cap = 0;
}

/* ---- tokens ---- */

/* Of the endpoint: two nodes behind one address count what each gets for itself. */
static uint32_t tag_of(const struct pace *pace, const struct endpoint *to)
{
    uint8_t text[1 + 16 + 2] = {to->family};
    memcpy(text + 1, to->addr, 16);
    write_u16(text + 17, to->port);
    uint32_t tag = (uint32_t)siphash(pace->secret, bytes_of(text, sizeof text));
    return tag != 0 ? tag : 1;
}

uint64_t pace_take(struct pace *pace, const struct endpoint *to, uint64_t now_ms, uint64_t wait_ms)
{
    uint32_t now = (uint32_t)(now_ms / TICK_MS), tag = tag_of(pace, to);
    uint32_t left = source_table_left(&pace->buckets, tag, now) + COST;
    uint64_t pause_ms = left > BURST ? (uint64_t)(left - BURST) * TICK_MS : 0;
    if (pause_ms > wait_ms || left > HORIZON)
        return UINT64_MAX;
    source_table_set(&pace->buckets, tag, left, now);
    return now_ms + pause_ms;
}

/* ---- held ---- */

static bool reserve_one(struct pace *pace)
{
    if (pace->count < pace->cap)
        return true;
    uint32_t cap = pace->cap > 0 ? pace->cap * 2 : FIRST_HELD;
    struct held_query *grown =
        cap <= PACE_HELD_MAX ? realloc(pace->held, cap * sizeof *grown) : NULL;
    if (grown == NULL)
        return false;
    pace->held = grown;
    pace->cap = cap;
    return true;
}

bool pace_hold(struct pace *pace, const struct rpc_query *query, uint64_t at_ms)
{
    if (!reserve_one(pace))
        return false;
    uint32_t first = 0, end = pace->count; /* those before `first` leave after it */
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (pace->held[middle].at_ms > at_ms)
            first = middle + 1;
        else
            end = middle;
    }
    memmove(&pace->held[first + 1], &pace->held[first],
            (pace->count - first) * sizeof pace->held[0]);
    pace->held[first] = (struct held_query){*query, at_ms};
    pace->count++;
    return true;
}

void pace_disown(struct pace *pace, uint32_t operation)
{
    for (uint32_t i = 0; i < pace->count; i++)
        if (pace->held[i].query.purpose == RPC_PING_HAND &&
            pace->held[i].query.operation == operation)
            pace->held[i].query.operation = 0;
}

uint64_t pace_deadline(const struct pace *pace)
{
    return pace->count > 0 ? pace->held[pace->count - 1].at_ms : UINT64_MAX;
}

bool pace_next(struct pace *pace, uint64_t now_ms, struct rpc_query *out)
{
    if (pace_deadline(pace) > now_ms)
        return false;
    *out = pace->held[--pace->count].query;
    return true;
}

bool pace_valid(const struct pace *pace)
{
    for (uint32_t i = 1; i < pace->count; i++)
        if (pace->held[i - 1].at_ms < pace->held[i].at_ms)
            return false;
    return pace->count <= pace->cap && pace->cap <= PACE_HELD_MAX &&
           source_table_valid(&pace->buckets);
}
