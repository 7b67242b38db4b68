/* A link as a QR code, for whoever has the other device's camera and no keyboard: two modules to a
 * character cell, half blocks of UTF-8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kadpeer/buffer.h"
#include "kadpeer/status.h"

#define QR_QUIET_CELLS 2 /* of light around it: half of what the standard wants is enough */

/* Draws `text` in at most `width` cells; lines end in '\n'. With `colour` light is white and dark
 * black whatever the terminal's colours are, else light is the terminal's ink, as it should be on a
 * dark ground. TOO_BIG: it would need `*needed` cells, 0: no QR code holds so much. */
enum status qr_draw(const char *text, size_t width, bool colour, struct buffer *out,
                    size_t *needed);
