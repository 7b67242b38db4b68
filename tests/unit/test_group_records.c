/* What nodes that store a group's records get to see: sizes, and nothing that links a user's
 * groups.
 */
#include "support/people.h"

#include "kadpeer/dht.h"
#include "kadpeer/records.h"
#include "people/channel_auth.h"
#include "people/head.h"
#include "people/hpke.h"
#include "people/keypage.h"
#include "people/shelf.h"
#include "people/user_body.h"

enum { RECORD_MAX = 1000 };

/* ---- making the records of a group ---- */

struct records {
    struct people *people;
    uint64_t expiry_unix_s;
    struct buffer all; /* one after the other */
    size_t biggest;
};

static void add_record(struct records *records, struct bytes value)
{
    buffer_add(&records->all, value.data, value.len);
    if (value.len > records->biggest)
        records->biggest = value.len;
}

static void add_item(struct records *records, const struct key_pairs *signer, struct bytes salt,
                     struct buffer *body)
{
    struct buffer value;
    buffer_init(&value);
    struct id key = key_of_item(signer->public_key.bytes, salt);
    assert_int_equal(
        item_record_make(signer->seed, salt, 1, records->expiry_unix_s, buffer_bytes(body), &value),
        STATUS_OK);
    assert_in_range(value.len, 1, ITEM_VALUE_MAX);
    add_record(records, buffer_bytes(&value));
    buffer_add(&records->all, key.bytes, ID_BYTES);
    buffer_dispose(&value);
    buffer_dispose(body);
}

static void add_keypages(struct records *records, const struct roster *roster)
{
    for (size_t first = 0; first < roster->member_count; first += KEYPAGE_BOXES) {
        struct keypage page = {0};
        uint8_t ephemeral[X25519_BYTES], salt[KEYPAGE_SALT_BYTES], mark[EPOCH_MARK_BYTES];
        struct buffer body;
        for (size_t i = first; i < roster->member_count && page.count < KEYPAGE_BOXES; i++)
            assert_int_equal(keypage_box_make(&records->people->group, &roster->members[i].key,
                                              roster->members[i].box_public, 3,
                                              records->people->epoch.secret,
                                              ephemeral_of(records->people, ephemeral),
                                              &page.boxes[page.count++]),
                             STATUS_OK);
        epoch_mark(&records->people->epoch, mark);
        keypage_salt(3, mark, (uint16_t)(first / KEYPAGE_BOXES), salt);
        buffer_init(&body);
        keypage_encode(&page, &body);
        assert_in_range(body.len, 1, 705);
        add_item(records, &records->people->group, bytes_of(salt, sizeof salt), &body);
    }
}

/* The bytes cut into parts, their keys to `keys`. Returns how many. */
static size_t add_parts(struct records *records, struct bytes bytes, struct id *keys)
{
    size_t count = 0;
    for (size_t at = 0; at < bytes.len; at += PART_BYTES_MAX) {
        size_t left = bytes.len - at;
        struct bytes part =
            bytes_of(bytes.data + at, left < PART_BYTES_MAX ? left : PART_BYTES_MAX);
        keys[count++] = key_of_part(part);
        add_record(records, part);
    }
    return count;
}

static void add_roster_and_head(struct records *records, const struct roster *roster)
{
    static struct id keys[ROSTER_PARTS_MAX];
    struct head_body head = {.epoch = 3, .policy = JOIN_ON_REQUEST};
    struct buffer sealed, body;
    buffer_init(&sealed);
    buffer_init(&body);
    assert_int_equal(roster_seal(roster, &records->people->group.public_key,
                                 &records->people->epoch, &records->people->rng, &sealed),
                     STATUS_OK);
    assert_in_range(head_roster_parts((uint32_t)sealed.len), 1, ROSTER_PARTS_MAX);
    struct bytes list = buffer_bytes(&sealed);
    size_t count = add_parts(records, list, keys);
    assert_int_equal(count, head_roster_parts((uint32_t)sealed.len));
    head.roster_len = (uint32_t)sealed.len;
    sha256_of_parts(&list, 1, head.roster_sha256);
    head.index = count > HEAD_PARTS_MAX;
    if (head.index)
        count = add_parts(records, bytes_of(keys, count * ID_BYTES), head.parts);
    else
        memcpy(head.parts, keys, count * ID_BYTES);
    head.part_count = (uint8_t)count;
    head.keypages = (uint16_t)((roster->member_count + KEYPAGE_BOXES - 1) / KEYPAGE_BOXES);
    epoch_mark(&records->people->epoch, head.mark);
    memcpy(head.box_public, records->people->group.box_public, sizeof head.box_public);
    head_body_encode(&head, &body);
    assert_in_range(body.len, 1, 740);
    add_item(records, &records->people->group, bytes_of_string(ITEM_SALT_HEAD), &body);
    buffer_dispose(&sealed);
}

/* Of `files` files that are the same for everybody. */
static void add_shelf(struct records *records, const struct person *person, size_t files)
{
    struct shelf shelf = {.count = files, .entries = calloc(files + 1, sizeof *shelf.entries)};
    struct buffer body, blob;
    assert_non_null(shelf.entries);
    for (size_t i = 0; i < files; i++) {
        struct shelf_entry entry = {
            .path = "some/where/notes.txt", .size = 4711, .piece_size = 1 << 18};
        write_u32(entry.infohash.bytes, (uint32_t)i);
        memset(entry.sha256, 0x3c, sizeof entry.sha256);
        shelf.entries[i] = entry;
        struct id key = epoch_file_key(&records->people->epoch, entry.sha256);
        buffer_add(&records->all, key.bytes, ID_BYTES);
    }
    buffer_init(&body);
    buffer_init(&blob);
    assert_int_equal(shelf_seal(&shelf, &records->people->group.public_key,
                                &person->member.public_key, &records->people->epoch,
                                &records->people->rng, &body, &blob),
                     STATUS_OK);
    add_item(records, &person->member, bytes_of_string(ITEM_SALT_SHELF), &body);
    shelf_dispose(&shelf);
    buffer_dispose(&blob);
}

static void add_drop(struct records *records, struct buffer *body)
{
    struct drop_record drop = {.mailbox = mailbox_of_group(&records->people->group.public_key),
                               .expiry_unix_s = records->expiry_unix_s,
                               .body = buffer_bytes(body)};
    struct buffer value;
    buffer_init(&value);
    rng_fill(&records->people->rng, drop.nonce, sizeof drop.nonce);
    assert_in_range(body->len, 1, DROP_BODY_MAX);
    drop_record_encode(&drop, &value);
    add_record(records, buffer_bytes(&value));
    buffer_dispose(&value);
    buffer_dispose(body);
}

static void add_drops(struct records *records, const struct person *person)
{
    static const uint8_t token[INVITE_TOKEN_BYTES];
    const struct key_pairs *group = &records->people->group;
    uint8_t ephemeral[X25519_BYTES];
    struct buffer body;
    buffer_init(&body);
    assert_int_equal(join_request_make(person->root, &group->public_key, group->box_public, "mira",
                                       "hello", token, 1800000000,
                                       ephemeral_of(records->people, ephemeral), &body),
                     STATUS_OK);
    add_drop(records, &body);
    buffer_init(&body);
    assert_int_equal(leave_notice_make(&person->member, &group->public_key, group->box_public,
                                       1800000000, ephemeral_of(records->people, ephemeral), &body),
                     STATUS_OK);
    add_drop(records, &body);
}

/* What shows on the way: presence, and identities of calls. */
static void add_passing(struct records *records)
{
    struct id presence = epoch_presence_key(&records->people->epoch, 20833);
    uint8_t identity[PSK_IDENTITY_BYTES];
    buffer_add(&records->all, presence.bytes, ID_BYTES);
    psk_identity_make(records->people->epoch.key[USE_PSKID], 1800000000, &records->people->rng,
                      identity);
    buffer_add(&records->all, identity, sizeof identity);
}

static void make_records(struct records *records, struct people *people, size_t members,
                         unsigned user)
{
    struct person person = person_of(people, user);
    struct roster roster = roster_of(people, members, 4);
    *records = (struct records){.people = people};
    records->expiry_unix_s = 1800000000 + ((uint64_t)people->root[0] << 13); /* times apart */
    if (members > 1)
        roster.members[1] = member_of(people, &person, "mira");
    add_keypages(records, &roster);
    add_roster_and_head(records, &roster);
    add_shelf(records, &person, 2);
    add_shelf(records, &person, 100);
    add_drops(records, &person);
    add_passing(records);
    roster_dispose(&roster);
}

/* ---- sizes ---- */

static void records_of_a_full_group_fit_a_datagram(void **state)
{
    (void)state;
    struct people people;
    struct records records;
    people_init(&people, 0xee);
    make_records(&records, &people, GROUP_MEMBERS_MAX, 600);
    assert_in_range(records.biggest, PART_BYTES_MAX, RECORD_MAX);
    assert_in_range(records.biggest, PART_BYTES_MAX, DHT_VALUE_MAX);
    buffer_dispose(&records.all);
}

static void the_longest_item_fits_its_record(void **state)
{
    (void)state;
    static const uint8_t body[ITEM_BODY_MAX], salt[ITEM_SALT_MAX], seed[ED25519_SEED_BYTES];
    struct buffer value;
    buffer_init(&value);
    assert_int_equal(item_record_make(seed, bytes_of(salt, sizeof salt), UINT64_MAX, UINT64_MAX,
                                      bytes_of(body, sizeof body), &value),
                     STATUS_OK);
    assert_in_range(value.len, 1, ITEM_VALUE_MAX);
    buffer_dispose(&value);
}

static void a_user_record_is_small(void **state)
{
    (void)state;
    struct user_body user = {.name = "abcdefghijklmnopqrstuvwxyz012345"};
    struct buffer body;
    buffer_init(&body);
    user_body_encode(&user, &body);
    assert_in_range(body.len, 1, 90);
    buffer_dispose(&body);
}

/* ---- links ---- */

static bool holds(const struct buffer *all, const uint8_t *window)
{
    return memmem(all->data, all->len, window, 8) != NULL;
}

/* The user, and what he says, are in both groups; all else differs. What his two groups have in
 * common they have in common with a group of strangers as well: fixed headers. */
static void two_groups_of_one_user_show_nothing_in_common(void **state)
{
    (void)state;
    struct people first, second, strangers;
    struct records a, b, c;
    people_init(&first, 0xee);
    people_init(&second, 0xdd);
    people_init(&strangers, 0xcc);
    make_records(&a, &first, 3, 700);
    make_records(&b, &second, 3, 700);
    make_records(&c, &strangers, 3, 701);
    size_t common = 0;
    for (size_t i = 0; i + 8 <= a.all.len; i++)
        if (holds(&b.all, a.all.data + i)) {
            assert_true(holds(&c.all, a.all.data + i));
            common++;
        }
    assert_in_range(common, 1, 100); /* the headers are there: it looked at what it should */
    buffer_dispose(&a.all);
    buffer_dispose(&b.all);
    buffer_dispose(&c.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_a_full_group_fit_a_datagram),
        cmocka_unit_test(the_longest_item_fits_its_record),
        cmocka_unit_test(a_user_record_is_small),
        cmocka_unit_test(two_groups_of_one_user_show_nothing_in_common),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
