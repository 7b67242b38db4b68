#include "support/hex.h"
#include "support/unit.h"

#include <openssl/err.h>

#include "people/hpke.h"

/* RFC 9180, appendix A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode */
#define RFC_INFO      "4f6465206f6e2061204772656369616e2055726e"
#define RFC_EPHEMERAL "f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600"
#define RFC_ENC       "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
#define RFC_RECEIVER  "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"
#define RFC_PUBLIC    "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"
#define RFC_KEY       "ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91"
#define RFC_NONCE     "5c4d98150661b848853b547f"
#define RFC_PLAIN     "4265617574792069732074727574682c20747275746820626561757479"
#define RFC_AAD       "436f756e742d30"
#define RFC_CIPHERTEXT                                                                             \
    "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"

static void key_schedule_of_both_sides_is_that_of_rfc_9180(void **state)
{
    (void)state;
    struct hex info = hex_of(RFC_INFO), ephemeral = hex_of(RFC_EPHEMERAL);
    struct hex receiver = hex_of(RFC_RECEIVER), to = hex_of(RFC_PUBLIC);
    struct aead_key key;
    uint8_t enc[32], own[32];
    assert_int_equal(x25519_public_of(receiver.data, own), STATUS_OK);
    assert_hex(own, 32, RFC_PUBLIC);
    assert_int_equal(hpke_setup_sender(to.data, hex_bytes(&info), ephemeral.data, enc, &key),
                     STATUS_OK);
    assert_hex(enc, 32, RFC_ENC);
    assert_hex(key.key, 32, RFC_KEY);
    assert_hex(key.nonce, 12, RFC_NONCE);
    memset(&key, 0, sizeof key);
    assert_int_equal(hpke_setup_receiver(receiver.data, enc, hex_bytes(&info), &key), STATUS_OK);
    assert_hex(key.key, 32, RFC_KEY);
    assert_hex(key.nonce, 12, RFC_NONCE);
}

static void first_message_of_a_context_is_that_of_rfc_9180(void **state)
{
    (void)state;
    struct hex info = hex_of(RFC_INFO), enc = hex_of(RFC_ENC), receiver = hex_of(RFC_RECEIVER);
    struct hex plain = hex_of(RFC_PLAIN), aad = hex_of(RFC_AAD), sealed = hex_of(RFC_CIPHERTEXT);
    struct bytes part = hex_bytes(&aad);
    struct aead_key key;
    struct buffer out;
    buffer_init(&out);
    hpke_setup_receiver(receiver.data, enc.data, hex_bytes(&info), &key);
    assert_int_equal(aead_open(&key, &part, 1, hex_bytes(&sealed), &out), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&out), hex_bytes(&plain)));
    buffer_clear(&out);
    assert_int_equal(aead_seal(&key, &part, 1, hex_bytes(&plain), &out), STATUS_OK);
    assert_hex(out.data, out.len, RFC_CIPHERTEXT);
    buffer_dispose(&out);
}

/* The vectors have an AAD and we have none: with key and nonce of theirs, all else is known. */
static void box_is_enc_and_one_message_without_aad(void **state)
{
    (void)state;
    struct hex info = hex_of(RFC_INFO), ephemeral = hex_of(RFC_EPHEMERAL), to = hex_of(RFC_PUBLIC);
    struct hex plain = hex_of(RFC_PLAIN), enc = hex_of(RFC_ENC);
    struct aead_key key;
    struct buffer want, got;
    buffer_init(&want);
    buffer_init(&got);
    memcpy(key.key, hex_of(RFC_KEY).data, 32);
    memcpy(key.nonce, hex_of(RFC_NONCE).data, 12);
    buffer_add(&want, enc.data, enc.len);
    aead_seal(&key, NULL, 0, hex_bytes(&plain), &want);
    assert_int_equal(box(to.data, hex_bytes(&info), hex_bytes(&plain), ephemeral.data, &got),
                     STATUS_OK);
    assert_int_equal(got.len, plain.len + BOX_OVERHEAD);
    assert_true(bytes_equal(buffer_bytes(&got), buffer_bytes(&want)));
    buffer_dispose(&want);
    buffer_dispose(&got);
}

/* ---- BOX ---- */

struct fixture {
    uint8_t private_key[32], public_key[32], ephemeral[32];
    struct bytes info;
    struct buffer boxed, opened;
};

static int fixture_make(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->private_key[0] = 8; /* X25519 overlooks the lowest three bits */
    f->ephemeral[0] = 16;
    x25519_public_of(f->private_key, f->public_key);
    f->info = bytes_of_string("grp1/box");
    buffer_init(&f->boxed);
    buffer_init(&f->opened);
    *state = f;
    return 0;
}

static int fixture_free(void **state)
{
    struct fixture *f = *state;
    buffer_dispose(&f->boxed);
    buffer_dispose(&f->opened);
    test_free(f);
    return 0;
}

static void box_text(struct fixture *f, const char *text)
{
    assert_int_equal(box(f->public_key, f->info, bytes_of_string(text), f->ephemeral, &f->boxed),
                     STATUS_OK);
}

static enum status open_with(struct fixture *f, const uint8_t private_key[32], struct bytes info)
{
    size_t before = f->opened.len;
    enum status status = box_open(private_key, info, buffer_bytes(&f->boxed), &f->opened);
    if (status != STATUS_OK)
        assert_int_equal(f->opened.len, before);
    return status;
}

static void boxed_text_opens_for_its_receiver(void **state)
{
    struct fixture *f = *state;
    box_text(f, "the secret");
    assert_int_equal(f->boxed.len, 10 + BOX_OVERHEAD);
    buffer_add_string(&f->opened, "before ");
    assert_int_equal(open_with(f, f->private_key, f->info), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&f->opened), bytes_of_string("before the secret")));
}

static void nothing_at_all_can_be_boxed(void **state)
{
    struct fixture *f = *state;
    box_text(f, "");
    assert_int_equal(f->boxed.len, BOX_OVERHEAD);
    assert_int_equal(open_with(f, f->private_key, f->info), STATUS_OK);
    assert_int_equal(f->opened.len, 0);
}

static void another_receiver_or_info_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t other[32] = {0, 1};
    box_text(f, "the secret");
    assert_int_equal(open_with(f, other, f->info), STATUS_MISMATCH);
    assert_int_equal(open_with(f, f->ephemeral, f->info), STATUS_MISMATCH);
    assert_int_equal(open_with(f, f->private_key, bytes_of_string("grp1/req")), STATUS_MISMATCH);
    assert_int_equal(open_with(f, f->private_key, bytes_of_string("grp1/bo")), STATUS_MISMATCH);
    assert_int_equal(open_with(f, f->private_key, (struct bytes){0}), STATUS_MISMATCH);
}

/* The top bit of the encapsulated key, which X25519 overlooks, is caught as well: the key is in
 * the secret's context as it was sent. */
static void one_flipped_bit_anywhere_is_refused(void **state)
{
    struct fixture *f = *state;
    box_text(f, "the secret");
    for (size_t bit = 0; bit < 8 * f->boxed.len; bit++) {
        f->boxed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(open_with(f, f->private_key, f->info), STATUS_MISMATCH);
        f->boxed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(open_with(f, f->private_key, f->info), STATUS_OK);
}

static void any_shorter_or_longer_run_is_refused(void **state)
{
    struct fixture *f = *state;
    box_text(f, "the secret");
    size_t whole = f->boxed.len;
    for (f->boxed.len = 0; f->boxed.len < whole; f->boxed.len++)
        assert_int_equal(open_with(f, f->private_key, f->info), STATUS_MISMATCH);
    buffer_add_byte(&f->boxed, 0);
    assert_int_equal(open_with(f, f->private_key, f->info), STATUS_MISMATCH);
}

static void keys_of_small_order_are_refused_on_both_sides(void **state)
{
    struct fixture *f = *state;
    uint8_t point[32] = {0};
    for (unsigned u = 0; u < 2; u++) {
        point[0] = (uint8_t)u;
        assert_int_equal(box(point, f->info, bytes_of_string("x"), f->ephemeral, &f->boxed),
                         STATUS_REFUSED);
        assert_int_equal(f->boxed.len, 0);
    }
    box_text(f, "the secret");
    memcpy(f->boxed.data, point, sizeof point);
    assert_int_equal(open_with(f, f->private_key, f->info), STATUS_MISMATCH);
    assert_int_equal(ERR_peek_error(), 0);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_schedule_of_both_sides_is_that_of_rfc_9180),
        cmocka_unit_test(first_message_of_a_context_is_that_of_rfc_9180),
        cmocka_unit_test(box_is_enc_and_one_message_without_aad),
        WITH_FIXTURE(boxed_text_opens_for_its_receiver),
        WITH_FIXTURE(nothing_at_all_can_be_boxed),
        WITH_FIXTURE(another_receiver_or_info_is_refused),
        WITH_FIXTURE(one_flipped_bit_anywhere_is_refused),
        WITH_FIXTURE(any_shorter_or_longer_run_is_refused),
        WITH_FIXTURE(keys_of_small_order_are_refused_on_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
