#include "cli/qr_show.h"

#include "cli/cli.h"
#include "cli/params.h"
#include "cli/qr.h"
#include "cli/terminal.h"

void cli_show_qr(struct cli *cli, const char *text, const char *shorter)
{
    struct buffer drawing;
    size_t width = terminal_width(fileno(cli->err)), needed;
    width = width < QR_COLUMNS_MAX ? width : QR_COLUMNS_MAX;
    buffer_init(&drawing);
    enum status status = qr_draw(text, width, cli->err_colour, &drawing, &needed);
    if (status == STATUS_TOO_BIG && shorter != NULL) {
        status = qr_draw(shorter, width, cli->err_colour, &drawing, &needed);
        if (status == STATUS_OK)
            cli_note(cli, "note: with its name the link is too long for a QR code of %zu columns",
                     width);
    }
    fflush(cli->out);
    if (status == STATUS_OK)
        fprintf(cli->err, "%.*s", (int)drawing.len, (const char *)drawing.data);
    else if (needed > 0)
        cli_note(cli, "note: no QR code: it would be %zu columns wide, there are %zu", needed,
                 width);
    else
        cli_note(cli, "note: no QR code: the link is too long for any");
    fflush(cli->err);
    buffer_dispose(&drawing);
}
