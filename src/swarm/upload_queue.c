#include "swarm/upload_queue.h"

#include <stdlib.h>

void upload_queue_dispose(struct upload_queue *queue)
{
    free(queue->items);
    *queue = (struct upload_queue){0};
}

struct upload *upload_queue_at(const struct upload_queue *queue, uint32_t i)
{
    return &queue->items[(queue->head + i) & (queue->cap - 1)];
}

static bool grow(struct upload_queue *queue)
{
    uint32_t cap = queue->cap == 0 ? 16 : queue->cap * 2;
    struct upload *items = malloc(cap * sizeof *items);
    if (items == NULL)
        return false;
    for (uint32_t i = 0; i < queue->count; i++)
        items[i] = *upload_queue_at(queue, i);
    free(queue->items);
    *queue = (struct upload_queue){.items = items, .count = queue->count, .cap = cap};
    return true;
}

bool upload_queue_push(struct upload_queue *queue, struct upload upload)
{
    if (queue->count == queue->cap && !grow(queue))
        return false;
    *upload_queue_at(queue, queue->count++) = upload;
    return true;
}

bool upload_queue_pop(struct upload_queue *queue, struct upload *out)
{
    if (queue->count == 0)
        return false;
    *out = *upload_queue_at(queue, 0);
    upload_queue_remove(queue, 0);
    return true;
}

void upload_queue_remove(struct upload_queue *queue, uint32_t i)
{
    if (i == 0)
        queue->head = (queue->head + 1) & (queue->cap - 1);
    else
        for (; i + 1 < queue->count; i++)
            *upload_queue_at(queue, i) = *upload_queue_at(queue, i + 1);
    queue->count--;
}

uint32_t upload_queue_find(const struct upload_queue *queue, struct upload upload)
{
    uint32_t i = 0;
    for (; i < queue->count; i++) {
        const struct upload *at = upload_queue_at(queue, i);
        if (at->piece == upload.piece && at->begin == upload.begin && at->length == upload.length)
            break;
    }
    return i;
}
