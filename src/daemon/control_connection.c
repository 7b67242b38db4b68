#include "daemon/control_private.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "daemon/daemon.h"
#include "daemon/params.h"

struct connection *connection_new(struct control *control)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL || uv_pipe_init(control->daemon->loop, &connection->pipe, 0) != 0) {
        free(connection);
        return NULL;
    }
    connection->control = control;
    connection->pipe.data = connection;
    buffer_init(&connection->in);
    frame_init(&connection->frame);
    DL_APPEND(control->connections, connection);
    control->counts.connections++;
    control->open_handles++;
    return connection;
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct control *control = connection->control;
    while (connection->calls != NULL)
        call_cancel(connection->calls);
    DL_DELETE(control->connections, connection);
    control->counts.connections--;
    buffer_dispose(&connection->in);
    free(connection);
    control_handle_closed(control);
}

static void set_extra(struct connection *connection, bool extra)
{
    connection->control->extras += (unsigned)extra - (unsigned)connection->extra;
    connection->extra = extra;
}

void connection_close(struct connection *connection)
{
    if (connection->closing)
        return;
    connection->closing = true;
    set_extra(connection, false);
    uv_close((uv_handle_t *)&connection->pipe, on_closed);
}

void connection_stop(struct connection *connection)
{
    while (connection->calls != NULL)
        call_stop(connection->calls);
    connection_close(connection);
}

void connection_refuse(struct connection *connection)
{
    connection->control->counts.refused++;
    call_refuse_all(connection, "busy", "the daemon has too many clients at the moment");
    connection_close(connection);
}

static void close_malformed(struct connection *connection)
{
    connection->control->counts.malformed++;
    connection_close(connection);
}

/* ---- receiving ---- */

static void take_message(struct connection *connection, struct bytes message)
{
    connection->control->counts.requests++;
    struct call *call = call_new(connection, message);
    if (call == NULL) {
        close_malformed(connection);
    } else if (connection->extra && !call_is_for_extra(call)) {
        call_free(call);
        connection_refuse(connection);
    } else {
        call_run(call);
    }
}

/* Others have gone since. */
static void settle_extra(struct connection *connection)
{
    if (connection->extra && connection->control->counts.connections <= CONTROL_CONNECTIONS_MAX)
        set_extra(connection, false);
}

/* Who does not read the answers is not asked for more questions. */
static bool has_room(const struct connection *connection)
{
    const uv_stream_t *stream = (const uv_stream_t *)&connection->pipe;
    return uv_stream_get_write_queue_size(stream) <= CONTROL_BACKLOG_MAX;
}

static void take_messages(struct connection *connection)
{
    struct buffer *in = &connection->in;
    size_t done = 0;
    settle_extra(connection);
    size_t most = connection->extra ? CONTROL_EXTRA_REQUEST_MAX : CONTROL_REQUEST_MAX;
    while (done < in->len && !connection->closing && has_room(connection)) {
        struct bytes rest = bytes_of(in->data + done, in->len - done);
        enum frame_result result = frame_feed(&connection->frame, rest, most);
        if (result == FRAME_PARTIAL)
            break;
        size_t len = connection->frame.at;
        frame_init(&connection->frame);
        if (result == FRAME_BAD && connection->extra)
            connection_refuse(connection);
        else if (result == FRAME_BAD)
            close_malformed(connection);
        else
            take_message(connection, bytes_of(rest.data, len));
        done += len;
    }
    if (done > 0)
        explicit_bzero(in->data, done); /* passwords come in it */
    if (done > 0 && !connection->closing)
        buffer_drop_front(in, done);
    if (in->len == 0) /* connections live long and mostly say nothing */
        buffer_dispose(in);
}

static void give_space(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct connection *connection = handle->data;
    (void)suggested;
    if (buffer_reserve(&connection->in, CONTROL_READ_BYTES))
        *out = uv_buf_init((char *)connection->in.data + connection->in.len, CONTROL_READ_BYTES);
}

static void read_or_not(struct connection *connection);

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct connection *connection = stream->data;
    (void)buf;
    if (len < 0) {
        connection_close(connection);
        return;
    }
    connection->in.len += (size_t)len;
    take_messages(connection);
    read_or_not(connection);
}

static void read_or_not(struct connection *connection)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->pipe;
    if (connection->closing)
        return;
    bool wanted = has_room(connection);
    if (wanted && !connection->reading)
        uv_read_start(stream, give_space, on_read);
    else if (!wanted && connection->reading)
        uv_read_stop(stream);
    connection->reading = wanted;
}

void connection_start(struct connection *connection)
{
    read_or_not(connection);
}

void connection_start_extra(struct connection *connection)
{
    set_extra(connection, true);
    connection_start(connection);
}

/* ---- sending ---- */

struct outgoing {
    uv_write_t request;
    struct connection *connection;
    uint8_t *data;
};

static void on_written(uv_write_t *request, int code)
{
    struct outgoing *outgoing = request->data;
    struct connection *connection = outgoing->connection;
    free(outgoing->data);
    free(outgoing);
    if (code != 0) {
        connection_close(connection);
        return;
    }
    if (!connection->closing)
        take_messages(connection); /* what came while too much waited */
    read_or_not(connection);
}

/* What the system takes at once needs no memory of its own. Returns how many bytes went. */
static size_t send_now(struct connection *connection, const struct buffer *message)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->pipe;
    if (uv_stream_get_write_queue_size(stream) > 0)
        return 0;
    uv_buf_t buf = uv_buf_init((char *)message->data, (unsigned)message->len);
    int sent = uv_try_write(stream, &buf, 1);
    return sent > 0 ? (size_t)sent : 0;
}

static bool send_later(struct connection *connection, struct buffer *message, size_t from)
{
    struct outgoing *outgoing = malloc(sizeof *outgoing);
    if (outgoing == NULL)
        return false;
    size_t len = message->len - from;
    outgoing->connection = connection;
    outgoing->data = buffer_take(message);
    outgoing->request.data = outgoing;
    uv_buf_t buf = uv_buf_init((char *)outgoing->data + from, (unsigned)len);
    if (uv_write(&outgoing->request, (uv_stream_t *)&connection->pipe, &buf, 1, on_written) == 0)
        return true;
    free(outgoing->data);
    free(outgoing);
    return false;
}

void connection_send(struct connection *connection, struct buffer *message, bool droppable)
{
    const uv_stream_t *stream = (const uv_stream_t *)&connection->pipe;
    if (connection->closing || message->failed) {
        connection_close(connection);
        return;
    }
    if (droppable && uv_stream_get_write_queue_size(stream) + message->len > CONTROL_BACKLOG_MAX) {
        connection->control->counts.too_slow++;
        connection_close(connection);
        return;
    }
    size_t sent = send_now(connection, message);
    if (sent < message->len && !send_later(connection, message, sent))
        connection_close(connection);
}
