#include "support/unit.h"

#include <string.h>

#include "cli/arguments.h"
#include "cli/help.h"

#define PARSE(...)                                                                                 \
    parse(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

static struct arguments arguments;
static struct usage_error usage;

static enum status parse(size_t argc, const char *const argv[])
{
    arguments_dispose(&arguments);
    return arguments_parse(argc, argv, &arguments, &usage);
}

static void flags_may_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--json", "get", "-o", "x", "LINK", "--no-seed", "--wait=2m", "-vv"),
                     STATUS_OK);
    assert_string_equal(arguments.command->name, "get");
    assert_int_equal(arguments.word_count, 1);
    assert_string_equal(arguments.words[0], "LINK");
    assert_true(arguments_has(&arguments, "json"));
    assert_true(arguments_has(&arguments, "no-seed"));
    assert_false(arguments_has(&arguments, "force"));
    assert_string_equal(arguments_text(&arguments, "output", ""), "x");
    assert_true(arguments_number(&arguments, "wait", 0) == 120);
    assert_int_equal(arguments_count(&arguments, "verbose"), 2);
}

static void two_dashes_end_the_flags(void **state)
{
    (void)state;
    assert_int_equal(PARSE("share", "--", "-q", "--json"), STATUS_OK);
    assert_int_equal(arguments.word_count, 2);
    assert_string_equal(arguments.words[0], "-q");
    assert_false(arguments_has(&arguments, "json"));
}

static void a_single_dash_is_a_word(void **state)
{
    (void)state;
    assert_int_equal(PARSE("torrent", "show", "-"), STATUS_OK);
    assert_string_equal(arguments.command->name, "torrent show");
    assert_string_equal(arguments.words[0], "-");
}

static void letters_bundle_and_carry_values(void **state)
{
    (void)state;
    assert_int_equal(PARSE("get", "-dqoplace", "X"), STATUS_OK);
    assert_true(arguments_has(&arguments, "detach"));
    assert_true(arguments_has(&arguments, "quiet"));
    assert_string_equal(arguments_text(&arguments, "output", ""), "place");
    assert_int_equal(PARSE("get", "-z", "X"), STATUS_REFUSED);
    assert_string_equal(usage.message, "there is no flag -z");
}

static void repeated_flags_are_all_kept(void **state)
{
    (void)state;
    const char *out[2];
    assert_int_equal(PARSE("get", "--from", "a:1", "X", "--from=b:2", "--from", "c:3"), STATUS_OK);
    assert_int_equal(arguments_texts(&arguments, "from", out, 2), 3);
    assert_string_equal(out[0], "a:1");
    assert_string_equal(out[1], "b:2");
    assert_string_equal(arguments_text(&arguments, "from", ""), "c:3");
}

static void values_are_checked_by_their_type(void **state)
{
    (void)state;
    assert_int_equal(PARSE("share", "f", "--piece-size", "1M"), STATUS_OK);
    assert_true(arguments_number(&arguments, "piece-size", 0) == 1048576);
    assert_int_equal(PARSE("share", "f", "--piece-size", "big"), STATUS_REFUSED);
    assert_string_equal(usage.message,
                        "--piece-size big: a size like 1.5M, 200K or 4096 is wanted");
    assert_string_equal(usage.hint, "kadpeer share -h");
    assert_int_equal(PARSE("get", "x", "--progress", "line"), STATUS_REFUSED);
    assert_string_equal(usage.message, "--progress line: auto|bar|lines|none is wanted");
    assert_int_equal(PARSE("get", "x", "--progress", ""), STATUS_REFUSED);
    assert_int_equal(PARSE("get", "x", "--progress", "none"), STATUS_OK);
    assert_int_equal(PARSE("daemon", "--port", "12x"), STATUS_REFUSED);
    assert_int_equal(PARSE("get", "x", "--wait"), STATUS_REFUSED);
    assert_string_equal(usage.message, "--wait wants a value: TIME");
    assert_int_equal(PARSE("get", "x", "--force=1"), STATUS_REFUSED);
    assert_string_equal(usage.message, "--force takes no value");
}

static void mistakes_suggest_the_nearest(void **state)
{
    (void)state;
    assert_int_equal(PARSE("statsu"), STATUS_REFUSED);
    assert_string_equal(usage.message, "there is no command \"statsu\"");
    assert_string_equal(usage.hint, "did you mean: kadpeer status");
    assert_int_equal(PARSE("torrent", "crate", "x"), STATUS_REFUSED);
    assert_string_equal(usage.hint, "did you mean: kadpeer torrent create");
    assert_int_equal(PARSE("get", "--forse", "x"), STATUS_REFUSED);
    assert_string_equal(usage.message, "get: there is no flag --forse");
    assert_string_equal(usage.hint, "did you mean --force?");
    assert_int_equal(PARSE("qqqqqq"), STATUS_REFUSED);
    assert_string_equal(usage.hint, "kadpeer help");
}

static void the_number_of_words_is_checked(void **state)
{
    (void)state;
    assert_int_equal(PARSE("info"), STATUS_REFUSED);
    assert_string_equal(usage.message, "info wants ID");
    assert_int_equal(PARSE("info", "1", "2"), STATUS_REFUSED);
    assert_string_equal(usage.message, "info takes no \"2\"");
    assert_int_equal(PARSE("info", "-h"), STATUS_OK);
    assert_int_equal(PARSE("share", "a", "b", "c"), STATUS_OK);
}

static void aliases_stand_for_their_command(void **state)
{
    (void)state;
    assert_int_equal(PARSE("add", "X"), STATUS_OK);
    assert_string_equal(arguments.command->name, "get");
    assert_true(arguments_has(&arguments, "detach"));
    assert_int_equal(PARSE("list", "--state", "paused"), STATUS_OK);
    assert_string_equal(arguments.command->name, "ls");
    assert_int_equal(PARSE("id"), STATUS_OK);
    assert_string_equal(arguments.command->name, "node status");
}

static void a_group_alone_is_told_apart_from_nothing(void **state)
{
    (void)state;
    assert_int_equal(PARSE("torrent"), STATUS_OK);
    assert_null(arguments.command);
    assert_string_equal(arguments.group, "torrent");
    assert_int_equal(PARSE("--json"), STATUS_OK);
    assert_null(arguments.group);
}

static size_t count_lines(const char *text, size_t *widest)
{
    size_t lines = 0, width = 0;
    *widest = 0;
    for (; *text != 0; text++) {
        width = *text == '\n' ? 0 : width + 1;
        *widest = width > *widest ? width : *widest;
        lines += *text == '\n';
    }
    return lines;
}

static void check_screen(const char *name, const char *text, size_t most_lines)
{
    size_t widest, lines = count_lines(text, &widest);
    if (lines > most_lines || widest > 80)
        fail_msg("%s: %zu lines, %zu columns", name, lines, widest);
}

static void short_help_fits_one_screen(void **state)
{
    (void)state;
    for (const struct command *command = commands; command->name != NULL; command++) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        help_short(command, out);
        fflush(out);
        check_screen(command->name, text, 24);
        rewind(out);
        help_full(command, out);
        fflush(out);
        check_screen(command->name, text, 60);
        fclose(out);
        free(text);
    }
}

static void the_overview_names_every_command_and_fits(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    help_overview(out);
    fclose(out);
    check_screen("overview", text, 24);
    for (const struct command *command = commands; command->name != NULL; command++) {
        char word[64];
        snprintf(word, sizeof word, " %.*s", (int)strcspn(command->name, " "), command->name);
        if (strstr(text, word) == NULL)
            fail_msg("not in the overview: %s", command->name);
    }
    free(text);
}

static void the_table_is_consistent(void **state)
{
    (void)state;
    for (const struct command *command = commands; command->name != NULL; command++) {
        assert_ptr_equal(command_find(command->name), command);
        assert_true(command->least <= command->most);
        assert_non_null(command->run);
        assert_true((command->most > 0) == (command->words[0] != 0));
        for (const struct flag *flag = command->flags; flag->name != NULL; flag++)
            assert_true((flag->value == NULL) == (flag->type == FLAG_SWITCH));
    }
    for (const struct alias *alias = aliases; alias->name != NULL; alias++)
        assert_non_null(command_find(alias->command));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_may_stand_anywhere),
        cmocka_unit_test(two_dashes_end_the_flags),
        cmocka_unit_test(a_single_dash_is_a_word),
        cmocka_unit_test(letters_bundle_and_carry_values),
        cmocka_unit_test(repeated_flags_are_all_kept),
        cmocka_unit_test(values_are_checked_by_their_type),
        cmocka_unit_test(mistakes_suggest_the_nearest),
        cmocka_unit_test(the_number_of_words_is_checked),
        cmocka_unit_test(aliases_stand_for_their_command),
        cmocka_unit_test(a_group_alone_is_told_apart_from_nothing),
        cmocka_unit_test(short_help_fits_one_screen),
        cmocka_unit_test(the_overview_names_every_command_and_fits),
        cmocka_unit_test(the_table_is_consistent),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arguments_dispose(&arguments);
    return failed;
}
