/* The partial file or folder of a download that is there as a whole, at its final name or where
 * somebody shares it from: deleted in the pool, where it is ours, before that is recorded. After a
 * crash in between it is found again, and nothing is left behind. */
#pragma once

#include <stdbool.h>

struct item;

/* False: there is nothing to delete. Else item->discard until its end. The item is idle. */
bool discard_start(struct item *item);
