#include "support/people.h"

#include "people/channel_auth.h"
#include "support/vectors.h"

#define NOW 1800000000ull

/* ---- identities ---- */

static void an_identity_fits_its_minute_and_those_beside_it(void **state)
{
    (void)state;
    struct people people;
    uint8_t identity[PSK_IDENTITY_BYTES];
    people_init(&people, 0xee);
    const uint8_t *key = people.epoch.key[USE_PSKID];
    psk_identity_make(key, NOW + 59, &people.rng, identity);
    for (int minute = -5; minute <= 5; minute++) {
        bool fits = minute >= -1 && minute <= 1;
        uint64_t begin = NOW + (uint64_t)(int64_t)(60 * minute);
        struct bytes bytes = bytes_of(identity, sizeof identity);
        assert_int_equal(psk_identity_fits(bytes, key, begin), fits);
        assert_int_equal(psk_identity_fits(bytes, key, begin + 59), fits);
    }
}

static void the_vector_of_an_identity_fits(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct vector vector = vector_load("psk_identity");
    assert_true(psk_identity_fits(vector_bytes(&vector), people.epoch.key[USE_PSKID], NOW));
    assert_false(psk_identity_fits(vector_bytes(&vector), people.epoch.key[USE_PSK], NOW));
}

static void an_identity_fits_no_other_key_and_no_changed_bit(void **state)
{
    (void)state;
    struct people people, others;
    struct epoch_keys next;
    uint8_t identity[PSK_IDENTITY_BYTES + 1];
    people_init(&people, 0xee);
    people_init(&others, 0xdd);
    const uint8_t *key = people.epoch.key[USE_PSKID];
    assert_int_equal(epoch_keys_derive(&people.group.public_key, 4, people.epoch.secret, &next),
                     STATUS_OK);
    psk_identity_make(key, NOW, &people.rng, identity);
    struct bytes bytes = bytes_of(identity, PSK_IDENTITY_BYTES);
    assert_true(psk_identity_fits(bytes, key, NOW));
    assert_false(psk_identity_fits(bytes, others.epoch.key[USE_PSKID], NOW));
    assert_false(psk_identity_fits(bytes, next.key[USE_PSKID], NOW));
    for (size_t bit = 0; bit < 8 * PSK_IDENTITY_BYTES; bit++) {
        identity[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(psk_identity_fits(bytes, key, NOW));
        identity[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    identity[PSK_IDENTITY_BYTES] = 0;
    for (size_t len = 0; len <= sizeof identity; len++)
        assert_int_equal(psk_identity_fits(bytes_of(identity, len), key, NOW),
                         len == PSK_IDENTITY_BYTES);
}

static void two_identities_of_one_minute_have_nothing_in_common(void **state)
{
    (void)state;
    struct people people;
    uint8_t first[PSK_IDENTITY_BYTES], second[PSK_IDENTITY_BYTES];
    people_init(&people, 0xee);
    psk_identity_make(people.epoch.key[USE_PSKID], NOW, &people.rng, first);
    psk_identity_make(people.epoch.key[USE_PSKID], NOW, &people.rng, second);
    for (size_t i = 0; i + 8 <= sizeof first; i++)
        assert_null(memmem(second, sizeof second, first + i, 8));
}

/* ---- nonces ---- */

static const uint8_t *nonce_of(uint32_t number)
{
    static uint8_t nonce[16];
    write_u32(nonce, number);
    return nonce;
}

static void a_nonce_is_good_once(void **state)
{
    (void)state;
    struct nonce_cache *cache = nonce_cache_new();
    assert_non_null(cache);
    for (uint32_t i = 0; i < 100; i++)
        assert_true(nonce_cache_add(cache, nonce_of(i), NOW));
    for (uint32_t i = 0; i < 100; i++)
        assert_false(nonce_cache_add(cache, nonce_of(i), NOW + i));
    nonce_cache_free(cache);
}

/* As long as its identity can fit: made a minute ahead of us, until the end of the third. */
static void a_nonce_is_remembered_while_its_identity_fits(void **state)
{
    (void)state;
    struct people people;
    struct nonce_cache *cache = nonce_cache_new();
    uint8_t identity[PSK_IDENTITY_BYTES];
    people_init(&people, 0xee);
    assert_non_null(cache);
    psk_identity_make(people.epoch.key[USE_PSKID], NOW + 60, &people.rng, identity);
    assert_true(nonce_cache_add(cache, identity, NOW));
    for (uint64_t now = NOW; now < NOW + 600; now++)
        if (psk_identity_fits(bytes_of(identity, sizeof identity), people.epoch.key[USE_PSKID],
                              now))
            assert_false(nonce_cache_add(cache, identity, now));
    assert_true(nonce_cache_add(cache, identity, NOW + 600));
    assert_false(nonce_cache_add(cache, identity, NOW)); /* our clock was set back */
    nonce_cache_free(cache);
}

static void a_full_cache_forgets_the_oldest_alone(void **state)
{
    (void)state;
    enum { CAP = 4096 };
    struct nonce_cache *cache = nonce_cache_new();
    assert_non_null(cache);
    for (uint32_t i = 0; i < 2 * CAP + 1; i++)
        assert_true(nonce_cache_add(cache, nonce_of(i), NOW));
    for (uint32_t i = CAP + 1; i < 2 * CAP + 1; i++)
        assert_false(nonce_cache_add(cache, nonce_of(i), NOW));
    assert_true(nonce_cache_add(cache, nonce_of(CAP), NOW));
    nonce_cache_free(cache);
}

/* ---- AUTH ---- */

static void auth_is_its_vector_and_comes_back(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct person person = person_of(&people, 1);
    struct channel_auth auth = {.member = person.member.public_key}, back;
    uint8_t exported[CHANNEL_EXPORT_BYTES];
    struct buffer out;
    memset(exported, 0x5a, sizeof exported);
    assert_int_equal(channel_auth_sign(&person.member, CHANNEL_CLIENT, exported, auth.signature),
                     STATUS_OK);
    buffer_init(&out);
    channel_auth_encode(&auth, &out);
    assert_vector("channel_auth", buffer_bytes(&out));
    assert_true(channel_auth_decode(buffer_bytes(&out), &back));
    assert_memory_equal(&back, &auth, sizeof auth);
    for (size_t len = 0; len < out.len; len++)
        assert_false(channel_auth_decode(bytes_of(out.data, len), &back));
    buffer_add_byte(&out, 0);
    assert_false(channel_auth_decode(buffer_bytes(&out), &back));
    buffer_dispose(&out);
}

static void auth_is_of_one_role_and_one_session(void **state)
{
    (void)state;
    struct people people;
    people_init(&people, 0xee);
    struct person person = person_of(&people, 1), other = person_of(&people, 2);
    uint8_t exported[CHANNEL_EXPORT_BYTES] = {1}, signature[ED25519_SIGNATURE_BYTES];
    const struct public_key *key = &person.member.public_key;
    assert_int_equal(channel_auth_sign(&person.member, CHANNEL_CLIENT, exported, signature),
                     STATUS_OK);
    assert_true(channel_auth_verify(key, CHANNEL_CLIENT, exported, signature));
    assert_false(channel_auth_verify(key, CHANNEL_SERVER, exported, signature)); /* reflected */
    assert_false(
        channel_auth_verify(&other.member.public_key, CHANNEL_CLIENT, exported, signature));
    for (size_t bit = 0; bit < 8 * sizeof exported; bit++) { /* another session */
        exported[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(channel_auth_verify(key, CHANNEL_CLIENT, exported, signature));
        exported[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(channel_auth_verify(key, CHANNEL_CLIENT, exported, signature));
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void keys_that_are_none_authenticate_nobody(void **state)
{
    (void)state;
    struct public_key identity = {.bytes = {1}};
    static const uint8_t exported[CHANNEL_EXPORT_BYTES],
        signature[ED25519_SIGNATURE_BYTES] = {1}; /* holds for any message under that key */
    assert_false(channel_auth_verify(&identity, CHANNEL_CLIENT, exported, signature));
}

static void the_context_names_group_and_epoch(void **state)
{
    (void)state;
    struct people people;
    uint8_t context[CHANNEL_CONTEXT_BYTES];
    people_init(&people, 0xee);
    channel_context(&people.group.public_key, 0x01020304, context);
    assert_memory_equal(context, people.group.public_key.bytes, PUBLIC_BYTES);
    assert_memory_equal(context + PUBLIC_BYTES, "\1\2\3\4", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_fits_its_minute_and_those_beside_it),
        cmocka_unit_test(the_vector_of_an_identity_fits),
        cmocka_unit_test(an_identity_fits_no_other_key_and_no_changed_bit),
        cmocka_unit_test(two_identities_of_one_minute_have_nothing_in_common),
        cmocka_unit_test(a_nonce_is_good_once),
        cmocka_unit_test(a_nonce_is_remembered_while_its_identity_fits),
        cmocka_unit_test(a_full_cache_forgets_the_oldest_alone),
        cmocka_unit_test(auth_is_its_vector_and_comes_back),
        cmocka_unit_test(auth_is_of_one_role_and_one_session),
        cmocka_unit_test(keys_that_are_none_authenticate_nobody),
        cmocka_unit_test(the_context_names_group_and_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
