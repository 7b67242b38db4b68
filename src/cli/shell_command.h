/* What was typed in the shell as a command of the table: without the word kadpeer, in either
 * spelling, with a password behind the user's name or none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/arguments.h"
#include "cli/shell_words.h"

struct shell_command {
    char **argv; /* as cli_run takes it */
    size_t argc;
    char *password; /* NULL: none was given */
    bool quit;
};

/* The underscored spelling of a command: create_group and its like. */
struct old_word {
    const char *name;
    const char *command; /* of the table, perhaps with a flag: "ls --downloads" */
    const char *words;   /* what follows, in its order: "G FILE DIR" */
};
extern const struct old_word old_words[]; /* ends with a NULL name */
const struct old_word *old_word_find(const char *name);

/* Words `from` to `from` + `count` of the line. Dispose of *out. */
void shell_command_make(const struct shell_line *line, size_t from, size_t count,
                        struct shell_command *out);
/* The same without moving any word to another place: for completion. */
void shell_command_keep(const struct shell_line *line, size_t from, size_t count,
                        struct shell_command *out);
void shell_command_dispose(struct shell_command *command); /* and wipes */
