/* What every unit test includes: cmocka, its prerequisites, and seeds. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The seed of a random test: KADPEER_TEST_SEED when set, else `otherwise`; printed so that a
 * failure can be run again. */
static inline uint64_t test_seed(uint64_t otherwise)
{
    const char *text = getenv("KADPEER_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : otherwise;
    print_message("# seed %llu (KADPEER_TEST_SEED=%llu repeats it)\n", (unsigned long long)seed,
                  (unsigned long long)seed);
    return seed;
}
