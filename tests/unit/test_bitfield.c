#include "support/unit.h"

#include <string.h>

#include "kadpeer/rng.h"
#include "swarm/bitfield.h"

static void first_piece_is_the_highest_bit(void **state)
{
    (void)state;
    struct bitfield field = {0};
    assert_true(bitfield_resize(&field, 10));
    assert_true(bitfield_set(&field, 0));
    assert_true(bitfield_set(&field, 9));
    assert_false(bitfield_set(&field, 9));
    assert_int_equal(field.bits[0], 0x80);
    assert_int_equal(field.bits[1], 0x40);
    assert_int_equal(field.set, 2);
    assert_true(bitfield_clear(&field, 0));
    assert_false(bitfield_clear(&field, 0));
    assert_int_equal(field.set, 1);
    assert_false(bitfield_has(&field, 10)); /* beyond the end nothing is there */
    bitfield_dispose(&field);
    assert_int_equal(field.count, 0);
}

static void only_the_exact_length_without_spare_bits_loads(void **state)
{
    (void)state;
    struct bitfield field = {0};
    bitfield_resize(&field, 10);
    const uint8_t good[2] = {0xff, 0xc0}, spare[2] = {0xff, 0xe0}, longer[3] = {0xff, 0xc0, 0};
    assert_int_equal(bitfield_load(&field, bytes_of(spare, 2)), STATUS_MALFORMED);
    assert_int_equal(bitfield_load(&field, bytes_of(longer, 3)), STATUS_MALFORMED);
    assert_int_equal(bitfield_load(&field, bytes_of(good, 1)), STATUS_MALFORMED);
    assert_int_equal(field.set, 0);
    assert_int_equal(bitfield_load(&field, bytes_of(good, 2)), STATUS_OK);
    assert_true(bitfield_is_full(&field));
    bitfield_dispose(&field);
}

static void resizing_keeps_what_fits(void **state)
{
    (void)state;
    struct bitfield field = {0};
    bitfield_resize(&field, 1024);
    bitfield_set(&field, 3);
    bitfield_set(&field, 700);
    bitfield_resize(&field, 5000);
    assert_int_equal(field.set, 2);
    assert_int_equal(bitfield_next(&field, 4), 700);
    bitfield_resize(&field, 9);
    assert_int_equal(field.set, 1);
    assert_true(bitfield_valid(&field));
    bitfield_resize(&field, 1024);
    assert_int_equal(bitfield_next(&field, 4), 1024); /* what was cut off stays off */
    bitfield_resize(&field, 0);
    assert_null(field.bits);
}

static void it_agrees_with_an_array_of_flags(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(3));
    for (int round = 0; round < 40; round++) {
        uint32_t count = 1 + (uint32_t)rng_below(&rng, 300);
        bool slow[2][300] = {{0}};
        struct bitfield fast[2] = {{0}, {0}};
        for (int f = 0; f < 2; f++)
            bitfield_resize(&fast[f], count);
        for (int step = 0; step < 400; step++) {
            int f = (int)rng_below(&rng, 2);
            uint32_t i = (uint32_t)rng_below(&rng, count);
            bool value = rng_below(&rng, 2) == 0;
            bool changed = value ? bitfield_set(&fast[f], i) : bitfield_clear(&fast[f], i);
            assert_int_equal(changed, slow[f][i] != value);
            slow[f][i] = value;
        }
        uint32_t both = 0, without = 0, next = count;
        for (uint32_t i = count; i-- > 0;) {
            both += slow[0][i] && slow[1][i];
            without += slow[0][i] && !slow[1][i];
            next = slow[0][i] ? i : next;
            assert_int_equal(bitfield_next(&fast[0], i), next);
        }
        assert_int_equal(bitfield_count_both(&fast[0], &fast[1]), both);
        bitfield_subtract(&fast[0], &fast[1]);
        assert_int_equal(fast[0].set, without);
        bitfield_merge(&fast[0], &fast[1]);
        assert_true(bitfield_valid(&fast[0]) && bitfield_valid(&fast[1]));
        bitfield_set_all(&fast[1]);
        assert_int_equal(fast[1].set, count);
        assert_true(bitfield_valid(&fast[1]));
        bitfield_clear_all(&fast[1]);
        assert_true(bitfield_valid(&fast[1]) && fast[1].set == 0);
        bitfield_dispose(&fast[0]);
        bitfield_dispose(&fast[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_piece_is_the_highest_bit),
        cmocka_unit_test(only_the_exact_length_without_spare_bits_loads),
        cmocka_unit_test(resizing_keeps_what_fits),
        cmocka_unit_test(it_agrees_with_an_array_of_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
