#include "dht/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "dht/node_id.h"
#include "dht/params.h"
#include "dht/source.h"

#define GROWTH 16 /* nodes that the list grows by */
#define BIT_MS 20 /* see lookup.h */

void lookup_init(struct lookup *lookup, const struct id *target, const struct lookup_config *config)
{
    *lookup = (struct lookup){.target = *target, .config = *config};
}

void lookup_dispose(struct lookup *lookup)
{
    free(lookup->nodes);
    free(lookup->tokens);
    lookup->nodes = NULL;
    lookup->tokens = NULL;
    lookup->count = lookup->cap = lookup->tokens_len = lookup->tokens_cap = 0;
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

static void take_out(struct lookup *lookup, size_t at)
{
    struct lookup_node *node = &lookup->nodes[at];
    lookup->count--;
    memmove(node, node + 1, (lookup->count - at) * sizeof *node);
}

/* There is room for it. */
static struct lookup_node *make_place(struct lookup *lookup, size_t at)
{
    struct lookup_node *node = &lookup->nodes[at];
    memmove(node + 1, node, (lookup->count - at) * sizeof *node);
    lookup->count++;
    return node;
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

/* The one of that id, if it stands at its position. */
static struct lookup_node *node_at(const struct lookup *lookup, size_t at, const struct id *id)
{
    if (at < lookup->count && id_equal(&lookup->nodes[at].id, id))
        return &lookup->nodes[at];
    return NULL;
}

/* Under another id. One that was not asked there yet may be a lie. */
static bool endpoint_asked(const struct lookup *lookup, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < lookup->count; i++)
        if (lookup->nodes[i].state != LOOKUP_FRESH &&
            endpoint_equal(&lookup->nodes[i].endpoint, endpoint))
            return true;
    return false;
}

/* The path that has most of the list. */
static unsigned largest_path(const struct lookup *lookup)
{
    uint16_t counts[LOOKUP_PATHS_MAX] = {0};
    unsigned largest = 0;
    for (size_t i = 0; i < lookup->count; i++)
        for (unsigned p = 0; p < lookup->config.paths; p++)
            counts[p] += lookup->nodes[i].paths >> p & 1;
    for (unsigned p = 1; p < lookup->config.paths; p++)
        if (counts[p] > counts[largest])
            largest = p;
    return largest;
}

/* Where the farthest that `path` has heard of stands, or that it `alone` has, plus 1; 0: it has
 * none. */
static size_t farthest_of(const struct lookup *lookup, unsigned path, bool alone)
{
    for (size_t i = lookup->count; i > 0; i--) {
        const struct lookup_node *node = &lookup->nodes[i - 1];
        bool counts = alone ? node->paths == 1u << path : (node->paths >> path & 1) != 0;
        if (counts && !node->target)
            return i;
    }
    return 0;
}

/* In a full list: makes room for one at `*at`. False: it is itself what the largest path can do
 * without. */
static bool give_up_one(struct lookup *lookup, unsigned path, size_t *at)
{
    unsigned largest = largest_path(lookup);
    size_t farthest = farthest_of(lookup, largest, true);
    if (farthest == 0)
        farthest = farthest_of(lookup, largest, false);
    if (farthest == 0)
        farthest = lookup->count;
    if (*at >= farthest && (path == largest || *at == lookup->count))
        return false;
    uncount(lookup, &lookup->nodes[farthest - 1]);
    take_out(lookup, farthest - 1);
    *at -= *at >= farthest;
    return true;
}

static void improve(struct lookup *lookup, unsigned path, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (lookup->nodes[i].paths >> path & 1)
            return;
    lookup->paths[path].improved = true;
}

/* Another path may have heard of it before. */
static void hear_again(struct lookup *lookup, struct lookup_node *node, unsigned path)
{
    if ((node->paths >> path & 1) == 0)
        improve(lookup, path, (size_t)(node - lookup->nodes));
    node->paths |= (uint8_t)(1u << path);
}

/* How many bytes of a public address, or of an IPv6 /64, tell it from others; 0: it is local. */
static size_t address_bytes(const struct lookup *lookup, const struct endpoint *endpoint)
{
    struct source_rules rules = {.limit_local = lookup->config.limit_local};
    return source_prefix_bytes(&rules, endpoint, SOURCE_ADDRESS);
}

/* Local ones at one endpoint, for one of them is a lie. An IPv4 address and a /64 are told by eight
 * bytes, and hardly anybody shares them. */
static bool are_twins(const struct lookup *lookup, const struct lookup_node *a,
                      const struct lookup_node *b)
{
    return memcmp(a->endpoint.addr, b->endpoint.addr, 8) == 0 &&
           (address_bytes(lookup, &a->endpoint) > 0 || endpoint_equal(&a->endpoint, &b->endpoint));
}

static void note_twins(struct lookup *lookup, struct lookup_node *node)
{
    for (size_t i = 0; i < lookup->count; i++) {
        struct lookup_node *other = &lookup->nodes[i];
        if (other != node && are_twins(lookup, other, node))
            other->twin = node->twin = true;
    }
}

/* ---- an id at several endpoints ---- */

static void move_to(struct lookup *lookup, struct lookup_node *node,
                    const struct endpoint *endpoint)
{
    node->endpoint = *endpoint;
    node->spare.family = 0;
    node->state = LOOKUP_FRESH;
    node->moves++;
    node->fits = node_id_fits(&node->id, endpoint);
    note_twins(lookup, node);
}

/* It is not where it was asked. */
static void fail(struct lookup *lookup, struct lookup_node *node)
{
    struct endpoint spare = node->spare;
    uncount(lookup, node);
    node->state = LOOKUP_FAILED;
    if (spare.family != 0 && !endpoint_asked(lookup, &spare))
        move_to(lookup, node, &spare);
}

/* Who is there is known now: those that were said to be there are not. */
static void fail_others_at(struct lookup *lookup, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < lookup->count; i++)
        if (lookup->nodes[i].state == LOOKUP_FRESH &&
            endpoint_equal(&lookup->nodes[i].endpoint, endpoint))
            fail(lookup, &lookup->nodes[i]);
}

/* Who names the id of an honest node with an address where nobody is must not hide it. */
static void hear_elsewhere(struct lookup *lookup, struct lookup_node *node,
                           const struct lookup_node *said, unsigned path)
{
    if (node->state == LOOKUP_ANSWERED || node->moves == LOOKUP_MOVES_MAX ||
        endpoint_asked(lookup, &said->endpoint))
        return;
    struct endpoint old = node->endpoint;
    hear_again(lookup, node, path);
    if (node->state == LOOKUP_FAILED) {
        move_to(lookup, node, &said->endpoint);
    } else if (node->state == LOOKUP_FRESH && !node->fits &&
               node_id_fits(&node->id, &said->endpoint)) {
        move_to(lookup, node, &said->endpoint);
        node->spare = old;
    } else if (node->spare.family == 0) {
        node->spare = said->endpoint;
    }
}

static bool add(struct lookup *lookup, const struct lookup_node *newcomer, unsigned path)
{
    size_t at = position(lookup, &newcomer->id);
    struct lookup_node *known = node_at(lookup, at, &newcomer->id);
    if (known != NULL && endpoint_equal(&known->endpoint, &newcomer->endpoint))
        hear_again(lookup, known, path);
    else if (known != NULL)
        hear_elsewhere(lookup, known, newcomer, path);
    if (known != NULL || endpoint_asked(lookup, &newcomer->endpoint))
        return false;
    if (lookup->count == LOOKUP_NODES_MAX && !give_up_one(lookup, path, &at))
        return false;
    if (!reserve_one(lookup))
        return false;
    improve(lookup, path, at);
    struct lookup_node *node = make_place(lookup, at);
    *node = *newcomer;
    node->paths = (uint8_t)(1u << path);
    node->fits = node_id_fits(&node->id, &node->endpoint);
    note_twins(lookup, node);
    return true;
}

bool lookup_add(struct lookup *lookup, const struct id *id, const struct endpoint *endpoint,
                uint16_t cost_ms)
{
    struct lookup_node node = {.id = *id, .endpoint = *endpoint, .cost_ms = cost_ms};
    bool added = add(lookup, &node, lookup->dealt);
    lookup->paths[lookup->dealt].improved = false; /* nobody told us of it */
    if (added)
        lookup->dealt = (uint8_t)((lookup->dealt + 1) % lookup->config.paths);
    return added;
}

bool lookup_hear(struct lookup *lookup, const struct id *by, const struct id *id,
                 const struct endpoint *endpoint, uint16_t cost_ms)
{
    const struct lookup_node *teller = lookup_find(lookup, by);
    if (teller == NULL)
        return false;
    struct lookup_node node = {.id = *id, .endpoint = *endpoint, .cost_ms = cost_ms};
    node.hops = (uint8_t)(teller->hops < UINT8_MAX ? teller->hops + 1 : UINT8_MAX);
    return add(lookup, &node, teller->path);
}

struct lookup_node *lookup_find(const struct lookup *lookup, const struct id *id)
{
    return node_at(lookup, position(lookup, id), id);
}

/* ---- tokens ---- */

static bool reserve_token(struct lookup *lookup, size_t len)
{
    size_t need = lookup->tokens_len + len, cap = lookup->tokens_cap;
    if (need <= cap)
        return true;
    cap = 2 * cap + 16 * len;
    if (cap > UINT16_MAX)
        cap = UINT16_MAX;
    uint8_t *grown = need <= cap ? realloc(lookup->tokens, cap) : NULL;
    if (grown == NULL)
        return false;
    lookup->tokens = grown;
    lookup->tokens_cap = (uint16_t)cap;
    return true;
}

void lookup_keep_token(struct lookup *lookup, struct lookup_node *node, struct bytes token)
{
    if (token.len > MESSAGE_TOKEN_MAX)
        return;
    if (token.len > node->token_len) { /* else it goes over the last one */
        if (!reserve_token(lookup, token.len))
            return;
        node->token_at = lookup->tokens_len;
        lookup->tokens_len = (uint16_t)(lookup->tokens_len + token.len);
    }
    node->token_len = (uint8_t)token.len;
    if (token.len > 0)
        memcpy(lookup->tokens + node->token_at, token.data, token.len);
}

struct bytes lookup_token(const struct lookup *lookup, const struct lookup_node *node)
{
    if (node->token_len == 0)
        return (struct bytes){0};
    return bytes_of(lookup->tokens + node->token_at, node->token_len);
}

/* ---- the nearest ---- */

#define ALL_PATHS UINT8_MAX

static bool may_answer(const struct lookup_node *node)
{
    return node->state != LOOKUP_FAILED && node->state != LOOKUP_LATE;
}

/* Of one public address only the first counts, or one machine with many ids could be all of the k
 * nearest. */
static bool has_twin_before(const struct lookup *lookup, const struct lookup_node *node)
{
    if (!node->twin)
        return false;
    for (size_t i = 0; i < lookup->count; i++) {
        const struct lookup_node *other = &lookup->nodes[i];
        bool before = other->fits == node->fits ? other < node : other->fits;
        if (before && may_answer(other) && are_twins(lookup, other, node))
            return true;
    }
    return false;
}

/* Walks over the `most` nearest that are not silent, of some paths, fitting ones first; the end is
 * NULL. */
struct nearest_walk {
    const struct lookup *lookup;
    uint8_t paths;
    size_t most;
    bool fitting;
    size_t at, given;
    size_t late; /* passed on the way */
};

static struct nearest_walk nearest_of_all(const struct lookup *lookup)
{
    return (struct nearest_walk){
        .lookup = lookup, .paths = ALL_PATHS, .most = lookup->config.k, .fitting = true};
}

static struct nearest_walk nearest_of(const struct lookup *lookup, unsigned path)
{
    const struct lookup_config *config = &lookup->config;
    size_t share = (config->k + config->paths - 1u) / config->paths;
    return (struct nearest_walk){
        .lookup = lookup, .paths = (uint8_t)(1u << path), .most = share, .fitting = true};
}

static struct lookup_node *nearest_walk_next(struct nearest_walk *walk)
{
    const struct lookup *lookup = walk->lookup;
    while (walk->given < walk->most) {
        if (walk->at == lookup->count) {
            if (!walk->fitting)
                return NULL;
            walk->fitting = false; /* fewer than these fit: now the others */
            walk->at = 0;
            continue;
        }
        struct lookup_node *node = &lookup->nodes[walk->at++];
        if (node->fits != walk->fitting || (node->paths & walk->paths) == 0 ||
            has_twin_before(lookup, node))
            continue;
        walk->late += node->state == LOOKUP_LATE;
        if (may_answer(node)) {
            walk->given++;
            return node;
        }
    }
    return NULL;
}

/* ---- who is next ---- */

struct prospect {
    struct lookup_node *next; /* NULL: all were asked */
    size_t busy;              /* queries under way that count */
};

static int score(const struct lookup *lookup, const struct lookup_node *node)
{
    return (int)node->cost_ms - BIT_MS * (int)id_common_bits(&lookup->target, &node->id);
}

static struct prospect prospect_of(const struct lookup *lookup, struct nearest_walk walk)
{
    struct prospect prospect = {0};
    int best = 0;
    for (struct lookup_node *node; (node = nearest_walk_next(&walk)) != NULL;) {
        prospect.busy += node->state == LOOKUP_ASKED;
        if (node->state != LOOKUP_FRESH)
            continue;
        int value = score(lookup, node);
        if (prospect.next == NULL || value < best) {
            prospect.next = node;
            best = value;
        }
    }
    return prospect;
}

static size_t under_way(const struct lookup *lookup, unsigned path)
{
    size_t count = 0;
    for (size_t i = 0; i < lookup->count; i++)
        count += lookup->nodes[i].state == LOOKUP_ASKED && lookup->nodes[i].path == path;
    return count;
}

static size_t parallelism(const struct lookup *lookup, unsigned path)
{
    const struct lookup_config *config = &lookup->config;
    if (lookup->paths[path].answered == 0)
        return config->start;
    return 2u * lookup->paths[path].barren >= config->alpha ? config->k : config->alpha;
}

static const struct lookup_node *ask(struct lookup *lookup, struct lookup_node *node, unsigned path)
{
    node->state = LOOKUP_ASKED;
    node->path = (uint8_t)path;
    lookup->in_flight++;
    lookup->asked++;
    return node;
}

static unsigned first_path(const struct lookup_node *node)
{
    unsigned path = 0;
    while ((node->paths >> path & 1) == 0)
        path++;
    return path;
}

const struct lookup_node *lookup_next(struct lookup *lookup)
{
    bool all_asked = true;
    if (lookup->asked >= LOOKUP_ASKED_MAX)
        return NULL;
    for (unsigned path = 0; path < lookup->config.paths; path++) {
        struct prospect prospect = prospect_of(lookup, nearest_of(lookup, path));
        if (!lookup->config.eager)
            prospect.busy = under_way(lookup, path);
        if (prospect.next != NULL && prospect.busy < parallelism(lookup, path))
            return ask(lookup, prospect.next, path);
        all_asked = all_asked && prospect.next == NULL;
    }
    if (!all_asked || lookup->config.paths == 1)
        return NULL;
    struct lookup_node *next = prospect_of(lookup, nearest_of_all(lookup)).next;
    return next != NULL ? ask(lookup, next, first_path(next)) : NULL;
}

/* ---- what became of it ---- */

void lookup_answered(struct lookup *lookup, const struct id *id)
{
    struct lookup_node *node = lookup_find(lookup, id);
    if (node == NULL || node->state == LOOKUP_FRESH || node->state == LOOKUP_ANSWERED)
        return;
    uncount(lookup, node);
    node->state = LOOKUP_ANSWERED;
    lookup->answered++;
    fail_others_at(lookup, &node->endpoint);
    struct lookup_path *path = &lookup->paths[node->path];
    path->answered++;
    path->barren = path->improved ? 0 : (uint16_t)(path->barren + 1);
    path->improved = false;
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
    struct endpoint there = node->endpoint;
    fail(lookup, node);
    fail_others_at(lookup, &there);
}

/* `known`, not asked yet, is who was asked as `node`. */
static void take_over(struct lookup *lookup, struct lookup_node *known, struct lookup_node *node)
{
    known->state = node->state;
    known->path = node->path;
    node->state = LOOKUP_FRESH; /* the query is counted where it is now */
    fail(lookup, node);
}

bool lookup_renamed(struct lookup *lookup, const struct id *id, const struct id *now)
{
    struct lookup_node *node = lookup_find(lookup, id);
    struct lookup_node *known = lookup_find(lookup, now);
    if (node != NULL && known != NULL && known->state == LOOKUP_FRESH &&
        endpoint_equal(&known->endpoint, &node->endpoint)) {
        take_over(lookup, known, node);
        return true;
    }
    if (node == NULL || known != NULL) {
        lookup_failed(lookup, id);
        return false;
    }
    struct lookup_node moved = *node;
    if (moved.spare.family != 0 && lookup->count < LOOKUP_NODES_MAX && reserve_one(lookup))
        move_to(lookup, lookup_find(lookup, id), &moved.spare);
    else
        take_out(lookup, (size_t)(node - lookup->nodes));
    moved.id = *now;
    moved.spare.family = 0;
    moved.fits = node_id_fits(now, &moved.endpoint);
    *make_place(lookup, position(lookup, now)) = moved;
    return true;
}

bool lookup_is_near(const struct lookup *lookup, const struct id *id)
{
    size_t nearer = 0, at = position(lookup, id);
    for (size_t i = 0; i < at; i++)
        nearer += lookup->nodes[i].state != LOOKUP_FAILED;
    return nearer < lookup->config.k;
}

/* ---- the end ---- */

static bool have_answered(const struct lookup *lookup, struct nearest_walk walk)
{
    for (const struct lookup_node *node; (node = nearest_walk_next(&walk)) != NULL;)
        if (node->state != LOOKUP_ANSWERED)
            return false;
    return lookup->config.patient || walk.given < walk.most ? walk.late == 0 : true;
}

bool lookup_done(const struct lookup *lookup)
{
    if (lookup->asked >= LOOKUP_ASKED_MAX)
        return lookup->in_flight == 0;
    for (unsigned path = 0; path < lookup->config.paths; path++)
        if (!have_answered(lookup, nearest_of(lookup, path)))
            return false;
    return lookup->config.paths == 1 || have_answered(lookup, nearest_of_all(lookup));
}

size_t lookup_result(const struct lookup *lookup, uint16_t out[], size_t cap)
{
    size_t count = 0;
    for (int fitting = 1; fitting >= 0; fitting--)
        for (uint16_t i = 0; i < lookup->count && count < cap; i++) {
            const struct lookup_node *node = &lookup->nodes[i];
            if (node->fits == (fitting == 1) && node->state == LOOKUP_ANSWERED &&
                !has_twin_before(lookup, node))
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
        if (node->paths == 0 || node->paths >> lookup->config.paths != 0 ||
            node->path >= lookup->config.paths)
            return false;
        if (i > 0 && id_distance_compare(&lookup->target, &node[-1].id, &node->id) >= 0)
            return false;
    }
    return lookup->count <= LOOKUP_NODES_MAX && in_flight == lookup->in_flight &&
           late == lookup->late && answered <= lookup->answered &&
           lookup->answered <= lookup->asked && lookup->asked <= LOOKUP_ASKED_MAX;
}
