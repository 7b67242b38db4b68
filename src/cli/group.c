/* group …, for everybody: create, ls, show, join, leave, files. */
#include "cli/group.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* What the daemon says while it waits, as notes; with --json as events. */
void group_on_event(void *user, const char *event, json_t *params)
{
    struct cli *cli = user;
    if (cli->json)
        cli_json_event(cli, event, params);
    else if (json_text(params, "text", NULL) != NULL)
        cli_note(cli, "%s", json_text(params, "text", ""));
}

int group_finish_stream(struct cli *cli, json_t *result, json_t *error, cli_print_result *print)
{
    if (result == NULL)
        return cli_fail_stream(cli, error);
    if (cli->json) {
        json_t *line = json_envelope("done", true, result);
        json_write_line(cli->out, line);
        json_decref(line);
    } else {
        print(cli, result);
    }
    json_decref(result);
    return EXIT_DONE;
}

char *group_name_of(const json_t *result)
{
    return text_printable(json_text(result, "group.name", json_text(result, "group.key", "-")));
}

/* ---- create ---- */

static void print_created(struct cli *cli, const json_t *result)
{
    char *name = group_name_of(result);
    char quoted[TEXT_QUOTED_SIZE], hint[COMMAND_TEXT_SIZE];
    fprintf(cli->out, "group  %s\n", name);
    fprintf(cli->out, "key    %s\n", json_text(result, "group.key", "-"));
    fflush(cli->out);
    if (!json_yes(result, "stored", true))
        cli_note(cli, "no other node keeps its records yet; the daemon goes on trying");
    cli_note(cli, "'%s' prints an invite",
             cli_command_text(cli, hint, "group invite %s", text_quoted(quoted, name)));
    free(name);
}

int verb_group_create(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    request_init(&request, "group.create");
    request_text(&request, "name", arguments->words[0]);
    request_text(&request, "about", arguments_text(arguments, "about", NULL));
    request_bool(&request, "unlisted", arguments_has(arguments, "unlisted"));
    request_bool(&request, "invite_only", arguments_has(arguments, "invite-only"));
    request_bool(&request, "history", arguments_has(arguments, "history"));
    if (arguments_has(arguments, "expires"))
        request_double(&request, "expires", arguments_number(arguments, "expires", 0));
    request_double(&request, "wait", arguments_number(arguments, "wait", PEOPLE_WAIT_S));
    json_t *result = cli_ask_stream(cli, &request, "the group's records to be stored",
                                    group_on_event, cli, &error);
    return group_finish_stream(cli, result, error, print_created);
}

/* ---- ls ---- */

struct group_listing {
    struct cli *cli;
    size_t rows;
};

static void count_text(char out[TEXT_SIZE], const json_t *group, const char *key)
{
    int64_t count = json_whole(group, key, -1);
    if (count < 0)
        snprintf(out, TEXT_SIZE, "-");
    else
        snprintf(out, TEXT_SIZE, "%lld", (long long)count);
}

/* They come one by one: columns of fixed width, and the texts, which have none, last. */
static void print_group_row(struct cli *cli, const json_t *group, bool first)
{
    char members[TEXT_SIZE], files[TEXT_SIZE], requests[TEXT_SIZE];
    char *name = text_printable(json_text(group, "name", "-"));
    char *about = text_printable(json_text(group, "about", ""));
    count_text(members, group, "members");
    count_text(files, group, "files");
    count_text(requests, group, "requests");
    if (first)
        fprintf(cli->out, "%s%-8s  %7s  %5s  %8s  %-10s  %s%s\n", cli->out_colour ? "\x1b[1m" : "",
                "STANDING", "MEMBERS", "FILES", "REQUESTS", "KEY", "NAME",
                cli->out_colour ? "\x1b[0m" : "");
    fprintf(cli->out, "%-8s  %7s  %5s  %8s  %-10.10s  %s%s%s\n",
            json_text(group, "standing", "none"), members, files, requests,
            json_text(group, "key", "-"), name, about[0] != 0 ? ": " : "", about);
    fflush(cli->out);
    free(about);
    free(name);
}

static void on_group(void *user, const char *event, json_t *params)
{
    struct group_listing *listing = user;
    if (strcmp(event, "group") == 0 && !listing->cli->json)
        print_group_row(listing->cli, json_at(params, "group"), listing->rows == 0);
    else
        group_on_event(listing->cli, event, params);
    listing->rows += strcmp(event, "group") == 0;
}

static void print_listed(struct cli *cli, const json_t *result)
{
    char groups[TEXT_SIZE], nodes[TEXT_SIZE];
    int64_t count = json_whole(result, "groups", 0);
    const char *found = count > 0 ? text_count(groups, count, "group", "groups") : "no groups";
    if (arguments_has(cli->arguments, "own"))
        cli_note(cli, "%s of yours", found);
    else
        cli_note(cli, "%s; %s answered", found,
                 text_count(nodes, json_whole(result, "answered", 0), "node", "nodes"));
}

int verb_group_ls(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    struct group_listing listing = {.cli = cli};
    request_init(&request, "group.list");
    request_bool(&request, "own", arguments_has(arguments, "own"));
    request_double(&request, "wait", arguments_number(arguments, "wait", PEOPLE_WAIT_S));
    json_t *result =
        cli_ask_stream(cli, &request, "nodes that know of groups", on_group, &listing, &error);
    return group_finish_stream(cli, result, error, print_listed);
}

/* ---- show ---- */

static void print_members(struct cli *cli, const json_t *members)
{
    struct table *table = table_new("MEMBER|KEY|ROLE|ONLINE");
    size_t index;
    json_t *member;
    json_array_foreach(members, index, member)
    {
        bool me = json_yes(member, "me", false);
        table_cell_format(table, "%s%s", json_text(member, "name", "-"), me ? " (you)" : "");
        table_cell_format(table, "%.10s", json_text(member, "key", "-"));
        table_cell(table, json_text(member, "role", "-"));
        table_cell(table, json_yes(member, "online", false) ? "yes" : "no");
    }
    if (table_rows(table) > 0)
        table_print(table, cli->out, cli->out_colour);
    table_free(table);
}

static void print_fact(struct cli *cli, const char *name, const char *text)
{
    char *safe = text_printable(text);
    if (safe[0] != 0)
        fprintf(cli->out, "%-9s %s\n", name, safe);
    free(safe);
}

static void print_group(struct cli *cli, const json_t *result)
{
    const json_t *group = json_at(result, "group");
    char text[128];
    bool request = strcmp(json_text(group, "policy", "request"), "request") == 0;
    print_fact(cli, "name", json_text(group, "name", "-"));
    print_fact(cli, "key", json_text(group, "key", "-"));
    print_fact(cli, "about", json_text(group, "about", ""));
    print_fact(cli, "standing", json_text(group, "standing", "-"));
    print_fact(cli, "joining", request ? "on request, or by invite" : "by invite only");
    if (strcmp(json_text(group, "standing", ""), "owner") == 0)
        print_fact(cli, "listed",
                   json_yes(group, "listed", false) ? "yes, findable by name" : "no");
    if (json_whole(group, "files", -1) >= 0) {
        snprintf(text, sizeof text, "%lld", (long long)json_whole(group, "files", 0));
        print_fact(cli, "files", text);
    }
    if (json_whole(group, "requests", 0) > 0) {
        snprintf(text, sizeof text, "%lld waiting", (long long)json_whole(group, "requests", 0));
        print_fact(cli, "requests", text);
    }
    if (json_whole(group, "epoch", -1) >= 0) {
        snprintf(text, sizeof text, "epoch %lld%s", (long long)json_whole(group, "epoch", 0),
                 json_yes(group, "history", false) ? ", newcomers see older files" : "");
        print_fact(cli, "keys", text);
    }
    print_fact(cli, "created", json_text(group, "created", ""));
    print_fact(cli, "applied", json_text(group, "applied", ""));
    snprintf(text, sizeof text, "%s%s", json_text(group, "expires", ""),
             json_yes(group, "stale", false) ? ", passed: its owner has been away for long" : "");
    print_fact(cli, "expires", text);
    print_members(cli, json_list(result, "members"));
}

int verb_group_show(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    request_init(&request, "group.show");
    request_text(&request, "group", arguments->words[0]);
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    return cli_finish(cli, result, error, print_group);
}

/* ---- join ---- */

bool group_is_invite(const char *text)
{
    size_t letters = 0;
    for (; *text != 0; text++) {
        if (isalpha((unsigned char)*text) || (*text >= '2' && *text <= '7'))
            letters++;
        else if (*text != '-' && !isspace((unsigned char)*text))
            return false;
    }
    return letters >= INVITE_LETTERS_MIN;
}

static void print_joined(struct cli *cli, const json_t *result)
{
    char *name = group_name_of(result);
    char members[TEXT_SIZE], files[TEXT_SIZE], quoted[TEXT_QUOTED_SIZE], hint[COMMAND_TEXT_SIZE];
    const char *standing = json_text(result, "group.standing", "");
    if (strcmp(standing, "applying") == 0) {
        fprintf(cli->out, "request sent to %s, not accepted yet\n", name);
        fflush(cli->out);
        cli_note(cli, "the daemon goes on asking while you are logged in; the owner has to be "
                      "online once");
    } else {
        fprintf(cli->out, "%s of %s: %s, %s\n", strcmp(standing, "owner") == 0 ? "owner" : "member",
                name,
                text_count(members, json_whole(result, "group.members", 0), "member", "members"),
                text_count(files, json_whole(result, "group.files", 0), "file", "files"));
        fflush(cli->out);
        cli_note(cli, "'%s' lists the files",
                 cli_command_text(cli, hint, "group files %s", text_quoted(quoted, name)));
    }
    free(name);
}

int verb_group_join(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    const char *word = arguments->words[0];
    bool invite = group_is_invite(word);
    char waiting_for[200];
    snprintf(waiting_for, sizeof waiting_for, "%s%.100s", invite ? "the group's members" : "group ",
             invite ? "" : word);
    request_init(&request, "group.join");
    request_text(&request, invite ? "invite" : "group", word);
    request_text(&request, "note", arguments_text(arguments, "note", NULL));
    request_double(&request, "wait", arguments_number(arguments, "wait", GROUP_JOIN_WAIT_S));
    json_t *result = cli_ask_stream(cli, &request, waiting_for, group_on_event, cli, &error);
    return group_finish_stream(cli, result, error, print_joined);
}

/* ---- leave ---- */

static void print_left(struct cli *cli, const json_t *result)
{
    char *name = group_name_of(result);
    fprintf(cli->out, "left %s; files fetched from it stay\n", name);
    free(name);
}

int verb_group_leave(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    request_init(&request, "group.leave");
    request_text(&request, "group", arguments->words[0]);
    request_text(&request, "transfer", arguments_text(arguments, "transfer", NULL));
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    return cli_finish(cli, result, error, print_left);
}

/* ---- files ---- */

static void print_files(struct cli *cli, const json_t *result)
{
    struct table *table = table_new("HASH|>SIZE|>HOLDERS|HERE|OWNER|FILE");
    char text[TEXT_SIZE];
    size_t index;
    json_t *file;
    json_array_foreach(json_list(result, "files"), index, file)
    {
        table_cell(table, text_short_hash(text, json_text(file, "hash", "-")));
        table_cell(table, text_bytes(text, json_decimal(file, "size", -1)));
        table_cell_format(table, "%lld", (long long)json_whole(file, "holders", 0));
        table_cell(table, json_text(file, "state", "-"));
        table_cell(table, json_text(file, "owner", "-"));
        table_cell(table, json_text(file, "path", "-"));
    }
    if (table_rows(table) > 0)
        table_print(table, cli->out, cli->out_colour);
    else
        cli_note(cli, "no files in it yet");
    table_free(table);
}

int verb_group_files(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    request_init(&request, "group.files");
    request_text(&request, "group", arguments->words[0]);
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    return cli_finish(cli, result, error, print_files);
}
