#include "support/unit.h"

#include <string.h>

#include "cli/config_edit.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/text.h"

static void sizes_have_the_unit_that_reads_best(void **state)
{
    (void)state;
    static const struct {
        double bytes;
        const char *text;
    } cases[] = {{-1, "-"},
                 {0, "0 B"},
                 {812, "812 B"},
                 {1024, "1.0 KiB"},
                 {9.5 * 1024, "9.5 KiB"},
                 {256 * 1024, "256 KiB"},
                 {1048575, "1.0 MiB"},
                 {1992294, "1.9 MiB"},
                 {4402341478.0, "4.1 GiB"},
                 {1023.4 * 1048576, "1023.4 MiB"},
                 {1023.6 * 1048576, "1.0 GiB"}};
    char text[TEXT_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(text_bytes(text, cases[i].bytes), cases[i].text);
    assert_string_equal(text_piece_length(text, 16 << 20), "16 MiB");
    assert_string_equal(text_piece_length(text, 1.5 * 1048576), "1.5 MiB");
    assert_string_equal(text_rate(text, 5242880), "5.0 MiB/s");
    assert_string_equal(text_rate(text, 0), "-");
    assert_string_equal(text_part(text, 819200, 1992294), "0.8/1.9 MiB");
    assert_string_equal(text_part(text, 5, 100), "5/100 B");
}

static void times_have_two_units_at_most(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_string_equal(text_duration(text, 1), "1s");
    assert_string_equal(text_duration(text, 311), "5m11s");
    assert_string_equal(text_duration(text, 59.6), "1m00s");
    assert_string_equal(text_duration(text, 7380), "2h03m");
    assert_string_equal(text_duration(text, 273600), "3d04h");
    assert_string_equal(text_duration(text, -1), "-");
    assert_string_equal(text_elapsed(text, 1.27), "1.3s");
    assert_string_equal(text_elapsed(text, 59.97), "1m00s");
}

static void a_hundred_percent_is_all_of_it(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_string_equal(text_percent(text, 999999, 1000000), "99%");
    assert_string_equal(text_percent(text, 1000000, 1000000), "100%");
    assert_string_equal(text_percent(text, 0, 0), "-");
}

static void hashes_are_shortened_in_the_middle(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_string_equal(text_short_hash(text, "5f0c000000000000000000000000000000009e21"),
                        "5f0c...9e21");
    assert_string_equal(text_count(text, 1, "node", "nodes"), "1 node");
    assert_string_equal(text_count(text, 0, "node", "nodes"), "0 nodes");
}

static void width_is_what_a_terminal_shows(void **state)
{
    (void)state;
    assert_int_equal(text_width("abc"), 3);
    assert_int_equal(text_width("gr\xc3\xbc\xc3\x9f"), 4);
    assert_int_equal(text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
    assert_int_equal(text_width("e\xcc\x81"), 1);
    char *fit = text_fit("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 5);
    assert_string_equal(fit, "\xe6\x97\xa5...");
    free(fit);
    fit = text_fit("short", 5);
    assert_string_equal(fit, "short");
    free(fit);
    fit = text_fit("longer", 2);
    assert_int_equal(text_width(fit), 3);
    free(fit);
}

static void check_table(struct table *table, const char *want)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    table_print(table, out, false);
    fclose(out);
    assert_string_equal(text, want);
    free(text);
    table_free(table);
}

static void columns_line_up_by_width(void **state)
{
    (void)state;
    struct table *table = table_new(">ID|STATE|NAME");
    table_cell(table, "3");
    table_cell(table, "sharing");
    table_cell(table, "\xe6\x97\xa5");
    table_cell_format(table, "%d", 12);
    table_cell(table, "no_space");
    table_cell(table, "b");
    table_remark(table, "no_space: 2.1 GiB needed");
    check_table(table, "ID  STATE     NAME\n"
                       " 3  sharing   \xe6\x97\xa5\n"
                       "12  no_space  b\n"
                       "    no_space: 2.1 GiB needed\n");
}

static void names_of_strangers_cannot_steer_the_terminal(void **state)
{
    (void)state;
    struct table *table = table_new("NAME|");
    table_cell(table, "a\x1b[2Jb\nc");
    table_cell(table, "x");
    check_table(table, "NAME      \na?[2Jb?c  x\n");
}

static struct progress_facts facts(const char *name)
{
    return (struct progress_facts){
        .name = name,
        .done = 819200,
        .size = 1992294,
        .rate_bps = 3355443,
        .eta_s = 1,
        .pieces_have = 3,
        .pieces_total = 8,
        .peers = 4,
        .sending = 2,
    };
}

static void a_progress_line_has_every_figure_when_there_is_room(void **state)
{
    (void)state;
    char line[512];
    struct progress_facts all = facts("notes.pdf");
    progress_format(&all, 140, line, sizeof line);
    assert_string_equal(line, "notes.pdf    41%  ############..................  0.8/1.9 MiB   "
                              "3.2 MiB/s   ETA 1s   pieces 3/8   peers 4 (2 sending)");
}

static void a_progress_line_never_is_wider_than_asked(void **state)
{
    (void)state;
    char line[512];
    for (size_t width = 45; width < 160; width++) {
        struct progress_facts all = facts("a rather long name of a file.tar.zst");
        progress_format(&all, width, line, sizeof line);
        if (text_width(line) > width)
            fail_msg("%zu cells where %zu are: %s", text_width(line), width, line);
        assert_non_null(strstr(line, "41%"));
    }
    struct progress_facts aligned = facts("x");
    aligned.name_cells = 6;
    progress_format(&aligned, 60, line, sizeof line);
    assert_memory_equal(line, "x         41%", 13);
    struct progress_facts waiting = facts("x");
    waiting.text = "searching: 24 nodes asked, none knows it, and so on and so on";
    progress_format(&waiting, 30, line, sizeof line);
    assert_int_equal(text_width(line), 30);
}

static void a_progress_line_says_why_nothing_comes(void **state)
{
    (void)state;
    char line[512];
    struct progress_facts stuck = facts("notes.pdf");
    stuck.reason = "0 of 4 peers have the 5 missing pieces";
    progress_format(&stuck, 140, line, sizeof line);
    assert_string_equal(line,
                        "notes.pdf    41%  0.8/1.9 MiB   0 of 4 peers have the 5 missing pieces");
    progress_format(&stuck, 40, line, sizeof line);
    assert_int_equal(text_width(line), 40);
}

static char *lines_of(const int64_t done[], size_t count, uint64_t step_ms)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    struct progress *progress = progress_new(PROGRESS_LINES, out, 1);
    for (size_t i = 0; i < count; i++) {
        struct progress_facts now = {
            .name = "f", .done = done[i], .size = 100, .eta_s = -1, .peers = -1};
        progress_update(progress, 0, &now, 1000000 + i * step_ms);
    }
    progress_free(progress);
    fclose(out);
    return text;
}

static size_t count_lines(char *text)
{
    size_t lines = 0;
    for (const char *at = text; *at != 0; at++)
        lines += *at == '\n';
    free(text);
    return lines;
}

static void without_a_terminal_there_is_a_line_per_ten_percent(void **state)
{
    (void)state;
    const int64_t slow[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const int64_t fast[] = {0, 5, 10, 11, 19, 20, 55, 100};
    assert_int_equal(count_lines(lines_of(fast, 8, 1)), 0); /* over before anybody reads */
    assert_int_equal(count_lines(lines_of(fast, 8, 300)), 4);
    assert_int_equal(count_lines(lines_of(slow, 10, 1)), 0);
    assert_int_equal(count_lines(lines_of(slow, 4, 3000)), 1); /* the first after 3 s */
    assert_int_equal(count_lines(lines_of(slow, 10, 30000)), 9);
}

static void a_drawn_line_is_taken_back(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    struct progress *progress = progress_new(PROGRESS_BAR, out, 1);
    struct progress_facts now = facts("n");
    progress_update(progress, 0, &now, 1000);
    progress_update(progress, 0, &now, 1001); /* too soon to draw again */
    progress_end(progress, 0);
    progress_update(progress, 0, &now, 5000);
    progress_free(progress);
    fclose(out);
    assert_memory_equal(text, "\r\x1b[Kn ", 6);
    assert_string_equal(text + len - 4, "\r\x1b[K");
    assert_null(strchr(text, '\n'));
    free(text);
}

static void check_edit(const char *before, const char *key, const char *value, bool list,
                       const char *want)
{
    struct buffer out;
    buffer_init(&out);
    config_edit_text(bytes_of_string(before), key, value, list, &out);
    buffer_add_byte(&out, 0);
    assert_string_equal((char *)out.data, want);
    buffer_dispose(&out);
}

static void editing_a_setting_keeps_all_else(void **state)
{
    (void)state;
    const char *text = "# mine\n[network]\n; port\nport = 1\n\n[transfer]\nup = 2\n";
    check_edit(text, "network.port", "7", false,
               "# mine\n[network]\n; port\nport = 7\n\n[transfer]\nup = 2\n");
    check_edit(text, "network.port", NULL, false,
               "# mine\n[network]\n; port\n\n[transfer]\nup = 2\n");
    check_edit(text, "network.ipv6", "no", false,
               "# mine\n[network]\n; port\nport = 1\nipv6 = no\n\n[transfer]\nup = 2\n");
    check_edit(
        text, "log.level", "warn", false,
        "# mine\n[network]\n; port\nport = 1\n\n[transfer]\nup = 2\n\n[log]\nlevel = warn\n");
    check_edit("", "log.level", "warn", false, "[log]\nlevel = warn\n");
    check_edit("[transfer]\nup = 2", "transfer.up", "3", false, "[transfer]\nup = 3\n");
    check_edit("[a]\nport = 1\n[network]\nport = 2\nport = 3\n", "network.port", "9", false,
               "[a]\nport = 1\n[network]\nport = 9\n");
}

static void a_list_gets_one_line_more(void **state)
{
    (void)state;
    check_edit("[network]\nbootstrap = a:1\n", "network.bootstrap", "b:2", true,
               "[network]\nbootstrap = a:1\nbootstrap = b:2\n");
    check_edit("[network]\nbootstrap = a:1\nport = 1\nbootstrap = b:2\n", "network.bootstrap", NULL,
               true, "[network]\nport = 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_the_unit_that_reads_best),
        cmocka_unit_test(times_have_two_units_at_most),
        cmocka_unit_test(a_hundred_percent_is_all_of_it),
        cmocka_unit_test(hashes_are_shortened_in_the_middle),
        cmocka_unit_test(width_is_what_a_terminal_shows),
        cmocka_unit_test(columns_line_up_by_width),
        cmocka_unit_test(names_of_strangers_cannot_steer_the_terminal),
        cmocka_unit_test(a_progress_line_has_every_figure_when_there_is_room),
        cmocka_unit_test(a_progress_line_never_is_wider_than_asked),
        cmocka_unit_test(a_progress_line_says_why_nothing_comes),
        cmocka_unit_test(without_a_terminal_there_is_a_line_per_ten_percent),
        cmocka_unit_test(a_drawn_line_is_taken_back),
        cmocka_unit_test(editing_a_setting_keeps_all_else),
        cmocka_unit_test(a_list_gets_one_line_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
