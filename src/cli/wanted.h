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
    bool by_name;            /* the hash has to be shown before anything is fetched */
    bool attached;           /* was there already */
    json_t *added;           /* the daemon's answer */
};

/* Reads the argument and has the daemon add (or resume) its transfer. NULL; or the failure. Dispose
 * of *out either way. */
json_t *wanted_add(struct cli *cli, const char *word, struct wanted *out);
/* The same for one of several matches of a name. */
json_t *wanted_add_match(struct cli *cli, const json_t *match, struct wanted *out);
void wanted_dispose(struct wanted *wanted);
