/* What an argument of `get` is, and the call that fetches it. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "cli/cli.h"

#define WANTED_ID_SIZE 48

struct wanted {
    const char *word;        /* as typed; borrowed */
    char id[WANTED_ID_SIZE]; /* how the daemon names the transfer */
    char *label;             /* safe on a terminal: a name, or the short hash */
    bool attached;           /* was there already */
    json_t *added;           /* the daemon's answer */
    cli_on_event *on_event;  /* of wanted_metadata */
    void *user;
};

/* Reads the argument and has the daemon add (or resume) its transfer; of a name with several
 * matches a person at a terminal is asked which. NULL; or the failure. Dispose of *out either way.
 */
json_t *wanted_add(struct cli *cli, const char *word, struct wanted *out);
/* A file of a group, by its path there or its hash. */
json_t *wanted_add_file(struct cli *cli, const char *group, const char *file, struct wanted *out);
/* The words that say what is wanted: of download without the group, which is *group (NULL for get).
 * Returns how many. */
size_t wanted_words(const struct arguments *arguments, const char *const **words,
                    const char **group);
/* wanted_add, but all that is asked for is what it is made of (transfer.metadata of
 * docs/control.md): `added` has that, `id` stays empty. `on_event` hears of the search. */
json_t *wanted_metadata(struct cli *cli, const char *word, cli_on_event *on_event, void *user,
                        struct wanted *out);
bool wanted_is_torrent(const char *path); /* a file that begins like one */
void wanted_dispose(struct wanted *wanted);
