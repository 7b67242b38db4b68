/* Pieces that are hashed side by side stand and fall each by itself. */
#include "support/storage_fixture.h"

#include "content/piece_check.h"
#include "kadpeer/sha1.h"

#define PIECES 20

static struct fixture *begin_with_hashes(void **state, const char *layout, struct id hashes[PIECES])
{
    struct fixture *f = begin(state, layout);
    assert_in_range(f->metainfo->piece_count, 1, PIECES);
    for (uint32_t i = 0; i < f->metainfo->piece_count; i++)
        hashes[i] =
            sha1_of(bytes_of(f->bytes + (size_t)i * PIECE, metainfo_piece_size(f->metainfo, i)));
    f->metainfo->pieces = hashes[0].bytes;
    return f;
}

static struct piece_check check_of(const struct fixture *f, uint32_t piece)
{
    return (struct piece_check){
        .piece = piece,
        .data = bytes_of(f->bytes + (size_t)piece * PIECE, metainfo_piece_size(f->metainfo, piece)),
        .status = STATUS_BUSY,
    };
}

static bool is_on_disk(struct fixture *f, uint32_t piece)
{
    uint8_t data[PIECE];
    uint32_t size = metainfo_piece_size(f->metainfo, piece);
    return storage_read(f->storage, (uint64_t)piece * PIECE, size, data, &f->error) == STATUS_OK &&
           memcmp(data, f->bytes + (size_t)piece * PIECE, size) == 0;
}

static void wrong_pieces_are_not_written_and_right_ones_beside_them_are(void **state)
{
    struct id hashes[PIECES];
    for (size_t count = 1; count <= PIECE_CHECKS_MAX; count++) {
        struct fixture *f = begin_with_hashes(state, "root:300000", hashes);
        struct piece_check checks[PIECE_CHECKS_MAX];
        uint8_t wrong[PIECE];
        memcpy(wrong, f->bytes, PIECE);
        wrong[PIECE - 1] ^= 1;
        for (uint32_t i = 0; i < count; i++) {
            checks[i] = check_of(f, (uint32_t)count - i); /* in any order */
            if (i % 3 == 1)
                checks[i].data = bytes_of(wrong, PIECE);
        }
        piece_checks_run(f->storage, checks, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(checks[i].status, i % 3 == 1 ? STATUS_MISMATCH : STATUS_OK);
            assert_true(is_on_disk(f, checks[i].piece) == (i % 3 != 1));
        }
    }
}

static void the_short_last_piece_is_checked_beside_whole_ones(void **state)
{
    struct id hashes[PIECES];
    struct fixture *f = begin_with_hashes(state, "a:100000 b/c:200001", hashes);
    uint32_t last = f->metainfo->piece_count - 1;
    struct piece_check checks[] = {check_of(f, 0), check_of(f, last), check_of(f, 6)};
    piece_checks_run(f->storage, checks, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(checks[i].status == STATUS_OK && is_on_disk(f, checks[i].piece));
    assert_false(is_on_disk(f, 1));
}

static void a_piece_that_cannot_be_written_fails_alone(void **state)
{
    struct id hashes[PIECES];
    struct fixture *f = begin_with_hashes(state, "a:98304 b:131072", hashes);
    assert_int_equal(mkdir(folder_path(f->dir, "root.part"), 0755), 0);
    assert_int_equal(mkdir(folder_path(f->dir, "root.part/b"), 0755), 0); /* in the file's place */
    struct piece_check checks[] = {check_of(f, 7), check_of(f, 1), check_of(f, 6), check_of(f, 5)};
    piece_checks_run(f->storage, checks, 4);
    assert_int_equal(checks[0].status, STATUS_REFUSED);
    assert_string_equal(checks[0].error.path, "root.part/b");
    assert_int_equal(checks[1].status, STATUS_OK);
    assert_int_equal(checks[2].status, STATUS_REFUSED);
    assert_int_equal(checks[3].status, STATUS_OK);
    assert_true(is_on_disk(f, 1) && is_on_disk(f, 5));
}

static void as_many_are_wanted_as_fit(void **state)
{
    (void)state;
    assert_in_range(piece_checks_wanted(), 1, PIECE_CHECKS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_test(wrong_pieces_are_not_written_and_right_ones_beside_them_are),
        storage_test(the_short_last_piece_is_checked_beside_whole_ones),
        storage_test(a_piece_that_cannot_be_written_fails_alone),
        cmocka_unit_test(as_many_are_wanted_as_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
