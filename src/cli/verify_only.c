#include "cli/verify_only.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/text.h"
#include "cli/torrent.h"
#include "cli/wanted.h"
#include "kadpeer/sha1.h"

#define READ_BYTES (1u << 20) /* of a file at a time */

struct asking {
    struct cli *cli;
    struct progress *progress;
    const char *word;
};

/* What is known of what was asked for. */
struct subject {
    struct metainfo *metainfo;
    char path[PATHS_SIZE]; /* where to look, unless -o says */
    bool by_sha1;          /* what was asked for is the SHA-1 of the file */
    struct id sha1;
};

/* ---- what it is made of ---- */

static void on_search(void *user, const char *event, json_t *params)
{
    struct asking *asking = user;
    char text[256], elapsed[TEXT_SIZE];
    if (asking->cli->json) {
        cli_json_event(asking->cli, event, params);
        return;
    }
    if (strcmp(event, "metadata") == 0)
        snprintf(text, sizeof text, "fetching the list of pieces: %lld of %lld parts",
                 (long long)json_whole(params, "have", 0),
                 (long long)json_whole(params, "total", 0));
    else if (strcmp(event, "searching") == 0)
        snprintf(text, sizeof text, "%.200s, %s", json_text(params, "text", "searching"),
                 text_duration(elapsed, json_decimal(params, "elapsed", 0)));
    else
        return;
    struct progress_facts facts = {
        .name = asking->word, .text = text, .size = -1, .eta_s = -1, .peers = -1};
    progress_update(asking->progress, 0, &facts, client_now_ms());
}

static json_t *take_answer(const json_t *answer, const char *word, struct subject *out)
{
    char why[METAINFO_ERROR_SIZE] = "no info dictionary";
    struct buffer info;
    buffer_init(&info);
    enum status status = STATUS_MALFORMED;
    if (json_bytes(answer, "info", &info))
        status = metainfo_parse_info(buffer_bytes(&info), &out->metainfo, why);
    buffer_dispose(&info);
    if (status != STATUS_OK)
        return failure_new("bad_torrent", EXIT_BAD_INPUT, NULL, "%s: %s", word, why);
    snprintf(out->path, sizeof out->path, "%s", json_text(answer, "path", ""));
    struct magnet magnet; /* 40 digits that are no infohash were a file's SHA-1 */
    if (strchr(word, ':') == NULL && magnet_parse(word, &magnet, why) == STATUS_OK) {
        out->sha1 = magnet.infohash;
        out->by_sha1 = !id_equal(&magnet.infohash, &out->metainfo->infohash);
    }
    return NULL;
}

static json_t *ask(struct cli *cli, const char *word, struct subject *out)
{
    struct wanted wanted;
    char *safe = text_printable(word);
    struct asking asking = {
        .cli = cli,
        .progress = progress_new(
            cli_progress_style(cli, arguments_text(cli->arguments, "progress", "auto")), cli->err,
            1),
        .word = safe,
    };
    json_t *error = wanted_metadata(cli, word, on_search, &asking, &wanted);
    progress_free(asking.progress);
    if (error == NULL)
        error = take_answer(wanted.added, word, out);
    wanted_dispose(&wanted);
    free(safe);
    return error;
}

/* A .torrent says all by itself. */
static json_t *read_torrent(const char *path, struct subject *out)
{
    struct torrent_file torrent;
    json_t *error = torrent_load(path, &torrent);
    if (error != NULL)
        return error;
    out->metainfo = torrent.metainfo;
    torrent.metainfo = NULL;
    torrent_file_dispose(&torrent);
    return NULL;
}

/* Beside the configured folder, for a torrent that no daemon was asked about. */
static json_t *usual_path(struct cli *cli, struct subject *subject)
{
    char dir[PATHS_SIZE];
    json_t *error;
    struct config *config = cli_load_config(cli, &error);
    if (config == NULL)
        return error;
    bool fits = paths_expand(config_text(config, "transfer.dir"), dir) &&
                paths_join(subject->path, dir, subject->metainfo->name);
    config_free(config);
    return fits ? NULL
                : failure_new("usage", EXIT_USAGE, "-o PATH", "the folder of transfers is no path");
}

/* ---- what lies here ---- */

static struct id sha1_of_file(FILE *file, bool *good)
{
    struct sha1 *sha1 = sha1_new();
    uint8_t *block = malloc(READ_BYTES);
    if (sha1 == NULL || block == NULL)
        out_of_memory();
    for (size_t got; (got = fread(block, 1, READ_BYTES, file)) > 0;)
        sha1_update(sha1, bytes_of(block, got));
    *good = !ferror(file);
    struct id sum = sha1_finish(sha1);
    sha1_free(sha1);
    free(block);
    return sum;
}

/* The SHA-1 that was asked for decides, not what somebody published under it. */
static json_t *check_sha1(const struct subject *subject, const char *path)
{
    char wanted[ID_HEX_SIZE], found[ID_HEX_SIZE];
    struct stat info;
    bool good;
    if (stat(path, &info) != 0)
        return failure_of_errno("read", path);
    if (!S_ISREG(info.st_mode))
        return failure_new("usage", EXIT_USAGE, "-o FILE",
                           "%s is no file, and the SHA-1 of one was given", path);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return failure_of_errno("read", path);
    struct id sum = sha1_of_file(file, &good);
    json_t *error = good ? NULL : failure_of_errno("read", path);
    fclose(file);
    if (error != NULL || id_equal(&sum, &subject->sha1))
        return error;
    id_to_hex(&subject->sha1, wanted);
    id_to_hex(&sum, found);
    return failure_new("mismatch", EXIT_MISMATCH, NULL, "%s has the SHA-1 %s, not %s", path, found,
                       wanted);
}

static void report(struct cli *cli, const struct subject *subject, const char *path, json_t *facts)
{
    char hash[ID_HEX_SIZE], *safe = text_printable(path);
    id_to_hex(&subject->metainfo->infohash, hash);
    if (cli->json) {
        json_object_set_new(facts, "hash", json_string(hash));
        json_object_set_new(facts, "path", json_string(path));
        json_t *line = json_envelope("done", true, facts);
        json_write_line(cli->out, line);
        json_decref(line);
    } else if (subject->by_sha1) {
        fprintf(cli->out, "%s: its SHA-1 matches\n", safe);
    } else {
        fprintf(cli->out, "%s: all %u pieces match\n", safe, subject->metainfo->piece_count);
    }
    free(safe);
}

static json_t *compare(struct cli *cli, const struct subject *subject)
{
    const char *path = arguments_text(cli->arguments, "output", subject->path);
    json_t *facts = NULL;
    json_t *error = subject->by_sha1 ? check_sha1(subject, path)
                                     : torrent_check(cli, subject->metainfo, path, &facts);
    if (error == NULL)
        report(cli, subject, path, facts = facts != NULL ? facts : json_object());
    json_decref(facts);
    return error;
}

/* ---- the verb ---- */

static bool is_torrent(const char *word)
{
    const char *rest;
    return link_classify(word, wanted_is_torrent(word), &rest) == LINK_TORRENT;
}

static int verify_one(struct cli *cli, const char *word)
{
    struct subject subject = {.by_sha1 = false};
    bool torrent = is_torrent(word);
    json_t *error = torrent ? read_torrent(word, &subject) : ask(cli, word, &subject);
    if (error == NULL && torrent)
        error = usual_path(cli, &subject);
    if (error == NULL)
        error = compare(cli, &subject);
    metainfo_free(subject.metainfo);
    if (error == NULL)
        return EXIT_DONE;
    if (cli->json && cli->arguments->word_count > 1)
        json_object_set_new(error, "argument", json_string(word));
    return cli_fail_stream(cli, error);
}

int verify_only(struct cli *cli, const struct arguments *arguments)
{
    static const char *const others[] = {"detach", "force", "no-seed", "ratio"};
    struct outcome outcome = {0};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (arguments_has(arguments, others[i]))
            return cli_fail_stream(
                cli, failure_new("usage", EXIT_USAGE, NULL,
                                 "--verify-only fetches nothing, so --%s does not go with it",
                                 others[i]));
    for (size_t i = 0; i < arguments->word_count; i++) {
        int status = verify_one(cli, arguments->words[i]);
        outcome_add(&outcome, status);
        if (status == EXIT_INTERRUPTED || status == EXIT_TERMINATED)
            return status;
    }
    return outcome_status(&outcome);
}
