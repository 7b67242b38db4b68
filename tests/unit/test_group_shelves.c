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
    put(&stage, a, "old", 100);
    world_run(stage.world, MINUTE);
    size_t restored = world_add_device(stage.world, a);
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

/* One by one, in the order of their paths. */
static void assert_files(const struct stage *stage, size_t person, const char *const paths[],
                         size_t count)
{
    struct group_file files[8];
    assert_int_equal(files_of(stage, person, files, 8), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(files[i].entry->path, paths[i]);
}

/* What each device offers is offered by the member, whoever wrote first, last or at once. */
static void devices_of_one_member_have_their_lists_side_by_side(void **state)
{
    (void)state;
    static const char *const two[] = {"one", "two"}, *const three[] = {"one", "three", "two"};
    for (uint64_t seed = 0; seed < 16; seed++) {
        struct stage stage = with_owner_of(&study, seed);
        size_t a = with_member(&stage, "a"), b = with_member(&stage, "b");
        size_t device = world_add_device(stage.world, a);
        world_run(stage.world, MINUTE);
        put(&stage, a, "one", 1);
        world_run(stage.world, seed % 4 * SECOND);
        put(&stage, device, "two", 2);
        for (int seconds = 0; seconds < 16; seconds++) { /* whatever it sees meanwhile */
            group_refresh(group_of(&stage, b), world_now_ms(stage.world));
            world_run(stage.world, SECOND);
        }
        assert_files(&stage, b, two, 2);

        put(&stage, a, "three", 3); /* and nobody's is lost by further ones */
        world_run(stage.world, 25 * MINUTE);
        size_t all[] = {stage.owner, b, a, device};
        for (size_t i = 0; i < 4; i++)
            assert_files(&stage, all[i], three, 3);
        world_stop(stage.world, device); /* nor by a restart */
        world_start(stage.world, device);
        put(&stage, device, "two", 2);
        world_run(stage.world, 25 * MINUTE);
        assert_files(&stage, b, three, 3);
        world_free(stage.world);
    }
}

/* A copy of the first one's state goes above it; the first one, unaware, writes the same seq. */
static void device_with_a_copied_state_ends_beside_the_first(void **state)
{
    (void)state;
    static const char *const three[] = {"one", "three", "two"};
    for (uint64_t seed = 0; seed < 16; seed++) {
        struct stage stage = with_owner_of(&study, seed);
        size_t a = with_member(&stage, "a"), b = with_member(&stage, "b");
        put(&stage, a, "one", 1);
        world_run(stage.world, MINUTE);
        size_t device = world_add_device(stage.world, a);
        put(&stage, device, "two", 2);
        world_run(stage.world, SECOND);
        group_refresh(group_of(&stage, b), world_now_ms(stage.world));
        world_run(stage.world, SECOND);
        put(&stage, a, "three", 3);
        for (int seconds = 0; seconds < 30; seconds++) {
            group_refresh(group_of(&stage, b), world_now_ms(stage.world));
            group_refresh(group_of(&stage, device), world_now_ms(stage.world));
            world_run(stage.world, SECOND);
        }
        assert_files(&stage, b, three, 3);
        world_free(stage.world);
    }
}

static void what_one_device_takes_away_is_gone_and_stays_so(void **state)
{
    (void)state;
    static const char *const left[] = {"one", "two"};
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a");
    size_t device = world_add_device(stage.world, a);
    world_run(stage.world, MINUTE);
    put(&stage, a, "one", 1);
    put(&stage, a, "both", 3);
    put(&stage, device, "two", 2);
    put(&stage, device, "both", 3);
    world_run(stage.world, 25 * MINUTE);
    struct group_file files[4];
    assert_int_equal(files_of(&stage, stage.owner, files, 4), 3);
    assert_int_equal(files[0].shelves, 1); /* one member */
    struct shelf_entry both = entry_of("both", 3);
    group_shelf_remove(group_of(&stage, a), &both.infohash, world_now_ms(stage.world));
    world_run(stage.world, 25 * MINUTE);
    assert_int_equal(files_of(&stage, stage.owner, NULL, 0), 3); /* the other device has it */
    group_shelf_remove(group_of(&stage, device), &both.infohash, world_now_ms(stage.world));
    world_run(stage.world, 2 * HOUR);
    assert_files(&stage, stage.owner, left, 2);
    world_free(stage.world);
}

/* It has nothing to offer, and what is offered is not its to take away. */
static void device_without_files_leaves_the_list_of_the_other(void **state)
{
    (void)state;
    static const char *const one[] = {"one"};
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a");
    put(&stage, a, "one", 1);
    world_run(stage.world, MINUTE);
    size_t device = world_add_device(stage.world, a); /* which knows of the shelf */
    for (int minute = 0; minute < 60; minute++) {
        world_run(stage.world, MINUTE);
        group_refresh(group_of(&stage, stage.owner), world_now_ms(stage.world));
        world_run(stage.world, SECOND);
        assert_files(&stage, stage.owner, one, 1);
    }
    assert_files(&stage, device, one, 1);
    world_free(stage.world);
}

/* The first one's list ends when it was not renewed, and the others' would be out of reach. */
static void list_in_a_later_slot_outlives_the_first_device(void **state)
{
    (void)state;
    struct stage stage = with_owner(&study);
    size_t a = with_member(&stage, "a");
    size_t device = world_add_device(stage.world, a);
    world_run(stage.world, MINUTE);
    put(&stage, a, "one", 1);
    world_run(stage.world, MINUTE);
    put(&stage, device, "two", 2);
    world_run(stage.world, 25 * MINUTE);
    assert_int_equal(files_of(&stage, stage.owner, NULL, 0), 2);
    struct id key = key_of_item(group_own_keys(group_of(&stage, a))->public_key.bytes,
                                bytes_of_string(ITEM_SALT_SHELF));
    world_stop(stage.world, a);
    world_lose(stage.world, &key);
    world_run(stage.world, HOUR);
    struct item_record item;
    assert_true(item_record_decode(world_value(stage.world, &key, KIND_ITEM), &item));
    size_t late = with_member(&stage, "late");
    world_run(stage.world, MINUTE);
    static const char *const two[] = {"two"};
    assert_files(&stage, late, two, 1);
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
        cmocka_unit_test(devices_of_one_member_have_their_lists_side_by_side),
        cmocka_unit_test(device_with_a_copied_state_ends_beside_the_first),
        cmocka_unit_test(what_one_device_takes_away_is_gone_and_stays_so),
        cmocka_unit_test(device_without_files_leaves_the_list_of_the_other),
        cmocka_unit_test(list_in_a_later_slot_outlives_the_first_device),
        cmocka_unit_test(leaver_offers_nothing),
        cmocka_unit_test(another_digest_for_a_file_does_not_speak_for_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
