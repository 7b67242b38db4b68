/* The lines typed in the shell, a file per profile: one a line, mode 0600, the last 1000. */
#pragma once

#include "kadpeer/status.h"

#define SHELL_HISTORY_MAX 1000

/* Cuts the file to its last lines and hands each to `on_line`, oldest first. A missing one has
 * none. */
enum status shell_history_load(const char *path, void (*on_line)(void *user, const char *line),
                               void *user);
/* On disk when it returns; folders above are there. */
enum status shell_history_add(const char *path, const char *line);
