/* Several digests side by side are what libcrypto says of each, whatever there is to compute with.
 * What this CPU lacks cannot be tried here; what it has is tried alone and together. */
#include "support/unit.h"

#include <string.h>

#include "base/sha1_lanes.h"
#include "kadpeer/rng.h"
#include "kadpeer/sha1.h"

#define KERNELS_ALL (SHA1_KERNEL_NI | SHA1_KERNEL_AVX2 | SHA1_KERNEL_AVX512)
#define BYTES       65536

struct fixture {
    struct rng rng;
    uint8_t data[BYTES];
    unsigned kernels;
};

static struct fixture begin(void)
{
    struct fixture f;
    rng_init_seed(&f.rng, test_seed(1));
    rng_fill(&f.rng, f.data, sizeof f.data);
    f.kernels = 0;
    return f;
}

/* Each set of kernels that this CPU has, the empty one too. False: that was the last. */
static bool next_kernels(struct fixture *f)
{
    do
        f->kernels++;
    while ((f->kernels & ~sha1_lanes_kernels()) != 0 && f->kernels <= KERNELS_ALL);
    return f->kernels <= KERNELS_ALL;
}

static struct sha1_lanes lanes_of(const struct fixture *f)
{
    struct sha1_lanes lanes;
    sha1_lanes_init(&lanes);
    sha1_lanes_limit(&lanes, f->kernels);
    return lanes;
}

static void assert_digests(const struct fixture *f, const struct bytes runs[], size_t count,
                           const struct id found[])
{
    for (size_t i = 0; i < count; i++) {
        struct id wanted = sha1_of(runs[i]);
        if (!id_equal(&found[i], &wanted))
            fail_msg("kernels %u: lane %zu of %zu, %zu bytes, is wrong", f->kernels, i, count,
                     runs[i].len);
    }
}

static void check(struct sha1_lanes *lanes, const struct fixture *f, const struct bytes runs[],
                  size_t count)
{
    struct id found[SHA1_LANES];
    sha1_lanes_update(lanes, runs, count);
    sha1_lanes_finish(lanes, count, found);
    assert_digests(f, runs, count, found);
}

static void every_length_up_to_300_in_every_number_of_lanes(void **state)
{
    (void)state;
    struct fixture f = begin();
    do {
        struct sha1_lanes lanes = lanes_of(&f);
        for (size_t len = 0; len <= 300; len++) {
            struct bytes runs[SHA1_LANES];
            size_t count = 1 + len % SHA1_LANES;
            for (size_t i = 0; i < count; i++)
                runs[i] = bytes_of(f.data + 331 * i, len);
            check(&lanes, &f, runs, count);
        }
    } while (next_kernels(&f));
}

static void lengths_around_the_borders_of_blocks_side_by_side(void **state)
{
    (void)state;
    static const size_t lengths[SHA1_LANES] = {0,   1,   55,  56,   63,   64,   65,    119,
                                               120, 127, 128, 1023, 1024, 1025, 16384, 65535};
    struct fixture f = begin();
    do {
        struct sha1_lanes lanes = lanes_of(&f);
        for (size_t turn = 0; turn < SHA1_LANES; turn++) {
            struct bytes runs[SHA1_LANES];
            for (size_t i = 0; i < SHA1_LANES; i++)
                runs[i] = bytes_of(f.data, lengths[(i + turn) % SHA1_LANES]);
            check(&lanes, &f, runs, SHA1_LANES);
            check(&lanes, &f, runs, 1 + turn);
        }
    } while (next_kernels(&f));
}

/* Of the bytes of one length two lanes must not see each other's. */
static void equal_lanes_at_any_alignment(void **state)
{
    (void)state;
    struct fixture f = begin();
    do {
        struct sha1_lanes lanes = lanes_of(&f);
        for (size_t shift = 0; shift < 64; shift += 7) {
            struct bytes runs[SHA1_LANES];
            for (size_t i = 0; i < SHA1_LANES; i++)
                runs[i] = bytes_of(f.data + shift + 1001 * i, 4096);
            check(&lanes, &f, runs, SHA1_LANES);
        }
    } while (next_kernels(&f));
}

/* Lanes are fed in parts of any length, some not at all, and some end before others. */
static void parts_of_any_length_make_the_same_digests(void **state)
{
    (void)state;
    struct fixture f = begin();
    do {
        struct sha1_lanes lanes = lanes_of(&f);
        for (unsigned round = 0; round < 40; round++) {
            struct bytes runs[SHA1_LANES];
            struct id found[SHA1_LANES];
            size_t fed[SHA1_LANES] = {0}, left = 0;
            size_t count = 1 + rng_below(&f.rng, SHA1_LANES);
            for (size_t i = 0; i < count; i++) {
                runs[i] = bytes_of(f.data + rng_below(&f.rng, 1000), rng_below(&f.rng, 3000));
                left += runs[i].len;
            }
            while (left > 0) {
                struct bytes parts[SHA1_LANES];
                for (size_t i = 0; i < count; i++) {
                    size_t len = rng_below(&f.rng, 2) == 0 ? rng_below(&f.rng, 600) : 0;
                    if (len > runs[i].len - fed[i])
                        len = runs[i].len - fed[i];
                    parts[i] = bytes_of(runs[i].data + fed[i], len);
                    fed[i] += len;
                    left -= len;
                }
                sha1_lanes_update(&lanes, parts, count);
            }
            sha1_lanes_finish(&lanes, count, found);
            assert_digests(&f, runs, count, found);
        }
    } while (next_kernels(&f));
}

/* A lane that ends says nothing about those that go on. */
static void lanes_that_are_not_finished_go_on(void **state)
{
    (void)state;
    struct fixture f = begin();
    do {
        struct sha1_lanes lanes = lanes_of(&f);
        struct bytes parts[SHA1_LANES];
        struct id found[SHA1_LANES], wanted = sha1_of(bytes_of(f.data, 2000));
        for (size_t i = 0; i < SHA1_LANES; i++)
            parts[i] = bytes_of(f.data, 1000);
        sha1_lanes_update(&lanes, parts, SHA1_LANES);
        sha1_lanes_finish(&lanes, 3, found);
        for (size_t i = 0; i < SHA1_LANES; i++)
            parts[i] = i < 3 ? bytes_of(f.data, 7) : bytes_of(f.data + 1000, 1000);
        sha1_lanes_update(&lanes, parts, SHA1_LANES);
        sha1_lanes_finish(&lanes, SHA1_LANES, found);
        for (size_t i = 3; i < SHA1_LANES; i++)
            assert_true(id_equal(&found[i], &wanted));
        wanted = sha1_of(bytes_of(f.data, 7));
        assert_true(id_equal(&found[2], &wanted));
    } while (next_kernels(&f));
}

static void more_runs_than_lanes_keep_their_order(void **state)
{
    (void)state;
    struct fixture f = begin();
    struct bytes runs[100];
    struct id found[100];
    for (size_t i = 0; i < 100; i++)
        runs[i] = bytes_of(f.data + i, rng_below(&f.rng, 4000));
    sha1_of_each(runs, 100, found);
    f.kernels = sha1_lanes_kernels();
    assert_digests(&f, runs, 100, found);
    sha1_of_each(runs, 0, found);
}

/* Beyond 4 GiB of bits the length needs its upper half. */
static void a_lane_of_more_than_512_mib_has_its_length_at_the_end(void **state)
{
    (void)state;
    struct fixture f = begin();
    struct sha1_lanes lanes;
    struct sha1 *sha1 = sha1_new();
    struct bytes parts[SHA1_LANES];
    struct id found[SHA1_LANES];
    sha1_lanes_init(&lanes);
    for (size_t i = 0; i < SHA1_LANES; i++)
        parts[i] = bytes_of(NULL, 0);
    parts[0] = bytes_of(f.data, sizeof f.data);
    for (size_t len = 0; len <= (512u << 20); len += sizeof f.data) {
        sha1_lanes_update(&lanes, parts, SHA1_LANES);
        sha1_update(sha1, parts[0]);
    }
    sha1_lanes_finish(&lanes, SHA1_LANES, found);
    struct id wanted = sha1_finish(sha1);
    assert_true(id_equal(&found[0], &wanted));
    sha1_free(sha1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_up_to_300_in_every_number_of_lanes),
        cmocka_unit_test(lengths_around_the_borders_of_blocks_side_by_side),
        cmocka_unit_test(equal_lanes_at_any_alignment),
        cmocka_unit_test(parts_of_any_length_make_the_same_digests),
        cmocka_unit_test(lanes_that_are_not_finished_go_on),
        cmocka_unit_test(more_runs_than_lanes_keep_their_order),
        cmocka_unit_test(a_lane_of_more_than_512_mib_has_its_length_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
