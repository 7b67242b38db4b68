#include "base/bootstrap_file.h"

#include <string.h>
#include <unistd.h>

#include "support/unit.h"

static struct bootstrap_file parse(const char *text)
{
    struct bootstrap_file file;
    assert_int_equal(bootstrap_file_parse(bytes_of_string(text), &file), STATUS_OK);
    return file;
}

static void assert_entry(const struct bootstrap_file *file, size_t i, const char *host,
                         uint16_t port, unsigned line)
{
    assert_true(i < file->count);
    assert_string_equal(file->entries[i].host, host);
    assert_int_equal(file->entries[i].port, port);
    assert_int_equal(file->entries[i].line, line);
}

static void names_and_both_families_are_read(void **state)
{
    (void)state;
    struct bootstrap_file file = parse("node.example.net:61881\n192.0.2.1:1\n[2001:db8::1]:65535\n"
                                       "under_score.example.:80\nlocalhost:9");
    assert_int_equal(file.count, 5);
    assert_int_equal(file.bad_count, 0);
    assert_entry(&file, 0, "node.example.net", 61881, 1);
    assert_entry(&file, 1, "192.0.2.1", 1, 2);
    assert_entry(&file, 2, "2001:db8::1", 65535, 3);
    assert_entry(&file, 3, "under_score.example.", 80, 4);
    assert_entry(&file, 4, "localhost", 9, 5);
    bootstrap_file_dispose(&file);
}

static void comments_blanks_crlf_and_a_byte_order_mark_are_passed_over(void **state)
{
    (void)state;
    struct bootstrap_file file = parse("\xef\xbb\xbf# all of them\r\n\r\n  a.example:1 \t\r\n"
                                       "\tb.example:2 # the second\r\n#c.example:3\r\n   \r\n");
    assert_int_equal(file.bad_count, 0);
    assert_int_equal(file.count, 2);
    assert_entry(&file, 0, "a.example", 1, 3);
    assert_entry(&file, 1, "b.example", 2, 4);
    bootstrap_file_dispose(&file);
}

static void a_bad_line_is_named_with_its_number_and_spoils_no_other(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "example.net",
        "example.net:",
        "example.net:0",
        "example.net:65536",
        "example.net:61881x",
        ":61881",
        "2001:db8::1:61881",
        "[2001:db8::1]61881",
        "[2001:db8::1:61881",
        "[192.0.2.1]:1",
        "[]:1",
        "192.0.2.256:1",
        "1.2.3:4",
        "a b.example:1",
        "a..example:1",
        ".example:1",
        "ex\x01mple:1",
        "[::1]:",
        "-:-",
        "http://example.net:1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "# first\n%s\ngood.example:5\n", bad[i]);
        struct bootstrap_file file = parse(text);
        if (file.bad_count != 1)
            fail_msg("taken for good: %s", bad[i]);
        assert_int_equal(file.bad[0].line, 2);
        assert_non_null(file.bad[0].why);
        assert_int_equal(file.count, 1);
        assert_entry(&file, 0, "good.example", 5, 3);
        bootstrap_file_dispose(&file);
    }
}

static void what_is_shown_of_a_bad_line_is_short_and_printable(void **state)
{
    (void)state;
    char text[301];
    memset(text, '\x1b', 300);
    text[300] = 0;
    struct bootstrap_file file = parse(text);
    assert_int_equal(file.bad_count, 1);
    assert_int_equal(strlen(file.bad[0].text), BOOTSTRAP_TEXT_SIZE - 1);
    assert_int_equal(strspn(file.bad[0].text, "?"), BOOTSTRAP_TEXT_SIZE - 1);
    bootstrap_file_dispose(&file);
}

static void a_node_named_twice_is_kept_once(void **state)
{
    (void)state;
    struct bootstrap_file file = parse("a.example:1\nA.EXAMPLE:1\na.example:2\n");
    assert_int_equal(file.count, 2);
    assert_entry(&file, 1, "a.example", 2, 3);
    bootstrap_file_dispose(&file);
}

static void bad_lines_and_entries_are_bounded_and_all_counted(void **state)
{
    (void)state;
    static char text[BOOTSTRAP_FILE_MAX];
    size_t len = 0;
    for (unsigned i = 0; i < BOOTSTRAP_ENTRIES_MAX + 30; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "n%u.example:1\n", i);
    struct bootstrap_file file = parse(text);
    assert_int_equal(file.count, BOOTSTRAP_ENTRIES_MAX);
    assert_int_equal(file.bad_count, 30);
    assert_int_equal(file.bad[BOOTSTRAP_BAD_MAX - 1].line,
                     BOOTSTRAP_ENTRIES_MAX + BOOTSTRAP_BAD_MAX);
    bootstrap_file_dispose(&file);
}

static void a_file_above_the_bound_is_refused(void **state)
{
    (void)state;
    struct bootstrap_file file;
    char path[] = "/tmp/kadpeer-list-XXXXXX";
    static char text[BOOTSTRAP_FILE_MAX + 1];
    memset(text, '#', sizeof text);
    assert_int_equal(bootstrap_file_parse(bytes_of(text, sizeof text), &file), STATUS_TOO_BIG);
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, sizeof text), sizeof text);
    assert_int_equal(bootstrap_file_load(path, &file), STATUS_TOO_BIG);
    assert_int_equal(ftruncate(fd, sizeof text - 1), 0);
    assert_int_equal(bootstrap_file_load(path, &file), STATUS_OK);
    assert_int_equal(file.count, 0);
    bootstrap_file_dispose(&file);
    close(fd);
    unlink(path);
    assert_int_equal(bootstrap_file_load(path, &file), STATUS_NOT_FOUND);
}

static void an_address_comes_back_as_it_is_written(void **state)
{
    (void)state;
    static const char *const texts[] = {"a.example:1", "192.0.2.1:61881", "[2001:db8::1]:65535"};
    for (size_t i = 0; i < 3; i++) {
        struct bootstrap_entry entry;
        char text[BOOTSTRAP_ADDRESS_SIZE];
        assert_null(bootstrap_parse_address(bytes_of_string(texts[i]), &entry));
        bootstrap_format_address(&entry, text);
        assert_string_equal(text, texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_both_families_are_read),
        cmocka_unit_test(comments_blanks_crlf_and_a_byte_order_mark_are_passed_over),
        cmocka_unit_test(a_bad_line_is_named_with_its_number_and_spoils_no_other),
        cmocka_unit_test(what_is_shown_of_a_bad_line_is_short_and_printable),
        cmocka_unit_test(a_node_named_twice_is_kept_once),
        cmocka_unit_test(bad_lines_and_entries_are_bounded_and_all_counted),
        cmocka_unit_test(a_file_above_the_bound_is_refused),
        cmocka_unit_test(an_address_comes_back_as_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
