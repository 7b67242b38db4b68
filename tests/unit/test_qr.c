/* The drawing of a QR code, read back cell by cell. */
#include "support/unit.h"

#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#include "cli/qr.h"

#define LINK                                                                                       \
    "magnet:?xt=urn:btih:5f0c000000000000000000000000000000009e21&dn=notes.pdf&xl=1992294"         \
    "&x.pe=192.0.2.10:61881"
#define MODULES_MAX 177

/* true: light */
static bool modules[MODULES_MAX + 8][MODULES_MAX + 8];

static const struct {
    const char *text;
    bool upper, lower;
} cells[] = {{"█", true, true}, {"▀", true, false}, {"▄", false, true}, {" ", false, false}};

static size_t read_cell(const char *at, int row, int column)
{
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        size_t len = strlen(cells[i].text);
        if (strncmp(at, cells[i].text, len) != 0)
            continue;
        modules[row][column] = cells[i].upper;
        modules[row + 1][column] = cells[i].lower;
        return len;
    }
    fail_msg("no cell at row %d, column %d", row, column);
    return 0;
}

/* Returns its width in cells, which is the same in each line. */
static int read_drawing(const struct buffer *drawing, int *rows)
{
    const char *at = (const char *)drawing->data, *end = at + drawing->len;
    int width = -1;
    for (*rows = 0; at < end; *rows += 2) {
        int column = 0;
        while (*at != '\n')
            at += read_cell(at, *rows, column++);
        assert_true(width < 0 || column == width);
        width = column;
        at++;
    }
    return width;
}

static void check_drawing(const struct buffer *drawing, const char *text)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    int rows, width = read_drawing(drawing, &rows);
    assert_non_null(code);
    assert_int_equal(width, code->width + 2 * QR_QUIET_CELLS);
    assert_in_range(rows, width, width + 1);
    for (int row = 0; row < rows; row++) {
        for (int column = 0; column < width; column++) {
            int y = row - QR_QUIET_CELLS, x = column - QR_QUIET_CELLS;
            bool inside = y >= 0 && x >= 0 && y < code->width && x < code->width;
            bool dark = inside && (code->data[y * code->width + x] & 1) != 0;
            assert_int_equal(modules[row][column], !dark);
        }
    }
    QRcode_free(code);
}

static void a_link_is_drawn_with_light_all_around(void **state)
{
    (void)state;
    struct buffer drawing;
    size_t needed;
    buffer_init(&drawing);
    assert_int_equal(qr_draw(LINK, 80, false, &drawing, &needed), STATUS_OK);
    assert_in_range(needed, 21 + 2 * QR_QUIET_CELLS, 80);
    check_drawing(&drawing, LINK);
    buffer_dispose(&drawing);
}

static void colours_are_set_for_each_line_and_taken_back(void **state)
{
    (void)state;
    struct buffer drawing;
    size_t needed;
    buffer_init(&drawing);
    assert_int_equal(qr_draw("x", 80, true, &drawing, &needed), STATUS_OK);
    buffer_add_byte(&drawing, 0);
    const char *end = "\x1b[0m\n";
    for (char *at = (char *)drawing.data, *next; *at != 0; at = next) {
        assert_int_equal(strncmp(at, "\x1b[97;40m", 8), 0);
        next = strchr(at, '\n') + 1;
        assert_int_equal(strncmp(next - strlen(end), end, strlen(end)), 0);
    }
    buffer_dispose(&drawing);
}

static void what_is_too_wide_says_how_wide(void **state)
{
    (void)state;
    struct buffer drawing;
    size_t needed, exact;
    buffer_init(&drawing);
    assert_int_equal(qr_draw(LINK, 20, false, &drawing, &needed), STATUS_TOO_BIG);
    assert_true(needed > 20);
    assert_int_equal(drawing.len, 0);
    assert_int_equal(qr_draw(LINK, needed - 1, false, &drawing, &exact), STATUS_TOO_BIG);
    assert_int_equal(drawing.len, 0);
    assert_int_equal(qr_draw(LINK, needed, false, &drawing, &exact), STATUS_OK);
    assert_int_equal(exact, needed);
    buffer_dispose(&drawing);
}

static void what_no_code_holds_is_told_apart(void **state)
{
    (void)state;
    struct buffer drawing;
    char text[4000];
    size_t needed;
    buffer_init(&drawing);
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 0;
    assert_int_equal(qr_draw(text, 1000, false, &drawing, &needed), STATUS_TOO_BIG);
    assert_int_equal(needed, 0);
    buffer_dispose(&drawing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_drawn_with_light_all_around),
        cmocka_unit_test(colours_are_set_for_each_line_and_taken_back),
        cmocka_unit_test(what_is_too_wide_says_how_wide),
        cmocka_unit_test(what_no_code_holds_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
