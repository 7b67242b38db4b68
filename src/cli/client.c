#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/frame.h"
#include "cli/json.h"
#include "cli/params.h"
#include "kadpeer/buffer.h"

struct client {
    int fd;
    int watched;
    uint32_t next_msgid;
    struct buffer in;
    struct frame frame; /* of the message at the front of `in` */
};

uint64_t client_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int client_dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        fd = -1;
    }
    return fd;
}

struct client *client_new(int fd)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    client->fd = fd;
    client->watched = -1;
    client->next_msgid = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    buffer_init(&client->in);
    frame_init(&client->frame);
    return client;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    close(client->fd);
    buffer_dispose(&client->in);
    free(client);
}

int client_fd(const struct client *client)
{
    return client->fd;
}

void client_watch(struct client *client, int fd)
{
    client->watched = fd;
}

void message_dispose(struct message *message)
{
    json_decref(message->body);
    json_decref(message->error);
    message->body = message->error = NULL;
    buffer_dispose(&message->data);
}

/* Waits until the socket is ready for `events`. */
static enum status wait_ready(struct client *client, short events, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now_ms = client_now_ms();
        uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
        int wait_ms = deadline_ms == CLIENT_FOREVER ? -1 : left_ms > 60000 ? 60000 : (int)left_ms;
        struct pollfd fds[] = {{.fd = client->fd, .events = events},
                               {.fd = client->watched, .events = POLLIN}};
        int ready = poll(fds, 2, wait_ms);
        if (ready < 0 && errno != EINTR)
            return STATUS_IO;
        if (ready > 0 && fds[1].revents != 0)
            return STATUS_CANCELLED;
        if (ready > 0 && fds[0].revents != 0)
            return STATUS_OK;
        if (ready == 0 && client_now_ms() >= deadline_ms)
            return STATUS_TIMED_OUT;
    }
}

static enum status send_all(struct client *client, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(client->fd, data, len, MSG_NOSIGNAL);
        if (sent >= 0) {
            data += sent;
            len -= (size_t)sent;
        } else if (errno == EAGAIN) {
            enum status status = wait_ready(client, POLLOUT, CLIENT_FOREVER);
            if (status != STATUS_OK)
                return status;
        } else if (errno != EINTR) {
            return STATUS_CLOSED;
        }
    }
    return STATUS_OK;
}

enum status client_send(struct client *client, const struct request *request, uint32_t *msgid)
{
    msgpack_sbuffer out;
    msgpack_sbuffer_init(&out);
    *msgid = client->next_msgid++;
    request_encode(request, *msgid, &out);
    enum status status = send_all(client, out.data, out.size);
    if (request->secret)
        explicit_bzero(out.data, out.size);
    msgpack_sbuffer_destroy(&out);
    return status;
}

static bool is_count(const msgpack_object *object, uint64_t most)
{
    return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= most;
}

/* As hexadecimal text it would cost more than all the rest. */
static void take_data(msgpack_object_map *map, struct buffer *out)
{
    const msgpack_object_kv *last = map->size > 0 ? &map->ptr[map->size - 1] : NULL;
    if (last == NULL || last->key.type != MSGPACK_OBJECT_STR || last->key.via.str.size != 4 ||
        memcmp(last->key.via.str.ptr, "data", 4) != 0 || last->val.type != MSGPACK_OBJECT_BIN)
        return;
    buffer_add(out, last->val.via.bin.ptr, last->val.via.bin.size);
    map->size--;
}

static enum status read_response(const msgpack_object *items, uint32_t count, struct message *out)
{
    if (count != 4 || !is_count(&items[1], UINT32_MAX))
        return STATUS_MALFORMED;
    out->response = true;
    out->msgid = (uint32_t)items[1].via.u64;
    if (items[2].type == MSGPACK_OBJECT_MAP) {
        out->error = json_from_msgpack(&items[2]);
    } else if (items[3].type == MSGPACK_OBJECT_NIL) {
        out->body = json_object();
    } else if (items[3].type == MSGPACK_OBJECT_MAP) {
        msgpack_object result = items[3];
        take_data(&result.via.map, &out->data);
        out->body = json_from_msgpack(&result);
    }
    if (out->data.failed)
        return STATUS_NO_MEMORY;
    return out->body != NULL || out->error != NULL ? STATUS_OK : STATUS_MALFORMED;
}

static enum status read_notification(const msgpack_object *items, uint32_t count,
                                     struct message *out)
{
    if (count != 3 || items[1].type != MSGPACK_OBJECT_STR ||
        items[1].via.str.size >= CLIENT_EVENT_SIZE || items[2].type != MSGPACK_OBJECT_MAP)
        return STATUS_MALFORMED;
    memcpy(out->event, items[1].via.str.ptr, items[1].via.str.size);
    out->body = json_from_msgpack(&items[2]);
    out->msgid = (uint32_t)json_integer_value(json_object_get(out->body, "msgid"));
    json_object_del(out->body, "msgid");
    return out->body != NULL ? STATUS_OK : STATUS_MALFORMED;
}

static enum status read_message(struct bytes data, struct message *out)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    enum status status = STATUS_MALFORMED;
    size_t at = 0;
    if (msgpack_unpack_next(&unpacked, (const char *)data.data, data.len, &at) ==
            MSGPACK_UNPACK_SUCCESS &&
        unpacked.data.type == MSGPACK_OBJECT_ARRAY && unpacked.data.via.array.size >= 3) {
        const msgpack_object *items = unpacked.data.via.array.ptr;
        uint32_t count = unpacked.data.via.array.size;
        if (is_count(&items[0], 2) && items[0].via.u64 == 1)
            status = read_response(items, count, out);
        else if (is_count(&items[0], 2) && items[0].via.u64 == 2)
            status = read_notification(items, count, out);
    }
    msgpack_unpacked_destroy(&unpacked);
    return status;
}

static enum status read_more(struct client *client)
{
    if (!buffer_reserve(&client->in, CLIENT_READ_BYTES))
        return STATUS_NO_MEMORY;
    ssize_t got = recv(client->fd, client->in.data + client->in.len, CLIENT_READ_BYTES, 0);
    if (got > 0)
        client->in.len += (size_t)got;
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        return STATUS_CLOSED;
    return STATUS_OK;
}

enum status client_next(struct client *client, uint64_t deadline_ms, struct message *out)
{
    *out = (struct message){0};
    buffer_init(&out->data);
    for (;;) {
        switch (frame_feed(&client->frame, buffer_bytes(&client->in), CLIENT_MESSAGE_MAX)) {
        case FRAME_BAD:
            return STATUS_MALFORMED;
        case FRAME_WHOLE: {
            size_t len = client->frame.at;
            enum status status = read_message(bytes_of(client->in.data, len), out);
            buffer_drop_front(&client->in, len);
            frame_init(&client->frame);
            if (status != STATUS_OK)
                message_dispose(out);
            return status;
        }
        case FRAME_PARTIAL:
            break;
        }
        enum status status = wait_ready(client, POLLIN, deadline_ms);
        if (status == STATUS_OK)
            status = read_more(client);
        if (status != STATUS_OK)
            return status;
    }
}
