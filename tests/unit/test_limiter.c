#include "support/unit.h"

#include "kadpeer/rng.h"
#include "swarm/limiter.h"
#include "swarm/params.h"

/* Limiters, and connections that move whole blocks through them, on a virtual clock. Each does as
 * its owner would: reserves until it has to wait, and goes on when it is told. */

enum { KIB = 1024, MIB = 1024 * KIB, SECOND = 1000, BLOCK = 16384, USERS_MAX = 64, TRANSFERS = 4 };

struct user {
    struct limited limited;
    size_t block;
    uint64_t wishes; /* bytes it still wants to move */
    uint64_t moved;
};

struct scene {
    uint64_t now_ms;
    struct limiter all, transfers[TRANSFERS];
    struct user users[USERS_MAX];
    unsigned count;
};

static void begin(struct scene *scene, uint64_t all_bps)
{
    *scene = (struct scene){.now_ms = 5000};
    limiter_init(&scene->all, NULL, scene->now_ms);
    limiter_set_rate(&scene->all, all_bps, scene->now_ms);
    for (int i = 0; i < TRANSFERS; i++)
        limiter_init(&scene->transfers[i], &scene->all, scene->now_ms);
}

static struct user *add_user(struct scene *scene, unsigned transfer, size_t block)
{
    struct user *user = &scene->users[scene->count++];
    user->block = block;
    user->wishes = UINT64_MAX;
    limited_join(&user->limited, &scene->transfers[transfer]);
    return user;
}

static void add_users(struct scene *scene, unsigned transfer, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        add_user(scene, transfer, BLOCK);
}

static void move(struct scene *scene, struct user *user)
{
    while (user->wishes >= user->block &&
           limited_reserve(&user->limited, user->block, user->wishes, scene->now_ms) > 0) {
        limited_spend(&user->limited, user->block);
        user->moved += user->block;
        user->wishes -= user->block;
    }
}

static void step(struct scene *scene, uint64_t ms)
{
    scene->now_ms += ms;
    if (limiter_deadline(&scene->all) <= scene->now_ms)
        limiter_run(&scene->all, scene->now_ms);
    for (unsigned i = 0; i < scene->count; i++) {
        struct user *user = &scene->users[i];
        limited_take_granted(&user->limited, scene->now_ms);
        if (!user->limited.waits)
            move(scene, user);
    }
}

static uint64_t moved(const struct scene *scene, unsigned first, unsigned count)
{
    uint64_t sum = 0;
    for (unsigned i = first; i < first + count; i++)
        sum += scene->users[i].moved;
    return sum;
}

/* What these users move in `ms`, in steps of `step_ms`. */
static uint64_t run(struct scene *scene, uint64_t ms, uint64_t step_ms, unsigned first,
                    unsigned count)
{
    uint64_t before = moved(scene, first, count);
    for (uint64_t until_ms = scene->now_ms + ms; scene->now_ms < until_ms;)
        step(scene, step_ms);
    return moved(scene, first, count) - before;
}

/* Within 5 %, or a block, whichever is more. */
static void assert_near(uint64_t bytes, uint64_t expected)
{
    uint64_t slack = expected / 20 > BLOCK ? expected / 20 : BLOCK;
    assert_in_range(bytes, expected - slack, expected + slack);
}

static const uint64_t rates[] = {8 * KIB, 50 * KIB, 333 * KIB, 5 * MIB, 100 * MIB, 1000000000};
enum { RATES = sizeof rates / sizeof rates[0] };

static void bytes_move_at_the_rate_of_all(void **state)
{
    (void)state;
    struct scene scene;
    for (int i = 0; i < RATES; i++) {
        begin(&scene, rates[i]);
        add_users(&scene, 0, 1);
        add_users(&scene, 1, 3);
        assert_near(run(&scene, 10 * SECOND, 1, 0, 4), 10 * rates[i]);
        assert_near(run(&scene, 10 * SECOND, 1, 0, 4), 10 * rates[i]);
    }
}

static void bytes_move_at_the_rate_of_their_transfer(void **state)
{
    (void)state;
    struct scene scene;
    for (int i = 0; i < RATES; i++) {
        begin(&scene, 0);
        limiter_set_rate(&scene.transfers[1], rates[i], scene.now_ms);
        add_users(&scene, 1, 3);
        assert_near(run(&scene, 10 * SECOND, 1, 0, 3), 10 * rates[i]);
        assert_near(run(&scene, 10 * SECOND, 1, 0, 3), 10 * rates[i]);
    }
}

static void a_slow_limit_is_exact_in_the_long_run(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 8 * KIB);
    add_users(&scene, 0, 7);
    uint64_t bytes = run(&scene, 100 * SECOND, 7, 0, 7);
    assert_in_range(bytes, 800 * KIB * 95 / 100, 800 * KIB * 105 / 100);
}

static void small_reads_make_a_slow_limit_exact(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 8 * KIB);
    size_t grain = limiter_grain(&scene.transfers[0]);
    assert_int_equal(grain, KIB);
    for (int i = 0; i < 5; i++)
        add_user(&scene, 0, grain);
    uint64_t bytes = run(&scene, 10 * SECOND, 1, 0, 5);
    assert_in_range(bytes, 80 * KIB * 95 / 100, 80 * KIB * 105 / 100);
}

static void a_loop_that_is_late_does_not_change_the_rate(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 3 * MIB);
    add_users(&scene, 0, 2);
    add_users(&scene, 1, 2);
    assert_near(run(&scene, 10 * SECOND, 130, 0, 4), 30 * MIB);
    for (unsigned i = 0; i < 4; i++)
        assert_near(scene.users[i].moved, 30 * MIB / 4);
}

static void a_pause_is_not_made_up_for(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, MIB);
    struct user *user = add_user(&scene, 0, BLOCK);
    user->wishes = 0;
    run(&scene, 60 * SECOND, 100, 0, 1);
    user->wishes = UINT64_MAX;
    assert_in_range(run(&scene, 10, 10, 0, 1), MIB / 5, MIB * 3 / 10);
    assert_near(run(&scene, 10 * SECOND, 1, 0, 1), 10 * MIB);
}

static void connections_share_equally(void **state)
{
    (void)state;
    struct scene scene;
    for (int i = 0; i < RATES; i++) {
        begin(&scene, rates[i]);
        add_users(&scene, 0, 5);
        run(&scene, 20 * SECOND, 3, 0, 5);
        for (unsigned u = 0; u < 5; u++)
            assert_near(scene.users[u].moved, 4 * rates[i]);
    }
}

static void transfers_share_equally_however_many_connections_they_have(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 2 * MIB);
    add_users(&scene, 0, 1);
    add_users(&scene, 1, 20);
    add_users(&scene, 2, 3);
    run(&scene, 12 * SECOND, 5, 0, 24);
    assert_near(moved(&scene, 0, 1), 8 * MIB);
    assert_near(moved(&scene, 1, 20), 8 * MIB);
    assert_near(moved(&scene, 21, 3), 8 * MIB);
}

static void shares_do_not_depend_on_the_size_of_blocks(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, MIB);
    add_user(&scene, 0, 1000);
    add_user(&scene, 1, 128 * KIB);
    run(&scene, 60 * SECOND, 5, 0, 2);
    for (unsigned i = 0; i < 2; i++)
        assert_near(scene.users[i].moved, 30 * MIB);
}

static void what_one_does_not_want_is_for_the_others(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, MIB);
    add_user(&scene, 0, BLOCK)->wishes = 256 * KIB;
    add_users(&scene, 1, 2);
    uint64_t bytes = run(&scene, 10 * SECOND, 4, 0, 3);
    assert_near(bytes, 10 * MIB);
    assert_int_equal(scene.users[0].moved, 256 * KIB);
}

static void a_slow_transfer_does_not_hold_up_the_others(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 4 * MIB);
    limiter_set_rate(&scene.transfers[0], 100 * KIB, scene.now_ms);
    add_users(&scene, 0, 4);
    add_users(&scene, 1, 1);
    run(&scene, 10 * SECOND, 2, 0, 5);
    assert_near(moved(&scene, 0, 4), 1000 * KIB);
    assert_near(moved(&scene, 4, 1), 40 * MIB - 1000 * KIB);
}

static void a_newcomer_gets_no_more_than_its_share(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 2 * MIB);
    add_users(&scene, 0, 1);
    run(&scene, 60 * SECOND, 5, 0, 1);
    add_users(&scene, 0, 1);
    add_users(&scene, 1, 1);
    uint64_t old = scene.users[0].moved;
    run(&scene, 10 * SECOND, 5, 0, 3);
    assert_near(scene.users[0].moved - old, 5 * MIB);
    assert_near(scene.users[1].moved, 5 * MIB);
    assert_near(scene.users[2].moved, 10 * MIB);
}

static void a_change_takes_effect_at_once(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 8 * KIB);
    add_users(&scene, 0, 2);
    run(&scene, 10 * SECOND, 5, 0, 2);
    limiter_set_rate(&scene.all, 4 * MIB, scene.now_ms);
    assert_near(run(&scene, 10 * SECOND, 5, 0, 2), 40 * MIB);
    limiter_set_rate(&scene.all, 100 * KIB, scene.now_ms);
    assert_near(run(&scene, 10 * SECOND, 5, 0, 2), 1000 * KIB);
    limiter_set_rate(&scene.transfers[0], 50 * KIB, scene.now_ms);
    assert_near(run(&scene, 10 * SECOND, 5, 0, 2), 500 * KIB);
}

static void what_somebody_leaves_behind_is_for_the_others(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, MIB);
    add_users(&scene, 0, 2);
    run(&scene, 5 * SECOND, 5, 0, 2);
    limited_leave(&scene.users[0].limited);
    scene.users[0].wishes = 0;
    limited_join(&scene.users[0].limited, &scene.transfers[0]);
    assert_near(run(&scene, 10 * SECOND, 5, 1, 1), 10 * MIB);
}

/* They come, go, want much or little, use what they reserved or not; the limits are kept all the
 * same, and what was wanted is moved. */
static void whatever_they_do_the_limits_are_kept(void **state)
{
    (void)state;
    struct scene scene;
    struct rng rng;
    rng_init_seed(&rng, test_seed(3));
    begin(&scene, MIB);
    limiter_set_rate(&scene.transfers[0], 200 * KIB, scene.now_ms);
    add_users(&scene, 0, 4);
    add_users(&scene, 1, 4);
    add_users(&scene, 2, 4);
    uint64_t began_ms = scene.now_ms;
    for (int i = 0; i < 20000; i++) {
        struct user *user = &scene.users[rng_below(&rng, scene.count)];
        struct limiter *limiter = user->limited.limiter;
        switch (rng_below(&rng, 8)) {
        case 0:
            limited_leave(&user->limited);
            limited_join(&user->limited, limiter);
            break;
        case 1:
            user->wishes = rng_below(&rng, MIB);
            break;
        case 2:
            limited_reserve(&user->limited, BLOCK, BLOCK, scene.now_ms); /* and lets it be */
            break;
        }
        step(&scene, rng_below(&rng, 12));
        uint64_t passed_ms = scene.now_ms - began_ms + 2 * LIMITER_BURST_MS;
        assert_true(moved(&scene, 0, 12) <= passed_ms * MIB / 1000);
        assert_true(moved(&scene, 0, 4) <= passed_ms * (200 * KIB) / 1000);
    }
    for (unsigned i = 0; i < scene.count; i++) {
        scene.users[i].wishes = 10 * BLOCK;
        scene.users[i].moved = 0;
    }
    run(&scene, 10 * SECOND, 5, 0, 12);
    for (unsigned i = 0; i < scene.count; i++)
        assert_int_equal(scene.users[i].moved, 10 * BLOCK);
    assert_null(scene.all.below);
}

static void without_a_limit_nobody_waits(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, 0);
    assert_false(limiter_is_on(&scene.transfers[0]));
    struct user *user = add_user(&scene, 0, BLOCK);
    user->wishes = 1000 * MIB;
    move(&scene, user);
    assert_int_equal(user->wishes, 0);
    assert_true(limiter_deadline(&scene.all) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_move_at_the_rate_of_all),
        cmocka_unit_test(bytes_move_at_the_rate_of_their_transfer),
        cmocka_unit_test(a_slow_limit_is_exact_in_the_long_run),
        cmocka_unit_test(small_reads_make_a_slow_limit_exact),
        cmocka_unit_test(a_loop_that_is_late_does_not_change_the_rate),
        cmocka_unit_test(a_pause_is_not_made_up_for),
        cmocka_unit_test(connections_share_equally),
        cmocka_unit_test(transfers_share_equally_however_many_connections_they_have),
        cmocka_unit_test(shares_do_not_depend_on_the_size_of_blocks),
        cmocka_unit_test(what_one_does_not_want_is_for_the_others),
        cmocka_unit_test(a_slow_transfer_does_not_hold_up_the_others),
        cmocka_unit_test(a_newcomer_gets_no_more_than_its_share),
        cmocka_unit_test(a_change_takes_effect_at_once),
        cmocka_unit_test(what_somebody_leaves_behind_is_for_the_others),
        cmocka_unit_test(whatever_they_do_the_limits_are_kept),
        cmocka_unit_test(without_a_limit_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
