#include "cli/hashing.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/params.h"
#include "content/metainfo.h"

#define PROGRESS_EVERY_NS 100000000 /* 0.1 s */

/* What the threads share, under the lock but for what never changes. */
struct hashing {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct storage *storage;
    const struct metainfo *metainfo;
    struct id *out; /* NULL: compare instead */
    struct hashing_verdict verdict;
    uint32_t next; /* the first piece nobody has taken */
    uint64_t done_bytes;
    unsigned running;
    enum status status;
    struct storage_error error;
};

/* One piece, without the lock. */
static enum status do_piece(struct hashing *hashing, uint32_t piece, struct storage_error *error)
{
    return hashing->out != NULL
               ? hasher_pieces(hashing->storage, piece, 1, &hashing->out[piece], error)
               : hasher_check(hashing->storage, piece, error);
}

/* With the lock. */
static void note_result(struct hashing *hashing, uint32_t piece, enum status status,
                        const struct storage_error *error)
{
    bool verify = hashing->out == NULL;
    hashing->done_bytes += metainfo_piece_size(hashing->metainfo, piece);
    hashing->verdict.good += status == STATUS_OK;
    hashing->verdict.bad += verify && status == STATUS_MISMATCH;
    hashing->verdict.missing += verify && status == STATUS_NOT_FOUND;
    bool counted = verify && (status == STATUS_MISMATCH || status == STATUS_NOT_FOUND);
    if (status != STATUS_OK && !counted && hashing->status == STATUS_OK) {
        hashing->status = status;
        hashing->error = *error;
    }
}

static void *work(void *user)
{
    struct hashing *hashing = user;
    pthread_mutex_lock(&hashing->lock);
    while (hashing->next < hashing->metainfo->piece_count && hashing->status == STATUS_OK) {
        struct storage_error error;
        uint32_t piece = hashing->next++;
        pthread_mutex_unlock(&hashing->lock);
        enum status status = do_piece(hashing, piece, &error);
        pthread_mutex_lock(&hashing->lock);
        note_result(hashing, piece, status, &error);
    }
    hashing->running--;
    pthread_cond_signal(&hashing->moved);
    pthread_mutex_unlock(&hashing->lock);
    return NULL;
}

static unsigned start_threads(struct hashing *hashing, pthread_t threads[TORRENT_THREADS_MAX])
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = cpus < 1                     ? 1
                      : cpus > TORRENT_THREADS_MAX ? TORRENT_THREADS_MAX
                                                   : (unsigned)cpus;
    unsigned count = 0;
    hashing->running = wanted;
    while (count < wanted && pthread_create(&threads[count], NULL, work, hashing) == 0)
        count++;
    hashing->running -= wanted - count;
    return count;
}

/* With the lock. */
static void wait_for_end(struct hashing *hashing, hashing_progress *progress, void *user)
{
    while (hashing->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PROGRESS_EVERY_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&hashing->moved, &hashing->lock, &until);
        uint64_t done_bytes = hashing->done_bytes;
        pthread_mutex_unlock(&hashing->lock);
        progress(user, done_bytes);
        pthread_mutex_lock(&hashing->lock);
    }
}

static enum status run(struct hashing *hashing, hashing_progress *progress, void *user,
                       struct storage_error *error)
{
    pthread_t threads[TORRENT_THREADS_MAX];
    pthread_mutex_init(&hashing->lock, NULL);
    pthread_cond_init(&hashing->moved, NULL);
    hashing->metainfo = storage_metainfo(hashing->storage);
    pthread_mutex_lock(&hashing->lock);
    unsigned count = start_threads(hashing, threads);
    wait_for_end(hashing, progress, user);
    pthread_mutex_unlock(&hashing->lock);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&hashing->moved);
    pthread_mutex_destroy(&hashing->lock);
    *error = hashing->error;
    return count == 0 ? STATUS_NO_MEMORY : hashing->status;
}

enum status hashing_make(struct storage *storage, struct id out[], hashing_progress *progress,
                         void *user, struct storage_error *error)
{
    struct hashing hashing = {.storage = storage, .out = out};
    return run(&hashing, progress, user, error);
}

enum status hashing_verify(struct storage *storage, struct hashing_verdict *out,
                           hashing_progress *progress, void *user, struct storage_error *error)
{
    struct hashing hashing = {.storage = storage};
    enum status status = run(&hashing, progress, user, error);
    *out = hashing.verdict;
    return status;
}
