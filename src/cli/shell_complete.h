/* What the word at the cursor can become: commands in both spellings, flags, their values, paths;
 * and what only the daemon knows, through a source. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/shell_names.h"
#include "kadpeer/buffer.h"

enum shell_kind {
    SHELL_NOTHING,
    SHELL_PATHS,
    SHELL_CHOICES, /* of a flag */
    SHELL_COMMANDS,
    /* from the source: */
    SHELL_TRANSFERS,
    SHELL_GROUPS,
    SHELL_MEMBERS,    /* of a group */
    SHELL_APPLICANTS, /* to it */
    SHELL_GROUP_FILES,
    SHELL_USERS, /* of this profile */
};

struct shell_source {
    /* Adds names of that kind. `group` where the kind has one. NULL function: knows nothing. */
    void (*names)(void *user, enum shell_kind kind, const char *group, struct shell_names *out);
    void *user;
};

struct shell_completion {
    size_t start;               /* of the word, in bytes of the line */
    struct buffer text;         /* what stands in its place then, ends with a zero byte */
    struct shell_names choices; /* sorted, each once */
};

/* `len` bytes of `line` stand before the cursor. Dispose of *out. */
void shell_complete(const char *line, size_t len, const struct shell_source *source,
                    struct shell_completion *out);
void shell_completion_dispose(struct shell_completion *completion);
