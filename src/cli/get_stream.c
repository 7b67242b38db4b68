#include "cli/get_stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/json.h"

#define FILE_WRITE_BYTES (1u << 20)

/* A pipe that is ready takes PIPE_BUF bytes at least [POSIX]; of more it might make us wait, and
 * nobody would listen to the daemon. A regular file never does. */
void get_stream_init(struct get_stream *stream, struct cli *cli, const char *id)
{
    struct stat info;
    bool file = fstat(STDOUT_FILENO, &info) == 0 && S_ISREG(info.st_mode);
    *stream = (struct get_stream){
        .cli = cli, .id = id, .write_bytes = file ? FILE_WRITE_BYTES : PIPE_BUF};
    buffer_init(&stream->data);
    buffer_init(&stream->next);
    fflush(stdout);
    stream->old_handler = signal(SIGPIPE, SIG_IGN);
}

void get_stream_dispose(struct get_stream *stream)
{
    buffer_dispose(&stream->data);
    buffer_dispose(&stream->next);
    signal(SIGPIPE, stream->old_handler);
}

/* ---- asking ---- */

static enum status ask(struct get_stream *stream)
{
    struct request request;
    if (stream->msgid != 0 || stream->all_asked || stream->next.len > 0)
        return STATUS_OK;
    request_init(&request, "transfer.read");
    request_text(&request, "id", stream->id);
    request_number(&request, "offset", (int64_t)stream->offset);
    enum status status = client_send(stream->cli->client, &request, &stream->msgid);
    request_dispose(&request);
    return status;
}

static void swap(struct get_stream *stream)
{
    struct buffer kept = stream->data;
    stream->data = stream->next;
    stream->next = kept;
    buffer_clear(&stream->next);
    stream->written = 0;
    stream->ended = stream->all_asked && stream->data.len == 0;
}

json_t *get_stream_take(struct get_stream *stream, struct message *message)
{
    json_t *error = message->error;
    message->error = NULL;
    stream->msgid = 0;
    if (error != NULL)
        return error;
    buffer_dispose(&stream->next);
    stream->next = message->data;
    buffer_init(&message->data);
    stream->offset += stream->next.len;
    stream->all_asked =
        stream->next.len == 0 || stream->offset >= (uint64_t)json_whole(message->body, "size", 0);
    if (stream->data.len == stream->written)
        swap(stream);
    return NULL;
}

/* ---- writing ---- */

static enum status write_some(struct get_stream *stream)
{
    size_t left = stream->data.len - stream->written;
    ssize_t n = write(STDOUT_FILENO, stream->data.data + stream->written,
                      left < stream->write_bytes ? left : stream->write_bytes);
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
        stream->failure = errno;
        return STATUS_IO;
    }
    stream->written += n > 0 ? (size_t)n : 0;
    if (stream->written == stream->data.len)
        swap(stream);
    return STATUS_OK;
}

static enum status wait_for_stdout(struct get_stream *stream, int interrupt)
{
    uint64_t now_ms = client_now_ms(), deadline_ms = stream->cli->deadline_ms;
    uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    int wait_ms = deadline_ms == CLIENT_FOREVER ? -1 : left_ms < 60000 ? (int)left_ms : 60000;
    struct pollfd fds[] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
                           {.fd = client_fd(stream->cli->client), .events = POLLIN},
                           {.fd = interrupt, .events = POLLIN}};
    int ready = poll(fds, 3, wait_ms);
    if (ready < 0)
        return errno == EINTR ? STATUS_OK : STATUS_CLOSED;
    if (ready == 0 && left_ms < 60000)
        return STATUS_TIMED_OUT;
    if (fds[2].revents != 0)
        return STATUS_CANCELLED;
    return fds[0].revents != 0 ? write_some(stream) : STATUS_OK;
}

enum status get_stream_next(struct get_stream *stream, int interrupt, struct message *out)
{
    *out = (struct message){0};
    buffer_init(&out->data);
    enum status status = ask(stream);
    if (status != STATUS_OK)
        return status;
    bool writing = stream->written < stream->data.len;
    status = client_next(stream->cli->client, writing ? 0 : stream->cli->deadline_ms, out);
    if (status != STATUS_TIMED_OUT || !writing)
        return status;
    return wait_for_stdout(stream, interrupt);
}
