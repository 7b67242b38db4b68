/* The file itself, before SQLite sees it: SQLite would turn a foreign or cut database into
 * something else by merely opening it. */
#pragma once

#include <stdbool.h>

#include "kadpeer/status.h"

/* Creates an empty file of mode 0600 when there is none, else looks at its first bytes and its
 * length, changes nothing but a too open mode, and says whether it can be ours.
 * *empty: nothing in it yet. *why: in what it is STATUS_MALFORMED (static storage), else NULL. */
enum status database_file_check(const char *path, bool *empty, const char **why);
