/* What groups and transfers are to each other: which transfers belong to which group, under which
 * blinded keys they are announced and found now, and what of them stands on our shelf
 * [groups-design 2, 3]. */
#pragma once

#include <stdbool.h>

#include "kadpeer/id.h"
#include "people/group.h"

struct engine;
struct item;
struct membership;

/* The group came to be there or went, or its epoch changed: its transfers are announced and
 * searched under the new keys alone, or stand still. */
void group_engine_keys_changed(struct engine *engine, const struct public_key *group);
/* Puts everything of that group that is complete here on our shelf: after group_load. */
void group_engine_fill_shelf(struct engine *engine, struct membership *membership);
/* That member (NULL: all of them) is one no more: connections end now. */
void group_engine_drop_member(struct engine *engine, const struct public_key *group,
                              const struct public_key *member);
/* How many transfers of groups stand still because nobody, or somebody else, is logged in. */
size_t group_engine_waiting(const struct engine *engine);
size_t group_engine_running(const struct engine *engine); /* those that do not */

/* A transfer of ours in that group, by name or infohash. NULL: none. */
struct item *group_engine_named(struct engine *engine, const struct public_key *group,
                                const char *name);
/* The group's list has something under that path or infohash. */
bool group_engine_lists(struct membership *membership, const char *name);
/* What the group's list has under it. False: none or several, and the call has
 * been failed. */
struct call;
bool group_engine_listed(struct membership *membership, struct call *call, const char *name,
                         struct shelf_entry *out);

/* ---- for the engine ---- */

bool item_is_grouped(const struct item *item);
struct membership *item_membership(const struct item *item); /* NULL: none, or not logged in */
/* Sets item->discovery, what others find it under (the infohash or, in a group, the blinded key of
 * the newest epoch), and item->discoverable: somebody who may know it is logged in. */
void item_find_discovery(struct item *item);
/* The running transfer of a blinded key. NULL: none. */
struct item *group_engine_find(struct engine *engine, const struct public_key *group,
                               const struct id *blinded);
/* It is complete, or shared no more. */
void group_engine_on_complete(struct item *item);
void group_engine_on_removed(struct item *item);
