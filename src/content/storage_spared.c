/* Files that are not ours to change: what belongs into them is compared with what is there. */
#include <stdlib.h>
#include <string.h>

#include "content/storage_private.h"

void storage_spare(struct storage *storage, uint8_t *spared)
{
    pthread_rwlock_wrlock(&storage->lock);
    free(storage->spared);
    storage->spared = spared;
    pthread_rwlock_unlock(&storage->lock);
}

bool storage_spares(const struct storage *storage, uint32_t file)
{
    return storage->spared != NULL && storage->spared[file] != 0;
}

enum status storage_holds(int fd, const struct metainfo_span *span, const uint8_t *data, int *error)
{
    uint8_t there[16384];
    for (uint64_t done = 0; done < span->length;) {
        uint64_t left = span->length - done;
        size_t len = (size_t)(left < sizeof there ? left : sizeof there);
        if (!storage_move_bytes(fd, there, NULL, len, span->file_offset + done, error))
            return STATUS_CONFLICT;
        if (memcmp(there, data + done, len) != 0)
            return STATUS_CONFLICT;
        done += len;
    }
    return STATUS_OK;
}
