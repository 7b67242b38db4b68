#include "support/hex.h"
#include "support/unit.h"

#include <openssl/err.h>

#include "kadpeer/ed25519.h"

static void signatures_are_those_of_rfc_8032(void **state)
{
    (void)state;
    static const struct {
        const char *seed, *key, *message, *signature;
    } cases[] = {
        /* section 7.1: tests 1, 2, 3 and SHA(abc) */
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
         "1cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
         "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
         "984dc6594a7c15e9716ed28dc027beceea1ec40a"},
        {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
         "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23"
         "a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
         "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c6"
         "6431e0303dca179c138ac17ad9bef1177331a704"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hex seed = hex_of(cases[i].seed), message = hex_of(cases[i].message);
        uint8_t key[32], signature[64];
        assert_int_equal(ed25519_public_of(seed.data, key), STATUS_OK);
        assert_hex(key, 32, cases[i].key);
        assert_int_equal(ed25519_sign(seed.data, hex_bytes(&message), signature), STATUS_OK);
        assert_hex(signature, 64, cases[i].signature);
        assert_true(ed25519_verify(key, hex_bytes(&message), signature));
        assert_true(ed25519_key_is_valid(key));
    }
}

static void a_flipped_bit_anywhere_is_no_signature(void **state)
{
    (void)state;
    uint8_t seed[32] = {7}, key[32], signature[64], message[8] = "message";
    struct bytes whole = bytes_of(message, sizeof message);
    ed25519_public_of(seed, key);
    ed25519_sign(seed, whole, signature);
    assert_true(ed25519_verify(key, whole, signature));
    struct {
        uint8_t *data;
        unsigned bits;
    } places[] = {{key, 256}, {signature, 512}, {message, 64}};
    for (unsigned p = 0; p < 3; p++) {
        for (unsigned bit = 0; bit < places[p].bits; bit++) {
            places[p].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(ed25519_verify(key, whole, signature));
            places[p].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    assert_int_equal(ERR_peek_error(), 0);
}

/* All encodings that decode to a point whose order divides 8. */
static const char *const small_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000", /* the identity */
    "0100000000000000000000000000000000000000000000000000000000000080", /* -0: not canonical */
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", /* -0 */
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* y = p */
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* y = p + 1 */
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static void keys_of_small_order_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof small_order / sizeof *small_order; i++)
        assert_false(ed25519_key_is_valid(hex_of(small_order[i]).data));
}

/* Why: R the identity, S zero, and any message verifies under the identity as key. */
static void the_identity_as_key_verifies_anything_and_is_refused(void **state)
{
    (void)state;
    struct hex identity = hex_of(small_order[2]);
    uint8_t signature[64] = {1};
    assert_true(ed25519_verify(identity.data, bytes_of_string("anything"), signature));
    assert_true(ed25519_verify(identity.data, bytes_of_string("at all"), signature));
    assert_false(ed25519_key_is_valid(identity.data));
}

static void keys_of_p_and_more_are_refused_and_those_just_below_are_not(void **state)
{
    (void)state;
    uint8_t key[32];
    memset(key, 0xff, sizeof key);
    for (unsigned sign = 0; sign < 2; sign++) {
        key[31] = sign ? 0xff : 0x7f;
        for (unsigned low = 0xed; low <= 0xff; low++) {
            key[0] = (uint8_t)low;
            assert_false(ed25519_key_is_valid(key));
        }
        key[0] = 0xeb;
        assert_true(ed25519_key_is_valid(key));
    }
    key[0] = 0xff;
    key[15] = 0xfe;
    assert_true(ed25519_key_is_valid(key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_rfc_8032),
        cmocka_unit_test(a_flipped_bit_anywhere_is_no_signature),
        cmocka_unit_test(keys_of_small_order_are_refused),
        cmocka_unit_test(the_identity_as_key_verifies_anything_and_is_refused),
        cmocka_unit_test(keys_of_p_and_more_are_refused_and_those_just_below_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
