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

typedef void print_result(struct cli *cli, const json_t *result);

static int show(struct cli *cli, struct request *request, const char *waiting_for,
                print_result *print)
{
    json_t *error;
    json_t *result = cli_ask(cli, request, waiting_for, &error);
    if (result == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, result))
        print(cli, result);
    json_decref(result);
    return EXIT_DONE;
}

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

/* ---- node status ---- */

/* Counters above zero, "ping 12, find 40"; nothing: "none". */
static void print_counters(struct cli *cli, const char *name, const json_t *counters)
{
    const char *key;
    json_t *value;
    const char *between = "";
    fprintf(cli->out, "  %-10s ", name);
    json_object_foreach((json_t *)(uintptr_t)counters, key, value)
    {
        if (!json_is_integer(value) || json_integer_value(value) == 0)
            continue;
        fprintf(cli->out, "%s%s %lld", between, key, (long long)json_integer_value(value));
        between = ", ";
    }
    fprintf(cli->out, "%s\n", between[0] == 0 ? "none" : "");
}

static void print_overlay(struct cli *cli, const json_t *overlay)
{
    char text[TEXT_SIZE];
    const json_t *family = json_at(overlay, "family");
    if (json_is_string(family))
        fprintf(cli->out, "%s", json_string_value(family));
    else
        fprintf(cli->out, "IPv%lld", (long long)json_integer_value(family));
    fprintf(cli->out, ", port %lld, %s\n", (long long)json_whole(overlay, "port", 0),
            json_yes(overlay, "joined", false) ? "joined" : "alone so far");
    fprintf(cli->out, "  %-10s %s\n", "id", json_text(overlay, "id", "-"));
    fprintf(cli->out, "  %-10s %s\n", "seen as", json_text(overlay, "external", "not known yet"));
    fprintf(cli->out, "  %-10s %lld in %lld buckets, %lld answering, network of about %lld\n",
            "nodes", (long long)json_whole(overlay, "contacts", 0),
            (long long)json_whole(overlay, "buckets", 0),
            (long long)json_whole(overlay, "answering", 0),
            (long long)json_whole(overlay, "network_size", 0));
    fprintf(cli->out, "  %-10s %lld records under %lld keys, %s\n", "stores",
            (long long)json_whole(overlay, "stored.records", 0),
            (long long)json_whole(overlay, "stored.keys", 0),
            text_bytes(text, json_decimal(overlay, "stored.bytes", 0)));
    fprintf(cli->out, "  %-10s %lld records\n", "publishes",
            (long long)json_whole(overlay, "published", 0));
    print_counters(cli, "asked", json_at(overlay, "queries.out"));
    print_counters(cli, "was asked", json_at(overlay, "queries.in"));
    fprintf(cli->out, "  %-10s %lld\n", "silences", (long long)json_whole(overlay, "timeouts", 0));
    print_counters(cli, "refused", json_at(overlay, "refused"));
}

static void print_node_status(struct cli *cli, const json_t *result)
{
    size_t index;
    json_t *overlay;
    json_array_foreach(json_list(result, "overlays"), index, overlay) print_overlay(cli, overlay);
}

int verb_node_status(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    (void)arguments;
    request_init(&request, "node.status");
    return show(cli, &request, "the daemon", print_node_status);
}

/* ---- node table ---- */

static void print_table(struct cli *cli, const json_t *result)
{
    struct table *table = table_new("NODE|ADDRESS|>BITS|>RTT|>SEEN|>SILENT");
    size_t index;
    json_t *contact;
    json_array_foreach(json_list(result, "contacts"), index, contact)
    {
        char text[TEXT_SIZE];
        double rtt = json_decimal(contact, "rtt", -1);
        table_cell(table, json_text(contact, "id", "-"));
        table_cell(table, json_text(contact, "address", "-"));
        table_cell_format(table, "%lld", (long long)json_whole(contact, "common_bits", 0));
        if (rtt >= 0)
            table_cell_format(table, "%.1f ms", rtt * 1000);
        else
            table_cell(table, "-");
        table_cell(table, text_duration(text, json_decimal(contact, "age", -1)));
        table_cell_format(table, "%lld", (long long)json_whole(contact, "failures", 0));
    }
    if (table_rows(table) > 0)
        table_print(table, cli->out, cli->out_colour);
    else
        cli_note(cli, "no other node is known; 'kadpeer join HOST:PORT' makes one known");
    table_free(table);
}

int verb_node_table(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    (void)arguments;
    request_init(&request, "node.table");
    return show(cli, &request, "the daemon", print_table);
}

/* ---- node ping, node find ---- */

static void print_ping(struct cli *cli, const json_t *result)
{
    fprintf(cli->out, "%s  %s  %.1f ms\n", json_text(result, "id", "-"),
            json_text(result, "address", "-"), json_decimal(result, "rtt", 0) * 1000);
}

int verb_node_ping(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    char waiting_for[160];
    request_init(&request, "node.ping");
    request_text(&request, "address", arguments->words[0]);
    snprintf(waiting_for, sizeof waiting_for, "an answer from %.100s", arguments->words[0]);
    return show(cli, &request, waiting_for, print_ping);
}

static void print_find(struct cli *cli, const json_t *result)
{
    char seconds[TEXT_SIZE];
    struct table *table = table_new("NODE|ADDRESS");
    size_t index;
    json_t *node;
    json_array_foreach(json_list(result, "nodes"), index, node)
    {
        table_cell(table, json_text(node, "id", "-"));
        table_cell(table, json_text(node, "address", "-"));
    }
    if (table_rows(table) > 0)
        table_print(table, cli->out, cli->out_colour);
    table_free(table);
    cli_note(cli, "nearest to %s: %lld asked, %lld answered, %lld hops, %s",
             json_text(result, "target", "-"), (long long)json_whole(result, "asked", 0),
             (long long)json_whole(result, "answered", 0), (long long)json_whole(result, "hops", 0),
             text_elapsed(seconds, json_decimal(result, "seconds", 0)));
}

int verb_node_find(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    const char *key = arguments_text(arguments, "key", NULL);
    if ((key != NULL) == (arguments->word_count > 0))
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, NULL,
                                         "node find wants an ID of 40 hexadecimal digits, or "
                                         "--key TEXT"));
    request_init(&request, "node.find");
    request_text(&request, "key", key);
    request_text(&request, "id", arguments->words[0]);
    return show(cli, &request, "the nodes on the way", print_find);
}
