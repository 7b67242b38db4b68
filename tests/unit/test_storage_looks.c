/* Partial files that somebody else changes: what was left is told from what is there. */
#include <pthread.h>
#include <time.h>

#include "support/storage_fixture.h"

#define LENGTH 40000u

static struct storage_stat stats[2];
static bool changed[2];

static enum status look_anew(struct fixture *f)
{
    return storage_look_anew(f->storage, stats, changed, &f->error);
}

/* "root.part/a" and "root.part/b", both written. */
static struct fixture *begin_written(void **state)
{
    struct fixture *f = begin(state, "a:40000 b:40000");
    assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
    assert_int_equal(look_anew(f), STATUS_OK);
    assert_false(changed[0] || changed[1]);
    assert_int_equal(write_all(f), STATUS_OK);
    return f;
}

static const char *path_of(struct fixture *f, const char *name)
{
    return folder_path(f->dir, name);
}

static void scribble(const char *path, off_t at)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "!", 1, at), 1);
    close(fd);
}

/* The second file is as it was left, the first is not; whoever asks hears that. */
static void assert_first_changed(struct fixture *f)
{
    assert_int_equal(storage_check(f->storage, 0, 10, &f->error), STATUS_CHANGED);
    assert_string_equal(f->error.path, "root.part/a");
    assert_int_equal(storage_check(f->storage, LENGTH, LENGTH, &f->error), STATUS_OK);
    assert_int_equal(storage_check(f->storage, LENGTH - 1, 2, &f->error), STATUS_CHANGED);
    assert_int_equal(finish(f), STATUS_CHANGED);
    assert_int_equal(finish_by_force(f), STATUS_CHANGED);
    assert_true(storage_is_partial(f->storage));
    assert_false(folder_has(f->dir, "root"));
    assert_int_equal(look_anew(f), STATUS_OK);
    assert_true(changed[0]);
    assert_false(changed[1]);
}

static void what_was_left_alone_is_as_it_was(void **state)
{
    struct fixture *f = begin_written(state);
    for (uint64_t at = 0; at < 2 * LENGTH; at += 10000)
        assert_int_equal(write_run(f, at, 10000), STATUS_OK);
    assert_int_equal(storage_check(f->storage, 0, 2 * LENGTH, &f->error), STATUS_OK);
    assert_int_equal(storage_sync(f->storage, &f->error), STATUS_OK);
    assert_int_equal(look_anew(f), STATUS_OK);
    assert_false(changed[0] || changed[1]);
    assert_int_equal(finish(f), STATUS_OK);
    struct storage_stat left[2] = {{.exists = false}};
    storage_as_left(f->storage, left);
    assert_int_equal(storage_stat_files(f->storage, stats, &f->error), STATUS_OK);
    assert_int_equal(left[1].size, LENGTH);
    assert_int_equal(left[1].mtime_ns, stats[1].mtime_ns);
    assert_int_equal(left[1].inode, stats[1].inode);
}

struct writer {
    struct fixture *fixture;
    pthread_barrier_t *barrier;
    uint64_t offset;
    enum status status;
};

static void *write_half(void *user)
{
    struct writer *writer = user;
    pthread_barrier_wait(writer->barrier);
    writer->status = write_run(writer->fixture, writer->offset, LENGTH / 2);
    return NULL;
}

static void two_that_make_a_file_at_once_do_not_alarm_each_other(void **state)
{
    for (int i = 0; i < 100; i++) {
        struct fixture *f = begin_written(state);
        pthread_barrier_t barrier;
        pthread_t threads[2];
        struct writer writers[2];
        assert_int_equal(storage_delete(f->storage, &f->error), STATUS_OK);
        assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
        assert_int_equal(look_anew(f), STATUS_OK);
        pthread_barrier_init(&barrier, NULL, 2);
        for (unsigned k = 0; k < 2; k++) {
            writers[k] = (struct writer){f, &barrier, k * LENGTH / 2, STATUS_OK};
            assert_int_equal(pthread_create(&threads[k], NULL, write_half, &writers[k]), 0);
        }
        for (unsigned k = 0; k < 2; k++) {
            assert_int_equal(pthread_join(threads[k], NULL), 0);
            assert_int_equal(writers[k].status, STATUS_OK);
        }
        pthread_barrier_destroy(&barrier);
        assert_int_equal(finish(f), STATUS_OK);
    }
}

static void a_cut_file_is_not_written_to(void **state)
{
    struct fixture *f = begin_written(state);
    assert_int_equal(truncate(path_of(f, "root.part/a"), 10), 0);
    assert_int_equal(write_run(f, LENGTH - 100, 100), STATUS_CHANGED);
    assert_true(folder_holds(f->dir, "root.part/a", f->bytes, 10));
    assert_int_equal(write_run(f, LENGTH, 100), STATUS_OK);
    assert_int_equal(storage_sync(f->storage, &f->error), STATUS_CHANGED);
    assert_first_changed(f);
    assert_int_equal(write_run(f, 0, LENGTH), STATUS_OK);
    assert_int_equal(finish(f), STATUS_OK);
}

/* Whatever the system's clock of stamps does: at once behind our write. */
static void bytes_written_at_once_after_ours_are_noticed(void **state)
{
    for (int i = 0; i < 50; i++) {
        struct fixture *f = begin_written(state);
        scribble(path_of(f, "root.part/a"), 5);
        assert_int_equal(write_run(f, 100, 100), STATUS_CHANGED);
        assert_first_changed(f);
        scribble(path_of(f, "root.part/a"), 6); /* and at once behind our look */
        assert_first_changed(f);
    }
}

/* And the clock of stamps has gone on meanwhile: nobody can set the time of the last change. */
static void scribble_unseen(const char *path, off_t at)
{
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    const struct timespec times[2] = {before.st_atim, before.st_mtim};
    scribble(path, at);
    do {
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        assert_int_equal(stat(path, &after), 0);
    } while (after.st_ctim.tv_sec == before.st_ctim.tv_sec &&
             after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
    assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

static void a_write_whose_time_was_put_back_is_noticed(void **state)
{
    struct fixture *f = begin_written(state);
    scribble_unseen(path_of(f, "root.part/a"), 5);
    assert_first_changed(f);
}

static void what_was_left_in_an_earlier_run_is_told_from_what_is_there(void **state)
{
    struct fixture *f = begin_written(state);
    struct storage_stat left[2] = {{.exists = false}};
    storage_as_left(f->storage, left);
    scribble_unseen(path_of(f, "root.part/a"), 5);
    struct storage *again;
    assert_int_equal(
        storage_new(storage_metainfo(f->storage), f->dir, "root", true, f->cache, &again),
        STATUS_OK);
    assert_int_equal(storage_set_left(again, left), STATUS_OK);
    assert_int_equal(storage_look_anew(again, stats, changed, &f->error), STATUS_OK);
    assert_true(changed[0]);
    assert_false(changed[1]);
    storage_free(again);
}

/* Its rename is the last change of a file that is no folder. */
static void a_file_that_we_gave_its_name_is_as_we_left_it(void **state)
{
    struct fixture *f = begin(state, "one:40000");
    assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(finish(f), STATUS_OK);
    struct storage_stat left = {.exists = false};
    storage_as_left(f->storage, &left);
    assert_int_equal(storage_stat_files(f->storage, stats, &f->error), STATUS_OK);
    assert_true(left.exists && left.ctime_ns != 0);
    assert_true(storage_stat_same(&left, &stats[0]));
}

static void a_longer_file_is_not_cut_and_called_right(void **state)
{
    struct fixture *f = begin_written(state);
    scribble(path_of(f, "root.part/a"), LENGTH + 1000);
    assert_first_changed(f);
}

static void a_deleted_file_is_noticed_though_it_is_open(void **state)
{
    struct fixture *f = begin_written(state);
    assert_int_equal(unlink(path_of(f, "root.part/a")), 0);
    assert_int_equal(write_run(f, 0, 100), STATUS_CHANGED);
    assert_first_changed(f);
    assert_false(stats[0].exists);
    assert_int_equal(write_run(f, 0, LENGTH), STATUS_OK);
    assert_int_equal(finish(f), STATUS_OK);
}

static void a_file_moved_away_is_noticed_when_synced(void **state)
{
    struct fixture *f = begin_written(state);
    assert_int_equal(rename(path_of(f, "root.part/a"), path_of(f, "taken")), 0);
    assert_int_equal(storage_sync(f->storage, &f->error), STATUS_CHANGED);
    assert_first_changed(f);
}

static void a_replaced_file_is_noticed_by_its_inode(void **state)
{
    struct fixture *f = begin_written(state);
    struct stat before;
    assert_int_equal(stat(path_of(f, "root.part/a"), &before), 0);
    assert_true(folder_write(f->dir, "new", f->bytes, LENGTH));
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path_of(f, "new"), times, 0), 0);
    assert_int_equal(rename(path_of(f, "new"), path_of(f, "root.part/a")), 0);
    assert_first_changed(f);
}

static void a_file_that_came_before_ours_is_noticed(void **state)
{
    struct fixture *f = begin_written(state);
    assert_int_equal(unlink(path_of(f, "root.part/b")), 0);
    assert_int_equal(look_anew(f), STATUS_OK);
    assert_true(changed[1] && !stats[1].exists);
    assert_true(folder_write(f->dir, "root.part/b", "mine", 4));
    assert_int_equal(write_run(f, LENGTH, 100), STATUS_CHANGED);
    assert_true(folder_holds(f->dir, "root.part/b", "mine", 4));
}

static void stamps_that_are_not_trusted_are_not_compared(void **state)
{
    struct fixture *f = begin_written(state);
    storage_distrust_stamps(f->storage);
    scribble(path_of(f, "root.part/a"), 5);
    assert_int_equal(storage_check(f->storage, 0, 10, &f->error), STATUS_OK);
    assert_int_equal(truncate(path_of(f, "root.part/a"), 10), 0);
    assert_first_changed(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_test(what_was_left_alone_is_as_it_was),
        storage_test(two_that_make_a_file_at_once_do_not_alarm_each_other),
        storage_test(a_cut_file_is_not_written_to),
        storage_test(bytes_written_at_once_after_ours_are_noticed),
        storage_test(a_write_whose_time_was_put_back_is_noticed),
        storage_test(what_was_left_in_an_earlier_run_is_told_from_what_is_there),
        storage_test(a_file_that_we_gave_its_name_is_as_we_left_it),
        storage_test(a_longer_file_is_not_cut_and_called_right),
        storage_test(a_deleted_file_is_noticed_though_it_is_open),
        storage_test(a_file_moved_away_is_noticed_when_synced),
        storage_test(a_replaced_file_is_noticed_by_its_inode),
        storage_test(a_file_that_came_before_ours_is_noticed),
        storage_test(stamps_that_are_not_trusted_are_not_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
