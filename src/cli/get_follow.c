/* What the daemon says of the transfers that get waits for, and of what goes to stdout. */
#include <stdlib.h>
#include <string.h>

#include "cli/get.h"
#include "cli/json.h"
#include "cli/params.h"
#include "cli/text.h"

/* A file's SHA-1 that turned out to be of a transfer that is there already. */
static void follow_other(struct fetch *fetch, int64_t id)
{
    if (id <= 0 || id == strtoll(fetch->wanted.id, NULL, 10))
        return;
    snprintf(fetch->wanted.id, sizeof fetch->wanted.id, "%lld", (long long)id);
    fetch->fetched = false;
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
        get_report_done(get, fetch, result);
    }
}

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
        get_fail(get, fetch, failure_of_client(get->cli, status));
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
        get_note_pause(get, fetch, message->body);
    fetch->figures = fetch->figures || strcmp(message->event, "progress") == 0;
    bool told = fetch->paused && get->style == PROGRESS_LINES;
    if (!told && !is_dull(fetch, message->event, message->body))
        get_show_progress(get, fetch, message->event, message->body);
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
    get_fail(get, fetch, error);
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

/* ---- -o - ---- */

static void end_unreadable(struct get *get, json_t *error)
{
    failure_adopt(get->cli, error);
    get_fail(get, &get->fetches[0], error);
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
        get_report_done(get, &get->fetches[0], get->done);
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

/* ---- all of it ---- */

int get_follow(struct get *get)
{
    while (start_some(get) > 0 || is_writing(get)) {
        struct message message;
        enum status status = next_message(get, &message);
        if (status == STATUS_CANCELLED)
            return get->cli->interactive ? get_leave_all(get) : get_pause_all(get);
        if (status == STATUS_IO && get->stream != NULL && get->stream->failure != 0)
            return get_end_unwritten(get);
        if (status != STATUS_OK) {
            get_fail_all(get, status);
            break;
        }
        take_message(get, &message);
        message_dispose(&message);
    }
    return outcome_status(&get->outcome);
}
