/* transfer.follow and transfer.metadata: who watches a transfer until it is done, or known, or
 * cannot be. */
#pragma once

#include <stdint.h>

struct call;
struct item;

/* wait_ms 0: for ever. Ends the call, sooner or later. */
void follow_start(struct item *item, struct call *call, uint64_t wait_ms);
/* The same until it is known what it is. A transfer that is there for nothing else goes when the
 * last of these calls has ended. */
void follow_metadata(struct item *item, struct call *call, uint64_t wait_ms);
void followers_turn(struct item *item);
uint64_t followers_due(const struct item *item);
void followers_move(struct item *from, struct item *to);
void follow_fail_several(const struct item *item, struct call *call); /* one file is wanted */
/* Ends a call as the trouble of the item says. */
void follow_fail(const struct item *item, struct call *call);
void followers_end(struct item *item); /* the transfer was removed */
