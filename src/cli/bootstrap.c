/* bootstrap: the list of nodes to join by. The profile's own file, else the installed one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bootstrap_file.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* The list in force; NULL: neither file is there. */
static const char *list_path(struct cli *cli)
{
    const char *installed = paths_installed_bootstrap();
    if (access(cli->paths.bootstrap_file, F_OK) == 0)
        return cli->paths.bootstrap_file;
    return installed != NULL && access(installed, F_OK) == 0 ? installed : NULL;
}

static json_t *list_json(const char *path, const struct bootstrap_file *list)
{
    json_t *nodes = json_array(), *bad = json_array();
    for (size_t i = 0; i < list->count; i++) {
        char address[BOOTSTRAP_ADDRESS_SIZE];
        bootstrap_format_address(&list->entries[i], address);
        json_array_append_new(
            nodes, json_pack("{s:s,s:i}", "address", address, "line", (int)list->entries[i].line));
    }
    for (size_t i = 0; i < list->bad_count && i < BOOTSTRAP_BAD_MAX; i++)
        json_array_append_new(bad, json_pack("{s:i,s:s,s:s}", "line", (int)list->bad[i].line,
                                             "text", list->bad[i].text, "why", list->bad[i].why));
    return json_pack("{s:s?,s:o,s:o}", "path", path, "nodes", nodes, "bad", bad);
}

static void print_list(struct cli *cli, const char *path, const struct bootstrap_file *list)
{
    for (size_t i = 0; i < list->count; i++) {
        char address[BOOTSTRAP_ADDRESS_SIZE];
        bootstrap_format_address(&list->entries[i], address);
        fprintf(cli->out, "%s\n", address);
    }
    for (size_t i = 0; i < list->bad_count && i < BOOTSTRAP_BAD_MAX; i++)
        cli_note(cli, "%s line %u: %s: %s", path, list->bad[i].line, list->bad[i].text,
                 list->bad[i].why);
    if (list->bad_count > BOOTSTRAP_BAD_MAX)
        cli_note(cli, "and %zu more bad lines", list->bad_count - BOOTSTRAP_BAD_MAX);
    if (path == NULL)
        cli_note(cli, "there is no list; 'kadpeer bootstrap add HOST:PORT' makes one");
    else if (list->count == 0)
        cli_note(cli, "%s names no node; there is no public network yet", path);
}

int verb_bootstrap_ls(struct cli *cli, const struct arguments *arguments)
{
    struct bootstrap_file list = {0};
    const char *path = list_path(cli);
    (void)arguments;
    enum status status = path != NULL ? bootstrap_file_load(path, &list) : STATUS_OK;
    if (status != STATUS_OK)
        return cli_fail(cli, failure_new(status_name(status), EXIT_DISK, NULL, "cannot read %s: %s",
                                         path, status_text(status)));
    json_t *result = list_json(path, &list);
    if (!cli_json_result(cli, result))
        print_list(cli, path, &list);
    json_decref(result);
    bootstrap_file_dispose(&list);
    return EXIT_DONE;
}

/* The address a line of the list holds, if it does. */
static bool line_address(struct bytes line, struct bootstrap_entry *out)
{
    const uint8_t *hash = line.len > 0 ? memchr(line.data, '#', line.len) : NULL;
    size_t len = hash != NULL ? (size_t)(hash - line.data) : line.len;
    while (len > 0 && strchr(" \t\r\n", line.data[len - 1]) != NULL)
        len--;
    while (len > 0 && strchr(" \t", line.data[0]) != NULL)
        line = bytes_of(line.data + 1, --len);
    return len > 0 && bootstrap_parse_address(bytes_of(line.data, len), out) == NULL;
}

/* Copies the lines but those of that address; returns how many were left out. */
static size_t copy_without(struct bytes text, const struct bootstrap_entry *entry,
                           struct buffer *out)
{
    size_t left_out = 0;
    while (text.len > 0) {
        struct bootstrap_entry other;
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) + 1 : text.len;
        if (line_address(bytes_of(text.data, len), &other) && other.port == entry->port &&
            strcasecmp(other.host, entry->host) == 0) {
            left_out++;
        } else {
            buffer_add(out, text.data, len);
            if (end == NULL)
                buffer_add_byte(out, '\n');
        }
        text = bytes_of(text.data + len, text.len - len);
    }
    return left_out;
}

/* The text of the list in force with one address added or removed, written to the own file.
 * *changed: it was not there (was there) before. */
static json_t *edit_list(struct cli *cli, const char *address, bool add, bool *changed)
{
    struct bootstrap_entry entry;
    const char *why = bootstrap_parse_address(bytes_of_string(address), &entry);
    if (why != NULL)
        return failure_new("bad_address", EXIT_BAD_INPUT, NULL, "%s: %s; wanted is HOST:PORT",
                           address, why);
    struct buffer before, after;
    const char *path = list_path(cli);
    json_t *error = NULL;
    buffer_init(&before);
    buffer_init(&after);
    if (path != NULL && file_read_own(path, BOOTSTRAP_FILE_MAX, &before) != STATUS_OK)
        error = failure_of_errno("read", path);
    size_t found = copy_without(buffer_bytes(&before), &entry, &after);
    *changed = add == (found == 0);
    if (add) {
        char text[BOOTSTRAP_ADDRESS_SIZE];
        bootstrap_format_address(&entry, text);
        buffer_add_format(&after, "%s\n", text);
    }
    if (error == NULL && *changed &&
        !file_replace(cli->paths.bootstrap_file, buffer_bytes(&after), 0600))
        error = failure_of_errno("write", cli->paths.bootstrap_file);
    buffer_dispose(&before);
    buffer_dispose(&after);
    return error;
}

static json_t *add_one(struct cli *cli, const char *address, json_t **error)
{
    bool changed = false;
    *error = edit_list(cli, address, true, &changed);
    if (*error != NULL)
        return NULL;
    if (!cli->json)
        fprintf(cli->out, "%s: %s\n", address, changed ? "added" : "was there already");
    return json_pack("{s:s,s:b}", "address", address, "added", changed);
}

static json_t *rm_one(struct cli *cli, const char *address, json_t **error)
{
    bool changed = false;
    *error = edit_list(cli, address, false, &changed);
    if (*error == NULL && !changed)
        *error = failure_new("not_found", EXIT_NOT_FOUND, NULL, "%s is not on the list", address);
    if (*error != NULL)
        return NULL;
    if (!cli->json)
        fprintf(cli->out, "%s: removed\n", address);
    return json_pack("{s:s,s:b}", "address", address, "removed", true);
}

int verb_bootstrap_add(struct cli *cli, const struct arguments *arguments)
{
    int status = cli_each(cli, arguments->words, arguments->word_count, add_one);
    if (status == EXIT_DONE && !cli->json)
        cli_note(cli, "used when the daemon starts; 'kadpeer join HOST:PORT' joins now");
    return status;
}

int verb_bootstrap_rm(struct cli *cli, const struct arguments *arguments)
{
    return cli_each(cli, arguments->words, arguments->word_count, rm_one);
}

int verb_bootstrap_reset(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    if (unlink(cli->paths.bootstrap_file) != 0 && errno != ENOENT)
        return cli_fail(cli, failure_of_errno("remove", cli->paths.bootstrap_file));
    const char *path = list_path(cli);
    json_t *result = json_pack("{s:s?}", "path", path);
    if (!cli_json_result(cli, result))
        fprintf(cli->out, "the list is %s again\n", path != NULL ? path : "empty");
    json_decref(result);
    return EXIT_DONE;
}
