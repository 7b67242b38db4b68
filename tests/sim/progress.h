/* How far a long run is: a bar with the time that is left on a terminal, else a line a minute; and
 * whether somebody pressed Ctrl-C. */
#pragma once

#include <stdbool.h>

void progress_begin(void); /* catches Ctrl-C */
/* `total` steps of any kind, of which so many are done. */
void progress_expect(const char *text, double total);
void progress_show(double done);
void progress_end(void);
bool progress_stopped(void);
