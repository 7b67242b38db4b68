/* Signature checks under floods: 10,000 asked for a second, while fifty others put once a second
 * [protocol.md section 2]. Time is the test's, and a check counts one. */
#include "support/unit.h"

#include "dht/params.h"
#include "dht/verify_budget.h"
#include "kadpeer/rng.h"

enum { FLOOD_PER_MS = 10, HONEST = 50, SECONDS = 60 };

static const struct source_rules public_rules = {.secret = "a secret of ours"};

/* Each number is a network of its own. */
static struct endpoint host_of(uint32_t network)
{
    struct endpoint endpoint = {.family = ENDPOINT_IPV4, .port = 6881};
    write_u32(endpoint.addr, 0x20000000 + (network << 8));
    return endpoint;
}

struct flood {
    uint32_t networks;
    bool forged;
    uint32_t warm_up_s; /* not counted */
};

struct figures {
    unsigned asked, served, flood_served;
};

static void ask(struct verify_budget *budget, uint32_t network, bool forged, uint64_t now_ms,
                unsigned *served)
{
    struct endpoint from = host_of(network);
    if (!verify_budget_take(budget, &from, now_ms))
        return;
    ++*served;
    if (forged)
        verify_budget_forged(budget, &from, now_ms);
}

static struct figures figures_of(const struct flood *flood)
{
    struct figures figures = {0};
    struct verify_budget budget;
    struct rng rng;
    rng_init_seed(&rng, test_seed(10));
    verify_budget_init(&budget, &public_rules);
    uint64_t end_ms = (SECONDS + flood->warm_up_s) * 1000ull;
    for (uint64_t now_ms = 0; now_ms < end_ms; now_ms++) {
        for (int i = 0; i < FLOOD_PER_MS; i++)
            ask(&budget, HONEST + (uint32_t)rng_below(&rng, flood->networks), flood->forged, now_ms,
                &figures.flood_served);
        if (now_ms < flood->warm_up_s * 1000ull || now_ms % (1000 / HONEST) != 0)
            continue;
        figures.asked++;
        ask(&budget, (uint32_t)(now_ms / (1000 / HONEST)) % HONEST, false, now_ms, &figures.served);
    }
    assert_true(source_table_valid(&budget.debts));
    verify_budget_dispose(&budget);
    print_message("# %u networks: %u of %u served, %u of the flood\n", flood->networks,
                  figures.served, figures.asked, figures.flood_served);
    assert_true(figures.flood_served + figures.served <=
                VERIFY_BURST + (unsigned)(end_ms / 1000) * VERIFY_PER_S);
    return figures;
}

static void assert_served(uint32_t networks, bool forged, uint32_t warm_up_s)
{
    struct flood flood = {.networks = networks, .forged = forged, .warm_up_s = warm_up_s};
    struct figures figures = figures_of(&flood);
    assert_true(figures.served * 100 >= figures.asked * 99);
}

static void forgers_of_any_number_leave_the_others_their_checks(void **state)
{
    (void)state;
    assert_served(1, true, 0);
    assert_served(100, true, 0);
    assert_served(1000, true, 0);
}

/* So many that each has its first check before it is known for what it is. */
static void ten_thousand_forgers_are_known_within_half_a_minute(void **state)
{
    (void)state;
    assert_served(8000, true, 30);
}

static void greedy_networks_leave_the_others_their_checks(void **state)
{
    (void)state;
    assert_served(1, false, 0);
    assert_served(10, false, 0);
    assert_served(100, false, 0);
    assert_served(500, false, 0); /* with a thousand there is less than one a second for each */
}

static void a_forger_is_served_four_times_a_minute(void **state)
{
    (void)state;
    struct verify_budget budget;
    unsigned served = 0;
    verify_budget_init(&budget, &public_rules);
    for (uint64_t now_ms = 0; now_ms < 60 * 1000; now_ms++)
        ask(&budget, 1, true, now_ms, &served);
    assert_in_range(served, 4, 8);
    verify_budget_dispose(&budget);
}

static void one_alone_may_have_thousands_verified_at_once(void **state)
{
    (void)state;
    struct verify_budget budget;
    unsigned served = 0;
    verify_budget_init(&budget, &public_rules);
    for (int i = 0; i < 1000; i++)
        ask(&budget, 1, false, 5, &served);
    assert_int_equal(served, 1000);
    for (uint64_t now_ms = 0; now_ms < 60 * 1000; now_ms += 5)
        ask(&budget, 1, false, 5 + now_ms, &served);
    assert_in_range(served, 12000, 13000); /* 200 a second from then on */
    verify_budget_dispose(&budget);
}

static void who_shares_a_network_shares_its_debt_and_local_ones_do_not(void **state)
{
    (void)state;
    struct verify_budget budget;
    struct endpoint one = host_of(1), neighbour = host_of(1);
    struct endpoint local = {.family = ENDPOINT_IPV4, .addr = {127, 0, 0, 1}, .port = 1000};
    neighbour.addr[3] = 77;
    verify_budget_init(&budget, &public_rules);
    for (int i = 0; i < 10; i++) {
        verify_budget_forged(&budget, &one, 1);
        verify_budget_forged(&budget, &local, 1);
    }
    assert_false(verify_budget_take(&budget, &neighbour, VERIFY_COST_MS + 1));
    assert_false(verify_budget_take(&budget, &local, 1000));
    local.port++;
    assert_true(verify_budget_take(&budget, &local, 1000));
    assert_true(verify_budget_take(&budget, &neighbour, 2 * VERIFY_DEBT_MAX_MS));
    verify_budget_dispose(&budget);
}

static void what_verified_is_known_by_all_its_bytes(void **state)
{
    (void)state;
    struct verify_budget budget;
    struct id key = {{1}}, other = {{2}};
    struct bytes value = bytes_of_string("a value"), another = bytes_of_string("another");
    verify_budget_init(&budget, &public_rules);
    uint64_t hash = verify_budget_hash(&budget, &key, 4, value);
    assert_false(verify_budget_knows(&budget, hash));
    verify_budget_remember(&budget, hash);
    assert_true(verify_budget_knows(&budget, hash));
    assert_false(verify_budget_knows(&budget, verify_budget_hash(&budget, &other, 4, value)));
    assert_false(verify_budget_knows(&budget, verify_budget_hash(&budget, &key, 3, value)));
    assert_false(verify_budget_knows(&budget, verify_budget_hash(&budget, &key, 4, another)));
    verify_budget_dispose(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgers_of_any_number_leave_the_others_their_checks),
        cmocka_unit_test(ten_thousand_forgers_are_known_within_half_a_minute),
        cmocka_unit_test(greedy_networks_leave_the_others_their_checks),
        cmocka_unit_test(a_forger_is_served_four_times_a_minute),
        cmocka_unit_test(one_alone_may_have_thousands_verified_at_once),
        cmocka_unit_test(who_shares_a_network_shares_its_debt_and_local_ones_do_not),
        cmocka_unit_test(what_verified_is_known_by_all_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
