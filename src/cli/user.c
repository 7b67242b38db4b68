/* user …: who uses this profile, and who others are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/params.h"
#include "cli/password.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* ---- create ---- */

static void print_created(struct cli *cli, const json_t *result)
{
    char *name = text_printable(json_text(result, "user.name", "-"));
    char create[COMMAND_TEXT_SIZE], export[COMMAND_TEXT_SIZE];
    fprintf(cli->out, "user         %s\n", name);
    fprintf(cli->out, "fingerprint  %s\n", json_text(result, "user.fingerprint", "-"));
    fprintf(cli->out, "logged in as %s\n", name);
    fflush(cli->out);
    cli_note(cli, "nobody can reset the password; '%s' writes a copy of the keys",
             cli_command_text(cli, export, "user export FILE"));
    cli_note(cli, "next: '%s' or '%s'", cli_command_text(cli, create, "group create NAME"),
             cli_command_text(cli, export, "group join INVITE"));
    free(name);
}

int verb_user_create(struct cli *cli, const struct arguments *arguments)
{
    struct password password;
    struct request request;
    char prompt[160];
    const char *name = arguments->words[0];
    snprintf(prompt, sizeof prompt, "new password of %.100s", name);
    json_t *error = password_take(cli,
                                  &(struct password_wish){.prompt = prompt,
                                                          .file_flag = "password-file",
                                                          .fd_flag = "password-fd",
                                                          .chosen = true,
                                                          .environment = true,
                                                          .in_line = true},
                                  &password);
    if (error != NULL)
        return cli_fail(cli, error);
    request_init(&request, "user.create");
    request_text(&request, "name", name);
    request_bool(&request, "remember", arguments_has(arguments, "remember"));
    password_add(&request, "password", &password);
    password_wipe(&password);
    json_t *result = cli_ask(cli, &request, "the keys to be made", &error);
    return cli_finish(cli, result, error, print_created);
}

/* ---- ls, show ---- */

static void print_users(struct cli *cli, const json_t *result)
{
    struct table *table = table_new("NAME|FINGERPRINT|LOGGED IN");
    char hint[COMMAND_TEXT_SIZE];
    size_t index;
    json_t *user;
    json_array_foreach(json_list(result, "users"), index, user)
    {
        table_cell(table, json_text(user, "name", "-"));
        table_cell(table, json_text(user, "fingerprint", "-"));
        table_cell(table, json_yes(user, "damaged", false)      ? "keystore damaged"
                          : !json_yes(user, "logged_in", false) ? "no"
                          : json_yes(user, "remembered", false) ? "yes, remembered"
                                                                : "yes");
    }
    if (table_rows(table) > 0)
        table_print(table, cli->out, cli->out_colour);
    else
        cli_note(cli, "no users yet; '%s' makes one",
                 cli_command_text(cli, hint, "user create NAME"));
    table_free(table);
}

int verb_user_ls(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    (void)arguments;
    request_init(&request, "user.list");
    json_t *result = cli_ask(cli, &request, "the list of users", &error);
    return cli_finish(cli, result, error, print_users);
}

/* Several keys may use one name: each is told by its own. */
static void print_shown(struct cli *cli, const json_t *result)
{
    const json_t *users = json_list(result, "users");
    size_t index;
    json_t *user;
    json_array_foreach(users, index, user)
    {
        char *name = text_printable(json_text(user, "name", "-"));
        const char *key = json_text(user, "key", "-");
        if (json_array_size(users) > 1)
            fprintf(cli->out, "%sname         %s#%.4s\n", index > 0 ? "\n" : "", name, key);
        else
            fprintf(cli->out, "name         %s\n", name);
        fprintf(cli->out, "fingerprint  %s\nkey          %s\n", json_text(user, "fingerprint", "-"),
                key);
        if (json_yes(user, "own", json_yes(user, "logged_in", false)))
            fprintf(cli->out, "whose        of this profile\n");
        free(name);
    }
}

int verb_user_show(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    char waiting_for[200];
    const char *name = arguments->word_count > 0 ? arguments->words[0] : NULL;
    snprintf(waiting_for, sizeof waiting_for, "nodes that know \"%.100s\"",
             name != NULL ? name : "");
    request_init(&request, "user.show");
    request_text(&request, "name", name);
    request_double(&request, "wait", arguments_number(arguments, "wait", PEOPLE_WAIT_S));
    json_t *result = cli_ask(cli, &request, name != NULL ? waiting_for : "the daemon", &error);
    return cli_finish(cli, result, error, print_shown);
}

/* ---- which user ---- */

/* The one that was named, else who is logged in. *out is freed by the caller. */
static json_t *take_name(struct cli *cli, const char *given, char **out)
{
    struct request request;
    json_t *error;
    char hint[COMMAND_TEXT_SIZE];
    *out = NULL;
    if (given != NULL) {
        *out = strdup(given);
        return NULL;
    }
    request_init(&request, "whoami");
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    if (result == NULL)
        return error;
    const char *name = json_text(result, "user.name", NULL);
    error = name != NULL ? NULL
                         : failure_new("not_logged_in", EXIT_NOT_ALLOWED,
                                       cli_command_text(cli, hint, "user ls"),
                                       "nobody is logged in: name the user");
    *out = name != NULL ? strdup(name) : NULL;
    json_decref(result);
    return error;
}

/* ---- passwd ---- */

static void print_changed(struct cli *cli, const json_t *result)
{
    char *name = text_printable(json_text(result, "user.name", "-"));
    fprintf(cli->out, "the password of %s is changed\n", name);
    free(name);
}

static json_t *take_both(struct cli *cli, const char *name, struct password *old,
                         struct password *new)
{
    char prompt[160];
    snprintf(prompt, sizeof prompt, "password of %.100s", name);
    json_t *error = password_take(cli,
                                  &(struct password_wish){.prompt = prompt,
                                                          .file_flag = "password-file",
                                                          .fd_flag = "password-fd",
                                                          .environment = true},
                                  old);
    if (error != NULL)
        return error;
    snprintf(prompt, sizeof prompt, "new password of %.100s", name);
    error = password_take(cli,
                          &(struct password_wish){.prompt = prompt,
                                                  .file_flag = "new-password-file",
                                                  .fd_flag = "new-password-fd",
                                                  .chosen = true},
                          new);
    if (error != NULL)
        password_wipe(old);
    return error;
}

int verb_user_passwd(struct cli *cli, const struct arguments *arguments)
{
    struct password old, new;
    struct request request;
    char *name;
    json_t *result = NULL;
    json_t *error = take_name(cli, arguments->word_count > 0 ? arguments->words[0] : NULL, &name);
    if (error == NULL)
        error = take_both(cli, name, &old, &new);
    if (error == NULL) {
        request_init(&request, "user.password");
        request_text(&request, "name", name);
        password_add(&request, "password", &old);
        password_add(&request, "new", &new);
        password_wipe(&old);
        password_wipe(&new);
        result = cli_ask(cli, &request, "the keystore to be written", &error);
    }
    free(name);
    return cli_finish(cli, result, error, print_changed);
}

/* ---- export, import ---- */

static json_t *write_keystore(struct cli *cli, const json_t *result, const char *path)
{
    struct buffer file;
    buffer_init(&file);
    bool ok = json_bytes(result, "file", &file);
    enum status status = STATUS_OK;
    if (!ok)
        status = STATUS_MALFORMED;
    else if (strcmp(path, "-") == 0)
        fwrite(file.data, 1, file.len, cli->out);
    else
        status =
            file_write_secret(path, buffer_bytes(&file), arguments_has(cli->arguments, "force"));
    buffer_dispose(&file);
    if (status == STATUS_EXISTS)
        return failure_new("conflict", EXIT_CONFLICT, "--force replaces it", "%s exists", path);
    return status == STATUS_OK ? NULL : failure_of_errno("write", path);
}

int verb_user_export(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    char *name;
    const char *path = arguments->words[0];
    json_t *result = NULL, *error = take_name(cli, arguments_text(arguments, "user", NULL), &name);
    if (error == NULL) {
        request_init(&request, "user.export");
        request_text(&request, "name", name);
        result = cli_ask(cli, &request, "the keystore", &error);
    }
    free(name);
    if (result != NULL && !(cli->json && strcmp(path, "-") == 0))
        error = write_keystore(cli, result, path);
    if (error != NULL) {
        json_decref(result);
        return cli_fail(cli, error);
    }
    if (!cli_json_result(cli, result) && strcmp(path, "-") != 0)
        cli_note(cli, "%s holds the keys of %s, sealed with the password", path,
                 json_text(result, "user.name", "-"));
    json_decref(result);
    return EXIT_DONE;
}

static void print_imported(struct cli *cli, const json_t *result)
{
    char *name = text_printable(json_text(result, "user.name", "-"));
    char login[COMMAND_TEXT_SIZE];
    fprintf(cli->out, "user         %s\n", name);
    fprintf(cli->out, "fingerprint  %s\n", json_text(result, "user.fingerprint", "-"));
    fflush(cli->out);
    cli_note(cli, "'%s' logs in", cli_command_text(cli, login, "login %s", name));
    free(name);
}

static json_t *read_keystore(const char *path, struct buffer *out)
{
    enum status status = file_read(path, KEYSTORE_BYTES_MAX, out);
    if (status == STATUS_TOO_BIG)
        return failure_new("bad_keystore", EXIT_BAD_INPUT, NULL, "%s is too large for a keystore",
                           path);
    return status == STATUS_OK ? NULL : failure_of_errno("read", path);
}

int verb_user_import(struct cli *cli, const struct arguments *arguments)
{
    struct password password;
    struct request request;
    struct buffer file;
    const char *path = arguments->words[0];
    json_t *result = NULL;
    buffer_init(&file);
    json_t *error = read_keystore(path, &file);
    if (error == NULL)
        error = password_take(cli,
                              &(struct password_wish){.prompt = "its password",
                                                      .file_flag = "password-file",
                                                      .fd_flag = "password-fd",
                                                      .environment = true},
                              &password);
    if (error == NULL) {
        request_init(&request, "user.import");
        request_bool(&request, "force", arguments_has(arguments, "force"));
        request_bytes(&request, "file", buffer_bytes(&file));
        password_add(&request, "password", &password);
        password_wipe(&password);
        result = cli_ask(cli, &request, "the keystore to be opened", &error);
    }
    buffer_dispose(&file);
    return cli_finish(cli, result, error, print_imported);
}
