/* A look at the disk before anything is fetched or served, in one job of the pool.
 *
 * Complete: do its files look as they did when they were right?  As then: serve. One is missing:
 * trouble. Otherwise they are verified anew.
 * Not complete: is there something of the final name? It may be this very file: it is verified,
 * then shared; else it is in the way. Is there a partial file, and is it ours? Is there room for
 * what is missing? Can it be written to? */
#pragma once

struct item;

void place_start(struct item *item); /* item->place until its end */
