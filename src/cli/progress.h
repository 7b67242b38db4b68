/* The line of a transfer under way, and where it is drawn: over itself on a terminal; else as a
 * plain line per 10 % or 30 s. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum progress_style { PROGRESS_NONE, PROGRESS_BAR, PROGRESS_LINES };

struct progress_facts {
    const char *name;   /* safe for a terminal */
    size_t name_cells;  /* cut or filled to that, so that lines are aligned; 0: as it is */
    const char *text;   /* instead of the figures: "searching, 24 nodes asked"; NULL: the figures */
    const char *reason; /* why nothing comes: shown in place of bar, rate and ETA; or NULL */
    int64_t done, size; /* bytes; size below 0: unknown */
    double rate_bps;
    double eta_s;                      /* below 0: unknown */
    int64_t pieces_have, pieces_total; /* total below 1: not shown */
    int64_t peers, sending;            /* peers below 0: not shown */
};

/* One line of at most `width` cells: what matters least is left out first (peers, pieces, ETA,
 * rate), then the bar shrinks, then the name is cut. */
void progress_format(const struct progress_facts *facts, size_t width, char *out, size_t size);

struct progress;

/* Lines are drawn on `out`; `lines` at most that many, then "+12 queued". */
struct progress *progress_new(enum progress_style style, FILE *out, size_t count);
void progress_free(struct progress *progress); /* takes the drawing off the screen */

/* Facts of line `index` have changed; `now_ms` is monotonic. The texts are copied. */
void progress_update(struct progress *progress, size_t index, const struct progress_facts *facts,
                     uint64_t now_ms);
/* That line has come to its end and is drawn no more. */
void progress_end(struct progress *progress, size_t index);
/* Takes the drawing off the screen so that other text can be printed; the next update brings it
 * back. */
void progress_hide(struct progress *progress);
