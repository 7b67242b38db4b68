/* How long something has been there, as people say it: "45s", "12m", "3h", "5d". */
#pragma once

#include <stdint.h>

#define AGE_TEXT_SIZE 32

const char *age_format(char out[AGE_TEXT_SIZE], int64_t seconds);
