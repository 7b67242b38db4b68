/* First in, first out, for things of any length: a fixed head and some bytes each. One run of
 * memory that grows up to a limit, so that a flood fills it and never the heap. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"

struct byte_queue {
    uint8_t *data;
    size_t head, tail, cap; /* bytes */
    size_t limit;           /* most that `cap` may become */
};

void byte_queue_init(struct byte_queue *queue, size_t limit);
void byte_queue_dispose(struct byte_queue *queue);

/* Copies both in. False: full. */
bool byte_queue_push(struct byte_queue *queue, const void *head, size_t head_len,
                     struct bytes body);
/* Takes the oldest out: its head, of the length it was pushed with, is copied to `head`; `*body` is
 * borrowed until the next push or trim. False: empty. */
bool byte_queue_pop(struct byte_queue *queue, void *head, size_t head_len, struct bytes *body);

bool byte_queue_is_empty(const struct byte_queue *queue);
void byte_queue_trim(struct byte_queue *queue); /* gives the memory back when empty */
