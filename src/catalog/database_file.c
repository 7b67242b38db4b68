#include "catalog/database_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"
#include "catalog/catalog_private.h"
#include "catalog/schema.h"
#include "kadpeer/bytes.h"

/* The header of an SQLite database, as far as it matters here
 * [sqlite.org/fileformat2.html section 1.3]:
 *
 *   offset  size
 *        0    16  "SQLite format 3" and a zero byte
 *       16     2  page size in bytes; 1 stands for 65,536
 *       24     4  change counter
 *       28     4  size of the database in pages, good when the two counters agree
 *       68     4  application id
 *       92     4  the change counter for which the size is good */
#define HEADER_BYTES 100

static const char magic[16] = "SQLite format 3";

/* Of no meaning while a write-ahead log waits: its pages come on top. */
static bool is_cut(const uint8_t header[HEADER_BYTES], uint64_t file_bytes)
{
    if (read_u32(header + 24) != read_u32(header + 92))
        return false;
    uint64_t page_bytes = read_u16(header + 16) == 1 ? 65536 : read_u16(header + 16);
    return read_u32(header + 28) * page_bytes > file_bytes;
}

static bool log_waits(const char *path)
{
    char wal[PATH_MAX];
    struct stat info;
    if ((size_t)snprintf(wal, sizeof wal, "%s-wal", path) >= sizeof wal)
        return false;
    return stat(wal, &info) == 0 && info.st_size > 0;
}

static const char *judge(const char *path, const uint8_t header[HEADER_BYTES], size_t len,
                         uint64_t file_bytes)
{
    if (len < sizeof magic || memcmp(header, magic, sizeof magic) != 0)
        return "it is not a database";
    if (len < HEADER_BYTES)
        return "it is cut short";
    if (read_u32(header + 68) != SCHEMA_APPLICATION_ID)
        return "it belongs to another program";
    if (!log_waits(path) && is_cut(header, file_bytes))
        return "it is cut short";
    return NULL;
}

static enum status check_open_file(const char *path, int fd, bool *empty, const char **why)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return status_of_errno(errno);
    if (!S_ISREG(info.st_mode)) {
        *why = "it is not a file";
        return STATUS_MALFORMED;
    }
    *empty = info.st_size == 0;
    if (!*empty) {
        uint8_t header[HEADER_BYTES] = {0};
        ssize_t got = pread(fd, header, sizeof header, 0);
        if (got < 0)
            return status_of_errno(errno);
        *why = judge(path, header, (size_t)got, (uint64_t)info.st_size);
        if (*why != NULL)
            return STATUS_MALFORMED;
    }
    /* SQLite gives the log and the index beside it the same mode. */
    if ((info.st_mode & 077) != 0 && fchmod(fd, 0600) != 0)
        return status_of_errno(errno);
    return STATUS_OK;
}

enum status database_file_check(const char *path, bool *empty, const char **why)
{
    *why = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0 && errno == EISDIR) {
        *why = "it is not a file";
        return STATUS_MALFORMED;
    }
    if (fd < 0)
        return status_of_errno(errno);
    enum status status = check_open_file(path, fd, empty, why);
    close(fd);
    return status;
}
