#include "swarm/request_queue.h"

#include <stdlib.h>
#include <string.h>

#include "swarm/params.h"

void request_queue_init(struct request_queue *queue)
{
    *queue = (struct request_queue){.target = REQUESTS_MIN, .doubling = true};
}

void request_queue_dispose(struct request_queue *queue)
{
    free(queue->items);
    *queue = (struct request_queue){0};
}

struct request *request_queue_at(const struct request_queue *queue, uint32_t i)
{
    return &queue->items[(queue->head + i) & (queue->cap - 1)];
}

static bool grow(struct request_queue *queue)
{
    uint32_t cap = queue->cap == 0 ? 16 : queue->cap * 2;
    struct request *items = malloc(cap * sizeof *items);
    if (items == NULL)
        return false;
    for (uint32_t i = 0; i < queue->count; i++)
        items[i] = *request_queue_at(queue, i);
    free(queue->items);
    queue->items = items;
    queue->cap = cap;
    queue->head = 0;
    return true;
}

bool request_queue_push(struct request_queue *queue, struct piece *piece, uint32_t block)
{
    if (queue->count == queue->cap && !grow(queue))
        return false;
    *request_queue_at(queue, queue->count++) = (struct request){.piece = piece, .block = block};
    return true;
}

uint32_t request_queue_find(const struct request_queue *queue, const struct piece *piece,
                            uint32_t block)
{
    uint32_t i = 0;
    for (; i < queue->count; i++) {
        const struct request *request = request_queue_at(queue, i);
        if (request->piece == piece && request->block == block)
            break;
    }
    return i;
}

void request_queue_remove(struct request_queue *queue, uint32_t i)
{
    queue->released -= request_queue_at(queue, i)->released;
    if (i == 0) {
        queue->head = (queue->head + 1) & (queue->cap - 1);
    } else {
        for (; i + 1 < queue->count; i++)
            *request_queue_at(queue, i) = *request_queue_at(queue, i + 1);
    }
    queue->count--;
}

void request_queue_release(struct request_queue *queue, uint32_t i)
{
    struct request *request = request_queue_at(queue, i);
    queue->released += !request->released;
    request->released = true;
}

void request_queue_revive(struct request_queue *queue, uint32_t i)
{
    struct request *request = request_queue_at(queue, i);
    queue->released -= request->released;
    request->released = false;
}

void request_queue_answered(struct request_queue *queue)
{
    if (queue->doubling && queue->target < REQUESTS_OURS_MAX)
        queue->target++;
}

void request_queue_adapt(struct request_queue *queue, uint64_t rate_bps)
{
    uint64_t worth = rate_bps * REQUESTS_AHEAD_MS / 1000 / BLOCK_BYTES;
    /* Twice as many asked as come in a second: more requests bring no more rate. */
    if (queue->doubling && queue->target > 2 * worth + REQUESTS_MIN)
        queue->doubling = false;
    if (queue->doubling)
        return;
    worth = worth < REQUESTS_MIN ? REQUESTS_MIN : worth;
    queue->target = worth > REQUESTS_OURS_MAX ? REQUESTS_OURS_MAX : (uint32_t)worth;
}

void request_queue_halve(struct request_queue *queue)
{
    queue->doubling = false;
    queue->target = queue->target / 2 < REQUESTS_MIN ? REQUESTS_MIN : queue->target / 2;
}
