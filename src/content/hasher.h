/* SHA-1 over a storage: of pieces, on any number of threads, and of whole files from front to back.
 * Blocking: for pool threads or the CLI's own. The same calls make a new share (a storage over
 * tree_layout), verify a download and check a .torrent against a folder. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "content/storage.h"
#include "kadpeer/id.h"
#include "kadpeer/sha256.h"
#include "kadpeer/status.h"

/* ---- pieces ---- */

/* Hashes pieces side by side (base/sha1_lanes.h), each fed a slice at a time: memory does not grow
 * with the pieces. What has to come from a disk is read from front to back, one piece after the
 * other, for a disk is slow at reading in many places at once. One thread at a time. */
struct hasher;
struct hasher *hasher_new(struct storage *storage); /* borrowed; NULL: no memory */
void hasher_free(struct hasher *hasher);            /* NULL is allowed */

/* How many pieces from `first` on one of `workers` best takes at once: enough to fill the lanes and
 * to be worth the way there, and no more than its part. At least one where there is one. */
uint32_t hasher_portion(const struct metainfo *metainfo, uint32_t first, unsigned workers);
size_t hasher_lanes(void); /* pieces that are hashed side by side at most */

/* Pieces first … end - 1; of a bitfield, borrowed until they are done, those that are set. */
void hasher_begin(struct hasher *hasher, uint32_t first, uint32_t end, const uint8_t *bits);
/* Goes on by about `max_bytes`, up to the next results. Adds to *done_bytes how far it came, with
 * what could not be read. False: there was nothing left to do. */
bool hasher_step(struct hasher *hasher, uint64_t max_bytes, uint64_t *done_bytes);

/* Lets go of the memory that is needed only while it goes on, until the next step. */
void hasher_rest(struct hasher *hasher);

struct hasher_result {
    uint32_t piece;
    enum status status;                /* of storage_read; NO_MEMORY */
    struct id hash;                    /* OK */
    const struct storage_error *error; /* not OK */
};
/* Of the pieces that came to their end in the last step: their number, often 0. Borrowed until the
 * next hasher_ call. */
size_t hasher_results(const struct hasher *hasher, const struct hasher_result **out);
/* Beside the hash in the metainfo. OK: the piece on disk is right. MISMATCH: wrong or too short.
 * NOT_FOUND: a file is missing. */
enum status hasher_check(const struct hasher *hasher, const struct hasher_result *result);

/* ---- whole files ---- */

/* The SHA-1 of each file by itself, what `sha1sum` prints. One thread at a time. */
struct hasher_files;
struct hasher_files *hasher_files_new(struct storage *storage); /* borrowed; NULL: no memory */
void hasher_files_free(struct hasher_files *files);             /* NULL is allowed */
/* Instead the SHA-256 of all files one after the other (no padding): of a single file what
 * `sha256sum` prints. */
struct hasher_files *hasher_all_new(struct storage *storage); /* NULL: no memory */
/* Goes on by at most `max_bytes`; *done when nothing is left. After a failure: free it. */
enum status hasher_files_step(struct hasher_files *files, uint64_t max_bytes, bool *done,
                              struct storage_error *error);
/* Once done: file_count hashes (padding files, and all of hasher_all_new: zero ids), borrowed until
 * hasher_files_free. */
const struct id *hasher_files_sums(const struct hasher_files *files);
/* Once done, of hasher_all_new. */
void hasher_files_sha256(struct hasher_files *files, uint8_t out[SHA256_BYTES]);
