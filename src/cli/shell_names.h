/* A list of names that grows: what a completion may be, what the daemon knows. */
#pragma once

#include <stddef.h>

#define SHELL_NAMES_MAX 10000 /* more is of use to nobody */

struct shell_names {
    char **items;
    size_t count;
};

void shell_names_add(struct shell_names *names, const char *name); /* copies */
void shell_names_dispose(struct shell_names *names);
