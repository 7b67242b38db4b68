/* search: names published by others, as they come. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/params.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct searching {
    struct cli *cli;
    size_t results;
};

/* Results come one by one, so the columns are of fixed width and the name, which is not, is last.
 */
static void print_match(struct cli *cli, const json_t *match, bool first)
{
    char size[TEXT_SIZE], seen[TEXT_SIZE];
    char *name = text_printable(json_text(match, "name", "-"));
    char *hash = text_printable(json_text(match, "hash", "-"));
    snprintf(seen, sizeof seen, "%.10s", json_text(match, "first_seen", "-"));
    if (first)
        fprintf(cli->out, "%s%-40s  %10s  %7s  %10s  %-10s  %s%s\n",
                cli->out_colour ? "\x1b[1m" : "", "HASH", "SIZE", "SOURCES", "PUBLISHERS", "SEEN",
                "NAME", cli->out_colour ? "\x1b[0m" : "");
    fprintf(cli->out, "%-40s  %10s  %7lld  %10lld  %-10s  %s\n", hash,
            text_bytes(size, json_decimal(match, "size", -1)),
            (long long)json_whole(match, "sources", 0),
            (long long)json_whole(match, "publishers", 0), seen, name);
    fflush(cli->out);
    free(hash);
    free(name);
}

static void on_match(void *user, const char *event, json_t *params)
{
    struct searching *searching = user;
    struct cli *cli = searching->cli;
    if (cli->json)
        cli_json_event(cli, event, params);
    else if (strcmp(event, "result") == 0)
        print_match(cli, params, searching->results == 0);
    searching->results += strcmp(event, "result") == 0;
}

static void joined_words(const struct arguments *arguments, char *out, size_t size)
{
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < arguments->word_count && len < size; i++)
        len +=
            (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? " " : "", arguments->words[i]);
}

/* No result says which it was: nobody knows it, or nobody was there to ask. */
static json_t *failure_of_nothing(struct cli *cli, const json_t *result)
{
    char words[200], hint[COMMAND_TEXT_SIZE], nodes[TEXT_SIZE];
    int64_t answered = json_whole(result, "answered", 0);
    joined_words(cli->arguments, words, sizeof words);
    if (answered == 0)
        return failure_new("no_answer", EXIT_NETWORK, cli_command_text(cli, hint, "join HOST:PORT"),
                           "no node answered");
    return failure_new("not_found", EXIT_NOT_FOUND, NULL, "%s answered, none knows \"%s\"",
                       text_count(nodes, answered, "node", "nodes"), words);
}

static int finish(struct cli *cli, const json_t *result)
{
    char results[TEXT_SIZE], nodes[TEXT_SIZE];
    if (cli->json) {
        json_t *line = json_envelope("done", true, result);
        json_write_line(cli->out, line);
        json_decref(line);
        return EXIT_DONE;
    }
    cli_note(cli, "%s from %s",
             text_count(results, json_whole(result, "results", 0), "result", "results"),
             text_count(nodes, json_whole(result, "answered", 0), "node", "nodes"));
    return EXIT_DONE;
}

int verb_search(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    struct searching searching = {.cli = cli};
    request_init(&request, "search");
    request_texts(&request, "words", arguments->words, arguments->word_count);
    request_double(&request, "wait", arguments_number(arguments, "wait", SEARCH_WAIT_S));
    if (arguments_has(arguments, "limit"))
        request_number(&request, "limit", (int64_t)arguments_number(arguments, "limit", 0));
    if (arguments_has(arguments, "min-size"))
        request_number(&request, "min_size", (int64_t)arguments_number(arguments, "min-size", 0));
    request_text(&request, "type", arguments_text(arguments, "type", NULL));
    json_t *result =
        cli_ask_stream(cli, &request, "nodes that know these words", on_match, &searching, &error);
    if (result == NULL)
        return cli_fail_stream(cli, error);
    int status = EXIT_DONE;
    if (searching.results == 0)
        status = cli_fail_stream(cli, failure_of_nothing(cli, result));
    else
        status = finish(cli, result);
    json_decref(result);
    return status;
}
