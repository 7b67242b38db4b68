/* What is to happen in a virtual network, in the order of time, and of sequence at one time: a
 * hierarchical timing wheel [Varghese & Lauck 1987], O(1) an event. Adding and taking out allocate
 * nothing: an event is part of what it is about, and stays where it is while it is in the wheel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event {
    struct event *next, *before; /* the wheel's */
    uint64_t at_ms;              /* EVENT_NEVER: not in a wheel */
    uint32_t node;               /* the rest is the owner's */
    uint8_t type;
    uint8_t flags;
    uint16_t len;
};

#define EVENT_NEVER        UINT64_MAX
#define EVENT_WHEEL_LEVELS 6 /* of a byte each: 2^48 ms */

struct event_wheel {
    uint64_t now_ms; /* nothing in it is due before */
    size_t count;
    struct event_slot {
        struct event *first, *last;
    } slots[EVENT_WHEEL_LEVELS][256];
    uint64_t used[EVENT_WHEEL_LEVELS][4]; /* bits: slots that are not empty */
};

struct event_wheel *event_wheel_new(void);
void event_wheel_free(struct event_wheel *wheel); /* not the events */

void event_wheel_add(struct event_wheel *wheel, struct event *event, uint64_t at_ms);
void event_wheel_remove(struct event_wheel *wheel, struct event *event);
/* Nothing in it is due before. EVENT_NEVER: it is empty. */
uint64_t event_wheel_next_ms(const struct event_wheel *wheel);
/* Takes out the next event that is due at `until_ms` at the latest. NULL: none; then nothing may be
 * added before `until_ms` any more. */
struct event *event_wheel_take(struct event_wheel *wheel, uint64_t until_ms);
/* What follows `event`, as far as that is known at no cost: a hint of what to fetch into the cache.
 * `event` NULL: the first. NULL: not known. */
const struct event *event_wheel_after(const struct event_wheel *wheel, const struct event *event);
