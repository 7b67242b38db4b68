/* daemon, start, stop, status, version, help: the program itself. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/age.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/json.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define BIND_MAX 16

/* ---- daemon ---- */

/* -v and -vv win over KADPEER_LOG and the file. */
static void set_log_level(struct cli *cli, struct config *config)
{
    char error[CONFIG_ERROR_SIZE];
    if (cli->verbose > 0)
        config_set(config, "log.level", cli->verbose > 1 ? "trace" : "debug", CONFIG_FLAG, error);
    else if (cli->quiet)
        config_set(config, "log.level", "error", CONFIG_FLAG, error);
}

/* Whoever started us in the background reads there what is wrong. */
static int fail_early(struct cli *cli, const struct arguments *arguments, json_t *error)
{
    int fd = (int)arguments_number(arguments, "ready-fd", -1);
    FILE *starter = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (starter != NULL) {
        json_t *fields = json_pack("{s:O}", "error", error);
        json_t *line = json_envelope(NULL, false, fields);
        json_write_line(starter, line);
        json_decref(line);
        json_decref(fields);
        fclose(starter);
    }
    return cli_fail(cli, error);
}

int verb_daemon(struct cli *cli, const struct arguments *arguments)
{
    json_t *error;
    const char *bind[BIND_MAX];
    double port = arguments_number(arguments, "port", -1);
    if (port > UINT16_MAX)
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, NULL,
                                         "--port %.0f: wanted is 0 to %d", port, UINT16_MAX));
    size_t bind_count = arguments_texts(arguments, "bind", bind, BIND_MAX);
    if (bind_count > BIND_MAX)
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, NULL, "at most %d --bind", BIND_MAX));
    struct config *config = cli_load_config(cli, &error);
    if (config == NULL)
        return fail_early(cli, arguments, error);
    set_log_level(cli, config);
    struct daemon_request request = {
        .paths = &cli->paths,
        .config = config,
        .port = (int)port,
        .bind = bind,
        .bind_count = bind_count,
        .json = cli->json,
        .background = arguments_has(arguments, "background"),
        .ready_fd = (int)arguments_number(arguments, "ready-fd", -1),
    };
    return cli->run_daemon(&request);
}

/* ---- start ---- */

static json_t *ask_status(struct cli *cli, json_t **error)
{
    struct request request;
    request_init(&request, "status");
    return cli_ask(cli, &request, "the daemon", error);
}

int verb_start(struct cli *cli, const struct arguments *arguments)
{
    char age[AGE_TEXT_SIZE];
    json_t *error = cli_connect_running(cli);
    bool running = error == NULL;
    (void)arguments;
    json_decref(error);
    cli->autostart = true;
    json_t *status = ask_status(cli, &error);
    if (status == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, status) && running)
        fprintf(cli->out, "already running (pid %lld, up %s)\n",
                (long long)json_whole(status, "pid", 0),
                age_format(age, (int64_t)json_decimal(status, "uptime", 0)));
    json_decref(status);
    return EXIT_DONE;
}

/* ---- stop ---- */

/* Readable once the process has ended, even while nobody has reaped it. -1: ended already. */
static int open_process(pid_t pid)
{
    return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

static bool wait_ended(int process, uint64_t deadline_ms)
{
    while (process >= 0) {
        uint64_t now_ms = client_now_ms();
        struct pollfd poll_fd = {.fd = process, .events = POLLIN};
        int ready = poll(&poll_fd, 1, now_ms < deadline_ms ? (int)(deadline_ms - now_ms) : 0);
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
    return true;
}

static int not_running(struct cli *cli)
{
    json_t *result = json_pack("{s:b}", "running", false);
    if (!cli_json_result(cli, result))
        fprintf(cli->out, "not running\n");
    json_decref(result);
    return EXIT_DONE;
}

static int report_stopped(struct cli *cli, pid_t pid, bool ended, uint64_t took_ms)
{
    char text[TEXT_SIZE];
    if (!ended)
        return cli_fail(cli, failure_new("timed_out", EXIT_TIMED_OUT, "kadpeer logs",
                                         "the daemon (pid %d) was told to stop and has not ended "
                                         "within %s",
                                         (int)pid, text_elapsed(text, (double)took_ms / 1000)));
    json_t *result = json_pack("{s:b,s:I,s:f}", "running", false, "pid", (json_int_t)pid, "seconds",
                               (double)took_ms / 1000);
    if (!cli_json_result(cli, result))
        fprintf(cli->out, "stopped (pid %d) in %s\n", (int)pid,
                text_elapsed(text, (double)took_ms / 1000));
    json_decref(result);
    return EXIT_DONE;
}

int verb_stop(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    bool now = arguments_has(arguments, "now");
    json_t *error = cli_connect_running(cli);
    if (error != NULL && strcmp(failure_code(error), "no_daemon") == 0) {
        json_decref(error);
        return not_running(cli);
    }
    json_t *status = error == NULL ? ask_status(cli, &error) : NULL;
    if (status == NULL)
        return cli_fail(cli, error);
    pid_t pid = (pid_t)json_whole(status, "pid", 0);
    uint64_t start_ms = client_now_ms();
    json_decref(status);
    int process = open_process(pid);
    request_init(&request, "stop");
    request_bool(&request, "now", now);
    json_t *result = cli_ask(cli, &request, NULL, &error);
    bool ended =
        result != NULL && wait_ended(process, start_ms + (now ? STOP_NOW_WAIT_MS : STOP_WAIT_MS));
    if (process >= 0)
        close(process);
    if (result == NULL)
        return cli_fail(cli, error);
    json_decref(result);
    return report_stopped(cli, pid, ended, client_now_ms() - start_ms);
}

/* ---- status ---- */

static void print_transfers(struct cli *cli, const json_t *transfers)
{
    const char *state, *between = "";
    json_t *count;
    fprintf(cli->out, "%-11s ", "transfers");
    json_object_foreach((json_t *)(uintptr_t)transfers, state, count)
    {
        if (json_integer_value(count) == 0)
            continue;
        fprintf(cli->out, "%s%lld %s", between, (long long)json_integer_value(count), state);
        between = ", ";
    }
    fprintf(cli->out, "%s\n", between[0] == 0 ? "none" : "");
}

/* What stands still because nobody who may know it is logged in. */
static void print_user(struct cli *cli, const json_t *status)
{
    char count[TEXT_SIZE], hint[COMMAND_TEXT_SIZE];
    int64_t waiting = json_whole(status, "waiting", 0);
    const char *user = json_text(status, "user", NULL);
    char *name = text_printable(user != NULL ? user : "nobody");
    fprintf(cli->out, "%-11s %s", "logged in", name);
    if (waiting > 0)
        fprintf(cli->out, "; %s of groups %s for '%s'",
                text_count(count, waiting, "transfer", "transfers"),
                waiting == 1 ? "waits" : "wait", cli_command_text(cli, hint, "login NAME"));
    fprintf(cli->out, "\n");
    free(name);
}

static void print_list(struct cli *cli, const char *name, const json_t *list, const char *none)
{
    size_t index;
    json_t *item;
    fprintf(cli->out, "%-11s ", name);
    json_array_foreach(list, index, item)
        fprintf(cli->out, "%s%s", index > 0 ? ", " : "", json_string_value(item));
    fprintf(cli->out, "%s\n", json_array_size(list) == 0 ? none : "");
}

static void print_status(struct cli *cli, const json_t *status)
{
    char a[TEXT_SIZE], b[TEXT_SIZE], age[AGE_TEXT_SIZE];
    fprintf(cli->out, "kadpeer %s, pid %lld, up %s, profile %s\n",
            json_text(status, "version", "?"), (long long)json_whole(status, "pid", 0),
            age_format(age, (int64_t)json_decimal(status, "uptime", 0)),
            json_text(status, "profile", "?"));
    print_list(cli, "listens on", json_list(status, "listen"), "nothing");
    print_list(cli, "seen as", json_list(status, "external"), "not known yet");
    fprintf(cli->out, "%-11s %lld over IPv4, %lld over IPv6%s; %lld saved, %lld configured\n",
            "nodes", (long long)json_whole(status, "nodes.ipv4", 0),
            (long long)json_whole(status, "nodes.ipv6", 0),
            json_yes(status, "joined", false) ? "" : " (not joined yet)",
            (long long)json_whole(status, "saved_nodes", 0),
            (long long)json_whole(status, "configured_nodes", 0));
    print_transfers(cli, json_at(status, "transfers"));
    print_user(cli, status);
    fprintf(cli->out, "%-11s down %s, up %s, %lld connections\n", "now",
            text_rate(a, json_decimal(status, "rate_down", 0)),
            text_rate(b, json_decimal(status, "rate_up", 0)),
            (long long)json_whole(status, "connections", 0));
    fprintf(cli->out, "%-11s %s, %lld open files\n", "memory",
            text_bytes(a, json_decimal(status, "memory", -1)),
            (long long)json_whole(status, "descriptors", 0));
    fprintf(cli->out, "%-11s %s\n", "data", json_text(status, "data_dir", "-"));
    if (json_text(status, "reason", NULL) != NULL)
        fprintf(cli->out, "%s\n", json_text(status, "reason", ""));
}

int verb_status(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    json_t *error = cli_connect_running(cli);
    json_t *status = error == NULL ? ask_status(cli, &error) : NULL;
    return cli_finish(cli, status, error, print_status);
}

/* ---- version, help ---- */

int verb_version(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    json_t *result = json_pack("{s:s,s:i}", "version", KADPEER_VERSION, "control", 1);
    if (!cli_json_result(cli, result))
        fprintf(cli->out, "kadpeer %s\n", KADPEER_VERSION);
    json_decref(result);
    return EXIT_DONE;
}

int verb_help(struct cli *cli, const struct arguments *arguments)
{
    char name[128];
    if (arguments->word_count == 0) {
        help_overview(cli->out);
        return EXIT_DONE;
    }
    snprintf(name, sizeof name, "%.60s%s%.60s", arguments->words[0],
             arguments->word_count > 1 ? " " : "",
             arguments->word_count > 1 ? arguments->words[1] : "");
    const struct alias *alias = alias_find(name);
    const struct command *command = command_find(alias != NULL ? alias->command : name);
    if (command != NULL)
        help_full(command, cli->out);
    else if (command_is_group(name))
        help_group(name, cli->out);
    else if (!help_topic(name, cli->out))
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, "kadpeer help",
                                         "there is no command or topic \"%s\"", name));
    return EXIT_DONE;
}
