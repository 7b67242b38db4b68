#include "cli/shell_daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/params.h"
#include "cli/text.h"

struct shell_daemon {
    struct cli cli; /* of its own: connected while the daemon is there */
    struct arguments arguments;
    char *user;
};

struct shell_daemon *shell_daemon_new(const struct cli *cli)
{
    struct shell_daemon *daemon = calloc(1, sizeof *daemon);
    if (daemon == NULL || (daemon->user = strdup("")) == NULL)
        out_of_memory();
    daemon->cli = (struct cli){.paths = cli->paths,
                               .quiet = true,
                               .out = cli->out,
                               .err = cli->err,
                               .arguments = &daemon->arguments};
    return daemon;
}

static void disconnect(struct shell_daemon *daemon)
{
    client_free(daemon->cli.client);
    daemon->cli.client = NULL;
}

void shell_daemon_free(struct shell_daemon *daemon)
{
    disconnect(daemon);
    free(daemon->user);
    free(daemon);
}

/* NULL: refused, or nobody there. A connection that has died is opened again, once. */
static json_t *ask(struct shell_daemon *daemon, const char *method, const char *group)
{
    bool fresh = daemon->cli.client == NULL;
    for (;;) {
        struct request request;
        daemon->cli.deadline_ms = client_now_ms() + SHELL_ASK_MS;
        json_t *error = cli_connect_running(&daemon->cli);
        json_t *result = NULL;
        if (error == NULL) {
            request_init(&request, method);
            request_text(&request, "group", group);
            result = cli_ask(&daemon->cli, &request, NULL, &error);
        }
        bool gone = error != NULL && failure_exit(error) == EXIT_NO_DAEMON;
        if (gone || (error != NULL && failure_exit(error) == EXIT_TIMED_OUT))
            disconnect(daemon);
        json_decref(error);
        if (result != NULL || !gone || fresh)
            return result;
        fresh = true;
    }
}

const char *shell_daemon_user(struct shell_daemon *daemon)
{
    json_t *result = ask(daemon, "whoami", NULL);
    free(daemon->user);
    daemon->user = text_printable(json_text(result, "user.name", ""));
    json_decref(result);
    return daemon->user;
}

bool shell_daemon_answers(struct shell_daemon *daemon)
{
    json_t *result = ask(daemon, "status", NULL);
    json_decref(result);
    return result != NULL;
}

/* ---- names ---- */

static void add_list(const json_t *list, const char *key, struct shell_names *out)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *name = json_text(item, key, NULL);
        if (name != NULL && name[0] != 0)
            shell_names_add(out, name);
    }
}

static void add_from(struct shell_daemon *daemon, const char *method, const char *group,
                     const char *list, const char *key, struct shell_names *out)
{
    json_t *result = ask(daemon, method, group);
    add_list(json_list(result, list), key, out);
    json_decref(result);
}

static void add_group(void *user, const char *event, json_t *params)
{
    const char *name = json_text(params, "group.name", NULL);
    if (strcmp(event, "group") == 0 && name != NULL)
        shell_names_add(user, name);
}

/* Those we are in; the network is not asked for the sake of a completion. */
static void add_groups(struct shell_daemon *daemon, struct shell_names *out)
{
    struct request request;
    json_t *error = NULL;
    json_t *first = ask(daemon, "whoami", NULL); /* connects, if that can be */
    json_decref(first);
    if (first == NULL)
        return;
    request_init(&request, "group.list");
    request_bool(&request, "own", true);
    json_t *result = cli_ask_stream(&daemon->cli, &request, NULL, add_group, out, &error);
    if (result == NULL && failure_exit(error) == EXIT_NO_DAEMON)
        disconnect(daemon);
    json_decref(result);
    json_decref(error);
}

void shell_daemon_names(void *user, enum shell_kind kind, const char *group,
                        struct shell_names *out)
{
    struct shell_daemon *daemon = user;
    switch (kind) {
    case SHELL_TRANSFERS:
        add_from(daemon, "transfer.list", NULL, "transfers", "name", out);
        break;
    case SHELL_GROUPS:
        add_groups(daemon, out);
        break;
    case SHELL_MEMBERS:
        if (group != NULL)
            add_from(daemon, "group.show", group, "members", "name", out);
        break;
    case SHELL_APPLICANTS:
        add_from(daemon, "group.requests", group, "requests", "name", out);
        break;
    case SHELL_GROUP_FILES:
        if (group != NULL)
            add_from(daemon, "group.files", group, "files", "path", out);
        break;
    case SHELL_USERS:
        add_from(daemon, "user.list", NULL, "users", "name", out);
        break;
    case SHELL_NOTHING:
    case SHELL_PATHS:
    case SHELL_CHOICES:
    case SHELL_COMMANDS:
        break;
    }
}
