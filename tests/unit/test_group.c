/* One group from its making to its end, with everybody around one perfect table. */
#include "support/group_stage.h"

/* ---- making, joining ---- */

static void new_group_stands_in_the_table(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_READY), 1);
    assert_int_equal(group_standing(group_of(&f, f.owner)), GROUP_OWNER);
    struct group_facts facts = facts_of(&f, f.owner);
    assert_int_equal(facts.epoch, 1);
    assert_int_equal(facts.head_seq, 1);
    assert_int_equal(facts.members, 1);
    assert_true(facts.listed);
    assert_string_equal(group_name(group_of(&f, f.owner)), "study");
    assert_int_equal(world_records(f.world), 3); /* HEAD, a page, a part */
    assert_int_equal(group_epoch(group_of(&f, f.owner), 0)->epoch, 1);
    assert_null(group_epoch(group_of(&f, f.owner), 1));
    world_free(f.world);
}

static void invited_one_is_in_without_a_person(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t guest = world_add(f.world, "guest");
    world_invite(f.world, f.owner, guest);
    assert_int_equal(group_standing(group_of(&f, guest)), GROUP_APPLYING);
    world_run(f.world, 30 * SECOND);
    assert_int_equal(group_standing(group_of(&f, guest)), GROUP_MEMBER);
    assert_int_equal(world_events(f.world, guest, GROUP_EVENT_JOINED), 1);
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_ACCEPTED), 1);
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_REQUEST), 0);
    struct group_facts facts = facts_of(&f, guest);
    assert_int_equal(facts.epoch, 1); /* somebody who comes changes no epoch */
    assert_int_equal(facts.members, 2);
    assert_string_equal(group_name(group_of(&f, guest)), "study");
    assert_string_equal(group_about(group_of(&f, guest)), "of old books");
    assert_memory_equal(group_epoch(group_of(&f, guest), 0)->secret,
                        group_epoch(group_of(&f, f.owner), 0)->secret, ROOT_BYTES);
    assert_null(group_open_token(group_of(&f, f.owner), 0)); /* it was good once */
    world_free(f.world);
}

static void who_asks_by_name_waits_for_a_person(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t asker = world_add(f.world, "asker");
    world_apply(f.world, asker, group_key(group_of(&f, f.owner)), NULL);
    world_run(f.world, 2 * MINUTE);
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_REQUEST), 1);
    const struct group_event *event = world_last_event(f.world, f.owner, GROUP_EVENT_REQUEST);
    assert_string_equal(event->name, "asker");
    assert_string_equal(event->note, "please");
    assert_int_equal(group_standing(group_of(&f, asker)), GROUP_APPLYING);

    struct public_key user = world_user(f.world, asker);
    struct group_request request;
    assert_int_equal(group_requests(group_of(&f, f.owner), &request, 1), 1);
    assert_true(public_key_equal(&request.user, &user));
    assert_int_equal(group_accept(group_of(&f, f.owner), &user, world_now_ms(f.world)), STATUS_OK);
    world_run(f.world, 30 * SECOND);
    assert_int_equal(group_standing(group_of(&f, asker)), GROUP_MEMBER);
    assert_int_equal(group_requests(group_of(&f, f.owner), NULL, 0), 0);
    assert_int_equal(group_accept(group_of(&f, f.owner), &user, world_now_ms(f.world)),
                     STATUS_EXISTS);
    world_free(f.world);
}

static void rejected_one_is_not_heard_again(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t asker = world_add(f.world, "asker");
    world_apply(f.world, asker, group_key(group_of(&f, f.owner)), NULL);
    world_run(f.world, 2 * MINUTE);
    struct public_key user = world_user(f.world, asker);
    assert_int_equal(group_reject(group_of(&f, f.owner), &user, world_now_ms(f.world)), STATUS_OK);
    world_run(f.world, 4 * DAY); /* the request is made anew after three */
    assert_true(world_actions(f.world, asker, GROUP_WORK) >= 2);
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_REQUEST), 1);
    assert_int_equal(group_standing(group_of(&f, asker)), GROUP_APPLYING);
    assert_int_equal(group_accept(group_of(&f, f.owner), &user, world_now_ms(f.world)),
                     STATUS_NOT_FOUND);
    world_free(f.world);
}

static void requests_to_a_group_by_invite_only_are_not_kept(void **state)
{
    (void)state;
    struct group_options closed = study;
    closed.policy = JOIN_INVITE_ONLY;
    struct stage f = with_owner(&closed);
    size_t asker = world_add(f.world, "asker"), guest = world_add(f.world, "guest");
    world_apply(f.world, asker, group_key(group_of(&f, f.owner)), NULL);
    world_invite(f.world, f.owner, guest);
    world_run(f.world, HOUR);
    assert_int_equal(facts_of(&f, asker).policy, JOIN_INVITE_ONLY);
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_REQUEST), 0);
    assert_int_equal(group_standing(group_of(&f, guest)), GROUP_MEMBER);
    world_free(f.world);
}

static void owner_and_applicant_need_not_meet(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t guest = world_add(f.world, "guest");
    world_invite(f.world, f.owner, guest);
    world_run(f.world, SECOND);
    world_stop(f.world, f.owner);
    world_run(f.world, 10 * MINUTE);
    world_stop(f.world, guest);
    world_start(f.world, f.owner);
    world_run(f.world, 10 * MINUTE);
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_ACCEPTED), 1);
    world_stop(f.world, f.owner);
    world_start(f.world, guest);
    world_run(f.world, 10 * MINUTE);
    assert_int_equal(group_standing(group_of(&f, guest)), GROUP_MEMBER);
    world_free(f.world);
}

/* ---- removing, rotating ---- */

static void removed_one_reads_nothing_new(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t bad = with_member(&f, "bad"), good = with_member(&f, "good");
    struct public_key user = world_user(f.world, bad);
    struct public_key pseudonym = group_own_keys(group_of(&f, bad))->public_key;
    assert_int_equal(group_remove(group_of(&f, f.owner), &user, world_now_ms(f.world)), STATUS_OK);
    world_run(f.world, 13 * MINUTE);
    assert_int_equal(group_standing(group_of(&f, bad)), GROUP_REMOVED);
    assert_int_equal(world_events(f.world, bad, GROUP_EVENT_REMOVED), 1);
    assert_null(group_epoch(group_of(&f, bad), 0));
    assert_null(group_roster(group_of(&f, bad)));
    assert_string_equal(group_name(group_of(&f, bad)), "study");
    assert_int_equal(facts_of(&f, good).epoch, 2);
    assert_int_equal(facts_of(&f, good).members, 2);
    assert_int_equal(group_epoch(group_of(&f, good), 1)->epoch, 1); /* for latecomers */
    assert_true(world_was_dropped(f.world, good, &pseudonym));
    assert_true(world_was_dropped(f.world, f.owner, &pseudonym));
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_LEFT), 1);
    assert_int_equal(world_events(f.world, good, GROUP_EVENT_LEFT), 1);
    world_run(f.world, 8 * DAY);
    assert_null(group_epoch(group_of(&f, good), 1));
    world_free(f.world);
}

static void removed_one_may_come_back_when_asked(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t person = with_member(&f, "person");
    struct public_key user = world_user(f.world, person);
    group_remove(group_of(&f, f.owner), &user, world_now_ms(f.world));
    world_run(f.world, 15 * MINUTE);
    world_stop(f.world, person);
    world_invite(f.world, f.owner, person);
    world_run(f.world, MINUTE);
    assert_int_equal(group_standing(group_of(&f, person)), GROUP_MEMBER);
    assert_int_equal(facts_of(&f, person).epoch, 2);
    world_free(f.world);
}

static void rotation_changes_the_secret_and_nobody(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t member = with_member(&f, "member");
    assert_int_equal(group_rotate(group_of(&f, member), world_now_ms(f.world)), STATUS_REFUSED);
    assert_int_equal(group_rotate(group_of(&f, f.owner), world_now_ms(f.world)), STATUS_OK);
    world_run(f.world, 13 * MINUTE);
    assert_int_equal(facts_of(&f, member).epoch, 2);
    assert_int_equal(facts_of(&f, member).members, 2);
    assert_memory_not_equal(group_epoch(group_of(&f, member), 0)->secret,
                            group_epoch(group_of(&f, member), 1)->secret, ROOT_BYTES);
    assert_int_equal(world_events(f.world, member, GROUP_EVENT_LEFT), 0);
    world_free(f.world);
}

static void owner_signs_daily_and_rotates_monthly(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t member = with_member(&f, "member");
    uint64_t seq = facts_of(&f, f.owner).head_seq,
             expiry = facts_of(&f, f.owner).head_expiry_unix_s;
    world_run(f.world, 3 * DAY + HOUR);
    assert_int_equal(facts_of(&f, member).head_seq, seq + 3);
    assert_true(facts_of(&f, member).head_expiry_unix_s > expiry);
    assert_int_equal(facts_of(&f, member).epoch, 1);
    world_run(f.world, 28 * DAY);
    assert_int_equal(facts_of(&f, member).epoch, 2);
    assert_int_equal(world_events(f.world, member, GROUP_EVENT_STALE), 0);
    world_free(f.world);
}

static void head_past_its_expiry_is_told_once(void **state)
{
    (void)state;
    struct group_options week = study;
    week.expires_s = 1; /* the least is seven days */
    struct stage f = with_owner(&week);
    size_t member = with_member(&f, "member");
    world_stop(f.world, f.owner);
    world_run(f.world, 6 * DAY);
    assert_int_equal(world_events(f.world, member, GROUP_EVENT_STALE), 0);
    world_run(f.world, 2 * DAY);
    assert_int_equal(world_events(f.world, member, GROUP_EVENT_STALE), 1);
    assert_true(facts_of(&f, member).head_is_stale);
    assert_int_equal(group_standing(group_of(&f, member)), GROUP_MEMBER);
    world_start(f.world, f.owner);
    world_run(f.world, HOUR);
    assert_false(facts_of(&f, member).head_is_stale);
    world_free(f.world);
}

/* ---- leaving, handing over ---- */

static void leaver_is_forgotten_once_the_owner_has_read_it(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t leaver = with_member(&f, "leaver"), other = with_member(&f, "other");
    assert_int_equal(group_leave(group_of(&f, leaver), world_now_ms(f.world)), STATUS_OK);
    assert_null(group_epoch(group_of(&f, leaver), 0));
    assert_int_equal(group_standing(group_of(&f, leaver)), GROUP_LEAVING);
    world_run(f.world, 30 * MINUTE);
    assert_int_equal(world_events(f.world, leaver, GROUP_EVENT_GONE), 1);
    assert_int_equal(facts_of(&f, other).members, 2);
    assert_int_equal(facts_of(&f, other).epoch, 2);
    world_free(f.world);
}

static void owner_leaves_only_an_empty_group(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t member = with_member(&f, "member");
    assert_int_equal(group_leave(group_of(&f, f.owner), world_now_ms(f.world)), STATUS_CONFLICT);
    struct public_key user = world_user(f.world, member);
    group_remove(group_of(&f, f.owner), &user, world_now_ms(f.world));
    world_run(f.world, MINUTE);
    assert_int_equal(group_leave(group_of(&f, f.owner), world_now_ms(f.world)), STATUS_OK);
    world_run(f.world, MINUTE);
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_GONE), 1);
    size_t late = world_add(f.world, "late");
    world_apply(f.world, late, group_key(group_of(&f, f.owner)), NULL);
    world_run(f.world, MINUTE);
    assert_int_equal(world_events(f.world, late, GROUP_EVENT_GONE), 1);
    world_free(f.world);
}

static void group_is_handed_over(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t heir = with_member(&f, "heir"), third = with_member(&f, "third");
    struct public_key user = world_user(f.world, heir);
    assert_int_equal(group_transfer(group_of(&f, f.owner), &user, world_now_ms(f.world)),
                     STATUS_OK);
    world_run(f.world, HOUR);
    assert_int_equal(group_standing(group_of(&f, heir)), GROUP_OWNER);
    assert_int_equal(group_standing(group_of(&f, f.owner)), GROUP_MEMBER);
    assert_int_equal(world_events(f.world, heir, GROUP_EVENT_OWNER), 1);
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_OWNER), 1);
    assert_int_equal(facts_of(&f, third).epoch, 2); /* the heir rotates */
    assert_true(facts_of(&f, heir).listed);

    size_t late = world_add(f.world, "late");
    world_invite(f.world, heir, late);
    world_run(f.world, HOUR);
    assert_int_equal(facts_of(&f, late).members, 4);
    assert_int_equal(facts_of(&f, f.owner).members, 4);
    assert_int_equal(group_rotate(group_of(&f, f.owner), world_now_ms(f.world)), STATUS_REFUSED);
    world_free(f.world);
}

static void former_owner_leaves_after_the_hand_over(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t heir = with_member(&f, "heir");
    struct public_key user = world_user(f.world, heir);
    group_transfer(group_of(&f, f.owner), &user, world_now_ms(f.world));
    assert_int_equal(group_leave(group_of(&f, f.owner), world_now_ms(f.world)), STATUS_OK);
    world_run(f.world, HOUR);
    assert_int_equal(group_standing(group_of(&f, heir)), GROUP_OWNER);
    assert_int_equal(world_events(f.world, f.owner, GROUP_EVENT_GONE), 1);
    assert_int_equal(facts_of(&f, heir).members, 1);
    world_free(f.world);
}

static void heir_may_come_long_after_the_owner_has_gone(void **state)
{
    (void)state;
    struct stage f = with_owner(&study);
    size_t heir = with_member(&f, "heir");
    struct public_key user = world_user(f.world, heir);
    world_stop(f.world, heir);
    group_transfer(group_of(&f, f.owner), &user, world_now_ms(f.world));
    world_run(f.world, MINUTE);
    world_stop(f.world, f.owner);
    world_run(f.world, 5 * DAY);
    world_start(f.world, heir);
    world_run(f.world, HOUR);
    assert_int_equal(group_standing(group_of(&f, heir)), GROUP_OWNER);
    world_start(f.world, f.owner);
    world_run(f.world, HOUR);
    assert_int_equal(facts_of(&f, f.owner).epoch, 2);
    assert_int_equal(group_standing(group_of(&f, f.owner)), GROUP_MEMBER);
    world_free(f.world);
}

/* ---- history ---- */

static void newcomer_reads_old_epochs_only_with_history(void **state)
{
    (void)state;
    for (int history = 0; history < 2; history++) {
        struct group_options options = study;
        options.history = history;
        struct stage f = with_owner(&options);
        size_t away = with_member(&f, "away");
        struct shelf_entry entry = entry_of("old.pdf", 1);
        group_shelf_add(group_of(&f, away), &entry, world_now_ms(f.world));
        world_run(f.world, MINUTE);
        world_stop(f.world, away); /* its shelf stays sealed under epoch 1 */
        for (int i = 0; i < 3; i++) {
            group_rotate(group_of(&f, f.owner), world_now_ms(f.world));
            world_run(f.world, MINUTE);
        }
        size_t late = with_member(&f, "late");
        world_run(f.world, HOUR);
        assert_int_equal(facts_of(&f, late).epoch, 4);
        assert_int_equal(facts_of(&f, late).files, history);
        assert_int_equal(facts_of(&f, f.owner).files, 1);
        world_free(f.world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_group_stands_in_the_table),
        cmocka_unit_test(invited_one_is_in_without_a_person),
        cmocka_unit_test(who_asks_by_name_waits_for_a_person),
        cmocka_unit_test(rejected_one_is_not_heard_again),
        cmocka_unit_test(requests_to_a_group_by_invite_only_are_not_kept),
        cmocka_unit_test(owner_and_applicant_need_not_meet),
        cmocka_unit_test(removed_one_reads_nothing_new),
        cmocka_unit_test(removed_one_may_come_back_when_asked),
        cmocka_unit_test(rotation_changes_the_secret_and_nobody),
        cmocka_unit_test(owner_signs_daily_and_rotates_monthly),
        cmocka_unit_test(head_past_its_expiry_is_told_once),
        cmocka_unit_test(leaver_is_forgotten_once_the_owner_has_read_it),
        cmocka_unit_test(owner_leaves_only_an_empty_group),
        cmocka_unit_test(group_is_handed_over),
        cmocka_unit_test(former_owner_leaves_after_the_hand_over),
        cmocka_unit_test(heir_may_come_long_after_the_owner_has_gone),
        cmocka_unit_test(newcomer_reads_old_epochs_only_with_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
