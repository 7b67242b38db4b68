/* Numbers of transfers that became others. */
#include "daemon/merges.h"
#include "support/unit.h"

static void a_number_leads_to_what_it_became_in_the_end(void **state)
{
    (void)state;
    struct merges merges = {.next = 0};
    merges_add(&merges, 7, 3);
    merges_add(&merges, 3, 1);
    merges_add(&merges, 9, 8);
    assert_int_equal(merges_find(&merges, 7), 1);
    assert_int_equal(merges_find(&merges, 3), 1);
    assert_int_equal(merges_find(&merges, 9), 8);
}

static void a_number_that_became_nothing_else_leads_nowhere(void **state)
{
    (void)state;
    struct merges merges = {.next = 0};
    assert_int_equal(merges_find(&merges, 0), 0);
    assert_int_equal(merges_find(&merges, 5), 0);
    merges_add(&merges, 7, 3);
    assert_int_equal(merges_find(&merges, 0), 0);
    assert_int_equal(merges_find(&merges, 3), 0);
    assert_int_equal(merges_find(&merges, -7), 0);
}

static void the_oldest_are_forgotten_for_the_latest(void **state)
{
    (void)state;
    struct merges merges = {.next = 0};
    for (int64_t id = 2; id <= MERGES_KEPT_MAX + 2; id++)
        merges_add(&merges, id, 1);
    assert_int_equal(merges_find(&merges, 2), 0);
    assert_int_equal(merges_find(&merges, 3), 1);
    assert_int_equal(merges_find(&merges, MERGES_KEPT_MAX + 2), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_leads_to_what_it_became_in_the_end),
        cmocka_unit_test(a_number_that_became_nothing_else_leads_nowhere),
        cmocka_unit_test(the_oldest_are_forgotten_for_the_latest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
