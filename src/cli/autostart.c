#include "cli/autostart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/params.h"

#define READY_FD 3 /* in the daemon */

/* In the child: the daemon gets a session of its own, no terminal, no descriptors of ours. */
static void become_daemon(struct cli *cli, const char *program, int ready)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0 || chdir("/") != 0)
        _exit(127);
    if (ready == READY_FD)
        fcntl(ready, F_SETFD, 0);
    else if (dup2(ready, READY_FD) < 0)
        _exit(127);
    closefrom(READY_FD + 1);
    execl(program, "kadpeer", "--profile", cli->paths.profile, "--socket", cli->paths.socket,
          "daemon", "--background", "--ready-fd", "3", (char *)NULL);
    _exit(127);
}

/* Forks twice, so that the daemon is nobody's child. Returns the end to read from, or -1. */
static int spawn(struct cli *cli, const char *program)
{
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0)
            become_daemon(cli, program, pipe_fds[1]);
        _exit(0);
    }
    close(pipe_fds[1]);
    if (child < 0) {
        close(pipe_fds[0]);
        return -1;
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    return pipe_fds[0];
}

/* The ready line without its end; false: the time has passed or the daemon ended without one. */
static bool read_ready_line(int fd, char line[AUTOSTART_LINE_MAX], uint64_t deadline_ms)
{
    size_t len = 0;
    while (len < AUTOSTART_LINE_MAX - 1) {
        uint64_t now_ms = client_now_ms();
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int ready = poll(&poll_fd, 1, now_ms < deadline_ms ? (int)(deadline_ms - now_ms) : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = ready > 0 ? read(fd, line + len, AUTOSTART_LINE_MAX - 1 - len) : 0;
        if (got <= 0)
            break;
        len += (size_t)got;
        if (line[len - 1] == '\n')
            break;
    }
    line[len] = 0;
    return len > 0 && line[len - 1] == '\n';
}

/* Another client may have started one at the same moment: it holds the lock and is about to
 * listen. */
static int dial_until(struct cli *cli, uint64_t deadline_ms)
{
    for (;;) {
        int fd = client_dial(cli->paths.socket);
        if (fd >= 0 || client_now_ms() >= deadline_ms)
            return fd;
        poll(NULL, 0, 20);
    }
}

static json_t *own_program(char out[PATHS_SIZE])
{
    ssize_t len = readlink("/proc/self/exe", out, PATHS_SIZE - 1);
    if (len <= 0)
        return failure_of_errno("find the program through", "/proc/self/exe");
    out[len] = 0;
    return NULL;
}

static json_t *not_started(struct cli *cli, bool in_time)
{
    char hint[COMMAND_TEXT_SIZE];
    if (in_time)
        return failure_new("daemon_start", EXIT_NO_DAEMON, cli_command_text(cli, hint, "logs"),
                           "the daemon for profile %s ended before it was ready",
                           cli->paths.profile);
    return failure_new("daemon_start", EXIT_NO_DAEMON, cli_command_text(cli, hint, "logs"),
                       "the daemon for profile %s did not start within %d s", cli->paths.profile,
                       AUTOSTART_WAIT_MS / 1000);
}

/* The daemon's own reason; the status says that it could not be started. A bad config file has a
 * number of its own, whoever reads it. */
static json_t *reason_of(json_t *why)
{
    if (strcmp(failure_code(why), "bad_config") != 0)
        json_object_set_new(why, "exit", json_integer(EXIT_NO_DAEMON));
    return json_incref(why);
}

static void say_started(struct cli *cli, const json_t *ready)
{
    char stop[COMMAND_TEXT_SIZE];
    cli_note(cli, "started the kadpeer daemon (pid %lld, UDP and TCP port %lld); '%s' ends it",
             (long long)json_whole(ready, "pid", 0), (long long)json_whole(ready, "port", 0),
             cli_command_text(cli, stop, "stop"));
    if (json_text(ready, "note", NULL) != NULL)
        cli_note(cli, "note: %s", json_text(ready, "note", ""));
}

/* One try. *again: another daemon holds the lock, and it may be one that is just ending. */
static json_t *start_once(struct cli *cli, const char *program, uint64_t start_ms, int *fd,
                          bool *again)
{
    char line[AUTOSTART_LINE_MAX];
    uint64_t deadline_ms = start_ms + AUTOSTART_WAIT_MS;
    *again = false;
    int pipe_fd = spawn(cli, program);
    if (pipe_fd < 0)
        return failure_of_errno("start", program);
    bool answered = read_ready_line(pipe_fd, line, start_ms + WAITING_NOTE_MS);
    if (!answered && client_now_ms() >= start_ms + WAITING_NOTE_MS) {
        cli_note(cli, "waiting for the daemon to start");
        answered = read_ready_line(pipe_fd, line, deadline_ms);
    }
    close(pipe_fd);
    json_t *ready = answered ? json_loads(line, 0, NULL) : NULL;
    json_t *why = json_at(ready, "error"), *error = NULL;
    *again = strcmp(json_text(why, "code", ""), "already_running") == 0;
    *fd = *again ? dial_until(cli, client_now_ms() + AUTOSTART_DIAL_MS)
                 : client_dial(cli->paths.socket);
    if (*fd >= 0 && why == NULL && ready != NULL)
        say_started(cli, ready);
    else if (*fd < 0)
        error =
            json_is_object(why) ? reason_of(why) : not_started(cli, client_now_ms() < deadline_ms);
    json_decref(ready);
    return error;
}

json_t *autostart(struct cli *cli, int *fd)
{
    char program[PATHS_SIZE];
    uint64_t start_ms = client_now_ms();
    bool again;
    json_t *error = own_program(program);
    if (error != NULL)
        return error;
    fflush(NULL);
    for (;;) {
        error = start_once(cli, program, start_ms, fd, &again);
        if (error == NULL || !again || client_now_ms() >= start_ms + AUTOSTART_WAIT_MS)
            return error;
        json_decref(error);
    }
}
