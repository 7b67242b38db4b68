/* Limits at times of the week. */
#include "daemon/schedule.h"

#include <string.h>

#include "support/unit.h"

enum { MON, TUE, WED, THU, FRI, SAT, SUN };

static struct schedule_entry entry_of(const char *days, const char *time)
{
    struct schedule_entry entry = {.limits = item_limits_unsaid};
    assert_true(schedule_parse_days(days, &entry.days));
    assert_true(schedule_parse_time(time, &entry.from, &entry.to));
    return entry;
}

static bool holds(const char *days, const char *time, unsigned day, unsigned hour, unsigned minute)
{
    struct schedule_entry entry = entry_of(days, time);
    return schedule_holds(&entry, day, hour * 60 + minute);
}

static void holds_from_the_first_minute_to_before_the_last(void **state)
{
    (void)state;
    assert_false(holds("mon-fri", "08:00-18:00", MON, 7, 59));
    assert_true(holds("mon-fri", "08:00-18:00", MON, 8, 0));
    assert_true(holds("mon-fri", "08:00-18:00", FRI, 17, 59));
    assert_false(holds("mon-fri", "08:00-18:00", FRI, 18, 0));
    assert_false(holds("mon-fri", "08:00-18:00", SAT, 12, 0));
    assert_true(holds("daily", "00:00-24:00", SUN, 0, 0));
    assert_true(holds("daily", "00:00-24:00", SUN, 23, 59));
}

static void night_belongs_to_the_day_it_begins_on(void **state)
{
    (void)state;
    assert_true(holds("fri", "22:00-6:00", FRI, 22, 0));
    assert_true(holds("fri", "22:00-6:00", SAT, 5, 59));
    assert_false(holds("fri", "22:00-6:00", SAT, 6, 0));
    assert_false(holds("fri", "22:00-6:00", FRI, 5, 0));
    assert_true(holds("sun", "22:00-06:00", MON, 1, 0)); /* over the week's end */
    assert_false(holds("sun", "22:00-06:00", SUN, 1, 0));
}

static void assert_days(const char *typed, const char *shown)
{
    char out[SCHEDULE_TEXT_SIZE];
    uint8_t days;
    assert_true(schedule_parse_days(typed, &days));
    schedule_format_days(days, out);
    assert_string_equal(out, shown);
}

static void days_are_read_and_shown(void **state)
{
    (void)state;
    assert_days("mon-fri", "mon-fri");
    assert_days("SAT,Sun", "sat,sun");
    assert_days("fri-mon", "mon,fri-sun");
    assert_days("wed", "wed");
    assert_days("mon,wed,fri,sat,sun", "mon,wed,fri-sun");
    assert_days("mon-sun", "daily");
    static const char *const bad[] = {"",    "mon-",    "-fri",     "mon,", "monday",     "mo",
                                      "xyz", "mon fri", "mon--fri", ",mon", "mon-fri-sat"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t days;
        if (schedule_parse_days(bad[i], &days))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "8",
                                      "08:00",
                                      "08:00-",
                                      "08:00-8:00",
                                      "24:00-06:00",
                                      "08:60-09:00",
                                      "08:00-25:00",
                                      "-1:00-2:00",
                                      "08:00-18:00x",
                                      "08:00 - 18:00",
                                      "24:01-1:00",
                                      "8:00-00:00",
                                      "008:00-9:00",
                                      "08:00-18"};
    uint16_t from, to;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (schedule_parse_time(bad[i], &from, &to))
            fail_msg("\"%s\" was taken", bad[i]);
    assert_true(schedule_parse_time("8:5-9:30", &from, &to));
    assert_int_equal(from, 485);
    assert_int_equal(to, 570);
}

static void the_one_added_last_counts_for_what_it_says(void **state)
{
    (void)state;
    struct schedule schedule = {.count = 0};
    struct schedule_entry day = entry_of("daily", "06:00-22:00"),
                          noon = entry_of("daily", "12:00-13:00");
    struct item_limits limits = {{1, 2, 3}};
    day.limits.of[LIMIT_DOWN] = 5000;
    day.limits.of[LIMIT_UP] = 6000;
    noon.limits.of[LIMIT_DOWN] = 0; /* none */
    assert_int_equal(schedule_add(&schedule, &day), STATUS_OK);
    assert_int_equal(schedule_add(&schedule, &noon), STATUS_OK);
    schedule_apply(&schedule, MON, 12 * 60, &limits);
    assert_memory_equal(&limits, (&(struct item_limits){{0, 6000, 3}}), sizeof limits);
    limits = (struct item_limits){{1, 2, 3}};
    schedule_apply(&schedule, MON, 13 * 60, &limits);
    assert_memory_equal(&limits, (&(struct item_limits){{5000, 6000, 3}}), sizeof limits);
    limits = (struct item_limits){{1, 2, 3}};
    schedule_apply(&schedule, MON, 23 * 60, &limits);
    assert_memory_equal(&limits, (&(struct item_limits){{1, 2, 3}}), sizeof limits);
}

static void a_number_stays_with_its_entry(void **state)
{
    (void)state;
    struct schedule schedule = {.count = 0};
    struct schedule_entry entry = entry_of("daily", "06:00-22:00");
    for (unsigned i = 1; i <= SCHEDULE_MAX; i++) {
        assert_int_equal(schedule_add(&schedule, &entry), STATUS_OK);
        assert_int_equal(entry.number, i);
    }
    assert_int_equal(schedule_add(&schedule, &entry), STATUS_TOO_BIG);
    assert_true(schedule_remove(&schedule, 2));
    assert_false(schedule_remove(&schedule, 2));
    assert_true(schedule_remove(&schedule, 1));
    assert_int_equal(schedule.entries[0].number, 3);
    assert_int_equal(schedule_add(&schedule, &entry), STATUS_OK);
    assert_int_equal(entry.number, SCHEDULE_MAX + 1);
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    struct schedule schedule = {.count = 0}, again;
    struct schedule_entry entry = entry_of("sat,sun", "22:00-06:30");
    struct buffer text;
    entry.limits.of[LIMIT_PEERS] = 7;
    assert_int_equal(schedule_add(&schedule, &entry), STATUS_OK);
    assert_int_equal(schedule_add(&schedule, &entry), STATUS_OK);
    buffer_init(&text);
    buffer_add_string(&text, "nonsense\n9 1 5000 6000 1 1 1\n");
    schedule_format(&schedule, &text);
    buffer_add_byte(&text, 0);
    schedule_parse(&again, (char *)text.data);
    assert_int_equal(again.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct schedule_entry *a = &schedule.entries[i], *b = &again.entries[i];
        assert_true(a->number == b->number && a->days == b->days && a->from == b->from &&
                    a->to == b->to);
        assert_memory_equal(&a->limits, &b->limits, sizeof a->limits);
    }
    buffer_dispose(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_from_the_first_minute_to_before_the_last),
        cmocka_unit_test(night_belongs_to_the_day_it_begins_on),
        cmocka_unit_test(days_are_read_and_shown),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(the_one_added_last_counts_for_what_it_says),
        cmocka_unit_test(a_number_stays_with_its_entry),
        cmocka_unit_test(what_is_written_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
