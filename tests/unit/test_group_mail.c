/* The owner's mailboxes: what is old, what is said twice, what is rubbish, and how much of it. */
#include "support/group_stage.h"

#include <string.h>

#include "kadpeer/records.h"

struct drop {
    struct id mailbox;
    struct buffer value;
};

/* A copy of the only drop in the table. */
static struct drop drop_in_table(const struct stage *stage)
{
    struct drop drop = {0};
    struct id key;
    enum record_kind kind;
    struct bytes value;
    buffer_init(&drop.value);
    for (size_t i = 0; world_record_at(stage->world, i, &key, &kind, &value); i++)
        if (kind == KIND_DROP) {
            assert_int_equal(drop.value.len, 0);
            drop.mailbox = key;
            buffer_add(&drop.value, value.data, value.len);
        }
    assert_true(drop.value.len > 0);
    return drop;
}

/* Its body in a new drop: fresh work, a later end. */
static void put_again(const struct stage *stage, const struct drop *old)
{
    struct drop_record drop;
    struct buffer value;
    uint64_t nonce = 1;
    assert_true(drop_record_decode(buffer_bytes(&old->value), &drop));
    drop.expiry_unix_s = world_unix_s(stage->world) + 3 * 24 * 3600;
    assert_true(drop_record_find_nonce(&drop, DROP_WORK_BITS, &nonce, UINT64_MAX));
    buffer_init(&value);
    drop_record_encode(&drop, &value);
    world_put(stage->world, &old->mailbox, KIND_DROP, buffer_bytes(&value));
    buffer_dispose(&value);
}

static void old_request_does_not_bring_a_removed_one_back(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t bad = world_add(stage.world, "bad");
    world_apply(stage.world, bad, group_key(group_of(&stage, stage.owner)), NULL);
    world_run(stage.world, MINUTE);
    struct drop request = drop_in_table(&stage);
    struct public_key user = world_user(stage.world, bad);
    group_accept(group_of(&stage, stage.owner), &user, world_now_ms(stage.world));
    world_run(stage.world, 2 * MINUTE);
    assert_int_equal(group_standing(group_of(&stage, bad)), GROUP_MEMBER);
    remove_person(&stage, bad);
    world_run(stage.world, 15 * MINUTE);
    size_t requests = world_events(stage.world, stage.owner, GROUP_EVENT_REQUEST);

    put_again(&stage, &request);
    world_run(stage.world, 5 * MINUTE);
    world_stop(stage.world, stage.owner); /* nor does it after a restart */
    world_start(stage.world, stage.owner);
    world_run(stage.world, DAY);
    put_again(&stage, &request);
    world_run(stage.world, 10 * DAY); /* nor when its time is no longer remembered */
    world_stop(stage.world, stage.owner);
    world_start(stage.world, stage.owner);
    put_again(&stage, &request);
    world_run(stage.world, DAY);
    assert_int_equal(world_events(stage.world, stage.owner, GROUP_EVENT_REQUEST), requests);
    assert_int_equal(facts_of(&stage, stage.owner).requests, 0);
    assert_int_equal(facts_of(&stage, stage.owner).members, 1);
    buffer_dispose(&request.value);
    world_free(stage.world);
}

static void token_used_once_is_worth_nothing(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t guest = world_add(stage.world, "guest"), second = world_add(stage.world, "second");
    struct invite invite;
    struct buffer text;
    buffer_init(&text);
    group_invite(group_of(&stage, stage.owner), 1, 3600, NULL, 0, world_now_ms(stage.world), &text);
    assert_int_equal(invite_parse((const char *)text.data, &invite), STATUS_OK);
    world_apply(stage.world, guest, &invite.group, invite.token);
    world_run(stage.world, MINUTE);
    assert_int_equal(group_standing(group_of(&stage, guest)), GROUP_MEMBER);
    world_apply(stage.world, second, &invite.group, invite.token);
    world_run(stage.world, HOUR);
    assert_int_equal(group_standing(group_of(&stage, second)), GROUP_APPLYING);

    struct public_key user = world_user(stage.world, second); /* but its bearer may ask */
    assert_int_equal(facts_of(&stage, stage.owner).requests, 1);
    assert_int_equal(group_accept(group_of(&stage, stage.owner), &user, world_now_ms(stage.world)),
                     STATUS_OK);
    world_run(stage.world, HOUR);
    assert_int_equal(group_standing(group_of(&stage, second)), GROUP_MEMBER);
    buffer_dispose(&text);
    world_free(stage.world);
}

/* Whichever of the two mailboxes the request lies in by then. */
static void invite_is_good_though_its_owner_comes_days_later(void **state)
{
    (void)state;
    for (int days = 0; days < 7; days += 2) {
        struct stage stage = with_owner(&study);
        size_t guest = world_add(stage.world, "guest");
        struct invite invite;
        struct buffer text;
        buffer_init(&text);
        group_invite(group_of(&stage, stage.owner), 1, 30 * DAY / SECOND, NULL, 0,
                     world_now_ms(stage.world), &text);
        assert_int_equal(invite_parse((const char *)text.data, &invite), STATUS_OK);
        world_run(stage.world, MINUTE);
        world_stop(stage.world, stage.owner);
        world_apply(stage.world, guest, &invite.group, invite.token);
        world_run(stage.world, days * DAY + 10 * MINUTE);
        world_start(stage.world, stage.owner);
        world_run(stage.world, HOUR);
        assert_int_equal(group_standing(group_of(&stage, guest)), GROUP_MEMBER);
        buffer_dispose(&text);
        world_free(stage.world);
    }
}

static void token_is_void_once_its_user_is_removed(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t guest = world_add(stage.world, "guest");
    struct buffer text;
    struct invite invite;
    buffer_init(&text);
    group_invite(group_of(&stage, stage.owner), 5, 0, NULL, 0, world_now_ms(stage.world), &text);
    assert_int_equal(invite_parse((const char *)text.data, &invite), STATUS_OK);
    world_apply(stage.world, guest, &invite.group, invite.token);
    world_run(stage.world, MINUTE);
    assert_int_equal(facts_of(&stage, stage.owner).invites, 1);
    remove_person(&stage, guest);
    world_run(stage.world, MINUTE);
    assert_int_equal(facts_of(&stage, stage.owner).invites, 0);
    buffer_dispose(&text);
    world_free(stage.world);
}

static void invite_ends(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < 32; i++) {
        buffer_clear(&text);
        assert_int_equal(group_invite(group_of(&stage, stage.owner), 1, 3600, NULL, 0,
                                      world_now_ms(stage.world), &text),
                         STATUS_OK);
    }
    assert_int_equal(group_invite(group_of(&stage, stage.owner), 1, 3600, NULL, 0,
                                  world_now_ms(stage.world), &text),
                     STATUS_FULL);
    assert_int_equal(facts_of(&stage, stage.owner).invites, 32);
    world_run(stage.world, 2 * HOUR);
    assert_int_equal(facts_of(&stage, stage.owner).invites, 0);
    size_t lookups = world_actions(stage.world, stage.owner, GROUP_LOOKUP);
    world_run(stage.world, HOUR); /* the mailboxes of ended ones are left alone */
    assert_true(world_actions(stage.world, stage.owner, GROUP_LOOKUP) - lookups < 200);
    buffer_dispose(&text);
    world_free(stage.world);
}

static void put_rubbish(const struct stage *stage, const struct id *mailbox, size_t count)
{
    uint8_t body[300];
    for (size_t i = 0; i < count; i++) {
        struct drop_record drop = {.mailbox = *mailbox,
                                   .expiry_unix_s = world_unix_s(stage->world) + 3 * 24 * 3600};
        struct buffer value;
        rng_fill(world_rng(stage->world), body, sizeof body);
        rng_fill(world_rng(stage->world), drop.nonce, sizeof drop.nonce);
        drop.body = bytes_of(body, sizeof body);
        buffer_init(&value);
        drop_record_encode(&drop, &value);
        world_put(stage->world, mailbox, KIND_DROP, buffer_bytes(&value));
        buffer_dispose(&value);
    }
}

static void request_is_found_in_a_flood(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    struct id mailbox = mailbox_of_group(group_key(group_of(&stage, stage.owner)));
    put_rubbish(&stage, &mailbox, 600); /* without its work: no box of it is opened */
    struct drop_record drop = {.mailbox = mailbox,
                               .expiry_unix_s = world_unix_s(stage.world) + 3 * 24 * 3600};
    uint8_t body[300] = {1};
    struct buffer value;
    buffer_init(&value);
    drop.body = bytes_of(body, sizeof body);
    for (uint64_t i = 0, nonce = 0; i < 4; i++) {
        body[0] = (uint8_t)i;
        assert_true(drop_record_find_nonce(&drop, DROP_WORK_BITS, &nonce, UINT64_MAX));
        buffer_clear(&value);
        drop_record_encode(&drop, &value);
        world_put(stage.world, &mailbox, KIND_DROP, buffer_bytes(&value));
    }
    size_t asker = world_add(stage.world, "asker");
    world_apply(stage.world, asker, group_key(group_of(&stage, stage.owner)), NULL);
    world_run(stage.world, 2 * MINUTE);
    assert_int_equal(world_events(stage.world, stage.owner, GROUP_EVENT_REQUEST), 1);
    buffer_dispose(&value);
    world_free(stage.world);
}

static void requests_kept_are_bounded(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    struct public_key key = *group_key(group_of(&stage, stage.owner));
    for (uint32_t i = 0; i < 80; i++) {
        struct join_request request;
        struct buffer plain;
        uint8_t root[ROOT_BYTES] = {(uint8_t)i, 1};
        buffer_init(&plain);
        assert_int_equal(
            join_request_sign(root, &key, "x", "", NULL, world_unix_s(stage.world), &request),
            STATUS_OK);
        join_request_encode(&request, &plain);
        assert_int_equal(group_on_join(group_of(&stage, stage.owner), buffer_bytes(&plain),
                                       world_now_ms(stage.world)),
                         STATUS_OK);
        buffer_dispose(&plain);
        world_run(stage.world, 0);
    }
    assert_int_equal(world_events(stage.world, stage.owner, GROUP_EVENT_REQUEST), 80);
    assert_int_equal(facts_of(&stage, stage.owner).requests, 64);
    world_free(stage.world);
}

static void refused_sender_works_harder(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t asker = world_add(stage.world, "asker");
    struct public_key key = *group_key(group_of(&stage, stage.owner));
    world_set_least_work(stage.world, DROP_WORK_BITS + 4);
    world_apply(stage.world, asker, &key, NULL);
    world_run(stage.world, MINUTE);
    assert_int_equal(world_events(stage.world, stage.owner, GROUP_EVENT_REQUEST), 1);
    struct drop_record drop;
    struct drop put = drop_in_table(&stage);
    assert_true(drop_record_decode(buffer_bytes(&put.value), &drop));
    assert_true(drop_record_work(&drop) >= DROP_WORK_BITS + 4);
    assert_in_range(world_actions(stage.world, asker, GROUP_WORK), 1, 3);
    buffer_dispose(&put.value);
    world_free(stage.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_request_does_not_bring_a_removed_one_back),
        cmocka_unit_test(token_used_once_is_worth_nothing),
        cmocka_unit_test(invite_is_good_though_its_owner_comes_days_later),
        cmocka_unit_test(token_is_void_once_its_user_is_removed),
        cmocka_unit_test(invite_ends),
        cmocka_unit_test(request_is_found_in_a_flood),
        cmocka_unit_test(requests_kept_are_bounded),
        cmocka_unit_test(refused_sender_works_harder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
