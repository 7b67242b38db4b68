#include "support/unit.h"

#include <string.h>

#include "swarm/choker.h"
#include "swarm/params.h"

enum { MOST = 32 };

struct table {
    struct choker choker;
    struct choker_peer peers[MOST];
    bool unchoke[MOST];
    size_t count;
    struct rng rng;
    uint64_t now_ms;
};

/* Peers 1, 2, … with these rates; interested unless the rate is negative. */
static struct table table_of(size_t slots, const int rates[], size_t count)
{
    struct table table = {.choker = {.slots = slots}, .count = count, .now_ms = 1000000};
    rng_init_seed(&table.rng, 1);
    for (size_t i = 0; i < count; i++)
        table.peers[i] = (struct choker_peer){.peer = (uint32_t)i + 1,
                                              .rate_bps = rates[i] < 0 ? 0 : (uint64_t)rates[i],
                                              .interested = rates[i] >= 0,
                                              .joined_ms = 1000 + i};
    return table;
}

static void play_round(struct table *table)
{
    choker_round(&table->choker, table->peers, table->count, &table->rng, table->now_ms,
                 table->unchoke);
    for (size_t i = 0; i < table->count; i++) {
        if (table->unchoke[i] && !table->peers[i].unchoked)
            table->peers[i].turn_ms = table->now_ms;
        table->peers[i].unchoked = table->unchoke[i];
    }
}

static size_t unchoked(const struct table *table)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++)
        count += table->unchoke[i];
    return count;
}

static void who_gives_most_is_served(void **state)
{
    (void)state;
    struct table table = table_of(4, (int[]){5, 90, 1, 80, 2, 70, 3, -1}, 8);
    play_round(&table);
    assert_int_equal(unchoked(&table), 4);
    assert_true(table.unchoke[1] && table.unchoke[3] && table.unchoke[5]);
    assert_false(table.unchoke[7]);
}

static void one_slot_is_a_chance_for_somebody_else(void **state)
{
    (void)state;
    bool had_a_chance[8] = {0};
    struct table table = table_of(3, (int[]){90, 80, 1, 1, 1, 1, 1, 1}, 8);
    rng_init_seed(&table.rng, test_seed(1));
    for (int round = 0; round < 300; round++, table.now_ms += CHOKER_ROUND_MS) {
        play_round(&table);
        assert_int_equal(unchoked(&table), 3);
        assert_true(table.unchoke[0] && table.unchoke[1]);
        for (size_t i = 0; i < 8; i++)
            had_a_chance[i] = had_a_chance[i] || table.unchoke[i];
    }
    for (size_t i = 0; i < 8; i++)
        assert_true(had_a_chance[i]);
}

static void the_chance_lasts_three_rounds(void **state)
{
    (void)state;
    struct table table = table_of(1, (int[]){0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 10);
    play_round(&table);
    uint32_t chosen = table.choker.optimistic;
    for (int round = 1; round < 3; round++) {
        table.now_ms += CHOKER_ROUND_MS;
        play_round(&table);
        assert_int_equal(table.choker.optimistic, chosen);
    }
    unsigned changes = 0;
    for (int i = 0; i < 30; i++) {
        table.now_ms += OPTIMISTIC_MS;
        play_round(&table);
        changes += table.choker.optimistic != chosen;
        chosen = table.choker.optimistic;
    }
    assert_true(changes > 15);
}

static void newcomers_get_the_chance_three_times_as_often(void **state)
{
    (void)state;
    unsigned newcomer = 0;
    struct rng rng;
    rng_init_seed(&rng, test_seed(4));
    for (int i = 0; i < 4000; i++) {
        struct table table = table_of(1, (int[]){0, 0}, 2);
        table.rng = rng;
        table.peers[1].joined_ms = table.now_ms - 1000;
        play_round(&table);
        newcomer += table.unchoke[1];
        rng = table.rng;
    }
    assert_in_range(newcomer, 2800, 3200);
}

static void of_those_who_give_nothing_who_has_least_goes_first(void **state)
{
    (void)state;
    struct table table = table_of(4, (int[]){5, 0, 0, 0, 0, 0}, 6);
    for (uint32_t i = 0; i < 6; i++)
        table.peers[i].pieces = 10 - i;
    play_round(&table);
    assert_true(table.unchoke[0] && table.unchoke[4] && table.unchoke[5]);
}

static void who_has_next_to_nothing_serves_the_poorest(void **state)
{
    (void)state;
    struct table table = table_of(3, (int[]){90, 80, 0, 0, 0}, 5);
    for (uint32_t i = 0; i < 5; i++)
        table.peers[i].pieces = 5 - i;
    table.choker.spreading = true;
    play_round(&table);
    assert_true(table.unchoke[3] && table.unchoke[4]);
}

/* Everywhere the same few would get all there is. */
static void of_equals_not_all_choose_the_same(void **state)
{
    (void)state;
    unsigned chosen[20] = {0};
    for (uint64_t salt = 1; salt <= 100; salt++) {
        struct table table = table_of(5, (int[20]){0}, 20);
        table.choker.salt = salt * 0x123456789u;
        choker_admit(&table.choker, table.peers, table.count, table.unchoke);
        for (size_t i = 0; i < 20; i++)
            chosen[i] += table.unchoke[i];
    }
    for (size_t i = 0; i < 20; i++) /* 25 each */
        assert_in_range(chosen[i], 10, 45);
}

static void who_keeps_all_to_itself_comes_last_at_a_seed(void **state)
{
    (void)state;
    struct table table = table_of(2, (int[]){0, 0, 0, 0}, 4);
    table.choker.seeding = true;
    play_round(&table);
    assert_true(table.unchoke[0] && table.unchoke[1]);
    table.peers[0].hoard = HOARD_PIECES;
    table.now_ms += CHOKER_ROUND_MS;
    play_round(&table);
    assert_true(table.unchoke[1] && table.unchoke[2]);
    for (size_t i = 0; i < 4; i++)
        table.peers[i].hoard = HOARD_PIECES; /* they are all alike */
    play_round(&table);
    assert_int_equal(unchoked(&table), 2);
}

static void equals_keep_their_place(void **state)
{
    (void)state;
    struct table table = table_of(4, (int[]){7, 7, 7, 7, 7, 7}, 6);
    play_round(&table);
    bool before[MOST];
    memcpy(before, table.unchoke, sizeof before);
    before[table.choker.optimistic - 1] = false;
    table.now_ms += CHOKER_ROUND_MS;
    play_round(&table);
    for (size_t i = 0; i < 6; i++)
        assert_true(!before[i] || table.unchoke[i]);
}

static void nobody_is_put_out_right_after_coming_in(void **state)
{
    (void)state;
    struct table table = table_of(3, (int[]){50, 60, 70, 0}, 4);
    table.peers[3].unchoked = true;
    table.peers[3].turn_ms = table.now_ms - 500;
    play_round(&table);
    assert_true(table.unchoke[3]);
    table.now_ms += CHOKER_ROUND_MS;
    play_round(&table);
    assert_true(table.unchoke[1] && table.unchoke[2]);
}

static void a_seed_gives_everybody_a_turn(void **state)
{
    (void)state;
    struct table table = table_of(2, (int[]){0, 0, 0, 0, 0, -1}, 6);
    table.choker.seeding = true;
    unsigned rounds_served[6] = {0};
    for (int round = 0; round < 300; round++, table.now_ms += CHOKER_ROUND_MS) {
        bool before[6];
        for (size_t i = 0; i < 6; i++)
            before[i] =
                table.peers[i].unchoked && table.now_ms - table.peers[i].turn_ms < SEED_TURN_MS;
        play_round(&table);
        assert_int_equal(unchoked(&table), 2);
        for (size_t i = 0; i < 6; i++) {
            assert_true(!before[i] || table.unchoke[i]); /* nobody is put out in mid-turn */
            rounds_served[i] += table.unchoke[i];
        }
    }
    for (size_t i = 0; i < 5; i++)
        assert_in_range(rounds_served[i], 100, 140);
    assert_int_equal(rounds_served[5], 0);
}

static void a_free_slot_is_filled_between_rounds(void **state)
{
    (void)state;
    struct table table = table_of(3, (int[]){5, 9, 7, 8}, 4);
    table.peers[0].unchoked = true;
    choker_admit(&table.choker, table.peers, table.count, table.unchoke);
    assert_true(table.unchoke[0] && table.unchoke[1] && table.unchoke[3]);
    assert_false(table.unchoke[2]);
}

static void between_rounds_nobody_is_put_out(void **state)
{
    (void)state;
    struct table table = table_of(2, (int[]){1, 1, 90, -1}, 4);
    table.peers[0].unchoked = table.peers[1].unchoked = table.peers[3].unchoked = true;
    choker_admit(&table.choker, table.peers, table.count, table.unchoke);
    assert_true(table.unchoke[0] && table.unchoke[1] && table.unchoke[3]);
    assert_false(table.unchoke[2]);
}

static void without_slots_nobody_is_served(void **state)
{
    (void)state;
    struct table table = table_of(0, (int[]){1, 2}, 2);
    play_round(&table);
    assert_int_equal(unchoked(&table), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_gives_most_is_served),
        cmocka_unit_test(one_slot_is_a_chance_for_somebody_else),
        cmocka_unit_test(the_chance_lasts_three_rounds),
        cmocka_unit_test(newcomers_get_the_chance_three_times_as_often),
        cmocka_unit_test(of_those_who_give_nothing_who_has_least_goes_first),
        cmocka_unit_test(who_has_next_to_nothing_serves_the_poorest),
        cmocka_unit_test(of_equals_not_all_choose_the_same),
        cmocka_unit_test(who_keeps_all_to_itself_comes_last_at_a_seed),
        cmocka_unit_test(equals_keep_their_place),
        cmocka_unit_test(nobody_is_put_out_right_after_coming_in),
        cmocka_unit_test(a_seed_gives_everybody_a_turn),
        cmocka_unit_test(a_free_slot_is_filled_between_rounds),
        cmocka_unit_test(between_rounds_nobody_is_put_out),
        cmocka_unit_test(without_slots_nobody_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
