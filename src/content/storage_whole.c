/* What storage does to a torrent as a whole: prepare, finish, look at, measure and delete it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "content/params.h"
#include "content/storage_private.h"

/* Nothing else reaches for files between these two; open ones are let go. */
static enum status begin_alone(struct storage *storage, bool make, struct beneath *walk,
                               struct storage_error *error)
{
    storage_fail(error, 0, storage->target);
    pthread_rwlock_wrlock(&storage->lock);
    storage_cache_forget(storage->cache, storage);
    return storage_walk_begin(storage, make, walk, error);
}

static void end_alone(struct storage *storage, struct beneath *walk)
{
    storage_walk_end(walk);
    pthread_rwlock_unlock(&storage->lock);
}

static bool is_on_disk(const struct storage *storage, uint32_t file)
{
    return !storage->metainfo->files[file].padding;
}

/* Those under the name the content has now. */
static void remove_empty_folders(struct storage *storage, struct beneath *walk)
{
    char path[STORAGE_PATH_SIZE];
    for (uint32_t i = storage->metainfo->file_count; i-- > 0;) {
        if (!is_on_disk(storage, i) || !storage_ends_folder(storage->metainfo, i))
            continue;
        storage_file_path(storage, storage_root_name(storage), i, path);
        beneath_remove_folders(walk, path);
    }
}

/* ---- what is there ---- */

/* Whether anything has the name. *status is not OK when that cannot be told. */
static bool is_there(int folder, const char *name, enum status *status, struct storage_error *error)
{
    struct stat stat;
    if (fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) == 0)
        return true;
    if (errno != ENOENT && errno != ENOTDIR && *status == STATUS_OK)
        *status = storage_fail(error, errno, name);
    return false;
}

enum status storage_look(struct storage *storage, struct storage_presence *out,
                         struct storage_error *error)
{
    struct beneath walk;
    *out = (struct storage_presence){.partial = false};
    enum status status = storage_walk_begin(storage, false, &walk, error);
    if (status == STATUS_OK) {
        out->partial = is_there(walk.root, storage->partial_name, &status, error);
        out->final = is_there(walk.root, storage->target, &status, error);
    }
    storage_walk_end(&walk);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* False when there is no regular file; *status is then why, unless it is just missing. */
static bool stat_file(const struct storage *storage, struct beneath *walk, uint32_t file,
                      struct stat *out, enum status *status, struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE];
    const char *last;
    storage_file_path(storage, storage_root_name(storage), file, path);
    int folder = beneath_folder_of(walk, path, false, &last);
    if (folder >= 0 && fstatat(folder, last, out, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISREG(out->st_mode);
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        *status = storage_fail(error, errno, path);
    return false;
}

struct storage_stat storage_stat_of(const struct stat *stat)
{
    return (struct storage_stat){
        .exists = true,
        .size = (uint64_t)stat->st_size,
        .mtime_ns = (int64_t)stat->st_mtim.tv_sec * 1000000000 + stat->st_mtim.tv_nsec,
        .ctime_ns = (int64_t)stat->st_ctim.tv_sec * 1000000000 + stat->st_ctim.tv_nsec,
        .inode = stat->st_ino};
}

enum status storage_look_at_file(const struct storage *storage, struct beneath *walk, uint32_t file,
                                 struct storage_stat *out, struct storage_error *error)
{
    struct stat stat;
    enum status status = STATUS_OK;
    *out = (struct storage_stat){.exists = false};
    if (!is_on_disk(storage, file))
        *out = (struct storage_stat){.exists = true, .size = storage->metainfo->files[file].length};
    else if (walk->root >= 0 && stat_file(storage, walk, file, &stat, &status, error))
        *out = storage_stat_of(&stat);
    return status;
}

static enum status stat_files(struct storage *storage, struct beneath *walk,
                              struct storage_stat out[], struct storage_error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < storage->metainfo->file_count && status == STATUS_OK; i++)
        status = storage_look_at_file(storage, walk, i, &out[i], error);
    return status;
}

enum status storage_stat_file(struct storage *storage, uint32_t file, struct storage_stat *out,
                              struct storage_error *error)
{
    struct beneath walk;
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = storage_walk_begin(storage, false, &walk, error);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        status = storage_look_at_file(storage, &walk, file, out, error);
    storage_walk_end(&walk);
    pthread_rwlock_unlock(&storage->lock);
    return status;
}

enum status storage_stat_files(struct storage *storage, struct storage_stat out[],
                               struct storage_error *error)
{
    struct beneath walk;
    pthread_rwlock_wrlock(&storage->lock);
    storage_cache_forget(storage->cache, storage);
    pthread_rwlock_unlock(&storage->lock);
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = storage_walk_begin(storage, false, &walk, error);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        status = stat_files(storage, &walk, out, error);
    storage_walk_end(&walk);
    pthread_rwlock_unlock(&storage->lock);
    return status;
}

enum status storage_drop_cached(struct storage *storage, struct storage_error *error)
{
    struct beneath walk;
    char path[STORAGE_PATH_SIZE];
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = storage_walk_begin(storage, false, &walk, error);
    for (uint32_t i = 0; i <= storage->metainfo->file_count && status == STATUS_OK; i++) {
        bool is_border = i == storage->metainfo->file_count;
        if (!is_border && !is_on_disk(storage, i))
            continue;
        storage_file_path(storage, storage_root_name(storage), i, path);
        int fd = beneath_open(&walk, path, false, NULL);
        if (fd < 0 && errno != ENOENT)
            status = storage_fail(error, errno, path);
        if (fd < 0)
            continue;
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    storage_walk_end(&walk);
    pthread_rwlock_unlock(&storage->lock);
    return status;
}

/* ---- space ---- */

/* The nearest folder above DIR that exists, DIR itself first. */
static int stat_file_system(const char *dir, struct statvfs *out)
{
    char *path = strdup(dir);
    if (path == NULL)
        return -1;
    int result;
    while ((result = statvfs(path, out)) != 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || path[1] == 0)
            break;
        slash[slash == path ? 1 : 0] = 0;
    }
    int error = errno;
    free(path);
    errno = error;
    return result;
}

enum status storage_free_space(struct storage *storage, uint64_t *out_bytes,
                               struct storage_error *error)
{
    struct statvfs stat;
    if (stat_file_system(storage->dir, &stat) != 0)
        return storage_fail(error, errno, storage->dir);
    *out_bytes = (uint64_t)stat.f_bavail * stat.f_frsize;
    return STATUS_OK;
}

enum status storage_used_space(struct storage *storage, uint64_t *out_bytes,
                               struct storage_error *error)
{
    struct beneath walk;
    *out_bytes = 0;
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = storage_walk_begin(storage, false, &walk, error);
    for (uint32_t i = 0; i < storage->metainfo->file_count && status == STATUS_OK; i++) {
        struct stat stat;
        if (is_on_disk(storage, i) && stat_file(storage, &walk, i, &stat, &status, error))
            *out_bytes +=
                (uint64_t)stat.st_blocks * 512; /* the unit of st_blocks, whatever f_bsize is */
    }
    storage_walk_end(&walk);
    pthread_rwlock_unlock(&storage->lock);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- prepare ---- */

static enum status make_file(struct storage *storage, struct beneath *walk, uint32_t file,
                             struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE];
    bool made;
    storage_file_path(storage, storage_root_name(storage), file, path);
    int fd = beneath_open(walk, path, true, &made);
    if (fd < 0)
        return storage_fail(error, errno, path);
    close(fd);
    if (made)
        storage_mark(storage, file, STORAGE_MADE);
    return STATUS_OK;
}

static enum status make_root(const struct storage *storage, struct beneath *walk,
                             struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE];
    const char *last;
    snprintf(path, sizeof path, "%s/-", storage_root_name(storage));
    if (beneath_folder_of(walk, path, true, &last) >= 0)
        return STATUS_OK;
    return storage_fail(error, errno, storage_root_name(storage));
}

/* The root, and every file of no length; a single file too, whatever its length. */
static enum status make_empty_files(struct storage *storage, struct beneath *walk,
                                    struct storage_error *error)
{
    const struct metainfo *metainfo = storage->metainfo;
    enum status status = metainfo->single_file ? STATUS_OK : make_root(storage, walk, error);
    for (uint32_t i = 0; i < metainfo->file_count && status == STATUS_OK; i++)
        if (is_on_disk(storage, i) && !storage_is_left_out(storage, i) &&
            (metainfo->single_file || metainfo->files[i].length == 0))
            status = make_file(storage, walk, i, error);
    return status;
}

void storage_let_go(struct storage *storage)
{
    if (storage->hold >= 0)
        close(storage->hold);
    storage->hold = -1;
}

/* Two downloads of one target, of this daemon or of another, would write over each other. A file
 * system that knows no locks is taken as it is. */
static enum status take_hold(struct storage *storage, const struct beneath *walk,
                             struct storage_error *error)
{
    const char *name = storage->partial_name;
    storage_let_go(storage);
    int fd = openat(walk->root, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return storage_fail(error, errno, name);
    storage->hold = fd;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return STATUS_OK;
    storage_let_go(storage);
    return storage_fail(error, EWOULDBLOCK, name);
}

enum status storage_prepare(struct storage *storage, struct storage_error *error)
{
    struct beneath walk;
    if (!storage_have_marks(storage))
        return storage_fail(error, ENOMEM, storage->target);
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = STATUS_OK;
    if (storage->partial) {
        status = storage_walk_begin(storage, true, &walk, error);
        if (status == STATUS_OK)
            status = make_empty_files(storage, &walk, error);
        if (status == STATUS_OK)
            status = take_hold(storage, &walk, error);
        storage_walk_end(&walk);
    }
    pthread_rwlock_unlock(&storage->lock);
    return status;
}

/* ---- finish ---- */

/* False: somebody else's hand was there. */
static bool cut_file(struct storage *storage, uint32_t file, int fd, int *result)
{
    pthread_mutex_lock(&storage->looks_lock);
    bool ours = storage_is_as_left(storage, file, fd, false);
    if (ours) {
        *result = ftruncate(fd, (off_t)storage->metainfo->files[file].length);
        storage_note_looks(storage, file, fd);
    }
    pthread_mutex_unlock(&storage->looks_lock);
    return ours;
}

/* Cuts what is too long and syncs. A file that is not there was not wanted. */
static enum status settle_file(struct storage *storage, struct beneath *walk, uint32_t file,
                               bool folders_too, struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE];
    storage_file_path(storage, storage_root_name(storage), file, path);
    const char *last;
    struct stat stat;
    int folder = beneath_folder_of(walk, path, false, &last);
    if (folder < 0 || fstatat(folder, last, &stat, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? STATUS_OK : storage_fail(error, errno, path);
    int fd = beneath_open(walk, path, true, NULL);
    if (fd < 0)
        return storage_fail(error, errno, path);
    int result = 0;
    bool too_long = (uint64_t)stat.st_size > storage->metainfo->files[file].length;
    if (too_long && !cut_file(storage, file, fd, &result)) {
        close(fd);
        storage_fail(error, 0, path);
        return STATUS_CHANGED;
    }
    if (result == 0)
        result = fsync(fd);
    int failure = errno;
    close(fd);
    if (result == 0 && folders_too) {
        result = beneath_sync_folders(walk, path);
        failure = errno;
    }
    return result == 0 ? STATUS_OK : storage_fail(error, failure, path);
}

static enum status settle_files(struct storage *storage, struct beneath *walk,
                                struct storage_error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < storage->metainfo->file_count && status == STATUS_OK; i++) {
        if (is_on_disk(storage, i))
            status =
                settle_file(storage, walk, i, storage_ends_folder(storage->metainfo, i), error);
    }
    return status;
}

/* Renames unless the new name is taken: EEXIST. */
static int rename_free(int dir, const char *from, const char *to)
{
    if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    struct stat stat; /* a file system without the flag: the best it can do */
    if (fstatat(dir, to, &stat, AT_SYMLINK_NOFOLLOW) == 0)
        errno = EEXIST;
    if (errno != ENOENT)
        return -1;
    return renameat(dir, from, dir, to);
}

/* Moves one file to the same path in the folder that has the final name. One that is not there was
 * moved by an earlier try, or not wanted. */
static enum status merge_file(struct storage *storage, struct beneath *from, struct beneath *to,
                              uint32_t file, struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE], new_path[STORAGE_PATH_SIZE];
    const char *last, *new_last;
    storage_file_path(storage, storage->partial_name, file, path);
    storage_file_path(storage, storage->target, file, new_path);
    int folder = beneath_folder_of(from, path, false, &last);
    enum status status = STATUS_OK;
    if (folder < 0 && errno != ENOENT)
        return storage_fail(error, errno, path);
    if (folder < 0 || !is_there(folder, last, &status, error))
        return status;
    int new_folder = beneath_folder_of(to, new_path, true, &new_last);
    if (new_folder < 0 || renameat(folder, last, new_folder, new_last) != 0)
        return storage_fail(error, errno, new_path);
    const struct metainfo *metainfo = storage->metainfo;
    if (storage_ends_folder(metainfo, file) && beneath_sync_folders(to, new_path) != 0)
        return storage_fail(error, errno, new_path);
    return STATUS_OK;
}

static enum status merge_folders(struct storage *storage, struct beneath *from,
                                 struct storage_error *error)
{
    struct beneath to;
    enum status status = STATUS_OK;
    beneath_init(&to, from->root);
    uint32_t count = storage->metainfo->file_count;
    for (uint32_t i = 0; i <= count && status == STATUS_OK; i++)
        if (i == count || is_on_disk(storage, i)) /* the border file, too */
            status = merge_file(storage, from, &to, i, error);
    beneath_dispose(&to);
    if (status == STATUS_OK)
        remove_empty_folders(storage, from);
    return status;
}

static bool is_folder(int dir, const char *name)
{
    struct stat stat;
    return fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode);
}

/* Something may have the final name already. */
static enum status take_final_name(struct storage *storage, struct beneath *walk, bool force,
                                   struct storage_error *error)
{
    bool single = storage->metainfo->single_file;
    int result = rename_free(walk->root, storage->partial_name, storage->target);
    if (result != 0 && errno == EEXIST && force) {
        if (!single && is_folder(walk->root, storage->target))
            return merge_folders(storage, walk, error);
        result = renameat(walk->root, storage->partial_name, walk->root, storage->target);
    }
    if (result == 0)
        return STATUS_OK;
    /* A folder where a file is wanted, or the other way round: nothing to replace. */
    bool other_kind = errno == EISDIR || errno == ENOTDIR || errno == ENOTEMPTY;
    enum status status = storage_fail(error, errno, storage->target);
    return other_kind ? STATUS_EXISTS : status;
}

static enum status sync_dir(struct storage *storage, struct beneath *walk,
                            struct storage_error *error)
{
    if (beneath_sync_folders(walk, storage->target) == 0)
        return STATUS_OK;
    return storage_fail(error, errno, storage->target);
}

/* What takes long, while others go on reading. */
static enum status finish_files(struct storage *storage, struct storage_error *error)
{
    struct beneath walk;
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = storage_walk_begin(storage, true, &walk, error);
    bool nothing_written = storage->metainfo->total_length == 0;
    bool there = status == STATUS_OK && is_there(walk.root, storage->partial_name, &status, error);
    if (status == STATUS_OK && !nothing_written && !there)
        status = storage_fail(error, ENOENT, storage->partial_name);
    if (status == STATUS_OK)
        status = make_empty_files(storage, &walk, error);
    if (status == STATUS_OK)
        status = settle_files(storage, &walk, error);
    storage_walk_end(&walk);
    pthread_rwlock_unlock(&storage->lock);
    return status;
}

enum status storage_finish(struct storage *storage, bool force, struct storage_error *error)
{
    struct beneath walk;
    if (!storage_is_partial(storage))
        return STATUS_OK;
    if (!storage_have_marks(storage))
        return storage_fail(error, ENOMEM, storage->target);
    enum status status = finish_files(storage, error);
    if (status != STATUS_OK)
        return status;
    status = begin_alone(storage, false, &walk, error);
    if (status == STATUS_OK && storage->partial)
        status = storage_check_looks(storage, &walk, error);
    if (status == STATUS_OK && storage->partial)
        status = take_final_name(storage, &walk, force, error);
    if (status == STATUS_OK && storage->partial) {
        storage->partial = false;
        storage_let_go(storage);
        storage_looks_renamed(storage, &walk);
    }
    if (status == STATUS_OK)
        status = sync_dir(storage, &walk, error);
    end_alone(storage, &walk);
    return status;
}

enum status storage_reopen(struct storage *storage, struct storage_error *error)
{
    struct beneath walk;
    enum status status = begin_alone(storage, false, &walk, error);
    if (status == STATUS_OK && !storage->partial) {
        if (rename_free(walk.root, storage->target, storage->partial_name) != 0) {
            status = storage_fail(error, errno, storage->target);
        } else {
            storage->partial = true;
            storage_forget_looks(storage);
            status = sync_dir(storage, &walk, error);
        }
    }
    end_alone(storage, &walk);
    return status;
}

/* ---- delete ---- */

/* The first failure is kept, and the rest deleted all the same. */
static enum status delete_files(struct storage *storage, struct beneath *walk,
                                struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE];
    enum status first = STATUS_OK;
    uint32_t count = storage->metainfo->file_count;
    for (uint32_t i = 0; i <= count - storage->metainfo->single_file; i++) {
        const char *last;
        if (i < count && !is_on_disk(storage, i))
            continue;
        storage_file_path(storage, storage_root_name(storage), i, path);
        int folder = beneath_folder_of(walk, path, false, &last);
        if ((folder < 0 || unlinkat(folder, last, 0) != 0) && errno != ENOENT && first == STATUS_OK)
            first = storage_fail(error, errno, path);
    }
    return first;
}

enum status storage_delete(struct storage *storage, struct storage_error *error)
{
    struct beneath walk;
    enum status status = begin_alone(storage, false, &walk, error);
    if (status == STATUS_OK) {
        status = delete_files(storage, &walk, error);
        remove_empty_folders(storage, &walk);
        storage_forget_looks(storage);
        storage_let_go(storage);
    }
    end_alone(storage, &walk);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
