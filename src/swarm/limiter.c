#include "swarm/limiter.h"

#include <utlist.h>

#include "swarm/params.h"

enum { PARTS = 1000 }; /* of a byte: what a rate of 1 byte per second gives in a millisecond */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- one limiter ---- */

static int64_t room(const struct limiter *limiter)
{
    return (int64_t)most(limiter->rate_bps * LIMITER_BURST_MS, LIMITER_BLOCK_BYTES * PARTS);
}

static void add(struct limiter *limiter, uint64_t parts)
{
    int64_t cap = room(limiter);
    bool fits = limiter->level < cap && parts < (uint64_t)(cap - limiter->level);
    limiter->level = fits ? limiter->level + (int64_t)parts : cap;
}

static void fill(struct limiter *limiter, uint64_t now_ms)
{
    if (now_ms <= limiter->filled_ms)
        return;
    uint64_t passed_ms = least(now_ms - limiter->filled_ms, 1000 * PARTS);
    limiter->filled_ms = now_ms;
    if (limiter->rate_bps > 0)
        add(limiter, limiter->rate_bps * passed_ms);
}

/* What is larger than its room moves when it is full. */
static int64_t missing(const struct limiter *limiter, size_t len)
{
    int64_t wanted = (int64_t)least((uint64_t)len * PARTS, (uint64_t)room(limiter));
    return limiter->rate_bps > 0 && limiter->level < wanted ? wanted - limiter->level : 0;
}

static bool affords(const struct limiter *limiter, size_t len)
{
    return missing(limiter, len) == 0;
}

static uint64_t affords_ms(const struct limiter *limiter, size_t len)
{
    uint64_t parts = (uint64_t)missing(limiter, len);
    return parts == 0 ? 0 : limiter->filled_ms + (parts - 1) / limiter->rate_bps + 1;
}

static void take(struct limiter *limiter, size_t len)
{
    if (limiter->rate_bps > 0)
        limiter->level -= (int64_t)len * PARTS;
}

void limiter_init(struct limiter *limiter, struct limiter *above, uint64_t now_ms)
{
    *limiter = (struct limiter){.above = above, .filled_ms = now_ms};
}

static void stop_waiting(struct limiter *limiter)
{
    if (limiter->above != NULL && limiter->prev != NULL)
        DL_DELETE(limiter->above->below, limiter);
    limiter->prev = limiter->next = NULL;
}

void limiter_dispose(struct limiter *limiter)
{
    stop_waiting(limiter);
    limiter->above = NULL;
}

void limiter_set_rate(struct limiter *limiter, uint64_t rate_bps, uint64_t now_ms)
{
    fill(limiter, now_ms);
    if (limiter->rate_bps == 0)
        limiter->level = 0;
    limiter->rate_bps = least(rate_bps, LIMITER_MAX_BPS);
    add(limiter, 0);
}

bool limiter_is_on(const struct limiter *limiter)
{
    return limiter_rate(limiter) < UINT64_MAX;
}

uint64_t limiter_rate(const struct limiter *limiter)
{
    uint64_t own = limiter->rate_bps > 0 ? limiter->rate_bps : UINT64_MAX;
    return limiter->above != NULL ? least(own, limiter_rate(limiter->above)) : own;
}

size_t limiter_grain(const struct limiter *limiter)
{
    uint64_t grain = limiter_rate(limiter) / LIMITER_GRAINS;
    return (size_t)least(most(grain, LIMITER_GRAIN_BYTES), LIMITER_BLOCK_BYTES);
}

/* ---- whose turn it is ---- */

static struct limited *next_user(const struct limiter *limiter)
{
    struct limited *best = NULL, *user;
    DL_FOREACH(limiter->waiting, user)
    if (user->want > 0 && (best == NULL || user->given < best->given))
        best = user;
    return best;
}

/* First what it waits for, then shares of what else there is. */
static size_t portion(const struct limiter *limiter, const struct limited *user)
{
    uint64_t share = limiter_rate(limiter) / 1000 * LIMITER_SHARE_MS;
    return user->need > 0 ? user->need
                          : (size_t)least(user->want, most(share, LIMITER_BLOCK_BYTES));
}

/* Of those that their own limits let go on the one with the fewest bytes. */
static struct limiter *next_limiter(struct limiter *top, struct limited **user)
{
    struct limiter *best = NULL, *limiter;
    *user = next_user(top);
    if (*user != NULL)
        return top;
    DL_FOREACH(top->below, limiter)
    {
        struct limited *first = next_user(limiter);
        if (first == NULL || !affords(limiter, portion(limiter, first)) ||
            (best != NULL && best->given <= limiter->given))
            continue;
        best = limiter;
        *user = first;
    }
    return best;
}

static struct limiter *top_of(struct limiter *limiter)
{
    return limiter->above != NULL ? limiter->above : limiter;
}

/* ---- giving ---- */

static void give(struct limited *user, size_t len, uint64_t now_ms)
{
    struct limiter *limiter = user->limiter;
    take(limiter, len);
    limiter->turn = most(limiter->turn, user->given);
    user->given += len;
    user->reserved += len;
    user->reserved_ms = now_ms;
    if (limiter->above == NULL)
        return;
    take(limiter->above, len);
    limiter->above->turn = most(limiter->above->turn, limiter->given);
    limiter->given += len;
}

static bool give_next(struct limiter *top, uint64_t now_ms)
{
    struct limited *user;
    struct limiter *limiter = next_limiter(top, &user);
    size_t len = limiter != NULL ? portion(limiter, user) : 0;
    if (limiter == NULL || !affords(top, len))
        return false;
    give(user, len, now_ms);
    user->want -= least(user->want, len);
    user->need = 0;
    limiter->granted += !user->granted;
    user->granted = true;
    return true;
}

static void end_wait(struct limited *user)
{
    DL_DELETE(user->limiter->waiting, user);
    user->waits = false;
    if (user->limiter->waiting == NULL)
        stop_waiting(user->limiter);
}

static void end_waits(struct limiter *limiter)
{
    struct limited *user, *next;
    DL_FOREACH_SAFE(limiter->waiting, user, next)
    if (user->granted)
        end_wait(user);
}

void limiter_run(struct limiter *limiter, uint64_t now_ms)
{
    struct limiter *top = top_of(limiter), *each, *next;
    fill(top, now_ms);
    top->ran_ms = now_ms;
    DL_FOREACH(top->below, each)
    fill(each, now_ms);
    while (give_next(top, now_ms))
        ;
    end_waits(top);
    DL_FOREACH_SAFE(top->below, each, next)
    end_waits(each);
}

static uint64_t due_ms(struct limiter *top)
{
    struct limited *user;
    struct limiter *limiter = next_limiter(top, &user), *each;
    if (limiter != NULL)
        return affords_ms(top, portion(limiter, user));
    uint64_t soonest_ms = UINT64_MAX;
    DL_FOREACH(top->below, each)
    if ((user = next_user(each)) != NULL)
        soonest_ms = least(soonest_ms, affords_ms(each, portion(each, user)));
    return soonest_ms;
}

uint64_t limiter_deadline(const struct limiter *limiter)
{
    struct limiter *top = top_of((struct limiter *)(uintptr_t)limiter);
    return most(due_ms(top), top->ran_ms + LIMITER_PACE_MS);
}

/* ---- connections ---- */

void limited_join(struct limited *limited, struct limiter *limiter)
{
    *limited = (struct limited){.limiter = limiter};
}

static void give_back(struct limited *limited)
{
    struct limiter *limiter = limited->limiter;
    size_t len = limited->reserved;
    limited->reserved = 0;
    limited->given -= len;
    add(limiter, (uint64_t)len * PARTS);
    if (limiter->above == NULL)
        return;
    limiter->given -= len;
    add(limiter->above, (uint64_t)len * PARTS);
}

void limited_leave(struct limited *limited)
{
    if (limited->limiter == NULL)
        return;
    if (limited->waits)
        end_wait(limited);
    limited->limiter->granted -= limited->granted;
    give_back(limited);
    *limited = (struct limited){.limiter = NULL};
}

/* Who did not want anything for a while does not make up for it; but what somebody fell behind
 * between two waits is still his. */
static uint64_t least_given(const struct limiter *limiter)
{
    uint64_t rate = limiter_rate(limiter);
    uint64_t behind = rate < UINT64_MAX ? rate / 1000 * LIMITER_BEHIND_MS : 0;
    behind = most(behind, LIMITER_BLOCK_BYTES);
    return limiter->turn > behind ? limiter->turn - behind : 0;
}

static void begin_wait(struct limited *limited, size_t need, size_t want)
{
    struct limiter *limiter = limited->limiter, *above = limiter->above;
    limiter->granted -= limited->granted;
    limited->granted = false;
    limited->need = need;
    limited->want = want > need ? want : need;
    limited->waits = true;
    limited->given = most(limited->given, least_given(limiter));
    if (limiter->waiting == NULL && above != NULL) {
        limiter->given = most(limiter->given, least_given(above));
        DL_APPEND(above->below, limiter);
    }
    DL_APPEND(limiter->waiting, limited);
}

/* Whether there is more than those who wait are waiting for. */
static bool has_spare(struct limiter *limiter, size_t len, uint64_t now_ms)
{
    struct limiter *top = top_of(limiter);
    struct limited *user;
    if (top->below != NULL || top->waiting != NULL)
        limiter_run(top, now_ms);
    fill(top, now_ms);
    fill(limiter, now_ms);
    return limiter->waiting == NULL && next_limiter(top, &user) == NULL && affords(limiter, len) &&
           affords(top, len);
}

size_t limited_reserve(struct limited *limited, size_t need, size_t want, uint64_t now_ms)
{
    if (limited->waits)
        return 0;
    if (limited->reserved > 0 && now_ms > limited->reserved_ms + LIMITER_KEPT_MS)
        give_back(limited);
    if (limited->reserved >= need)
        return limited->reserved;
    size_t more = need - limited->reserved;
    if (has_spare(limited->limiter, more, now_ms)) {
        give(limited, more, now_ms);
        return limited->reserved;
    }
    begin_wait(limited, more, want > limited->reserved ? want - limited->reserved : 0);
    return 0;
}

void limited_spend(struct limited *limited, size_t len)
{
    size_t more = len > limited->reserved ? len - limited->reserved : 0;
    limited->reserved -= len - more;
    if (more == 0)
        return;
    take(limited->limiter, more);
    if (limited->limiter->above != NULL)
        take(limited->limiter->above, more);
}

bool limited_take_granted(struct limited *limited, uint64_t now_ms)
{
    if (!limited->granted)
        return false;
    limited->granted = false;
    limited->limiter->granted--;
    limited->reserved_ms = now_ms;
    return true;
}
