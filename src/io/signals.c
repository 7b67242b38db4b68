#include "io/signals.h"

#include <stdlib.h>

struct signals {
    void (*on_signal)(void *user, int number);
    void *user;
    size_t count;
    size_t open;
    uv_signal_t handles[];
};

static void free_when_closed(uv_handle_t *handle)
{
    struct signals *signals = handle->data;
    if (--signals->open == 0)
        free(signals);
}

static void on_uv_signal(uv_signal_t *handle, int number)
{
    struct signals *signals = handle->data;
    signals->on_signal(signals->user, number);
}

struct signals *signals_new(uv_loop_t *loop, const int numbers[], size_t count,
                            void (*on_signal)(void *user, int number), void *user)
{
    struct signals *signals = calloc(1, sizeof *signals + count * sizeof signals->handles[0]);
    if (signals == NULL)
        return NULL;
    signals->on_signal = on_signal;
    signals->user = user;
    for (size_t i = 0; i < count; i++) {
        uv_signal_init(loop, &signals->handles[i]);
        signals->handles[i].data = signals;
        signals->open = ++signals->count;
        if (uv_signal_start(&signals->handles[i], on_uv_signal, numbers[i]) != 0) {
            signals_free(signals);
            return NULL;
        }
        uv_unref((uv_handle_t *)&signals->handles[i]);
    }
    return signals;
}

void signals_free(struct signals *signals)
{
    if (signals == NULL)
        return;
    for (size_t i = 0; i < signals->count; i++)
        uv_close((uv_handle_t *)&signals->handles[i], free_when_closed);
}
