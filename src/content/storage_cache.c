#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "content/params.h"
#include "content/storage_private.h"

struct slot {
    const struct storage *owner; /* NULL: free */
    uint32_t file;
    bool writable;
    int fd;
    unsigned borrowers;
    uint64_t used; /* the cache's count of uses when it was last returned */
};

struct storage_cache {
    pthread_mutex_t lock;
    uint64_t uses;
    struct slot slots[STORAGE_DESCRIPTORS];
};

struct storage_cache *storage_cache_new(void)
{
    struct storage_cache *cache = calloc(1, sizeof *cache);
    if (cache != NULL && pthread_mutex_init(&cache->lock, NULL) != 0) {
        free(cache);
        return NULL;
    }
    return cache;
}

void storage_cache_free(struct storage_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < STORAGE_DESCRIPTORS; i++)
        if (cache->slots[i].owner != NULL)
            close(cache->slots[i].fd);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

int storage_cache_borrow(struct storage_cache *cache, const struct storage *owner, uint32_t file,
                         bool writable)
{
    int fd = -1;
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < STORAGE_DESCRIPTORS && fd < 0; i++) {
        struct slot *slot = &cache->slots[i];
        if (slot->owner != owner || slot->file != file || (writable && !slot->writable))
            continue;
        slot->borrowers++;
        fd = slot->fd;
    }
    pthread_mutex_unlock(&cache->lock);
    return fd;
}

/* The slot of this open file, else a free one, else the one unused longest. NULL: all borrowed. */
static struct slot *slot_for(struct storage_cache *cache, int fd)
{
    struct slot *best = NULL;
    for (size_t i = 0; i < STORAGE_DESCRIPTORS; i++) {
        struct slot *slot = &cache->slots[i];
        if (slot->owner != NULL && slot->fd == fd)
            return slot;
        if (slot->owner != NULL && slot->borrowers > 0)
            continue;
        if (best == NULL ||
            (best->owner != NULL && (slot->owner == NULL || slot->used < best->used)))
            best = slot;
    }
    return best;
}

void storage_cache_return(struct storage_cache *cache, const struct storage *owner, uint32_t file,
                          bool writable, int fd)
{
    int unwanted = -1;
    pthread_mutex_lock(&cache->lock);
    struct slot *slot = slot_for(cache, fd);
    if (slot == NULL) {
        unwanted = fd;
    } else if (slot->owner != NULL && slot->fd == fd) {
        slot->borrowers--;
    } else {
        if (slot->owner != NULL)
            unwanted = slot->fd;
        *slot = (struct slot){.owner = owner, .file = file, .writable = writable, .fd = fd};
    }
    if (slot != NULL)
        slot->used = ++cache->uses;
    pthread_mutex_unlock(&cache->lock);
    if (unwanted >= 0)
        close(unwanted);
}

void storage_cache_forget(struct storage_cache *cache, const struct storage *owner)
{
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < STORAGE_DESCRIPTORS; i++) {
        struct slot *slot = &cache->slots[i];
        if (slot->owner != owner)
            continue;
        close(slot->fd);
        *slot = (struct slot){.owner = NULL};
    }
    pthread_mutex_unlock(&cache->lock);
}
