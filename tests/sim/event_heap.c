#include "sim/event_heap.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void event_heap_dispose(struct event_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        free(heap->events[i].data);
    free(heap->events);
}

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

void event_heap_push(struct event_heap *heap, const struct event *event, const uint8_t *data)
{
    if (heap->count == heap->cap) {
        heap->cap = heap->cap > 0 ? 2 * heap->cap : 256;
        heap->events = realloc(heap->events, heap->cap * sizeof *heap->events);
        assert(heap->events != NULL);
    }
    struct event added = *event;
    added.sequence = heap->sequence++;
    added.data = NULL;
    if (event->len > 0) {
        added.data = malloc(event->len);
        assert(added.data != NULL);
        memcpy(added.data, data, event->len);
    }
    size_t at = heap->count++;
    for (; at > 0 && is_before(&added, &heap->events[(at - 1) / 2]); at = (at - 1) / 2)
        heap->events[at] = heap->events[(at - 1) / 2];
    heap->events[at] = added;
}

uint64_t event_heap_next(const struct event_heap *heap)
{
    return heap->count > 0 ? heap->events[0].at : UINT64_MAX;
}

struct event event_heap_pop(struct event_heap *heap, uint8_t *data)
{
    struct event first = heap->events[0], moved = heap->events[--heap->count];
    size_t at = 0;
    for (size_t child = 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && is_before(&heap->events[child + 1], &heap->events[child]))
            child++;
        if (!is_before(&heap->events[child], &moved))
            break;
        heap->events[at] = heap->events[child];
        at = child;
    }
    heap->events[at] = moved;
    if (first.len > 0)
        memcpy(data, first.data, first.len);
    free(first.data);
    first.data = NULL;
    return first;
}
