/* get: one or many transfers, followed to their end.
 *
 * All arguments are added first, then all are followed at once on the one connection, as many as
 * the daemon allows; the others as soon as one has ended. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/get_stream.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/params.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "cli/verify_only.h"
#include "cli/wanted.h"

enum stage { STAGE_READY, STAGE_FOLLOWED, STAGE_ENDED };

struct fetch {
    struct wanted wanted;
    enum stage stage;
    uint32_t msgid;
    bool fetched; /* it was seen to want something */
    bool paused;  /* by somebody else, since it is followed */
    bool figures; /* its progress is told, which has the reason when nothing comes */
};

struct get {
    struct cli *cli;
    struct fetch *fetches;
    size_t count;
    enum progress_style style;
    struct progress *progress;
    struct outcome outcome;
    struct get_stream *stream; /* -o -; NULL: none */
    json_t *done;              /* how it ended, while there is more to write */
    int interrupt;             /* descriptor, or -1 */
};

/* ---- the end of one ---- */

static void fail(struct get *get, struct fetch *fetch, json_t *error)
{
    size_t index = (size_t)(fetch - get->fetches);
    fetch->stage = STAGE_ENDED;
    progress_end(get->progress, index);
    if (get->cli->json && get->count > 1)
        json_object_set_new(error, "argument", json_string(fetch->wanted.word));
    outcome_add(&get->outcome, cli_fail_stream(get->cli, error));
}

/* The folder we stand in is left out, the home folder is "~". */
static char *short_path(const char *path)
{
    char folder[PATHS_SIZE], text[PATHS_SIZE + 8];
    const char *home = getenv("HOME");
    size_t folder_len = getcwd(folder, sizeof folder) != NULL ? strlen(folder) : 0;
    size_t home_len = home != NULL ? strlen(home) : 0;
    if (folder_len > 1 && strncmp(path, folder, folder_len) == 0 && path[folder_len] == '/')
        return text_printable(path + folder_len + 1);
    if (home_len > 1 && strncmp(path, home, home_len) == 0 && path[home_len] == '/') {
        snprintf(text, sizeof text, "~%s", path + home_len);
        return text_printable(text);
    }
    return text_printable(path);
}

/* Of what came while we waited: others may have begun it. */
static void print_rate(FILE *out, const json_t *result, double size)
{
    char part[TEXT_SIZE], elapsed[TEXT_SIZE], rate[TEXT_SIZE];
    double seconds = json_decimal(result, "seconds", 0);
    double received = json_decimal(result, "received", size);
    if (seconds <= 0 || received <= 0)
        return;
    if (received < GET_WHOLE_PART * size)
        fprintf(out, ", %s of it", text_bytes(part, received));
    fprintf(out, " in %s (%s)", text_elapsed(elapsed, seconds),
            text_rate(rate, received / seconds));
}

static void print_done(struct cli *cli, FILE *out, const struct fetch *fetch, const json_t *result)
{
    char size_text[TEXT_SIZE], unshare[COMMAND_TEXT_SIZE];
    double size = json_decimal(result, "transfer.size", 0);
    char *path = short_path(
        json_text(result, "path", json_text(result, "transfer.path", fetch->wanted.label)));
    bool shared = strcmp(json_text(result, "transfer.state", ""), "sharing") == 0;
    bool fetched = fetch->fetched && json_whole(result, "transfer.downloaded", 1) > 0;
    fprintf(out, "done  %s  %s", path, text_bytes(size_text, size));
    if (!fetched)
        fprintf(out, ", was there already");
    else
        print_rate(out, result, size);
    fprintf(out, ", verified");
    if (shared)
        fprintf(out, ", now sharing it ('%s' stops)",
                cli_command_text(cli, unshare, "unshare %lld",
                                 (long long)json_whole(result, "transfer.id", 0)));
    fprintf(out, "\n");
    fflush(out);
    free(path);
}

/* The same facts first as in the other events, then the rest of what the daemon said. */
static void json_done(struct cli *cli, const json_t *result)
{
    json_t *fields = json_object();
    json_object_set(fields, "id", json_object_get(json_at(result, "transfer"), "id"));
    json_object_set(fields, "hash", json_object_get(json_at(result, "transfer"), "hash"));
    json_object_update_missing(fields, (json_t *)(uintptr_t)result);
    json_t *line = json_envelope("done", true, fields);
    json_write_line(cli->out, line);
    json_decref(line);
    json_decref(fields);
}

/* A file's SHA-1 that turned out to be of a transfer that is there already. */
static void follow_other(struct fetch *fetch, int64_t id)
{
    if (id <= 0 || id == strtoll(fetch->wanted.id, NULL, 10))
        return;
    snprintf(fetch->wanted.id, sizeof fetch->wanted.id, "%lld", (long long)id);
    fetch->fetched = false;
}

static void report_done(struct get *get, const struct fetch *fetch, const json_t *result)
{
    outcome_add(&get->outcome, EXIT_DONE);
    if (get->cli->json)
        json_done(get->cli, result);
    else if (get->stream == NULL)
        print_done(get->cli, get->cli->out, fetch, result);
    else if (!get->cli->quiet)
        print_done(get->cli, get->cli->err, fetch, result);
}

static void finish(struct get *get, struct fetch *fetch, const json_t *result)
{
    follow_other(fetch, json_whole(result, "transfer.id", 0));
    fetch->stage = STAGE_ENDED;
    progress_end(get->progress, (size_t)(fetch - get->fetches));
    if (get->stream != NULL && !get->stream->ended) {
        json_decref(get->done);
        get->done = json_incref((json_t *)(uintptr_t)result);
    } else {
        report_done(get, fetch, result);
    }
}

/* ---- following ---- */

static void start_follow(struct get *get, struct fetch *fetch)
{
    struct request request;
    request_init(&request, "transfer.follow");
    request_text(&request, "id", fetch->wanted.id);
    request_double(&request, "wait", arguments_number(get->cli->arguments, "wait", GET_WAIT_S));
    enum status status = client_send(get->cli->client, &request, &fetch->msgid);
    request_dispose(&request);
    fetch->stage = STAGE_FOLLOWED;
    if (status != STATUS_OK)
        fail(get, fetch, failure_of_client(get->cli, status));
}

/* Returns how many are under way. */
static size_t start_some(struct get *get)
{
    size_t under_way = 0;
    for (size_t i = 0; i < get->count; i++)
        under_way += get->fetches[i].stage == STAGE_FOLLOWED;
    for (size_t i = 0; i < get->count && under_way < GET_FOLLOW_MAX; i++) {
        if (get->fetches[i].stage != STAGE_READY)
            continue;
        start_follow(get, &get->fetches[i]);
        under_way += get->fetches[i].stage == STAGE_FOLLOWED;
    }
    return under_way;
}

static const char *paused_text(const struct get *get, const struct fetch *fetch,
                               char out[COMMAND_TEXT_SIZE + TEXT_SIZE])
{
    char resume[COMMAND_TEXT_SIZE];
    snprintf(out, COMMAND_TEXT_SIZE + TEXT_SIZE, "paused; '%s' goes on",
             cli_command_text(get->cli, resume, "resume %s", fetch->wanted.id));
    return out;
}

/* What is said while nothing moves. */
static char *waiting_text(const struct get *get, const struct fetch *fetch, const char *event,
                          const json_t *params)
{
    char *text = NULL, elapsed[TEXT_SIZE], paused[COMMAND_TEXT_SIZE + TEXT_SIZE];
    const char *said = json_text(params, "text", NULL);
    int len = 0;
    if (fetch->paused)
        len = asprintf(&text, "%s", paused_text(get, fetch, paused));
    else if (strcmp(event, "metadata") == 0)
        len = asprintf(&text, "fetching the list of pieces: %lld of %lld parts, %lld peers",
                       (long long)json_whole(params, "have", 0),
                       (long long)json_whole(params, "total", 0),
                       (long long)json_whole(params, "peers", 0));
    else if (strcmp(event, "state") == 0)
        len = asprintf(&text, "%s%s%s", json_text(params, "state", "waiting"),
                       json_text(params, "reason", NULL) != NULL ? ": " : "",
                       json_text(params, "reason", ""));
    else if (said != NULL)
        len = asprintf(&text, "%s, %s", said,
                       text_duration(elapsed, json_decimal(params, "elapsed", 0)));
    else
        len = asprintf(&text, "searching: %lld nodes asked, %lld answered, %lld sources, %s",
                       (long long)json_whole(params, "asked", 0),
                       (long long)json_whole(params, "answered", 0),
                       (long long)json_whole(params, "sources", 0),
                       text_duration(elapsed, json_decimal(params, "elapsed", 0)));
    if (len < 0)
        out_of_memory();
    char *safe = text_printable(text);
    free(text);
    return safe;
}

/* By a wish, that is: what waits for its group says so itself. */
static void note_pause(struct get *get, struct fetch *fetch, const json_t *params)
{
    bool paused = strcmp(json_text(params, "state", ""), "paused") == 0 &&
                  json_text(params, "reason", NULL) == NULL;
    bool is_new = paused && !fetch->paused;
    char text[COMMAND_TEXT_SIZE + TEXT_SIZE];
    fetch->paused = paused;
    if (is_new && get->style == PROGRESS_BAR)
        progress_hide(get->progress); /* the next is drawn at once */
    else if (is_new)
        cli_note(get->cli, "%s: %s", fetch->wanted.label, paused_text(get, fetch, text));
}

static void show_progress(struct get *get, struct fetch *fetch, const char *event,
                          const json_t *params)
{
    struct progress_facts facts = {
        .name = fetch->wanted.label,
        .done = json_whole(params, "done", 0),
        .size = json_whole(params, "size", -1),
        .rate_bps = json_decimal(params, "rate_down", 0),
        .eta_s = json_decimal(params, "eta", -1),
        .pieces_have = json_whole(params, "pieces.have", 0),
        .pieces_total = json_whole(params, "pieces.total", 0),
        .peers = json_whole(params, "peers", -1),
        .sending = json_whole(params, "sending", 0),
    };
    char *text = strcmp(event, "progress") == 0 ? NULL : waiting_text(get, fetch, event, params);
    facts.text = text;
    char *reason = text == NULL && json_text(params, "reason", NULL) != NULL
                       ? text_printable(json_text(params, "reason", ""))
                       : NULL;
    facts.reason = reason;
    char paused[COMMAND_TEXT_SIZE + TEXT_SIZE];
    if (fetch->paused)
        facts.reason = paused_text(get, fetch, paused);
    if (text != NULL)
        facts.size = -1;
    progress_update(get->progress, (size_t)(fetch - get->fetches), &facts, client_now_ms());
    free(text);
    free(reason);
}

/* A download that runs has nothing to say but its progress, which comes with the reason when
 * nothing comes. */
static bool is_dull(const struct fetch *fetch, const char *event, const json_t *params)
{
    const char *state = json_text(params, "state", "");
    if (strcmp(event, "searching") == 0)
        return fetch->figures;
    return strcmp(event, "state") == 0 &&
           (strcmp(state, "downloading") == 0 || strcmp(state, "sharing") == 0);
}

static bool wants_data(const struct message *message)
{
    static const char *const states[] = {"searching", "metadata", "queued", "downloading"};
    const char *state = json_text(message->body, "state", "");
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(state, states[i]) == 0)
            return true;
    }
    return false;
}

static void on_notification(struct get *get, struct fetch *fetch, const struct message *message)
{
    follow_other(fetch, json_whole(message->body, "id", 0));
    fetch->fetched = fetch->fetched || wants_data(message);
    if (get->cli->json) {
        if (json_object_get(message->body, "id") == NULL)
            json_object_set_new(message->body, "id",
                                json_integer(strtoll(fetch->wanted.id, NULL, 10)));
        cli_json_event(get->cli, message->event, message->body);
        return;
    }
    if (json_text(message->body, "name", NULL) != NULL) {
        free(fetch->wanted.label);
        fetch->wanted.label = text_printable(json_text(message->body, "name", ""));
    }
    if (strcmp(message->event, "state") == 0)
        note_pause(get, fetch, message->body);
    fetch->figures = fetch->figures || strcmp(message->event, "progress") == 0;
    bool told = fetch->paused && get->style == PROGRESS_LINES;
    if (!told && !is_dull(fetch, message->event, message->body))
        show_progress(get, fetch, message->event, message->body);
}

static void on_response(struct get *get, struct fetch *fetch, struct message *message)
{
    if (message->error == NULL) {
        finish(get, fetch, message->body);
        return;
    }
    json_t *error = message->error;
    message->error = NULL;
    failure_adopt(get->cli, error);
    fail(get, fetch, error);
}

static void on_message(struct get *get, struct message *message)
{
    for (size_t i = 0; i < get->count; i++) {
        struct fetch *fetch = &get->fetches[i];
        if (fetch->stage != STAGE_FOLLOWED || fetch->msgid != message->msgid)
            continue;
        if (message->response)
            on_response(get, fetch, message);
        else
            on_notification(get, fetch, message);
        break;
    }
}

/* ---- ending early ---- */

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

/* In a shell with a prompt Ctrl-C ends the waiting alone. */
static int leave_all(struct get *get)
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

/* Ctrl-C: what is under way is paused, and how to go on is said. */
static int pause_all(struct get *get)
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

static void fail_all(struct get *get, enum status status)
{
    for (size_t i = 0; i < get->count; i++) {
        struct fetch *fetch = &get->fetches[i];
        char hint[COMMAND_TEXT_SIZE];
        if (fetch->stage == STAGE_ENDED)
            continue;
        if (status == STATUS_TIMED_OUT)
            fail(get, fetch,
                 failure_new("timed_out", EXIT_TIMED_OUT,
                             cli_command_text(get->cli, hint, "get %s", fetch->wanted.id),
                             "%s is not done within --timeout %s; the daemon goes on with it",
                             fetch->wanted.label,
                             arguments_text(get->cli->arguments, "timeout", "")));
        else
            fail(get, fetch, failure_of_client(get->cli, status));
    }
}

/* ---- -o - ---- */

/* Whoever read stdout is gone, or the disk behind it is full: no need to go on fetching. */
static int end_unwritten(struct get *get)
{
    struct fetch *fetch = &get->fetches[0];
    char hint[COMMAND_TEXT_SIZE] = "";
    bool fetching = fetch->stage != STAGE_ENDED;
    json_t *error = fetching ? pause_transfer(get->cli, &fetch->wanted, EXIT_DISK) : NULL;
    json_decref(error);
    if (fetching)
        cli_command_text(get->cli, hint, "resume %s", fetch->wanted.id);
    fail(get, fetch,
         failure_new("stdout", EXIT_DISK, fetching ? hint : NULL,
                     "cannot write to stdout: %s%s%s%s", strerror(get->stream->failure),
                     fetching ? "; " : "", fetching ? fetch->wanted.label : "",
                     fetching ? " is paused" : ""));
    return outcome_status(&get->outcome);
}

static void end_unreadable(struct get *get, json_t *error)
{
    failure_adopt(get->cli, error);
    fail(get, &get->fetches[0], error);
}

static bool is_for_stream(const struct get *get, const struct message *message)
{
    return get->stream != NULL && message->response && message->msgid != 0 &&
           message->msgid == get->stream->msgid;
}

/* What was fetched may be whole before it is written. */
static bool is_writing(struct get *get)
{
    if (get->stream == NULL || get->outcome.failed > 0)
        return false;
    if (get->stream->ended && get->done != NULL) {
        report_done(get, &get->fetches[0], get->done);
        json_decref(get->done);
        get->done = NULL;
    }
    return !get->stream->ended;
}

static enum status next_message(struct get *get, struct message *out)
{
    return get->stream != NULL ? get_stream_next(get->stream, get->interrupt, out)
                               : client_next(get->cli->client, get->cli->deadline_ms, out);
}

static void take_message(struct get *get, struct message *message)
{
    if (!is_for_stream(get, message)) {
        on_message(get, message);
        return;
    }
    json_t *error = get_stream_take(get->stream, message);
    if (error != NULL)
        end_unreadable(get, error);
}

static int follow_all(struct get *get)
{
    while (start_some(get) > 0 || is_writing(get)) {
        struct message message;
        enum status status = next_message(get, &message);
        if (status == STATUS_CANCELLED)
            return get->cli->interactive ? leave_all(get) : pause_all(get);
        if (status == STATUS_IO && get->stream != NULL && get->stream->failure != 0)
            return end_unwritten(get);
        if (status != STATUS_OK) {
            fail_all(get, status);
            break;
        }
        take_message(get, &message);
        message_dispose(&message);
    }
    return outcome_status(&get->outcome);
}

/* ---- the verb ---- */

static json_t *add(struct cli *cli, const char *group, const char *word, struct wanted *out)
{
    return group != NULL ? wanted_add_file(cli, group, word, out) : wanted_add(cli, word, out);
}

static bool goes_to_stdout(const struct arguments *arguments)
{
    return strcmp(arguments_text(arguments, "output", ""), "-") == 0;
}

/* NULL; or what does not go with it. */
static json_t *refuse_stdout(struct cli *cli, const struct arguments *arguments, size_t count)
{
    const char *other = cli->json                                 ? "--json"
                        : arguments_has(arguments, "detach")      ? "--detach"
                        : arguments_has(arguments, "verify-only") ? "--verify-only"
                        : count > 1                               ? "several arguments"
                                                                  : NULL;
    if (!goes_to_stdout(arguments) || other == NULL)
        return NULL;
    return failure_new("usage", EXIT_USAGE, NULL,
                       "-o - writes one file to stdout: it does not go with %s", other);
}

static int get_attached(struct cli *cli, const struct arguments *arguments)
{
    const char *const *words, *group;
    size_t count = wanted_words(arguments, &words, &group);
    struct get get = {
        .cli = cli,
        .fetches = calloc(count, sizeof get.fetches[0]),
        .count = count,
        .style = cli_progress_style(cli, arguments_text(arguments, "progress", "auto")),
        .interrupt = -1,
    };
    if (get.fetches == NULL)
        out_of_memory();
    get.progress = progress_new(get.style, cli->err, count);
    for (size_t i = 0; i < get.count; i++) {
        json_t *error = add(cli, group, words[i], &get.fetches[i].wanted);
        if (error != NULL)
            fail(&get, &get.fetches[i], error);
        else if (cli->json)
            cli_json_event(cli, "added", get.fetches[i].wanted.added);
    }
    if (cli->client != NULL) {
        get.interrupt = interrupt_open();
        client_watch(cli->client, get.interrupt);
    }
    struct get_stream stream;
    if (goes_to_stdout(arguments) && get.outcome.failed == 0) {
        get_stream_init(&stream, cli, get.fetches[0].wanted.id);
        get.stream = &stream;
    }
    int status = follow_all(&get);
    if (get.stream != NULL)
        get_stream_dispose(&stream);
    json_decref(get.done);
    interrupt_close(get.interrupt);
    progress_free(get.progress);
    for (size_t i = 0; i < get.count; i++)
        wanted_dispose(&get.fetches[i].wanted);
    free(get.fetches);
    return status;
}

static json_t *add_one(struct cli *cli, const char *word, json_t **error)
{
    struct wanted wanted;
    const char *const *words, *group;
    char ls[COMMAND_TEXT_SIZE];
    wanted_words(cli->arguments, &words, &group);
    *error = add(cli, group, word, &wanted);
    json_t *result = *error == NULL ? json_incref(wanted.added) : NULL;
    if (result != NULL && !cli->json)
        fprintf(cli->out, "%s\n", wanted.id);
    if (result != NULL)
        cli_note(cli, "%s: %s in the background; '%s' shows it", wanted.label,
                 wanted.attached ? "was there already, goes on" : "is fetched",
                 cli_command_text(cli, ls, "ls"));
    wanted_dispose(&wanted);
    return result;
}

/* In the shell transfers go on by themselves, unless -w says otherwise. */
static int get(struct cli *cli, const struct arguments *arguments)
{
    const char *const *words, *group;
    size_t count = wanted_words(arguments, &words, &group);
    json_t *error = refuse_stdout(cli, arguments, count);
    if (error != NULL)
        return cli_fail(cli, error);
    bool waits = arguments_has(arguments, "follow") || goes_to_stdout(arguments);
    if (arguments_has(arguments, "detach") || (cli->in_shell && !waits))
        return cli_each(cli, words, count, add_one);
    return get_attached(cli, arguments);
}

int verb_get(struct cli *cli, const struct arguments *arguments)
{
    bool checks = arguments_has(arguments, "verify-only") && !goes_to_stdout(arguments);
    return checks ? verify_only(cli, arguments) : get(cli, arguments);
}

int verb_download(struct cli *cli, const struct arguments *arguments)
{
    return get(cli, arguments);
}
