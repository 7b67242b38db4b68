/* What happens while the shell is open: the daemon's events, of which a few are told to the person
 * at the prompt. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

struct cli;
struct shell_notices;

struct shell_notices *shell_notices_new(const struct cli *cli); /* borrowed */
void shell_notices_free(struct shell_notices *notices);

/* Connects, when it is not and a daemon is there. */
void shell_notices_connect(struct shell_notices *notices);
int shell_notices_fd(const struct shell_notices *notices); /* to poll for reading; -1: none */
/* Takes what has come, without waiting; hands each line to `tell`. */
void shell_notices_take(struct shell_notices *notices, void (*tell)(void *user, const char *line),
                        void *user);

/* What the command that runs says of itself is not told twice: kinds of events. */
struct shell_hush {
    bool transfers, groups;
};
void shell_notices_hush(struct shell_notices *notices, struct shell_hush hush);

/* One line, printable; NULL: an event that is not told. Freed by the caller. */
char *shell_notice_text(const json_t *event);
