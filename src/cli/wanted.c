#include "cli/wanted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/params.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "cli/torrent.h"
#include "cli/verbs.h"

#define FROM_MAX   64
#define SELECT_MAX 256

static json_t *cannot_read(struct cli *cli, const char *word, const char *why)
{
    char hint[COMMAND_TEXT_SIZE], search[COMMAND_TEXT_SIZE];
    bool is_link = strchr(word, ':') != NULL;
    snprintf(hint, sizeof hint, "for a name use: %s",
             cli_command_text(cli, search, "search %.100s", word));
    return failure_new("bad_link", EXIT_BAD_INPUT,
                       is_link ? "paste the whole link in quotes" : hint, "cannot read \"%s\": %s",
                       word, why);
}

static json_t *is_no_torrent(const char *path)
{
    return failure_new("bad_link", EXIT_BAD_INPUT, NULL,
                       "cannot read \"%s\": it is no .torrent file, and names have no /", path);
}

bool wanted_is_torrent(const char *path)
{
    struct stat info;
    FILE *file = stat(path, &info) == 0 && S_ISREG(info.st_mode) ? fopen(path, "re") : NULL;
    bool yes = file != NULL && fgetc(file) == 'd';
    if (file != NULL)
        fclose(file);
    return yes;
}

static void set_label(struct wanted *wanted, const char *name, const struct id *hash)
{
    char hex[ID_HEX_SIZE], text[TEXT_SIZE];
    free(wanted->label);
    if (name != NULL && name[0] != 0) {
        wanted->label = text_printable(name);
        return;
    }
    id_to_hex(hash, hex);
    wanted->label = text_printable(text_short_hash(text, hex));
}

/* Where it goes: an existing folder or one with '/' behind it; else, of one argument, the name the
 * content gets. Not said: as the daemon is configured. */
static json_t *add_place(struct request *request, const struct arguments *arguments)
{
    const char *out = arguments_text(arguments, "output", NULL);
    const char *const *words, *group;
    char path[PATHS_SIZE];
    struct stat info;
    if (out == NULL || strcmp(out, "-") == 0)
        return NULL;
    if (out[0] == 0 || !cli_absolute(out, path))
        return failure_new("usage", EXIT_USAGE, NULL, "-o \"%s\": a folder or file is wanted", out);
    char *slash = strrchr(path, '/');
    bool folder = slash[1] == 0 || wanted_words(arguments, &words, &group) > 1 ||
                  (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
    if (!folder) {
        request_text(request, "out", slash + 1);
        slash[slash == path] = 0;
    } else if (slash[1] == 0 && slash != path) {
        *slash = 0;
    }
    request_text(request, "dir", path);
    return NULL;
}

/* Of several --select each adds to the others. */
static void add_selection(struct request *request, const struct arguments *arguments)
{
    const char *given[SELECT_MAX];
    size_t count = arguments_texts(arguments, "select", given, SELECT_MAX);
    struct buffer joined;
    if (count == 0)
        return;
    buffer_init(&joined);
    for (size_t i = 0; i < count && i < SELECT_MAX; i++)
        buffer_add_format(&joined, "%s%s", i > 0 ? "," : "", given[i]);
    buffer_add_byte(&joined, 0);
    if (joined.failed)
        out_of_memory();
    request_text(request, "select", (const char *)joined.data);
    buffer_dispose(&joined);
}

static json_t *send_whole(struct cli *cli, struct request *request, const char *waiting_for,
                          struct wanted *wanted)
{
    const struct arguments *arguments = cli->arguments;
    json_t *error = add_place(request, arguments);
    if (error != NULL) {
        request_dispose(request);
        return error;
    }
    if (arguments_has(arguments, "force"))
        request_bool(request, "force", true);
    if (arguments_has(arguments, "no-seed"))
        request_bool(request, "no_seed", true);
    const char *out = arguments_text(arguments, "output", "");
    if (strcmp(out, "-") == 0)
        request_bool(request, "one_file", true);
    if (arguments_has(arguments, "sequential") || strcmp(out, "-") == 0)
        request_bool(request, "sequential", true);
    add_selection(request, arguments);
    if (arguments_has(arguments, "limit"))
        request_number(request, "down", (int64_t)arguments_number(arguments, "limit", 0));
    if (arguments_has(arguments, "ratio"))
        request_double(request, "ratio", arguments_number(arguments, "ratio", 0));
    wanted->added = cli_ask(cli, request, waiting_for, &error);
    if (wanted->added == NULL)
        return error;
    snprintf(wanted->id, sizeof wanted->id, "%lld", (long long)json_whole(wanted->added, "id", 0));
    wanted->attached = json_yes(wanted->added, "attached", false);
    if (json_yes(wanted->added, "elsewhere", false) && strcmp(out, "-") != 0)
        cli_note(cli, "note: it is here already, where it was asked for first; -o changes nothing");
    return NULL;
}

static void begin_add(struct cli *cli, struct request *request, const struct wanted *wanted)
{
    request_init(request, wanted->on_event != NULL ? "transfer.metadata" : "transfer.add");
    if (wanted->on_event != NULL)
        request_double(request, "wait", arguments_number(cli->arguments, "wait", GET_WAIT_S));
}

static void add_from(struct request *request, const struct arguments *arguments)
{
    const char *from[FROM_MAX];
    size_t count = arguments_texts(arguments, "from", from, FROM_MAX);
    if (count > 0)
        request_texts(request, "from", from, count < FROM_MAX ? count : FROM_MAX);
}

static json_t *send_add(struct cli *cli, struct request *request, const char *waiting_for,
                        struct wanted *wanted)
{
    json_t *error;
    add_from(request, cli->arguments);
    if (wanted->on_event == NULL)
        return send_whole(cli, request, waiting_for, wanted);
    wanted->added =
        cli_ask_stream(cli, request, waiting_for, wanted->on_event, wanted->user, &error);
    return error;
}

/* People who come from elsewhere expect their trackers to be asked. */
static void note_trackers(struct cli *cli, bool names_trackers, size_t peers)
{
    const char *from[1];
    if (names_trackers && peers == 0 && arguments_texts(cli->arguments, "from", from, 1) == 0)
        cli_note(cli,
                 "note: its trackers are not asked: peers come from the node table, or --from");
}

static json_t *add_link(struct cli *cli, const char *word, bool sha1_too, struct wanted *out)
{
    struct magnet magnet;
    char why[MAGNET_ERROR_SIZE];
    struct request request;
    if (magnet_parse(word, &magnet, why) != STATUS_OK)
        return cannot_read(cli, word, why);
    if (magnet.bare)
        cli_note(cli, "note: the link stops after the hash; in quotes it would carry the name and "
                      "a peer");
    note_trackers(cli, magnet.names_trackers, magnet.peer_count);
    set_label(out, magnet.name, &magnet.infohash);
    begin_add(cli, &request, out);
    request_text(&request, "link", word);
    request_bool(&request, "sha1_too", sha1_too);
    return send_add(cli, &request, "the daemon", out);
}

static json_t *add_torrent(struct cli *cli, const char *path, struct wanted *out)
{
    struct torrent_file torrent;
    struct request request;
    struct buffer data;
    buffer_init(&data);
    json_t *error = torrent_read(path, &data, &torrent);
    if (error == NULL) {
        note_trackers(cli, torrent.tracker_count > 0, torrent.node_count);
        set_label(out, torrent.metainfo->name, &torrent.metainfo->infohash);
        torrent_file_dispose(&torrent);
        begin_add(cli, &request, out);
        request_bytes(&request, "torrent", buffer_bytes(&data));
        error = send_add(cli, &request, "the daemon", out);
    }
    buffer_dispose(&data);
    return error;
}

/* ---- by name ---- */

static size_t ask_which(struct cli *cli, const json_t *matches)
{
    size_t count = json_array_size(matches);
    char answer[16];
    print_matches(cli, matches, true);
    fprintf(cli->err, "which one? [1-%zu] ", count);
    fflush(cli->err);
    if (!terminal_read_line(answer, sizeof answer))
        return 0;
    unsigned long number = strtoul(answer, NULL, 10);
    return number <= count ? number : 0;
}

/* Several have that name: a person chooses one. Takes `error`, which comes back unless one was. */
static json_t *choose_match(struct cli *cli, json_t *error, struct wanted *out)
{
    json_t *matches = json_list(error, "candidates");
    struct request request;
    if (matches == NULL || cli->json || !terminal_can_ask())
        return error;
    size_t number = ask_which(cli, matches);
    if (number == 0)
        return error;
    const json_t *match = json_array_get(matches, number - 1);
    begin_add(cli, &request, out);
    request_text(&request, "link", json_text(match, "link", json_text(match, "hash", "")));
    json_t *failure = send_add(cli, &request, "the daemon", out);
    json_decref(error);
    return failure;
}

/* Names come from strangers: what is fetched is told by its hash. */
static json_t *add_name(struct cli *cli, const char *name, struct wanted *out)
{
    struct request request;
    char waiting_for[200];
    out->label = text_printable(name);
    snprintf(waiting_for, sizeof waiting_for, "nodes that know \"%.150s\"", name);
    begin_add(cli, &request, out);
    request_text(&request, "name", name);
    if (out->on_event == NULL)
        request_double(&request, "wait", arguments_number(cli->arguments, "wait", GET_WAIT_S));
    json_t *error = send_add(cli, &request, waiting_for, out);
    if (error != NULL)
        error = choose_match(cli, error, out);
    if (error == NULL)
        cli_note(cli, "%s is %s", out->label, json_text(out->added, "hash", "?"));
    return error;
}

static json_t *unknown_transfer(struct cli *cli, const char *word)
{
    char why[MAGNET_ERROR_SIZE] = "", whole[MAGNET_ERROR_SIZE + 64];
    struct magnet magnet;
    bool number = strspn(word, "0123456789") == strlen(word);
    magnet_parse(word, &magnet, why);
    snprintf(whole, sizeof whole, "%s, and no transfer %s", why,
             number ? "has that number" : "starts with it");
    return cannot_read(cli, word, whole);
}

/* A number or the start of a hash: a transfer that is there, asked for again by its whole hash. */
static json_t *add_known(struct cli *cli, const char *word, struct wanted *out)
{
    struct request request;
    json_t *error;
    request_init(&request, "transfer.info");
    request_text(&request, "id", word);
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    if (result == NULL && strcmp(failure_code(error), "not_found") == 0) {
        json_decref(error);
        return unknown_transfer(cli, word);
    }
    if (result == NULL)
        return error;
    out->label = text_printable(json_text(result, "transfer.name", word));
    begin_add(cli, &request, out);
    request_text(&request, "link", json_text(result, "transfer.hash", word));
    error = send_add(cli, &request, "the daemon", out);
    json_decref(result);
    return error;
}

static json_t *add(struct cli *cli, const char *word, struct wanted *out)
{
    const char *rest;
    struct magnet magnet;
    char why[MAGNET_ERROR_SIZE] = "it is neither a link nor a hash";
    switch (link_classify(word, wanted_is_torrent(word), &rest)) {
    case LINK_MAGNET:
        return add_link(cli, word, false, out);
    case LINK_HASH:
        return add_link(cli, word, true, out);
    case LINK_TORRENT:
        return add_torrent(cli, word, out);
    case LINK_ID:
    case LINK_PREFIX:
        return add_known(cli, word, out);
    case LINK_NAME:
        if (strchr(rest, '/') != NULL)
            return is_no_torrent(rest);
        return add_name(cli, rest, out);
    case LINK_BAD:
        break;
    }
    magnet_parse(word, &magnet, why);
    return cannot_read(cli, word, why);
}

size_t wanted_words(const struct arguments *arguments, const char *const **words,
                    const char **group)
{
    size_t skipped = arguments->command->run == verb_download ? 1 : 0;
    *words = arguments->words + skipped;
    *group = skipped > 0 ? arguments->words[0] : NULL;
    return arguments->word_count - skipped;
}

json_t *wanted_add_file(struct cli *cli, const char *group, const char *file, struct wanted *out)
{
    struct request request;
    *out = (struct wanted){.word = file, .label = text_printable(file)};
    begin_add(cli, &request, out);
    request_text(&request, "group", group);
    request_text(&request, "file", file);
    return send_add(cli, &request, "the daemon", out);
}

json_t *wanted_add(struct cli *cli, const char *word, struct wanted *out)
{
    *out = (struct wanted){.word = word};
    return add(cli, word, out);
}

json_t *wanted_metadata(struct cli *cli, const char *word, cli_on_event *on_event, void *user,
                        struct wanted *out)
{
    *out = (struct wanted){.word = word, .on_event = on_event, .user = user};
    return add(cli, word, out);
}

void wanted_dispose(struct wanted *wanted)
{
    free(wanted->label);
    json_decref(wanted->added);
    *wanted = (struct wanted){0};
}
