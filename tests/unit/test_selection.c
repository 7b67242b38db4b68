/* Which files a typed list means. */
#include "daemon/selection.h"

#include <string.h>

#include "support/unit.h"

static char paths[][16] = {"a.flac",          "cd 1/b.flac", ".pad/7",     "cd 1/c.txt",
                           "cd 1/more/d.txt", "cd 2/3",      "cd 2/e.flac"};
static struct metainfo_file files[] = {
    {.path = paths[0]}, {.path = paths[1]}, {.path = paths[2], .padding = true},
    {.path = paths[3]}, {.path = paths[4]}, {.path = paths[5]},
    {.path = paths[6]},
};
static const struct metainfo album = {.files = files, .file_count = 7};

/* What is selected, as digits; "all", or "none of it". */
static const char *selected(const char *text)
{
    static char out[16];
    char error[SELECTION_ERROR_SIZE];
    struct item_options options = {.choice = strdup("what was typed")};
    strcpy(out, "none of it");
    if (selection_resolve(&options, &album, text, error) == STATUS_OK) {
        assert_null(options.choice);
        strcpy(out, options.selected_count == 0 ? "all" : "");
        for (size_t i = 0; i < options.selected_count; i++)
            sprintf(out + i, "%u", (unsigned)options.selected[i]);
    } else {
        assert_non_null(options.choice);
        assert_true(strlen(error) > 0 && options.selected_count == 0);
    }
    item_options_dispose(&options);
    return out;
}

static void numbers_and_ranges_are_as_the_list_of_files_shows_them(void **state)
{
    (void)state;
    assert_string_equal(selected("0"), "0");
    assert_string_equal(selected("6,0,6"), "06");
    assert_string_equal(selected("3-5"), "345");
    assert_string_equal(selected("4-"), "456");
    assert_string_equal(selected("0-6"), "all");
    assert_string_equal(selected(",1,,3,"), "13");
}

static void globs_fit_names_paths_and_folders(void **state)
{
    (void)state;
    assert_string_equal(selected("*.flac"), "016");
    assert_string_equal(selected("cd 1"), "134");
    assert_string_equal(selected("cd 1/*"), "134");
    assert_string_equal(selected("cd 1/*.txt,0"), "03");
    assert_string_equal(selected("cd ?/[b-e].*"), "136");
    assert_string_equal(selected("[3]"), "5");
    assert_string_equal(selected("*"), "all");
}

static void what_fits_nothing_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    assert_string_equal(selected("7"), "none of it");
    assert_string_equal(selected("0,5-7"), "none of it");
    assert_string_equal(selected("5-3"), "none of it");
    assert_string_equal(selected("99999999999999999999"), "none of it");
    assert_string_equal(selected("0,*.mp3"), "none of it");
    assert_string_equal(selected(".pad/7"), "none of it");
    assert_string_equal(selected("2"), "none of it"); /* padding */
    assert_string_equal(selected(","), "none of it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_ranges_are_as_the_list_of_files_shows_them),
        cmocka_unit_test(globs_fit_names_paths_and_folders),
        cmocka_unit_test(what_fits_nothing_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
