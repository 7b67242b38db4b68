#include "support/unit.h"

#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/suggest.h"

static enum status load(struct config *config, const char *text, char error[CONFIG_ERROR_SIZE])
{
    return config_load_text(config, "config.ini", bytes_of_string(text), error);
}

static void check_refused(const char *text, const char *want)
{
    struct config *config = config_new();
    char error[CONFIG_ERROR_SIZE];
    assert_int_equal(load(config, text, error), STATUS_MALFORMED);
    assert_string_equal(error, want);
    assert_int_equal(config_number(config, "network.port"), 61881);
    config_free(config);
}

static void every_default_is_valid_and_known_as_such(void **state)
{
    (void)state;
    struct config *config = config_new();
    assert_non_null(config);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        assert_int_equal(config_source_of(config, key->name), CONFIG_DEFAULT);
        assert_string_equal(config_text(config, key->name), key->fallback);
        assert_ptr_equal(config_find_key(key->name), key);
        assert_non_null(strchr(key->name, '.'));
    }
    assert_int_equal(config_number(config, "transfer.reserve"), 256 << 20);
    config_free(config);
}

static void a_file_sets_values_and_says_so(void **state)
{
    (void)state;
    struct config *config = config_new();
    char error[CONFIG_ERROR_SIZE];
    assert_int_equal(load(config,
                          "\xef\xbb\xbf# a comment\n; another\n\n[network]\r\n"
                          "port = 7000\n ipv6=no\nbootstrap = a.example:1\nbootstrap = [::1]:2\n"
                          "[transfer]\ndir = /srv/a ; b\nreserve = 1.5M",
                          error),
                     STATUS_OK);
    const char *const *list;
    assert_int_equal(config_number(config, "network.port"), 7000);
    assert_int_equal(config_source_of(config, "network.port"), CONFIG_FILE);
    assert_false(config_bool(config, "network.ipv6"));
    assert_int_equal(config_list(config, "network.bootstrap", &list), 2);
    assert_string_equal(list[0], "a.example:1");
    assert_string_equal(list[1], "[::1]:2");
    assert_string_equal(config_text(config, "network.bootstrap"), "a.example:1 [::1]:2");
    assert_string_equal(config_text(config, "transfer.dir"), "/srv/a ; b");
    assert_int_equal(config_number(config, "transfer.reserve"), 3 << 19);
    assert_int_equal(config_source_of(config, "log.level"), CONFIG_DEFAULT);
    config_free(config);
}

static void mistakes_are_named_with_line_and_nearest_key(void **state)
{
    (void)state;
    check_refused("[network]\nprot = 1\n",
                  "config.ini line 2: unknown key network.prot, did you mean network.port?");
    check_refused("port = 1\n", "config.ini line 1: unknown key port, did you mean network.port?");
    check_refused("\n[network]\nport = many\n",
                  "config.ini line 3: network.port = many: a whole number is wanted");
    check_refused("[network]\nport = 65536",
                  "config.ini line 2: network.port = 65536: wanted is 0 to 65535");
    check_refused("[network]\nport\n",
                  "config.ini line 2: neither [section], key = value nor a comment");
    check_refused("[network\n", "config.ini line 1: neither [section], key = value nor a comment");
    check_refused("[zzz]\nqqqqqqqqqqqqqqqqqqqqqqqqqqq = 1\n",
                  "config.ini line 2: unknown key zzz.qqqqqqqqqqqqqqqqqqqqqqqqqqq");
}

static void a_bad_line_leaves_the_good_ones_out_too(void **state)
{
    (void)state;
    check_refused("[network]\nport = 7000\nipv6 = perhaps\n",
                  "config.ini line 3: network.ipv6 = perhaps: yes or no is wanted");
}

static void long_lines_are_refused_not_cut(void **state)
{
    (void)state;
    char text[CONFIG_LINE_MAX + 64], error[CONFIG_ERROR_SIZE];
    int head = sprintf(text, "[transfer]\n");
    memset(text + head, 'x', CONFIG_LINE_MAX + 1);
    memcpy(text + head, "dir = /", 7);
    text[head + CONFIG_LINE_MAX] = 0;
    struct config *config = config_new();
    assert_int_equal(load(config, text, error), STATUS_OK);
    assert_int_equal(strlen(config_text(config, "transfer.dir")), CONFIG_LINE_MAX - 6);
    config_free(config);
    text[head + CONFIG_LINE_MAX] = 'x';
    text[head + CONFIG_LINE_MAX + 1] = 0;
    check_refused(text, "config.ini line 2: longer than 1000 bytes");
}

static void a_zero_byte_is_refused(void **state)
{
    (void)state;
    struct config *config = config_new();
    char error[CONFIG_ERROR_SIZE];
    assert_int_equal(config_load_text(config, "f", bytes_of("a\n\0b", 4), error), STATUS_MALFORMED);
    assert_string_equal(error, "f line 2: holds a zero byte");
    config_free(config);
}

static void a_missing_file_is_no_error_a_folder_is_one(void **state)
{
    (void)state;
    struct config *config = config_new();
    char error[CONFIG_ERROR_SIZE];
    assert_int_equal(config_load(config, "/nonexistent/config.ini", error), STATUS_OK);
    assert_int_equal(config_load(config, "/tmp", error), STATUS_IO);
    assert_string_equal(error, "cannot read /tmp: Is a directory");
    config_free(config);
}

static void flags_win_over_environment_over_file(void **state)
{
    (void)state;
    struct config *config = config_new();
    char error[CONFIG_ERROR_SIZE];
    setenv("KADPEER_PORT", "7001", 1);
    assert_int_equal(load(config, "[network]\nport = 7000\n", error), STATUS_OK);
    assert_int_equal(config_load_environment(config, error), STATUS_OK);
    assert_int_equal(config_number(config, "network.port"), 7001);
    assert_int_equal(config_source_of(config, "network.port"), CONFIG_ENVIRONMENT);
    assert_int_equal(config_set(config, "network.port", "7002", CONFIG_FLAG, error), STATUS_OK);
    assert_int_equal(config_number(config, "network.port"), 7002);
    setenv("KADPEER_PORT", "no", 1);
    assert_int_equal(config_load_environment(config, error), STATUS_MALFORMED);
    assert_string_equal(error,
                        "environment KADPEER_PORT: network.port = no: a whole number is wanted");
    unsetenv("KADPEER_PORT");
    config_free(config);
}

static void sizes_are_binary(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},          {"4096", 4096},     {"200K", 204800},
                {"1.5M", 1572864}, {"2g", 2ULL << 30}, {"1T", 1ULL << 40},
                {"3KiB", 3072},    {"12B", 12},        {"0.5K", 512}};
    static const char *const bad[] = {"",    "M",   "-1",  "+1",  "1.M", "1e3",       "0x10",
                                      "inf", "nan", "1 M", "1KB", "1Kx", "99999999T", "1.2.3"};
    uint64_t bytes;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(config_parse_size(good[i].text, &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (config_parse_size(bad[i], &bytes))
            fail_msg("taken: \"%s\"", bad[i]);
    }
}

static void durations_have_units(void **state)
{
    (void)state;
    double seconds;
    assert_true(config_parse_duration("90s", &seconds) && seconds == 90);
    assert_true(config_parse_duration("15m", &seconds) && seconds == 900);
    assert_true(config_parse_duration("1.5h", &seconds) && seconds == 5400);
    assert_true(config_parse_duration("7d", &seconds) && seconds == 604800);
    assert_true(config_parse_duration("30", &seconds) && seconds == 30);
    assert_false(config_parse_duration("", &seconds));
    assert_false(config_parse_duration("5 m", &seconds));
    assert_false(config_parse_duration("-5m", &seconds));
    assert_false(config_parse_duration("5w", &seconds));
}

static void log_levels_are_checked(void **state)
{
    (void)state;
    struct config *config = config_new();
    char error[CONFIG_ERROR_SIZE];
    assert_int_equal(config_set(config, "log.level", "warn,dht=debug", CONFIG_FLAG, error),
                     STATUS_OK);
    assert_int_equal(config_set(config, "log.level", "loud", CONFIG_FLAG, error), STATUS_MALFORMED);
    assert_int_equal(config_set(config, "log.level", "info,=debug", CONFIG_FLAG, error),
                     STATUS_MALFORMED);
    assert_string_equal(config_text(config, "log.level"), "warn,dht=debug");
    config_free(config);
}

static void distance_counts_edits_and_swaps(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("get", "get"), 0);
    assert_int_equal(suggest_distance("", "get"), 3);
    assert_int_equal(suggest_distance("gte", "get"), 1);
    assert_int_equal(suggest_distance("shares", "share"), 1);
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
    struct suggestion nearest = suggestion_for("xyz");
    suggestion_try(&nearest, "get");
    assert_null(nearest.best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_default_is_valid_and_known_as_such),
        cmocka_unit_test(a_file_sets_values_and_says_so),
        cmocka_unit_test(mistakes_are_named_with_line_and_nearest_key),
        cmocka_unit_test(a_bad_line_leaves_the_good_ones_out_too),
        cmocka_unit_test(long_lines_are_refused_not_cut),
        cmocka_unit_test(a_zero_byte_is_refused),
        cmocka_unit_test(a_missing_file_is_no_error_a_folder_is_one),
        cmocka_unit_test(flags_win_over_environment_over_file),
        cmocka_unit_test(sizes_are_binary),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(log_levels_are_checked),
        cmocka_unit_test(distance_counts_edits_and_swaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
