/* Keystores as bytes: the key from the password, what is sealed, what is refused. */
#include "support/hex.h"
#include "support/keystore_fixture.h"

#include <openssl/err.h>

#include "people/aead.h"

/* Where the parts of a file lie: keystore.c. */
#define VERSION_AT   8
#define NONCE_AT     25
#define USER_AT      37
#define NAME_AT      69
#define LENGTH_AT    101
#define DIGEST_AT    105
#define HEADER_BYTES 137

/* Refused, and nothing of it is in `opened`. */
static void assert_refused(struct fixture *f, enum status want)
{
    struct keystore empty = {0};
    enum status status = decode(f);
    assert_memory_equal(&f->opened, &empty, sizeof empty);
    if (want != STATUS_OK)
        assert_int_equal(status, want);
    else
        assert_int_not_equal(status, STATUS_OK);
}

/* Makes the digest fit again, as somebody who changes the file on purpose would. */
static void mend_digest(struct fixture *f)
{
    struct bytes parts[] = {bytes_of(f->file.data, DIGEST_AT),
                            bytes_of(f->file.data + HEADER_BYTES, f->file.len - HEADER_BYTES)};
    sha256_of_parts(parts, 2, f->file.data + DIGEST_AT);
}

/* ---- scrypt ---- */

static void scrypt_gives_rfc_7914_section_12(void **state)
{
    (void)state;
    uint8_t out[32]; /* the first half of what the RFC prints */
    assert_int_equal(scrypt(bytes_of_string(""), bytes_of_string(""), 16, 1, 1, out), STATUS_OK);
    assert_hex(out, 32, "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442");
    assert_int_equal(scrypt(bytes_of_string("password"), bytes_of_string("NaCl"), 1024, 8, 16, out),
                     STATUS_OK);
    assert_hex(out, 32, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162");
    assert_int_equal(scrypt(bytes_of_string("pleaseletmein"), bytes_of_string("SodiumChloride"),
                            16384, 8, 1, out),
                     STATUS_OK);
    assert_hex(out, 32, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
}

static void scrypt_beyond_its_memory_is_an_error(void **state)
{
    (void)state;
    uint8_t out[32];
    assert_int_equal(scrypt(bytes_of_string("x"), bytes_of_string("y"), 65536, 8, 1, out),
                     STATUS_INTERNAL);
    ERR_clear_error();
}

static void password_and_salt_make_the_key(void **state)
{
    (void)state;
    struct keystore_key key, other;
    for (unsigned i = 0; i < 16; i++)
        key.salt[i] = (uint8_t)i;
    assert_int_equal(keystore_key_derive(bytes_of_string("correct horse"), &key), STATUS_OK);
    assert_hex(key.key, 32, "5c662628ac4eb1068a287e2aa2a202ae248e98db04d61d3327e7342db6ec7097");
    other = key;
    other.salt[15] ^= 1;
    assert_int_equal(keystore_key_derive(bytes_of_string("correct horse"), &other), STATUS_OK);
    assert_memory_not_equal(key.key, other.key, 32);
    other = key;
    assert_int_equal(keystore_key_derive(bytes_of_string("correct horsf"), &other), STATUS_OK);
    assert_memory_not_equal(key.key, other.key, 32);
}

/* ---- the groups in it ---- */

static void a_group_s_state_is_copied_replaced_and_removed(void **state)
{
    struct fixture *f = *state;
    struct public_key one = key_of(1), two = key_of(2), three = key_of(3);
    char text[] = "newer";
    assert_int_equal(keystore_set_group(&f->keystore, &one, bytes_of_string(text)), STATUS_OK);
    memset(text, 0, sizeof text);
    assert_int_equal(f->keystore.group_count, 2);
    assert_int_equal(f->keystore.groups[0].state_len, 5);
    assert_memory_equal(f->keystore.groups[0].state, "newer", 5);
    keystore_remove_group(&f->keystore, &three);
    assert_int_equal(f->keystore.group_count, 2);
    keystore_remove_group(&f->keystore, &one);
    assert_int_equal(f->keystore.group_count, 1);
    assert_true(public_key_equal(&f->keystore.groups[0].group, &two));
    keystore_remove_group(&f->keystore, &two);
    assert_int_equal(f->keystore.group_count, 0);
}

static void the_257th_group_finds_no_room(void **state)
{
    struct fixture *f = *state;
    struct public_key key = {.bytes = {0}};
    for (unsigned i = 2; i < KEYSTORE_GROUPS_MAX; i++) {
        write_u16(key.bytes + 4, (uint16_t)i);
        assert_int_equal(keystore_set_group(&f->keystore, &key, bytes_of_string("s")), STATUS_OK);
    }
    write_u16(key.bytes + 4, 1000);
    assert_int_equal(keystore_set_group(&f->keystore, &key, bytes_of_string("s")), STATUS_FULL);
    key = key_of(1);
    assert_int_equal(keystore_set_group(&f->keystore, &key, bytes_of_string("t")), STATUS_OK);
    encode(f);
    assert_int_equal(decode(f), STATUS_OK);
    assert_int_equal(f->opened.group_count, KEYSTORE_GROUPS_MAX);
}

/* ---- the file's bytes ---- */

static void what_was_sealed_opens_the_same(void **state)
{
    struct fixture *f = *state;
    encode(f);
    assert_int_equal(decode(f), STATUS_OK);
    assert_string_equal(f->opened.name, "karla");
    assert_memory_equal(f->opened.root, f->keystore.root, ROOT_BYTES);
    assert_int_equal(f->opened.created_unix_s, 1800000000);
    assert_int_equal(f->opened.profile_seq, 3);
    assert_int_equal(f->opened.group_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct keystore_group *a = &f->keystore.groups[i], *b = &f->opened.groups[i];
        assert_true(public_key_equal(&a->group, &b->group));
        assert_true(
            bytes_equal(bytes_of(a->state, a->state_len), bytes_of(b->state, b->state_len)));
    }
}

static void header_is_read_without_a_password(void **state)
{
    struct fixture *f = *state;
    char name[KEYSTORE_NAME_MAX + 1];
    struct public_key user;
    struct key_pairs keys;
    uint8_t salt[16];
    strcpy(f->keystore.name, "12345678901234567890123456789012");
    encode(f);
    assert_int_equal(keystore_header(buffer_bytes(&f->file), name, &user, salt), STATUS_OK);
    assert_string_equal(name, "12345678901234567890123456789012");
    keys_of_user(f->keystore.root, &keys);
    assert_true(public_key_equal(&user, &keys.public_key));
    assert_memory_equal(salt, f->key.salt, 16);
    assert_int_equal(keystore_check(buffer_bytes(&f->file)), STATUS_OK);
}

static void no_secret_is_in_the_file_in_the_clear(void **state)
{
    struct fixture *f = *state;
    encode(f);
    assert_null(memmem(f->file.data, f->file.len, f->keystore.root, 8));
    assert_null(memmem(f->file.data, f->file.len, f->key.key, 17));
    assert_null(memmem(f->file.data, f->file.len, "state", 5));
}

static void each_save_has_a_nonce_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct buffer first;
    encode(f);
    buffer_init(&first);
    buffer_add(&first, f->file.data, f->file.len);
    encode(f);
    assert_memory_not_equal(first.data + NONCE_AT, f->file.data + NONCE_AT, 12);
    assert_memory_not_equal(first.data + HEADER_BYTES, f->file.data + HEADER_BYTES, 16);
    buffer_dispose(&first);
}

static void names_that_would_not_open_again_are_not_sealed(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"", "\xff", "a\nb", "a\x1b[2J"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        strcpy(f->keystore.name, names[i]);
        buffer_clear(&f->file);
        assert_int_equal(keystore_encode(&f->keystore, &f->key, &f->rng, &f->file),
                         STATUS_MALFORMED);
        assert_int_equal(f->file.len, 0);
    }
}

static void a_wrong_password_is_refused(void **state)
{
    struct fixture *f = *state;
    encode(f);
    f->key.key[0] ^= 1;
    assert_refused(f, STATUS_REFUSED);
    assert_int_equal(ERR_peek_error(), 0);
}

static void one_flipped_bit_anywhere_is_refused_as_damage(void **state)
{
    struct fixture *f = *state;
    encode(f);
    for (size_t bit = 0; bit < 8 * f->file.len; bit++) {
        size_t at = bit / 8;
        bool of_form = at <= VERSION_AT || (at >= USER_AT && at < DIGEST_AT);
        f->file.data[at] ^= (uint8_t)(1 << bit % 8);
        assert_refused(f, of_form ? STATUS_OK : STATUS_MISMATCH);
        f->file.data[at] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(decode(f), STATUS_OK);
}

static void one_flipped_bit_is_refused_though_the_digest_was_mended(void **state)
{
    struct fixture *f = *state;
    encode(f);
    for (size_t bit = 0; bit < 8 * f->file.len; bit++) {
        if (bit / 8 >= DIGEST_AT && bit / 8 < HEADER_BYTES)
            continue;
        f->file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        mend_digest(f);
        assert_refused(f, bit / 8 >= HEADER_BYTES ? STATUS_REFUSED : STATUS_OK);
        f->file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    mend_digest(f);
    assert_int_equal(decode(f), STATUS_OK);
}

/* Sealed by one who has the password and put another user's key in front. */
static void a_header_with_another_user_s_key_is_malformed(void **state)
{
    struct fixture *f = *state;
    struct buffer plain, mine;
    struct aead_key key;
    struct bytes aad;
    buffer_init(&plain);
    buffer_init(&mine);
    encode(f);
    keystore_encode_secrets(&f->keystore, &plain);
    memcpy(key.key, f->key.key, sizeof key.key);
    memcpy(key.nonce, f->file.data + NONCE_AT, sizeof key.nonce);
    buffer_add(&mine, f->file.data, HEADER_BYTES);
    aad = bytes_of(f->file.data, DIGEST_AT);
    aead_seal(&key, &aad, 1, buffer_bytes(&plain), &mine);
    assert_true(bytes_equal(buffer_bytes(&mine), buffer_bytes(&f->file)));

    memset(f->file.data + USER_AT, 0x58, PUBLIC_BYTES);
    f->file.len = HEADER_BYTES;
    aead_seal(&key, &aad, 1, buffer_bytes(&plain), &f->file);
    mend_digest(f);
    assert_refused(f, STATUS_MALFORMED);
    buffer_dispose(&plain);
    buffer_dispose(&mine);
}

static void a_file_cut_short_anywhere_is_malformed(void **state)
{
    struct fixture *f = *state;
    encode(f);
    size_t whole = f->file.len;
    for (size_t len = 0; len < whole; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a sanitizer sees the end */
        memcpy(exact, f->file.data, len);
        assert_int_equal(keystore_decode(bytes_of(exact, len), &f->key, &f->opened),
                         STATUS_MALFORMED);
        assert_int_equal(keystore_check(bytes_of(exact, len)), STATUS_MALFORMED);
        free(exact);
    }
    buffer_add_byte(&f->file, 0);
    assert_refused(f, STATUS_MALFORMED);
}

static void a_newer_version_is_told_apart(void **state)
{
    struct fixture *f = *state;
    encode(f);
    f->file.data[VERSION_AT] = 2;
    assert_refused(f, STATUS_UNSUPPORTED);
    f->file.data[VERSION_AT] = 0;
    assert_refused(f, STATUS_MALFORMED);
}

static void a_file_of_zeroes_or_of_nothing_is_malformed(void **state)
{
    struct fixture *f = *state;
    uint8_t zeroes[512] = {0};
    assert_refused(f, STATUS_MALFORMED);
    buffer_add(&f->file, zeroes, sizeof zeroes);
    assert_refused(f, STATUS_MALFORMED);
}

/* ---- the plaintext: an imported keystore is a stranger's, password and all ---- */

static enum status decode_secrets(struct fixture *f, const char *hex)
{
    struct hex plain = hex_of(hex);
    return keystore_decode_secrets(hex_bytes(&plain), &f->opened);
}

#define ROOT_HEX  "0707070707070707070707070707070707070707070707070707070707070707"
#define GROUP_HEX "c4200505050505050505050505050505050505050505050505050505050505050505"

static void secrets_have_their_golden_bytes(void **state)
{
    struct fixture *f = *state;
    struct keystore plain = {.created_unix_s = 256, .profile_seq = 1};
    struct public_key group;
    struct buffer out;
    memset(plain.root, 7, ROOT_BYTES);
    memset(&group, 5, sizeof group);
    keystore_set_group(&plain, &group, bytes_of_string("ab"));
    buffer_init(&out);
    assert_int_equal(keystore_encode_secrets(&plain, &out), STATUS_OK);
    assert_hex(out.data, out.len,
               "84 a172 c420" ROOT_HEX "a163 cd0100 a171 01 a167 91 92" GROUP_HEX "c4026162");
    assert_int_equal(keystore_decode_secrets(buffer_bytes(&out), &f->opened), STATUS_OK);
    assert_int_equal(f->opened.created_unix_s, 256);
    buffer_dispose(&out);
    keystore_dispose(&plain);
}

static void malformed_secrets_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[] = {
        "",
        "c0",
        "84",
        /* keys in another order, a key too many, a root too short */
        "84 a163 01 a172 c420" ROOT_HEX "a171 01 a167 90",
        "85 a172 c420" ROOT_HEX "a163 01 a171 01 a167 90 a17a 01",
        "84 a172 c41f 0707070707070707070707070707070707070707070707070707070707070707"
        "a163 01 a171 01 a167 90",
        /* a number in a longer form than it needs, bytes behind the end */
        "84 a172 c420" ROOT_HEX "a163 cc01 a171 01 a167 90",
        "84 a172 c420" ROOT_HEX "a163 01 a171 01 a167 90 00",
        /* more groups than there are bytes for, than there may be */
        "84 a172 c420" ROOT_HEX "a163 01 a171 01 a167 91",
        "84 a172 c420" ROOT_HEX "a163 01 a171 01 a167 dc0101",
        "84 a172 c420" ROOT_HEX "a163 01 a171 01 a167 ddffffffff",
        /* a group twice, one of three parts, one whose state ends behind the end */
        "84 a172 c420" ROOT_HEX "a163 01 a171 01 a167 92 92" GROUP_HEX "c400 92" GROUP_HEX "c400",
        "84 a172 c420" ROOT_HEX "a163 01 a171 01 a167 91 93" GROUP_HEX "c400 00",
        "84 a172 c420" ROOT_HEX "a163 01 a171 01 a167 91 92" GROUP_HEX "c6ffffffff",
    };
    struct keystore empty = {0};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(decode_secrets(f, cases[i]), STATUS_MALFORMED);
        assert_memory_equal(&f->opened, &empty, sizeof empty);
    }
    assert_int_equal(decode_secrets(f, "84 a172 c420" ROOT_HEX "a163 01 a171 01 a167 90"),
                     STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scrypt_gives_rfc_7914_section_12),
        cmocka_unit_test(scrypt_beyond_its_memory_is_an_error),
        cmocka_unit_test(password_and_salt_make_the_key),
        WITH_FIXTURE(a_group_s_state_is_copied_replaced_and_removed),
        WITH_FIXTURE(the_257th_group_finds_no_room),
        WITH_FIXTURE(what_was_sealed_opens_the_same),
        WITH_FIXTURE(header_is_read_without_a_password),
        WITH_FIXTURE(no_secret_is_in_the_file_in_the_clear),
        WITH_FIXTURE(each_save_has_a_nonce_of_its_own),
        WITH_FIXTURE(names_that_would_not_open_again_are_not_sealed),
        WITH_FIXTURE(a_wrong_password_is_refused),
        WITH_FIXTURE(one_flipped_bit_anywhere_is_refused_as_damage),
        WITH_FIXTURE(one_flipped_bit_is_refused_though_the_digest_was_mended),
        WITH_FIXTURE(a_header_with_another_user_s_key_is_malformed),
        WITH_FIXTURE(a_file_cut_short_anywhere_is_malformed),
        WITH_FIXTURE(a_newer_version_is_told_apart),
        WITH_FIXTURE(a_file_of_zeroes_or_of_nothing_is_malformed),
        WITH_FIXTURE(secrets_have_their_golden_bytes),
        WITH_FIXTURE(malformed_secrets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
