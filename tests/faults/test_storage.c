/* The bytes of a download while each call to the disk fails: what storage says it did is done, what
 * it could not do it does when asked again, and no open file is forgotten. */
#include "support/unit.h"

#include <dirent.h>
#include <errno.h>

#include "content/hasher.h"
#include "kadpeer/sha1.h"
#include "support/storage_fixture.h"
#include "sweep.h"

#define LAYOUT "a:40000 b/c:30000 b/d:0 .pad:100:p e/f/g:70000"

static size_t open_files(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static uint32_t piece_count(const struct fixture *f)
{
    return f->metainfo->piece_count;
}

static size_t piece_size(const struct fixture *f, uint32_t piece)
{
    uint64_t left = f->metainfo->total_length - (uint64_t)piece * PIECE;
    return left < PIECE ? (size_t)left : PIECE;
}

static enum status look_anew(struct fixture *f)
{
    struct storage_stat stats[8];
    bool changed[8];
    return storage_look_anew(f->storage, stats, changed, &f->error);
}

/* Reads a piece back; OK: and it is right. */
static enum status read_piece(struct fixture *f, uint32_t piece)
{
    uint8_t got[PIECE];
    size_t len = piece_size(f, piece);
    enum status status = storage_read(f->storage, (uint64_t)piece * PIECE, len, got, &f->error);
    if (status == STATUS_OK)
        assert_memory_equal(got, f->bytes + (size_t)piece * PIECE, len);
    return status;
}

static void must_be_told(const struct sweep *how, enum status status, const struct fixture *f)
{
    char text[STORAGE_ERROR_SIZE];
    storage_error_text(status, &f->error, text);
    if (how->error == ENOSPC || how->error == EDQUOT)
        assert_true(status == STATUS_NO_SPACE || status == STATUS_CHANGED);
    if (f->error.error != 0 && f->error.error == how->error && how->error != EWOULDBLOCK)
        assert_non_null(strstr(text, ": "));
    assert_true(status != STATUS_OK && status != STATUS_INTERNAL);
}

/* All that the life of a download does, going on as far as it may. */
static void download(void *user)
{
    const struct sweep *how = user;
    void *state = NULL;
    struct fixture *f = begin(&state, LAYOUT);
    size_t files = open_files();
    bool written[16] = {false};
    sweep_begin();
    enum status status = storage_prepare(f->storage, &f->error);
    for (uint32_t i = 0; i < piece_count(f) && status == STATUS_OK; i++) {
        status = write_run(f, (uint64_t)i * PIECE, piece_size(f, i));
        written[i] = status == STATUS_OK;
        if (status == STATUS_OK)
            status = storage_sync(f->storage, &f->error);
    }
    if (status == STATUS_OK)
        status = read_all(f);
    if (status == STATUS_OK)
        status = finish(f);
    bool failed = sweep_cure();
    if (!failed)
        assert_int_equal(status, STATUS_OK);
    if (status != STATUS_OK)
        must_be_told(how, status, f);

    for (uint32_t i = 0; i < piece_count(f); i++)
        if (written[i])
            assert_int_equal(read_piece(f, i), STATUS_OK);
    if (storage_is_partial(f->storage)) {
        assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
        assert_int_equal(look_anew(f), STATUS_OK);
        assert_int_equal(write_all(f), STATUS_OK);
    }
    assert_int_equal(finish(f), STATUS_OK);
    assert_true(file_right(f, "root/a", 0) && file_right(f, "root/b/c", 1) &&
                file_right(f, "root/b/d", 2) && file_right(f, "root/e/f/g", 4));
    assert_int_equal(storage_delete(f->storage, &f->error), STATUS_OK);
    assert_false(folder_has(f->dir, "root"));
    close_storage(f);
    storage_cache_free(f->cache);
    f->cache = storage_cache_new();
    assert_int_equal(open_files(), files);
    end(&state);
}

static const enum faults_kind disk_kinds[] = {CALL_OPEN,     CALL_READ,   CALL_WRITE, CALL_SYNC,
                                              CALL_RENAME,   CALL_REMOVE, CALL_STAT,  CALL_FOLDER,
                                              CALL_TRUNCATE, CALL_LOCK,   CALL_TIMES};

static void sweep_disk(void (*scenario)(void *user), int error, enum sweep_mode mode)
{
    for (size_t i = 0; i < sizeof disk_kinds / sizeof disk_kinds[0]; i++) {
        struct sweep how = {.kind = disk_kinds[i], .error = error, .mode = mode};
        print_message("# kind %d, error %d, mode %d\n", how.kind, error, mode);
        sweep(&how, scenario, &how);
    }
}

static void every_disk_call_of_a_download_may_fail(void **state)
{
    (void)state;
    sweep_disk(download, EIO, SWEEP_ONCE);
    sweep_disk(download, ENOSPC, SWEEP_FOREVER);
}

static void full_disk_and_want_of_descriptors_are_told(void **state)
{
    const int errors[] = {EDQUOT, EROFS, EMFILE};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sweep opens = {.kind = CALL_OPEN, .error = errors[i], .mode = SWEEP_FOREVER};
        struct sweep writes = {.kind = CALL_WRITE, .error = errors[i]};
        sweep(&opens, download, &opens);
        sweep(&writes, download, &writes);
    }
}

static void every_allocation_of_a_download_may_fail(void **state)
{
    struct sweep once = {.error = ENOMEM};
    (void)state;
    assert_true(sweep(&once, download, &once) > 0);
}

static void halves_are_made_whole(void **state)
{
    struct sweep writes = {.kind = CALL_WRITE, .error = FAULTS_SHORT, .mode = SWEEP_FOREVER};
    struct sweep reads = {.kind = CALL_READ, .error = FAULTS_SHORT, .mode = SWEEP_FOREVER};
    (void)state;
    assert_true(sweep(&writes, download, &writes) > 0);
    assert_true(sweep(&reads, download, &reads) > 0);
}

/* ---- hashing ---- */

/* Pieces that are said to be right are counted; none is said to be wrong. */
static unsigned hash_pieces(struct fixture *f)
{
    const struct hasher_result *results;
    struct hasher *hasher = hasher_new(f->storage);
    unsigned right = 0;
    uint64_t done = 0;
    if (hasher == NULL)
        return 0;
    hasher_begin(hasher, 0, piece_count(f), NULL);
    while (hasher_step(hasher, UINT64_MAX, &done)) {
        size_t count = hasher_results(hasher, &results);
        for (size_t i = 0; i < count; i++) {
            uint64_t at = (uint64_t)results[i].piece * PIECE;
            struct id wanted = sha1_of(bytes_of(f->bytes + at, piece_size(f, results[i].piece)));
            assert_int_not_equal(results[i].status, STATUS_MISMATCH);
            if (results[i].status != STATUS_OK)
                continue;
            assert_true(id_equal(&results[i].hash, &wanted));
            right++;
        }
    }
    hasher_free(hasher);
    return right;
}

static void hash(void *user)
{
    void *state = NULL;
    struct fixture *f = begin(&state, LAYOUT);
    bool done = false;
    (void)user;
    assert_int_equal(write_all(f), STATUS_OK);
    open_storage(f, "root");
    sweep_begin();
    unsigned right = hash_pieces(f);
    struct hasher_files *files = hasher_files_new(f->storage);
    if (files != NULL)
        hasher_files_step(files, UINT64_MAX, &done, &f->error);
    bool failed = sweep_cure();
    assert_true(failed || (right == piece_count(f) && done));
    assert_int_equal(hash_pieces(f), piece_count(f));
    hasher_files_free(files);
    end(&state);
}

static void hash_that_cannot_read_is_no_other_hash(void **state)
{
    struct sweep reads = {.kind = CALL_READ, .error = EIO};
    struct sweep opens = {.kind = CALL_OPEN, .error = EMFILE};
    struct sweep memory = {.error = ENOMEM};
    (void)state;
    assert_true(sweep(&reads, hash, &reads) > 0);
    assert_true(sweep(&opens, hash, &opens) > 0);
    assert_true(sweep(&memory, hash, &memory) > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_disk_call_of_a_download_may_fail, sweep_tell),
        cmocka_unit_test_teardown(full_disk_and_want_of_descriptors_are_told, sweep_tell),
        cmocka_unit_test_teardown(every_allocation_of_a_download_may_fail, sweep_tell),
        cmocka_unit_test_teardown(halves_are_made_whole, sweep_tell),
        cmocka_unit_test_teardown(hash_that_cannot_read_is_no_other_hash, sweep_tell),
    };
    (void)argc;
    sweep_load(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
