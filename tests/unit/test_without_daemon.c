/* Commands that need no daemon: torrent, config, bootstrap, logs, in a folder of their own. */
#include "support/unit.h"

#include <fcntl.h>
#include <ftw.h>

#include "cli/command.h"
#include "support/fake_daemon.h"

static char root[] = "/tmp/kadpeer-test-cli-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(root) == NULL || chdir(root) != 0)
        return -1;
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("XDG_STATE_HOME");
    unsetenv("KADPEER_CONFIG");
    unsetenv("KADPEER_PORT");
    setenv("HOME", root, 1);
    setenv("KADPEER_DATADIR", root, 1);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

static void check_file(const char *path, const char *want)
{
    char text[4096] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        fail_msg("%s is missing", path);
    assert_true(read(fd, text, sizeof text - 1) >= 0);
    close(fd);
    assert_string_equal(text, want);
}

static void check(struct fake_cli *fake, int status, const char *out, const char *err)
{
    int got = fake_cli_run(fake);
    if (out != NULL)
        assert_string_equal(fake->out, out);
    if (err != NULL)
        assert_string_equal(fake->err, err);
    assert_int_equal(got, status);
    fake_cli_dispose(fake);
}

/* ---- torrent ---- */

#define CHECK(status, out, err, ...)                                                               \
    do {                                                                                           \
        struct fake_cli checked;                                                                   \
        FAKE_CLI(checked, __VA_ARGS__);                                                            \
        check(&checked, status, out, err);                                                         \
    } while (0)

static void a_torrent_is_made_shown_and_verified(void **state)
{
    (void)state;
    char zeros[40000] = {0};
    mkdir("lectures", 0700);
    mkdir("lectures/a", 0700);
    write_file("lectures/a/one", zeros, sizeof zeros);
    write_text("lectures/empty", "");
    CHECK(0, NULL, "", "torrent", "create", "lectures", "--piece-size", "16K");
    CHECK(8, "", "kadpeer: lectures.torrent exists\nhint: --force replaces it\n", "torrent",
          "create", "lectures");
    struct fake_cli fake;
    FAKE_CLI(fake, "--json", "torrent", "show", "lectures.torrent");
    assert_int_equal(fake_cli_run(&fake), 0);
    json_t *shown = json_loads(fake.out, 0, NULL);
    assert_string_equal(json_text(shown, "name", ""), "lectures");
    assert_int_equal(json_whole(shown, "pieces", 0), 3);
    assert_int_equal(json_array_size(json_list(shown, "files")), 2);
    json_decref(shown);
    fake_cli_dispose(&fake);
    CHECK(0, "lectures: all 3 pieces are right\n", "", "torrent", "verify", "lectures.torrent",
          "lectures");
    CHECK(0, ".: all 3 pieces are right\n", "", "torrent", "verify", "lectures.torrent", ".");
}

static void verify_finds_what_is_wrong(void **state)
{
    (void)state;
    int fd = open("lectures/a/one", O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, 20000), 1);
    assert_int_equal(pwrite(fd, "x", 1, 40000), 1);
    close(fd);
    unlink("lectures/empty");
    CHECK(10, "",
          "kadpeer: lectures does not fit: of 3 pieces 2 match, 1 are wrong, 0 missing; 1 files "
          "missing, 1 of "
          "another size\n",
          "torrent", "verify", "lectures.torrent", "lectures");
    unlink("lectures/a/one");
    CHECK(10, "",
          "kadpeer: lectures does not fit: of 3 pieces 0 match, 0 are wrong, 3 missing; 2 files "
          "missing, 0 of "
          "another size\n",
          "torrent", "verify", "lectures.torrent", "lectures");
}

static void a_link_of_a_torrent_names_peers(void **state)
{
    (void)state;
    write_text("f.bin", "hello");
    CHECK(0, NULL, NULL, "torrent", "create", "f.bin", "--out", "x.torrent");
    struct fake_cli fake;
    FAKE_CLI(fake, "torrent", "link", "x.torrent", "--peer", "192.0.2.1:7", "--peer", "[::1]:8");
    assert_int_equal(fake_cli_run(&fake), 0);
    assert_non_null(strstr(fake.out, "&dn=f.bin&xl=5&x.pe=192.0.2.1:7&x.pe=[::1]:8\n"));
    fake_cli_dispose(&fake);
    CHECK(12, "", NULL, "torrent", "link", "x.torrent", "--peer", "nonsense");
}

static void what_is_no_torrent_is_named(void **state)
{
    (void)state;
    write_text("d.txt", "definitely not bencode");
    CHECK(12, "", NULL, "torrent", "show", "d.txt");
    CHECK(3, "", "kadpeer: cannot read missing: No such file or directory\n", "torrent", "show",
          "missing");
    CHECK(2, "", "kadpeer: --piece-size: wanted is a power of two from 16K to 64M\n", "torrent",
          "create", "d.txt", "--piece-size", "100000");
}

/* ---- config ---- */

static void a_setting_is_written_read_and_taken_back(void **state)
{
    (void)state;
    CHECK(0, "", "", "config", "set", "network.port", "7000");
    check_file(".config/kadpeer/config.ini", "[network]\nport = 7000\n");
    CHECK(0, "7000\n", "", "config", "get", "network.port");
    CHECK(0, "{\"v\":1,\"ok\":true,\"key\":\"network.port\",\"value\":7000,\"source\":\"file\"}\n",
          "", "--json", "config", "get", "network.port");
    CHECK(0, "", "", "config", "unset", "network.port");
    CHECK(0, "61881\n", "", "config", "get", "network.port");
}

static void a_bad_setting_changes_nothing(void **state)
{
    (void)state;
    write_text(".config/kadpeer/config.ini", "# mine\n[network]\nport = 5\n");
    CHECK(12, "", "kadpeer: there is no setting network.prot\nhint: did you mean network.port?\n",
          "config", "set", "network.prot", "1");
    CHECK(12, "", "kadpeer: network.port = 70000: wanted is 0 to 65535\n", "config", "set",
          "network.port", "70000");
    CHECK(12, "", NULL, "config", "set", "transfer.dir", "x\nup = 5");
    check_file(".config/kadpeer/config.ini", "# mine\n[network]\nport = 5\n");
}

static void a_bad_file_is_named_with_its_line(void **state)
{
    (void)state;
    char want[256];
    write_text(".config/kadpeer/config.ini", "[network]\nprot = 5\n");
    snprintf(
        want, sizeof want,
        "kadpeer: %s/.config/kadpeer/config.ini line 2: unknown key network.prot, did you mean "
        "network.port?\nhint: kadpeer config edit\n",
        root);
    CHECK(12, "", want, "config", "check");
    CHECK(12, "", want, "config", "ls");
    unlink(".config/kadpeer/config.ini");
}

static void an_editor_gets_every_setting_as_a_comment(void **state)
{
    (void)state;
    setenv("VISUAL", "true", 1);
    CHECK(0, NULL, "", "config", "edit");
    struct config *config = config_new();
    char why[CONFIG_ERROR_SIZE];
    assert_int_equal(config_load(config, ".config/kadpeer/config.ini", why), STATUS_OK);
    for (size_t i = 0; i < config_key_count; i++)
        assert_int_equal(config_source_of(config, config_keys[i].name), CONFIG_DEFAULT);
    config_free(config);
    setenv("VISUAL", "false", 1);
    CHECK(1, "", NULL, "config", "edit");
}

/* ---- help ---- */

/* Help about files on disk was hidden behind the command `files`. */
static void every_topic_named_in_the_overview_can_be_read(void **state)
{
    static const char *const topics[] = {"exit", "folders", "environment", "flags"};
    (void)state;
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        assert_null(command_find(topics[i]));
        CHECK(0, NULL, "", "help", topics[i]);
    }
}

/* ---- bootstrap ---- */

static void the_list_starts_from_the_installed_one(void **state)
{
    (void)state;
    write_text("bootstrap_nodes.txt", "# known nodes\n192.0.2.1:1 # the first\n");
    CHECK(0, "192.0.2.1:1\n", "", "bootstrap", "ls");
    CHECK(0, "b.example:2: added\n", NULL, "bootstrap", "add", "b.example:2");
    CHECK(0, "b.example:2: was there already\n", NULL, "bootstrap", "add", "b.example:2");
    CHECK(0, "192.0.2.1:1\nb.example:2\n", "", "bootstrap", "ls");
    check_file(".config/kadpeer/bootstrap_nodes.txt",
               "# known nodes\n192.0.2.1:1 # the first\nb.example:2\n");
    CHECK(0, "192.0.2.1:1: removed\n", "", "bootstrap", "rm", "192.0.2.1:1");
    check_file(".config/kadpeer/bootstrap_nodes.txt", "# known nodes\nb.example:2\n");
    check_file("bootstrap_nodes.txt", "# known nodes\n192.0.2.1:1 # the first\n");
    CHECK(3, "", "kadpeer: 192.0.2.1:1 is not on the list\n", "bootstrap", "rm", "192.0.2.1:1");
    CHECK(12, "", NULL, "bootstrap", "add", "no port");
    CHECK(0, NULL, "", "bootstrap", "reset");
    CHECK(0, "192.0.2.1:1\n", "", "bootstrap", "ls");
}

/* ---- logs ---- */

static void logs_shows_the_last_lines(void **state)
{
    (void)state;
    CHECK(3, "", NULL, "logs");
    mkdir(".local", 0700);
    mkdir(".local/state", 0700);
    mkdir(".local/state/kadpeer", 0700);
    write_text(".local/state/kadpeer/kadpeer.log", "one\ntwo\x1b\nthree\n");
    CHECK(0, "two?\nthree\n", "", "logs", "-n", "2");
    CHECK(0, "one\ntwo?\nthree\n", "", "logs");
    CHECK(0, "", "", "logs", "-n", "0");
    CHECK(0,
          "{\"v\":1,\"event\":\"line\",\"text\":\"three\"}\n{\"v\":1,\"event\":\"done\",\"ok\":"
          "true,\"lines\":1}\n",
          "", "--json", "logs", "-n", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_torrent_is_made_shown_and_verified),
        cmocka_unit_test(verify_finds_what_is_wrong),
        cmocka_unit_test(a_link_of_a_torrent_names_peers),
        cmocka_unit_test(what_is_no_torrent_is_named),
        cmocka_unit_test(a_setting_is_written_read_and_taken_back),
        cmocka_unit_test(a_bad_setting_changes_nothing),
        cmocka_unit_test(a_bad_file_is_named_with_its_line),
        cmocka_unit_test(an_editor_gets_every_setting_as_a_comment),
        cmocka_unit_test(the_list_starts_from_the_installed_one),
        cmocka_unit_test(logs_shows_the_last_lines),
        cmocka_unit_test(every_topic_named_in_the_overview_can_be_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
