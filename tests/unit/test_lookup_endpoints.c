/* Nodes that are named at endpoints that are not theirs. */
#include "support/lookups.h"

#include "dht/params.h"

static void hear_at(struct lookup *lookup, char by, char who, char where)
{
    struct id teller = id_of((uint8_t)by), id = id_of((uint8_t)who);
    struct endpoint endpoint = endpoint_of((uint8_t)where);
    lookup_hear(lookup, &teller, &id, &endpoint, 0);
}

static void one_endpoint_is_asked_once(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(4, 4, "xy");
    assert_string_equal(asked(&lookup), "xy");
    hear_at(&lookup, 'x', 'a', 'y'); /* it was asked as y */
    hear_at(&lookup, 'x', 'b', 'b');
    hear_at(&lookup, 'x', 'c', 'b');
    answer(&lookup, "x");
    assert_string_equal(asked(&lookup), "b");
    answer(&lookup, "by"); /* it is b, and nobody else is there */
    assert_string_equal(asked(&lookup), "");
    assert_true(lookup_done(&lookup));
    lookup_dispose(&lookup);
}

/* Liar y says of a, whom z names as well, that it is where nobody is. */
static void an_id_is_asked_where_others_say_it_is(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(3, 1, "yz");
    struct id a = id_of('a');
    struct endpoint there = endpoint_of('a');
    assert_string_equal(asked(&lookup), "yz");
    hear_at(&lookup, 'y', 'a', 'N');
    hear_at(&lookup, 'z', 'a', 'a');
    answer(&lookup, "yz");
    assert_string_equal(asked(&lookup), "a");
    lookup_failed(&lookup, &a);
    assert_false(lookup_done(&lookup));
    assert_string_equal(asked(&lookup), "a");
    assert_true(endpoint_equal(&lookup_find(&lookup, &a)->endpoint, &there));
    answer(&lookup, "a");
    assert_true(lookup_done(&lookup));
    uint16_t result[3];
    assert_int_equal(lookup_result(&lookup, result, 3), 3);
    assert_int_equal(lookup.nodes[result[0]].id.bytes[0], 'a');
    lookup_dispose(&lookup);
}

static void an_id_is_asked_elsewhere_when_another_answers_there(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(4, 1, "yz");
    struct id a = id_of('a'), b = id_of('b');
    struct endpoint there = endpoint_of('a'), other = endpoint_of('b');
    assert_string_equal(asked(&lookup), "yz");
    hear_at(&lookup, 'y', 'a', 'b');
    hear_at(&lookup, 'z', 'a', 'a');
    answer(&lookup, "yz");
    assert_string_equal(asked(&lookup), "a");
    assert_true(lookup_renamed(&lookup, &a, &b));
    answer(&lookup, "b");
    assert_true(endpoint_equal(&lookup_find(&lookup, &b)->endpoint, &other));
    assert_string_equal(asked(&lookup), "a");
    assert_true(endpoint_equal(&lookup_find(&lookup, &a)->endpoint, &there));
    answer(&lookup, "a");
    assert_true(lookup_done(&lookup));
    assert_int_equal(lookup.answered, 4);
    lookup_dispose(&lookup);
}

/* The liar names it as somebody who is too far to be asked, or nearer than it is. */
static void a_false_id_at_its_endpoint_does_not_hide_a_node(void **state)
{
    (void)state;
    for (const char *false_id = "~A"; *false_id != 0; false_id++) {
        struct lookup_config config = {
            .k = 2, .alpha = 1, .start = 2, .paths = 1, .limit_local = true};
        struct lookup lookup = lookup_of(config, "yz");
        struct id liar = id_of((uint8_t)*false_id), a = id_of('a');
        assert_string_equal(asked(&lookup), "yz");
        hear_at(&lookup, 'y', *false_id, 'a');
        hear_at(&lookup, 'z', 'a', 'a');
        answer(&lookup, "yz");
        bool nearer = *false_id < 'a';
        const char *first = asked(&lookup);
        assert_int_equal(first[0], nearer ? *false_id : 'a');
        if (nearer)
            assert_true(lookup_renamed(&lookup, &liar, &a));
        answer(&lookup, "a");
        assert_string_equal(asked(&lookup), "");
        assert_true(lookup_done(&lookup));
        assert_int_equal(lookup_find(&lookup, &a)->state, LOOKUP_ANSWERED);
        lookup_dispose(&lookup);
    }
}

static void many_endpoints_of_one_id_are_not_all_asked(void **state)
{
    (void)state;
    struct lookup lookup = lookup_with(2, 4, "yz");
    struct id a = id_of('a');
    unsigned asks = 0;
    assert_string_equal(asked(&lookup), "yz");
    for (char where = 'A'; where < 'Z'; where++) {
        hear_at(&lookup, 'y', 'a', where);
        for (const char *who = asked(&lookup); *who != 0; who++, asks++)
            lookup_failed(&lookup, &a);
        assert_true(lookup_valid(&lookup));
    }
    assert_int_equal(asks, 1 + LOOKUP_MOVES_MAX);
    lookup_dispose(&lookup);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_endpoint_is_asked_once),
        cmocka_unit_test(an_id_is_asked_where_others_say_it_is),
        cmocka_unit_test(an_id_is_asked_elsewhere_when_another_answers_there),
        cmocka_unit_test(a_false_id_at_its_endpoint_does_not_hide_a_node),
        cmocka_unit_test(many_endpoints_of_one_id_are_not_all_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
