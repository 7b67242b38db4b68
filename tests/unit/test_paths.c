#include "support/unit.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/paths.h"

static char root[] = "/tmp/kadpeer-test-paths-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(root) == NULL)
        return -1;
    setenv("HOME", root, 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("XDG_DATA_HOME");
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("KADPEER_CONFIG");
    unsetenv("KADPEER_SOCKET");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const made[] = {"run/kadpeer-b",
                                       "run",
                                       ".config/kadpeer-b",
                                       ".config",
                                       ".local/share/kadpeer-b",
                                       ".local/share",
                                       ".local/state/kadpeer-b",
                                       ".local/state",
                                       ".local",
                                       "file",
                                       ""};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        char path[PATHS_SIZE];
        paths_join(path, root, made[i]);
        if (rmdir(path) != 0)
            unlink(path);
    }
    return 0;
}

static void check_below_root(const char *path, const char *want)
{
    assert_memory_equal(path, root, strlen(root));
    assert_string_equal(path + strlen(root), want);
}

static void without_settings_all_is_below_home(void **state)
{
    (void)state;
    struct paths paths;
    char want[64];
    assert_int_equal(paths_init(&paths, NULL, NULL), STATUS_OK);
    check_below_root(paths.config_file, "/.config/kadpeer/config.ini");
    check_below_root(paths.bootstrap_file, "/.config/kadpeer/bootstrap_nodes.txt");
    check_below_root(paths.database, "/.local/share/kadpeer/kadpeer.db");
    check_below_root(paths.log_file, "/.local/state/kadpeer/kadpeer.log");
    snprintf(want, sizeof want, "/tmp/kadpeer-%u/control.sock", (unsigned)getuid());
    assert_string_equal(paths.socket, want);
    assert_string_equal(paths.profile, "default");
}

static void a_profile_moves_everything(void **state)
{
    (void)state;
    struct paths paths;
    setenv("XDG_RUNTIME_DIR", "/run/user/7/", 1);
    assert_int_equal(paths_init(&paths, "b", NULL), STATUS_OK);
    check_below_root(paths.config_file, "/.config/kadpeer-b/config.ini");
    check_below_root(paths.data_dir, "/.local/share/kadpeer-b");
    assert_string_equal(paths.socket, "/run/user/7/kadpeer-b/control.sock");
    assert_string_equal(paths.lock, "/run/user/7/kadpeer-b/lock");
    unsetenv("XDG_RUNTIME_DIR");
}

static void relative_xdg_folders_count_as_unset(void **state)
{
    (void)state;
    struct paths paths;
    setenv("XDG_CONFIG_HOME", "here", 1);
    assert_int_equal(paths_init(&paths, NULL, NULL), STATUS_OK);
    check_below_root(paths.config_dir, "/.config/kadpeer");
    unsetenv("XDG_CONFIG_HOME");
}

static void socket_and_config_can_be_chosen(void **state)
{
    (void)state;
    struct paths paths;
    setenv("KADPEER_SOCKET", "/x/s", 1);
    setenv("KADPEER_CONFIG", "~/c.ini", 1);
    assert_int_equal(paths_init(&paths, NULL, NULL), STATUS_OK);
    assert_string_equal(paths.socket, "/x/s");
    check_below_root(paths.config_file, "/c.ini");
    assert_int_equal(paths_init(&paths, NULL, "/y/t"), STATUS_OK);
    assert_string_equal(paths.socket, "/y/t");
    unsetenv("KADPEER_SOCKET");
    unsetenv("KADPEER_CONFIG");
}

static void profiles_that_are_no_name_are_refused(void **state)
{
    (void)state;
    struct paths paths;
    static const char *const bad[] = {
        "",         "../x",
        "a/b",      ".hidden",
        "-x",       "a b",
        "\xc3\xa4", "a123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(paths_init(&paths, bad[i], NULL), STATUS_REFUSED);
}

static void a_socket_path_beyond_the_system_limit_is_too_big(void **state)
{
    (void)state;
    struct paths paths;
    char path[120];
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    assert_int_equal(paths_init(&paths, NULL, path), STATUS_TOO_BIG);
}

static void folders_are_made_private(void **state)
{
    (void)state;
    struct paths paths;
    struct stat info;
    const char *failed = NULL;
    char runtime[PATHS_SIZE];
    paths_join(runtime, root, "run");
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    assert_int_equal(paths_init(&paths, "b", NULL), STATUS_OK);
    assert_int_equal(paths_create(&paths, &failed), STATUS_OK);
    assert_int_equal(paths_create(&paths, &failed), STATUS_OK);
    assert_int_equal(stat(paths.data_dir, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(chmod(paths.runtime_dir, 0755), 0);
    assert_int_equal(paths_create(&paths, &failed), STATUS_PERMISSION);
    assert_string_equal(failed, paths.runtime_dir);
    unsetenv("XDG_RUNTIME_DIR");
}

static void a_file_in_the_place_of_a_folder_is_named(void **state)
{
    (void)state;
    struct paths paths;
    const char *failed = NULL;
    char path[PATHS_SIZE];
    paths_join(path, root, "file");
    fclose(fopen(path, "w"));
    setenv("XDG_DATA_HOME", path, 1);
    assert_int_equal(paths_init(&paths, "b", NULL), STATUS_OK);
    assert_int_equal(paths_create(&paths, &failed), STATUS_IO);
    assert_string_equal(failed, paths.data_dir);
    unsetenv("XDG_DATA_HOME");
}

static void the_tilde_is_home(void **state)
{
    (void)state;
    char out[PATHS_SIZE];
    assert_true(paths_expand("~/a b", out));
    check_below_root(out, "/a b");
    assert_true(paths_expand("~", out));
    check_below_root(out, "");
    assert_true(paths_expand("~x/y", out));
    assert_string_equal(out, "~x/y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_settings_all_is_below_home),
        cmocka_unit_test(a_profile_moves_everything),
        cmocka_unit_test(relative_xdg_folders_count_as_unset),
        cmocka_unit_test(socket_and_config_can_be_chosen),
        cmocka_unit_test(profiles_that_are_no_name_are_refused),
        cmocka_unit_test(a_socket_path_beyond_the_system_limit_is_too_big),
        cmocka_unit_test(folders_are_made_private),
        cmocka_unit_test(a_file_in_the_place_of_a_folder_is_named),
        cmocka_unit_test(the_tilde_is_home),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
