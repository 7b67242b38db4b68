/* The shell: commands line by line, from a person or from a script. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"
#include "cli/shell_command.h"

struct shell {
    struct cli *cli; /* what the shell itself was told; commands get one each (cli_run) */
    bool keep_going;
    bool quit; /* somebody said so */
    struct outcome outcome;
    /* How a command is run; returns its exit status. */
    int (*run)(struct shell *shell, const struct shell_command *command);
    void *user; /* of `run` */
};

/* In this process. */
int shell_run_here(struct shell *shell, const struct shell_command *command);

/* Every command of one line, until one fails (unless `keep_going`). Returns the status of the last
 * one. *had_password: one of them was typed. */
int shell_run_line(struct shell *shell, const char *text, size_t len, bool *had_password);

/* A person can be prompted: stdin and stdout are terminals. */
bool shell_can_prompt(void);
/* shell_prompt.c: with a prompt, until the person leaves. Returns the exit status. */
int shell_prompt(struct shell *shell);
