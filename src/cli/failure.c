#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/text.h"

void cli_note(struct cli *cli, const char *format, ...)
{
    if (cli->quiet)
        return;
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        out_of_memory();
    va_end(args);
    char *safe = text_printable(text);
    fflush(cli->out);
    fprintf(cli->err, "%s\n", safe);
    free(safe);
    free(text);
}

enum progress_style cli_progress_style(const struct cli *cli, const char *choice)
{
    if (strcmp(choice, "auto") != 0)
        return strcmp(choice, "bar") == 0     ? PROGRESS_BAR
               : strcmp(choice, "lines") == 0 ? PROGRESS_LINES
                                              : PROGRESS_NONE;
    return cli->json || cli->quiet              ? PROGRESS_NONE
           : terminal_is_live(fileno(cli->err)) ? PROGRESS_BAR
                                                : PROGRESS_LINES;
}

const char *cli_command_text(const struct cli *cli, char out[COMMAND_TEXT_SIZE], const char *format,
                             ...)
{
    const char *profile = cli->paths.profile;
    bool other = strcmp(profile, "default") != 0;
    int len = 0;
    out[0] = 0;
    if (!cli->in_shell)
        len = snprintf(out, COMMAND_TEXT_SIZE, "kadpeer%s%s ", other ? " --profile " : "",
                       other ? profile : "");
    va_list args;
    va_start(args, format);
    vsnprintf(out + len, COMMAND_TEXT_SIZE - (size_t)len, format, args);
    va_end(args);
    return out;
}

json_t *failure_new(const char *code, int exit, const char *hint, const char *format, ...)
{
    char *message = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&message, format, args) < 0)
        out_of_memory();
    va_end(args);
    char *safe = text_printable(message);
    json_t *error =
        json_pack("{s:s,s:i,s:s,s:s?}", "code", code, "exit", exit, "message", safe, "hint", hint);
    free(safe);
    free(message);
    return error;
}

json_t *failure_of_errno(const char *what, const char *path)
{
    int number = errno;
    const char *code = number == ENOENT   ? "not_found"
                       : number == EACCES ? "permission"
                       : number == ENOSPC ? "no_space"
                                          : "io";
    return failure_new(code, number == ENOENT ? EXIT_NOT_FOUND : EXIT_DISK, NULL,
                       "cannot %s %s: %s", what, path, strerror(number));
}

int failure_exit(const json_t *error)
{
    int64_t exit = json_whole(error, "exit", EXIT_FAILED);
    return exit > 0 && exit < 256 ? (int)exit : EXIT_FAILED;
}

const char *failure_code(const json_t *error)
{
    return json_text(error, "code", "failed");
}

void print_matches(struct cli *cli, const json_t *matches, bool numbered)
{
    struct table *table = table_new(numbered ? ">|HASH|>SIZE|>SOURCES|>PUBLISHERS|FIRST SEEN|NAME"
                                             : "HASH|>SIZE|>SOURCES|>PUBLISHERS|FIRST SEEN|NAME");
    char text[TEXT_SIZE];
    size_t index;
    json_t *candidate;
    json_array_foreach(matches, index, candidate)
    {
        if (numbered)
            table_cell_format(table, "%zu", index + 1);
        table_cell(table, json_text(candidate, "hash", "-"));
        table_cell(table, text_bytes(text, json_decimal(candidate, "size", -1)));
        table_cell_format(table, "%lld", (long long)json_whole(candidate, "sources", 0));
        table_cell_format(table, "%lld", (long long)json_whole(candidate, "publishers", 0));
        table_cell(table, json_text(candidate, "first_seen", "-"));
        table_cell(table, json_text(candidate, "name", "-"));
    }
    table_print(table, cli->err, cli->err_colour);
    table_free(table);
}

/* Transfers of ours among which an argument does not choose. */
static void print_transfers(struct cli *cli, const json_t *transfers)
{
    struct table *table = table_new(">ID|HASH|NAME");
    size_t index;
    json_t *transfer;
    json_array_foreach(transfers, index, transfer)
    {
        table_cell_format(table, "%lld", (long long)json_whole(transfer, "id", 0));
        table_cell(table, json_text(transfer, "hash", "-"));
        table_cell(table, json_text(transfer, "name", "-"));
    }
    table_print(table, cli->err, cli->err_colour);
    table_free(table);
}

/* Users or groups of one name: "name#" and the start of the key tells them apart. */
static void print_keys(struct cli *cli, const json_t *candidates)
{
    struct table *table = table_new("NAME|KEY|ABOUT");
    size_t index;
    json_t *candidate;
    json_array_foreach(candidates, index, candidate)
    {
        const char *key = json_text(candidate, "key", "-");
        table_cell_format(table, "%s#%.4s", json_text(candidate, "name", "-"), key);
        table_cell(table, key);
        table_cell(table, json_text(candidate, "about", ""));
    }
    table_print(table, cli->err, cli->err_colour);
    table_free(table);
}

void cli_print_failure(struct cli *cli, const json_t *error)
{
    char *message = text_printable(json_text(error, "message", "failed"));
    fflush(cli->out);
    fprintf(cli->err, "%skadpeer:%s %s\n", cli->err_colour ? "\x1b[31m" : "",
            cli->err_colour ? "\x1b[0m" : "", message);
    free(message);
    const json_t *candidates = json_list(error, "candidates");
    if (json_object_get(json_array_get(candidates, 0), "id") != NULL)
        print_transfers(cli, candidates);
    else if (json_object_get(json_array_get(candidates, 0), "key") != NULL)
        print_keys(cli, candidates);
    else if (candidates != NULL)
        print_matches(cli, candidates, false);
    if (cli->in_shell)
        failure_adopt(cli, (json_t *)(uintptr_t)error);
    if (json_text(error, "hint", NULL) != NULL) {
        char *hint = text_printable(json_text(error, "hint", ""));
        fprintf(cli->err, "hint: %s\n", hint);
        free(hint);
    }
}

static int fail_as(struct cli *cli, const char *event, json_t *error)
{
    int exit = failure_exit(error);
    if (cli->json) {
        json_t *fields = json_pack("{s:O}", "error", error);
        json_t *line = json_envelope(event, false, fields);
        json_write_line(cli->out, line);
        json_decref(line);
        json_decref(fields);
    } else {
        cli_print_failure(cli, error);
    }
    json_decref(error);
    return exit;
}

int cli_fail(struct cli *cli, json_t *error)
{
    return fail_as(cli, NULL, error);
}

int cli_fail_stream(struct cli *cli, json_t *error)
{
    return fail_as(cli, "error", error);
}

bool cli_json_result(struct cli *cli, const json_t *result)
{
    if (!cli->json)
        return false;
    json_t *line = json_envelope(NULL, true, result);
    json_write_line(cli->out, line);
    json_decref(line);
    return true;
}

int cli_finish(struct cli *cli, json_t *result, json_t *error, cli_print_result *print)
{
    if (result == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, result))
        print(cli, result);
    json_decref(result);
    return EXIT_DONE;
}

void cli_json_event(struct cli *cli, const char *event, const json_t *fields)
{
    json_t *line = json_event(event, fields);
    json_write_line(cli->out, line);
    json_decref(line);
}

void outcome_add(struct outcome *outcome, int status)
{
    if (status == EXIT_DONE) {
        outcome->done++;
        return;
    }
    outcome->status = outcome->failed == 0 || outcome->status == status ? status : EXIT_SOME_FAILED;
    outcome->failed++;
}

int outcome_status(const struct outcome *outcome)
{
    if (outcome->failed == 0)
        return EXIT_DONE;
    return outcome->done > 0 ? EXIT_SOME_FAILED : outcome->status;
}

/* {"ok":…, what the result or the error says, for failures the argument}. */
static json_t *entry_of(const char *word, const json_t *result, json_t *error)
{
    json_t *entry = json_pack("{s:b,s:s}", "ok", error == NULL, "argument", word);
    if (error != NULL)
        json_object_set(entry, "error", error);
    else
        json_object_update_missing(entry, (json_t *)(uintptr_t)result);
    return entry;
}

static int print_entries(struct cli *cli, json_t *entries, const struct outcome *outcome)
{
    json_t *fields = json_pack("{s:o}", "results", entries);
    json_t *line = json_envelope(NULL, outcome->failed == 0, fields);
    json_write_line(cli->out, line);
    json_decref(line);
    json_decref(fields);
    return outcome_status(outcome);
}

int cli_each(struct cli *cli, const char *const words[], size_t count, cli_one *one)
{
    struct outcome outcome = {0};
    json_t *entries = json_array();
    bool interrupted = false;
    for (size_t i = 0; i < count && !interrupted; i++) {
        json_t *error = NULL;
        json_t *result = one(cli, words[i], &error);
        interrupted = error != NULL && strcmp(failure_code(error), "interrupted") == 0;
        outcome_add(&outcome, error != NULL ? failure_exit(error) : EXIT_DONE);
        if (cli->json && count == 1) {
            json_decref(entries);
            int status = error != NULL ? cli_fail(cli, error) : EXIT_DONE;
            if (error == NULL)
                cli_json_result(cli, result);
            json_decref(result);
            return status;
        }
        if (cli->json)
            json_array_append_new(entries, entry_of(words[i], result, error));
        else if (error != NULL)
            cli_print_failure(cli, error);
        json_decref(result);
        json_decref(error);
    }
    if (cli->json)
        return print_entries(cli, entries, &outcome);
    json_decref(entries);
    return outcome_status(&outcome);
}
