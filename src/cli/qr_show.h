/* A QR code on stderr: it is for eyes; what reads stdout gets the text. */
#pragma once

struct cli;

/* `shorter` stands in for a text that is too long for the terminal's width; NULL: nothing does. A
 * note says so when neither fits. */
void cli_show_qr(struct cli *cli, const char *text, const char *shorter);
