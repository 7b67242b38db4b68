#include "support/storage_fixture.h"

/* The final name: what takes it, what keeps it, and what is deleted. */

/* ---- the final name ---- */

static void an_existing_file_is_not_overwritten(void **state)
{
    struct fixture *f = begin(state, "one:100");
    assert_true(folder_write(f->dir, "root", "mine", 4));
    assert_int_equal(write_all(f), STATUS_OK);
    struct storage_presence there;
    assert_int_equal(storage_look(f->storage, &there, &f->error), STATUS_OK);
    assert_true(there.partial && there.final);
    assert_int_equal(finish(f), STATUS_EXISTS);
    assert_true(folder_holds(f->dir, "root", "mine", 4));
    assert_int_equal(read_all(f), STATUS_OK);
    assert_int_equal(finish_by_force(f), STATUS_OK);
    assert_true(file_right(f, "root", 0));
}

static void forced_folders_are_merged(void **state)
{
    struct fixture *f = begin(state, "a:10 sub/b:20");
    assert_true(folder_write(f->dir, "root/a", "old", 3));
    assert_true(folder_write(f->dir, "root/other", "mine", 4));
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(finish(f), STATUS_EXISTS);
    assert_true(folder_holds(f->dir, "root/a", "old", 3));
    assert_int_equal(finish_by_force(f), STATUS_OK);
    assert_true(file_right(f, "root/a", 0));
    assert_true(file_right(f, "root/sub/b", 1));
    assert_true(folder_holds(f->dir, "root/other", "mine", 4));
    assert_false(folder_has(f->dir, "root.part"));
}

static void force_does_not_turn_a_folder_into_a_file(void **state)
{
    struct fixture *f = begin(state, "one:100");
    assert_true(folder_write(f->dir, "root/mine", "mine", 4));
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(finish_by_force(f), STATUS_EXISTS);
    assert_true(folder_holds(f->dir, "root/mine", "mine", 4));
}

static void finishing_nothing_is_not_found(void **state)
{
    struct fixture *f = begin(state, "one:100");
    assert_true(folder_write(f->dir, "root", "done before", 11));
    assert_int_equal(finish(f), STATUS_NOT_FOUND);
    assert_false(folder_has(f->dir, "root.part"));
}

static void finishing_cuts_what_is_too_long(void **state)
{
    struct fixture *f = begin(state, "one:100");
    char longer[300];
    memset(longer, 'x', sizeof longer);
    assert_true(folder_write(f->dir, "root.part", longer, sizeof longer));
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(finish(f), STATUS_OK);
    assert_true(file_right(f, "root", 0));
}

static void empty_content_is_made(void **state)
{
    struct fixture *f = begin(state, "e/f:0 g:0");
    assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
    assert_true(file_right(f, "root.part/e/f", 0));
    assert_int_equal(finish(f), STATUS_OK);
    assert_true(file_right(f, "root/g", 1));
}

static void reopened_content_can_be_written_again(void **state)
{
    struct fixture *f = begin(state, "a:10 b:10");
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(finish(f), STATUS_OK);
    assert_int_equal(storage_reopen(f->storage, &f->error), STATUS_OK);
    assert_true(storage_is_partial(f->storage));
    assert_true(file_right(f, "root.part/b", 1));
    assert_int_equal(write_run(f, 5, 10), STATUS_OK);
    assert_int_equal(finish(f), STATUS_OK);
}

/* ---- the partial name ---- */

static void one_download_at_a_time_has_the_partial_name(void **state)
{
    static const char *const layouts[] = {"a:10 b:0", "a:10"}; /* a folder, a file */
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = begin(state, layouts[i]);
        struct storage *other;
        assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
        assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
        assert_int_equal(storage_new(f->metainfo, f->dir, "root", true, f->cache, &other),
                         STATUS_OK);
        assert_int_equal(storage_prepare(other, &f->error), STATUS_CONFLICT);
        assert_int_equal(write_all(f), STATUS_OK);
        assert_int_equal(finish(f), STATUS_OK);
        assert_int_equal(storage_prepare(other, &f->error), STATUS_OK);
        storage_free(other);
    }
}

/* ---- deleting ---- */

static void only_its_own_files_are_deleted(void **state)
{
    struct fixture *f = begin(state, "a/b/c:10 a/d:10 e:10");
    assert_int_equal(write_all(f), STATUS_OK);
    assert_true(folder_write(f->dir, "root.part/a/kept", "mine", 4));
    assert_int_equal(storage_delete(f->storage, &f->error), STATUS_OK);
    assert_true(folder_holds(f->dir, "root.part/a/kept", "mine", 4));
    assert_false(folder_has(f->dir, "root.part/a/b") || folder_has(f->dir, "root.part/e"));
    assert_int_equal(unlink(folder_path(f->dir, "root.part/a/kept")), 0);
    assert_int_equal(storage_delete(f->storage, &f->error), STATUS_OK);
    assert_false(folder_has(f->dir, "root.part"));
    assert_true(folder_has(f->dir, "."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_test(an_existing_file_is_not_overwritten),
        storage_test(forced_folders_are_merged),
        storage_test(force_does_not_turn_a_folder_into_a_file),
        storage_test(finishing_nothing_is_not_found),
        storage_test(finishing_cuts_what_is_too_long),
        storage_test(empty_content_is_made),
        storage_test(reopened_content_can_be_written_again),
        storage_test(one_download_at_a_time_has_the_partial_name),
        storage_test(only_its_own_files_are_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
