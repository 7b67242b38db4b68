/* limit: shows and sets how much may move in a second, and with how many peers. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

static void add_number(const struct cli *cli, struct request *request, const char *name)
{
    if (arguments_has(cli->arguments, name))
        request_number(request, name, (int64_t)arguments_number(cli->arguments, name, 0));
}

static bool is_limited(const json_t *limits)
{
    return json_whole(limits, "down", 0) > 0 || json_whole(limits, "up", 0) > 0;
}

static void add_row(struct table *table, const char *id, const json_t *limits, const char *of)
{
    char text[TEXT_SIZE];
    int64_t peers = json_whole(limits, "peers", 0);
    table_cell(table, id);
    table_cell(table, text_rate(text, json_decimal(limits, "down", 0)));
    table_cell(table, text_rate(text, json_decimal(limits, "up", 0)));
    if (peers > 0)
        table_cell_format(table, "%lld", (long long)peers);
    else
        table_cell(table, "-");
    table_cell(table, of);
}

static void add_transfer(struct table *table, const json_t *transfer)
{
    char id[TEXT_SIZE];
    char *name = text_printable(json_text(transfer, "name", "-"));
    snprintf(id, sizeof id, "%lld", (long long)json_whole(transfer, "id", 0));
    add_row(table, id, transfer, name);
    free(name);
}

static bool is_other(const json_t *now, const json_t *said)
{
    static const char *const names[] = {"down", "up", "peers"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_whole(now, names[i], 0) != json_whole(said, names[i], 0))
            return true;
    return false;
}

/* Of one transfer, or of all; that of all holds for the one, too. */
static void print_limits(struct cli *cli, const json_t *result)
{
    struct table *table = table_new(">ID|>DOWN|>UP|>PEERS|OF");
    const json_t *all = json_at(result, "all");
    const json_t *now = json_at(result, "in_force");
    bool limited = is_limited(result) || is_limited(now) || (all != NULL && is_limited(all));
    char set[COMMAND_TEXT_SIZE];
    size_t index;
    json_t *transfer;
    add_row(table, "-", all != NULL ? all : result, "all together");
    if (is_other(now, all != NULL ? all : result))
        add_row(table, "-", now, "all together now, by the schedule");
    if (all != NULL)
        add_transfer(table, result);
    json_array_foreach(json_list(result, "transfers"), index, transfer)
    {
        add_transfer(table, transfer);
        limited = limited || is_limited(transfer);
    }
    table_print(table, cli->out, cli->out_colour);
    table_free(table);
    if (limited && !json_yes(result, "limit_lan", false))
        cli_note(cli, "peers on the local network are not limited; '%s' changes that",
                 cli_command_text(cli, set, "limit --lan yes"));
}

int verb_limit(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    request_init(&request, "limit");
    add_number(cli, &request, "down");
    add_number(cli, &request, "up");
    add_number(cli, &request, "peers");
    const char *lan = arguments_text(arguments, "lan", NULL);
    if (lan != NULL)
        request_bool(&request, "limit_lan", strcmp(lan, "yes") == 0);
    if (arguments->word_count > 0)
        request_text(&request, "id", arguments->words[0]);
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    return cli_finish(cli, result, error, print_limits);
}
