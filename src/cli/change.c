/* pause, resume, rm, verify, move, unshare: changing transfers. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "cli/verbs.h"

static json_t *ask_about(struct cli *cli, const char *method, const char *id, json_t **error)
{
    struct request request;
    request_init(&request, method);
    request_text(&request, "id", id);
    return cli_ask(cli, &request, "the daemon", error);
}

/* ---- pause, resume ---- */

static size_t print_changed(struct cli *cli, const json_t *result, const char *what)
{
    size_t index;
    json_t *id;
    json_array_foreach(json_list(result, "changed"), index, id)
        fprintf(cli->out, "%s %lld\n", what, (long long)json_integer_value(id));
    return json_array_size(json_list(result, "changed"));
}

static json_t *pause_one(struct cli *cli, const char *id, json_t **error)
{
    json_t *result = ask_about(cli, "transfer.pause", id, error);
    if (result == NULL || cli->json || print_changed(cli, result, "paused") > 0)
        return result;
    const char *state = json_text(result, "state", "paused");
    if (strcmp(state, "paused") == 0)
        cli_note(cli, "%s is paused already", id);
    else
        cli_note(cli, "%s is at rest already: %s", id, state);
    return result;
}

static json_t *resume_one(struct cli *cli, const char *id, json_t **error)
{
    json_t *result = ask_about(cli, "transfer.resume", id, error);
    if (result == NULL || cli->json || print_changed(cli, result, "resumed") > 0)
        return result;
    const char *state = json_text(result, "state", "running");
    if (strcmp(state, "complete") == 0)
        cli_note(cli,
                 "%s is complete, and was shared as often or as long as it should be: "
                 "get %s --ratio and transfer.seed_time change that",
                 id, id);
    else
        cli_note(cli, "%s is going on already: %s", id, state);
    return result;
}

static int change_all(struct cli *cli, const char *method, const char *what)
{
    struct request request;
    json_t *error;
    request_init(&request, method);
    request_bool(&request, "all", true);
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    if (result == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, result)) {
        print_changed(cli, result, what);
        if (json_array_size(json_list(result, "changed")) == 0)
            cli_note(cli, "nothing to be %s", what);
    }
    json_decref(result);
    return EXIT_DONE;
}

static int change(struct cli *cli, const char *method, const char *what, cli_one *one)
{
    const struct arguments *arguments = cli->arguments;
    bool all = arguments_has(arguments, "all");
    if (all == (arguments->word_count > 0))
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, NULL, "%s wants ID... or --all",
                                         arguments->command->name));
    return all ? change_all(cli, method, what)
               : cli_each(cli, arguments->words, arguments->word_count, one);
}

int verb_pause(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    return change(cli, "transfer.pause", "paused", pause_one);
}

int verb_resume(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    return change(cli, "transfer.resume", "resumed", resume_one);
}

/* ---- unshare ---- */

static json_t *ask_unshare(struct cli *cli, const char *word, json_t **error)
{
    struct request request;
    const char *group = arguments_text(cli->arguments, "group", NULL);
    if (group == NULL)
        return ask_about(cli, "share.remove", word, error);
    request_init(&request, "share.remove");
    request_text(&request, "group", group);
    request_text(&request, "file", word);
    return cli_ask(cli, &request, "the daemon", error);
}

static json_t *unshare_one(struct cli *cli, const char *id, json_t **error)
{
    json_t *result = ask_unshare(cli, id, error);
    if (result != NULL && !cli->json) {
        char *name = text_printable(json_text(result, "name", id));
        fprintf(cli->out, "no longer shared: %s; the files stay\n", name);
        free(name);
    }
    return result;
}

int verb_unshare(struct cli *cli, const struct arguments *arguments)
{
    return cli_each(cli, arguments->words, arguments->word_count, unshare_one);
}

/* ---- rm ---- */

/* With --data files go: a person is asked, a script has to say -y. */
static json_t *confirm_data(struct cli *cli, const char *id)
{
    char answer[16];
    json_t *error = NULL;
    if (cli->yes)
        return NULL;
    if (!terminal_can_ask() || cli->json)
        return failure_new("not_confirmed", EXIT_USAGE, "-y", "rm --data deletes the files of %s",
                           id);
    json_t *result = ask_about(cli, "transfer.info", id, &error);
    if (result == NULL)
        return error;
    char *path = text_printable(json_text(result, "transfer.path", id));
    fprintf(cli->err, "delete %s? [y/N] ", path);
    fflush(cli->err);
    free(path);
    json_decref(result);
    if (terminal_read_line(answer, sizeof answer) && (answer[0] == 'y' || answer[0] == 'Y'))
        return NULL;
    return failure_new("not_confirmed", EXIT_FAILED, NULL, "%s is left as it is", id);
}

static json_t *rm_one(struct cli *cli, const char *id, json_t **error)
{
    bool data = arguments_has(cli->arguments, "data");
    struct request request;
    *error = data ? confirm_data(cli, id) : NULL;
    if (*error != NULL)
        return NULL;
    request_init(&request, "transfer.remove");
    request_text(&request, "id", id);
    request_bool(&request, "data", data);
    json_t *result = cli_ask(cli, &request, "the files to be deleted", error);
    if (result != NULL && !cli->json) {
        char *name = text_printable(json_text(result, "name", id));
        size_t deleted = json_array_size(json_list(result, "deleted"));
        if (deleted > 0)
            fprintf(cli->out, "removed %s, deleted from the disk\n", name);
        else
            fprintf(cli->out, "removed %s; files on disk stay\n", name);
        free(name);
    }
    return result;
}

int verb_rm(struct cli *cli, const struct arguments *arguments)
{
    return cli_each(cli, arguments->words, arguments->word_count, rm_one);
}

/* ---- verify, move ---- */

struct working {
    struct progress *progress;
    const char *id;
};

static void on_progress(void *user, const char *event, json_t *params)
{
    struct working *working = user;
    if (strcmp(event, "progress") != 0)
        return;
    struct progress_facts facts = {
        .name = working->id,
        .done = json_whole(params, "done", 0),
        .size = json_whole(params, "size", -1),
        .rate_bps = json_decimal(params, "rate", 0),
        .eta_s = json_decimal(params, "eta", -1),
        .peers = -1,
    };
    progress_update(working->progress, 0, &facts, client_now_ms());
}

static json_t *failure_of_bad_pieces(const char *id, const json_t *result)
{
    int64_t bad = json_whole(result, "pieces.bad", 0), good = json_whole(result, "pieces.good", 0);
    json_t *error = failure_new("mismatch", EXIT_MISMATCH, NULL,
                                "%s: %lld of the %lld pieces on disk are not right", id,
                                (long long)bad, (long long)(bad + good));
    json_object_set(error, "pieces", json_object_get(result, "pieces"));
    return error;
}

static json_t *verify_one(struct cli *cli, const char *id, json_t **error)
{
    struct request request;
    struct working working = {progress_new(cli_progress_style(cli, "auto"), cli->err, 1), id};
    request_init(&request, "transfer.verify");
    request_text(&request, "id", id);
    json_t *result =
        cli_ask_stream(cli, &request, "the pieces to be read", on_progress, &working, error);
    progress_free(working.progress);
    if (result == NULL)
        return NULL;
    if (json_whole(result, "pieces.bad", 0) > 0) {
        *error = failure_of_bad_pieces(id, result);
        json_decref(result);
        return NULL;
    }
    if (!cli->json)
        fprintf(cli->out, "%s: %lld pieces good, %lld missing\n", id,
                (long long)json_whole(result, "pieces.good", 0),
                (long long)json_whole(result, "pieces.missing", 0));
    return result;
}

int verb_verify(struct cli *cli, const struct arguments *arguments)
{
    return cli_each(cli, arguments->words, arguments->word_count, verify_one);
}

/* Two copies take room twice. */
static void note_left(struct cli *cli, const char *left)
{
    char *text = left != NULL ? text_printable(left) : NULL;
    if (text != NULL)
        cli_note(cli, "note: the old copy could not be deleted, remove it yourself: %s", text);
    free(text);
}

int verb_move(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    char dir[PATHS_SIZE];
    const char *id = arguments->words[0], *to = arguments->words[1];
    if (to[0] == 0 || !cli_absolute(to, dir))
        return cli_fail(
            cli, failure_new("usage", EXIT_USAGE, NULL, "move ID \"%s\": a folder is wanted", to));
    size_t len = strlen(dir);
    dir[len > 1 && dir[len - 1] == '/' ? len - 1 : len] = 0;
    struct working working = {progress_new(cli_progress_style(cli, "auto"), cli->err, 1), id};
    request_init(&request, "transfer.move");
    request_text(&request, "id", id);
    request_text(&request, "dir", dir);
    json_t *result =
        cli_ask_stream(cli, &request, "the files to be moved", on_progress, &working, &error);
    progress_free(working.progress);
    if (result == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, result)) {
        char *path = text_printable(json_text(result, "path", dir));
        fprintf(cli->out, "moved to %s\n", path);
        free(path);
        note_left(cli, json_text(result, "left", NULL));
    }
    json_decref(result);
    return EXIT_DONE;
}
