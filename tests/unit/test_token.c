#include "support/unit.h"

#include "dht/token.h"

static const uint8_t secret[16] = "a secret of ours", other_secret[16] = "another of ours.";

static struct endpoint endpoint_of(const char *text)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(text, &endpoint));
    return endpoint;
}

static bool accepts(const uint8_t token[TOKEN_BYTES], const char *asker, uint64_t now_ms)
{
    struct endpoint endpoint = endpoint_of(asker);
    return token_valid(secret, &endpoint, bytes_of(token, TOKEN_BYTES), now_ms);
}

static void a_token_is_good_for_its_address_on_any_port(void **state)
{
    (void)state;
    uint8_t token[TOKEN_BYTES];
    struct endpoint asker = endpoint_of("192.0.2.1:1");
    token_make(secret, &asker, 1000, token);
    assert_true(accepts(token, "192.0.2.1:1", 1000));
    assert_true(accepts(token, "192.0.2.1:2", 1000));
    assert_false(accepts(token, "192.0.2.2:1", 1000));
    assert_false(accepts(token, "[c000:201::]:1", 1000)); /* the same bytes, the other family */
    assert_false(token_valid(other_secret, &asker, bytes_of(token, TOKEN_BYTES), 1000));
}

static void a_token_lives_for_five_to_ten_minutes(void **state)
{
    (void)state;
    uint8_t early[TOKEN_BYTES], late[TOKEN_BYTES];
    struct endpoint asker = endpoint_of("[2001:db8::1]:1");
    uint64_t start = 7 * TOKEN_EPOCH_MS;
    token_make(secret, &asker, start, early);
    token_make(secret, &asker, start + TOKEN_EPOCH_MS - 1, late);
    assert_memory_equal(early, late, TOKEN_BYTES);
    assert_true(accepts(early, "[2001:db8::1]:1", start + 2 * TOKEN_EPOCH_MS - 1));
    assert_false(accepts(early, "[2001:db8::1]:1", start + 2 * TOKEN_EPOCH_MS));
    assert_false(accepts(early, "[2001:db8::1]:1", start - 1)); /* nor before it was made */
}

static void tokens_of_other_lengths_or_bytes_are_refused(void **state)
{
    (void)state;
    uint8_t token[TOKEN_BYTES + 1] = {0};
    struct endpoint asker = endpoint_of("192.0.2.1:1");
    token_make(secret, &asker, 5, token);
    assert_true(token_valid(secret, &asker, bytes_of(token, TOKEN_BYTES), 5));
    assert_false(token_valid(secret, &asker, bytes_of(token, TOKEN_BYTES - 1), 5));
    assert_false(token_valid(secret, &asker, bytes_of(token, TOKEN_BYTES + 1), 5));
    assert_false(token_valid(secret, &asker, (struct bytes){0}, 5));
    for (size_t i = 0; i < TOKEN_BYTES; i++) {
        token[i] ^= 0x10;
        assert_false(token_valid(secret, &asker, bytes_of(token, TOKEN_BYTES), 5));
        token[i] ^= 0x10;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_good_for_its_address_on_any_port),
        cmocka_unit_test(a_token_lives_for_five_to_ten_minutes),
        cmocka_unit_test(tokens_of_other_lengths_or_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
