/* Keystores as files: the old one or the new one is there, whole, whatever happens. */
#include "support/keystore_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

static const char *path_of(struct fixture *f)
{
    return folder_path(f->folder, "karla.keystore");
}

static bool holds(struct fixture *f, const char *name, const struct buffer *want)
{
    return folder_holds(f->folder, name, want->data, want->len);
}

static unsigned mode_of(struct fixture *f, const char *name)
{
    struct stat stat;
    assert_int_equal(lstat(folder_path(f->folder, name), &stat), 0);
    return stat.st_mode & 07777;
}

static void assert_no_leftovers(struct fixture *f)
{
    assert_false(folder_has(f->folder, "karla.keystore.new"));
    assert_false(folder_has(f->folder, "karla.keystore.backup.new"));
}

static void written_files_are_read_again_and_are_their_owner_s_alone(void **state)
{
    struct fixture *f = *state;
    struct buffer read;
    encode(f);
    mode_t before = umask(0);
    assert_int_equal(keystore_write(path_of(f), buffer_bytes(&f->file)), STATUS_OK);
    umask(before);
    assert_int_equal(mode_of(f, "karla.keystore"), 0600);
    assert_false(folder_has(f->folder, "karla.keystore.backup"));
    assert_no_leftovers(f);
    buffer_init(&read);
    buffer_add_string(&read, "x");
    assert_int_equal(keystore_read(path_of(f), &read), STATUS_OK);
    buffer_drop_front(&read, 1);
    assert_true(bytes_equal(buffer_bytes(&read), buffer_bytes(&f->file)));
    buffer_dispose(&read);
}

static void the_file_before_stays_as_backup(void **state)
{
    struct fixture *f = *state;
    struct buffer versions[3];
    for (unsigned i = 0; i < 3; i++) {
        f->keystore.profile_seq = i;
        encode(f);
        versions[i] = f->file;
        buffer_init(&f->file);
        assert_int_equal(keystore_write(path_of(f), buffer_bytes(&versions[i])), STATUS_OK);
        assert_true(holds(f, "karla.keystore", &versions[i]));
        if (i > 0)
            assert_true(holds(f, "karla.keystore.backup", &versions[i - 1]));
    }
    assert_int_equal(mode_of(f, "karla.keystore.backup"), 0600);
    assert_no_leftovers(f);
    for (unsigned i = 0; i < 3; i++)
        buffer_dispose(&versions[i]);
}

static void a_damaged_file_does_not_push_out_the_whole_backup(void **state)
{
    struct fixture *f = *state;
    encode(f);
    folder_write(f->folder, "karla.keystore.backup", f->file.data, f->file.len);
    folder_write(f->folder, "karla.keystore", f->file.data, f->file.len - 1);
    struct buffer backup = f->file;
    buffer_init(&f->file);
    encode(f);
    assert_int_equal(keystore_write(path_of(f), buffer_bytes(&f->file)), STATUS_OK);
    assert_true(holds(f, "karla.keystore", &f->file));
    assert_true(holds(f, "karla.keystore.backup", &backup));
    buffer_dispose(&backup);
}

static void what_a_run_cut_short_left_behind_is_replaced(void **state)
{
    struct fixture *f = *state;
    encode(f);
    folder_write(f->folder, "victim", "mine", 4);
    folder_write(f->folder, "karla.keystore.new", "half a", 6);
    assert_int_equal(symlink("victim", folder_path(f->folder, "karla.keystore.backup.new")), 0);
    assert_int_equal(keystore_write(path_of(f), buffer_bytes(&f->file)), STATUS_OK);
    assert_int_equal(keystore_write(path_of(f), buffer_bytes(&f->file)), STATUS_OK);
    assert_true(holds(f, "karla.keystore", &f->file));
    assert_int_equal(mode_of(f, "karla.keystore"), 0600);
    assert_true(folder_holds(f->folder, "victim", "mine", 4));
    assert_no_leftovers(f);
}

/* Writes another version, which must fail with `want` and leave the old one and its backup. */
static void assert_write_fails(struct fixture *f, enum status want)
{
    struct buffer old = f->file;
    buffer_init(&f->file);
    f->keystore.profile_seq++;
    encode(f);
    assert_int_equal(keystore_write(path_of(f), buffer_bytes(&f->file)), want);
    assert_true(holds(f, "karla.keystore", &old));
    buffer_dispose(&f->file);
    f->file = old;
}

static void without_rights_to_the_folder_the_old_file_stays(void **state)
{
    struct fixture *f = *state;
    uid_t user = geteuid();
    encode(f);
    assert_int_equal(keystore_write(path_of(f), buffer_bytes(&f->file)), STATUS_OK);
    chmod(f->folder, 0555);
    if (user == 0) { /* may write everywhere */
        chmod(path_of(f), 0644);
        if (seteuid(65534) != 0)
            skip();
    }
    assert_write_fails(f, STATUS_PERMISSION);
    assert_int_equal(seteuid(user), 0);
    chmod(f->folder, 0755);
    assert_no_leftovers(f);
    assert_false(folder_has(f->folder, "karla.keystore.backup"));
    assert_int_equal(keystore_write(path_of(f), buffer_bytes(&f->file)), STATUS_OK);
}

/* As on a full disk: the kernel takes part of the file and then no more. */
static void a_write_that_ends_half_way_leaves_the_old_file(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, small;
    encode(f);
    assert_int_equal(keystore_write(path_of(f), buffer_bytes(&f->file)), STATUS_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 150;
    setrlimit(RLIMIT_FSIZE, &small);
    assert_write_fails(f, STATUS_IO);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_no_leftovers(f);
    assert_false(folder_has(f->folder, "karla.keystore.backup"));
}

static void names_in_the_way_are_errors_and_the_old_file_stays(void **state)
{
    struct fixture *f = *state;
    encode(f);
    assert_int_equal(keystore_write(path_of(f), buffer_bytes(&f->file)), STATUS_OK);
    static const char *const names[] = {"karla.keystore.new", "karla.keystore.backup",
                                        "karla.keystore.backup.new"};
    for (unsigned i = 0; i < 3; i++) {
        folder_remove(folder_path(f->folder, "karla.keystore.backup"));
        mkdir(folder_path(f->folder, names[i]), 0755);
        assert_write_fails(f, STATUS_IO);
        rmdir(folder_path(f->folder, names[i]));
        assert_no_leftovers(f);
    }
}

static void a_missing_folder_is_not_found_and_a_folder_is_no_keystore(void **state)
{
    struct fixture *f = *state;
    struct buffer read;
    buffer_init(&read);
    encode(f);
    const char *nowhere = folder_path(f->folder, "none/karla.keystore");
    assert_int_equal(keystore_write(nowhere, buffer_bytes(&f->file)), STATUS_NOT_FOUND);
    assert_int_equal(keystore_read(nowhere, &read), STATUS_NOT_FOUND);
    assert_int_equal(keystore_read(f->folder, &read), STATUS_IO);
    assert_int_equal(mkfifo(path_of(f), 0600), 0); /* opens at once, though nobody writes */
    assert_int_equal(keystore_read(path_of(f), &read), STATUS_IO);
    assert_int_equal(read.len, 0);
    buffer_dispose(&read);
}

static void a_file_beyond_the_limit_is_too_big_and_not_read(void **state)
{
    struct fixture *f = *state;
    struct buffer read;
    buffer_init(&read);
    folder_write(f->folder, "karla.keystore", "", 0);
    assert_int_equal(truncate(path_of(f), (off_t)KEYSTORE_FILE_MAX + 1), 0);
    assert_int_equal(keystore_read(path_of(f), &read), STATUS_TOO_BIG);
    assert_null(read.data);
    assert_int_equal(truncate(path_of(f), 0), 0);
    assert_int_equal(keystore_read(path_of(f), &read), STATUS_OK);
    assert_int_equal(read.len, 0);
    buffer_dispose(&read);
}

/* ---- somebody reads while it is written ---- */

struct reading {
    const char *path;
    atomic_bool done;
    unsigned reads, torn;
};

static void *read_on(void *argument)
{
    struct reading *reading = argument;
    while (!atomic_load(&reading->done)) {
        struct buffer file;
        buffer_init(&file);
        if (keystore_read(reading->path, &file) != STATUS_OK ||
            keystore_check(buffer_bytes(&file)) != STATUS_OK)
            reading->torn++;
        reading->reads++;
        buffer_dispose(&file);
    }
    return NULL;
}

static void whoever_reads_meanwhile_finds_a_whole_file(void **state)
{
    struct fixture *f = *state;
    struct reading reading = {.path = path_of(f)};
    pthread_t thread;
    encode(f);
    assert_int_equal(keystore_write(reading.path, buffer_bytes(&f->file)), STATUS_OK);
    assert_int_equal(pthread_create(&thread, NULL, read_on, &reading), 0);
    for (unsigned i = 0; i < 30; i++) {
        struct public_key one = key_of(1);
        uint8_t big[4096] = {0};
        keystore_set_group(&f->keystore, &one, bytes_of(big, i % 2 ? sizeof big : 1));
        encode(f);
        enum status status = keystore_write(reading.path, buffer_bytes(&f->file));
        if (status != STATUS_OK)
            reading.torn = UINT32_MAX;
    }
    atomic_store(&reading.done, true);
    pthread_join(thread, NULL);
    assert_int_equal(reading.torn, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(written_files_are_read_again_and_are_their_owner_s_alone),
        WITH_FIXTURE(the_file_before_stays_as_backup),
        WITH_FIXTURE(a_damaged_file_does_not_push_out_the_whole_backup),
        WITH_FIXTURE(what_a_run_cut_short_left_behind_is_replaced),
        WITH_FIXTURE(without_rights_to_the_folder_the_old_file_stays),
        WITH_FIXTURE(a_write_that_ends_half_way_leaves_the_old_file),
        WITH_FIXTURE(names_in_the_way_are_errors_and_the_old_file_stays),
        WITH_FIXTURE(a_missing_folder_is_not_found_and_a_folder_is_no_keystore),
        WITH_FIXTURE(a_file_beyond_the_limit_is_too_big_and_not_read),
        WITH_FIXTURE(whoever_reads_meanwhile_finds_a_whole_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
