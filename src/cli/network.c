/* join, node: the table of nodes. */
#include <stdlib.h>
#include <string.h>

#include "base/bootstrap_file.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* ---- join ---- */

static void print_join(struct cli *cli, const json_t *result)
{
    size_t index;
    json_t *item;
    char nodes[TEXT_SIZE];
    json_array_foreach(json_list(result, "failed"), index, item)
        cli_note(cli, "kadpeer: %s: %s", json_text(item, "address", "?"),
                 json_text(item, "why", "cannot be found"));
    fprintf(cli->out, "joined: %zu of %zu answered, %s known\n",
            json_array_size(json_list(result, "answered")),
            json_array_size(json_list(result, "asked")),
            text_count(nodes, json_whole(result, "nodes", 0), "node", "nodes"));
}

/* The failure of the first word that can be no address; NULL: all can be. */
static json_t *bad_address(const struct arguments *arguments)
{
    struct bootstrap_entry entry;
    for (size_t i = 0; i < arguments->word_count; i++) {
        const char *why = bootstrap_parse_address(bytes_of_string(arguments->words[i]), &entry);
        if (why != NULL)
            return failure_new("bad_address", EXIT_BAD_INPUT, NULL, "%s: %s; wanted is HOST:PORT",
                               arguments->words[i], why);
    }
    return NULL;
}

int verb_join(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error = bad_address(arguments);
    char waiting_for[160];
    if (error != NULL)
        return cli_fail(cli, error);
    request_init(&request, "node.join");
    request_texts(&request, "addresses", arguments->words, arguments->word_count);
    request_double(&request, "wait", arguments_number(arguments, "wait", JOIN_WAIT_S));
    snprintf(waiting_for, sizeof waiting_for, "an answer from %.100s%s", arguments->words[0],
             arguments->word_count > 1 ? " and others" : "");
    json_t *result = cli_ask(cli, &request, waiting_for, &error);
    if (result == NULL)
        return cli_fail(cli, error);
    bool all = json_array_size(json_list(result, "failed")) == 0;
    if (!cli_json_result(cli, result))
        print_join(cli, result);
    json_decref(result);
    return all ? EXIT_DONE : EXIT_SOME_FAILED;
}
