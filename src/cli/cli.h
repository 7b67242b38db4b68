/* The command line as a function: what main.c calls, and what every verb gets handed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "base/config.h"
#include "base/paths.h"
#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "cli/request.h"

/* cli-design section 5. */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_TIMED_OUT = 4,
    EXIT_NO_DAEMON = 5,
    EXIT_NETWORK = 6,
    EXIT_SOME_FAILED = 7,
    EXIT_CONFLICT = 8,
    EXIT_DISK = 9,
    EXIT_MISMATCH = 10,
    EXIT_NOT_ALLOWED = 11,
    EXIT_BAD_INPUT = 12,
    EXIT_VERSION = 13,
    EXIT_INTERRUPTED = 130,
    EXIT_TERMINATED = 143,
};

/* The command line knows nothing of the daemon's inside: whoever links both hands this in. */
struct daemon_request {
    const struct paths *paths;
    struct config *config; /* taken */
    int port;              /* -1: as configured */
    const char *const *bind;
    size_t bind_count;
    bool json, background;
    int ready_fd; /* -1: none */
};
typedef int daemon_runner(const struct daemon_request *request);

/* Runs one command; returns the exit status. `argv` with the program's name. */
int cli_main(int argc, const char *const argv[], daemon_runner *run_daemon);

struct cli;
/* One command from within another, the shell: what that was told (--json, --quiet, --timeout and
 * their like) holds for it too. `argv` without the program's name. */
int cli_run(const struct cli *outer, size_t argc, const char *const argv[], const char *password);

struct cli {
    struct paths paths;
    bool json, quiet, yes, autostart, out_colour, err_colour;
    unsigned verbose;
    uint64_t deadline_ms; /* monotonic, of --timeout; CLIENT_FOREVER: none */
    FILE *out, *err;
    struct client *client; /* NULL: not connected yet */
    daemon_runner *run_daemon;
    const struct arguments *arguments;
    const char *typed_password; /* in the shell's line; NULL: none */
    bool in_shell;    /* commands go without the word kadpeer, transfers on by themselves */
    bool interactive; /* the shell has a prompt to come back to */
};

/* ---- talk: to stderr, silenced by --quiet ---- */

void cli_note(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "kadpeer WHAT", or "kadpeer --profile b WHAT", in the shell "WHAT": to be typed as it stands. */
#define COMMAND_TEXT_SIZE 256
const char *cli_command_text(const struct cli *cli, char out[COMMAND_TEXT_SIZE], const char *format,
                             ...) __attribute__((format(printf, 3, 4)));

/* `choice`: "auto", "bar", "lines" or "none"; auto is off with --json and --quiet, a bar on a
 * terminal. */
enum progress_style cli_progress_style(const struct cli *cli, const char *choice);

/* ---- failures: the error map of docs/control.md, as a JSON object ---- */

/* `hint` may be NULL. */
json_t *failure_new(const char *code, int exit, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
json_t *failure_of_errno(const char *what, const char *path); /* "cannot read F: No such file …" */
int failure_exit(const json_t *error);
const char *failure_code(const json_t *error);

/* The daemon's hints name commands; of another profile than the default they have to say so. */
void failure_adopt(const struct cli *cli, json_t *error);

/* Prints "kadpeer: …" and "hint: …" (not with --json). */
void cli_print_failure(struct cli *cli, const json_t *error);
/* The matches of a name that has several, as a table on stderr. */
void print_matches(struct cli *cli, const json_t *matches, bool numbered);
/* The same, or the JSON of it; takes `error`; returns its exit status. */
int cli_fail(struct cli *cli, json_t *error);
/* As the last object of a stream. */
int cli_fail_stream(struct cli *cli, json_t *error);

/* With --json: prints the envelope of `result` (borrowed, may be NULL) and returns true. */
bool cli_json_result(struct cli *cli, const json_t *result);
typedef void cli_print_result(struct cli *cli, const json_t *result);
/* The end of most commands: prints what came of them, as JSON or by `print`. Takes `result`, or,
 * when that is NULL, `error`; returns the exit status. */
int cli_finish(struct cli *cli, json_t *result, json_t *error, cli_print_result *print);
/* Prints one object of a stream. */
void cli_json_event(struct cli *cli, const char *event, const json_t *fields);

/* ---- asking the daemon ---- */

/* Connects, starting the daemon when none answers and that is allowed. NULL; or a failure. */
json_t *cli_connect(struct cli *cli);
/* The same without starting one. */
json_t *cli_connect_running(struct cli *cli);

typedef void cli_on_event(void *user, const char *event, json_t *params);

/* Connects if need be, sends the call (and disposes of the request), waits for its end. Returns the
 * result, or NULL with *error. After 3 s without a word from the daemon a note says that
 * `waiting_for` is being waited for; NULL: no note. `on_event` may be NULL. */
json_t *cli_ask(struct cli *cli, struct request *request, const char *waiting_for, json_t **error);
json_t *cli_ask_stream(struct cli *cli, struct request *request, const char *waiting_for,
                       cli_on_event *on_event, void *user, json_t **error);
/* What a failed client_… call means. */
json_t *failure_of_client(struct cli *cli, enum status status);

/* ---- commands of several arguments ---- */

/* Does one of them: returns its result or NULL with *error. Prints nothing with --json, else its
 * own success. */
typedef json_t *cli_one(struct cli *cli, const char *word, json_t **error);
/* All are tried; each failure is printed; the status is 7 unless all failed alike. With --json and
 * several words the answer is {"results":[…]}. */
int cli_each(struct cli *cli, const char *const words[], size_t count, cli_one *one);

/* Sums up several exit statuses the same way. */
struct outcome {
    size_t done, failed;
    int status; /* of the failures: the first, or 7 when they differ */
};
void outcome_add(struct outcome *outcome, int status);
int outcome_status(const struct outcome *outcome);

/* ---- paths and settings ---- */

/* From the folder we stand in; links are kept. False: too long, see errno. */
bool cli_absolute(const char *path, char out[PATHS_SIZE]);

/* Defaults, file, environment. NULL with *error: exit 12. */
struct config *cli_load_config(struct cli *cli, json_t **error);
