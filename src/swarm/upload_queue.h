/* What one peer has asked us for and has not been given yet, oldest first. The owner bounds it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct upload {
    uint32_t piece, begin, length;
};

struct upload_queue {
    struct upload *items; /* a ring */
    uint32_t head, count, cap;
};

void upload_queue_dispose(struct upload_queue *queue); /* {0} is an empty one */
bool upload_queue_push(struct upload_queue *queue, struct upload upload);
bool upload_queue_pop(struct upload_queue *queue, struct upload *out);
struct upload *upload_queue_at(const struct upload_queue *queue, uint32_t i);
void upload_queue_remove(struct upload_queue *queue, uint32_t i);
/* Its index, count when there is none. */
uint32_t upload_queue_find(const struct upload_queue *queue, struct upload upload);
