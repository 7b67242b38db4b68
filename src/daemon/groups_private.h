/* What groups.c (which there are), membership.c (driving one) and group_wait.c (calls that wait for
 * what becomes of one) share. */
#pragma once

#include <utlist.h>

#include "daemon/groups.h"
#include "daemon/node.h"
#include "io/timer.h"

#define SAVE_AGAIN_MS 5000       /* the keystore could not be written */
#define WORK_TRIES    (1u << 20) /* nonces between two looks at `cancelled` */

struct group_wait;

/* What is kept in the table for a group, to be let go of when the user logs out. */
struct kept_record {
    struct kept_record *prev, *next;
    struct id key;
    enum record_kind kind;
    uint8_t *value;
    size_t len;
};

struct group_lookup {
    struct group_lookup *prev, *next;
    struct membership *membership;
    uint32_t handle;      /* of the group */
    uint32_t node_handle; /* 0: ended */
};

struct membership_private {
    uint64_t serial; /* of this stay in the group: work and writes outlive it */
    struct timer *timer, *list_timer;
    bool draining, again, saving, gone;
    bool unsaved; /* what was to be on disk is not yet */
    struct timer *save_timer;
    uint64_t told_heads;    /* group_head_changes that peers know of */
    uint64_t listed_unix_s; /* entries of a listed group were signed; 0: never */
    struct kept_record *kept;
    struct group_lookup *lookups;
};

struct groups {
    struct daemon *daemon;
    struct membership *memberships; /* utlist */
    struct group_wait *waits;       /* utlist */
    uint64_t last_serial;
};

/* ---- membership.c ---- */

/* Takes the group; NULL: no memory, and it is freed. Stands in the list. */
struct membership *membership_new(struct groups *groups, struct group *group);
/* Lets go of what it keeps in the table; drops its channels; its transfers stand still. */
void membership_free(struct membership *membership);
/* And out of the keystore. */
void membership_forget(struct membership *membership);
void membership_on_published(struct membership *membership, const struct dht_event *event);
void membership_on_clock(struct membership *membership);
struct group_config groups_config(const struct groups *groups);

/* ---- group_wait.c ---- */

void group_wait_on_event(struct membership *membership, const struct group_event *event);
void group_wait_on_saved(struct membership *membership);
void group_wait_on_gone(struct membership *membership);
void group_wait_free_all(struct groups *groups);
