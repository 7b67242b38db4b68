/* What is due when. */
#include "people/group_private.h"

void group_timer_set(struct group *group, enum group_timer timer, uint64_t pause_ms)
{
    group->timers[timer] = group->now_ms + pause_ms;
}

void timer_set_unix(struct group *group, enum group_timer timer, uint64_t unix_s)
{
    uint64_t now_ms = group->unix_base_ms + group->now_ms;
    uint64_t longest_s = UINT64_MAX / 4000;
    uint64_t at_ms = (unix_s < longest_s ? unix_s : longest_s) * 1000;
    group_timer_set(group, timer, at_ms > now_ms ? at_ms - now_ms : 0);
}

void timer_stop(struct group *group, enum group_timer timer)
{
    group->timers[timer] = UINT64_MAX;
}

void timers_stop(struct group *group)
{
    for (int i = 0; i < TIMERS; i++)
        group->timers[i] = UINT64_MAX;
}

uint64_t jittered(struct group *group, uint64_t ms, unsigned percent)
{
    uint64_t part = ms * percent / 100;
    return ms - part + rng_below(&group->rng, 2 * part + 1);
}

uint64_t retry_ms(struct group *group, unsigned tries)
{
    uint64_t ms = RETRY_MAX_MS;
    if (tries < 16 && (uint64_t)RETRY_FIRST_MS << tries < RETRY_MAX_MS)
        ms = (uint64_t)RETRY_FIRST_MS << tries;
    return jittered(group, ms, 20);
}

void timers_begin(struct group *group)
{
    timers_stop(group);
    if (group->gone || group->standing == GROUP_REMOVED)
        return;
    group_timer_set(group, TIMER_HEAD, 0);
    group->apply_started_ms = group->now_ms;
    group->apply_gap_ms = APPLY_FIRST_MS;
    if (group->head.len > 0)
        timer_set_unix(group, TIMER_STALE, group->head_expiry_unix_s);
    if (group->standing == GROUP_OWNER) {
        owner_soon(group);
        group_timer_set(group, TIMER_MAIL, 0);
        mail_set_timers(group);
    }
    if (!group_is_in(group))
        return;
    group_timer_set(group, TIMER_UPKEEP, jittered(group, UPKEEP_MS, 30));
    group_timer_set(group, TIMER_SHELVES, 0);
    epochs_due(group);
}

static void fire(struct group *group, enum group_timer timer)
{
    switch (timer) {
    case TIMER_HEAD:
        head_ask(group);
        break;
    case TIMER_READ:
        reading_retry(group);
        break;
    case TIMER_WRITE:
        writing_retry(group);
        break;
    case TIMER_OWNER:
        owner_due(group);
        break;
    case TIMER_MAIL:
        mail_ask(group);
        break;
    case TIMER_INVITES:
        mail_ask_invites(group);
        break;
    case TIMER_EPOCHS:
        epochs_due(group);
        break;
    case TIMER_STALE:
        head_check_stale(group);
        break;
    case TIMER_POST:
        post_due(group);
        break;
    case TIMER_UPKEEP:
        upkeep_due(group);
        break;
    case TIMER_SHELVES:
        shelves_due(group);
        break;
    case TIMER_SHELF:
        shelf_due(group);
        break;
    case TIMERS:
        break;
    }
}

void group_on_time(struct group *group, uint64_t now_ms)
{
    group_begin(group, now_ms);
    for (int i = 0; i < TIMERS; i++) {
        if (group->timers[i] > now_ms)
            continue;
        timer_stop(group, (enum group_timer)i);
        fire(group, (enum group_timer)i);
    }
    group_settle(group);
}

uint64_t group_deadline(const struct group *group)
{
    uint64_t first_ms = UINT64_MAX;
    for (int i = 0; i < TIMERS; i++)
        if (group->timers[i] < first_ms)
            first_ms = group->timers[i];
    return first_ms;
}

void group_set_unix_base(struct group *group, uint64_t unix_base_ms)
{
    group->unix_base_ms = unix_base_ms;
    if (group->timers[TIMER_STALE] != UINT64_MAX)
        timer_set_unix(group, TIMER_STALE, group->head_expiry_unix_s);
    if (group->standing == GROUP_OWNER)
        owner_set_timer(group);
    if (group_is_in(group))
        epochs_due(group);
}

void group_refresh(struct group *group, uint64_t now_ms)
{
    group_begin(group, now_ms);
    if (group->gone || group->standing == GROUP_REMOVED)
        return;
    head_ask(group);
    if (group->timers[TIMER_READ] != UINT64_MAX)
        group_timer_set(group, TIMER_READ, 0); /* who looks does not wait for a pause to end */
    if (group->standing == GROUP_OWNER) {
        mail_ask(group);
        mail_ask_invites(group);
    }
    if (group_is_in(group))
        shelves_sweep(group, group->shelf_count + 1);
    group_settle(group);
}
