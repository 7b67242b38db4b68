/* From files to infohash, the way a share is made. The hashes here were computed by a program in
 * another language that writes its own bencode. */
#include "support/unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "content/hasher.h"
#include "content/tree.h"
#include "kadpeer/sha1.h"

#include "support/folder.h"

#define PIECE      (256u << 10)
#define PIECES_MAX 64

struct fixture {
    char *dir;
    struct tree *tree;
    struct metainfo *layout;
    struct storage_cache *cache;
    struct storage *storage;
    struct storage_error error;
};

static void put_pattern(const char *dir, const char *name, size_t len, unsigned seed)
{
    uint8_t *bytes = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 31 + seed * 7 + (i >> 8));
    assert_true(folder_write(dir, name, bytes, len));
    free(bytes);
}

static struct fixture begin(void)
{
    return (struct fixture){.dir = folder_make()};
}

static void scan(struct fixture *f, const char *name)
{
    char error[TREE_ERROR_SIZE];
    assert_int_equal(tree_scan(folder_path(f->dir, name), NULL, 0, &f->tree, error), STATUS_OK);
    f->layout = tree_layout(f->tree, f->tree->name, PIECE);
    f->cache = storage_cache_new();
    assert_int_equal(
        storage_new(f->layout, f->tree->dir, f->tree->target, false, f->cache, &f->storage),
        STATUS_OK);
}

static void end(struct fixture *f)
{
    storage_free(f->storage);
    storage_cache_free(f->cache);
    metainfo_free(f->layout);
    tree_free(f->tree);
    folder_remove(f->dir);
    free(f->dir);
}

static void assert_hash(const struct id *id, const char *wanted)
{
    char hex[ID_HEX_SIZE];
    id_to_hex(id, hex);
    assert_string_equal(hex, wanted);
}

/* The pieces of `bits` (NULL: all) in steps of `max_bytes`: the status of each and its hash. They
 * come once each, those asked for and no others, and the bytes add up. */
static void hash(struct fixture *f, const uint8_t *bits, uint64_t max_bytes, bool check,
                 struct id hashes[], enum status statuses[])
{
    const struct metainfo *metainfo = storage_metainfo(f->storage);
    struct hasher *hasher = hasher_new(f->storage);
    uint64_t done_bytes = 0, wanted_bytes = 0;
    for (uint32_t i = 0; i < metainfo->piece_count; i++) {
        bool wanted = bits == NULL || (bits[i / 8] >> (7 - i % 8) & 1) != 0;
        wanted_bytes += wanted ? metainfo_piece_size(metainfo, i) : 0;
        statuses[i] = wanted ? STATUS_BUSY : STATUS_CANCELLED;
    }
    hasher_begin(hasher, 0, metainfo->piece_count, bits);
    while (hasher_step(hasher, max_bytes, &done_bytes)) {
        const struct hasher_result *results;
        size_t count = hasher_results(hasher, &results);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(statuses[results[i].piece], STATUS_BUSY);
            hashes[results[i].piece] = results[i].hash;
            statuses[results[i].piece] =
                check ? hasher_check(hasher, &results[i]) : results[i].status;
            if (results[i].status != STATUS_OK)
                f->error = *results[i].error;
        }
        hasher_rest(hasher);
    }
    for (uint32_t i = 0; i < metainfo->piece_count; i++)
        assert_int_not_equal(statuses[i], STATUS_BUSY);
    assert_int_equal(done_bytes, wanted_bytes);
    hasher_free(hasher);
}

static enum status check(struct fixture *f, uint32_t piece)
{
    struct id hashes[PIECES_MAX];
    enum status statuses[PIECES_MAX];
    uint8_t bits[PIECES_MAX / 8] = {0};
    bits[piece / 8] = (uint8_t)(0x80 >> piece % 8);
    hash(f, bits, UINT64_MAX, true, hashes, statuses);
    return statuses[piece];
}

static struct metainfo *share(struct fixture *f, bool is_private)
{
    struct id *hashes = calloc(f->layout->piece_count + 1, sizeof *hashes);
    enum status statuses[PIECES_MAX];
    hash(f, NULL, 1 << 20, false, hashes, statuses);
    for (uint32_t i = 0; i < f->layout->piece_count; i++)
        assert_int_equal(statuses[i], STATUS_OK);
    struct buffer info;
    struct metainfo *metainfo;
    char error[METAINFO_ERROR_SIZE];
    buffer_init(&info);
    assert_int_equal(tree_build_info(f->tree, f->tree->name, PIECE,
                                     bytes_of(hashes, f->layout->piece_count * sizeof *hashes),
                                     is_private, &info),
                     STATUS_OK);
    assert_int_equal(metainfo_parse_info(buffer_bytes(&info), &metainfo, error), STATUS_OK);
    buffer_dispose(&info);
    free(hashes);
    return metainfo;
}

static const char *const names[] = {"Ordner/a.txt", "Ordner/b/c.bin", "Ordner/b/leer",
                                    "Ordner/\u00e4/\u65e5\u672c.txt"};
static const size_t lengths[] = {300000, 70000, 0, 5};
static const unsigned seeds[] = {1, 2, 0, 3};

static struct fixture folder(bool backwards)
{
    struct fixture f = begin();
    for (int i = 0; i < 4; i++) {
        int j = backwards ? 3 - i : i;
        put_pattern(f.dir, names[j], lengths[j], seeds[j]);
    }
    scan(&f, "Ordner");
    return f;
}

static void a_folder_has_its_known_infohash(void **state)
{
    (void)state;
    for (int backwards = 0; backwards < 2; backwards++) {
        struct fixture f = folder(backwards);
        struct metainfo *metainfo = share(&f, false);
        assert_hash(&metainfo->infohash, "040f24dbf4aeb0c3216a6a22ac318dc7ac2b9b8f");
        metainfo_free(metainfo);
        end(&f);
    }
}

static void a_file_has_its_known_infohash(void **state)
{
    (void)state;
    struct fixture f = begin();
    put_pattern(f.dir, "one.bin", 600000, 9);
    scan(&f, "one.bin");
    struct metainfo *metainfo = share(&f, false), *private = share(&f, true);
    assert_hash(&metainfo->infohash, "5e3793347c1dab2a5a5aee52a24ede10af7d72f0");
    assert_hash(&private->infohash, "23f661d571de62d9f8abd8ce171c4807765f1a0a");
    metainfo_free(metainfo);
    metainfo_free(private);
    end(&f);
}

static void an_empty_file_has_its_known_infohash(void **state)
{
    (void)state;
    struct fixture f = begin();
    assert_true(folder_write(f.dir, "leer", "", 0));
    scan(&f, "leer");
    struct metainfo *metainfo = share(&f, false);
    assert_hash(&metainfo->infohash, "c7f7e80aa306d8b8dc279d45e4452efbb1e28c37");
    metainfo_free(metainfo);
    end(&f);
}

static void the_whole_has_the_digest_of_its_files_one_after_the_other(void **state)
{
    (void)state;
    struct fixture f = folder(false);
    const struct metainfo *metainfo = storage_metainfo(f.storage);
    struct sha256 *sha256 = sha256_new();
    uint8_t wanted[SHA256_BYTES], found[SHA256_BYTES];
    for (uint32_t i = 0; i < metainfo->file_count; i++) {
        const struct metainfo_file *file = &metainfo->files[i];
        uint8_t *data = malloc((size_t)file->length + 1);
        assert_int_equal(
            storage_read(f.storage, file->offset, (size_t)file->length, data, &f.error), STATUS_OK);
        if (!file->padding)
            sha256_update(sha256, bytes_of(data, (size_t)file->length));
        free(data);
    }
    sha256_with(sha256, bytes_of(NULL, 0), wanted);
    struct hasher_files *files = hasher_all_new(f.storage);
    bool done = false;
    while (!done)
        assert_int_equal(hasher_files_step(files, 1000, &done, &f.error), STATUS_OK);
    hasher_files_sha256(files, found);
    assert_memory_equal(found, wanted, SHA256_BYTES);
    assert_true(id_is_zero(&hasher_files_sums(files)[0]));
    hasher_files_free(files);
    sha256_free(sha256);
    end(&f);
}

static void each_file_has_its_own_hash(void **state)
{
    (void)state;
    const uint64_t steps[] = {999, 65536, UINT64_MAX};
    struct fixture f = folder(false);
    for (size_t i = 0; i < 3; i++) {
        struct hasher_files *files = hasher_files_new(f.storage);
        bool done = false;
        while (!done)
            assert_int_equal(hasher_files_step(files, steps[i], &done, &f.error), STATUS_OK);
        const struct id *sums = hasher_files_sums(files);
        assert_hash(&sums[0], "4d0988d79051ca22580e2c33db676fffe69d184a");
        assert_hash(&sums[1], "cac8c04d44cd3e80482791989e6872b9ce611c78");
        assert_hash(&sums[2], "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_hash(&sums[3], "ba5e93a043c6ace7f0105e5bfbf6d3f465e4f0d1");
        hasher_files_free(files);
    }
    end(&f);
}

static void a_changed_byte_fails_its_piece_alone(void **state)
{
    (void)state;
    struct fixture f = folder(false);
    struct metainfo *metainfo = share(&f, false);
    storage_free(f.storage);
    assert_int_equal(storage_new(metainfo, f.tree->dir, f.tree->target, false, f.cache, &f.storage),
                     STATUS_OK);
    assert_int_equal(check(&f, 0), STATUS_OK);
    assert_int_equal(check(&f, 1), STATUS_OK);
    put_pattern(f.dir, names[1], lengths[1], 8);
    assert_int_equal(check(&f, 0), STATUS_OK);
    assert_int_equal(check(&f, 1), STATUS_MISMATCH);
    put_pattern(f.dir, names[1], lengths[1] - 1, 2);
    assert_int_equal(check(&f, 1), STATUS_MISMATCH);
    assert_string_equal(f.error.path, names[1]);
    assert_int_equal(unlink(folder_path(f.dir, names[1])), 0);
    struct storage_stat stats[4]; /* lets go of the open file */
    assert_int_equal(storage_stat_files(f.storage, stats, &f.error), STATUS_OK);
    assert_false(stats[1].exists);
    assert_int_equal(check(&f, 1), STATUS_NOT_FOUND);
    storage_free(f.storage);
    f.storage = NULL;
    metainfo_free(metainfo);
    end(&f);
}

/* ---- many pieces ---- */

/* 40 pieces, the last of them short, over two files. */
static struct fixture many(struct id wanted[PIECES_MAX])
{
    struct fixture f = begin();
    put_pattern(f.dir, "viel/a", 7 * PIECE + 100, 4);
    put_pattern(f.dir, "viel/b", 32 * PIECE + 5, 5);
    scan(&f, "viel");
    assert_in_range(f.layout->piece_count, 40, 41); /* with padding between the files or without */
    uint8_t *data = malloc(PIECE);
    for (uint32_t i = 0; i < f.layout->piece_count; i++) {
        uint32_t size = metainfo_piece_size(f.layout, i);
        assert_int_equal(storage_read(f.storage, (uint64_t)i * PIECE, size, data, &f.error),
                         STATUS_OK);
        wanted[i] = sha1_of(bytes_of(data, size));
    }
    free(data);
    return f;
}

static void pieces_side_by_side_have_the_hashes_of_each_alone(void **state)
{
    (void)state;
    static const uint64_t steps[] = {UINT64_MAX, 1, 100001, PIECE, 5 * PIECE};
    static const uint8_t some[8] = {0x81, 0xff, 0x00, 0x10, 0x07, 0x80};
    struct id wanted[PIECES_MAX], found[PIECES_MAX];
    enum status statuses[PIECES_MAX];
    struct fixture f = many(wanted);
    for (size_t i = 0; i < 2 * sizeof steps / sizeof steps[0]; i++) {
        hash(&f, i % 2 == 0 ? NULL : some, steps[i / 2], false, found, statuses);
        for (uint32_t piece = 0; piece < f.layout->piece_count; piece++)
            assert_true(statuses[piece] == STATUS_OK ? id_equal(&found[piece], &wanted[piece])
                                                     : i % 2 == 1);
    }
    end(&f);
}

/* The disk is read in another order than memory. */
static void pieces_from_disk_have_the_same_hashes(void **state)
{
    (void)state;
    struct id wanted[PIECES_MAX], found[PIECES_MAX];
    enum status statuses[PIECES_MAX];
    struct fixture f = many(wanted);
    static const char *const paths[] = {"viel/a", "viel/b"};
    for (size_t i = 0; i < 2; i++) {
        int fd = open(folder_path(f.dir, paths[i]), O_RDONLY);
        assert_true(fd >= 0 && fdatasync(fd) == 0);
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        close(fd);
    }
    hash(&f, NULL, 3 * PIECE, false, found, statuses);
    for (uint32_t i = 0; i < f.layout->piece_count; i++)
        assert_true(statuses[i] == STATUS_OK && id_equal(&found[i], &wanted[i]));
    end(&f);
}

static void a_file_cut_short_fails_its_last_pieces_alone(void **state)
{
    (void)state;
    struct id wanted[PIECES_MAX], found[PIECES_MAX];
    enum status statuses[PIECES_MAX];
    struct fixture f = many(wanted);
    assert_int_equal(truncate(folder_path(f.dir, "viel/b"), 20 * PIECE + 40000), 0);
    hash(&f, NULL, 1 << 20, false, found, statuses);
    uint32_t first = (uint32_t)(f.layout->files[f.layout->file_count - 1].offset / PIECE) + 20;
    for (uint32_t i = 0; i < f.layout->piece_count; i++) {
        assert_int_equal(statuses[i], i < first ? STATUS_OK : STATUS_MISMATCH);
        assert_true(i >= first || id_equal(&found[i], &wanted[i]));
    }
    assert_string_equal(f.error.path, "viel/b");
    end(&f);
}

static void a_portion_fills_the_lanes_and_leaves_others_theirs(void **state)
{
    (void)state;
    struct metainfo metainfo = {.piece_length = 64u << 20, .piece_count = 1000};
    uint32_t lanes = (uint32_t)hasher_lanes();
    assert_int_equal(hasher_portion(&metainfo, 0, 2), lanes);
    assert_int_equal(hasher_portion(&metainfo, 997, 2), lanes == 1 ? 1 : 2);
    assert_int_equal(hasher_portion(&metainfo, 999, 8), 1);
    assert_int_equal(hasher_portion(&metainfo, 1000, 8), 0);
    metainfo.piece_length = 16u << 10;
    assert_true((uint64_t)hasher_portion(&metainfo, 0, 1) * metainfo.piece_length >= 8u << 20);
    assert_int_equal(hasher_portion(&metainfo, 0, 8), 125);
}

/* A different implementation takes our .torrent for what we do, where there is one to ask. */
static void aria2_reads_the_same_infohash(void **state)
{
    (void)state;
    if (system("command -v aria2c >/dev/null") != 0)
        skip();
    struct fixture f = folder(false);
    struct metainfo *metainfo = share(&f, true);
    struct endpoint node;
    assert_true(endpoint_parse("192.0.2.1:61881", &node));
    char *trackers[] = {(char[]){"http://192.0.2.1/announce"}, (char[]){"udp://192.0.2.2:1"}};
    const struct torrent_file extra = {.trackers = trackers,
                                       .tracker_count = 2,
                                       .comment = (char[]){"hello"},
                                       .creation_date = 1700000000,
                                       .nodes = &node,
                                       .node_count = 1};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(torrent_file_build(bytes_of(metainfo->info, metainfo->info_len), &extra, &out),
                     STATUS_OK);
    assert_true(folder_write(f.dir, "x.torrent", out.data, out.len));
    char command[4200], shown[8192];
    snprintf(command, sizeof command, "aria2c -S '%s'", folder_path(f.dir, "x.torrent"));
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    shown[fread(shown, 1, sizeof shown - 1, pipe)] = 0;
    assert_int_equal(pclose(pipe), 0);
    char hex[ID_HEX_SIZE];
    id_to_hex(&metainfo->infohash, hex);
    const char *wanted[] = {hex, "hello", "http://192.0.2.1/announce", "Ordner/b/c.bin", "370,005"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (strstr(shown, wanted[i]) == NULL)
            fail_msg("no \"%s\" in %s", wanted[i], shown);
    buffer_dispose(&out);
    metainfo_free(metainfo);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_has_its_known_infohash),
        cmocka_unit_test(a_file_has_its_known_infohash),
        cmocka_unit_test(an_empty_file_has_its_known_infohash),
        cmocka_unit_test(the_whole_has_the_digest_of_its_files_one_after_the_other),
        cmocka_unit_test(each_file_has_its_own_hash),
        cmocka_unit_test(a_changed_byte_fails_its_piece_alone),
        cmocka_unit_test(pieces_side_by_side_have_the_hashes_of_each_alone),
        cmocka_unit_test(pieces_from_disk_have_the_same_hashes),
        cmocka_unit_test(a_file_cut_short_fails_its_last_pieces_alone),
        cmocka_unit_test(a_portion_fills_the_lanes_and_leaves_others_theirs),
        cmocka_unit_test(aria2_reads_the_same_infohash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
