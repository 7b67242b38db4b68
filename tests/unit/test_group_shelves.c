/* Who shares what in a group. */
#include "support/group_stage.h"

#include "kadpeer/records.h"

static size_t files_of(const struct stage *stage, size_t person, struct group_file *out, size_t cap)
{
    size_t count;
    struct group_file *files = group_files(group_of(stage, person), &count);
    assert_non_null(files);
    if (out != NULL)
        memcpy(out, files, (count < cap ? count : cap) * sizeof *out);
    free(files);
    return count;
}

static void put(const struct stage *stage, size_t person, const char *path, uint32_t number)
{
    struct shelf_entry entry = entry_of(path, number);
    assert_int_equal(group_shelf_add(group_of(stage, person), &entry, world_now_ms(stage->world)),
                     STATUS_OK);
}

static void file_of_one_is_seen_by_all(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a"), b = with_member(&stage, "b");
    put(&stage, a, "notes.pdf", 1);
    put(&stage, b, "notes.pdf", 1);
    put(&stage, b, "map.png", 2);
    world_run(stage.world, 20 * MINUTE); /* one has yet to hear of the other */
    size_t all[] = {stage.owner, a, b};
    for (size_t i = 0; i < 3; i++) {
        struct group_file files[4];
        assert_int_equal(files_of(&stage, all[i], files, 4), 2);
        assert_string_equal(files[0].entry->path, "map.png");
        assert_int_equal(files[0].shelves, 1);
        assert_string_equal(files[0].owner->name, "b");
        assert_string_equal(files[1].entry->path, "notes.pdf");
        assert_int_equal(files[1].shelves, 2);
        assert_int_equal(files[1].entry->size, 1001);
        assert_true(world_events(stage.world, all[i], GROUP_EVENT_FILES) > 0);
    }
    world_free(stage.world);
}

static void what_is_taken_away_is_gone(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a");
    put(&stage, a, "one", 1);
    put(&stage, a, "two", 2);
    struct shelf_entry again = entry_of("two again", 2);
    assert_int_equal(group_shelf_add(group_of(&stage, a), &again, world_now_ms(stage.world)),
                     STATUS_EXISTS);
    world_run(stage.world, 15 * MINUTE);
    assert_int_equal(files_of(&stage, stage.owner, NULL, 0), 2);
    group_shelf_remove(group_of(&stage, a), &again.infohash, world_now_ms(stage.world));
    world_run(stage.world, 15 * MINUTE);
    struct group_file file;
    assert_int_equal(files_of(&stage, stage.owner, &file, 1), 1);
    assert_string_equal(file.entry->path, "one");
    world_free(stage.world);
}

static void asking_for_news_does_not_wait(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a");
    world_run(stage.world, HOUR);
    put(&stage, a, "one", 1);
    world_run(stage.world, 0);
    assert_false(group_is_looking(group_of(&stage, stage.owner)));
    group_refresh(group_of(&stage, stage.owner), world_now_ms(stage.world));
    assert_true(group_is_looking(group_of(&stage, stage.owner)));
    world_run(stage.world, 0);
    assert_int_equal(files_of(&stage, stage.owner, NULL, 0), 1);
    assert_false(group_is_looking(group_of(&stage, stage.owner)));
    world_free(stage.world);
}

static void shelf_follows_the_epoch(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a"), bad = with_member(&stage, "bad");
    put(&stage, a, "one", 1);
    put(&stage, bad, "two", 2);
    world_run(stage.world, 15 * MINUTE);
    assert_int_equal(files_of(&stage, stage.owner, NULL, 0), 2);
    remove_person(&stage, bad);
    world_run(stage.world, 30 * MINUTE);
    assert_int_equal(files_of(&stage, stage.owner, NULL, 0), 1); /* who is out offers nothing */
    struct id id = key_of_item(group_own_keys(group_of(&stage, a))->public_key.bytes,
                               bytes_of_string(ITEM_SALT_SHELF));
    struct item_record item;
    uint32_t epoch;
    assert_true(item_record_decode(world_value(stage.world, &id, KIND_ITEM), &item));
    assert_true(shelf_epoch(item.body, &epoch));
    assert_int_equal(epoch, 2);
    world_free(stage.world);
}

static void long_list_comes_from_a_member(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a");
    char path[40];
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "lectures/%04u.pdf", i);
        put(&stage, a, path, i);
    }
    world_run(stage.world, 15 * MINUTE);
    assert_int_equal(world_actions(stage.world, stage.owner, GROUP_BLOB), 1);
    assert_int_equal(files_of(&stage, stage.owner, NULL, 0), 1000);
    assert_true(world_largest_value(stage.world) <= DHT_VALUE_MAX);

    put(&stage, a, "more", 5000);
    world_run(stage.world, 2 * SECOND);
    world_stop(stage.world, a); /* the new list cannot be had, the old one is still good */
    world_run(stage.world, 10 * MINUTE);
    assert_int_equal(files_of(&stage, stage.owner, NULL, 0), 1000);
    world_free(stage.world);
}

static void shelf_is_written_once_for_many_changes(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a");
    size_t before = world_actions(stage.world, a, GROUP_PUBLISH);
    for (uint32_t i = 0; i < 50; i++)
        put(&stage, a, "same name", i);
    world_run(stage.world, 10 * SECOND);
    assert_int_equal(world_actions(stage.world, a, GROUP_PUBLISH) - before, 1);
    world_free(stage.world);
}

static void restart_publishes_what_the_caller_has(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a");
    put(&stage, a, "one", 1);
    world_run(stage.world, 15 * MINUTE);
    world_stop(stage.world, a);
    world_start(stage.world, a);
    put(&stage, a, "two", 2);
    world_run(stage.world, 15 * MINUTE);
    struct group_file file;
    assert_int_equal(files_of(&stage, stage.owner, &file, 1), 1);
    assert_string_equal(file.entry->path, "two");
    world_free(stage.world);
}

static void shelf_of_a_keystore_put_back_goes_above_the_old_one(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a");
    size_t restored = world_add_device(stage.world, a); /* has no shelf yet */
    world_stop(stage.world, restored);
    for (uint32_t i = 0; i < 5; i++) {
        put(&stage, a, "old", i);
        world_run(stage.world, MINUTE);
    }
    world_stop(stage.world, a);
    world_start(stage.world, restored);
    put(&stage, restored, "new", 9);
    world_run(stage.world, 30 * MINUTE);
    struct group_file file;
    assert_int_equal(files_of(&stage, stage.owner, &file, 1), 1);
    assert_string_equal(file.entry->path, "new");
    world_free(stage.world);
}

static void of_two_devices_that_write_at_once_both_are_heard_soon(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a");
    size_t device = world_add_device(stage.world, a);
    world_run(stage.world, MINUTE);
    put(&stage, a, "one", 1);
    put(&stage, device, "two", 2);
    bool one = false, two = false;
    for (unsigned seconds = 0; seconds < 60; seconds++) {
        group_refresh(group_of(&stage, stage.owner), world_now_ms(stage.world));
        world_run(stage.world, SECOND);
        struct group_file file;
        if (files_of(&stage, stage.owner, &file, 1) == 0)
            continue;
        one = one || strcmp(file.entry->path, "one") == 0;
        two = two || strcmp(file.entry->path, "two") == 0;
    }
    assert_true(one && two);
    world_free(stage.world);
}

static void leaver_offers_nothing(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a"), b = with_member(&stage, "b");
    put(&stage, a, "one", 1);
    world_run(stage.world, 15 * MINUTE);
    assert_int_equal(files_of(&stage, b, NULL, 0), 1);
    world_stop(stage.world, stage.owner); /* who would remove it */
    group_leave(group_of(&stage, a), world_now_ms(stage.world));
    world_run(stage.world, 15 * MINUTE);
    assert_int_equal(files_of(&stage, b, NULL, 0), 0);
    world_free(stage.world);
}

static void another_digest_for_a_file_does_not_speak_for_the_others(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t liar = with_member(&stage, "liar"), a = with_member(&stage, "a");
    size_t b = with_member(&stage, "b");
    struct shelf_entry lie = entry_of("notes.pdf", 1);
    lie.sha256[0] = 1;
    assert_int_equal(group_shelf_add(group_of(&stage, liar), &lie, world_now_ms(stage.world)),
                     STATUS_OK);
    put(&stage, a, "notes.pdf", 1);
    put(&stage, b, "notes.pdf", 1);
    world_run(stage.world, 20 * MINUTE);
    struct group_file files[4];
    assert_int_equal(files_of(&stage, stage.owner, files, 4), 2);
    assert_int_equal(files[0].shelves, 2);
    assert_int_equal(files[0].entry->sha256[0], 0);
    assert_int_equal(files[1].shelves, 1);
    assert_string_equal(files[1].owner->name, "liar");
    world_free(stage.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_of_one_is_seen_by_all),
        cmocka_unit_test(what_is_taken_away_is_gone),
        cmocka_unit_test(asking_for_news_does_not_wait),
        cmocka_unit_test(shelf_follows_the_epoch),
        cmocka_unit_test(long_list_comes_from_a_member),
        cmocka_unit_test(shelf_is_written_once_for_many_changes),
        cmocka_unit_test(restart_publishes_what_the_caller_has),
        cmocka_unit_test(shelf_of_a_keystore_put_back_goes_above_the_old_one),
        cmocka_unit_test(of_two_devices_that_write_at_once_both_are_heard_soon),
        cmocka_unit_test(leaver_offers_nothing),
        cmocka_unit_test(another_digest_for_a_file_does_not_speak_for_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
