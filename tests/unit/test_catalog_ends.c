/* The catalog after ends that nobody planned: killed, disk full, files cut, damaged, foreign or
 * newer; and migrations. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "catalog/schema.h"
#include "kadpeer/rng.h"
#include "support/catalog.h"

/* ---- killed, or no room ---- */

#define HAVE_BITS 2048

/* Sets bits in a random order for ever and reports each once it is stored. */
static void set_bits(const char *path, int64_t id, struct rng *rng, int report_fd)
{
    static uint8_t have[HAVE_BITS / 8];
    char error[CATALOG_ERROR_SIZE];
    struct catalog *catalog;
    if (catalog_open(path, &catalog, error) != STATUS_OK)
        _exit(1);
    for (;;) {
        uint16_t bit = (uint16_t)rng_below(rng, HAVE_BITS);
        have[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        if (catalog_set_have(catalog, id, bytes_of(have, sizeof have)) != STATUS_OK)
            _exit(2);
        if (write(report_fd, &bit, sizeof bit) != sizeof bit)
            _exit(3);
    }
}

/* Kills the child after `wanted` reports; what it had reported until it died is in `reported`. */
static size_t collect_then_kill(int fd, pid_t child, uint32_t wanted, uint8_t *reported)
{
    size_t count = 0;
    uint16_t bit;
    while (read(fd, &bit, sizeof bit) == sizeof bit) {
        reported[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        if (++count == wanted)
            kill(child, SIGKILL);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    return count;
}

static void assert_reported_bits_are_stored(struct catalog *catalog, const uint8_t *reported)
{
    struct catalog_transfer *rows;
    size_t count;
    assert_int_equal(catalog_load_transfers(catalog, &rows, &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].have.len, HAVE_BITS / 8);
    for (size_t i = 0; i < HAVE_BITS / 8; i++)
        assert_int_equal(reported[i] & ~rows[0].have.data[i], 0);
    catalog_free_transfers(rows, count);
}

static void every_reported_bit_outlives_a_kill(void **state)
{
    struct fixture *f = *state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(20));
    int64_t id = add(f->catalog, 1);
    for (int round = 0; round < 10; round++) {
        uint8_t reported[HAVE_BITS / 8] = {0};
        uint32_t wanted = 1 + (uint32_t)rng_below(&rng, 400);
        struct rng child_rng = rng;
        rng_below(&rng, 2);
        catalog_close(f->catalog);
        f->catalog = NULL;
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            set_bits(f->path, id, &child_rng, ends[1]);
        close(ends[1]);
        assert_true(collect_then_kill(ends[0], child, wanted, reported) >= wanted);
        close(ends[0]);
        f->catalog = open_good(f->path);
        assert_reported_bits_are_stored(f->catalog, reported);
    }
}

static void write_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Adds transfers with a long info until one fails; how many went in. */
static size_t fill(struct catalog *catalog, enum status *last)
{
    static const uint8_t info[64 * 1024];
    for (size_t added = 0;; added++) {
        struct catalog_transfer transfer = transfer_of((uint8_t)(added + 1));
        transfer.info = bytes_of(info, sizeof info);
        *last = catalog_add_transfer(catalog, &transfer);
        if (*last != STATUS_OK)
            return added;
        assert_true(added < 250);
    }
}

static void full_disk_says_so_keeps_what_was_and_goes_on_with_room(void **state)
{
    struct fixture *f = *state;
    signal(SIGXFSZ, SIG_IGN);
    enum status status;
    write_limit(1024 * 1024);
    size_t added = fill(f->catalog, &status);
    enum status again = catalog_set(f->catalog, "big", bytes_of((uint8_t[200000]){0}, 200000));
    write_limit(RLIM_INFINITY);
    assert_int_equal(status, STATUS_NO_SPACE);
    assert_int_equal(again, STATUS_NO_SPACE);
    assert_true(added > 2);
    assert_int_equal(count_transfers(f->catalog), added);
    add(f->catalog, 255);
    reopen(f);
    assert_int_equal(count_transfers(f->catalog), added + 1);
}

static void transaction_that_found_no_room_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    signal(SIGXFSZ, SIG_IGN);
    enum status status;
    add(f->catalog, 255);
    write_limit(1024 * 1024);
    assert_int_equal(catalog_begin(f->catalog), STATUS_OK);
    /* More than SQLite's page cache, so that it has to write before the end. */
    assert_int_equal(catalog_set(f->catalog, "first", bytes_of("1", 1)), STATUS_OK);
    fill(f->catalog, &status);
    enum status ended = catalog_end(f->catalog, true);
    write_limit(RLIM_INFINITY);
    assert_int_equal(status, STATUS_NO_SPACE);
    assert_int_equal(ended, STATUS_NO_SPACE);
    assert_int_equal(count_transfers(f->catalog), 1);
    uint8_t *value;
    size_t len;
    assert_int_equal(catalog_get(f->catalog, "first", &value, &len), STATUS_NOT_FOUND);
    assert_int_equal(catalog_begin(f->catalog), STATUS_OK);
    add(f->catalog, 1);
    assert_int_equal(catalog_end(f->catalog, true), STATUS_OK);
}

/* ---- files that are not ours to touch ---- */

static uint8_t *slurp(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    *len = (size_t)info.st_size;
    uint8_t *data = malloc(*len + 1);
    assert_int_equal(read(fd, data, *len), *len);
    close(fd);
    return data;
}

static void spill(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

/* Opening is refused with a text that has the path and `reason`, and no byte changes. */
static void assert_refused(const char *path, const char *reason)
{
    char error[CATALOG_ERROR_SIZE] = "";
    struct catalog *catalog;
    size_t before_len, after_len;
    uint8_t *before = slurp(path, &before_len);
    assert_int_equal(catalog_open(path, &catalog, error), STATUS_MALFORMED);
    assert_null(catalog);
    uint8_t *after = slurp(path, &after_len);
    assert_int_equal(after_len, before_len);
    assert_memory_equal(after, before, before_len);
    if (strstr(error, path) == NULL || strstr(error, reason) == NULL)
        fail_msg("not in the text: '%s' in '%s'", reason, error);
    free(before);
    free(after);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static void foreign_files_are_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    catalog_close(f->catalog);
    f->catalog = NULL;
    spill(f->path, "dear diary, today I opened a text file as a database", 52);
    assert_refused(f->path, "not a database");
    spill(f->path, "x", 1);
    assert_refused(f->path, "not a database");
    unlink(f->path);
    run_sql(f->path,
            "PRAGMA application_id = 1; CREATE TABLE mine (a); INSERT INTO mine VALUES (1)");
    assert_refused(f->path, "another program");
    char error[CATALOG_ERROR_SIZE];
    assert_int_equal(catalog_open("/tmp", &f->catalog, error), STATUS_MALFORMED);
    assert_non_null(strstr(error, "not a file"));
}

static void cut_files_are_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    enum status status;
    signal(SIGXFSZ, SIG_IGN);
    write_limit(1024 * 1024);
    fill(f->catalog, &status);
    write_limit(RLIM_INFINITY);
    catalog_close(f->catalog);
    f->catalog = NULL;
    size_t len;
    uint8_t *whole = slurp(f->path, &len);
    const size_t cuts[] = {20, 99, 100, 4096, 4097, len / 2, len - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        spill(f->path, whole, cuts[i]);
        assert_refused(f->path, "cut short");
    }
    spill(f->path, whole, len);
    free(whole);
    f->catalog = open_good(f->path);
}

static void damage_is_found_after_an_unclean_end(void **state)
{
    struct fixture *f = *state;
    for (uint8_t i = 1; i < 100; i++)
        add(f->catalog, i);
    catalog_close(f->catalog);
    f->catalog = NULL;
    run_sql(f->path, "DELETE FROM meta WHERE name = 'clean_end'; PRAGMA wal_checkpoint(TRUNCATE)");
    size_t len;
    uint8_t *whole = slurp(f->path, &len);
    memset(whole + len / 2, 0x5a, 4096);
    spill(f->path, whole, len);
    free(whole);
    assert_refused(f->path, "");
}

static void newer_versions_are_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    char sql[80];
    add(f->catalog, 1);
    catalog_close(f->catalog);
    f->catalog = NULL;
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", SCHEMA_VERSION + 1);
    run_sql(f->path, sql);
    assert_refused(f->path, "newer kadpeer");
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", SCHEMA_VERSION);
    run_sql(f->path, sql);
    f->catalog = open_good(f->path);
    assert_int_equal(count_transfers(f->catalog), 1);
}

static void folder_that_is_not_there_is_named(void **state)
{
    struct fixture *f = *state;
    char error[CATALOG_ERROR_SIZE];
    char path[192];
    struct catalog *catalog;
    snprintf(path, sizeof path, "%s/none/kadpeer.db", f->folder);
    assert_int_equal(catalog_open(path, &catalog, error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, path));
}

/* ---- migrations ---- */

static int collect_text(void *into, int columns, char **values, char **names)
{
    (void)names;
    char *text = into;
    for (int i = 0; i < columns; i++)
        strncat(text, values[i] != NULL ? values[i] : "-", 8191 - strlen(text));
    return 0;
}

static void read_schema(sqlite3 *db, char text[8192])
{
    text[0] = '\0';
    assert_int_equal(sqlite3_exec(db, "SELECT type, name, sql FROM sqlite_schema ORDER BY name",
                                  collect_text, text, NULL),
                     SQLITE_OK);
}

static void every_older_version_becomes_the_newest(void **state)
{
    (void)state;
    char fresh[8192], migrated[8192];
    sqlite3 *db;
    sqlite3_open(":memory:", &db);
    assert_int_equal(schema_migrate(db, 0, SCHEMA_VERSION), SQLITE_OK);
    read_schema(db, fresh);
    sqlite3_close(db);
    for (int version = 0; version < SCHEMA_VERSION; version++) {
        sqlite3_open(":memory:", &db);
        assert_int_equal(schema_migrate(db, 0, version), SQLITE_OK);
        assert_int_equal(schema_migrate(db, version, SCHEMA_VERSION), SQLITE_OK);
        assert_int_equal(schema_migrate(db, SCHEMA_VERSION, SCHEMA_VERSION), SQLITE_OK);
        read_schema(db, migrated);
        assert_string_equal(migrated, fresh);
        sqlite3_close(db);
    }
}

static void migration_that_fails_changes_nothing(void **state)
{
    (void)state;
    char before[8192], after[8192];
    sqlite3 *db;
    sqlite3_open(":memory:", &db);
    sqlite3_exec(db, "CREATE TABLE records (a)", NULL, NULL, NULL); /* in the way of the last one */
    read_schema(db, before);
    assert_int_not_equal(schema_migrate(db, 0, SCHEMA_VERSION), SQLITE_OK);
    read_schema(db, after);
    assert_string_equal(after, before);
    assert_true(sqlite3_get_autocommit(db));
    sqlite3_close(db);
}

static void half_made_database_is_finished(void **state)
{
    struct fixture *f = *state;
    char sql[80];
    catalog_close(f->catalog);
    f->catalog = NULL;
    spill(f->path, "", 0); /* killed right after the file was made */
    f->catalog = open_good(f->path);
    add(f->catalog, 1);
    catalog_close(f->catalog);
    f->catalog = NULL;
    unlink(f->path);
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d", SCHEMA_APPLICATION_ID);
    run_sql(f->path, sql); /* killed before the tables */
    f->catalog = open_good(f->path);
    add(f->catalog, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_reported_bit_outlives_a_kill),
        TEST(full_disk_says_so_keeps_what_was_and_goes_on_with_room),
        TEST(transaction_that_found_no_room_leaves_nothing),
        TEST(foreign_files_are_refused_and_left_alone),
        TEST(cut_files_are_refused_and_left_alone),
        TEST(damage_is_found_after_an_unclean_end),
        TEST(newer_versions_are_refused_and_left_alone),
        TEST(folder_that_is_not_there_is_named),
        cmocka_unit_test(every_older_version_becomes_the_newest),
        cmocka_unit_test(migration_that_fails_changes_nothing),
        TEST(half_made_database_is_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
