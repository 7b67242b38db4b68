/* The routing table against a slow obvious model. Those who come are drawn from a pool of local
 * nodes, public ones whose ids fit, and public ones whose ids do not, some of them crowding in one
 * /24 or at one address. */
#include "support/routing_model.h"

#define POOL         800
#define STEPS        20000
#define CROWDED_NETS 2

/* ---- who is nearest ---- */

/* Of those that answer and were not given yet, nor one of their address: the nearest that fits, or
 * else the nearest. */
static const struct contact *model_next_nearest(const struct model *model, const struct id *target,
                                                const struct contact given[], size_t count)
{
    const struct contact *best = NULL;
    for (size_t i = 0; i < model->count; i++) {
        const struct contact *contact = &model->entries[i].contact;
        bool out = model->entries[i].candidate || contact->failures > 0;
        for (size_t j = 0; j < count && !out; j++)
            out = id_equal(&given[j].id, &contact->id) ||
                  at_one_address(&given[j].endpoint, &contact->endpoint);
        if (out)
            continue;
        if (best == NULL || (fits(contact) && !fits(best)) ||
            (fits(contact) == fits(best) &&
             id_distance_compare(target, &contact->id, &best->id) < 0))
            best = contact;
    }
    return best;
}

static void compare_closest(const struct model *model, const struct routing_table *table,
                            const struct id *target, size_t cap)
{
    struct contact out[2 * DHT_K], expected[2 * DHT_K];
    size_t count = routing_table_closest(table, target, out, cap), given = 0;
    const struct contact *next;
    while (given < cap && (next = model_next_nearest(model, target, expected, given)) != NULL)
        expected[given++] = *next;
    assert_int_equal(count, given);
    for (size_t i = 0; i < count; i++) {
        assert_true(id_equal(&expected[i].id, &out[i].id));
        assert_true(endpoint_equal(&expected[i].endpoint, &out[i].endpoint));
    }
}

/* Bucket by bucket, the oldest first. */
static void compare_contacts(struct model *model, const struct routing_table *table)
{
    size_t at = 0;
    struct contact found;
    for (unsigned b = 0; b < model->buckets; b++) {
        uint64_t after = 0;
        for (size_t n = model_members(model, b); n > 0; n--) {
            const struct model_entry *next = NULL;
            for (size_t i = 0; i < model->count; i++) {
                const struct model_entry *entry = &model->entries[i];
                if (!entry->candidate && model_bucket(model, &entry->contact.id) == b &&
                    entry->order > after && (next == NULL || entry->order < next->order))
                    next = entry;
            }
            after = next->order;
            assert_true(routing_table_at(table, at++, &found));
            assert_true(id_equal(&found.id, &next->contact.id));
            assert_true(endpoint_equal(&found.endpoint, &next->contact.endpoint));
            assert_int_equal(found.failures, next->contact.failures);
            assert_int_equal(found.seen_ms / 1000, next->contact.seen_ms / 1000);
        }
    }
    assert_int_equal(at, routing_table_count(table));
}

/* ---- who comes ---- */

static struct endpoint random_public(struct rng *rng, uint8_t family)
{
    struct endpoint endpoint = {.family = family};
    size_t size = family == ENDPOINT_IPV4 ? 4 : 16, network = size == 4 ? 3 : 6;
    rng_fill(rng, endpoint.addr, size);
    endpoint.addr[0] = size == 4 ? 80 : 0x20;
    if (rng_below(rng, 3) ==
        0) { /* one of a few crowded networks, and there one of few addresses */
        memset(endpoint.addr + 1, 0, size - 1);
        endpoint.addr[network - 1] = (uint8_t)rng_below(rng, CROWDED_NETS);
        endpoint.addr[size == 4 ? 3 : 7] = (uint8_t)rng_below(rng, 12);
    }
    endpoint.port = (uint16_t)(1 + rng_below(rng, 5));
    return endpoint;
}

static struct endpoint random_local(struct rng *rng, uint8_t family)
{
    struct endpoint endpoint = {.family = family, .port = (uint16_t)(1 + rng_below(rng, 2000))};
    if (family == ENDPOINT_IPV4)
        memcpy(endpoint.addr, (uint8_t[]){10, 0, 0, 1}, 4);
    else
        memcpy(endpoint.addr, (uint8_t[]){0xfd, [15] = 1}, 16);
    return endpoint;
}

/* Ids crowd around ours, so that deep buckets, neighbours and splits are all met. */
static struct contact random_contact(struct rng *rng, const struct model *model)
{
    unsigned shared = (unsigned)rng_below(rng, 7);
    struct contact who = {.endpoint = random_local(rng, model->family)};
    rng_fill(rng, who.id.bytes, ID_BYTES);
    unsigned sort = (unsigned)rng_below(rng, 3);
    if (sort > 0)
        who.endpoint = random_public(rng, model->family);
    if (sort == 1) { /* it fits: drawn until it lies where it is wanted */
        do {
            who.endpoint = random_public(rng, model->family);
            who.id = node_id_of_address(&who.endpoint, rng);
        } while (id_common_bits(&model->self, &who.id) < shared);
        return who;
    }
    for (unsigned bit = 0; bit < shared; bit++)
        id_set_bit(&who.id, bit, id_bit(&model->self, bit));
    return who;
}

/* One of the pool; now and then at somebody else's endpoint. */
static struct contact next_contact(struct rng *rng, const struct contact pool[], uint64_t now_ms)
{
    struct contact who = pool[rng_below(rng, POOL)];
    if (rng_below(rng, 50) == 0)
        who.endpoint = pool[rng_below(rng, POOL)].endpoint;
    who.seen_ms = now_ms;
    return who;
}

static void step(struct rng *rng, struct model *model, struct routing_table *table,
                 const struct contact *who)
{
    struct contact oldest = {0};
    uint64_t due_ms = who->seen_ms + rng_below(rng, 3600 * 1000);
    unsigned what = (unsigned)rng_below(rng, 20);
    if (what < 14) {
        enum seen_result seen = routing_table_seen(table, who, &oldest);
        assert_int_equal(seen, model_seen(model, who));
        if (seen == SEEN_ASK_OLDEST)
            assert_true(id_equal(&model->due, &oldest.id));
    } else if (what < 17) {
        assert_int_equal(routing_table_failed(table, &who->id), model_failed(model, &who->id));
    } else if (what < 18) {
        assert_int_equal(routing_table_remove(table, &who->id), model_forget(model, &who->id));
    } else if (what < 19 || rng_below(rng, 8) > 0) {
        routing_table_touch(table, &who->id, due_ms);
        model->refresh_s[model_bucket(model, &who->id)] = (uint32_t)(due_ms / 1000);
    } else {
        size_t enough = (size_t)rng_below(rng, DHT_K);
        routing_table_refresh_poor(table, enough, due_ms);
        model_refresh_poor(model, enough, due_ms);
    }
}

/* A newcomer that finds a place was wanted; one that was not wanted finds none. */
static void check_wanted(struct model *model, const struct routing_table *table,
                         const struct contact *who)
{
    struct model_entry *known = model_find(model, &who->id);
    bool wanted = routing_table_wants(table, &who->id, &who->endpoint, who->seen_ms);
    if (known != NULL && !known->candidate)
        assert_false(wanted);
    else if (model_bucket(model, &who->id) + 1 < model->buckets && model_is_refused(model, who))
        assert_false(wanted);
    else if (model_has_room(model, who) && !model_is_refused(model, who))
        assert_true(wanted);
}

static void run_against_the_model(uint64_t seed, uint8_t family)
{
    struct rng rng;
    rng_init_seed(&rng, seed);
    struct model *model = calloc(1, sizeof *model);
    struct contact *pool = calloc(POOL, sizeof *pool);
    rng_fill(&rng, model->self.bytes, ID_BYTES);
    model->family = family;
    model->buckets = 1;
    for (size_t i = 0; i < POOL; i++)
        pool[i] = random_contact(&rng, model);
    struct routing_table_config config = {.self = model->self, .family = family};
    struct routing_table *table = routing_table_new(&config);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t due_ms;
        struct contact who = next_contact(&rng, pool, i * 1000ull);
        check_wanted(model, table, &who);
        step(&rng, model, table, &who);
        assert_true(routing_table_valid(table));
        assert_int_equal(routing_table_buckets(table), model->buckets);
        assert_int_equal(routing_table_refresh_next(table, &due_ms), model_refresh_next(model));
        assert_int_equal(due_ms / 1000, model->refresh_s[model_refresh_next(model)]);
        if (i % 16 == 0)
            compare_closest(model, table, &who.id, i % 32 == 0 ? DHT_K : 2 * DHT_K);
        if (i % 64 == 0)
            compare_contacts(model, table);
    }
    print_message("# %u buckets, %u refused\n", model->buckets, model->crowded);
    assert_int_equal(routing_table_crowded(table), model->crowded);
    assert_true(routing_table_buckets(table) > 5);
    assert_true(model->crowded > 0);
    routing_table_free(table);
    free(pool);
    free(model);
}

static void agrees_with_a_slow_obvious_model(void **state)
{
    (void)state;
    run_against_the_model(test_seed(6), ENDPOINT_IPV4);
}

static void agrees_with_the_model_in_ipv6(void **state)
{
    (void)state;
    run_against_the_model(test_seed(7), ENDPOINT_IPV6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_slow_obvious_model),
        cmocka_unit_test(agrees_with_the_model_in_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
