/* logs: the end of the daemon's log file, on and on with -f; its level. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/params.h"
#include "cli/text.h"
#include "cli/verbs.h"

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
static void print_rest(struct cli *cli, FILE *file)
{
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
        print_line(cli, line);
    }
    fflush(cli->out);
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

static int set_level(struct cli *cli, const char *level)
{
    struct request request;
    json_t *error = cli_connect_running(cli);
    if (error != NULL)
        return cli_fail(cli, error);
    request_init(&request, "logs.level");
    request_text(&request, "level", level);
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    if (result == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, result))
        fprintf(cli->out, "level %s\n", json_text(result, "level", level));
    json_decref(result);
    return EXIT_DONE;
}

int verb_logs(struct cli *cli, const struct arguments *arguments)
{
    bool follow = arguments_has(arguments, "follow");
    const char *level = arguments_text(arguments, "level", NULL);
    if (level != NULL && !follow)
        return set_level(cli, level);
    if (level != NULL && set_level(cli, level) != EXIT_DONE)
        return EXIT_NO_DAEMON;
    FILE *file = fopen(cli->paths.log_file, "re");
    if (file == NULL && errno == ENOENT)
        return cli_fail(cli, failure_new("not_found", EXIT_NOT_FOUND, NULL,
                                         "no daemon of profile %s has written %s yet",
                                         cli->paths.profile, cli->paths.log_file));
    if (file == NULL)
        return cli_fail(cli, failure_of_errno("read", cli->paths.log_file));
    seek_last_lines(file, (size_t)arguments_number(arguments, "lines", LOGS_LINES));
    print_rest(cli, file);
    while (follow && client_now_ms() < cli->deadline_ms && !ferror(cli->out)) {
        poll(NULL, 0, LOGS_POLL_MS);
        file = reopen_if_replaced(file, cli->paths.log_file);
        print_rest(cli, file);
    }
    fclose(file);
    return EXIT_DONE;
}
