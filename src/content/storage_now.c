/* Reading what needs no waiting: from open files whose bytes the system has in memory. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "content/storage_private.h"

static bool move_bytes(int fd, const struct metainfo_span *span, uint8_t *out)
{
    uint64_t done = 0;
    while (done < span->length) {
        struct iovec run = {out + done, (size_t)(span->length - done)};
        ssize_t n = preadv2(fd, &run, 1, (off_t)(span->file_offset + done), RWF_NOWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (uint64_t)n;
    }
    return true;
}

static bool is_as_expected(int fd, const struct storage_stat *expected)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0 || stat.st_nlink == 0)
        return false;
    struct storage_stat now = storage_stat_of(&stat);
    return storage_stat_same(expected, &now);
}

/* Whoever writes just now looks at it himself. */
static bool is_as_left(struct storage *storage, uint32_t file, int fd)
{
    if (pthread_mutex_trylock(&storage->looks_lock) != 0)
        return true;
    bool as_left = storage_is_as_left(storage, file, fd, false);
    pthread_mutex_unlock(&storage->looks_lock);
    return as_left;
}

static bool read_span(struct storage *storage, const struct metainfo_span *span, uint8_t *out,
                      const struct storage_stat *expected)
{
    uint32_t file = span->file;
    if (storage->metainfo->files[file].padding) {
        memset(out, 0, (size_t)span->length);
        return true;
    }
    if (storage_is_left_out(storage, file))
        return false;
    int fd = storage_cache_borrow(storage->cache, storage, file, false);
    if (fd < 0)
        return false;
    bool right =
        move_bytes(fd, span, out) &&
        (expected != NULL ? is_as_expected(fd, &expected[file]) : is_as_left(storage, file, fd));
    storage_cache_return(storage->cache, storage, file, false, fd);
    return right;
}

bool storage_read_now(struct storage *storage, uint64_t offset, size_t len, uint8_t *out,
                      const struct storage_stat *expected)
{
    struct metainfo_span spans[8];
    if (pthread_rwlock_tryrdlock(&storage->lock) != 0)
        return false;
    size_t count = metainfo_spans(storage->metainfo, offset, len, spans, 8);
    bool right = count > 0 && count <= 8;
    for (size_t i = 0; i < count && right; i++) {
        right = read_span(storage, &spans[i], out, expected);
        out += spans[i].length;
    }
    pthread_rwlock_unlock(&storage->lock);
    return right;
}
