#include "io/tcp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "io/address.h"
#include "io/errors.h"
#include "io/listener.h"
#include "io/tcp_private.h"

#define LISTEN_BACKLOG 128 /* connections the system accepts ahead of us; its own usual bound */
#define AT_ONCE_BYTES  (16 * 1024) /* a write that is likely to find room with the system */

/* ---- listening ---- */

struct tcp_listener {
    struct listener listener;
    struct endpoint address; /* once bound: with its port */
    tcp_on_incoming *on_incoming;
    void *user;
};

static void free_when_closed(uv_handle_t *handle)
{
    struct tcp *tcp = handle->data;
    if (--tcp->open_handles > 0)
        return;
    tcp_tls_free(tcp);
    free(tcp);
}

static struct tcp *tcp_new(uv_loop_t *loop)
{
    struct tcp *tcp = calloc(1, sizeof *tcp);
    if (tcp == NULL)
        return NULL;
    if (uv_tcp_init(loop, &tcp->handle) != 0) {
        free(tcp);
        return NULL;
    }
    uv_timer_init(loop, &tcp->timer);
    tcp->open_handles = 2;
    tcp->handle.data = tcp->timer.data = tcp->connect.data = tcp->write.data = tcp;
    return tcp;
}

static bool take_incoming(void *user, uv_stream_t *socket)
{
    struct tcp_listener *listener = user;
    struct tcp *tcp = tcp_new(socket->loop);
    if (tcp == NULL)
        return false;
    if (uv_accept(socket, (uv_stream_t *)&tcp->handle) != 0) {
        tcp_close(tcp);
        return true;
    }
    uv_tcp_nodelay(&tcp->handle, 1);
    tcp->connected = true;
    listener->on_incoming(listener->user, tcp);
    return true;
}

static void incoming_refused(void *user)
{
    struct tcp_listener *listener = user;
    listener->on_incoming(listener->user, NULL);
}

static int bind_listener(void *user, union listener_socket *socket)
{
    struct tcp_listener *listener = user;
    const struct endpoint *address = &listener->address;
    struct sockaddr_storage at;
    if (!address_to_system(address, &at))
        return UV_EINVAL;
    unsigned flags = address->family == ENDPOINT_IPV6 ? UV_TCP_IPV6ONLY : 0;
    return uv_tcp_bind(&socket->tcp, (const struct sockaddr *)&at, flags);
}

static const struct listener_owner listener_owner = {.type = UV_TCP,
                                                     .backlog = LISTEN_BACKLOG,
                                                     .bind = bind_listener,
                                                     .take = take_incoming,
                                                     .refused = incoming_refused,
                                                     .closed = free};

typedef int name_of_socket(const uv_tcp_t *handle, struct sockaddr *name, int *len);

static struct endpoint ask_name(name_of_socket *ask, const uv_tcp_t *handle)
{
    struct sockaddr_storage name;
    int len = sizeof name;
    struct endpoint endpoint = {.family = ENDPOINT_NONE};
    if (ask(handle, (struct sockaddr *)&name, &len) == 0)
        address_from_system((const struct sockaddr *)&name, &endpoint);
    return endpoint;
}

enum status tcp_listen(uv_loop_t *loop, const struct endpoint *address,
                       tcp_on_incoming *on_incoming, void *user, struct tcp_listener **out,
                       struct endpoint *bound)
{
    struct tcp_listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL)
        return STATUS_NO_MEMORY;
    listener->address = *address;
    listener->on_incoming = on_incoming;
    listener->user = user;
    int code = listener_open(&listener->listener, loop, &listener_owner, listener);
    if (code != 0) {
        tcp_listener_close(listener);
        return status_of_uv(code);
    }
    listener->address = ask_name(uv_tcp_getsockname, &listener->listener.socket.tcp);
    if (bound != NULL)
        *bound = listener->address;
    *out = listener;
    return STATUS_OK;
}

void tcp_listener_close(struct tcp_listener *listener)
{
    if (listener != NULL)
        listener_close(&listener->listener);
}

/* ---- reading ---- */

/* Connected: something waits to be done outside of our owner's calls. Else: dialled for too long.
 */
static void on_timer(uv_timer_t *timer)
{
    struct tcp *tcp = timer->data;
    if (tcp->early_error != 0)
        tcp_fail(tcp, status_of_uv(tcp->early_error));
    else if (!tcp->connected)
        tcp_fail(tcp, STATUS_TIMED_OUT);
    else if (tcp->tls != NULL)
        tcp_tls_pump(tcp);
}

void tcp_fail(struct tcp *tcp, enum status why)
{
    if (tcp->failed)
        return;
    tcp->failed = true;
    uv_read_stop((uv_stream_t *)&tcp->handle);
    uv_timer_stop(&tcp->timer);
    tcp->owner->failed(tcp->user, why);
}

void tcp_fail_soon(struct tcp *tcp, int code)
{
    tcp->early_error = code;
    uv_timer_start(&tcp->timer, on_timer, 0, 0);
}

void tcp_pump_soon(struct tcp *tcp)
{
    uv_timer_start(&tcp->timer, on_timer, 0, 0);
}

static void give_space(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct tcp *tcp = handle->data;
    if (tcp->tls != NULL) {
        tcp_tls_space(tcp, out);
        return;
    }
    uint8_t *space = NULL;
    size_t len = 0;
    tcp->owner->space(tcp->user, &space, &len);
    *out = uv_buf_init((char *)space, len > UINT32_MAX ? UINT32_MAX : (unsigned)len);
}

/* What libuv's read, which fills one run alone, has left: in one call. The end and errors are
 * libuv's to find, at the next one. */
static void read_rest(struct tcp *tcp)
{
    struct space spaces[TCP_SPACES_MAX];
    struct iovec runs[TCP_SPACES_MAX];
    uv_os_fd_t fd;
    if (!tcp->reading || tcp->failed || tcp->closing || tcp->tls != NULL ||
        tcp->owner->spaces == NULL || uv_fileno((const uv_handle_t *)&tcp->handle, &fd) != 0)
        return;
    size_t count = tcp->owner->spaces(tcp->user, spaces);
    for (size_t i = 0; i < count; i++)
        runs[i] = (struct iovec){spaces[i].data, spaces[i].len};
    ssize_t len = count > 0 ? readv(fd, runs, (int)count) : 0;
    if (len > 0)
        tcp->owner->received(tcp->user, (size_t)len);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct tcp *tcp = stream->data;
    if (len == UV_ENOBUFS) { /* its owner has no room */
        tcp_pause(tcp, true);
    } else if (len > 0 && tcp->tls != NULL) {
        tcp_tls_received(tcp, (size_t)len);
    } else if (len > 0) {
        tcp->owner->received(tcp->user, (size_t)len);
        if ((size_t)len == buf->len)
            read_rest(tcp);
    } else if (len < 0) {
        tcp_fail(tcp, len == UV_EOF ? STATUS_CLOSED : status_of_uv((int)len));
    }
}

void tcp_read_or_not(struct tcp *tcp)
{
    bool stalled = tcp->tls != NULL && tcp->tls->stalled;
    bool wanted = tcp->connected && tcp->owner != NULL && !tcp->paused && !stalled &&
                  !tcp->failed && !tcp->closing;
    if (wanted == tcp->reading)
        return;
    tcp->reading = wanted;
    if (wanted)
        uv_read_start((uv_stream_t *)&tcp->handle, give_space, on_read);
    else
        uv_read_stop((uv_stream_t *)&tcp->handle);
}

void tcp_set_owner(struct tcp *tcp, const struct tcp_owner *owner, void *user)
{
    tcp->owner = owner;
    tcp->user = user;
}

void tcp_start(struct tcp *tcp, const struct tcp_owner *owner, void *user)
{
    tcp_set_owner(tcp, owner, user);
    tcp_read_or_not(tcp);
}

void tcp_pause(struct tcp *tcp, bool paused)
{
    tcp->paused = paused;
    if (!paused && tcp->tls != NULL && tcp->tls->stalled)
        tcp_pump_soon(tcp);
    tcp_read_or_not(tcp);
}

/* ---- dialling ---- */

static void on_connected(uv_connect_t *request, int code)
{
    struct tcp *tcp = request->data;
    if (tcp->closing)
        return;
    if (code != 0) {
        tcp_fail(tcp, status_of_uv(code));
        return;
    }
    uv_timer_stop(&tcp->timer);
    uv_tcp_nodelay(&tcp->handle, 1);
    tcp->connected = true;
    tcp->owner->connected(tcp->user);
    tcp_read_or_not(tcp);
}

static int dial(struct tcp *tcp, const struct endpoint *to, const struct endpoint *from)
{
    struct sockaddr_storage at;
    if (from != NULL && from->family == to->family) {
        struct endpoint ours = *from;
        ours.port = 0;
        address_to_system(&ours, &at);
        int code = uv_tcp_bind(&tcp->handle, (const struct sockaddr *)&at, 0);
        if (code != 0)
            return code;
    }
    if (!address_to_system(to, &at))
        return UV_EINVAL;
    return uv_tcp_connect(&tcp->connect, &tcp->handle, (const struct sockaddr *)&at, on_connected);
}

struct tcp *tcp_connect(uv_loop_t *loop, const struct endpoint *to, const struct endpoint *from,
                        uint64_t timeout_ms, const struct tcp_owner *owner, void *user)
{
    struct tcp *tcp = tcp_new(loop);
    if (tcp == NULL)
        return NULL;
    tcp_set_owner(tcp, owner, user);
    tcp->early_error = dial(tcp, to, from);
    uv_timer_start(&tcp->timer, on_timer, tcp->early_error != 0 ? 0 : timeout_ms, 0);
    return tcp;
}

/* ---- writing ---- */

static void on_written(uv_write_t *request, int code)
{
    struct tcp *tcp = request->data;
    if (tcp->closing)
        return;
    if (code != 0)
        tcp_fail(tcp, status_of_uv(code));
    else if (tcp->tls != NULL)
        tcp_tls_written(tcp);
    else
        tcp_sent(tcp);
}

void tcp_sent(struct tcp *tcp)
{
    tcp->writing = false;
    tcp->owner->sent(tcp->user);
}

void tcp_send(struct tcp *tcp, const uv_buf_t bufs[], unsigned count)
{
    int code = uv_write(&tcp->write, (uv_stream_t *)&tcp->handle, bufs, count, on_written);
    if (code != 0) /* no memory, or not open: shows as the broken connection it is */
        tcp_fail_soon(tcp, code);
}

/* Bytes that went at once. uv_write tells of each write from the loop, and asks the system anew
 * what to watch for: twice the work for a few requests. Errors are for uv_write to find. */
static size_t write_at_once(struct tcp *tcp, const uv_buf_t bufs[], size_t count, size_t len)
{
    if (!tcp->connected || tcp->failed || len > AT_ONCE_BYTES)
        return 0;
    int code = uv_try_write((uv_stream_t *)&tcp->handle, bufs, (unsigned)count);
    return code > 0 ? (size_t)code : 0;
}

/* What is left of `bufs` behind the first `len` bytes; returns the index of the first. */
static size_t skip(uv_buf_t bufs[], size_t len)
{
    size_t first = 0;
    while (len >= bufs[first].len)
        len -= bufs[first++].len;
    bufs[first].base += len;
    bufs[first].len -= len;
    return first;
}

bool tcp_write(struct tcp *tcp, const struct bytes runs[], size_t count)
{
    assert(!tcp->writing && !tcp->closing && count > 0 && count <= TCP_RUNS_MAX);
    if (tcp->tls != NULL) {
        tcp->writing = true;
        tcp_tls_write(tcp, runs, count);
        return false;
    }
    uv_buf_t bufs[TCP_RUNS_MAX];
    size_t len = 0, first = 0;
    for (size_t i = 0; i < count; i++) {
        bufs[i] = uv_buf_init((char *)(uintptr_t)runs[i].data, (unsigned)runs[i].len);
        len += runs[i].len;
    }
    size_t gone = write_at_once(tcp, bufs, count, len);
    if (gone == len)
        return true;
    first = skip(bufs, gone);
    tcp->writing = true;
    tcp_send(tcp, bufs + first, (unsigned)(count - first));
    return false;
}

bool tcp_is_writing(const struct tcp *tcp)
{
    return tcp->writing;
}

size_t tcp_backlog(const struct tcp *tcp)
{
    size_t queued = uv_stream_get_write_queue_size((const uv_stream_t *)&tcp->handle);
    return tcp->tls == NULL ? queued : queued + tcp->tls->plain_bytes;
}

/* ---- the rest ---- */

struct endpoint tcp_remote(const struct tcp *tcp)
{
    return ask_name(uv_tcp_getpeername, &tcp->handle);
}

struct endpoint tcp_local(const struct tcp *tcp)
{
    return ask_name(uv_tcp_getsockname, &tcp->handle);
}

void tcp_close(struct tcp *tcp)
{
    if (tcp == NULL || tcp->closing)
        return;
    tcp->closing = true;
    uv_close((uv_handle_t *)&tcp->handle, free_when_closed);
    uv_close((uv_handle_t *)&tcp->timer, free_when_closed);
}
