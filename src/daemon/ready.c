/* How the start went, for three readers: the person at the terminal (text), a program (--json), the
 * command that started us and waits on a descriptor (one line of JSON). */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/age.h"
#include "base/log.h"
#include "daemon/daemon_private.h"

#define MESSAGE_SIZE 512

/* Whoever waited may have gone: that is no matter of ours. */
static void write_line(int fd, const char *line)
{
    size_t len = strlen(line);
    while (len > 0) {
        ssize_t written = write(fd, line, len);
        if (written < 0 && errno != EINTR)
            return;
        if (written > 0) {
            line += written;
            len -= (size_t)written;
        }
    }
}

/* Takes `object`. */
static void write_json(int fd, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(object);
    if (text == NULL)
        return;
    write_line(fd, text);
    write_line(fd, "\n");
    free(text);
}

static void tell_starter(struct running *running, json_t *object)
{
    int fd = running->options->ready_fd;
    if (fd < 0) {
        json_decref(object);
        return;
    }
    write_json(fd, object);
    close(fd);
    running->options->ready_fd = -1;
}

/* ---- ready ---- */

static json_t *listen_list(const struct daemon *daemon)
{
    char text[ENDPOINT_TEXT_SIZE];
    json_t *list = json_array();
    for (size_t i = 0; i < daemon->bound_count; i++) {
        endpoint_format(&daemon->bound[i], text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *ready_object(const struct running *running)
{
    const struct daemon *daemon = &running->daemon;
    json_t *object = json_object();
    json_object_set_new(object, "v", json_integer(1));
    json_object_set_new(object, "event", json_string("ready"));
    json_object_set_new(object, "port", json_integer(daemon->port));
    json_object_set_new(object, "pid", json_integer(getpid()));
    json_object_set_new(object, "listen", listen_list(daemon));
    json_object_set_new(object, "note",
                        running->note[0] != 0 ? json_string(running->note) : json_null());
    return object;
}

static bool is_unspecified(const struct endpoint *endpoint)
{
    static const uint8_t zeroes[16];
    return memcmp(endpoint->addr, zeroes, sizeof zeroes) == 0;
}

static void format_addresses(const struct daemon *daemon, char *out, size_t size)
{
    char text[ENDPOINT_TEXT_SIZE];
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < daemon->bound_count && len < size; i++) {
        if (is_unspecified(&daemon->bound[i]))
            snprintf(text, sizeof text, "all IPv%d addresses", daemon->bound[i].family);
        else
            endpoint_format_address(&daemon->bound[i], text);
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "", text);
    }
}

void ready_say(struct running *running)
{
    char addresses[DAEMON_BOUND_MAX * ENDPOINT_TEXT_SIZE];
    format_addresses(&running->daemon, addresses, sizeof addresses);
    if (running->options->background) { /* in the foreground stdout and stderr say it below */
        log_info("daemon", "ready: pid %d, UDP and TCP port %u on %s", (int)getpid(),
                 running->daemon.port, addresses);
        if (running->note[0] != 0)
            log_info("daemon", "%s", running->note);
    }
    tell_starter(running, ready_object(running));
    if (running->options->json) {
        fflush(stdout);
        write_json(STDOUT_FILENO, ready_object(running));
    } else if (!running->options->background) {
        printf("ready  UDP and TCP port %u on %s\n", running->daemon.port, addresses);
        fflush(stdout);
        if (running->note[0] != 0)
            fprintf(stderr, "note: %s\n", running->note);
    }
}

/* ---- failed ---- */

static json_t *failure_object(const char *code, int exit, const char *hint, const char *message)
{
    json_t *error = json_object(), *object = json_object();
    json_object_set_new(error, "code", json_string(code));
    json_object_set_new(error, "exit", json_integer(exit));
    json_object_set_new(error, "message", json_string(message));
    json_object_set_new(error, "hint", hint != NULL ? json_string(hint) : json_null());
    json_object_set_new(object, "v", json_integer(1));
    json_object_set_new(object, "ok", json_false());
    json_object_set_new(object, "error", error);
    return object;
}

bool ready_fail(struct running *running, const char *code, enum daemon_exit exit, const char *hint,
                const char *message, ...)
{
    char text[MESSAGE_SIZE];
    va_list args;
    va_start(args, message);
    vsnprintf(text, sizeof text, message, args);
    va_end(args);
    running->exit_status = exit;
    if (running->options->background)
        log_error("daemon", "%s", text);
    tell_starter(running, failure_object(code, exit, hint, text));
    if (running->options->json) {
        write_json(STDOUT_FILENO, failure_object(code, exit, hint, text));
    } else if (!running->options->background) {
        fprintf(stderr, "kadpeer: %s\n", text);
        if (hint != NULL)
            fprintf(stderr, "hint: %s\n", hint);
    }
    return false;
}

bool ready_already_running(struct running *running, int pid, int64_t started_unix_s)
{
    char age[AGE_TEXT_SIZE], since[32], text[MESSAGE_SIZE];
    time_t started = (time_t)started_unix_s;
    struct tm parts;
    strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&started, &parts));
    if (pid > 0)
        snprintf(text, sizeof text, "already running (pid %d, up %s)", pid,
                 age_format(age, time(NULL) - started_unix_s));
    else
        snprintf(text, sizeof text, "already running");
    running->exit_status = DAEMON_EXIT_DONE;
    tell_starter(running, failure_object("already_running", DAEMON_EXIT_DONE, NULL, text));
    if (running->options->json)
        write_json(STDOUT_FILENO, json_pack("{s:i,s:b,s:b,s:i,s:s}", "v", 1, "ok", 1,
                                            "already_running", 1, "pid", pid, "started", since));
    else if (!running->options->background)
        printf("%s\n", text);
    return false;
}
