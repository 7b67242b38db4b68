#include "daemon/control_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utlist.h>

#include "daemon/daemon.h"
#include "daemon/params.h"
#include "io/errors.h"

struct control *control_new(struct daemon *daemon, const struct control_method *const tables[])
{
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL)
        return NULL;
    control->daemon = daemon;
    control->tables = tables;
    return control;
}

const struct control_method *control_find(const struct control *control, const char *name,
                                          size_t len)
{
    for (size_t i = 0; control->tables[i] != NULL; i++)
        for (const struct control_method *method = control->tables[i]; method->name; method++)
            if (strlen(method->name) == len && memcmp(method->name, name, len) == 0)
                return method;
    return NULL;
}

bool control_serves_extra(const char *name, size_t len)
{
    static const char *const served[] = {"hello", "status", "stop"};
    for (size_t i = 0; i < sizeof served / sizeof served[0]; i++)
        if (strlen(served[i]) == len && memcmp(served[i], name, len) == 0)
            return true;
    return false;
}

/* ---- accepting ---- */

/* The oldest extra one makes room: who just sits there keeps nobody from ending the daemon. */
static void refuse_oldest_extra(struct control *control)
{
    struct connection *connection;
    DL_FOREACH(control->connections, connection)
    if (connection->extra && !connection->closing)
        break;
    if (connection != NULL)
        connection_refuse(connection);
}

static void take_extra(struct control *control, struct connection *connection)
{
    if (control->extras >= CONTROL_EXTRA_MAX)
        refuse_oldest_extra(control);
    connection_start_extra(connection);
}

static bool take_incoming(void *user, uv_stream_t *socket)
{
    struct control *control = user;
    struct connection *connection = connection_new(control);
    if (connection == NULL)
        return false;
    if (uv_accept(socket, (uv_stream_t *)&connection->pipe) != 0)
        connection_close(connection);
    else if (control->counts.connections > CONTROL_CONNECTIONS_MAX)
        take_extra(control, connection);
    else
        connection_start(connection);
    return true;
}

static void incoming_refused(void *user)
{
    ((struct control *)user)->counts.refused++;
}

enum status control_adopt(struct control *control, int fd)
{
    struct connection *connection = connection_new(control);
    if (connection == NULL) {
        close(fd);
        return STATUS_NO_MEMORY;
    }
    int code = uv_pipe_open(&connection->pipe, fd);
    if (code != 0) {
        close(fd);
        connection_close(connection);
        return status_of_uv(code);
    }
    connection_start(connection);
    return STATUS_OK;
}

static int bind_listener(void *user, union listener_socket *socket)
{
    const struct control *control = user;
    struct stat info;
    if (lstat(control->path, &info) == 0 && S_ISSOCK(info.st_mode))
        unlink(control->path);
    mode_t old = umask(0177);
    int code = uv_pipe_bind(&socket->pipe, control->path);
    umask(old);
    return code;
}

static void on_listener_closed(void *user)
{
    control_handle_closed(user);
}

static const struct listener_owner listener_owner = {.type = UV_NAMED_PIPE,
                                                     .backlog = CONTROL_LISTEN_BACKLOG,
                                                     .bind = bind_listener,
                                                     .take = take_incoming,
                                                     .refused = incoming_refused,
                                                     .closed = on_listener_closed};

enum status control_listen(struct control *control, const char *path)
{
    control->path = path;
    control->open_handles++;
    return status_of_uv(
        listener_open(&control->listener, control->daemon->loop, &listener_owner, control));
}

/* ---- the end ---- */

void control_handle_closed(struct control *control)
{
    if (--control->open_handles == 0 && control->closed)
        free(control);
}

void control_free(struct control *control)
{
    struct connection *connection;
    if (control == NULL)
        return;
    control->closed = true;
    if (control->path != NULL)
        listener_close(&control->listener);
    DL_FOREACH(control->connections, connection)
    connection_stop(connection);
    if (control->open_handles == 0)
        free(control);
}

struct control_counts control_counts(const struct control *control)
{
    return control->counts;
}
