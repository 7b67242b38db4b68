/* All pieces of a storage, read by a few threads while the caller is told how far they are. */
#pragma once

#include <stdint.h>

#include "content/hasher.h"
#include "content/storage.h"
#include "kadpeer/id.h"

typedef void hashing_progress(void *user, uint64_t done_bytes);

/* Writes the hash of every piece to `out`. Stops at the first failure. */
enum status hashing_make(struct storage *storage, struct id out[], hashing_progress *progress,
                         void *user, struct storage_error *error);

struct hashing_verdict {
    uint32_t good, bad, missing; /* pieces */
};
/* Compares every piece with its hash; missing and wrong ones are counted, other failures end it. */
enum status hashing_verify(struct storage *storage, struct hashing_verdict *out,
                           hashing_progress *progress, void *user, struct storage_error *error);
