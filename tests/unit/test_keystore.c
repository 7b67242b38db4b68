#include "support/folder.h"
#include "support/hex.h"
#include "support/unit.h"

#include <openssl/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "people/aead.h"
#include "people/keystore.h"

/* Where the parts of a file lie: keystore.c. */
#define VERSION_AT   8
#define NONCE_AT     25
#define USER_AT      37
#define NAME_AT      69
#define LENGTH_AT    101
#define DIGEST_AT    105
#define HEADER_BYTES 137

struct fixture {
    struct keystore keystore, opened;
    struct keystore_key key; /* not from a password: scrypt is slow on purpose */
    struct rng rng;
    struct buffer file;
    char *folder;
};

static struct public_key key_of(uint8_t first)
{
    return (struct public_key){.bytes = {first, 5}};
}

static int fixture_make(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    strcpy(f->keystore.name, "karla");
    memset(f->keystore.root, 9, ROOT_BYTES);
    f->keystore.created_unix_s = 1800000000;
    f->keystore.profile_seq = 3;
    struct public_key one = key_of(1), two = key_of(2);
    keystore_set_group(&f->keystore, &one, bytes_of_string("state of one"));
    keystore_set_group(&f->keystore, &two, (struct bytes){0});
    memset(&f->key, 4, sizeof f->key);
    rng_init_seed(&f->rng, 1);
    buffer_init(&f->file);
    f->folder = folder_make();
    *state = f;
    return 0;
}

static int fixture_free(void **state)
{
    struct fixture *f = *state;
    keystore_dispose(&f->keystore);
    keystore_dispose(&f->opened);
    buffer_dispose(&f->file);
    folder_remove(f->folder);
    free(f->folder);
    test_free(f);
    return 0;
}

static void encode(struct fixture *f)
{
    buffer_clear(&f->file);
    assert_int_equal(keystore_encode(&f->keystore, &f->key, &f->rng, &f->file), STATUS_OK);
}

static enum status decode(struct fixture *f)
{
    return keystore_decode(buffer_bytes(&f->file), &f->key, &f->opened);
}

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

/* ---- the file ---- */

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

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_free)

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
