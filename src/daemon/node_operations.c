/* Questions to both overlays at once: each is a leg of one operation, whose sums its owner gets. */
#include "daemon/node_private.h"

#include <stdlib.h>
#include <string.h>

static void cancel_leg(struct node *node, struct operation *operation, size_t i)
{
    if (!operation->open[i])
        return;
    operation->open[i] = false;
    HASH_DELETE(hh, node->legs, &operation->legs[i]);
}

static void free_operation(struct node *node, struct operation *operation)
{
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        cancel_leg(node, operation, i);
    HASH_DELETE(hh, node->operations, operation);
    free(operation->found);
    free(operation);
}

/* ---- asking ---- */

static struct operation *new_operation(struct node *node, enum dht_event_type type,
                                       node_on_event *on_event, void *user)
{
    if (HASH_COUNT(node->operations) >= NODE_OPERATIONS_MAX)
        return NULL;
    struct operation *operation = calloc(1, sizeof *operation);
    if (operation == NULL)
        return NULL;
    do
        operation->handle = ++node->last_handle;
    while (operation->handle == 0);
    operation->type = type;
    operation->on_event = on_event;
    operation->user = user;
    operation->sum.type = type;
    operation->sum.operation = operation->handle;
    operation->sum.status = STATUS_UNREACHABLE;
    HASH_ADD(hh, node->operations, handle, sizeof operation->handle, operation);
    if (operation->hh.tbl == NULL) {
        free(operation);
        return NULL;
    }
    return operation;
}

static void add_leg(struct node *node, struct operation *operation, size_t i, uint32_t number)
{
    struct leg *leg = &operation->legs[i];
    if (number == 0)
        return;
    leg->key = (uint64_t)i << 32 | number;
    leg->operation = operation;
    HASH_ADD(hh, node->legs, key, sizeof leg->key, leg);
    operation->open[i] = leg->hh.tbl != NULL; /* else its events find nobody */
}

/* The handle of an operation that has a leg at all. */
static uint32_t settle(struct node *node, struct operation *operation)
{
    if (!operation->open[0] && !operation->open[1]) {
        free_operation(node, operation);
        return 0;
    }
    node_touch(node);
    return operation->handle;
}

uint32_t node_get(struct node *node, const struct id *key, enum record_kind kind,
                  node_on_event *on_event, void *user)
{
    struct operation *operation = new_operation(node, DHT_EVENT_GET_DONE, on_event, user);
    if (operation == NULL)
        return 0;
    operation->sum.id = *key;
    operation->sum.kind = kind;
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        if (node->overlays[i].dht != NULL)
            add_leg(node, operation, i,
                    dht_get(node->overlays[i].dht, key, kind, node_now_ms(node)));
    return settle(node, operation);
}

uint32_t node_find(struct node *node, const struct id *target, node_on_event *on_event, void *user)
{
    struct operation *operation = new_operation(node, DHT_EVENT_FOUND, on_event, user);
    if (operation == NULL)
        return 0;
    operation->sum.id = *target;
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        if (node->overlays[i].dht != NULL)
            add_leg(node, operation, i, dht_find(node->overlays[i].dht, target, node_now_ms(node)));
    return settle(node, operation);
}

uint32_t node_ping(struct node *node, const struct endpoint *endpoint, node_on_event *on_event,
                   void *user)
{
    size_t i = endpoint->family == ENDPOINT_IPV6;
    if (node->overlays[i].dht == NULL)
        return 0;
    struct operation *operation = new_operation(node, DHT_EVENT_PING, on_event, user);
    if (operation == NULL)
        return 0;
    add_leg(node, operation, i, dht_ping(node->overlays[i].dht, endpoint, node_now_ms(node)));
    return settle(node, operation);
}

void node_cancel(struct node *node, uint32_t handle)
{
    struct operation *operation;
    HASH_FIND(hh, node->operations, &handle, sizeof handle, operation);
    if (operation == NULL)
        return;
    for (size_t i = 0; i < NODE_FAMILIES; i++)
        if (operation->open[i])
            dht_cancel(node->overlays[i].dht, (uint32_t)operation->legs[i].key);
    free_operation(node, operation);
    node_touch(node);
}

void node_free_operations(struct node *node)
{
    struct operation *operation, *next;
    HASH_ITER(hh, node->operations, operation, next)
    free_operation(node, operation);
}

/* ---- answers ---- */

/* One answer is enough to be done; NOT_FOUND still tells that somebody answered. */
static enum status better(enum status a, enum status b)
{
    if (a == STATUS_OK || b == STATUS_OK)
        return STATUS_OK;
    return a == STATUS_UNREACHABLE ? b : a;
}

static void add_found(struct operation *operation, const struct dht_event *event)
{
    size_t count = operation->found_count;
    struct dht_contact *grown =
        realloc(operation->found, (count + event->node_count + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    operation->found = grown;
    for (size_t i = 0; i < event->node_count; i++) { /* both lists are sorted: insertion */
        size_t at = operation->found_count++;
        while (at > 0 && id_distance_compare(&operation->sum.id, &event->nodes[i].id,
                                             &grown[at - 1].id) < 0) {
            grown[at] = grown[at - 1];
            at--;
        }
        grown[at] = event->nodes[i];
    }
}

static void add_leg_end(struct operation *operation, const struct dht_event *event)
{
    struct dht_event *sum = &operation->sum;
    if (event->type == DHT_EVENT_PING) {
        *sum = *event;
        sum->operation = operation->handle;
        return;
    }
    sum->status = better(sum->status, event->status);
    sum->asked += event->asked;
    sum->answered += event->answered;
    sum->values += event->values;
    sum->nearest += event->nearest;
    sum->holding += event->holding;
    sum->held = event->held > sum->held ? event->held : sum->held;
    sum->hops = event->hops > sum->hops ? event->hops : sum->hops;
    if (event->type == DHT_EVENT_FOUND)
        add_found(operation, event);
}

static void end_operation(struct node *node, struct operation *operation)
{
    struct dht_event sum = operation->sum;
    struct dht_contact *found = operation->found;
    node_on_event *on_event = operation->on_event;
    void *user = operation->user;
    sum.nodes = found;
    sum.node_count = operation->found_count;
    operation->found = NULL;
    free_operation(node, operation);
    on_event(user, &sum);
    free(found);
}

void node_operation_event(struct node *node, struct overlay *overlay, const struct dht_event *event)
{
    size_t i = (size_t)(overlay - node->overlays);
    uint64_t key = (uint64_t)i << 32 | event->operation;
    struct leg *leg;
    HASH_FIND(hh, node->legs, &key, sizeof key, leg);
    if (leg == NULL)
        return;
    struct operation *operation = leg->operation;
    if (event->type == DHT_EVENT_VALUE) {
        struct dht_event renamed = *event;
        renamed.operation = operation->handle;
        operation->on_event(operation->user, &renamed);
        return;
    }
    add_leg_end(operation, event);
    cancel_leg(node, operation, i);
    if (!operation->open[0] && !operation->open[1])
        end_operation(node, operation);
}
