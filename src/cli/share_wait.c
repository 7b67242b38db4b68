#include "cli/share_wait.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

struct waiting {
    struct cli *cli;
    struct progress *progress;
    char *name;
};

static void on_waiting(void *user, const char *event, json_t *params)
{
    struct waiting *waiting = user;
    char text[256], elapsed[TEXT_SIZE];
    if (waiting->cli->json) {
        cli_json_event(waiting->cli, event, params);
        return;
    }
    snprintf(text, sizeof text, "waiting for a first peer: %.160s, %s",
             json_text(params, "text", ""),
             text_duration(elapsed, json_decimal(params, "elapsed", 0)));
    struct progress_facts facts = {
        .name = waiting->name, .text = text, .size = -1, .eta_s = -1, .peers = -1};
    progress_update(waiting->progress, 0, &facts, client_now_ms());
}

static void replace_message(json_t *error, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void replace_message(json_t *error, const char *hint, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_object_set_new(error, "message", json_string(text));
    json_object_set_new(error, "hint", json_string(hint));
}

/* Whatever ends the waiting, the share goes on. */
static int fail(const struct waiting *waiting, const json_t *shared, json_t *error)
{
    struct cli *cli = waiting->cli;
    char unshare[COMMAND_TEXT_SIZE];
    const char *code = failure_code(error);
    cli_command_text(cli, unshare, "unshare %lld stops it",
                     (long long)json_whole(shared, "transfer.id", 0));
    if (strcmp(code, "interrupted") == 0)
        replace_message(error, unshare, "interrupted; %s stays shared", waiting->name);
    else if (strcmp(code, "timed_out") == 0)
        replace_message(error, unshare, "nobody has all of %s within --timeout %s; it stays shared",
                        waiting->name, arguments_text(cli->arguments, "timeout", ""));
    return cli_fail_stream(cli, error);
}

static int finish(const struct waiting *waiting, const json_t *result)
{
    struct cli *cli = waiting->cli;
    char seconds[TEXT_SIZE];
    if (cli->json) {
        json_t *line = json_envelope("done", true, result);
        json_write_line(cli->out, line);
        json_decref(line);
    } else if (!cli->quiet) {
        fprintf(cli->out, "fetched  by %s, which has all of it, after %s\n",
                json_text(result, "peer", "?"),
                text_elapsed(seconds, json_decimal(result, "seconds", 0)));
    }
    return EXIT_DONE;
}

int share_wait(struct cli *cli, const json_t *shared, uint64_t since_ms)
{
    struct request request;
    json_t *error;
    struct waiting waiting = {
        .cli = cli,
        .progress = progress_new(cli_progress_style(cli, "auto"), cli->err, 1),
        .name = text_printable(json_text(shared, "transfer.name", "it")),
    };
    if (!cli->json)
        cli_note(cli, "waiting until a first peer has all of it; Ctrl-C ends the waiting, not the "
                      "sharing");
    request_init(&request, "share.wait");
    request_number(&request, "id", json_whole(shared, "transfer.id", 0));
    request_double(&request, "within", (double)(client_now_ms() - since_ms) / 1000);
    json_t *result = cli_ask_stream(cli, &request, "the daemon", on_waiting, &waiting, &error);
    progress_free(waiting.progress);
    int status = result != NULL ? finish(&waiting, result) : fail(&waiting, shared, error);
    json_decref(result);
    free(waiting.name);
    return status;
}
