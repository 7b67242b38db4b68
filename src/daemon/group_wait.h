/* Calls that wait for what becomes of a group: made, joined, somebody removed. */
#pragma once

#include <stdint.h>

struct call;
struct membership;

enum group_wait_for {
    WAIT_READY,  /* it stands in the table */
    WAIT_JOINED, /* we are a member */
    WAIT_EPOCH,  /* the new epoch, or the leaving of a member, can be read by everybody */
    WAIT_SAVED,  /* it is on disk */
};

/* Ends the call when it is so, or after `ms`: with `group`, and `stored` for all but joining. */
void group_wait_start(struct membership *membership, struct call *call, enum group_wait_for what,
                      uint64_t ms);
/* Drains the group, which may end it, and ends the call, whose result is packed, once what was
 * decided is on disk. */
void group_wait_saved(struct membership *membership, struct call *call);
