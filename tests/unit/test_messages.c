/* What a person reads when something went wrong, and what a program reads: cli-design sections 3
 * and 9. The daemon is played by the test. */
#include "support/unit.h"

#include <fcntl.h>

#include "support/fake_daemon.h"

#define HASH "5f0c000000000000000000000000000000009e21"

static void check(struct fake_cli *fake, int status, const char *out, const char *err)
{
    assert_int_equal(fake_cli_run(fake), status);
    assert_string_equal(fake->out, out);
    assert_string_equal(fake->err, err);
    fake_cli_dispose(fake);
}

static void row_1_a_link_cut_at_the_ampersand_is_remarked(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "get", "-d", "magnet:?xt=urn:btih:" HASH);
    fake_says(fake.daemon, "[1,1,null,{\"id\":6,\"hash\":\"" HASH "\",\"attached\":false}]");
    check(&fake, 0, "6\n",
          "note: the link stops after the hash; in quotes it would carry the name and a peer\n"
          "5f0c...9e21: is fetched in the background; 'kadpeer ls' shows it\n");
}

static void row_2_what_is_neither_link_nor_hash_is_named(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "get", "5f0c12");
    fake_says(fake.daemon,
              "[1,1,{\"code\":\"not_found\",\"exit\":3,\"message\":\"no transfer\"},null]");
    check(&fake, 12, "",
          "kadpeer: cannot read \"5f0c12\": a hash has 40 hexadecimal digits (or 32 of base32), "
          "this has 6, and no transfer starts with it\n"
          "hint: for a name use: kadpeer search 5f0c12\n");
}

static void row_2_as_json_is_the_end_of_a_stream(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "--json", "get", "magnet:?xt=urn:btih:12");
    assert_int_equal(fake_cli_run(&fake), 12);
    json_t *line = json_loads(fake.out, 0, NULL);
    assert_int_equal(json_whole(line, "v", 0), 1);
    assert_string_equal(json_text(line, "event", ""), "error");
    assert_true(json_is_false(json_object_get(line, "ok")));
    assert_string_equal(json_text(line, "error.code", ""), "bad_link");
    assert_int_equal(json_whole(line, "error.exit", 0), 12);
    assert_string_equal(fake.err, "");
    json_decref(line);
    fake_cli_dispose(&fake);
}

/* Rows 3, 4, 8 and 9 are the daemon's words: they arrive as they were said. */
static void what_the_daemon_says_is_printed_with_its_hint_and_status(void **state)
{
    (void)state;
    static const struct {
        int exit;
        const char *message, *hint;
    } rows[] = {
        {3, "no source for 5f0c...9e21: 24 nodes answered, none knows it, in 60s",
         "is the sharing node running? it stays listed; kadpeer resume 6 tries again"},
        {6, "this node knows no other node: 0 saved, 0 configured, none answered in 60s",
         "kadpeer join HOST:PORT"},
        {8, "notes.pdf exists and is not this file (9% of pieces match)",
         "-o DIR for another place, --force to replace"},
        {9,
         "4 lectures paused: 1.5 GiB more needed, 0.2 GiB free; goes on by itself when there is "
         "room",
         NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake_cli fake;
        char want[512];
        json_t *end = json_pack("[i,i,{s:s,s:i,s:s,s:s?},n]", 1, 2, "code", "x", "exit",
                                rows[i].exit, "message", rows[i].message, "hint", rows[i].hint);
        char *text = json_dumps(end, 0);
        FAKE_CLI(fake, "get", HASH);
        fake_says(fake.daemon, "[1,1,null,{\"id\":6,\"hash\":\"" HASH "\",\"attached\":false}]");
        fake_says(fake.daemon, text);
        snprintf(want, sizeof want, "kadpeer: %s\n%s%s%s", rows[i].message,
                 rows[i].hint != NULL ? "hint: " : "", rows[i].hint != NULL ? rows[i].hint : "",
                 rows[i].hint != NULL ? "\n" : "");
        check(&fake, rows[i].exit, "", want);
        free(text);
        json_decref(end);
    }
}

static void row_6_without_a_daemon_and_autostart(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "ls");
    client_free(fake.cli.client);
    fake.cli.client = NULL;
    check(&fake, 5, "",
          "kadpeer: no daemon for profile default, and autostart is off\nhint: kadpeer start\n");
}

static void a_name_with_several_matches_lists_them(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "get", "notes.pdf");
    fake_says(fake.daemon,
              "[1,1,{\"code\":\"ambiguous\",\"exit\":8,\"message\":\"several files have this "
              "name\",\"hint\":null,\"candidates\":[{\"hash\":\"" HASH
              "\",\"name\":\"notes.pdf\\u001b\",\"size\":1992294,\"sources\":2,\"publishers\":1,"
              "\"first_seen\":null},{\"hash\":\"" HASH
              "\",\"name\":\"Notes.pdf\",\"size\":5,\"sources\":1,\"publishers\":3}]},null]");
    check(&fake, 8, "",
          "kadpeer: several files have this name\n"
          "HASH                                         SIZE  SOURCES  PUBLISHERS  FIRST SEEN  "
          "NAME\n"
          "" HASH "  1.9 MiB        2           1  -           notes.pdf?\n"
          "" HASH "      5 B        1           3  -           Notes.pdf\n");
}

static void a_daemon_of_another_protocol_is_told_apart(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "ls");
    assert_int_equal(write(fake.daemon, "HTTP/1.1", 8), 8);
    assert_int_equal(fake_cli_run(&fake), 13);
    fake_cli_dispose(&fake);
}

static void some_of_several_failing_is_seven(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "pause", "1", "2");
    fake_says(fake.daemon, "[1,1,null,{\"changed\":[1]}]");
    fake_says(fake.daemon, "[1,2,{\"code\":\"not_found\",\"exit\":3,\"message\":\"no transfer 2\"},"
                           "null]");
    check(&fake, 7, "paused 1\n", "kadpeer: no transfer 2\n");
    FAKE_CLI(fake, "pause", "1", "2");
    fake_says(fake.daemon, "[1,1,{\"code\":\"not_found\",\"exit\":3,\"message\":\"a\"},null]");
    fake_says(fake.daemon, "[1,2,{\"code\":\"not_found\",\"exit\":3,\"message\":\"b\"},null]");
    check(&fake, 3, "", "kadpeer: a\nkadpeer: b\n");
}

static void several_answers_as_json_are_one_value(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "--json", "pause", "1", "2");
    fake_says(fake.daemon, "[1,1,null,{\"changed\":[1]}]");
    fake_says(fake.daemon, "[1,2,{\"code\":\"not_found\",\"exit\":3,\"message\":\"no\",\"hint\":"
                           "null},null]");
    check(&fake, 7,
          "{\"v\":1,\"ok\":false,\"results\":[{\"ok\":true,\"argument\":\"1\",\"changed\":[1]},"
          "{\"ok\":false,\"argument\":\"2\",\"error\":{\"code\":\"not_found\",\"exit\":3,"
          "\"message\":\"no\",\"hint\":null}}]}\n",
          "");
}

static void get_as_json_is_a_stream_with_its_outcome_last(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "--json", "get", HASH);
    fake_says(fake.daemon, "[1,1,null,{\"id\":6,\"hash\":\"" HASH "\",\"attached\":false}]");
    fake_says(fake.daemon, "[2,\"searching\",{\"msgid\":2,\"v\":1,\"asked\":24,\"sources\":0,"
                           "\"elapsed\":3.0}]");
    fake_says(fake.daemon, "[2,\"progress\",{\"msgid\":2,\"v\":1,\"id\":6,\"done\":819200}]");
    fake_says(fake.daemon, "[1,2,null,{\"transfer\":{\"id\":6,\"hash\":\"" HASH
                           "\"},\"seconds\":1.3,\"path\":\"/d/notes.pdf\"}]");
    check(&fake, 0,
          "{\"v\":1,\"event\":\"added\",\"id\":6,\"hash\":\"" HASH "\",\"attached\":false}\n"
          "{\"v\":1,\"event\":\"searching\",\"asked\":24,\"sources\":0,\"elapsed\":3.0,\"id\":6}\n"
          "{\"v\":1,\"event\":\"progress\",\"id\":6,\"done\":819200}\n"
          "{\"v\":1,\"event\":\"done\",\"ok\":true,\"id\":6,\"hash\":\"" HASH
          "\",\"transfer\":{\"id\":6,\"hash\":\"" HASH
          "\"},\"seconds\":1.3,\"path\":\"/d/notes.pdf\"}\n",
          "");
}

static void a_finished_get_says_where_and_how_to_stop_sharing(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "get", HASH);
    fake_says(fake.daemon, "[1,1,null,{\"id\":3,\"hash\":\"" HASH "\",\"attached\":false}]");
    fake_says(fake.daemon, "[2,\"state\",{\"msgid\":2,\"v\":1,\"state\":\"downloading\"}]");
    fake_says(fake.daemon, "[1,2,null,{\"transfer\":{\"id\":3,\"size\":1992294,\"state\":"
                           "\"sharing\"},\"seconds\":1.3,\"path\":\"/d/notes.pdf\"}]");
    check(&fake, 0,
          "done  /d/notes.pdf  1.9 MiB in 1.3s (1.5 MiB/s), verified, now sharing it "
          "('kadpeer unshare 3' stops)\n",
          "");
}

static void a_name_is_never_fetched_without_its_hash_being_shown(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "get", "name:notes.pdf", "--wait", "5");
    fake_says(fake.daemon, "[1,1,null,{\"id\":3,\"hash\":\"" HASH "\",\"attached\":false}]");
    fake_says(fake.daemon, "[1,2,{\"code\":\"no_source\",\"exit\":3,\"message\":\"m\"},null]");
    assert_int_equal(fake_cli_run(&fake), 3);
    assert_string_equal(fake.err, "notes.pdf is " HASH "\nkadpeer: m\n");
    json_t *asked = fake_asked(fake.daemon);
    assert_string_equal(json_text(json_array_get(asked, 3), "name", ""), "notes.pdf");
    assert_true(json_decimal(json_array_get(asked, 3), "wait", 0) == 5);
    json_decref(asked);
    fake_cli_dispose(&fake);
}

static void a_file_that_was_there_is_not_said_to_be_fetched(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "get", HASH);
    fake_says(fake.daemon, "[1,1,null,{\"id\":3,\"hash\":\"" HASH "\",\"attached\":true}]");
    fake_says(fake.daemon, "[2,\"state\",{\"msgid\":2,\"v\":1,\"state\":\"sharing\"}]");
    fake_says(fake.daemon, "[1,2,null,{\"transfer\":{\"id\":3,\"size\":1992294,\"state\":"
                           "\"sharing\",\"downloaded\":9},\"seconds\":0.2,\"path\":\"/d/n\"}]");
    check(&fake, 0,
          "done  /d/n  1.9 MiB, was there already, verified, now sharing it ('kadpeer unshare 3' "
          "stops)\n",
          "");
}

static void another_place_is_remarked_only_when_it_is_another(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "get", "-d", "-o", "/d/n", "--force", HASH);
    fake_says(fake.daemon, "[1,1,null,{\"id\":3,\"hash\":\"" HASH
                           "\",\"attached\":true,\"moved\":false,\"elsewhere\":false}]");
    check(&fake, 0, "3\n",
          "5f0c...9e21: was there already, goes on in the background; 'kadpeer ls' shows it\n");
    FAKE_CLI(fake, "get", "-d", "-o", "/d/n", HASH);
    fake_says(fake.daemon, "[1,1,null,{\"id\":3,\"hash\":\"" HASH
                           "\",\"attached\":true,\"moved\":false,\"elsewhere\":true}]");
    check(&fake, 0, "3\n",
          "note: it is here already, where it was asked for first; -o changes nothing\n"
          "5f0c...9e21: was there already, goes on in the background; 'kadpeer ls' shows it\n");
}

static void hints_of_the_daemon_name_the_profile(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "--profile", "b", "info", "9");
    assert_int_equal(paths_init(&fake.cli.paths, "b", "/nonexistent/s"), STATUS_OK);
    fake_says(fake.daemon, "[1,1,{\"code\":\"not_found\",\"exit\":3,\"message\":\"no 9\","
                           "\"hint\":\"see kadpeer ls\"},null]");
    check(&fake, 3, "", "kadpeer: no 9\nhint: see kadpeer --profile b ls\n");
}

static void deleting_files_unasked_needs_a_yes(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "rm", "--data", "3");
    int input = open("/dev/null", O_RDONLY), saved = dup(STDIN_FILENO);
    dup2(input, STDIN_FILENO);
    check(&fake, 2, "", "kadpeer: rm --data deletes the files of 3\nhint: -y\n");
    FAKE_CLI(fake, "rm", "--data", "-y", "3");
    fake_says(fake.daemon, "[1,1,null,{\"id\":3,\"name\":\"n\",\"deleted\":[\"/d/n\"]}]");
    check(&fake, 0, "removed n, deleted from the disk\n", "");
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(input);
}

static void ls_shows_the_reason_of_what_does_not_move(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "ls");
    fake_says(
        fake.daemon,
        "[1,1,null,{\"transfers\":[{\"id\":3,\"hash\":\"" HASH
        "\",\"name\":\"notes.pdf\",\"state\":\"sharing\",\"reason\":null,\"size\":1992294,"
        "\"done\":1992294,\"rate_down\":0,\"rate_up\":122880,\"eta\":null,\"peers\":{"
        "\"connected\":4,\"sending\":1,\"known\":9},\"ratio\":0.62,\"group\":null},"
        "{\"id\":12,\"name\":\"lectures\",\"state\":\"no_space\",\"reason\":\"2.1 GiB needed, "
        "0.4 GiB free on the target\",\"size\":4402341478,\"done\":2773475131,\"rate_down\":0,"
        "\"rate_up\":0,\"eta\":null,\"peers\":{\"connected\":11,\"sending\":0,\"known\":40},"
        "\"ratio\":0.02}]}]");
    check(&fake, 0,
          "ID  STATE     DONE     SIZE  DOWN         UP  ETA  PEERS  RATIO  GROUP  NAME\n"
          " 3  sharing   100%  1.9 MiB     -  120 KiB/s    -    1/4   0.62  -      notes.pdf\n"
          "12  no_space   62%  4.1 GiB     -          -    -   0/11   0.02  -      lectures\n"
          "    no_space: 2.1 GiB needed, 0.4 GiB free on the target\n",
          "");
}

static void no_result_says_which_it_was(void **state)
{
    (void)state;
    struct fake_cli fake;
    FAKE_CLI(fake, "search", "foo", "bar");
    fake_says(fake.daemon, "[1,1,null,{\"results\":0,\"answered\":31,\"asked\":40}]");
    check(&fake, 3, "", "kadpeer: 31 nodes answered, none knows \"foo bar\"\n");
    FAKE_CLI(fake, "search", "foo");
    fake_says(fake.daemon, "[1,1,null,{\"results\":0,\"answered\":0,\"asked\":4}]");
    check(&fake, 6, "", "kadpeer: no node answered\nhint: kadpeer join HOST:PORT\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_1_a_link_cut_at_the_ampersand_is_remarked),
        cmocka_unit_test(row_2_what_is_neither_link_nor_hash_is_named),
        cmocka_unit_test(row_2_as_json_is_the_end_of_a_stream),
        cmocka_unit_test(what_the_daemon_says_is_printed_with_its_hint_and_status),
        cmocka_unit_test(row_6_without_a_daemon_and_autostart),
        cmocka_unit_test(a_name_with_several_matches_lists_them),
        cmocka_unit_test(a_daemon_of_another_protocol_is_told_apart),
        cmocka_unit_test(some_of_several_failing_is_seven),
        cmocka_unit_test(several_answers_as_json_are_one_value),
        cmocka_unit_test(get_as_json_is_a_stream_with_its_outcome_last),
        cmocka_unit_test(a_finished_get_says_where_and_how_to_stop_sharing),
        cmocka_unit_test(a_name_is_never_fetched_without_its_hash_being_shown),
        cmocka_unit_test(a_file_that_was_there_is_not_said_to_be_fetched),
        cmocka_unit_test(another_place_is_remarked_only_when_it_is_another),
        cmocka_unit_test(hints_of_the_daemon_name_the_profile),
        cmocka_unit_test(deleting_files_unasked_needs_a_yes),
        cmocka_unit_test(ls_shows_the_reason_of_what_does_not_move),
        cmocka_unit_test(no_result_says_which_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
