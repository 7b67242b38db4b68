/* Pieces that came whole and are in memory: their SHA-1, side by side when there are several, and
 * what is right is written. Blocking: for pool threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "content/storage.h"
#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

struct piece_check {
    uint32_t piece;
    struct bytes data; /* all of it */

    /* OK: right, and written. MISMATCH: its SHA-1 is wrong, nothing was written. Else of
     * storage_write; IO instead of its MISMATCH. */
    enum status status;
    uint64_t free_bytes; /* NO_SPACE: what is left */
    struct storage_error error;
};

#define PIECE_CHECKS_MAX 16

/* How many at a time are the fastest. */
size_t piece_checks_wanted(void);
/* Any number up to PIECE_CHECKS_MAX. One that fails says nothing about the others. */
void piece_checks_run(struct storage *storage, struct piece_check checks[], size_t count);
