#include "io/timer.h"

#include <stdlib.h>

struct timer {
    uv_timer_t handle;
    void (*fire)(void *user);
    void *user;
};

static void free_handle(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_timer(uv_timer_t *handle)
{
    struct timer *timer = handle->data;
    timer->fire(timer->user);
}

struct timer *timer_new(uv_loop_t *loop, void (*fire)(void *user), void *user)
{
    struct timer *timer = malloc(sizeof *timer);
    if (timer == NULL)
        return NULL;
    timer->fire = fire;
    timer->user = user;
    uv_timer_init(loop, &timer->handle);
    timer->handle.data = timer;
    return timer;
}

void timer_set(struct timer *timer, uint64_t at_ms)
{
    if (at_ms == UINT64_MAX) {
        uv_timer_stop(&timer->handle);
        return;
    }
    uint64_t now_ms = uv_now(timer->handle.loop);
    uv_timer_start(&timer->handle, on_timer, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

void timer_free(struct timer *timer)
{
    if (timer != NULL)
        uv_close((uv_handle_t *)&timer->handle, free_handle);
}

struct turn {
    uv_prepare_t handle;
    void (*run)(void *user);
    void *user;
};

static void on_prepare(uv_prepare_t *handle)
{
    struct turn *turn = handle->data;
    turn->run(turn->user);
}

struct turn *turn_new(uv_loop_t *loop, void (*run)(void *user), void *user)
{
    struct turn *turn = malloc(sizeof *turn);
    if (turn == NULL)
        return NULL;
    turn->run = run;
    turn->user = user;
    uv_prepare_init(loop, &turn->handle);
    turn->handle.data = turn;
    uv_prepare_start(&turn->handle, on_prepare);
    uv_unref((uv_handle_t *)&turn->handle);
    return turn;
}

void turn_free(struct turn *turn)
{
    if (turn != NULL)
        uv_close((uv_handle_t *)&turn->handle, free_handle);
}
