/* What the files of storage share with each other and with nobody else. */
#pragma once

#include <pthread.h>

#include "content/beneath.h"
#include "content/storage.h"

/* Marks of a file since the last sync. */
#define STORAGE_WRITTEN 1u
#define STORAGE_MADE    2u

/* A partial file as we left it. */
struct storage_looks {
    bool known;
    struct storage_stat stat;
};

struct storage {
    const struct metainfo *metainfo;
    struct storage_cache *cache;
    char *dir;
    char *target;
    char *partial_name;
    /* Held shared by whatever reaches for files, alone by what renames or deletes them. Guards
     * `partial`. */
    pthread_rwlock_t lock;
    bool partial;
    int hold; /* the partial file or folder, locked; -1: not held */
    pthread_mutex_t marks_lock;
    uint8_t *marks; /* file_count of them; NULL before the first write */
    /* Held for each write from its first look to its last: who has it knows that nobody of ours
     * writes. */
    pthread_mutex_t looks_lock;
    struct storage_looks *looks; /* file_count of them; NULL before the first write */
    bool stamps_lie;             /* sizes alone are compared */
    uint8_t *left_out;           /* file_count flags; NULL: none is left out */
    uint8_t *spared;             /* likewise: compared instead of written to */
    pthread_mutex_t borders_lock;
    uint32_t *slots; /* piece_count: where it lies in the border file, from 1; NULL: not read yet */
    uint32_t slot_count;
};

/* Notes what went wrong with that path (errno in `error_number`) and gives its status. */
enum status storage_fail(struct storage_error *error, int error_number, const char *path);
/* `root_name` or "ROOT_NAME/path of the file". */
void storage_file_path(const struct storage *storage, const char *root_name, uint32_t file,
                       char out[STORAGE_PATH_SIZE]);
const char *storage_root_name(const struct storage *storage); /* as `partial` says; needs lock */

void storage_let_go(struct storage *storage); /* of the hold */

/* An open file; `file` may be file_count: the border file. To be given back to the cache. */
enum status storage_open_file(struct storage *storage, uint32_t file, bool write, int *out,
                              bool *made, struct storage_error *error);
/* All of them (`out` NULL: from `data`), or what stopped it: errno, or 0 at the end of the file. */
bool storage_move_bytes(int fd, uint8_t *out, const uint8_t *data, uint64_t len, uint64_t at,
                        int *error);

/* To its file, whatever the piece. */
enum status storage_write_span(struct storage *storage, const struct metainfo_span *span,
                               const uint8_t *data, struct storage_error *error);

/* ---- files that are spared: storage_spared.c ---- */

bool storage_spares(const struct storage *storage, uint32_t file);
/* CONFLICT: other bytes are there, or (errno in *error) they cannot be read. */
enum status storage_holds(int fd, const struct metainfo_span *span, const uint8_t *data,
                          int *error);

/* ---- border pieces: storage_borders.c ---- */

bool storage_is_left_out(const struct storage *storage, uint32_t file);
/* Bytes within one piece. NOT_FOUND: it does not lie in the border file. */
enum status storage_borders_read(struct storage *storage, uint64_t offset, uint64_t len,
                                 uint8_t *out, struct storage_error *error);
/* As far as they are of pieces that have a part of a file left out. */
enum status storage_borders_write(struct storage *storage, uint64_t offset, struct bytes data,
                                  struct storage_error *error);

/* Makes room for marks and looks. False: no memory. */
bool storage_have_marks(struct storage *storage);
void storage_mark(struct storage *storage, uint32_t file, uint8_t marks);
/* Whether the next file lies in another folder: what is to be done once a folder is done then. */
bool storage_ends_folder(const struct metainfo *metainfo, uint32_t file);

/* A walk below DIR. `make`: DIR is made when missing. Its root is closed by storage_walk_end. */
enum status storage_walk_begin(const struct storage *storage, bool make, struct beneath *out,
                               struct storage_error *error);
void storage_walk_end(struct beneath *beneath);

/* ---- looks; all need looks_lock, or the storage to themselves ---- */

/* Whether this open file is as we left it; `made`: it was not there and was made just now. What we
 * know nothing of is. */
bool storage_is_as_left(const struct storage *storage, uint32_t file, int fd, bool made);
/* As it is now is how we left it. Its time is set to the nanosecond: the clock that the system
 * stamps writes with may stand still for 10 ms, and somebody's write could hide there. */
void storage_note_looks(struct storage *storage, uint32_t file, int fd);
/* The size of a file that we know, when these bytes will have been written; else UINT64_MAX. */
uint64_t storage_size_after(const struct storage *storage, const struct metainfo_span *span);
/* False: somebody cut it or wrote to it while we did; it is taken for changed from then on. */
bool storage_has_size(struct storage *storage, uint32_t file, uint64_t size);
/* Every file that we know, by its name: CHANGED when one is not as we left it. */
enum status storage_check_looks(const struct storage *storage, struct beneath *walk,
                                struct storage_error *error);
/* They have their final names: a rename of ours is no change by somebody else. */
void storage_looks_renamed(struct storage *storage, struct beneath *walk);
void storage_forget_looks(struct storage *storage);

/* By name, as nothing follows a link; not there or no regular file: `exists` is false. */
enum status storage_look_at_file(const struct storage *storage, struct beneath *walk, uint32_t file,
                                 struct storage_stat *out, struct storage_error *error);
struct stat;
struct storage_stat storage_stat_of(const struct stat *stat);

/* ---- the cache of open files ---- */

/* An open file, or -1 when it has none. Every one got this way, and every one opened because there
 * was none, is given back by storage_cache_return, which keeps or closes it. */
int storage_cache_borrow(struct storage_cache *cache, const struct storage *owner, uint32_t file,
                         bool writable);
void storage_cache_return(struct storage_cache *cache, const struct storage *owner, uint32_t file,
                          bool writable, int fd);
/* Closes all of this owner's; none may be borrowed. */
void storage_cache_forget(struct storage_cache *cache, const struct storage *owner);
