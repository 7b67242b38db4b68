/* Old records, two records of one seq, two devices of one owner; records that get lost. */
#include "support/group_stage.h"

#include "kadpeer/records.h"

static struct id head_id(const struct stage *stage)
{
    return key_of_item(group_key(group_of(stage, stage->owner))->bytes,
                       bytes_of_string(ITEM_SALT_HEAD));
}

static struct buffer copy_of(struct bytes value)
{
    struct buffer copy;
    buffer_init(&copy);
    buffer_add(&copy, value.data, value.len);
    return copy;
}

/* ---- old ones ---- */

static void old_head_is_never_taken(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t member = with_member(&stage, "member"), bad = with_member(&stage, "bad");
    struct id id = head_id(&stage);
    struct buffer old = copy_of(world_value(stage.world, &id, KIND_ITEM));
    remove_person(&stage, bad);
    world_run(stage.world, 15 * MINUTE);
    assert_int_equal(facts_of(&stage, member).epoch, 2);
    uint64_t seq = facts_of(&stage, member).head_seq;

    world_stop(stage.world, stage.owner);
    world_force(stage.world, &id, KIND_ITEM, buffer_bytes(&old));
    assert_int_equal(
        group_on_head(group_of(&stage, member), buffer_bytes(&old), world_now_ms(stage.world)),
        STATUS_REFUSED);
    world_run(stage.world, HOUR);
    assert_int_equal(facts_of(&stage, member).epoch, 2);
    assert_int_equal(facts_of(&stage, member).head_seq, seq);
    world_stop(stage.world, member); /* a restart is no way back either */
    world_force(stage.world, &id, KIND_ITEM, buffer_bytes(&old));
    world_start(stage.world, member);
    world_run(stage.world, 15 * MINUTE);
    assert_int_equal(facts_of(&stage, member).epoch, 2);
    assert_int_equal(facts_of(&stage, member).head_seq, seq);
    buffer_dispose(&old);
    world_free(stage.world);
}

static void member_puts_the_newest_back(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t member = with_member(&stage, "member");
    struct id id = head_id(&stage);
    struct buffer newest = copy_of(group_head_value(group_of(&stage, member)));
    world_stop(stage.world, stage.owner);
    world_run(stage.world, 3 * HOUR); /* pages that it has not read yet are read meanwhile */
    struct id key;
    enum record_kind kind;
    struct bytes value;
    while (world_record_at(stage.world, 0, &key, &kind, &value))
        world_lose(stage.world, &key);
    world_run(stage.world, 3 * HOUR);
    assert_true(bytes_equal(world_value(stage.world, &id, KIND_ITEM), buffer_bytes(&newest)));
    assert_int_equal(world_records(stage.world), 3); /* and a page, and the roster's part */
    buffer_dispose(&newest);
    world_free(stage.world);
}

static void what_is_no_head_is_refused(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t member = with_member(&stage, "member");
    struct buffer head = copy_of(group_head_value(group_of(&stage, member)));
    uint64_t now_ms = world_now_ms(stage.world), seq = facts_of(&stage, member).head_seq;
    assert_int_equal(group_on_head(group_of(&stage, member), buffer_bytes(&head), now_ms),
                     STATUS_EXISTS);
    for (size_t i = 0; i < head.len; i++) {
        head.data[i] ^= 1 << i % 8;
        assert_int_not_equal(group_on_head(group_of(&stage, member), buffer_bytes(&head), now_ms),
                             STATUS_OK);
        head.data[i] ^= 1 << i % 8;
    }
    assert_int_equal(facts_of(&stage, member).head_seq, seq);
    assert_true(group_valid(group_of(&stage, member)));
    buffer_dispose(&head);
    world_free(stage.world);
}

/* A peer brings HEAD and the parts before the table is asked. */
static void news_come_over_a_channel(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t member = with_member(&stage, "member");
    world_join_directly(stage.world, stage.owner, world_add(stage.world, "new"));
    world_run(stage.world, SECOND);
    struct group *giver = group_of(&stage, stage.owner), *taker = group_of(&stage, member);
    uint64_t now_ms = world_now_ms(stage.world);
    assert_int_equal(facts_of(&stage, member).members, 2);
    assert_int_equal(group_on_head(taker, group_head_value(giver), now_ms), STATUS_OK);
    struct item_record item;
    struct head_body body;
    struct bytes part;
    assert_true(item_record_decode(group_head_value(giver), &item));
    assert_true(head_body_decode(item.body, &body));
    for (size_t i = 0; i < body.part_count; i++) {
        assert_true(group_find_part(giver, &body.parts[i], &part));
        group_on_part(taker, part, now_ms);
    }
    assert_int_equal(facts_of(&stage, member).members, 3);
    world_free(stage.world);
}

/* ---- two devices of one owner ---- */

static void two_devices_agree_in_the_end(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t member = with_member(&stage, "member");
    size_t device = world_add_device(stage.world, stage.owner);
    world_run(stage.world, MINUTE);

    /* Each accepts somebody before it has heard of the other. */
    size_t x = world_add(stage.world, "x"), y = world_add(stage.world, "y");
    world_join_directly(stage.world, stage.owner, x);
    world_join_directly(stage.world, device, y);
    world_run(stage.world, 2 * HOUR);
    size_t all[] = {stage.owner, device, member, x, y};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(facts_of(&stage, all[i]).members, 4);
        assert_int_equal(facts_of(&stage, all[i]).head_seq, facts_of(&stage, member).head_seq);
    }
    world_free(stage.world);
}

static void two_devices_removing_at_once_remove_both(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t good = with_member(&stage, "good");
    size_t x = with_member(&stage, "x"), y = with_member(&stage, "y");
    size_t device = world_add_device(stage.world, stage.owner);
    world_run(stage.world, MINUTE);
    struct stage other = {.world = stage.world, .owner = device};
    remove_person(&stage, x);
    remove_person(&other, y);
    world_run(stage.world, 3 * HOUR);
    assert_int_equal(group_standing(group_of(&stage, x)), GROUP_REMOVED);
    assert_int_equal(group_standing(group_of(&stage, y)), GROUP_REMOVED);
    assert_int_equal(facts_of(&stage, good).members, 2);
    assert_int_equal(facts_of(&stage, good).epoch, facts_of(&stage, device).epoch);
    assert_int_equal(facts_of(&stage, good).epoch, facts_of(&stage, stage.owner).epoch);
    world_free(stage.world);
}

static bool is_on_the_secret_of(const struct stage *stage, size_t a, size_t b)
{
    const struct epoch_keys *x = group_epoch(group_of(stage, a), 0);
    const struct epoch_keys *y = group_epoch(group_of(stage, b), 0);
    return x != NULL && y != NULL && x->epoch == y->epoch &&
           memcmp(x->secret, y->secret, ROOT_BYTES) == 0;
}

/* The second begins while the first is at it, or when it is done and nobody has told the second.
 * Both write epoch 2; whose HEAD stays is a matter of chance, for each seed another. */
static void epochs_of_two_devices_at_once_end_as_one(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        struct stage stage = with_owner_of(&study, seed);
        size_t member = with_member(&stage, "member");
        size_t device = world_add_device(stage.world, stage.owner);
        struct shelf_entry entry = entry_of("notes", 1);
        world_run(stage.world, MINUTE);
        group_shelf_add(group_of(&stage, member), &entry, world_now_ms(stage.world));
        world_run(stage.world, MINUTE);
        group_rotate(group_of(&stage, stage.owner), world_now_ms(stage.world));
        world_run(stage.world, seed % 2 * SECOND);
        group_rotate(group_of(&stage, device), world_now_ms(stage.world));
        for (int i = 0; i < 6; i++) {
            world_run(stage.world, 5 * SECOND);
            group_refresh(group_of(&stage, member), world_now_ms(stage.world));
        }
        world_run(stage.world, SECOND);
        assert_true(facts_of(&stage, member).epoch >= 2);
        assert_true(is_on_the_secret_of(&stage, member, stage.owner));
        assert_true(is_on_the_secret_of(&stage, member, device));
        assert_int_equal(facts_of(&stage, device).head_seq, facts_of(&stage, member).head_seq);

        group_refresh(group_of(&stage, device), world_now_ms(stage.world)); /* can read his list */
        world_run(stage.world, SECOND);
        assert_int_equal(facts_of(&stage, device).files, 1);
        world_free(stage.world);
    }
}

/* The HEAD that stays can be read even when both devices are gone at once. */
static void what_stays_of_a_fork_is_whole_without_its_owner(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        struct stage stage = with_owner_of(&study, seed);
        size_t member = with_member(&stage, "member"), late = with_member(&stage, "late");
        size_t device = world_add_device(stage.world, stage.owner);
        world_run(stage.world, MINUTE);
        world_stop(stage.world, member);
        world_stop(stage.world, late);
        group_rotate(group_of(&stage, stage.owner), world_now_ms(stage.world));
        world_run(stage.world, seed % 2 * SECOND);
        group_rotate(group_of(&stage, device), world_now_ms(stage.world));
        world_run(stage.world, SECOND);
        world_stop(stage.world, stage.owner);
        world_stop(stage.world, device);
        world_start(stage.world, member);
        world_run(stage.world, 5 * SECOND);
        world_start(stage.world, late);
        world_run(stage.world, 5 * SECOND);
        assert_int_equal(facts_of(&stage, member).epoch, 2);
        assert_true(is_on_the_secret_of(&stage, member, late));
        world_free(stage.world);
    }
}

/* Each lets somebody in, both on the one page of the epoch: of the page one device's stays. */
static void nobody_loses_his_box_to_the_other_device(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        struct stage stage = with_owner_of(&study, seed);
        size_t device = world_add_device(stage.world, stage.owner);
        world_run(stage.world, MINUTE);
        size_t x = world_add(stage.world, "x"), y = world_add(stage.world, "y");
        world_join_directly(stage.world, stage.owner, x);
        world_run(stage.world, seed % 2 * SECOND);
        world_join_directly(stage.world, device, y);
        world_run(stage.world, 2 * MINUTE);
        assert_int_equal(group_standing(group_of(&stage, x)), GROUP_MEMBER);
        assert_int_equal(group_standing(group_of(&stage, y)), GROUP_MEMBER);
        world_run(stage.world, HOUR);
        size_t all[] = {stage.owner, device, x, y};
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(facts_of(&stage, all[i]).members, 3);
            assert_true(is_on_the_secret_of(&stage, all[i], x));
        }
        world_free(stage.world);
    }
}

static void member_tells_of_a_fork(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t member = with_member(&stage, "member");
    size_t device = world_add_device(stage.world, stage.owner);
    world_run(stage.world, MINUTE);
    world_stop(stage.world, member);
    world_stop(stage.world, device);
    struct id id = head_id(&stage);
    struct buffer before = copy_of(world_value(stage.world, &id, KIND_ITEM));
    group_rotate(group_of(&stage, stage.owner), world_now_ms(stage.world));
    world_run(stage.world, MINUTE);
    struct buffer one = copy_of(world_value(stage.world, &id, KIND_ITEM));
    world_stop(stage.world, stage.owner);
    world_force(stage.world, &id, KIND_ITEM, buffer_bytes(&before));
    world_start(stage.world, device); /* an old state, as from a backup */
    world_join_directly(stage.world, device, world_add(stage.world, "new"));
    world_run(stage.world, MINUTE);
    struct buffer two = copy_of(world_value(stage.world, &id, KIND_ITEM));
    world_stop(stage.world, device);
    assert_false(bytes_equal(buffer_bytes(&before), buffer_bytes(&two)));

    world_start(stage.world, member);
    group_on_head(group_of(&stage, member), buffer_bytes(&one), world_now_ms(stage.world));
    group_on_head(group_of(&stage, member), buffer_bytes(&two), world_now_ms(stage.world));
    group_on_head(group_of(&stage, member), buffer_bytes(&one), world_now_ms(stage.world));
    world_run(stage.world, 0);
    assert_int_equal(world_events(stage.world, member, GROUP_EVENT_FORK), 1);
    buffer_dispose(&before);
    buffer_dispose(&one);
    buffer_dispose(&two);
    world_free(stage.world);
}

/* Which brings the same record twice. */
static void one_head_from_both_overlays_is_no_fork(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t member = with_member(&stage, "member");
    world_run(stage.world, HOUR);
    assert_int_equal(world_events(stage.world, stage.owner, GROUP_EVENT_FORK), 0);
    assert_int_equal(world_events(stage.world, member, GROUP_EVENT_FORK), 0);
    world_free(stage.world);
}

/* Not even where HEAD is due to be signed anew, by what the old state says. */
static void state_put_back_takes_nobody_back(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct stage stage = with_owner_of(&study, seed);
        size_t member = with_member(&stage, "member"), bad = with_member(&stage, "bad");
        size_t old = world_add_device(stage.world, stage.owner);
        world_stop(stage.world, old);
        remove_person(&stage, bad);
        world_run(stage.world, 15 * MINUTE);
        world_stop(stage.world, stage.owner);
        world_run(stage.world, 2 * DAY);
        world_start(stage.world, old);
        world_run(stage.world, HOUR);
        assert_int_equal(facts_of(&stage, old).epoch, 2);
        assert_int_equal(facts_of(&stage, old).members, 2);
        assert_int_equal(facts_of(&stage, member).epoch, 2);
        assert_int_equal(group_standing(group_of(&stage, bad)), GROUP_REMOVED);
        assert_int_equal(world_events(stage.world, member, GROUP_EVENT_FORK), 0);
        assert_int_equal(world_events(stage.world, old, GROUP_EVENT_FORK), 0);
        world_run(stage.world, 2 * DAY);
        assert_true(facts_of(&stage, member).head_seq > 4);
        world_free(stage.world);
    }
}

/* Two HEADs of one seq: in one somebody was removed, in the other somebody came. */
static void removal_wins_a_fork(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) { /* whichever has the smaller digest */
        struct stage stage = with_owner_of(&study, seed);
        size_t member = with_member(&stage, "member"), bad = with_member(&stage, "bad");
        size_t device = world_add_device(stage.world, stage.owner);
        world_run(stage.world, SECOND);
        world_stop(stage.world, member);
        world_stop(stage.world, device);
        struct id id = head_id(&stage);
        struct buffer before = copy_of(world_value(stage.world, &id, KIND_ITEM));
        remove_person(&stage, bad);
        world_run(stage.world, SECOND);
        struct buffer without = copy_of(world_value(stage.world, &id, KIND_ITEM));
        world_stop(stage.world, stage.owner);
        world_force(stage.world, &id, KIND_ITEM, buffer_bytes(&before));
        world_start(stage.world, device);
        world_run(stage.world, 0);
        world_join_directly(stage.world, device, world_add(stage.world, "new"));
        world_run(stage.world, SECOND);
        struct buffer with = copy_of(world_value(stage.world, &id, KIND_ITEM));
        world_stop(stage.world, device);
        struct item_record a, b;
        assert_true(item_record_decode(buffer_bytes(&without), &a));
        assert_true(item_record_decode(buffer_bytes(&with), &b));
        assert_int_equal(a.seq, b.seq);

        bool first = seed % 2 == 0;
        world_start(stage.world, member);
        group_on_head(group_of(&stage, member), buffer_bytes(first ? &with : &without),
                      world_now_ms(stage.world));
        world_run(stage.world, 0);
        group_on_head(group_of(&stage, member), buffer_bytes(first ? &without : &with),
                      world_now_ms(stage.world));
        world_run(stage.world, MINUTE);
        assert_int_equal(facts_of(&stage, member).epoch, 2);
        assert_int_equal(world_events(stage.world, member, GROUP_EVENT_FORK), 1);

        world_start(stage.world, stage.owner); /* both devices: one state again, without "bad" */
        world_start(stage.world, device);
        world_run(stage.world, HOUR);
        assert_true(facts_of(&stage, member).head_seq > a.seq);
        assert_int_equal(facts_of(&stage, member).head_seq, facts_of(&stage, device).head_seq);
        assert_int_equal(facts_of(&stage, member).head_seq, facts_of(&stage, stage.owner).head_seq);
        assert_int_equal(group_standing(group_of(&stage, bad)), GROUP_REMOVED);
        buffer_dispose(&before);
        buffer_dispose(&with);
        buffer_dispose(&without);
        world_free(stage.world);
    }
}

/* ---- nodes that do not keep what they are given ---- */

static void head_waits_until_half_of_the_nodes_have_the_rest(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t bad = with_member(&stage, "bad");
    world_set_holding(stage.world, WORLD_NODES / 2 - 1);
    remove_person(&stage, bad);
    world_run(stage.world, 20 * SECOND);
    assert_int_equal(facts_of(&stage, stage.owner).epoch, 1);
    world_set_holding(stage.world, WORLD_NODES / 2);
    world_run(stage.world, 2 * MINUTE);
    assert_int_equal(facts_of(&stage, stage.owner).epoch, 2);
    world_free(stage.world);
}

static void nobody_near_one_key_stops_a_removal(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t bad = with_member(&stage, "bad");
    world_set_holding(stage.world, 1);
    remove_person(&stage, bad);
    world_run(stage.world, 10 * MINUTE);
    assert_int_equal(facts_of(&stage, stage.owner).epoch, 2);
    world_free(stage.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_head_is_never_taken),
        cmocka_unit_test(member_puts_the_newest_back),
        cmocka_unit_test(what_is_no_head_is_refused),
        cmocka_unit_test(news_come_over_a_channel),
        cmocka_unit_test(two_devices_agree_in_the_end),
        cmocka_unit_test(two_devices_removing_at_once_remove_both),
        cmocka_unit_test(epochs_of_two_devices_at_once_end_as_one),
        cmocka_unit_test(what_stays_of_a_fork_is_whole_without_its_owner),
        cmocka_unit_test(nobody_loses_his_box_to_the_other_device),
        cmocka_unit_test(member_tells_of_a_fork),
        cmocka_unit_test(one_head_from_both_overlays_is_no_fork),
        cmocka_unit_test(state_put_back_takes_nobody_back),
        cmocka_unit_test(removal_wins_a_fork),
        cmocka_unit_test(head_waits_until_half_of_the_nodes_have_the_rest),
        cmocka_unit_test(nobody_near_one_key_stops_a_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
