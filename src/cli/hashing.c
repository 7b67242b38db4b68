#include "cli/hashing.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/memory.h"
#include "cli/params.h"
#include "content/metainfo.h"

#define PROGRESS_EVERY_NS  100000000  /* 0.1 s */
#define HASHING_STEP_BYTES (8u << 20) /* some ms, between two looks at the progress */

/* What the threads share, under the lock but for what never changes. */
struct hashing {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct storage *storage;
    const struct metainfo *metainfo;
    struct id *out; /* NULL: compare instead */
    struct hashing_verdict verdict;
    uint32_t next; /* the first piece nobody has taken */
    unsigned threads;
    uint64_t done_bytes;
    unsigned running;
    enum status status;
    struct storage_error error;
};

/* With the lock. */
static void note_result(struct hashing *hashing, const struct hasher *hasher,
                        const struct hasher_result *result)
{
    bool verify = hashing->out == NULL;
    enum status status = verify ? hasher_check(hasher, result) : result->status;
    if (!verify)
        hashing->out[result->piece] = result->hash;
    hashing->verdict.good += status == STATUS_OK;
    hashing->verdict.bad += verify && status == STATUS_MISMATCH;
    hashing->verdict.missing += verify && status == STATUS_NOT_FOUND;
    bool counted = verify && (status == STATUS_MISMATCH || status == STATUS_NOT_FOUND);
    if (status != STATUS_OK && !counted && hashing->status == STATUS_OK) {
        hashing->status = status;
        hashing->error = *result->error;
    }
}

/* All of what the hasher has begun, with the lock but for the hashing itself. */
static void do_portion(struct hashing *hashing, struct hasher *hasher)
{
    for (bool more = true; more && hashing->status == STATUS_OK;) {
        const struct hasher_result *results;
        uint64_t done_bytes = 0;
        pthread_mutex_unlock(&hashing->lock);
        more = hasher_step(hasher, HASHING_STEP_BYTES, &done_bytes);
        pthread_mutex_lock(&hashing->lock);
        hashing->done_bytes += done_bytes;
        size_t count = hasher_results(hasher, &results);
        for (size_t i = 0; i < count; i++)
            note_result(hashing, hasher, &results[i]);
    }
}

static void *work(void *user)
{
    struct hashing *hashing = user;
    struct hasher *hasher = hasher_new(hashing->storage);
    if (hasher == NULL)
        out_of_memory();
    pthread_mutex_lock(&hashing->lock);
    while (hashing->next < hashing->metainfo->piece_count && hashing->status == STATUS_OK) {
        uint32_t first = hashing->next;
        hashing->next += hasher_portion(hashing->metainfo, first, hashing->threads);
        hasher_begin(hasher, first, hashing->next, NULL);
        do_portion(hashing, hasher);
    }
    hashing->running--;
    pthread_cond_signal(&hashing->moved);
    pthread_mutex_unlock(&hashing->lock);
    hasher_free(hasher);
    return NULL;
}

static unsigned start_threads(struct hashing *hashing, pthread_t threads[TORRENT_THREADS_MAX])
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = cpus < 1                     ? 1
                      : cpus > TORRENT_THREADS_MAX ? TORRENT_THREADS_MAX
                                                   : (unsigned)cpus;
    unsigned count = 0;
    hashing->running = hashing->threads = wanted;
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
