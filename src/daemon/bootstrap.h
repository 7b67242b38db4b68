/* Finding the first nodes: those of the config and of the bootstrap list, all at once, again with
 * growing pauses for as long as nobody answers. (What the last run saved, node adds by itself;
 * addresses of links come through node_bootstrap.) */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "base/config.h"
#include "base/paths.h"

struct node;
struct bootstrap;

/* All are borrowed until bootstrap_free. NULL: no memory. */
struct bootstrap *bootstrap_new(uv_loop_t *loop, struct node *node, const struct config *config,
                                const struct paths *paths);
/* Reads the sources and asks them; also when nobody is left (DHT_EVENT_ALONE). */
void bootstrap_start(struct bootstrap *bootstrap);
/* Somebody answered: no more rounds. */
void bootstrap_rest(struct bootstrap *bootstrap);
void bootstrap_free(struct bootstrap *bootstrap); /* NULL is allowed */

struct bootstrap_counts {
    size_t configured; /* addresses in the config */
    size_t listed;     /* in the list */
    size_t bad_lines;  /* of both, that could not be read */
    size_t unresolved; /* names that the last round found no address for */
    unsigned rounds;   /* of asking, since the start or since everybody was lost */
};
struct bootstrap_counts bootstrap_counts(const struct bootstrap *bootstrap);
/* The list in use; NULL: there is none. */
const char *bootstrap_list_path(const struct bootstrap *bootstrap);
