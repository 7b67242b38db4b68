/* Users and groups on the command line: what is asked of the daemon, what a person reads, and where
 * passwords come from. */
#include "support/unit.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "cli/group.h"
#include "cli/password.h"
#include "support/fake_daemon.h"

#define USER "{\"name\":\"me\",\"key\":\"7f3a00\",\"fingerprint\":\"aaaa bbbb\",\"logged_in\":true}"
#define GROUP(standing)                                                                            \
    "{\"name\":\"study\",\"key\":\"9c1e00\",\"standing\":\"" standing                              \
    "\",\"members\":3,\"files\":1,\"requests\":null,\"epoch\":2,\"listed\":true}"
#define INVITE                                                                                     \
    "abcdefgh2345abcdefgh2345abcdefgh2345abcdefgh2345abcdefgh2345abcdefgh2345abcdefgh2345"

static char password_file[] = "/tmp/kadpeer-test-password-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(password_file);
    unsetenv("KADPEER_PASSWORD_FILE");
    bool ok = fd >= 0 && write(fd, "hunter22\nsecond\n", 16) == 16;
    close(fd);
    return ok ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(password_file);
}

static void check(struct fake_cli *fake, int status, const char *out, const char *err)
{
    int got = fake_cli_run(fake);
    assert_string_equal(fake->out, out);
    assert_string_equal(fake->err, err);
    assert_int_equal(got, status);
}

/* The text of a request's bytes, which JSON shows as hexadecimal. */
static void check_bytes(const json_t *params, const char *key, const char *want)
{
    struct buffer bytes;
    buffer_init(&bytes);
    assert_true(json_bytes(params, key, &bytes));
    assert_int_equal(bytes.len, strlen(want));
    assert_memory_equal(bytes.data, want, bytes.len);
    buffer_dispose(&bytes);
}

static const json_t *params_of(const json_t *asked, const char *method)
{
    assert_string_equal(json_string_value(json_array_get(asked, 2)), method);
    return json_array_get(asked, 3);
}

/* ---- passwords ---- */

static enum status read_text(const char *text, size_t len, struct password *out)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], text, len), len);
    close(fds[1]);
    enum status status = password_read(fds[0], -1, out);
    close(fds[0]);
    return status;
}

static void a_password_is_one_line(void **state)
{
    (void)state;
    struct password password = {0};
    char long_text[PASSWORD_MAX + 1];
    memset(long_text, 'x', sizeof long_text);
    assert_int_equal(read_text("a b\nrest", 8, &password), STATUS_OK);
    assert_string_equal(password.text, "a b");
    assert_int_equal(read_text("with no end", 11, &password), STATUS_OK);
    assert_string_equal(password.text, "with no end");
    assert_int_equal(read_text("of windows\r\n", 12, &password), STATUS_OK);
    assert_string_equal(password.text, "of windows");
    assert_int_equal(read_text("\n", 1, &password), STATUS_REFUSED);
    assert_int_equal(read_text("", 0, &password), STATUS_REFUSED);
    assert_int_equal(read_text("a\0b\n", 4, &password), STATUS_MALFORMED);
    assert_int_equal(read_text(long_text, PASSWORD_MAX, &password), STATUS_OK);
    assert_int_equal(read_text(long_text, PASSWORD_MAX + 1, &password), STATUS_TOO_BIG);
    password_wipe(&password);
    assert_int_equal(password.len, 0);
    assert_int_equal(password.text[0], 0);
}

/* What the terminal has shown so far. */
static void read_screen(int master, char *out, size_t size)
{
    struct pollfd poll_fd = {.fd = master, .events = POLLIN};
    size_t len = 0;
    while (poll(&poll_fd, 1, 0) > 0 && len < size - 1) {
        ssize_t got = read(master, out + len, size - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
    }
    out[len] = 0;
}

static void a_terminal_does_not_echo_it_and_is_then_as_it_was(void **state)
{
    (void)state;
    int master, slave, interrupt[2];
    char screen[256];
    struct termios before, after;
    struct password password = {0};
    FILE *err = tmpfile();
    assert_non_null(err);
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    assert_int_equal(pipe(interrupt), 0);
    assert_int_equal(tcgetattr(slave, &before), 0);
    pid_t child = fork();
    if (child == 0) { /* types when it is asked: the terminal forgets what came before */
        struct termios now;
        do
            tcgetattr(slave, &now);
        while ((now.c_lflag & ECHO) != 0);
        _exit(write(master, "geheim\n", 7) != 7);
    }
    assert_int_equal(password_ask(slave, interrupt[0], err, "password", &password), STATUS_OK);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_string_equal(password.text, "geheim");
    read_screen(master, screen, sizeof screen);
    assert_null(strstr(screen, "geheim"));
    assert_int_equal(tcgetattr(slave, &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    assert_int_equal(write(interrupt[1], "x", 1), 1); /* as Ctrl-C does */
    assert_int_equal(password_ask(slave, interrupt[0], err, "password", &password),
                     STATUS_CANCELLED);
    assert_int_equal(tcgetattr(slave, &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    fclose(err);
    close(master);
    close(slave);
    close(interrupt[0]);
    close(interrupt[1]);
}

static void without_a_terminal_and_a_file_nobody_is_asked(void **state)
{
    (void)state;
    struct fake_cli fake;
    int in = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    FAKE_CLI(fake, "login", "me");
    check(&fake, 2, "",
          "kadpeer: password of me is wanted, and there is no terminal to ask on\n"
          "hint: --password-file F, or KADPEER_PASSWORD_FILE\n");
    fake_cli_dispose(&fake);
    dup2(in, STDIN_FILENO);
    close(in);
    close(null);
}

/* ---- users ---- */

static void a_user_is_made_with_the_password_of_a_file(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "user", "create", "me", "--password-file", password_file, "--remember");
    fake_says(fake.daemon, "[1,1,null,{\"user\":" USER "}]");
    check(&fake, 0, "user         me\nfingerprint  aaaa bbbb\nlogged in as me\n",
          "nobody can reset the password; 'kadpeer user export FILE' writes a copy of the keys\n"
          "next: 'kadpeer group create NAME' or 'kadpeer group join INVITE'\n");
    json_t *asked = fake_asked(fake.daemon);
    const json_t *params = params_of(asked, "user.create");
    assert_string_equal(json_text(params, "name", ""), "me");
    assert_true(json_yes(params, "remember", false));
    check_bytes(params, "password", "hunter22");
    json_decref(asked);
    fake_cli_dispose(&fake);
}

static void a_short_password_is_taken_with_a_warning_and_others_files_too(void **state)
{
    (void)state;
    struct fake_cli fake;
    char path[] = "/tmp/kadpeer-test-short-XXXXXX", want[512];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "abc", 3), 3);
    fchmod(fd, 0644);
    close(fd);
    setenv("KADPEER_PASSWORD_FILE", path, 1);
    FAKE_CLI(fake, "-q", "user", "create", "me");
    fake_says(fake.daemon, "[1,1,null,{\"user\":" USER "}]");
    fake.cli.quiet = false;
    snprintf(want, sizeof want, "note: others may read %s; chmod 600 keeps it to you\n", path);
    assert_int_equal(fake_cli_run(&fake), 0);
    assert_ptr_equal(strstr(fake.err, want), fake.err);
    assert_non_null(strstr(fake.err, "note: fewer than 8 characters"));
    json_t *asked = fake_asked(fake.daemon);
    check_bytes(params_of(asked, "user.create"), "password", "abc");
    json_decref(asked);
    fake_cli_dispose(&fake);
    unsetenv("KADPEER_PASSWORD_FILE");
    unlink(path);
}

static void two_passwords_may_be_two_lines_of_one_descriptor(void **state)
{
    (void)state;
    struct fake_cli fake;
    char number[16];
    int fd = open(password_file, O_RDONLY);
    snprintf(number, sizeof number, "%d", fd);
    FAKE_CLI(fake, "user", "passwd", "me", "--password-fd", number, "--new-password-fd", number);
    fake_says(fake.daemon, "[1,1,null,{\"user\":" USER "}]");
    check(&fake, 0, "the password of me is changed\n",
          "note: fewer than 8 characters; whoever gets the keystore's file guesses that soon\n");
    json_t *asked = fake_asked(fake.daemon);
    check_bytes(params_of(asked, "user.password"), "password", "hunter22");
    check_bytes(params_of(asked, "user.password"), "new", "second");
    json_decref(asked);
    fake_cli_dispose(&fake);
    close(fd);
}

static void a_wrong_password_says_when_the_next_try_counts(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "login", "me", "--password-file", password_file);
    fake_says(fake.daemon, "[1,1,{\"code\":\"wrong_password\",\"exit\":11,\"message\":\"wrong "
                           "password\",\"hint\":null,\"wait\":2},null]");
    check(&fake, 11, "", "kadpeer: wrong password\nhint: the next try counts in 2s\n");
    fake_cli_dispose(&fake);
}

static void a_damaged_keystore_offers_its_backup(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "login", "me", "--password-file", password_file);
    fake_says(fake.daemon,
              "[1,1,{\"code\":\"damaged_keystore\",\"exit\":12,\"message\":\"the keystore is "
              "damaged\",\"hint\":\"kadpeer login me --use-backup\",\"backup\":\"x\"},null]");
    check(&fake, 12, "", "kadpeer: the keystore is damaged\nhint: kadpeer login me --use-backup\n");
    fake_cli_dispose(&fake);
    FAKE_CLI(fake, "login", "me", "--use-backup", "--password-file", password_file);
    fake_says(fake.daemon, "[1,1,null,{\"user\":" USER ",\"resumed\":2,\"groups\":1}]");
    check(&fake, 0, "logged in as me, in 1 group; 2 transfers of them go on\n", "");
    json_t *asked = fake_asked(fake.daemon);
    assert_true(json_yes(params_of(asked, "login"), "use_backup", false));
    json_decref(asked);
    fake_cli_dispose(&fake);
}

static void nobody_is_an_answer_of_whoami(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "whoami");
    fake_says(fake.daemon, "[1,1,null,{\"user\":null,\"waiting\":2}]");
    check(&fake, 0, "nobody is logged in\n",
          "2 transfers of groups wait for 'kadpeer login NAME'\n");
    fake_cli_dispose(&fake);
    FAKE_CLI(fake, "--json", "whoami");
    fake_says(fake.daemon, "[1,1,null,{\"user\":null,\"waiting\":0}]");
    check(&fake, 0, "{\"v\":1,\"ok\":true,\"user\":null,\"waiting\":0}\n", "");
    fake_cli_dispose(&fake);
}

static void exported_keys_are_for_our_eyes_alone(void **state)
{
    (void)state;
    struct fake_cli fake;
    struct stat info;
    char path[64];
    snprintf(path, sizeof path, "/tmp/kadpeer-test-export-%d", getpid());
    FAKE_CLI(fake, "user", "export", path, "--user", "me");
    fake_says(fake.daemon, "[1,1,null,{\"user\":" USER ",\"file\":\"6869\"}]");
    assert_int_equal(fake_cli_run(&fake), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, 2);
    fake_cli_dispose(&fake);
    FAKE_CLI(fake, "user", "export", path, "--user", "me");
    fake_says(fake.daemon, "[1,1,null,{\"user\":" USER ",\"file\":\"6869\"}]");
    assert_int_equal(fake_cli_run(&fake), 8);
    fake_cli_dispose(&fake);
    chmod(path, 0644);
    FAKE_CLI(fake, "user", "export", path, "--user", "me", "--force");
    fake_says(fake.daemon, "[1,1,null,{\"user\":" USER ",\"file\":\"686921\"}]");
    assert_int_equal(fake_cli_run(&fake), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, 3);
    fake_cli_dispose(&fake);
    unlink(path);
}

/* ---- groups ---- */

static void an_invite_is_told_from_a_name(void **state)
{
    (void)state;
    assert_true(group_is_invite(INVITE));
    assert_true(group_is_invite("ABCDEFGH-2345abcdefgh 2345abcdefgh2345abcdefgh2345abcdefgh2345abcd"
                                "efgh2345abcdefgh2345"));
    assert_false(group_is_invite("study"));
    assert_false(group_is_invite("9c1e0000000000000000000000000000"
                                 "9c1e0000000000000000000000000000"));
    assert_false(
        group_is_invite("a group whose name is sixty-four bytes long and no more than th"));
}

static void joining_sends_an_invite_or_a_name(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "group", "join", INVITE);
    fake_says(fake.daemon, "[2,\"waiting\",{\"msgid\":1,\"text\":\"waiting for the owner\"}]");
    fake_says(fake.daemon, "[1,1,null,{\"group\":" GROUP("member") "}]");
    check(&fake, 0, "member of study: 3 members, 1 file\n",
          "waiting for the owner\n'kadpeer group files study' lists the files\n");
    json_t *asked = fake_asked(fake.daemon);
    assert_string_equal(json_text(params_of(asked, "group.join"), "invite", ""), INVITE);
    assert_null(json_at(params_of(asked, "group.join"), "group"));
    json_decref(asked);
    fake_cli_dispose(&fake);
    FAKE_CLI(fake, "group", "join", "study", "--note", "it is me");
    fake_says(fake.daemon, "[1,1,null,{\"group\":" GROUP("applying") "}]");
    check(&fake, 0, "request sent to study, not accepted yet\n",
          "the daemon goes on asking while you are logged in; the owner has to be online once\n");
    asked = fake_asked(fake.daemon);
    assert_string_equal(json_text(params_of(asked, "group.join"), "group", ""), "study");
    assert_string_equal(json_text(params_of(asked, "group.join"), "note", ""), "it is me");
    json_decref(asked);
    fake_cli_dispose(&fake);
}

static void an_invite_stands_alone_on_stdout(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "group", "invite", "study", "--uses", "2");
    fake_says(fake.daemon, "[1,1,null,{\"group\":" GROUP(
                               "owner") ",\"invite\":\"" INVITE "\",\"uses\":2,\"expires\":3600}]");
    check(&fake, 0, INVITE "\n",
          "for 2 people, within 1h00m: kadpeer group join INVITE\n"
          "it lets whoever has it into study, so send it to nobody else\n");
    fake_cli_dispose(&fake);
}

static void listed_groups_are_printed_as_they_come_and_safely(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "group", "ls");
    fake_says(fake.daemon, "[2,\"group\",{\"msgid\":1,\"group\":" GROUP("owner") "}]");
    fake_says(fake.daemon,
              "[2,\"group\",{\"msgid\":1,\"group\":{\"name\":\"ev\\u001b[2Jil\",\"key\":"
              "\"aabbccddeeff00\",\"about\":\"x\\ny\",\"standing\":\"none\",\"listed\":true}}]");
    fake_says(fake.daemon, "[1,1,null,{\"groups\":2,\"asked\":3,\"answered\":2}]");
    check(&fake, 0,
          "STANDING  MEMBERS  FILES  REQUESTS  KEY         NAME\n"
          "owner           3      1         -  9c1e00      study\n"
          "none            -      -         -  aabbccddee  ev?[2Jil: x?y\n",
          "2 groups; 2 nodes answered\n");
    fake_cli_dispose(&fake);
}

static void accept_wants_a_user_or_all(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "group", "accept", "study");
    check(&fake, 2, "", "kadpeer: group accept wants G and USER or --all\n");
    fake_cli_dispose(&fake);
    FAKE_CLI(fake, "group", "accept", "study", "--all");
    fake_says(fake.daemon, "[1,1,null,{\"users\":[" USER "]}]");
    check(&fake, 0, "accepted me, aaaa bbbb\n", "");
    fake_cli_dispose(&fake);
    FAKE_CLI(fake, "group", "accept", "study", "me");
    fake_says(fake.daemon,
              "[1,1,{\"code\":\"ambiguous\",\"exit\":8,\"message\":\"\\\"me\\\" is the name of "
              "several\",\"hint\":\"add # and the first digits of the key\",\"candidates\":[{"
              "\"name\":\"me\",\"key\":\"7f3a00\"},{\"name\":\"me\",\"key\":\"11bb00\"}]},null]");
    check(&fake, 8, "",
          "kadpeer: \"me\" is the name of several\n"
          "NAME     KEY     ABOUT\nme#7f3a  7f3a00  \nme#11bb  11bb00  \n"
          "hint: add # and the first digits of the key\n");
    fake_cli_dispose(&fake);
}

static void row_7_not_logged_in_or_no_member_is_status_11(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "group", "files", "study");
    fake_says(fake.daemon, "[1,1,{\"code\":\"not_logged_in\",\"exit\":11,\"message\":\"group "
                           "study: nobody is logged in\",\"hint\":\"kadpeer login NAME\"},null]");
    check(&fake, 11, "", "kadpeer: group study: nobody is logged in\nhint: kadpeer login NAME\n");
    fake_cli_dispose(&fake);
    FAKE_CLI(fake, "download", "study", "notes.pdf");
    fake_says(fake.daemon,
              "[1,1,{\"code\":\"not_a_member\",\"exit\":11,\"message\":\"me is not a member; "
              "request sent 2h ago, not accepted yet\",\"hint\":null},null]");
    check(&fake, 11, "", "kadpeer: me is not a member; request sent 2h ago, not accepted yet\n");
    fake_cli_dispose(&fake);
}

static void a_download_names_group_and_file_and_is_followed(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "download", "study", "a b.pdf", "-o", "/nonexistent/x.pdf");
    fake_says(fake.daemon, "[1,1,null,{\"id\":6,\"hash\":\"aa\",\"attached\":false}]");
    fake_says(fake.daemon, "[1,2,null,{\"transfer\":{\"id\":6,\"state\":\"sharing\",\"size\":1024,"
                           "\"downloaded\":1024},\"seconds\":0,\"path\":\"/nonexistent/x.pdf\"}]");
    check(&fake, 0,
          "done  /nonexistent/x.pdf  1.0 KiB, was there already, verified, now sharing it "
          "('kadpeer unshare 6' stops)\n",
          "");
    json_t *asked = fake_asked(fake.daemon);
    const json_t *params = params_of(asked, "transfer.add");
    assert_string_equal(json_text(params, "group", ""), "study");
    assert_string_equal(json_text(params, "file", ""), "a b.pdf");
    assert_string_equal(json_text(params, "dir", ""), "/nonexistent");
    assert_string_equal(json_text(params, "out", ""), "x.pdf");
    json_decref(asked);
    fake_cli_dispose(&fake);
}

static void a_share_of_a_group_prints_what_a_member_types(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "upload", password_file, "my group");
    fake_says(fake.daemon,
              "[1,1,null,{\"transfer\":{\"id\":1,\"name\":\"it's\",\"size\":16,\"pieces\":{"
              "\"total\":1},\"group\":\"my group\"},\"link\":null,\"announced\":1}]");
    fake_says(fake.daemon, "[1,2,null,{\"info\":{\"piece_length\":262144}}]");
    check(&fake, 0,
          "sharing  it's   16 B, 1 piece of 256 KiB, shared in place\n"
          "group    my group, its members alone\n"
          "fetch    kadpeer download 'my group' 'it'\\''s'\n",
          "");
    json_t *asked = fake_asked(fake.daemon);
    assert_string_equal(json_text(params_of(asked, "share.add"), "group", ""), "my group");
    assert_string_equal(json_text(params_of(asked, "share.add"), "path", ""), password_file);
    json_decref(asked);
    fake_cli_dispose(&fake);
    FAKE_CLI(fake, "unshare", "--group", "study", "notes.pdf");
    fake_says(fake.daemon, "[1,1,null,{\"id\":1,\"name\":\"notes.pdf\"}]");
    check(&fake, 0, "no longer shared: notes.pdf; the files stay\n", "");
    asked = fake_asked(fake.daemon);
    assert_string_equal(json_text(params_of(asked, "share.remove"), "file", ""), "notes.pdf");
    json_decref(asked);
    fake_cli_dispose(&fake);
}

static void downloads_are_shown_a_line_each(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "ls", "--downloads");
    fake_says(
        fake.daemon,
        "[1,1,null,{\"transfers\":[{\"id\":1,\"origin\":\"share\",\"name\":\"own\",\"state\":"
        "\"sharing\"},{\"id\":4,\"origin\":\"fetch\",\"name\":\"lectures\",\"group\":\"study\","
        "\"state\":\"downloading\",\"size\":1000,\"done\":630,\"rate_down\":5242880,\"eta\":311},"
        "{\"id\":5,\"origin\":\"fetch\",\"name\":\"notes.pdf\",\"group\":\"study\",\"state\":"
        "\"sharing\",\"size\":5,\"done\":5},{\"id\":6,\"origin\":\"fetch\",\"name\":\"x\","
        "\"group\":null,\"state\":\"paused\",\"size\":10,\"done\":1},{\"id\":7,\"origin\":"
        "\"fetch\",\"name\":\"y\",\"state\":\"no_space\",\"reason\":\"2 GiB needed\",\"size\":10,"
        "\"done\":0}]}]");
    check(&fake, 0,
          "[D] [study] lectures 63% 5.0 MiB/s ETA 5m11s\n"
          "[C] [study] notes.pdf\n"
          "[P] [-] x 10%\n"
          "[E] [-] y 0% 2 GiB needed\n",
          "");
    fake_cli_dispose(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_is_one_line),
        cmocka_unit_test(a_terminal_does_not_echo_it_and_is_then_as_it_was),
        cmocka_unit_test(without_a_terminal_and_a_file_nobody_is_asked),
        cmocka_unit_test(a_user_is_made_with_the_password_of_a_file),
        cmocka_unit_test(a_short_password_is_taken_with_a_warning_and_others_files_too),
        cmocka_unit_test(two_passwords_may_be_two_lines_of_one_descriptor),
        cmocka_unit_test(a_wrong_password_says_when_the_next_try_counts),
        cmocka_unit_test(a_damaged_keystore_offers_its_backup),
        cmocka_unit_test(nobody_is_an_answer_of_whoami),
        cmocka_unit_test(exported_keys_are_for_our_eyes_alone),
        cmocka_unit_test(an_invite_is_told_from_a_name),
        cmocka_unit_test(joining_sends_an_invite_or_a_name),
        cmocka_unit_test(an_invite_stands_alone_on_stdout),
        cmocka_unit_test(listed_groups_are_printed_as_they_come_and_safely),
        cmocka_unit_test(accept_wants_a_user_or_all),
        cmocka_unit_test(row_7_not_logged_in_or_no_member_is_status_11),
        cmocka_unit_test(a_download_names_group_and_file_and_is_followed),
        cmocka_unit_test(a_share_of_a_group_prints_what_a_member_types),
        cmocka_unit_test(downloads_are_shown_a_line_each),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
