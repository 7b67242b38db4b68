#include "swarm/upload_slots.h"

#include "swarm/params.h"

void upload_slots_init(struct upload_slots *slots, uint64_t worth_bps)
{
    *slots = (struct upload_slots){.count = SLOTS_USUAL,
                                   .least = SLOTS_USUAL,
                                   .worth_bps = worth_bps,
                                   .next_try = 1,
                                   .rest = SLOTS_REST_ROUNDS};
}

void upload_slots_learn(struct upload_slots *slots, uint32_t piece_length, uint32_t piece_count)
{
    uint64_t in_time =
        slots->worth_bps * SLOTS_PIECE_MS / 1000 / (piece_length > 0 ? piece_length : 1);
    if (in_time > SLOTS_USUAL || piece_count >= SLOTS_PIECES_MANY)
        in_time = SLOTS_USUAL;
    slots->least = in_time > SLOTS_MIN ? (size_t)in_time : SLOTS_MIN;
    slots->count = slots->least;
}

bool upload_slots_grow(struct upload_slots *slots, uint64_t rate_bps)
{
    uint64_t worth = rate_bps / slots->worth_bps;
    slots->seconds = worth > slots->count ? slots->seconds + 1 : 0;
    if (slots->seconds < SLOTS_GROW_SECONDS || slots->count == SLOTS_MAX)
        return false;
    slots->count = worth < SLOTS_MAX ? (size_t)worth : SLOTS_MAX;
    slots->tried = 0;
    return true;
}

static void rest(struct upload_slots *slots, int next_try)
{
    slots->rest = SLOTS_REST_ROUNDS;
    slots->next_try = next_try;
    slots->tried = 0;
}

static void try(struct upload_slots *slots, int by)
{
    if (by > 0 ? slots->count == SLOTS_MAX : slots->count == slots->least) {
        rest(slots, -by);
        return;
    }
    slots->count = by > 0 ? slots->count + 1 : slots->count - 1;
    slots->tried = by;
}

/* One more has to bring half of what a slot gives; one less may cost less than that. */
static void judge(struct upload_slots *slots, uint64_t bytes)
{
    uint64_t half = slots->before / (2 * slots->count);
    bool brought = bytes >= slots->before + half, cost = bytes + half < slots->before;
    if (slots->tried > 0 && !brought) {
        slots->count--;
        rest(slots, -1);
    } else if (slots->tried < 0 && cost) {
        slots->count++;
        rest(slots, 1);
    } else {
        try(slots, slots->tried);
    }
}

void upload_slots_round(struct upload_slots *slots, uint64_t bytes, bool waiting)
{
    bool fast = bytes * 1000 / CHOKER_ROUND_MS >= slots->count * slots->worth_bps;
    if (!waiting || fast)
        slots->tried = 0; /* it says nothing, or all is said */
    else if (slots->tried != 0)
        judge(slots, bytes);
    else if (slots->rest > 0)
        slots->rest--;
    else
        try(slots, slots->next_try);
    slots->before = bytes;
}
