/* The end of a download, in the pool: the SHA-1 of the whole file where it was asked for by that;
 * then all is synced, renamed, its folder synced, and only then called complete. */
#pragma once

struct finisher;
struct item;

void finisher_start(struct item *item); /* item->finisher until its end */
void finisher_cancel(struct item *item);
