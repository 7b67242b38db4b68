/* What share_job.c (its stages) and share_add.c (the row it becomes) have in common. */
#pragma once

#include <stdatomic.h>

#include "content/hasher.h"
#include "content/tree.h"
#include "daemon/engine_private.h"
#include "daemon/item.h"
#include "daemon/share_job.h"
#include "io/work.h"
#include "people/keys.h"

#define SHARE_EXCLUDES_MAX 64

struct share_job;

/* A range of pieces, of which one job in the pool after the other hashes some. */
struct share_slice {
    struct work work;
    struct share_job *job;
    struct hasher *hasher; /* NULL: not begun */
    uint64_t done_bytes;   /* by the last job */
    bool ended;
    enum status status;
    char error[TREE_ERROR_SIZE];
};

/* Digests of whole files, each one stream: that of one is taken on one thread. */
enum share_digests {
    SHARE_SHA1,   /* of a single file by itself */
    SHARE_SHA256, /* of all of it, for a group */
    SHARE_DIGESTS
};

struct share_digest {
    struct work work;
    struct share_job *job;
    struct hasher_files *files; /* NULL: not wanted */
    bool done;
    enum status status;
    char error[TREE_ERROR_SIZE];
};

struct share_job {
    struct share_job *prev, *next; /* engine->share_jobs */
    struct engine *engine;
    struct call *call;   /* NULL: nobody waits any more */
    struct timer *timer; /* how long the first announcement is waited for */

    char *path, *name;
    char *exclude[SHARE_EXCLUDES_MAX];
    size_t exclude_count;
    uint32_t piece_length; /* 0: by the size */
    bool unlisted, announce, is_private;
    bool wants_sha1; /* in the answer */
    bool has_group;  /* for the members of `group` alone */
    struct public_key group;
    uint64_t wait_ms;

    struct tree *tree;
    struct metainfo *layout; /* without hashes */
    struct storage *storage;
    struct id *hashes;
    uint32_t next_piece;
    struct share_digest digests[SHARE_DIGESTS];

    struct work work;                       /* one stage after the other */
    struct share_slice slices[VERIFY_JOBS]; /* side by side */
    unsigned running;
    atomic_bool cancelled;
    enum status status;
    char error[TREE_ERROR_SIZE];

    uint64_t done_bytes, started_ms, told_ms;

    struct metainfo *metainfo; /* what it came to be; taken by the item */
    struct storage_stat *stats;
    int64_t id;          /* of the transfer, once there is one */
    struct id discovery; /* what it is announced under */
    uint32_t announced;
};

/* Makes the row and the item, or renews those that are there. OK: job->id and discovery are set.
 * CONFLICT: it is offered to others already; job->error says so. */
enum status share_add(struct share_job *job);
/* NULL: not taken here. Borrowed from the job. */
const struct id *share_sha1(const struct share_job *job);
