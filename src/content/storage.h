/* A torrent's bytes on disk: where each file lies, and reading and writing runs of bytes across
 * files. Plain blocking POSIX calls for pool threads.
 *
 * While `partial` (a download) a single file is `DIR/TARGET.part`, a folder torrent is
 * `DIR/TARGET.part/…`; storage_finish gives them their name. Otherwise they are `DIR/TARGET` and
 * are never written to.
 *
 * Below DIR no symbolic link is ever followed, not even one planted between two calls: each part of
 * a path is opened from the one before it with O_NOFOLLOW. What lies in the way and is neither file
 * nor folder is refused, not opened. DIR itself is the user's own word and may hold links.
 *
 * Files grow as they are written and may be sparse. Padding files [BEP 47] are never on disk and
 * read as zeros. Files of no length appear at storage_prepare and storage_finish.
 *
 * Any function but storage_free may run on several threads at once, on ranges that do not overlap;
 * storage_finish waits for the others while it renames. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content/metainfo.h"
#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

/* ---- the open files that all storages share ---- */

/* At most STORAGE_DESCRIPTORS, the least recently used closed first. Thread-safe. */
struct storage_cache;
struct storage_cache *storage_cache_new(void);        /* NULL: no memory */
void storage_cache_free(struct storage_cache *cache); /* after its last storage; NULL is allowed */

/* ---- what went wrong ---- */

#define STORAGE_PATH_SIZE  (METAINFO_PATH_MAX + 264) /* TARGET.part/PATH and the final zero */
#define STORAGE_ERROR_SIZE (STORAGE_PATH_SIZE + 80)

/* NO_SPACE: ENOSPC, EDQUOT. PERMISSION: EACCES, EPERM, EROFS. NOT_FOUND: ENOENT. REFUSED: ELOOP,
 * ENOTDIR, or no regular file. EXISTS: EEXIST, ENOTEMPTY, EISDIR. CONFLICT: another storage holds
 * the partial file or folder, or a file that is spared has other bytes (error 0). BUSY: EMFILE,
 * ENFILE. NO_MEMORY: ENOMEM. MISMATCH: the file is shorter than it should be (error 0). CHANGED: a
 * partial file is not as we left it (error 0). Any other: IO. */
struct storage_error {
    int error;                    /* errno, or 0 */
    char path[STORAGE_PATH_SIZE]; /* below DIR; as it is, not yet safe to show */
};
/* "lectures.part/a.mp4: No space left on device", safe to show. */
void storage_error_text(enum status status, const struct storage_error *error,
                        char out[STORAGE_ERROR_SIZE]);

/* ---- make and free ---- */

struct storage;
struct storage_stat;

/* `dir` is absolute and need not exist before the first write; `target` is one path part (not
 * empty, ".", ".." or with '/'), else REFUSED. `metainfo` and `cache` are borrowed and must outlive
 * the storage. Touches no disk. */
enum status storage_new(const struct metainfo *metainfo, const char *dir, const char *target,
                        bool partial, struct storage_cache *cache, struct storage **out);
void storage_free(struct storage *storage); /* NULL is allowed; no other call may be running */

const struct metainfo *storage_metainfo(const struct storage *storage);
bool storage_is_partial(struct storage *storage);
/* Where the content is now: "DIR/TARGET.part" or "DIR/TARGET". Allocates; NULL: no memory. A target
 * too long for the file system with ".part" behind it is shortened for that name. */
char *storage_path(struct storage *storage);
/* What lies at either name, as nothing follows a link; both may be there. */
struct storage_presence {
    bool partial, final;
};
enum status storage_look(struct storage *storage, struct storage_presence *out,
                         struct storage_error *error);

/* ---- bytes; `error` may be NULL in all that follow ---- */

/* All `len` bytes from `offset` of the whole, or not OK: MISMATCH when a file ends too early,
 * NOT_FOUND when one is missing. Never zeros instead of bytes (but a hole in a partial file reads
 * as zeros: what was not written is not to be read). REFUSED beyond the end. */
enum status storage_read(struct storage *storage, uint64_t offset, size_t len, uint8_t *out,
                         struct storage_error *error);
/* The same without waiting for a disk, a lock or a thread that writes, for the loop: true when all
 * bytes lay in the system's memory, in files that are open already and are as they should be: as
 * `expected` says (file_count of them), or with NULL as we left them. Else false, whatever was put
 * into `out`: storage_read tells why. */
bool storage_read_now(struct storage *storage, uint64_t offset, size_t len, uint8_t *out,
                      const struct storage_stat *expected);
/* Makes folders and files as needed, DIR too. Only while partial, else REFUSED. After a failure
 * some of the bytes may have been written. CHANGED: nothing is written to a file that is not as we
 * left it, until storage_look_anew. */
enum status storage_write(struct storage *storage, uint64_t offset, struct bytes data,
                          struct storage_error *error);
/* What was written before this call is on disk when it returns OK, and findable by name; else
 * CHANGED. */
enum status storage_sync(struct storage *storage, struct storage_error *error);

/* Lets go of what the system keeps in memory of the files, but for what it has yet to write: what
 * is read then comes from the disk. For after a sync that failed, when the two may differ. */
enum status storage_drop_cached(struct storage *storage, struct storage_error *error);

/* ---- files that are left out ---- */

/* A piece that has bytes of a wanted file and of one that is left out is fetched and verified
 * whole. So that nobody finds a file he did not ask for, cut or full of holes, nothing is written
 * to files that are left out: such pieces lie, whole, in `.kadpeer-INFOHASH` in the torrent's
 * folder, under either name of that, and bytes of files that are left out are read from there.
 * Bytes that came while a file was wanted stay in it. */

/* file_count flags, taken; NULL: none is. No other call may be running. */
void storage_leave_out(struct storage *storage, uint8_t *left_out);
/* Bytes of files that are left out no longer move to them. Only while partial; again: the same. */
enum status storage_take_in(struct storage *storage, struct storage_error *error);

/* ---- files that are spared ---- */

/* Of a folder that was there and lost files, those that are left and cannot be verified, for want
 * of their neighbours in a piece: storage_write compares what belongs into them with what is there,
 * and writes nothing. CONFLICT: that differs. file_count flags, taken; NULL: none is. */
void storage_spare(struct storage *storage, uint8_t *spared);

/* ---- the whole ---- */

/* While partial: makes the folder (or the single file) and the wanted files of no length. So an
 * unwritable place shows before anything is fetched. What has the partial name already is taken as
 * ours: for a new download look first (storage_look). From then on it is held until it is finished,
 * deleted or freed: CONFLICT for any other storage, in whatever process, as far as the file system
 * has locks. */
enum status storage_prepare(struct storage *storage, struct storage_error *error);
/* Syncs all, cuts files that are too long, renames to DIR/TARGET, syncs DIR; not partial from then
 * on. Files that are missing or short were not selected and stay so: what is wanted, the caller has
 * verified. NOT_FOUND: nothing has the partial name. EXISTS: something has the final one (nothing
 * is lost, call again with `force`). With `force` a file is replaced; of a folder the files of the
 * same paths are, others in it stay. CHANGED: a file is not as we left it, and nothing was renamed.
 * Already finished: OK. */
enum status storage_finish(struct storage *storage, bool force, struct storage_error *error);
/* Back to the partial name, to fetch pieces that went bad. EXISTS: something has that name. */
enum status storage_reopen(struct storage *storage, struct storage_error *error);

/* How a file stands on disk; tells a changed one. */
struct storage_stat {
    bool exists; /* as a regular file */
    uint64_t size;
    int64_t mtime_ns;
    int64_t ctime_ns; /* of its last change of any kind, which nobody can set; 0: not known */
    uint64_t inode;
};
/* Whether nobody has touched it; without ctime_ns where one of them has none. */
bool storage_stat_same(const struct storage_stat *then, const struct storage_stat *now);
/* `out` holds file_count; of padding files: exists, size right, the rest 0. Missing files are no
 * error. Also lets go of open files, so that one that was replaced is opened anew. */
enum status storage_stat_files(struct storage *storage, struct storage_stat out[],
                               struct storage_error *error);

/* One file, cheaply enough to do for every run of bytes that is read. Open files are kept. */
enum status storage_stat_file(struct storage *storage, uint32_t file, struct storage_stat *out,
                              struct storage_error *error);

/* ---- partial files that somebody else changes ---- */

/* What we know of a partial file is how it looked behind our last write. Size, time of the last
 * write, time of the last change and inode must be the same before the next one, when it is synced
 * and when it is renamed. The time of the last change also tells of a write whose time somebody put
 * back; chmod and a new link set it, too, after which the file is read once. Bytes that somebody
 * writes over others in the very moment of a write of ours are not noticed. */

/* OK while the files with these bytes are as we left them, else CHANGED. One that is being written
 * to just now is passed over. */
enum status storage_check(struct storage *storage, uint64_t offset, uint64_t len,
                          struct storage_error *error);
/* As the files look now is taken for how we left them. `out` and `changed` hold file_count;
 * changed: those that were known and look otherwise. Also lets go of open files. Only while
 * partial. */
enum status storage_look_anew(struct storage *storage, struct storage_stat out[], bool changed[],
                              struct storage_error *error);
/* As they were left; `out` holds file_count, and stays as it is for those not known. */
void storage_as_left(struct storage *storage, struct storage_stat out[]);
/* As they were left in an earlier run; those that do not exist in `left` are not known. NO_MEMORY.
 */
enum status storage_set_left(struct storage *storage, const struct storage_stat left[]);
/* This file system's times and inodes mean nothing: only sizes are compared from now on. */
void storage_distrust_stamps(struct storage *storage);

/* Bytes that may still be written where the target is (or would be), for a user without privilege.
 */
enum status storage_free_space(struct storage *storage, uint64_t *out_bytes,
                               struct storage_error *error);
/* Bytes on disk now (blocks, not lengths): what a sparse partial download has taken already. */
enum status storage_used_space(struct storage *storage, uint64_t *out_bytes,
                               struct storage_error *error);

/* Deletes the files of this torrent and then the folders that are empty. Files that are gone
 * already are no error; others that were put into the folder stay. */
enum status storage_delete(struct storage *storage, struct storage_error *error);
