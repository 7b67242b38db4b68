/* As many members as a group may have. */
#include "support/group_stage.h"

#include "kadpeer/records.h"

/* Accepts somebody who exists on paper only. */
static void accept_on_paper(const struct stage *stage, uint32_t number, enum status expected)
{
    struct join_request request;
    struct buffer plain;
    struct key_pairs user;
    uint8_t root[ROOT_BYTES] = {(uint8_t)number, (uint8_t)(number >> 8), 0x77};
    struct group *group = group_of(stage, stage->owner);
    uint64_t now_ms = world_now_ms(stage->world);
    buffer_init(&plain);
    assert_int_equal(keys_of_user(root, &user), STATUS_OK);
    assert_int_equal(join_request_sign(root, group_key(group), "a name of just thirty-two bytes.",
                                       "", NULL, world_unix_s(stage->world), &request),
                     STATUS_OK);
    join_request_encode(&request, &plain);
    assert_int_equal(group_on_join(group, buffer_bytes(&plain), now_ms), STATUS_OK);
    assert_int_equal(group_accept(group, &user.public_key, now_ms), expected);
    buffer_dispose(&plain);
}

static void rotate(const struct stage *stage, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        group_rotate(group_of(stage, stage->owner), world_now_ms(stage->world));
        world_run(stage->world, SECOND);
    }
}

static struct stage with_members(size_t count, unsigned old_epochs)
{
    struct group_options options = study;
    options.history = true;
    struct stage stage = with_owner(&options);
    rotate(&stage, old_epochs);
    for (uint32_t i = 1; i < count; i++)
        accept_on_paper(&stage, i, STATUS_OK);
    world_run(stage.world, MINUTE);
    assert_int_equal(facts_of(&stage, stage.owner).members, count);
    return stage;
}

static struct head_body head_of(const struct stage *stage)
{
    struct item_record item;
    struct head_body body;
    assert_true(item_record_decode(group_head_value(group_of(stage, stage->owner)), &item));
    assert_true(head_body_decode(item.body, &body));
    return body;
}

static void full_group_fits_its_records(void **state)
{
    (void)state;
    struct stage stage = with_members(GROUP_MEMBERS_MAX - 1, 65);
    size_t last = with_member(&stage, "last");
    assert_int_equal(facts_of(&stage, last).members, GROUP_MEMBERS_MAX);
    accept_on_paper(&stage, 9999, STATUS_FULL);

    /* With 64 old epochs' secrets in the roster. */
    rotate(&stage, 1);
    world_run(stage.world, 15 * MINUTE);
    struct head_body body = head_of(&stage);
    print_message("# epoch %u: %u pages, roster of %u bytes, largest record %zu bytes\n",
                  body.epoch, body.keypages, body.roster_len, world_largest_value(stage.world));
    assert_int_equal(body.epoch, 67);
    assert_int_equal(body.keypages, GROUP_KEYPAGES_MAX);
    assert_true(body.roster_len <= ROSTER_PARTS_MAX * PART_BYTES_MAX);
    assert_true(body.index);
    assert_true(world_largest_value(stage.world) <= DHT_VALUE_MAX);
    assert_int_equal(facts_of(&stage, last).epoch, 67);
    assert_int_equal(facts_of(&stage, last).members, GROUP_MEMBERS_MAX);
    assert_int_equal(group_roster(group_of(&stage, last))->old_count, OLD_EPOCHS_MAX);
    world_free(stage.world);
}

static void member_finds_its_page_with_few_lookups(void **state)
{
    (void)state;
    struct stage stage = with_members(200, 0);
    size_t member = with_member(&stage, "member");
    struct key_pairs user;
    uint8_t root[ROOT_BYTES] = {3, 0, 0x77};
    assert_int_equal(keys_of_user(root, &user), STATUS_OK);
    world_stop(stage.world, member);
    group_remove(group_of(&stage, stage.owner), &user.public_key, world_now_ms(stage.world));
    world_run(stage.world, MINUTE);
    size_t before = world_actions(stage.world, member, GROUP_LOOKUP);
    world_start(stage.world, member);
    world_run(stage.world, 0);
    struct head_body body = head_of(&stage);
    size_t lookups = world_actions(stage.world, member, GROUP_LOOKUP) - before;
    assert_int_equal(facts_of(&stage, member).epoch, 2);
    size_t parts = (body.roster_len + PART_BYTES_MAX - 1) / PART_BYTES_MAX;
    print_message("# %zu lookups for %u pages, %zu parts\n", lookups, body.keypages, parts);
    /* HEAD, two pages at most, index and parts, and everybody's shelf after the start */
    assert_true(lookups <= 1 + 2 + body.part_count + parts + 201);
    world_free(stage.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_group_fits_its_records),
        cmocka_unit_test(member_finds_its_page_with_few_lookups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
