/* config: reading and editing config.ini. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/config_edit.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "cli/verbs.h"

static const char *source_name(enum config_source source)
{
    static const char *const names[] = {"default", "file", "environment", "flag"};
    return names[source];
}

/* A number where the key is one, so that programs need not read units. */
static json_t *value_json(const struct config *config, const struct config_key *key)
{
    const char *const *list;
    json_t *array;
    switch (key->type) {
    case CONFIG_NUMBER:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        return json_integer(config_number(config, key->name));
    case CONFIG_BOOL:
        return json_boolean(config_bool(config, key->name));
    case CONFIG_RATIO:
        return json_real(config_ratio(config, key->name));
    case CONFIG_LIST:
        array = json_array();
        for (size_t i = 0, count = config_list(config, key->name, &list); i < count; i++)
            json_array_append_new(array, json_string(list[i]));
        return array;
    case CONFIG_TEXT:
    case CONFIG_LEVELS:
        break;
    }
    return json_string(config_text(config, key->name));
}

static json_t *unknown_key(const char *name)
{
    const char *nearest = config_nearest_key(name);
    char hint[COMMAND_TEXT_SIZE];
    snprintf(hint, sizeof hint, nearest != NULL ? "did you mean %s?" : "kadpeer config ls",
             nearest);
    return failure_new("unknown_key", EXIT_BAD_INPUT, hint, "there is no setting %s", name);
}

int verb_config_get(struct cli *cli, const struct arguments *arguments)
{
    const struct config_key *key = config_find_key(arguments->words[0]);
    json_t *error;
    if (key == NULL)
        return cli_fail(cli, unknown_key(arguments->words[0]));
    struct config *config = cli_load_config(cli, &error);
    if (config == NULL)
        return cli_fail(cli, error);
    json_t *result = json_pack("{s:s,s:o,s:s}", "key", key->name, "value", value_json(config, key),
                               "source", source_name(config_source_of(config, key->name)));
    if (!cli_json_result(cli, result))
        fprintf(cli->out, "%s\n", config_text(config, key->name));
    json_decref(result);
    config_free(config);
    return EXIT_DONE;
}

static void print_values(struct cli *cli, const struct config *config)
{
    struct table *table = table_new("SETTING|VALUE|FROM|WHAT IT IS");
    for (size_t i = 0; i < config_key_count; i++) {
        const char *name = config_keys[i].name, *text = config_text(config, name);
        table_cell(table, name);
        table_cell(table, text[0] != 0 ? text : "-");
        table_cell(table, source_name(config_source_of(config, name)));
        table_cell(table, config_keys[i].about);
    }
    table_print(table, cli->out, cli->out_colour);
    table_free(table);
}

int verb_config_ls(struct cli *cli, const struct arguments *arguments)
{
    json_t *error;
    (void)arguments;
    struct config *config = cli_load_config(cli, &error);
    if (config == NULL)
        return cli_fail(cli, error);
    json_t *values = json_object();
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        json_object_set_new(values, key->name,
                            json_pack("{s:o,s:s}", "value", value_json(config, key), "source",
                                      source_name(config_source_of(config, key->name))));
    }
    json_t *result = json_pack("{s:o}", "values", values);
    if (!cli_json_result(cli, result))
        print_values(cli, config);
    json_decref(result);
    config_free(config);
    return EXIT_DONE;
}

/* Reads the file, changes its text, checks that the whole is still valid, replaces it. */
static int edit_text(struct cli *cli, const struct config_key *key, const char *value)
{
    char why[CONFIG_ERROR_SIZE];
    const char *path = cli->paths.config_file;
    enum status status = config_edit_file(path, key->name, value, key->type == CONFIG_LIST, why);
    if (status == STATUS_MALFORMED)
        return cli_fail(cli, failure_new("bad_config", EXIT_BAD_INPUT, NULL, "%s", why));
    if (status != STATUS_OK)
        return cli_fail(cli, failure_new(status_name(status), EXIT_DISK, NULL, "%s", why));
    json_t *result = json_pack("{s:s,s:s?,s:s}", "key", key->name, "value", value, "path", path);
    if (!cli_json_result(cli, result)) {
        int fd = client_dial(cli->paths.socket);
        if (fd >= 0)
            cli_note(cli, "the running daemon takes it up at its next start");
        if (fd >= 0)
            close(fd);
    }
    json_decref(result);
    return EXIT_DONE;
}

int verb_config_set(struct cli *cli, const struct arguments *arguments)
{
    char why[CONFIG_ERROR_SIZE];
    const struct config_key *key = config_find_key(arguments->words[0]);
    if (key == NULL)
        return cli_fail(cli, unknown_key(arguments->words[0]));
    if (strpbrk(arguments->words[1], "\r\n") != NULL)
        return cli_fail(cli, failure_new("bad_value", EXIT_BAD_INPUT, NULL,
                                         "%s: a value is one line", key->name));
    struct config *trial = config_new();
    enum status status = config_set(trial, key->name, arguments->words[1], CONFIG_FILE, why);
    config_free(trial);
    if (status != STATUS_OK)
        return cli_fail(cli, failure_new("bad_value", EXIT_BAD_INPUT, NULL, "%s", why));
    return edit_text(cli, key, arguments->words[1]);
}

int verb_config_unset(struct cli *cli, const struct arguments *arguments)
{
    const struct config_key *key = config_find_key(arguments->words[0]);
    if (key == NULL)
        return cli_fail(cli, unknown_key(arguments->words[0]));
    return edit_text(cli, key, NULL);
}

int verb_config_path(struct cli *cli, const struct arguments *arguments)
{
    (void)arguments;
    json_t *result = json_pack("{s:s}", "path", cli->paths.config_file);
    if (!cli_json_result(cli, result))
        fprintf(cli->out, "%s\n", cli->paths.config_file);
    json_decref(result);
    return EXIT_DONE;
}

int verb_config_check(struct cli *cli, const struct arguments *arguments)
{
    json_t *error;
    (void)arguments;
    struct config *config = cli_load_config(cli, &error);
    if (config == NULL)
        return cli_fail(cli, error);
    config_free(config);
    json_t *result = json_pack("{s:s}", "path", cli->paths.config_file);
    if (!cli_json_result(cli, result))
        fprintf(cli->out, "%s: %s\n", cli->paths.config_file,
                access(cli->paths.config_file, F_OK) == 0 ? "fine" : "not there, defaults hold");
    json_decref(result);
    return EXIT_DONE;
}

/* $VISUAL or $EDITOR may hold arguments of their own, so a shell starts it. What it says is no
 * answer of ours: with --json it goes to stderr. */
static int run_editor(const struct cli *cli, const char *editor, const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        char command[512];
        snprintf(command, sizeof command, "%s \"$1\"", editor);
        if (cli->json && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
            _exit(127);
        execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
        _exit(127);
    }
    int status;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

int verb_config_edit(struct cli *cli, const struct arguments *arguments)
{
    const char *editor = getenv("VISUAL");
    char why[CONFIG_ERROR_SIZE], hint[COMMAND_TEXT_SIZE];
    if (editor == NULL || editor[0] == 0)
        editor = getenv("EDITOR");
    bool chosen = editor != NULL && editor[0] != 0;
    if (!chosen && !terminal_can_ask()) /* an editor named by hand may be a script */
        return cli_fail(cli, failure_new("usage", EXIT_USAGE,
                                         cli_command_text(cli, hint, "config set KEY VALUE"),
                                         "config edit wants a terminal, or EDITOR"));
    if (!chosen)
        editor = "editor"; /* Debian's own choice [Debian policy 11.4] */
    if (config_edit_prepare(cli->paths.config_file, why) != STATUS_OK)
        return cli_fail(cli, failure_new("io", EXIT_DISK, NULL, "%s", why));
    int status = run_editor(cli, editor, cli->paths.config_file);
    if (status != 0)
        return cli_fail(cli, failure_new("editor", EXIT_FAILED, "set EDITOR",
                                         "the editor \"%s\" ended with %d", editor, status));
    return verb_config_check(cli, arguments);
}
