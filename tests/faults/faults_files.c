/* In front of the calls to files. Both names of each are there: those with 64 are what a program
 * with _FILE_OFFSET_BITS=64 calls. */
#include "faults_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- files by name ---- */

static bool writes(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
}

#define MODE_OF(flags)                                                                             \
    mode_t mode = 0;                                                                               \
    if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {                                                  \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode = (mode_t)va_arg(args, unsigned);                                                     \
        va_end(args);                                                                              \
    }

static int do_open(int at, const char *path, int flags, mode_t mode, const void *where)
{
    if (writes(flags))
        faults_note_write(where, at, path);
    return faults_fails(where, CALL_OPEN) ? -1 : (int)syscall(SYS_openat, at, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return do_open(AT_FDCWD, path, flags, mode, CALLER);
}

int open64(const char *path, int flags, ...)
{
    MODE_OF(flags)
    return do_open(AT_FDCWD, path, flags, mode, CALLER);
}

int openat(int at, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return do_open(at, path, flags, mode, CALLER);
}

int openat64(int at, const char *path, int flags, ...)
{
    MODE_OF(flags)
    return do_open(at, path, flags, mode, CALLER);
}

#define OPENS_FILE(name)                                                                           \
    FILE *name(const char *path, const char *mode)                                                 \
    {                                                                                              \
        NEXT(name);                                                                                \
        if (strpbrk(mode, "wa+") != NULL)                                                          \
            faults_note_write(CALLER, AT_FDCWD, path);                                             \
        return faults_fails(CALLER, CALL_OPEN) ? NULL : next(path, mode);                          \
    }
OPENS_FILE(fopen)
OPENS_FILE(fopen64)

DIR *opendir(const char *path)
{
    NEXT(opendir);
    return faults_fails(CALLER, CALL_OPEN) ? NULL : next(path);
}

DIR *fdopendir(int fd)
{
    NEXT(fdopendir);
    return faults_fails(CALLER, CALL_OPEN) ? NULL : next(fd);
}

int mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir);
    faults_note_write(CALLER, AT_FDCWD, path);
    return faults_fails(CALLER, CALL_FOLDER) ? -1 : next(path, mode);
}

int mkdirat(int at, const char *path, mode_t mode)
{
    NEXT(mkdirat);
    faults_note_write(CALLER, at, path);
    return faults_fails(CALLER, CALL_FOLDER) ? -1 : next(at, path, mode);
}

int rename(const char *from, const char *to)
{
    NEXT(rename);
    faults_note_write(CALLER, AT_FDCWD, from);
    return faults_fails(CALLER, CALL_RENAME) ? -1 : next(from, to);
}

int renameat(int at, const char *from, int to_at, const char *to)
{
    NEXT(renameat);
    faults_note_write(CALLER, at, from);
    return faults_fails(CALLER, CALL_RENAME) ? -1 : next(at, from, to_at, to);
}

int renameat2(int at, const char *from, int to_at, const char *to, unsigned flags)
{
    NEXT(renameat2);
    faults_note_write(CALLER, at, from);
    return faults_fails(CALLER, CALL_RENAME) ? -1 : next(at, from, to_at, to, flags);
}

int unlink(const char *path)
{
    NEXT(unlink);
    faults_note_write(CALLER, AT_FDCWD, path);
    return faults_fails(CALLER, CALL_REMOVE) ? -1 : next(path);
}

int unlinkat(int at, const char *path, int flags)
{
    NEXT(unlinkat);
    faults_note_write(CALLER, at, path);
    return faults_fails(CALLER, CALL_REMOVE) ? -1 : next(at, path, flags);
}

#define LOOKS(name, parameters, arguments)                                                         \
    int name parameters                                                                            \
    {                                                                                              \
        NEXT(name);                                                                                \
        return faults_fails(CALLER, CALL_STAT) ? -1 : next arguments;                              \
    }
LOOKS(stat, (const char *path, struct stat *out), (path, out))
LOOKS(stat64, (const char *path, struct stat64 *out), (path, out))
LOOKS(lstat, (const char *path, struct stat *out), (path, out))
LOOKS(lstat64, (const char *path, struct stat64 *out), (path, out))
LOOKS(fstat, (int fd, struct stat *out), (fd, out))
LOOKS(fstat64, (int fd, struct stat64 *out), (fd, out))
LOOKS(fstatat, (int at, const char *path, struct stat *out, int flags), (at, path, out, flags))
LOOKS(fstatat64, (int at, const char *path, struct stat64 *out, int flags), (at, path, out, flags))
LOOKS(statvfs, (const char *path, struct statvfs *out), (path, out))
LOOKS(statvfs64, (const char *path, struct statvfs64 *out), (path, out))

/* ---- open files ---- */

#define READS_AT(name)                                                                             \
    ssize_t name(int fd, void *out, size_t len, off_t at)                                          \
    {                                                                                              \
        NEXT(name);                                                                                \
        bool half = false;                                                                         \
        if (faults_fails_or_halves(CALLER, CALL_READ, &half))                                      \
            return -1;                                                                             \
        return next(fd, out, faults_share_of(len, half), at);                                      \
    }
READS_AT(pread)
READS_AT(pread64)

#define READS_PARTS_AT(name)                                                                       \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at, int flags)                \
    {                                                                                              \
        NEXT(name);                                                                                \
        return faults_fails(CALLER, CALL_READ) ? -1 : next(fd, parts, count, at, flags);           \
    }
READS_PARTS_AT(preadv2)
READS_PARTS_AT(preadv64v2)

#define WRITES_AT(name)                                                                            \
    ssize_t name(int fd, const void *data, size_t len, off_t at)                                   \
    {                                                                                              \
        NEXT(name);                                                                                \
        bool half = false;                                                                         \
        faults_note_write(CALLER, fd, NULL);                                                       \
        if (faults_fails_or_halves(CALLER, CALL_WRITE, &half))                                     \
            return -1;                                                                             \
        return next(fd, data, faults_share_of(len, half), at);                                     \
    }
WRITES_AT(pwrite)
WRITES_AT(pwrite64)

#define WRITES_PARTS_AT(name)                                                                      \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at)                           \
    {                                                                                              \
        NEXT(name);                                                                                \
        bool half = false;                                                                         \
        faults_note_write(CALLER, fd, NULL);                                                       \
        if (faults_fails_or_halves(CALLER, CALL_WRITE, &half))                                     \
            return -1;                                                                             \
        return next(fd, parts, half && count > 1 ? count / 2 : count, at);                         \
    }
WRITES_PARTS_AT(pwritev)
WRITES_PARTS_AT(pwritev64)

int fsync(int fd)
{
    NEXT(fsync);
    faults_note_write(CALLER, fd, NULL);
    if (faults_fails(CALLER, CALL_SYNC))
        return -1;
    return faults_without_sync() ? 0 : next(fd);
}

int fdatasync(int fd)
{
    NEXT(fdatasync);
    faults_note_write(CALLER, fd, NULL);
    if (faults_fails(CALLER, CALL_SYNC))
        return -1;
    return faults_without_sync() ? 0 : next(fd);
}

int sync_file_range(int fd, off64_t at, off64_t len, unsigned flags)
{
    NEXT(sync_file_range);
    faults_note_write(CALLER, fd, NULL);
    return faults_fails(CALLER, CALL_SYNC) ? -1 : next(fd, at, len, flags);
}

#define TRUNCATES(name)                                                                            \
    int name(int fd, off_t len)                                                                    \
    {                                                                                              \
        NEXT(name);                                                                                \
        faults_note_write(CALLER, fd, NULL);                                                       \
        return faults_fails(CALLER, CALL_TRUNCATE) ? -1 : next(fd, len);                           \
    }
TRUNCATES(ftruncate)
TRUNCATES(ftruncate64)

#define ALLOCATES(name)                                                                            \
    int name(int fd, int mode, off_t at, off_t len)                                                \
    {                                                                                              \
        NEXT(name);                                                                                \
        faults_note_write(CALLER, fd, NULL);                                                       \
        return faults_fails(CALLER, CALL_TRUNCATE) ? -1 : next(fd, mode, at, len);                 \
    }
ALLOCATES(fallocate)
ALLOCATES(fallocate64)

int flock(int fd, int operation)
{
    NEXT(flock);
    return faults_fails(CALLER, CALL_LOCK) ? -1 : next(fd, operation);
}

int futimens(int fd, const struct timespec times[2])
{
    NEXT(futimens);
    faults_note_write(CALLER, fd, NULL);
    return faults_fails(CALLER, CALL_TIMES) ? -1 : next(fd, times);
}
