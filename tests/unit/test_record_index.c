#include "support/unit.h"

#include "dht/byte_sketch.h"
#include "dht/record_index.h"
#include "kadpeer/rng.h"

#define KEYS  150
#define STEPS 20000

static const uint8_t secret[16] = "a secret of ours";

static struct id key_number(uint64_t number)
{
    struct id key = {0};
    write_u64(key.bytes + 5, number);
    return key;
}

static struct endpoint random_source(struct rng *rng)
{
    static const uint8_t families[] = {ENDPOINT_NONE, ENDPOINT_IPV4, ENDPOINT_IPV6};
    struct endpoint source = {.family = families[rng_below(rng, 3)]};
    if (source.family == ENDPOINT_NONE)
        return source;
    rng_fill(rng, source.addr, endpoint_address_size(&source));
    source.port = (uint16_t)rng_u32(rng);
    return source;
}

/* What a record says can be told from its value alone. */
static void put_random(struct record_index *index, const struct id *key, struct record *old,
                       uint32_t ends_s, struct rng *rng)
{
    uint8_t value[200];
    struct endpoint source = random_source(rng);
    size_t len = 30 + rng_below(rng, sizeof value - 29);
    memset(value, (uint8_t)len, sizeof value);
    value[1] = source.family;
    memcpy(value + 2, source.addr, 16);
    write_u16(value + 18, source.port);
    struct record_fields fields = {.source = &source,
                                   .value = bytes_of(value, len),
                                   .ends_s = ends_s,
                                   .mark = (uint32_t)len * 7,
                                   .place = (uint32_t)rng_below(rng, 2)};
    write_u32(value + 20, fields.place);
    size_t before = index->bytes;
    size_t most =
        record_index_growth(index, record_index_find(index, key, 1), record_fields_bytes(&fields));
    assert_non_null(record_index_put(index, key, 1, old, &fields));
    assert_true(index->bytes <= before + most);
}

static void assert_whole(const struct record *record)
{
    struct bytes value = record_value(record);
    struct endpoint source = record_source(record);
    for (size_t i = 24; i < value.len; i++)
        assert_int_equal(value.data[i], (uint8_t)value.len);
    assert_int_equal(value.data[1], source.family);
    assert_memory_equal(value.data + 2, source.addr, 16);
    assert_int_equal(read_u16(value.data + 18), source.port);
    assert_int_equal(read_u32(value.data + 20), record_place(record));
    assert_int_equal(record->mark, value.len * 7);
    assert_true(record_is_from(record, &source));
}

static struct record *random_record(const struct record_group *group, struct rng *rng)
{
    struct record *record = record_first(group);
    for (uint64_t skip = rng_below(rng, group->count); skip > 0; skip--)
        record = record_after(record);
    return record;
}

/* One thing done to the group of a random key. Returns by how much the records of it changed. */
static int random_step(struct record_index *index, const struct id *key, uint32_t now_s,
                       bool filling, struct rng *rng)
{
    struct record_group *group = record_index_find(index, key, 1);
    uint32_t ends_s = now_s + (uint32_t)rng_below(rng, 1000);
    if (group == NULL || rng_below(rng, filling ? 3 : 9) == 0) {
        put_random(index, key, NULL, ends_s, rng);
        return 1;
    }
    struct record *record = random_record(group, rng);
    assert_whole(record);
    switch (rng_below(rng, 3)) {
    case 0:
        record_index_set_end(index, record, ends_s);
        return 0;
    case 1:
        put_random(index, key, record, ends_s, rng);
        return 0;
    default:
        record_index_remove(index, group, record);
        return -1;
    }
}

static void random_changes_keep_every_invariant(void **state)
{
    (void)state;
    struct record_index index;
    struct rng rng;
    int model[KEYS] = {0};
    rng_init_seed(&rng, test_seed(71));
    record_index_init(&index, secret);
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t number = rng_below(&rng, KEYS);
        struct id key = key_number(number);
        model[number] += random_step(&index, &key, step, step / 5000 % 2 == 0, &rng);
        struct record_group *group = record_index_find(&index, &key, 1);
        assert_int_equal(group != NULL ? group->count : 0, model[number]);
        assert_null(record_index_find(&index, &key, 2));
        assert_true(record_index_valid(&index));
    }
    record_index_dispose(&index);
    assert_int_equal(index.bytes, 0);
}

/* A sweep in small steps, while keys come, go and change: none that has ended outlasts it. */
static void a_sweep_misses_nothing_that_has_ended(void **state)
{
    (void)state;
    struct record_index index;
    struct rng rng;
    rng_init_seed(&rng, test_seed(72));
    record_index_init(&index, secret);
    for (uint32_t now_s = 1; now_s <= 60; now_s++) {
        uint64_t keys = now_s % 20 < 10 ? 400 : 40; /* the table grows and shrinks */
        size_t budget, turns = 0;
        struct record_group *group;
        do {
            for (unsigned i = 0; i < 20; i++) {
                struct id key = key_number(rng_below(&rng, keys));
                group = record_index_find(&index, &key, 1);
                if (group == NULL || keys > 100)
                    put_random(&index, &key, NULL, now_s + 1 + (uint32_t)rng_below(&rng, 20), &rng);
                else
                    record_index_remove(&index, group, random_record(group, &rng));
            }
            budget = 5;
            while ((group = record_index_sweep(&index, now_s, &budget)) != NULL)
                for (struct record *record = record_first(group); record < record_end(group);
                     record = record_after(record))
                    if (record->ends_s <= now_s) {
                        record_index_remove(&index, group, record);
                        break;
                    }
            assert_true(record_index_valid(&index));
            assert_true(++turns < 1000);
        } while (index.unswept > 0 || index.due_s <= now_s);
        assert_true(record_index_valid(&index)); /* no record ends before due_s */
    }
    record_index_dispose(&index);
}

static void an_index_that_empties_gives_its_memory_back(void **state)
{
    (void)state;
    struct record_index index;
    struct rng rng;
    rng_init_seed(&rng, test_seed(74));
    record_index_init(&index, secret);
    for (uint64_t i = 0; i < 2000; i++) {
        struct id key = key_number(i);
        size_t buckets = index.bucket_count;
        put_random(&index, &key, NULL, 5, &rng);
        assert_true(index.bucket_count <= buckets + 1); /* no step moves many */
    }
    unsigned drawn[2000] = {0};
    for (unsigned i = 0; i < 20000; i++)
        drawn[read_u64(record_index_pick(&index)->key.bytes + 5)]++;
    size_t never = 0;
    for (unsigned i = 0; i < 2000; i++)
        never += drawn[i] == 0;
    assert_true(never < 100); /* each is drawn, some less often than others */
    struct record_group *group;
    size_t removed = 0;
    for (; (group = record_index_pick(&index)) != NULL; removed++)
        record_index_remove(&index, group, record_first(group));
    assert_int_equal(removed, 2000);
    assert_int_equal(index.due_s, UINT32_MAX);
    assert_true(index.bytes < 200);
    assert_true(record_index_valid(&index));
    record_index_dispose(&index);
}

static void counts_are_never_too_small(void **state)
{
    (void)state;
    struct byte_sketch sketch;
    struct rng rng;
    uint32_t model[200] = {0}, tags[200];
    uint64_t sum = 0, more = 0;
    rng_init_seed(&rng, test_seed(73));
    assert_true(byte_sketch_init(&sketch, 1024));
    for (unsigned i = 0; i < 200; i++)
        tags[i] = rng_u32(&rng) | 1;
    for (unsigned step = 0; step < 40000; step++) {
        uint32_t i = (uint32_t)rng_below(&rng, 200);
        if (rng_below(&rng, 4) < (step / 4000 % 2 == 0 ? 3 : 1)) {
            uint32_t bytes = 1 + (uint32_t)rng_below(&rng, 500);
            byte_sketch_add(&sketch, tags[i], bytes);
            model[i] += bytes;
            sum += bytes;
        } else if (model[i] > 0) {
            uint32_t bytes = rng_below(&rng, 2) == 0 ? model[i] : 1;
            byte_sketch_take(&sketch, tags[i], bytes);
            model[i] -= bytes;
            sum -= bytes;
        }
        uint32_t k = (uint32_t)rng_below(&rng, 200);
        assert_true(byte_sketch_of(&sketch, tags[k]) >= model[k]);
        more += byte_sketch_of(&sketch, tags[k]) > model[k];
    }
    assert_true(byte_sketch_sum(&sketch) == sum);
    assert_true(more < 40000 / 8);  /* and seldom too large */
    byte_sketch_add(&sketch, 0, 5); /* nobody */
    assert_int_equal(byte_sketch_of(&sketch, 0), 0);
    byte_sketch_dispose(&sketch);
    assert_int_equal(byte_sketch_of(&sketch, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_keep_every_invariant),
        cmocka_unit_test(a_sweep_misses_nothing_that_has_ended),
        cmocka_unit_test(an_index_that_empties_gives_its_memory_back),
        cmocka_unit_test(counts_are_never_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
