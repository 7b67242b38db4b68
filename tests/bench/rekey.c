/* A new epoch of a full group: 512 members, one is removed. The group's own code around a table in
 * memory that answers at once: what is measured is computing, and the pauses the group makes.
 *
 *   bench_rekey
 * prints: seconds of computing, seconds of pauses, records of the new epoch, bytes of the largest
 */
#include "loopback.h"

#include "kadpeer/records.h"
#include "support/group_world.h"

#define STEP_MS  100
#define LIMIT_MS 60000

static void root_of(uint32_t number, uint8_t root[ROOT_BYTES])
{
    memset(root, 0x77, ROOT_BYTES);
    write_u32(root, number);
}

/* Accepts somebody who exists on paper only. */
static void accept_on_paper(struct world *world, struct group *group, uint32_t number)
{
    struct join_request request;
    struct buffer plain;
    struct key_pairs user;
    uint8_t root[ROOT_BYTES];
    buffer_init(&plain);
    root_of(number, root);
    need(keys_of_user(root, &user) == STATUS_OK &&
             join_request_sign(root, group_key(group), "a name of just thirty-two bytes.", "", NULL,
                               world_unix_s(world), &request) == STATUS_OK,
         "request");
    join_request_encode(&request, &plain);
    need(group_on_join(group, buffer_bytes(&plain), world_now_ms(world)) == STATUS_OK &&
             group_accept(group, &user.public_key, world_now_ms(world)) == STATUS_OK,
         "accept");
    buffer_dispose(&plain);
}

static struct group_facts facts_of(struct group *group)
{
    struct group_facts facts;
    group_facts(group, &facts);
    return facts;
}

static struct group *full_group(struct world *world)
{
    struct group_options options = {.name = "study", .policy = JOIN_ON_REQUEST};
    size_t owner = world_add(world, "owner");
    world_create(world, owner, &options);
    world_run(world, STEP_MS);
    struct group *group = world_group(world, owner);
    for (uint32_t i = 1; i < GROUP_MEMBERS_MAX; i++)
        accept_on_paper(world, group, i);
    for (uint64_t ms = 0; facts_of(group).members < GROUP_MEMBERS_MAX && ms < LIMIT_MS;
         ms += STEP_MS)
        world_run(world, STEP_MS);
    need(facts_of(group).members == GROUP_MEMBERS_MAX, "a full group");
    return group;
}

int main(void)
{
    struct world *world = world_new(1);
    struct group *group = full_group(world);
    size_t owner = 0, before = world_actions(world, owner, GROUP_PUBLISH);
    struct key_pairs user;
    uint8_t root[ROOT_BYTES];
    root_of(1, root);
    need(keys_of_user(root, &user) == STATUS_OK, "user");

    size_t left = world_events(world, owner, GROUP_EVENT_LEFT);
    uint64_t from_ms = world_now_ms(world);
    double start = now_s();
    need(group_remove(group, &user.public_key, from_ms) == STATUS_OK, "remove");
    while (world_events(world, owner, GROUP_EVENT_LEFT) == left &&
           world_now_ms(world) - from_ms < LIMIT_MS)
        world_run(world, STEP_MS);
    double seconds = now_s() - start;
    need(facts_of(group).epoch == 2 && facts_of(group).members == GROUP_MEMBERS_MAX - 1,
         "a new epoch");
    printf("%.4f %.1f %zu %zu\n", seconds, (double)(world_now_ms(world) - from_ms) / 1e3,
           world_actions(world, owner, GROUP_PUBLISH) - before, world_largest_value(world));
    world_free(world);
    return 0;
}
