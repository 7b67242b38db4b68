/* People and their groups around one perfect table in memory: every node has every record, nothing
 * gets lost. Time is virtual. What a group asks for is answered in the order it was asked, each
 * answer an input of its own; what it saves is what it gets back after a crash. */
#pragma once

#include "people/group.h"

#define WORLD_NODES 20 /* that answer each lookup */

struct world;

struct world *world_new(uint64_t seed);
void world_free(struct world *world);
uint64_t world_now_ms(const struct world *world);
uint64_t world_unix_s(const struct world *world);
struct rng *world_rng(struct world *world);

/* ---- people ---- */

/* Somebody with a root of his own and no group yet. Returns his number; they count from 0. */
size_t world_add(struct world *world, const char *name);
/* Another device of the same user, with the group's state as it is. */
size_t world_add_device(struct world *world, size_t person);
struct public_key world_user(struct world *world, size_t person);
const struct group_config *world_config(const struct world *world, size_t person);
struct group *world_group(struct world *world, size_t person);
void world_create(struct world *world, size_t person, const struct group_options *options);
void world_apply(struct world *world, size_t person, const struct public_key *key,
                 const uint8_t *token);
/* The owner makes an invite, the other one takes it. */
void world_invite(struct world *world, size_t owner, size_t person);
/* Applies, and the owner's channel brings the request: no work to be done. */
void world_join_directly(struct world *world, size_t owner, size_t person);

void world_stop(struct world *world, size_t person);  /* offline; what was saved stays */
void world_start(struct world *world, size_t person); /* from what was saved */
/* Ends as in a crash when `actions` further actions have been done; down until world_start. */
void world_crash_after(struct world *world, size_t person, size_t actions);
bool world_has_crashed(const struct world *world, size_t person);

/* ---- time ---- */

void world_run(struct world *world, uint64_t ms);
void world_set_forward(struct world *world, uint64_t ms); /* nobody does anything meanwhile */

/* ---- what happened ---- */

size_t world_events(const struct world *world, size_t person, enum group_event_type type);
const struct group_event *world_last_event(const struct world *world, size_t person,
                                           enum group_event_type type);
size_t world_actions(const struct world *world, size_t person, enum group_action_type type);
bool world_was_dropped(const struct world *world, size_t person, const struct public_key *member);

/* ---- the table ---- */

/* Len 0: not there. Of several the last one. */
struct bytes world_value(const struct world *world, const struct id *key, enum record_kind kind);
void world_put(struct world *world, const struct id *key, enum record_kind kind,
               struct bytes value);
/* Whatever its seq, as a node with an old copy has it. */
void world_force(struct world *world, const struct id *key, enum record_kind kind,
                 struct bytes value);
void world_lose(struct world *world, const struct id *key);
size_t world_largest_value(const struct world *world);
size_t world_records(const struct world *world);
/* Every record of the table whose value the caller is given. */
bool world_record_at(const struct world *world, size_t index, struct id *key,
                     enum record_kind *kind, struct bytes *value);
/* Puts are kept by `nodes` of the nodes from now on. */
void world_set_holding(struct world *world, uint32_t nodes);
/* Mailboxes are so full that drops of less work are refused. */
void world_set_least_work(struct world *world, unsigned bits);
