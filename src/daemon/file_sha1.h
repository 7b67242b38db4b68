/* The SHA-1 of a shared file by itself, under which it is found by what `sha1sum` prints.
 *
 * That is one stream, for one core: of a long file it takes several times as long as the hashes of
 * its pieces, which go side by side. So such a file is shared once its pieces are hashed, and this
 * follows in the pool: one file at a time, a bit at a time, behind what is still to be shared. It
 * is a fact of the item like others: of a share that has none it is taken, anew after a restart. */
#pragma once

struct engine;
struct file_sha1;
struct item;

void file_sha1_turn(struct item *item);     /* begins, goes on or gives up, as the facts say */
void file_sha1_cancel(struct item *item);   /* the daemon stops */
void file_sha1_free(struct item *item);     /* nothing of it is in the pool */
void file_sha1_wake(struct engine *engine); /* nothing else is being shared: it may go on */
