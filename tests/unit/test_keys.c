#include "support/hex.h"
#include "support/unit.h"

#include <openssl/err.h>

#include "people/keys.h"

static struct hex run_of(uint8_t first, size_t len)
{
    struct hex run = {.len = len};
    for (size_t i = 0; i < len; i++)
        run.data[i] = (uint8_t)(first + i);
    return run;
}

static struct public_key key_run(uint8_t first)
{
    struct public_key key;
    memcpy(key.bytes, run_of(first, PUBLIC_BYTES).data, PUBLIC_BYTES);
    return key;
}

/* ---- published vectors ---- */

static void hkdf_gives_rfc_5869_appendix_a(void **state)
{
    (void)state;
    struct hex short_ikm = {.len = 22}, salt = run_of(0, 13), info = run_of(0xf0, 10);
    memset(short_ikm.data, 0x0b, short_ikm.len);
    struct hex long_ikm = run_of(0, 80), long_salt = run_of(0x60, 80), long_info = run_of(0xb0, 80);
    uint8_t out[32];

    hkdf(hex_bytes(&short_ikm), hex_bytes(&salt), hex_bytes(&info), out);
    assert_hex(out, 32, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    hkdf(hex_bytes(&long_ikm), hex_bytes(&long_salt), hex_bytes(&long_info), out);
    assert_hex(out, 32, "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c");
    hkdf(hex_bytes(&short_ikm), (struct bytes){0}, (struct bytes){0}, out);
    assert_hex(out, 32, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

static void hkdf_expand_gives_rfc_5869_appendix_a(void **state)
{
    (void)state;
    struct hex prk = hex_of("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    struct hex info = run_of(0xf0, 10);
    uint8_t out[82];
    assert_int_equal(hkdf_expand(prk.data, hex_bytes(&info), out, 42), STATUS_OK);
    assert_hex(out, 42,
               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
               "34007208d5b887185865");
    prk = hex_of("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244");
    info = run_of(0xb0, 80);
    assert_int_equal(hkdf_expand(prk.data, hex_bytes(&info), out, 82), STATUS_OK);
    assert_hex(out, 82,
               "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
               "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
               "cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

static void hkdf_expand_gives_255_blocks_and_no_more(void **state)
{
    (void)state;
    uint8_t key[32] = {1}, *out = test_malloc(255 * 32 + 1);
    assert_int_equal(hkdf_expand(key, bytes_of_string("x"), out, 255 * 32), STATUS_OK);
    assert_int_equal(hkdf_expand(key, bytes_of_string("x"), out, 255 * 32 + 1), STATUS_INTERNAL);
    test_free(out);
    ERR_clear_error();
}

/* HKDF-Extract is HMAC(salt, ikm), and a short key is one that ends in zeroes: RFC 5869 again. */
static void hmac_is_the_same_in_one_run_and_in_parts(void **state)
{
    (void)state;
    uint8_t key[32] = {0}, out[32];
    memcpy(key, run_of(0, 13).data, 13);
    struct hex ikm = {.len = 22};
    memset(ikm.data, 0x0b, ikm.len);
    struct bytes whole = hex_bytes(&ikm);
    struct bytes parts[] = {bytes_of(ikm.data, 3), {0}, bytes_of(ikm.data, 19)};
    hmac_sha256(key, &whole, 1, out);
    assert_hex(out, 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    hmac_sha256(key, parts, 3, out);
    assert_hex(out, 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
}

static void x25519_gives_rfc_7748(void **state)
{
    (void)state;
    uint8_t out[32];
    /* 5.2 */
    struct hex k = hex_of("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    struct hex u = hex_of("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
    assert_int_equal(x25519_shared(k.data, u.data, out), STATUS_OK);
    assert_hex(out, 32, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    k = hex_of("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d");
    u = hex_of("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493");
    assert_int_equal(x25519_shared(k.data, u.data, out), STATUS_OK);
    assert_hex(out, 32, "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
    /* 6.1 */
    struct hex alice = hex_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    struct hex bob = hex_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    uint8_t alice_public[32], bob_public[32];
    assert_int_equal(x25519_public_of(alice.data, alice_public), STATUS_OK);
    assert_int_equal(x25519_public_of(bob.data, bob_public), STATUS_OK);
    assert_hex(alice_public, 32,
               "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    assert_hex(bob_public, 32, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    assert_int_equal(x25519_shared(alice.data, bob_public, out), STATUS_OK);
    assert_hex(out, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_int_equal(x25519_shared(bob.data, alice_public, out), STATUS_OK);
    assert_hex(out, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

static void x25519_iterated_a_thousand_times_gives_rfc_7748(void **state)
{
    (void)state;
    uint8_t k[32] = {9}, u[32] = {9}, next[32];
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(x25519_shared(k, u, next), STATUS_OK);
        memcpy(u, k, 32);
        memcpy(k, next, 32);
        if (i == 0)
            assert_hex(k, 32, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
    assert_hex(k, 32, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* The u of order 1, 2, 4 and 8, of the curve and its twist, also with p added. */
static void x25519_with_a_key_of_small_order_is_refused(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t private_key[32] = {42}, out[32], zero[32] = {0};
    struct public_key group = key_run(0x40);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        struct hex point = hex_of(points[i]);
        for (unsigned top = 0; top < 2; top++) { /* which X25519 overlooks */
            memset(out, 0xff, sizeof out);
            assert_int_equal(x25519_shared(private_key, point.data, out), STATUS_REFUSED);
            assert_memory_equal(out, zero, 32);
            assert_int_equal(keypage_tag(private_key, point.data, &group, 1, out), STATUS_REFUSED);
            point.data[31] ^= 0x80;
        }
    }
    assert_int_equal(ERR_peek_error(), 0);
}

/* ---- the design's table; the values were computed apart from this program ---- */

static void user_group_and_member_keys_have_their_golden_bytes(void **state)
{
    (void)state;
    struct hex root = run_of(0, ROOT_BYTES);
    struct public_key group = key_run(0x40);
    struct key_pairs keys;
    assert_int_equal(keys_of_user(root.data, &keys), STATUS_OK);
    assert_hex(keys.seed, 32, "b1bcc31d00f13432044108931c5b88601941700a4671474f0aec7c75a585e0f0");
    assert_hex(keys.box, 32, "0da0a60216695424e508329b432da537026e780f8e929aa1507d64b90c6e9260");
    assert_int_equal(keys_of_group(root.data, &keys), STATUS_OK);
    assert_hex(keys.seed, 32, "75736d22d27c4e82c8bb37c21c5f270d55ef011d1fccb2a4574b15c29390683a");
    assert_hex(keys.box, 32, "4c3783ef12596d23437e4b329291317796a98217c6d9c5c1db76e08757a1ede4");
    assert_int_equal(keys_of_member(root.data, &group, &keys), STATUS_OK);
    assert_hex(keys.seed, 32, "dac79199078669e6b82873104b67d15c6b143565271a7bc5645f69ae461762d4");
    assert_hex(keys.box, 32, "d78eb7badbc676fb2f33917d32f86e32f58523cf6d14c7f16e68ed2683a53d79");

    uint8_t public_key[32];
    ed25519_public_of(keys.seed, public_key);
    assert_memory_equal(keys.public_key.bytes, public_key, 32);
    x25519_public_of(keys.box, public_key);
    assert_memory_equal(keys.box_public, public_key, 32);
    assert_true(public_key_is_valid(&keys.public_key));
}

static void epoch_keys_have_their_golden_bytes(void **state)
{
    (void)state;
    static const char *const want[EPOCH_USES] = {
        [USE_ROSTER] = "318e4d298e3bf6fa25bd0f5a3acf9be8ebe9b62f17547d82966ba914aa6830c4",
        [USE_SHELF] = "c8bcdf8caf7628bfa0767b7e48894a7d4f6f932c3ae9b8eb1d40c55a3259181a",
        [USE_DISC] = "240f4e2174a04a8ed1df8bdaac5b3998a9af95fa324f0da29ad6d8827cee93e2",
        [USE_PSK] = "716eef72ae74d0e389867a1663df85add50ffb2e24d0bb184d4dbb76503a5a96",
        [USE_PSKID] = "a18020cdef7db5596943e25e27bf088f686e509a189cf54a4760227868a06a32",
        [USE_MARK] = "51c6013ce33b3ddd86f64e41a3053c301d54d3ec4ccdcb178edc5590e523c28b",
    };
    struct hex secret = run_of(0, ROOT_BYTES), sha256 = run_of(0x80, SHA256_BYTES);
    struct public_key group = key_run(0x40);
    struct epoch_keys keys;
    assert_int_equal(epoch_keys_derive(&group, 258, secret.data, &keys), STATUS_OK);
    assert_int_equal(keys.epoch, 258);
    assert_memory_equal(keys.secret, secret.data, ROOT_BYTES);
    for (int use = 0; use < EPOCH_USES; use++)
        assert_hex(keys.key[use], 32, want[use]);

    struct id file = epoch_file_key(&keys, sha256.data), peers = epoch_presence_key(&keys, 20000);
    assert_hex(file.bytes, ID_BYTES, "c5cff8b1cf250291431c52cf3499ade677b8934d");
    assert_hex(peers.bytes, ID_BYTES, "943b2d3338c74ffd98691a145b9a1a89ce084ff5");
}

static void mailboxes_and_invitations_have_their_golden_bytes(void **state)
{
    (void)state;
    struct public_key key = key_run(0x40);
    struct hex token = run_of(0xa0, 16);
    uint8_t psk[32];
    struct id user = mailbox_of_user(&key), group = mailbox_of_group(&key),
              invited = mailbox_of_invite(&key, token.data);
    assert_hex(user.bytes, ID_BYTES, "5d59098b883412fcfb495d5f1d10de68fd0e872b");
    assert_hex(group.bytes, ID_BYTES, "96270b0a0434c38e9f5005a7d95e45d74db07a47");
    assert_hex(invited.bytes, ID_BYTES, "af5b7932827a21149963d1bb3d9d71cba8ec5512");
    assert_int_equal(invite_psk(token.data, &key, psk), STATUS_OK);
    assert_hex(psk, 32, "10dbc04d15aebf5020849c2dc37127799e570e2302f12f509439d9a017bd619a");
}

static void keypage_tag_is_the_same_from_both_sides(void **state)
{
    (void)state;
    struct hex alice = hex_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    struct hex bob = hex_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    uint8_t alice_public[32], bob_public[32], tag[KEYPAGE_TAG_BYTES], other[KEYPAGE_TAG_BYTES];
    struct public_key group = key_run(0x40), another = key_run(0x41);
    x25519_public_of(alice.data, alice_public);
    x25519_public_of(bob.data, bob_public);
    assert_int_equal(keypage_tag(alice.data, bob_public, &group, 258, tag), STATUS_OK);
    assert_hex(tag, sizeof tag, "76ae2148865ccb88");
    assert_int_equal(keypage_tag(bob.data, alice_public, &group, 258, other), STATUS_OK);
    assert_memory_equal(tag, other, sizeof tag);
    assert_int_equal(keypage_tag(bob.data, alice_public, &group, 259, other), STATUS_OK);
    assert_memory_not_equal(tag, other, sizeof tag);
    assert_int_equal(keypage_tag(bob.data, alice_public, &another, 258, other), STATUS_OK);
    assert_memory_not_equal(tag, other, sizeof tag);
}

static void fingerprint_is_eight_groups_of_four(void **state)
{
    (void)state;
    struct public_key key = key_run(0x40);
    char text[FINGERPRINT_SIZE];
    public_key_fingerprint(&key, text);
    assert_string_equal(text, "zm4y 3wdu mkfp 7gvn zxwi lbh2 6vwl iip5");
    key.bytes[31] ^= 0x80;
    public_key_fingerprint(&key, text);
    assert_string_not_equal(text, "zm4y 3wdu mkfp 7gvn zxwi lbh2 6vwl iip5");
}

/* Everything that comes of one secret: no two alike, not for another group or epoch either. */
static void no_key_of_the_table_is_another(void **state)
{
    (void)state;
    struct hex root = run_of(0, ROOT_BYTES);
    struct public_key groups[2] = {key_run(0x40), key_run(0x41)};
    struct key_pairs pairs[4];
    struct epoch_keys epochs[4];
    uint8_t all[64][32];
    size_t count = 0;
    keys_of_user(root.data, &pairs[0]);
    keys_of_group(root.data, &pairs[1]);
    for (unsigned g = 0; g < 2; g++) {
        keys_of_member(root.data, &groups[g], &pairs[2 + g]);
        epoch_keys_derive(&groups[g], 1, root.data, &epochs[2 * g]);
        epoch_keys_derive(&groups[g], 2, root.data, &epochs[2 * g + 1]);
        invite_psk(root.data, &groups[g], all[count++]);
    }
    for (unsigned i = 0; i < 4; i++) {
        memcpy(all[count++], pairs[i].seed, 32);
        memcpy(all[count++], pairs[i].box, 32);
        for (int use = 0; use < EPOCH_USES; use++)
            memcpy(all[count++], epochs[i].key[use], 32);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(all[i], all[j], 32);
    }
}

static void blinded_keys_differ_by_file_day_and_epoch(void **state)
{
    (void)state;
    struct hex secret = run_of(0, ROOT_BYTES);
    struct public_key group = key_run(0x40);
    struct epoch_keys one, two;
    uint8_t sha256[SHA256_BYTES] = {1}, other[SHA256_BYTES] = {2};
    epoch_keys_derive(&group, 1, secret.data, &one);
    epoch_keys_derive(&group, 2, secret.data, &two);
    struct id keys[] = {epoch_file_key(&one, sha256), epoch_file_key(&one, other),
                        epoch_file_key(&two, sha256), epoch_presence_key(&one, 1),
                        epoch_presence_key(&one, 2),  epoch_presence_key(&two, 1)};
    for (unsigned i = 0; i < 6; i++) {
        for (unsigned j = 0; j < i; j++)
            assert_false(id_equal(&keys[i], &keys[j]));
    }
}

static void wiped_means_zero(void **state)
{
    (void)state;
    struct key_pairs keys, zero = {0};
    keys_of_user(run_of(0, ROOT_BYTES).data, &keys);
    keys_wipe(&keys, sizeof keys);
    assert_memory_equal(&keys, &zero, sizeof keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hkdf_gives_rfc_5869_appendix_a),
        cmocka_unit_test(hkdf_expand_gives_rfc_5869_appendix_a),
        cmocka_unit_test(hkdf_expand_gives_255_blocks_and_no_more),
        cmocka_unit_test(hmac_is_the_same_in_one_run_and_in_parts),
        cmocka_unit_test(x25519_gives_rfc_7748),
        cmocka_unit_test(x25519_iterated_a_thousand_times_gives_rfc_7748),
        cmocka_unit_test(x25519_with_a_key_of_small_order_is_refused),
        cmocka_unit_test(user_group_and_member_keys_have_their_golden_bytes),
        cmocka_unit_test(epoch_keys_have_their_golden_bytes),
        cmocka_unit_test(mailboxes_and_invitations_have_their_golden_bytes),
        cmocka_unit_test(keypage_tag_is_the_same_from_both_sides),
        cmocka_unit_test(fingerprint_is_eight_groups_of_four),
        cmocka_unit_test(no_key_of_the_table_is_another),
        cmocka_unit_test(blinded_keys_differ_by_file_day_and_epoch),
        cmocka_unit_test(wiped_means_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
