/* Content moves to another folder: `kadpeer move`.
 *
 * Where it goes is a word of the item's options (move_to) and in the catalog before anything is
 * touched, so that a daemon that was killed on the way goes on with it:
 *
 *   move_to     renamed; or copied, where another file system is meant. The old place counts.
 *   moved_from  the copy is on disk, the new place counts: the copy gets its name, then what it was
 *               copied from is deleted.
 *
 * All else of the transfer rests until then. What fails leaves it where it was. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct item;

/* To `dir`, which is absolute. The call ends when it has arrived; `progress` on the way. */
void mover_ask(struct item *item, struct call *call, const char *dir);
bool mover_is_due(const struct item *item);
void mover_start(struct item *item); /* nothing else of the item runs */
void mover_turn(struct item *item);  /* tells how far it is */
uint64_t mover_due(const struct item *item);
void mover_end(struct item *item); /* it is being removed: whoever waits hears of it */
void mover_describe(const struct item *item, char *out, size_t size);
