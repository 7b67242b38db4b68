#include "support/storage_fixture.h"

#include <errno.h>
#include <pthread.h>

#include "content/storage_private.h"

/* Bytes of pieces into files and back: storage.h. */

/* ---- reading and writing ---- */

static void bytes_land_in_their_files(void **state)
{
    struct fixture *f = begin(state, "a:100 b/c:70000 b/e:0 .pad:28:p ü/d:5");
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(read_all(f), STATUS_OK);
    assert_true(file_right(f, "root.part/a", 0));
    assert_true(file_right(f, "root.part/b/c", 1));
    assert_true(file_right(f, "root.part/ü/d", 4));
    assert_false(folder_has(f->dir, "root.part/.pad"));
    assert_false(folder_has(f->dir, "root"));
    assert_int_equal(storage_sync(f->storage, &f->error), STATUS_OK);
    assert_int_equal(finish(f), STATUS_OK);
    assert_false(storage_is_partial(f->storage));
    assert_true(file_right(f, "root/b/c", 1));
    assert_true(file_right(f, "root/b/e", 2));
    assert_false(folder_has(f->dir, "root.part"));
    assert_int_equal(read_all(f), STATUS_OK);
    assert_int_equal(finish(f), STATUS_OK);
}

static void single_file_is_partial_until_finished(void **state)
{
    struct fixture *f = begin(state, "one.bin:40000");
    assert_int_equal(write_all(f), STATUS_OK);
    assert_true(file_right(f, "root.part", 0));
    char *path = storage_path(f->storage);
    assert_string_equal(path, folder_path(f->dir, "root.part"));
    free(path);
    assert_int_equal(finish(f), STATUS_OK);
    assert_true(file_right(f, "root", 0));
    assert_int_equal(write_run(f, 0, 10), STATUS_REFUSED);
}

static void pieces_come_in_any_order(void **state)
{
    struct fixture *f = begin(state, "a:30000 b:1 c:0 d:50000 e:20000");
    uint32_t order[8];
    struct rng rng;
    rng_init_seed(&rng, test_seed(3));
    uint32_t count = f->metainfo->piece_count;
    assert_true(count <= 8);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)rng_below(&rng, i), kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t got[PIECE];
        uint64_t offset = (uint64_t)order[i] * PIECE;
        uint32_t len = metainfo_piece_size(f->metainfo, order[i]);
        assert_int_equal(write_run(f, offset, len), STATUS_OK);
        assert_int_equal(storage_read(f->storage, offset, len, got, NULL), STATUS_OK);
        assert_memory_equal(got, f->bytes + offset, len);
    }
    assert_int_equal(read_all(f), STATUS_OK);
}

static void sparse_files_take_little_room(void **state)
{
    struct fixture *f = begin(state, "big:50000000");
    uint64_t used, free_bytes;
    assert_int_equal(write_run(f, 49999000, 1000), STATUS_OK);
    struct storage_stat stat;
    assert_int_equal(storage_stat_files(f->storage, &stat, &f->error), STATUS_OK);
    assert_true(stat.exists && stat.size == 50000000);
    assert_int_equal(storage_used_space(f->storage, &used, &f->error), STATUS_OK);
    assert_true(used < 1000000);
    assert_int_equal(storage_free_space(f->storage, &free_bytes, &f->error), STATUS_OK);
    assert_true(free_bytes > 0);
}

static void short_and_missing_files_are_not_zeros(void **state)
{
    struct fixture *f = begin(state, "a:100 b:100");
    uint8_t got[200];
    assert_int_equal(storage_read(f->storage, 0, 200, got, &f->error), STATUS_NOT_FOUND);
    assert_string_equal(f->error.path, "root.part/a");
    assert_int_equal(f->error.error, ENOENT);
    assert_true(folder_write(f->dir, "root.part/a", f->bytes, 100));
    assert_true(folder_write(f->dir, "root.part/b", f->bytes + 100, 99));
    assert_int_equal(storage_read(f->storage, 0, 200, got, &f->error), STATUS_MISMATCH);
    assert_string_equal(f->error.path, "root.part/b");
    char text[STORAGE_ERROR_SIZE];
    storage_error_text(STATUS_MISMATCH, &f->error, text);
    assert_string_equal(text, "root.part/b: shorter than it should be");
    assert_int_equal(storage_read(f->storage, 0, 199, got, &f->error), STATUS_OK);
    assert_int_equal(storage_read(f->storage, 199, 2, got, &f->error), STATUS_REFUSED);
    assert_int_equal(storage_read(f->storage, UINT64_MAX, 2, got, &f->error), STATUS_REFUSED);
}

static void a_replaced_file_is_opened_anew(void **state)
{
    struct fixture *f = begin(state, "one:4");
    uint8_t got[4];
    struct storage_stat before, after;
    assert_true(folder_write(f->dir, "root.part", "old!", 4));
    assert_int_equal(storage_read(f->storage, 0, 4, got, &f->error), STATUS_OK);
    assert_int_equal(storage_stat_files(f->storage, &before, &f->error), STATUS_OK);
    assert_true(folder_write(f->dir, "new", "new!", 4));
    assert_int_equal(rename(folder_path(f->dir, "new"), folder_path(f->dir, "root.part")), 0);
    assert_int_equal(storage_stat_files(f->storage, &after, &f->error), STATUS_OK);
    assert_true(before.inode != after.inode);
    assert_int_equal(storage_read(f->storage, 0, 4, got, &f->error), STATUS_OK);
    assert_memory_equal(got, "new!", 4);
}

/* ---- reading at once ---- */

/* Not every file system can tell what it has in memory. */
static void what_is_read_at_once_is_right(void **state)
{
    struct fixture *f = begin(state, "a:100 b/c:70000 .pad:28:p d:5 e:200000");
    static uint8_t got[300000];
    struct rng rng;
    rng_init_seed(&rng, test_seed(4));
    assert_false(storage_read_now(f->storage, 0, 100, got, NULL)); /* not there */
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(read_all(f), STATUS_OK);
    for (int i = 0; i < 200; i++) {
        size_t len = 1 + rng_below(&rng, 200000);
        uint64_t offset = rng_below(&rng, (uint32_t)(f->metainfo->total_length - len));
        memset(got, 0xee, len);
        if (storage_read_now(f->storage, offset, len, got, NULL))
            assert_memory_equal(got, f->bytes + offset, len);
    }
}

static void what_is_not_as_it_was_left_is_not_read_at_once(void **state)
{
    struct fixture *f = begin(state, "one:40000");
    uint8_t got[100];
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(read_all(f), STATUS_OK);
    assert_true(folder_write(f->dir, "root.part", f->bytes, 30000));
    assert_false(storage_read_now(f->storage, 0, 100, got, NULL));
}

static void what_is_not_as_expected_is_not_read_at_once(void **state)
{
    struct fixture *f = begin(state, "one:40000");
    uint8_t got[100];
    struct storage_stat expected, other;
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(finish(f), STATUS_OK);
    assert_int_equal(storage_stat_files(f->storage, &expected, &f->error), STATUS_OK);
    assert_int_equal(read_all(f), STATUS_OK);
    if (storage_read_now(f->storage, 7, 100, got, &expected))
        assert_memory_equal(got, f->bytes + 7, 100);
    other = expected;
    other.mtime_ns++;
    assert_false(storage_read_now(f->storage, 7, 100, got, &other));
    assert_int_equal(unlink(folder_path(f->dir, "root")), 0);
    assert_false(storage_read_now(f->storage, 7, 100, got, &expected));
}

/* ---- names ---- */

static void a_missing_dir_is_made_when_written(void **state)
{
    struct fixture *f = begin(state, "one:100");
    uint64_t room;
    struct storage_presence there;
    char *deep = strdup(folder_path(f->dir, "x/y"));
    storage_free(f->storage);
    assert_int_equal(storage_new(f->metainfo, deep, "root", true, f->cache, &f->storage),
                     STATUS_OK);
    assert_int_equal(storage_look(f->storage, &there, &f->error), STATUS_OK);
    assert_false(there.partial || there.final);
    assert_int_equal(storage_free_space(f->storage, &room, &f->error), STATUS_OK);
    assert_false(folder_has(f->dir, "x"));
    assert_int_equal(storage_read(f->storage, 0, 1, (uint8_t[1]){0}, &f->error), STATUS_NOT_FOUND);
    assert_int_equal(write_all(f), STATUS_OK);
    assert_true(file_right(f, "x/y/root.part", 0));
    free(deep);
}

static void targets_are_one_part(void **state)
{
    struct fixture *f = begin(state, "one:100");
    const char *bad[] = {"", ".", "..", "a/b", "/a", "../a"};
    struct storage *storage;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(storage_new(f->metainfo, f->dir, bad[i], true, f->cache, &storage),
                         STATUS_REFUSED);
    assert_int_equal(storage_new(f->metainfo, "relative", "a", true, f->cache, &storage),
                     STATUS_REFUSED);
}

static void long_targets_get_a_shorter_partial_name(void **state)
{
    struct fixture *f = begin(state, "one:100");
    char target[256];
    memset(target, 'n', 255);
    target[255] = 0;
    memcpy(target + 240, "ü", 2);
    open_storage(f, target);
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(finish(f), STATUS_OK);
    assert_true(file_right(f, target, 0));
}

/* ---- side by side ---- */

struct worker {
    struct fixture *fixture;
    uint32_t first, step;
    enum status status;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct fixture *f = worker->fixture;
    uint8_t got[PIECE];
    for (uint32_t i = worker->first; i < f->metainfo->piece_count; i += worker->step) {
        uint64_t offset = (uint64_t)i * PIECE;
        uint32_t len = metainfo_piece_size(f->metainfo, i);
        enum status status =
            storage_write(f->storage, offset, bytes_of(f->bytes + offset, len), NULL);
        if (status == STATUS_OK)
            status = storage_read(f->storage, offset, len, got, NULL);
        if (status == STATUS_OK && memcmp(got, f->bytes + offset, len) != 0)
            status = STATUS_MISMATCH;
        if (status == STATUS_OK && i % 64 == 0)
            status = storage_sync(f->storage, NULL);
        if (status != STATUS_OK)
            worker->status = status;
    }
    return NULL;
}

static void threads_write_side_by_side(void **state)
{
    char text[100 * 16] = "";
    for (int i = 0; i < 100; i++)
        sprintf(text + strlen(text), "%sd%d/f%02d:%d", i > 0 ? " " : "", i % 7, i, 20000 + i);
    struct fixture *f = begin(state, text);
    pthread_t threads[4];
    struct worker workers[4];
    for (uint32_t i = 0; i < 4; i++) {
        workers[i] = (struct worker){.fixture = f, .first = i, .step = 4, .status = STATUS_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].status, STATUS_OK);
    }
    assert_int_equal(finish(f), STATUS_OK);
    assert_int_equal(read_all(f), STATUS_OK);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

static void open_files_are_bounded(void **state)
{
    char text[200 * 8] = "";
    for (int i = 0; i < 200; i++)
        sprintf(text + strlen(text), "%sf%03d:1", i > 0 ? " " : "", i);
    unsigned before = open_descriptors();
    struct fixture *f = begin(state, text);
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(read_all(f), STATUS_OK);
    unsigned held = open_descriptors() - before;
    assert_true(held > 0 && held <= STORAGE_DESCRIPTORS);
    close_storage(f);
    assert_int_equal(open_descriptors(), before);
}

/* While 64 are in use the next one is not kept; a borrowed one is never closed for another. */
static void open_files_in_use_stay_open(void **state)
{
    struct fixture *f = begin(state, "a:1 b:1");
    int last = -1;
    for (uint32_t i = 0; i <= STORAGE_DESCRIPTORS; i++) {
        last = open("/dev/null", O_RDONLY | O_CLOEXEC);
        storage_cache_return(f->cache, f->storage, i, false, last);
        int borrowed = storage_cache_borrow(f->cache, f->storage, i, false);
        assert_int_equal(borrowed, i < STORAGE_DESCRIPTORS ? last : -1);
    }
    assert_int_equal(fcntl(last, F_GETFD), -1);
    assert_int_equal(storage_cache_borrow(f->cache, f->storage, 0, true), -1);
    int first = storage_cache_borrow(f->cache, f->storage, 0, false);
    assert_int_not_equal(fcntl(first, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_test(bytes_land_in_their_files),
        storage_test(single_file_is_partial_until_finished),
        storage_test(pieces_come_in_any_order),
        storage_test(sparse_files_take_little_room),
        storage_test(short_and_missing_files_are_not_zeros),
        storage_test(a_replaced_file_is_opened_anew),
        storage_test(what_is_read_at_once_is_right),
        storage_test(what_is_not_as_it_was_left_is_not_read_at_once),
        storage_test(what_is_not_as_expected_is_not_read_at_once),
        storage_test(a_missing_dir_is_made_when_written),
        storage_test(targets_are_one_part),
        storage_test(long_targets_get_a_shorter_partial_name),
        storage_test(threads_write_side_by_side),
        storage_test(open_files_are_bounded),
        storage_test(open_files_in_use_stay_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
