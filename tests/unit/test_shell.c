/* The shell without a terminal: words, both spellings of commands, completion, scripts, history,
 * notices. */
#include "support/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "cli/shell.h"
#include "cli/shell_complete.h"
#include "cli/shell_history.h"
#include "cli/shell_notices.h"
#include "kadpeer/rng.h"
#include "support/fake_daemon.h"

static char root[] = "/tmp/kadpeer-test-shell-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(root) == NULL || chdir(root) != 0)
        return -1;
    setenv("HOME", "/home/me", 1);
    setenv("KADPEER_AUTOSTART", "0", 1);
    return mkdir("notes", 0700) == 0 && mkdir("no way", 0700) == 0 ? 0 : -1;
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

/* ---- words ---- */

/* "one|two", commands separated by "||"; what is open at the end follows a blank. */
static const char *words_of(const char *text)
{
    static char out[512];
    struct shell_line line;
    size_t len = 0, command = 0;
    shell_line_split(text, strlen(text), &line);
    out[0] = 0;
    for (size_t i = 0; i < line.count; i++) {
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%s%s", i > 0 ? "|" : "",
                                line.words[i].command > command ? "|" : "", line.words[i].text);
        command = line.words[i].command;
    }
    if (line.open_quote != 0)
        snprintf(out + len, sizeof out - len, " %c", line.open_quote);
    else if (line.dangling || line.comment)
        snprintf(out + len, sizeof out - len, " %s", line.dangling ? "\\" : "#");
    shell_line_dispose(&line);
    return out;
}

static void quotes_and_backslashes_keep_blanks(void **state)
{
    (void)state;
    assert_string_equal(words_of("  get  a b\t c \n"), "get|a|b|c");
    assert_string_equal(words_of("get 'a b' \"c d\" e\\ f"), "get|a b|c d|e f");
    assert_string_equal(words_of("a'b c'd\"e\"f"), "ab cdef");
    assert_string_equal(words_of("'a\\' \"b\\\"c\\\\d\\e\""), "a\\|b\"c\\d\\e");
    assert_string_equal(words_of("'it'\\''s' ''"), "it's|");
    assert_string_equal(words_of(""), "");
}

static void a_link_needs_no_quotes(void **state)
{
    (void)state;
    assert_string_equal(words_of("get magnet:?xt=urn:btih:aa&dn=a$b*c|d"),
                        "get|magnet:?xt=urn:btih:aa&dn=a$b*c|d");
}

static void comments_and_semicolons_end_commands(void **state)
{
    (void)state;
    assert_string_equal(words_of("ls # all; of them"), "ls #");
    assert_string_equal(words_of("get study#7f3a"), "get|study#7f3a");
    assert_string_equal(words_of("ls;ls -q ; 'a;b'"), "ls||ls|-q||a;b");
    assert_string_equal(words_of("#"), " #");
}

static void what_is_left_open_is_told(void **state)
{
    (void)state;
    assert_string_equal(words_of("get 'a b"), "get|a b '");
    assert_string_equal(words_of("get \"a'"), "get|a' \"");
    assert_string_equal(words_of("get a\\"), "get|a \\");
}

static void the_tilde_is_the_home_folder_at_the_start_of_a_word(void **state)
{
    (void)state;
    static const char *const expanded[] = {"/home/me/x", "/home/me", "~/x", "~you/x", "a~/x"};
    struct shell_line line;
    const char *text = "~/x ~ '~/x' ~you/x a~/x";
    shell_line_split(text, strlen(text), &line);
    assert_int_equal(line.count, 5);
    for (size_t i = 0; i < line.count; i++) {
        char *word = shell_word_expand(&line.words[i]);
        assert_string_equal(word, expanded[i]);
        free(word);
    }
    shell_line_dispose(&line);
}

static void what_is_escaped_is_read_back_as_it_was(void **state)
{
    (void)state;
    static const char *const texts[] = {"plain", "a b", "it's \"x\"", "a\\b;c", "#x", "~", "~/a b"};
    static const char quotes[] = {0, '\'', '"'};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t quote = 0; quote < sizeof quotes; quote++) {
            struct shell_line line;
            struct buffer text;
            buffer_init(&text);
            if (quotes[quote] != 0)
                buffer_add_byte(&text, (uint8_t)quotes[quote]);
            shell_escape(texts[i], quotes[quote], &text);
            if (quotes[quote] != 0)
                buffer_add_byte(&text, (uint8_t)quotes[quote]);
            shell_line_split((const char *)text.data, text.len, &line);
            assert_int_equal(line.count, 1);
            char *word = shell_word_expand(&line.words[0]);
            assert_string_equal(word, texts[i]);
            free(word);
            shell_line_dispose(&line);
            buffer_dispose(&text);
        }
    }
}

static void random_lines_do_no_harm(void **state)
{
    (void)state;
    static const char letters[] = "abc 'c\"\\;#~-\t/loginuser_createget\xc3\xa4";
    uint64_t seed = test_seed(1);
    struct rng rng;
    rng_init_seed(&rng, seed);
    for (int round = 0; round < 20000; round++) {
        char text[64];
        size_t len = rng_below(&rng, sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = letters[rng_below(&rng, sizeof letters - 1)];
        struct shell_completion completion;
        shell_complete(text, len, &(struct shell_source){NULL, NULL}, &completion);
        assert_true(completion.start <= len);
        shell_completion_dispose(&completion);
        struct shell_line line;
        struct shell_command command;
        shell_line_split(text, len, &line);
        if (line.count > 0) {
            shell_command_make(&line, 0, line.count, &command);
            shell_command_dispose(&command);
        }
        shell_line_dispose(&line);
    }
}

/* ---- commands ---- */

/* "user create me !secret": the arguments, then the password. */
static const char *command_of(const char *text)
{
    static char out[512];
    struct shell_line line;
    struct shell_command command;
    size_t len = 0;
    shell_line_split(text, strlen(text), &line);
    shell_command_make(&line, 0, line.count, &command);
    out[0] = 0;
    for (size_t i = 0; i < command.argc; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%s", i > 0 ? " " : "",
                                command.argv[i]);
    if (command.password != NULL)
        len += (size_t)snprintf(out + len, sizeof out - len, " !%s", command.password);
    if (command.quit)
        snprintf(out + len, sizeof out - len, " (quit)");
    shell_command_dispose(&command);
    shell_line_dispose(&line);
    return out;
}

static void both_spellings_are_the_same_command(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"create_user me secret", "user create me !secret"},
        {"user create me secret", "user create me !secret"},
        {"create_user me", "user create me"},
        {"login me secret", "login me !secret"},
        {"login --remember me secret", "login --remember me !secret"},
        {"login me --password-file f", "login me --password-file f"},
        {"logout", "logout"},
        {"create_group study --unlisted", "group create study --unlisted"},
        {"join_group study", "group join study"},
        {"leave_group study", "group leave study"},
        {"list_groups", "group ls"},
        {"list_requests study", "group requests study"},
        {"accept_request study me", "group accept study me"},
        {"list_files study", "group files study"},
        {"upload_file ~/n.pdf study", "upload /home/me/n.pdf study"},
        {"download_file study n.pdf got", "download study n.pdf -o got/"},
        {"download_file study n.pdf got/", "download study n.pdf -o got/"},
        {"download_file study n.pdf", "download study n.pdf"},
        {"download_file -w study n.pdf got", "download -w study n.pdf -o got/"},
        {"download study a b", "download study a b"},
        {"show_downloads", "ls --downloads"},
        {"stop_share study n.pdf", "unshare n.pdf --group study"},
        {"stop_share 3", "unshare 3"},
        {"unshare 3 4", "unshare 3 4"},
        {"kadpeer get X", "get X"},
        {"quit", "quit (quit)"},
        {"exit", "exit (quit)"},
        {"quit now", "quit now"},
        {"nosuch a b", "nosuch a b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(command_of(cases[i][0]), cases[i][1]);
}

static void every_underscored_word_leads_to_a_command(void **state)
{
    (void)state;
    for (const struct old_word *old = old_words; old->name != NULL; old++) {
        char name[64];
        snprintf(name, sizeof name, "%s", old->command);
        char *flag = strstr(name, " --");
        if (flag != NULL)
            *flag = 0;
        assert_non_null(command_find(name));
    }
}

/* ---- scripts ---- */

struct script {
    struct fake_cli fake;
    struct shell shell;
};

static void script_init(struct script *script, bool keep_going)
{
    FAKE_CLI(script->fake, "shell");
    script->fake.cli.in_shell = true;
    script->shell =
        (struct shell){.cli = &script->fake.cli, .keep_going = keep_going, .run = shell_run_here};
}

static int run_line(struct script *script, const char *text)
{
    bool had_password;
    int status = shell_run_line(&script->shell, text, strlen(text), &had_password);
    fflush(script->fake.cli.out);
    fflush(script->fake.cli.err);
    return status;
}

static void a_line_ends_at_its_first_failure(void **state)
{
    (void)state;
    struct script script;
    script_init(&script, false);
    assert_int_equal(run_line(&script, "version; nosuch; version"), 2);
    assert_string_equal(script.fake.out, "kadpeer " KADPEER_VERSION "\n");
    assert_string_equal(script.fake.err, "kadpeer: there is no command \"nosuch\"\nhint: help\n");
    fake_cli_dispose(&script.fake);
    script_init(&script, true);
    assert_int_equal(run_line(&script, "version; nosuch; version"), 0);
    assert_string_equal(script.fake.out,
                        "kadpeer " KADPEER_VERSION "\nkadpeer " KADPEER_VERSION "\n");
    assert_int_equal(outcome_status(&script.shell.outcome), 7);
    fake_cli_dispose(&script.fake);
}

static void a_quote_left_open_is_wrong_usage(void **state)
{
    (void)state;
    struct script script;
    script_init(&script, false);
    assert_int_equal(run_line(&script, "version 'x"), 2);
    assert_string_equal(script.fake.out, "");
    assert_string_equal(script.fake.err, "kadpeer: a quote (') is not closed\n");
    fake_cli_dispose(&script.fake);
}

static void a_shell_in_the_shell_is_refused_and_quit_ends_it(void **state)
{
    (void)state;
    struct script script;
    script_init(&script, false);
    assert_int_equal(run_line(&script, "shell"), 2);
    assert_string_equal(script.fake.err, "kadpeer: this is the shell already\n");
    assert_int_equal(run_line(&script, "quit; nosuch"), 0);
    assert_true(script.shell.quit);
    fake_cli_dispose(&script.fake);
}

static void flags_of_the_shell_hold_for_its_commands(void **state)
{
    (void)state;
    struct script script;
    script_init(&script, false);
    script.fake.cli.json = true;
    assert_int_equal(run_line(&script, "version; nosuch"), 2);
    assert_string_equal(
        script.fake.out,
        "{\"v\":1,\"ok\":true,\"version\":\"" KADPEER_VERSION "\",\"control\":1}\n"
        "{\"v\":1,\"ok\":false,\"error\":{\"code\":\"usage\",\"exit\":2,\"message\":\"there is no "
        "command \\\"nosuch\\\"\",\"hint\":\"kadpeer help\"}}\n");
    fake_cli_dispose(&script.fake);
}

/* ---- completion ---- */

static void fake_names(void *user, enum shell_kind kind, const char *group, struct shell_names *out)
{
    (void)user;
    static const char *const names[][3] = {
        [SHELL_TRANSFERS] = {"lectures", "notes.pdf"},
        [SHELL_GROUPS] = {"study", "my group"},
        [SHELL_MEMBERS] = {"alice", "bob"},
        [SHELL_APPLICANTS] = {"carol"},
        [SHELL_GROUP_FILES] = {"a b.pdf", "a c.pdf"},
        [SHELL_USERS] = {"me", "mel"},
    };
    bool of_group = kind == SHELL_MEMBERS || kind == SHELL_APPLICANTS || kind == SHELL_GROUP_FILES;
    if (of_group && (group == NULL || strcmp(group, "study") != 0))
        return;
    for (size_t i = 0; i < 3 && names[kind][i] != NULL; i++)
        shell_names_add(out, names[kind][i]);
}

/* What the line becomes, then the choices in brackets where there are several. */
static const char *completed(const char *text)
{
    static char out[1024];
    const struct shell_source source = {fake_names, NULL};
    struct shell_completion completion;
    shell_complete(text, strlen(text), &source, &completion);
    size_t len = (size_t)snprintf(out, sizeof out, "%.*s%s", (int)completion.start, text,
                                  completion.choices.count > 0 ? (const char *)completion.text.data
                                                               : text + completion.start);
    for (size_t i = 0; i < completion.choices.count && completion.choices.count > 1; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%s", i == 0 ? " [" : "|",
                                completion.choices.items[i]);
    if (completion.choices.count > 1)
        snprintf(out + len, sizeof out - len, "]");
    shell_completion_dispose(&completion);
    return out;
}

static void commands_and_flags_are_completed(void **state)
{
    (void)state;
    assert_string_equal(completed("upl"), "upload [upload|upload_file]");
    assert_string_equal(completed("group cr"), "group create ");
    assert_string_equal(completed("group re"), "group re [reject|remove|requests]");
    assert_string_equal(completed("create_"), "create_ [create_group|create_user]");
    assert_string_equal(completed("qu"), "quit ");
    assert_string_equal(completed("get --no-s"), "get --no-seed ");
    assert_string_equal(completed("get --jso"), "get --json ");
    assert_string_equal(completed("ls --sort na"), "ls --sort name ");
    assert_string_equal(completed("status; upload_"), "status; upload_file ");
    assert_string_equal(completed("help sta"), "help sta [start|status]");
    assert_string_equal(completed("nosuch x"), "nosuch x");
    assert_string_equal(completed("ls # gro"), "ls # gro");
}

static void names_are_completed_where_they_are_wanted(void **state)
{
    (void)state;
    assert_string_equal(completed("info lec"), "info lectures ");
    assert_string_equal(completed("pause lectures no"), "pause lectures notes.pdf ");
    assert_string_equal(completed("group show s"), "group show study ");
    assert_string_equal(completed("list_files my"), "list_files my\\ group ");
    assert_string_equal(completed("list_files \"my"), "list_files \"my group\" ");
    assert_string_equal(completed("group remove study a"), "group remove study alice ");
    assert_string_equal(completed("accept_request study "), "accept_request study carol ");
    assert_string_equal(completed("group accept other "), "group accept other ");
    assert_string_equal(completed("download study a"), "download study a\\  [a b.pdf|a c.pdf]");
    assert_string_equal(completed("download_file study 'a b"), "download_file study 'a b.pdf' ");
    assert_string_equal(completed("stop_share study a\\ b"), "stop_share study a\\ b.pdf ");
    assert_string_equal(completed("unshare --group study a\\ c"),
                        "unshare --group study a\\ c.pdf ");
    assert_string_equal(completed("share x --group st"), "share x --group study ");
    assert_string_equal(completed("login m"), "login me [me|mel]");
    assert_string_equal(completed("create_user m"), "create_user m");
    assert_string_equal(completed("group leave study --transfer b"),
                        "group leave study --transfer bob ");
}

static void paths_are_completed(void **state)
{
    (void)state;
    int fd = open("notes/x y.pdf", O_CREAT | O_WRONLY, 0600);
    close(fd);
    assert_string_equal(completed("share not"), "share notes/");
    assert_string_equal(completed("share no\\ "), "share no\\ way/");
    assert_string_equal(completed("share no"), "share no [no way/|notes/]");
    assert_string_equal(completed("upload notes/"), "upload notes/x\\ y.pdf ");
    assert_string_equal(completed("get -o 'no "), "get -o 'no way/");
    assert_string_equal(completed("download_file study f no\\ "),
                        "download_file study f no\\ way/");
    setenv("HOME", root, 1);
    assert_string_equal(completed("share ~/not"), "share ~/notes/");
    setenv("HOME", "/home/me", 1);
}

/* ---- history ---- */

struct lines {
    size_t count;
    char first[64], last[64];
};

static void on_line(void *user, const char *line)
{
    struct lines *lines = user;
    if (lines->count++ == 0)
        snprintf(lines->first, sizeof lines->first, "%s", line);
    snprintf(lines->last, sizeof lines->last, "%s", line);
}

static void the_last_thousand_lines_are_kept_for_us_alone(void **state)
{
    (void)state;
    struct lines lines = {0};
    struct stat info;
    assert_int_equal(shell_history_load("history", on_line, &lines), STATUS_OK);
    assert_int_equal(lines.count, 0);
    for (int i = 0; i < 1200; i++) {
        char line[32];
        snprintf(line, sizeof line, "get %d", i);
        assert_int_equal(shell_history_add("history", line), STATUS_OK);
    }
    assert_int_equal(stat("history", &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(shell_history_load("history", on_line, &lines), STATUS_OK);
    assert_int_equal(lines.count, SHELL_HISTORY_MAX);
    assert_string_equal(lines.first, "get 200");
    assert_string_equal(lines.last, "get 1199");
    assert_int_equal(stat("history", &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_true(info.st_size < 10000);
}

static void a_history_that_leads_elsewhere_is_not_written(void **state)
{
    (void)state;
    assert_int_equal(symlink("elsewhere", "link"), 0);
    assert_int_not_equal(shell_history_add("link", "x"), STATUS_OK);
    assert_int_equal(access("elsewhere", F_OK), -1);
}

/* ---- notices ---- */

static void few_events_are_told_and_safely(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"what\":\"done\",\"id\":3,\"path\":\"/tmp/notes.pdf\"}",
         "finished: /tmp/notes.pdf (3)"},
        {"{\"what\":\"error\",\"id\":3,\"hash\":\"5f0c000000000000000000000000000000009e21\","
         "\"reason\":\"disk full\"}",
         "failed: 5f0c...9e21 (3): disk full"},
        {"{\"what\":\"group_request\",\"group\":\"my group\",\"name\":\"m\\u001b[2Je\",\"note\":"
         "\"a\\nb\"}",
         "m?[2Je wants to join my group (\"a?b\"); accept_request 'my group' 'm?[2Je'"},
        {"{\"what\":\"group_joined\",\"group\":\"study\"}", "study: you are a member now"},
        {"{\"what\":\"group_member\",\"group\":\"study\",\"name\":\"bob\",\"left\":true}",
         "study: bob has left"},
        {"{\"what\":\"group_warning\",\"group\":\"study\",\"text\":\"old\"}", "study: old"},
        {"{\"what\":\"piece\",\"id\":3}", NULL},
        {"{}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *event = json_loads(cases[i][0], 0, NULL);
        char *text = shell_notice_text(event);
        if (cases[i][1] == NULL)
            assert_null(text);
        else
            assert_string_equal(text, cases[i][1]);
        free(text);
        json_decref(event);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_and_backslashes_keep_blanks),
        cmocka_unit_test(a_link_needs_no_quotes),
        cmocka_unit_test(comments_and_semicolons_end_commands),
        cmocka_unit_test(what_is_left_open_is_told),
        cmocka_unit_test(the_tilde_is_the_home_folder_at_the_start_of_a_word),
        cmocka_unit_test(what_is_escaped_is_read_back_as_it_was),
        cmocka_unit_test(random_lines_do_no_harm),
        cmocka_unit_test(both_spellings_are_the_same_command),
        cmocka_unit_test(every_underscored_word_leads_to_a_command),
        cmocka_unit_test(a_line_ends_at_its_first_failure),
        cmocka_unit_test(a_quote_left_open_is_wrong_usage),
        cmocka_unit_test(a_shell_in_the_shell_is_refused_and_quit_ends_it),
        cmocka_unit_test(flags_of_the_shell_hold_for_its_commands),
        cmocka_unit_test(commands_and_flags_are_completed),
        cmocka_unit_test(names_are_completed_where_they_are_wanted),
        cmocka_unit_test(paths_are_completed),
        cmocka_unit_test(the_last_thousand_lines_are_kept_for_us_alone),
        cmocka_unit_test(a_history_that_leads_elsewhere_is_not_written),
        cmocka_unit_test(few_events_are_told_and_safely),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
