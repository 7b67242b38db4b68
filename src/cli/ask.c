/* Asking the daemon: connect, start it if need be, call, wait and say so. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/autostart.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/params.h"

#define HINT_SIZE 512

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

json_t *failure_of_client(struct cli *cli, enum status status)
{
    char hint[COMMAND_TEXT_SIZE];
    switch (status) {
    case STATUS_TIMED_OUT:
        return failure_new("timed_out", EXIT_TIMED_OUT, NULL, "no answer within --timeout %s",
                           arguments_text(cli->arguments, "timeout", ""));
    case STATUS_CANCELLED:
        return failure_new("interrupted", EXIT_INTERRUPTED, NULL, "interrupted");
    case STATUS_CLOSED:
    case STATUS_IO:
        return failure_new("daemon_gone", EXIT_NO_DAEMON, cli_command_text(cli, hint, "logs"),
                           "the daemon ended before it had answered");
    case STATUS_MALFORMED:
        return failure_new("version", EXIT_VERSION, "kadpeer stop, then try again",
                           "what listens on %s does not speak the control protocol",
                           cli->paths.socket);
    default:
        return failure_new(status_name(status), EXIT_FAILED, NULL, "the call failed: %s",
                           status_text(status));
    }
}

void failure_adopt(const struct cli *cli, json_t *error)
{
    const char *hint = json_text(error, "hint", ""), *command = strstr(hint, "kadpeer ");
    char whole[HINT_SIZE], rest[COMMAND_TEXT_SIZE];
    if (command == NULL || strstr(hint, "--profile") != NULL)
        return;
    snprintf(whole, sizeof whole, "%.*s%s", (int)(command - hint), hint,
             cli_command_text(cli, rest, "%s", command + strlen("kadpeer ")));
    json_object_set_new(error, "hint", json_string(whole));
}

/* One call, on a connection that is there. `note` may be NULL. */
static json_t *wait_for_end(struct cli *cli, uint32_t msgid, const char *note, uint64_t deadline_ms,
                            cli_on_event *on_event, void *user, json_t **error)
{
    uint64_t note_ms = note != NULL ? client_now_ms() + WAITING_NOTE_MS : CLIENT_FOREVER;
    for (;;) {
        struct message message;
        enum status status = client_next(cli->client, earlier(deadline_ms, note_ms), &message);
        if (status == STATUS_TIMED_OUT && note_ms < deadline_ms) {
            cli_note(cli, "waiting for %s", note);
            note_ms = CLIENT_FOREVER;
            continue;
        }
        if (status != STATUS_OK) {
            *error = failure_of_client(cli, status);
            return NULL;
        }
        bool refused = message.msgid == 0 && message.error != NULL; /* whatever we ask */
        if (refused || (message.msgid == msgid && message.response)) {
            *error = message.error;
            failure_adopt(cli, message.error);
            buffer_dispose(&message.data);
            return message.body;
        }
        if (message.msgid == msgid) {
            note_ms = CLIENT_FOREVER;
            if (on_event != NULL)
                on_event(user, message.event, message.body);
        }
        message_dispose(&message);
    }
}

static json_t *call(struct cli *cli, struct request *request, const char *note,
                    uint64_t deadline_ms, cli_on_event *on_event, void *user, json_t **error)
{
    uint32_t msgid;
    uint64_t start_ms = client_now_ms();
    enum status status = client_send(cli->client, request, &msgid);
    json_t *result = NULL;
    if (status == STATUS_OK || status == STATUS_CLOSED) /* it may have said why before */
        result = wait_for_end(cli, msgid, note, deadline_ms, on_event, user, error);
    else
        *error = failure_of_client(cli, status);
    if (cli->verbose > 0)
        cli_note(cli, "%s: %s in %llu ms", request->method, result != NULL ? "done" : "failed",
                 (unsigned long long)(client_now_ms() - start_ms));
    request_dispose(request);
    return result;
}

static json_t *say_hello(struct cli *cli)
{
    struct request request;
    json_t *error = NULL;
    char hint[COMMAND_TEXT_SIZE];
    uint64_t deadline_ms = earlier(client_now_ms() + CLIENT_HELLO_MS, cli->deadline_ms);
    request_init(&request, "hello");
    request_number(&request, "v", 1);
    request_text(&request, "version", KADPEER_VERSION);
    json_t *hello = call(cli, &request, NULL, deadline_ms, NULL, NULL, &error);
    if (error != NULL && strcmp(failure_code(error), "timed_out") == 0) {
        json_decref(error);
        error =
            failure_new("daemon_silent", EXIT_NO_DAEMON, cli_command_text(cli, hint, "stop --now"),
                        "the daemon for profile %s does not answer", cli->paths.profile);
    }
    if (hello != NULL && cli->verbose > 0)
        cli_note(cli, "daemon %s, pid %lld, at %s", json_text(hello, "version", "?"),
                 (long long)json_whole(hello, "pid", 0), cli->paths.socket);
    json_decref(hello);
    return error;
}

/* What connect's errno means, where no daemon is to be started. */
static json_t *failure_of_dial(struct cli *cli)
{
    char hint[COMMAND_TEXT_SIZE];
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
        return failure_new("no_daemon", EXIT_NO_DAEMON, cli_command_text(cli, hint, "start"),
                           cli->autostart ? "no daemon for profile %s"
                                          : "no daemon for profile %s, and autostart is off",
                           cli->paths.profile);
    return failure_new("no_daemon", EXIT_NO_DAEMON, NULL, "cannot reach the daemon at %s: %s",
                       cli->paths.socket, strerror(errno));
}

static json_t *take_connection(struct cli *cli, int fd)
{
    cli->client = client_new(fd);
    if (cli->client == NULL)
        out_of_memory();
    json_t *error = say_hello(cli);
    if (error != NULL) {
        client_free(cli->client);
        cli->client = NULL;
    }
    return error;
}

json_t *cli_connect_running(struct cli *cli)
{
    if (cli->client != NULL)
        return NULL;
    int fd = client_dial(cli->paths.socket);
    return fd >= 0 ? take_connection(cli, fd) : failure_of_dial(cli);
}

/* A daemon that is just ending may take the connection and close it: as good as none. */
static json_t *connect_to_running(struct cli *cli, bool *absent)
{
    int fd = client_dial(cli->paths.socket);
    *absent = fd < 0 && (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR);
    if (fd < 0)
        return failure_of_dial(cli);
    json_t *error = take_connection(cli, fd);
    *absent = error != NULL && strcmp(failure_code(error), "daemon_gone") == 0;
    return error;
}

json_t *cli_connect(struct cli *cli)
{
    bool absent;
    int fd;
    json_t *error = cli->client == NULL ? connect_to_running(cli, &absent) : NULL;
    if (error == NULL || !absent || !cli->autostart)
        return error;
    json_decref(error);
    error = autostart(cli, &fd);
    return error != NULL ? error : take_connection(cli, fd);
}

json_t *cli_ask_stream(struct cli *cli, struct request *request, const char *waiting_for,
                       cli_on_event *on_event, void *user, json_t **error)
{
    *error = cli_connect(cli);
    if (*error != NULL) {
        request_dispose(request);
        return NULL;
    }
    int interrupt = on_event != NULL ? interrupt_open() : -1;
    client_watch(cli->client, interrupt);
    json_t *result = call(cli, request, waiting_for, cli->deadline_ms, on_event, user, error);
    if (interrupt_take(interrupt) == SIGTERM && *error != NULL)
        json_object_set_new(*error, "exit", json_integer(EXIT_TERMINATED));
    client_watch(cli->client, -1);
    interrupt_close(interrupt);
    return result;
}

json_t *cli_ask(struct cli *cli, struct request *request, const char *waiting_for, json_t **error)
{
    return cli_ask_stream(cli, request, waiting_for, NULL, NULL, error);
}

struct config *cli_load_config(struct cli *cli, json_t **error)
{
    char why[CONFIG_ERROR_SIZE];
    struct config *config = config_new();
    if (config == NULL)
        out_of_memory();
    if (config_load(config, cli->paths.config_file, why) == STATUS_OK &&
        config_load_environment(config, why) == STATUS_OK)
        return config;
    char hint[COMMAND_TEXT_SIZE];
    *error = failure_new("bad_config", EXIT_BAD_INPUT, cli_command_text(cli, hint, "config edit"),
                         "%s", why);
    config_free(config);
    return NULL;
}
