/* The routing table against a model: one flat list, everything looked for from its beginning to its
 * end. */
#include "support/unit.h"

#include <string.h>

#include "dht/params.h"
#include "dht/routing_table.h"

struct model {
    struct id self;
    unsigned buckets;
    struct model_entry {
        struct contact contact;
        uint64_t order; /* the lower, the older */
        bool candidate;
    } entries[4096];
    size_t count;
    uint64_t clock;
};

static unsigned model_bucket(const struct model *model, const struct id *id)
{
    unsigned common = id_common_bits(&model->self, id);
    return common < model->buckets ? common : model->buckets - 1;
}

static void model_take_out(struct model *model, struct model_entry *entry)
{
    *entry = model->entries[--model->count];
}

static size_t model_members(struct model *model, unsigned bucket)
{
    size_t members = 0;
    for (size_t i = 0; i < model->count; i++)
        members += !model->entries[i].candidate &&
                   model_bucket(model, &model->entries[i].contact.id) == bucket;
    return members;
}

static struct model_entry *model_candidate(struct model *model, unsigned bucket)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->entries[i].candidate &&
            model_bucket(model, &model->entries[i].contact.id) == bucket)
            return &model->entries[i];
    return NULL;
}

static struct model_entry *model_find(struct model *model, const struct id *id)
{
    for (size_t i = 0; i < model->count; i++)
        if (id_equal(&model->entries[i].contact.id, id))
            return &model->entries[i];
    return NULL;
}

static void model_remove(struct model *model, struct model_entry *entry)
{
    unsigned bucket = model_bucket(model, &entry->contact.id);
    bool was_candidate = entry->candidate;
    model_take_out(model, entry);
    struct model_entry *candidate = model_candidate(model, bucket);
    if (was_candidate || candidate == NULL)
        return;
    candidate->candidate = false;
    candidate->order = ++model->clock;
}

static bool model_has_room(struct model *model, const struct id *id)
{
    unsigned bucket = model_bucket(model, id);
    size_t members = model_members(model, bucket), nearer = 0;
    for (size_t i = 0; i < model->count; i++)
        nearer += !model->entries[i].candidate &&
                  id_distance_compare(&model->self, &model->entries[i].contact.id, id) < 0;
    return members < DHT_K ||
           (bucket + 1 < model->buckets && members < 2 * DHT_K && nearer < DHT_K);
}

static struct model_entry *model_due(struct model *model, unsigned bucket, uint64_t now_ms)
{
    struct model_entry *oldest = NULL, *failed = NULL;
    for (size_t i = 0; i < model->count; i++) {
        struct model_entry *entry = &model->entries[i];
        if (entry->candidate || model_bucket(model, &entry->contact.id) != bucket)
            continue;
        if (oldest == NULL || entry->order < oldest->order)
            oldest = entry;
        if (entry->contact.failures > 0 && (failed == NULL || entry->order < failed->order))
            failed = entry;
    }
    if (failed != NULL)
        return failed;
    return now_ms / 1000 * 1000 >= oldest->contact.seen_ms + ROUTING_FRESH_MS ? oldest : NULL;
}

static void model_add(struct model *model, const struct contact *who, bool candidate)
{
    struct model_entry *old = model_candidate(model, model_bucket(model, &who->id));
    if (old != NULL)
        model_take_out(model, old);
    model->entries[model->count] =
        (struct model_entry){.contact = *who, .order = ++model->clock, .candidate = candidate};
    model->entries[model->count++].contact.failures = 0;
}

static enum seen_result model_newcomer(struct model *model, const struct contact *who)
{
    while (!model_has_room(model, &who->id) &&
           model_bucket(model, &who->id) + 1 == model->buckets) {
        struct model_entry *candidate = model_candidate(model, model->buckets - 1);
        if (candidate != NULL)
            model_take_out(model, candidate);
        model->buckets++;
    }
    if (model_has_room(model, &who->id)) {
        model_add(model, who, false);
        return SEEN_ADDED;
    }
    struct model_entry *due = model_due(model, model_bucket(model, &who->id), who->seen_ms);
    struct id due_id = due != NULL ? due->contact.id : who->id;
    model_add(model, who, true);
    if (due == NULL)
        return SEEN_IGNORED;
    due = model_find(model, &due_id);
    if (due->contact.failures < ROUTING_FAILURES_REPLACE)
        return SEEN_ASK_OLDEST;
    model_remove(model, due);
    return SEEN_ADDED;
}

static enum seen_result model_seen(struct model *model, const struct contact *who)
{
    struct model_entry *entry = model_find(model, &who->id);
    if (entry != NULL && !entry->candidate) {
        if (endpoint_equal(&entry->contact.endpoint, &who->endpoint)) {
            entry->contact.failures = 0;
            entry->contact.seen_ms = who->seen_ms;
            entry->order = ++model->clock;
            return SEEN_REFRESHED;
        }
        if (entry->contact.failures == 0)
            return SEEN_IGNORED;
        model_remove(model, entry);
    } else if (entry != NULL) {
        model_take_out(model, entry);
    }
    for (size_t i = model->count; i-- > 0;)
        if (i < model->count &&
            endpoint_equal(&model->entries[i].contact.endpoint, &who->endpoint)) {
            model_remove(model, &model->entries[i]);
            i = model->count;
        }
    return model_newcomer(model, who);
}

static enum failed_result model_failed(struct model *model, const struct id *id)
{
    struct model_entry *entry = model_find(model, id);
    if (entry == NULL)
        return FAILED_UNKNOWN;
    if (entry->candidate) {
        model_take_out(model, entry);
        return FAILED_DROPPED;
    }
    bool waiting = model_candidate(model, model_bucket(model, id)) != NULL;
    entry->contact.failures++;
    if (waiting && entry->contact.failures >= ROUTING_FAILURES_REPLACE) {
        model_remove(model, entry);
        return FAILED_REPLACED;
    }
    if (entry->contact.failures < ROUTING_FAILURES_MAX)
        return FAILED_COUNTED;
    model_remove(model, entry);
    return FAILED_DROPPED;
}

/* The n-th nearest of all that answer; NULL past the end. */
static const struct contact *model_nearest(struct model *model, const struct id *target, size_t n)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct contact *contact = &model->entries[i].contact;
        size_t nearer = 0;
        for (size_t j = 0; j < model->count; j++)
            nearer += !model->entries[j].candidate && model->entries[j].contact.failures == 0 &&
                      id_distance_compare(target, &model->entries[j].contact.id, &contact->id) < 0;
        if (nearer == n && !model->entries[i].candidate && contact->failures == 0)
            return contact;
    }
    return NULL;
}

static void compare_closest(struct model *model, const struct routing_table *table,
                            const struct id *target)
{
    struct contact out[DHT_K];
    size_t count = routing_table_closest(table, target, out, DHT_K);
    for (size_t i = 0; i < DHT_K; i++) {
        const struct contact *expected = model_nearest(model, target, i);
        assert_int_equal(expected != NULL, i < count);
        if (expected != NULL)
            assert_true(id_equal(&expected->id, &out[i].id));
    }
}

/* Ids crowd around ours, so that deep buckets, neighbours and splits are all met. */
static struct contact random_contact(struct rng *rng, const struct id *self)
{
    struct contact who = {.endpoint = {.family = ENDPOINT_IPV4, .addr = {10}, .port = 1}};
    rng_fill(rng, who.id.bytes, ID_BYTES);
    unsigned shared = (unsigned)rng_below(rng, 7);
    for (unsigned bit = 0; bit < shared; bit++)
        id_set_bit(&who.id, bit, id_bit(self, bit));
    for (unsigned i = 2; i < ID_BYTES; i++)
        who.id.bytes[i] = 0; /* few ids, so that many come again */
    who.id.bytes[1] &= 0xe0;
    write_u16(who.endpoint.addr + 2, read_u16(who.id.bytes));
    if (rng_below(rng, 50) == 0)
        who.endpoint.addr[3] ^= 0x20; /* at somebody else's */
    return who;
}

static void agrees_with_a_slow_obvious_model(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(6));
    struct model *model = calloc(1, sizeof *model);
    rng_fill(&rng, model->self.bytes, ID_BYTES);
    model->buckets = 1;
    struct routing_table_config config = {.self = model->self, .family = ENDPOINT_IPV4};
    struct routing_table *table = routing_table_new(&config);
    for (unsigned step = 0; step < 20000; step++) {
        struct contact who = random_contact(&rng, &model->self), oldest;
        who.seen_ms = (uint64_t)step * 1000;
        if (rng_below(&rng, 5) > 1)
            assert_int_equal(routing_table_seen(table, &who, &oldest), model_seen(model, &who));
        else
            assert_int_equal(routing_table_failed(table, &who.id), model_failed(model, &who.id));
        assert_true(routing_table_valid(table));
        assert_int_equal(routing_table_buckets(table), model->buckets);
        if (step % 16 == 0)
            compare_closest(model, table, &who.id);
    }
    assert_true(routing_table_buckets(table) > 5);
    routing_table_free(table);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_slow_obvious_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
