/* What an argument of `get` is, and the call that fetches it. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

struct cli;

#define WANTED_ID_SIZE 48

struct wanted {
    const char *word;        /* as typed; borrowed */
    char id[WANTED_ID_SIZE]; /* how the daemon names the transfer */
    char *label;             /* safe on a terminal: a name, or the short hash */
    bool attached;           /* was there already */
    json_t *added;           /* the daemon's answer */
};

/* Reads the argument and has the daemon add (or resume) its transfer; of a name with several
 * matches a person at a terminal is asked which. NULL; or the failure. Dispose of *out either way.
 */
json_t *wanted_add(struct cli *cli, const char *word, struct wanted *out);
void wanted_dispose(struct wanted *wanted);
