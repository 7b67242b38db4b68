#include "support/unit.h"

#include <string.h>

#include "dht/node_id.h"

static struct endpoint address(const char *text)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(text, &endpoint));
    return endpoint;
}

static struct id id_of(const char *hex)
{
    struct id id;
    assert_true(id_from_hex(hex, strlen(hex), &id));
    return id;
}

/* The table at the end of BEP 42. */
static void published_ids_fit_their_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *id;
    } vectors[] = {
        {"124.31.75.21:1", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"},
        {"21.75.31.124:1", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"},
        {"65.23.51.170:1", "a5d43220bc8f112a3d426c84764f8c2a1150e616"},
        {"84.124.73.14:1", "1b0321dd1bb1fe518101ceef99462b947a01ff41"},
        {"43.213.53.83:1", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct id id = id_of(vectors[i].id);
        struct endpoint own = address(vectors[i].address);
        struct endpoint other = address(vectors[(i + 1) % 5].address);
        assert_true(node_id_fits(&id, &own));
        assert_false(node_id_fits(&id, &other));
        id.bytes[2] ^= 0x08; /* the lowest of the 21 bits */
        assert_false(node_id_fits(&id, &own));
        id.bytes[2] ^= 0x08 ^ 0x04; /* the first free one */
        assert_true(node_id_fits(&id, &own));
    }
}

static void made_ids_fit_and_differ(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(1));
    static const char *addresses[] = {"8.8.8.8:53", "[2001:db8:100:0:d5c8:db3f:995e:c0f7]:1"};
    for (size_t i = 0; i < 2; i++) {
        struct endpoint endpoint = address(addresses[i]);
        struct id a = node_id_of_address(&endpoint, &rng);
        struct id b = node_id_of_address(&endpoint, &rng);
        assert_true(node_id_fits(&a, &endpoint));
        assert_true(node_id_fits(&b, &endpoint));
        assert_false(id_equal(&a, &b));
    }
}

/* Of one address only eight prefixes of 21 bits are possible. */
static void one_address_reaches_eight_places(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(2));
    struct endpoint endpoint = address("[2a00:1450::1]:1");
    uint32_t prefixes[8] = {0};
    for (int i = 0; i < 200; i++) {
        struct id id = node_id_of_address(&endpoint, &rng);
        uint32_t prefix = read_u32(id.bytes) >> 11;
        uint32_t *known = &prefixes[id.bytes[19] & 7];
        assert_true(*known == 0 || *known == prefix);
        *known = prefix;
    }
}

static void local_addresses_are_exempt(void **state)
{
    (void)state;
    struct rng rng;
    rng_init_seed(&rng, test_seed(3));
    static const char *addresses[] = {"127.0.0.1:1", "10.1.2.3:1", "192.168.1.1:1", "[::1]:1",
                                      "[fe80::1]:1"};
    for (size_t i = 0; i < 5; i++) {
        struct endpoint endpoint = address(addresses[i]);
        struct id id = node_id_random(&rng);
        assert_true(node_id_fits(&id, &endpoint));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_ids_fit_their_addresses),
        cmocka_unit_test(made_ids_fit_and_differ),
        cmocka_unit_test(one_address_reaches_eight_places),
        cmocka_unit_test(local_addresses_are_exempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
