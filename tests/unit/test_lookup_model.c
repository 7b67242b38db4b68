/* The shortlist against a slow obvious model on random traces: whom it asks next, when it is done,
 * what it gives. */
#include "support/unit.h"

#include "dht/lookup.h"
#include "dht/node_id.h"
#include "dht/params.h"
#include "kadpeer/rng.h"

#define NODES 90 /* fewer than the list holds: nobody is given up */

struct model_node {
    struct id id;
    struct endpoint endpoint;
    uint16_t cost_ms;
    bool known, fits;
    uint8_t paths, path;
    enum lookup_state state;
};

struct model {
    struct rng rng;
    struct lookup lookup;
    struct model_node nodes[NODES]; /* nearest first: sorted once, at the beginning */
    uint8_t dealt;
    struct {
        unsigned answered, barren;
    } paths[LOOKUP_PATHS_MAX];
};

static int compare_nodes(const void *a, const void *b)
{
    const struct model_node *left = a, *right = b;
    return id_compare(&left->id, &right->id); /* the target is 00… */
}

/* A third have public addresses, which their ids do not fit. */
static void set_up(struct model *model, uint64_t seed)
{
    *model = (struct model){0};
    rng_init_seed(&model->rng, seed);
    struct rng *rng = &model->rng;
    for (size_t i = 0; i < NODES; i++) {
        struct model_node *node = &model->nodes[i];
        rng_fill(rng, node->id.bytes, ID_BYTES);
        node->id.bytes[0] >>= rng_below(rng, 8);
        node->endpoint = (struct endpoint){
            .family = ENDPOINT_IPV4, .addr = {10, 1, 1, (uint8_t)i}, .port = 1000};
        if (rng_below(rng, 3) == 0)
            memcpy(node->endpoint.addr, (uint8_t[3]){192, 0, 2}, 3);
        node->fits = node_id_fits(&node->id, &node->endpoint);
        node->cost_ms = (uint16_t)rng_below(rng, 300);
    }
    qsort(model->nodes, NODES, sizeof model->nodes[0], compare_nodes);
    struct lookup_config config = {.k = (uint8_t)(1 + rng_below(rng, 20)),
                                   .alpha = (uint8_t)(1 + rng_below(rng, 5)),
                                   .start = (uint8_t)(1 + rng_below(rng, 8)),
                                   .paths = (uint8_t)(1 + rng_below(rng, LOOKUP_PATHS_MAX)),
                                   .eager = rng_below(rng, 2) == 0,
                                   .patient = rng_below(rng, 2) == 0};
    lookup_init(&model->lookup, &(struct id){0}, &config);
}

/* Those of the paths, fitting ones first, each nearest first. */
static size_t in_order(const struct model *model, unsigned paths, size_t out[NODES])
{
    size_t count = 0;
    for (int fits = 1; fits >= 0; fits--)
        for (size_t i = 0; i < NODES; i++)
            if (model->nodes[i].known && model->nodes[i].fits == fits &&
                (model->nodes[i].paths & paths) != 0)
                out[count++] = i;
    return count;
}

/* The `most` first of them that are not silent; `*late`: are there late ones among those passed? */
static size_t places(const struct model *model, unsigned paths, size_t most, size_t out[NODES],
                     bool *late)
{
    size_t order[NODES], total = in_order(model, paths, order), count = 0;
    *late = false;
    for (size_t i = 0; i < total && count < most; i++) {
        enum lookup_state state = model->nodes[order[i]].state;
        *late |= state == LOOKUP_LATE;
        if (state != LOOKUP_LATE && state != LOOKUP_FAILED)
            out[count++] = order[i];
    }
    return count;
}

static size_t share(const struct model *model)
{
    size_t k = model->lookup.config.k, paths = model->lookup.config.paths;
    return k / paths + (k % paths != 0);
}

/* Of those in `places` the fresh one that costs least; NODES: none. */
static size_t best_of(const struct model *model, const size_t places[], size_t count)
{
    size_t best = NODES;
    int least = 0;
    for (size_t i = 0; i < count; i++) {
        const struct model_node *node = &model->nodes[places[i]];
        int score = node->cost_ms - 20 * (int)id_common_bits(&node->id, &(struct id){0});
        if (node->state == LOOKUP_FRESH && (best == NODES || score < least)) {
            best = places[i];
            least = score;
        }
    }
    return best;
}

static size_t busy_of(const struct model *model, unsigned path, const size_t places[], size_t count)
{
    size_t busy = 0;
    if (!model->lookup.config.eager) {
        for (size_t i = 0; i < NODES; i++)
            busy += model->nodes[i].state == LOOKUP_ASKED && model->nodes[i].path == path;
        return busy;
    }
    for (size_t i = 0; i < count; i++)
        busy += model->nodes[places[i]].state == LOOKUP_ASKED;
    return busy;
}

static size_t allowed(const struct model *model, unsigned path)
{
    const struct lookup_config *config = &model->lookup.config;
    if (model->paths[path].answered == 0)
        return config->start;
    bool converged = model->paths[path].barren >= config->alpha / 2.0;
    return converged ? config->k : config->alpha;
}

/* Whom the model would ask: NODES for nobody. */
static size_t model_next(const struct model *model, unsigned *path)
{
    const struct lookup_config *config = &model->lookup.config;
    size_t out[NODES], count, best;
    bool late, waits = false;
    for (*path = 0; *path < config->paths; ++*path) {
        count = places(model, 1u << *path, share(model), out, &late);
        best = best_of(model, out, count);
        if (best != NODES && busy_of(model, *path, out, count) < allowed(model, *path))
            return best;
        waits |= best != NODES;
    }
    if (waits)
        return NODES;
    count = places(model, 0xff, config->k, out, &late);
    best = best_of(model, out, count);
    for (*path = 0; best != NODES && (model->nodes[best].paths & 1u << *path) == 0;)
        ++*path;
    return best;
}

static bool model_done(const struct model *model)
{
    const struct lookup_config *config = &model->lookup.config;
    for (unsigned path = 0; path <= config->paths; path++) {
        bool all = path == config->paths, late;
        size_t out[NODES], most = all ? config->k : share(model);
        size_t count = places(model, all ? 0xff : 1u << path, most, out, &late);
        for (size_t i = 0; i < count; i++)
            if (model->nodes[out[i]].state != LOOKUP_ANSWERED)
                return false;
        if (late && (count < most || config->patient))
            return false;
    }
    return true;
}

static void assert_same(struct model *model)
{
    struct lookup *lookup = &model->lookup;
    size_t order[NODES], known = 0, count = 0;
    assert_true(lookup_valid(lookup));
    for (size_t i = 0; i < NODES; i++) {
        const struct model_node *node = &model->nodes[i];
        const struct lookup_node *held = lookup_find(lookup, &node->id);
        assert_int_equal(held != NULL, node->known);
        known += node->known;
        if (held == NULL)
            continue;
        assert_int_equal(held->state, node->state);
        assert_int_equal(held->paths, node->paths);
    }
    assert_int_equal(lookup->count, known);
    assert_int_equal(lookup_done(lookup), model_done(model));
    uint16_t result[DHT_K];
    size_t total = in_order(model, 0xff, order), found = lookup_result(lookup, result, DHT_K);
    for (size_t i = 0; i < total && count < DHT_K; i++)
        if (model->nodes[order[i]].state == LOOKUP_ANSWERED)
            assert_true(id_equal(&lookup->nodes[result[count++]].id, &model->nodes[order[i]].id));
    assert_int_equal(found, count);
}

/* ---- what happens ---- */

static void start_with_one(struct model *model)
{
    struct model_node *node = &model->nodes[rng_below(&model->rng, NODES)];
    bool added = lookup_add(&model->lookup, &node->id, &node->endpoint, node->cost_ms);
    assert_int_equal(added, !node->known);
    node->paths |= (uint8_t)(1u << model->dealt);
    node->known = true;
    if (added)
        model->dealt = (uint8_t)((model->dealt + 1) % model->lookup.config.paths);
}

static size_t nearest_of(const struct model *model, unsigned path)
{
    size_t i = 0;
    while (i < NODES && (!model->nodes[i].known || (model->nodes[i].paths & 1u << path) == 0))
        i++;
    return i;
}

static void answer(struct model *model, struct model_node *who)
{
    size_t before = nearest_of(model, who->path);
    for (uint64_t n = rng_below(&model->rng, 12); n > 0; n--) {
        struct model_node *node = &model->nodes[rng_below(&model->rng, NODES)];
        bool added =
            lookup_hear(&model->lookup, &who->id, &node->id, &node->endpoint, node->cost_ms);
        assert_int_equal(added, !node->known);
        node->known = true;
        node->paths |= (uint8_t)(1u << who->path);
    }
    lookup_answered(&model->lookup, &who->id);
    who->state = LOOKUP_ANSWERED;
    model->paths[who->path].answered++;
    bool improved = nearest_of(model, who->path) < before;
    model->paths[who->path].barren = improved ? 0 : model->paths[who->path].barren + 1;
}

static void something_happens(struct model *model)
{
    struct model_node *who = &model->nodes[rng_below(&model->rng, NODES)];
    bool waited_for = who->state == LOOKUP_ASKED || who->state == LOOKUP_LATE;
    uint64_t dice = rng_below(&model->rng, 10);
    if (dice == 0) {
        start_with_one(model);
    } else if (dice < 6 && waited_for) {
        answer(model, who);
    } else if (dice < 8) {
        lookup_late(&model->lookup, &who->id);
        who->state = who->state == LOOKUP_ASKED ? LOOKUP_LATE : who->state;
    } else if (waited_for) {
        lookup_failed(&model->lookup, &who->id);
        who->state = LOOKUP_FAILED;
    }
}

static void ask(struct model *model)
{
    unsigned path;
    size_t expected = model_next(model, &path);
    const struct lookup_node *next = lookup_next(&model->lookup);
    assert_int_equal(next != NULL, expected != NODES);
    if (next == NULL)
        return;
    assert_true(id_equal(&next->id, &model->nodes[expected].id));
    assert_int_equal(next->path, path);
    model->nodes[expected].state = LOOKUP_ASKED;
    model->nodes[expected].path = (uint8_t)path;
}

static void lookup_does_as_the_model(void **state)
{
    (void)state;
    uint64_t seed = test_seed(1);
    for (uint64_t trace = 0; trace < 150; trace++) {
        static struct model model;
        set_up(&model, seed + trace);
        for (int i = 0; i < 10; i++)
            start_with_one(&model);
        for (int step = 0; step < 400; step++) {
            something_happens(&model);
            ask(&model);
            assert_same(&model);
        }
        lookup_dispose(&model.lookup);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookup_does_as_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
