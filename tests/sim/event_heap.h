/* What is to happen in a virtual network, in the order of time, and of sequence at one time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kadpeer/endpoint.h"

struct event {
    uint64_t at;         /* in the owner's unit of time */
    uint64_t sequence;   /* given by the heap */
    int type;            /* the owner's */
    uint32_t generation; /* of what it is about, which may be gone by then */
    size_t node;
    struct endpoint from; /* of a datagram, with `len` bytes */
    uint16_t len;
    uint8_t *data; /* the heap's */
};

struct event_heap {
    struct event *events;
    size_t count, cap;
    uint64_t sequence;
};

void event_heap_dispose(struct event_heap *heap);
void event_heap_push(struct event_heap *heap, const struct event *event, const uint8_t *data);
uint64_t event_heap_next(const struct event_heap *heap);             /* UINT64_MAX: nothing left */
struct event event_heap_pop(struct event_heap *heap, uint8_t *data); /* copies the bytes out */
