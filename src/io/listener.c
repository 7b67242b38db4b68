#include "io/listener.h"

#include "io/params.h"

static void on_handle_closed(struct listener *listener)
{
    if (--listener->open_handles == 0 && listener->closing)
        listener->owner->closed(listener->user);
}

static void init_socket(struct listener *listener, union listener_socket *socket)
{
    uv_loop_t *loop = listener->timer.loop;
    if (listener->owner->type == UV_TCP)
        uv_tcp_init(loop, &socket->tcp);
    else
        uv_pipe_init(loop, &socket->pipe, 0);
    socket->handle.data = listener;
    listener->open_handles++;
}

/* ---- what is not taken ---- */

static void take(struct listener *listener);

static void on_unwanted_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    listener->refusing = false;
    if (listener->waiting && listener->listening)
        take(listener);
    on_handle_closed(listener);
}

static void refuse(struct listener *listener)
{
    init_socket(listener, &listener->unwanted);
    listener->refusing = true;
    if (uv_accept(&listener->socket.stream, &listener->unwanted.stream) == 0)
        listener->owner->refused(listener->user);
    uv_close(&listener->unwanted.handle, on_unwanted_closed);
}

static void take(struct listener *listener)
{
    listener->waiting = false;
    if (listener->owner->take(listener->user, &listener->socket.stream))
        return;
    if (listener->refusing)
        listener->waiting = true; /* nothing more comes before it is taken */
    else
        refuse(listener);
}

/* ---- listening ---- */

static int begin(struct listener *listener);

static void on_rested(uv_timer_t *timer)
{
    struct listener *listener = timer->data;
    if (!listener->closing)
        begin(listener);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    if (!listener->closing)
        uv_timer_start(&listener->timer, on_rested, LISTENER_REST_MS, 0);
    on_handle_closed(listener);
}

static void end(struct listener *listener)
{
    if (!listener->listening)
        return;
    listener->listening = false;
    uv_close(&listener->socket.handle, on_socket_closed);
}

static void on_incoming(uv_stream_t *stream, int code)
{
    struct listener *listener = stream->data;
    if (code == 0)
        take(listener);
    else
        end(listener); /* out of descriptors, and libuv has none of its own left to shed load */
}

static int begin(struct listener *listener)
{
    init_socket(listener, &listener->socket);
    listener->listening = true;
    int code = listener->owner->bind(listener->user, &listener->socket);
    if (code == 0)
        code = uv_listen(&listener->socket.stream, listener->owner->backlog, on_incoming);
    if (code != 0)
        end(listener);
    return code;
}

int listener_open(struct listener *listener, uv_loop_t *loop, const struct listener_owner *owner,
                  void *user)
{
    *listener = (struct listener){.owner = owner, .user = user, .open_handles = 1};
    uv_timer_init(loop, &listener->timer);
    listener->timer.data = listener;
    return begin(listener);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

void listener_close(struct listener *listener)
{
    if (listener->closing)
        return;
    listener->closing = true;
    end(listener);
    uv_close((uv_handle_t *)&listener->timer, on_timer_closed);
}
