/* Signals as calls from the loop. */
#pragma once

#include <stddef.h>

#include <uv.h>

struct signals;

/* Takes over the signals named; the system's own reaction is off until signals_free. NULL: no
 * memory, or one of them can't be taken. */
struct signals *signals_new(uv_loop_t *loop, const int numbers[], size_t count,
                            void (*on_signal)(void *user, int number), void *user);
void signals_free(struct signals *signals); /* the loop frees it; NULL is allowed */
