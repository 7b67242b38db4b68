#include "dht/byte_queue.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 2048

void byte_queue_init(struct byte_queue *queue, size_t limit)
{
    *queue = (struct byte_queue){.limit = limit};
}

void byte_queue_dispose(struct byte_queue *queue)
{
    free(queue->data);
    byte_queue_init(queue, queue->limit);
}

/* An entry: u32 length of the body, head, body. */
static bool make_room(struct byte_queue *queue, size_t need)
{
    if (queue->tail + need <= queue->cap)
        return true;
    if (queue->head > 0) {
        memmove(queue->data, queue->data + queue->head, queue->tail - queue->head);
        queue->tail -= queue->head;
        queue->head = 0;
    }
    size_t cap = queue->cap > 0 ? queue->cap : FIRST_BYTES;
    while (cap < queue->tail + need)
        cap *= 2;
    if (cap > queue->limit)
        cap = queue->limit;
    if (cap < queue->tail + need)
        return false;
    if (cap == queue->cap)
        return true;
    uint8_t *grown = realloc(queue->data, cap);
    if (grown == NULL)
        return false;
    queue->data = grown;
    queue->cap = cap;
    return true;
}

bool byte_queue_push(struct byte_queue *queue, const void *head, size_t head_len, struct bytes body)
{
    if (!make_room(queue, sizeof(uint32_t) + head_len + body.len))
        return false;
    uint8_t *at = queue->data + queue->tail;
    write_u32(at, (uint32_t)body.len);
    memcpy(at + sizeof(uint32_t), head, head_len);
    if (body.len > 0)
        memcpy(at + sizeof(uint32_t) + head_len, body.data, body.len);
    queue->tail += sizeof(uint32_t) + head_len + body.len;
    return true;
}

bool byte_queue_pop(struct byte_queue *queue, void *head, size_t head_len, struct bytes *body)
{
    if (byte_queue_is_empty(queue))
        return false;
    const uint8_t *at = queue->data + queue->head;
    *body = bytes_of(at + sizeof(uint32_t) + head_len, read_u32(at));
    memcpy(head, at + sizeof(uint32_t), head_len);
    queue->head += sizeof(uint32_t) + head_len + body->len;
    if (queue->head == queue->tail)
        queue->head = queue->tail = 0;
    return true;
}

bool byte_queue_is_empty(const struct byte_queue *queue)
{
    return queue->head == queue->tail;
}

void byte_queue_trim(struct byte_queue *queue)
{
    if (byte_queue_is_empty(queue))
        byte_queue_dispose(queue);
}
