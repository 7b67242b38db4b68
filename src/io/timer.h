/* Timers, and the moment before the loop sleeps. */
#pragma once

#include <stdint.h>

#include <uv.h>

struct timer;

struct timer *timer_new(uv_loop_t *loop, void (*fire)(void *user),
                        void *user); /* NULL: no memory */
/* Fires once, at `at_ms` of uv_now's clock (at once when that is past); replaces what was set.
 * UINT64_MAX: never. */
void timer_set(struct timer *timer, uint64_t at_ms);
void timer_free(struct timer *timer); /* NULL is allowed; the loop frees it */

/* Runs once in each turn of the loop, after all that happened in it and before it waits: where what
 * was gathered is done together. Does not keep the loop alive. */
struct turn;

struct turn *turn_new(uv_loop_t *loop, void (*run)(void *user), void *user);
void turn_free(struct turn *turn);
