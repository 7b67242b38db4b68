/* login, logout, whoami: who is at work in this profile. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/params.h"
#include "cli/password.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* ---- login ---- */

static void print_login(struct cli *cli, const json_t *result)
{
    char groups[TEXT_SIZE], transfers[TEXT_SIZE];
    char *name = text_printable(json_text(result, "user.name", "-"));
    int64_t resumed = json_whole(result, "resumed", 0);
    fprintf(cli->out, "logged in as %s, in %s", name,
            text_count(groups, json_whole(result, "groups", 0), "group", "groups"));
    if (resumed > 0)
        fprintf(cli->out, "; %s of them %s on",
                text_count(transfers, resumed, "transfer", "transfers"),
                resumed == 1 ? "goes" : "go");
    fprintf(cli->out, "\n");
    free(name);
}

static json_t *try_login(struct cli *cli, const char *name, bool *asked, json_t **error)
{
    const struct arguments *arguments = cli->arguments;
    struct password password;
    struct request request;
    char prompt[160];
    snprintf(prompt, sizeof prompt, "password of %.100s", name);
    *error = password_take(cli,
                           &(struct password_wish){.prompt = prompt,
                                                   .file_flag = "password-file",
                                                   .fd_flag = "password-fd",
                                                   .environment = true,
                                                   .in_line = true},
                           &password);
    if (*error != NULL)
        return NULL;
    *asked = password.asked;
    request_init(&request, "login");
    request_text(&request, "name", name);
    request_bool(&request, "remember", arguments_has(arguments, "remember"));
    request_bool(&request, "use_backup", arguments_has(arguments, "use-backup"));
    password_add(&request, "password", &password);
    password_wipe(&password);
    return cli_ask(cli, &request, "the keystore to be opened", error);
}

/* The daemon refuses tries for so long: what a person may do then is wait. */
static void add_wait(json_t *error)
{
    char hint[64], text[TEXT_SIZE];
    double wait_s = json_decimal(error, "wait", 0);
    if (wait_s <= 0 || json_text(error, "hint", NULL) != NULL)
        return;
    snprintf(hint, sizeof hint, "the next try counts in %s", text_duration(text, wait_s));
    json_object_set_new(error, "hint", json_string(hint));
}

/* A person who mistyped is asked again; takes `error` when so. */
static bool may_ask_again(struct cli *cli, json_t *error, unsigned tries)
{
    char text[TEXT_SIZE];
    double wait_s = json_decimal(error, "wait", 0);
    const char *code = failure_code(error);
    bool wrong = strcmp(code, "wrong_password") == 0 || strcmp(code, "too_many_tries") == 0;
    if (!wrong || tries >= LOGIN_TRIES || cli->json || wait_s > LOGIN_WAIT_MAX_S)
        return false;
    cli_print_failure(cli, error);
    json_decref(error);
    if (wait_s > 0) {
        cli_note(cli, "the next try counts in %s", text_duration(text, wait_s));
        usleep((useconds_t)(wait_s * 1e6));
    }
    return true;
}

int verb_login(struct cli *cli, const struct arguments *arguments)
{
    json_t *error, *result;
    unsigned tries = 0;
    bool asked;
    do {
        asked = false;
        result = try_login(cli, arguments->words[0], &asked, &error);
        tries++;
    } while (result == NULL && asked && may_ask_again(cli, error, tries));
    if (result == NULL)
        add_wait(error);
    return cli_finish(cli, result, error, print_login);
}

/* ---- logout, whoami ---- */

int verb_logout(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    char transfers[TEXT_SIZE];
    (void)arguments;
    request_init(&request, "logout");
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    if (result == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, result)) {
        char *name = text_printable(json_text(result, "user.name", "-"));
        fprintf(cli->out, "logged out %s; %s of groups paused, public shares go on\n", name,
                text_count(transfers, json_whole(result, "paused", 0), "transfer", "transfers"));
        free(name);
    }
    json_decref(result);
    return EXIT_DONE;
}

static void print_waiting(struct cli *cli, const json_t *result)
{
    char count[TEXT_SIZE], hint[COMMAND_TEXT_SIZE];
    int64_t waiting = json_whole(result, "waiting", 0);
    if (waiting > 0)
        cli_note(cli, "%s of groups %s for '%s'",
                 text_count(count, waiting, "transfer", "transfers"),
                 waiting == 1 ? "waits" : "wait", cli_command_text(cli, hint, "login NAME"));
}

int verb_whoami(struct cli *cli, const struct arguments *arguments)
{
    struct request request;
    json_t *error;
    (void)arguments;
    request_init(&request, "whoami");
    json_t *result = cli_ask(cli, &request, "the daemon", &error);
    if (result == NULL)
        return cli_fail(cli, error);
    if (!cli_json_result(cli, result)) {
        const char *name = json_text(result, "user.name", NULL);
        char *safe = text_printable(name != NULL ? name : "nobody is logged in");
        if (name != NULL)
            fprintf(cli->out, "%s  %s\n", safe, json_text(result, "user.fingerprint", ""));
        else
            fprintf(cli->out, "%s\n", safe);
        fflush(cli->out);
        free(safe);
        print_waiting(cli, result);
    }
    json_decref(result);
    return EXIT_DONE;
}
