/* When what is signed with dates is signed anew: by the wall clock as well as by the loop's, which
 * stands still while the machine sleeps. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SIGN_EVERY_S (24ull * 3600)
#define SIGN_AHEAD_S 60 /* signed at a time that is still to come: the clock has been set back */

static inline bool signing_is_due(uint64_t signed_unix_s, uint64_t now_unix_s)
{
    return now_unix_s >= signed_unix_s + SIGN_EVERY_S || now_unix_s + SIGN_AHEAD_S < signed_unix_s;
}
