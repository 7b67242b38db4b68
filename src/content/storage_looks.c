/* Partial files that somebody else changes, told by how they look. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "content/storage_private.h"

bool storage_stat_same(const struct storage_stat *then, const struct storage_stat *now)
{
    return then->exists == now->exists && then->size == now->size &&
           then->mtime_ns == now->mtime_ns && then->inode == now->inode &&
           (then->ctime_ns == now->ctime_ns || then->ctime_ns == 0 || now->ctime_ns == 0);
}

static bool is_same(const struct storage *storage, const struct storage_stat *a,
                    const struct storage_stat *b)
{
    if (storage->stamps_lie)
        return a->exists == b->exists && a->size == b->size;
    return storage_stat_same(a, b);
}

bool storage_is_as_left(const struct storage *storage, uint32_t file, int fd, bool made)
{
    struct stat stat;
    if (storage->looks == NULL || !storage->looks[file].known)
        return true;
    const struct storage_stat *left = &storage->looks[file].stat;
    if (made || !left->exists)
        return made && !left->exists;
    if (fstat(fd, &stat) != 0 || stat.st_nlink == 0)
        return false;
    struct storage_stat now = storage_stat_of(&stat);
    return is_same(storage, left, &now);
}

void storage_note_looks(struct storage *storage, uint32_t file, int fd)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
    struct stat stat;
    /* A file of somebody else, that we may write to, keeps the system's stamp. */
    if (clock_gettime(CLOCK_REALTIME, &times[1]) == 0)
        (void)futimens(fd, times);
    if (storage->looks == NULL)
        return;
    storage->looks[file].known = fstat(fd, &stat) == 0;
    if (storage->looks[file].known)
        storage->looks[file].stat = storage_stat_of(&stat);
}

uint64_t storage_size_after(const struct storage *storage, const struct metainfo_span *span)
{
    const struct storage_looks *looks = &storage->looks[span->file];
    uint64_t end = span->file_offset + span->length;
    if (!looks->known)
        return UINT64_MAX;
    return looks->stat.exists && looks->stat.size > end ? looks->stat.size : end;
}

bool storage_has_size(struct storage *storage, uint32_t file, uint64_t size)
{
    struct storage_looks *looks = &storage->looks[file];
    if (size == UINT64_MAX || (looks->known && looks->stat.size == size))
        return true;
    looks->stat.size = size;
    return false;
}

void storage_looks_renamed(struct storage *storage, struct beneath *walk)
{
    struct storage_stat now;
    for (uint32_t i = 0; i < storage->metainfo->file_count && storage->looks != NULL; i++) {
        struct storage_stat *left = &storage->looks[i].stat;
        if (!storage->looks[i].known || !left->exists ||
            storage_look_at_file(storage, walk, i, &now, NULL) != STATUS_OK)
            continue;
        if (now.inode == left->inode && now.mtime_ns == left->mtime_ns)
            left->ctime_ns = now.ctime_ns;
    }
}

void storage_forget_looks(struct storage *storage)
{
    for (uint32_t i = 0; i < storage->metainfo->file_count && storage->looks != NULL; i++)
        storage->looks[i].known = false;
}

enum status storage_check_looks(const struct storage *storage, struct beneath *walk,
                                struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE];
    struct storage_stat now;
    for (uint32_t i = 0; i < storage->metainfo->file_count && storage->looks != NULL; i++) {
        const struct storage_looks *looks = &storage->looks[i];
        if (!looks->known || !looks->stat.exists)
            continue;
        enum status status = storage_look_at_file(storage, walk, i, &now, error);
        if (status != STATUS_OK)
            return status;
        if (is_same(storage, &looks->stat, &now))
            continue;
        storage_file_path(storage, storage_root_name(storage), i, path);
        storage_fail(error, 0, path);
        return STATUS_CHANGED;
    }
    return STATUS_OK;
}

/* ---- a run of bytes ---- */

static enum status check_file(struct storage *storage, struct beneath *walk, uint32_t file,
                              struct storage_error *error)
{
    struct storage_stat now;
    char path[STORAGE_PATH_SIZE];
    if (pthread_mutex_trylock(&storage->looks_lock) != 0)
        return STATUS_OK; /* whoever writes looks at it himself */
    enum status status = STATUS_OK;
    if (storage->looks[file].known) {
        status = storage_look_at_file(storage, walk, file, &now, error);
        if (status == STATUS_OK && !is_same(storage, &storage->looks[file].stat, &now)) {
            storage_file_path(storage, storage_root_name(storage), file, path);
            storage_fail(error, 0, path);
            status = STATUS_CHANGED;
        }
    }
    pthread_mutex_unlock(&storage->looks_lock);
    return status;
}

static enum status check_files(struct storage *storage, struct beneath *walk, uint64_t offset,
                               uint64_t end, struct storage_error *error)
{
    const struct metainfo *metainfo = storage->metainfo;
    enum status status = STATUS_OK;
    while (offset < end && status == STATUS_OK) {
        uint32_t file = metainfo_file_at(metainfo, offset);
        if (!metainfo->files[file].padding)
            status = check_file(storage, walk, file, error);
        offset = metainfo->files[file].offset + metainfo->files[file].length;
    }
    return status;
}

enum status storage_check(struct storage *storage, uint64_t offset, uint64_t len,
                          struct storage_error *error)
{
    struct beneath walk;
    if (!storage_have_marks(storage))
        return STATUS_NO_MEMORY;
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = storage_walk_begin(storage, false, &walk, error);
    if (status == STATUS_OK)
        status = check_files(storage, &walk, offset, offset + len, error);
    storage_walk_end(&walk);
    pthread_rwlock_unlock(&storage->lock);
    return status;
}

/* ---- all of them ---- */

/* Somebody may still be writing: what he does from here on is to be told apart. */
static void stamp(struct storage *storage, struct beneath *walk, uint32_t file)
{
    char path[STORAGE_PATH_SIZE];
    storage_file_path(storage, storage_root_name(storage), file, path);
    int fd = beneath_open(walk, path, false, NULL);
    if (fd < 0)
        return;
    storage_note_looks(storage, file, fd);
    close(fd);
}

static enum status look_anew(struct storage *storage, struct beneath *walk,
                             struct storage_stat out[], bool changed[], struct storage_error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < storage->metainfo->file_count && status == STATUS_OK; i++) {
        struct storage_looks *looks = &storage->looks[i];
        status = storage_look_at_file(storage, walk, i, &out[i], error);
        changed[i] = looks->known && !is_same(storage, &looks->stat, &out[i]);
        *looks = (struct storage_looks){true, out[i]};
        if (changed[i] && out[i].exists)
            stamp(storage, walk, i);
    }
    return status;
}

enum status storage_look_anew(struct storage *storage, struct storage_stat out[], bool changed[],
                              struct storage_error *error)
{
    struct beneath walk;
    if (!storage_have_marks(storage))
        return STATUS_NO_MEMORY;
    pthread_rwlock_wrlock(&storage->lock);
    storage_cache_forget(storage->cache, storage);
    enum status status = storage_walk_begin(storage, false, &walk, error);
    if (status == STATUS_OK)
        status = look_anew(storage, &walk, out, changed, error);
    storage_walk_end(&walk);
    pthread_rwlock_unlock(&storage->lock);
    return status;
}

void storage_as_left(struct storage *storage, struct storage_stat out[])
{
    pthread_mutex_lock(&storage->looks_lock);
    for (uint32_t i = 0; i < storage->metainfo->file_count && storage->looks != NULL; i++)
        if (storage->looks[i].known && storage->looks[i].stat.exists)
            out[i] = storage->looks[i].stat;
    pthread_mutex_unlock(&storage->looks_lock);
}

enum status storage_set_left(struct storage *storage, const struct storage_stat left[])
{
    if (!storage_have_marks(storage))
        return STATUS_NO_MEMORY;
    pthread_mutex_lock(&storage->looks_lock);
    for (uint32_t i = 0; i < storage->metainfo->file_count; i++)
        storage->looks[i] = (struct storage_looks){left[i].exists, left[i]};
    pthread_mutex_unlock(&storage->looks_lock);
    return STATUS_OK;
}

void storage_distrust_stamps(struct storage *storage)
{
    pthread_rwlock_wrlock(&storage->lock);
    storage->stamps_lie = true;
    pthread_rwlock_unlock(&storage->lock);
}
