#include "support/people.h"

#include "kadpeer/records.h"
#include "kadpeer/sha1.h"
#include "people/seal.h"
#include "people/shelf.h"
#include "support/vectors.h"

struct fixture {
    struct people people;
    struct person person;
    struct buffer body, blob;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    people_init(&f->people, 0xee);
    f->person = person_of(&f->people, 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    buffer_dispose(&f->body);
    buffer_dispose(&f->blob);
    free(f);
    return 0;
}

/* The entry of group_shelf when `number` is 1 and the path "a/b.txt". */
static struct shelf_entry entry_of(unsigned number, const char *path)
{
    struct shelf_entry entry = {.size = 1ull << 33, .piece_size = 1 << 18};
    snprintf(entry.path, sizeof entry.path, "%s", path);
    memset(entry.infohash.bytes, 1, ID_BYTES);
    write_u32(entry.infohash.bytes + 16, 0x01010100 + number);
    memset(entry.sha256, 2, sizeof entry.sha256);
    memset(entry.sha1.bytes, 3, ID_BYTES);
    memset(entry.pieces_sha256, 4, sizeof entry.pieces_sha256);
    return entry;
}

/* `count` files with paths of `path_len` bytes, last first; free() the entries. */
static struct shelf shelf_of(size_t count, int path_len)
{
    struct shelf shelf = {.count = count, .entries = calloc(count + 1, sizeof *shelf.entries)};
    assert_non_null(shelf.entries);
    for (size_t i = 0; i < count; i++) {
        char path[SHELF_PATH_MAX + 1];
        snprintf(path, sizeof path, "%0*zu", path_len, i);
        shelf.entries[i] = entry_of((unsigned)(count - i), path);
    }
    return shelf;
}

static void seal_it(struct fixture *f, const struct shelf *shelf)
{
    buffer_clear(&f->body);
    buffer_clear(&f->blob);
    assert_int_equal(shelf_seal(shelf, &f->people.group.public_key, &f->person.member.public_key,
                                &f->people.epoch, &f->people.rng, &f->body, &f->blob),
                     STATUS_OK);
}

static enum status open_it(const struct fixture *f, struct bytes body, struct shelf *out,
                           bool *has_pointer, struct shelf_pointer *pointer)
{
    return shelf_open(body, &f->people.group.public_key, &f->person.member.public_key,
                      &f->people.epoch, out, has_pointer, pointer);
}

static enum status open_blob(const struct fixture *f, struct bytes blob,
                             const struct shelf_pointer *pointer, struct shelf *out)
{
    return shelf_open_blob(blob, pointer, &f->people.group.public_key, &f->person.member.public_key,
                           &f->people.epoch, out);
}

/* What comes back is `want`, in the order of infohashes: backwards. */
static void assert_reversed(const struct shelf *got, const struct shelf *want)
{
    assert_int_equal(got->count, want->count);
    for (size_t i = 0; i < got->count; i++)
        assert_memory_equal(&got->entries[i], &want->entries[want->count - 1 - i],
                            sizeof got->entries[i]);
}

static void a_short_list_travels_in_the_record(void **state)
{
    struct fixture *f = *state;
    for (size_t count = 0; count <= 4; count++) {
        struct shelf shelf = shelf_of(count, 20), back;
        struct shelf_pointer pointer;
        bool has_pointer;
        uint32_t epoch;
        seal_it(f, &shelf);
        assert_int_equal(f->blob.len, 0);
        assert_in_range(f->body.len, 1, ITEM_BODY_MAX);
        assert_true(shelf_epoch(buffer_bytes(&f->body), &epoch));
        assert_int_equal(epoch, 3);
        assert_int_equal(open_it(f, buffer_bytes(&f->body), &back, &has_pointer, &pointer),
                         STATUS_OK);
        assert_false(has_pointer);
        assert_reversed(&back, &shelf);
        shelf_dispose(&back);
        shelf_dispose(&shelf);
    }
}

static void round_trip_apart(struct fixture *f, size_t count, int path_len)
{
    struct shelf shelf = shelf_of(count, path_len), back;
    struct shelf_pointer pointer;
    bool has_pointer;
    seal_it(f, &shelf);
    assert_in_range(f->blob.len, 1, LIST_BLOB_MAX);
    assert_in_range(f->body.len, 1, ITEM_BODY_MAX);
    assert_int_equal(open_it(f, buffer_bytes(&f->body), &back, &has_pointer, &pointer), STATUS_OK);
    assert_true(has_pointer);
    assert_int_equal(pointer.len, f->blob.len);
    struct id sha1 = sha1_of(buffer_bytes(&f->blob));
    assert_true(id_equal(&sha1, &pointer.sha1));
    assert_int_equal(open_blob(f, buffer_bytes(&f->blob), &pointer, &back), STATUS_OK);
    assert_reversed(&back, &shelf);
    shelf_dispose(&back);
    shelf_dispose(&shelf);
}

static void a_longer_list_is_a_blob_that_the_record_points_to(void **state)
{
    struct fixture *f = *state;
    round_trip_apart(f, 6, 20);
    round_trip_apart(f, SHELF_ENTRIES_MAX, SHELF_PATH_MAX);
}

static void vectors_open(void **state)
{
    struct fixture *f = *state;
    struct vector body = vector_load("group_shelf"), at = vector_load("group_shelf_pointer"),
                  list = vector_load("group_shelf_list");
    struct shelf_entry want = entry_of(1, "a/b.txt");
    struct shelf_pointer pointer;
    struct shelf back;
    bool has_pointer;
    assert_int_equal(open_it(f, vector_bytes(&body), &back, &has_pointer, &pointer), STATUS_OK);
    assert_false(has_pointer);
    assert_int_equal(back.count, 1);
    assert_memory_equal(back.entries, &want, sizeof want);
    shelf_dispose(&back);
    assert_int_equal(open_it(f, vector_bytes(&at), &back, &has_pointer, &pointer), STATUS_OK);
    assert_true(has_pointer);
    assert_int_equal(open_blob(f, vector_bytes(&list), &pointer, &back), STATUS_OK);
    assert_int_equal(back.count, 1);
    assert_memory_equal(back.entries, &want, sizeof want);
    shelf_dispose(&back);
}

static void every_changed_bit_of_body_and_blob_is_refused(void **state)
{
    struct fixture *f = *state;
    struct shelf shelf = shelf_of(6, 20), back;
    struct shelf_pointer pointer, other;
    bool has_pointer;
    seal_it(f, &shelf);
    assert_int_equal(open_it(f, buffer_bytes(&f->body), &back, &has_pointer, &pointer), STATUS_OK);
    for (size_t bit = 0; bit < 8 * f->body.len; bit++) {
        f->body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(open_it(f, buffer_bytes(&f->body), &back, &has_pointer, &other),
                         STATUS_MISMATCH);
        assert_false(has_pointer);
        f->body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * f->blob.len; bit++) {
        f->blob.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(open_blob(f, buffer_bytes(&f->blob), &pointer, &back), STATUS_MISMATCH);
        f->blob.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    pointer.len++;
    assert_int_equal(open_blob(f, buffer_bytes(&f->blob), &pointer, &back), STATUS_MISMATCH);
    pointer.len--;
    pointer.sha1.bytes[3] ^= 1;
    assert_int_equal(open_blob(f, buffer_bytes(&f->blob), &pointer, &back), STATUS_MISMATCH);
    shelf_dispose(&shelf);
}

static void a_shelf_opens_as_its_members_and_epochs_alone(void **state)
{
    struct fixture *f = *state;
    struct shelf shelf = shelf_of(2, 20), back;
    struct person other = person_of(&f->people, 2);
    struct epoch_keys next, same_secret;
    struct shelf_pointer pointer;
    bool has_pointer;
    seal_it(f, &shelf);
    struct bytes body = buffer_bytes(&f->body);
    const struct public_key *group = &f->people.group.public_key,
                            *member = &f->person.member.public_key;
    assert_int_equal(shelf_open(body, group, &other.member.public_key, &f->people.epoch, &back,
                                &has_pointer, &pointer),
                     STATUS_MISMATCH);
    assert_int_equal(shelf_open(body, &other.user.public_key, member, &f->people.epoch, &back,
                                &has_pointer, &pointer),
                     STATUS_MISMATCH);
    assert_int_equal(epoch_keys_derive(group, 4, f->people.epoch.secret, &next), STATUS_OK);
    assert_int_equal(shelf_open(body, group, member, &next, &back, &has_pointer, &pointer),
                     STATUS_MISMATCH);
    same_secret = f->people.epoch; /* the right keys, said to be of another epoch */
    same_secret.epoch = 4;
    f->body.data[3] = 4;
    assert_int_equal(shelf_open(body, group, member, &same_secret, &back, &has_pointer, &pointer),
                     STATUS_MISMATCH);
    shelf_dispose(&shelf);
}

static void a_shelf_holds_a_file_once(void **state)
{
    struct fixture *f = *state;
    struct shelf shelf = shelf_of(3, 20);
    shelf.entries[2].infohash = shelf.entries[0].infohash;
    assert_int_equal(shelf_seal(&shelf, &f->people.group.public_key, &f->person.member.public_key,
                                &f->people.epoch, &f->people.rng, &f->body, &f->blob),
                     STATUS_EXISTS);
    assert_int_equal(f->body.len, 0);
    shelf_dispose(&shelf);
}

static void ten_thousand_files_are_the_most(void **state)
{
    struct fixture *f = *state;
    struct shelf shelf = shelf_of(SHELF_ENTRIES_MAX + 1, 5);
    assert_int_equal(shelf_seal(&shelf, &f->people.group.public_key, &f->person.member.public_key,
                                &f->people.epoch, &f->people.rng, &f->body, &f->blob),
                     STATUS_TOO_BIG);
    shelf_dispose(&shelf);
}

static void bodies_of_no_shelf_are_told_at_once(void **state)
{
    (void)state;
    static const uint8_t zeros[ITEM_BODY_MAX + 1], ones[ITEM_BODY_MAX + 1] = {0, 0, 0, 1};
    uint32_t epoch;
    assert_false(shelf_epoch((struct bytes){0}, &epoch));
    assert_false(shelf_epoch(bytes_of(ones, 44), &epoch));
    assert_false(shelf_epoch(bytes_of(zeros, 400), &epoch)); /* there is no epoch 0 */
    assert_false(shelf_epoch(bytes_of(ones, ITEM_BODY_MAX + 1), &epoch));
    assert_true(shelf_epoch(bytes_of(ones, ITEM_BODY_MAX), &epoch));
}

/* What a member with the right keys may have sealed. */
static enum status open_of_plain(struct fixture *f, const uint8_t *plain, size_t len)
{
    struct seal_context context = {.type = "shelf",
                                   .group = &f->people.group.public_key,
                                   .epoch = 3,
                                   .signer = &f->person.member.public_key};
    uint8_t epoch[4] = {0, 0, 0, 3};
    struct shelf back;
    struct shelf_pointer pointer;
    bool has_pointer;
    buffer_clear(&f->body);
    buffer_add(&f->body, epoch, sizeof epoch);
    assert_int_equal(seal(f->people.epoch.key[USE_SHELF], &context, bytes_of(plain, len),
                          &f->people.rng, &f->body),
                     STATUS_OK);
    enum status status = open_it(f, buffer_bytes(&f->body), &back, &has_pointer, &pointer);
    shelf_dispose(&back);
    return status;
}

static void lists_that_no_encoder_writes_are_refused(void **state)
{
    struct fixture *f = *state;
    struct shelf shelf = shelf_of(2, 20), back;
    struct shelf_pointer pointer;
    bool has_pointer;
    uint8_t plain[ITEM_BODY_MAX];
    seal_it(f, &shelf);
    struct seal_context context = {.type = "shelf",
                                   .group = &f->people.group.public_key,
                                   .epoch = 3,
                                   .signer = &f->person.member.public_key};
    struct buffer opened;
    buffer_init(&opened);
    assert_int_equal(seal_open(f->people.epoch.key[USE_SHELF], &context,
                               bytes_of(f->body.data + 4, f->body.len - 4), &opened),
                     STATUS_OK);
    size_t len = opened.len;
    memcpy(plain, opened.data, len);
    assert_int_equal(open_of_plain(f, plain, len), STATUS_OK);

    assert_int_equal(open_of_plain(f, plain, len - 1), STATUS_MALFORMED); /* padded to less */
    plain[len - 1] = 1;
    assert_int_equal(open_of_plain(f, plain, len), STATUS_MALFORMED); /* not with zeros */
    plain[len - 1] = 0;

    uint8_t *count = memmem(plain, len,
                            "\xa1"
                            "f\x92\x97",
                            4);
    assert_non_null(count);
    count[2] = 0x93; /* one more is promised */
    assert_int_equal(open_of_plain(f, plain, len), STATUS_MALFORMED);
    count[2] = 0x92;

    uint8_t *path = memmem(plain, len, "00000", 5);
    assert_non_null(path);
    path[2] = '\n';
    assert_int_equal(open_of_plain(f, plain, len), STATUS_MALFORMED);
    path[2] = '0';

    static const uint8_t second[] = {1, 1, 1, 2};
    uint8_t *infohash = memmem(plain, len, second, sizeof second);
    assert_non_null(infohash);
    infohash[3] = 1; /* the first file twice */
    assert_int_equal(open_of_plain(f, plain, len), STATUS_MALFORMED);
    infohash[3] = 0; /* not in order */
    assert_int_equal(open_of_plain(f, plain, len), STATUS_MALFORMED);
    infohash[3] = 2;
    assert_int_equal(open_of_plain(f, plain, len), STATUS_OK);
    assert_int_equal(open_it(f, buffer_bytes(&f->body), &back, &has_pointer, &pointer), STATUS_OK);
    shelf_dispose(&back);
    buffer_dispose(&opened);
    shelf_dispose(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_short_list_travels_in_the_record),
        T(a_longer_list_is_a_blob_that_the_record_points_to),
        T(vectors_open),
        T(every_changed_bit_of_body_and_blob_is_refused),
        T(a_shelf_opens_as_its_members_and_epochs_alone),
        T(a_shelf_holds_a_file_once),
        T(ten_thousand_files_are_the_most),
        T(bodies_of_no_shelf_are_told_at_once),
        T(lists_that_no_encoder_writes_are_refused),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
