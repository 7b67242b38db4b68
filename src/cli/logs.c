/* logs: the end of the daemon's log file, on and on with -f; its level. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/params.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* What is being printed. */
struct reading {
    struct cli *cli;
    FILE *file;
    int64_t lines;
    int interrupt; /* descriptor, or -1 */
};

static void print_line(struct cli *cli, const char *line)
{
    if (cli->json) {
        json_t *fields = json_pack("{s:s}", "text", line);
        cli_json_event(cli, "line", fields);
        json_decref(fields);
        return;
    }
    char *safe = text_printable(line);
    fprintf(cli->out, "%s\n", safe);
    free(safe);
}

/* Prints what there is from the file's position to its end. A last line without an end is left for
 * the next call. */
static void print_rest(struct reading *reading)
{
    FILE *file = reading->file;
    char line[LOGS_LINE_MAX];
    clearerr(file);
    for (long at = ftell(file); fgets(line, sizeof line, file) != NULL; at = ftell(file)) {
        size_t len = strlen(line);
        if (len > 0 && line[len - 1] == '\n') {
            line[len - 1] = 0;
        } else if (len < sizeof line - 1) {
            fseek(file, at, SEEK_SET);
            break;
        }
        print_line(reading->cli, line);
        reading->lines++;
    }
    fflush(reading->cli->out);
}

/* Leaves the file's position at the start of its last `lines` lines. */
static void seek_last_lines(FILE *file, size_t lines)
{
    char block[4096];
    size_t found = 0;
    fseek(file, 0, SEEK_END);
    for (long end = ftell(file); end > 0;) {
        long start = end > (long)sizeof block ? end - (long)sizeof block : 0;
        fseek(file, start, SEEK_SET);
        size_t got = fread(block, 1, (size_t)(end - start), file);
        for (size_t i = got; i-- > 0;) {
            if (block[i] == '\n' && ++found > lines) {
                fseek(file, start + (long)i + 1, SEEK_SET);
                return;
            }
        }
        end = start;
    }
    rewind(file);
}

/* The file was replaced or emptied: start again at its beginning. */
static FILE *reopen_if_replaced(FILE *file, const char *path)
{
    struct stat mine, now;
    if (stat(path, &now) != 0 || fstat(fileno(file), &mine) != 0)
        return file;
    if (mine.st_ino == now.st_ino && now.st_size >= ftell(file))
        return file;
    FILE *fresh = fopen(path, "re");
    if (fresh == NULL)
        return file;
    fclose(file);
    return fresh;
}

/* With -f it is the first of a stream. */
static int set_level(struct cli *cli, const char *level, bool follow)
{
    struct request request;
    json_t *error = cli_connect_running(cli);
    if (error == NULL) {
        request_init(&request, "logs.level");
        request_text(&request, "level", level);
    }
    json_t *result = error == NULL ? cli_ask(cli, &request, "the daemon", &error) : NULL;
    if (result == NULL)
        return follow ? cli_fail_stream(cli, error) : cli_fail(cli, error);
    if (cli->json && follow)
        cli_json_event(cli, "level", result);
    else if (!cli_json_result(cli, result))
        fprintf(cli->out, "level %s\n", json_text(result, "level", level));
    json_decref(result);
    return EXIT_DONE;
}

/* Returns the signal that ended it; 0: the deadline did, or nobody reads any more. */
static int follow_file(struct reading *reading)
{
    struct cli *cli = reading->cli;
    struct pollfd poll_fd = {.fd = reading->interrupt, .events = POLLIN};
    int signal = 0;
    while (signal == 0 && client_now_ms() < cli->deadline_ms && !ferror(cli->out)) {
        if (poll(&poll_fd, 1, LOGS_POLL_MS) > 0)
            signal = interrupt_take(reading->interrupt);
        reading->file = reopen_if_replaced(reading->file, cli->paths.log_file);
        print_rest(reading);
    }
    return signal;
}

/* On and on: for a program the stream has an end all the same, whatever ends it. */
static int follow(struct reading *reading)
{
    struct cli *cli = reading->cli;
    int signal = follow_file(reading);
    if (signal != 0)
        return cli_fail_stream(
            cli, failure_new("interrupted", signal == SIGTERM ? EXIT_TERMINATED : EXIT_INTERRUPTED,
                             NULL, "interrupted"));
    return cli_fail_stream(cli,
                           failure_new("timed_out", EXIT_TIMED_OUT, NULL, "--timeout %s has passed",
                                       arguments_text(cli->arguments, "timeout", "")));
}

static int end_of_stream(const struct reading *reading)
{
    if (reading->cli->json) {
        json_t *fields = json_pack("{s:I}", "lines", (json_int_t)reading->lines);
        json_t *line = json_envelope("done", true, fields);
        json_write_line(reading->cli->out, line);
        json_decref(line);
        json_decref(fields);
    }
    return EXIT_DONE;
}

static json_t *failure_of_open(const struct cli *cli)
{
    if (errno == ENOENT)
        return failure_new("not_found", EXIT_NOT_FOUND, NULL,
                           "no daemon of profile %s has written %s yet", cli->paths.profile,
                           cli->paths.log_file);
    return failure_of_errno("read", cli->paths.log_file);
}

int verb_logs(struct cli *cli, const struct arguments *arguments)
{
    bool follows = arguments_has(arguments, "follow");
    const char *level = arguments_text(arguments, "level", NULL);
    int status = level != NULL ? set_level(cli, level, follows) : EXIT_DONE;
    if (status != EXIT_DONE || (level != NULL && !follows))
        return status;
    struct reading reading = {.cli = cli, .file = fopen(cli->paths.log_file, "re")};
    if (reading.file == NULL)
        return cli_fail_stream(cli, failure_of_open(cli));
    reading.interrupt = follows && cli->json ? interrupt_open() : -1;
    seek_last_lines(reading.file, (size_t)arguments_number(arguments, "lines", LOGS_LINES));
    print_rest(&reading);
    status = follows ? follow(&reading) : end_of_stream(&reading);
    interrupt_close(reading.interrupt);
    fclose(reading.file);
    return status;
}
