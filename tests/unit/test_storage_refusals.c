#include "support/storage_fixture.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* What a disk may refuse, and what storage refuses to touch. */

/* ---- what is in the way ---- */

/* A link planted in the target, as file or as folder, leads nowhere. */
static void planted_links_are_not_followed(void **state)
{
    struct fixture *f = begin(state, "sub/a:100 b:100");
    uint8_t got[100];
    assert_true(folder_write(f->dir, "outside/a", "secret", 6));
    mkdir(folder_path(f->dir, "root.part"), 0755);
    assert_int_equal(symlink("../outside", folder_path(f->dir, "root.part/sub")), 0);
    assert_int_equal(symlink("../outside/new", folder_path(f->dir, "root.part/b")), 0);
    assert_int_equal(write_run(f, 0, 100), STATUS_REFUSED);
    assert_int_equal(write_run(f, 100, 100), STATUS_REFUSED);
    assert_int_equal(storage_read(f->storage, 0, 100, got, &f->error), STATUS_REFUSED);
    struct storage_stat stats[2];
    assert_int_equal(storage_stat_files(f->storage, stats, &f->error), STATUS_OK);
    assert_false(stats[0].exists || stats[1].exists);
    assert_int_equal(storage_delete(f->storage, &f->error), STATUS_REFUSED);
    assert_true(folder_holds(f->dir, "outside/a", "secret", 6));
    assert_false(folder_has(f->dir, "outside/new"));
}

static void the_root_may_be_no_link_either(void **state)
{
    struct fixture *f = begin(state, "one:100");
    assert_true(folder_write(f->dir, "outside", "secret", 6));
    assert_int_equal(symlink("outside", folder_path(f->dir, "root.part")), 0);
    assert_int_equal(write_all(f), STATUS_REFUSED);
    assert_int_equal(f->error.error, ELOOP);
    assert_true(folder_holds(f->dir, "outside", "secret", 6));
}

static void a_pipe_in_the_way_does_not_hold_the_thread(void **state)
{
    struct fixture *f = begin(state, "one:100");
    assert_int_equal(mkfifo(folder_path(f->dir, "root.part"), 0644), 0);
    assert_int_equal(write_all(f), STATUS_REFUSED);
    assert_int_equal(read_all(f), STATUS_REFUSED);
    char text[STORAGE_ERROR_SIZE];
    storage_error_text(STATUS_REFUSED, &f->error, text);
    assert_string_equal(text, "root.part: not a regular file");
}

/* ---- what the system refuses ---- */

static void a_limit_on_size_is_an_error_not_a_short_file(void **state)
{
    struct fixture *f = begin(state, "one:100000");
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 30000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status status = write_all(f);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_IO);
    assert_int_equal(f->error.error, EFBIG);
}

static void no_permission_is_said(void **state)
{
    uid_t self = geteuid();
    struct fixture *f = begin(state, "a:100 b:100");
    assert_int_equal(write_run(f, 0, 100), STATUS_OK);
    open_storage(f, "root"); /* what is open stays writable */
    assert_int_equal(chmod(folder_path(f->dir, "root.part"), 0555), 0);
    assert_int_equal(chmod(folder_path(f->dir, "root.part/a"), 0444), 0);
    if (self == 0) /* nothing is forbidden to root */
        assert_true(chmod(f->dir, 0755) == 0 && seteuid(65534) == 0);
    enum status statuses[] = {write_run(f, 0, 100), write_run(f, 100, 100)};
    assert_int_equal(seteuid(self), 0);
    assert_int_equal(statuses[0], STATUS_PERMISSION);
    assert_int_equal(statuses[1], STATUS_PERMISSION);
    assert_string_equal(f->error.path, "root.part/b");
    assert_int_equal(chmod(folder_path(f->dir, "root.part"), 0755), 0);
}

/* On a file system of 64 KiB of our own, where we may have one. */
static void a_full_disk_is_no_space(void **state)
{
    struct fixture *f = begin(state, "a:1000000");
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", f->dir, "tmpfs", 0, "size=64k") != 0)
        skip();
    uint64_t room, used;
    assert_int_equal(write_all(f), STATUS_NO_SPACE);
    assert_int_equal(f->error.error, ENOSPC);
    assert_string_equal(f->error.path, "root.part");
    assert_int_equal(storage_free_space(f->storage, &room, &f->error), STATUS_OK);
    assert_int_equal(storage_used_space(f->storage, &used, &f->error), STATUS_OK);
    assert_true(room == 0 && used == 65536);
    close_storage(f);
    assert_int_equal(umount(f->dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_test(planted_links_are_not_followed),
        storage_test(the_root_may_be_no_link_either),
        storage_test(a_pipe_in_the_way_does_not_hold_the_thread),
        storage_test(a_limit_on_size_is_an_error_not_a_short_file),
        storage_test(no_permission_is_said),
        storage_test(a_full_disk_is_no_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
