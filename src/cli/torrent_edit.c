/* torrent edit: what stands around the info dictionary. No daemon is needed. */
#include "content/torrent_edit.h"

#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/torrent.h"
#include "cli/verbs.h"

#define TORRENT_MODE 0666 /* before the umask */

/* ---- what create has, too ---- */

static bool is_tracker(const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "udp://", "ws://", "wss://"};
    if (strlen(url) > TRACKER_BYTES_MAX)
        return false;
    for (const char *c = url; *c != 0; c++)
        if ((unsigned char)*c <= ' ' || *c == 127)
            return false;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(url, schemes[i], len) == 0 && url[len] != 0 && url[len] != '/')
            return true;
    }
    return false;
}

json_t *torrent_read_trackers(const struct arguments *arguments, const char *out[TRACKERS_MAX],
                              size_t *count)
{
    *count = arguments_texts(arguments, "tracker", out, TRACKERS_MAX);
    if (*count > TRACKERS_MAX)
        return failure_new("usage", EXIT_USAGE, NULL, "at most %d --tracker", TRACKERS_MAX);
    for (size_t i = 0; i < *count; i++)
        if (!is_tracker(out[i]))
            return failure_new("bad_address", EXIT_BAD_INPUT, NULL,
                               "--tracker %s: wanted is http://, https:// or udp:// and a host",
                               out[i]);
    return NULL;
}

json_t *torrent_write(struct cli *cli, const char *path, struct bytes data, bool force)
{
    enum status status;
    if (strcmp(path, "-") == 0)
        status = fwrite(data.data, 1, data.len, cli->out) == data.len ? STATUS_OK : STATUS_IO;
    else
        status = file_write_new(path, data, force);
    if (status == STATUS_EXISTS)
        return failure_new("conflict", EXIT_CONFLICT, "--force replaces it", "%s exists", path);
    return status == STATUS_OK ? NULL : failure_of_errno("write", path);
}

/* ---- edit ---- */

static json_t *read_edit(const struct arguments *arguments, const char *add[TRACKERS_MAX],
                         const char *remove[TRACKERS_MAX], struct torrent_edit *edit)
{
    json_t *failure = torrent_read_trackers(arguments, add, &edit->add_count);
    if (failure != NULL)
        return failure;
    edit->remove_count = arguments_texts(arguments, "rm-tracker", remove, TRACKERS_MAX);
    if (edit->remove_count > TRACKERS_MAX)
        return failure_new("usage", EXIT_USAGE, NULL, "at most %d --rm-tracker", TRACKERS_MAX);
    for (size_t i = 0; i < edit->remove_count; i++)
        edit->remove_all = edit->remove_all || strcmp(remove[i], "all") == 0;
    edit->add = add;
    edit->remove = remove;
    edit->comment = arguments_text(arguments, "comment", NULL);
    if (edit->add_count == 0 && edit->remove_count == 0 && edit->comment == NULL)
        return failure_new("usage", EXIT_USAGE, "kadpeer torrent edit F --tracker URL",
                           "nothing to change: --tracker, --rm-tracker or --comment is missing");
    return NULL;
}

static bool has_tracker(const struct torrent_file *torrent, const char *url)
{
    for (size_t i = 0; i < torrent->tracker_count; i++)
        if (strcmp(torrent->trackers[i], url) == 0)
            return true;
    return false;
}

static json_t *check_removed(const struct torrent_file *torrent, const struct torrent_edit *edit,
                             const char *path)
{
    for (size_t i = 0; i < edit->remove_count; i++)
        if (strcmp(edit->remove[i], "all") != 0 && !has_tracker(torrent, edit->remove[i]))
            return failure_new("not_found", EXIT_NOT_FOUND, NULL, "%s names no tracker %s", path,
                               edit->remove[i]);
    return NULL;
}

static json_t *write_edited(struct cli *cli, const char *path, struct bytes data)
{
    const char *out = arguments_text(cli->arguments, "out", path);
    if (strcmp(out, path) != 0 || strcmp(path, "-") == 0)
        return torrent_write(cli, out, data, arguments_has(cli->arguments, "force"));
    return file_replace(path, data, TORRENT_MODE) ? NULL : failure_of_errno("write", path);
}

static json_t *apply(const char *path, struct bytes file, const struct metainfo *metainfo,
                     const struct torrent_edit *edit, struct buffer *out)
{
    enum status status =
        torrent_edit_apply(file, bytes_of(metainfo->info, metainfo->info_len), edit, out);
    if (status == STATUS_TOO_BIG)
        return failure_new("bad_torrent", EXIT_BAD_INPUT, NULL,
                           "%s has more than %u keys beside its info dictionary", path,
                           TORRENT_KEYS_MAX);
    if (status != STATUS_OK)
        out_of_memory();
    return NULL;
}

static json_t *edit(struct cli *cli, const char *path, const struct torrent_edit *edit)
{
    struct torrent_file torrent = {0};
    struct buffer file, edited;
    buffer_init(&file);
    buffer_init(&edited);
    json_t *failure = torrent_read(path, &file, &torrent);
    if (failure == NULL)
        failure = check_removed(&torrent, edit, path);
    if (failure == NULL)
        failure = apply(path, buffer_bytes(&file), torrent.metainfo, edit, &edited);
    if (failure == NULL)
        failure = write_edited(cli, path, buffer_bytes(&edited));
    torrent_file_dispose(&torrent);
    buffer_dispose(&edited);
    buffer_dispose(&file);
    return failure;
}

int verb_torrent_edit(struct cli *cli, const struct arguments *arguments)
{
    const char *add[TRACKERS_MAX], *remove[TRACKERS_MAX];
    const char *path = arguments->words[0], *out = arguments_text(arguments, "out", path);
    struct torrent_edit changes = {0};
    json_t *failure = read_edit(arguments, add, remove, &changes);
    if (failure == NULL)
        failure = edit(cli, path, &changes);
    if (failure != NULL)
        return cli_fail(cli, failure);
    json_t *result = json_pack("{s:s}", "path", out);
    if (strcmp(out, "-") != 0 && !cli_json_result(cli, result))
        fprintf(cli->out, "edited  %s\n", out);
    json_decref(result);
    return EXIT_DONE;
}
