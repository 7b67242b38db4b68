#include "support/unit.h"

#include "dht/byte_counts.h"
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

static void fill_value(struct record_index *index, struct record *record, struct rng *rng)
{
    uint8_t value[100];
    size_t len = rng_below(rng, sizeof value + 1);
    memset(value, (uint8_t)len, sizeof value);
    assert_true(record_index_set_value(index, record, bytes_of(value, len)));
}

static void assert_value_whole(const struct record *record)
{
    struct bytes value = record_value(record);
    for (size_t i = 0; i < value.len; i++)
        assert_int_equal(value.data[i], (uint8_t)value.len);
}

/* One thing done to the group of a random key. Returns by how much the records of it changed. */
static int random_step(struct record_index *index, const struct id *key, uint32_t now_s,
                       struct rng *rng)
{
    struct record_group *group = record_index_find(index, key, 1);
    uint32_t ends_s = now_s + (uint32_t)rng_below(rng, 1000);
    if (group == NULL || rng_below(rng, 3) == 0) {
        fill_value(index, record_index_add(index, key, 1, ends_s), rng);
        return 1;
    }
    struct record *record = &group->records[rng_below(rng, group->count)];
    assert_value_whole(record);
    switch (rng_below(rng, 3)) {
    case 0:
        record_index_set_end(index, group, record, ends_s);
        record_index_refresh(index, group);
        return 0;
    case 1:
        fill_value(index, record, rng);
        return 0;
    default:
        record_index_remove(index, group, (size_t)(record - group->records));
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
        model[number] += random_step(&index, &key, step, &rng);
        struct record_group *group = record_index_find(&index, &key, 1);
        assert_int_equal(group != NULL ? group->count : 0, model[number]);
        assert_null(record_index_find(&index, &key, 2));
        assert_true(record_index_valid(&index));
    }
    record_index_dispose(&index);
    assert_int_equal(index.bytes, 0);
}

static void groups_come_out_in_the_order_in_which_they_end(void **state)
{
    (void)state;
    struct record_index index;
    struct rng rng;
    rng_init_seed(&rng, test_seed(72));
    record_index_init(&index, secret);
    for (uint64_t i = 0; i < 2000; i++) {
        struct id key = key_number(i);
        assert_non_null(record_index_add(&index, &key, 1, (uint32_t)rng_below(&rng, 10000)));
    }
    uint32_t last = 0;
    struct record_group *group;
    size_t removed = 0;
    for (; (group = record_index_soonest(&index)) != NULL; removed++) {
        assert_true(group->due_s >= last);
        last = group->due_s;
        record_index_remove(&index, group, 0);
    }
    assert_int_equal(removed, 2000);
    assert_true(index.bytes < 1024); /* the tables shrank */
    assert_true(record_index_valid(&index));
    record_index_dispose(&index);
}

static void counts_agree_with_an_array(void **state)
{
    (void)state;
    struct byte_counts counts = {0};
    struct rng rng;
    uint32_t model[200] = {0};
    uint64_t sum = 0;
    rng_init_seed(&rng, test_seed(73));
    for (unsigned step = 0; step < 40000; step++) {
        bool filling = step / 4000 % 2 == 0;
        uint32_t i = (uint32_t)rng_below(&rng, 200), tag = (i % 20 + 1) << 20 | (i / 20);
        if (rng_below(&rng, 4) < (filling ? 3 : 1)) {
            uint32_t bytes = 1 + (uint32_t)rng_below(&rng, 500);
            assert_true(byte_counts_add(&counts, tag, bytes));
            model[i] += bytes;
            sum += bytes;
        } else if (model[i] > 0) {
            uint32_t bytes = rng_below(&rng, 2) == 0 ? model[i] : 1;
            byte_counts_take(&counts, tag, bytes);
            model[i] -= bytes;
            sum -= bytes;
        }
        uint32_t k = (uint32_t)rng_below(&rng, 200);
        assert_int_equal(byte_counts_of(&counts, (k % 20 + 1) << 20 | (k / 20)), model[k]);
        assert_true(byte_counts_sum(&counts) == sum);
    }
    assert_true(byte_counts_add(&counts, 0, 5)); /* nobody */
    assert_int_equal(byte_counts_of(&counts, 0), 0);
    byte_counts_dispose(&counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_keep_every_invariant),
        cmocka_unit_test(groups_come_out_in_the_order_in_which_they_end),
        cmocka_unit_test(counts_agree_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
