/* info, files, peers, pieces: one transfer from near. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define PIECES_PER_LINE 64

/* Asks `method` of the one transfer that was named. */
static int show_transfer(struct cli *cli, const char *method, cli_print_result *print)
{
    struct request request;
    json_t *error;
    request_init(&request, method);
    request_text(&request, "id", cli->arguments->words[0]);
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    return cli_finish(cli, result, error, print);
}

/* ---- info ---- */

static void fact(struct cli *cli, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fact(struct cli *cli, const char *name, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        out_of_memory();
    va_end(args);
    char *safe = text_printable(text);
    fprintf(cli->out, "%-10s %s\n", name, safe);
    free(safe);
    free(text);
}

static void fact_if(struct cli *cli, const char *name, const json_t *object, const char *path)
{
    const char *text = json_text(object, path, NULL);
    if (text != NULL && text[0] != 0)
        fact(cli, name, "%s", text);
}

static void print_amounts(struct cli *cli, const json_t *transfer, const json_t *info)
{
    char a[TEXT_SIZE], b[TEXT_SIZE];
    double size = json_decimal(transfer, "size", -1), done = json_decimal(transfer, "done", 0);
    if (size >= 0)
        fact(cli, "size", "%s in %s", text_bytes(a, size),
             text_count(b, json_whole(transfer, "files", 1), "file", "files"));
    fact(cli, "done", "%s, %s", text_percent(a, done, size), text_bytes(b, done));
    if (json_whole(transfer, "pieces.total", 0) > 0)
        fact(cli, "pieces", "%lld of %lld, %s each",
             (long long)json_whole(transfer, "pieces.have", 0),
             (long long)json_whole(transfer, "pieces.total", 0),
             text_piece_length(a, json_decimal(info, "piece_length", -1)));
    fact(cli, "received", "%s, now %s", text_bytes(a, json_decimal(transfer, "downloaded", 0)),
         text_rate(b, json_decimal(transfer, "rate_down", 0)));
    fact(cli, "sent", "%s, now %s", text_bytes(a, json_decimal(transfer, "uploaded", 0)),
         text_rate(b, json_decimal(transfer, "rate_up", 0)));
    if (json_decimal(transfer, "ratio", -1) >= 0 && json_decimal(info, "ratio_limit", 0) > 0)
        fact(cli, "ratio", "%.2f, shared until %.2f", json_decimal(transfer, "ratio", 0),
             json_decimal(info, "ratio_limit", 0));
    else if (json_decimal(transfer, "ratio", -1) >= 0)
        fact(cli, "ratio", "%.2f", json_decimal(transfer, "ratio", 0));
    if (json_decimal(transfer, "eta", -1) >= 0)
        fact(cli, "eta", "%s", text_duration(a, json_decimal(transfer, "eta", -1)));
    if (json_yes(info, "sequential", false))
        fact(cli, "order", "sequential, from the first piece to the last");
    if (json_decimal(info, "wasted", 0) > 0)
        fact(cli, "wasted", "%s, %lld bad pieces", text_bytes(a, json_decimal(info, "wasted", 0)),
             (long long)json_whole(info, "bad_pieces", 0));
}

static void print_limits(struct cli *cli, const json_t *limits)
{
    char down[TEXT_SIZE], up[TEXT_SIZE];
    if (json_decimal(limits, "down", 0) > 0 || json_decimal(limits, "up", 0) > 0)
        fact(cli, "limits", "%s down, %s up", text_rate(down, json_decimal(limits, "down", 0)),
             text_rate(up, json_decimal(limits, "up", 0)));
    if (json_whole(limits, "peers", 0) > 0)
        fact(cli, "limit", "%lld peers", (long long)json_whole(limits, "peers", 0));
}

static void print_sources(struct cli *cli, const json_t *transfer, const json_t *info)
{
    fact(cli, "peers", "%lld connected, %lld sending, %lld known",
         (long long)json_whole(transfer, "peers.connected", 0),
         (long long)json_whole(transfer, "peers.sending", 0),
         (long long)json_whole(transfer, "peers.known", 0));
    if (json_at(info, "sources") != NULL)
        fact(cli, "found by", "%lld node table, %lld availability, %lld peer exchange, %lld link",
             (long long)json_whole(info, "sources.dht", 0),
             (long long)json_whole(info, "sources.availability", 0),
             (long long)json_whole(info, "sources.exchange", 0),
             (long long)json_whole(info, "sources.link", 0));
}

static void print_records(struct cli *cli, const json_t *records)
{
    size_t index;
    json_t *record;
    json_array_foreach(records, index, record)
    {
        char hash[TEXT_SIZE];
        fact(cli, index == 0 ? "published" : "", "%s record at %s, on %lld nodes, last %s",
             json_text(record, "kind", "?"), text_short_hash(hash, json_text(record, "key", "?")),
             (long long)json_whole(record, "nodes", 0), json_text(record, "last", "never"));
    }
}

/* A name is findable once a node has taken it, which all refuse whose clock says that it has ended:
 * ours is wrong then. */
static const char *listed_text(const json_t *transfer, const json_t *records)
{
    size_t index;
    json_t *record;
    int64_t nodes = 0;
    bool named = false;
    if (!json_yes(transfer, "listed", false))
        return "no, by link only";
    json_array_foreach(records, index, record)
    {
        if (strcmp(json_text(record, "kind", ""), "entry") != 0)
            continue;
        named = true;
        nodes += json_whole(record, "nodes", 0);
    }
    if (!named)
        return "yes, its names are not published now";
    return nodes > 0 ? "yes, findable by name" : "yes, no node has taken its names yet";
}

static void print_info(struct cli *cli, const json_t *result)
{
    const json_t *transfer = json_at(result, "transfer"), *info = json_at(result, "info");
    const char *reason = json_text(transfer, "reason", NULL);
    fact(cli, "name", "%s", json_text(transfer, "name", "-"));
    fact(cli, "id", "%lld", (long long)json_whole(transfer, "id", 0));
    fact(cli, "hash", "%s", json_text(transfer, "hash", "-"));
    fact(cli, "state", "%s%s%s", json_text(transfer, "state", "-"), reason != NULL ? ": " : "",
         reason != NULL ? reason : "");
    fact_if(cli, "group", transfer, "group");
    fact_if(cli, "error", transfer, "error");
    fact_if(cli, "path", transfer, "path");
    print_amounts(cli, transfer, info);
    print_limits(cli, json_at(info, "limits"));
    print_sources(cli, transfer, info);
    fact_if(cli, "added", transfer, "added");
    fact_if(cli, "completed", transfer, "completed");
    fact_if(cli, "comment", info, "comment");
    if (strcmp(json_text(transfer, "origin", ""), "share") == 0 &&
        json_text(transfer, "group", NULL) == NULL)
        fact(cli, "listed", "%s", listed_text(transfer, json_list(info, "records")));
    print_records(cli, json_list(info, "records"));
    fact_if(cli, "link", transfer, "link");
}

int verb_info(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    return show_transfer(cli, "transfer.info", print_info);
}

/* ---- files ---- */

static void print_files(struct cli *cli, const json_t *result)
{
    struct table *table = table_new(">#|>DONE|>SIZE|FILE");
    size_t index;
    json_t *file;
    json_array_foreach(json_list(result, "files"), index, file)
    {
        char text[TEXT_SIZE];
        double size = json_decimal(file, "size", 0);
        table_cell_format(table, "%lld", (long long)json_whole(file, "index", 0));
        if (!json_yes(file, "selected", true))
            table_cell(table, "left out");
        else
            table_cell(table,
                       size > 0 ? text_percent(text, json_decimal(file, "done", 0), size) : "100%");
        table_cell(table, text_bytes(text, size));
        table_cell(table, json_text(file, "path", "-"));
    }
    if (table_rows(table) > 0)
        table_print(table, cli->out, cli->out_colour);
    else
        cli_note(cli, "the files are not known yet");
    table_free(table);
}

int verb_files(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    return show_transfer(cli, "transfer.files", print_files);
}

/* ---- peers ---- */

static void peer_row(struct table *table, const json_t *peer)
{
    char text[TEXT_SIZE];
    table_cell(table, json_text(peer, "address", "-"));
    table_cell(table, json_yes(peer, "incoming", false) ? "in" : "out");
    if (json_yes(peer, "seed", false))
        table_cell(table, "all");
    else
        table_cell_format(table, "%lld", (long long)json_whole(peer, "pieces", 0));
    table_cell(table, text_bytes(text, json_decimal(peer, "down", 0)));
    table_cell(table, text_rate(text, json_decimal(peer, "rate_down", 0)));
    table_cell(table, text_bytes(text, json_decimal(peer, "up", 0)));
    table_cell(table, text_rate(text, json_decimal(peer, "rate_up", 0)));
    table_cell(table, json_text(peer, "flags", "-"));
    table_cell(table, json_text(peer, "source", "-"));
    table_cell(table, json_text(peer, "client", "-"));
}

static void note_known(struct cli *cli, const json_t *result)
{
    size_t index, idle = 0, hung_up = 0;
    json_t *known;
    json_array_foreach(json_list(result, "known"), index, known)
    {
        idle += !json_is_true(json_object_get(known, "in_use"));
        hung_up += json_is_true(json_object_get(known, "hung_up"));
    }
    if (idle > 0)
        cli_note(cli, "%zu more known, not connected", idle);
    if (hung_up > 0)
        cli_note(cli, "%zu of them hung up on us: full, without it, or encrypted connections only",
                 hung_up);
}

static void note_refused(struct cli *cli, json_t *refused)
{
    const char *reason;
    json_t *count;
    json_object_foreach(refused, reason, count)
    {
        if (json_integer_value(count) > 0)
            cli_note(cli, "refused, %s: %lld", reason, (long long)json_integer_value(count));
    }
    if (json_integer_value(json_object_get(refused, "no_handshake")) > 0)
        cli_note(cli, "no_handshake: mostly encrypted openings; most try again without");
}

static void print_peers(struct cli *cli, const json_t *result)
{
    struct table *table =
        table_new("ADDRESS|WAY|>PIECES|>RECEIVED|>DOWN|>SENT|>UP|FLAGS|FOUND BY|PROGRAM");
    size_t index;
    json_t *peer;
    json_array_foreach(json_list(result, "peers"), index, peer) peer_row(table, peer);
    if (table_rows(table) > 0)
        table_print(table, cli->out, cli->out_colour);
    else
        cli_note(cli, "no peer is connected");
    table_free(table);
    note_known(cli, result);
    note_refused(cli, json_at(result, "refused"));
}

int verb_peers(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    return show_transfer(cli, "transfer.peers", print_peers);
}

/* ---- pieces ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

/* The bitfield's first piece is the high bit of its first byte [BEP 3]. */
static bool has_piece(const char *bitfield, size_t len, int64_t piece)
{
    size_t digit = (size_t)piece / 4;
    return digit < len && (hex_digit(bitfield[digit]) & (8 >> (piece % 4))) != 0;
}

/* '#' had; else how many of the connected peers have it: '.' none, 1 to 9, '+' more. */
static char piece_letter(const json_t *result, const char *bitfield, size_t len, int64_t piece)
{
    if (has_piece(bitfield, len, piece))
        return '#';
    int64_t holders =
        json_integer_value(json_array_get(json_list(result, "holders"), (size_t)piece));
    return holders <= 0 ? '.' : holders > 9 ? '+' : (char)('0' + holders);
}

static void print_pieces(struct cli *cli, const json_t *result)
{
    char size[TEXT_SIZE];
    const char *bitfield = json_text(result, "bitfield", "");
    size_t len = strlen(bitfield);
    int64_t total = json_whole(result, "total", 0);
    fprintf(cli->out,
            "%lld of %lld pieces of %s   (# had; . nobody connected has it; 1-9 so many)\n",
            (long long)json_whole(result, "have", 0), (long long)total,
            text_piece_length(size, json_decimal(result, "piece_length", 0)));
    for (int64_t piece = 0; piece < total; piece++) {
        if (piece % PIECES_PER_LINE == 0)
            fprintf(cli->out, "%s%8lld  ", piece > 0 ? "\n" : "", (long long)piece);
        fputc(piece_letter(result, bitfield, len, piece), cli->out);
    }
    fputs(total > 0 ? "\n" : "", cli->out);
}

int verb_pieces(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    return show_transfer(cli, "transfer.pieces", print_pieces);
}
