#include "support/people.h"

#include "kadpeer/records.h"
#include "people/head.h"
#include "people/seal.h"
#include "support/vectors.h"

static void assert_same_member(const struct member *a, const struct member *b)
{
    assert_true(public_key_equal(&a->key, &b->key));
    assert_memory_equal(a->box_public, b->box_public, sizeof a->box_public);
    assert_true(public_key_equal(&a->user, &b->user));
    assert_memory_equal(a->join_signature, b->join_signature, sizeof a->join_signature);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->since_epoch, b->since_epoch);
    assert_string_equal(a->name, b->name);
}

static void assert_same_roster(const struct roster *a, const struct roster *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->about, b->about);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->time_unix_s, b->time_unix_s);
    assert_int_equal(a->history, b->history);
    assert_int_equal(a->old_count, b->old_count);
    if (a->old_count > 0)
        assert_memory_equal(a->old_secrets, b->old_secrets, a->old_count * ROOT_BYTES);
    assert_int_equal(a->member_count, b->member_count);
    for (size_t i = 0; i < a->member_count; i++)
        assert_same_member(&a->members[i], &b->members[i]);
}

static struct buffer sealed_of(struct people *people, const struct roster *roster)
{
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(
        roster_seal(roster, &people->group.public_key, &people->epoch, &people->rng, &out),
        STATUS_OK);
    return out;
}

static void a_roster_comes_back_sealed_and_plain(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster roster = roster_of(&people, 5, 4), back;
    static uint8_t secrets[2][ROOT_BYTES] = {{1}, {2}};
    struct buffer plain, sealed;
    size_t dropped = 9;
    roster.history = true;
    roster.old_count = 2;
    roster.old_secrets = malloc(sizeof secrets);
    assert_non_null(roster.old_secrets);
    memcpy(roster.old_secrets, secrets, sizeof secrets);

    buffer_init(&plain);
    roster_encode(&roster, &plain);
    assert_int_equal(roster_decode(buffer_bytes(&plain), &people.group.public_key, &back, &dropped),
                     STATUS_OK);
    assert_int_equal(dropped, 0);
    assert_same_roster(&roster, &back);
    roster_dispose(&back);

    sealed = sealed_of(&people, &roster);
    assert_int_equal(sealed.len, seal_padded_size(plain.len) + SEAL_OVERHEAD);
    assert_int_equal(roster_open(buffer_bytes(&sealed), &people.group.public_key, &people.epoch,
                                 &back, &dropped),
                     STATUS_OK);
    assert_same_roster(&roster, &back);

    struct roster copy;
    assert_int_equal(roster_copy(&back, &copy), STATUS_OK);
    roster_dispose(&back);
    assert_same_roster(&roster, &copy);
    roster_dispose(&copy);
    roster_dispose(&roster);
    buffer_dispose(&plain);
    buffer_dispose(&sealed);
}

/* Sealed by other code than ours. */
static void the_vector_of_a_roster_opens(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct vector vector = vector_load("group_roster");
    struct roster want = roster_of(&people, 1, 1), back;
    size_t dropped;
    want.history = true;
    want.old_count = 1;
    want.old_secrets = malloc(ROOT_BYTES);
    assert_non_null(want.old_secrets);
    memset(want.old_secrets, 0x0f, ROOT_BYTES);
    assert_int_equal(roster_open(vector_bytes(&vector), &people.group.public_key, &people.epoch,
                                 &back, &dropped),
                     STATUS_OK);
    assert_same_roster(&want, &back);
    roster_dispose(&want);
    roster_dispose(&back);
}

static void members_are_found_by_pseudonym_and_by_user(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster roster = roster_of(&people, 3, 4);
    struct person second = person_of(&people, 2), stranger = person_of(&people, 9);
    assert_ptr_equal(roster_find(&roster, &second.member.public_key), &roster.members[1]);
    assert_ptr_equal(roster_find_user(&roster, &second.user.public_key), &roster.members[1]);
    assert_null(roster_find(&roster, &second.user.public_key));
    assert_null(roster_find(&roster, &stranger.member.public_key));
    assert_null(roster_find_user(&roster, &stranger.user.public_key));
    roster_dispose(&roster);
}

/* Decodes, and says who is left, as the last digits of their names. */
static const char *survivors(const struct people *people, const struct roster *roster,
                             size_t want_dropped)
{
    static char names[64];
    struct roster back;
    struct buffer plain;
    size_t dropped, len = 0;
    buffer_init(&plain);
    roster_encode(roster, &plain);
    assert_int_equal(
        roster_decode(buffer_bytes(&plain), &people->group.public_key, &back, &dropped), STATUS_OK);
    assert_int_equal(dropped, want_dropped);
    for (size_t i = 0; i < back.member_count; i++)
        names[len++] = back.members[i].name[strlen(back.members[i].name) - 1];
    names[len] = 0;
    roster_dispose(&back);
    buffer_dispose(&plain);
    return names;
}

static void a_member_whose_user_did_not_sign_is_dropped_alone(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster roster = roster_of(&people, 5, 4);
    roster.members[2].join_signature[40] ^= 1;
    assert_string_equal(survivors(&people, &roster, 1), "1245");
    roster.members[2].join_signature[40] ^= 1;
    roster.members[1].box_public[0] ^= 1; /* another mailbox than he signed for */
    assert_string_equal(survivors(&people, &roster, 1), "1345");
    roster.members[1].box_public[0] ^= 1;
    assert_string_equal(survivors(&people, &roster, 0), "12345");
    roster_dispose(&roster);
}

static void a_signature_for_another_group_makes_no_member(void **state)
{
    (void)state;
    struct people people, others;
    people_init(&people, 0xee);
    people_init(&others, 0xdd);
    struct roster roster = roster_of(&people, 2, 4);
    struct person elsewhere = person_of(&others, 2);
    roster.members[1] = member_of(&others, &elsewhere, "0002");
    assert_string_equal(survivors(&people, &roster, 1), "1");
    roster_dispose(&roster);
}

static void second_entries_of_a_member_or_user_are_dropped(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster roster = roster_of(&people, 4, 4);
    struct person first = person_of(&people, 1), third = person_of(&people, 3);
    roster.members[1] = roster.members[0]; /* the same once more */
    strcpy(roster.members[1].name, "0009");
    assert_string_equal(survivors(&people, &roster, 1), "134");

    first.member = third.member; /* one user under two pseudonyms */
    roster.members[1] = member_of(&people, &first, "0008");
    assert_string_equal(survivors(&people, &roster, 1), "134");
    roster_dispose(&roster);
}

/* They would keep the owner from boxing a new secret, or take any signature for good. */
static void members_with_keys_that_are_none_are_dropped(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster roster = roster_of(&people, 3, 4);
    struct person person = person_of(&people, 2);
    memset(person.member.box_public, 0, sizeof person.member.box_public);
    roster.members[1] = member_of(&people, &person, "0002");
    assert_string_equal(survivors(&people, &roster, 1), "13");

    person = person_of(&people, 2);
    person.member.public_key = (struct public_key){.bytes = {1}};
    roster.members[1] = member_of(&people, &person, "0002");
    assert_string_equal(survivors(&people, &roster, 1), "13");

    static const uint8_t anything[ED25519_SIGNATURE_BYTES] = {1};
    person = person_of(&people, 2);
    roster.members[1] = member_of(&people, &person, "0002");
    roster.members[1].user = (struct public_key){.bytes = {1}};
    memcpy(roster.members[1].join_signature, anything, sizeof anything);
    assert_string_equal(survivors(&people, &roster, 1), "13");
    roster_dispose(&roster);
}

static void every_changed_bit_of_a_sealed_roster_is_refused(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster roster = roster_of(&people, 2, 4), back;
    struct buffer sealed = sealed_of(&people, &roster);
    size_t dropped;
    for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(roster_open(buffer_bytes(&sealed), &people.group.public_key, &people.epoch,
                                     &back, &dropped),
                         STATUS_MISMATCH);
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < sealed.len; len++)
        assert_int_equal(roster_open(bytes_of(sealed.data, len), &people.group.public_key,
                                     &people.epoch, &back, &dropped),
                         STATUS_MISMATCH);
    roster_dispose(&roster);
    buffer_dispose(&sealed);
}

static void a_roster_opens_in_its_own_epoch_and_group_alone(void **state)
{
    (void)state;
    struct people people, others;
    people_init(&people, 0xee);
    people_init(&others, 0xdd);
    struct epoch_keys next;
    struct roster roster = roster_of(&people, 2, 4), back;
    struct buffer sealed = sealed_of(&people, &roster);
    size_t dropped;
    assert_int_equal(epoch_keys_derive(&people.group.public_key, 4, people.epoch.secret, &next),
                     STATUS_OK);
    assert_int_equal(
        roster_open(buffer_bytes(&sealed), &people.group.public_key, &next, &back, &dropped),
        STATUS_MISMATCH);
    assert_int_equal(roster_open(buffer_bytes(&sealed), &others.group.public_key, &others.epoch,
                                 &back, &dropped),
                     STATUS_MISMATCH);
    assert_int_equal(roster_open(buffer_bytes(&sealed), &others.group.public_key, &people.epoch,
                                 &back, &dropped),
                     STATUS_MISMATCH);
    roster_dispose(&roster);
    buffer_dispose(&sealed);
}

/* Sealed by who has the keys, but not as we would. */
static enum status open_of_plain(struct people *people, struct bytes plain)
{
    struct seal_context context = {.type = "roster",
                                   .group = &people->group.public_key,
                                   .epoch = 3,
                                   .signer = &people->group.public_key};
    struct roster back;
    struct buffer sealed;
    size_t dropped;
    buffer_init(&sealed);
    assert_int_equal(seal(people->epoch.key[USE_ROSTER], &context, plain, &people->rng, &sealed),
                     STATUS_OK);
    enum status status = roster_open(buffer_bytes(&sealed), &people->group.public_key,
                                     &people->epoch, &back, &dropped);
    roster_dispose(&back);
    buffer_dispose(&sealed);
    return status;
}

static void only_zeros_up_to_the_padded_size_follow_a_roster(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster roster = roster_of(&people, 2, 4);
    struct buffer plain;
    buffer_init(&plain);
    roster_encode(&roster, &plain);
    assert_int_equal(open_of_plain(&people, buffer_bytes(&plain)), STATUS_MALFORMED);
    while (plain.len < seal_padded_size(plain.len))
        buffer_add_byte(&plain, 0);
    assert_int_equal(open_of_plain(&people, buffer_bytes(&plain)), STATUS_OK);
    plain.data[plain.len - 1] = 1;
    assert_int_equal(open_of_plain(&people, buffer_bytes(&plain)), STATUS_MALFORMED);
    plain.data[plain.len - 1] = 0;
    buffer_add_byte(&plain, 0);
    assert_int_equal(open_of_plain(&people, buffer_bytes(&plain)), STATUS_MALFORMED);
    roster_dispose(&roster);
    buffer_dispose(&plain);
}

static enum status decode_of(const struct people *people, const struct roster *roster)
{
    struct roster back;
    struct buffer plain;
    size_t dropped;
    buffer_init(&plain);
    roster_encode(roster, &plain);
    enum status status =
        roster_decode(buffer_bytes(&plain), &people->group.public_key, &back, &dropped);
    roster_dispose(&back);
    buffer_dispose(&plain);
    return status;
}

static void rosters_that_contradict_themselves_are_refused(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster roster = roster_of(&people, 2, 4);
    assert_int_equal(decode_of(&people, &roster), STATUS_OK);
    roster.members[1].since_epoch = 4; /* in the future */
    assert_int_equal(decode_of(&people, &roster), STATUS_MALFORMED);
    roster.members[1].since_epoch = 0;
    assert_int_equal(decode_of(&people, &roster), STATUS_MALFORMED);
    roster.members[1].since_epoch = 3;
    strcpy(roster.members[1].name, "a\nb");
    assert_int_equal(decode_of(&people, &roster), STATUS_MALFORMED);
    strcpy(roster.members[1].name, "b");
    roster.old_secrets = calloc(3, ROOT_BYTES);
    assert_non_null(roster.old_secrets);
    roster.old_count = 2; /* without history */
    assert_int_equal(decode_of(&people, &roster), STATUS_MALFORMED);
    roster.history = true;
    assert_int_equal(decode_of(&people, &roster), STATUS_OK);
    roster.old_count = 3; /* of epochs before the first */
    assert_int_equal(decode_of(&people, &roster), STATUS_MALFORMED);
    roster_dispose(&roster);
}

static void every_prefix_of_a_roster_is_refused(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster roster = roster_of(&people, 3, 4), back;
    struct buffer plain;
    size_t dropped;
    buffer_init(&plain);
    roster_encode(&roster, &plain);
    for (size_t len = 0; len < plain.len; len++)
        assert_int_equal(
            roster_decode(bytes_of(plain.data, len), &people.group.public_key, &back, &dropped),
            STATUS_MALFORMED);
    buffer_add_byte(&plain, 0);
    assert_int_equal(roster_decode(buffer_bytes(&plain), &people.group.public_key, &back, &dropped),
                     STATUS_MALFORMED);
    roster_dispose(&roster);
    buffer_dispose(&plain);
}

/* With the longest names, and every old secret that fits. */
static void a_full_group_takes_no_more_than_140_parts(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster small = roster_of(&people, 1, 16);
    struct roster roster = roster_of(&people, GROUP_MEMBERS_MAX, 16), back;
    struct buffer plain;
    size_t dropped;
    buffer_init(&plain);
    roster_encode(&small, &plain);
    size_t one = plain.len;
    buffer_clear(&plain);
    roster_encode(&roster, &plain);
    size_t each = (plain.len - one) / (GROUP_MEMBERS_MAX - 1);
    assert_in_range(each, 180, 202);

    memset(roster.name, 'n', GROUP_NAME_MAX);
    memset(roster.about, 'a', GROUP_ABOUT_MAX);
    roster.epoch = people.epoch.epoch = UINT32_MAX;
    roster.time_unix_s = UINT64_MAX;
    roster.history = true;
    roster.old_count = OLD_EPOCHS_MAX;
    roster.old_secrets = calloc(OLD_EPOCHS_MAX, ROOT_BYTES);
    assert_non_null(roster.old_secrets);
    for (size_t i = 0; i < GROUP_MEMBERS_MAX; i++) {
        memset(roster.members[i].name, 'x', USER_NAME_MAX);
        roster.members[i].since_epoch = UINT32_MAX;
    }
    struct buffer sealed = sealed_of(&people, &roster);
    assert_in_range(head_roster_parts((uint32_t)sealed.len), 130, ROSTER_PARTS_MAX);
    assert_int_equal(roster_open(buffer_bytes(&sealed), &people.group.public_key, &people.epoch,
                                 &back, &dropped),
                     STATUS_OK);
    assert_int_equal(dropped, 0);
    assert_same_roster(&roster, &back);
    roster_dispose(&back);
    roster_dispose(&roster);
    roster_dispose(&small);
    buffer_dispose(&plain);
    buffer_dispose(&sealed);
}

static void a_count_of_members_is_not_believed(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct roster roster = roster_of(&people, 0, 4), back;
    struct buffer plain;
    size_t dropped;
    buffer_init(&plain);
    roster_encode(&roster, &plain);
    plain.len--; /* the empty array of members */
    static const uint8_t heads[][5] = {
        {0xdc, 0x02, 0x00}, {0xdc, 0x02, 0x01}, {0xdd, 0xff, 0xff, 0xff, 0xff}};
    for (size_t i = 0; i < 3; i++) {
        size_t before = plain.len;
        buffer_add(&plain, heads[i], i < 2 ? 3 : 5);
        assert_int_equal(
            roster_decode(buffer_bytes(&plain), &people.group.public_key, &back, &dropped),
            STATUS_MALFORMED);
        plain.len = before;
    }
    roster_dispose(&roster);
    buffer_dispose(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_roster_comes_back_sealed_and_plain),
        cmocka_unit_test(the_vector_of_a_roster_opens),
        cmocka_unit_test(members_are_found_by_pseudonym_and_by_user),
        cmocka_unit_test(a_member_whose_user_did_not_sign_is_dropped_alone),
        cmocka_unit_test(a_signature_for_another_group_makes_no_member),
        cmocka_unit_test(second_entries_of_a_member_or_user_are_dropped),
        cmocka_unit_test(members_with_keys_that_are_none_are_dropped),
        cmocka_unit_test(every_changed_bit_of_a_sealed_roster_is_refused),
        cmocka_unit_test(a_roster_opens_in_its_own_epoch_and_group_alone),
        cmocka_unit_test(only_zeros_up_to_the_padded_size_follow_a_roster),
        cmocka_unit_test(rosters_that_contradict_themselves_are_refused),
        cmocka_unit_test(every_prefix_of_a_roster_is_refused),
        cmocka_unit_test(a_full_group_takes_no_more_than_140_parts),
        cmocka_unit_test(a_count_of_members_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
