#include "support/hex.h"
#include "support/unit.h"

#include <openssl/err.h>

#include "people/aead.h"
#include "people/seal.h"

/* ---- ChaCha20-Poly1305 ---- */

#define SUNSCREEN                                                                                  \
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " \
    "sunscreen would be it."

static struct aead_key rfc_8439_key(void)
{
    struct aead_key key;
    memcpy(key.key, hex_of("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f").data,
           32);
    memcpy(key.nonce, hex_of("070000004041424344454647").data, 12);
    return key;
}

static void aead_gives_rfc_8439_section_2_8_2(void **state)
{
    (void)state;
    struct aead_key key = rfc_8439_key();
    struct hex aad = hex_of("50515253c0c1c2c3c4c5c6c7");
    struct bytes whole = hex_bytes(&aad);
    struct bytes parts[] = {bytes_of(aad.data, 5), {0}, bytes_of(aad.data + 5, 7)};
    struct buffer sealed, in_parts, opened;
    buffer_init(&sealed);
    buffer_init(&in_parts);
    buffer_init(&opened);
    assert_int_equal(aead_seal(&key, &whole, 1, bytes_of_string(SUNSCREEN), &sealed), STATUS_OK);
    assert_hex(sealed.data, sealed.len,
               "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
               "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
               "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
               "3ff4def08e4b7a9de576d26586cec64b6116 1ae10b594f09e26a7e902ecbd0600691");
    assert_int_equal(aead_seal(&key, parts, 3, bytes_of_string(SUNSCREEN), &in_parts), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&sealed), buffer_bytes(&in_parts)));
    assert_int_equal(aead_open(&key, &whole, 1, buffer_bytes(&sealed), &opened), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&opened), bytes_of_string(SUNSCREEN)));
    buffer_dispose(&sealed);
    buffer_dispose(&in_parts);
    buffer_dispose(&opened);
}

static void what_does_not_open_leaves_no_plaintext_behind(void **state)
{
    (void)state;
    struct aead_key key = rfc_8439_key();
    static const uint8_t zero[sizeof SUNSCREEN - 1];
    struct buffer sealed, opened;
    buffer_init(&sealed);
    buffer_init(&opened);
    aead_seal(&key, NULL, 0, bytes_of_string(SUNSCREEN), &sealed);
    buffer_reserve(&opened, 1024);
    memset(opened.data, 0, opened.cap);
    sealed.data[sealed.len - 1] ^= 1; /* the tag: all of the text is deciphered by then */
    assert_int_equal(aead_open(&key, NULL, 0, buffer_bytes(&sealed), &opened), STATUS_MISMATCH);
    assert_int_equal(opened.len, 0);
    assert_memory_equal(opened.data, zero, sizeof zero);
    assert_int_equal(ERR_peek_error(), 0);
    buffer_dispose(&sealed);
    buffer_dispose(&opened);
}

/* ---- SEAL ---- */

struct fixture {
    uint8_t key[32];
    struct public_key group, signer;
    struct seal_context context;
    struct rng rng;
    struct buffer sealed, opened;
};

static int fixture_make(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    memset(f->key, 1, sizeof f->key);
    memset(&f->group, 2, sizeof f->group);
    memset(&f->signer, 3, sizeof f->signer);
    f->context = (struct seal_context){"shelf", &f->group, 7, &f->signer};
    rng_init_seed(&f->rng, 1);
    buffer_init(&f->sealed);
    buffer_init(&f->opened);
    *state = f;
    return 0;
}

static int fixture_free(void **state)
{
    struct fixture *f = *state;
    buffer_dispose(&f->sealed);
    buffer_dispose(&f->opened);
    test_free(f);
    return 0;
}

static void seal_text(struct fixture *f, const char *text)
{
    buffer_clear(&f->sealed);
    assert_int_equal(seal(f->key, &f->context, bytes_of_string(text), &f->rng, &f->sealed),
                     STATUS_OK);
}

/* Opens under the fixture's key and `context`; on failure nothing may have been added. */
static enum status open_as(struct fixture *f, const struct seal_context *context)
{
    size_t before = f->opened.len;
    enum status status = seal_open(f->key, context, buffer_bytes(&f->sealed), &f->opened);
    if (status != STATUS_OK)
        assert_int_equal(f->opened.len, before);
    return status;
}

static void sealed_text_opens_and_is_forty_bytes_longer(void **state)
{
    struct fixture *f = *state;
    seal_text(f, "the list");
    assert_int_equal(f->sealed.len, 8 + SEAL_OVERHEAD);
    buffer_add_string(&f->opened, "before ");
    assert_int_equal(open_as(f, &f->context), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&f->opened), bytes_of_string("before the list")));
}

static void nothing_at_all_can_be_sealed(void **state)
{
    struct fixture *f = *state;
    seal_text(f, "");
    assert_int_equal(f->sealed.len, SEAL_OVERHEAD);
    assert_int_equal(open_as(f, &f->context), STATUS_OK);
    assert_int_equal(f->opened.len, 0);
    f->sealed.data[0] ^= 1;
    assert_int_equal(open_as(f, &f->context), STATUS_MISMATCH);
}

/* Computed apart from this program, from the design's formulas and RFC 8439. */
static void sealed_bytes_are_made_as_the_design_says(void **state)
{
    struct fixture *f = *state;
    struct hex sealed = hex_of("101112131415161718191a1b1c1d1e1f2021222324252627"
                               "1375a1a2398ad6f1"
                               "eaf7ef7e224107c5ed8434b9d68c3d9a");
    assert_int_equal(seal_open(f->key, &f->context, hex_bytes(&sealed), &f->opened), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&f->opened), bytes_of_string("the list")));
}

static void the_same_text_is_never_sealed_alike(void **state)
{
    struct fixture *f = *state;
    struct buffer first;
    seal_text(f, "the list");
    buffer_init(&first);
    buffer_add(&first, f->sealed.data, f->sealed.len);
    seal_text(f, "the list");
    assert_memory_not_equal(first.data, f->sealed.data, 24);
    assert_memory_not_equal(first.data + 24, f->sealed.data + 24, 8);
    buffer_dispose(&first);
}

static void another_type_group_epoch_signer_or_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct public_key other = f->group;
    struct seal_context wrong;
    other.bytes[31] ^= 0x80;
    seal_text(f, "the list");

    static const char *const types[] = {"list", "roster", "shel", "shelff", ""};
    for (unsigned i = 0; i < 5; i++) {
        wrong = f->context;
        wrong.type = types[i];
        assert_int_equal(open_as(f, &wrong), STATUS_MISMATCH);
    }
    wrong = f->context;
    wrong.group = &other;
    assert_int_equal(open_as(f, &wrong), STATUS_MISMATCH);
    wrong = f->context;
    wrong.signer = &f->group;
    assert_int_equal(open_as(f, &wrong), STATUS_MISMATCH);
    wrong = f->context;
    wrong.epoch = 8;
    assert_int_equal(open_as(f, &wrong), STATUS_MISMATCH);
    f->key[31] ^= 1;
    assert_int_equal(open_as(f, &f->context), STATUS_MISMATCH);
    f->key[31] ^= 1;
    assert_int_equal(open_as(f, &f->context), STATUS_OK);
}

static void one_flipped_bit_anywhere_is_refused(void **state)
{
    struct fixture *f = *state;
    seal_text(f, "the list");
    for (size_t bit = 0; bit < 8 * f->sealed.len; bit++) {
        f->sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(open_as(f, &f->context), STATUS_MISMATCH);
        f->sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(open_as(f, &f->context), STATUS_OK);
}

static void any_shorter_or_longer_run_is_refused(void **state)
{
    struct fixture *f = *state;
    seal_text(f, "the list");
    size_t whole = f->sealed.len;
    for (f->sealed.len = 0; f->sealed.len < whole; f->sealed.len++)
        assert_int_equal(open_as(f, &f->context), STATUS_MISMATCH);
    buffer_add_byte(&f->sealed, 0);
    assert_int_equal(open_as(f, &f->context), STATUS_MISMATCH);
}

/* ---- padding ---- */

static void padded_sizes_are_quarter_steps_of_powers_of_two(void **state)
{
    (void)state;
    static const size_t want[] = {256, 305, 363, 431, 512, 609, 725, 862, 1024, 1218, 1449, 1723};
    size_t size = 0;
    for (unsigned i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(seal_padded_size(size), want[i]);
        assert_int_equal(seal_padded_size(want[i]), want[i]);
        size = want[i] + 1;
    }
    assert_int_equal(seal_padded_size((16 << 20) - 1), 16 << 20);
    assert_int_equal(seal_padded_size((16 << 20) + 1), 19951585);
}

static void padding_adds_less_than_a_fifth(void **state)
{
    (void)state;
    for (size_t len = 257; len < 100000000; len += len / 7 + 1) {
        size_t size = seal_padded_size(len);
        assert_true(size >= len && size <= len + len / 5 + 1);
    }
    assert_true(seal_padded_size(SIZE_MAX) == SIZE_MAX);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aead_gives_rfc_8439_section_2_8_2),
        cmocka_unit_test(what_does_not_open_leaves_no_plaintext_behind),
        WITH_FIXTURE(sealed_text_opens_and_is_forty_bytes_longer),
        WITH_FIXTURE(nothing_at_all_can_be_sealed),
        WITH_FIXTURE(sealed_bytes_are_made_as_the_design_says),
        WITH_FIXTURE(the_same_text_is_never_sealed_alike),
        WITH_FIXTURE(another_type_group_epoch_signer_or_key_is_refused),
        WITH_FIXTURE(one_flipped_bit_anywhere_is_refused),
        WITH_FIXTURE(any_shorter_or_longer_run_is_refused),
        cmocka_unit_test(padded_sizes_are_quarter_steps_of_powers_of_two),
        cmocka_unit_test(padding_adds_less_than_a_fifth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
