/* A group with its owner, and what many tests of it ask for. */
#pragma once

#include <stdio.h>

#include "support/group_world.h"
#include "support/unit.h"

#define SECOND 1000ull
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct group_options study = {
    .name = "study", .about = "of old books", .policy = JOIN_ON_REQUEST, .listed = true};

struct stage {
    struct world *world;
    size_t owner;
};

static inline struct stage with_owner_of(const struct group_options *options, uint64_t seed)
{
    struct stage stage = {.world = world_new(seed)};
    stage.owner = world_add(stage.world, "owner");
    world_create(stage.world, stage.owner, options);
    world_run(stage.world, SECOND);
    return stage;
}

static inline struct stage with_owner(const struct group_options *options)
{
    return with_owner_of(options, test_seed(7));
}

static inline struct group *group_of(const struct stage *stage, size_t person)
{
    return world_group(stage->world, person);
}

static inline size_t with_member(const struct stage *stage, const char *name)
{
    size_t person = world_add(stage->world, name);
    world_join_directly(stage->world, stage->owner, person);
    world_run(stage->world, 30 * SECOND);
    assert_int_equal(group_standing(group_of(stage, person)), GROUP_MEMBER);
    return person;
}

static inline struct group_facts facts_of(const struct stage *stage, size_t person)
{
    struct group_facts facts;
    group_facts(group_of(stage, person), &facts);
    return facts;
}

static inline struct shelf_entry entry_of(const char *path, uint32_t number)
{
    struct shelf_entry entry = {.size = 1000u + number, .piece_size = 16384};
    write_u32(entry.infohash.bytes, number);
    snprintf(entry.path, sizeof entry.path, "%s", path);
    return entry;
}

static inline enum status remove_person(const struct stage *stage, size_t person)
{
    struct public_key user = world_user(stage->world, person);
    return group_remove(group_of(stage, stage->owner), &user, world_now_ms(stage->world));
}
