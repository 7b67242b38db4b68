/* What get says of a transfer: while it is fetched, while it waits, and when it is done. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/get.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/params.h"
#include "cli/text.h"

/* ---- done ---- */

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
    if (seconds <= 0)
        return;
    if (received > 0 && received < GET_WHOLE_PART * size)
        fprintf(out, ", %s of it", text_bytes(part, received));
    fprintf(out, " in %s", text_elapsed(elapsed, seconds));
    if (received > 0) /* else it was quicker than our question */
        fprintf(out, " (%s)", text_rate(rate, received / seconds));
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

void get_report_done(struct get *get, const struct fetch *fetch, const json_t *result)
{
    outcome_add(&get->outcome, EXIT_DONE);
    if (get->cli->json)
        json_done(get->cli, result);
    else if (get->stream == NULL)
        print_done(get->cli, get->cli->out, fetch, result);
    else if (!get->cli->quiet)
        print_done(get->cli, get->cli->err, fetch, result);
}

/* ---- on the way ---- */

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

void get_note_pause(struct get *get, struct fetch *fetch, const json_t *params)
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

void get_show_progress(struct get *get, struct fetch *fetch, const char *event,
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
