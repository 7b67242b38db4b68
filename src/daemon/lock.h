/* One daemon per profile: a file that is locked for as long as it runs. */
#pragma once

#include <stdint.h>

#include "kadpeer/status.h"

struct lock_owner {
    int pid; /* 0: not known */
    int64_t started_unix_s;
};

/* OK: *fd holds the lock until it is closed, and the file says who we are. BUSY: `owner` has it.
 * PERMISSION, IO: see errno. */
enum status lock_take(const char *path, int *fd, struct lock_owner *owner);
