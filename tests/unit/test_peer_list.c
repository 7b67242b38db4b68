#include "support/unit.h"

#include "swarm/params.h"
#include "swarm/peer_list.h"

static struct endpoint at(const char *text)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(text, &endpoint));
    return endpoint;
}

static struct endpoint numbered(unsigned i)
{
    return (struct endpoint){
        .addr = {198, 51, (uint8_t)(i >> 8), (uint8_t)i}, .port = 6881, .family = ENDPOINT_IPV4};
}

static void the_same_address_with_another_port_is_another_peer(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint right = at("192.0.2.1:6881"), swapped = at("192.0.2.1:57626"), out;
    assert_true(peer_list_add(list, &right, PEER_FROM_DHT, 0));
    assert_true(peer_list_add(list, &swapped, PEER_FROM_DHT, 0));
    assert_false(peer_list_add(list, &right, PEER_FROM_EXCHANGE, 0));
    assert_int_equal(peer_list_count(list), 2);
    assert_int_equal(peer_list_count_from(list, PEER_FROM_EXCHANGE), 1);
    assert_int_equal(peer_list_count_from(list, PEER_FROM_EXCHANGE | PEER_FROM_DHT), 2);
    assert_true(peer_list_next(list, 0, &out));
    peer_list_ended(list, &out, PEER_FAILED, 0);
    assert_true(peer_list_next(list, 0, &out)); /* the failed one does not block the address */
    assert_false(peer_list_next(list, 0, &out));
    peer_list_free(list);
}

static void unusable_addresses_are_ignored(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint none = {0}, no_port = at("192.0.2.1:1");
    no_port.port = 0;
    assert_false(peer_list_add(list, &none, PEER_FROM_DHT, 0));
    assert_false(peer_list_add(list, &no_port, PEER_FROM_DHT, 0));
    assert_int_equal(peer_list_count(list), 0);
    assert_int_equal(peer_list_due(list), UINT64_MAX);
    peer_list_free(list);
}

static void a_link_is_dialled_before_hearsay(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint hearsay = at("192.0.2.1:1"), found = at("192.0.2.2:1"),
                    link = at("192.0.2.3:1");
    struct endpoint out;
    peer_list_add(list, &hearsay, PEER_FROM_EXCHANGE, 0);
    peer_list_add(list, &found, PEER_FROM_DHT, 0);
    peer_list_add(list, &link, PEER_FROM_LINK, 0);
    assert_true(peer_list_next(list, 0, &out) && endpoint_equal(&out, &link));
    assert_true(peer_list_next(list, 0, &out) && endpoint_equal(&out, &found));
    assert_true(peer_list_next(list, 0, &out) && endpoint_equal(&out, &hearsay));
    peer_list_free(list);
}

static void failures_make_the_pauses_grow(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint peer = at("192.0.2.1:1"), out;
    uint64_t now_ms = 0, last_pause_ms = 0;
    peer_list_add(list, &peer, PEER_FROM_DHT, 0);
    for (int i = 0; i < 40; i++) {
        assert_true(peer_list_next(list, now_ms, &out));
        peer_list_ended(list, &out, PEER_FAILED, now_ms);
        uint64_t pause_ms = peer_list_due(list) - now_ms;
        assert_true(pause_ms >= last_pause_ms && pause_ms <= 15 * 60000);
        assert_false(peer_list_next(list, peer_list_due(list) - 1, &out));
        now_ms = peer_list_due(list);
        last_pause_ms = pause_ms;
    }
    assert_int_equal(last_pause_ms, 15 * 60000);
    peer_list_forget_failures(list, now_ms);
    assert_true(peer_list_next(list, now_ms, &out));
    peer_list_free(list);
}

static void a_peer_that_lasted_is_wanted_back_in_seconds(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint peer = at("192.0.2.1:1"), out;
    uint64_t now_ms = 0;
    peer_list_add(list, &peer, PEER_FROM_DHT, now_ms);
    for (int i = 0; i < 3; i++) {
        now_ms = peer_list_due(list);
        assert_true(peer_list_next(list, now_ms, &out));
        peer_list_ended(list, &out, PEER_LOST_EARLY, now_ms);
    }
    now_ms = peer_list_due(list);
    assert_true(peer_list_next(list, now_ms, &out));
    peer_list_ended(list, &out, PEER_LOST, now_ms + 100000);
    assert_true(peer_list_due(list) <= now_ms + 100000 + 5000);
    peer_list_free(list);
}

static void a_peer_that_gave_something_is_wanted_back_in_seconds(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint peer = at("192.0.2.1:1"), out;
    uint64_t now_ms = 0;
    peer_list_add(list, &peer, PEER_FROM_DHT, now_ms);
    for (int i = 0; i < 10; i++) {
        assert_true(peer_list_next(list, now_ms, &out));
        peer_list_worked(list, &out);
        peer_list_ended(list, &out, PEER_LOST, now_ms + 10);
        assert_true(peer_list_due(list) <= now_ms + 10 + 2000);
        now_ms = peer_list_due(list);
    }
    peer_list_worked(list, &peer); /* no connection: nothing to remember */
    assert_true(peer_list_next(list, now_ms, &out));
    peer_list_ended(list, &out, PEER_LOST, now_ms);
    now_ms = peer_list_due(list);
    assert_true(peer_list_next(list, now_ms, &out));
    peer_list_ended(list, &out, PEER_LOST, now_ms);
    assert_true(peer_list_due(list) > now_ms + 2000); /* without a gift the pauses grow */
    peer_list_free(list);
}

static void one_that_hung_up_is_dialled_by_one_transfer_at_a_time(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint peer = at("192.0.2.1:1"), out;
    struct peer_known known;
    peer_list_add(list, &peer, PEER_FROM_LINK, 0);
    assert_true(peer_list_next(list, 0, &out));
    assert_false(peer_list_postpone(list, &peer, 0)); /* nothing is held against it yet */
    peer_list_ended(list, &peer, PEER_CROWDED, 1000); /* no failure: soon again */
    assert_int_equal(peer_list_count_hung_up(list), 1);
    uint64_t now_ms = peer_list_due(list);
    assert_in_range(now_ms, 1001, 1500);
    for (int i = 0; i < 20; i++) { /* busy with another, however often it is looked at */
        assert_true(peer_list_next(list, now_ms, &out));
        assert_true(peer_list_postpone(list, &peer, now_ms));
        assert_in_range(peer_list_due(list), now_ms + 1, now_ms + 500);
        now_ms = peer_list_due(list);
    }
    assert_true(peer_list_next(list, now_ms, &out));
    peer_list_ended(list, &peer, PEER_LOST, now_ms);
    assert_int_equal(peer_list_known(list, &known, 1), 1);
    assert_false(known.hung_up);
    assert_true(peer_list_next(list, peer_list_due(list), &out));
    peer_list_ended(list, &peer, PEER_HUNG_UP, now_ms); /* it speaks our tongue, after all */
    assert_int_equal(peer_list_count_hung_up(list), 0);
    peer_list_free(list);
}

static void one_that_hangs_up_again_and_again_is_dialled_ever_more_seldom(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint peer = at("192.0.2.1:1"), out;
    uint64_t now_ms = 0, pause_ms = 0;
    peer_list_add(list, &peer, PEER_FROM_LINK, now_ms);
    for (int i = 0; i < 20; i++) {
        assert_true(peer_list_next(list, now_ms, &out));
        peer_list_ended(list, &peer, PEER_HUNG_UP, now_ms);
        uint64_t pause_now_ms = peer_list_due(list) - now_ms;
        assert_true(pause_now_ms >= 10000 && pause_now_ms <= 15 * 60000);
        assert_true(pause_now_ms >= 2 * pause_ms || pause_now_ms == 15 * 60000);
        pause_ms = pause_now_ms;
        now_ms += pause_ms;
    }
    assert_int_equal(peer_list_count_hung_up(list), 1);
    peer_list_free(list);
}

static void banned_ones_never_come_back(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint liar = at("192.0.2.1:1"), brother = at("192.0.2.1:2"),
                    third = at("192.0.2.1:3");
    struct endpoint out;
    peer_list_add(list, &liar, PEER_FROM_DHT, 0);
    peer_list_next(list, 0, &out);
    peer_list_ended(list, &liar, PEER_BANNED, 0);
    assert_int_equal(peer_list_count(list), 0);
    assert_true(peer_list_is_banned(list, &liar));
    assert_false(peer_list_add(list, &liar, PEER_FROM_LINK, 0));
    assert_false(peer_list_claim(list, &liar, 0));
    assert_false(peer_list_is_banned(list, &brother));
    peer_list_ended(list, &brother, PEER_BANNED, 0); /* never added: banned all the same */
    assert_true(peer_list_is_banned(list, &third));  /* two bad ports: the whole address */
    peer_list_free(list);
}

static void of_too_many_bans_the_oldest_is_forgotten(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    for (unsigned i = 0; i <= PEER_LIST_BANS_MAX; i++) {
        struct endpoint liar = numbered(i);
        peer_list_ended(list, &liar, PEER_BANNED, 0);
        peer_list_ended(list, &liar, PEER_BANNED, 0); /* once more is the same ban */
    }
    for (unsigned i = 0; i <= PEER_LIST_BANS_MAX; i++) {
        struct endpoint liar = numbered(i);
        assert_int_equal(peer_list_is_banned(list, &liar), i > 0);
    }
    struct endpoint oldest = numbered(0);
    assert_true(peer_list_add(list, &oldest, PEER_FROM_DHT, 0));
    peer_list_free(list);
}

static void a_local_address_is_banned_port_by_port(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint a = at("127.0.0.1:1"), b = at("127.0.0.1:2"), c = at("127.0.0.1:3");
    peer_list_ended(list, &a, PEER_BANNED, 0);
    peer_list_ended(list, &b, PEER_BANNED, 0);
    assert_true(peer_list_is_banned(list, &a));
    assert_false(peer_list_is_banned(list, &c));
    peer_list_free(list);
}

static void claimed_ones_are_not_dialled(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint peer = at("192.0.2.1:1"), out;
    assert_true(peer_list_claim(list, &peer, 0));
    assert_false(peer_list_claim(list, &peer, 0));
    assert_false(peer_list_next(list, 0, &out));
    peer_list_ended(list, &peer, PEER_LOST, 1000);
    assert_true(peer_list_next(list, peer_list_due(list), &out));
    assert_false(peer_list_claim(list, &peer, 5000));
    peer_list_free(list);
}

static void those_we_left_are_called_back_once_and_at_once(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint served = at("192.0.2.1:1"), source = at("192.0.2.2:1"), out;
    uint64_t now_ms = 1000;
    peer_list_add(list, &source, PEER_FROM_DHT, 0);
    assert_true(peer_list_claim(list, &served, 0));
    assert_false(peer_list_has_halted(list));
    peer_list_ended(list, &served, PEER_HALTED, now_ms);
    assert_true(peer_list_has_halted(list));
    assert_true(peer_list_next_halted(list, now_ms, &out) && endpoint_equal(&out, &served));
    assert_false(peer_list_has_halted(list));
    assert_false(peer_list_next_halted(list, now_ms, &out)); /* nobody served the other one */
    peer_list_ended(list, &served, PEER_FAILED, now_ms);
    assert_false(peer_list_has_halted(list)); /* it is gone: if it comes back, it calls us */
    peer_list_free(list);
}

static void who_called_first_needs_no_call_back(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint served = at("192.0.2.1:1");
    assert_true(peer_list_claim(list, &served, 0));
    peer_list_ended(list, &served, PEER_HALTED, 1000);
    assert_true(peer_list_claim(list, &served, 2000));
    assert_false(peer_list_has_halted(list));
    peer_list_ended(list, &served, PEER_LOST, 3000);
    assert_false(peer_list_has_halted(list));
    peer_list_free(list);
}

static void ourselves_are_dialled_once(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint us = at("192.0.2.1:1"), out;
    peer_list_add(list, &us, PEER_FROM_DHT, 0);
    assert_true(peer_list_next(list, 0, &out));
    peer_list_ended(list, &us, PEER_IS_US, 0);
    peer_list_forget_failures(list, 0);
    assert_int_equal(peer_list_due(list), UINT64_MAX);
    peer_list_free(list);
}

static void a_full_list_gives_up_its_worst(void **state)
{
    (void)state;
    struct peer_list *list = peer_list_new();
    struct endpoint out;
    for (unsigned i = 0; i < PEER_LIST_MAX; i++) {
        struct endpoint peer = numbered(i);
        assert_true(peer_list_add(list, &peer, PEER_FROM_DHT, 0));
    }
    struct endpoint hearsay = at("192.0.2.1:1"), link = at("192.0.2.2:1");
    assert_false(peer_list_add(list, &hearsay, PEER_FROM_EXCHANGE, 0)); /* itself the worst */
    assert_true(peer_list_next(list, 0, &out));
    peer_list_ended(list, &out, PEER_FAILED, 0);
    assert_true(peer_list_add(list, &link, PEER_FROM_LINK, 0));
    assert_int_equal(peer_list_count(list), PEER_LIST_MAX);
    assert_true(peer_list_add(list, &out, PEER_FROM_LINK, 0)); /* the failed one had made way */
    peer_list_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_address_with_another_port_is_another_peer),
        cmocka_unit_test(unusable_addresses_are_ignored),
        cmocka_unit_test(a_link_is_dialled_before_hearsay),
        cmocka_unit_test(failures_make_the_pauses_grow),
        cmocka_unit_test(a_peer_that_lasted_is_wanted_back_in_seconds),
        cmocka_unit_test(a_peer_that_gave_something_is_wanted_back_in_seconds),
        cmocka_unit_test(one_that_hung_up_is_dialled_by_one_transfer_at_a_time),
        cmocka_unit_test(one_that_hangs_up_again_and_again_is_dialled_ever_more_seldom),
        cmocka_unit_test(banned_ones_never_come_back),
        cmocka_unit_test(of_too_many_bans_the_oldest_is_forgotten),
        cmocka_unit_test(a_local_address_is_banned_port_by_port),
        cmocka_unit_test(claimed_ones_are_not_dialled),
        cmocka_unit_test(those_we_left_are_called_back_once_and_at_once),
        cmocka_unit_test(who_called_first_needs_no_call_back),
        cmocka_unit_test(ourselves_are_dialled_once),
        cmocka_unit_test(a_full_list_gives_up_its_worst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
