/* What one peer has been asked for and has not answered yet, oldest first; and how many requests it
 * ought to have: about REQUESTS_AHEAD_MS worth of its rate, found by doubling from REQUESTS_MIN. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct piece;

struct request {
    struct piece *piece;
    uint32_t block;
    bool released; /* given up on: others may be asked; a late answer is still welcome */
};

struct request_queue {
    struct request *items; /* a ring */
    uint32_t head, count, cap;
    uint32_t released; /* of count */
    uint32_t target;   /* how many it ought to have */
    bool doubling;     /* its rate still grows with the number of requests */
};

void request_queue_init(struct request_queue *queue);
void request_queue_dispose(struct request_queue *queue);

struct request *request_queue_at(const struct request_queue *queue, uint32_t i); /* 0: the oldest */
bool request_queue_push(struct request_queue *queue, struct piece *piece, uint32_t block);
/* Its index, count when there is none. O(1) for the oldest. */
uint32_t request_queue_find(const struct request_queue *queue, const struct piece *piece,
                            uint32_t block);
void request_queue_remove(struct request_queue *queue, uint32_t i);
void request_queue_release(struct request_queue *queue, uint32_t i);
void request_queue_revive(struct request_queue *queue, uint32_t i); /* undoes release */

void request_queue_answered(struct request_queue *queue); /* a block came */
/* Once a second, with the rate of the last seconds. */
void request_queue_adapt(struct request_queue *queue, uint64_t rate_bps);
void request_queue_halve(struct request_queue *queue); /* it refused some */
