/* A listening socket that stays one when memory or descriptors run out: libuv asks for no further
 * connection while one it gave is not taken, and asks without end when there is no descriptor for
 * it. So what cannot be taken is closed, and a listener that fails rests and begins anew. */
#pragma once

#include <stdbool.h>

#include <uv.h>

union listener_socket {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct listener_owner {
    uv_handle_type type; /* UV_TCP, UV_NAMED_PIPE */
    int backlog;
    /* To the address it is to have; again after each rest. Returns a code of libuv. */
    int (*bind)(void *user, union listener_socket *socket);
    /* To uv_accept one connection. False: no memory for it; it is closed. */
    bool (*take)(void *user, uv_stream_t *socket);
    void (*refused)(void *user); /* one was closed */
    void (*closed)(void *user);  /* after listener_close, from the loop */
};

/* Part of its owner, where it stays. */
struct listener {
    union listener_socket socket;
    union listener_socket unwanted; /* what is not taken is accepted into it, and closed */
    uv_timer_t timer;               /* ends the rest */
    const struct listener_owner *owner;
    void *user;
    unsigned open_handles;
    bool listening; /* `socket` is open */
    bool refusing;  /* `unwanted` is in use */
    bool waiting;   /* and another one is there */
    bool closing;
};

/* A code of libuv. Whatever it is, listener_close ends it. */
int listener_open(struct listener *listener, uv_loop_t *loop, const struct listener_owner *owner,
                  void *user);
void listener_close(struct listener *listener);
