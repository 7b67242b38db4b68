#include "base/age.h"

#include <inttypes.h>
#include <stdio.h>

const char *age_format(char out[AGE_TEXT_SIZE], int64_t seconds)
{
    if (seconds < 0)
        seconds = 0; /* the clock was set back */
    if (seconds < 120)
        snprintf(out, AGE_TEXT_SIZE, "%" PRIi64 "s", seconds);
    else if (seconds < 7200)
        snprintf(out, AGE_TEXT_SIZE, "%" PRIi64 "m", seconds / 60);
    else if (seconds < 172800)
        snprintf(out, AGE_TEXT_SIZE, "%" PRIi64 "h", seconds / 3600);
    else
        snprintf(out, AGE_TEXT_SIZE, "%" PRIi64 "d", seconds / 86400);
    return out;
}
