/* SHA-1 over a storage: of pieces, in any order on any number of threads, and of whole files from
 * front to back. Blocking: for pool threads or the CLI's own. The same calls make a new share (a
 * storage over tree_layout), verify a download and check a .torrent against a folder. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "content/storage.h"
#include "kadpeer/id.h"
#include "kadpeer/sha256.h"
#include "kadpeer/status.h"

/* The hashes of `count` pieces from `first`. Stops at the first piece that can't be read, with the
 * status of storage_read. `error` may be NULL here and below. */
enum status hasher_pieces(struct storage *storage, uint32_t first, uint32_t count, struct id out[],
                          struct storage_error *error);

/* OK: the piece on disk is right. MISMATCH: wrong or too short. NOT_FOUND: a file is missing. */
enum status hasher_check(struct storage *storage, uint32_t piece, struct storage_error *error);

/* The SHA-1 of each file by itself, what `sha1sum` prints. One thread at a time. */
struct hasher_files;
struct hasher_files *hasher_files_new(struct storage *storage); /* borrowed; NULL: no memory */
void hasher_files_free(struct hasher_files *files);             /* NULL is allowed */
/* The SHA-256 too, of all files one after the other (no padding): of a single file what `sha256sum`
 * prints. Before the first step. False: no memory. */
bool hasher_files_want_sha256(struct hasher_files *files);
/* That SHA-256 alone. */
struct hasher_files *hasher_all_new(struct storage *storage); /* NULL: no memory */
/* Goes on by at most `max_bytes`; *done when nothing is left. After a failure: free it. */
enum status hasher_files_step(struct hasher_files *files, uint64_t max_bytes, bool *done,
                              struct storage_error *error);
/* Once done: file_count hashes (padding files, and all of hasher_all_new: zero ids), borrowed until
 * hasher_files_free. */
const struct id *hasher_files_sums(const struct hasher_files *files);
void hasher_files_sha256(struct hasher_files *files, uint8_t out[SHA256_BYTES]); /* once done */
