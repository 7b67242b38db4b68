/* torrent create, verify: bytes against hashes, by a few threads. No daemon is needed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/hashing.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/text.h"
#include "cli/torrent.h"
#include "cli/verbs.h"
#include "content/torrent_edit.h"
#include "content/tree.h"

struct showing {
    struct progress *progress;
    char *name;
    uint64_t size, start_ms;
};

static void show_done(void *user, uint64_t done_bytes)
{
    struct showing *showing = user;
    uint64_t now_ms = client_now_ms();
    double seconds = (double)(now_ms - showing->start_ms) / 1000;
    struct progress_facts facts = {
        .name = showing->name,
        .done = (int64_t)done_bytes,
        .size = (int64_t)showing->size,
        .rate_bps = seconds > 0 ? (double)done_bytes / seconds : 0,
        .peers = -1,
    };
    facts.eta_s = facts.rate_bps >= 1 ? (double)(showing->size - done_bytes) / facts.rate_bps : -1;
    progress_update(showing->progress, 0, &facts, now_ms);
}

static void showing_begin(struct cli *cli, const char *name, uint64_t size, struct showing *out)
{
    *out = (struct showing){
        .progress = progress_new(cli_progress_style(cli, "auto"), cli->err, 1),
        .name = text_printable(name),
        .size = size,
        .start_ms = client_now_ms(),
    };
}

static void showing_end(struct showing *showing)
{
    progress_free(showing->progress);
    free(showing->name);
}

static json_t *failure_of_storage(enum status status, const struct storage_error *error)
{
    char text[STORAGE_ERROR_SIZE];
    storage_error_text(status, error, text);
    return failure_new(status_name(status), status == STATUS_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_DISK,
                       NULL, "%s", text);
}

/* ---- create ---- */

struct creation {
    struct cli *cli;
    struct tree *tree;
    const char *out; /* "-": stdout */
    uint32_t piece_length;
    const char *trackers[TRACKERS_MAX];
    size_t tracker_count;
    struct buffer info;
};

static json_t *hash_tree(struct creation *creation, struct metainfo *layout,
                         struct storage *storage)
{
    const struct tree *tree = creation->tree;
    struct storage_error error;
    struct showing showing;
    char why[TREE_ERROR_SIZE];
    bool is_private = arguments_has(creation->cli->arguments, "private");
    struct id *hashes = calloc(layout->piece_count + 1, sizeof *hashes);
    if (hashes == NULL)
        out_of_memory();
    showing_begin(creation->cli, tree->name, tree->total_length, &showing);
    enum status status = hashing_make(storage, hashes, show_done, &showing, &error);
    showing_end(&showing);
    json_t *failure = status != STATUS_OK ? failure_of_storage(status, &error) : NULL;
    if (failure == NULL && tree_check_unchanged(tree, storage, why) != STATUS_OK)
        failure = failure_new("conflict", EXIT_CONFLICT, NULL, "%s", why);
    struct bytes pieces = bytes_of(hashes, (size_t)layout->piece_count * ID_BYTES);
    if (failure == NULL && tree_build_info(tree, tree->name, creation->piece_length, pieces,
                                           is_private, &creation->info) != STATUS_OK)
        failure = failure_new("too_big", EXIT_BAD_INPUT, "--piece-size, larger",
                              "%s has too many files or pieces for one torrent", tree->name);
    free(hashes);
    return failure;
}

static json_t *make_info(struct creation *creation)
{
    const struct tree *tree = creation->tree;
    struct storage_cache *cache = storage_cache_new();
    struct metainfo *layout = tree_layout(tree, tree->name, creation->piece_length);
    struct storage *storage = NULL;
    if (cache == NULL || layout == NULL)
        out_of_memory();
    enum status status = storage_new(layout, tree->dir, tree->target, false, cache, &storage);
    json_t *failure = status == STATUS_OK
                          ? hash_tree(creation, layout, storage)
                          : failure_new(status_name(status), EXIT_FAILED, NULL,
                                        "cannot read %s: %s", tree->name, status_text(status));
    storage_free(storage);
    metainfo_free(layout);
    storage_cache_free(cache);
    return failure;
}

static json_t *write_torrent(struct creation *creation, const char *path)
{
    const struct arguments *arguments = creation->cli->arguments;
    const struct torrent_edit edit = {
        .add = creation->trackers,
        .add_count = creation->tracker_count,
        .comment = arguments_text(arguments, "comment", NULL),
        .author = "kadpeer " KADPEER_VERSION,
    };
    struct buffer data;
    buffer_init(&data);
    if (torrent_edit_apply(bytes_of(NULL, 0), buffer_bytes(&creation->info), &edit, &data) !=
        STATUS_OK)
        out_of_memory();
    json_t *failure =
        torrent_write(creation->cli, path, buffer_bytes(&data), arguments_has(arguments, "force"));
    buffer_dispose(&data);
    return failure;
}

static int report_created(struct creation *creation, const char *path)
{
    struct cli *cli = creation->cli;
    struct metainfo *metainfo;
    char why[METAINFO_ERROR_SIZE], hash[ID_HEX_SIZE], size[TEXT_SIZE], each[TEXT_SIZE];
    if (metainfo_parse_info(buffer_bytes(&creation->info), &metainfo, why) != STATUS_OK)
        return cli_fail(cli, failure_new("bad_torrent", EXIT_FAILED, NULL, "%s", why));
    const struct torrent_file torrent = {
        .metainfo = metainfo,
        .trackers = (char **)(uintptr_t)creation->trackers,
        .tracker_count = creation->tracker_count,
    };
    char *link = torrent_magnet(&torrent, NULL, 0);
    id_to_hex(&metainfo->infohash, hash);
    json_t *result =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:s}", "path", path, "hash", hash, "name",
                  metainfo->name, "size", (json_int_t)metainfo->total_length, "piece_length",
                  (json_int_t)metainfo->piece_length, "pieces", (json_int_t)metainfo->piece_count,
                  "files", (json_int_t)metainfo->file_count, "link", link);
    bool to_stdout = strcmp(path, "-") == 0;
    if (!to_stdout && !cli_json_result(cli, result))
        fprintf(cli->out, "made  %s   %s, %u piece%s of %s\nhash  %s\nlink  %s\n", path,
                text_bytes(size, (double)metainfo->total_length), metainfo->piece_count,
                metainfo->piece_count == 1 ? "" : "s",
                text_piece_length(each, metainfo->piece_length), hash, link);
    json_decref(result);
    free(link);
    metainfo_free(metainfo);
    return EXIT_DONE;
}

static json_t *check_piece_length(double wanted, uint32_t *out)
{
    uint32_t value = wanted <= METAINFO_PIECE_LENGTH_MAX ? (uint32_t)wanted : 0;
    if (value < METAINFO_PIECE_LENGTH_MIN || (value & (value - 1)) != 0)
        return failure_new("usage", EXIT_USAGE, NULL,
                           "--piece-size: wanted is a power of two from 16K to 64M");
    *out = value;
    return NULL;
}

static void say_skipped(struct cli *cli, const struct tree *tree)
{
    if (tree->skipped_links > 0)
        cli_note(cli, "note: %u links are left out", tree->skipped_links);
    if (tree->skipped_special > 0)
        cli_note(cli, "note: %u devices, sockets or pipes are left out", tree->skipped_special);
}

static int create(struct cli *cli, struct creation *creation)
{
    char default_path[PATHS_SIZE], why[TREE_ERROR_SIZE];
    const struct arguments *arguments = cli->arguments;
    snprintf(default_path, sizeof default_path, "%.900s.torrent", creation->tree->name);
    const char *path = arguments_text(arguments, "out", default_path);
    creation->piece_length = metainfo_default_piece_length(creation->tree->total_length);
    json_t *failure =
        torrent_read_trackers(arguments, creation->trackers, &creation->tracker_count);
    if (failure == NULL && arguments_has(arguments, "piece-size"))
        failure = check_piece_length(arguments_number(arguments, "piece-size", 0),
                                     &creation->piece_length);
    if (failure == NULL && tree_check_torrent(creation->tree, creation->tree->name,
                                              creation->piece_length, why) != STATUS_OK)
        failure = failure_new("refused", EXIT_BAD_INPUT, NULL, "%s", why);
    say_skipped(cli, creation->tree);
    if (failure == NULL)
        failure = make_info(creation);
    if (failure == NULL)
        failure = write_torrent(creation, path);
    return failure != NULL ? cli_fail(cli, failure) : report_created(creation, path);
}

static int exit_of_scan(enum status status)
{
    if (status == STATUS_NOT_FOUND)
        return EXIT_NOT_FOUND;
    return status == STATUS_REFUSED || status == STATUS_TOO_BIG ? EXIT_BAD_INPUT : EXIT_DISK;
}

int verb_torrent_create(struct cli *cli, const struct arguments *arguments)
{
    struct creation creation = {.cli = cli};
    char why[TREE_ERROR_SIZE];
    enum status status = tree_scan(arguments->words[0], NULL, 0, &creation.tree, why);
    if (status != STATUS_OK)
        return cli_fail(cli,
                        failure_new(status_name(status), exit_of_scan(status), NULL, "%s", why));
    buffer_init(&creation.info);
    int exit = create(cli, &creation);
    buffer_dispose(&creation.info);
    tree_free(creation.tree);
    return exit;
}

/* ---- verify ---- */

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* PATH is the content itself, or the folder it lies in. Splits it for storage_new. */
static bool split_path(const char *path, const struct metainfo *metainfo, char dir[PATHS_SIZE],
                       char target[PATHS_SIZE])
{
    char absolute[PATHS_SIZE], inside[PATHS_SIZE];
    if (!cli_absolute(path, absolute))
        return false;
    for (size_t len = strlen(absolute); len > 1 && absolute[len - 1] == '/'; len--)
        absolute[len - 1] = 0;
    bool lies_in = is_folder(absolute) && paths_join(inside, absolute, metainfo->name) &&
                   (metainfo->single_file || is_folder(inside));
    char *slash = strrchr(absolute, '/');
    snprintf(target, PATHS_SIZE, "%s", lies_in ? metainfo->name : slash + 1);
    if (!lies_in)
        slash[slash == absolute] = 0;
    snprintf(dir, PATHS_SIZE, "%s", absolute);
    return true;
}

/* What pieces do not show: files of no length that are missing, bytes behind a file's end. */
struct file_verdict {
    uint32_t missing, wrong_size;
};

static enum status check_files(struct storage *storage, struct file_verdict *out,
                               struct storage_error *error)
{
    const struct metainfo *metainfo = storage_metainfo(storage);
    struct storage_stat *stats = calloc(metainfo->file_count, sizeof *stats);
    *out = (struct file_verdict){0};
    if (stats == NULL)
        out_of_memory();
    enum status status = storage_stat_files(storage, stats, error);
    for (uint32_t i = 0; status == STATUS_OK && i < metainfo->file_count; i++) {
        out->missing += !stats[i].exists;
        out->wrong_size += stats[i].exists && stats[i].size != metainfo->files[i].length;
    }
    free(stats);
    return status;
}

static json_t *pack_verdict(const struct hashing_verdict *pieces, const struct file_verdict *files)
{
    return json_pack("{s:{s:I,s:I,s:I},s:{s:I,s:I}}", "pieces", "good", (json_int_t)pieces->good,
                     "bad", (json_int_t)pieces->bad, "missing", (json_int_t)pieces->missing,
                     "files", "missing", (json_int_t)files->missing, "wrong_size",
                     (json_int_t)files->wrong_size);
}

/* `facts` are set in any case where the content could be read. */
static json_t *verify_storage(struct cli *cli, struct storage *storage, const char *path,
                              json_t **facts)
{
    const struct metainfo *metainfo = storage_metainfo(storage);
    struct storage_error error;
    struct hashing_verdict pieces;
    struct file_verdict files;
    struct showing showing;
    showing_begin(cli, metainfo->name, metainfo->total_length, &showing);
    enum status status = hashing_verify(storage, &pieces, show_done, &showing, &error);
    showing_end(&showing);
    if (status == STATUS_OK)
        status = check_files(storage, &files, &error);
    if (status != STATUS_OK)
        return failure_of_storage(status, &error);
    *facts = pack_verdict(&pieces, &files);
    if (pieces.bad == 0 && pieces.missing == 0 && files.missing == 0 && files.wrong_size == 0)
        return NULL;
    uint32_t total = pieces.good + pieces.bad + pieces.missing;
    json_t *failure = failure_new(
        "mismatch", EXIT_MISMATCH, NULL,
        "%s does not fit: of %u pieces %u match, %u are wrong, %u missing; %u files missing, %u of "
        "another size",
        path, total, pieces.good, pieces.bad, pieces.missing, files.missing, files.wrong_size);
    json_object_update_missing(failure, *facts);
    return failure;
}

json_t *torrent_check(struct cli *cli, const struct metainfo *metainfo, const char *path,
                      json_t **facts)
{
    char dir[PATHS_SIZE], target[PATHS_SIZE];
    struct storage *storage = NULL;
    *facts = NULL;
    if (access(path, F_OK) != 0)
        return failure_of_errno("read", path);
    struct storage_cache *cache = storage_cache_new();
    if (cache == NULL)
        out_of_memory();
    enum status status = STATUS_TOO_BIG;
    if (split_path(path, metainfo, dir, target))
        status = storage_new(metainfo, dir, target, false, cache, &storage);
    json_t *failure = status == STATUS_OK
                          ? verify_storage(cli, storage, path, facts)
                          : failure_new(status_name(status), EXIT_FAILED, NULL,
                                        "cannot read %s: %s", path, status_text(status));
    storage_free(storage);
    storage_cache_free(cache);
    return failure;
}

int verb_torrent_verify(struct cli *cli, const struct arguments *arguments)
{
    struct torrent_file torrent;
    const char *path = arguments->words[1];
    json_t *facts, *error = torrent_load(arguments->words[0], &torrent);
    if (error != NULL)
        return cli_fail(cli, error);
    error = torrent_check(cli, torrent.metainfo, path, &facts);
    if (error == NULL && !cli_json_result(cli, facts))
        fprintf(cli->out, "%s: all %u pieces are right\n", path, torrent.metainfo->piece_count);
    json_decref(facts);
    torrent_file_dispose(&torrent);
    return error != NULL ? cli_fail(cli, error) : EXIT_DONE;
}
