/* What a transfer remembers beside its columns: one text of words. */
#include "daemon/item_options.h"

#include <math.h>
#include <string.h>

#include "support/unit.h"

#define ONE   "5f0c000000000000000000000000000000009e21"
#define OTHER "0000000000000000000000000000000000000001"

static void check_round_trip(const char *text)
{
    struct item_options options;
    struct buffer out;
    buffer_init(&out);
    item_options_parse(&options, text);
    item_options_format(&options, &out);
    assert_string_equal((const char *)out.data, text);
    buffer_dispose(&out);
    item_options_dispose(&options);
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    check_round_trip("");
    check_round_trip("sequential quiet");
    check_round_trip("ratio=1.5");
    check_round_trip("ratio=0");
    check_round_trip("metadata_only");
    check_round_trip("down=512000 up=1024 peers=20");
    check_round_trip("sequential up=1048576 select=1,2");
    check_round_trip("reselects choice=0,3-5,the%20first%25*.flac");
    check_round_trip("move_to=/mnt/a%20b moved_from=/%0a%25");
    check_round_trip("sha1_too not=" ONE " not=" OTHER " ratio=2 select=1,2 spare=0,7");
}

static void a_ratio_that_is_none_is_refused(void **state)
{
    (void)state;
    struct item_options options;
    item_options_parse(&options, "ratio=-1 ratio=nan ratio=1e300");
    assert_false(options.has_ratio);
    assert_false(item_options_set_ratio(&options, NAN));
    assert_true(item_options_set_ratio(&options, 0.5));
    assert_true(options.has_ratio && options.ratio == 0.5);
    item_options_dispose(&options);
}

static void so_many_candidates_are_remembered_and_no_more(void **state)
{
    (void)state;
    struct item_options options;
    struct id id = {{7}}, unknown = {{8}};
    item_options_parse(&options, "not=short not=" ONE);
    assert_int_equal(options.rejected_count, 1);
    for (size_t i = 1; i < REJECTED_MAX; i++)
        assert_true(item_options_reject(&options, &id));
    assert_false(item_options_reject(&options, &id));
    assert_true(item_options_rejects(&options, &id));
    assert_false(item_options_rejects(&options, &unknown));
    item_options_dispose(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_ratio_that_is_none_is_refused),
        cmocka_unit_test(so_many_candidates_are_remembered_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
