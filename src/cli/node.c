/* node: our own node, the nodes it knows, the nodes nearest to a key. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

static int show(struct cli *cli, struct request *request, const char *waiting_for,
                cli_print_result *print)
{
    json_t *error;
    json_t *result = cli_ask(cli, request, waiting_for, &error);
    return cli_finish(cli, result, error, print);
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
        fprintf(cli->out, "%s", between);
        for (const char *c = key; *c != 0; c++)
            fputc(*c == '_' ? ' ' : *c, cli->out);
        fprintf(cli->out, " %lld", (long long)json_integer_value(value));
        between = ", ";
    }
    fprintf(cli->out, "%s\n", between[0] == 0 ? "none" : "");
}

/* An estimate, which may be beyond any whole number: "1024" or "1.8e+19". */
static const char *size_text(char out[TEXT_SIZE], const json_t *overlay)
{
    double size = json_decimal(overlay, "network_size", 0);
    snprintf(out, TEXT_SIZE, size < 1e15 ? "%.0f" : "%.1e", size);
    return out;
}

static void print_overlay(struct cli *cli, const json_t *overlay)
{
    char text[TEXT_SIZE], size[TEXT_SIZE], records[TEXT_SIZE], keys[TEXT_SIZE];
    fprintf(cli->out, "IPv%lld, port %lld, %s\n", (long long)json_whole(overlay, "family", 0),
            (long long)json_whole(overlay, "port", 0),
            json_yes(overlay, "joined", false) ? "joined" : "alone so far");
    fprintf(cli->out, "  %-10s %s\n", "id", json_text(overlay, "id", "-"));
    fprintf(cli->out, "  %-10s %s\n", "seen as", json_text(overlay, "external", "not known yet"));
    fprintf(cli->out, "  %-10s %lld in %s, %lld answering, network of about %s\n", "nodes",
            (long long)json_whole(overlay, "contacts", 0),
            text_count(text, json_whole(overlay, "buckets", 0), "bucket", "buckets"),
            (long long)json_whole(overlay, "answering", 0), size_text(size, overlay));
    fprintf(cli->out, "  %-10s %s under %s, %s\n", "stores",
            text_count(records, json_whole(overlay, "stored.records", 0), "record", "records"),
            text_count(keys, json_whole(overlay, "stored.keys", 0), "key", "keys"),
            text_bytes(text, json_decimal(overlay, "stored.bytes", 0)));
    fprintf(cli->out, "  %-10s %s\n", "publishes",
            text_count(records, json_whole(overlay, "published", 0), "record", "records"));
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

#define RANGE_SIZE 48

/* What the contacts of a bucket have in common. */
struct summary {
    double *trips;
    size_t trip_count, contacts, silent;
    double youngest, oldest; /* seconds since they answered; negative: never */
};

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static bool is_in(const json_t *contact, int64_t family, int64_t bucket)
{
    return json_whole(contact, "family", 0) == family &&
           json_whole(contact, "bucket", -1) == bucket;
}

static struct summary summarize(const json_t *contacts, int64_t family, int64_t bucket)
{
    size_t index;
    json_t *contact;
    struct summary sum = {.youngest = -1, .oldest = -1};
    sum.trips = calloc(json_array_size(contacts) + 1, sizeof *sum.trips);
    json_array_foreach(contacts, index, contact)
    {
        if (!is_in(contact, family, bucket))
            continue;
        double trip = json_decimal(contact, "rtt", -1), age = json_decimal(contact, "age", -1);
        sum.contacts++;
        sum.silent += json_whole(contact, "failures", 0) > 0;
        if (trip >= 0 && sum.trips != NULL)
            sum.trips[sum.trip_count++] = trip;
        if (age >= 0 && (sum.youngest < 0 || age < sum.youngest))
            sum.youngest = age;
        if (age > sum.oldest)
            sum.oldest = age;
    }
    if (sum.trips != NULL)
        qsort(sum.trips, sum.trip_count, sizeof *sum.trips, compare_doubles);
    return sum;
}

/* "80-ff", "0000-03ff": as many digits as tell the two apart from their neighbours. */
static void range_text(char out[RANGE_SIZE], const json_t *bucket)
{
    int digits = (int)json_whole(bucket, "bucket", 0) / 4 + 1;
    digits = digits < 2 ? 2 : digits + digits % 2;
    digits = digits < 20 ? digits : 20;
    snprintf(out, RANGE_SIZE, "%.*s-%.*s", digits, json_text(bucket, "first", "?"), digits,
             json_text(bucket, "last", "?"));
}

static void bucket_row(struct table *table, const json_t *bucket, const struct summary *sum)
{
    char text[TEXT_SIZE], more[TEXT_SIZE], range[RANGE_SIZE];
    double refresh = json_decimal(bucket, "refresh", 0);
    range_text(range, bucket);
    table_cell_format(table, "%lld", (long long)json_whole(bucket, "bucket", 0));
    table_cell(table, range);
    table_cell_format(table, "%zu/%lld", sum->contacts,
                      (long long)json_whole(bucket, "capacity", 0));
    table_cell_format(table, "%zu", sum->silent);
    if (sum->trip_count > 0)
        table_cell_format(table, "%.0f/%.0f/%.0f ms", sum->trips[0] * 1000,
                          sum->trips[sum->trip_count / 2] * 1000,
                          sum->trips[sum->trip_count - 1] * 1000);
    else
        table_cell(table, "-");
    if (sum->oldest >= 0)
        table_cell_format(table, "%s to %s", text_duration(text, sum->youngest),
                          text_duration(more, sum->oldest));
    else
        table_cell(table, "-");
    if (refresh > 0)
        table_cell_format(table, "in %s", text_duration(text, refresh));
    else
        table_cell(table, "now");
}

static void print_buckets(struct cli *cli, const json_t *overlay, const json_t *contacts)
{
    struct table *table =
        table_new(">BUCKET|IDS|>NODES|>SILENT|>RTT LEAST/MEDIAN/MOST|SEEN|REFRESH");
    char known[TEXT_SIZE], buckets[TEXT_SIZE], all[TEXT_SIZE];
    int64_t family = json_whole(overlay, "family", 0);
    size_t index;
    json_t *bucket;
    json_array_foreach(json_list(overlay, "buckets"), index, bucket)
    {
        struct summary sum = summarize(contacts, family, json_whole(bucket, "bucket", 0));
        bucket_row(table, bucket, &sum);
        free(sum.trips);
    }
    fprintf(cli->out, "IPv%lld, id %s: %s in %s, about %s node%s in the network\n",
            (long long)family, json_text(overlay, "id", "-"),
            text_count(known, json_whole(overlay, "contacts", 0), "node", "nodes"),
            text_count(buckets, (int64_t)table_rows(table), "bucket", "buckets"),
            size_text(all, overlay), strcmp(all, "1") == 0 ? "" : "s");
    table_print(table, cli->out, cli->out_colour);
    table_free(table);
    fputc('\n', cli->out);
}

static void print_contacts(struct cli *cli, const json_t *contacts)
{
    struct table *table = table_new(">BUCKET|NODE|ADDRESS|>RTT|>SEEN|>SILENT");
    size_t index;
    json_t *contact;
    json_array_foreach(contacts, index, contact)
    {
        char text[TEXT_SIZE];
        double rtt = json_decimal(contact, "rtt", -1);
        table_cell_format(table, "%lld", (long long)json_whole(contact, "bucket", 0));
        table_cell(table, json_text(contact, "id", "-"));
        table_cell(table, json_text(contact, "address", "-"));
        if (rtt >= 0)
            table_cell_format(table, "%.0f ms", rtt * 1000);
        else
            table_cell(table, "-");
        table_cell(table, text_duration(text, json_decimal(contact, "age", -1)));
        table_cell_format(table, "%lld", (long long)json_whole(contact, "failures", 0));
    }
    table_print(table, cli->out, cli->out_colour);
    table_free(table);
}

static void print_table(struct cli *cli, const json_t *result)
{
    const json_t *contacts = json_list(result, "contacts");
    size_t index;
    json_t *overlay;
    if (json_array_size(contacts) == 0) {
        cli_note(cli, "no other node is known; 'kadpeer join HOST:PORT' makes one known");
        return;
    }
    json_array_foreach(json_list(result, "overlays"), index,
                       overlay) if (json_whole(overlay, "contacts", 0) > 0)
        print_buckets(cli, overlay, contacts);
    print_contacts(cli, contacts);
}

int verb_node_table(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    (void)arguments;
    request_init(&request, "node.table");
    return show(cli, &request, "the daemon", print_table);
}

/* ---- node ping, node find ---- */

#define ID_DIGITS_MEANT 8 /* so many hexadecimal digits are hardly a word */

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
    char seconds[TEXT_SIZE], hops[TEXT_SIZE];
    struct table *table = table_new("NODE|ADDRESS|>BITS|>HOPS|>ANSWERED IN");
    size_t index;
    json_t *node;
    json_array_foreach(json_list(result, "nodes"), index, node)
    {
        table_cell(table, json_text(node, "id", "-"));
        table_cell(table, json_text(node, "address", "-"));
        table_cell_format(table, "%lld", (long long)json_whole(node, "common_bits", 0));
        table_cell_format(table, "%lld", (long long)json_whole(node, "hops", 0));
        table_cell_format(table, "%.0f ms", json_decimal(node, "rtt", 0) * 1000);
    }
    if (table_rows(table) > 0)
        table_print(table, cli->out, cli->out_colour);
    table_free(table);
    cli_note(cli, "nearest to %s: %lld asked, %lld answered, %s, %s",
             json_text(result, "target", "-"), (long long)json_whole(result, "asked", 0),
             (long long)json_whole(result, "answered", 0),
             text_count(hops, json_whole(result, "hops", 0), "hop", "hops"),
             text_elapsed(seconds, json_decimal(result, "seconds", 0)));
}

/* An id, or one that was cut off or has a digit too many: not a name, then. Names that look like
 * that ("12345678") go after --key. */
static bool is_meant_as_id(const char *text)
{
    size_t len = strlen(text);
    return len >= ID_DIGITS_MEANT && strspn(text, "0123456789abcdefABCDEF") == len;
}

/* Nobody to ask is no answer, though the daemon has one. */
static int finish_find(struct cli *cli, json_t *result, json_t *error)
{
    char hint[COMMAND_TEXT_SIZE];
    if (result != NULL && json_whole(result, "asked", 0) == 0) {
        json_decref(result);
        return cli_fail(cli, failure_new("no_answer", EXIT_NETWORK,
                                         cli_command_text(cli, hint, "join HOST:PORT"),
                                         "no other node is known: nobody was asked"));
    }
    return cli_finish(cli, result, error, print_find);
}

int verb_node_find(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    const char *key = arguments_text(arguments, "key", NULL);
    if ((key != NULL) == (arguments->word_count > 0))
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, NULL,
                                         "node find wants an ID of 40 hexadecimal digits, or the "
                                         "name that is a KEY"));
    const char *word = key != NULL ? key : arguments->words[0];
    request_init(&request, "node.find");
    bool by_id = key == NULL && is_meant_as_id(word);
    request_text(&request, by_id ? "id" : "key", word);
    if (key == NULL && !by_id)
        cli_note(cli, "\"%s\" is taken as a name", word);
    json_t *error, *result = cli_ask(cli, &request, "the nodes on the way", &error);
    return finish_find(cli, result, error);
}
