/* The system's error numbers as ours. */
#pragma once

#include "kadpeer/status.h"

/* PERMISSION, NOT_FOUND, EXISTS, NO_SPACE, NO_MEMORY; IO for all others. */
enum status status_of_errno(int error);
