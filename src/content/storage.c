#include "content/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"
#include "content/names.h"
#include "content/params.h"
#include "content/storage_private.h"
#include "kadpeer/sha1.h"

#define PART_BYTES_MAX 255 /* NAME_MAX of Linux file systems */

static const char PARTIAL_ENDING[] = ".part";

/* ---- errors ---- */

/* What stands in the way of a file is told apart from a disk that fails. */
static enum status status_of_failure(int error)
{
    switch (error) {
    case ELOOP:
    case ENOTDIR:
    case EISDIR:
    case ENXIO:
        return STATUS_REFUSED;
    case EWOULDBLOCK:
        return STATUS_CONFLICT;
    case ENOTEMPTY:
        return STATUS_EXISTS;
    case EMFILE:
    case ENFILE:
        return STATUS_BUSY;
    default:
        return status_of_errno(error);
    }
}

enum status storage_fail(struct storage_error *error, int error_number, const char *path)
{
    if (error != NULL) {
        error->error = error_number;
        snprintf(error->path, sizeof error->path, "%s", path);
    }
    return status_of_failure(error_number);
}

static const char *reason_of(enum status status, int error, char *space, size_t size)
{
    if (error == 0)
        return status == STATUS_MISMATCH ? "shorter than it should be" : status_text(status);
    if (error == ELOOP)
        return "a symbolic link is in the way";
    if (error == ENXIO || error == EISDIR)
        return "not a regular file";
    if (error == EWOULDBLOCK)
        return "another download writes to it";
    if (error == ENOTDIR)
        return "a link or a file is in the way of a folder";
    return strerror_r(error, space, size);
}

void storage_error_text(enum status status, const struct storage_error *error,
                        char out[STORAGE_ERROR_SIZE])
{
    char space[80];
    const char *reason = reason_of(status, error->error, space, sizeof space);
    char *path = names_printable(error->path, strlen(error->path));
    if (error->path[0] == 0) /* it is about none of the files */
        snprintf(out, STORAGE_ERROR_SIZE, "%s", reason);
    else
        snprintf(out, STORAGE_ERROR_SIZE, "%s: %s", path != NULL ? path : "?", reason);
    free(path);
}

/* ---- make and free ---- */

/* "TARGET.part"; of a target too long for that, its start and eight digits that tell it apart. */
static char *partial_name_of(const char *target)
{
    size_t len = strlen(target), ending = sizeof PARTIAL_ENDING - 1;
    char *name = malloc(len + 16);
    if (name == NULL)
        return NULL;
    if (len + ending <= PART_BYTES_MAX) {
        sprintf(name, "%s%s", target, PARTIAL_ENDING);
        return name;
    }
    struct id hash = sha1_of(bytes_of_string(target));
    len = PART_BYTES_MAX - ending - 9;
    while (len > 0 && ((unsigned char)target[len] & 0xc0) == 0x80)
        len--; /* never inside a UTF-8 character */
    sprintf(name, "%.*s~%08x%s", (int)len, target, (unsigned)read_u32(hash.bytes), PARTIAL_ENDING);
    return name;
}

static bool is_one_part(const char *target)
{
    size_t len = strlen(target);
    return len > 0 && len <= PART_BYTES_MAX && strchr(target, '/') == NULL &&
           strcmp(target, ".") != 0 && strcmp(target, "..") != 0;
}

/* Whoever renames must get his turn although somebody always reads. */
static bool init_locks(struct storage *storage)
{
    pthread_rwlockattr_t kind;
    if (pthread_rwlockattr_init(&kind) != 0)
        return false;
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    int failed = pthread_rwlock_init(&storage->lock, &kind);
    pthread_rwlockattr_destroy(&kind);
    if (failed != 0)
        return false;
    if (pthread_mutex_init(&storage->marks_lock, NULL) == 0) {
        if (pthread_mutex_init(&storage->looks_lock, NULL) == 0) {
            if (pthread_mutex_init(&storage->borders_lock, NULL) == 0)
                return true;
            pthread_mutex_destroy(&storage->looks_lock);
        }
        pthread_mutex_destroy(&storage->marks_lock);
    }
    pthread_rwlock_destroy(&storage->lock);
    return false;
}

static void free_storage(struct storage *storage)
{
    free(storage->dir);
    free(storage->target);
    free(storage->partial_name);
    free(storage->marks);
    free(storage->looks);
    free(storage->left_out);
    free(storage->spared);
    free(storage->slots);
    free(storage);
}

enum status storage_new(const struct metainfo *metainfo, const char *dir, const char *target,
                        bool partial, struct storage_cache *cache, struct storage **out)
{
    if (dir[0] != '/' || !is_one_part(target))
        return STATUS_REFUSED;
    struct storage *storage = calloc(1, sizeof *storage);
    if (storage == NULL)
        return STATUS_NO_MEMORY;
    storage->metainfo = metainfo;
    storage->cache = cache;
    storage->partial = partial;
    storage->hold = -1;
    storage->dir = strdup(dir);
    storage->target = strdup(target);
    storage->partial_name = partial_name_of(target);
    if (storage->dir == NULL || storage->target == NULL || storage->partial_name == NULL ||
        !init_locks(storage)) {
        free_storage(storage);
        return STATUS_NO_MEMORY;
    }
    *out = storage;
    return STATUS_OK;
}

void storage_free(struct storage *storage)
{
    if (storage == NULL)
        return;
    storage_cache_forget(storage->cache, storage);
    storage_let_go(storage);
    pthread_rwlock_destroy(&storage->lock);
    pthread_mutex_destroy(&storage->marks_lock);
    pthread_mutex_destroy(&storage->looks_lock);
    pthread_mutex_destroy(&storage->borders_lock);
    free_storage(storage);
}

const struct metainfo *storage_metainfo(const struct storage *storage)
{
    return storage->metainfo;
}

bool storage_is_partial(struct storage *storage)
{
    pthread_rwlock_rdlock(&storage->lock);
    bool partial = storage->partial;
    pthread_rwlock_unlock(&storage->lock);
    return partial;
}

/* ---- paths ---- */

const char *storage_root_name(const struct storage *storage)
{
    return storage->partial ? storage->partial_name : storage->target;
}

void storage_file_path(const struct storage *storage, const char *root_name, uint32_t file,
                       char out[STORAGE_PATH_SIZE])
{
    char hex[ID_HEX_SIZE];
    id_to_hex(&storage->metainfo->infohash, hex);
    if (storage->metainfo->single_file)
        snprintf(out, STORAGE_PATH_SIZE, "%s", root_name);
    else if (file == storage->metainfo->file_count)
        snprintf(out, STORAGE_PATH_SIZE, "%s/.kadpeer-%s", root_name, hex);
    else
        snprintf(out, STORAGE_PATH_SIZE, "%s/%s", root_name, storage->metainfo->files[file].path);
}

static size_t folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) : 0;
}

bool storage_ends_folder(const struct metainfo *metainfo, uint32_t file)
{
    if (file + 1 >= metainfo->file_count)
        return true;
    const char *path = metainfo->files[file].path, *next = metainfo->files[file + 1].path;
    size_t len = folder_len(path);
    return folder_len(next) != len || memcmp(path, next, len) != 0;
}

char *storage_path(struct storage *storage)
{
    pthread_rwlock_rdlock(&storage->lock);
    const char *name = storage_root_name(storage);
    size_t size = strlen(storage->dir) + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s%s%s", storage->dir,
                 storage->dir[strlen(storage->dir) - 1] == '/' ? "" : "/", name);
    pthread_rwlock_unlock(&storage->lock);
    return path;
}

/* mkdir -p. Links are followed: DIR is the user's word. */
static int make_dir(const char *dir)
{
    char *path = strdup(dir);
    if (path == NULL)
        return -1;
    int result = 0;
    for (char *c = path + 1; result == 0; c++) {
        if (*c != '/' && *c != 0)
            continue;
        char kept = *c;
        *c = 0;
        result = mkdir(path, STORAGE_FOLDER_MODE) == 0 || errno == EEXIST ? 0 : -1;
        *c = kept;
        if (kept == 0)
            break;
    }
    int error = errno;
    free(path);
    errno = error;
    return result;
}

enum status storage_walk_begin(const struct storage *storage, bool make, struct beneath *out,
                               struct storage_error *error)
{
    const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    int root = open(storage->dir, flags);
    if (root < 0 && errno == ENOENT && make && make_dir(storage->dir) == 0)
        root = open(storage->dir, flags);
    beneath_init(out, root);
    return root >= 0 ? STATUS_OK : storage_fail(error, errno, storage->dir);
}

void storage_walk_end(struct beneath *beneath)
{
    beneath_dispose(beneath);
    if (beneath->root >= 0)
        close(beneath->root);
}

/* ---- bytes ---- */

/* One call of storage_read or storage_write. */
struct run {
    struct storage *storage;
    uint8_t *out;        /* reading; NULL: writing */
    const uint8_t *data; /* writing */
    struct storage_error *error;
};

void storage_mark(struct storage *storage, uint32_t file, uint8_t marks)
{
    pthread_mutex_lock(&storage->marks_lock);
    storage->marks[file] |= marks;
    pthread_mutex_unlock(&storage->marks_lock);
}

enum status storage_open_file(struct storage *storage, uint32_t file, bool write, int *out,
                              bool *made, struct storage_error *error)
{
    *made = false;
    *out = storage_cache_borrow(storage->cache, storage, file, write);
    if (*out >= 0)
        return STATUS_OK;
    char path[STORAGE_PATH_SIZE];
    struct beneath walk;
    enum status status = storage_walk_begin(storage, write, &walk, error);
    if (status != STATUS_OK)
        return status;
    storage_file_path(storage, storage_root_name(storage), file, path);
    *out = beneath_open(&walk, path, write, made);
    if (*out < 0)
        status = storage_fail(error, errno, path);
    else if (*made)
        storage_mark(storage, file, STORAGE_MADE);
    storage_walk_end(&walk);
    return status;
}

bool storage_move_bytes(int fd, uint8_t *out, const uint8_t *data, uint64_t len, uint64_t at,
                        int *error)
{
    uint64_t done = 0;
    while (done < len) {
        size_t left = (size_t)(len - done);
        ssize_t n = out != NULL ? pread(fd, out + done, left, (off_t)(at + done))
                                : pwrite(fd, data + done, left, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *error = n < 0 ? errno : 0;
            return false;
        }
        done += (uint64_t)n;
    }
    return true;
}

static bool move_bytes(const struct run *run, int fd, const struct metainfo_span *span, int *error)
{
    return storage_move_bytes(fd, run->out, run->data, span->length, span->file_offset, error);
}

/* Only to a file that is as we left it; and then we remember how we leave it. */
static enum status write_bytes(const struct run *run, int fd, bool made,
                               const struct metainfo_span *span, int *error)
{
    struct storage *storage = run->storage;
    enum status status = STATUS_CHANGED;
    if (!made && storage_spares(storage, span->file)) {
        status = storage_holds(fd, span, run->data, error);
    } else if (storage_is_as_left(storage, span->file, fd, made)) {
        uint64_t size = storage_size_after(storage, span);
        status = move_bytes(run, fd, span, error) ? STATUS_OK : STATUS_IO;
        storage_note_looks(storage, span->file, fd);
        if (status == STATUS_OK && !storage_has_size(storage, span->file, size))
            status = STATUS_CHANGED;
    }
    return status;
}

static enum status move_file_span(const struct run *run, const struct metainfo_span *span)
{
    struct storage *storage = run->storage;
    int fd, error = 0;
    bool made;
    enum status status =
        storage_open_file(storage, span->file, run->out == NULL, &fd, &made, run->error);
    if (status != STATUS_OK)
        return status;
    if (run->out == NULL) {
        status = write_bytes(run, fd, made, span, &error);
        /* only now: a sync between mark and write would lose it */
        storage_mark(storage, span->file, STORAGE_WRITTEN);
    } else if (!move_bytes(run, fd, span, &error)) {
        status = STATUS_MISMATCH;
    }
    if (status != STATUS_OK) {
        char path[STORAGE_PATH_SIZE];
        storage_file_path(storage, storage_root_name(storage), span->file, path);
        enum status why = storage_fail(run->error, error, path);
        status = error != 0 ? why : status;
    }
    storage_cache_return(storage->cache, storage, span->file, run->out == NULL, fd);
    return status;
}

/* From the border file, where it has the piece; else the file is there from when it was wanted. */
static enum status read_left_out(struct run run, struct metainfo_span span)
{
    const struct metainfo *metainfo = run.storage->metainfo;
    enum status status = STATUS_OK;
    uint64_t left = span.length;
    while (left > 0 && status == STATUS_OK) {
        uint64_t offset = metainfo->files[span.file].offset + span.file_offset;
        uint64_t in_piece = metainfo->piece_length - offset % metainfo->piece_length;
        span.length = left < in_piece ? left : in_piece;
        status = storage_borders_read(run.storage, offset, span.length, run.out, run.error);
        if (status == STATUS_NOT_FOUND)
            status = move_file_span(&run, &span);
        run.out += span.length;
        span.file_offset += span.length;
        left -= span.length;
    }
    return status;
}

static enum status move_span(const struct run *run, const struct metainfo_span *span)
{
    struct storage *storage = run->storage;
    if (storage->metainfo->files[span->file].padding) {
        if (run->out != NULL)
            memset(run->out, 0, (size_t)span->length);
        return STATUS_OK;
    }
    if (storage_is_left_out(storage, span->file))
        return run->out != NULL ? read_left_out(*run, *span) : STATUS_OK;
    if (run->out != NULL)
        return move_file_span(run, span);
    pthread_mutex_lock(&storage->looks_lock); /* from here on who makes it is who knows it */
    enum status status = move_file_span(run, span);
    pthread_mutex_unlock(&storage->looks_lock);
    return status;
}

enum status storage_write_span(struct storage *storage, const struct metainfo_span *span,
                               const uint8_t *data, struct storage_error *error)
{
    struct run run = {.storage = storage, .data = data, .error = error};
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = storage->partial ? move_span(&run, span) : STATUS_REFUSED;
    pthread_rwlock_unlock(&storage->lock);
    return status;
}

static enum status move_run(struct run *run, uint64_t offset, uint64_t len)
{
    const struct metainfo *metainfo = run->storage->metainfo;
    enum status status = STATUS_OK;
    while (len > 0 && status == STATUS_OK) {
        struct metainfo_span spans[8];
        size_t count = metainfo_spans(metainfo, offset, len, spans, 8);
        for (size_t i = 0; i < count && i < 8 && status == STATUS_OK; i++) {
            status = move_span(run, &spans[i]);
            offset += spans[i].length;
            len -= spans[i].length;
            if (run->out != NULL)
                run->out += spans[i].length;
            else
                run->data += spans[i].length;
        }
    }
    return status;
}

static bool is_within(const struct storage *storage, uint64_t offset, uint64_t len)
{
    uint64_t total = storage->metainfo->total_length;
    return offset <= total && len <= total - offset;
}

enum status storage_read(struct storage *storage, uint64_t offset, size_t len, uint8_t *out,
                         struct storage_error *error)
{
    struct run run = {.storage = storage, .out = out, .error = error};
    storage_fail(error, 0, storage->target);
    if (!is_within(storage, offset, len))
        return STATUS_REFUSED;
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = move_run(&run, offset, len);
    pthread_rwlock_unlock(&storage->lock);
    return status;
}

bool storage_have_marks(struct storage *storage)
{
    size_t count = (size_t)storage->metainfo->file_count + 1; /* and the border file */
    pthread_mutex_lock(&storage->marks_lock);
    if (storage->marks == NULL)
        storage->marks = calloc(count, 1);
    if (storage->looks == NULL)
        storage->looks = calloc(count, sizeof *storage->looks);
    bool have = storage->marks != NULL && storage->looks != NULL;
    pthread_mutex_unlock(&storage->marks_lock);
    return have;
}

enum status storage_write(struct storage *storage, uint64_t offset, struct bytes data,
                          struct storage_error *error)
{
    struct run run = {.storage = storage, .data = data.data, .error = error};
    storage_fail(error, 0, storage->target);
    if (!is_within(storage, offset, data.len))
        return STATUS_REFUSED;
    if (!storage_have_marks(storage))
        return STATUS_NO_MEMORY;
    pthread_rwlock_rdlock(&storage->lock);
    enum status status = storage->partial ? STATUS_OK : STATUS_REFUSED;
    if (status == STATUS_OK && storage->left_out != NULL)
        status = storage_borders_write(storage, offset, data, error);
    if (status == STATUS_OK)
        status = move_run(&run, offset, data.len);
    pthread_rwlock_unlock(&storage->lock);
    return status;
}
