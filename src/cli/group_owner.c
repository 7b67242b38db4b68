/* group …, for owners: requests, accept, reject, remove, rotate, invite. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/group.h"
#include "cli/json.h"
#include "cli/params.h"
#include "cli/qr_show.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* ---- requests ---- */

static void print_requests(struct cli *cli, const json_t *result)
{
    struct table *table = table_new("GROUP|NAME|FINGERPRINT|SINCE|NOTE");
    size_t index;
    json_t *request;
    json_array_foreach(json_list(result, "requests"), index, request)
    {
        table_cell(table, json_text(request, "group", "-"));
        table_cell(table, json_text(request, "name", "-"));
        table_cell(table, json_text(request, "fingerprint", "-"));
        table_cell(table, json_text(request, "time", "-"));
        table_cell(table, json_text(request, "note", ""));
    }
    if (table_rows(table) > 0)
        table_print(table, cli->out, cli->out_colour);
    else
        cli_note(cli, "no request is waiting");
    table_free(table);
}

int verb_group_requests(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    request_init(&request, "group.requests");
    request_text(&request, "group", arguments->word_count > 0 ? arguments->words[0] : NULL);
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    return cli_finish(cli, result, error, print_requests);
}

/* ---- accept, reject ---- */

static void print_decided(struct cli *cli, const json_t *result, const char *what)
{
    const json_t *users = json_list(result, "users");
    size_t index;
    json_t *user;
    json_array_foreach(users, index, user)
    {
        char *name = text_printable(json_text(user, "name", "-"));
        fprintf(cli->out, "%s %s, %s\n", what, name, json_text(user, "fingerprint", "-"));
        free(name);
    }
    if (json_array_size(users) == 0)
        cli_note(cli, "no request is waiting");
}

static void print_accepted(struct cli *cli, const json_t *result)
{
    print_decided(cli, result, "accepted");
}

static void print_rejected(struct cli *cli, const json_t *result)
{
    print_decided(cli, result, "rejected");
}

static int decide(struct cli *cli, const char *method, cli_print_result *print)
{
    const struct arguments *arguments = cli->arguments;
    struct request request;
    json_t *error;
    bool all = arguments_has(arguments, "all");
    if (all == (arguments->word_count > 1))
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, NULL, "%s wants G and USER or --all",
                                         arguments->command->name));
    request_init(&request, method);
    request_text(&request, "group", arguments->words[0]);
    if (all)
        request_bool(&request, "all", true);
    else
        request_text(&request, "user", arguments->words[1]);
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    return cli_finish(cli, result, error, print);
}

int verb_group_accept(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    return decide(cli, "group.accept", print_accepted);
}

int verb_group_reject(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    return decide(cli, "group.reject", print_rejected);
}

/* ---- remove, rotate ---- */

static void print_epoch(struct cli *cli, const json_t *result, const char *what)
{
    char *name = group_name_of(result);
    char *safe = text_printable(what);
    fprintf(cli->out, "%s: %s; the keys are of epoch %lld now\n", name, safe,
            (long long)json_whole(result, "epoch", 0));
    fflush(cli->out);
    if (!json_yes(result, "stored", true))
        cli_note(cli, "not enough nodes keep the new records yet; the daemon goes on trying");
    free(safe);
    free(name);
}

static void print_removed(struct cli *cli, const json_t *result)
{
    char what[160];
    snprintf(what, sizeof what, "%.100s is out", cli->arguments->words[1]);
    print_epoch(cli, result, what);
}

static void print_rotated(struct cli *cli, const json_t *result)
{
    print_epoch(cli, result, "new keys");
}

int verb_group_remove(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    request_init(&request, "group.remove");
    request_text(&request, "group", arguments->words[0]);
    request_text(&request, "user", arguments->words[1]);
    request_double(&request, "wait", arguments_number(arguments, "wait", PEOPLE_WAIT_S));
    json_t *result =
        cli_ask_stream(cli, &request, "the new keys to be stored", group_on_event, cli, &error);
    return group_finish_stream(cli, result, error, print_removed);
}

int verb_group_rotate(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    request_init(&request, "group.rotate");
    request_text(&request, "group", arguments->words[0]);
    request_double(&request, "wait", arguments_number(arguments, "wait", PEOPLE_WAIT_S));
    json_t *result =
        cli_ask_stream(cli, &request, "the new keys to be stored", group_on_event, cli, &error);
    return group_finish_stream(cli, result, error, print_rotated);
}

/* ---- invite ---- */

/* The invite alone on stdout, so that it can be piped to where it has to go. */
static void print_invite(struct cli *cli, const json_t *result)
{
    char *name = group_name_of(result);
    const char *invite = json_text(result, "invite", "");
    char uses[TEXT_SIZE], expires[TEXT_SIZE];
    fprintf(cli->out, "%s\n", invite);
    fflush(cli->out);
    cli_note(cli, "for %s, within %s: kadpeer group join INVITE",
             text_count(uses, json_whole(result, "uses", 1), "person", "people"),
             text_duration(expires, json_decimal(result, "expires", 0)));
    cli_note(cli, "it lets whoever has it into %s, so send it to nobody else", name);
    if (arguments_has(cli->arguments, "qr"))
        cli_show_qr(cli, invite, NULL);
    free(name);
}

int verb_group_invite(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    request_init(&request, "group.invite");
    request_text(&request, "group", arguments->words[0]);
    if (arguments_has(arguments, "uses"))
        request_number(&request, "uses", (int64_t)arguments_number(arguments, "uses", 1));
    if (arguments_has(arguments, "expires"))
        request_double(&request, "expires", arguments_number(arguments, "expires", 0));
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    return cli_finish(cli, result, error, print_invite);
}
