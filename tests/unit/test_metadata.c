#include "support/unit.h"

#include <string.h>

#include "content/metainfo.h"
#include "kadpeer/rng.h"
#include "swarm/metadata.h"
#include "swarm/params.h"

enum { SIZE = 50000, PARTS = 4 };

struct fixture {
    uint8_t right[SIZE], wrong[SIZE];
    struct metadata *metadata;
    uint64_t now_ms;
    unsigned silent; /* given up on, at the last on_time */
};

static int make(void **state)
{
    static struct fixture fixture;
    struct rng rng;
    rng_init_seed(&rng, 1);
    rng_fill(&rng, fixture.right, SIZE);
    rng_fill(&rng, fixture.wrong, SIZE);
    fixture.metadata = metadata_new();
    fixture.now_ms = 5000;
    *state = &fixture;
    return 0;
}

static int dispose(void **state)
{
    struct fixture *fixture = *state;
    metadata_free(fixture->metadata);
    return 0;
}

static struct bytes part_of(const uint8_t *data, uint32_t part)
{
    size_t begin = (size_t)part * METADATA_PART_BYTES, left = SIZE - begin;
    return bytes_of(data + begin, left < METADATA_PART_BYTES ? left : METADATA_PART_BYTES);
}

static enum metadata_result give(struct fixture *fixture, uint32_t peer, uint32_t part,
                                 const uint8_t *data)
{
    return metadata_receive(fixture->metadata, peer, part, part_of(data, part), fixture->now_ms);
}

static bool on_time(struct fixture *fixture)
{
    return metadata_on_time(fixture->metadata, fixture->now_ms, &fixture->silent);
}

static bool ask(struct fixture *fixture, uint32_t peer, uint32_t *part)
{
    return metadata_next_request(fixture->metadata, peer, fixture->now_ms, part);
}

/* Lets each of the peers give what it is asked for, right or wrong, in turn, until it is whole. */
static void fetch(struct fixture *fixture, const uint32_t peers[], const uint8_t *const data[],
                  size_t count)
{
    enum metadata_result result = METADATA_KEPT;
    for (bool asked = true; asked && result == METADATA_KEPT;) {
        asked = false;
        for (size_t i = 0; i < count && result == METADATA_KEPT; i++) {
            uint32_t part;
            if (!ask(fixture, peers[i], &part))
                continue;
            asked = true;
            result = give(fixture, peers[i], part, data[i]);
        }
    }
    assert_int_equal(result, METADATA_WHOLE);
}

/* Answers as the owner does after hashing. Returns the liar. */
static uint32_t check(struct fixture *fixture)
{
    bool right = bytes_equal(metadata_bytes(fixture->metadata), bytes_of(fixture->right, SIZE));
    uint32_t liar = metadata_checked(fixture->metadata, right ? STATUS_OK : STATUS_MISMATCH);
    assert_int_equal(metadata_is_complete(fixture->metadata), right);
    return liar;
}

static void assert_one_brings_it(struct fixture *fixture, uint32_t peer)
{
    fetch(fixture, &peer, (const uint8_t *[]){fixture->right}, 1);
    assert_int_equal(check(fixture), 0);
    assert_true(metadata_is_complete(fixture->metadata));
}

static void several_peers_bring_it_together(void **state)
{
    struct fixture *f = *state;
    metadata_offer(f->metadata, 1, SIZE, f->now_ms);
    metadata_offer(f->metadata, 2, SIZE, f->now_ms);
    fetch(f, (uint32_t[]){1, 2}, (const uint8_t *[]){f->right, f->right}, 2);
    assert_int_equal(check(f), 0);
    assert_true(metadata_is_complete(f->metadata));
    assert_true(bytes_equal(metadata_bytes(f->metadata), bytes_of(f->right, SIZE)));
    uint32_t part;
    assert_false(ask(f, 1, &part));
}

static void one_peer_is_asked_for_a_few_at_a_time(void **state)
{
    struct fixture *f = *state;
    uint32_t part;
    metadata_offer(f->metadata, 1, 50 * METADATA_PART_BYTES, f->now_ms);
    for (uint32_t i = 0; i < METADATA_AHEAD; i++) {
        assert_true(ask(f, 1, &part));
        assert_int_equal(part, i);
    }
    assert_false(ask(f, 1, &part));
    assert_false(ask(f, 2, &part)); /* never offered it */
}

static void who_gave_all_of_a_wrong_one_lied(void **state)
{
    struct fixture *f = *state;
    metadata_offer(f->metadata, 7, SIZE, f->now_ms);
    fetch(f, (uint32_t[]){7}, (const uint8_t *[]){f->wrong}, 1);
    assert_int_equal(check(f), 7);
}

static void a_liar_is_known_even_when_it_leaves_before_the_verdict(void **state)
{
    struct fixture *f = *state;
    metadata_offer(f->metadata, 7, SIZE, f->now_ms);
    metadata_offer(f->metadata, 8, SIZE, f->now_ms);
    fetch(f, (uint32_t[]){7}, (const uint8_t *[]){f->wrong}, 1);
    assert_true(metadata_is_from(f->metadata, 7));
    assert_false(metadata_is_from(f->metadata, 8));
    metadata_leave(f->metadata, 7);
    assert_int_equal(check(f), 7);
    assert_one_brings_it(f, 8);
}

static void nothing_is_asked_or_taken_until_the_verdict(void **state)
{
    struct fixture *f = *state;
    uint32_t part;
    metadata_offer(f->metadata, 1, SIZE, f->now_ms);
    fetch(f, (uint32_t[]){1}, (const uint8_t *[]){f->right}, 1);
    assert_true(metadata_is_checking(f->metadata));
    assert_false(metadata_is_complete(f->metadata));
    metadata_offer(f->metadata, 2, SIZE + 1, f->now_ms);
    metadata_offer(f->metadata, 3, SIZE + 1, f->now_ms);
    f->now_ms += METADATA_WAIT_MS;
    assert_false(on_time(f));
    assert_int_equal(give(f, 1, 0, f->wrong), METADATA_UNASKED);
    metadata_leave(f->metadata, 1); /* now all others name another size */
    assert_false(ask(f, 2, &part));
    assert_true(bytes_equal(metadata_bytes(f->metadata), bytes_of(f->right, SIZE)));
    assert_int_equal(check(f), 0);
    assert_false(metadata_is_checking(f->metadata));
}

/* The owner had no memory, say. */
static void what_could_not_be_hashed_is_fetched_again_and_nobody_is_blamed(void **state)
{
    struct fixture *f = *state;
    uint32_t part;
    metadata_offer(f->metadata, 1, SIZE, f->now_ms);
    fetch(f, (uint32_t[]){1}, (const uint8_t *[]){f->right}, 1);
    assert_int_equal(metadata_checked(f->metadata, STATUS_NO_MEMORY), 0);
    assert_false(metadata_is_complete(f->metadata));
    metadata_offer(f->metadata, 2, SIZE, f->now_ms);
    assert_true(ask(f, 2, &part)); /* still of all at the same time */
    assert_true(ask(f, 1, &part));
    metadata_leave(f->metadata, 2);
    assert_int_equal(give(f, 1, part, f->right), METADATA_KEPT);
    assert_one_brings_it(f, 1);
}

static void among_several_nobody_is_accused_before_it_is_sure(void **state)
{
    struct fixture *f = *state;
    uint32_t liars = 0;
    metadata_offer(f->metadata, 1, SIZE, f->now_ms);
    metadata_offer(f->metadata, 2, SIZE, f->now_ms);
    const uint32_t peers[] = {1, 2};
    const uint8_t *const data[] = {f->right, f->wrong};
    fetch(f, peers, data, 2);
    assert_int_equal(check(f), 0);
    assert_false(metadata_is_complete(f->metadata));
    for (int i = 0; i < 4 && !metadata_is_complete(f->metadata); i++) {
        fetch(f, peers, data, 2);
        uint32_t liar = check(f);
        if (!metadata_is_complete(f->metadata)) {
            assert_int_equal(liar, 2);
            liars++;
            metadata_leave(f->metadata, 2);
        }
    }
    assert_true(metadata_is_complete(f->metadata));
    assert_true(liars <= 1);
}

static void a_silent_peer_hands_over_to_another(void **state)
{
    struct fixture *f = *state;
    uint32_t part;
    metadata_offer(f->metadata, 1, SIZE, f->now_ms);
    for (int i = 0; i < PARTS; i++)
        assert_true(ask(f, 1, &part));
    metadata_offer(f->metadata, 2, SIZE, f->now_ms);
    assert_false(ask(f, 2, &part));
    f->now_ms += METADATA_WAIT_MS;
    assert_true(on_time(f));
    assert_int_equal(f->silent, 1);
    assert_false(ask(f, 1, &part));
    assert_one_brings_it(f, 2);
}

static void who_rejects_is_asked_again_later(void **state)
{
    struct fixture *f = *state;
    uint32_t part;
    metadata_offer(f->metadata, 1, SIZE, f->now_ms);
    assert_true(ask(f, 1, &part));
    metadata_reject(f->metadata, 1, part, f->now_ms);
    assert_false(ask(f, 1, &part));
    f->now_ms += METADATA_PAUSE_MS;
    assert_true(ask(f, 1, &part));
}

static void the_size_most_name_is_believed(void **state)
{
    struct fixture *f = *state;
    uint32_t part;
    metadata_offer(f->metadata, 1, SIZE + 1, f->now_ms);
    metadata_offer(f->metadata, 2, SIZE, f->now_ms);
    metadata_offer(f->metadata, 3, SIZE, f->now_ms);
    assert_false(ask(f, 1, &part));
    fetch(f, (uint32_t[]){2, 3}, (const uint8_t *[]){f->right, f->right}, 2);
    assert_int_equal(check(f), 0);
    assert_true(metadata_is_complete(f->metadata));
}

static void a_wrong_size_does_not_hold_it_up_for_ever(void **state)
{
    struct fixture *f = *state;
    uint32_t part;
    metadata_offer(f->metadata, 1, 20 << 20, f->now_ms);
    assert_true(ask(f, 1, &part));
    metadata_offer(f->metadata, 2, SIZE, f->now_ms);
    assert_false(ask(f, 2, &part));
    f->now_ms += METADATA_WAIT_MS;
    on_time(f);
    assert_one_brings_it(f, 2);
}

/* They name one size, and are many; each is silent in turn, or gives what cannot be right. */
static void many_liars_do_not_hold_up_an_honest_peer(void **state)
{
    struct fixture *f = *state;
    enum { LIARS = 12, HONEST = 99 };
    static const uint32_t sizes[] = {1, SIZE + 1, SIZE};
    struct bytes junk = bytes_of(f->wrong, 7);
    for (size_t i = 0; i < 3; i++) {
        uint32_t part;
        for (uint32_t peer = 1; peer <= LIARS; peer++)
            metadata_offer(f->metadata, peer, sizes[i], f->now_ms);
        metadata_offer(f->metadata, HONEST, SIZE, f->now_ms);
        uint64_t until_ms = f->now_ms + LIARS * METADATA_WAIT_MS;
        bool honest_was_asked = false;
        for (; f->now_ms <= until_ms && !honest_was_asked; f->now_ms += 500) {
            on_time(f);
            for (uint32_t peer = 1; peer <= LIARS; peer++)
                while (ask(f, peer, &part))
                    if (peer % 2 == 0)
                        assert_int_equal(metadata_receive(f->metadata, peer, part, junk, f->now_ms),
                                         METADATA_UNASKED);
            honest_was_asked = ask(f, HONEST, &part);
        }
        assert_true(honest_was_asked);
        for (uint32_t peer = 1; peer <= HONEST; peer++)
            metadata_leave(f->metadata, peer);
    }
}

static void what_was_not_asked_for_is_not_taken(void **state)
{
    struct fixture *f = *state;
    uint32_t part;
    metadata_offer(f->metadata, 1, SIZE, f->now_ms);
    assert_int_equal(give(f, 1, 0, f->right), METADATA_UNASKED);
    assert_true(ask(f, 1, &part));
    assert_int_equal(give(f, 2, part, f->right), METADATA_UNASKED);
    assert_int_equal(give(f, 1, 3, f->right), METADATA_UNASKED);
    assert_int_equal(metadata_receive(f->metadata, 1, part, bytes_of(f->right, 100), f->now_ms),
                     METADATA_UNASKED);
    assert_int_equal(metadata_receive(f->metadata, 1, 9999, bytes_of(f->right, 100), f->now_ms),
                     METADATA_UNASKED);
    metadata_offer(f->metadata, 3, METAINFO_BYTES_MAX + 1, f->now_ms);
    assert_false(ask(f, 3, &part));
    uint32_t have, total;
    metadata_progress(f->metadata, &have, &total);
    assert_int_equal(have, 0);
    assert_int_equal(total, PARTS);
}

#define metadata_test(f) cmocka_unit_test_setup_teardown(f, make, dispose)

int main(void)
{
    const struct CMUnitTest tests[] = {
        metadata_test(several_peers_bring_it_together),
        metadata_test(one_peer_is_asked_for_a_few_at_a_time),
        metadata_test(who_gave_all_of_a_wrong_one_lied),
        metadata_test(a_liar_is_known_even_when_it_leaves_before_the_verdict),
        metadata_test(nothing_is_asked_or_taken_until_the_verdict),
        metadata_test(what_could_not_be_hashed_is_fetched_again_and_nobody_is_blamed),
        metadata_test(among_several_nobody_is_accused_before_it_is_sure),
        metadata_test(a_silent_peer_hands_over_to_another),
        metadata_test(who_rejects_is_asked_again_later),
        metadata_test(the_size_most_name_is_believed),
        metadata_test(a_wrong_size_does_not_hold_it_up_for_ever),
        metadata_test(many_liars_do_not_hold_up_an_honest_peer),
        metadata_test(what_was_not_asked_for_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
