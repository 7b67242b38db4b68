/* Moving content to another folder: by a rename where that can be, else by a copy. Plain blocking
 * calls for pool threads; nothing else may be running on either storage.
 *
 * `from` and `to` are storages of the same content and the same kind (partial or not), `to` of the
 * new folder, which is made. A copy is `DIR/.kadpeer-INFOHASH.moving` until storage_move_settle.
 * What else lies in a torrent's folder goes along with a rename and stays behind with a copy. */
#pragma once

#include "content/storage.h"

enum storage_move {
    STORAGE_MOVED,
    STORAGE_CROSSES, /* another file system: it is to be copied */
};

/* OK: it is there now, by a rename, or was already (only `to` has it, or both are one folder).
 * NOT_FOUND: neither has it. EXISTS: something has its name there. */
enum status storage_move(struct storage *from, struct storage *to, enum storage_move *out,
                         struct storage_error *error);

/* ---- copying, bit by bit ---- */

struct storage_copy;

/* Whatever an earlier try has left is written over. NULL: no memory. */
struct storage_copy *storage_copy_new(struct storage *from, struct storage *to);
void storage_copy_free(struct storage_copy *copy); /* NULL is allowed */
/* About STORAGE_COPY_STEP bytes more, on disk when it returns; holes stay holes. `*done`: that was
 * all. CHANGED: somebody writes to a file that is being copied. */
enum status storage_copy_step(struct storage_copy *copy, bool *done, struct storage_error *error);
/* Bytes of the files, holes too. */
void storage_copy_progress(const struct storage_copy *copy, uint64_t *done, uint64_t *total);
/* How the copies look; as storage_stat_files will say once they are settled. */
enum status storage_copy_stat(struct storage_copy *copy, struct storage_stat out[],
                              struct storage_error *error);
void storage_copy_abandon(struct storage *to); /* deletes what was copied */

/* Gives the copy its name, if that has not been done, and deletes what it was copied from. EXISTS:
 * something has the name; nothing is lost. `*left_over` tells that some of the latter could not be
 * deleted, and `error` which and why: OK all the same. */
enum status storage_move_settle(struct storage *from, struct storage *to, bool *left_over,
                                struct storage_error *error);
