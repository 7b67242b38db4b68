/* The owner's program ends at any point of a removal, an addition, a hand-over: whoever reads the
 * group then finds the old state or the new one, and when the owner is back the new one comes. */
#include "support/group_stage.h"

#include "kadpeer/records.h"

/* What HEAD in the table says. */
static struct head_body head_in_table(const struct stage *stage)
{
    struct public_key key = *group_key(group_of(stage, 1));
    struct id id = key_of_item(key.bytes, bytes_of_string(ITEM_SALT_HEAD));
    struct item_record item;
    struct head_body body;
    assert_true(item_record_decode(world_value(stage->world, &id, KIND_ITEM), &item));
    assert_true(head_body_decode(item.body, &body));
    return body;
}

struct outcome {
    bool crashed;
    uint32_t epoch; /* that others read while the owner was away */
};

/* Two members were away while it happened; one of them is the one removed. */
static struct outcome crash_in_removal(size_t actions)
{
    struct stage stage = with_owner(&study);
    size_t good = with_member(&stage, "good"), bad = with_member(&stage, "bad");
    assert_int_equal(good, 1);
    world_stop(stage.world, good);
    world_stop(stage.world, bad);
    remove_person(&stage, bad);
    world_crash_after(stage.world, stage.owner, actions);
    world_run(stage.world, MINUTE);
    struct outcome outcome = {.crashed = world_has_crashed(stage.world, stage.owner)};
    if (!outcome.crashed)
        world_stop(stage.world, stage.owner);

    world_start(stage.world, good);
    world_start(stage.world, bad);
    world_run(stage.world, 15 * MINUTE);
    outcome.epoch = head_in_table(&stage).epoch;
    assert_in_range(outcome.epoch, 1, 2);
    assert_int_equal(facts_of(&stage, good).epoch, outcome.epoch);
    assert_int_equal(facts_of(&stage, good).members, outcome.epoch == 1 ? 3 : 2);
    assert_int_equal(group_standing(group_of(&stage, bad)),
                     outcome.epoch == 1 ? GROUP_MEMBER : GROUP_REMOVED);

    world_start(stage.world, stage.owner);
    world_run(stage.world, 30 * MINUTE);
    bool forgotten = outcome.epoch == 1 && facts_of(&stage, stage.owner).epoch == 1;
    if (forgotten) { /* ended before it was saved, and before anybody was told so */
        assert_true(actions == 0);
    } else {
        assert_int_equal(facts_of(&stage, good).epoch, 2);
        assert_int_equal(facts_of(&stage, good).members, 2);
        assert_int_equal(group_standing(group_of(&stage, bad)), GROUP_REMOVED);
    }
    world_free(stage.world);
    return outcome;
}

static void removal_is_done_or_not_done(void **state)
{
    (void)state;
    size_t old = 0, new = 0;
    for (size_t actions = 0;; actions++) {
        struct outcome outcome = crash_in_removal(actions);
        old += outcome.epoch == 1;
        new += outcome.epoch == 2;
        if (!outcome.crashed)
            break;
    }
    print_message("# read under the old epoch %zu times, under the new one %zu times\n", old, new);
    assert_true(old >= 5);
    assert_true(new >= 2);
}

static bool crash_in_addition(size_t actions)
{
    struct stage stage = with_owner(&study);
    size_t old = with_member(&stage, "old"), late = world_add(stage.world, "late");
    world_stop(stage.world, old);
    world_invite(stage.world, stage.owner, late);
    world_run(stage.world, SECOND); /* the invite is saved, the request in the mailbox */
    world_crash_after(stage.world, stage.owner, actions);
    world_run(stage.world, MINUTE);
    bool crashed = world_has_crashed(stage.world, stage.owner);
    if (!crashed)
        world_stop(stage.world, stage.owner);

    world_start(stage.world, old);
    world_run(stage.world, 15 * MINUTE);
    assert_int_equal(facts_of(&stage, old).epoch, 1);
    assert_int_equal(group_standing(group_of(&stage, late)) == GROUP_MEMBER,
                     facts_of(&stage, old).members == 3);
    world_start(stage.world, stage.owner);
    world_run(stage.world, 30 * MINUTE);
    assert_int_equal(group_standing(group_of(&stage, late)), GROUP_MEMBER);
    assert_int_equal(facts_of(&stage, old).members, 3);
    assert_int_equal(facts_of(&stage, stage.owner).members, 3);
    world_free(stage.world);
    return crashed;
}

static void addition_comes_in_the_end(void **state)
{
    (void)state;
    for (size_t actions = 0; crash_in_addition(actions); actions++)
        ;
}

static bool crash_in_hand_over(size_t actions, bool heir_crashes)
{
    struct stage stage = with_owner(&study);
    size_t heir = with_member(&stage, "heir"), third = with_member(&stage, "third");
    struct public_key user = world_user(stage.world, heir);
    size_t victim = heir_crashes ? heir : stage.owner;
    group_transfer(group_of(&stage, stage.owner), &user, world_now_ms(stage.world));
    if (!heir_crashes)
        world_run(stage.world, 0); /* what was asked for is saved */
    world_crash_after(stage.world, victim, actions);
    world_run(stage.world, 20 * MINUTE);
    bool crashed = world_has_crashed(stage.world, victim);
    if (!crashed)
        world_stop(stage.world, victim);
    world_start(stage.world, victim);
    world_run(stage.world, HOUR);
    assert_int_equal(group_standing(group_of(&stage, heir)), GROUP_OWNER);
    assert_int_equal(group_standing(group_of(&stage, stage.owner)), GROUP_MEMBER);
    assert_int_equal(facts_of(&stage, third).members, 3);
    assert_int_equal(facts_of(&stage, third).epoch, facts_of(&stage, heir).epoch);
    world_free(stage.world);
    return crashed;
}

static void hand_over_is_never_left_without_an_owner(void **state)
{
    (void)state;
    for (size_t actions = 0; crash_in_hand_over(actions, false) && actions < 40; actions++)
        ;
    for (size_t actions = 0; crash_in_hand_over(actions, true) && actions < 40; actions++)
        ;
}

static void creation_comes_in_the_end(void **state)
{
    (void)state;
    for (size_t actions = 1;; actions++) { /* before the first save there is no group */
        struct stage stage = {.world = world_new(test_seed(7))};
        stage.owner = world_add(stage.world, "owner");
        world_create(stage.world, stage.owner, &study);
        world_crash_after(stage.world, stage.owner, actions);
        world_run(stage.world, SECOND);
        bool crashed = world_has_crashed(stage.world, stage.owner);
        if (!crashed)
            world_stop(stage.world, stage.owner);
        world_start(stage.world, stage.owner);
        world_run(stage.world, MINUTE);
        size_t member = with_member(&stage, "member");
        assert_int_equal(facts_of(&stage, member).epoch, 1);
        world_free(stage.world);
        if (!crashed)
            break;
    }
}

/* State that was saved is what comes back, whatever it was in the middle of. */
static void saved_state_survives_a_round_trip(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a"), b = with_member(&stage, "b");
    world_apply(stage.world, world_add(stage.world, "c"), group_key(group_of(&stage, stage.owner)),
                NULL);
    world_run(stage.world, MINUTE);
    remove_person(&stage, b);
    group_leave(group_of(&stage, a), world_now_ms(stage.world));
    struct group_config config = {.unix_base_ms = 1700000000000ull};
    for (size_t i = 0; i < 4; i++) {
        struct buffer first, second;
        buffer_init(&first);
        buffer_init(&second);
        group_save(group_of(&stage, i), &first);
        struct group *again =
            group_load(world_config(stage.world, i), buffer_bytes(&first), 5000000);
        assert_non_null(again);
        assert_true(group_valid(again));
        group_save(again, &second);
        assert_true(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
        for (size_t cut = 0; cut < first.len; cut += 1 + cut / 16)
            group_free(group_load(&config, bytes_of(first.data, cut), 5000000));
        group_free(again);
        buffer_dispose(&first);
        buffer_dispose(&second);
    }
    world_free(stage.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removal_is_done_or_not_done),
        cmocka_unit_test(addition_comes_in_the_end),
        cmocka_unit_test(hand_over_is_never_left_without_an_owner),
        cmocka_unit_test(creation_comes_in_the_end),
        cmocka_unit_test(saved_state_survives_a_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
