/* Which files of a transfer are wanted, as typed: file numbers as `files` shows them, ranges of
 * them, and globs, separated by commas: "0,3-5,*.flac".
 *
 * A glob fits the last part of a path, or the path below the transfer's folder, or a folder in it:
 * then all that is in there. '*' does not match '/'. What consists of digits and a '-' is no glob:
 * "[3]" is a file of the name 3. */
#pragma once

#include "content/metainfo.h"
#include "daemon/item_options.h"

#define SELECTION_BYTES_MAX  (64u << 10) /* typed; a path has at most METAINFO_PATH_MAX */
#define SELECTION_ERROR_SIZE 256

/* Of one that is asked for by the SHA-1 of one of its files: which of several that is shows when
 * all of them are here. A SHA-1 of what has one file leaves the choice as it is. */
bool selection_is_blind(const struct metainfo *metainfo);
#define SELECTION_BLIND                                                                            \
    "the SHA-1 asked for is of one of its files, and which one shows when all of them are here"

/* Whether more than one file is wanted; padding is none. */
bool selection_has_several(const struct item_options *options, const struct metainfo *metainfo);

/* Fills in options->selected (none: all of them) and forgets options->choice. NOT_FOUND: a number
 * or glob fits no file, and nothing is changed; `error` says which. */
enum status selection_resolve(struct item_options *options, const struct metainfo *metainfo,
                              const char *text, char error[SELECTION_ERROR_SIZE]);
