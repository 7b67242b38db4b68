#include "content/storage_move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/params.h"
#include "content/storage_private.h"

#define MOVING_NAME_SIZE 64

static void moving_name(const struct storage *storage, char out[MOVING_NAME_SIZE])
{
    char hex[ID_HEX_SIZE];
    id_to_hex(&storage->metainfo->infohash, hex);
    snprintf(out, MOVING_NAME_SIZE, ".kadpeer-%s.moving", hex);
}

static bool is_there(int folder, const char *name)
{
    struct stat stat;
    return fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Those of the content, the border file last. */
static uint32_t file_count(const struct storage *storage)
{
    return storage->metainfo->file_count + !storage->metainfo->single_file;
}

static bool is_on_disk(const struct storage *storage, uint32_t file)
{
    return file >= storage->metainfo->file_count || !storage->metainfo->files[file].padding;
}

/* ---- two folders at a time ---- */

struct walks {
    struct beneath from, to;
};

static enum status begin(struct storage *from, struct storage *to, struct walks *out,
                         struct storage_error *error)
{
    storage_fail(error, 0, from->target);
    enum status status = storage_walk_begin(to, true, &out->to, error);
    enum status other = storage_walk_begin(from, false, &out->from, error);
    if (status == STATUS_OK && other != STATUS_NOT_FOUND)
        status = other;
    return status;
}

static void end(struct walks *walks)
{
    storage_walk_end(&walks->from);
    storage_walk_end(&walks->to);
}

static bool are_one(int a, int b)
{
    struct stat left, right;
    return a >= 0 && fstat(a, &left) == 0 && fstat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

static int rename_free(const struct walks *walks, const char *name, const char *to)
{
    if (renameat2(walks->from.root, name, walks->to.root, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (is_there(walks->to.root, to)) { /* a file system without the flag: the best it can do */
        errno = EEXIST;
        return -1;
    }
    return renameat(walks->from.root, name, walks->to.root, to);
}

static enum status move(const struct walks *walks, struct storage *from, enum storage_move *out,
                        struct storage_error *error)
{
    const char *name = storage_root_name(from);
    bool here = walks->from.root >= 0 && is_there(walks->from.root, name);
    bool there = is_there(walks->to.root, name);
    if (are_one(walks->from.root, walks->to.root) || (!here && there))
        return STATUS_OK;
    if (!here)
        return storage_fail(error, ENOENT, name);
    if (there)
        return storage_fail(error, EEXIST, name);
    if (rename_free(walks, name, name) == 0)
        return STATUS_OK;
    if (errno != EXDEV)
        return storage_fail(error, errno, name);
    *out = STORAGE_CROSSES;
    return STATUS_OK;
}

enum status storage_move(struct storage *from, struct storage *to, enum storage_move *out,
                         struct storage_error *error)
{
    struct walks walks;
    *out = STORAGE_MOVED;
    storage_cache_forget(from->cache, from);
    enum status status = begin(from, to, &walks, error);
    if (status == STATUS_OK)
        status = move(&walks, from, out, error);
    if (status == STATUS_OK && *out == STORAGE_MOVED &&
        beneath_sync_folders(&walks.to, to->target) != 0)
        status = storage_fail(error, errno, to->dir);
    if (status == STATUS_OK && *out == STORAGE_MOVED && walks.from.root >= 0)
        (void)beneath_sync_folders(&walks.from, from->target);
    end(&walks);
    return status;
}

/* ---- copying ---- */

struct storage_copy {
    struct storage *from, *to;
    uint32_t file;
    uint64_t offset; /* in it */
    uint64_t done_bytes, total_bytes;
    struct storage_stat before; /* of the file that is being copied */
    uint8_t space[STORAGE_COPY_BYTES];
};

struct storage_copy *storage_copy_new(struct storage *from, struct storage *to)
{
    struct storage_copy *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return NULL;
    copy->from = from;
    copy->to = to;
    copy->file = 0;
    copy->offset = copy->done_bytes = copy->total_bytes = 0;
    copy->before = (struct storage_stat){.exists = false};
    for (uint32_t i = 0; i < from->metainfo->file_count; i++)
        if (is_on_disk(from, i) && !storage_is_left_out(from, i))
            copy->total_bytes += from->metainfo->files[i].length;
    return copy;
}

void storage_copy_free(struct storage_copy *copy)
{
    free(copy);
}

void storage_copy_progress(const struct storage_copy *copy, uint64_t *done, uint64_t *total)
{
    *total = copy->total_bytes;
    *done = copy->done_bytes + copy->offset;
    *done = *done < *total ? *done : *total;
}

/* Up to `budget` bytes of the file from copy->offset; *end: that was the last. */
static int copy_bytes(struct storage_copy *copy, int in, int out, uint64_t size, uint64_t budget,
                      bool *end)
{
    int failure = EIO;
    while (copy->offset < size && budget > 0) {
        off_t data = lseek(in, (off_t)copy->offset, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            data = (off_t)size; /* a hole up to the end */
        if (data < 0)
            data = (off_t)copy->offset; /* a file system that knows no holes */
        copy->offset = (uint64_t)data;
        uint64_t left = copy->offset < size ? size - copy->offset : 0;
        left = left < STORAGE_COPY_BYTES ? left : STORAGE_COPY_BYTES;
        off_t hole = left > 0 ? lseek(in, data, SEEK_HOLE) : -1;
        if (hole > data && (uint64_t)(hole - data) < left)
            left = (uint64_t)(hole - data);
        if (!storage_move_bytes(in, copy->space, NULL, left, copy->offset, &failure) ||
            !storage_move_bytes(out, NULL, copy->space, left, copy->offset, &failure))
            return failure != 0 ? failure : EIO;
        copy->offset += left;
        budget -= left < budget ? left : budget;
    }
    *end = copy->offset >= size;
    return 0;
}

/* With the time it had: that is how a program tells what is new. */
static int finish_file(const struct storage_copy *copy, int in, int out)
{
    struct stat stat;
    if (fstat(in, &stat) != 0 || ftruncate(out, (off_t)copy->before.size) != 0 || fsync(out) != 0)
        return errno;
    (void)fchmod(out, stat.st_mode & 0777);
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, stat.st_mtim};
    (void)futimens(out, times);
    return 0;
}

static enum status step_file(struct storage_copy *copy, int in, int out, const char *path,
                             uint64_t budget, struct storage_error *error)
{
    struct stat stat;
    bool ended = false;
    if (fstat(in, &stat) != 0)
        return storage_fail(error, errno, path);
    if (copy->offset == 0) {
        copy->before = storage_stat_of(&stat);
        if (ftruncate(out, 0) != 0)
            return storage_fail(error, errno, path);
    }
    int failure = copy_bytes(copy, in, out, copy->before.size, budget, &ended);
    if (failure == 0)
        failure = ended ? finish_file(copy, in, out) : fsync(out) != 0 ? errno : 0;
    if (failure != 0)
        return storage_fail(error, failure, path);
    if (fstat(in, &stat) != 0 || (uint64_t)stat.st_size != copy->before.size ||
        storage_stat_of(&stat).mtime_ns != copy->before.mtime_ns) {
        storage_fail(error, 0, path);
        return STATUS_CHANGED;
    }
    if (ended) {
        copy->done_bytes += copy->offset;
        copy->offset = 0;
        copy->file++;
    }
    return STATUS_OK;
}

/* One that is not there was not wanted. */
static enum status step(struct storage_copy *copy, struct walks *walks, uint64_t budget,
                        struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE], name[MOVING_NAME_SIZE];
    storage_file_path(copy->from, storage_root_name(copy->from), copy->file, path);
    int in = beneath_open(&walks->from, path, false, NULL);
    if (in < 0 && errno == ENOENT) {
        copy->file++;
        return STATUS_OK;
    }
    if (in < 0)
        return storage_fail(error, errno, path);
    moving_name(copy->to, name);
    storage_file_path(copy->to, name, copy->file, path);
    int out = beneath_open(&walks->to, path, true, NULL);
    enum status status =
        out >= 0 ? step_file(copy, in, out, path, budget, error) : storage_fail(error, errno, path);
    close(in);
    if (out >= 0)
        close(out);
    return status;
}

static enum status sync_folders(struct storage_copy *copy, struct walks *walks,
                                struct storage_error *error)
{
    char path[STORAGE_PATH_SIZE], name[MOVING_NAME_SIZE];
    moving_name(copy->to, name);
    for (uint32_t i = 0; i < copy->to->metainfo->file_count; i++) {
        storage_file_path(copy->to, name, i, path);
        if (is_on_disk(copy->to, i) && storage_ends_folder(copy->to->metainfo, i) &&
            beneath_sync_folders(&walks->to, path) != 0 && errno != ENOENT)
            return storage_fail(error, errno, path);
    }
    return STATUS_OK;
}

/* The folder itself, though all that was in it may be left out. */
static enum status make_root(struct storage_copy *copy, struct walks *walks,
                             struct storage_error *error)
{
    char path[MOVING_NAME_SIZE + 8], name[MOVING_NAME_SIZE];
    const char *last;
    moving_name(copy->to, name);
    snprintf(path, sizeof path, "%s/-", name);
    if (copy->to->metainfo->single_file || beneath_folder_of(&walks->to, path, true, &last) >= 0)
        return STATUS_OK;
    return storage_fail(error, errno, name);
}

enum status storage_copy_step(struct storage_copy *copy, bool *done, struct storage_error *error)
{
    struct walks walks;
    uint64_t began, now, total;
    storage_copy_progress(copy, &began, &total);
    enum status status = begin(copy->from, copy->to, &walks, error);
    if (status == STATUS_OK && copy->file == 0 && copy->offset == 0)
        status = make_root(copy, &walks, error);
    uint32_t until = copy->file + STORAGE_COPY_FILES;
    for (now = began; status == STATUS_OK && copy->file < file_count(copy->from) &&
                      copy->file < until && now - began < STORAGE_COPY_STEP;) {
        if (is_on_disk(copy->from, copy->file))
            status = step(copy, &walks, STORAGE_COPY_STEP - (now - began), error);
        else
            copy->file++;
        storage_copy_progress(copy, &now, &total);
    }
    *done = status == STATUS_OK && copy->file == file_count(copy->from);
    if (*done)
        status = sync_folders(copy, &walks, error);
    end(&walks);
    return status;
}

enum status storage_copy_stat(struct storage_copy *copy, struct storage_stat out[],
                              struct storage_error *error)
{
    struct beneath walk;
    struct stat stat;
    char path[STORAGE_PATH_SIZE], name[MOVING_NAME_SIZE];
    moving_name(copy->to, name);
    enum status status = storage_walk_begin(copy->to, false, &walk, error);
    for (uint32_t i = 0; i < copy->to->metainfo->file_count && status == STATUS_OK; i++) {
        const char *last;
        storage_file_path(copy->to, name, i, path);
        out[i] = (struct storage_stat){.exists = !is_on_disk(copy->to, i),
                                       .size = copy->to->metainfo->files[i].length};
        if (out[i].exists)
            continue;
        int folder = beneath_folder_of(&walk, path, false, &last);
        out[i] = (struct storage_stat){.exists = false};
        if (folder >= 0 && fstatat(folder, last, &stat, AT_SYMLINK_NOFOLLOW) == 0)
            out[i] = storage_stat_of(&stat);
    }
    storage_walk_end(&walk);
    return status;
}

static void delete_moving(struct storage *storage, struct beneath *walk)
{
    char path[STORAGE_PATH_SIZE], name[MOVING_NAME_SIZE];
    moving_name(storage, name);
    for (uint32_t i = 0; i < file_count(storage); i++) {
        const char *last;
        storage_file_path(storage, name, i, path);
        int folder = beneath_folder_of(walk, path, false, &last);
        if (folder >= 0)
            unlinkat(folder, last, 0);
    }
    for (uint32_t i = file_count(storage); i-- > 0;) {
        storage_file_path(storage, name, i, path);
        if (!storage->metainfo->single_file && storage_ends_folder(storage->metainfo, i))
            beneath_remove_folders(walk, path);
    }
}

void storage_copy_abandon(struct storage *to)
{
    struct beneath walk;
    if (storage_walk_begin(to, false, &walk, NULL) == STATUS_OK)
        delete_moving(to, &walk);
    storage_walk_end(&walk);
}

/* ---- the end ---- */

enum status storage_move_settle(struct storage *from, struct storage *to, bool *left_over,
                                struct storage_error *error)
{
    struct walks walks;
    char name[MOVING_NAME_SIZE];
    moving_name(to, name);
    *left_over = false;
    enum status status = begin(from, to, &walks, error);
    if (status == STATUS_OK && is_there(walks.to.root, name)) {
        struct walks within = {.from = {.root = walks.to.root}, .to = {.root = walks.to.root}};
        if (rename_free(&within, name, storage_root_name(to)) != 0)
            status = storage_fail(error, errno, storage_root_name(to));
        else if (beneath_sync_folders(&walks.to, to->target) != 0)
            status = storage_fail(error, errno, to->dir);
    } else if (status == STATUS_OK && !is_there(walks.to.root, storage_root_name(to))) {
        status = storage_fail(error, ENOENT, storage_root_name(to)); /* so nothing is deleted */
    }
    bool one = status == STATUS_OK && are_one(walks.from.root, walks.to.root);
    end(&walks);
    if (status != STATUS_OK || one)
        return status;
    *left_over = storage_delete(from, error) != STATUS_OK;
    return STATUS_OK;
}
