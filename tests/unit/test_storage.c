#include "support/unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "content/params.h"
#include "content/storage.h"
#include "content/storage_private.h"
#include "kadpeer/rng.h"
#include "support/folder.h"

#define PIECE (16u << 10)

/* A folder on disk, a layout as text ("a:100 b/c:0 .pad:28:p"), the bytes of the whole. */
struct fixture {
    char *dir;
    struct storage_cache *cache;
    struct metainfo *metainfo;
    struct storage *storage;
    uint8_t *bytes;
    struct storage_error error;
};

static struct metainfo *layout(const char *text)
{
    struct metainfo *metainfo = calloc(1, sizeof *metainfo);
    char *rest = strdup(text), *at = rest, *word;
    metainfo->files = calloc(strlen(text), sizeof *metainfo->files);
    metainfo->paths = rest;
    metainfo->piece_length = PIECE;
    metainfo->single_file = strchr(text, ' ') == NULL && strchr(text, '/') == NULL;
    while ((word = strsep(&at, " ")) != NULL) {
        struct metainfo_file *file = &metainfo->files[metainfo->file_count++];
        file->path = strsep(&word, ":");
        file->offset = metainfo->total_length;
        file->length = strtoull(strsep(&word, ":"), NULL, 10);
        file->padding = word != NULL;
        metainfo->total_length += file->length;
    }
    metainfo->piece_count = (uint32_t)((metainfo->total_length + PIECE - 1) / PIECE);
    metainfo->name = strdup("root");
    return metainfo;
}

static void open_storage(struct fixture *f, const char *target, bool partial)
{
    assert_int_equal(storage_new(f->metainfo, f->dir, target, partial, f->cache, &f->storage),
                     STATUS_OK);
}

static struct fixture begin(const char *text)
{
    struct fixture f = {.dir = folder_make()};
    struct rng rng;
    f.cache = storage_cache_new();
    f.metainfo = layout(text);
    f.bytes = malloc(f.metainfo->total_length + 1);
    rng_init_seed(&rng, 1);
    rng_fill(&rng, f.bytes, f.metainfo->total_length);
    for (uint32_t i = 0; i < f.metainfo->file_count; i++)
        if (f.metainfo->files[i].padding)
            memset(f.bytes + f.metainfo->files[i].offset, 0, f.metainfo->files[i].length);
    open_storage(&f, "root", true);
    return f;
}

static void end(struct fixture *f)
{
    storage_free(f->storage);
    storage_cache_free(f->cache);
    metainfo_free(f->metainfo);
    folder_remove(f->dir);
    free(f->dir);
    free(f->bytes);
}

static enum status write_run(struct fixture *f, uint64_t offset, size_t len)
{
    return storage_write(f->storage, offset, bytes_of(f->bytes + offset, len), &f->error);
}

static enum status write_all(struct fixture *f)
{
    return write_run(f, 0, f->metainfo->total_length);
}

static enum status read_all(struct fixture *f)
{
    uint8_t *got = malloc(f->metainfo->total_length + 1);
    enum status status = storage_read(f->storage, 0, f->metainfo->total_length, got, &f->error);
    if (status == STATUS_OK)
        assert_memory_equal(got, f->bytes, f->metainfo->total_length);
    free(got);
    return status;
}

static bool file_right(struct fixture *f, const char *path, uint32_t file)
{
    return folder_holds(f->dir, path, f->bytes + f->metainfo->files[file].offset,
                        f->metainfo->files[file].length);
}

static void bytes_land_in_their_files(void **state)
{
    (void)state;
    struct fixture f = begin("a:100 b/c:70000 b/e:0 .pad:28:p ü/d:5");
    assert_int_equal(write_all(&f), STATUS_OK);
    assert_int_equal(read_all(&f), STATUS_OK);
    assert_true(file_right(&f, "root.part/a", 0));
    assert_true(file_right(&f, "root.part/b/c", 1));
    assert_true(file_right(&f, "root.part/ü/d", 4));
    assert_false(folder_has(f.dir, "root.part/.pad"));
    assert_false(folder_has(f.dir, "root"));
    assert_int_equal(storage_sync(f.storage, &f.error), STATUS_OK);
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_OK);
    assert_false(storage_is_partial(f.storage));
    assert_true(file_right(&f, "root/b/c", 1));
    assert_true(file_right(&f, "root/b/e", 2));
    assert_false(folder_has(f.dir, "root.part"));
    assert_int_equal(read_all(&f), STATUS_OK);
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_OK);
    end(&f);
}

static void single_file_is_partial_until_finished(void **state)
{
    (void)state;
    struct fixture f = begin("one.bin:40000");
    assert_int_equal(write_all(&f), STATUS_OK);
    assert_true(file_right(&f, "root.part", 0));
    char *path = storage_path(f.storage);
    assert_string_equal(path, folder_path(f.dir, "root.part"));
    free(path);
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_OK);
    assert_true(file_right(&f, "root", 0));
    assert_int_equal(write_run(&f, 0, 10), STATUS_REFUSED);
    end(&f);
}

static void pieces_come_in_any_order(void **state)
{
    (void)state;
    struct fixture f = begin("a:30000 b:1 c:0 d:50000 e:20000");
    uint32_t order[8];
    struct rng rng;
    rng_init_seed(&rng, test_seed(3));
    uint32_t count = f.metainfo->piece_count;
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
        uint32_t len = metainfo_piece_size(f.metainfo, order[i]);
        assert_int_equal(write_run(&f, offset, len), STATUS_OK);
        assert_int_equal(storage_read(f.storage, offset, len, got, NULL), STATUS_OK);
        assert_memory_equal(got, f.bytes + offset, len);
    }
    assert_int_equal(read_all(&f), STATUS_OK);
    end(&f);
}

static void sparse_files_take_little_room(void **state)
{
    (void)state;
    struct fixture f = begin("big:50000000");
    uint64_t used, free_bytes;
    assert_int_equal(write_run(&f, 49999000, 1000), STATUS_OK);
    struct storage_stat stat;
    assert_int_equal(storage_stat_files(f.storage, &stat, &f.error), STATUS_OK);
    assert_true(stat.exists && stat.size == 50000000);
    assert_int_equal(storage_used_space(f.storage, &used, &f.error), STATUS_OK);
    assert_true(used < 1000000);
    assert_int_equal(storage_free_space(f.storage, &free_bytes, &f.error), STATUS_OK);
    assert_true(free_bytes > 0);
    end(&f);
}

static void short_and_missing_files_are_not_zeros(void **state)
{
    (void)state;
    struct fixture f = begin("a:100 b:100");
    uint8_t got[200];
    assert_int_equal(storage_read(f.storage, 0, 200, got, &f.error), STATUS_NOT_FOUND);
    assert_string_equal(f.error.path, "root.part/a");
    assert_int_equal(f.error.error, ENOENT);
    assert_true(folder_write(f.dir, "root.part/a", f.bytes, 100));
    assert_true(folder_write(f.dir, "root.part/b", f.bytes + 100, 99));
    assert_int_equal(storage_read(f.storage, 0, 200, got, &f.error), STATUS_MISMATCH);
    assert_string_equal(f.error.path, "root.part/b");
    char text[STORAGE_ERROR_SIZE];
    storage_error_text(STATUS_MISMATCH, &f.error, text);
    assert_string_equal(text, "root.part/b: shorter than it should be");
    assert_int_equal(storage_read(f.storage, 0, 199, got, &f.error), STATUS_OK);
    assert_int_equal(storage_read(f.storage, 199, 2, got, &f.error), STATUS_REFUSED);
    assert_int_equal(storage_read(f.storage, UINT64_MAX, 2, got, &f.error), STATUS_REFUSED);
    end(&f);
}

/* A link planted in the target, as file or as folder, leads nowhere. */
static void planted_links_are_not_followed(void **state)
{
    (void)state;
    struct fixture f = begin("sub/a:100 b:100");
    uint8_t got[100];
    assert_true(folder_write(f.dir, "outside/a", "secret", 6));
    mkdir(folder_path(f.dir, "root.part"), 0755);
    assert_int_equal(symlink("../outside", folder_path(f.dir, "root.part/sub")), 0);
    assert_int_equal(symlink("../outside/new", folder_path(f.dir, "root.part/b")), 0);
    assert_int_equal(write_run(&f, 0, 100), STATUS_REFUSED);
    assert_int_equal(write_run(&f, 100, 100), STATUS_REFUSED);
    assert_int_equal(storage_read(f.storage, 0, 100, got, &f.error), STATUS_REFUSED);
    struct storage_stat stats[2];
    assert_int_equal(storage_stat_files(f.storage, stats, &f.error), STATUS_OK);
    assert_false(stats[0].exists || stats[1].exists);
    assert_int_equal(storage_delete(f.storage, &f.error), STATUS_REFUSED);
    assert_true(folder_holds(f.dir, "outside/a", "secret", 6));
    assert_false(folder_has(f.dir, "outside/new"));
    end(&f);
}

static void the_root_may_be_no_link_either(void **state)
{
    (void)state;
    struct fixture f = begin("one:100");
    assert_true(folder_write(f.dir, "outside", "secret", 6));
    assert_int_equal(symlink("outside", folder_path(f.dir, "root.part")), 0);
    assert_int_equal(write_all(&f), STATUS_REFUSED);
    assert_int_equal(f.error.error, ELOOP);
    assert_true(folder_holds(f.dir, "outside", "secret", 6));
    end(&f);
}

static void a_pipe_in_the_way_does_not_hold_the_thread(void **state)
{
    (void)state;
    struct fixture f = begin("one:100");
    assert_int_equal(mkfifo(folder_path(f.dir, "root.part"), 0644), 0);
    assert_int_equal(write_all(&f), STATUS_REFUSED);
    assert_int_equal(read_all(&f), STATUS_REFUSED);
    char text[STORAGE_ERROR_SIZE];
    storage_error_text(STATUS_REFUSED, &f.error, text);
    assert_string_equal(text, "root.part: not a regular file");
    end(&f);
}

static void an_existing_file_is_not_overwritten(void **state)
{
    (void)state;
    struct fixture f = begin("one:100");
    assert_true(folder_write(f.dir, "root", "mine", 4));
    assert_int_equal(write_all(&f), STATUS_OK);
    struct storage_presence there;
    assert_int_equal(storage_look(f.storage, &there, &f.error), STATUS_OK);
    assert_true(there.partial && there.final);
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_EXISTS);
    assert_true(folder_holds(f.dir, "root", "mine", 4));
    assert_int_equal(read_all(&f), STATUS_OK);
    assert_int_equal(storage_finish(f.storage, true, &f.error), STATUS_OK);
    assert_true(file_right(&f, "root", 0));
    end(&f);
}

static void forced_folders_are_merged(void **state)
{
    (void)state;
    struct fixture f = begin("a:10 sub/b:20");
    assert_true(folder_write(f.dir, "root/a", "old", 3));
    assert_true(folder_write(f.dir, "root/other", "mine", 4));
    assert_int_equal(write_all(&f), STATUS_OK);
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_EXISTS);
    assert_true(folder_holds(f.dir, "root/a", "old", 3));
    assert_int_equal(storage_finish(f.storage, true, &f.error), STATUS_OK);
    assert_true(file_right(&f, "root/a", 0));
    assert_true(file_right(&f, "root/sub/b", 1));
    assert_true(folder_holds(f.dir, "root/other", "mine", 4));
    assert_false(folder_has(f.dir, "root.part"));
    end(&f);
}

static void force_does_not_turn_a_folder_into_a_file(void **state)
{
    (void)state;
    struct fixture f = begin("one:100");
    assert_true(folder_write(f.dir, "root/mine", "mine", 4));
    assert_int_equal(write_all(&f), STATUS_OK);
    assert_int_equal(storage_finish(f.storage, true, &f.error), STATUS_EXISTS);
    assert_true(folder_holds(f.dir, "root/mine", "mine", 4));
    end(&f);
}

static void finishing_nothing_is_not_found(void **state)
{
    (void)state;
    struct fixture f = begin("one:100");
    assert_true(folder_write(f.dir, "root", "done before", 11));
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_NOT_FOUND);
    assert_false(folder_has(f.dir, "root.part"));
    end(&f);
}

static void finishing_cuts_what_is_too_long(void **state)
{
    (void)state;
    struct fixture f = begin("one:100");
    char longer[300];
    memset(longer, 'x', sizeof longer);
    assert_true(folder_write(f.dir, "root.part", longer, sizeof longer));
    assert_int_equal(write_all(&f), STATUS_OK);
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_OK);
    assert_true(file_right(&f, "root", 0));
    end(&f);
}

static void empty_content_is_made(void **state)
{
    (void)state;
    struct fixture f = begin("e/f:0 g:0");
    assert_int_equal(storage_prepare(f.storage, &f.error), STATUS_OK);
    assert_true(file_right(&f, "root.part/e/f", 0));
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_OK);
    assert_true(file_right(&f, "root/g", 1));
    end(&f);
}

static void one_download_at_a_time_has_the_partial_name(void **state)
{
    (void)state;
    static const char *const layouts[] = {"a:10 b:0", "a:10"}; /* a folder, a file */
    for (size_t i = 0; i < 2; i++) {
        struct fixture f = begin(layouts[i]);
        struct storage *other;
        assert_int_equal(storage_prepare(f.storage, &f.error), STATUS_OK);
        assert_int_equal(storage_prepare(f.storage, &f.error), STATUS_OK);
        assert_int_equal(storage_new(f.metainfo, f.dir, "root", true, f.cache, &other), STATUS_OK);
        assert_int_equal(storage_prepare(other, &f.error), STATUS_CONFLICT);
        assert_int_equal(write_all(&f), STATUS_OK);
        assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_OK);
        assert_int_equal(storage_prepare(other, &f.error), STATUS_OK);
        storage_free(other);
        end(&f);
    }
}

static void reopened_content_can_be_written_again(void **state)
{
    (void)state;
    struct fixture f = begin("a:10 b:10");
    assert_int_equal(write_all(&f), STATUS_OK);
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_OK);
    assert_int_equal(storage_reopen(f.storage, &f.error), STATUS_OK);
    assert_true(storage_is_partial(f.storage));
    assert_true(file_right(&f, "root.part/b", 1));
    assert_int_equal(write_run(&f, 5, 10), STATUS_OK);
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_OK);
    end(&f);
}

static void only_its_own_files_are_deleted(void **state)
{
    (void)state;
    struct fixture f = begin("a/b/c:10 a/d:10 e:10");
    assert_int_equal(write_all(&f), STATUS_OK);
    assert_true(folder_write(f.dir, "root.part/a/kept", "mine", 4));
    assert_int_equal(storage_delete(f.storage, &f.error), STATUS_OK);
    assert_true(folder_holds(f.dir, "root.part/a/kept", "mine", 4));
    assert_false(folder_has(f.dir, "root.part/a/b") || folder_has(f.dir, "root.part/e"));
    assert_int_equal(unlink(folder_path(f.dir, "root.part/a/kept")), 0);
    assert_int_equal(storage_delete(f.storage, &f.error), STATUS_OK);
    assert_false(folder_has(f.dir, "root.part"));
    assert_true(folder_has(f.dir, "."));
    end(&f);
}

static void a_replaced_file_is_opened_anew(void **state)
{
    (void)state;
    struct fixture f = begin("one:4");
    uint8_t got[4];
    struct storage_stat before, after;
    assert_true(folder_write(f.dir, "root.part", "old!", 4));
    assert_int_equal(storage_read(f.storage, 0, 4, got, &f.error), STATUS_OK);
    assert_int_equal(storage_stat_files(f.storage, &before, &f.error), STATUS_OK);
    assert_true(folder_write(f.dir, "new", "new!", 4));
    assert_int_equal(rename(folder_path(f.dir, "new"), folder_path(f.dir, "root.part")), 0);
    assert_int_equal(storage_stat_files(f.storage, &after, &f.error), STATUS_OK);
    assert_true(before.inode != after.inode);
    assert_int_equal(storage_read(f.storage, 0, 4, got, &f.error), STATUS_OK);
    assert_memory_equal(got, "new!", 4);
    end(&f);
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
    (void)state;
    char text[200 * 8] = "";
    for (int i = 0; i < 200; i++)
        sprintf(text + strlen(text), "%sf%03d:1", i > 0 ? " " : "", i);
    unsigned before = open_descriptors();
    struct fixture f = begin(text);
    assert_int_equal(write_all(&f), STATUS_OK);
    assert_int_equal(read_all(&f), STATUS_OK);
    unsigned held = open_descriptors() - before;
    assert_true(held > 0 && held <= STORAGE_DESCRIPTORS);
    storage_free(f.storage);
    assert_int_equal(open_descriptors(), before);
    f.storage = NULL;
    end(&f);
}

/* While 64 are in use the next one is not kept; a borrowed one is never closed for another. */
static void open_files_in_use_stay_open(void **state)
{
    (void)state;
    struct fixture f = begin("a:1 b:1");
    int last = -1;
    for (uint32_t i = 0; i <= STORAGE_DESCRIPTORS; i++) {
        last = open("/dev/null", O_RDONLY | O_CLOEXEC);
        storage_cache_return(f.cache, f.storage, i, false, last);
        int borrowed = storage_cache_borrow(f.cache, f.storage, i, false);
        assert_int_equal(borrowed, i < STORAGE_DESCRIPTORS ? last : -1);
    }
    assert_int_equal(fcntl(last, F_GETFD), -1);
    assert_int_equal(storage_cache_borrow(f.cache, f.storage, 0, true), -1);
    int first = storage_cache_borrow(f.cache, f.storage, 0, false);
    assert_int_not_equal(fcntl(first, F_GETFD), -1);
    end(&f);
}

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
    (void)state;
    char text[100 * 16] = "";
    for (int i = 0; i < 100; i++)
        sprintf(text + strlen(text), "%sd%d/f%02d:%d", i > 0 ? " " : "", i % 7, i, 20000 + i);
    struct fixture f = begin(text);
    pthread_t threads[4];
    struct worker workers[4];
    for (uint32_t i = 0; i < 4; i++) {
        workers[i] = (struct worker){.fixture = &f, .first = i, .step = 4, .status = STATUS_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].status, STATUS_OK);
    }
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_OK);
    assert_int_equal(read_all(&f), STATUS_OK);
    end(&f);
}

static void a_limit_on_size_is_an_error_not_a_short_file(void **state)
{
    (void)state;
    struct fixture f = begin("one:100000");
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 30000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status status = write_all(&f);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_IO);
    assert_int_equal(f.error.error, EFBIG);
    end(&f);
}

static void no_permission_is_said(void **state)
{
    (void)state;
    uid_t self = geteuid();
    struct fixture f = begin("a:100 b:100");
    assert_int_equal(write_run(&f, 0, 100), STATUS_OK);
    storage_free(f.storage); /* what is open stays writable */
    open_storage(&f, "root", true);
    assert_int_equal(chmod(folder_path(f.dir, "root.part"), 0555), 0);
    assert_int_equal(chmod(folder_path(f.dir, "root.part/a"), 0444), 0);
    if (self == 0) /* nothing is forbidden to root */
        assert_true(chmod(f.dir, 0755) == 0 && seteuid(65534) == 0);
    enum status statuses[] = {write_run(&f, 0, 100), write_run(&f, 100, 100)};
    assert_int_equal(seteuid(self), 0);
    assert_int_equal(statuses[0], STATUS_PERMISSION);
    assert_int_equal(statuses[1], STATUS_PERMISSION);
    assert_string_equal(f.error.path, "root.part/b");
    assert_int_equal(chmod(folder_path(f.dir, "root.part"), 0755), 0);
    end(&f);
}

/* On a file system of 64 KiB of our own, where we may have one. */
static void a_full_disk_is_no_space(void **state)
{
    (void)state;
    struct fixture f = begin("a:1000000");
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", f.dir, "tmpfs", 0, "size=64k") != 0) {
        end(&f);
        skip();
    }
    uint64_t room, used;
    assert_int_equal(write_all(&f), STATUS_NO_SPACE);
    assert_int_equal(f.error.error, ENOSPC);
    assert_string_equal(f.error.path, "root.part");
    assert_int_equal(storage_free_space(f.storage, &room, &f.error), STATUS_OK);
    assert_int_equal(storage_used_space(f.storage, &used, &f.error), STATUS_OK);
    assert_true(room == 0 && used == 65536);
    storage_free(f.storage);
    f.storage = NULL;
    assert_int_equal(umount(f.dir), 0);
    end(&f);
}

static void a_missing_dir_is_made_when_written(void **state)
{
    (void)state;
    struct fixture f = begin("one:100");
    uint64_t room;
    struct storage_presence there;
    char *deep = strdup(folder_path(f.dir, "x/y"));
    storage_free(f.storage);
    assert_int_equal(storage_new(f.metainfo, deep, "root", true, f.cache, &f.storage), STATUS_OK);
    assert_int_equal(storage_look(f.storage, &there, &f.error), STATUS_OK);
    assert_false(there.partial || there.final);
    assert_int_equal(storage_free_space(f.storage, &room, &f.error), STATUS_OK);
    assert_false(folder_has(f.dir, "x"));
    assert_int_equal(storage_read(f.storage, 0, 1, (uint8_t[1]){0}, &f.error), STATUS_NOT_FOUND);
    assert_int_equal(write_all(&f), STATUS_OK);
    assert_true(file_right(&f, "x/y/root.part", 0));
    free(deep);
    end(&f);
}

static void targets_are_one_part(void **state)
{
    (void)state;
    struct fixture f = begin("one:100");
    const char *bad[] = {"", ".", "..", "a/b", "/a", "../a"};
    struct storage *storage;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(storage_new(f.metainfo, f.dir, bad[i], true, f.cache, &storage),
                         STATUS_REFUSED);
    assert_int_equal(storage_new(f.metainfo, "relative", "a", true, f.cache, &storage),
                     STATUS_REFUSED);
    end(&f);
}

static void long_targets_get_a_shorter_partial_name(void **state)
{
    (void)state;
    struct fixture f = begin("one:100");
    char target[256];
    memset(target, 'n', 255);
    target[255] = 0;
    memcpy(target + 240, "ü", 2);
    storage_free(f.storage);
    open_storage(&f, target, true);
    assert_int_equal(write_all(&f), STATUS_OK);
    assert_int_equal(storage_finish(f.storage, false, &f.error), STATUS_OK);
    assert_true(file_right(&f, target, 0));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_land_in_their_files),
        cmocka_unit_test(single_file_is_partial_until_finished),
        cmocka_unit_test(pieces_come_in_any_order),
        cmocka_unit_test(sparse_files_take_little_room),
        cmocka_unit_test(short_and_missing_files_are_not_zeros),
        cmocka_unit_test(planted_links_are_not_followed),
        cmocka_unit_test(the_root_may_be_no_link_either),
        cmocka_unit_test(a_pipe_in_the_way_does_not_hold_the_thread),
        cmocka_unit_test(one_download_at_a_time_has_the_partial_name),
        cmocka_unit_test(an_existing_file_is_not_overwritten),
        cmocka_unit_test(forced_folders_are_merged),
        cmocka_unit_test(force_does_not_turn_a_folder_into_a_file),
        cmocka_unit_test(finishing_nothing_is_not_found),
        cmocka_unit_test(finishing_cuts_what_is_too_long),
        cmocka_unit_test(empty_content_is_made),
        cmocka_unit_test(reopened_content_can_be_written_again),
        cmocka_unit_test(only_its_own_files_are_deleted),
        cmocka_unit_test(a_replaced_file_is_opened_anew),
        cmocka_unit_test(open_files_are_bounded),
        cmocka_unit_test(open_files_in_use_stay_open),
        cmocka_unit_test(threads_write_side_by_side),
        cmocka_unit_test(a_limit_on_size_is_an_error_not_a_short_file),
        cmocka_unit_test(no_permission_is_said),
        cmocka_unit_test(a_full_disk_is_no_space),
        cmocka_unit_test(a_missing_dir_is_made_when_written),
        cmocka_unit_test(targets_are_one_part),
        cmocka_unit_test(long_targets_get_a_shorter_partial_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
