#include "sim/event_wheel.h"

#include <assert.h>
#include <stdlib.h>

/* An event is kept by the highest byte in which its time differs from now: in level 0 those of this
 * quarter of a second, in level 1 those of this minute, and so on. When now reaches a slot of a
 * higher level, its events fall to lower ones, which are empty of that time until then; so the
 * events of a slot are always in the order in which they were added. */

struct event_wheel *event_wheel_new(void)
{
    return calloc(1, sizeof(struct event_wheel));
}

void event_wheel_free(struct event_wheel *wheel)
{
    free(wheel);
}

static unsigned level_of(const struct event_wheel *wheel, uint64_t at_ms)
{
    uint64_t differs = at_ms ^ wheel->now_ms;
    unsigned level = differs == 0 ? 0 : (63u - (unsigned)__builtin_clzll(differs)) / 8;
    assert(level < EVENT_WHEEL_LEVELS);
    return level;
}

static unsigned slot_of(uint64_t at_ms, unsigned level)
{
    return at_ms >> (8 * level) & 255;
}

static void append(struct event_wheel *wheel, struct event *event)
{
    unsigned level = level_of(wheel, event->at_ms), number = slot_of(event->at_ms, level);
    struct event_slot *slot = &wheel->slots[level][number];
    event->next = NULL;
    event->before = slot->last;
    if (slot->last != NULL)
        slot->last->next = event;
    else
        slot->first = event;
    slot->last = event;
    wheel->used[level][number / 64] |= 1ull << number % 64;
}

void event_wheel_add(struct event_wheel *wheel, struct event *event, uint64_t at_ms)
{
    assert(at_ms >= wheel->now_ms);
    event->at_ms = at_ms;
    append(wheel, event);
    wheel->count++;
}

void event_wheel_remove(struct event_wheel *wheel, struct event *event)
{
    unsigned level = level_of(wheel, event->at_ms), number = slot_of(event->at_ms, level);
    struct event_slot *slot = &wheel->slots[level][number];
    if (event->before != NULL)
        event->before->next = event->next;
    else
        slot->first = event->next;
    if (event->next != NULL)
        event->next->before = event->before;
    else
        slot->last = event->before;
    if (slot->first == NULL)
        wheel->used[level][number / 64] &= ~(1ull << number % 64);
    event->at_ms = EVENT_NEVER;
    wheel->count--;
}

/* The first slot in use from `from` on; 256: none. */
static unsigned next_used(const uint64_t used[4], unsigned from)
{
    for (unsigned word = from / 64; word < 4; word++) {
        uint64_t bits = used[word];
        if (word == from / 64)
            bits &= ~0ull << from % 64;
        if (bits != 0)
            return word * 64 + (unsigned)__builtin_ctzll(bits);
    }
    return 256;
}

static void fall(struct event_wheel *wheel, unsigned level, unsigned number)
{
    struct event_slot *slot = &wheel->slots[level][number];
    struct event *event = slot->first;
    *slot = (struct event_slot){0};
    wheel->used[level][number / 64] &= ~(1ull << number % 64);
    for (struct event *next; event != NULL; event = next) {
        next = event->next;
        append(wheel, event);
    }
}

/* The first slot of the lowest level that has one. False: the wheel is empty. */
static bool find_slot(const struct event_wheel *wheel, unsigned *level, unsigned *number)
{
    for (*level = 0; *level < EVENT_WHEEL_LEVELS; ++*level) {
        *number = next_used(wheel->used[*level], slot_of(wheel->now_ms, *level));
        if (*number < 256)
            return true;
    }
    return false;
}

static uint64_t slot_start_ms(const struct event_wheel *wheel, unsigned level, unsigned number)
{
    unsigned shift = 8 * level;
    return (wheel->now_ms >> shift >> 8 << 8 | number) << shift;
}

uint64_t event_wheel_next_ms(const struct event_wheel *wheel)
{
    unsigned level, number;
    return find_slot(wheel, &level, &number) ? slot_start_ms(wheel, level, number) : EVENT_NEVER;
}

struct event *event_wheel_take(struct event_wheel *wheel, uint64_t until_ms)
{
    for (unsigned level, number; find_slot(wheel, &level, &number);) {
        uint64_t start_ms = slot_start_ms(wheel, level, number);
        if (start_ms > until_ms)
            return NULL;
        if (start_ms > wheel->now_ms)
            wheel->now_ms = start_ms;
        if (level > 0) {
            fall(wheel, level, number);
            continue;
        }
        struct event *event = wheel->slots[0][number].first;
        event_wheel_remove(wheel, event);
        return event;
    }
    return NULL;
}

const struct event *event_wheel_after(const struct event_wheel *wheel, const struct event *event)
{
    if (event != NULL && event->next != NULL)
        return event->next;
    unsigned from = slot_of(event != NULL ? event->at_ms : wheel->now_ms, 0) + (event != NULL);
    unsigned number = from < 256 ? next_used(wheel->used[0], from) : 256;
    return number < 256 ? wheel->slots[0][number].first : NULL;
}
