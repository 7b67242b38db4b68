/* What records say of peers that we are not connected to. */
#include "support/unit.h"

#include "swarm/availability.h"
#include "swarm/params.h"
#include "swarm/picker.h"

static struct endpoint numbered(unsigned i)
{
    return (struct endpoint){
        .addr = {198, 51, (uint8_t)(i >> 8), (uint8_t)i}, .port = 6881, .family = ENDPOINT_IPV4};
}

static const struct bytes first_of_eight = {(const uint8_t *)"\x80", 1};

static void set(struct availability *availability, unsigned holder, uint32_t first)
{
    struct endpoint endpoint = numbered(holder);
    availability_set(availability, &endpoint, first, first_of_eight, 0);
}

static void holders_that_are_remembered_have_a_bound(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, 1);
    struct picker *picker = picker_new(16, &rng);
    struct availability *availability = availability_new();
    availability_set_picker(availability, picker, 16);
    for (unsigned i = 0; i < 3 * HOLDERS_MAX; i++)
        set(availability, i, 0);
    assert_int_equal(picker_holders(picker, 0), HOLDERS_MAX);
    set(availability, 0, 8); /* one that is known may say more */
    assert_int_equal(picker_holders(picker, 8), 1);
    set(availability, 3 * HOLDERS_MAX, 8);
    assert_int_equal(picker_holders(picker, 8), 1);
    availability_expire(availability, HOLDER_LIFE_MS);
    assert_true(availability_is_empty(availability));
    set(availability, 3 * HOLDERS_MAX, 8);
    assert_int_equal(picker_holders(picker, 8), 1);
    availability_free(availability);
    assert_true(picker_valid(picker));
    picker_free(picker);
}

enum { HUGE = 1500000, HUGE_BYTES = HUGE / 8 };

/* So many of the first `count` are remembered as holders of that piece. */
static unsigned remembered(struct availability *availability, uint32_t piece, unsigned count)
{
    static bool seen[2 * HOLDERS_MAX];
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++)
        seen[i] = false;
    for (unsigned i = 0; i < count; i++) { /* each in turn */
        struct endpoint out;
        if (!availability_holder_of(availability, piece, &out))
            break;
        unsigned holder = (unsigned)out.addr[2] << 8 | out.addr[3];
        found += !seen[holder];
        seen[holder] = true;
    }
    return found;
}

static void bytes_of_their_bitfields_have_a_bound(void **state)
{
    (void)state;
    unsigned most = HOLDERS_BYTES_MAX / HUGE_BYTES;
    struct availability *availability = availability_new();
    for (unsigned i = 0; i < HOLDERS_MAX; i++)
        set(availability, i, HUGE - 8);
    assert_in_range(remembered(availability, HUGE - 8, HOLDERS_MAX), most / 2, most);
    availability_free(availability);
}

/* `rng` is the picker's for good. */
static struct picker *huge_picker(struct rng *rng)
{
    rng_init_seed(rng, 1);
    return picker_new(HUGE, rng);
}

static void free_both(struct availability *availability, struct picker *picker)
{
    availability_free(availability);
    assert_true(picker_valid(picker));
    picker_free(picker);
}

static void who_says_more_and_more_stays_within_the_bound(void **state)
{
    (void)state;
    unsigned most = HOLDERS_BYTES_MAX / HUGE_BYTES;
    struct rng rng;
    struct picker *picker = huge_picker(&rng);
    struct availability *availability = availability_new();
    availability_set_picker(availability, picker, HUGE);
    for (unsigned i = 0; i < HOLDERS_MAX; i++)
        set(availability, i, 0); /* a byte each */
    assert_int_equal(picker_holders(picker, 0), HOLDERS_MAX);
    for (unsigned i = 0; i < HOLDERS_MAX; i++)
        set(availability, i, HUGE - 8);
    assert_in_range(picker_holders(picker, HUGE - 8), most / 2, most);
    assert_int_equal(picker_holders(picker, 0), HOLDERS_MAX);
    free_both(availability, picker);
}

static void what_came_before_the_metadata_stays_within_the_bound(void **state)
{
    (void)state;
    unsigned most = HOLDERS_BYTES_MAX / HUGE_BYTES;
    struct rng rng;
    struct picker *picker = huge_picker(&rng);
    struct availability *availability = availability_new();
    for (unsigned i = 0; i < HOLDERS_MAX; i++)
        set(availability, i, 0);
    availability_set_picker(availability, picker, HUGE);
    assert_in_range(picker_holders(picker, 0), most / 2, most);
    free_both(availability, picker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holders_that_are_remembered_have_a_bound),
        cmocka_unit_test(bytes_of_their_bitfields_have_a_bound),
        cmocka_unit_test(who_says_more_and_more_stays_within_the_bound),
        cmocka_unit_test(what_came_before_the_metadata_stays_within_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
