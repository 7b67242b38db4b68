/* The command line has nothing sensible to do without the few bytes it needs. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

_Noreturn static inline void out_of_memory(void)
{
    fputs("kadpeer: out of memory\n", stderr);
    exit(1);
}
