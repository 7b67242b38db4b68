#include "cli/shell_notices.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/memory.h"
#include "cli/text.h"

struct shell_notices {
    const struct cli *cli;
    struct client *client; /* NULL: no daemon */
    struct shell_hush hush;
};

/* ---- what is said ---- */

static char *format(const char *text, ...) __attribute__((format(printf, 1, 2)));

static char *format(const char *text, ...)
{
    char *line = NULL;
    va_list args;
    va_start(args, text);
    if (vasprintf(&line, text, args) < 0)
        out_of_memory();
    va_end(args);
    char *safe = text_printable(line);
    free(line);
    return safe;
}

static char *transfer_text(const json_t *event, const char *what)
{
    long long id = json_whole(event, "id", 0);
    char hash[TEXT_SIZE];
    if (strcmp(what, "done") == 0)
        return format("finished: %s (%lld)", json_text(event, "path", "a transfer"), id);
    return format("failed: %s (%lld): %s",
                  text_short_hash(hash, json_text(event, "hash", "a transfer")), id,
                  json_text(event, "reason", "no reason given"));
}

static char *request_text_of(const json_t *event)
{
    char group[TEXT_QUOTED_SIZE], name[TEXT_QUOTED_SIZE];
    const char *note = json_text(event, "note", "");
    return format("%s wants to join %s%s%s%s; accept_request %s %s",
                  json_text(event, "name", "somebody"), json_text(event, "group", "a group"),
                  note[0] != 0 ? " (\"" : "", note, note[0] != 0 ? "\")" : "",
                  text_quoted(group, json_text(event, "group", "G")),
                  text_quoted(name, json_text(event, "name", "USER")));
}

static bool is_of_group(const char *what)
{
    return strncmp(what, "group_", 6) == 0 && strcmp(what, "group_request") != 0;
}

char *shell_notice_text(const json_t *event)
{
    const char *what = json_text(event, "what", "");
    const char *group = json_text(event, "group", "a group");
    const char *name = json_text(event, "name", "somebody");
    if (strcmp(what, "done") == 0 || strcmp(what, "error") == 0)
        return transfer_text(event, what);
    if (strcmp(what, "group_request") == 0)
        return request_text_of(event);
    if (strcmp(what, "group_joined") == 0)
        return format("%s: you are a member now", group);
    if (strcmp(what, "group_removed") == 0)
        return format("%s: you are no member any more", group);
    if (strcmp(what, "group_member") == 0)
        return format("%s: %s %s", group, name,
                      json_yes(event, "left", false) ? "has left" : "is a member now");
    if (strcmp(what, "group_warning") == 0)
        return format("%s: %s", group, json_text(event, "text", "something is wrong"));
    return NULL;
}

/* ---- where it comes from ---- */

struct shell_notices *shell_notices_new(const struct cli *cli)
{
    struct shell_notices *notices = calloc(1, sizeof *notices);
    if (notices == NULL)
        out_of_memory();
    notices->cli = cli;
    return notices;
}

static void disconnect(struct shell_notices *notices)
{
    client_free(notices->client);
    notices->client = NULL;
}

void shell_notices_free(struct shell_notices *notices)
{
    disconnect(notices);
    free(notices);
}

void shell_notices_connect(struct shell_notices *notices)
{
    struct request request;
    uint32_t msgid;
    int fd = notices->client == NULL ? client_dial(notices->cli->paths.socket) : -1;
    if (fd < 0)
        return;
    notices->client = client_new(fd);
    if (notices->client == NULL)
        out_of_memory();
    request_init(&request, "events");
    if (client_send(notices->client, &request, &msgid) != STATUS_OK)
        disconnect(notices);
    request_dispose(&request);
}

int shell_notices_fd(const struct shell_notices *notices)
{
    return notices->client != NULL ? client_fd(notices->client) : -1;
}

void shell_notices_hush(struct shell_notices *notices, struct shell_hush hush)
{
    notices->hush = hush;
}

static bool is_hushed(const struct shell_notices *notices, const char *what)
{
    bool transfer = strcmp(what, "done") == 0 || strcmp(what, "error") == 0;
    return (transfer && notices->hush.transfers) || (is_of_group(what) && notices->hush.groups);
}

void shell_notices_take(struct shell_notices *notices, void (*tell)(void *user, const char *line),
                        void *user)
{
    while (notices->client != NULL) {
        struct message message;
        enum status status = client_next(notices->client, 0, &message);
        if (status == STATUS_TIMED_OUT)
            return;
        if (status != STATUS_OK || message.response) {
            disconnect(notices);
            tell(user, "the daemon has ended; the next command that needs one starts it");
        } else if (!is_hushed(notices, json_text(message.body, "what", ""))) {
            char *line = shell_notice_text(message.body);
            if (line != NULL)
                tell(user, line);
            free(line);
        }
        if (status == STATUS_OK)
            message_dispose(&message);
    }
}
