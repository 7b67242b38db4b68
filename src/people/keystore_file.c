#include "people/keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"

/* ---- reading ---- */

/* To the end of the file, which may have grown since it was asked for its size. */
static enum status read_all(int fd, size_t size, struct buffer *out)
{
    size_t start = out->len;
    if (!buffer_reserve(out, size + 1)) /* + 1: to see the end without growing */
        return STATUS_NO_MEMORY;
    for (;;) {
        if (!buffer_reserve(out, 1))
            return STATUS_NO_MEMORY;
        ssize_t got = read(fd, out->data + out->len, out->cap - out->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return status_of_errno(errno);
        if (got == 0)
            return STATUS_OK;
        out->len += (size_t)got;
        if (out->len - start > KEYSTORE_FILE_MAX)
            return STATUS_TOO_BIG;
    }
}

enum status keystore_read(const char *path, struct buffer *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return status_of_errno(errno);
    struct stat stat;
    size_t before = out->len;
    enum status status;
    if (fstat(fd, &stat) != 0)
        status = status_of_errno(errno);
    else if (!S_ISREG(stat.st_mode))
        status = STATUS_IO;
    else if (stat.st_size > KEYSTORE_FILE_MAX)
        status = STATUS_TOO_BIG;
    else
        status = read_all(fd, (size_t)stat.st_size, out);
    close(fd);
    if (status != STATUS_OK)
        out->len = before;
    return status;
}

/* ---- writing ---- */

static enum status write_all(int fd, struct bytes data)
{
    while (data.len > 0) {
        ssize_t wrote = write(fd, data.data, data.len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return status_of_errno(errno);
        data = bytes_of(data.data + wrote, data.len - (size_t)wrote);
    }
    return fsync(fd) == 0 ? STATUS_OK : status_of_errno(errno);
}

/* A file of ours alone, all of it on the disk; nothing is left of it on failure. One of that name
 * is from a run that was cut short. */
static enum status write_new(const char *path, struct bytes data)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return status_of_errno(errno);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return status_of_errno(errno);
    enum status status = fchmod(fd, 0600) == 0 ? write_all(fd, data) : status_of_errno(errno);
    if (close(fd) != 0 && status == STATUS_OK)
        status = status_of_errno(errno);
    if (status != STATUS_OK)
        unlink(path);
    return status;
}

static enum status move(const char *from, const char *to)
{
    if (rename(from, to) == 0)
        return STATUS_OK;
    enum status status = status_of_errno(errno);
    unlink(from);
    return status;
}

/* Makes the names in the folder of `path` last. */
static enum status sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    if (folder == NULL)
        return STATUS_NO_MEMORY;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return status_of_errno(errno);
    enum status status = fsync(fd) == 0 ? STATUS_OK : status_of_errno(errno);
    close(fd);
    return status;
}

struct names {
    char *fresh, *backup, *fresh_backup;
};

static char *with_suffix(const char *path, const char *suffix)
{
    char *name;
    return asprintf(&name, "%s%s", path, suffix) < 0 ? NULL : name;
}

static bool names_make(const char *path, struct names *out)
{
    out->fresh = with_suffix(path, ".new");
    out->backup = with_suffix(path, ".backup");
    out->fresh_backup = with_suffix(path, ".backup.new");
    return out->fresh != NULL && out->backup != NULL && out->fresh_backup != NULL;
}

static void names_dispose(struct names *names)
{
    free(names->fresh);
    free(names->backup);
    free(names->fresh_backup);
}

/* A copy: the old file is there under its name until the new one takes it. A damaged one does not
 * push out the last that was whole. */
static enum status keep_old(const char *path, const struct names *names)
{
    struct buffer old;
    buffer_init(&old);
    enum status status = STATUS_OK;
    if (keystore_read(path, &old) == STATUS_OK && keystore_check(buffer_bytes(&old)) == STATUS_OK) {
        status = write_new(names->fresh_backup, buffer_bytes(&old));
        if (status == STATUS_OK)
            status = move(names->fresh_backup, names->backup);
    }
    buffer_dispose(&old);
    return status;
}

static enum status replace(const char *path, const struct names *names, struct bytes file)
{
    enum status status = write_new(names->fresh, file);
    if (status != STATUS_OK)
        return status;
    status = keep_old(path, names);
    if (status != STATUS_OK) {
        unlink(names->fresh);
        return status;
    }
    status = move(names->fresh, path);
    return status == STATUS_OK ? sync_folder(path) : status;
}

enum status keystore_write(const char *path, struct bytes file)
{
    struct names names;
    enum status status = names_make(path, &names) ? replace(path, &names, file) : STATUS_NO_MEMORY;
    names_dispose(&names);
    return status;
}

enum status keystore_replace(const char *path, struct bytes file)
{
    char *fresh = with_suffix(path, ".new");
    enum status status = fresh != NULL ? write_new(fresh, file) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = move(fresh, path);
    free(fresh);
    return status == STATUS_OK ? sync_folder(path) : status;
}
