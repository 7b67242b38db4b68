/* ls, shares: transfers as a table. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

static const char *const ls_columns =
    ">ID|STATE|>DONE|>SIZE|>DOWN|>UP|>ETA|>PEERS|>RATIO|GROUP|NAME";

/* States in which all goes well; the others show their reason. */
static bool is_progress(const char *state)
{
    static const char *const fine[] = {"downloading", "verifying", "sharing", "complete"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        if (strcmp(state, fine[i]) == 0)
            return true;
    }
    return false;
}

static void ratio_cell(struct table *table, const json_t *transfer)
{
    double ratio = json_decimal(transfer, "ratio", -1);
    if (ratio < 0)
        table_cell(table, "-");
    else
        table_cell_format(table, "%.2f", ratio);
}

static void peers_cell(struct table *table, const json_t *transfer)
{
    table_cell_format(table, "%lld/%lld", (long long)json_whole(transfer, "peers.sending", 0),
                      (long long)json_whole(transfer, "peers.connected", 0));
}

static void ls_row(struct table *table, const json_t *transfer)
{
    char text[TEXT_SIZE], remark[512];
    const char *state = json_text(transfer, "state", "-");
    const char *reason = json_text(transfer, "reason", NULL);
    double size = json_decimal(transfer, "size", -1);
    table_cell_format(table, "%lld", (long long)json_whole(transfer, "id", 0));
    table_cell(table, state);
    table_cell(table, text_percent(text, json_decimal(transfer, "done", 0), size));
    table_cell(table, text_bytes(text, size));
    table_cell(table, text_rate(text, json_decimal(transfer, "rate_down", 0)));
    table_cell(table, text_rate(text, json_decimal(transfer, "rate_up", 0)));
    table_cell(table, text_duration(text, json_decimal(transfer, "eta", -1)));
    peers_cell(table, transfer);
    ratio_cell(table, transfer);
    table_cell(table, json_text(transfer, "group", "-"));
    table_cell(table, json_text(transfer, "name", json_text(transfer, "hash", "-")));
    if (reason != NULL && (!is_progress(state) || strcmp(state, "downloading") == 0)) {
        snprintf(remark, sizeof remark, "%s: %s", state, reason);
        table_remark(table, remark);
    }
}

static int compare_whole(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(json_text(*(json_t *const *)a, "name", ""),
                  json_text(*(json_t *const *)b, "name", ""));
}

static int by_state(const void *a, const void *b)
{
    return strcmp(json_text(*(json_t *const *)a, "state", ""),
                  json_text(*(json_t *const *)b, "state", ""));
}

/* Largest first. */
static int by_field(const void *a, const void *b, const char *field)
{
    return compare_whole(json_decimal(*(json_t *const *)b, field, -1),
                         json_decimal(*(json_t *const *)a, field, -1));
}

static int by_size(const void *a, const void *b)
{
    return by_field(a, b, "size");
}

static int by_down(const void *a, const void *b)
{
    return by_field(a, b, "rate_down");
}

static int by_up(const void *a, const void *b)
{
    return by_field(a, b, "rate_up");
}

static int by_ratio(const void *a, const void *b)
{
    return by_field(a, b, "ratio");
}

static void sort_transfers(json_t **list, size_t count, const char *field)
{
    static const struct {
        const char *field;
        int (*compare)(const void *, const void *);
    } orders[] = {{"name", by_name}, {"state", by_state}, {"size", by_size},
                  {"down", by_down}, {"up", by_up},       {"ratio", by_ratio}};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        if (strcmp(orders[i].field, field) == 0)
            qsort(list, count, sizeof list[0], orders[i].compare);
    }
}

/* The transfers that `wanted` says yes to, sorted. */
static json_t *choose(const json_t *transfers, bool (*wanted)(const json_t *), const char *field)
{
    size_t count = 0, index;
    json_t *chosen = json_array(), *transfer;
    json_t **list = calloc(json_array_size(transfers) + 1, sizeof *list);
    if (list == NULL)
        out_of_memory();
    json_array_foreach(transfers, index, transfer)
    {
        if (wanted(transfer))
            list[count++] = transfer;
    }
    sort_transfers(list, count, field);
    for (size_t i = 0; i < count; i++)
        json_array_append(chosen, list[i]);
    free(list);
    return chosen;
}

static bool is_any(const json_t *transfer)
{
    (void)transfer;
    return true;
}

static bool is_shared(const json_t *transfer)
{
    return strcmp(json_text(transfer, "state", ""), "sharing") == 0 ||
           strcmp(json_text(transfer, "origin", ""), "share") == 0;
}

static bool is_fetched(const json_t *transfer)
{
    return strcmp(json_text(transfer, "origin", ""), "fetch") == 0;
}

/* ---- ls --downloads: a line each, without a heading ---- */

static char letter_of(const char *state)
{
    static const struct {
        const char *state;
        char letter;
    } letters[] = {{"sharing", 'C'},  {"complete", 'C'},      {"paused", 'P'},
                   {"no_space", 'E'}, {"missing_files", 'E'}, {"error", 'E'}};
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if (strcmp(letters[i].state, state) == 0)
            return letters[i].letter;
    }
    return 'D';
}

static void print_download(struct cli *cli, const json_t *transfer)
{
    char percent[TEXT_SIZE], rate[TEXT_SIZE], eta[TEXT_SIZE];
    char *name = text_printable(json_text(transfer, "name", json_text(transfer, "hash", "-")));
    char *group = text_printable(json_text(transfer, "group", "-"));
    char letter = letter_of(json_text(transfer, "state", ""));
    fprintf(cli->out, "[%c] [%s] %s", letter, group, name);
    if (letter != 'C')
        fprintf(cli->out, " %s",
                text_percent(percent, json_decimal(transfer, "done", 0),
                             json_decimal(transfer, "size", -1)));
    if (letter == 'D')
        fprintf(cli->out, " %s ETA %s", text_rate(rate, json_decimal(transfer, "rate_down", 0)),
                text_duration(eta, json_decimal(transfer, "eta", -1)));
    if (letter == 'E' && json_text(transfer, "reason", NULL) != NULL) {
        char *reason = text_printable(json_text(transfer, "reason", ""));
        fprintf(cli->out, " %s", reason);
        free(reason);
    }
    fprintf(cli->out, "\n");
    free(group);
    free(name);
}

static void print_downloads(struct cli *cli, const json_t *transfers)
{
    size_t index;
    json_t *transfer;
    json_array_foreach(transfers, index, transfer) print_download(cli, transfer);
}

typedef void row_of(struct table *table, const json_t *transfer);

static void print_rows(struct cli *cli, const json_t *transfers, const char *columns, row_of *row)
{
    struct table *table = table_new(columns);
    size_t index;
    json_t *transfer;
    json_array_foreach(transfers, index, transfer) row(table, transfer);
    table_print(table, cli->out, cli->out_colour);
    table_free(table);
}

static int list_transfers(struct cli *cli, const char *state, const char *columns, row_of *row,
                          bool (*wanted)(const json_t *), const char *none)
{
    struct request request;
    json_t *error;
    request_init(&request, "transfer.list");
    request_text(&request, "state", state);
    request_text(&request, "group", arguments_text(cli->arguments, "group", NULL));
    json_t *result = cli_ask(cli, &request, "the list of transfers", &error);
    if (result == NULL)
        return cli_fail(cli, error);
    json_t *chosen = choose(json_list(result, "transfers"), wanted,
                            arguments_text(cli->arguments, "sort", "id"));
    json_object_set_new(result, "transfers", chosen);
    if (!cli_json_result(cli, result)) {
        if (json_array_size(chosen) == 0)
            cli_note(cli, "%s", none);
        else if (columns != NULL)
            print_rows(cli, chosen, columns, row);
        else
            print_downloads(cli, chosen);
    }
    json_decref(result);
    return EXIT_DONE;
}

int verb_ls(struct cli *cli, const struct arguments *arguments)
{
    const char *state = arguments_text(arguments, "state", NULL);
    if (arguments_has(arguments, "downloads"))
        return list_transfers(cli, state, NULL, NULL, is_fetched, "no downloads");
    return list_transfers(cli, state, ls_columns, ls_row, is_any,
                          state != NULL ? "no transfer in that state"
                                        : "no transfers yet; 'kadpeer share FILE' makes one");
}

static void share_row(struct table *table, const json_t *transfer)
{
    char text[TEXT_SIZE];
    table_cell_format(table, "%lld", (long long)json_whole(transfer, "id", 0));
    table_cell(table, json_text(transfer, "state", "-"));
    table_cell(table, text_bytes(text, json_decimal(transfer, "size", -1)));
    table_cell(table, text_rate(text, json_decimal(transfer, "rate_up", 0)));
    table_cell_format(table, "%lld", (long long)json_whole(transfer, "peers.connected", 0));
    table_cell(table, text_bytes(text, json_decimal(transfer, "uploaded", -1)));
    ratio_cell(table, transfer);
    table_cell(table, json_yes(transfer, "listed", true) ? "yes" : "no");
    table_cell(table, json_text(transfer, "group", "-"));
    table_cell(table, json_text(transfer, "name", "-"));
    if (json_text(transfer, "reason", NULL) != NULL) {
        char remark[512];
        snprintf(remark, sizeof remark, "%s: %s", json_text(transfer, "state", ""),
                 json_text(transfer, "reason", ""));
        table_remark(table, remark);
    }
}

int verb_shares(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    return list_transfers(cli, NULL, ">ID|STATE|>SIZE|>UP|>PEERS|>SENT|>RATIO|LISTED|GROUP|NAME",
                          share_row, is_shared, "nothing is shared; 'kadpeer share FILE' does it");
}
