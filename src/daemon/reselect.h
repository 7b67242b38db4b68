/* What is wanted of a transfer changes while it is there: `get ID --select`.
 *
 * The new selection and the word `reselects` are in the catalog at once; then everything of the
 * transfer comes to rest, and place.c makes the disk follow: border bytes move into files that are
 * wanted now, and a complete transfer that wants more goes back to its partial name. A daemon that
 * is killed on the way does that again at its next start. */
#pragma once

#include "daemon/item.h"

/* Takes the selection of `chosen`: resolved, where the files are known. */
void reselect(struct item *item, struct item_options *chosen);
void reselect_apply(struct item *item); /* nothing of the item runs */
void reselect_done(struct item *item);  /* the disk has followed */
