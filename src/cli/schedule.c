/* schedule: limits that hold at times of the week. */
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

/* Null: it says nothing of that limit; 0: there is none at that time. */
static void add_limit(struct table *table, const json_t *entry, const char *name, bool is_rate)
{
    char text[TEXT_SIZE];
    int64_t value = json_whole(entry, name, -1);
    if (value < 0)
        table_cell(table, "-");
    else if (value == 0)
        table_cell(table, "no limit");
    else if (is_rate)
        table_cell(table, text_rate(text, (double)value));
    else
        table_cell_format(table, "%lld", (long long)value);
}

static void add_entry(struct table *table, const json_t *entry)
{
    table_cell_format(table, "%lld", (long long)json_whole(entry, "number", 0));
    table_cell(table, json_text(entry, "days", "-"));
    table_cell(table, json_text(entry, "time", "-"));
    add_limit(table, entry, "down", true);
    add_limit(table, entry, "up", true);
    add_limit(table, entry, "peers", false);
    table_cell(table, json_yes(entry, "in_force", false) ? "in force" : "");
}

static void print_entries(struct cli *cli, const json_t *entries)
{
    struct table *table = table_new(">#|DAYS|TIME|>DOWN|>UP|>PEERS|NOW");
    size_t index;
    json_t *entry;
    json_array_foreach(entries, index, entry) add_entry(table, entry);
    if (table_rows(table) > 0)
        table_print(table, cli->out, cli->out_colour);
    else
        cli_note(cli, "the schedule is empty: limits are the same at all times");
    table_free(table);
}

int verb_schedule_add(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    bool has_days = arguments->word_count > 1;
    request_init(&request, "schedule.add");
    add_number(cli, &request, "down");
    add_number(cli, &request, "up");
    add_number(cli, &request, "peers");
    request_text(&request, "days", has_days ? arguments->words[0] : NULL);
    request_text(&request, "time", arguments->words[has_days]);
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    if (result == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, result)) {
        json_t *one = json_pack("[O]", result);
        print_entries(cli, one);
        json_decref(one);
    }
    json_decref(result);
    return EXIT_DONE;
}

int verb_schedule_ls(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    (void)arguments;
    request_init(&request, "schedule.ls");
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    if (result == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, result))
        print_entries(cli, json_list(result, "entries"));
    json_decref(result);
    return EXIT_DONE;
}

int verb_schedule_rm(struct cli *cli, const struct arguments *arguments)
{
    const char *text = arguments->words[0];
    size_t digits = strspn(text, "0123456789");
    struct request request;
    json_t *error;
    if (digits == 0 || digits > 9 || text[digits] != 0)
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, "kadpeer schedule ls",
                                         "\"%.50s\" is no number of the schedule", text));
    request_init(&request, "schedule.rm");
    request_number(&request, "number", strtoll(text, NULL, 10));
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    if (result == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, result))
        fprintf(cli->out, "removed  %s\n", text);
    json_decref(result);
    return EXIT_DONE;
}
