/* What the shell itself asks the daemon, between commands and while a line is typed: quickly, in
 * silence, and without starting one. */
#pragma once

#include "cli/shell_complete.h"

struct cli;

struct shell_daemon;

struct shell_daemon *shell_daemon_new(const struct cli *cli); /* borrowed */
void shell_daemon_free(struct shell_daemon *daemon);

/* Who is logged in, printable; "" when nobody is or no daemon answers. Valid until the next call.
 */
const char *shell_daemon_user(struct shell_daemon *daemon);
/* Does one answer. */
bool shell_daemon_answers(struct shell_daemon *daemon);
/* For shell_source, with the shell_daemon as `user`. */
void shell_daemon_names(void *user, enum shell_kind kind, const char *group,
                        struct shell_names *out);
