/* The catalog: what goes in comes out of the next run. */
#include <sys/stat.h>

#include "support/catalog.h"

static void assert_same_transfer(const struct catalog_transfer *a, const struct catalog_transfer *b)
{
    assert_int_equal(a->id, b->id);
    assert_true(id_equal(&a->infohash, &b->infohash));
    assert_int_equal(a->origin, b->origin);
    assert_int_equal(a->wish, b->wish);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->dir, b->dir);
    assert_string_equal(a->target, b->target);
    assert_string_equal(a->peers, b->peers);
    assert_string_equal(a->options, b->options != NULL ? b->options : "");
    assert_int_equal(a->complete, b->complete);
    assert_int_equal(a->unlisted, b->unlisted);
    assert_int_equal(a->no_seed, b->no_seed);
    assert_int_equal(a->force, b->force);
    assert_int_equal(a->has_file_sha1, b->has_file_sha1);
    assert_int_equal(a->has_expected_sha1, b->has_expected_sha1);
    assert_true(id_equal(&a->file_sha1, &b->file_sha1));
    assert_true(id_equal(&a->expected_sha1, &b->expected_sha1));
    assert_true(bytes_equal(a->info, b->info));
    assert_true(bytes_equal(a->have, b->have));
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->uploaded, b->uploaded);
    assert_int_equal(a->downloaded, b->downloaded);
    assert_int_equal(a->added_unix_s, b->added_unix_s);
    assert_int_equal(a->completed_unix_s, b->completed_unix_s);
    assert_int_equal(a->has_group, b->has_group);
    assert_int_equal(a->has_sha256, b->has_sha256);
    assert_true(!a->has_group || memcmp(a->group, b->group, sizeof a->group) == 0);
    assert_true(!a->has_sha256 || memcmp(a->sha256, b->sha256, sizeof a->sha256) == 0);
}

static void assert_stored(struct fixture *f, const struct catalog_transfer *wanted)
{
    struct catalog_transfer *rows;
    size_t count;
    reopen(f);
    assert_int_equal(catalog_load_transfers(f->catalog, &rows, &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_same_transfer(&rows[0], wanted);
    catalog_free_transfers(rows, count);
}

static struct catalog_transfer full_transfer(void)
{
    return (struct catalog_transfer){
        .infohash = id_of(0x11),
        .origin = ORIGIN_SHARE,
        .wish = WISH_STOP,
        .name = (char *)(uintptr_t) "N\xc3\xa4me \xff'; DROP TABLE transfers", /* any bytes */
        .dir = (char *)(uintptr_t) "/a/b c",
        .target = (char *)(uintptr_t) "t",
        .complete = true,
        .unlisted = true,
        .has_file_sha1 = true,
        .has_expected_sha1 = true,
        .has_group = true,
        .group = {0x44, [31] = 0x45},
        .has_sha256 = true,
        .sha256 = {0x55, [31] = 0x56},
        .no_seed = true,
        .force = true,
        .file_sha1 = id_of(0x22),
        .expected_sha1 = id_of(0x33),
        .info = bytes_of("d4:name1:te", 11),
        .have = bytes_of("\xff\x00\x80", 3),
        .peers = (char *)(uintptr_t) "192.0.2.1:1 [2001:db8::1]:2",
        .options = (char *)(uintptr_t) "sequential select=1,2",
        .size = (uint64_t)1 << 62,
        .uploaded = 7,
        .downloaded = 9,
        .added_unix_s = 1700000000,
        .completed_unix_s = 1700000001,
    };
}

static void assert_around(struct fixture *f, int64_t id, struct bytes wanted)
{
    uint8_t *around;
    size_t len;
    assert_int_equal(catalog_get_around(f->catalog, id, &around, &len), STATUS_OK);
    assert_true(bytes_equal(bytes_of(around, len), wanted));
    free(around);
}

static void what_stood_in_a_torrent_is_kept_as_long_as_its_transfer(void **state)
{
    struct fixture *f = *state;
    uint8_t *around;
    size_t len;
    int64_t first = add(f->catalog, 1), second = add(f->catalog, 2);
    assert_int_equal(catalog_set_around(f->catalog, first, bytes_of("d1:a\0e", 6)), STATUS_OK);
    assert_int_equal(catalog_set_around(f->catalog, second, bytes_of("old", 3)), STATUS_OK);
    assert_int_equal(catalog_set_around(f->catalog, second, bytes_of("de", 2)), STATUS_OK);
    reopen(f);
    assert_around(f, first, bytes_of("d1:a\0e", 6));
    assert_int_equal(catalog_remove_transfer(f->catalog, first), STATUS_OK);
    assert_int_equal(catalog_get_around(f->catalog, first, &around, &len), STATUS_NOT_FOUND);
    assert_around(f, second, bytes_of("de", 2));
    assert_int_not_equal(catalog_set_around(f->catalog, 99, bytes_of("de", 2)), STATUS_OK);
}

static void what_is_synced_outlives_an_update_of_the_row(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer transfer = full_transfer(), *rows;
    size_t count;
    assert_int_equal(catalog_add_transfer(f->catalog, &transfer), STATUS_OK);
    assert_int_equal(catalog_set_synced(f->catalog, transfer.id, bytes_of("\x80\0\1", 3), "a-boot"),
                     STATUS_OK);
    transfer.uploaded++;
    assert_int_equal(catalog_update_transfer(f->catalog, &transfer), STATUS_OK);
    reopen(f);
    assert_int_equal(catalog_load_transfers(f->catalog, &rows, &count), STATUS_OK);
    assert_true(bytes_equal(rows[0].synced, bytes_of("\x80\0\1", 3)));
    assert_string_equal(rows[0].boot_id, "a-boot");
    assert_int_equal(rows[0].uploaded, transfer.uploaded);
    catalog_free_transfers(rows, count);
}

static void an_infohash_changes_unless_another_row_has_it(void **state)
{
    struct fixture *f = *state;
    int64_t first = add(f->catalog, 1), second = add(f->catalog, 2);
    struct id hash = id_of(2), free_one = id_of(3);
    assert_int_equal(catalog_set_infohash(f->catalog, first, &hash), STATUS_EXISTS);
    assert_int_equal(catalog_set_infohash(f->catalog, second, &hash), STATUS_OK);
    assert_int_equal(catalog_set_infohash(f->catalog, first, &free_one), STATUS_OK);
    struct catalog_transfer again = transfer_of(3);
    assert_int_equal(catalog_add_transfer(f->catalog, &again), STATUS_EXISTS);
    assert_int_equal(again.id, first);
}

static void every_column_of_a_transfer_comes_back(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer transfer = full_transfer();
    assert_int_equal(catalog_add_transfer(f->catalog, &transfer), STATUS_OK);
    assert_int_equal(transfer.id, 1);
    assert_stored(f, &transfer);
}

static void update_changes_all_but_id_infohash_and_info(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer transfer = transfer_of(0x11);
    assert_int_equal(catalog_add_transfer(f->catalog, &transfer), STATUS_OK);
    assert_stored(f, &transfer);
    struct catalog_transfer changed = full_transfer();
    changed.id = transfer.id;
    changed.info = transfer.info;
    assert_int_equal(catalog_update_transfer(f->catalog, &changed), STATUS_OK);
    assert_stored(f, &changed);
    transfer.id = changed.id;
    assert_int_equal(catalog_update_transfer(f->catalog, &transfer), STATUS_OK);
    assert_stored(f, &transfer);
}

static void each_yes_or_no_has_a_column_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer transfer = transfer_of(0x11);
    assert_int_equal(catalog_add_transfer(f->catalog, &transfer), STATUS_OK);
    bool *const flags[] = {&transfer.complete,      &transfer.unlisted,
                           &transfer.no_seed,       &transfer.force,
                           &transfer.has_file_sha1, &transfer.has_expected_sha1,
                           &transfer.has_group,     &transfer.has_sha256};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        *flags[i] = true;
        assert_int_equal(catalog_update_transfer(f->catalog, &transfer), STATUS_OK);
        assert_stored(f, &transfer);
        *flags[i] = false;
    }
}

static void frequent_calls_change_their_columns_alone(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer transfer = full_transfer();
    assert_int_equal(catalog_add_transfer(f->catalog, &transfer), STATUS_OK);
    struct bytes have = bytes_of("\x01\x02\x03\x04", 4);
    assert_int_equal(catalog_set_have(f->catalog, transfer.id, have), STATUS_OK);
    assert_int_equal(catalog_set_wish(f->catalog, transfer.id, WISH_PAUSE), STATUS_OK);
    assert_int_equal(catalog_add_traffic(f->catalog, transfer.id, 1000, 20), STATUS_OK);
    assert_int_equal(catalog_add_traffic(f->catalog, transfer.id, 1, 1), STATUS_OK);
    transfer.have = have;
    transfer.wish = WISH_PAUSE;
    transfer.uploaded += 1001;
    transfer.downloaded += 21;
    assert_stored(f, &transfer);
}

static void unknown_ids_are_not_found(void **state)
{
    struct fixture *f = *state;
    struct catalog_transfer transfer = full_transfer();
    transfer.id = 5;
    assert_int_equal(catalog_update_transfer(f->catalog, &transfer), STATUS_NOT_FOUND);
    assert_int_equal(catalog_remove_transfer(f->catalog, 5), STATUS_NOT_FOUND);
    assert_int_equal(catalog_set_have(f->catalog, 5, bytes_of("a", 1)), STATUS_NOT_FOUND);
    assert_int_equal(catalog_set_wish(f->catalog, 5, WISH_RUN), STATUS_NOT_FOUND);
    assert_int_equal(catalog_add_traffic(f->catalog, 5, 1, 1), STATUS_NOT_FOUND);
    struct catalog_file file = {0};
    assert_int_not_equal(catalog_set_files(f->catalog, 5, &file, 1), STATUS_OK);
    assert_int_equal(count_transfers(f->catalog), 0);
}

static void second_row_of_an_infohash_is_refused_with_the_first_ones_id(void **state)
{
    struct fixture *f = *state;
    add(f->catalog, 1);
    int64_t id = add(f->catalog, 2);
    struct catalog_transfer again = transfer_of(2);
    assert_int_equal(catalog_add_transfer(f->catalog, &again), STATUS_EXISTS);
    assert_int_equal(again.id, id);
    assert_int_equal(count_transfers(f->catalog), 2);
}

static void ids_are_never_used_twice(void **state)
{
    struct fixture *f = *state;
    for (int64_t expected = 1; expected <= 3; expected++) {
        assert_int_equal(add(f->catalog, 1), expected);
        assert_int_equal(catalog_remove_transfer(f->catalog, expected), STATUS_OK);
        reopen(f);
    }
    assert_int_equal(add(f->catalog, 9), 4);
}

static void files_come_back_and_go_with_their_transfer(void **state)
{
    struct fixture *f = *state;
    int64_t id = add(f->catalog, 1);
    struct catalog_file files[] = {
        {.index = 0, .mtime_ns = -1, .ctime_ns = 3, .size = 0, .inode = UINT64_MAX},
        {.index = 7, .mtime_ns = INT64_MAX, .size = (uint64_t)1 << 40, .inode = 12},
    };
    struct catalog_file *rows;
    size_t count;
    assert_int_equal(catalog_set_files(f->catalog, id, files, 1), STATUS_OK);
    assert_int_equal(catalog_set_files(f->catalog, id, files, 2), STATUS_OK);
    assert_int_equal(catalog_load_files(f->catalog, id, &rows, &count), STATUS_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rows[i].index, files[i].index);
        assert_int_equal(rows[i].mtime_ns, files[i].mtime_ns);
        assert_int_equal(rows[i].ctime_ns, files[i].ctime_ns);
        assert_int_equal(rows[i].size, files[i].size);
        assert_int_equal(rows[i].inode, files[i].inode);
    }
    free(rows);
    assert_int_equal(catalog_remove_transfer(f->catalog, id), STATUS_OK);
    assert_int_equal(catalog_load_files(f->catalog, id, &rows, &count), STATUS_OK);
    assert_int_equal(count, 0);
    free(rows);
}

static struct dht_contact contact_of(uint8_t byte, const char *address)
{
    struct dht_contact contact = {.id = id_of(byte), .rtt_ms = byte, .failures = byte};
    assert_true(endpoint_parse(address, &contact.endpoint));
    return contact;
}

static void nodes_are_replaced_family_by_family(void **state)
{
    struct fixture *f = *state;
    struct dht_contact four[] = {contact_of(9, "192.0.2.1:1"), contact_of(2, "192.0.2.2:65535")};
    struct dht_contact six = contact_of(3, "[2001:db8::1]:3");
    assert_int_equal(catalog_save_nodes(f->catalog, ENDPOINT_IPV6, &six, 1), STATUS_OK);
    assert_int_equal(catalog_save_nodes(f->catalog, ENDPOINT_IPV4, four, 1), STATUS_OK);
    assert_int_equal(catalog_save_nodes(f->catalog, ENDPOINT_IPV4, four, 2), STATUS_OK);
    reopen(f);
    struct dht_contact out[3];
    size_t count;
    assert_int_equal(catalog_load_nodes(f->catalog, ENDPOINT_IPV4, out, 3, &count), STATUS_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(id_equal(&out[i].id, &four[i].id));
        assert_true(endpoint_equal(&out[i].endpoint, &four[i].endpoint));
        assert_int_equal(out[i].rtt_ms, four[i].rtt_ms);
        assert_int_equal(out[i].failures, four[i].failures);
    }
    assert_int_equal(catalog_load_nodes(f->catalog, ENDPOINT_IPV4, out, 1, &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(catalog_load_nodes(f->catalog, ENDPOINT_IPV6, out, 3, &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_true(endpoint_equal(&out[0].endpoint, &six.endpoint));
}

static void records_are_replaced_family_by_family(void **state)
{
    struct fixture *f = *state;
    struct catalog_record records[] = {
        {.key = id_of(1), .kind = KIND_ENTRY, .value = bytes_of("a\0b", 3), .ends_unix_s = 77},
        {.key = id_of(1), .kind = KIND_PART, .value = bytes_of("", 0)},
    };
    struct catalog_record *rows;
    size_t count;
    assert_int_equal(catalog_save_records(f->catalog, ENDPOINT_IPV6, records, 2), STATUS_OK);
    assert_int_equal(catalog_save_records(f->catalog, ENDPOINT_IPV4, records, 2), STATUS_OK);
    assert_int_equal(catalog_save_records(f->catalog, ENDPOINT_IPV6, records, 0), STATUS_OK);
    reopen(f);
    assert_int_equal(catalog_load_records(f->catalog, ENDPOINT_IPV4, &rows, &count), STATUS_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(id_equal(&rows[i].key, &records[i].key));
        assert_int_equal(rows[i].kind, records[i].kind);
        assert_true(bytes_equal(rows[i].value, records[i].value));
        assert_int_equal(rows[i].ends_unix_s, records[i].ends_unix_s);
    }
    catalog_free_records(rows, count);
    assert_int_equal(catalog_load_records(f->catalog, ENDPOINT_IPV6, &rows, &count), STATUS_OK);
    assert_int_equal(count, 0);
    catalog_free_records(rows, count);
}

static void assert_fact(struct catalog *catalog, const char *name, struct bytes wanted)
{
    uint8_t *value;
    size_t len;
    assert_int_equal(catalog_get(catalog, name, &value, &len), STATUS_OK);
    assert_true(bytes_equal(bytes_of(value, len), wanted));
    free(value);
}

static void facts_are_kept_by_name(void **state)
{
    struct fixture *f = *state;
    uint8_t *value;
    size_t len;
    assert_int_equal(catalog_get(f->catalog, "boot_id", &value, &len), STATUS_NOT_FOUND);
    assert_null(value);
    assert_int_equal(catalog_set(f->catalog, "boot_id", bytes_of("x", 1)), STATUS_OK);
    assert_int_equal(catalog_set(f->catalog, "boot_id", bytes_of("y\0z", 3)), STATUS_OK);
    assert_int_equal(catalog_set(f->catalog, "nothing", bytes_of(NULL, 0)), STATUS_OK);
    reopen(f);
    assert_fact(f->catalog, "boot_id", bytes_of("y\0z", 3));
    assert_fact(f->catalog, "nothing", bytes_of(NULL, 0));
}

static void what_lies_between_begin_and_end_is_kept_or_lost_as_one(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(catalog_end(f->catalog, true), STATUS_INTERNAL);
    assert_int_equal(catalog_begin(f->catalog), STATUS_OK);
    assert_int_equal(catalog_begin(f->catalog), STATUS_INTERNAL);
    add(f->catalog, 1);
    assert_int_equal(catalog_set(f->catalog, "a", bytes_of("1", 1)), STATUS_OK);
    assert_int_equal(catalog_end(f->catalog, false), STATUS_OK);
    assert_int_equal(count_transfers(f->catalog), 0);

    assert_int_equal(catalog_begin(f->catalog), STATUS_OK);
    int64_t id = add(f->catalog, 1);
    struct catalog_file file = {.index = 1};
    assert_int_equal(catalog_set_files(f->catalog, id, &file, 1), STATUS_OK);
    assert_int_equal(catalog_set_have(f->catalog, 999, bytes_of("", 0)), STATUS_NOT_FOUND);
    assert_int_equal(catalog_end(f->catalog, true), STATUS_OK);
    assert_int_equal(count_transfers(f->catalog), 1);

    assert_int_equal(catalog_begin(f->catalog), STATUS_OK);
    add(f->catalog, 2); /* lost when the daemon goes without an end */
    reopen(f);
    assert_int_equal(count_transfers(f->catalog), 1);
}

static void database_log_and_index_are_for_their_owner_alone(void **state)
{
    struct fixture *f = *state;
    mode_t before = umask(0);
    catalog_close(f->catalog);
    unlink(f->path);
    f->catalog = open_good(f->path);
    add(f->catalog, 1);
    umask(before);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[160];
        struct stat info;
        snprintf(path, sizeof path, "%s%s", f->path, ends[i]);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_column_of_a_transfer_comes_back),
        TEST(what_stood_in_a_torrent_is_kept_as_long_as_its_transfer),
        TEST(what_is_synced_outlives_an_update_of_the_row),
        TEST(an_infohash_changes_unless_another_row_has_it),
        TEST(update_changes_all_but_id_infohash_and_info),
        TEST(each_yes_or_no_has_a_column_of_its_own),
        TEST(frequent_calls_change_their_columns_alone),
        TEST(unknown_ids_are_not_found),
        TEST(second_row_of_an_infohash_is_refused_with_the_first_ones_id),
        TEST(ids_are_never_used_twice),
        TEST(files_come_back_and_go_with_their_transfer),
        TEST(nodes_are_replaced_family_by_family),
        TEST(records_are_replaced_family_by_family),
        TEST(facts_are_kept_by_name),
        TEST(what_lies_between_begin_and_end_is_kept_or_lost_as_one),
        TEST(database_log_and_index_are_for_their_owner_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
