#include "cli/qr.h"

#include <errno.h>

#include <qrencode.h>

#define INK_WHITE_ON_BLACK "\x1b[97;40m"
#define INK_AS_BEFORE      "\x1b[0m"

/* Beyond the code's edge everything is light. */
static bool is_dark(const QRcode *code, int row, int column)
{
    if (row < 0 || column < 0 || row >= code->width || column >= code->width)
        return false;
    return (code->data[row * code->width + column] & 1) != 0;
}

static const char *cell_of(bool upper_dark, bool lower_dark)
{
    if (upper_dark)
        return lower_dark ? " " : "▄";
    return lower_dark ? "▀" : "█";
}

static void draw(const QRcode *code, bool colour, struct buffer *out)
{
    for (int row = -QR_QUIET_CELLS; row < code->width + QR_QUIET_CELLS; row += 2) {
        buffer_add_string(out, colour ? INK_WHITE_ON_BLACK : "");
        for (int column = -QR_QUIET_CELLS; column < code->width + QR_QUIET_CELLS; column++)
            buffer_add_string(out,
                              cell_of(is_dark(code, row, column), is_dark(code, row + 1, column)));
        buffer_add_string(out, colour ? INK_AS_BEFORE "\n" : "\n");
    }
}

enum status qr_draw(const char *text, size_t width, bool colour, struct buffer *out, size_t *needed)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    *needed = 0;
    if (code == NULL)
        return errno == ENOMEM ? STATUS_NO_MEMORY : STATUS_TOO_BIG;
    *needed = (size_t)code->width + 2 * QR_QUIET_CELLS;
    enum status status = *needed <= width ? STATUS_OK : STATUS_TOO_BIG;
    if (status == STATUS_OK)
        draw(code, colour, out);
    QRcode_free(code);
    return status == STATUS_OK && out->failed ? STATUS_NO_MEMORY : status;
}
