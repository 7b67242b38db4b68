#include "support/unit.h"

#include <string.h>

#include "content/tree.h"
#include "support/folder.h"

static char *dir;

static int make_dir(void **state)
{
    (void)state;
    dir = folder_make();
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    folder_remove(dir);
    free(dir);
    return 0;
}

static void put(const char *name)
{
    assert_true(folder_write(dir, name, name, strlen(name)));
}

static struct tree *scan(const char *path, const char *const exclude[], size_t count)
{
    struct tree *tree = NULL;
    char error[TREE_ERROR_SIZE];
    if (tree_scan(path, exclude, count, &tree, error) != STATUS_OK)
        fail_msg("%s", error);
    return tree;
}

static void assert_paths(const struct tree *tree, const char *wanted)
{
    char joined[2000] = "";
    for (uint32_t i = 0; i < tree->file_count; i++) {
        strcat(joined, i > 0 ? "|" : "");
        strcat(joined, tree->files[i].path);
    }
    assert_string_equal(joined, wanted);
}

static void assert_fails(const char *path, enum status status, const char *wanted)
{
    struct tree *tree = NULL;
    char error[TREE_ERROR_SIZE];
    assert_int_equal(tree_scan(path, NULL, 0, &tree, error), status);
    if (strstr(error, wanted) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", wanted, error);
}

static void files_come_in_byte_order(void **state)
{
    (void)state;
    put("r/b/z");
    put("r/b/a/deep");
    put("r/a");
    put("r/b.x");
    put("r/B");
    put("r/\xc3\xa4/\xe6\x97\xa5");
    put("r/.hidden");
    mkdir(folder_path(dir, "r/empty"), 0755);
    struct tree *tree = scan(folder_path(dir, "r"), NULL, 0);
    assert_paths(tree, ".hidden|B|a|b.x|b/a/deep|b/z|\xc3\xa4/\xe6\x97\xa5");
    assert_false(tree->single_file);
    assert_string_equal(tree->name, "r");
    assert_string_equal(tree->target, "r");
    assert_int_equal(tree->files[0].length, strlen("r/.hidden"));
    assert_true(tree->files[0].mtime_ns > 0 && tree->files[0].inode > 0);
    uint64_t total = 0;
    for (uint32_t i = 0; i < tree->file_count; i++)
        total += tree->files[i].length;
    assert_int_equal(tree->total_length, total);
    tree_free(tree);
}

static void a_file_is_a_tree_of_one(void **state)
{
    (void)state;
    put("notes.pdf");
    struct tree *tree = scan(folder_path(dir, "notes.pdf"), NULL, 0);
    assert_true(tree->single_file);
    assert_paths(tree, "notes.pdf");
    assert_string_equal(tree->target, "notes.pdf");
    char *real = realpath(dir, NULL);
    assert_string_equal(tree->dir, real);
    free(real);
    tree_free(tree);
}

static void links_and_specials_are_passed_over(void **state)
{
    (void)state;
    put("outside");
    put("r/a");
    assert_int_equal(symlink("../outside", folder_path(dir, "r/out")), 0);
    assert_int_equal(symlink("a", folder_path(dir, "r/in")), 0);
    assert_int_equal(symlink("..", folder_path(dir, "r/up")), 0);
    assert_int_equal(mkfifo(folder_path(dir, "r/pipe"), 0644), 0);
    struct tree *tree = scan(folder_path(dir, "r"), NULL, 0);
    assert_paths(tree, "a");
    assert_int_equal(tree->skipped_links, 3);
    assert_int_equal(tree->skipped_special, 1);
    tree_free(tree);
}

static void a_link_that_was_named_is_followed(void **state)
{
    (void)state;
    put("real/a");
    assert_int_equal(symlink("real", folder_path(dir, "link")), 0);
    struct tree *tree = scan(folder_path(dir, "link/"), NULL, 0);
    assert_paths(tree, "a");
    assert_string_equal(tree->name, "link");
    assert_string_equal(tree->target, "real");
    tree_free(tree);
    tree = scan(folder_path(dir, "real/."), NULL, 0);
    assert_string_equal(tree->name, "real");
    tree_free(tree);
}

static void globs_leave_out(void **state)
{
    (void)state;
    put("r/a.tmp");
    put("r/a.txt");
    put("r/sub/b.tmp");
    put("r/sub/c.txt");
    put("r/cache/d.txt");
    put("r/sub/\xff\xfe.tmp"); /* a name that could not be shared */
    const char *exclude[] = {"*.tmp", "cache", "sub/c*"};
    struct tree *tree = scan(folder_path(dir, "r"), exclude, 3);
    assert_paths(tree, "a.txt");
    assert_int_equal(tree->skipped_excluded, 5);
    tree_free(tree);
}

static void what_cannot_be_shared_is_named(void **state)
{
    (void)state;
    mkdir(folder_path(dir, "nothing"), 0755);
    assert_fails(folder_path(dir, "nothing"), STATUS_NOT_FOUND, "nothing: holds no file");
    assert_fails(folder_path(dir, "gone"), STATUS_NOT_FOUND, "gone: No such file");
    assert_fails("/", STATUS_REFUSED, "root folder");
    assert_fails("/dev/null", STATUS_REFUSED, "neither a file nor a folder");
    put("r/ok");
    put("r/sub/bad\x1bname");
    assert_fails(folder_path(dir, "r"), STATUS_REFUSED, "sub/bad?name: its name cannot be shared");
}

static void unreadable_files_are_named(void **state)
{
    (void)state;
    uid_t self = geteuid();
    put("r/a");
    put("r/secret");
    assert_int_equal(chmod(folder_path(dir, "r/secret"), 0), 0);
    if (self == 0) /* nothing is unreadable to root */
        assert_true(chmod(dir, 0755) == 0 && seteuid(65534) == 0);
    assert_fails(folder_path(dir, "r"), STATUS_PERMISSION, "secret: Permission denied");
    assert_int_equal(seteuid(self), 0);
}

static void too_deep_paths_are_refused_not_followed(void **state)
{
    (void)state;
    char cwd[4096], part[101];
    assert_non_null(getcwd(cwd, sizeof cwd));
    memset(part, 'd', 100);
    part[100] = 0;
    assert_int_equal(mkdir(folder_path(dir, "r"), 0755), 0);
    assert_int_equal(chdir(folder_path(dir, "r")), 0);
    for (int i = 0; i < 15; i++)
        assert_true(mkdir(part, 0755) == 0 && chdir(part) == 0);
    assert_int_equal(chdir(cwd), 0);
    assert_fails(folder_path(dir, "r"), STATUS_REFUSED, "too long to be shared");
}

static void a_layout_has_the_files_and_the_new_name(void **state)
{
    (void)state;
    put("r/a");
    put("r/b/c");
    struct tree *tree = scan(folder_path(dir, "r"), NULL, 0);
    struct metainfo *layout = tree_layout(tree, "other", 16384);
    assert_string_equal(layout->name, "other");
    assert_string_equal(layout->files[1].path, "b/c");
    assert_int_equal(layout->files[1].offset, 3);
    assert_int_equal(layout->piece_count, 1);
    metainfo_free(layout);
    tree_free(tree);
    tree = scan(folder_path(dir, "r/a"), NULL, 0);
    layout = tree_layout(tree, "other", 16384);
    assert_string_equal(layout->files[0].path, "other");
    metainfo_free(layout);
    tree->total_length = (uint64_t)METAINFO_BYTES_MAX / 20 * 16384 + 1;
    assert_null(tree_layout(tree, "other", 16384));
    tree_free(tree);
}

static void a_change_meanwhile_is_noticed(void **state)
{
    (void)state;
    put("r/a");
    put("r/b");
    char error[TREE_ERROR_SIZE];
    struct tree *tree = scan(folder_path(dir, "r"), NULL, 0);
    struct metainfo *layout = tree_layout(tree, tree->name, 16384);
    struct storage_cache *cache = storage_cache_new();
    struct storage *storage;
    assert_int_equal(storage_new(layout, tree->dir, tree->target, false, cache, &storage),
                     STATUS_OK);
    assert_int_equal(tree_check_unchanged(tree, storage, error), STATUS_OK);
    assert_true(folder_write(dir, "r/b", "longer than before", 18));
    assert_int_equal(tree_check_unchanged(tree, storage, error), STATUS_CONFLICT);
    assert_string_equal(error, "b: changed while it was being read");
    storage_free(storage);
    storage_cache_free(cache);
    metainfo_free(layout);
    tree_free(tree);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(files_come_in_byte_order),
        IN_FOLDER(a_file_is_a_tree_of_one),
        IN_FOLDER(links_and_specials_are_passed_over),
        IN_FOLDER(a_link_that_was_named_is_followed),
        IN_FOLDER(globs_leave_out),
        IN_FOLDER(what_cannot_be_shared_is_named),
        IN_FOLDER(unreadable_files_are_named),
        IN_FOLDER(too_deep_paths_are_refused_not_followed),
        IN_FOLDER(a_layout_has_the_files_and_the_new_name),
        IN_FOLDER(a_change_meanwhile_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
