#include "support/unit.h"

#include "dht/votes.h"

static struct endpoint address(const char *text)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(text, &endpoint));
    return endpoint;
}

static bool vote(struct votes *votes, const char *voter, const char *claim)
{
    struct endpoint from = address(voter), says = address(claim);
    return votes_add(votes, &from, &says);
}

static void assert_winner(const struct votes *votes, const char *text)
{
    struct endpoint expected = address(text);
    assert_true(endpoint_equal(votes_winner(votes), &expected));
}

static void first_vote_wins_until_outvoted(void **state)
{
    (void)state;
    struct votes votes;
    votes_init(&votes, ENDPOINT_IPV4);
    assert_int_equal(votes_winner(&votes)->family, ENDPOINT_NONE);
    assert_true(vote(&votes, "8.1.0.1:1", "9.9.9.9:5"));
    assert_false(vote(&votes, "8.2.0.1:1", "7.7.7.7:5")); /* a draw changes nothing */
    assert_winner(&votes, "9.9.9.9:5");
    assert_true(vote(&votes, "8.3.0.1:1", "7.7.7.7:5"));
    assert_winner(&votes, "7.7.7.7:5");
    assert_int_equal(votes_support(&votes), 2);
}

static void one_network_has_one_vote(void **state)
{
    (void)state;
    struct votes votes;
    votes_init(&votes, ENDPOINT_IPV4);
    vote(&votes, "8.1.0.1:1", "9.9.9.9:5");
    vote(&votes, "8.2.0.1:1", "9.9.9.9:5");
    char voter[32];
    for (int i = 1; i < 100; i++) {
        snprintf(voter, sizeof voter, "6.6.6.%d:1", i);
        assert_false(vote(&votes, voter, "5.5.5.5:5"));
    }
    assert_winner(&votes, "9.9.9.9:5");

    votes_init(&votes, ENDPOINT_IPV6);
    vote(&votes, "[2001:db8:1::1]:1", "[2001:db8:f::1]:5");
    vote(&votes, "[2001:db8:1:2::1]:1", "[2001:db8:f::1]:5");
    assert_int_equal(votes_support(&votes), 1); /* one /48 */
}

static void local_voters_differ_by_port(void **state)
{
    (void)state;
    struct votes votes;
    votes_init(&votes, ENDPOINT_IPV4);
    vote(&votes, "127.0.0.1:1", "127.0.0.1:5");
    vote(&votes, "127.0.0.1:2", "127.0.0.1:5");
    vote(&votes, "127.0.0.1:3", "127.0.0.1:5");
    assert_int_equal(votes_support(&votes), 3);
    assert_winner(&votes, "127.0.0.1:5");
}

static void public_address_outdoes_local_ones(void **state)
{
    (void)state;
    struct votes votes;
    votes_init(&votes, ENDPOINT_IPV4);
    vote(&votes, "192.168.1.2:1", "192.168.1.1:5");
    vote(&votes, "192.168.1.3:1", "192.168.1.1:5");
    assert_true(vote(&votes, "8.1.0.1:1", "9.9.9.9:5"));
    assert_false(vote(&votes, "192.168.1.4:1", "192.168.1.1:5"));
    assert_winner(&votes, "9.9.9.9:5");
}

/* Twelve neighbours, and one of them lies. */
static void a_local_voter_cannot_name_a_public_address(void **state)
{
    (void)state;
    struct votes votes;
    votes_init(&votes, ENDPOINT_IPV4);
    vote(&votes, "192.168.1.2:1", "192.168.1.1:5");
    assert_false(vote(&votes, "192.168.1.66:1", "9.9.9.9:5"));
    assert_winner(&votes, "192.168.1.1:5");
    assert_true(vote(&votes, "8.1.0.1:1", "7.7.7.7:5")); /* one public bootstrap node can */
    assert_winner(&votes, "7.7.7.7:5");
}

static void who_has_won_stays_until_most_are_for_another(void **state)
{
    (void)state;
    struct votes votes;
    votes_init(&votes, ENDPOINT_IPV4);
    char voter[32];
    for (int i = 0; i < 3; i++) {
        snprintf(voter, sizeof voter, "8.%d.0.1:1", i);
        vote(&votes, voter, "9.9.9.9:5");
    }
    assert_true(votes_agree(&votes));
    for (int i = 3; i < 7; i++) { /* three agree, of seven */
        snprintf(voter, sizeof voter, "8.%d.0.1:1", i);
        vote(&votes, voter, i < 6 ? "7.7.7.7:5" : "6.6.6.6:5");
        assert_winner(&votes, "9.9.9.9:5");
    }
    assert_false(votes_agree(&votes));
    vote(&votes, "8.7.0.1:1", "7.7.7.7:5");
    assert_winner(&votes, "9.9.9.9:5"); /* four of eight */
    vote(&votes, "8.8.0.1:1", "7.7.7.7:5");
    assert_winner(&votes, "7.7.7.7:5");
    assert_true(votes_agree(&votes));
}

static void port_stays_while_somebody_sees_it(void **state)
{
    (void)state;
    struct votes votes;
    votes_init(&votes, ENDPOINT_IPV4);
    vote(&votes, "8.1.0.1:1", "9.9.9.9:5");
    assert_false(vote(&votes, "8.2.0.1:1", "9.9.9.9:6")); /* a NAT with a port for each */
    assert_winner(&votes, "9.9.9.9:5");
    assert_true(vote(&votes, "8.1.0.1:1", "9.9.9.9:7"));
    assert_winner(&votes, "9.9.9.9:7");
}

static void old_votes_are_forgotten(void **state)
{
    (void)state;
    struct votes votes;
    votes_init(&votes, ENDPOINT_IPV4);
    char voter[32];
    for (int i = 0; i < 2 * VOTES_MAX; i++) {
        snprintf(voter, sizeof voter, "8.%d.0.1:1", i);
        vote(&votes, voter, i < VOTES_MAX ? "9.9.9.9:5" : "7.7.7.7:5");
    }
    assert_winner(&votes, "7.7.7.7:5"); /* we have moved */
    assert_int_equal(votes_support(&votes), VOTES_MAX);
}

static void claims_that_cannot_be_are_ignored(void **state)
{
    (void)state;
    struct votes votes;
    votes_init(&votes, ENDPOINT_IPV4);
    struct endpoint voter = address("8.1.0.1:1"), claim = address("[2001:db8::1]:1");
    assert_false(votes_add(&votes, &voter, &claim));
    claim = (struct endpoint){.family = ENDPOINT_IPV4, .addr = {255, 255, 255, 255}, .port = 1};
    assert_false(votes_add(&votes, &voter, &claim));
    assert_int_equal(votes_winner(&votes)->family, ENDPOINT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_vote_wins_until_outvoted),
        cmocka_unit_test(one_network_has_one_vote),
        cmocka_unit_test(local_voters_differ_by_port),
        cmocka_unit_test(public_address_outdoes_local_ones),
        cmocka_unit_test(a_local_voter_cannot_name_a_public_address),
        cmocka_unit_test(who_has_won_stays_until_most_are_for_another),
        cmocka_unit_test(port_stays_while_somebody_sees_it),
        cmocka_unit_test(old_votes_are_forgotten),
        cmocka_unit_test(claims_that_cannot_be_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
