/* Work for the pool of threads: runs there, ends on the loop. */
#pragma once

#include <stdbool.h>

#include <uv.h>

/* Embedded in the job it belongs to, which must live until `done` was called. */
struct work {
    uv_work_t request;
    void (*run)(void *user);                  /* on a thread of the pool */
    void (*done)(void *user, bool cancelled); /* on the loop; cancelled: `run` was never called */
    void *user;
};

void work_start(struct work *work, uv_loop_t *loop, void (*run)(void *user),
                void (*done)(void *user, bool cancelled), void *user);
/* False: it runs already and will end by itself. True: `done` comes soon, cancelled. */
bool work_cancel(struct work *work);
