/* libuv's codes, which are the negated errno, as ours. */
#pragma once

#include "kadpeer/status.h"

enum status status_of_uv(int code); /* 0 or more: OK */
