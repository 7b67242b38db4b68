/* The line being typed: libedit, with an eye on the daemon's events and on signals meanwhile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/shell_complete.h"
#include "cli/shell_notices.h"

enum editor_end {
    EDITOR_LINE,
    EDITOR_DROPPED, /* Ctrl-C: a new line */
    EDITOR_END,     /* Ctrl-D, or the terminal is gone */
    EDITOR_TERMINATED,
};

struct shell_editor;

/* Everything is borrowed. NULL: the terminal cannot be used. */
struct shell_editor *shell_editor_new(struct shell_notices *notices,
                                      const struct shell_source *source);
void shell_editor_free(struct shell_editor *editor);

/* *line is valid until the next call, has no end of line, and may be wiped. */
enum editor_end shell_editor_read(struct shell_editor *editor, const char *prompt, char **line);
/* Wipes what the editor itself remembers of the line. */
void shell_editor_forget(struct shell_editor *editor);
void shell_editor_remember(struct shell_editor *editor, const char *line); /* in the history */

/* Ctrl-C and SIGTERM that came outside of shell_editor_read; true: SIGTERM. */
bool shell_editor_drain_signals(struct shell_editor *editor);
/* For a child: signals as they were before. */
void shell_editor_restore_signals(const struct shell_editor *editor);
