/* What was written is on disk, and findable by name. */
#include <errno.h>
#include <unistd.h>

#include "content/storage_private.h"

/* Takes a file's marks, leaving none. */
static uint8_t take_marks(struct storage *storage, uint32_t file)
{
    pthread_mutex_lock(&storage->marks_lock);
    uint8_t marks = storage->marks != NULL ? storage->marks[file] : 0;
    if (marks != 0)
        storage->marks[file] = 0;
    pthread_mutex_unlock(&storage->marks_lock);
    return marks;
}

/* 0, or errno; *changed: it is not what was written to. */
static int sync_file(struct storage *storage, struct beneath *walk, uint32_t file, const char *path,
                     bool *changed)
{
    int fd = beneath_open(walk, path, false, NULL);
    *changed = fd < 0 && errno == ENOENT;
    if (fd < 0)
        return *changed ? 0 : errno;
    int error = fsync(fd) == 0 ? 0 : errno;
    pthread_mutex_lock(&storage->looks_lock);
    *changed = !storage_is_as_left(storage, file, fd, false);
    pthread_mutex_unlock(&storage->looks_lock);
    close(fd);
    return error;
}

/* Files of one folder lie side by side: the folders of new ones are synced behind the last. */
static enum status sync_marked(struct storage *storage, struct beneath *walk,
                               struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE];
    bool folder_due = false, changed = false;
    for (uint32_t i = 0; i <= storage->metainfo->file_count; i++) {
        uint8_t marks = take_marks(storage, i);
        folder_due = folder_due || (marks & STORAGE_MADE);
        bool sync_folders = folder_due && storage_ends_folder(storage->metainfo, i);
        if (marks == 0 && !sync_folders)
            continue;
        storage_file_path(storage, storage_root_name(storage), i, path);
        int failure = marks != 0 ? sync_file(storage, walk, i, path, &changed) : 0;
        if (failure == 0 && !changed && sync_folders && beneath_sync_folders(walk, path) != 0)
            failure = errno;
        if (failure != 0 || changed) {
            storage_mark(storage, i, marks | (folder_due ? STORAGE_MADE : 0));
            enum status status = storage_fail(error, failure, path);
            return changed ? STATUS_CHANGED : status;
        }
        folder_due = folder_due && !sync_folders;
    }
    return STATUS_OK;
}

enum status storage_sync(struct storage *storage, struct storage_error *error)
{
    pthread_mutex_lock(&storage->marks_lock);
    bool written = storage->marks != NULL;
    pthread_mutex_unlock(&storage->marks_lock);
    if (!written)
        return STATUS_OK;
    struct beneath walk;
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = storage_walk_begin(storage, false, &walk, error);
    if (status == STATUS_OK)
        status = sync_marked(storage, &walk, error);
    storage_walk_end(&walk);
    pthread_rwlock_unlock(&storage->lock);
    return status;
}
