#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"
#include "base/paths.h"

static enum status read_all(int fd, size_t most, struct buffer *out)
{
    for (;;) {
        if (!buffer_reserve(out, 65536))
            return STATUS_NO_MEMORY;
        ssize_t got = read(fd, out->data + out->len, 65536);
        if (got == 0)
            return STATUS_OK;
        if (got < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
        else if (got < 0 && errno != EINTR)
            return status_of_errno(errno);
        out->len += got > 0 ? (size_t)got : 0;
        if (out->len > most)
            return STATUS_TOO_BIG;
    }
}

enum status file_read(const char *path, size_t most, struct buffer *out)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, most, out);
    /* A pipe that nobody writes to is empty, not a reason to wait. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return status_of_errno(errno);
    enum status status = read_all(fd, most, out);
    int saved = errno;
    close(fd);
    errno = saved;
    return status;
}

enum status file_read_own(const char *path, size_t most, struct buffer *out)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISFIFO(info.st_mode)) {
        errno = EINVAL;
        return STATUS_REFUSED;
    }
    return file_read(path, most, out);
}

static bool write_all(int fd, struct bytes data)
{
    while (data.len > 0) {
        ssize_t wrote = write(fd, data.data, data.len);
        if (wrote < 0 && errno != EINTR)
            return false;
        size_t done = wrote > 0 ? (size_t)wrote : 0;
        data = bytes_of(data.data + done, data.len - done);
    }
    return true;
}

static bool make_folders_above(const char *path)
{
    char copy[PATHS_SIZE];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return true;
}

/* Writes, syncs and closes; on failure errno says why. */
static bool fill_and_close(int fd, struct bytes data)
{
    bool ok = write_all(fd, data) && fsync(fd) == 0;
    int saved = errno;
    ok = close(fd) == 0 && ok;
    errno = saved;
    return ok;
}

static bool replace_at(const char *target, struct bytes data, mode_t mode)
{
    char fresh[PATH_MAX + 16];
    snprintf(fresh, sizeof fresh, "%s.XXXXXX", target);
    int fd = mkostemp(fresh, O_CLOEXEC);
    if (fd < 0)
        return false;
    fchmod(fd, mode);
    if (fill_and_close(fd, data) && rename(fresh, target) == 0)
        return true;
    int saved = errno;
    unlink(fresh);
    errno = saved;
    return false;
}

bool file_replace(const char *path, struct bytes data, unsigned mode)
{
    char target[PATH_MAX];
    struct stat info;
    if (realpath(path, target) == NULL)
        snprintf(target, sizeof target, "%s", path);
    return make_folders_above(target) &&
           replace_at(target, data, stat(target, &info) == 0 ? info.st_mode & 07777 : mode);
}

static enum status write_new(const char *path, struct bytes data, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return status_of_errno(errno);
    if (fill_and_close(fd, data))
        return STATUS_OK;
    int saved = errno;
    unlink(path);
    errno = saved;
    return status_of_errno(errno);
}

enum status file_write_new(const char *path, struct bytes data, bool force)
{
    if (force)
        return file_replace(path, data, 0644) ? STATUS_OK : status_of_errno(errno);
    return write_new(path, data, 0666);
}

/* What is replaced may have been open to others: its mode is not kept. */
enum status file_write_secret(const char *path, struct bytes data, bool force)
{
    if (force)
        return replace_at(path, data, 0600) ? STATUS_OK : status_of_errno(errno);
    return write_new(path, data, 0600);
}
