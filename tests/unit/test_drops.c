#include "support/people.h"

#include "kadpeer/records.h"
#include "people/drops_private.h"
#include "people/fields.h"
#include "people/hpke.h"
#include "support/vectors.h"

static const uint8_t token[INVITE_TOKEN_BYTES] = {0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99,
                                                  0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99};
#define TIME 1800000000

struct fixture {
    struct people people;
    struct person person;
    uint8_t ephemeral[X25519_BYTES];
    struct buffer out;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    people_init(&f->people, 0xee);
    f->person = person_of(&f->people, 1);
    memset(f->ephemeral, 0x77, sizeof f->ephemeral);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    buffer_dispose(&f->out);
    free(f);
    return 0;
}

static void make_request(struct fixture *f, const char *name, const char *note, const uint8_t *with)
{
    buffer_clear(&f->out);
    assert_int_equal(join_request_make(f->person.root, &f->people.group.public_key,
                                       f->people.group.box_public, name, note, with, TIME,
                                       f->ephemeral, &f->out),
                     STATUS_OK);
}

/* ---- requests ---- */

static void a_request_is_its_vector_and_comes_back(void **state)
{
    struct fixture *f = *state;
    struct join_request request;
    make_request(f, "1", "hello", token);
    assert_vector("drop_request", buffer_bytes(&f->out));
    assert_int_equal(join_request_open(buffer_bytes(&f->out), &f->people.group, &request),
                     STATUS_OK);
    assert_true(public_key_equal(&request.user, &f->person.user.public_key));
    assert_true(public_key_equal(&request.member, &f->person.member.public_key));
    assert_memory_equal(request.box_public, f->person.member.box_public, X25519_BYTES);
    assert_string_equal(request.name, "1");
    assert_string_equal(request.note, "hello");
    assert_true(request.has_token);
    assert_memory_equal(request.token, token, sizeof token);
    assert_int_equal(request.time_unix_s, TIME);

    make_request(f, "Grüße", "", NULL);
    assert_int_equal(join_request_open(buffer_bytes(&f->out), &f->people.group, &request),
                     STATUS_OK);
    assert_false(request.has_token);
    assert_string_equal(request.name, "Grüße");
}

static void the_unboxed_form_comes_back_and_has_nothing_after_it(void **state)
{
    struct fixture *f = *state;
    struct join_request request, back;
    assert_int_equal(join_request_sign(f->person.root, &f->people.group.public_key, "mira", "note",
                                       token, TIME, &request),
                     STATUS_OK);
    join_request_encode(&request, &f->out);
    assert_int_equal(join_request_decode(buffer_bytes(&f->out), &f->people.group.public_key, &back),
                     STATUS_OK);
    assert_memory_equal(&back, &request, sizeof back);
    for (size_t len = 0; len < f->out.len; len++)
        assert_int_equal(
            join_request_decode(bytes_of(f->out.data, len), &f->people.group.public_key, &back),
            STATUS_MALFORMED);
    buffer_add_byte(&f->out, 0);
    assert_int_equal(join_request_decode(buffer_bytes(&f->out), &f->people.group.public_key, &back),
                     STATUS_MALFORMED);
}

static void texts_too_long_empty_or_unprintable_are_not_sent(void **state)
{
    struct fixture *f = *state;
    char long_name[USER_NAME_MAX + 2], long_note[JOIN_NOTE_MAX + 2];
    struct join_request request;
    memset(long_name, 'n', sizeof long_name);
    long_name[USER_NAME_MAX + 1] = 0;
    memset(long_note, 'c', sizeof long_note);
    long_note[JOIN_NOTE_MAX + 1] = 0;
    const char *refused[][2] = {
        {"", "note"}, {long_name, ""}, {"mira", long_note}, {"a\nb", ""}, {"mira", "\x1b[2J"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(join_request_sign(f->person.root, &f->people.group.public_key,
                                           refused[i][0], refused[i][1], NULL, TIME, &request),
                         STATUS_MALFORMED);
    make_request(f, long_name + 1, long_note + 1, token);
    assert_int_equal(join_request_open(buffer_bytes(&f->out), &f->people.group, &request),
                     STATUS_OK);
}

/* Where a bit is changed in each of the fields that signatures cover. */
static void requests_with_other_keys_or_times_than_were_signed_are_refused(void **state)
{
    struct fixture *f = *state;
    struct join_request request, changed, back;
    assert_int_equal(join_request_sign(f->person.root, &f->people.group.public_key, "mira", "note",
                                       token, TIME, &request),
                     STATUS_OK);
    struct {
        size_t at, len;
    } fields[] = {{offsetof(struct join_request, user), PUBLIC_BYTES},
                  {offsetof(struct join_request, member), PUBLIC_BYTES},
                  {offsetof(struct join_request, box_public), X25519_BYTES},
                  {offsetof(struct join_request, join_signature), ED25519_SIGNATURE_BYTES},
                  {offsetof(struct join_request, proof), ED25519_SIGNATURE_BYTES},
                  {offsetof(struct join_request, time_unix_s), 8}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        for (size_t bit = 0; bit < 8 * fields[i].len; bit++) {
            changed = request;
            ((uint8_t *)&changed)[fields[i].at + bit / 8] ^= (uint8_t)(1 << bit % 8);
            buffer_clear(&f->out);
            join_request_encode(&changed, &f->out);
            assert_int_equal(
                join_request_decode(buffer_bytes(&f->out), &f->people.group.public_key, &back),
                STATUS_REFUSED);
        }
}

static void a_pseudonym_of_somebody_else_cannot_be_claimed(void **state)
{
    struct fixture *f = *state;
    struct person other = person_of(&f->people, 2);
    struct join_request mine, theirs, mixed, back;
    const struct public_key *group = &f->people.group.public_key;
    assert_int_equal(join_request_sign(f->person.root, group, "a", "", NULL, TIME, &mine),
                     STATUS_OK);
    assert_int_equal(join_request_sign(other.root, group, "b", "", NULL, TIME, &theirs), STATUS_OK);
    /* our user signs their pseudonym; their proof names their own user */
    mixed = theirs;
    mixed.user = mine.user;
    assert_int_equal(join_sign(f->person.user.seed, group, &other.member, mixed.join_signature),
                     STATUS_OK);
    join_request_encode(&mixed, &f->out);
    assert_int_equal(join_request_decode(buffer_bytes(&f->out), group, &back), STATUS_REFUSED);
}

/* ---- leaves ---- */

static void a_leave_is_its_vector_and_comes_back(void **state)
{
    struct fixture *f = *state;
    struct leave_notice notice;
    assert_int_equal(leave_notice_make(&f->person.member, &f->people.group.public_key,
                                       f->people.group.box_public, TIME, f->ephemeral, &f->out),
                     STATUS_OK);
    assert_vector("drop_leave", buffer_bytes(&f->out));
    assert_int_equal(leave_notice_open(buffer_bytes(&f->out), &f->people.group, &notice),
                     STATUS_OK);
    assert_true(public_key_equal(&notice.member, &f->person.member.public_key));
    assert_int_equal(notice.time_unix_s, TIME);
}

/* A map {v m t g} boxed as a leave. */
static enum status open_of_leave(struct fixture *f, const struct public_key *member, uint64_t time,
                                 const uint8_t signature[ED25519_SIGNATURE_BYTES], uint8_t last)
{
    struct drop_context context = {.kind = DROP_LEAVE, .group = &f->people.group.public_key};
    struct buffer plain = drop_plain();
    struct leave_notice notice;
    struct msgpack_writer writer = fields_begin(&plain, DROP_PLAIN_BYTES, 4);
    fields_write_bin(&writer, 'm', member->bytes, PUBLIC_BYTES);
    fields_write_uint(&writer, 't', time);
    fields_write_bin(&writer, 'g', signature, ED25519_SIGNATURE_BYTES);
    fields_end(&writer, &plain);
    fields_pad(&plain, 0, DROP_PLAIN_BYTES);
    plain.data[DROP_PLAIN_BYTES - 1] = last;
    buffer_clear(&f->out);
    assert_int_equal(drop_box(&context, &plain, f->people.group.box_public, f->ephemeral, &f->out),
                     STATUS_OK);
    return leave_notice_open(buffer_bytes(&f->out), &f->people.group, &notice);
}

static void nobody_leaves_in_the_name_of_somebody_else(void **state)
{
    struct fixture *f = *state;
    struct person other = person_of(&f->people, 2);
    uint8_t message[10 + PUBLIC_BYTES + 8] = "grp1/leave", signature[ED25519_SIGNATURE_BYTES];
    memcpy(message + 10, f->people.group.public_key.bytes, PUBLIC_BYTES);
    write_u64(message + 10 + PUBLIC_BYTES, TIME);
    assert_int_equal(
        ed25519_sign(f->person.member.seed, bytes_of(message, sizeof message), signature),
        STATUS_OK);
    const struct public_key *own = &f->person.member.public_key;
    assert_int_equal(open_of_leave(f, own, TIME, signature, 0), STATUS_OK);
    assert_int_equal(open_of_leave(f, own, TIME, signature, 1), STATUS_MALFORMED);
    assert_int_equal(open_of_leave(f, own, TIME + 1, signature, 0), STATUS_REFUSED);
    assert_int_equal(open_of_leave(f, &other.member.public_key, TIME, signature, 0),
                     STATUS_REFUSED);
    /* the identity point takes any signature */
    assert_int_equal(open_of_leave(f, &(struct public_key){.bytes = {1}}, TIME,
                                   (uint8_t[ED25519_SIGNATURE_BYTES]){1}, 0),
                     STATUS_REFUSED);
}

/* ---- handing over ---- */

static enum status hand_over(struct fixture *f, const uint8_t root[ROOT_BYTES],
                             uint8_t got[ROOT_BYTES])
{
    struct member to = member_of(&f->people, &f->person, "1");
    buffer_clear(&f->out);
    assert_int_equal(handover_make(root, &f->people.group.public_key, &to, f->ephemeral, &f->out),
                     STATUS_OK);
    return handover_open(buffer_bytes(&f->out), &f->people.group.public_key, &f->person.member,
                         got);
}

static void a_group_is_handed_to_one_member(void **state)
{
    struct fixture *f = *state;
    struct person other = person_of(&f->people, 2);
    uint8_t got[ROOT_BYTES] = {0};
    assert_int_equal(hand_over(f, f->people.root, got), STATUS_OK);
    assert_memory_equal(got, f->people.root, ROOT_BYTES);
    assert_vector("drop_handover", buffer_bytes(&f->out));
    assert_int_equal(
        handover_open(buffer_bytes(&f->out), &f->people.group.public_key, &other.member, got),
        STATUS_MISMATCH);
}

static void a_secret_of_another_group_is_not_taken_over(void **state)
{
    struct fixture *f = *state;
    uint8_t wrong[ROOT_BYTES] = {1}, got[ROOT_BYTES];
    static const uint8_t nothing[ROOT_BYTES];
    assert_int_equal(hand_over(f, wrong, got), STATUS_REFUSED);
    assert_memory_equal(got, nothing, ROOT_BYTES);
}

/* ---- all of them ---- */

static void drops_are_of_one_size_and_fit_their_records(void **state)
{
    struct fixture *f = *state;
    char note[JOIN_NOTE_MAX + 1] = {0};
    uint8_t got[ROOT_BYTES];
    memset(note, 'c', JOIN_NOTE_MAX);
    make_request(f, "1", "", NULL);
    assert_int_equal(f->out.len, DROP_PLAIN_BYTES + BOX_OVERHEAD);
    make_request(f, "abcdefghijklmnopqrstuvwxyz012345", note, token);
    assert_int_equal(f->out.len, DROP_PLAIN_BYTES + BOX_OVERHEAD);
    hand_over(f, f->people.root, got);
    assert_int_equal(f->out.len, DROP_PLAIN_BYTES + BOX_OVERHEAD);
    buffer_clear(&f->out);
    leave_notice_make(&f->person.member, &f->people.group.public_key, f->people.group.box_public,
                      TIME, f->ephemeral, &f->out);
    assert_int_equal(f->out.len, DROP_PLAIN_BYTES + BOX_OVERHEAD);
    assert_in_range(f->out.len, 1, DROP_BODY_MAX);
}

static void every_changed_bit_of_a_drop_is_refused(void **state)
{
    struct fixture *f = *state;
    struct join_request request;
    make_request(f, "1", "hello", token);
    for (size_t bit = 0; bit < 8 * f->out.len; bit++) {
        f->out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(join_request_open(buffer_bytes(&f->out), &f->people.group, &request),
                         STATUS_MISMATCH);
        f->out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < f->out.len; len++)
        assert_int_equal(join_request_open(bytes_of(f->out.data, len), &f->people.group, &request),
                         STATUS_MISMATCH);
}

static void a_drop_is_of_one_kind_and_group(void **state)
{
    struct fixture *f = *state;
    struct people others;
    struct join_request request;
    struct leave_notice notice;
    people_init(&others, 0xdd);
    make_request(f, "1", "hello", token);
    assert_int_equal(leave_notice_open(buffer_bytes(&f->out), &f->people.group, &notice),
                     STATUS_MISMATCH);
    assert_int_equal(join_request_open(buffer_bytes(&f->out), &others.group, &request),
                     STATUS_MISMATCH);
    /* with the right mailbox key, but for another group */
    others.group.public_key.bytes[0] ^= 1;
    memcpy(others.group.box, f->people.group.box, X25519_BYTES);
    assert_int_equal(join_request_open(buffer_bytes(&f->out), &others.group, &request),
                     STATUS_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_request_is_its_vector_and_comes_back),
        T(the_unboxed_form_comes_back_and_has_nothing_after_it),
        T(texts_too_long_empty_or_unprintable_are_not_sent),
        T(requests_with_other_keys_or_times_than_were_signed_are_refused),
        T(a_pseudonym_of_somebody_else_cannot_be_claimed),
        T(a_leave_is_its_vector_and_comes_back),
        T(nobody_leaves_in_the_name_of_somebody_else),
        T(a_group_is_handed_to_one_member),
        T(a_secret_of_another_group_is_not_taken_over),
        T(drops_are_of_one_size_and_fit_their_records),
        T(every_changed_bit_of_a_drop_is_refused),
        T(a_drop_is_of_one_kind_and_group),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
