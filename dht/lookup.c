#include "dht/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "dht/node_id.h"
#include "dht/params.h"

#define GROWTH 16 /* nodes that the list grows by */

void lookup_init(struct lookup *lookup, const struct id *target, uint8_t k, uint8_t alpha)
{
    *lookup = (struct lookup){.target = *target, .k = k, .alpha = alpha};
}

void lookup_dispose(struct lookup *lookup)
{
    free(lookup->nodes);
    lookup->nodes = NULL;
    lookup->count = lookup->cap = 0;
}

/* ---- the list ---- */

static bool reserve_one(struct lookup *lookup)
{
    if (lookup->count < lookup->cap)
        return true;
    size_t cap = (size_t)lookup->cap + GROWTH;
    struct lookup_node *grown = realloc(lookup->nodes, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    lookup->nodes = grown;
    lookup->cap = (uint16_t)cap;
    return true;
}

static void uncount(struct lookup *lookup, const struct lookup_node *node)
{
    lookup->in_flight -= node->state == LOOKUP_ASKED;
    lookup->late -= node->state == LOOKUP_LATE;
}

/* Where `id` stands or would stand. */
static size_t position(const struct lookup *lookup, const struct id *id)
{
    size_t low = 0, high = lookup->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (id_distance_compare(&lookup->target, &lookup->nodes[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool endpoint_known(const struct lookup *lookup, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < lookup->count; i++)
        if (endpoint_equal(&lookup->nodes[i].endpoint, endpoint))
            return true;
    return false;
}

bool lookup_add(struct lookup *lookup, const struct id *id, const struct endpoint *endpoint,
                unsigned hops)
{
    size_t at = position(lookup, id);
    if (at == LOOKUP_NODES_MAX || lookup_find(lookup, id) != NULL ||
        endpoint_known(lookup, endpoint))
        return false;
    if (lookup->count == LOOKUP_NODES_MAX)
        uncount(lookup, &lookup->nodes[--lookup->count]);
    if (!reserve_one(lookup))
        return false;
    struct lookup_node *node = &lookup->nodes[at];
    memmove(node + 1, node, (lookup->count - at) * sizeof *node);
    *node = (struct lookup_node){.id = *id,
                                 .endpoint = *endpoint,
                                 .state = LOOKUP_FRESH,
                                 .hops = (uint8_t)(hops < UINT8_MAX ? hops : UINT8_MAX),
                                 .fits = node_id_fits(id, endpoint)};
    lookup->count++;
    return true;
}

struct lookup_node *lookup_find(const struct lookup *lookup, const struct id *id)
{
    size_t at = position(lookup, id);
    if (at < lookup->count && id_equal(&lookup->nodes[at].id, id))
        return &lookup->nodes[at];
    return NULL;
}

/* ---- who is next ---- */

/* Walks over the k nearest that are not silent, fitting ones first; the end is NULL. */
struct nearest_walk {
    const struct lookup *lookup;
    bool fitting;
    size_t at, given;
};

static struct nearest_walk nearest_walk(const struct lookup *lookup)
{
    return (struct nearest_walk){.lookup = lookup, .fitting = true};
}

static bool takes_place(const struct nearest_walk *walk, const struct lookup_node *node)
{
    return node->fits == walk->fitting && node->state != LOOKUP_FAILED &&
           node->state != LOOKUP_LATE;
}

static struct lookup_node *nearest_walk_next(struct nearest_walk *walk)
{
    const struct lookup *lookup = walk->lookup;
    while (walk->given < lookup->k) {
        if (walk->at == lookup->count) {
            if (!walk->fitting)
                return NULL;
            walk->fitting = false; /* fewer than k fit: now the others */
            walk->at = 0;
            continue;
        }
        struct lookup_node *node = &lookup->nodes[walk->at++];
        if (takes_place(walk, node)) {
            walk->given++;
            return node;
        }
    }
    return NULL;
}

static unsigned parallelism(const struct lookup *lookup)
{
    if (lookup->answered == 0)
        return 2u * lookup->alpha;
    return 2u * lookup->barren >= lookup->alpha ? lookup->k : lookup->alpha;
}

const struct lookup_node *lookup_next(struct lookup *lookup)
{
    if (lookup->in_flight >= parallelism(lookup))
        return NULL;
    struct nearest_walk walk = nearest_walk(lookup);
    for (struct lookup_node *node; (node = nearest_walk_next(&walk)) != NULL;) {
        if (node->state != LOOKUP_FRESH)
            continue;
        node->state = LOOKUP_ASKED;
        lookup->in_flight++;
        lookup->asked++;
        return node;
    }
    return NULL;
}

/* ---- what became of it ---- */

void lookup_answered(struct lookup *lookup, const struct id *id, bool improved)
{
    struct lookup_node *node = lookup_find(lookup, id);
    if (node == NULL || (node->state != LOOKUP_ASKED && node->state != LOOKUP_LATE))
        return;
    uncount(lookup, node);
    node->state = LOOKUP_ANSWERED;
    lookup->answered++;
    lookup->barren = improved ? 0 : (uint16_t)(lookup->barren + 1);
}

void lookup_late(struct lookup *lookup, const struct id *id)
{
    struct lookup_node *node = lookup_find(lookup, id);
    if (node == NULL || node->state != LOOKUP_ASKED)
        return;
    node->state = LOOKUP_LATE;
    lookup->in_flight--;
    lookup->late++;
}

void lookup_failed(struct lookup *lookup, const struct id *id)
{
    struct lookup_node *node = lookup_find(lookup, id);
    if (node == NULL || node->state == LOOKUP_ANSWERED)
        return;
    uncount(lookup, node);
    node->state = LOOKUP_FAILED;
}

bool lookup_renamed(struct lookup *lookup, const struct id *id, const struct id *now)
{
    struct lookup_node *node = lookup_find(lookup, id);
    if (node == NULL || lookup_find(lookup, now) != NULL) {
        lookup_failed(lookup, id);
        return false;
    }
    struct lookup_node moved = *node;
    size_t from = (size_t)(node - lookup->nodes);
    lookup->count--;
    memmove(node, node + 1, (lookup->count - from) * sizeof *node);
    moved.id = *now;
    moved.fits = node_id_fits(now, &moved.endpoint);
    struct lookup_node *place = &lookup->nodes[position(lookup, now)];
    memmove(place + 1, place, (size_t)(&lookup->nodes[lookup->count] - place) * sizeof *place);
    *place = moved;
    lookup->count++;
    return true;
}

bool lookup_is_near(const struct lookup *lookup, const struct id *id)
{
    size_t nearer = 0, at = position(lookup, id);
    for (size_t i = 0; i < at; i++)
        nearer += lookup->nodes[i].state != LOOKUP_FAILED;
    return nearer < lookup->k;
}

bool lookup_done(const struct lookup *lookup)
{
    struct nearest_walk walk = nearest_walk(lookup);
    for (const struct lookup_node *node; (node = nearest_walk_next(&walk)) != NULL;)
        if (node->state != LOOKUP_ANSWERED)
            return false;
    return walk.given == lookup->k || lookup->late == 0;
}

size_t lookup_result(const struct lookup *lookup, uint16_t out[], size_t cap)
{
    size_t count = 0;
    for (int fitting = 1; fitting >= 0; fitting--)
        for (uint16_t i = 0; i < lookup->count && count < cap; i++) {
            const struct lookup_node *node = &lookup->nodes[i];
            if (node->fits == (fitting == 1) && node->state == LOOKUP_ANSWERED)
                out[count++] = i;
        }
    return count;
}

bool lookup_valid(const struct lookup *lookup)
{
    size_t in_flight = 0, late = 0, answered = 0;
    for (size_t i = 0; i < lookup->count; i++) {
        const struct lookup_node *node = &lookup->nodes[i];
        in_flight += node->state == LOOKUP_ASKED;
        late += node->state == LOOKUP_LATE;
        answered += node->state == LOOKUP_ANSWERED;
        if (i > 0 && id_distance_compare(&lookup->target, &node[-1].id, &node->id) >= 0)
            return false;
    }
    return lookup->count <= LOOKUP_NODES_MAX && in_flight == lookup->in_flight &&
           late == lookup->late && answered <= lookup->answered &&
           lookup->answered <= lookup->asked;
}
