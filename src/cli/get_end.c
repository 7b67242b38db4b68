/* What get no longer waits for, though it is not done. */
#include <signal.h>
#include <string.h>

#include "cli/get.h"
#include "cli/interrupt.h"
#include "cli/params.h"

void get_fail(struct get *get, struct fetch *fetch, json_t *error)
{
    size_t index = (size_t)(fetch - get->fetches);
    fetch->stage = STAGE_ENDED;
    progress_end(get->progress, index);
    if (get->cli->json && get->count > 1)
        json_object_set_new(error, "argument", json_string(fetch->wanted.word));
    outcome_add(&get->outcome, cli_fail_stream(get->cli, error));
}

static json_t *pause_transfer(struct cli *cli, const struct wanted *wanted, int status)
{
    struct request request;
    json_t *error;
    char resume[COMMAND_TEXT_SIZE];
    request_init(&request, "transfer.pause");
    request_text(&request, "id", wanted->id);
    json_t *result = cli_ask(cli, &request, NULL, &error);
    if (result == NULL)
        return error;
    json_decref(result);
    return failure_new("interrupted", status,
                       cli_command_text(cli, resume, "resume %s", wanted->id), "%s is paused",
                       wanted->label);
}

int get_leave_all(struct get *get)
{
    client_watch(get->cli->client, -1);
    for (size_t i = 0; i < get->count; i++) {
        if (get->fetches[i].stage == STAGE_ENDED)
            continue;
        progress_end(get->progress, i);
        cli_note(get->cli, "%s goes on in the background", get->fetches[i].wanted.label);
    }
    return EXIT_INTERRUPTED;
}

int get_pause_all(struct get *get)
{
    int signal = interrupt_take(get->interrupt);
    int status = signal == SIGTERM ? EXIT_TERMINATED : EXIT_INTERRUPTED;
    client_watch(get->cli->client, -1);
    get->cli->deadline_ms = client_now_ms() + STOP_NOW_WAIT_MS;
    for (size_t i = 0; i < get->count; i++) {
        if (get->fetches[i].stage == STAGE_ENDED)
            continue;
        progress_end(get->progress, i);
        cli_fail_stream(get->cli, pause_transfer(get->cli, &get->fetches[i].wanted, status));
    }
    return status;
}

void get_fail_all(struct get *get, enum status status)
{
    for (size_t i = 0; i < get->count; i++) {
        struct fetch *fetch = &get->fetches[i];
        char hint[COMMAND_TEXT_SIZE];
        if (fetch->stage == STAGE_ENDED)
            continue;
        if (status == STATUS_TIMED_OUT)
            get_fail(get, fetch,
                     failure_new("timed_out", EXIT_TIMED_OUT,
                                 cli_command_text(get->cli, hint, "get %s", fetch->wanted.id),
                                 "%s is not done within --timeout %s; the daemon goes on with it",
                                 fetch->wanted.label,
                                 arguments_text(get->cli->arguments, "timeout", "")));
        else
            get_fail(get, fetch, failure_of_client(get->cli, status));
    }
}

int get_end_unwritten(struct get *get)
{
    struct fetch *fetch = &get->fetches[0];
    char hint[COMMAND_TEXT_SIZE] = "";
    bool fetching = fetch->stage != STAGE_ENDED;
    json_t *error = fetching ? pause_transfer(get->cli, &fetch->wanted, EXIT_DISK) : NULL;
    json_decref(error);
    if (fetching)
        cli_command_text(get->cli, hint, "resume %s", fetch->wanted.id);
    get_fail(get, fetch,
             failure_new("stdout", EXIT_DISK, fetching ? hint : NULL,
                         "cannot write to stdout: %s%s%s%s", strerror(get->stream->failure),
                         fetching ? "; " : "", fetching ? fetch->wanted.label : "",
                         fetching ? " is paused" : ""));
    return outcome_status(&get->outcome);
}
