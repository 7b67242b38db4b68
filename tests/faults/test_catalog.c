/* The database while disk or memory fails: what a call has said to be there is there, and opens. */
#include "support/unit.h"

#include <errno.h>
#include <string.h>

#include "support/catalog.h"
#include "sweep.h"

enum { WRITES = 12 };

static struct bytes pieces_of(uint8_t *bits, unsigned count)
{
    memset(bits, 0, 8);
    for (unsigned i = 0; i < count; i++)
        bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return bytes_of(bits, 8);
}

/* A database with a transfer in it is opened, written to and closed while calls fail. */
static void write_have(void *user)
{
    void *state;
    char error[CATALOG_ERROR_SIZE];
    uint8_t bits[8];
    unsigned recorded = 0, tried = 0;
    (void)user;
    set_up(&state);
    struct fixture *f = state;
    int64_t id = add(f->catalog, 7);
    catalog_close(f->catalog);
    f->catalog = NULL;

    sweep_begin();
    enum status opened = catalog_open(f->path, &f->catalog, error);
    while (opened == STATUS_OK && tried < WRITES) {
        tried++;
        struct bytes have = pieces_of(bits, tried);
        if (catalog_set_have(f->catalog, id, have) == STATUS_OK)
            recorded = tried;
        catalog_set_synced(f->catalog, id, have, "this boot");
    }
    struct catalog_transfer more = transfer_of(9);
    bool added = opened == STATUS_OK && catalog_add_transfer(f->catalog, &more) == STATUS_OK;
    catalog_close(f->catalog);
    bool failed = sweep_cure();
    if (opened != STATUS_OK)
        assert_true(failed && error[0] != '\0');
    if (!failed)
        assert_true(recorded == WRITES && added);

    struct catalog_transfer *rows;
    size_t count;
    f->catalog = open_good(f->path);
    assert_int_equal(catalog_load_transfers(f->catalog, &rows, &count), STATUS_OK);
    assert_true(count == 2 || (count == 1 && !added));
    unsigned had = 0;
    for (size_t i = 0; i < rows[0].have.len * 8; i++)
        had += (rows[0].have.data[i / 8] & 0x80 >> i % 8) != 0;
    assert_in_range(had, recorded, tried);
    catalog_free_transfers(rows, count);
    tear_down(&state);
}

static void what_was_recorded_outlives_any_call_that_fails(void **state)
{
    const enum faults_kind kinds[] = {CALL_OPEN, CALL_READ, CALL_WRITE,    CALL_SYNC,
                                      CALL_STAT, CALL_LOCK, CALL_TRUNCATE, CALL_REMOVE};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct sweep once = {.caller = BY_SQLITE, .kind = kinds[i], .error = EIO};
        struct sweep forever = {
            .caller = BY_SQLITE, .kind = kinds[i], .error = ENOSPC, .mode = SWEEP_FOREVER};
        sweep(&once, write_have, NULL);
        sweep(&forever, write_have, NULL);
    }
}

static void what_was_recorded_outlives_any_want_of_memory(void **state)
{
    struct sweep ours = {.error = ENOMEM};
    struct sweep theirs = {.caller = BY_SQLITE, .error = ENOMEM, .limit = 300};
    (void)state;
    sweep(&ours, write_have, NULL);
    assert_true(sweep(&theirs, write_have, NULL) > 0);
}

/* ---- loading ---- */

static void load(void *user)
{
    void *state;
    uint8_t bits[8], info[3000] = {1};
    struct catalog_file files[3] = {{.index = 0, .size = 5}, {.index = 1}, {.index = 2}};
    (void)user;
    set_up(&state);
    struct fixture *f = state;
    int64_t id = add(f->catalog, 7);
    struct id infohash = id_of(7);
    catalog_set_have(f->catalog, id, pieces_of(bits, 11));
    catalog_set_synced(f->catalog, id, pieces_of(bits, 11), "this boot");
    catalog_set_files(f->catalog, id, files, 3);
    catalog_set_info(f->catalog, &infohash, bytes_of(info, sizeof info));

    struct catalog_transfer *rows;
    struct catalog_file *found;
    size_t count, file_count;
    sweep_begin();
    enum status status = catalog_load_transfers(f->catalog, &rows, &count);
    enum status status_of_files = catalog_load_files(f->catalog, id, &found, &file_count);
    bool failed = sweep_cure();
    assert_true(failed || (status == STATUS_OK && status_of_files == STATUS_OK));
    if (status == STATUS_OK) { /* then whole */
        assert_int_equal(count, 1);
        assert_true(rows[0].name != NULL && rows[0].dir != NULL && rows[0].target != NULL &&
                    rows[0].peers != NULL && rows[0].options != NULL && rows[0].boot_id != NULL);
        assert_int_equal(rows[0].have.len, 8);
        assert_int_equal(rows[0].synced.len, 8);
        assert_int_equal(rows[0].info.len, sizeof info);
    }
    if (status_of_files == STATUS_OK)
        assert_int_equal(file_count, 3);
    catalog_free_transfers(rows, count);
    free(found);
    tear_down(&state);
}

static void what_is_loaded_is_whole_or_refused(void **state)
{
    struct sweep ours = {.error = ENOMEM};
    struct sweep theirs = {.caller = BY_SQLITE, .error = ENOMEM};
    struct sweep reads = {.caller = BY_SQLITE, .kind = CALL_READ, .error = EIO};
    (void)state;
    assert_true(sweep(&ours, load, NULL) > 0);
    assert_true(sweep(&theirs, load, NULL) > 0);
    sweep(&reads, load, NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_was_recorded_outlives_any_call_that_fails, sweep_tell),
        cmocka_unit_test_teardown(what_was_recorded_outlives_any_want_of_memory, sweep_tell),
        cmocka_unit_test_teardown(what_is_loaded_is_whole_or_refused, sweep_tell),
    };
    (void)argc;
    sweep_load(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
