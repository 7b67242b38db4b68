#include <unistd.h>

#include "content/storage_move.h"
#include "support/storage_fixture.h"

/* Content on its way to another folder, and what is left when it is broken off. */

struct journey {
    struct fixture *f;
    char *dir;
    struct storage *to;
    bool left_over;
};

static struct journey begin_journey(void **state, const char *layout)
{
    struct journey journey = {.f = begin(state, layout)};
    journey.dir = strdup(folder_path(journey.f->dir, "new/place"));
    assert_int_equal(
        storage_new(journey.f->metainfo, journey.dir, "root", true, journey.f->cache, &journey.to),
        STATUS_OK);
    assert_int_equal(storage_prepare(journey.f->storage, &journey.f->error), STATUS_OK);
    assert_int_equal(write_all(journey.f), STATUS_OK);
    return journey;
}

static void end_journey(struct journey *journey)
{
    storage_free(journey->to);
    free(journey->dir);
}

/* The storage in the new folder has all of it, the old folder nothing. */
static void check_arrived(struct journey *journey)
{
    struct fixture *f = journey->f;
    assert_false(folder_has(f->dir, "root.part"));
    struct storage *old = f->storage;
    f->storage = journey->to;
    assert_int_equal(read_all(f), STATUS_OK);
    f->storage = old;
}

static enum status copy_all(struct journey *journey)
{
    struct storage_copy *copy = storage_copy_new(journey->f->storage, journey->to);
    struct storage_stat stats[8];
    uint64_t done_bytes, total;
    bool done = false;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !done)
        status = storage_copy_step(copy, &done, &journey->f->error);
    storage_copy_progress(copy, &done_bytes, &total);
    if (status == STATUS_OK) {
        assert_int_equal(done_bytes, total);
        assert_int_equal(storage_copy_stat(copy, stats, &journey->f->error), STATUS_OK);
        for (uint32_t i = 0; i < journey->f->metainfo->file_count; i++)
            assert_true(stats[i].exists && stats[i].size == journey->f->metainfo->files[i].length);
    }
    storage_copy_free(copy);
    return status;
}

static enum status settle(struct journey *journey)
{
    return storage_move_settle(journey->f->storage, journey->to, &journey->left_over,
                               &journey->f->error);
}

static const char *const layouts[] = {"a:20000 b/c:50000 b/d:0", "a:70000"};

static void a_rename_takes_all_of_it_and_may_be_repeated(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct journey journey = begin_journey(state, layouts[i]);
        enum storage_move how;
        for (int again = 0; again < 2; again++) {
            assert_int_equal(storage_move(journey.f->storage, journey.to, &how, &journey.f->error),
                             STATUS_OK);
            assert_int_equal(how, STORAGE_MOVED);
        }
        check_arrived(&journey);
        end_journey(&journey);
    }
}

static void a_copy_settles_once_and_again(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct journey journey = begin_journey(state, layouts[i]);
        assert_int_equal(copy_all(&journey), STATUS_OK);
        assert_int_equal(copy_all(&journey), STATUS_OK); /* as after a kill */
        assert_true(folder_has(journey.f->dir, "root.part"));
        assert_int_equal(settle(&journey), STATUS_OK);
        assert_int_equal(settle(&journey), STATUS_OK);
        assert_false(journey.left_over);
        check_arrived(&journey);
        end_journey(&journey);
    }
}

static void border_pieces_are_copied_too(void **state)
{
    struct journey journey = begin_journey(state, "a:20000 b:50000");
    uint8_t *one = calloc(2, 1), *other = calloc(2, 1);
    one[0] = other[0] = 1;
    assert_int_equal(storage_delete(journey.f->storage, &journey.f->error), STATUS_OK);
    storage_leave_out(journey.f->storage, one);
    storage_leave_out(journey.to, other);
    assert_int_equal(storage_prepare(journey.f->storage, &journey.f->error), STATUS_OK);
    assert_int_equal(write_all(journey.f), STATUS_OK);
    bool done = false;
    struct storage_copy *copy = storage_copy_new(journey.f->storage, journey.to);
    while (!done)
        assert_int_equal(storage_copy_step(copy, &done, &journey.f->error), STATUS_OK);
    storage_copy_free(copy);
    assert_int_equal(settle(&journey), STATUS_OK);
    check_arrived(&journey);
    assert_false(folder_has(journey.f->dir, "new/place/root.part/a"));
    end_journey(&journey);
}

static void what_has_the_name_stays_and_so_does_the_source(void **state)
{
    struct journey journey = begin_journey(state, "a:20000 b:50000");
    enum storage_move how;
    assert_true(folder_write(journey.f->dir, "new/place/root.part", "mine", 4));
    assert_int_equal(storage_move(journey.f->storage, journey.to, &how, &journey.f->error),
                     STATUS_EXISTS);
    assert_int_equal(copy_all(&journey), STATUS_OK);
    assert_int_equal(settle(&journey), STATUS_EXISTS);
    assert_int_equal(read_all(journey.f), STATUS_OK);
    storage_copy_abandon(journey.to);
    assert_true(folder_holds(journey.f->dir, "new/place/root.part", "mine", 4));
    assert_int_equal(unlink(folder_path(journey.f->dir, "new/place/root.part")), 0);
    assert_int_equal(rmdir(folder_path(journey.f->dir, "new/place")), 0); /* nothing else there */
    assert_int_equal(settle(&journey), STATUS_NOT_FOUND);
    assert_int_equal(read_all(journey.f), STATUS_OK);
    end_journey(&journey);
}

static void a_file_that_is_written_to_meanwhile_is_not_copied(void **state)
{
    struct journey journey = begin_journey(state, "a:100 b:40000000");
    struct storage_copy *copy = storage_copy_new(journey.f->storage, journey.to);
    bool done = false;
    assert_int_equal(storage_copy_step(copy, &done, &journey.f->error), STATUS_OK);
    assert_false(done);
    assert_int_equal(truncate(folder_path(journey.f->dir, "root.part/b"), 39000000), 0);
    assert_int_not_equal(storage_copy_step(copy, &done, &journey.f->error), STATUS_OK);
    assert_false(done);
    storage_copy_free(copy);
    storage_copy_abandon(journey.to);
    assert_int_equal(rmdir(folder_path(journey.f->dir, "new/place")), 0);
    end_journey(&journey);
}

static void to_where_it_is_nothing_happens(void **state)
{
    struct journey journey = begin_journey(state, "a:100");
    struct storage *same;
    enum storage_move how;
    assert_int_equal(symlink(journey.f->dir, folder_path(journey.f->dir, "link")), 0);
    assert_int_equal(storage_new(journey.f->metainfo, folder_path(journey.f->dir, "link"), "root",
                                 true, journey.f->cache, &same),
                     STATUS_OK);
    assert_int_equal(storage_move(journey.f->storage, same, &how, &journey.f->error), STATUS_OK);
    assert_int_equal(how, STORAGE_MOVED);
    assert_int_equal(
        storage_move_settle(journey.f->storage, same, &journey.left_over, &journey.f->error),
        STATUS_OK);
    assert_int_equal(read_all(journey.f), STATUS_OK); /* and nothing was deleted */
    storage_free(same);
    end_journey(&journey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_test(a_rename_takes_all_of_it_and_may_be_repeated),
        storage_test(a_copy_settles_once_and_again),
        storage_test(border_pieces_are_copied_too),
        storage_test(what_has_the_name_stays_and_so_does_the_source),
        storage_test(a_file_that_is_written_to_meanwhile_is_not_copied),
        storage_test(to_where_it_is_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
