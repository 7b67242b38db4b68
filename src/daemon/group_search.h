/* Finding groups that let themselves be found: by name, or all of them  [protocol.md 2]. What the
 * table says is "this key said so", and nothing more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/records.h"

struct daemon;
struct group_search;

struct found_group {
    struct group_entry_body body;
};

struct group_search_end {
    unsigned asked, answered; /* nodes */
    size_t count;
    const struct found_group *found; /* each key once; borrowed for the call */
};

struct group_search_callbacks {
    void (*found)(void *user, const struct found_group *group); /* NULL: not wanted */
    void (*ended)(void *user, const struct group_search_end *end);
};

/* `name` NULL: all listed groups. Ends by itself, after `wait_ms` at the latest; never calls from
 * inside. NULL: the name is none, or no memory. */
struct group_search *group_search_start(struct daemon *daemon, const char *name, uint64_t wait_ms,
                                        const struct group_search_callbacks *callbacks, void *user);
void group_search_cancel(struct group_search *search); /* nothing follows */
