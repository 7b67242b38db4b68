#include <fcntl.h>
#include <unistd.h>

#include "support/storage_fixture.h"

/* Files that are left out, and pieces that have a part of them. */

#define HIDDEN ".kadpeer-0000000000000000000000000000000000000000"

/* One letter per file: 'x' is left out. */
static void leave_out(struct fixture *f, const char *which)
{
    uint8_t *left_out = calloc(1, strlen(which) + 1);
    for (size_t i = 0; which[i] != 0; i++)
        left_out[i] = which[i] == 'x';
    storage_leave_out(f->storage, left_out);
}

static enum status take_in(struct fixture *f)
{
    return storage_take_in(f->storage, &f->error);
}

/* The pieces that a selection of these files wants are those they have a byte in. */
static void nothing_is_written_to_files_that_are_left_out(void **state)
{
    struct fixture *f = begin(state, "a:20000 b:50000 c/d:100 e:0 f:0");
    leave_out(f, "xooxo");
    assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(read_all(f), STATUS_OK);
    assert_false(folder_has(f->dir, "root.part/a"));
    assert_int_equal(finish(f), STATUS_OK);
    assert_false(folder_has(f->dir, "root/a") || folder_has(f->dir, "root/e"));
    assert_true(file_right(f, "root/b", 1) && file_right(f, "root/c/d", 2));
    assert_true(folder_has(f->dir, "root/f") && folder_has(f->dir, "root/" HIDDEN));
    assert_int_equal(read_all(f), STATUS_OK);
}

static void border_pieces_are_found_again_by_another_storage(void **state)
{
    struct fixture *f = begin(state, "a:20000 b:50000 c:20000");
    leave_out(f, "xox");
    assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
    for (uint32_t piece = f->metainfo->piece_count; piece-- > 0;)
        assert_int_equal(
            write_run(f, (uint64_t)piece * PIECE, metainfo_piece_size(f->metainfo, piece)),
            STATUS_OK);
    assert_int_equal(storage_sync(f->storage, &f->error), STATUS_OK);
    open_storage(f, "root");
    leave_out(f, "xox");
    assert_int_equal(read_all(f), STATUS_OK);
}

static void what_is_wanted_later_moves_to_its_file(void **state)
{
    struct fixture *f = begin(state, "a:20000 b:50000 c:20000");
    leave_out(f, "xox");
    assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
    assert_int_equal(write_all(f), STATUS_OK);
    leave_out(f, "xoo");
    for (int again = 0; again < 2; again++) { /* as after a kill */
        assert_int_equal(take_in(f), STATUS_OK);
        assert_true(file_right(f, "root.part/c", 2));
        assert_false(folder_has(f->dir, "root.part/a"));
    }
    assert_int_equal(read_all(f), STATUS_OK);
    storage_leave_out(f->storage, NULL);
    assert_int_equal(take_in(f), STATUS_OK);
    assert_true(file_right(f, "root.part/a", 0));
    assert_false(folder_has(f->dir, "root.part/" HIDDEN));
    assert_int_equal(read_all(f), STATUS_OK);
    assert_int_equal(take_in(f), STATUS_OK);
}

/* What came while it was wanted stays in the file; what comes later does not get there. */
static void a_file_that_is_wanted_no_more_is_read_from_where_its_bytes_are(void **state)
{
    struct fixture *f = begin(state, "a:20000 b:50000 c:20000");
    assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
    assert_int_equal(write_run(f, 0, PIECE), STATUS_OK);
    leave_out(f, "xoo");
    assert_int_equal(take_in(f), STATUS_OK);
    assert_int_equal(write_run(f, PIECE, f->metainfo->total_length - PIECE), STATUS_OK);
    assert_int_equal(read_all(f), STATUS_OK);
    leave_out(f, "xxo"); /* b's part of piece 1 lies in the border file and in b */
    assert_int_equal(take_in(f), STATUS_OK);
    assert_int_equal(read_all(f), STATUS_OK);
    leave_out(f, "oox");
    assert_int_equal(take_in(f), STATUS_OK);
    assert_true(file_right(f, "root.part/a", 0) && file_right(f, "root.part/b", 1));
    assert_int_equal(read_all(f), STATUS_OK);
}

static void border_pieces_go_with_the_content(void **state)
{
    struct fixture *f = begin(state, "a:20000 b:20000");
    assert_true(folder_write(f->dir, "root/mine", "mine", 4));
    leave_out(f, "xo");
    assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(finish_by_force(f), STATUS_OK); /* into the folder that is there */
    assert_int_equal(read_all(f), STATUS_OK);
    assert_false(folder_has(f->dir, "root.part"));
    assert_int_equal(storage_delete(f->storage, &f->error), STATUS_OK);
    assert_false(folder_has(f->dir, "root/" HIDDEN));
    assert_true(folder_has(f->dir, "root/mine"));
}

static void a_border_file_that_is_cut_is_a_mismatch(void **state)
{
    struct fixture *f = begin(state, "a:20000 b:20000");
    leave_out(f, "xo");
    assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
    assert_int_equal(write_all(f), STATUS_OK);
    assert_int_equal(truncate(folder_path(f->dir, "root.part/" HIDDEN), 5000), 0);
    assert_int_equal(read_all(f), STATUS_MISMATCH);
    open_storage(f, "root");
    leave_out(f, "xo");
    assert_int_equal(truncate(folder_path(f->dir, "root.part/" HIDDEN), 3), 0);
    assert_int_not_equal(read_all(f), STATUS_OK);
}

/* ---- beyond 4 GiB ---- */

#define GIB ((uint64_t)1 << 30)

static bool holds_at(const struct fixture *f, const char *name, uint64_t at, const void *data,
                     size_t len)
{
    uint8_t got[64];
    int fd = open(folder_path(f->dir, name), O_RDONLY | O_CLOEXEC);
    bool same =
        fd >= 0 && pread(fd, got, len, (off_t)at) == (ssize_t)len && memcmp(got, data, len) == 0;
    if (fd >= 0)
        close(fd);
    return same;
}

static void stretch(struct fixture *f, const uint64_t lengths[])
{
    struct metainfo *metainfo = f->metainfo;
    metainfo->piece_length = 1u << 20;
    metainfo->total_length = 0;
    for (uint32_t i = 0; i < metainfo->file_count; i++) {
        metainfo->files[i].offset = metainfo->total_length;
        metainfo->files[i].length = lengths[i];
        metainfo->total_length += lengths[i];
    }
    metainfo->piece_count =
        (uint32_t)((metainfo->total_length + (1u << 20) - 1) / metainfo->piece_length);
}

static void offsets_above_4_gib_are_where_they_belong(void **state)
{
    static const uint64_t lengths[] = {5 * GIB + 3, 6 * GIB, 95 * GIB};
    struct fixture *f = begin(state, "a:1 b:1 c:1");
    stretch(f, lengths);
    leave_out(f, "xox");
    assert_int_equal(storage_prepare(f->storage, &f->error), STATUS_OK);
    uint8_t text[] = "sixteen  letters", got[sizeof text];
    const uint64_t at[] = {5 * GIB - 5, 5 * GIB + 3, 9 * GIB + 7, 11 * GIB - 5,
                           105 * GIB + (1u << 20) - sizeof text};
    for (size_t i = 0; i < 5; i++) {
        text[0] = (uint8_t)('0' + i);
        struct bytes data = bytes_of(text, sizeof text);
        assert_int_equal(storage_write(f->storage, at[i], data, &f->error), STATUS_OK);
        assert_int_equal(storage_read(f->storage, at[i], sizeof got, got, &f->error), STATUS_OK);
        assert_memory_equal(got, text, sizeof text);
    }
    text[0] = '2';
    assert_true(holds_at(f, "root.part/b", 4 * GIB + 4, text, sizeof text));
    assert_false(folder_has(f->dir, "root.part/a") || folder_has(f->dir, "root.part/c"));
    storage_leave_out(f->storage, NULL);
    assert_int_equal(take_in(f), STATUS_OK);
    text[0] = '4';
    assert_true(
        holds_at(f, "root.part/c", 94 * GIB + (1u << 20) - 3 - sizeof text, text, sizeof text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_test(nothing_is_written_to_files_that_are_left_out),
        storage_test(border_pieces_are_found_again_by_another_storage),
        storage_test(what_is_wanted_later_moves_to_its_file),
        storage_test(a_file_that_is_wanted_no_more_is_read_from_where_its_bytes_are),
        storage_test(border_pieces_go_with_the_content),
        storage_test(a_border_file_that_is_cut_is_a_mismatch),
        storage_test(offsets_above_4_gib_are_where_they_belong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
