/* Info dictionaries in the catalog: written once, in slices, beside the loop; all there or none. */
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "catalog/schema.h"
#include "support/catalog.h"

/* Several slices, the last one not whole. */
#define LONG_INFO (5 * CATALOG_INFO_SHORT + 17)

static struct bytes long_info(void)
{
    static uint8_t info[LONG_INFO];
    for (size_t i = 0; i < sizeof info; i++)
        info[i] = (uint8_t)(i * 7 + i / 251);
    return bytes_of(info, sizeof info);
}

static int64_t ask(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 1000);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    int code = sqlite3_step(statement);
    int64_t answer = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    assert_true(code == SQLITE_ROW || code == SQLITE_DONE);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
}

static int64_t count_slices(const struct fixture *f)
{
    return ask(f->path, "SELECT count(*) FROM infos");
}

static void assert_info(struct fixture *f, size_t row, struct bytes wanted)
{
    struct catalog_transfer *rows;
    size_t count;
    assert_int_equal(catalog_load_transfers(f->catalog, &rows, &count), STATUS_OK);
    assert_true(row < count);
    assert_int_equal(rows[row].info.len, wanted.len);
    assert_true(bytes_equal(rows[row].info, wanted));
    catalog_free_transfers(rows, count);
}

/* ---- what is written ---- */

static void info_of_any_length_comes_back(void **state)
{
    struct fixture *f = *state;
    static const size_t lens[] = {1, CATALOG_INFO_SHORT - 1, CATALOG_INFO_SHORT,
                                  CATALOG_INFO_SHORT + 1, LONG_INFO};
    struct bytes info = long_info();
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct id infohash = id_of((uint8_t)(i + 1));
        add(f->catalog, (uint8_t)(i + 1));
        info.len = lens[i];
        assert_int_equal(catalog_set_info(f->catalog, &infohash, info), STATUS_OK);
        reopen(f);
        assert_info(f, i, info);
    }
}

static void info_is_written_once_and_no_change_of_its_row_writes_it_again(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer transfer = transfer_of(1);
    transfer.info = long_info();
    assert_int_equal(catalog_add_transfer(f->catalog, &transfer), STATUS_OK);
    /* Nobody may write a slice from now on. */
    ask(f->path, "CREATE TRIGGER no_more BEFORE INSERT ON infos BEGIN SELECT RAISE(ABORT, 'x'); "
                 "END");
    ask(f->path, "CREATE TRIGGER no_less BEFORE DELETE ON infos BEGIN SELECT RAISE(ABORT, 'x'); "
                 "END");
    transfer.size = 77;
    transfer.info = bytes_of(NULL, 0);
    assert_int_equal(catalog_update_transfer(f->catalog, &transfer), STATUS_OK);
    assert_int_equal(catalog_set_wish(f->catalog, transfer.id, WISH_PAUSE), STATUS_OK);
    assert_int_equal(catalog_set_info(f->catalog, &transfer.infohash, long_info()), STATUS_OK);
    assert_int_equal(catalog_store_info(f->path, &transfer.infohash, long_info()), STATUS_OK);
    assert_info(f, 0, long_info());
    ask(f->path, "DROP TRIGGER no_more");
    ask(f->path, "DROP TRIGGER no_less");
}

static void what_was_stored_beside_is_there_for_the_row_that_comes(void **state)
{
    struct fixture *f = *state;
    struct id infohash = id_of(1);
    assert_int_equal(catalog_store_info(f->path, &infohash, long_info()), STATUS_OK);
    add(f->catalog, 1);
    assert_info(f, 0, long_info());
    reopen(f);
    assert_info(f, 0, long_info());
}

struct storing {
    const struct fixture *f;
    pthread_t thread;
    atomic_bool over;
    enum status status;
};

static void *store(void *user)
{
    struct storing *storing = user;
    struct id infohash = id_of(1);
    storing->status = catalog_store_info(storing->f->path, &infohash, long_info());
    storing->over = true;
    return NULL;
}

static void two_at_once_and_the_loop_do_not_disturb_each_other(void **state)
{
    struct fixture *f = *state;
    struct storing both[2] = {{.f = f}, {.f = f}};
    int64_t id = add(f->catalog, 1);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&both[i].thread, NULL, store, &both[i]), 0);
    while (!both[0].over || !both[1].over)
        assert_int_equal(catalog_add_traffic(f->catalog, id, 1, 1), STATUS_OK);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(both[i].thread, NULL);
        assert_int_equal(both[i].status, STATUS_OK);
    }
    assert_info(f, 0, long_info());
}

/* ---- ends that nobody planned ---- */

static void half_of_one_counts_as_none_goes_at_the_start_and_can_be_stored_again(void **state)
{
    struct fixture *f = *state;
    struct id infohash = id_of(1);
    add(f->catalog, 1);
    for (int64_t missing = 0; missing < 6; missing++) {
        char sql[80];
        assert_int_equal(catalog_set_info(f->catalog, &infohash, long_info()), STATUS_OK);
        snprintf(sql, sizeof sql, "DELETE FROM infos WHERE number = %lld", (long long)missing);
        ask(f->path, sql);
        assert_info(f, 0, bytes_of(NULL, 0));
        if (missing % 2 == 0) {
            reopen(f);
            assert_int_equal(count_slices(f), 0);
        }
    }
    assert_int_equal(catalog_set_info(f->catalog, &infohash, long_info()), STATUS_OK);
    assert_info(f, 0, long_info());
}

static void store_for_ever(const char *path)
{
    for (uint8_t byte = 1;; byte++) {
        struct id infohash = id_of(byte);
        catalog_store_info(path, &infohash, long_info());
    }
}

static void killed_while_it_stores_nothing_but_whole_ones_is_left(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 5; round++) {
        for (uint8_t byte = 1; byte < 40; byte++)
            if (round == 0)
                add(f->catalog, byte);
        catalog_close(f->catalog);
        f->catalog = NULL;
        int64_t before = count_slices(f);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            store_for_ever(f->path);
        while (count_slices(f) < before + 3 + round)
            continue;
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        f->catalog = open_good(f->path);
        struct catalog_transfer *rows;
        size_t count;
        assert_int_equal(catalog_load_transfers(f->catalog, &rows, &count), STATUS_OK);
        for (size_t i = 0; i < count; i++)
            assert_true(rows[i].info.len == 0 || bytes_equal(rows[i].info, long_info()));
        catalog_free_transfers(rows, count);
        assert_int_equal(count_slices(f) % 6, 0);
    }
}

/* ---- what goes ---- */

static void a_short_one_goes_with_its_row_and_a_long_one_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer brief = transfer_of(1), lengthy = transfer_of(2);
    brief.info = bytes_of("abc", 3);
    lengthy.info = long_info();
    assert_int_equal(catalog_add_transfer(f->catalog, &brief), STATUS_OK);
    assert_int_equal(catalog_add_transfer(f->catalog, &lengthy), STATUS_OK);
    assert_int_equal(catalog_remove_transfer(f->catalog, brief.id), STATUS_OK);
    assert_int_equal(catalog_remove_transfer(f->catalog, lengthy.id), STATUS_OK);
    assert_int_equal(count_slices(f), 6);
    assert_int_equal(catalog_drop_info(f->path, &lengthy.infohash), STATUS_OK);
    assert_int_equal(count_slices(f), 0);
}

static void what_no_transfer_has_goes_at_the_start(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer transfer = transfer_of(2);
    transfer.info = long_info();
    assert_int_equal(catalog_add_transfer(f->catalog, &transfer), STATUS_OK);
    assert_int_equal(catalog_remove_transfer(f->catalog, transfer.id), STATUS_OK);
    reopen(f);
    assert_int_equal(count_slices(f), 0);
}

static void what_a_transfer_has_again_is_not_dropped(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer transfer = transfer_of(2);
    transfer.info = long_info();
    assert_int_equal(catalog_add_transfer(f->catalog, &transfer), STATUS_OK);
    assert_int_equal(catalog_remove_transfer(f->catalog, transfer.id), STATUS_OK);
    assert_int_equal(catalog_add_transfer(f->catalog, &transfer), STATUS_OK);
    assert_int_equal(catalog_drop_info(f->path, &transfer.infohash), STATUS_OK);
    assert_info(f, 0, long_info());
}

static void another_infohash_is_another_info(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer transfer = transfer_of(1);
    struct id other = id_of(2);
    transfer.info = bytes_of("abc", 3);
    assert_int_equal(catalog_add_transfer(f->catalog, &transfer), STATUS_OK);
    assert_int_equal(catalog_set_infohash(f->catalog, transfer.id, &other), STATUS_OK);
    assert_info(f, 0, bytes_of(NULL, 0));
    assert_int_equal(count_slices(f), 0);
}

/* ---- from before ---- */

/* A database as version 3 left it, with one info dictionary in its row and one not known yet. */
static void make_version_3(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    static const char insert[] =
        "INSERT INTO transfers (infohash, origin, wish, name, dir, target, complete, unlisted,"
        " no_seed, force, peers, options, size, added, completed, info)"
        " VALUES (?1, 2, 1, 'a name', '/d', '', 0, 0, 0, 0, '', '', 5, 6, 7, ?2)";
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d", SCHEMA_APPLICATION_ID);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(schema_migrate(db, 0, 3), SQLITE_OK);
    for (uint8_t byte = 1; byte <= 2; byte++) {
        struct id infohash = id_of(byte);
        struct bytes info = byte == 1 ? long_info() : bytes_of("", 0);
        assert_int_equal(sqlite3_prepare_v2(db, insert, -1, &statement, NULL), SQLITE_OK);
        sqlite3_bind_blob(statement, 1, infohash.bytes, sizeof infohash.bytes, SQLITE_TRANSIENT);
        sqlite3_bind_blob(statement, 2, info.data, (int)info.len, SQLITE_TRANSIENT);
        assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
        sqlite3_finalize(statement);
    }
    assert_int_equal(sqlite3_exec(db, "INSERT INTO progress (id, have) VALUES (1, x'80'), (2, x'')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

static void info_dictionaries_of_version_3_move_to_their_table(void **state)
{
    struct fixture *f = *state;
    catalog_close(f->catalog);
    unlink(f->path);
    make_version_3(f->path);
    f->catalog = open_good(f->path);
    assert_info(f, 0, long_info());
    assert_info(f, 1, bytes_of(NULL, 0));
    struct id infohash = id_of(1); /* stored in one slice: whoever stores it again leaves it */
    assert_int_equal(catalog_store_info(f->path, &infohash, long_info()), STATUS_OK);
    assert_int_equal(catalog_set_info(f->catalog, &infohash, long_info()), STATUS_OK);
    assert_int_equal(count_slices(f), 1);
    reopen(f);
    assert_info(f, 0, long_info());
    assert_int_equal(catalog_remove_transfer(f->catalog, 1), STATUS_OK);
    assert_int_equal(count_slices(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(info_of_any_length_comes_back),
        TEST(info_is_written_once_and_no_change_of_its_row_writes_it_again),
        TEST(what_was_stored_beside_is_there_for_the_row_that_comes),
        TEST(two_at_once_and_the_loop_do_not_disturb_each_other),
        TEST(half_of_one_counts_as_none_goes_at_the_start_and_can_be_stored_again),
        TEST(killed_while_it_stores_nothing_but_whole_ones_is_left),
        TEST(a_short_one_goes_with_its_row_and_a_long_one_is_dropped),
        TEST(what_no_transfer_has_goes_at_the_start),
        TEST(what_a_transfer_has_again_is_not_dropped),
        TEST(another_infohash_is_another_info),
        TEST(info_dictionaries_of_version_3_move_to_their_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
