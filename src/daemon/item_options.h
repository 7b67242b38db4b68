/* What the catalog has no column for: one text of words, "sequential ratio=1.5 select=1,2". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/item_limits.h"
#include "kadpeer/buffer.h"
#include "kadpeer/id.h"

#define REJECTED_MAX 16 /* candidates for one SHA-1 that were fetched and were something else */

struct item_options {
    bool sequential;
    bool one_file;       /* it is for stdout: of several files nothing is fetched */
    bool quiet;          /* never announced */
    bool prepared;       /* what has the partial name is ours */
    bool left;           /* the catalog knows how the last run left its partial files */
    bool sha1_too;       /* what we look for may be a file's SHA-1 instead of an infohash */
    bool metadata_only;  /* lives as long as somebody asks for its metadata: get --verify-only */
    struct id *rejected; /* infohashes that do not have the SHA-1 asked for */
    size_t rejected_count;
    bool has_ratio; /* else as configured */
    double ratio;   /* sharing ends when it was sent so often; 0: not by that */
    struct item_limits limits;
    uint32_t *selected;    /* file numbers, ascending */
    size_t selected_count; /* 0: all */
    uint32_t *spared;      /* likewise: files that were there before, and are only compared */
    size_t spared_count;
    char *choice;  /* what was typed to select them, until the files are known; or NULL */
    char *move_to; /* see mover.h; or NULL, as is … */
    char *moved_from;
    bool reselects; /* the selection is new: the disk has to follow */
};

void item_options_parse(struct item_options *options, const char *text); /* NULL: none; unknown
                                                                            words are passed over */
void item_options_format(const struct item_options *options, struct buffer *out); /* and a zero */
void item_options_dispose(struct item_options *options);
#define RATIO_MAX 1e9
/* False: it is none. */
bool item_options_set_ratio(struct item_options *options, double ratio);
bool item_options_reject(struct item_options *options, const struct id *infohash); /* false: full */
bool item_options_rejects(const struct item_options *options, const struct id *infohash);
/* Copies, sorts, drops repeats. False: no memory. */
bool item_options_select(struct item_options *options, const uint32_t files[], size_t count);
/* Likewise; 0: none. */
bool item_options_spare(struct item_options *options, const uint32_t files[], size_t count);
bool item_options_selects(const struct item_options *options, uint32_t file);
/* Moves what was selected, and how. */
void item_options_take_selection(struct item_options *options, struct item_options *from);
