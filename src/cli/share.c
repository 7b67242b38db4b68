/* share: hash in the daemon, say what the next person has to type. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/params.h"
#include "cli/qr_show.h"
#include "cli/share_wait.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "content/magnet.h"

#define EXCLUDE_MAX 100

struct sharing {
    struct progress *progress;
    char *name;
};

static void on_shared(void *user, const char *event, json_t *params)
{
    struct sharing *sharing = user;
    if (strcmp(event, "progress") != 0)
        return;
    struct progress_facts facts = {
        .name = sharing->name,
        .done = json_whole(params, "done", 0),
        .size = json_whole(params, "size", -1),
        .rate_bps = json_decimal(params, "rate", 0),
        .eta_s = json_decimal(params, "eta", -1),
        .peers = -1,
    };
    progress_update(sharing->progress, 0, &facts, client_now_ms());
}

/* Below 0: not known. */
static double ask_piece_length(struct cli *cli, const json_t *transfer)
{
    struct request request;
    json_t *error;
    request_init(&request, "transfer.info");
    request_number(&request, "id", json_whole(transfer, "id", 0));
    json_t *result = cli_ask(cli, &request, NULL, &error);
    double piece_length = json_decimal(result, "info.piece_length", -1);
    json_decref(result != NULL ? result : error);
    return piece_length;
}

static void print_what(struct cli *cli, const json_t *transfer)
{
    char size[TEXT_SIZE], pieces[TEXT_SIZE], each[TEXT_SIZE], files[TEXT_SIZE];
    char *name = text_printable(json_text(transfer, "name", "-"));
    int64_t total = json_whole(transfer, "pieces.total", 0);
    int64_t count = json_whole(transfer, "files", 1);
    double piece_length = ask_piece_length(cli, transfer);
    fprintf(cli->out, "sharing  %s   %s", name,
            text_bytes(size, json_decimal(transfer, "size", 0)));
    if (count > 1)
        fprintf(cli->out, " in %s", text_count(files, count, "file", "files"));
    fprintf(cli->out, ", %s", text_count(pieces, total, "piece", "pieces"));
    if (piece_length > 0)
        fprintf(cli->out, " of %s", text_piece_length(each, piece_length));
    fprintf(cli->out, ", shared in place\n");
    free(name);
}

/* A node that knows no other keeps its records itself, which counts as one. */
static bool is_alone(struct cli *cli)
{
    struct request request;
    json_t *error;
    request_init(&request, "status");
    json_t *status = cli_ask(cli, &request, NULL, &error);
    bool alone = status != NULL && !json_yes(status, "joined", true);
    json_decref(status != NULL ? status : error);
    return alone;
}

static void print_announced(struct cli *cli, const json_t *result)
{
    char nodes[TEXT_SIZE];
    int64_t announced = json_whole(result, "announced", 0);
    bool listed = json_yes(result, "listed", true);
    const char *note = json_text(result, "note", NULL);
    if (announced <= 1 && !arguments_has(cli->arguments, "no-announce") && is_alone(cli))
        fprintf(cli->out, "announced as soon as another node is met\n");
    else if (announced > 0 && listed)
        fprintf(cli->out, "announced to %s, findable by name ('--unlisted' shares by link only)\n",
                text_count(nodes, announced, "node", "nodes"));
    else if (announced > 0)
        fprintf(cli->out, "announced to %s, by link only\n",
                text_count(nodes, announced, "node", "nodes"));
    else if (!arguments_has(cli->arguments, "no-announce"))
        fprintf(cli->out, "being announced\n");
    if (note != NULL)
        cli_note(cli, "%s", note);
}

/* ---- --qr: on stderr, for it is for eyes; what reads stdout gets the link as text ---- */

/* What can be left out of a link: its name. False: it has none. */
static bool link_without_name(const char *link, struct buffer *out)
{
    char why[MAGNET_ERROR_SIZE];
    struct magnet *magnet = malloc(sizeof *magnet);
    if (magnet == NULL)
        out_of_memory();
    bool shorter = magnet_parse(link, magnet, why) == STATUS_OK && magnet->name[0] != 0;
    magnet->name[0] = 0;
    if (shorter)
        magnet_format(magnet, out);
    buffer_add_byte(out, 0);
    free(magnet);
    return shorter && !out->failed;
}

static void show_qr(struct cli *cli, const char *link)
{
    struct buffer shorter;
    buffer_init(&shorter);
    bool has_name = link_without_name(link, &shorter);
    cli_show_qr(cli, link, has_name ? (const char *)shorter.data : NULL);
    buffer_dispose(&shorter);
}

/* --group G, or the second word of upload; NULL: for everybody. */
static const char *group_of(const struct arguments *arguments)
{
    return arguments->command->run == verb_upload ? arguments->words[1]
                                                  : arguments_text(arguments, "group", NULL);
}

/* Of a share in a group there is no link: its members find it by its name. */
static void print_group_share(struct cli *cli, const json_t *result, const char *group)
{
    char quoted_group[TEXT_QUOTED_SIZE], quoted_name[TEXT_QUOTED_SIZE];
    char *name = text_printable(json_text(result, "transfer.name", "-"));
    char *safe = text_printable(json_text(result, "transfer.group", group));
    if (cli->quiet) {
        fprintf(cli->out, "%s\n", name);
    } else {
        print_what(cli, json_at(result, "transfer"));
        fprintf(cli->out, "group    %s, its members alone\n", safe);
        fprintf(cli->out, "fetch    kadpeer download %s %s\n", text_quoted(quoted_group, safe),
                text_quoted(quoted_name, name));
        if (json_text(result, "note", NULL) != NULL)
            cli_note(cli, "%s", json_text(result, "note", ""));
    }
    fflush(cli->out);
    free(safe);
    free(name);
}

static void print_share(struct cli *cli, const json_t *result)
{
    const char *link = json_text(result, "link", "");
    const char *group = group_of(cli->arguments);
    if (group != NULL) {
        print_group_share(cli, result, group);
        return;
    }
    if (cli->quiet) {
        fprintf(cli->out, "%s\n", link);
        fflush(cli->out);
        return;
    }
    print_what(cli, json_at(result, "transfer"));
    fprintf(cli->out, "link     %s\n", link);
    fprintf(cli->out, "fetch    kadpeer get '%s'\n", link);
    if (arguments_has(cli->arguments, "sha1") && json_text(result, "sha1", NULL) != NULL)
        fprintf(cli->out, "sha1     %s\n", json_text(result, "sha1", ""));
    print_announced(cli, result);
    fflush(cli->out);
}

static void add_flags(struct request *request, const struct arguments *arguments)
{
    const char *exclude[EXCLUDE_MAX];
    size_t count = arguments_texts(arguments, "exclude", exclude, EXCLUDE_MAX);
    request_text(request, "name", arguments_text(arguments, "name", NULL));
    request_bool(request, "unlisted", arguments_has(arguments, "unlisted"));
    request_bool(request, "sha1", arguments_has(arguments, "sha1"));
    request_bool(request, "announce", !arguments_has(arguments, "no-announce"));
    if (arguments_has(arguments, "piece-size"))
        request_number(request, "piece_size",
                       (int64_t)arguments_number(arguments, "piece-size", 0));
    if (count > 0)
        request_texts(request, "exclude", exclude, count < EXCLUDE_MAX ? count : EXCLUDE_MAX);
}

/* The .torrent of what is shared now, for --out. */
static json_t *save_torrent(struct cli *cli, const json_t *result, const char *path)
{
    struct request request;
    json_t *error;
    request_init(&request, "transfer.torrent");
    request_number(&request, "id", json_whole(result, "transfer.id", 0));
    request_text(&request, "comment", arguments_text(cli->arguments, "comment", NULL));
    json_t *answer = cli_ask(cli, &request, "the torrent file", &error);
    if (answer == NULL)
        return error;
    struct buffer torrent;
    buffer_init(&torrent);
    bool ok = json_bytes(answer, "torrent", &torrent);
    enum status status =
        ok ? file_write_new(path, buffer_bytes(&torrent), cli->yes) : STATUS_MALFORMED;
    buffer_dispose(&torrent);
    json_decref(answer);
    if (status == STATUS_EXISTS)
        return failure_new("conflict", EXIT_CONFLICT, "-y replaces it", "%s exists", path);
    return status == STATUS_OK ? NULL : failure_of_errno("write", path);
}

/* Of a thousand paths none waits until the one before has been announced: that goes on meanwhile,
 * many at a time. */
static bool is_last(const struct arguments *arguments, const char *path)
{
    return arguments->command->run != verb_share ||
           path == arguments->words[arguments->word_count - 1];
}

static json_t *share_one(struct cli *cli, const char *path, json_t **error)
{
    char absolute[PATHS_SIZE];
    struct request request;
    const char *out = arguments_text(cli->arguments, "out", NULL);
    if (access(path, F_OK) != 0 || !cli_absolute(path, absolute)) {
        *error = failure_of_errno("share", path);
        return NULL;
    }
    struct sharing sharing = {.progress =
                                  progress_new(cli_progress_style(cli, "auto"), cli->err, 1),
                              .name = text_printable(text_basename(path))};
    request_init(&request, "share.add");
    request_text(&request, "path", absolute);
    request_text(&request, "group", group_of(cli->arguments));
    add_flags(&request, cli->arguments);
    if (!is_last(cli->arguments, path))
        request_number(&request, "wait_announce", 0);
    json_t *result =
        cli_ask_stream(cli, &request, "the daemon to read it", on_shared, &sharing, error);
    progress_free(sharing.progress);
    free(sharing.name);
    if (result != NULL && !cli->json)
        print_share(cli, result);
    if (result != NULL && !cli->json && group_of(cli->arguments) == NULL &&
        arguments_has(cli->arguments, "qr"))
        show_qr(cli, json_text(result, "link", ""));
    if (result != NULL && out != NULL)
        *error = save_torrent(cli, result, out);
    if (*error != NULL) {
        json_decref(result);
        return NULL;
    }
    return result;
}

/* One path, and then the peer who fetches it; with --json a stream. */
static int share_and_wait(struct cli *cli, const char *path)
{
    json_t *error = NULL;
    uint64_t since_ms = client_now_ms();
    json_t *result = share_one(cli, path, &error);
    if (result == NULL)
        return cli_fail_stream(cli, error);
    if (cli->json)
        cli_json_event(cli, "shared", result);
    int status = share_wait(cli, result, since_ms);
    json_decref(result);
    return status;
}

int verb_share(struct cli *cli, const struct arguments *arguments)
{
    bool waits = arguments_has(arguments, "wait-first-peer");
    if (arguments->word_count > 1 &&
        (waits || arguments_has(arguments, "name") || arguments_has(arguments, "out")))
        return cli_fail(cli, failure_new("usage", EXIT_USAGE, NULL,
                                         "--name, --out and --wait-first-peer go with one path, "
                                         "not several"));
    if (waits)
        return share_and_wait(cli, arguments->words[0]);
    return cli_each(cli, arguments->words, arguments->word_count, share_one);
}

int verb_upload(struct cli *cli, const struct arguments *arguments)
{
    return cli_each(cli, arguments->words, 1, share_one);
}
